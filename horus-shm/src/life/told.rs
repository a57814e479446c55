//! What processes tell others in their records and lanes, and what those make of it who read by system calls.
//!
//! A system call copies words in any order. Whoever wants two things to belong together reads them one after the other.

use crate::sync::{AtomicU64, Ordering, fence};

/// Stores the word on whose strength others are read: a record's state, or the file an endpoint stands at.
pub(crate) fn tell(word: &AtomicU64, value: u64) {
    // Release: pairs with the fence in `in_order`.
    word.store(value, Ordering::Release);
}

/// Reads first what tells and then what it tells of, which is then as old as that or newer.
pub(crate) fn in_order<A, B, E>(
    first: impl FnOnce() -> Result<A, E>,
    second: impl FnOnce(&A) -> Result<B, E>,
) -> Result<(A, B), E> {
    let first = first()?;
    // Acquire: pairs with the Release stores of `tell`, and in a lane of the owner and of the sequence.
    fence(Ordering::Acquire);
    let second = second(&first)?;
    Ok((first, second))
}

/// A lane as it is now: the owner was read before the rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring {
    pub(crate) owner: u64,
    pub(crate) base: u64,
    /// Behind the last whole message.
    pub(crate) end: u64,
    pub(crate) depth: u64,
}

/// Returns behind which message of a dead publisher there is nothing to be read any more; 0 when all is overwritten.
///
/// `recorded` is how far its record says it had come, `closed` whether it says that it closed in order. `ring` is its lane,
/// unless its topic's name leads elsewhere by now.
pub(crate) fn left_until(publisher: u64, recorded: u64, closed: bool, ring: Option<Ring>) -> u64 {
    let end = match ring {
        Some(ring) if ring.owner == publisher => ring.end,
        // Killed between the slot and its record, and already followed: the next one's base tells.
        Some(ring) => recorded.saturating_add(1).min(ring.base.max(recorded)),
        // The same, in a file that lost its name: at most one too many. Who closed recorded the last.
        None => recorded.saturating_add(u64::from(!closed)),
    };
    let overwritten = |ring: Ring| ring.owner != publisher && ring.end >= end.saturating_add(ring.depth);
    if ring.is_some_and(overwritten) { 0 } else { end }
}

/// Returns whether a reader may come to read what ends at `end`. `cursor` is how far it has come in that lane, none when it
/// stands elsewhere; it then comes to the beginning, if the name leads there.
pub(crate) fn may_read(cursor: Option<u64>, end: u64, named: bool) -> bool {
    cursor.map_or(named && end > 0, |cursor| cursor < end)
}
