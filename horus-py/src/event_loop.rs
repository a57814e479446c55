//! asyncio in a run: what a callback returned is awaited between the rounds. `_loop.py` knows asyncio; this knows the
//! scheduler.

mod doorbell;
mod inbox;

pub(crate) use doorbell::_doorbell;
pub(crate) use inbox::receive;

use crate::channel::{Channel, Lent};
use crate::errors::horus_error;
use horus_core::{EventLoop, NodeError, NodeResult};
use horus_shm::Subscriber;
use inbox::distinct;
use parking_lot::Mutex;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyList;
use std::sync::{Arc, OnceLock};

/// The event loop of one run. Nothing of it exists until a callback returns something to await.
#[derive(Debug, Default)]
pub(crate) struct Coroutines {
    python: OnceLock<Py<PyAny>>,
    awaited: Arc<Mutex<Vec<Arc<Channel>>>>,
}

/// Takes the topics that coroutines of the run wait for.
#[derive(Debug)]
#[pyclass(frozen)]
struct Awaited(Arc<Mutex<Vec<Arc<Channel>>>>);

#[pymethods]
impl Awaited {
    fn watch(&self, inboxes: &Bound<'_, PyList>) -> PyResult<()> {
        *self.0.lock() = distinct(inboxes)?;
        Ok(())
    }
}

/// Refuses a run inside an event loop, which would stand still for as long.
pub(crate) fn refuse_running_loop(py: Python<'_>) -> PyResult<()> {
    // Without asyncio there is none; importing it takes longer than all of horus.
    let Ok(asyncio) = py.import("sys")?.getattr("modules")?.get_item("asyncio") else {
        return Ok(());
    };
    match asyncio.call_method0("get_running_loop") {
        Ok(_) => Err(horus_error(
            py,
            "horus.run() was called inside a running event loop, which it would block; call it outside, and give a node \
             an async def as its tick",
        )),
        Err(_) => Ok(()),
    }
}

/// Returns whether a callback gave back something to await, as an `async def` does.
///
/// # Errors
/// `TypeError` for a generator, of which nothing would ever run.
pub(crate) fn is_awaitable(returned: &Bound<'_, PyAny>) -> PyResult<bool> {
    if returned.is_none() {
        return Ok(false);
    }
    let class = returned.get_type();
    if class.hasattr(pyo3::intern!(returned.py(), "__await__"))? {
        return Ok(true);
    }
    let name = class.name()?;
    if name == "generator" || name == "async_generator" {
        let of = returned.getattr("__qualname__")?;
        return Err(PyTypeError::new_err(format!("{of} has a yield; a callback runs to its end, or awaits")));
    }
    Ok(false)
}

impl Coroutines {
    fn made<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(made) = self.python.get() {
            return Ok(made.bind(py).clone());
        }
        let awaited = Py::new(py, Awaited(self.awaited.clone()))?;
        let made = py.import("horus._loop")?.getattr("Loop")?.call1((awaited,))?;
        // One thread runs all callbacks, so that none came first.
        Ok(self.python.get_or_init(|| made.unbind()).bind(py).clone())
    }

    /// Begins to await what a callback returned, up to its first pause; returns the task.
    pub(crate) fn begin(&self, awaitable: &Bound<'_, PyAny>, name: &str) -> PyResult<Py<PyAny>> {
        let made = self.made(awaitable.py())?;
        Ok(made.call_method1("begin", (awaitable, name))?.unbind())
    }

    /// Cancels the callbacks that go on, of all nodes, and waits until they have ended.
    pub(crate) fn take_over(&self, py: Python<'_>) -> PyResult<()> {
        self.python.get().map_or(Ok(()), |made| made.bind(py).call_method0("take_over").map(drop))
    }

    /// Awaits what a callback returned at the end of the run.
    pub(crate) fn finish(&self, awaitable: &Bound<'_, PyAny>) -> PyResult<()> {
        self.made(awaitable.py())?.call_method1("finish", (awaitable,)).map(drop)
    }

    /// Ends the loop with whatever still runs in it.
    pub(crate) fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.python.get().map_or(Ok(()), |made| made.bind(py).call_method0("close").map(drop))
    }
}

/// The same as the scheduler drives it.
pub(crate) struct Turns {
    coroutines: Arc<Coroutines>,
    lent: Vec<Lent>,
}

impl Turns {
    pub(crate) fn new(coroutines: Arc<Coroutines>) -> Self {
        Turns { coroutines, lent: Vec::new() }
    }
}

impl EventLoop for Turns {
    fn turn(&mut self, until_ns: u64) -> NodeResult<u64> {
        let Some(made) = self.coroutines.python.get() else {
            return Ok(u64::MAX);
        };
        Python::attach(|py| made.bind(py).call_method1(pyo3::intern!(py, "turn"), (until_ns,))?.extract())
            .map_err(NodeError::from)
    }

    fn on<'a>(&'a mut self, topics: &mut Vec<&'a mut Subscriber>) -> NodeResult {
        // What a node lends already wakes the scheduler just the same.
        self.lent.extend(self.coroutines.awaited.lock().iter().filter_map(|channel| channel.lend()));
        topics.extend(self.lent.iter_mut().filter_map(Lent::subscriber));
        Ok(())
    }

    fn waited(&mut self) {
        self.lent.clear();
    }
}
