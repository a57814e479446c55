//! Runs nodes, one after the other, each when it is due.

mod cadence;
mod running;

use crate::error::{Error, Result};
use crate::event_loop::EventLoop;
use crate::join;
use crate::log::{self, Level};
use crate::node::{Context, Node, NodeOptions};
use crate::signal::StopOnSignals;
use cadence::Cadence;
use horus_shm::{
    CleanOptions, Language, Namespace, NodeName, NodeState, Participant, ParticipantInfo, RemovalWatch,
    Settings, WaitSet, Woken, now_ns, nudges, stop,
};
use running::Running;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How often the scheduler asks whether its process can still be seen, in nanoseconds. A system call that costs less
/// than a microsecond; once a second nobody notices it, and a robot is blind for a second at most. One that has nothing to
/// do is asked once more, and then the kernel tells it.
const LINK_CHECK_NS: u64 = 1_000_000_000;
/// The highest rate of a node, in Hz: beyond it the clock itself takes the time.
pub const RATE_HZ_MAX: f64 = 1e6;
/// How long the event loop goes on at most before topics are looked at, in nanoseconds. Shorter than a person or a
/// control loop notices, and long beside the 20 µs of a turn.
const TURN_NS: u64 = 1_000_000;

/// The nodes of a process and the thread that ticks them: the one that calls [`Scheduler::run`].
///
/// Each round ticks the nodes that are due, in order, so that each sees what the one before it sent. Between rounds the
/// thread sleeps until the next tick is due, a topic that a node waits for has a message, or the process is asked to
/// stop. Deadlines are absolute: a late tick doesn't delay those after it, and missed ones are counted, not made up for.
///
/// # Examples
/// ```no_run
/// use horus_core::{Context, Node, NodeOptions, NodeResult, Scheduler};
///
/// struct Beat;
///
/// impl Node for Beat {
///     fn tick(&mut self, context: &mut Context) -> NodeResult {
///         println!("{} is alive", context.name());
///         Ok(())
///     }
/// }
///
/// let mut scheduler = Scheduler::new();
/// scheduler.add("beat", Beat, NodeOptions::at(2.0))?;
/// scheduler.run_for(std::time::Duration::from_secs(10))?;
/// # Ok::<(), horus_core::Error>(())
/// ```
pub struct Scheduler {
    settings: Settings,
    language: Language,
    nodes: Vec<Added>,
    event_loop: Option<Box<dyn EventLoop>>,
    handles_signals: bool,
}

struct Added {
    name: NodeName,
    options: NodeOptions,
    node: Box<dyn Node>,
}

impl Scheduler {
    /// Returns a scheduler for nodes in the namespace that the environment names.
    pub fn new() -> Self {
        Self::with_settings(Settings::from_env(), Language::Rust)
    }

    /// Returns a scheduler for nodes in a given namespace, written in a given language.
    pub fn with_settings(settings: Settings, language: Language) -> Self {
        Self { settings, language, nodes: Vec::new(), event_loop: None, handles_signals: true }
    }

    /// Leaves SIGINT and SIGTERM as they are: the caller has handlers of its own, which call `horus_shm::stop::request`.
    /// A request from before the run then ends it at once; the caller clears it when its handlers are set.
    #[must_use]
    pub fn without_signals(mut self) -> Self {
        self.handles_signals = false;
        self
    }

    /// Runs an event loop between the rounds.
    #[must_use]
    pub fn with_event_loop(mut self, event_loop: impl EventLoop + 'static) -> Self {
        self.event_loop = Some(Box::new(event_loop));
        self
    }

    /// Adds a node.
    ///
    /// A node of another process may have the same name: both run, tools list both, and a warning is logged.
    ///
    /// # Errors
    /// The name is none or taken, or the rate isn't one from 0 to a million.
    pub fn add(&mut self, name: &str, node: impl Node + 'static, options: NodeOptions) -> Result<()> {
        self.add_boxed(name, Box::new(node), options)
    }

    /// Adds a node whose type is known only at run time.
    ///
    /// # Errors
    /// As [`Scheduler::add`].
    pub fn add_boxed(&mut self, name: &str, node: Box<dyn Node>, options: NodeOptions) -> Result<()> {
        let name = NodeName::new(name)?;
        let refuse = |reason: String| Err(Error::Options { node: name.as_str().to_owned(), reason });
        if self.nodes.iter().any(|added| added.name == name) {
            return refuse("another node of this process has that name".into());
        }
        if !(0.0..=RATE_HZ_MAX).contains(&options.rate_hz) {
            return refuse(format!("a rate of {} Hz isn't one from 0 to {RATE_HZ_MAX} Hz", options.rate_hz));
        }
        self.nodes.push(Added { name, options, node });
        Ok(())
    }

    /// Runs the nodes until SIGTERM, Ctrl+C or a node's request, then shuts them down.
    ///
    /// The first Ctrl+C ends the run cleanly, a second one the process at once; after the run signals do what they did
    /// before. Blocks the calling thread, which ticks all nodes. Removes what dead processes left first.
    ///
    /// # Errors
    /// Joining fails, or a callback of a node failed or panicked; then all nodes were shut down all the same.
    pub fn run(&mut self) -> Result<()> {
        self.run_until(None)
    }

