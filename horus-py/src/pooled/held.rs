//! The block behind a message, shared by the message and its arrays.

use horus_core::HEAD_BYTES;
use horus_shm::{Block, BlockMut, PinnedBlock};
use pyo3::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Holds a block alive: a message and every array over it hold one of these.
#[derive(Debug)]
#[pyclass(frozen, module = "horus", name = "_Held")]
pub(super) struct Held(Mutex<State>);

#[derive(Debug)]
enum State {
    /// Ours alone, not sent yet.
    Writable(BlockMut),
    /// Ours, read-only.
    Own(Block),
    /// Another process's, pinned.
    Pinned(PinnedBlock),
    /// Only while one turns into another.
    Turning,
}

impl State {
    fn bytes(&self) -> &[u8] {
        match self {
            State::Writable(block) => block,
            State::Own(block) => block.bytes(),
            State::Pinned(block) => block.bytes(),
            State::Turning => &[],
        }
    }
}

impl Held {
    pub(super) fn writable(block: BlockMut) -> Self {
        Held(Mutex::new(State::Writable(block)))
    }

    pub(super) fn pinned(block: PinnedBlock) -> Self {
        Held(Mutex::new(State::Pinned(block)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the numbers lie and how many bytes there are; the address holds as long as this object.
    pub(super) fn numbers(&self) -> (*const u8, usize) {
        let state = self.lock();
        let numbers = state.bytes().get(HEAD_BYTES..).unwrap_or_default();
        (numbers.as_ptr(), numbers.len())
    }

    /// The 64 bytes before the numbers.
    pub(super) fn head(&self) -> [u8; HEAD_BYTES] {
        self.lock().bytes().first_chunk().copied().unwrap_or([0; HEAD_BYTES])
    }

    /// Returns the own block, if it is read-only already.
    pub(super) fn own(&self) -> Option<Block> {
        match &*self.lock() {
            State::Own(block) => Some(block.clone()),
            _ => None,
        }
    }

    /// Whether this is a block of this process that hasn't been sent.
    pub(super) fn is_writable(&self) -> bool {
        matches!(&*self.lock(), State::Writable(_))
    }

    /// Writes the head and makes the block read-only; `None` if it was another's or had been made so before.
    pub(super) fn freeze(&self, head: &[u8; HEAD_BYTES]) -> Option<Block> {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Turning) {
            State::Writable(mut block) => {
                block[..HEAD_BYTES].copy_from_slice(head);
                let block = block.freeze();
                *state = State::Own(block.clone());
                Some(block)
            }
            other => {
                *state = other;
                None
            }
        }
    }
}
