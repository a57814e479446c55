//! One node of a run.

use super::Cadence;
use crate::error::{Error, Phase, Result};
use crate::log::{self, Level};
use crate::node::{Context, Node, NodeError, NodeOptions, NodeResult};
use horus_shm::{NodeName, NodeRecord, NodeSpec, Participant, Subscriber, now_ns};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A node while it runs: itself, its record for tools, and when it is due.
pub(super) struct Running<'a> {
    node: &'a mut dyn Node,
    options: NodeOptions,
    context: Context,
    record: NodeRecord,
    cadence: Option<Cadence>,
    joined: bool,
    initialised: bool,
    /// Which of its topics had a message before the tick, and how many it had received from each by then. A topic goes
    /// by where its subscriber stands: a node doesn't wait for the same ones at all times.
    pending: Vec<(usize, u64)>,
    /// The same of a tick that goes on.
    unread: Vec<(usize, u64)>,
    told_unread: bool,
}

impl<'a> Running<'a> {
    /// Enters the node's record, which tools see.
    pub(super) fn enter(
        participant: &Arc<Participant>,
        name: &NodeName,
        options: NodeOptions,
    ) -> Result<NodeRecord> {
        Ok(participant.add_node(name, NodeSpec { rate_hz: options.rate_hz })?)
    }

    pub(super) fn new(
        node: &'a mut dyn Node,
        options: NodeOptions,
        context: Context,
        record: NodeRecord,
    ) -> Self {
        Self {
            node,
            options,
            context,
            record,
            cadence: None,
            joined: false,
            initialised: false,
            pending: Vec::new(),
            unread: Vec::new(),
            told_unread: false,
        }
    }

    pub(super) fn name(&self) -> &str {
        self.context.name()
    }

    pub(super) fn join(&mut self) -> Result<()> {
        self.joined = true;
        let called = guarded(|| self.node.join(&mut self.context));
        self.ended(Phase::Init, called)
    }

    /// Begins its `init`, and returns whether that goes on.
    pub(super) fn init(&mut self) -> Result<bool> {
        let called = guarded(|| self.node.init(&mut self.context));
        self.init_called(called)
    }

    /// Looks after an `init` that goes on, and returns whether it still does.
    pub(super) fn init_goes_on(&mut self) -> Result<bool> {
        let called = guarded(|| self.node.between(&mut self.context));
        self.init_called(called)
    }

    fn init_called(&mut self, called: Result<(), Failure>) -> Result<bool> {
        self.ended(Phase::Init, called)?;
        self.initialised = !self.context.is_busy();
        Ok(self.context.is_busy())
    }

    /// Sets the time from which its ticks are counted.
    pub(super) fn start(&mut self, now: u64) -> Result<()> {
        if self.options.rate_hz > 0.0 {
            log::write(Level::Debug, self.name(), format_args!("ticks at {} Hz", self.options.rate_hz));
            self.cadence = Some(Cadence::new(now, self.options.rate_hz));
            return Ok(());
        }
        let mut topics = Vec::new();
        let lent = self.on(&mut topics);
        let names: Vec<String> = topics.into_iter().map(|topic| topic.topic().to_string()).collect();
        self.waited();
        lent?;
        match names.len() {
            0 => {
                let reason =
                    "it has neither a rate nor topics to wait for, so it would never tick".to_owned();
                Err(Error::Options { node: self.name().to_owned(), reason })
            }
            _ => {
                log::write(Level::Debug, self.name(), format_args!("ticks with {}", names.join(", ")));
                Ok(())
            }
        }
    }

    /// Returns when its next tick is due, if it has a rate.
    pub(super) fn due_ns(&self) -> Option<u64> {
        self.cadence.as_ref().map(Cadence::due_ns)
    }

