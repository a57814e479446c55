//! Which lanes there are: a set that claimants add to, and that readers map from.

use crate::sync::{AtomicU64, Ordering};

/// Notes that a lane has its pages; under the lane's lock.
pub(crate) fn note_reserved(reserved: &AtomicU64) {
    // Relaxed: `show` orders it for readers, the lock for the next claimant.
    reserved.store(1, Ordering::Relaxed);
}

/// Shows a lane to readers, once its pages are reserved and it has an owner. It is never taken back.
pub(crate) fn show(used: &AtomicU64, lane: usize) {
    // Release: pairs with the Acquire load in `shown`.
    used.fetch_or(1 << lane, Ordering::Release);
}

/// Returns the lanes that were ever claimed; each has its pages, and a word that says so.
#[inline]
pub(crate) fn shown(used: &AtomicU64) -> u64 {
    // Acquire: pairs with the Release in `show`, by whoever set a bit: later ones keep it, and what it stands for.
    used.load(Ordering::Acquire)
}

/// Returns whether a lane that is shown has its pages, as it must have where only publishers wrote.
pub(crate) fn is_reserved(reserved: &AtomicU64) -> bool {
    // Relaxed: the lane was found by `shown`.
    reserved.load(Ordering::Relaxed) == 1
}
