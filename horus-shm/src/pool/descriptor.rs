//! How a ring names a block, and what pools' files are called.

use crate::layout::descriptor;

/// Names a block of a publisher and the part of it that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descriptor {
    pub(crate) owner: u64,
    pub(crate) pool: u32,
    pub(crate) block: u32,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

impl Descriptor {
    /// Returns the words that stand in the ring.
    pub(crate) fn to_words(self) -> [u64; descriptor::WORDS] {
        [self.owner, place_word(self.pool, self.block), self.offset, self.len]
    }

    /// Reads the words of a ring; nothing in them is trusted yet.
    pub(crate) fn from_words(words: [u64; descriptor::WORDS]) -> Self {
        let [owner, place, offset, len] = words;
        Self { owner, pool: (place >> 32) as u32, block: place as u32, offset, len }
    }
}

/// Packs pool number and block into the word that rings and pins hold.
pub(crate) fn place_word(pool: u32, block: u32) -> u64 {
    u64::from(pool) << 32 | u64::from(block)
}

/// Returns the name of a pool's file.
pub(crate) fn file_name(owner: u64, pool: u32) -> String {
    format!("{owner:016x}-{pool}")
}

/// Returns the owner and number that a pool's name stands for.
pub(crate) fn parse_name(name: &str) -> Option<(u64, u32)> {
    let (owner, number) = name.split_once('-')?;
    Some((crate::life::participant::id_of(owner)?, number.parse().ok()?))
}
