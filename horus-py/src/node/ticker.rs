//! A Python node as the scheduler sees it.

use super::{Node, Setup};
use crate::channel::{Channel, Lent};
use crate::event_loop::{Coroutines, is_awaitable};
use crate::signals::Signals;
use horus_core::{Context, NodeError, NodeResult};
use horus_shm::Subscriber;
use pyo3::exceptions::{PyBaseException, PyException};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use std::sync::Arc;

/// Calls a Python node's callbacks. The scheduler isn't attached to the interpreter; each call attaches.
///
/// A callback that returns something to await goes on beside the scheduler's rounds: one tick at a time, and for each
/// topic one callback at a time, independently of each other.
pub(crate) struct Ticker {
    node: Py<Node>,
    coroutines: Arc<Coroutines>,
    signals: Arc<Signals>,
    /// The topics that wake the node, with the place of their callback.
    waking: Vec<(Arc<Channel>, Option<usize>)>,
    /// The same, locked while the scheduler waits for them.
    lent: Vec<Lent>,
    /// The tick that goes on, or `init`.
    tick: Option<Going>,
    /// The callbacks of topics that go on.
    callbacks: Vec<Option<Going>>,
    /// Which of them raised last.
    raised_in: Place,
}

/// Where a callback goes on.
#[derive(Clone, Copy)]
enum Place {
    Tick,
    Callback(usize),
    /// Raised by `on_error` itself, which nothing takes.
    OnError,
}

/// A callback that goes on.
struct Going {
    task: Py<PyAny>,
    /// What an `on_error` was told.
    told: Option<Py<PyBaseException>>,
}

impl Going {
    /// Returns what became of it, if it has ended. One that was cancelled has ended well.
    fn ended(&self, py: Python<'_>) -> PyResult<Option<PyResult<()>>> {
        let task = self.task.bind(py);
        if !task.call_method0(intern!(py, "done"))?.is_truthy()? {
            return Ok(None);
        }
        if task.call_method0(intern!(py, "cancelled"))?.is_truthy()? {
            return Ok(Some(Ok(())));
        }
        let result = task.call_method0(intern!(py, "result")).map(drop);
        Ok(Some(result.map_err(|raised| match &self.told {
            Some(told) => raised_after(raised, told.bind(py)),
            None => raised,
        })))
    }
}

impl Ticker {
    pub(crate) fn new(
        node: &Bound<'_, Node>,
        coroutines: Arc<Coroutines>,
        signals: Arc<Signals>,
    ) -> PyResult<Self> {
        let declarations = &node.get().setup(node.py())?.declarations;
        let waking = declarations.waking();
        waking.iter().for_each(|(channel, _)| channel.share(node.py()));
        Ok(Ticker {
            node: node.clone().unbind(),
            coroutines,
            signals,
            waking,
            lent: Vec::new(),
            tick: None,
            callbacks: declarations.callbacks.iter().map(|_| None).collect(),
            raised_in: Place::Tick,
        })
    }