    /// Lends the subscribers that it waits for; [`Running::waited`] must follow.
    pub(super) fn on<'b>(&'b mut self, topics: &mut Vec<&'b mut Subscriber>) -> Result<()> {
        let (node, name) = (&mut *self.node, self.context.name());
        node.on(topics).map_err(|source| Error::Node { node: name.to_owned(), phase: Phase::Tick, source })
    }

    /// Lets the node see to signals.
    pub(super) fn interrupted(&mut self) -> Result<()> {
        let called = guarded(|| self.node.interrupted());
        self.ended(Phase::Tick, called)
    }

    pub(super) fn waited(&mut self) {
        self.node.waited();
    }

    /// Ticks if its time has come or one of its topics has a message; returns whether it did.
    pub(super) fn tick_if_due(&mut self, now: u64) -> Result<bool> {
        let by_topic = self.look_at_topics()?;
        let by_clock = self.is_due_by_clock(now);
        if !by_clock && !by_topic {
            return Ok(false);
        }
        let busy = self.context.is_busy();
        self.context.due(by_clock, by_topic);
        self.tick()?;
        match (busy, self.context.is_busy()) {
            // It may still receive what it was woken for.
            (false, true) => {
                self.unread = std::mem::take(&mut self.pending);
                return Ok(true);
            }
            // What went on ended with this tick.
            (true, false) => self.pending.append(&mut self.unread),
            _ => {}
        }
        if !self.pending.is_empty() {
            self.drop_unread()?;
        }
        Ok(true)
    }

    /// Takes the tick that is due by the clock, if one is and none goes on, and counts those that were missed.
    fn is_due_by_clock(&mut self, now: u64) -> bool {
        let Some(cadence) = self.cadence.as_mut().filter(|cadence| cadence.due_ns() <= now) else {
            return false;
        };
        let busy = self.context.is_busy();
        let missed = cadence.take(now) + u64::from(busy);
        if busy {
            self.record.tick_goes_on(cadence.due_ns());
        }
        (0..missed).for_each(|_| self.record.overrun());
        if missed > 0 {
            log::write(Level::Debug, self.name(), format_args!("{missed} ticks missed"));
        }
        !busy
    }

    fn tick(&mut self) -> Result<()> {
        // A tick that goes on was begun before; this one is for topics beside it.
        let begins = !self.context.is_busy();
        if begins {
            self.record.tick_begin(now_ns(), self.due_ns().unwrap_or(0));
        }
        let called = guarded(|| self.node.tick(&mut self.context));
        let ended_ns = now_ns();
        let told = self.tick_called(called);
        // Not yet if `on_error` goes on: it belongs to the tick.
        if !self.context.is_busy() {
            self.record.tick_end(ended_ns);
        }
        told
    }

    fn tick_called(&mut self, mut called: Result<(), Failure>) -> Result<()> {
        if let Err(Failure::Error(error)) = called {
            called = guarded(|| self.node.on_error(&mut self.context, error));
        }
        self.ended(Phase::Tick, called)
    }

    /// Looks after what the node began in earlier ticks; returns whether any of it failed.
    pub(super) fn between(&mut self) -> Result<bool> {
        let busy = self.context.is_busy();
        let called = guarded(|| self.node.between(&mut self.context));
        // One failure a round, however many there are: the others of this process tick in the meantime.
        let failed = called.is_err();
        if failed {
            self.tick_called(called)?;
        }
        if busy && !self.context.is_busy() {
            self.record.tick_end(now_ns());
            self.pending = std::mem::take(&mut self.unread);
            self.drop_unread()?;
        }
        Ok(failed)
    }

    /// Notes which topics have a message, and returns whether any has.
    fn look_at_topics(&mut self) -> Result<bool> {
        let mut pending = std::mem::take(&mut self.pending);
        pending.clear();
        let looked = self.each_topic(|place, topic| {
            if topic.has_msg()? {
                pending.push((place, taken(topic)));
            }
            Ok(())
        });
        self.pending = pending;
        looked.map(|()| !self.pending.is_empty())
    }

    /// Takes the oldest message from each topic that had one and of which the tick received none: it had its tick.
    fn drop_unread(&mut self) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        let mut unread = None;
        let looked = self.each_topic(|place, topic| {
            if pending.contains(&(place, taken(topic))) {
                topic.recv()?;
                unread = Some(topic.topic().clone());
            }
            Ok(())
        });
        self.pending = pending;
        if let Some(topic) = unread.filter(|_| !std::mem::replace(&mut self.told_unread, true)) {
            let text = format_args!(
                "a tick that waits for '{topic}' received nothing from it; such messages are dropped"
            );
            log::write(Level::Warn, self.context.name(), text);
        }
        looked
    }

    fn each_topic(&mut self, mut look: impl FnMut(usize, &mut Subscriber) -> Result<()>) -> Result<()> {
        let mut topics = Vec::new();
        let lent = self.on(&mut topics);
        let looked = lent.and_then(|()| {
            topics.into_iter().try_for_each(|topic| look(std::ptr::from_ref(topic).addr(), topic))
        });
        self.waited();
        looked
    }

    pub(super) fn rejoined(&mut self, participant: &Arc<Participant>) -> Result<()> {
        let name = NodeName::new(self.context.name())?;
        self.record = Self::enter(participant, &name, self.options)?;
        self.context.rejoined(participant.clone(), self.record.index());
        if self.context.is_busy() {
            self.record.tick_begin(now_ns(), self.due_ns().unwrap_or(0));
        }
        Ok(())
    }

    pub(super) fn shutdown(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.initialised) {
            return Ok(());
        }
        let called = guarded(|| self.node.shutdown(&mut self.context));
        self.ended(Phase::Shutdown, called)
    }

    pub(super) fn leave(&mut self) {
        if std::mem::take(&mut self.joined) {
            self.node.leave();
        }
    }

    /// Turns what a callback ended with into the run's error, and shows it in the node's record.
    fn ended(&mut self, phase: Phase, called: Result<(), Failure>) -> Result<()> {
        let Err(failure) = called else { return Ok(()) };
        let node = self.name().to_owned();
        let (how, error) = match failure {
            Failure::Error(source) => (source.to_string(), Error::Node { node, phase, source }),
            Failure::Panic(message) => (format!("panic: {message}"), Error::Panic { node, phase, message }),
        };
        self.record.fail(how.lines().next().unwrap_or_default());
        Err(error)
    }
}

/// How many messages a subscriber has taken, whatever became of them.
fn taken(topic: &Subscriber) -> u64 {
    topic.received() + topic.skipped()
}

/// How a callback failed.
enum Failure {
    Error(NodeError),
    Panic(String),
}

/// Calls a callback and takes a panic for a failure: the other nodes are still to be shut down.
fn guarded(callback: impl FnOnce() -> NodeResult) -> Result<(), Failure> {
    // After a panic the node is called once more, to shut down; what it makes of its state is its own affair.
    match catch_unwind(AssertUnwindSafe(callback)) {
        Ok(called) => called.map_err(Failure::Error),
        Err(payload) => Err(Failure::Panic(panic_text(payload.as_ref()))),
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is no text".into())
}
