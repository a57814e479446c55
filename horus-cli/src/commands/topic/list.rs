//! `horus topic list`.

use super::endpoints::Parties;
use crate::GlobalArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::listing::{Format, FormatArgs, Listing};
use crate::output::table::{Column, Table, left, right};
use crate::output::{Output, text};
use crate::reads::Reads;
use crate::traffic::{Endpoints, Traffic, kind_name};
use horus_shm::{Census, Namespace, now_ns};
use serde_json::{Map, Value, json};

/// List the topics of a namespace
///
/// RATE is measured from the stamps in each ring, MSGS counts all messages ever sent, DROPS what living subscribers
/// missed, AGE the time since the newest message. With -v each publisher and subscriber gets a line, and subscribers are
/// watched for up to half a second to tell how often they read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus topic list
  horus topic list 'camera.*' -v
  horus topic list --names | xargs -n1 horus topic hz --once
  horus topic list --json --all-namespaces")]
pub(crate) struct ListArgs {
    /// Only topics whose name fits; * stands for anything
    #[arg(value_parser = pattern)]
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

/// The form of the list.
pub(crate) const SCHEMA: &str = "horus.topic_list/1";

/// The keys of each topic in it.
pub(crate) const KEYS: &[&str] = &[
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

/// Returns a pattern for names as topics have them, also of one with slashes, as names may be given anywhere.
fn pattern(text: &str) -> Result<glob::Pattern, glob::PatternError> {
    glob::Pattern::new(&text.strip_prefix('/').unwrap_or(text).replace('/', "."))
}

pub(crate) fn run(args: ListArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let context = Context::open(global)?;
    let namespaces = context.namespaces(args.all_namespaces)?;
    let now_ns = now_ns();
    let seen = namespaces
        .iter()
        .map(|namespace| Ok((namespace, Census::take(namespace)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    context.clean(output);
    let mut listing = Listing {
        schema: SCHEMA,
        namespace: (!args.all_namespaces).then(|| context.namespace.name().to_string()),
        keys: KEYS,
        items: Vec::new(),
    };
    let mut table = Table::new(columns(&args));
    let mut names = Vec::new();
    let mut lagging = Vec::new();
    let is_wanted = |name: &str| args.glob.as_ref().is_none_or(|glob| glob.matches(name));
    let is_detailed = output.verbose && !(args.types || args.count || args.names);
    let reads = match is_detailed {
        true => Reads::watch_all(seen.iter().map(|(namespace, census)| (*namespace, census)), |endpoint| {
            is_wanted(&endpoint.topic)
        })?,
        false => Reads::default(),
    };
    for (namespace, census) in &seen {
        census.faults.iter().for_each(|fault| output.warning(&fault.to_string()));
        let endpoints = Endpoints::of(census);
        for topic in census.topics.iter().filter(|topic| is_wanted(topic.name.as_str())) {
            let traffic = Traffic::of(topic, &endpoints, now_ns);
            let mut item = item(&traffic, namespace);
            table.row(cells(&args, &traffic, namespace));
            if is_detailed {
                let parties = Parties { topic, endpoints: &endpoints, reads: &reads, now_ns };
                parties.lines().into_iter().for_each(|line| table.note(line));
                lagging.extend(parties.lagging());
                item.insert("endpoints".into(), parties.json());
            }
            names.push(topic.name.to_string());
            listing.items.push(item);
        }
    }
    let empty = listing.items.is_empty();
    print(&args, listing, &table, &names, output)?;
    lagging.iter().for_each(|hint| output.hint(hint));
    if empty {
        output.note(&nothing(&args, &context, &seen));
        context.elsewhere().iter().for_each(|hint| output.hint(hint));
    }
    Ok(Exit::Ok)
}

fn print(
    args: &ListArgs,
    listing: Listing,
    table: &Table,
    names: &[String],
    output: &mut Output,
) -> Result<(), Failure> {
    if args.count {
        output.line(&listing.items.len().to_string())?;
    } else if args.names && args.format.format() == Format::Table {
        names.iter().try_for_each(|name| output.line(name))?;
    } else {
        listing.print(args.format.format(), table, output)?;
    }
    Ok(output.flush()?)
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

/// Returns what every command that tells of topics tells in JSON, under [`KEYS`].
pub(super) fn item(traffic: &Traffic<'_>, namespace: &Namespace) -> Map<String, Value> {
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
    item
}
