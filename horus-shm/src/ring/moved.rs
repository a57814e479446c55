//! Saying that a topic's name leads somewhere new, and hearing it in time.
//!
//! Who waits for a topic that isn't there leaves its record, looks at the name, and sleeps on the count of topics made.
//! Who makes a topic links the name first and adds to the count then. Who removes a topic that nobody holds locks it
//! first and reads the records then.

use crate::ring::bell::Bell;
use crate::sync::{AtomicU32, Ordering, fence};

/// Counts a name that leads somewhere new by now; the caller wakes who sleeps on the count.
pub(crate) fn tell(made: &AtomicU32) {
    // Release: pairs with the fence in `before_look`, behind its load: who sleeps on the new count has found the name.
    made.fetch_add(1, Ordering::Release);
}

/// Returns how many names were given, for a glance: nobody looks at a name on the strength of it.
#[inline]
pub(crate) fn count(made: &AtomicU32) -> u32 {
    made.load(Ordering::Relaxed)
}

/// Returns the count to sleep on should the look at the name that follows find nothing. The caller's record is there.
pub(crate) fn before_look(made: &AtomicU32) -> u32 {
    // Relaxed: the fence keeps the look behind it, so that a name given after the look moves the count.
    let made = made.load(Ordering::Relaxed);
    // SeqCst: pairs with the fence in `before_removing`. Either the look finds the name, or whoever would remove the
    // topic reads the record that waits for it.
    fence(Ordering::SeqCst);
    made
}

/// Stands between locking a topic that may go and reading who waits for it.
pub(crate) fn before_removing() {
    // SeqCst: pairs with the fence in `before_look`.
    fence(Ordering::SeqCst);
}

/// Marks a file whose name leads to another one by now, and moves its wake word; the caller wakes the futex.
pub(crate) fn mark(superseded: &AtomicU32, bell: Bell<'_>) {
    // Release: pairs with the Acquire load in `is_marked`.
    superseded.store(1, Ordering::Release);
    bell.ring();
}

/// Returns whether the name leads to another file. Then all that will ever be in this one is there to be read.
#[inline]
pub(crate) fn is_marked(superseded: &AtomicU32) -> bool {
    // Acquire: pairs with the Release store in `mark`: who sees it sees what was sent before, and finds the new file.
    superseded.load(Ordering::Acquire) != 0
}
