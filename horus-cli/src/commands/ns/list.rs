//! `horus ns list`.

use crate::GlobalArgs;
use crate::context::{self, other_users};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::listing::{FormatArgs, Listing};
use crate::output::table::{Table, left, right};
use crate::output::{Output, text};
use horus_shm::{Census, Root};
use serde_json::json;

/// List the namespaces that somebody lives in
///
/// BYTES is the shared memory that topics and pools really take.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus ns list
  horus ns list --json")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) const KEYS: &[&str] = &["name", "participants", "nodes", "topics", "shm_bytes"];

pub(crate) fn run(args: ListArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let root = Root::open(&context::settings(global))?;
    let wanted = global.namespace.as_deref();
    let mut table =
        Table::new([left("NAME"), right("PARTICIPANTS"), right("NODES"), right("TOPICS"), right("BYTES")]);
    let mut items = Vec::new();
    for name in
        root.namespaces()?.into_iter().filter(|name| wanted.is_none_or(|wanted| wanted == name.as_str()))
    {
        let census = Census::take(&root.namespace(&name))?;
        census.faults.iter().for_each(|fault| output.warning(&fault.to_string()));
        let living: Vec<_> = census.participants.iter().filter(|participant| participant.alive).collect();
        if living.is_empty() {
            continue;
        }
        let nodes: usize = living.iter().map(|participant| participant.nodes.len()).sum();
        let topics: u64 = census.topics.iter().map(|topic| topic.shm_bytes).sum();
        let pools: u64 = census.pools.iter().map(|pool| pool.bytes).sum();
        let bytes = topics + pools;
        let counts = [living.len(), nodes, census.topics.len()].map(|count| count.to_string());
        table.row([vec![name.to_string()], counts.to_vec(), vec![text::bytes(bytes)]].concat());
        let item = json!({
            "name": name.as_str(),
            "participants": living.len(),
            "nodes": nodes,
            "topics": census.topics.len(),
            "shm_bytes": bytes,
        });
        items.extend(item.as_object().cloned());
    }
    context::clean(&root, output);
    let empty = items.is_empty();
    let listing = Listing { schema: "horus.ns_list/1", namespace: None, keys: KEYS, items };
    listing.print(args.format.format(), &table, output)?;
    output.flush()?;
    if empty {
        output.note("nobody lives in any namespace");
        other_users(&root).iter().for_each(|hint| output.hint(hint));
    }
    Ok(Exit::Ok)
}
