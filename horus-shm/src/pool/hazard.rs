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
    entry[1].store(place, Ordering::Relaxed);
    // Release: who sees the owner sees the place.
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
    // Release: the reads before stay before; pairs with the owner's reading of the table.
    entry[0].store(0, Ordering::Release);
}
