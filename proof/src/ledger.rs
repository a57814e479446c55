//! What each process of a run notes of itself: memory that HORUS has no part in, and that outlives a kill.

use crate::Result;
use rustix::mm::{MapFlags, ProtFlags};
use std::ffi::c_void;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

/// Processes of one run at most; each has an entry of its own.
pub(crate) const ENTRIES: u64 = 1 << 20;
/// The entry that is no process's own.
pub(crate) const EVERYBODY: u64 = 0;
/// Words of an entry: two cache lines, so that no two processes share one.
const WORDS: usize = 16;

/// A word of an entry. Times are `CLOCK_MONOTONIC` nanoseconds, 0 for not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// Before its first call of HORUS.
    Began = 0,
    /// When its topic was open.
    Ready = 1,
    /// What a publisher of images is doing; see [`Doing`].
    Doing = 2,
    /// Messages that a publisher has begun to send.
    Begun = 3,
    /// Messages that a publisher has sent.
    Sent = 4,
    /// Messages that a subscriber got, all of them whole.
    Received = 5,
    /// Messages that a subscriber says it missed.
    Dropped = 6,
    /// When the watcher in Rust first heard this publisher; written by that watcher.
    Heard = 7,
    /// The same of the watcher in Python.
    HeardInPython = 8,
    /// When a subscriber got its first message.
    First = 9,
    /// The longest time between two messages that came to the watcher of the steady topic, in nanoseconds.
    LongestPause = 10,
    /// The longest call of `send` of the steady publisher, in nanoseconds.
    LongestSend = 11,
    /// How late the steady publisher itself was at most, in nanoseconds: what the machine alone made of the pause.
    LongestDelay = 12,
    /// Only in [`EVERYBODY`]'s entry, by any process: who has found something wrong and ended.
    Fault = 13,
}

/// What a publisher of images was doing when it was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Asking for a block.
    Allocating = 1,
    /// Writing pixels into its block.
    Filling = 2,
    /// Sending.
    Publishing = 3,
    /// None of these.
    Nothing = 0,
}

/// All entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ledger {
    words: &'static [AtomicU64],
}

/// One process's entry. Every word has one writer, but [`Note::Fault`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    words: &'static [AtomicU64],
}

impl Ledger {
    /// Maps the file `path`, made with all its entries zero if it isn't there; stays mapped as long as the process lives.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let count = ENTRIES as usize * WORDS;
        file.set_len(8 * count as u64)?;
        let (rights, shared) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        Ok(Self { words: map(&file, count, rights, shared)? })
    }

    /// Returns the entry of process `id` of the run.
    pub(crate) fn entry(&self, id: u64) -> Entry {
        let first = id as usize * WORDS;
        Entry { words: &self.words[first..first + WORDS] }
    }
}

#[allow(unsafe_code, reason = "mapping memory is; this is the one place in the crate")]
fn map(
    file: &std::fs::File,
    count: usize,
    rights: ProtFlags,
    flags: MapFlags,
) -> Result<&'static [AtomicU64]> {
    // SAFETY: a new mapping at an address that the kernel chooses overlaps nothing.
    let start = unsafe { rustix::mm::mmap(std::ptr::null_mut(), 8 * count, rights, flags, file, 0)? };
    let start: NonNull<c_void> = NonNull::new(start).ok_or("mapped at address 0")?;
    // SAFETY: the mapping is as long, page-aligned, never undone, and valid for every bit pattern; all processes touch
    // it only as atomics.
    Ok(unsafe { std::slice::from_raw_parts(start.as_ptr().cast(), count) })
}

impl Entry {
    /// Notes a number.
    pub(crate) fn set(&self, note: Note, value: u64) {
        // Release: pairs with the Acquire load in `get`; who reads a note finds all that was noted before it.
        self.words[note as usize].store(value, Ordering::Release);
    }

    /// Notes the time.
    pub(crate) fn stamp(&self, note: Note) {
        self.set(note, horus_shm::now_ns());
    }

    /// Notes what a publisher of images is about to do.
    pub(crate) fn doing(&self, doing: Doing) {
        self.set(Note::Doing, doing as u64);
    }

    /// Raises a number that only grows.
    pub(crate) fn raise(&self, note: Note, value: u64) {
        if value > self.get(note) {
            self.set(note, value);
        }
    }

    /// Returns what was noted.
    pub(crate) fn get(&self, note: Note) -> u64 {
        // Acquire: pairs with the Release store in `set`.
        self.words[note as usize].load(Ordering::Acquire)
    }
}
