//! Nodes: what ticks.

use crate::error::Result;
use crate::join;
use crate::payload::Payload;
use crate::topic::{Publisher, Subscriber};
use horus_shm::{NodeIndex, NodeName, Participant, PublisherOptions, SubscriberOptions, TopicName};
use std::sync::Arc;

/// What a callback of a node fails with; any error.
pub type NodeError = Box<dyn std::error::Error + Send + Sync>;
/// What a callback of a node returns.
pub type NodeResult<T = ()> = std::result::Result<T, NodeError>;

/// A part of a robot's program: it is set up once, ticks at its rate or as its topics do, and is shut down once.
///
/// All nodes of a scheduler tick in its thread, one after the other.
///
/// # Examples
/// ```no_run
/// use horus_core::{Context, Node, NodeOptions, NodeResult, Scheduler, Subscriber, messages::CmdVel};
///
/// #[derive(Default)]
/// struct Motor {
///     commands: Option<Subscriber<CmdVel>>,
/// }
///
/// impl Node for Motor {
///     fn init(&mut self, context: &mut Context) -> NodeResult {
///         self.commands = Some(context.subscriber("cmd_vel")?);
///         Ok(())
///     }
///
///     fn tick(&mut self, _context: &mut Context) -> NodeResult {
///         if let Some(command) = self.commands.as_mut().map(Subscriber::recv_latest).transpose()?.flatten() {
///             println!("{} m/s", command.linear);
///         }
///         Ok(())
///     }
/// }
///
/// let mut scheduler = Scheduler::new();
/// scheduler.add("motor", Motor::default(), NodeOptions::at(1000.0))?;
/// scheduler.run()?;
/// # Ok::<(), horus_core::Error>(())
/// ```
pub trait Node: Send {
    /// Called once for each node before `init` of any: what it opens here hears what another one sends in its `init`.
    ///
    /// # Errors
    /// An error ends the run.
    fn join(&mut self, context: &mut Context) -> NodeResult {
        let _ = context;
        Ok(())
    }

    /// Called once before the first tick, in order. What topics it needs it opens here, or in `join`.
    ///
    /// # Errors
    /// An error ends the run.
    fn init(&mut self, context: &mut Context) -> NodeResult {
        let _ = context;
        Ok(())
    }

    /// Called at the node's rate, and when a topic of [`Node::on`] has a message.
    ///
    /// # Errors
    /// An error goes to [`Node::on_error`].
    fn tick(&mut self, context: &mut Context) -> NodeResult;

    /// Called once after the last tick, also when the run ends with an error. Not if `init` failed.
    ///
    /// # Errors
    /// An error ends the run with that error, after all nodes were shut down.
    fn shutdown(&mut self, context: &mut Context) -> NodeResult {
        let _ = context;
        Ok(())
    }

    /// Called once for each node whose `join` was called, after `shutdown` of all of them.
    fn leave(&mut self) {}

    /// Called before the scheduler sleeps, after each turn of its [`EventLoop`](crate::EventLoop): for a node that began
    /// something which goes on beside its ticks. After an error it is called again without a sleep, once what is due has
    /// ticked.
    ///
    /// # Errors
    /// An error goes to [`Node::on_error`].
    fn between(&mut self, context: &mut Context) -> NodeResult {
        let _ = context;
        Ok(())
    }

    /// Called with an error of `tick` or `between`. `Ok` lets the node go on; the default ends the run with the error.
    ///
    /// # Errors
    /// What is returned ends the run.
    fn on_error(&mut self, context: &mut Context, error: NodeError) -> NodeResult {
        let _ = context;
        Err(error)
    }

    /// Appends the subscribers whose messages make the node tick.
    ///
    /// The scheduler borrows them while it waits and gives them back before it calls anything else of the node; then it
    /// calls [`Node::waited`]. Each message is worth one tick: a tick that receives none of those that are there loses
    /// the oldest of each topic, for else it would be repeated for ever.
    ///
    /// # Errors
    /// An error ends the run.
    fn on<'a>(&'a mut self, topics: &mut Vec<&'a mut horus_shm::Subscriber>) -> NodeResult {
        let _ = topics;
        Ok(())
    }

    /// Called when a signal ended the scheduler's sleep, and about once a second; for languages that run their signal
    /// handlers between two steps of a program.
    ///
    /// # Errors
    /// An error ends the run.
    fn interrupted(&mut self) -> NodeResult {
        Ok(())
    }

    /// Called after each [`Node::on`] once its subscribers are no longer borrowed; a node whose subscribers stand behind
    /// a lock lets go of it here.
    fn waited(&mut self) {}
}

