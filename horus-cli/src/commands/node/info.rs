//! `horus node info`.

use super::seen::{self, Seen, loads, nodes_of, not_found};
use crate::GlobalArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::listing::{Format, FormatArgs, Listing, keys_and, object};
use crate::output::table::{Table, left, right};
use crate::output::{Output, text};
use crate::reads::Reads;
use crate::traffic::{endpoint_rate, kind_name, language_name, role_name};
use horus_shm::{Census, EndpointInfo, NodeInfo, ParticipantInfo, Role, TopicInfo, now_ns};
use serde_json::{Map, Value, json};
use std::fs;

/// Show all that is known of a node
///
/// What it is, how it ticks, what its process costs and was started with, and every topic it publishes or
/// subscribes to with its counters. Several nodes of the name are shown one after the other.
///
/// A publisher's RATE is taken from its ring; a subscriber's is what it reads now, watched for up to half a second.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus node info camera
  horus node info camera --json | jq '.items[0].endpoints'")]
pub(crate) struct InfoArgs {
    /// The node's name
    #[arg(value_name = "NODE")]
    node: String,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) const SCHEMA: &str = "horus.node_info/1";

/// The keys of an item: those of `node list`, and more.
pub(crate) const KEYS: &[&str] = &keys_and::<25>(
    seen::KEYS,
    &[
        "language",
        "ticks",
        "overruns",
        "tick_mean_s",
        "tick_max_s",
        "last_tick_s",
        "due_s",
        "command",
        "process_uptime_s",
        "process_nodes",
        "pinned_blocks",
        "endpoints",
    ],
);

/// The keys of each publisher and subscriber.
pub(crate) const ENDPOINT_KEYS: &[&str] = &[
    "role", "topic", "type", "kind", "rate_hz", "sent", "received", "dropped", "skipped", "copies", "age_s",
];

pub(crate) fn run(args: InfoArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let context = Context::open(global)?;
    let now_ns = now_ns();
    let census = Census::take(&context.namespace)?;
    let is_its = |endpoint: &EndpointInfo| endpoint.node.as_ref().is_none_or(|node| *node == args.node);
    let reads = Reads::watch(&context.namespace, &census, is_its)?;
    context.clean(output);
    census.faults.iter().for_each(|fault| output.warning(&fault.to_string()));
    let has_it = |participant: &&ParticipantInfo| participant.nodes.iter().any(|node| node.name == args.node);
    let loads = loads(census.participants.iter().filter(has_it));
    let nodes = nodes_of(&context.namespace, &census, &loads, now_ns);
    let of_this_name: Vec<_> = nodes.iter().filter(|node| node.name == args.node).collect();
    if of_this_name.is_empty() {
        return Err(not_found(&args.node, &nodes, &context));
    }
    let view = View { census: &census, reads: &reads, now_ns };
    if args.format.format() == Format::Table {
        for (index, node) in of_this_name.into_iter().enumerate() {
            if index > 0 {
                output.line("")?;
            }
            lines(node, &view, output.colour).iter().try_for_each(|line| output.line(line))?;
        }
        return Ok(Exit::Ok);
    }
    let listing = Listing {
        schema: SCHEMA,
        namespace: Some(context.namespace.name().to_string()),
        keys: KEYS,
        items: of_this_name.into_iter().map(|node| item(node, &view)).collect(),
    };
    listing.print(args.format.format(), &Table::new([]), output)?;
    Ok(Exit::Ok)
}

/// What endpoints are told of by.
struct View<'a> {
    census: &'a Census,
    reads: &'a Reads,
    now_ns: u64,
}

impl View<'_> {
    fn topic_of(&self, endpoint: &EndpointInfo) -> Option<&TopicInfo> {
        self.census.topics.iter().find(|topic| topic.name.as_str() == endpoint.topic)
    }

    fn rate(&self, process: &ParticipantInfo, endpoint: &EndpointInfo) -> Option<f64> {
        let in_ring = |topic| endpoint_rate(topic, process, endpoint, self.now_ns);
        self.reads.rate(process, endpoint).or_else(|| self.topic_of(endpoint).map(in_ring))
    }

    fn age_s(&self, endpoint: &EndpointInfo) -> Option<f64> {
        (endpoint.last_ns > 0).then(|| self.now_ns.saturating_sub(endpoint.last_ns) as f64 / 1e9)
    }
}

