//! Telling a forked child from its parent, in one load.
//!
//! A private page marked `MADV_WIPEONFORK` reads zero in a child. Its word, the *epoch*, is stored in
//! every object that stands on mappings the child doesn't have; an object of another epoch does nothing.

use crate::sync::{AtomicU32, AtomicU64, Ordering};
use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::OnceLock;

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
///
/// Right for children of any kind of `fork`. Two loads, no system call.
#[inline]
pub fn epoch() -> u64 {
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
/// a lock, and the lock would outlive its owner. Several threads may hold one, and one thread several.
#[derive(Debug)]
pub(crate) struct NoFork {
    /// The thread that took it gives it back.
    _not_send: PhantomData<*const ()>,
}

/// How many threads hold a guard, or [`FORKING`].
static HOLDERS: AtomicU32 = AtomicU32::new(0);
/// A thread is between the preparation of a fork and its end.
const FORKING: u32 = u32::MAX;

thread_local! {
    /// How many guards this thread holds; only the first counts, so that none waits for a fork that waits for it.
    static HELD: Cell<u32> = const { Cell::new(0) };
}

/// Keeps this process from forking until the guard is dropped; waits while it is just forking.
pub(crate) fn no_fork() -> NoFork {
    page();
    HELD.with(|held| {
        if held.get() == 0 {
            change(|holders| (holders < FORKING - 1).then(|| holders + 1));
        }
        held.set(held.get() + 1);
    });
    NoFork { _not_send: PhantomData }
}

impl Drop for NoFork {
    fn drop(&mut self) {
        HELD.with(|held| {
            held.set(held.get() - 1);
            if held.get() == 0 {
                // Release: pairs with the Acquire of `change` in the thread that forks.
                HOLDERS.fetch_sub(1, Ordering::Release);
            }
        });
    }
}

/// Changes the count as soon as `next` allows it.
fn change(next: impl Fn(u32) -> Option<u32>) {
    // Acquire: pairs with the Release of whoever gave back before.
    while HOLDERS.fetch_update(Ordering::Acquire, Ordering::Relaxed, &next).is_err() {
        std::thread::yield_now();
    }
}

extern "C" fn before_fork() {
    change(|holders| (holders == 0).then_some(FORKING));
}

extern "C" fn after_fork() {
    HOLDERS.store(0, Ordering::Release);
}

fn install_guard() {
    // SAFETY: the three functions are plain, async-signal-safe but for a yield, and live for ever. A
    // failure (no memory) leaves forking unguarded, which only widens a window of microseconds.
    unsafe {
        nix::libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(after_fork));
    }
}
