//! Files and mappings for the tests, one call each.

use crate::process::ShmFolder;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use rustix::fs::{Mode, OFlags};
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};
use std::ffi::c_void;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::ptr::null_mut;
use std::sync::atomic::AtomicU32;

/// The bytes of a page on this machine.
pub(crate) fn page_bytes() -> usize {
    rustix::param::page_size()
}

/// Makes `name` in `folder`, `bytes` long, all of it a hole.
pub(crate) fn sparse_file(folder: &ShmFolder, name: &str, bytes: usize) -> OwnedFd {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
    let file =
        rustix::fs::open(folder.path().join(name), flags, Mode::RUSR | Mode::WUSR).expect("a new file");
    rustix::fs::ftruncate(&file, bytes as u64).expect("tmpfs files can be any size");
    file
}

/// Opens `path` anew, so with a description of its own.
pub(crate) fn reopen(path: &Path, flags: OFlags) -> OwnedFd {
    rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty()).expect("the file is there")
}

/// The bytes of memory that the file takes.
pub(crate) fn taken_bytes(file: impl AsFd) -> u64 {
    u64::try_from(rustix::fs::fstat(file).expect("an open file").st_blocks).expect("not negative") * 512
}

/// Read or write, of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    /// Shared with other read locks.
    Read,
    /// Alone.
    Write,
}

fn range(kind: i32, start: i64, length: i64) -> libc::flock {
    libc::flock {
        l_type: kind as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: start,
        l_len: length,
        l_pid: 0,
    }
}

/// Asks for an open-file-description lock on `length` bytes from `start`, without waiting.
pub(crate) fn try_lock(file: BorrowedFd<'_>, lock: Lock, start: i64, length: i64) -> nix::Result<()> {
    let kind = if lock == Lock::Read { libc::F_RDLCK } else { libc::F_WRLCK };
    fcntl(file, FcntlArg::F_OFD_SETLK(&range(kind, start, length))).map(drop)
}

/// Which lock of another description stands against a write lock on these bytes; takes nothing.
pub(crate) fn probe(file: BorrowedFd<'_>, start: i64, length: i64) -> Option<Lock> {
    let mut range = range(libc::F_WRLCK, start, length);
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut range)).expect("asking is always allowed");
    match i32::from(range.l_type) {
        libc::F_RDLCK => Some(Lock::Read),
        libc::F_WRLCK => Some(Lock::Write),
        _ => None,
    }
}

/// A mapping, unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Region {
    start: *mut c_void,
    bytes: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread; its bytes are reached only through volatile accesses
// and atomics.
unsafe impl Send for Region {}
// SAFETY: as for Send; nothing here is thread-bound.
unsafe impl Sync for Region {}

impl Region {
    /// Maps the first `bytes` of a file, shared.
    pub(crate) fn shared(file: impl AsFd, bytes: usize, protection: ProtFlags) -> Self {
        // SAFETY: the kernel chooses the address, so no memory in use is replaced.
        let start = unsafe { rustix::mm::mmap(null_mut(), bytes, protection, MapFlags::SHARED, file, 0) };
        Self { start: start.expect("address space is left"), bytes }
    }

    /// Maps private anonymous memory.
    pub(crate) fn anonymous(bytes: usize) -> Self {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the address, so no memory in use is replaced.
        let start = unsafe { rustix::mm::mmap_anonymous(null_mut(), bytes, protection, MapFlags::PRIVATE) };
        Self { start: start.expect("address space is left"), bytes }
    }

    fn at(&self, offset: usize) -> *mut u8 {
        assert!(offset < self.bytes, "inside the mapping");
        // SAFETY: `offset` was just checked, so the result stays inside the mapping.
        unsafe { self.start.cast::<u8>().add(offset) }
    }

    /// Reads a byte.
    pub(crate) fn read(&self, offset: usize) -> u8 {
        // SAFETY: `at` checked the offset; the mapping lives as long as `self`. Where a test maps without read
        // permission or past the memory there is, the signal that follows is what it is about.
        unsafe { self.at(offset).read_volatile() }
    }

    /// Writes a byte.
    pub(crate) fn write(&self, offset: usize, value: u8) {
        // SAFETY: as in `read`.
        unsafe { self.at(offset).write_volatile(value) }
    }

    /// A word for futexes.
    pub(crate) fn word(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset + 4 <= self.bytes, "an aligned word inside the mapping");
        // SAFETY: aligned, inside the mapping, which lives as long as `self`, and only ever reached atomically.
        unsafe { AtomicU32::from_ptr(self.at(offset).cast()) }
    }

    /// `madvise` for the whole mapping.
    pub(crate) fn advise(&self, advice: Advice) -> rustix::io::Result<()> {
        // SAFETY: only advices that keep the bytes are used, and none on memory that Rust owns.
        unsafe { rustix::mm::madvise(self.start, self.bytes, advice) }
    }

    /// `mprotect` from `offset`, `bytes` long.
    pub(crate) fn protect(
        &self,
        offset: usize,
        bytes: usize,
        flags: MprotectFlags,
    ) -> rustix::io::Result<()> {
        assert!(offset + bytes <= self.bytes, "inside the mapping");
        // SAFETY: inside this mapping, to which no Rust reference stands.
        unsafe { rustix::mm::mprotect(self.at(offset).cast(), bytes, flags) }
    }

    /// Unmaps the first `bytes` only.
    pub(crate) fn cut_front(&mut self, bytes: usize) {
        assert!(bytes < self.bytes, "something stays");
        // SAFETY: inside this mapping, to which no Rust reference stands; `self` shrinks with it.
        unsafe { rustix::mm::munmap(self.start, bytes) }.expect("our mapping");
        self.start = self.at(bytes).cast();
        self.bytes -= bytes;
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own and nothing refers to it any more.
        unsafe { rustix::mm::munmap(self.start, self.bytes) }.expect("our mapping");
    }
}
