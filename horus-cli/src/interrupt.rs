//! Ctrl+C and SIGTERM for commands that go on until they are told to end.

use crate::failure::Failure;
use horus_shm::{WaitSet, Woken, now_ns, stop};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::thread;
use std::time::Duration;

/// A shell's status after Ctrl+C.
const STATUS_INTERRUPTED: i32 = 130;

/// Turns SIGINT, SIGTERM and SIGHUP into this process's stop word, which ends every wait; the second one ends the process.
pub(crate) fn catch() -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let watch = move || {
        for _ in signals.forever() {
            if stop::requested() {
                std::process::exit(STATUS_INTERRUPTED);
            }
            stop::request();
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
