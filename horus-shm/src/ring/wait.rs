//! Sleeping until any of several topics has something, or this process is asked to stop.

use crate::error::Result;
use crate::layout::topic;
use crate::life::namespace::Root;
use crate::ring::subscriber::Subscriber;
use crate::sync::{AtomicBool, AtomicU32, Ordering, per_process};
use crate::sys::clock::{TickClock, now_ns};
use crate::sys::cpu;
use crate::sys::fork;
use crate::sys::futex;
use crate::sys::map::Mapping;
use std::sync::Arc;
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::Duration;

per_process! {
    /// This process's own word: moved by whoever asks it to stop, and by the threads that watch topics where
    /// one call can't wait for all.
    static PROCESS: AtomicU32 = AtomicU32::new(0);
}
per_process! {
    static STOP: AtomicBool = AtomicBool::new(false);
}

/// Asking this process to stop.
pub mod stop {
    use super::{Ordering, PROCESS, STOP, futex};

    /// Ends every wait of this process, now and until [`clear`]. May be called in a signal handler.
    pub fn request() {
        // Release: pairs with the Acquire load in `requested`.
        STOP.store(true, Ordering::Release);
        PROCESS.fetch_add(1, Ordering::Release);
        futex::wake_all(&PROCESS);
    }

    /// Returns whether this process was asked to stop.
    pub fn requested() -> bool {
        STOP.load(Ordering::Acquire)
    }

    /// Forgets the request, before the next run.
    pub fn clear() {
        STOP.store(false, Ordering::Release);
    }
}

/// Returns a number that moves with each [`nudge`] and each request to stop, for [`WaitSet::wait_since`].
pub fn nudges() -> u32 {
    // Acquire: pairs with the Release adds to the word; what was done before a nudge that is counted can be seen.
    PROCESS.load(Ordering::Acquire)
}

/// Wakes every wait of this process, which then looks again; the stop request stays as it is.
pub fn nudge() {
    PROCESS.fetch_add(1, Ordering::Release);
    futex::wake_all(&PROCESS);
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// A topic has something.
    Topic,
    /// The deadline passed.
    Deadline,
    /// This process was asked to stop.
    Stop,
    /// A signal, or [`nudge`]: the caller may want to look at something else.
    Interrupted,
}

/// Where a thread that should watch topics can't be had, no sleep is longer than this.
const UNWATCHED_NS_MAX: u64 = 1_000_000_000;
/// Spinning beats sleeping when the message comes within this: it is what a wake-up takes (26 to 35 µs on a virtual core),
/// and a little more, so that of two who answer each other the one that spins sees the other's answer before it sleeps,
/// though that one was asleep. From then on both spin.
const SPIN_NS: u64 = 50_000;
/// A spin in vain costs so much that the waits until the next one are doubled, up to this many: what is lost by then is
/// 50 ns a wait.
const SPIN_PAUSE_MAX: u32 = 1023;
/// Looks at a topic between two at the time, of all topics together: some 400 ns, in which an answer comes from one who
/// looks as often.
const SPIN_LOOKS: usize = 64;

/// Waits for several topics; keeps what it learned about how fast they come.
#[derive(Debug, Default)]
pub struct WaitSet {
    /// How many waits go without a spin after the next that is in vain.
    spin_pause: u32,
    /// How many of them are left.
    spin_in: u32,
    clock: TickClock,
    announced: Vec<(u64, u32)>,
    watchers: Vec<Watcher>,
}

impl WaitSet {
    /// Returns a set that has waited for nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until a topic has something, `deadline_ns` on `CLOCK_MONOTONIC` passes, or a stop is asked for.
    ///
    /// Spins first, for at most 50 µs, where messages have been coming so fast that it pays and the machine has
    /// a second core. Then one system call; with more than 127 topics, or on kernels without `futex_waitv`,
    /// through a thread for each 127 topics, or for each.
    ///
    /// # Errors
    /// As [`Subscriber::recv`].
    pub fn wait(&mut self, subscribers: &mut [&mut Subscriber], deadline_ns: Option<u64>) -> Result<Woken> {
        self.wait_since(nudges(), subscribers, deadline_ns)
    }

