//! `horus topic list`.

use crate::GlobalArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::listing::{Format, FormatArgs, Listing};
use crate::output::table::{Column, Table, left, right};
use crate::output::{Output, text};
use crate::traffic::{Endpoints, Traffic, endpoint_rate, kind_name, lane_rate, language_name, role_name};
use horus_shm::{Census, EndpointInfo, Namespace, Role, TopicInfo, now_ns};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// List the topics of a namespace
///
/// RATE is measured from the stamps in each ring, MSGS counts all messages ever sent, DROPS what living subscribers
/// missed, AGE the time since the newest message. With -v each publisher and subscriber gets a line.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus topic list
  horus topic list 'camera.*' -v
  horus topic list --names | xargs -n1 horus topic hz --once
  horus topic list --json --all-namespaces")]
pub(crate) struct ListArgs {
    /// Only topics whose name fits; * stands for anything
    #[arg(value_parser = glob::Pattern::new)]
    glob: Option<glob::Pattern>,
    /// Names and types only
    #[arg(short, long, conflicts_with_all = ["count", "names"])]
    types: bool,
    /// Only how many there are
    #[arg(short, long, conflicts_with = "names")]
    count: bool,
    /// Only their names
    #[arg(long)]
    names: bool,
    /// In every namespace of this user
    #[arg(long, conflicts_with = "namespace")]
    all_namespaces: bool,
    #[command(flatten)]
    format: FormatArgs,
}

const KEYS: &[&str] = &[
    "name",
    "type",
    "kind",
    "publishers",
    "subscribers",
    "rate_hz",
    "messages",
    "dropped",
    "age_s",
    "namespace",
];

/// How long ago a subscriber may have dropped to be warned about.
const RECENT: Duration = Duration::from_secs(5);

