//! SIGINT and SIGTERM during a run: both ask this process to stop.
#![allow(unsafe_code, reason = "setting a signal handler is unsafe; this is the one place in the crate")]

use crate::error::{Error, Result};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::sync::{Mutex, PoisonError};

/// How many runs there are, and what was set before the first of them.
static INSTALLED: Mutex<Installed> = Mutex::new(Installed { runs: 0, before: Vec::new() });

struct Installed {
    runs: u32,
    before: Vec<(Signal, SigAction)>,
}

/// While one of these lives, SIGINT and SIGTERM ask this process to stop; afterwards all is as it was.
///
/// A second SIGINT ends the process at once, by the signal. A SIGINT that was ignored before stays so: the shell starts
/// jobs in the background with it ignored, so that Ctrl+C reaches only the one in the foreground.
#[derive(Debug)]
pub(crate) struct StopOnSignals(());

extern "C" fn on_signal(_signal: i32) {
    horus_shm::stop::request();
}

impl StopOnSignals {
    pub(crate) fn install() -> Result<Self> {
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        if installed.runs == 0 {
            // RESETHAND: the second Ctrl+C finds the default, which ends the process.
            let interrupt = SaFlags::SA_RESTART | SaFlags::SA_RESETHAND;
            for (signal, flags) in [(Signal::SIGINT, interrupt), (Signal::SIGTERM, SaFlags::SA_RESTART)] {
                match set(signal, &SigAction::new(SigHandler::Handler(on_signal), flags, SigSet::empty())) {
                    Ok(before) => installed.before.push((signal, before)),
                    Err(error) => {
                        restore(&mut installed);
                        return Err(error);
                    }
                }
            }
            if let Some((signal, before)) = installed.before.first()
                && matches!(before.handler(), SigHandler::SigIgn)
            {
                set(*signal, before)?;
            }
        }
        installed.runs += 1;
        Ok(Self(()))
    }
}

impl Drop for StopOnSignals {
    fn drop(&mut self) {
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        installed.runs -= 1;
        if installed.runs == 0 {
            restore(&mut installed);
        }
    }
}

fn restore(installed: &mut Installed) {
    for (signal, before) in installed.before.drain(..) {
        // It was the action of this very signal, so the kernel takes it.
        let _ = set(signal, &before);
    }
}

fn set(signal: Signal, action: &SigAction) -> Result<SigAction> {
    // SAFETY: `on_signal` only calls `stop::request`, which is async-signal-safe: two atomic writes and a futex call.
    // The other actions set here are those that were set before.
    unsafe { sigaction(signal, action) }.map_err(|errno| Error::Signals(errno.into()))
}
