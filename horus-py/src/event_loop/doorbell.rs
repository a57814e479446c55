//! Topics for event loops that no scheduler drives: a thread waits for them and rings through a pipe.

use super::inbox::distinct;
use crate::channel::{Channel, Locked};
use horus_shm::{WaitSet, Woken};
use parking_lot::{Condvar, Mutex};
use pyo3::prelude::*;
use pyo3::types::PyList;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;

/// Rings once when any of the topics that it watches has a message, then watches none until it is told to again.
///
/// Its thread never attaches to the interpreter, so that it can't be in the way when that ends.
#[derive(Debug)]
#[pyclass(frozen)]
pub(super) struct Doorbell {
    shared: Arc<Shared>,
    pipe: PipeReader,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// What to watch; none once it rang.
    channels: Vec<Arc<Channel>>,
    /// Whether a byte is in the pipe.
    rung: bool,
    ended: bool,
}

/// Returns a new doorbell, with its thread.
#[pyfunction]
pub(crate) fn _doorbell(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let (pipe, bell) = std::io::pipe()?;
    let state = State { channels: Vec::new(), rung: false, ended: false };
    let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
    let theirs = shared.clone();
    std::thread::Builder::new().name("horus-wait".into()).spawn(move || theirs.attend(bell))?;
    Ok(Py::new(py, Doorbell { shared, pipe })?.into_any())
}

#[pymethods]
impl Doorbell {
    /// What becomes readable when it rings.
    fn fileno(&self) -> i32 {
        self.pipe.as_raw_fd()
    }

    /// Watches these and no others.
    fn watch(&self, inboxes: &Bound<'_, PyList>) -> PyResult<()> {
        self.shared.change(|state| {
            state.channels = distinct(inboxes)?;
            Ok(())
        })
    }

    /// Makes it ready to ring again.
    fn answer(&self) -> PyResult<()> {
        let mut state = self.shared.state.lock();
        if std::mem::take(&mut state.rung) {
            (&self.pipe).read_exact(&mut [0])?;
        }
        Ok(())
    }
}

impl Drop for Doorbell {
    fn drop(&mut self) {
        self.shared.change(|state| state.ended = true);
    }
}

impl Shared {
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let changed = change(&mut self.state.lock());
        self.changed.notify_one();
        horus_shm::nudge();
        changed
    }

    /// The thread: waits for what is to be watched, then for a message, then rings.
    fn attend(&self, mut bell: PipeWriter) {
        let mut waits = WaitSet::new();
        loop {
            // Before the look at what to watch: a change since then ends the wait.
            let since = horus_shm::nudges();
            let mut state = self.state.lock();
            if state.ended {
                return;
            }
            if state.channels.is_empty() {
                self.changed.wait(&mut state);
                continue;
            }
            let channels = state.channels.clone();
            drop(state);
            if wait(&mut waits, since, &channels) {
                let mut state = self.state.lock();
                state.channels.clear();
                if !std::mem::replace(&mut state.rung, true) && bell.write_all(&[0]).is_err() {
                    return;
                }
            }
        }
    }
}

/// Returns whether there is something to ring for: a message, a stop, or an error, which whoever receives will meet.
fn wait(waits: &mut WaitSet, since: u32, channels: &[Arc<Channel>]) -> bool {
    let mut locked: Vec<Locked> = channels.iter().map(|channel| channel.lock_for_wait()).collect();
    let mut topics: Vec<_> = locked.iter_mut().filter_map(|locked| locked.subscriber()).collect();
    let all = topics.len() == channels.len();
    !all || !matches!(waits.wait_since(since, &mut topics, None), Ok(Woken::Interrupted | Woken::Deadline))
}
