//! `horus.Node`: topics by name, and the callbacks that tick.

mod declare;
mod ticker;

pub(crate) use declare::Latched;
pub(crate) use ticker::Ticker;

use crate::channel::{Channel, Declared, Options};
use crate::errors::{horus_error, shm_error};
use crate::event_loop;
use crate::raw::Attached;
use crate::run;
use declare::Declarations;
use horus_core::log::{self, Level};
use horus_core::{Context, NodeOptions, RATE_HZ_MAX};
use horus_shm::{NodeIndex, NodeName, TopicName};
use parking_lot::Mutex;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use std::cell::RefCell;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How often a node ticks if nobody says, in Hz: that of a usual camera.
const DEFAULT_RATE_HZ: f64 = 30.0;

/// A node: it has a name, topics, and callbacks that run() calls.
///
/// pubs and subs take names, types, {"cmd": CmdVel}, {"scan": (LaserScan, callback)} and {"cfg": Latched(Config)}, alone
/// or in a list. A declared name joins when the node starts, any other topic at its first use; a bare type
/// declares its own topic and joins when used. tick(node) is called rate times a second (30 if nobody says) or, with on="topic"
/// (or several), whenever these have a message; order places the node among those of one run(). init(node) and
/// shutdown(node) are called once each, shutdown not if init failed. callback(node, message) is called for each message as
/// it comes. on_error(node, exception) takes what tick or a callback raised, and the node goes on. A subclass may have tick,
/// init, shutdown and on_error as methods instead.
///
/// Each of them may be an async def. An async tick begins when it is due; while it awaits, everything else goes on, and
/// a tick that falls due meanwhile is left out and counts as an overrun. An async callback is awaited before the next
/// message of its topic is taken. What an async callback raises goes where that of a plain one goes. The run waits
/// for init and shutdown; ticks and callbacks that still go on when it ends are cancelled and awaited before.
///
/// TypeError and ValueError tell what the constructor can't use: what is no topic, no callable or no rate, or two types
/// for one topic.
///
/// Example:
///     >>> import horus
///     >>> heard = []
///     >>> def tick(node):
///     ...     node.send("count", {"n": len(heard)})
///     ...     if len(heard) == 3:
///     ...         node.request_stop()
///     >>> talker = horus.Node("talker", pubs="count", tick=tick, rate=200)
///     >>> listener = horus.Node("listener", subs={"count": lambda node, message: heard.append(message["n"])})
///     >>> horus.run(talker, listener)
///     >>> heard[:3]
///     [0, 1, 2]
#[derive(Debug)]
#[pyclass(subclass, dict, weakref, frozen, module = "horus")]
pub(crate) struct Node {
    /// Set by `__init__`, which a subclass may call late.
    setup: OnceLock<Setup>,
}

#[derive(Debug)]
struct Setup {
    name: String,
    /// Every topic by the spellings it was used with of late. Python's string constants are unique objects, so that the
    /// common lookup compares addresses.
    topics: Attached<RefCell<Vec<Spelling>>>,
    declarations: Declarations,
    hooks: Hooks,
    options: NodeOptions,
    depth: Option<u32>,
    params: Py<PyDict>,
    /// Where the node stands in its process's record while it runs.
    index: Mutex<Option<NodeIndex>>,
}

/// A name as it was written somewhere, and the topic that it names.
type Spelling = (Py<PyString>, Arc<Channel>);

/// The callbacks given to the constructor.
#[derive(Debug, Default)]
struct Hooks {
    tick: Option<Py<PyAny>>,
    init: Option<Py<PyAny>>,
    shutdown: Option<Py<PyAny>>,
    on_error: Option<Py<PyAny>>,
}

/// Reads a time in seconds, the argument `what`. One that no clock will see the end of has none.
///
/// # Errors
/// `ValueError` if it is negative or no number.
pub(crate) fn seconds(what: &str, given: Option<f64>) -> PyResult<Option<Duration>> {
    match given {
        Some(seconds) if seconds >= 0.0 => Ok(Duration::try_from_secs_f64(seconds).ok()),
        Some(seconds) => Err(PyValueError::new_err(format!(
            "a {what} of {seconds:?} s is none: it is 0 or more, or None for no end"
        ))),
        None => Ok(None),
    }
}

/// Says that this names no topic.
pub(crate) fn not_a_name(given: &Bound<'_, PyAny>) -> PyErr {
    match given.get_type().name() {
        Ok(class) => PyTypeError::new_err(format!("a topic's name is a str or a message type, not {class}")),
        Err(error) => error,
    }
}