pub(crate) fn run(args: ListArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let context = Context::open(global)?;
    let namespaces = match args.all_namespaces {
        true => context.root.namespaces()?.iter().map(|name| context.root.namespace(name)).collect(),
        false => vec![context.namespace.clone()],
    };
    let now_ns = now_ns();
    let seen = namespaces
        .iter()
        .map(|namespace| Ok((namespace, Census::take(namespace)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    context.clean(output);
    let mut listing = Listing {
        schema: "horus.topic_list/1",
        namespace: (!args.all_namespaces).then(|| context.namespace.name().to_string()),
        keys: KEYS,
        items: Vec::new(),
    };
    let mut table = Table::new(columns(&args));
    let mut names = Vec::new();
    let mut lagging = Vec::new();
    for (namespace, census) in &seen {
        census.faults.iter().for_each(|fault| output.warning(&fault.to_string()));
        let endpoints = Endpoints::of(census);
        let wanted =
            |topic: &&TopicInfo| args.glob.as_ref().is_none_or(|glob| glob.matches(topic.name.as_str()));
        for topic in census.topics.iter().filter(wanted) {
            let traffic = Traffic::of(topic, &endpoints, now_ns);
            table.row(cells(&args, &traffic, namespace));
            if output.verbose && !args.types {
                details(&mut table, topic, &endpoints, now_ns);
                lagging.extend(lagging_hints(topic, &endpoints, now_ns));
            }
            names.push(topic.name.to_string());
            listing.items.push(item(&traffic, namespace, &endpoints, now_ns, output.verbose));
        }
    }
    let empty = listing.items.is_empty();
    if args.count {
        output.line(&listing.items.len().to_string())?;
    } else if args.names && args.format.format() == Format::Table {
        names.iter().try_for_each(|name| output.line(name))?;
    } else {
        listing.print(args.format.format(), &table, output)?;
    }
    output.flush()?;
    lagging.iter().for_each(|hint| output.hint(hint));
    if empty {
        output.note(&nothing(&args, &context, &seen));
        context.elsewhere().iter().for_each(|hint| output.hint(hint));
    }
    Ok(Exit::Ok)
}

fn nothing(args: &ListArgs, context: &Context, seen: &[(&Namespace, Census)]) -> String {
    let there: usize = seen.iter().map(|(_, census)| census.topics.len()).sum();
    match &args.glob {
        Some(glob) if there > 0 => format!("none of {there} topics fits '{glob}'"),
        _ if args.all_namespaces => "no topics in any namespace".into(),
        _ => format!("no topics in namespace '{}'", context.namespace.name()),
    }
}

fn columns(args: &ListArgs) -> Vec<Column> {
    let mut columns = vec![left("NAME"), left("TYPE")];
    if !args.types {
        let rest = [right("PUB"), right("SUB"), right("RATE"), right("MSGS"), right("DROPS"), right("AGE")];
        columns.push(left("KIND"));
        columns.extend(rest);
    }
    if args.all_namespaces {
        columns.push(left("NAMESPACE"));
    }
    columns
}

fn cells(args: &ListArgs, traffic: &Traffic<'_>, namespace: &Namespace) -> Vec<String> {
    let topic = traffic.topic;
    let type_name = if topic.spec.type_name.is_empty() { "-" } else { &topic.spec.type_name };
    let mut cells = vec![topic.name.to_string(), text::escaped(type_name)];
    if !args.types {
        cells.extend([
            kind_name(topic.spec.kind).to_owned(),
            traffic.publishers.to_string(),
            traffic.subscribers.to_string(),
            text::hertz(Some(traffic.rate_hz)),
            traffic.messages.to_string(),
            traffic.dropped.to_string(),
            text::span(traffic.age_s),
        ]);
    }
    if args.all_namespaces {
        cells.push(namespace.name().to_string());
    }
    cells
}

fn item(
    traffic: &Traffic<'_>,
    namespace: &Namespace,
    endpoints: &Endpoints<'_>,
    now_ns: u64,
    verbose: bool,
) -> Map<String, Value> {
    let topic = traffic.topic;
    let mut item = Map::new();
    let mut put = |key: &str, value: Value| drop(item.insert(key.into(), value));
    put("name", json!(topic.name.as_str()));
    put("type", json!(Some(&topic.spec.type_name).filter(|name| !name.is_empty())));
    put("kind", json!(kind_name(topic.spec.kind)));
    put("publishers", json!(traffic.publishers));
    put("subscribers", json!(traffic.subscribers));
    put("rate_hz", json!(traffic.rate_hz));
    put("messages", json!(traffic.messages));
    put("dropped", json!(traffic.dropped));
    put("age_s", json!(traffic.age_s));
    put("namespace", json!(namespace.name().as_str()));
    if verbose {
        let list = endpoints.at(&topic.name).iter().map(|(participant, endpoint)| {
            json!({
                "role": role_name(endpoint.role),
                "pid": participant.pid,
                "node": endpoint.node,
                "language": language_name(participant.language),
                "rate_hz": endpoint_rate(topic, participant, endpoint, now_ns),
                "sent": endpoint.sent,
                "received": endpoint.received,
                "dropped": endpoint.dropped,
            })
        });
        put("endpoints", list.collect());
    }
    item
}

/// Adds a line for each publisher and subscriber.
fn details(table: &mut Table, topic: &TopicInfo, endpoints: &Endpoints<'_>, now_ns: u64) {
    for (participant, endpoint) in endpoints.at(&topic.name) {
        let node = endpoint.node.as_deref().unwrap_or("-");
        let (pid, language) = (participant.pid, language_name(participant.language));
        let rate = text::hertz(Some(endpoint_rate(topic, participant, endpoint, now_ns)));
        let counts = match endpoint.role {
            Role::Publisher => format!("sent {}", endpoint.sent),
            Role::Subscriber | Role::UntypedSubscriber => {
                format!("received {}, dropped {}", endpoint.received, endpoint.dropped)
            }
        };
        let role = match endpoint.role {
            Role::Publisher => "pub",
            Role::Subscriber | Role::UntypedSubscriber => "sub",
        };
        table.note(format!("{role}  {}  pid {pid}  {language}  {rate}  {counts}", text::escaped(node)));
    }
}

/// Returns advice for each subscriber that missed messages of late.
fn lagging_hints(topic: &TopicInfo, endpoints: &Endpoints<'_>, now_ns: u64) -> Vec<String> {
    let sends: f64 = topic.lanes.iter().map(|lane| lane_rate(lane, now_ns)).sum();
    let behind = |endpoint: &EndpointInfo| {
        let since_ns = now_ns.saturating_sub(endpoint.dropped_ns);
        endpoint.role != Role::Publisher && endpoint.dropped > 0 && since_ns < RECENT.as_nanos() as u64
    };
    let hints = endpoints.at(&topic.name).iter().filter_map(|(participant, endpoint)| {
        let reads = endpoint_rate(topic, participant, endpoint, now_ns);
        behind(endpoint).then(|| {
            let who = endpoint.node.clone().unwrap_or_else(|| topic.name.to_string());
            format!(
                "{} (pid {}) reads {}, topic sends {}; raise its rate, raise depth, or use recv_latest",
                text::escaped(&who),
                participant.pid,
                text::hertz(Some(reads)),
                text::hertz(Some(sends)),
            )
        })
    });
    hints.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use horus_shm::{Language, ParticipantInfo, TopicName, TopicSpec};

    const S: u64 = 1_000_000_000;

    #[test]
    fn only_who_missed_messages_of_late_is_named() {
        let name = TopicName::new("t").unwrap();
        let reader = |dropped, dropped_ns| EndpointInfo {
            role: Role::Subscriber,
            topic: name.to_string(),
            node: Some("log".into()),
            lane: None,
            sent: 0,
            received: 9,
            dropped,
            dropped_ns,
            skipped: 0,
            copies: 0,
            depth_asked: 0,
            last_ns: 99 * S,
            joined_ns: 90 * S,
            current: true,
        };
        let process = |pid, endpoint| ParticipantInfo {
            id: u64::from(pid),
            pid,
            pid_is_ours: true,
            alive: true,
            language: Language::Rust,
            started_ns: 0,
            nodes: vec![],
            endpoints: vec![endpoint],
            pinned_blocks: 0,
        };
        let participants =
            vec![process(1, reader(3, 97 * S)), process(2, reader(3, 80 * S)), process(3, reader(0, 0))];
        let census = Census { participants, ..Census::default() };
        let spec = TopicSpec { kind: 2, type_name: "dict".into(), schema: vec![], capacity: 8, depth: 8 };
        let lanes = vec![];
        let topic = TopicInfo { name, spec, depth: 8, slot_bytes: 64, generation: 1, shm_bytes: 0, lanes };
        let hints = lagging_hints(&topic, &Endpoints::of(&census), 100 * S);
        assert_eq!(hints.len(), 1, "{hints:?}");
        assert!(hints[0].starts_with("log (pid 1) reads 0.90 Hz, topic sends "), "{hints:?}");
    }
}
