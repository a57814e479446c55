//! A topic as a coroutine waits for it.

use crate::channel::Channel;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use std::sync::Arc;

/// The receiving side of one topic, without its sending side and its options.
#[derive(Debug)]
#[pyclass(frozen)]
pub(super) struct Inbox(Arc<Channel>);

#[pymethods]
impl Inbox {
    /// Takes the oldest unread message; a tuple, since a message may be None.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        self.0.recv(py)?.map(|message| PyTuple::new(py, [message])).transpose()
    }

    /// Whether waiting is over: there is a message, or the process is to stop.
    fn ready(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(horus_shm::stop::requested() || self.0.has_msg(py)?)
    }
}

/// Returns a coroutine that receives from a topic. It is subscribed already when this returns.
pub(crate) fn receive<'py>(
    py: Python<'py>,
    channel: &Arc<Channel>,
    timeout: Option<f64>,
) -> PyResult<Bound<'py, PyAny>> {
    let timeout = crate::node::seconds("timeout", timeout)?.map(|timeout| timeout.as_secs_f64());
    channel.open_subscriber(py)?;
    channel.share(py);
    let inbox = Py::new(py, Inbox(channel.clone()))?;
    py.import("horus._loop")?.getattr("receive")?.call1((inbox, timeout))
}

/// The channels of these inboxes, each once.
pub(super) fn distinct(inboxes: &Bound<'_, PyList>) -> PyResult<Vec<Arc<Channel>>> {
    let mut all: Vec<Arc<Channel>> = Vec::with_capacity(inboxes.len());
    for inbox in inboxes.iter() {
        let channel = &inbox.cast::<Inbox>()?.get().0;
        if !all.iter().any(|known| Arc::ptr_eq(known, channel)) {
            all.push(channel.clone());
        }
    }
    Ok(all)
}
