//! The nodes of a namespace as tools show them: the living, and those that crashed.

use super::load::{self, Load};
use crate::context::{Context, closest};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::rate::is_silence;
use crate::traffic::state_name;
use horus_shm::{Census, Namespace, NodeInfo, NodeState, ParticipantInfo, Tombstone, realtime_ns};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The keys of a node wherever one is shown.
pub(crate) const KEYS: &[&str] = &[
    "name",
    "pid",
    "state",
    "health",
    "rate_hz",
    "actual_hz",
    "cpu_percent",
    "rss_bytes",
    "uptime_s",
    "restarts",
    "session",
    "namespace",
    "crash",
];

/// A node as it is shown.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) name: &'a str,
    pub(super) pid: u32,
    pub(super) state: &'static str,
    /// How a crash went, in words, and how many seconds ago at least.
    pub(super) crash: Option<(&'a str, Option<f64>)>,
    pub(super) rate_hz: f64,
    pub(super) actual_hz: Option<f64>,
    pub(super) load: Load,
    pub(super) uptime_s: Option<f64>,
    pub(super) namespace: &'a str,
    /// Its record and its process, unless only a tombstone is left.
    pub(super) record: Option<(&'a NodeInfo, &'a ParticipantInfo)>,
}

/// What a node is when its process ended and nobody said how.
const UNKNOWN_END: &str = "ended without a clean stop";

/// Returns the nodes of a namespace by name: the living, those whose process died and wasn't cleaned up after, and
/// those that a tombstone remembers. `now_ns` is from just before the census.
pub(super) fn nodes_of<'a>(
    namespace: &'a Namespace,
    census: &'a Census,
    loads: &HashMap<u32, Load>,
    now_ns: u64,
) -> Vec<Seen<'a>> {
    let name = namespace.name().as_str();
    let mut nodes: Vec<Seen<'a>> = Vec::new();
    for participant in census.participants.iter().filter(|participant| participant.alive) {
        nodes.extend(participant.nodes.iter().map(|node| living(node, participant, loads, now_ns, name)));
    }
    let is_back = |nodes: &[Seen<'_>], name: &str| nodes.iter().any(|node| node.name == name);
    for participant in census.participants.iter().filter(|participant| !participant.alive) {
        let fell = participant.nodes.iter().filter(|node| node.state != NodeState::Stopped);
        let fell: Vec<_> = fell.filter(|node| !is_back(&nodes, &node.name)).collect();
        nodes.extend(fell.into_iter().map(|node| fallen(node, participant, now_ns, name)));
    }
    for stone in &census.tombstones {
        if !is_back(&nodes, &stone.node) {
            nodes.push(remembered(stone, realtime_ns(), name));
        }
    }
    nodes.sort_by(|a, b| a.name.cmp(b.name).then(a.pid.cmp(&b.pid)));
    nodes
}

/// Returns the load of each process with nodes; takes 100 ms if there is one.
pub(super) fn loads<'a>(participants: impl IntoIterator<Item = &'a ParticipantInfo>) -> HashMap<u32, Load> {
    let shown = participants.into_iter().filter(|participant| {
        // A number of another PID namespace would show somebody else's load.
        participant.alive && participant.pid_is_ours && !participant.nodes.is_empty()
    });
    load::of(&shown.map(|participant| participant.pid).collect::<Vec<_>>())
}