    /// Runs the nodes as [`Scheduler::run`], but no longer than this.
    ///
    /// # Errors
    /// As [`Scheduler::run`].
    pub fn run_for(&mut self, duration: Duration) -> Result<()> {
        self.run_until(Some(duration))
    }

    fn run_until(&mut self, duration: Option<Duration>) -> Result<()> {
        if self.handles_signals {
            // What was asked before this run was asked of another one; from the next line on it is asked of this.
            stop::clear();
        }
        let _signals = self.handles_signals.then(StopOnSignals::install).transpose()?;
        let namespace = Namespace::open(&self.settings)?;
        clean(&namespace);
        let participant = Participant::join(&namespace, self.language)?;
        log::write(Level::Debug, "horus", format_args!("joined namespace '{}'", namespace.name()));
        warn_of_namesakes(&namespace, &self.nodes);
        let event_loop = self.event_loop.as_deref_mut();
        let mut run = Run::enter(participant, self.language, &mut self.nodes, event_loop)?;
        let ran = run.init().and_then(|goes_on| if goes_on { run.rounds(duration) } else { Ok(()) });
        let shut = run.shutdown(&ran);
        ran.and(shut)
    }
}

impl Default for Scheduler {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.nodes.iter().map(|added| &added.name)).finish()
    }
}

/// Removes what the dead left; whoever is already at it does it for us.
fn clean(namespace: &Namespace) {
    match horus_shm::clean(namespace.root(), None, &CleanOptions::default()) {
        Ok(report) => log::write(Level::Debug, "horus", format_args!("cleaned up {} bytes", report.bytes)),
        Err(error) => log::write(
            Level::Warn,
            "horus",
            format_args!("what dead processes left can't be removed: {error}"),
        ),
    }
}

/// Warns of nodes in other processes that have a name of these. They are not refused: a restarted process may overlap
/// with its predecessor, and only topics carry data. But who reads a list of nodes can't tell them apart.
fn warn_of_namesakes(namespace: &Namespace, nodes: &[Added]) {
    // Only a warning depends on it; joining has its own errors.
    let Ok(living) = ParticipantInfo::living(namespace) else { return };
    for participant in living {
        let running = participant.nodes.iter().filter(|node| node.state == NodeState::Running);
        for node in running.filter(|node| nodes.iter().any(|added| added.name.as_str() == node.name)) {
            let text = format_args!(
                "pid {} runs a node of this name too; both go on, and tools list both. Give each node a name of its own",
                participant.pid
            );
            log::write(Level::Warn, &node.name, text);
        }
    }
}

/// One run, from joining to leaving.
struct Run<'a> {
    participant: Arc<Participant>,
    language: Language,
    /// In the order in which they tick.
    nodes: Vec<Running<'a>>,
    event_loop: Option<&'a mut (dyn EventLoop + 'static)>,
    waits: WaitSet,
    check_link_ns: u64,
    /// A look came after the last round in which anything happened: the next sleep needs none to end it.
    settled: bool,
    /// Ends such a sleep when this process's file is removed.
    removal: Option<RemovalWatch>,
}

