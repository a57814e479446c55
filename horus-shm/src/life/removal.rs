//! Hearing of it when the file of a participant is removed, without asking.

use crate::error::{Error, Result};
use crate::life::participant::Participant;
use crate::ring::wait::nudge;
use crate::sys::fork;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;

/// While this lives, removing the participant's file [nudges](crate::nudge) every wait of this process.
///
/// So that a process in which nothing happens needn't wake up to ask [`Participant::still_linked`]. A thread that sleeps,
/// and one of the user's inotify instances (128, unless the machine says otherwise).
#[derive(Debug)]
pub struct RemovalWatch {
    inotify: Arc<OwnedFd>,
    watch: i32,
    thread: Option<JoinHandle<()>>,
    epoch: u64,
}

impl RemovalWatch {
    /// Begins to watch; half a dozen system calls.
    ///
    /// # Errors
    /// [`Error::ResourceLimit`] and [`Error::Os`] without an inotify instance or a thread to spare; [`Error::Refused`] when the file is gone already.
    pub fn start(participant: &Participant) -> Result<Self> {
        let path = participant.path();
        let failed = |errno: Errno| Error::os("inotify", &path, errno);
        let inotify = Arc::new(inotify::init(CreateFlags::CLOEXEC).map_err(failed)?);
        // A mapped file that loses its last name changes its count of links, and stays.
        let watch = inotify::add_watch(&*inotify, &path, WatchFlags::ATTRIB).map_err(failed)?;
        if !participant.still_linked()? {
            return Err(Error::Refused { path, reason: "it was removed".into() });
        }
        let theirs = inotify.clone();
        let thread = std::thread::Builder::new().name("horus-removal".into()).spawn(move || attend(&theirs));
        let thread = Some(thread.map_err(|error| Error::os("clone", &path, error))?);
        Ok(Self { inotify, watch, thread, epoch: fork::epoch() })
    }
}

/// Nudges at each change, until the watch is taken off.
fn attend(inotify: &OwnedFd) {
    let mut room = [MaybeUninit::uninit(); 512];
    let mut events = inotify::Reader::new(inotify, &mut room);
    loop {
        match events.next() {
            Ok(event) if event.events().contains(ReadFlags::IGNORED) => return,
            Ok(_) => nudge(),
            Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

impl Drop for RemovalWatch {
    fn drop(&mut self) {
        // A forked child has no such thread, and the watch is its parent's.
        if self.epoch != fork::epoch() {
            return;
        }
        // Ends the thread by an event; without the watch, taken off with the last of the file, it has ended.
        let _ = inotify::remove_watch(&*self.inotify, self.watch);
        // It holds nothing that a panic could have left half-done.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