    /// Waits as [`WaitSet::wait`] does; a nudge since [`nudges`] gave `begun` ends it at once. So what was looked at
    /// between the two can't change unseen.
    ///
    /// # Errors
    /// As [`Subscriber::recv`].
    pub fn wait_since(
        &mut self,
        begun: u32,
        subscribers: &mut [&mut Subscriber],
        deadline_ns: Option<u64>,
    ) -> Result<Woken> {
        let mut signalled = false;
        loop {
            let process = PROCESS.load(Ordering::Acquire);
            if stop::requested() {
                return Ok(Woken::Stop);
            }
            if any_has(subscribers)? {
                return Ok(Woken::Topic);
            }
            if signalled || process != begun {
                return Ok(Woken::Interrupted);
            }
            let now = now_ns();
            if deadline_ns.is_some_and(|deadline| now >= deadline) {
                return Ok(Woken::Deadline);
            }
            if self.spin(subscribers, now, deadline_ns)? {
                return Ok(Woken::Topic);
            }
            self.announced.clear();
            self.announced.extend(subscribers.iter().map(|subscriber| subscriber.announce_sleep()));
            crate::fail::point("wait.announced");
            // The second look, after the announcement: what was sent before is found here, what is sent
            // later wakes.
            if any_has(subscribers)? {
                return Ok(Woken::Topic);
            }
            signalled = self.sleep(subscribers, process, deadline_ns);
        }
    }

    /// Looks at the topics again and again for a moment.
    fn spin(
        &mut self,
        subscribers: &mut [&mut Subscriber],
        now: u64,
        deadline_ns: Option<u64>,
    ) -> Result<bool> {
        if subscribers.is_empty() || !others_may_run() {
            return Ok(false);
        }
        if self.spin_in > 0 {
            self.spin_in -= 1;
            return Ok(false);
        }
        let end = deadline_ns.unwrap_or(u64::MAX).min(now + SPIN_NS);
        let looks = (SPIN_LOOKS / subscribers.len()).max(1);
        loop {
            for _ in 0..looks {
                if any_has(subscribers)? {
                    self.spin_pause = 0;
                    return Ok(true);
                }
            }
            if self.clock.now_ns() >= end {
                break;
            }
            std::hint::spin_loop();
        }
        self.spin_pause = (2 * self.spin_pause + 1).min(SPIN_PAUSE_MAX);
        self.spin_in = self.spin_pause;
        Ok(false)
    }

    /// Sleeps until a word moves; true when it was a signal that ended the sleep. Without a deadline nothing else ends it.
    fn sleep(&mut self, subscribers: &[&mut Subscriber], process: u32, deadline_ns: Option<u64>) -> bool {
        let mut words: Vec<(&AtomicU32, u32)> = Vec::with_capacity(2 + subscribers.len());
        let own: &AtomicU32 = &PROCESS;
        words.push((own, process));
        let mut names: Option<(&AtomicU32, u32)> = None;
        for (subscriber, (attachments, expected)) in subscribers.iter().zip(&self.announced) {
            match subscriber.sleep_word(*attachments) {
                Some(word) => words.push((word, *expected)),
                // It moved to another file since: look again.
                None => return false,
            }
            // One word for all of a root, nearly always; what was there at an earlier look than another's moved since.
            if let Some((word, looked_at)) = subscriber.name_word()
                && !names.is_some_and(|(known, at)| std::ptr::eq(known, word) && at == looked_at)
            {
                names = Some((word, looked_at));
                words.push((word, looked_at));
            }
        }
        if words.len() <= futex::WAITV_MAX && futex::has_waitv() {
            self.watchers.clear();
            return futex::wait_any(&words, deadline_ns);
        }
        let mut until = deadline_ns;
        if words.len() > 1 {
            self.watch(subscribers);
            if self.watchers.iter().any(|watcher| watcher.thread.is_none()) {
                until = Some(deadline_ns.unwrap_or(u64::MAX).min(now_ns() + UNWATCHED_NS_MAX));
            }
        }
        // A watcher that began before the announcement moves the process's word for any change since. Relaxed, here
        // and in the watcher: the counts are only compared, and the look after a wake-up brings its own order.
        if words[1..].iter().any(|(word, expected)| word.load(Ordering::Relaxed) != *expected) {
            return false;
        }
        let left = until.map(|until| Duration::from_nanos(until.saturating_sub(now_ns())));
        futex::wait(&PROCESS, process, left)
    }