/// Reads how many messages a ring is to hold.
///
/// # Errors
/// `ValueError` if no ring holds so many.
pub(crate) fn ring_depth(given: Option<i64>) -> PyResult<Option<u32>> {
    let fits = |depth: i64| {
        let fitting = u32::try_from(depth).ok().filter(|depth| (1..=horus_shm::DEPTH_MAX).contains(depth));
        fitting.ok_or_else(|| {
            PyValueError::new_err(format!(
                "a depth of {depth} messages is none: it is from 1 to {}",
                horus_shm::DEPTH_MAX
            ))
        })
    };
    given.map(fits).transpose()
}

impl Node {
    fn setup(&self, py: Python<'_>) -> PyResult<&Setup> {
        self.setup.get().ok_or_else(|| {
            horus_error(py, "this node has no name yet; call super().__init__(name, …) in its __init__")
        })
    }

    pub(crate) fn node_name(&self, py: Python<'_>) -> PyResult<&str> {
        Ok(&self.setup(py)?.name)
    }

    pub(crate) fn node_options(&self, py: Python<'_>) -> PyResult<NodeOptions> {
        Ok(self.setup(py)?.options)
    }

    /// The topic of that name or type, as this node uses it.
    fn channel(&self, topic: &Bound<'_, PyAny>) -> PyResult<Arc<Channel>> {
        let setup = self.setup(topic.py())?;
        // Copied out: using a channel may run Python code, which may use another topic for the first time.
        if let Some((_, channel)) =
            setup.topics.get(topic.py()).borrow().iter().find(|(name, _)| topic.is(name))
        {
            return Ok(channel.clone());
        }
        let Ok(name) = topic.cast::<PyString>() else {
            return match Declared::of_class(topic) {
                Some(of) => setup.channel(topic.py(), of.topic()?, |options| options.declared = Some(of)),
                None => Err(not_a_name(topic)),
            };
        };
        let channel = setup.channel(topic.py(), name.to_str()?, |_| {})?;
        setup.learn_spelling(name, &channel);
        Ok(channel)
    }
}

impl Setup {
    /// Finds or makes the channel of a topic; `change` is applied to one that is made.
    fn channel(
        &self,
        py: Python<'_>,
        name: &str,
        change: impl FnOnce(&mut Options),
    ) -> PyResult<Arc<Channel>> {
        let name = TopicName::new(name).map_err(|error| shm_error(py, error))?;
        let mut topics = self.topics.get(py).borrow_mut();
        if let Some((_, channel)) = topics.iter().find(|(_, channel)| *channel.name() == name) {
            return Ok(channel.clone());
        }
        let mut options = Options { depth: self.depth, node: *self.index.lock(), ..Options::default() };
        change(&mut options);
        let key = PyString::intern(py, name.as_str()).unbind();
        let channel = Channel::new(name, options);
        topics.push((key, channel.clone()));
        Ok(channel)
    }

    /// Makes the next lookup of the same object a comparison of addresses.
    fn learn_spelling(&self, name: &Bound<'_, PyString>, channel: &Arc<Channel>) {
        /// How many a topic has beside its first. Names put together anew at each use would fill memory.
        const SPELLINGS: usize = 4;
        if !name.is_exact_instance_of::<PyString>() {
            return;
        }
        let mut topics = self.topics.get(name.py()).borrow_mut();
        let mut same = (0..topics.len()).filter(|&at| Arc::ptr_eq(&topics[at].1, channel));
        // The first is Python's own for that text, which constants are.
        let (_own, oldest) = (same.next(), same.next());
        if let Some(oldest) = oldest.filter(|_| same.count() + 1 >= SPELLINGS) {
            topics.remove(oldest);
        }
        topics.push((name.clone().unbind(), channel.clone()));
    }

    /// Every topic once.
    fn channels(&self, py: Python<'_>) -> Vec<Arc<Channel>> {
        let mut all: Vec<Arc<Channel>> = Vec::new();
        for (_, channel) in self.topics.get(py).borrow().iter() {
            if !all.iter().any(|known| Arc::ptr_eq(known, channel)) {
                all.push(channel.clone());
            }
        }
        all
    }

