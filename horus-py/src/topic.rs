//! `horus.Topic`: one topic without a node.

use crate::channel::{Channel, Declared, Options};
use crate::errors::shm_error;
use crate::event_loop;
use crate::node::{not_a_name, ring_depth, seconds};
use horus_shm::TopicName;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A topic, for sending and receiving without a node. Usable from any thread.
///
/// It receives what is sent from now on. If the first thing it does is to send, it gives that up, so that a mere
/// publisher is none of the topic's subscribers; its first recv, has_msg or wait subscribes again.
///
/// A type or msg_type (a message class, horus.Image, dict, or its name) fixes what the topic holds; without one it
/// is what is sent or found. depth is the ring's length if this makes the topic; latched keeps the newest
/// message for who joins later. TopicNameError for a name that can't be used, ValueError for an unknown type's name,
/// TopicTypeError if somebody uses the topic with another type.
///
/// Example:
///     >>> import horus
///     >>> commands = horus.Topic("cmd_vel", horus.CmdVel)
///     >>> with horus.Topic("cmd_vel") as driver:
///     ...     driver.send(horus.CmdVel(linear=0.5))
///     True
///     >>> commands.wait(timeout=1.0)
///     True
///     >>> commands.recv().linear
///     0.5
///     >>> commands.recv() is None
///     True
///     >>> commands.close()
#[derive(Debug)]
#[pyclass(frozen, module = "horus", weakref)]
pub(crate) struct Topic {
    channel: Arc<Channel>,
    /// Nothing was done yet but to subscribe.
    untouched: AtomicBool,
}

impl Topic {
    fn receiving(&self) -> &Arc<Channel> {
        // Relaxed: whoever sends and receives at once in two threads gets one of the two orders.
        self.untouched.store(false, Ordering::Relaxed);
        &self.channel
    }
}

#[pymethods]
impl Topic {
    #[new]
    #[pyo3(signature = (name, r#type=None, *, msg_type=None, depth=None, latched=false))]
    fn new(
        py: Python<'_>,
        name: &Bound<'_, PyAny>,
        r#type: Option<&Bound<'_, PyAny>>,
        msg_type: Option<&Bound<'_, PyAny>>,
        depth: Option<i64>,
        latched: bool,
    ) -> PyResult<Self> {
        let mut declared = match (r#type, msg_type) {
            (Some(_), Some(_)) => return Err(PyTypeError::new_err("give type or msg_type, not both")),
            (given, other) => given.or(other).map(Declared::parse).transpose()?,
        };
        // `Topic(horus.CmdVel)` is its own topic.
        let name = match Declared::of_class(name) {
            Some(of) => {
                declared = declared.or(Some(of));
                of.topic()?.to_owned()
            }
            None => name.extract::<String>().map_err(|_| not_a_name(name))?,
        };
        let name = TopicName::new(&name).map_err(|error| shm_error(py, error))?;
        let channel =
            Channel::new(name, Options { declared, latched, depth: ring_depth(depth)?, node: None });
        channel.open_subscriber(py)?;
        Ok(Topic { channel, untouched: AtomicBool::new(true) })
    }

    /// The topic's name.
    #[getter]
    fn name(&self) -> &str {
        self.channel.name().as_str()
    }

    /// Sends a message, a dict, an image, a point cloud or a tensor. Never waits. Always True: what can't be sent raises.
    ///
    /// Typed messages and dicts are copied into shared memory once, images, point clouds and tensors of this process not at
    /// all. A dict sent on a topic that was declared with a message type is converted to it, field by field.
    /// TopicTypeError if somebody uses the topic with another type; TypeError, ValueError, OverflowError and
    /// RecursionError name what in a dict can't be sent; ShmFull and PoolExhausted if there is no room.
    fn send(&self, py: Python<'_>, message: &Bound<'_, PyAny>) -> PyResult<bool> {
        if self.untouched.load(Ordering::Relaxed) && self.untouched.swap(false, Ordering::Relaxed) {
            self.channel.close_subscriber(py);
        }
        self.channel.send(py, message).map(|()| true)
    }

    /// Returns the oldest unread message, or None. Never waits.
    ///
    /// Typed messages and dicts are copied out once; images, point clouds and tensors are not copied. TopicTypeError if the
    /// topic holds another type than the declared one; HorusError for bytes that are no such message.
    fn recv<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.receiving().recv(py)
    }

    /// Returns the newest message if it is unread, skipping those before it, or None. Never waits. Costs and errors as
    /// those of recv().
    fn recv_latest<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.receiving().recv_latest(py)
    }

    /// Returns the unread messages that were sent before this call, oldest first. Costs and errors as those of recv().
    fn recv_all<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.receiving().recv_all(py)
    }

    /// Returns whether there is an unread message; takes nothing.
    fn has_msg(&self, py: Python<'_>) -> PyResult<bool> {
        self.receiving().has_msg(py)
    }

    /// Waits for a message, for timeout seconds or without end; False if none came.
    ///
    /// Other threads run meanwhile, and the program's signal handlers: Ctrl+C is a KeyboardInterrupt. Takes no processor time
    /// while nothing comes. ValueError for a timeout that is negative or NaN.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        self.receiving().wait(py, seconds("timeout", timeout)?)
    }

    /// Awaits the oldest unread message, for timeout seconds or without end; None if none came.
    ///
    /// It is subscribed from the call on. Cancelling it loses no message. Under horus.run() the scheduler does the
    /// waiting and a stop ends it with None; in another event loop one thread waits for all topics of that loop.
    #[pyo3(signature = (timeout=None))]
    fn recv_async<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<Bound<'py, PyAny>> {
        event_loop::receive(py, self.receiving(), timeout)
    }

    /// Returns how many messages were missed since it subscribed, because they came faster than they were read.
    fn dropped(&self, py: Python<'_>) -> u64 {
        self.channel.dropped(py)
    }

    /// Leaves the topic. Using it again opens it again.
    fn close(&self, py: Python<'_>) {
        self.channel.close(py);
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_details))]
    fn __exit__(&self, py: Python<'_>, _details: &Bound<'_, PyTuple>) {
        self.channel.close(py);
    }

    fn __repr__(&self) -> String {
        format!("<horus.Topic '{}'>", self.channel.name())
    }
}
