//! Telling a forked child from its parent, in one load.
//!
//! A private page marked `MADV_WIPEONFORK` reads zero in a child. Its word, the *epoch*, is stored in
//! every object that stands on mappings the child doesn't have; an object of another epoch does nothing.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::map::Anonymous;

fn page() -> &'static AtomicU64 {
    static PAGE: OnceLock<Anonymous> = OnceLock::new();
    PAGE.get_or_init(|| {
        install_guard();
        Anonymous::wiped_on_fork()
    })
    .word()
}

/// Returns a number that is the same throughout a process and another one in a forked child.
#[inline]
pub(crate) fn epoch() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Relaxed throughout: the page is private to this process; threads that race to name the epoch after
    // a fork agree by the compare-exchange.
    let page = page();
    match page.load(Ordering::Relaxed) {
        0 => {
            let mine = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
            match page.compare_exchange(0, mine, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => mine,
                Err(theirs) => theirs,
            }
        }
        epoch => epoch,
    }
}

/// While a guard lives no thread of this process can fork: a child would inherit a descriptor that holds
/// a lock, and the lock would outlive its owner.
#[derive(Debug)]
pub(crate) struct NoFork(());

static FORKING: AtomicBool = AtomicBool::new(false);

/// Keeps this process from forking until the guard is dropped.
pub(crate) fn no_fork() -> NoFork {
    page();
    acquire();
    NoFork(())
}

impl Drop for NoFork {
    fn drop(&mut self) {
        release();
    }
}

fn acquire() {
    // Acquire: pairs with the Release store in `release`.
    while FORKING.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
        std::thread::yield_now();
    }
}

fn release() {
    FORKING.store(false, Ordering::Release);
}

extern "C" fn before_fork() {
    acquire();
}

extern "C" fn after_fork() {
    release();
}

fn install_guard() {
    // SAFETY: the three functions are plain, async-signal-safe but for a yield, and live for ever. A
    // failure (no memory) leaves forking unguarded, which only widens a window of microseconds.
    unsafe {
        nix::libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(after_fork));
    }
}