/// A node's endpoints: its own, and those that its process opened outside of any node if it has but one.
fn endpoints<'a>(node: &'a NodeInfo, process: &'a ParticipantInfo) -> impl Iterator<Item = &'a EndpointInfo> {
    process.endpoints.iter().filter(move |endpoint| match &endpoint.node {
        Some(name) => *name == node.name,
        None => process.nodes.len() == 1,
    })
}

fn item(seen: &Seen<'_>, view: &View<'_>) -> Map<String, Value> {
    let mut item = seen.item();
    let since = |then_ns: u64| view.now_ns.saturating_sub(then_ns) as f64 / 1e9;
    let node = seen.record.map(|(node, _)| node);
    let process = seen.record.map(|(_, process)| process);
    let list = seen.record.map(|(node, process)| {
        let all = endpoints(node, process);
        all.map(|endpoint| endpoint_item(endpoint, process, view)).collect::<Vec<_>>()
    });
    let pairs = [
        ("language", json!(process.map(|process| language_name(process.language)))),
        ("ticks", json!(node.map(|node| node.ticks))),
        ("overruns", json!(node.map(|node| node.overruns))),
        ("tick_mean_s", json!(node.map(|node| node.tick_mean_ns as f64 / 1e9))),
        ("tick_max_s", json!(node.map(|node| node.tick_max_ns as f64 / 1e9))),
        (
            "last_tick_s",
            json!(node.filter(|node| node.tick_began_ns > 0).map(|node| since(node.tick_began_ns))),
        ),
        ("due_s", json!(node.and_then(|node| due_s(node, view.now_ns)))),
        ("command", json!(process.and_then(command))),
        ("process_uptime_s", json!(process.map(|process| since(process.started_ns)))),
        ("process_nodes", json!(process.map(node_names))),
        ("pinned_blocks", json!(process.map(|process| process.pinned_blocks))),
        ("endpoints", json!(list)),
    ];
    item.extend(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)));
    item
}

/// Seconds until the node said it would move again, negative when it is late; none while it waits for a topic.
fn due_s(node: &NodeInfo, now_ns: u64) -> Option<f64> {
    (node.deadline_ns > 0).then(|| (node.deadline_ns as f64 - now_ns as f64) / 1e9)
}

fn node_names(process: &ParticipantInfo) -> Vec<&str> {
    process.nodes.iter().map(|node| node.name.as_str()).collect()
}

/// The words that a living process was started with, if they can be read.
fn command(process: &ParticipantInfo) -> Option<Vec<String>> {
    if !process.alive || !process.pid_is_ours {
        return None;
    }
    let bytes = fs::read(format!("/proc/{}/cmdline", process.pid)).ok()?;
    let words = bytes.strip_suffix(b"\0").unwrap_or(&bytes).split(|byte| *byte == 0);
    Some(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect())
}

fn endpoint_item(endpoint: &EndpointInfo, process: &ParticipantInfo, view: &View<'_>) -> Value {
    let topic = view.topic_of(endpoint);
    let type_name = topic.map(|topic| &topic.spec.type_name).filter(|name| !name.is_empty());
    let age_s = view.age_s(endpoint);
    let values = [
        json!(role_name(endpoint.role)),
        json!(endpoint.topic),
        json!(type_name),
        json!(topic.map(|topic| kind_name(topic.spec.kind))),
        json!(view.rate(process, endpoint)),
        json!(endpoint.sent),
        json!(endpoint.received),
        json!(endpoint.dropped),
        json!(endpoint.skipped),
        json!(endpoint.copies),
        json!(age_s),
    ];
    object(ENDPOINT_KEYS, values)
}

