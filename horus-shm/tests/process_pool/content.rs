//! What images are filled with: bytes that differ from page to page and from image to image.

use std::hash::{DefaultHasher, Hasher};
use std::sync::OnceLock;

/// Pages that are told apart; also the step at which a number is stamped into the noise.
pub(crate) const PAGE: usize = 4096;

fn noise() -> &'static [u8; PAGE] {
    static NOISE: OnceLock<[u8; PAGE]> = OnceLock::new();
    NOISE.get_or_init(|| {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        std::array::from_fn(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
    })
}

fn page_of(seed: u64, index: usize) -> [u8; PAGE] {
    let mut page = *noise();
    page[..8].copy_from_slice(&seed.to_le_bytes());
    page[8..16].copy_from_slice(&(index as u64).to_le_bytes());
    page
}

/// Fills a buffer with what `seed` stands for.
pub(crate) fn fill(seed: u64, bytes: &mut [u8]) {
    for (index, chunk) in bytes.chunks_mut(PAGE).enumerate() {
        chunk.copy_from_slice(&page_of(seed, index)[..chunk.len()]);
    }
}

/// Returns what `seed` stands for, `len` bytes of it.
pub(crate) fn made(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fill(seed, &mut bytes);
    bytes
}

/// Panics at the first page that isn't what `seed` stands for.
#[track_caller]
pub(crate) fn assert_is(seed: u64, bytes: &[u8]) {
    for (index, chunk) in bytes.chunks(PAGE).enumerate() {
        let expected = page_of(seed, index);
        let head = chunk.len().min(16);
        assert_eq!(chunk[..head], expected[..head], "the number in page {index} of {seed}");
        assert!(chunk == &expected[..chunk.len()], "page {index} of {seed}");
    }
}

/// Writes only a number into each page, which is quick.
pub(crate) fn stamp(number: u64, bytes: &mut [u8]) {
    bytes.chunks_exact_mut(PAGE).for_each(|page| page[..8].copy_from_slice(&number.to_le_bytes()));
}

/// Panics at the first page with another number.
#[track_caller]
pub(crate) fn assert_stamped(number: u64, bytes: &[u8]) {
    for (index, page) in bytes.chunks_exact(PAGE).enumerate() {
        let found = u64::from_le_bytes(page[..8].try_into().expect("eight bytes"));
        assert_eq!(found, number, "the number in page {index}");
    }
}

/// Returns a hash of all bytes, the same in every process of this binary.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
