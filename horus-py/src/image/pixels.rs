//! The block behind an image, shared by the image and its arrays.

use horus_core::HEAD_BYTES;
use horus_shm::{Block, BlockMut, PinnedBlock};
use pyo3::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Holds a block alive: an image and every array over it hold one of these.
#[derive(Debug)]
#[pyclass(frozen, module = "horus", name = "_Pixels")]
pub(super) struct Pixels(Mutex<Held>);

#[derive(Debug)]
enum Held {
    /// Ours alone, not sent yet.
    Writable(BlockMut),
    /// Ours, read-only.
    Own(Block),
    /// Another process's, pinned.
    Pinned(PinnedBlock),
    /// Only while one turns into another.
    Turning,
}

impl Pixels {
    pub(super) fn writable(block: BlockMut) -> Self {
        Pixels(Mutex::new(Held::Writable(block)))
    }

    pub(super) fn pinned(block: PinnedBlock) -> Self {
        Pixels(Mutex::new(Held::Pinned(block)))
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the pixels lie and how many bytes there are; the address holds as long as this object.
    pub(super) fn rows(&self) -> (*const u8, usize) {
        let held = self.lock();
        let bytes: &[u8] = match &*held {
            Held::Writable(block) => block,
            Held::Own(block) => block.bytes(),
            Held::Pinned(block) => block.bytes(),
            Held::Turning => &[],
        };
        let rows = bytes.get(HEAD_BYTES..).unwrap_or_default();
        (rows.as_ptr(), rows.len())
    }

    /// The 64 bytes before the pixels.
    pub(super) fn head(&self) -> [u8; HEAD_BYTES] {
        let held = self.lock();
        let bytes: &[u8] = match &*held {
            Held::Writable(block) => block,
            Held::Own(block) => block.bytes(),
            Held::Pinned(block) => block.bytes(),
            Held::Turning => &[],
        };
        bytes.first_chunk().copied().unwrap_or([0; HEAD_BYTES])
    }

    /// Returns the own block, if it is read-only already.
    pub(super) fn own(&self) -> Option<Block> {
        match &*self.lock() {
            Held::Own(block) => Some(block.clone()),
            _ => None,
        }
    }

    /// Whether this is a block of this process that hasn't been sent.
    pub(super) fn is_writable(&self) -> bool {
        matches!(&*self.lock(), Held::Writable(_))
    }

    /// Writes the head and makes the block read-only; `None` if it was another's or had been made so before.
    pub(super) fn freeze(&self, head: &[u8; HEAD_BYTES]) -> Option<Block> {
        let mut held = self.lock();
        match std::mem::replace(&mut *held, Held::Turning) {
            Held::Writable(mut block) => {
                block[..HEAD_BYTES].copy_from_slice(head);
                let block = block.freeze();
                *held = Held::Own(block.clone());
                Some(block)
            }
            other => {
                *held = other;
                None
            }
        }
    }
}
