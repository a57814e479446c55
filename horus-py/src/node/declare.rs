//! What `pubs`, `subs` and `on` may hold.

use super::{Node, Setup, callable};
use crate::channel::{Channel, Declared};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};
use std::sync::Arc;

/// Marks the type of a topic whose newest message is kept for who joins later.
///
/// Example:
///     >>> import horus
///     >>> horus.Node("planner", pubs={"config": horus.Latched(dict)})
///     <horus.Node 'planner'>
#[derive(Debug)]
#[pyclass(frozen, module = "horus")]
pub(crate) struct Latched {
    r#type: Py<PyAny>,
}

#[pymethods]
impl Latched {
    #[new]
    fn new(r#type: &Bound<'_, PyAny>) -> PyResult<Self> {
        Declared::parse(r#type)?;
        Ok(Latched { r#type: r#type.clone().unbind() })
    }

    /// The marked type, as it was given.
    #[getter]
    fn r#type<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.r#type.bind(py).clone()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("horus.Latched({})", self.r#type.bind(py).repr()?.to_string_lossy()))
    }
}

/// The topics that a node declares.
#[derive(Debug, Default)]
pub(super) struct Declarations {
    /// To be opened for sending when the node starts.
    pub(super) publishers: Vec<Arc<Channel>>,
    /// To be opened for receiving when the node starts.
    pub(super) subscribers: Vec<Arc<Channel>>,
    /// What is called with each message of a topic.
    pub(super) callbacks: Vec<(Arc<Channel>, Py<PyAny>)>,
    /// The topics whose messages make the node tick.
    pub(super) on: Vec<Arc<Channel>>,
    /// Whether it has a tick.
    ticks: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Publish,
    Subscribe,
}

impl Declarations {
    pub(super) fn read(
        setup: &Setup,
        pubs: Option<&Bound<'_, PyAny>>,
        subs: Option<&Bound<'_, PyAny>>,
        on: Option<&Bound<'_, PyAny>>,
        node: &Bound<'_, Node>,
    ) -> PyResult<Self> {
        let mut found = Declarations::default();
        if let Some(pubs) = pubs {
            found.entries(setup, pubs, Side::Publish)?;
        }
        if let Some(subs) = subs {
            found.entries(setup, subs, Side::Subscribe)?;
        }
        if let Some(on) = on {
            found.wake_on(setup, on)?;
        }
        let methods = ["tick", "init", "shutdown", "on_error"];
        for method in methods {
            callable(method, node.getattr_opt(method)?)?;
        }
        found.ticks = setup.hooks.tick.is_some() || node.hasattr("tick")?;
        Ok(found)
    }

    /// Whether the node does all it does when messages come, and has nothing to do at a rate.
    pub(super) fn only_wakes(&self) -> bool {
        !self.on.is_empty() || (!self.ticks && !self.callbacks.is_empty())
    }

    /// The topics whose messages wake the node, each once, with the place of their callback.
    pub(super) fn waking(&self) -> Vec<(Arc<Channel>, Option<usize>)> {
        let callback = |of: &Arc<Channel>| self.callbacks.iter().position(|(with, _)| Arc::ptr_eq(with, of));
        let on = self.on.iter().map(|channel| (channel.clone(), callback(channel)));
        let others = self.callbacks.iter().enumerate().map(|(index, (with, _))| (with.clone(), Some(index)));
        let others = others.filter(|(with, _)| !self.on.iter().any(|on| Arc::ptr_eq(on, with)));
        on.chain(others).collect()
    }

    /// A name, a type, a dict, or a list of these.
    fn entries(&mut self, setup: &Setup, given: &Bound<'_, PyAny>, side: Side) -> PyResult<()> {
        match several(given)? {
            Some(entries) => entries.iter().try_for_each(|entry| self.entry(setup, entry, side)),
            None => self.entry(setup, given, side),
        }
    }

    fn entry(&mut self, setup: &Setup, entry: &Bound<'_, PyAny>, side: Side) -> PyResult<()> {
        let py = entry.py();
        if let Ok(name) = entry.cast::<PyString>() {
            let channel = setup.channel(py, name.to_str()?, |_| {})?;
            self.add(channel, side);
            return Ok(());
        }
        if let Ok(dict) = entry.cast::<PyDict>() {
            for (name, value) in
                dict.items().iter().map(|pair| pair.extract()).collect::<PyResult<Vec<_>>>()?
            {
                self.named(setup, &name, &value, side)?;
            }
            return Ok(());
        }
        let of = match entry.cast::<Latched>() {
            Ok(latched) => Declared::parse(latched.get().r#type.bind(py))?,
            Err(_) => Declared::of_class(entry).ok_or_else(|| refused(entry, side.what()))?,
        };
        // Declares its topic's type and joins nothing until used.
        if let Some(topic) = of.default_topic() {
            let channel = setup.channel(py, topic, |_| {})?;
            declare(py, &channel, of, side.what())?;
            channel.set_options(py, |options| {
                options.latched |= entry.is_instance_of::<Latched>() && side == Side::Publish;
            });
        }
        Ok(())
    }

    /// `name: type`, `name: (type, callback)`, `name: callback` or `name: Latched(type)`.
    fn named(
        &mut self,
        setup: &Setup,
        name: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        side: Side,
    ) -> PyResult<()> {
        let py = name.py();
        let name = name.cast::<PyString>().map_err(|_| refused(name, side.what()))?;
        let channel = setup.channel(py, name.to_str()?, |_| {})?;
        let (of, callback) = match value.cast::<PyTuple>() {
            Ok(pair) => {
                let (of, callback) =
                    pair.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>().map_err(|_| {
                        PyTypeError::new_err(format!(
                            "topic '{name}' has a type, a callback or (type, callback), not {}",
                            shown(value)
                        ))
                    })?;
                (Some(of), Some(callback))
            }
            Err(_) if value.is_none() => (None, None),
            Err(_) if is_callback(value) => (None, Some(value.clone())),
            Err(_) => (Some(value.clone()), None),
        };
        if let Some(of) = of.filter(|of| !of.is_none()) {
            let latched = of.cast::<Latched>().ok();
            let declared = match latched {
                Some(latched) => Declared::parse(latched.get().r#type.bind(py))?,
                None => Declared::parse(&of)?,
            };
            declare(py, &channel, declared, side.what())?;
            channel.set_options(py, |options| options.latched |= latched.is_some());
        }
        if let Some(callback) = callable("a topic's callback", callback)? {
            if side == Side::Publish {
                return Err(PyTypeError::new_err(format!(
                    "pubs: topic '{name}' has a callback; those belong to subs"
                )));
            }
            if self.callbacks.iter().any(|(with, _)| Arc::ptr_eq(with, &channel)) {
                return Err(PyTypeError::new_err(format!(
                    "subs: topic '{name}' has two callbacks; each message goes to one"
                )));
            }
            self.callbacks.push((channel.clone(), callback));
        }
        self.add(channel, side);
        Ok(())
    }

    fn add(&mut self, channel: Arc<Channel>, side: Side) {
        let list = match side {
            Side::Publish => &mut self.publishers,
            Side::Subscribe => &mut self.subscribers,
        };
        if !list.iter().any(|known| Arc::ptr_eq(known, &channel)) {
            list.push(channel);
        }
    }

    /// A topic's name or type, or a list of these.
    fn wake_on(&mut self, setup: &Setup, given: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Some(all) = several(given)? {
            return all.iter().try_for_each(|one| self.wake_on(setup, one));
        }
        let channel = match (given.cast::<PyString>(), Declared::of_class(given)) {
            (Ok(name), _) => setup.channel(given.py(), name.to_str()?, |_| {})?,
            (_, Some(of)) => {
                let channel = setup.channel(given.py(), of.topic()?, |_| {})?;
                declare(given.py(), &channel, of, "on")?;
                channel
            }
            _ => return Err(refused(given, "on")),
        };
        if !self.on.iter().any(|known| Arc::ptr_eq(known, &channel)) {
            self.on.push(channel.clone());
        }
        self.add(channel, Side::Subscribe);
        Ok(())
    }
}

impl Side {
    fn what(self) -> &'static str {
        match self {
            Side::Publish => "pubs",
            Side::Subscribe => "subs",
        }
    }
}

/// The entries of a list or of anything else that gives one after the other; `None` for what is an entry itself.
fn several<'py>(given: &Bound<'py, PyAny>) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
    let is_one = given.is_instance_of::<PyString>()
        || given.is_instance_of::<PyDict>()
        || given.is_instance_of::<PyType>();
    match given.try_iter() {
        Ok(entries) if !is_one => entries.collect::<PyResult<_>>().map(Some),
        _ => Ok(None),
    }
}

/// Says what a topic holds.
///
/// # Errors
/// `TypeError` if the node has said something else before.
fn declare(py: Python<'_>, channel: &Channel, of: Declared, what: &str) -> PyResult<()> {
    match channel.declared(py) {
        Some(before) if before != of => Err(PyTypeError::new_err(format!(
            "{what}: topic '{}' is declared as {} already, and can't be {} too",
            channel.name(),
            before.shown(),
            of.shown()
        ))),
        _ => {
            channel.set_options(py, |options| options.declared = Some(of));
            Ok(())
        }
    }
}

/// Whether `{"scan": value}` gives a callback rather than a type. A class is meant as a type, known or not.
fn is_callback(value: &Bound<'_, PyAny>) -> bool {
    value.is_callable() && !value.is_instance_of::<PyType>()
}

fn refused(given: &Bound<'_, PyAny>, what: &str) -> PyErr {
    let dict = if what == "on" { "" } else { ", a dict of these" };
    PyTypeError::new_err(format!(
        "{what}: {} is neither a topic's name, a message type{dict}, nor a list of these",
        shown(given)
    ))
}

fn shown(given: &Bound<'_, PyAny>) -> String {
    given.repr().map_or_else(|_| "that".to_owned(), |text| text.to_string_lossy().into_owned())
}
