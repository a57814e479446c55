//! A Python node as the scheduler sees it.

use super::{Node, Setup};
use crate::channel::{Channel, Locked};
use horus_core::{Context, NodeError, NodeResult};
use horus_shm::Subscriber;
use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use std::sync::Arc;

/// Calls a Python node's callbacks. The scheduler isn't attached to the interpreter; each call attaches.
pub(crate) struct Ticker {
    node: Py<Node>,
    /// The topics that wake the node.
    waking: Vec<Arc<Channel>>,
    /// The same, locked while the scheduler waits for them.
    locked: Vec<Locked>,
}

impl Ticker {
    pub(crate) fn new(node: &Bound<'_, Node>) -> PyResult<Self> {
        let waking = node.get().setup(node.py())?.declarations.waking();
        Ok(Ticker { node: node.clone().unbind(), waking, locked: Vec::new() })
    }

    fn attached(&self, call: impl FnOnce(&Bound<'_, Node>, &Setup) -> PyResult<()>) -> NodeResult {
        Python::attach(|py| {
            let node = self.node.bind(py);
            call(node, node.get().setup(py)?)
        })
        .map_err(NodeError::from)
    }
}

/// Calls a callback: the constructor's with the node, else the method of that name, if the node has it.
fn call(node: &Bound<'_, Node>, hook: Option<&Py<PyAny>>, method: &Bound<'_, PyString>) -> PyResult<()> {
    let py = node.py();
    match hook {
        Some(hook) => hook.bind(py).call1((node,)).map(drop),
        None => match node.getattr_opt(method)? {
            Some(method) => method.call0().map(drop),
            None => Ok(()),
        },
    }
}

/// Calls a topic's callback with each message sent before this call. They are taken one by one, so that those behind
/// one at which it raises are still there when the node goes on.
fn deliver(node: &Bound<'_, Node>, channel: &Channel, callback: &Bound<'_, PyAny>) -> PyResult<()> {
    let now = horus_shm::now_ns();
    while let Some((stamp_ns, message)) = channel.recv_stamped(node.py())? {
        callback.call1((node, message))?;
        // A publisher that sends as fast as the callback returns must not keep us here.
        if stamp_ns > now {
            break;
        }
    }
    Ok(())
}

impl horus_core::Node for Ticker {
    fn init(&mut self, context: &mut Context) -> NodeResult {
        self.attached(|node, setup| {
            setup.start(node.py(), context)?;
            call(node, setup.hooks.init.as_ref(), intern!(node.py(), "init"))
                .inspect_err(|_| setup.close(node.py()))
        })
    }

    fn tick(&mut self, context: &mut Context) -> NodeResult {
        let by_clock = context.is_due_by_clock();
        self.attached(|node, setup| {
            let py = node.py();
            // Asked before the callbacks run: a topic may have both.
            let mut due = by_clock;
            for channel in &setup.declarations.on {
                due = due || channel.has_msg(py)?;
            }
            for (channel, callback) in &setup.declarations.callbacks {
                deliver(node, channel, callback.bind(py))?;
            }
            if due { call(node, setup.hooks.tick.as_ref(), intern!(py, "tick")) } else { Ok(()) }
        })
    }

    fn interrupted(&mut self) -> NodeResult {
        // The program's own handlers, of SIGUSR1 and the like, run only when the interpreter is asked to.
        Python::attach(|py| py.check_signals()).map_err(NodeError::from)
    }

    fn shutdown(&mut self, _context: &mut Context) -> NodeResult {
        self.attached(|node, setup| {
            let called = call(node, setup.hooks.shutdown.as_ref(), intern!(node.py(), "shutdown"));
            setup.close(node.py());
            called
        })
    }

    fn on_error(&mut self, _context: &mut Context, error: NodeError) -> NodeResult {
        let raised = error.downcast::<PyErr>()?;
        self.attached(|node, setup| {
            let py = node.py();
            // KeyboardInterrupt and SystemExit are no failures of the node.
            if !raised.is_instance_of::<PyException>(py) {
                return Err(*raised);
            }
            // The value with its traceback, which the error keeps apart.
            match &setup.hooks.on_error {
                Some(hook) => hook.bind(py).call1((node, raised.into_value(py))).map(drop),
                None => match node.getattr_opt(intern!(py, "on_error"))? {
                    Some(method) => method.call1((raised.into_value(py),)).map(drop),
                    None => Err(*raised),
                },
            }
        })
    }

    fn on<'a>(&'a mut self, topics: &mut Vec<&'a mut Subscriber>) -> NodeResult {
        self.locked = self.waking.iter().map(|channel| channel.lock_for_wait()).collect();
        topics.extend(self.locked.iter_mut().filter_map(|locked| locked.subscriber()));
        Ok(())
    }

    fn waited(&mut self) {
        self.locked.clear();
    }
}