    /// Sees to it that every word is watched by a thread.
    fn watch(&mut self, subscribers: &[&mut Subscriber]) {
        let mut keepers: Vec<Keeper> = Vec::with_capacity(1 + subscribers.len());
        for keeper in subscribers.iter().flat_map(|subscriber| subscriber.sleep_keepers()) {
            let known = matches!(keeper, Keeper::Root(_)) && keepers.contains(&keeper);
            if !known {
                keepers.push(keeper);
            }
        }
        let watched = self.watchers.iter().flat_map(|watcher| watcher.keepers.iter());
        let epoch = fork::epoch();
        if watched.eq(keepers.iter()) && self.watchers.iter().all(|watcher| watcher.epoch == epoch) {
            return;
        }
        self.watchers.clear();
        let group = if futex::has_waitv() { futex::WAITV_MAX } else { 1 };
        self.watchers.extend(keepers.chunks(group).map(|group| Watcher::start(group.to_vec())));
    }
}

fn any_has(subscribers: &mut [&mut Subscriber]) -> Result<bool> {
    for subscriber in subscribers {
        if subscriber.has_msg()? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns whether a sender may run while this thread spins: with a second processor in the machine. Whether it does is
/// learned by trying; where all are bound to one core, or to a share of one, spins are in vain and hence rare.
fn others_may_run() -> bool {
    if cfg!(shuttle) {
        // Spinning is but another look, and would fill the simulation's runs.
        return false;
    }
    static OTHERS: OnceLock<bool> = OnceLock::new();
    *OTHERS.get_or_init(|| cpu::online() > 1)
}

/// Keeps a word mapped that a thread watches.
#[derive(Clone, Debug)]
pub(crate) enum Keeper {
    /// A topic's wake word.
    Topic(Arc<Mapping>),
    /// The root's count of topics made.
    Root(Root),
}

impl Keeper {
    fn word(&self) -> &AtomicU32 {
        match self {
            Keeper::Topic(map) => map.half(topic::WAKES),
            Keeper::Root(root) => root.topics_made(),
        }
    }
}

impl PartialEq for Keeper {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.word(), other.word())
    }
}

/// A thread that moves this process's word whenever one of its topics' words moves.
#[derive(Debug)]
struct Watcher {
    keepers: Vec<Keeper>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    epoch: u64,
}

impl Watcher {
    fn start(keepers: Vec<Keeper>) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (theirs, flag) = (keepers.clone(), ended.clone());
        // Read before the thread starts, so that no move between here and its first sleep is lost.
        let mut known: Vec<u32> = theirs.iter().map(|keeper| keeper.word().load(Ordering::Relaxed)).collect();
        let thread = std::thread::Builder::new().name("horus-wait".into()).spawn(move || {
            while !flag.load(Ordering::Acquire) {
                let words: Vec<_> = theirs.iter().map(Keeper::word).zip(known.iter().copied()).collect();
                match words.as_slice() {
                    [(word, expected)] => {
                        futex::wait(word, *expected, None);
                    }
                    several => {
                        futex::wait_any(several, None);
                    }
                }
                let seen: Vec<u32> =
                    theirs.iter().map(|keeper| keeper.word().load(Ordering::Relaxed)).collect();
                if seen != known {
                    known = seen;
                    nudge();
                }
            }
        });
        // Without a thread the waits go on in steps of `UNWATCHED_NS_MAX`, which is slow and not wrong.
        Self { keepers, ended, thread: thread.ok(), epoch: fork::epoch() }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if self.epoch != fork::epoch() {
            return;
        }
        self.ended.store(true, Ordering::Release);
        let Some(thread) = self.thread.take() else { return };
        // The thread may be between its look at the flag and its sleep: wake it until it is gone.
        while !thread.is_finished() {
            self.keepers.iter().for_each(|keeper| futex::wake_all(keeper.word()));
            std::thread::yield_now();
        }
        // It holds nothing that a panic could have left half-done.
        let _ = thread.join();
    }
}
