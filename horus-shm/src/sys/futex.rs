//! Sleeping on words that other processes write.

use crate::sync::AtomicU32;
use rustix::io::Errno;
use rustix::thread::futex;
use std::sync::OnceLock;
use std::time::Duration;

/// Most words that one call can wait for.
pub(crate) const WAITV_MAX: usize = 128;

fn timespec(ns: u64) -> rustix::time::Timespec {
    rustix::time::Timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as _ }
}

/// Sleeps while `word` holds `expected`, until it is woken, a signal arrives or `timeout` is over; returns
/// whether it was a signal.
pub(crate) fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) -> bool {
    let timeout = timeout.map(|t| timespec(u64::try_from(t.as_nanos()).unwrap_or(u64::MAX)));
    // Shared flags: the private flag is deaf across processes.
    futex::wait(word, futex::Flags::empty(), expected, timeout.as_ref()) == Err(Errno::INTR)
}

/// Wakes everybody who sleeps on `word`.
pub(crate) fn wake_all(word: &AtomicU32) {
    // It can only fail for an address that isn't mapped.
    let _ = futex::wake(word, futex::Flags::empty(), i32::MAX as u32);
}

/// Returns whether this kernel can wait for several words at once (since 5.16; some sandboxes refuse).
///
/// `HORUS_FUTEX_WAITV=0` in the environment says no, for tests of the other way.
pub fn has_waitv() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| {
        if std::env::var_os("HORUS_FUTEX_WAITV").is_some_and(|v| v == "0") {
            return false;
        }
        let word = AtomicU32::new(0);
        // The word doesn't hold 1, so a kernel that knows the call answers "try again" at once.
        let waiters = [entry(&word, 1)];
        waitv(&waiters, None) == Err(Errno::AGAIN)
    })
}

fn entry(word: &AtomicU32, expected: u32) -> futex::Wait {
    let mut wait = futex::Wait::new();
    wait.val = u64::from(expected);
    wait.uaddr = futex::WaitPtr::new(word.as_ptr().cast());
    wait.flags = futex::WaitFlags::SIZE_U32;
    wait
}

fn waitv(waiters: &[futex::Wait], deadline_ns: Option<u64>) -> Result<usize, Errno> {
    let deadline = deadline_ns.map(timespec);
    futex::waitv(waiters, futex::WaitvFlags::empty(), deadline.as_ref(), rustix::thread::ClockId::Monotonic)
}

/// Sleeps while every word holds what is expected of it, until one is woken, a signal arrives or the
/// `CLOCK_MONOTONIC` deadline passes; returns whether it was a signal. At most [`WAITV_MAX`] words.
pub(crate) fn wait_any(words: &[(&AtomicU32, u32)], deadline_ns: Option<u64>) -> bool {
    let mut waiters = [futex::Wait::new(); WAITV_MAX];
    let count = words.len().min(WAITV_MAX);
    for (waiter, (word, expected)) in waiters.iter_mut().zip(words) {
        *waiter = entry(word, *expected);
    }
    waitv(&waiters[..count], deadline_ns) == Err(Errno::INTR)
}
