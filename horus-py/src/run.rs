//! `horus.run`: the nodes of a process, one after the other in one thread.

use crate::errors::{horus_error, run_error};
use crate::event_loop::{Coroutines, Turns, refuse_running_loop};
use crate::node::{Node, Ticker, seconds};
use crate::signals::Signals;
use horus_core::Scheduler;
use horus_shm::{Language, Settings};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a run is on: the stop word is the process's, and so are the signals.
static RUNNING: AtomicBool = AtomicBool::new(false);

/// Whether a run is on in this process.
pub(crate) fn is_on() -> bool {
    // Acquire: pairs with the Release of `Turn`, so that no request outlives its run unseen.
    RUNNING.load(Ordering::Acquire)
}

struct Turn;

impl Turn {
    fn take(py: Python<'_>) -> PyResult<Self> {
        // Acquire and Release: one run ends before the next begins.
        match RUNNING.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => Ok(Turn),
            Err(_) => {
                Err(horus_error(py, "horus.run() is running already; give it all nodes of the process"))
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // The request was for this run; waits after it are none of its business.
        horus_shm::stop::clear();
        RUNNING.store(false, Ordering::Release);
    }
}

/// Runs nodes until SIGTERM, Ctrl+C, request_stop() or duration seconds, then shuts them down.
///
/// All nodes tick in the calling thread, in order, each seeing what the one before sent in the same round. First
/// removes what dead processes left. An exception in a callback ends the run, shuts all nodes down and is raised
/// here, unless the node's on_error takes it. During the run SIGTERM and the first Ctrl+C end it cleanly after
/// the tick; a second Ctrl+C ends the process. Callbacks that are coroutines run in the same thread, in an event loop of
/// asyncio that is made for the first of them; so run() itself can't be called inside a running event loop.
///
/// TypeError for what is no node, ValueError for a negative duration or two nodes of one name, HorusError if a run is on
/// in this process already. A node of another process may have the same name; a warning tells of it.
///
/// Example:
///     >>> import horus
///     >>> def tick(node):
///     ...     node.send(horus.CmdVel, horus.CmdVel(linear=0.5))
///     >>> horus.run(horus.Node("driver", pubs=horus.CmdVel, tick=tick, rate=100), duration=0.05)
#[pyfunction]
#[pyo3(signature = (*nodes, duration=None))]
pub(crate) fn run(py: Python<'_>, nodes: &Bound<'_, PyTuple>, duration: Option<f64>) -> PyResult<()> {
    let duration = seconds("duration", duration)?;
    let (coroutines, signals) = (Arc::new(Coroutines::default()), Arc::new(Signals::default()));
    let mut scheduler = Scheduler::with_settings(Settings::from_env(), Language::Python)
        .with_event_loop(Turns::new(coroutines.clone()));
    if nodes.is_empty() {
        return Err(PyTypeError::new_err("run() takes at least one node"));
    }
    for node in nodes.iter() {
        let node = node.cast_into::<Node>().map_err(|error| {
            PyTypeError::new_err(format!("run() takes nodes, and this is none: {:?}", error.into_inner()))
        })?;
        let (name, options) = (node.get().node_name(py)?.to_owned(), node.get().node_options(py)?);
        let ticker = Ticker::new(&node, coroutines.clone(), signals.clone())?;
        scheduler.add_boxed(&name, Box::new(ticker), options).map_err(|error| run_error(py, error))?;
    }
    let _turn = Turn::take(py)?;
    refuse_running_loop(py)?;
    let ran = py.detach(|| match duration {
        Some(duration) => scheduler.run_for(duration),
        None => scheduler.run(),
    });
    let closed = coroutines.close(py);
    let ended = signals.end(py);
    ran.map_err(|error| run_error(py, error)).and(closed).and(ended)
}
