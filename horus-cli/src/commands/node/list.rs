//! `horus node list`.

use super::load::{self, Load};
use crate::GlobalArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::listing::{FormatArgs, Listing};
use crate::output::table::{Table, left, right};
use crate::output::{Output, text};
use horus_shm::{Census, Namespace, NodeInfo, NodeState, ParticipantInfo, Tombstone, now_ns, realtime_ns};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// List the nodes of a namespace, of all processes
///
/// STATE is Running, Stopped, Error or Crashed; a node that crashed is shown until one of its name is back,
/// `horus clean --shm`, or 24 h. RATE is what the node was given, ACTUAL what it reaches.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus node list
  horus node list --json | jq '.items[] | select(.state == \"Crashed\")'")]
pub(crate) struct ListArgs {
    /// In every namespace of this user
    #[arg(long, conflicts_with = "namespace")]
    all_namespaces: bool,
    #[command(flatten)]
    format: FormatArgs,
}

const KEYS: &[&str] = &[
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
struct Seen {
    name: String,
    pid: u32,
    state: &'static str,
    /// How a crash went, in words, and how many seconds ago at least.
    crash: Option<(String, Option<f64>)>,
    rate_hz: f64,
    actual_hz: Option<f64>,
    load: Load,
    uptime_s: Option<f64>,
    namespace: String,
}

pub(crate) fn run(args: ListArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let context = Context::open(global)?;
    let namespaces: Vec<Namespace> = match args.all_namespaces {
        true => context.root.namespaces()?.iter().map(|name| context.root.namespace(name)).collect(),
        false => vec![context.namespace.clone()],
    };
    let seen = namespaces
        .iter()
        .map(|namespace| Ok((namespace, Census::take(namespace)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    context.clean(output);
    let living =
        seen.iter().flat_map(|(_, census)| &census.participants).filter(|participant| participant.alive);
    let loads = load::of(
        &living.filter(|participant| !participant.nodes.is_empty()).map(|p| p.pid).collect::<Vec<_>>(),
    );
    let mut nodes = Vec::new();
    for (namespace, census) in &seen {
        census.faults.iter().for_each(|fault| output.warning(&fault.to_string()));
        nodes.extend(nodes_of(namespace, census, &loads));
    }
    let listing = Listing {
        schema: "horus.node_list/1",
        namespace: (!args.all_namespaces).then(|| context.namespace.name().to_string()),
        keys: KEYS,
        items: nodes.iter().map(Seen::item).collect(),
    };
    listing.print(args.format.format(), &table(&nodes, args.all_namespaces), output)?;
    output.flush()?;
    if nodes.is_empty() {
        match args.all_namespaces {
            true => output.note("no nodes in any namespace"),
            false => output.note(&format!("no nodes in namespace '{}'", context.namespace.name())),
        }
        context.elsewhere().iter().for_each(|hint| output.hint(hint));
    }
    Ok(Exit::Ok)
}

/// Returns the nodes of a namespace by name: the living, those whose process died and wasn't cleaned up after, and
/// those that a tombstone remembers.
fn nodes_of(namespace: &Namespace, census: &Census, loads: &HashMap<u32, Load>) -> Vec<Seen> {
    let now_ns = now_ns();
    let name = namespace.name().as_str();
    let mut nodes: Vec<Seen> = Vec::new();
    for participant in census.participants.iter().filter(|participant| participant.alive) {
        nodes.extend(participant.nodes.iter().map(|node| living(node, participant, loads, now_ns, name)));
    }
    let is_back = |nodes: &[Seen], name: &str| nodes.iter().any(|node| node.name == name);
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
    nodes.sort_by(|a, b| a.name.cmp(&b.name).then(a.pid.cmp(&b.pid)));
    nodes
}

fn living(
    node: &NodeInfo,
    participant: &ParticipantInfo,
    loads: &HashMap<u32, Load>,
    now_ns: u64,
    namespace: &str,
) -> Seen {
    let running = node.state == NodeState::Running;
    Seen {
        name: node.name.clone(),
        pid: participant.pid,
        state: match node.state {
            NodeState::Running => "Running",
            NodeState::Stopped => "Stopped",
            NodeState::Error => "Error",
        },
        crash: None,
        rate_hz: node.rate_hz,
        actual_hz: running.then_some(node.actual_hz),
        load: loads.get(&participant.pid).copied().unwrap_or_default(),
        uptime_s: Some(now_ns.saturating_sub(node.started_ns) as f64 / 1e9),
        namespace: namespace.into(),
    }
}

/// A node of a process that died a moment ago; whoever cleans up will know more.
fn fallen(node: &NodeInfo, participant: &ParticipantInfo, now_ns: u64, namespace: &str) -> Seen {
    let ago_s = now_ns.saturating_sub(node.tick_began_ns.max(node.started_ns)) as f64 / 1e9;
    Seen {
        name: node.name.clone(),
        pid: participant.pid,
        state: "Crashed",
        crash: Some(("ended without a clean stop".into(), Some(ago_s))),
        rate_hz: node.rate_hz,
        actual_hz: None,
        load: Load::default(),
        uptime_s: None,
        namespace: namespace.into(),
    }
}

fn remembered(stone: &Tombstone, realtime_ns: u64, namespace: &str) -> Seen {
    let how = if stone.how.is_empty() { "ended without a clean stop" } else { &stone.how };
    Seen {
        name: stone.node.clone(),
        pid: stone.pid,
        state: "Crashed",
        crash: Some((how.into(), Some(realtime_ns.saturating_sub(stone.from_ns) as f64 / 1e9))),
        rate_hz: 0.0,
        actual_hz: None,
        load: Load::default(),
        uptime_s: None,
        namespace: namespace.into(),
    }
}

impl Seen {
    fn item(&self) -> Map<String, Value> {
        let crash = self.crash.as_ref().map(|(how, ago_s)| json!({"how": how, "last_seen_s": ago_s}));
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

    fn cells(&self, with_namespace: bool) -> Vec<String> {
        let none = || "-".to_owned();
        let state = match &self.crash {
            Some((how, Some(ago_s))) => {
                format!("{} ({how}; seen {} ago)", self.state, text::span(Some(*ago_s)))
            }
            Some((how, None)) => format!("{} ({how})", self.state),
            None => self.state.to_owned(),
        };
        let rate = Some(self.rate_hz).filter(|rate| *rate > 0.0);
        let mut cells = vec![
            text::escaped(&self.name),
            self.pid.to_string(),
            text::escaped(&state),
            none(),
            text::hertz(rate),
            text::hertz(self.actual_hz),
            self.load.cpu_percent.map_or_else(none, |percent| format!("{percent:.1}")),
            self.load.rss_bytes.map_or_else(none, text::bytes),
            text::span(self.uptime_s),
            none(),
            none(),
        ];
        if with_namespace {
            cells.push(self.namespace.clone());
        }
        cells
    }
}

fn table(nodes: &[Seen], with_namespace: bool) -> Table {
    let mut columns = vec![
        left("NAME"),
        right("PID"),
        left("STATE"),
        left("HEALTH"),
        right("RATE"),
        right("ACTUAL"),
        right("CPU%"),
        right("RSS"),
        right("UP"),
        right("RESTARTS"),
        left("SESSION"),
    ];
    if with_namespace {
        columns.push(left("NAMESPACE"));
    }
    let mut table = Table::new(columns);
    nodes.iter().for_each(|node| table.row(node.cells(with_namespace)));
    table
}
