//! One lane: writing, reading, being lapped, joining, taking over, latching.

use crate::fail;
use crate::lane::{self, FLAG_LATCHED, HeapLane, LaneMemory, Peek, TableField, Writer};
use crate::model;
use crate::sync::{AtomicU64, Ordering};
use crate::user::{PAYLOAD_BYTES, PAYLOAD_WORDS, Reader, claim, send, value};
use loom::sync::Arc;
use loom::thread;

/// One writer, one reader: whole messages in order, and exact counts when lapped. For the Release fence after the odd
/// number, the Acquire fence and the second look in `copy`, the Release store of the even number, its Acquire load in
/// `peek`, and the slack of `resume` for a head that is seen late.
fn one_writer_one_reader(preemptions: Option<usize>, depth: usize, messages: u64) {
    model(preemptions, move || {
        let lane = Arc::new(HeapLane::new(depth, PAYLOAD_WORDS));
        let reading = {
            let lane = lane.clone();
            thread::spawn(move || {
                let mut reader = Reader::default();
                for _ in 0..2 {
                    reader.take(&lane);
                }
                reader
            })
        };
        let mut writer = claim(&lane, 1);
        for _ in 0..messages {
            send(&lane, &mut writer, 1, 0);
        }
        let mut reader = reading.join().expect("no panic");
        reader.drain(&lane);
        assert_eq!(reader.delivered + reader.dropped, messages);
        assert_eq!(reader.cursor, messages);
        assert!(reader.delivered > 0, "the newest stays");
    });
}

#[test]
fn a_reader_gets_whole_messages_and_counts_the_rest() {
    one_writer_one_reader(Some(4), 1, 2);
}

#[test]
fn a_reader_lapped_in_a_ring_of_two_goes_on_at_the_oldest() {
    one_writer_one_reader(Some(3), 2, 3);
}

/// A writer killed at `point` of its first message, and another that takes its lane over while a reader reads.
/// For the order of `claim`: no number stands for two messages, and a message that was left whole is delivered.
fn take_over(point: &'static str, left_whole: bool) {
    model(Some(3), move || {
        let lane = Arc::new(HeapLane::new(1, PAYLOAD_WORDS));
        let reading = {
            let lane = lane.clone();
            thread::spawn(move || {
                let mut reader = Reader::default();
                for _ in 0..2 {
                    if let Some((author, number)) = reader.take(&lane) {
                        let by_second = number >= u64::from(left_whole);
                        assert_eq!(author, 1 + u64::from(by_second), "message {number}");
                    }
                }
                reader
            })
        };
        let mut first = claim(&lane, 1);
        assert!(fail::killed_at(Some(point), || send(&lane, &mut first, 1, 0)).is_none(), "killed");
        // In the thread of the first one: the kernel hands on the lock, and with it all that was written before.
        let mut second = claim(&lane, 2);
        assert_eq!(second.next(), u64::from(left_whole));
        send(&lane, &mut second, 2, 0);
        let mut reader = reading.join().expect("no panic");
        reader.drain(&lane);
        assert_eq!(reader.delivered + reader.dropped, 1 + u64::from(left_whole));
    });
}

#[test]
fn a_message_left_half_written_is_written_again() {
    take_over("lane.odd", false);
}

#[test]
fn a_message_left_without_its_end_is_written_again() {
    take_over("lane.written", false);
}

#[test]
fn a_message_left_whole_is_stepped_over() {
    take_over("lane.whole", true);
}

/// A writer of a latched message dies before the reader comes; another takes over meanwhile. For the base,
/// compared, and written before the owner, which is stored with Release and loaded with Acquire. The end of the ring is
/// read before the owner, so who finds a later owner's message finds that owner: a second look adds nothing.
#[test]
fn what_a_dead_publisher_left_latched_reaches_nobody() {
    model(Some(3), || {
        let lane = Arc::new(HeapLane::new(2, PAYLOAD_WORDS));
        let mut first = claim(&lane, 1);
        send(&lane, &mut first, 1, FLAG_LATCHED);
        // Dead from here on, and seen to be so by who comes now.
        let joining = {
            let lane = lane.clone();
            thread::spawn(move || {
                let end = lane::join(&*lane).expect("only publishers wrote here");
                lane::latched(&*lane, end, |owner| owner == 2)
            })
        };
        let mut second = claim(&lane, 2);
        send(&lane, &mut second, 2, FLAG_LATCHED);
        let latched = joining.join().expect("no panic");
        assert!(latched.is_none_or(|newest| newest == 1), "the second one's own: {latched:?}");
        let end = lane::join(&*lane).expect("only publishers wrote here");
        assert_eq!((end, lane::latched(&*lane, end, |owner| owner == 2)), (2, Some(1)));
    });
}

/// Asked for a message without a look before, the copy is whole all the same. For the first Acquire load in `copy`.
#[test]
fn a_copy_is_whole_without_a_look_before() {
    model(None, || {
        let lane = Arc::new(HeapLane::new(1, PAYLOAD_WORDS));
        let reading = {
            let lane = lane.clone();
            thread::spawn(move || {
                let mut words = [0; PAYLOAD_WORDS];
                if let Some((stamp, len_flags)) = lane::copy(&*lane, 1, &mut words) {
                    assert_eq!(
                        (words[0], stamp, len_flags & lane::LEN_MASK),
                        (value(1, 1), 1, PAYLOAD_BYTES)
                    );
                }
            })
        };
        let mut writer = claim(&lane, 1);
        send(&lane, &mut writer, 1, 0);
        send(&lane, &mut writer, 1, 0);
        reading.join().expect("no panic");
    });
}