    fn attached<R>(
        &mut self,
        call: impl FnOnce(&mut Self, &Bound<'_, Node>, &Setup) -> PyResult<R>,
    ) -> NodeResult<R> {
        Python::attach(|py| {
            let node = self.node.bind(py).clone();
            call(self, &node, node.get().setup(py)?)
        })
        .map_err(NodeError::from)
    }

    /// The same for a callback that may go on.
    fn called(
        &mut self,
        context: &mut Context,
        call: impl FnOnce(&mut Self, &Bound<'_, Node>, &Setup) -> PyResult<()>,
    ) -> NodeResult {
        let called = self.attached(call);
        context.set_busy(self.tick.is_some());
        called
    }

    fn going(&mut self, place: Place) -> &mut Option<Going> {
        match place {
            Place::Callback(index) => &mut self.callbacks[index],
            Place::Tick | Place::OnError => &mut self.tick,
        }
    }

    /// Takes what a callback returned: to be awaited if need be.
    fn returned(
        &mut self,
        node: &Bound<'_, Node>,
        place: Place,
        returned: &Bound<'_, PyAny>,
        told: Option<Py<PyBaseException>>,
    ) -> PyResult<()> {
        self.raised_in = if told.is_some() { Place::OnError } else { place };
        if !is_awaitable(returned)? {
            return Ok(());
        }
        let task = self.coroutines.begin(returned, node.get().node_name(node.py())?)?;
        let going = Going { task, told };
        match going.ended(node.py())? {
            Some(ended) => ended,
            None => {
                *self.going(place) = Some(going);
                Ok(())
            }
        }
    }

    /// Calls `tick` or `init`.
    fn call(
        &mut self,
        node: &Bound<'_, Node>,
        hook: Option<&Py<PyAny>>,
        method: &Bound<'_, PyString>,
    ) -> PyResult<()> {
        self.raised_in = Place::Tick;
        match call(node, hook, method)? {
            Some(returned) => self.returned(node, Place::Tick, &returned, None),
            None => Ok(()),
        }
    }

    /// Calls a topic's callback with each message sent before this call, until one goes on. They are taken one by one,
    /// so that those behind one at which it raises are still there when the node goes on.
    fn deliver(
        &mut self,
        node: &Bound<'_, Node>,
        index: usize,
        channel: &Channel,
        callback: &Py<PyAny>,
    ) -> PyResult<()> {
        let (py, now) = (node.py(), horus_shm::now_ns());
        let place = Place::Callback(index);
        self.raised_in = place;
        while self.callbacks[index].is_none() {
            let Some((stamp_ns, message)) = channel.recv_stamped(py)? else { break };
            let returned = callback.bind(py).call1((node, message))?;
            self.returned(node, place, &returned, None)?;
            // A publisher that sends as fast as the callback returns must not keep us here.
            if stamp_ns > now {
                break;
            }
        }
        Ok(())
    }

    fn round(&mut self, node: &Bound<'_, Node>, setup: &Setup, by_clock: bool) -> PyResult<()> {
        let py = node.py();
        // Asked before the callbacks run: a topic may have both.
        let mut due = by_clock;
        if self.tick.is_none() {
            for channel in &setup.declarations.on {
                due = due || channel.has_msg(py)?;
            }
        }
        for (index, (channel, callback)) in setup.declarations.callbacks.iter().enumerate() {
            self.deliver(node, index, channel, callback)?;
        }
        if due { self.call(node, setup.hooks.tick.as_ref(), intern!(py, "tick")) } else { Ok(()) }
    }

    /// Looks whether something that went on has ended, and returns the first error.
    fn collect(&mut self, py: Python<'_>) -> PyResult<()> {
        for place in [Place::Tick].into_iter().chain((0..self.callbacks.len()).map(Place::Callback)) {
            let Some(going) = &*self.going(place) else { continue };
            if let Some(ended) = going.ended(py)? {
                self.raised_in = if going.told.is_some() { Place::OnError } else { place };
                *self.going(place) = None;
                ended?;
            }
        }
        Ok(())
    }

    /// Gives `on_error` what was raised, if that is its business, and returns what it returned and was told.
    fn told<'py>(
        &self,
        node: &Bound<'py, Node>,
        setup: &Setup,
        raised: PyErr,
    ) -> PyResult<(Bound<'py, PyAny>, Py<PyBaseException>)> {
        let py = node.py();
        // KeyboardInterrupt and SystemExit are no failures of the node.
        if matches!(self.raised_in, Place::OnError) || !raised.is_instance_of::<PyException>(py) {
            return Err(raised);
        }
        let method = match &setup.hooks.on_error {
            Some(_) => None,
            None => node.getattr_opt(intern!(py, "on_error"))?,
        };
        // The value with its traceback, which the error keeps apart.
        let (returned, told) = match (&setup.hooks.on_error, method) {
            (Some(hook), _) => {
                let told = raised.into_value(py);
                (hook.bind(py).call1((node, &told)), told)
            }
            (None, Some(method)) => {
                let told = raised.into_value(py);
                (method.call1((&told,)), told)
            }
            (None, None) => return Err(raised),
        };
        match returned {
            Ok(returned) => Ok((returned, told)),
            Err(again) => Err(raised_after(again, told.bind(py))),
        }
    }

    /// Ends what goes on and awaits `shutdown`; returns the first error.
    fn end(&mut self, node: &Bound<'_, Node>, setup: &Setup) -> PyResult<()> {
        let py = node.py();
        let mut first = self.coroutines.take_over(py);
        while let Err(raised) = self.collect(py) {
            let told = self.told(node, setup, raised).and_then(|(returned, told)| {
                self.finished(&returned).map_err(|again| raised_after(again, told.bind(py)))
            });
            first = first.and(told);
        }
        let shut = call(node, setup.hooks.shutdown.as_ref(), intern!(py, "shutdown"));
        first.and(shut.and_then(|returned| returned.map_or(Ok(()), |returned| self.finished(&returned))))
    }

    fn finished(&self, returned: &Bound<'_, PyAny>) -> PyResult<()> {
        if is_awaitable(returned)? { self.coroutines.finish(returned) } else { Ok(()) }
    }
}

/// What `on_error` raised, with what it was told as its context, as if an `except` block had raised it.
fn raised_after(raised: PyErr, told: &Bound<'_, PyBaseException>) -> PyErr {
    let py = told.py();
    let mut last = raised.value(py).clone();
    // Python itself lets no chain of contexts lead back; a class may.
    for _ in 0..100 {
        if last.is(told) {
            break;
        }
        match last.getattr(intern!(py, "__context__")).map(Bound::cast_into::<PyBaseException>) {
            Ok(Ok(context)) => last = context,
            _ => {
                // A class that refuses a context shows less, and is raised all the same.
                let _ = last.setattr(intern!(py, "__context__"), told);
                break;
            }
        }
    }
    raised
}

/// Calls a callback: the constructor's with the node, else the method of that name, if the node has it.
fn call<'py>(
    node: &Bound<'py, Node>,
    hook: Option<&Py<PyAny>>,
    method: &Bound<'py, PyString>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    match hook {
        Some(hook) => hook.bind(node.py()).call1((node,)).map(Some),
        None => node.getattr_opt(method)?.map(|method| method.call0()).transpose(),
    }
}