impl<'a> Run<'a> {
    fn enter(
        participant: Arc<Participant>,
        language: Language,
        added: &'a mut [Added],
        event_loop: Option<&'a mut (dyn EventLoop + 'static)>,
    ) -> Result<Self> {
        let mut ordered: Vec<&mut Added> = added.iter_mut().collect();
        ordered.sort_by_key(|added| added.options.order.unwrap_or(0));
        let nodes = ordered.into_iter().map(|Added { name, options, node }| {
            let record = Running::enter(&participant, name, *options)?;
            let context = Context::new(name.clone(), participant.clone(), record.index());
            Ok(Running::new(node.as_mut(), *options, context, record))
        });
        let nodes = nodes.collect::<Result<_>>()?;
        let check_link_ns = now_ns() + LINK_CHECK_NS;
        Ok(Self {
            participant,
            language,
            nodes,
            event_loop,
            waits: WaitSet::new(),
            check_link_ns,
            settled: false,
            removal: None,
        })
    }

    /// Joins and initialises the nodes; false if the process is to stop while one of them is at it.
    fn init(&mut self) -> Result<bool> {
        self.nodes.iter_mut().try_for_each(Running::join)?;
        for index in 0..self.nodes.len() {
            let mut goes_on = self.nodes[index].init()?;
            while goes_on {
                let since = nudges();
                let next = self.turn(u64::MAX)?;
                goes_on = self.nodes[index].init_goes_on()?;
                if goes_on {
                    let until = next.min(now_ns().saturating_add(LINK_CHECK_NS));
                    match self.sleep(since, until, false)? {
                        Woken::Stop => return Ok(false),
                        Woken::Topic => {}
                        // Also when nothing ended the sleep: a signal that came just before it didn't.
                        Woken::Interrupted | Woken::Deadline => self.nodes[index].interrupted()?,
                    }
                }
            }
        }
        let start = now_ns();
        for node in &mut self.nodes {
            node.start(start)?;
        }
        Ok(true)
    }

    fn rounds(&mut self, duration: Option<Duration>) -> Result<()> {
        let nanoseconds = duration.map(|duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
        let end = nanoseconds.map_or(u64::MAX, |duration| now_ns().saturating_add(duration));
        loop {
            // Before the event loop's turn: what nudges from then on has come too late for it.
            let since = nudges();
            let next = self.between()?;
            let look = if self.settled { u64::MAX } else { self.check_link_ns };
            let woken = self.sleep(since, next.min(end).min(look), true)?;
            if woken == Woken::Stop {
                log::write(Level::Debug, "horus", format_args!("asked to stop"));
                return Ok(());
            }
            let now = now_ns();
            // Also with the look at the link: a signal that came just before the sleep didn't end it.
            if woken == Woken::Interrupted || now >= self.check_link_ns {
                self.nodes.iter_mut().try_for_each(Running::interrupted)?;
            }
            if now >= end {
                return Ok(());
            }
            let mut idle = woken == Woken::Deadline && next > now;
            for node in &mut self.nodes {
                idle &= !node.tick_if_due(now)?;
            }
            self.settled &= idle;
            if now >= self.check_link_ns {
                let linked = self.check_link();
                self.check_link_ns = now + LINK_CHECK_NS;
                self.settled = idle && linked && self.watch_link();
            }
        }
    }

    /// Lets the event loop go on, and what the nodes began; returns when something is due next.
    fn between(&mut self) -> Result<u64> {
        let due = self.nodes.iter().filter_map(Running::due_ns).min().unwrap_or(u64::MAX);
        let next = self.turn(due)?;
        let mut failed = false;
        for node in &mut self.nodes {
            failed |= node.between()?;
        }
        // What was begun to deal with a failure had no turn yet.
        Ok(if failed { 0 } else { due.min(next) })
    }

    /// Lets the event loop go on until then or for a moment; returns when it wants its next turn.
    fn turn(&mut self, until: u64) -> Result<u64> {
        match &mut self.event_loop {
            Some(event_loop) => {
                event_loop.turn(until.min(now_ns().saturating_add(TURN_NS))).map_err(Error::EventLoop)
            }
            None => Ok(u64::MAX),
        }
    }

    /// Sleeps until then, or until the event loop's topics or, if asked for, the nodes' have a message, or a nudge came
    /// since then.
    fn sleep(&mut self, since: u32, deadline: u64, for_nodes: bool) -> Result<Woken> {
        let mut topics = Vec::new();
        let nodes = if for_nodes { &mut self.nodes[..] } else { &mut [] };
        let mut lent = nodes.iter_mut().try_for_each(|node| node.on(&mut topics));
        if let (Ok(()), Some(event_loop)) = (&lent, &mut self.event_loop) {
            lent = event_loop.on(&mut topics).map_err(Error::EventLoop);
        }
        let woken = lent.and_then(|()| Ok(self.waits.wait_since(since, &mut topics, Some(deadline))?));
        self.nodes.iter_mut().for_each(Running::waited);
        if let Some(event_loop) = &mut self.event_loop {
            event_loop.waited();
        }
        woken
    }

    /// Has the kernel tell when the file of this process is removed; false where it can't.
    fn watch_link(&mut self) -> bool {
        if self.removal.is_none() {
            self.removal = RemovalWatch::start(&self.participant).ok();
        }
        self.removal.is_some()
    }

    /// Joins anew if the files of this process were removed under it; returns whether it can be seen now.
    fn check_link(&mut self) -> bool {
        let checked = join::rejoin(&self.participant, self.language)
            .and_then(|newer| newer.map_or(Ok(false), |newer| self.rejoined(newer)));
        let linked = checked.is_ok();
        match checked {
            Ok(false) => {}
            Ok(true) => log::write(
                Level::Warn,
                "horus",
                format_args!(
                    "the files of this process in shared memory were removed; joined anew. systemd-logind does this at logout unless logind.conf says RemoveIPC=no"
                ),
            ),
            Err(error) => log::write(
                Level::Warn,
                "horus",
                format_args!("this process can't be seen by others and can't join anew: {error}"),
            ),
        }
        linked
    }

    fn rejoined(&mut self, newer: Arc<Participant>) -> Result<bool> {
        for node in &mut self.nodes {
            node.rejoined(&newer)?;
        }
        self.participant = newer;
        self.removal = None;
        Ok(true)
    }

    /// Shuts down all nodes, the last one first, then lets them leave; returns the first error, and logs those behind it
    /// or behind the one that ended the run.
    fn shutdown(&mut self, ran: &Result<()>) -> Result<()> {
        let mut first = Ok(());
        for node in self.nodes.iter_mut().rev() {
            if let Err(error) = node.shutdown() {
                if ran.is_ok() && first.is_ok() {
                    first = Err(error);
                } else {
                    log::write(Level::Error, node.name(), format_args!("{error}"));
                }
            }
        }
        self.nodes.iter_mut().for_each(Running::leave);
        first
    }
}
