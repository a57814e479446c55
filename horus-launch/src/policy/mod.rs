//! What to do when: a pure function of a session's state, an event and the time.
//!
//! Nothing here knows a process, a clock or a file, so every rule is tested by feeding events. Time is a
//! [`Duration`] since the session began. The shell that carries the actions out is
//! [`Supervisor`](crate::Supervisor).

mod note;
mod restart;
#[cfg(test)]
mod tests;

pub use note::{Note, NoteKind};
pub use restart::{RestartPolicy, RestartWhen};

use crate::process::Exit;
use std::time::Duration;

/// The number of a node in its plan.
pub type NodeIndex = usize;

/// What the policy needs to know of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NodeRules {
    /// When it is started again.
    pub restart: RestartPolicy,
    /// From the request to end until it is killed.
    pub stop_timeout: Duration,
}

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NodeState {
    /// To be spawned; the shell has been told so.
    Starting,
    /// Its process lives since then.
    Running {
        /// When it was spawned.
        since: Duration,
    },
    /// It failed and is started again then.
    Backoff {
        /// When.
        until: Duration,
        /// How it failed.
        last: Exit,
    },
    /// It was asked to end and is killed then.
    Stopping {
        /// When.
        kill_at: Duration,
    },
    /// It was killed; its end hasn't been seen yet.
    Killed,
    /// It is over; none if it never ran.
    Ended(Option<Exit>),
}

#[derive(Debug, Clone, PartialEq)]
struct Node {
    rules: NodeRules,
    state: NodeState,
    /// Starts again in a row.
    retries: u32,
}

/// Where the session stands as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// Nodes run and are started again.
    Running,
    /// Nothing starts any more; all were asked to end.
    Stopping,
    /// All nodes are over; what is left are processes that left their groups.
    Sweeping(Sweep),
    /// The shell has been told to finish.
    Done,
}

/// How far the end of the processes that left their groups has come.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sweep {
    /// Not known yet whether there are any.
    Counting,
    /// They were asked to end and are killed then.
    Asked { kill_at: Duration },
    /// They are killed, and those they leave behind in turn.
    Killing,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// The session begins.
    Begin,
    /// A node's process is there.
    Spawned(NodeIndex),
    /// A node's process could not be made.
    SpawnFailed(NodeIndex),
    /// A node's process is over.
    Exited(NodeIndex, Exit),
    /// Somebody asked for an orderly end.
    Stop,
    /// Somebody asked for an end at once.
    Kill,
    /// A deadline may have passed.
    Tick,
    /// All nodes are over, and this many processes that left their groups are not.
    Strays(usize),
}

/// What the shell is to do, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Start a node's process; answer with [`Event::Spawned`] or [`Event::SpawnFailed`].
    Spawn(NodeIndex),
    /// Ask a node's process group to end.
    Terminate(NodeIndex),
    /// Kill a node's process group.
    Kill(NodeIndex),
    /// Count the processes that left their groups; answer with [`Event::Strays`].
    CountStrays,
    /// Ask them to end.
    TerminateStrays,
    /// Kill them and what they leave, until none is left; answer with [`Event::Strays`] as they end.
    KillStrays,
    /// Tell the operator.
    Say(Note),
    /// All is over; this is the exit status.
    Finish(u8),
}

/// A session's state.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    nodes: Vec<Node>,
    phase: Phase,
    /// The status of the first node, in time, that ended badly for good.
    first_failure: Option<u8>,
    killed: bool,
}

/// The exit status after a second Ctrl+C: 128 and SIGINT, as a shell has it.
pub const STATUS_INTERRUPTED: u8 = 130;
/// Processes that left their groups get this long between SIGTERM and SIGKILL; they belong to nodes that are over.
const STRAY_TIMEOUT: Duration = Duration::from_secs(2);

impl Session {
    /// Returns a session in which nothing has begun.
    pub fn new(nodes: impl IntoIterator<Item = NodeRules>) -> Session {
        let nodes = nodes.into_iter().map(|rules| Node { rules, state: NodeState::Starting, retries: 0 });
        Session { nodes: nodes.collect(), phase: Phase::Running, first_failure: None, killed: false }
    }

