//! Blocks of this process: writable until they are frozen, then sent as often as one likes.

use crate::error::Result;
use crate::life::participant::Participant;
use crate::pool::own::{OwnBlock, lock_pools};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A handle of this process on one of its own blocks.
#[derive(Clone, Debug)]
struct Handle {
    // First: the pool's mapping is let go before the last participant leaves and cleans.
    block: Arc<OwnBlock>,
    participant: Arc<Participant>,
    start: *mut u8,
    len: usize,
}

// SAFETY: the block belongs to this process while the handle lives: `BlockMut` reaches it through
// `&mut self`, `Block` only reads it, and no block is written after it was frozen.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    /// Returns the block's bytes; none in a child forked from their owner, which doesn't have the mapping.
    #[inline]
    fn bytes(&self) -> &[u8] {
        if !self.participant.is_ours() {
            return &[];
        }
        // SAFETY: the block is mapped and reserved while the handle lives. Only a `BlockMut` writes it, through
        // `&mut self`, and no block is written after it was frozen.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

/// A block of this process that nobody else knows of yet: fill it, then freeze and send it.
#[derive(Debug)]
pub struct BlockMut {
    handle: Handle,
}

impl BlockMut {
    pub(crate) fn allocate(participant: &Arc<Participant>, bytes: u64) -> Result<Self> {
        if !participant.is_ours() {
            // A forked child has none of its parent's pools: the block is of the child's own participant.
            let own = Participant::join(participant.namespace(), participant.language())?;
            return Self::allocate(&own, bytes);
        }
        let block = lock_pools(participant).take(participant, bytes)?;
        let handle =
            Handle { start: block.start(), block, participant: participant.clone(), len: bytes as usize };
        crate::fail::point("pool.allocated");
        Ok(Self { handle })
    }

    /// Returns how many bytes were asked for.
    pub fn len(&self) -> usize {
        self.handle.len
    }

    /// Returns whether no bytes were asked for.
    pub fn is_empty(&self) -> bool {
        self.handle.len == 0
    }

    /// Returns the address of the first byte, for views that their holder keeps in order.
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.handle.start
    }

    /// Ends the writing: what is in the block now is what will be sent.
    pub fn freeze(self) -> Block {
        Block { handle: self.handle }
    }
}

impl Deref for BlockMut {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.handle.bytes()
    }
}

impl DerefMut for BlockMut {
    fn deref_mut(&mut self) -> &mut [u8] {
        if !self.handle.participant.is_ours() {
            return &mut [];
        }
        // SAFETY: as in `Handle::bytes`; `&mut self` makes this the only borrow.
        unsafe { std::slice::from_raw_parts_mut(self.handle.start, self.handle.len) }
    }
}

/// A block of this process that is read-only from now on. Cheap to clone; may be sent any number of times.
///
/// The pool takes it back once no clone lives, no ring names it and nobody pins it.
#[derive(Clone, Debug)]
pub struct Block {
    handle: Handle,
}

impl Block {
    /// Returns the bytes that were asked for; none in a child forked from the process that allocated them.
    pub fn bytes(&self) -> &[u8] {
        self.handle.bytes()
    }

    pub(crate) fn own(&self) -> &Arc<OwnBlock> {
        &self.handle.block
    }

    pub(crate) fn is_of(&self, participant: &Arc<Participant>) -> bool {
        Arc::ptr_eq(&self.handle.participant, participant)
    }
}