impl horus_core::Node for Ticker {
    fn join(&mut self, context: &mut Context) -> NodeResult {
        self.attached(|_, node, setup| setup.start(node.py(), context))
    }

    fn init(&mut self, context: &mut Context) -> NodeResult {
        self.called(context, |this, node, setup| {
            this.call(node, setup.hooks.init.as_ref(), intern!(node.py(), "init"))
        })
    }

    fn tick(&mut self, context: &mut Context) -> NodeResult {
        let by_clock = context.is_due_by_clock();
        self.called(context, |this, node, setup| this.round(node, setup, by_clock))
    }

    fn between(&mut self, context: &mut Context) -> NodeResult {
        if self.tick.is_none() && self.callbacks.iter().all(Option::is_none) {
            return Ok(());
        }
        self.called(context, |this, node, _| this.collect(node.py()))
    }

    fn interrupted(&mut self) -> NodeResult {
        // The program's own handlers, of SIGUSR1 and the like, run only when the interpreter is asked to.
        Python::attach(|py| self.signals.look(py)).map_err(NodeError::from)
    }

    fn shutdown(&mut self, _context: &mut Context) -> NodeResult {
        self.attached(Self::end)
    }

    fn leave(&mut self) {
        Python::attach(|py| {
            // An `init` that was still going on when the run ended.
            if self.tick.is_some()
                && let Err(error) = self.coroutines.take_over(py)
            {
                error.write_unraisable(py, Some(self.node.bind(py).as_any()));
            }
            if let Ok(setup) = self.node.get().setup(py) {
                setup.close(py);
            }
        });
    }

    fn on_error(&mut self, context: &mut Context, error: NodeError) -> NodeResult {
        let raised = *error.downcast::<PyErr>()?;
        self.called(context, |this, node, setup| {
            let place = this.raised_in;
            let (returned, told) = this.told(node, setup, raised)?;
            this.returned(node, place, &returned, Some(told))
        })
    }

    fn on<'a>(&'a mut self, topics: &mut Vec<&'a mut Subscriber>) -> NodeResult {
        // A topic whose message nobody would take now must not wake anybody.
        let heeded = self.waking.iter().filter(|(_, callback)| match callback {
            Some(index) => self.callbacks[*index].is_none(),
            None => self.tick.is_none(),
        });
        self.lent = heeded.filter_map(|(channel, _)| channel.lend()).collect();
        topics.extend(self.lent.iter_mut().filter_map(Lent::subscriber));
        Ok(())
    }

    fn waited(&mut self) {
        self.lent.clear();
    }
}
