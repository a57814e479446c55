//! Signals that come while the scheduler sleeps.
//!
//! A signal ends a sleep, but not one that begins just after it came or that another thread got, and Python runs the
//! program's handlers only when it is asked to. Where a program has handlers of its own, Python also writes each signal
//! into a pipe, and a thread that sleeps on it moves the process's wake word, which no sleep can miss. Ctrl+C and SIGTERM
//! need none of it: during a run they move that word themselves.

use parking_lot::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::io::{ErrorKind, PipeWriter, Read};
use std::os::fd::AsRawFd;
use std::thread::JoinHandle;

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

/// What a run does about the program's signals.
#[derive(Debug, Default)]
pub(crate) struct Signals(Mutex<Option<Wakeful>>);

impl Signals {
    /// Runs the handlers of signals that came, and sees to it that those to come wake the scheduler.
    ///
    /// # Errors
    /// What a handler raises, and as [`Wakeful::begin`].
    pub(crate) fn look(&self, py: Python<'_>) -> PyResult<()> {
        py.check_signals()?;
        if self.0.lock().is_some() || !has_own_handlers(py)? {
            return Ok(());
        }
        // Only the scheduler's thread gets here, so that none came first.
        if let Watch::Ours(begun) = Wakeful::begin(py)? {
            *self.0.lock() = Some(begun);
        }
        Ok(())
    }

    /// Ends what was begun.
    ///
    /// # Errors
    /// What `signal.set_wakeup_fd` raises.
    pub(crate) fn end(&self, py: Python<'_>) -> PyResult<()> {
        let begun = self.0.lock().take();
        begun.map_or(Ok(()), |begun| begun.end(py))
    }
}

/// Whether the program has a handler of a signal that the scheduler doesn't see to itself.
fn has_own_handlers(py: Python<'_>) -> PyResult<bool> {
    let signal = py.import("signal")?;
    let (get, all) = (signal.getattr("getsignal")?, signal.call_method0("valid_signals")?);
    for number in all.try_iter()? {
        let number = number?;
        let handler = get.call1((&number,))?;
        // The special ones are numbers; `None` is a handler that isn't Python's.
        if handler.is_callable() && !matches!(number.extract::<i32>()?, SIGINT | SIGTERM) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// While this lives, each signal that Python has a handler for wakes every wait of the process.
#[derive(Debug)]
pub(crate) struct Wakeful {
    pipe: PipeWriter,
    thread: JoinHandle<()>,
    epoch: u64,
}

/// Who sees to it that a signal ends a wait.
pub(crate) enum Watch {
    /// We do, while this lives.
    Ours(Wakeful),
    /// Nobody needs to: Python runs handlers only in the main thread, which this isn't.
    NotHere,
    /// Somebody else, such as another event loop, has Python tell it of signals.
    Others,
}

impl Wakeful {
    /// Begins, if signals are our business.
    ///
    /// # Errors
    /// `OSError` without a descriptor or a thread to spare; what a handler of a signal that came raises.
    pub(crate) fn begin(py: Python<'_>) -> PyResult<Watch> {
        let (mut reader, pipe) = std::io::pipe()?;
        // A full pipe has told already.
        py.import("os")?.call_method1("set_blocking", (pipe.as_raw_fd(), false))?;
        // The first time this runs Python, and with it the program's handlers: what those raise, be it a `ValueError`, is not
        // what `tell` says.
        py.import("signal")?;
        let before = match tell(py, pipe.as_raw_fd()) {
            Ok(before) => before,
            Err(error) if error.is_instance_of::<PyValueError>(py) => return Ok(Watch::NotHere),
            Err(error) => return Err(error),
        };
        if before != -1 {
            tell(py, before)?;
            return Ok(Watch::Others);
        }
        let attend = move || {
            loop {
                match reader.read(&mut [0; 64]) {
                    // The end of the pipe.
                    Ok(0) => break,
                    // A signal that this thread got itself is in the pipe as any other.
                    Err(error) if error.kind() != ErrorKind::Interrupted => break,
                    Ok(_) | Err(_) => horus_shm::nudge(),
                }
            }
        };
        match std::thread::Builder::new().name("horus-signals".into()).spawn(attend) {
            Ok(thread) => Ok(Watch::Ours(Wakeful { pipe, thread, epoch: horus_shm::process_epoch() })),
            Err(error) => {
                tell(py, -1)?;
                Err(error.into())
            }
        }
    }

    /// Ends, and leaves alone what somebody else has set meanwhile.
    ///
    /// # Errors
    /// What `signal.set_wakeup_fd` raises.
    pub(crate) fn end(self, py: Python<'_>) -> PyResult<()> {
        let Wakeful { pipe, thread, epoch } = self;
        let set = tell(py, -1)?;
        if set != pipe.as_raw_fd() && set != -1 {
            tell(py, set)?;
        }
        py.detach(|| {
            drop(pipe);
            if epoch != horus_shm::process_epoch() {
                // A forked child has no such thread.
                return;
            }
            // It holds nothing that a panic could have left half-done.
            let _ = thread.join();
        });
        Ok(())
    }
}

/// Has Python write each signal to this descriptor, or to none; returns the one before.
///
/// # Errors
/// `ValueError` outside the main thread.
fn tell(py: Python<'_>, descriptor: i32) -> PyResult<i32> {
    let options = PyDict::new(py);
    options.set_item(intern!(py, "warn_on_full_buffer"), false)?;
    py.import("signal")?.call_method("set_wakeup_fd", (descriptor,), Some(&options))?.extract()
}