/// All before the end of a ring was published: `recv_latest` finds its newest message there. For the Release stores of
/// the head, in `write` and by who takes over behind a whole message, and for its Acquire load in `join`.
fn all_before_the_end_is_there(point: Option<&'static str>) {
    model(Some(3), move || {
        let lane = Arc::new(HeapLane::new(2, PAYLOAD_WORDS));
        let joining = {
            let lane = lane.clone();
            thread::spawn(move || {
                let end = lane::join(&*lane).expect("only publishers wrote here");
                assert!(end == 0 || lane::peek(&*lane, end - 1) != Peek::Nothing, "message {end} - 1");
            })
        };
        let mut first = claim(&lane, 1);
        fail::killed_at(point, || send(&lane, &mut first, 1, 0));
        claim(&lane, 2);
        joining.join().expect("no panic");
    });
}

#[test]
fn all_before_the_end_of_a_ring_is_there() {
    all_before_the_end_is_there(None);
}

#[test]
fn all_before_the_end_of_a_ring_taken_over_is_there() {
    all_before_the_end_is_there(Some("lane.whole"));
}

/// A reader comes while a living publisher sends its latched message: whoever finds the ring's end behind it gets it.
/// For the Release store of the head, after the even number.
#[test]
fn what_a_living_publisher_keeps_latched_is_not_missed() {
    model(None, || {
        let lane = Arc::new(HeapLane::new(2, PAYLOAD_WORDS));
        let joining = {
            let lane = lane.clone();
            thread::spawn(move || {
                let end = lane::join(&*lane).expect("only publishers wrote here");
                (end, lane::latched(&*lane, end, |owner| owner == 1))
            })
        };
        send(&lane, &mut claim(&lane, 1), 1, FLAG_LATCHED);
        let (end, latched) = joining.join().expect("no panic");
        assert_eq!(latched, end.checked_sub(1));
    });
}

/// A publisher of a latched message closes and its process opens another one, which has sent nothing yet: who comes after
/// the closing gets nothing, though the owner is the same and lives.
#[test]
fn what_a_closed_publisher_kept_latched_reaches_nobody_who_comes_later() {
    model(None, || {
        let lane = Arc::new(HeapLane::new(2, PAYLOAD_WORDS));
        let closed = Arc::new(AtomicU64::new(0));
        let joining = {
            let (lane, closed) = (lane.clone(), closed.clone());
            thread::spawn(move || {
                let is_later = closed.load(Ordering::Acquire) == 1;
                let end = lane::join(&*lane).expect("only publishers wrote here");
                let latched = lane::latched(&*lane, end, |owner| owner == 1);
                assert!(!is_later || latched.is_none(), "{latched:?}, sent before the closing");
            })
        };
        send(&lane, &mut claim(&lane, 1), 1, FLAG_LATCHED);
        Writer::close(&*lane);
        closed.store(1, Ordering::Release);
        claim(&lane, 1);
        joining.join().expect("no panic");
    });
}

/// A claimant killed between its steps leaves the lane to the next one as it was.
#[test]
fn a_claim_that_was_cut_short_is_made_again() {
    model(None, || {
        let lane = Arc::new(HeapLane::new(2, PAYLOAD_WORDS));
        let reading = {
            let lane = lane.clone();
            thread::spawn(move || {
                let end = lane::join(&*lane).expect("only publishers wrote here");
                lane::latched(&*lane, end, |owner| owner == 3).map_or(end, |newest| {
                    assert_eq!((newest, end), (1, 2), "the third one's own");
                    end
                })
            })
        };
        send(&lane, &mut claim(&lane, 1), 1, FLAG_LATCHED);
        assert!(fail::killed_at(Some("claim.based"), || claim(&lane, 2)).is_none(), "killed");
        let mut third = claim(&lane, 3);
        assert_eq!(third.next(), 1);
        send(&lane, &mut third, 3, FLAG_LATCHED);
        assert!(reading.join().expect("no panic") <= 2);
        assert_eq!(lane::join(&*lane), Ok(2));
    });
}

/// Joining while a publisher sends: everything sent from then on is read or counted. Counts are exact.
#[test]
fn who_joins_gets_all_that_is_sent_later() {
    model(None, || {
        let lane = Arc::new(HeapLane::new(2, PAYLOAD_WORDS));
        let sent = Arc::new(AtomicU64::new(0));
        let joining = {
            let (lane, sent) = (lane.clone(), sent.clone());
            thread::spawn(move || {
                let before = sent.load(Ordering::Acquire);
                let start = lane::join(&*lane).expect("only publishers wrote here");
                assert!(start >= before, "nothing that was sent before: {before} were");
                start
            })
        };
        let mut writer = claim(&lane, 1);
        for number in 1..=2 {
            send(&lane, &mut writer, 1, 0);
            sent.store(number, Ordering::Release);
        }
        let mut reader = Reader { cursor: joining.join().expect("no panic"), ..Reader::default() };
        let start = reader.cursor;
        reader.drain(&lane);
        assert_eq!(reader.delivered + reader.dropped, 2 - start);
    });
}

/// A publisher killed with a whole message that the head doesn't count yet: it was sent before anybody joined.
#[test]
fn a_message_left_ahead_of_the_head_is_not_for_who_joins() {
    model(None, || {
        let lane = HeapLane::new(2, PAYLOAD_WORDS);
        let mut writer = claim(&lane, 1);
        assert!(fail::killed_at(Some("lane.whole"), || send(&lane, &mut writer, 1, 0)).is_none());
        assert_eq!(lane.table(TableField::Head).load(Ordering::Acquire), 0);
        assert_eq!(lane::join(&lane), Ok(1));
    });
}
