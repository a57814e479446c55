//! Runs nodes, one after the other, each when it is due.

mod cadence;
mod running;

use crate::error::{Error, Result};
use crate::join;
use crate::log::{self, Level};
use crate::node::{Context, Node, NodeOptions};
use crate::signal::StopOnSignals;
use cadence::Cadence;
use horus_shm::{
    CleanOptions, Language, Namespace, NodeName, Participant, Settings, WaitSet, Woken, now_ns, stop,
};
use running::Running;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How often the scheduler asks whether its process can still be seen, in nanoseconds. A system call that costs less
/// than a microsecond; once a second nobody notices it, and a robot is blind for a second at most.
const LINK_CHECK_NS: u64 = 1_000_000_000;
/// The highest rate, in Hz: beyond it the clock itself takes the time.
const RATE_HZ_MAX: f64 = 1e6;

/// The nodes of a process and the thread that ticks them: the one that calls [`Scheduler::run`].
///
/// Each round ticks the nodes that are due, in order, so that each sees what the one before it sent. Between rounds the
/// thread sleeps until the next tick is due, a topic that a node waits for has a message, or the process is asked to
/// stop. Deadlines are absolute: a late tick doesn't delay those after it, and missed ones are counted, not made up for.
pub struct Scheduler {
    settings: Settings,
    language: Language,
    nodes: Vec<Added>,
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
        Self { settings, language, nodes: Vec::new(), handles_signals: true }
    }

    /// Leaves SIGINT and SIGTERM as they are: the caller has handlers of its own, which call `horus_shm::stop::request`.
    /// A request from before the run then ends it at once; the caller clears it when its handlers are set.
    #[must_use]
    pub fn without_signals(mut self) -> Self {
        self.handles_signals = false;
        self
    }

    /// Adds a node.
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
    /// before. Blocks the calling thread, which ticks
    /// all nodes. Removes what dead processes left first.
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
        let mut run = Run::enter(participant, self.language, &mut self.nodes)?;
        let ran = run.init().and_then(|()| run.rounds(duration));
        let shut = run.shutdown();
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

/// One run, from joining to leaving.
struct Run<'a> {
    participant: Arc<Participant>,
    language: Language,
    /// In the order in which they tick.
    nodes: Vec<Running<'a>>,
    waits: WaitSet,
    check_link_ns: u64,
}

impl<'a> Run<'a> {
    fn enter(participant: Arc<Participant>, language: Language, added: &'a mut [Added]) -> Result<Self> {
        let mut ordered: Vec<&mut Added> = added.iter_mut().collect();
        ordered.sort_by_key(|added| added.options.order.unwrap_or(0));
        let nodes = ordered.into_iter().map(|Added { name, options, node }| {
            let record = Running::enter(&participant, name, *options)?;
            let context = Context::new(name.clone(), participant.clone(), record.index());
            Ok(Running::new(node.as_mut(), *options, context, record))
        });
        let nodes = nodes.collect::<Result<_>>()?;
        let check_link_ns = now_ns() + LINK_CHECK_NS;
        Ok(Self { participant, language, nodes, waits: WaitSet::new(), check_link_ns })
    }

    fn init(&mut self) -> Result<()> {
        for node in &mut self.nodes {
            node.init()?;
        }
        let start = now_ns();
        for node in &mut self.nodes {
            node.start(start)?;
        }
        Ok(())
    }

    fn rounds(&mut self, duration: Option<Duration>) -> Result<()> {
        let nanoseconds = duration.map(|duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
        let end = nanoseconds.map_or(u64::MAX, |duration| now_ns().saturating_add(duration));
        loop {
            let woken = self.wait(end)?;
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
            for node in &mut self.nodes {
                node.tick_if_due(now)?;
            }
            if now >= self.check_link_ns {
                self.check_link();
                self.check_link_ns = now + LINK_CHECK_NS;
            }
        }
    }

    /// Sleeps until something is due.
    fn wait(&mut self, end: u64) -> Result<Woken> {
        let due = self.nodes.iter().filter_map(Running::due_ns).min().unwrap_or(u64::MAX);
        let deadline = due.min(end).min(self.check_link_ns);
        let mut topics = Vec::new();
        let lent = self.nodes.iter_mut().try_for_each(|node| node.on(&mut topics));
        let woken = lent.and_then(|()| Ok(self.waits.wait(&mut topics, Some(deadline))?));
        self.nodes.iter_mut().for_each(Running::waited);
        woken
    }

    /// Joins anew if the files of this process were removed under it.
    fn check_link(&mut self) {
        match join::rejoin(&self.participant, self.language)
            .and_then(|newer| newer.map_or(Ok(false), |newer| self.rejoined(newer)))
        {
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
    }

    fn rejoined(&mut self, newer: Arc<Participant>) -> Result<bool> {
        for node in &mut self.nodes {
            node.rejoined(&newer)?;
        }
        self.participant = newer;
        Ok(true)
    }

    /// Shuts down all nodes, the last one first, and returns the first error.
    fn shutdown(&mut self) -> Result<()> {
        let mut first = Ok(());
        for node in self.nodes.iter_mut().rev() {
            if let Err(error) = node.shutdown() {
                match &first {
                    Ok(()) => first = Err(error),
                    Err(_) => log::write(Level::Error, node.name(), format_args!("{error}")),
                }
            }
        }
        first
    }
}