    /// Returns where a node stands.
    pub fn node(&self, index: NodeIndex) -> NodeState {
        self.nodes[index].state
    }

    /// Returns whether an end has been asked for.
    pub fn is_stopping(&self) -> bool {
        !matches!(self.phase, Phase::Running)
    }

    /// Returns when the next [`Event::Tick`] is due, if one is.
    pub fn deadline(&self) -> Option<Duration> {
        let nodes = self.nodes.iter().filter_map(|node| match node.state {
            NodeState::Backoff { until, .. } => Some(until),
            NodeState::Stopping { kill_at } => Some(kill_at),
            _ => None,
        });
        let sweep = match self.phase {
            Phase::Sweeping(Sweep::Asked { kill_at }) => Some(kill_at),
            _ => None,
        };
        nodes.chain(sweep).min()
    }

    /// Returns the state after `event`, and what is to be done.
    pub fn step(mut self, event: Event, now: Duration) -> (Session, Vec<Action>) {
        let mut actions = Vec::new();
        match event {
            Event::Begin => actions.extend((0..self.nodes.len()).map(Action::Spawn)),
            Event::Spawned(index) => self.spawned(index, now, &mut actions),
            Event::SpawnFailed(index) => {
                self.first_failure.get_or_insert(1);
                self.nodes[index].state = NodeState::Ended(None);
            }
            Event::Exited(index, exit) => self.exited(index, exit, now, &mut actions),
            Event::Stop => self.stop(now, &mut actions),
            Event::Kill => self.kill(&mut actions),
            Event::Tick => self.tick(now, &mut actions),
            Event::Strays(count) => self.strays(count, now, &mut actions),
        }
        let over = self.nodes.iter().all(|node| matches!(node.state, NodeState::Ended(_)));
        if over && matches!(self.phase, Phase::Running | Phase::Stopping) {
            self.phase = Phase::Sweeping(Sweep::Counting);
            actions.push(Action::CountStrays);
        }
        (self, actions)
    }

    fn spawned(&mut self, index: NodeIndex, now: Duration, actions: &mut Vec<Action>) {
        let node = &mut self.nodes[index];
        node.state = NodeState::Running { since: now };
        // A stop that came while it was being spawned is made good here.
        if self.killed {
            node.state = NodeState::Killed;
            actions.push(Action::Kill(index));
        } else if self.is_stopping() {
            self.ask_to_end(index, now, actions);
        }
    }

    fn exited(&mut self, index: NodeIndex, exit: Exit, now: Duration, actions: &mut Vec<Action>) {
        let node = &mut self.nodes[index];
        let asked = matches!(node.state, NodeState::Stopping { .. } | NodeState::Killed);
        let well = exit == Exit::Code(0) || (asked && exit == Exit::TERMINATED);
        if let NodeState::Running { since } = node.state {
            if now.saturating_sub(since) >= node.rules.restart.reset_after {
                node.retries = 0;
            }
            if node.rules.restart.when.covers(well) {
                let policy = node.rules.restart;
                if node.retries < policy.max_retries {
                    node.retries += 1;
                    let pause = policy.backoff(node.retries, luck(index, node.retries));
                    node.state = NodeState::Backoff { until: now + pause, last: exit };
                    let (retry, of) = (node.retries, policy.max_retries);
                    actions.push(say(index, NoteKind::RestartsIn { exit, pause, retry, of }));
                    return;
                }
                actions.push(say(index, NoteKind::GivenUp { exit, retries: node.retries }));
                if well {
                    // One that is to run always and doesn't has failed, though its status says nothing of it.
                    self.first_failure.get_or_insert(1);
                }
                self.end(index, exit, well);
                return;
            }
        }
        // A kill that we sent is no news; it was announced, or asked for.
        let ours = node.state == NodeState::Killed && exit == Exit::KILLED;
        if !well && !ours {
            actions.push(say(index, NoteKind::Failed { exit }));
        } else if well && !asked {
            actions.push(say(index, NoteKind::Finished));
        }
        self.end(index, exit, well);
    }