/// What people get: a block of facts, then a table of topics.
fn lines(seen: &Seen<'_>, view: &View<'_>, colour: bool) -> Vec<String> {
    let mut facts = vec![
        ("node", text::escaped(seen.name)),
        ("namespace", seen.namespace.to_owned()),
        ("state", text::escaped(&seen.state_in_words())),
    ];
    let Some((node, process)) = seen.record else {
        facts.push(("pid", seen.pid.to_string()));
        return laid_out(&facts);
    };
    let hertz = |rate: f64| text::hertz(Some(rate).filter(|rate| *rate > 0.0));
    let rate = match seen.rate_hz > 0.0 {
        true => format!("{} of {}", seen.actual_hz.map_or("-".into(), hertz), hertz(seen.rate_hz)),
        false => format!("ticks with its topics, now {}", seen.actual_hz.map_or("-".into(), hertz)),
    };
    let span = |ns: u64| text::span(Some(ns as f64 / 1e9));
    facts.push(("rate", rate));
    facts.push(("ticks", format!("{}, {} of them late", node.ticks, node.overruns)));
    if node.tick_began_ns > 0 {
        facts.push(("tick", format!("mean {}, longest {}", span(node.tick_mean_ns), span(node.tick_max_ns))));
        facts.push(("last tick", format!("{} ago", span(view.now_ns.saturating_sub(node.tick_began_ns)))));
    }
    facts.push(("up", text::span(seen.uptime_s)));
    facts.extend(process_facts(seen, process));
    let mut lines = laid_out(&facts);
    let mut table = Table::new([
        left("ROLE"),
        left("TOPIC"),
        left("TYPE"),
        right("RATE"),
        right("COUNT"),
        right("DROPS"),
        right("AGE"),
    ]);
    let mut any = false;
    for endpoint in endpoints(node, process) {
        any = true;
        table.row(cells(endpoint, process, view));
    }
    if any {
        lines.push(String::new());
        lines.extend(table.lines(colour));
    }
    lines
}

fn process_facts(seen: &Seen<'_>, process: &ParticipantInfo) -> Vec<(&'static str, String)> {
    let elsewhere = if process.pid_is_ours { "" } else { " in another PID namespace" };
    let mut facts = vec![
        ("pid", format!("{}{elsewhere}", process.pid)),
        ("language", language_name(process.language).to_owned()),
    ];
    if let (Some(percent), Some(rss)) = (seen.load.cpu_percent, seen.load.rss_bytes) {
        facts.push(("cpu", format!("{percent:.1} %")));
        facts.push(("memory", text::bytes(rss)));
    }
    if let Some(words) = command(process) {
        facts.push(("command", text::escaped(&words.join(" "))));
    }
    let others: Vec<_> = node_names(process).into_iter().filter(|name| *name != seen.name).collect();
    if !others.is_empty() {
        facts.push(("with it", text::escaped(&others.join(", "))));
    }
    if process.pinned_blocks > 0 {
        facts.push((
            "holds",
            format!("{} blocks of received images or other large data", process.pinned_blocks),
        ));
    }
    facts
}

fn laid_out(facts: &[(&str, String)]) -> Vec<String> {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    facts.iter().map(|(name, value)| format!("{name:<width$}  {value}")).collect()
}

fn cells(endpoint: &EndpointInfo, process: &ParticipantInfo, view: &View<'_>) -> Vec<String> {
    let topic = view.topic_of(endpoint);
    let type_name = topic.map(|topic| topic.spec.type_name.as_str()).filter(|name| !name.is_empty());
    let count = if endpoint.role == Role::Publisher { endpoint.sent } else { endpoint.received };
    let age_s = view.age_s(endpoint);
    vec![
        role_name(endpoint.role).to_owned(),
        text::escaped(&endpoint.topic),
        text::escaped(type_name.unwrap_or("-")),
        text::hertz(view.rate(process, endpoint)),
        count.to_string(),
        endpoint.dropped.to_string(),
        text::span(age_s),
    ]
}
