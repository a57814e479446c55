//! The lane and its bell under the model checker: every order of the accesses that the memory model allows.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --release --test loom_lane`, with a target folder of its own; some
//! seconds. The sources are included as they ship; only `crate::sync` is loom's, and `crate::fail` ends a thread where a
//! process would be killed. Loom has neither processes nor futexes: a dead writer's lane is taken over in the same
//! thread, as the kernel's lock orders the two, and a futex is a mutex around the decision to sleep.
//!
//! Loom looks for other orders only at the last access to a word, so a thread that loads a word before it stores it hides
//! another's earlier load. Hence the first thread writes and the others read: their loads then try every older value.
//!
//! What the models are worth was seen by changing `lane.rs` and `bell.rs` one access at a time; the comment at each
//! model says what it is there for. No model minds when the first load of `copy` (a `peek` came before), the load of the
//! head in `resume` (the odd number orders it), or the clearing of the owner and the second look at it (see the latched
//! ones) are weaker or missing.
#![cfg(loom)]

#[path = "../src/ring/bell.rs"]
#[allow(dead_code, reason = "the model uses a part")]
mod bell;
#[path = "../src/ring/lane.rs"]
#[allow(dead_code, reason = "the model uses a part")]
mod lane;
#[path = "../src/sync/mod.rs"]
mod sync;

use bell::Bell;
use lane::{FLAG_LATCHED, HeapLane, LaneMemory, Peek, TableField, Writer};
use loom::sync::{Arc, Mutex};
use loom::thread;
use sync::{AtomicU32, AtomicU64, Ordering};

/// In place of the library's fail points: unwinds the thread that asked to be killed there.
mod fail {
    use std::cell::Cell;

    loom::thread_local! {
        static KILL_AT: Cell<Option<&'static str>> = Cell::new(None);
    }

    /// What a killed thread unwinds with.
    struct Killed;

    pub(crate) fn point(name: &'static str) {
        if KILL_AT.with(Cell::get) == Some(name) {
            // No panic: the hook would print it.
            std::panic::resume_unwind(Box::new(Killed));
        }
    }

    /// Runs `work` until it comes to the point `name`; with none it runs to its end.
    pub(crate) fn killed_at<T>(name: Option<&'static str>, work: impl FnOnce() -> T) -> Option<T> {
        KILL_AT.with(|kill| kill.set(name));
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        KILL_AT.with(|kill| kill.set(None));
        match done {
            Ok(value) => Some(value),
            Err(reason) if reason.is::<Killed>() => None,
            Err(reason) => std::panic::resume_unwind(reason),
        }
    }
}

/// One: with the stamp, which is the message's number here, there are two words that must belong together.
const PAYLOAD_WORDS: usize = 1;
const PAYLOAD_BYTES: u64 = 8 * PAYLOAD_WORDS as u64;

fn model(preemptions: Option<usize>, work: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(work);
}

/// What message `number` of writer `author` consists of.
fn value(author: u64, number: u64) -> u64 {
    author << 32 | number
}

/// Sends the next message, stamped with its number.
fn send(lane: &HeapLane, writer: &mut Writer, author: u64, flags: u64) {
    let number = writer.next();
    let words = [value(author, number); PAYLOAD_WORDS];
    let sent = writer.write(lane, number, flags | PAYLOAD_BYTES, words.into_iter());
    assert_eq!(sent, number);
}

fn claim(lane: &HeapLane, author: u64) -> Writer {
    Writer::claim(lane, author, 0).expect("only publishers wrote here")
}

/// A subscriber's cursor on one lane, with its counts.
#[derive(Default)]
struct Reader {
    cursor: u64,
    delivered: u64,
    dropped: u64,
    failures: u32,
}

impl Reader {
    /// Takes one step as a subscriber does: delivers, steps over what it was too slow for, or finds nothing.
    /// Returns the message's author and number.
    fn take(&mut self, lane: &HeapLane) -> Option<(u64, u64)> {
        match lane::peek(lane, self.cursor) {
            Peek::Nothing => None,
            Peek::Ready(_) => {
                let mut words = [0; PAYLOAD_WORDS];
                let (stamp, len_flags) = lane::copy(lane, self.cursor, &mut words)?;
                let (author, number) = (words[0] >> 32, words[0] & 0xFFFF_FFFF);
                assert_eq!(
                    (number, stamp),
                    (self.cursor, self.cursor),
                    "another message than the one asked for"
                );
                assert_eq!(len_flags & lane::LEN_MASK, PAYLOAD_BYTES);
                self.cursor += 1;
                self.delivered += 1;
                Some((author, number))
            }
            Peek::Lapped => {
                self.failures += 1;
                let next =
                    lane::resume(lane, self.cursor, self.failures).expect("only publishers wrote here");
                assert!(next > self.cursor);
                self.dropped += next - self.cursor;
                self.cursor = next;
                None
            }
        }
    }

    /// Reads what is left once nobody writes any more.
    fn drain(&mut self, lane: &HeapLane) {
        while !matches!(lane::peek(lane, self.cursor), Peek::Nothing) {
            self.take(lane);
        }
    }
}

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

/// A topic's two words and the kernel's queue for the futex.
struct Sleep {
    sleeps: AtomicU64,
    wakes: AtomicU32,
    /// Who sleeps: nobody, somebody, or somebody who was woken.
    queue: Mutex<Queue>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queue {
    Awake,
    Asleep,
    Woken,
}

impl Sleep {
    fn new() -> Self {
        Self { sleeps: AtomicU64::new(0), wakes: AtomicU32::new(0), queue: Mutex::new(Queue::Awake) }
    }

    fn bell(&self) -> Bell<'_> {
        Bell { sleeps: &self.sleeps, wakes: &self.wakes }
    }

    /// `futex_wait`, up to the point where the thread would be off the processor.
    fn futex_wait(&self, expected: u32) {
        let mut queue = self.queue.lock().expect("nobody panics holding it");
        // The kernel reads the word under the queue's lock.
        if self.wakes.load(Ordering::Relaxed) == expected {
            *queue = Queue::Asleep;
        }
    }

    fn futex_wake(&self) {
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

    fn state(&self) -> Queue {
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
