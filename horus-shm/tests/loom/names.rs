//! Names that lead somewhere new: waiting for a topic that isn't there, following one whose type changed, removing one.
//!
//! A name is a relaxed word: looking a path up promises no more order than the caller brings along.

use crate::lane::{self, HeapLane, Peek};
use crate::model;
use crate::moved;
use crate::sleep::{Queue, Sleep};
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::user::{Reader, claim, send};
use loom::sync::{Arc, Mutex};
use loom::thread;

/// No file has the name yet.
const NONE: u64 = 0;
const FIRST: u64 = 1;
const SECOND: u64 = 2;
/// The file was unlinked.
const REMOVED: u64 = 3;

/// A name, the count of names given, and who sleeps on that.
struct Waiting {
    name: AtomicU64,
    made: AtomicU32,
    /// 1 once the waiting subscriber's record can be read.
    record: AtomicU64,
    asleep: Mutex<bool>,
}

impl Waiting {
    fn new() -> Arc<Self> {
        let word = || AtomicU64::new(0);
        Arc::new(Self { name: word(), made: AtomicU32::new(0), record: word(), asleep: Mutex::new(false) })
    }

    /// Gives the name to a file, as whoever makes a topic does.
    fn make(&self) {
        self.name.store(FIRST, Ordering::Relaxed);
        moved::tell(&self.made);
        *self.asleep.lock().expect("nobody panics holding it") = false;
    }

    /// Comes to wait; returns where the name leads.
    fn look(&self) -> (u32, u64) {
        self.record.store(1, Ordering::Relaxed);
        let expected = moved::before_look(&self.made);
        (expected, self.name.load(Ordering::Relaxed))
    }
}

/// For the Release of `tell` and for the fence of `before_look`: the count is read before the name.
#[test]
fn who_waits_for_a_topic_is_woken_when_it_is_made() {
    model(None, || {
        let world = Waiting::new();
        let waiting = {
            let world = world.clone();
            thread::spawn(move || {
                let (expected, found) = world.look();
                // The second look of who is about to sleep is a glance at the count.
                if found == NONE && moved::count(&world.made) == expected {
                    let mut asleep = world.asleep.lock().expect("nobody panics holding it");
                    *asleep = world.made.load(Ordering::Relaxed) == expected;
                }
            })
        };
        world.make();
        waiting.join().expect("no panic");
        assert!(!*world.asleep.lock().expect("nobody panics holding it"), "the topic is there");
    });
}

/// A topic is made, used and left by others while somebody waits for it. Whoever removes it, holding its lock, sees
/// either that somebody waits, or to somebody who came later. For both SeqCst fences.
#[test]
fn a_topic_that_somebody_waits_for_is_not_removed() {
    model(None, || {
        let world = Waiting::new();
        let waiting = {
            let world = world.clone();
            thread::spawn(move || world.look().1)
        };
        world.make();
        moved::before_removing();
        let heeded = world.record.load(Ordering::Relaxed) == 1;
        if !heeded {
            world.name.store(REMOVED, Ordering::Relaxed);
        }
        let found = waiting.join().expect("no panic");
        assert!(heeded || found != NONE, "it waited before the topic was made, which is gone");
    });
}

/// A topic's file that another one takes the name of.
struct Topic {
    name: AtomicU64,
    old: HeapLane,
    new: HeapLane,
    superseded: AtomicU32,
    sleep: Sleep,
}

impl Topic {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            name: AtomicU64::new(FIRST),
            old: HeapLane::new(2, 1),
            new: HeapLane::new(2, 1),
            superseded: AtomicU32::new(0),
            sleep: Sleep::new(),
        })
    }

    /// A last message in the old file and, its publisher gone, a first one in the new.
    fn supersede(&self) {
        send(&self.old, &mut claim(&self.old, 1), 1, 0);
        send(&self.new, &mut claim(&self.new, 2), 2, 0);
        self.name.store(SECOND, Ordering::Relaxed);
        moved::mark(&self.superseded, self.sleep.bell());
        self.sleep.futex_wake();
    }
}

/// For the Release of `mark` and the Acquire of `is_marked`: the old file is read to its end and the new one is found.
#[test]
fn a_superseded_topic_is_read_to_its_end_and_left_for_the_new_one() {
    model(Some(3), || {
        let topic = Topic::new();
        let reading = {
            let topic = topic.clone();
            thread::spawn(move || {
                let mut reader = Reader::default();
                reader.take(&topic.old);
                if moved::is_marked(&topic.superseded) {
                    reader.drain(&topic.old);
                    assert_eq!(reader.delivered, 1, "the old file's last message");
                    assert_eq!(topic.name.load(Ordering::Relaxed), SECOND, "the name leads on");
                    let mut reader = Reader::default();
                    assert_eq!(reader.take(&topic.new), Some((2, 0)), "made whole before it had the name");
                }
            })
        };
        topic.supersede();
        reading.join().expect("no panic");
    });
}

/// For the Release of `ring`, behind the mark: who sleeps on the new count has seen what it was moved for.
#[test]
fn a_sleeper_on_a_superseded_topic_is_woken() {
    model(Some(3), || {
        let topic = Topic::new();
        let sleeping = {
            let topic = topic.clone();
            thread::spawn(move || {
                let expected = topic.sleep.bell().announce();
                if !moved::is_marked(&topic.superseded) {
                    topic.sleep.futex_wait(expected);
                }
            })
        };
        moved::mark(&topic.superseded, topic.sleep.bell());
        topic.sleep.futex_wake();
        sleeping.join().expect("no panic");
        assert_ne!(topic.sleep.state(), Queue::Asleep, "the topic is elsewhere");
        assert_eq!(lane::peek(&topic.old, 0), Peek::Nothing);
    });
}
