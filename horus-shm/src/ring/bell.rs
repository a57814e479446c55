//! Sleeping and waking without a lost wake-up and without a word that anybody has to clear.
//!
//! Sleepers only ever add to `sleeps`, publishers only ever add to `wakes`. A publisher remembers in
//! private which count of sleepers it has served; while nobody new has slept, a send costs no system
//! call. A process killed between two steps leaves at worst a count that makes each publisher wake once
//! in vain.

use crate::sync::{AtomicU32, AtomicU64, Ordering, fence};

/// The two words of a topic that sleepers and publishers meet at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bell<'a> {
    /// Counts those who are about to sleep.
    pub(crate) sleeps: &'a AtomicU64,
    /// Counts wake-ups; the futex.
    pub(crate) wakes: &'a AtomicU32,
}

impl Bell<'_> {
    /// Announces a sleeper and returns what the wake word must still hold when it sleeps.
    ///
    /// After this the caller looks at every lane once more, and sleeps only if nothing is there.
    pub(crate) fn announce(&self) -> u32 {
        // First, so that a wake-up between here and the sleep makes the sleep return at once. Relaxed: the fence
        // below keeps the look that follows behind it.
        let expected = self.wakes.load(Ordering::Relaxed);
        self.sleeps.fetch_add(1, Ordering::Relaxed);
        // SeqCst: pairs with the fence in `due`. Either the publisher sees the new count, or the look
        // that follows sees its message.
        fence(Ordering::SeqCst);
        expected
    }

    /// Returns whether somebody slept since `served`, which then counts as served; call after publishing.
    ///
    /// When true, the wake word has moved and the caller wakes the futex.
    #[inline]
    pub(crate) fn due(&self, served: &mut Option<u64>) -> bool {
        // SeqCst: pairs with the fence in `announce`.
        fence(Ordering::SeqCst);
        let sleeps = self.sleeps.load(Ordering::Relaxed);
        if *served == Some(sleeps) {
            return false;
        }
        crate::fail::point("bell.seen");
        self.ring();
        crate::fail::point("bell.rung");
        *served = Some(sleeps);
        true
    }

    /// Moves the wake word; the caller wakes the futex.
    pub(crate) fn ring(&self) {
        // Release: pairs with the fence in `announce`, behind its load. Who sleeps on the new count has seen what
        // it is rung for: the message, or the mark that the topic is superseded.
        self.wakes.fetch_add(1, Ordering::Release);
    }
}
