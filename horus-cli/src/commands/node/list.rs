//! `horus node list`.

use super::seen::{KEYS, Seen, loads, nodes_of};
use crate::GlobalArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::listing::{FormatArgs, Listing};
use crate::output::table::{Table, left, right};
use crate::output::{Output, text};
use horus_shm::{Census, now_ns};

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

pub(crate) const SCHEMA: &str = "horus.node_list/1";

pub(crate) fn run(args: ListArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let context = Context::open(global)?;
    let namespaces = context.namespaces(args.all_namespaces)?;
    let now_ns = now_ns();
    let seen = namespaces
        .iter()
        .map(|namespace| Ok((namespace, Census::take(namespace)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    context.clean(output);
    let loads = loads(seen.iter().flat_map(|(_, census)| &census.participants));
    let mut nodes = Vec::new();
    for (namespace, census) in &seen {
        census.faults.iter().for_each(|fault| output.warning(&fault.to_string()));
        nodes.extend(nodes_of(namespace, census, &loads, now_ns));
    }
    let listing = Listing {
        schema: SCHEMA,
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

impl Seen<'_> {
    fn cells(&self, with_namespace: bool) -> Vec<String> {
        let none = || "-".to_owned();
        let rate = Some(self.rate_hz).filter(|rate| *rate > 0.0);
        let mut cells = vec![
            text::escaped(self.name),
            self.pid.to_string(),
            text::escaped(&self.state_in_words()),
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
            cells.push(self.namespace.to_owned());
        }
        cells
    }
}

fn table(nodes: &[Seen<'_>], with_namespace: bool) -> Table {
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
