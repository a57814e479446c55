//! Claiming a lane: what a reader finds that sees a lane's bit.

use crate::lane::{HeapLane, Writer};
use crate::lanes;
use crate::model;
use crate::sync::{AtomicU64, Ordering};
use crate::user::{Reader, send};
use loom::sync::Arc;
use loom::thread;

struct Topic {
    used: AtomicU64,
    reserved: [AtomicU64; 2],
    lanes: [HeapLane; 2],
}

impl Topic {
    fn new() -> Arc<Self> {
        let word = || AtomicU64::new(0);
        let lane = || HeapLane::new(1, 1);
        Arc::new(Self { used: word(), reserved: [word(), word()], lanes: [lane(), lane()] })
    }

    /// Claims a lane that nobody ever had.
    fn claim(&self, index: usize) -> Writer {
        lanes::note_reserved(&self.reserved[index]);
        let writer = Writer::claim(&self.lanes[index], index as u64 + 1, 0).expect("an empty lane");
        lanes::show(&self.used, index);
        writer
    }
}

/// Two claimants, one reader, which sees both bits at once or one after the other. For the Release of `show`, the Acquire
/// of `shown`, and for setting the bit last.
#[test]
fn a_lane_that_is_shown_has_its_pages() {
    model(Some(3), || {
        let topic = Topic::new();
        let claiming = {
            let topic = topic.clone();
            thread::spawn(move || drop(topic.claim(1)))
        };
        let reading = {
            let topic = topic.clone();
            thread::spawn(move || {
                let shown = lanes::shown(&topic.used);
                for index in (0..2).filter(|index| shown & 1 << index != 0) {
                    assert!(lanes::is_reserved(&topic.reserved[index]), "lane {index} of {shown:b}");
                }
            })
        };
        topic.claim(0);
        claiming.join().expect("no panic");
        reading.join().expect("no panic");
        assert_eq!(topic.used.load(Ordering::Relaxed), 0b11, "nobody's bit is lost");
    });
}

/// A reader that was there before the publisher reads its lane from the beginning, once it sees it.
#[test]
fn who_was_there_first_gets_a_new_publishers_first_message() {
    model(Some(3), || {
        let topic = Topic::new();
        let reading = {
            let topic = topic.clone();
            thread::spawn(move || {
                let mut reader = Reader::default();
                if lanes::shown(&topic.used) & 1 != 0 {
                    reader.take(&topic.lanes[0]);
                }
                reader
            })
        };
        send(&topic.lanes[0], &mut topic.claim(0), 1, 0);
        let mut reader = reading.join().expect("no panic");
        reader.drain(&topic.lanes[0]);
        assert_eq!((reader.delivered, reader.dropped), (1, 0));
    });
}
