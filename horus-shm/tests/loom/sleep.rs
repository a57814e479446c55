//! Sleeping and waking: no wake-up is lost, whoever is killed.

use crate::bell::Bell;
use crate::fail;
use crate::lane::{self, HeapLane, Peek, Writer};
use crate::model;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::user::{claim, send};
use loom::sync::{Arc, Mutex};
use loom::thread;

/// A topic's two words and the kernel's queue for the futex.
pub(crate) struct Sleep {
    sleeps: AtomicU64,
    wakes: AtomicU32,
    /// Who sleeps: nobody, somebody, or somebody who was woken.
    queue: Mutex<Queue>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    Awake,
    Asleep,
    Woken,
}

impl Sleep {
    pub(crate) fn new() -> Self {
        Self { sleeps: AtomicU64::new(0), wakes: AtomicU32::new(0), queue: Mutex::new(Queue::Awake) }
    }

    pub(crate) fn bell(&self) -> Bell<'_> {
        Bell { sleeps: &self.sleeps, wakes: &self.wakes }
    }

    /// `futex_wait`, up to the point where the thread would be off the processor.
    pub(crate) fn futex_wait(&self, expected: u32) {
        let mut queue = self.queue.lock().expect("nobody panics holding it");
        // The kernel reads the word under the queue's lock.
        if self.wakes.load(Ordering::Relaxed) == expected {
            *queue = Queue::Asleep;
        }
    }

    pub(crate) fn futex_wake(&self) {
        let mut queue = self.queue.lock().expect("nobody panics holding it");
        if *queue == Queue::Asleep {
            *queue = Queue::Woken;
        }
    }

    /// Whether the sleeper is awake, or was woken and is so now.
    fn comes_back(&self) -> bool {
        let mut queue = self.queue.lock().expect("nobody panics holding it");
        let asleep = *queue == Queue::Asleep;
        if !asleep {
            *queue = Queue::Awake;
        }
        !asleep
    }

    pub(crate) fn state(&self) -> Queue {
        *self.queue.lock().expect("nobody panics holding it")
    }

    /// The whole of a publisher's send, killed at `point` or not at all.
    fn send(
        &self,
        lane: &HeapLane,
        writer: &mut Writer,
        served: &mut Option<u64>,
        point: Option<&'static str>,
    ) {
        let _ = fail::killed_at(point, || {
            send(lane, writer, 1, 0);
            if self.bell().due(served) {
                self.futex_wake();
            }
        });
    }
}

/// One sleeper, one publisher that believes it has served everybody. For both SeqCst fences and both additions.
#[test]
fn no_wake_up_is_lost() {
    model(None, || {
        let (lane, sleep) = (Arc::new(HeapLane::new(2, 1)), Arc::new(Sleep::new()));
        let mut writer = claim(&lane, 1);
        let sleeping = {
            let (lane, sleep) = (lane.clone(), sleep.clone());
            thread::spawn(move || {
                let expected = sleep.bell().announce();
                if lane::peek(&*lane, 0) == Peek::Nothing {
                    sleep.futex_wait(expected);
                }
            })
        };
        sleep.send(&lane, &mut writer, &mut Some(0), None);
        sleeping.join().expect("no panic");
        assert_ne!(sleep.state(), Queue::Asleep, "a message is there and nobody will wake the sleeper");
    });
}

/// As above with a publisher killed between its steps, on its own lane, before or while another one sends: that one
/// wakes the sleeper.
fn the_next_sender_wakes(point: &'static str) {
    model(Some(3), move || {
        let lanes = Arc::new([HeapLane::new(2, 1), HeapLane::new(2, 1)]);
        let sleep = Arc::new(Sleep::new());
        let [mut killed, mut next] = [0, 1].map(|index| claim(&lanes[index], 1));
        let sleeping = {
            let (lanes, sleep) = (lanes.clone(), sleep.clone());
            thread::spawn(move || {
                let expected = sleep.bell().announce();
                if lanes.iter().all(|lane| lane::peek(lane, 0) == Peek::Nothing) {
                    sleep.futex_wait(expected);
                }
            })
        };
        let killing = {
            let (lanes, sleep) = (lanes.clone(), sleep.clone());
            thread::spawn(move || sleep.send(&lanes[0], &mut killed, &mut Some(0), Some(point)))
        };
        sleep.send(&lanes[1], &mut next, &mut Some(0), None);
        killing.join().expect("no panic");
        sleeping.join().expect("no panic");
        assert_ne!(sleep.state(), Queue::Asleep);
    });
}

#[test]
fn a_publisher_killed_before_its_wake_up_hides_nobody() {
    the_next_sender_wakes("lane.head");
    the_next_sender_wakes("bell.seen");
}

#[test]
fn a_publisher_killed_with_the_word_moved_hides_nobody() {
    the_next_sender_wakes("bell.rung");
}

/// A sleeper that comes back: what a publisher remembers having served never hides the second sleep. For reading
/// the wake word before announcing.
#[test]
fn a_second_sleep_is_served_too() {
    model(Some(3), || {
        let (lane, sleep) = (Arc::new(HeapLane::new(2, 1)), Arc::new(Sleep::new()));
        let mut writer = claim(&lane, 1);
        let sleeping = {
            let (lane, sleep) = (lane.clone(), sleep.clone());
            thread::spawn(move || {
                let mut cursor = 0;
                for _ in 0..2 {
                    let expected = sleep.bell().announce();
                    if lane::peek(&*lane, cursor) != Peek::Nothing {
                        cursor += 1;
                        continue;
                    }
                    sleep.futex_wait(expected);
                    if !sleep.comes_back() {
                        break;
                    }
                }
            })
        };
        let mut served = None;
        for _ in 0..2 {
            sleep.send(&lane, &mut writer, &mut served, None);
        }
        sleeping.join().expect("no panic");
        assert_ne!(sleep.state(), Queue::Asleep);
    });
}

/// Whoever cleans up after a publisher wakes its topics: it may have died between its message and the wake-up.
#[test]
fn a_cleaner_wakes_whom_a_killed_publisher_left_asleep() {
    model(None, || {
        let (lane, sleep) = (Arc::new(HeapLane::new(2, 1)), Arc::new(Sleep::new()));
        let mut writer = claim(&lane, 1);
        let sleeping = {
            let (lane, sleep) = (lane.clone(), sleep.clone());
            thread::spawn(move || {
                let expected = sleep.bell().announce();
                if lane::peek(&*lane, 0) == Peek::Nothing {
                    sleep.futex_wait(expected);
                }
            })
        };
        sleep.send(&lane, &mut writer, &mut Some(0), Some("lane.whole"));
        sleep.bell().ring();
        sleep.futex_wake();
        sleeping.join().expect("no panic");
        assert_ne!(sleep.state(), Queue::Asleep);
    });
}
