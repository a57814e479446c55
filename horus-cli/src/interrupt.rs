//! Ctrl+C and SIGTERM for commands that go on until they are told to end.

use crate::failure::Failure;
use horus_shm::{WaitSet, Woken, now_ns, stop};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

/// A shell's status after Ctrl+C.
const STATUS_INTERRUPTED: i32 = 130;

/// Hangs up when this process is asked to stop: what a wait for a file or a pipe can watch.
static STOPPED: OnceLock<OwnedFd> = OnceLock::new();

/// Turns SIGINT, SIGTERM and SIGHUP into this process's stop word, which ends every wait; the second one ends the process.
pub(crate) fn catch() -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let (reading, writing) = pipe_with(PipeFlags::CLOEXEC).map_err(std::io::Error::from)?;
    // Called once a process; a second end would only not be watched.
    let _ = STOPPED.set(reading);
    let mut writing = Some(writing);
    let watch = move || {
        for _ in signals.forever() {
            if stop::requested() {
                std::process::exit(STATUS_INTERRUPTED);
            }
            stop::request();
            drop(writing.take());
        }
    };
    thread::Builder::new().name("signals".into()).spawn(watch)?;
    Ok(())
}

/// Waits that long; false if this process was asked to stop meanwhile.
pub(crate) fn pause(time: Duration) -> Result<bool, Failure> {
    pause_until(now_ns().saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
}

/// Waits until then, `CLOCK_MONOTONIC` nanoseconds; false if this process was asked to stop meanwhile.
pub(crate) fn pause_until(deadline_ns: u64) -> Result<bool, Failure> {
    Ok(WaitSet::new().wait(&mut [], Some(deadline_ns))? != Woken::Stop)
}

/// Waits until there is something to read, or the end of it; false if this process was asked to stop meanwhile.
pub(crate) fn readable(file: impl AsFd) -> std::io::Result<bool> {
    let Some(stopped) = STOPPED.get() else { return Ok(true) };
    loop {
        let mut fds = [PollFd::new(&file, PollFlags::IN), PollFd::new(stopped, PollFlags::empty())];
        match poll(&mut fds, None) {
            Ok(_) => return Ok(fds[1].revents().is_empty()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