/// How a node is run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NodeOptions {
    /// How often it ticks, in Hz; 0 when it ticks only as its topics do.
    pub rate_hz: f64,
    /// Its place among the nodes of one scheduler, lower first; those that are equal, and those without, as they were
    /// added. Without means 0.
    pub order: Option<i32>,
}

impl NodeOptions {
    /// Returns options for a node that ticks so many times a second.
    pub fn at(rate_hz: f64) -> Self {
        Self { rate_hz, order: None }
    }

    /// Returns options for a node that ticks when its topics do, see [`Node::on`].
    pub fn on_topics() -> Self {
        Self::default()
    }
}

/// What a node knows of its surroundings: its name, its process's place in the namespace, and how to open topics there.
#[derive(Debug)]
pub struct Context {
    name: NodeName,
    participant: Arc<Participant>,
    index: NodeIndex,
    by_clock: bool,
    by_topic: bool,
    busy: bool,
}

impl Context {
    pub(crate) fn new(name: NodeName, participant: Arc<Participant>, index: NodeIndex) -> Self {
        Self { name, participant, index, by_clock: false, by_topic: false, busy: false }
    }

    /// Notes why the tick that follows is due.
    pub(crate) fn due(&mut self, by_clock: bool, by_topic: bool) {
        (self.by_clock, self.by_topic) = (by_clock, by_topic);
    }

    /// Moves to the participant and record that stand for the old ones now.
    pub(crate) fn rejoined(&mut self, participant: Arc<Participant>, index: NodeIndex) {
        (self.participant, self.index) = (participant, index);
    }

    /// Returns the node's name.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Returns this process's place in the namespace.
    pub fn participant(&self) -> &Arc<Participant> {
        &self.participant
    }

    /// Returns what tells tools which node an endpoint belongs to.
    pub fn index(&self) -> NodeIndex {
        self.index
    }

    /// Returns whether this tick is due because the node's time has come.
    pub fn is_due_by_clock(&self) -> bool {
        self.by_clock
    }

    /// Returns whether this tick is due because a topic of [`Node::on`] has a message. Both may be.
    pub fn is_due_by_topic(&self) -> bool {
        self.by_topic
    }

    /// Says whether a callback that has returned, or is about to, goes on all the same: in an event loop, say.
    ///
    /// While a tick goes on the node isn't due by the clock, and each tick that would have been counts as an overrun; it
    /// still ticks for its topics, if [`Node::on`] names any meanwhile. The scheduler waits for an `init` that goes on.
    /// [`Node::between`] is where to see that it has ended.
    pub fn set_busy(&mut self, busy: bool) {
        self.busy = busy;
    }

    /// Returns what [`Context::set_busy`] said last; false to begin with.
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// Returns how often this process has joined its namespace anew. Publishers and subscribers of this crate follow by
    /// themselves; one who holds the transport's own opens them again when this changes.
    pub fn epoch(&self) -> u64 {
        join::epoch()
    }

    /// Opens a topic for sending as this node.
    ///
    /// # Errors
    /// As [`Publisher::open`], and if the name is none.
    pub fn publisher<T: Payload>(&self, topic: &str) -> Result<Publisher<T>> {
        self.publisher_with(topic, PublisherOptions::default())
    }

    /// Opens a topic for sending as this node, with a depth of its own or latched.
    ///
    /// # Errors
    /// As [`Publisher::open`], and if the name is none.
    pub fn publisher_with<T: Payload>(&self, topic: &str, options: PublisherOptions) -> Result<Publisher<T>> {
        let options = PublisherOptions { node: Some(self.index), ..options };
        Publisher::open(&self.participant, &TopicName::new(topic)?, options)
    }

    /// Opens a topic for receiving as this node.
    ///
    /// # Errors
    /// As [`Subscriber::open`], and if the name is none.
    pub fn subscriber<T: Payload>(&self, topic: &str) -> Result<Subscriber<T>> {
        self.subscriber_with(topic, SubscriberOptions::default())
    }

    /// Opens a topic for receiving as this node, with a depth of its own.
    ///
    /// # Errors
    /// As [`Subscriber::open`], and if the name is none.
    pub fn subscriber_with<T: Payload>(
        &self,
        topic: &str,
        options: SubscriberOptions,
    ) -> Result<Subscriber<T>> {
        let options = SubscriberOptions { node: Some(self.index), ..options };
        Subscriber::open(&self.participant, &TopicName::new(topic)?, options)
    }

    /// Ends the run after this round, cleanly.
    pub fn request_stop(&self) {
        horus_shm::stop::request();
    }
}