    /// Joins the declared topics, as the node that the context describes.
    fn start(&self, py: Python<'_>, context: &Context) -> PyResult<()> {
        *self.index.lock() = Some(context.index());
        for channel in self.channels(py) {
            channel.set_options(py, |options| options.node = Some(context.index()));
        }
        for channel in &self.declarations.publishers {
            channel.open_publisher(py)?;
        }
        for channel in &self.declarations.subscribers {
            channel.open_subscriber(py)?;
        }
        Ok(())
    }

    /// Leaves all topics.
    fn close(&self, py: Python<'_>) {
        for channel in self.channels(py) {
            channel.close(py);
            channel.set_options(py, |options| options.node = None);
        }
        *self.index.lock() = None;
    }
}

#[pymethods]
impl Node {
    /// Takes whatever a subclass's constructor takes; `__init__` reads it.
    #[new]
    #[pyo3(
        signature = (*_args, **_options),
        text_signature = "(name, *, pubs=None, subs=None, tick=None, rate=None, on=None, order=None, init=None, shutdown=None, on_error=None, depth=None)"
    )]
    fn new(_args: &Bound<'_, PyTuple>, _options: Option<&Bound<'_, PyDict>>) -> Self {
        Node { setup: OnceLock::new() }
    }

    #[expect(clippy::too_many_arguments, reason = "they are keywords, as users know them")]
    #[pyo3(signature = (
        name, *, pubs=None, subs=None, tick=None, rate=None, on=None, order=None, init=None, shutdown=None,
        on_error=None, depth=None
    ))]
    fn __init__(
        slf: &Bound<'_, Self>,
        name: &str,
        pubs: Option<&Bound<'_, PyAny>>,
        subs: Option<&Bound<'_, PyAny>>,
        tick: Option<Bound<'_, PyAny>>,
        rate: Option<f64>,
        on: Option<&Bound<'_, PyAny>>,
        order: Option<i32>,
        init: Option<Bound<'_, PyAny>>,
        shutdown: Option<Bound<'_, PyAny>>,
        on_error: Option<Bound<'_, PyAny>>,
        depth: Option<i64>,
    ) -> PyResult<()> {
        let py = slf.py();
        let hooks = Hooks {
            tick: callable("tick", tick)?,
            init: callable("init", init)?,
            shutdown: callable("shutdown", shutdown)?,
            on_error: callable("on_error", on_error)?,
        };
        let name = NodeName::new(name).map_err(|error| shm_error(py, error))?.as_str().to_owned();
        let mut setup = Setup {
            name,
            topics: Attached::default(),
            declarations: Declarations::default(),
            hooks,
            options: NodeOptions { rate_hz: DEFAULT_RATE_HZ, order },
            depth: ring_depth(depth)?,
            params: PyDict::new(py).unbind(),
            index: Mutex::default(),
        };
        setup.declarations = Declarations::read(&setup, pubs, subs, on, slf)?;
        setup.options.rate_hz = match rate {
            Some(rate) => positive(rate)?,
            // Then it is messages that make it tick.
            None if setup.declarations.only_wakes() => 0.0,
            None => DEFAULT_RATE_HZ,
        };
        slf.get().setup.set(setup).map_err(|_| horus_error(py, "Node.__init__ was called twice"))
    }

    /// The node's name.
    #[getter]
    fn name(&self, py: Python<'_>) -> PyResult<&str> {
        self.node_name(py)
    }

    /// The node's parameters: a dict.
    #[getter]
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        Ok(self.setup(py)?.params.bind(py).clone())
    }

    /// Sends a message, a dict, an image, a point cloud or a tensor. Never waits. Always True: what can't be sent raises.
    ///
    /// Typed messages and dicts are copied into shared memory once, images, point clouds and tensors of this process not at
    /// all. A dict sent on a topic that this node declared with a message type is converted to it, field by field.
    /// TopicTypeError if somebody uses the topic with another type; TypeError, ValueError, OverflowError and
    /// RecursionError name what in a dict can't be sent; ShmFull and PoolExhausted if there is no room.
    fn send(&self, topic: &Bound<'_, PyAny>, message: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.channel(topic)?.send(topic.py(), message).map(|()| true)
    }

    /// Returns the oldest unread message, or None. Never waits.
    ///
    /// Typed messages and dicts are copied out once; images, point clouds and tensors are not copied. TopicTypeError if the
    /// topic holds another type than the declared one; HorusError for bytes that are no such message.
    fn recv<'py>(&self, topic: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.channel(topic)?.recv(topic.py())
    }

    /// Returns the newest message if it is unread, skipping those before it, or None. Never waits. Costs and errors as
    /// those of recv().
    fn recv_latest<'py>(&self, topic: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.channel(topic)?.recv_latest(topic.py())
    }

    /// Returns the unread messages that were sent before this call, oldest first. Costs and errors as those of recv().
    fn recv_all<'py>(&self, topic: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        self.channel(topic)?.recv_all(topic.py())
    }

    /// Returns whether there is an unread message; takes nothing.
    fn has_msg(&self, topic: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.channel(topic)?.has_msg(topic.py())
    }

    /// Waits for a message, for timeout seconds or without end; False if none came.
    ///
    /// Other threads run meanwhile, and the program's signal handlers: Ctrl+C is a KeyboardInterrupt. Takes no processor time
    /// while nothing comes. ValueError for a timeout that is negative or NaN.
    #[pyo3(signature = (topic, timeout=None))]
    fn wait(&self, topic: &Bound<'_, PyAny>, timeout: Option<f64>) -> PyResult<bool> {
        self.channel(topic)?.wait(topic.py(), seconds("timeout", timeout)?)
    }

    /// Awaits the oldest unread message, for timeout seconds or without end; None if none came.
    ///
    /// It is subscribed from the call on. Cancelling it loses no message. Under horus.run() the scheduler does the
    /// waiting and a stop ends it with None; in another event loop one thread waits for all topics of that loop.
    #[pyo3(signature = (topic, timeout=None))]
    fn recv_async<'py>(
        &self,
        topic: &Bound<'py, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        event_loop::receive(topic.py(), &self.channel(topic)?, timeout)
    }

    /// Returns how many messages of a topic were missed because they came faster than they were read.
    fn dropped(&self, topic: &Bound<'_, PyAny>) -> PyResult<u64> {
        Ok(self.channel(topic)?.dropped(topic.py()))
    }

    /// Ends run() after this round, cleanly; nothing happens if none is on.
    fn request_stop(&self) {
        // Without a run nobody would take the request back, and every wait would end at once.
        if run::is_on() {
            horus_shm::stop::request();
        }
    }

    /// Logs a line that tells of a failure. HORUS_LOG says what is shown, on stderr.
    fn log_error(&self, py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<()> {
        self.log(py, Level::Error, text)
    }

    /// Logs a line that warns.
    fn log_warning(&self, py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<()> {
        self.log(py, Level::Warn, text)
    }

    /// Logs a line that an operator likes to read; shown with HORUS_LOG=info.
    fn log_info(&self, py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<()> {
        self.log(py, Level::Info, text)
    }

    /// Logs a line for developers; shown with HORUS_LOG=debug.
    fn log_debug(&self, py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<()> {
        self.log(py, Level::Debug, text)
    }

    fn __repr__(&self) -> String {
        match self.setup.get() {
            Some(setup) => format!("<horus.Node '{}'>", setup.name),
            None => "<horus.Node>".to_owned(),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(setup) = self.setup.get() {
            let Hooks { tick, init, shutdown, on_error } = &setup.hooks;
            for hook in [tick, init, shutdown, on_error] {
                visit.call(hook)?;
            }
            for (_, callback) in &setup.declarations.callbacks {
                visit.call(callback)?;
            }
            visit.call(&setup.params)?;
        }
        Ok(())
    }
}

impl Node {
    fn log(&self, py: Python<'_>, level: Level, text: &Bound<'_, PyAny>) -> PyResult<()> {
        if log::enabled(level) {
            let text = text.str()?;
            log::write(level, self.node_name(py)?, format_args!("{}", text.to_string_lossy()));
        }
        Ok(())
    }
}

fn callable(what: &str, given: Option<Bound<'_, PyAny>>) -> PyResult<Option<Py<PyAny>>> {
    match given {
        Some(given) if !given.is_callable() => {
            Err(PyTypeError::new_err(format!("{what} is a function, not {}", given.get_type().name()?)))
        }
        given => Ok(given.map(Bound::unbind)),
    }
}

fn positive(rate: f64) -> PyResult<f64> {
    if rate > 0.0 && rate <= RATE_HZ_MAX {
        return Ok(rate);
    }
    Err(PyValueError::new_err(format!(
        "a rate of {rate} Hz is none: it is above 0 and at most {RATE_HZ_MAX} Hz; a node that ticks on a topic has on="
    )))
}