    fn end(&mut self, index: NodeIndex, exit: Exit, well: bool) {
        if !well {
            self.first_failure.get_or_insert(exit.status());
        }
        self.nodes[index].state = NodeState::Ended(Some(exit));
    }

    fn stop(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.is_stopping() {
            return;
        }
        self.phase = Phase::Stopping;
        for index in 0..self.nodes.len() {
            match self.nodes[index].state {
                NodeState::Running { .. } => self.ask_to_end(index, now, actions),
                NodeState::Backoff { last, .. } => self.end(index, last, false),
                // The others are about to be spawned (`spawned` looks again), or over.
                _ => {}
            }
        }
    }

    fn ask_to_end(&mut self, index: NodeIndex, now: Duration, actions: &mut Vec<Action>) {
        let node = &mut self.nodes[index];
        node.state = NodeState::Stopping { kill_at: now + node.rules.stop_timeout };
        actions.push(Action::Terminate(index));
    }

    fn kill(&mut self, actions: &mut Vec<Action>) {
        self.killed = true;
        if self.phase == Phase::Running {
            self.phase = Phase::Stopping;
        }
        for (index, node) in self.nodes.iter_mut().enumerate() {
            match node.state {
                NodeState::Running { .. } | NodeState::Stopping { .. } => {
                    node.state = NodeState::Killed;
                    actions.push(Action::Kill(index));
                }
                NodeState::Backoff { last, .. } => node.state = NodeState::Ended(Some(last)),
                _ => {}
            }
        }
        if let Phase::Sweeping(Sweep::Asked { .. }) = self.phase {
            self.phase = Phase::Sweeping(Sweep::Killing);
            actions.push(Action::KillStrays);
        }
    }

    fn tick(&mut self, now: Duration, actions: &mut Vec<Action>) {
        for (index, node) in self.nodes.iter_mut().enumerate() {
            match node.state {
                NodeState::Backoff { until, .. } if now >= until => {
                    node.state = NodeState::Starting;
                    actions.push(Action::Spawn(index));
                }
                NodeState::Stopping { kill_at } if now >= kill_at => {
                    node.state = NodeState::Killed;
                    actions.push(say(index, NoteKind::DidNotStop { timeout: node.rules.stop_timeout }));
                    actions.push(Action::Kill(index));
                }
                _ => {}
            }
        }
        match self.phase {
            Phase::Sweeping(Sweep::Asked { kill_at }) if now >= kill_at => {
                self.phase = Phase::Sweeping(Sweep::Killing);
                actions.push(Action::KillStrays);
            }
            _ => {}
        }
    }

    fn strays(&mut self, count: usize, now: Duration, actions: &mut Vec<Action>) {
        let Phase::Sweeping(sweep) = self.phase else { return };
        if count == 0 {
            self.phase = Phase::Done;
            let status = if self.killed { STATUS_INTERRUPTED } else { self.first_failure.unwrap_or(0) };
            actions.push(Action::Finish(status));
            return;
        }
        let (next, action) = match sweep {
            Sweep::Counting if !self.killed => {
                (Sweep::Asked { kill_at: now + STRAY_TIMEOUT }, Some(Action::TerminateStrays))
            }
            Sweep::Asked { .. } => (sweep, None),
            // Killing one hands its children to us: again, until none is left.
            Sweep::Counting | Sweep::Killing => (Sweep::Killing, Some(Action::KillStrays)),
        };
        self.phase = Phase::Sweeping(next);
        actions.extend(action);
    }
}

fn say(node: NodeIndex, kind: NoteKind) -> Action {
    Action::Say(Note { node, kind })
}

/// Returns a number in 0 to 1 that differs from node to node and from retry to retry; the same in every run, so
/// that the policy stays a function.
fn luck(index: NodeIndex, retry: u32) -> f64 {
    // The golden ratio's fractional part spreads small integers evenly.
    ((index as f64 + 1.0) * 0.618_034 + f64::from(retry) * 0.754_878).fract()
}
