//! Shared memory by hand, without HORUS: the only unsafe code of the benches.

use std::ffi::c_void;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64};

use rustix::mm::{MapFlags, ProtFlags};

use crate::Result;
use crate::payload;

/// A file mapped into this process and into the peer's, for as long as the process lives.
///
/// Words are reached as atomics. Bytes are reached by copying; who may write them when is settled by
/// messages between the peers, as in any hand-made exchange.
#[derive(Debug)]
pub(crate) struct Region {
    start: NonNull<c_void>,
    bytes: usize,
}

impl Region {
    /// Maps the file `path`, made `bytes` long (a multiple of 64) if it isn't; all zero at first.
    ///
    /// The mapping is never undone: a peer's process ends with its turn.
    pub(crate) fn map(path: &Path, bytes: usize) -> Result<Region> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        file.set_len(bytes as u64)?;
        let (prot, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED | MapFlags::POPULATE);
        // SAFETY: a new mapping at an address that the kernel chooses overlaps nothing.
        let start = unsafe { rustix::mm::mmap(std::ptr::null_mut(), bytes, prot, flags, &file, 0)? };
        let start = NonNull::new(start).ok_or("mapped at address 0")?;
        Ok(Region { start, bytes })
    }

    /// The `count` words from byte `offset` on.
    ///
    /// # Panics
    /// If they don't lie in the region, or `offset` isn't a multiple of 8.
    pub(crate) fn words(&self, offset: usize, count: usize) -> &'static [AtomicU64] {
        self.check(offset, count * 8);
        assert!(offset.is_multiple_of(8), "words begin at a multiple of 8, not at {offset}");
        // SAFETY: `check` and the assertion keep it inside the mapping and aligned; the mapping is page-aligned,
        // never undone and valid for every bit pattern; both processes touch these bytes only as atomics.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().byte_add(offset).cast(), count) }
    }

    /// The half word at byte `offset`, as a futex wants it.
    ///
    /// # Panics
    /// As `words`.
    pub(crate) fn futex_word(&self, offset: usize) -> &'static AtomicU32 {
        self.check(offset, 8);
        assert!(offset.is_multiple_of(8), "words begin at a multiple of 8, not at {offset}");
        // SAFETY: as in `words`; nobody reads the word that this is the half of in another width.
        unsafe { &*self.start.as_ptr().byte_add(offset).cast::<AtomicU32>() }
    }

    /// Copies `bytes` to `offset` with one memcpy. Only before the peer has been told of them.
    ///
    /// # Panics
    /// If they don't lie in the region.
    pub(crate) fn copy_in(&self, offset: usize, bytes: &[u8]) {
        self.check(offset, bytes.len());
        // SAFETY: `check` keeps the target inside the mapping; `bytes` is ours, so the two don't overlap; the peer
        // reads the target only after a message that is sent later, and no reference to it exists.
        unsafe {
            let target = self.start.as_ptr().byte_add(offset).cast::<u8>();
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len());
        }
    }

    /// Writes `number` into every eight of `len` bytes from `offset` on, as in a message that the peer has not been told of.
    ///
    /// # Panics
    /// If they don't lie in the region.
    pub(crate) fn fill_words(&self, offset: usize, len: usize, number: u64) {
        self.check(offset, len);
        // SAFETY: `check` keeps them inside the mapping; the peer neither reads nor writes them until it is told of
        // the message, nor later than it answers; no other reference to them exists in this process.
        let bytes =
            unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().byte_add(offset).cast(), len) };
        payload::fill_words(bytes, number);
    }

    /// The number in every eight of `len` bytes from `offset` on, of a message that the peer has told of.
    ///
    /// # Panics
    /// If they don't lie in the region.
    pub(crate) fn checked_number(&self, offset: usize, len: usize) -> u64 {
        self.check(offset, len);
        // SAFETY: `check` keeps them inside the mapping; the peer wrote them before it told of them, and writes them
        // again only after it was answered; nobody writes to them in this process.
        let bytes = unsafe { std::slice::from_raw_parts(self.start.as_ptr().byte_add(offset).cast(), len) };
        payload::checked_number(bytes)
    }

    /// The byte at `offset`, really read.
    ///
    /// # Panics
    /// If it doesn't lie in the region.
    pub(crate) fn byte(&self, offset: usize) -> u8 {
        self.check(offset, 1);
        // SAFETY: `check` keeps it inside the mapping; it was written before the message that led here.
        unsafe { self.start.as_ptr().byte_add(offset).cast::<u8>().read_volatile() }
    }

    fn check(&self, offset: usize, bytes: usize) {
        let end = offset.checked_add(bytes);
        assert!(end.is_some_and(|end| end <= self.bytes), "{bytes} bytes at {offset} of {}", self.bytes);
    }
}
