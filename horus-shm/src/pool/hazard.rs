//! A pin makes the owner leave a block alone, as a hazard pointer does.
//!
//! The reader writes its pin, fences, and looks whether the ring still names the block. The owner
//! overwrites the slot, fences, and looks at the pins. One of the two sees the other.

use crate::sync::{AtomicU64, Ordering, fence};

/// Sets a pin and returns whether it holds; when it doesn't, the pin is taken back.
///
/// `still_named` looks whether the ring still names the block, `closed` whether a cleaner closed the pool.
pub(crate) fn set(
    entry: [&AtomicU64; 2],
    owner: u64,
    place: u64,
    still_named: impl FnOnce() -> bool,
    closed: impl FnOnce() -> bool,
) -> bool {
    // Release, both: pair with the Acquire fence in `scan`. Who finds this pin in place of an earlier one of the same
    // entry knows by either word that the earlier one's reads are over.
    entry[1].store(place, Ordering::Release);
    entry[0].store(owner, Ordering::Release);
    crate::fail::point("pin.written");
    // SeqCst: pairs with the fence of the owner's scan (and of a cleaner, after it closed the pool).
    fence(Ordering::SeqCst);
    let holds = still_named() && !closed();
    if !holds {
        clear(entry);
    }
    crate::fail::point("pin.checked");
    holds
}

/// Takes a pin back, after the last read of its block.
pub(crate) fn clear(entry: [&AtomicU64; 2]) {
    // Release: the reads before stay before; pairs with the Acquire fence in `scan`.
    entry[0].store(0, Ordering::Release);
}

/// Counts a participant that is listed by now and will pin from now on.
pub(crate) fn joined(joins: &AtomicU64) {
    // Release: pairs with the Acquire load in `scan`: who sees the count finds the participant listed.
    joins.fetch_add(1, Ordering::Release);
}

/// The participants as they were listed last, kept from one scan to the next.
#[derive(Debug, Default)]
pub(crate) struct Listed<P> {
    joins: Option<u64>,
    peers: P,
}

impl<P> Listed<P> {
    /// Returns whom the last scan looked at, to leave the dead out of the next.
    pub(crate) fn peers_mut(&mut self) -> &mut P {
        &mut self.peers
    }

    /// Reads the pins, once every slot that named a block in question was overwritten, or its pool closed: a block
    /// that isn't found pinned will not be, and what was read in it was read before this returns.
    ///
    /// Lists the participants afresh if anybody joined since the last time. `list` and `pins` come with the memory
    /// order of the system calls they make, which is none.
    pub(crate) fn scan<T, E>(
        &mut self,
        joins: &AtomicU64,
        list: impl FnOnce() -> Result<P, E>,
        pins: impl FnOnce(&P) -> Result<T, E>,
    ) -> Result<T, E> {
        // SeqCst: pairs with the fence between a reader's pin and its second look.
        fence(Ordering::SeqCst);
        // Acquire: pairs with the Release in `joined`: whoever joined before is then listed.
        let joins = joins.load(Ordering::Acquire);
        if self.joins != Some(joins) {
            self.peers = list()?;
            self.joins = Some(joins);
        }
        let found = pins(&self.peers)?;
        // Acquire: pairs with the Release stores of `clear` and `set`, which the pins were read from.
        fence(Ordering::Acquire);
        Ok(found)
    }
}