/// Returns that no node has this name, with advice: names like it, then where else something is.
pub(super) fn not_found(name: &str, nodes: &[Seen<'_>], context: &Context) -> Failure {
    let here = context.namespace.name();
    let mut failure = Failure::new(Exit::NotFound, format!("node '{name}' not found in namespace '{here}'"));
    for similar in closest(name, nodes.iter().map(|node| node.name.to_owned())).into_iter().take(3) {
        failure = failure.hint(format!("did you mean '{similar}'?"));
    }
    if nodes.is_empty() {
        failure = failure.hint(format!("no nodes in namespace '{here}'"));
    }
    context.elsewhere().into_iter().fold(failure, Failure::hint)
}

fn living<'a>(
    node: &'a NodeInfo,
    participant: &'a ParticipantInfo,
    loads: &HashMap<u32, Load>,
    now_ns: u64,
    namespace: &'a str,
) -> Seen<'a> {
    let running = node.state == NodeState::Running;
    let load = loads.get(&participant.pid).filter(|_| participant.pid_is_ours);
    Seen {
        name: &node.name,
        pid: participant.pid,
        state: state_name(node.state),
        crash: None,
        rate_hz: node.rate_hz,
        actual_hz: running.then(|| match quiet(node, now_ns) {
            true => 0.0,
            false => node.actual_hz,
        }),
        load: load.copied().unwrap_or_default(),
        uptime_s: Some(now_ns.saturating_sub(node.started_ns) as f64 / 1e9),
        namespace,
        record: Some((node, participant)),
    }
}

/// Returns whether a node ticks no more at the rate that it noted last: it hangs, or its topics are silent.
fn quiet(node: &NodeInfo, now_ns: u64) -> bool {
    let period_ns = (1e9 / node.actual_hz).min(1e18) as u64;
    is_silence(now_ns.saturating_sub(node.tick_began_ns), 1, period_ns)
}

/// A node of a process that died a moment ago; whoever cleans up will know more.
fn fallen<'a>(
    node: &'a NodeInfo,
    participant: &'a ParticipantInfo,
    now_ns: u64,
    namespace: &'a str,
) -> Seen<'a> {
    let ago_s = now_ns.saturating_sub(node.tick_began_ns.max(node.started_ns)) as f64 / 1e9;
    Seen {
        name: &node.name,
        pid: participant.pid,
        state: "Crashed",
        crash: Some((UNKNOWN_END, Some(ago_s))),
        rate_hz: node.rate_hz,
        actual_hz: None,
        load: Load::default(),
        uptime_s: None,
        namespace,
        record: Some((node, participant)),
    }
}

fn remembered<'a>(stone: &'a Tombstone, realtime_ns: u64, namespace: &'a str) -> Seen<'a> {
    let how = if stone.how.is_empty() { UNKNOWN_END } else { &stone.how };
    Seen {
        name: &stone.node,
        pid: stone.pid,
        state: "Crashed",
        crash: Some((how, Some(realtime_ns.saturating_sub(stone.from_ns) as f64 / 1e9))),
        rate_hz: 0.0,
        actual_hz: None,
        load: Load::default(),
        uptime_s: None,
        namespace,
        record: None,
    }
}

impl Seen<'_> {
    /// Returns what [`KEYS`] name.
    pub(super) fn item(&self) -> Map<String, Value> {
        let crash = self.crash.map(|(how, ago_s)| json!({"how": how, "last_seen_s": ago_s}));
        let pairs = [
            ("name", json!(self.name)),
            ("pid", json!(self.pid)),
            ("state", json!(self.state)),
            // Nobody reports health, restarts or a session yet; the keys are there so that scripts needn't change.
            ("health", Value::Null),
            ("rate_hz", json!(self.rate_hz)),
            ("actual_hz", json!(self.actual_hz)),
            ("cpu_percent", json!(self.load.cpu_percent)),
            ("rss_bytes", json!(self.load.rss_bytes)),
            ("uptime_s", json!(self.uptime_s)),
            ("restarts", Value::Null),
            ("session", Value::Null),
            ("namespace", json!(self.namespace)),
            ("crash", json!(crash)),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Returns its state in words, with how it crashed if it did.
    pub(super) fn state_in_words(&self) -> String {
        match &self.crash {
            Some((how, Some(ago_s))) => {
                format!("{} ({how}; seen {} ago)", self.state, crate::output::text::span(Some(*ago_s)))
            }
            Some((how, None)) => format!("{} ({how})", self.state),
            None => self.state.to_owned(),
        }
    }
}
