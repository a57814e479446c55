//! Sleeping on words: exactly while nobody wakes, so that a wake-up that is missing is missed.

use crate::sim::world::{self, Key, step};
use crate::sync::AtomicU32;
use std::time::Duration;

/// Most words that one call can wait for.
pub(crate) const WAITV_MAX: usize = 128;

fn key(word: &AtomicU32) -> Key {
    let address = word.as_ptr() as usize;
    world::with(|world| world.key(address)).unwrap_or(Key { device: 0, inode: 0, offset: address })
}

/// As the real one; no signal ever comes.
pub(crate) fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) -> bool {
    step("futex_wait");
    let now = world::with(|world| world.now_ns).unwrap_or(0);
    let deadline = timeout.map(|timeout| now + timeout.as_nanos() as u64);
    if word.unseen() == expected {
        world::sleep(vec![key(word)], deadline, "futex_wait");
    }
    false
}

/// As the real one.
pub(crate) fn wake_all(word: &AtomicU32) {
    step("futex_wake");
    let key = key(word);
    world::with(|world| world.wake(key));
}

/// Yes: the other way needs threads that aren't simulated.
pub fn has_waitv() -> bool {
    true
}

/// As the real one; no signal ever comes.
pub(crate) fn wait_any(words: &[(&AtomicU32, u32)], deadline_ns: Option<u64>) -> bool {
    step("futex_waitv");
    if words.iter().all(|(word, expected)| word.unseen() == *expected) {
        let keys = words.iter().map(|(word, _)| key(word)).collect();
        world::sleep(keys, deadline_ns, "futex_waitv");
    }
    false
}
