//! Mappings of files and of anonymous pages.

use crate::error::{Error, Result};
use crate::sync::{AtomicU32, AtomicU64};
use crate::sys::fork;
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::ptr::NonNull;

/// What a part of a mapping may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing: not even a hole is read by accident.
    None,
    Read,
    ReadWrite,
}

/// A shared mapping of a whole file.
///
/// Its words are only ever reached as atomics, or, in blocks, through raw pointers under the rules of the
/// pool. Dropping it unmaps, and lets go of the locks that it holds; in a forked child it does nothing,
/// because there is no mapping there.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    len: usize,
    epoch: u64,
    inherited: bool,
}

// SAFETY: the mapping is memory shared between processes; every access through this type is an atomic
// access or a raw pointer whose users state their own rules.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes of a file. The mapping keeps the open file, and with it its locks, alive.
    ///
    /// With `inherit` a forked child keeps the mapping (for read-only views of blocks); otherwise not.
    pub(crate) fn new(
        fd: BorrowedFd<'_>,
        len: u64,
        access: Access,
        inherit: bool,
        path: &Path,
    ) -> Result<Self> {
        let epoch = fork::epoch();
        let len = usize::try_from(len).map_err(|_| Error::TooLarge {
            what: path.display().to_string(),
            bytes: len,
            limit: usize::MAX as u64,
        })?;
        let protection = match access {
            Access::None => ProtFlags::empty(),
            Access::Read => ProtFlags::READ,
            Access::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
        };
        // SAFETY: a null hint lets the kernel choose an address that nothing uses.
        let base = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                len,
                protection,
                MapFlags::SHARED | MapFlags::NORESERVE,
                fd,
                0,
            )
        }
        .map_err(|errno| Error::os("mmap", path, errno))?;
        let base = NonNull::new(base.cast::<u8>()).expect("mmap without MAP_FIXED never returns null");
        let mapping = Self { base, len, epoch, inherited: inherit };
        #[cfg(shuttle)]
        crate::sim::mapped(fd, base.as_ptr() as usize, len);
        if !inherit {
            // SAFETY: the range is this mapping; the advice changes only what fork copies.
            unsafe { rustix::mm::madvise(base.as_ptr().cast(), len, Advice::LinuxDontFork) }
                .map_err(|errno| Error::os("madvise(MADV_DONTFORK)", path, errno))?;
        }
        Ok(mapping)
    }

    /// Changes what a part may be used for; `start` is a multiple of the page size.
    pub(crate) fn protect(&self, start: u64, len: u64, access: Access, path: &Path) -> Result<()> {
        let (start, len) = (start as usize, len as usize);
        assert!(start <= self.len && len <= self.len - start, "a part of the mapping");
        let flags = match access {
            Access::None => MprotectFlags::empty(),
            Access::Read => MprotectFlags::READ,
            Access::ReadWrite => MprotectFlags::READ | MprotectFlags::WRITE,
        };
        // SAFETY: the range lies within this mapping, checked above; callers only widen the rights of parts
        // that were out of reach.
        unsafe { rustix::mm::mprotect(self.base.as_ptr().add(start).cast(), len, flags) }
            .map_err(|errno| Error::os("mprotect", path, errno))
    }

    /// Returns the address of a byte; `offset <= len`.
    pub(crate) fn at(&self, offset: usize) -> *mut u8 {
        assert!(offset <= self.len, "an offset within the mapping");
        // SAFETY: within the mapping or one past its end, checked above.
        unsafe { self.base.as_ptr().add(offset) }
    }

    /// Returns a word. The caller has made sure that its page is readable, and for stores writable.
    #[inline]
    pub(crate) fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(
            offset.is_multiple_of(8) && offset < self.len && self.len - offset >= 8,
            "a word of the mapping"
        );
        // SAFETY: aligned and within the mapping, checked above; the mapping outlives the borrow; every
        // access anywhere to these bytes is atomic.
        unsafe { AtomicU64::from_ptr(self.base.as_ptr().add(offset).cast()) }
    }

    /// Returns a half word, as [`Mapping::word`].
    #[inline]
    pub(crate) fn half(&self, offset: usize) -> &AtomicU32 {
        assert!(
            offset.is_multiple_of(4) && offset < self.len && self.len - offset >= 4,
            "a half word of the mapping"
        );
        // SAFETY: as in `word`.
        unsafe { AtomicU32::from_ptr(self.base.as_ptr().add(offset).cast()) }
    }

    /// Returns `count` words from `offset` on, as [`Mapping::word`].
    #[inline]
    pub(crate) fn words(&self, offset: usize, count: usize) -> &[AtomicU64] {
        assert!(
            offset.is_multiple_of(8) && offset <= self.len && count <= (self.len - offset) / 8,
            "words of the mapping"
        );
        // SAFETY: as in `word`, for each of them.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr().add(offset).cast(), count) }
    }

    /// Copies bytes in; only while nobody else can see the file.
    pub(crate) fn fill(&self, offset: usize, bytes: &[u8]) {
        assert!(offset <= self.len && bytes.len() <= self.len - offset, "a part of the mapping");
        // SAFETY: within the mapping, checked above; the file has no name yet, so nobody else maps it.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.as_ptr().add(offset), bytes.len()) }
    }

    /// Returns whether this process is the one that mapped it, so that it is there.
    #[inline]
    pub(crate) fn is_ours(&self) -> bool {
        self.epoch == fork::epoch()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // A killed process of a simulation has lost what it inherits to children as well.
        if self.inherited && !cfg!(shuttle) || self.is_ours() {
            #[cfg(shuttle)]
            crate::sim::step_of_end("munmap");
            #[cfg(shuttle)]
            crate::sim::unmapped(self.base.as_ptr() as usize);
            // SAFETY: mapped by `new` and unmapped once; nothing borrowed from it outlives it. In a child that
            // doesn't have it the range may belong to something else by now, so it is left alone.
            // A failure leaves the range mapped, which leaks and harms nothing.
            let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.len) };
        }
    }
}

/// One private page that a forked child finds wiped.
#[derive(Debug)]
pub(crate) struct Anonymous(NonNull<u8>);

// SAFETY: its one word is only reached as an atomic.
unsafe impl Send for Anonymous {}
// SAFETY: as above.
unsafe impl Sync for Anonymous {}

impl Anonymous {
    /// Maps a page of zeros that is zero again in a forked child; never unmapped.
    pub(crate) fn wiped_on_fork() -> Self {
        let len = rustix::param::page_size();
        // SAFETY: a fresh anonymous page at an address of the kernel's choice.
        let base = unsafe {
            rustix::mm::mmap_anonymous(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        }
        .expect("a process that can't map one page can't go on");
        // SAFETY: the page just mapped; private and anonymous, as the advice demands.
        unsafe { rustix::mm::madvise(base, len, Advice::LinuxWipeOnFork) }
            .expect("MADV_WIPEONFORK is there since Linux 4.14");
        Self(NonNull::new(base.cast()).expect("mmap never returns null"))
    }

    /// Returns the page's first word.
    #[inline]
    pub(crate) fn word(&self) -> &AtomicU64 {
        // SAFETY: page-aligned, mapped for ever, only reached as an atomic.
        unsafe { AtomicU64::from_ptr(self.0.as_ptr().cast()) }
    }
}
