//! `horus clean`.

use crate::GlobalArgs;
use crate::cleaned::{is_empty, summary};
use crate::context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, json, text};
use horus_shm::{CleanOptions, Namespace, Root};
use serde_json::json;
use std::time::Duration;

/// Remove what dead processes left in shared memory
///
/// Every horus command does so quietly; this one says what it removed, also forgets nodes that crashed, and doesn't wait
/// for readers that have read nothing for a minute. It never touches what belongs to the living.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus clean --shm
  horus clean --shm --all-namespaces --dry-run")]
pub(crate) struct CleanArgs {
    /// Shared memory
    #[arg(long, required = true)]
    shm: bool,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// In every namespace of this user
    #[arg(long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Print one object
    #[arg(long)]
    json: bool,
}

/// How long to wait for another cleaner: they take milliseconds, unless one is stopped.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) fn run(args: CleanArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let settings = context::settings(global);
    let namespace = match args.all_namespaces {
        true => None,
        false => Some(Namespace::open(&settings)?.name().clone()),
    };
    let root = Root::open(&settings)?;
    let options = CleanOptions { dry_run: args.dry_run, force: true, patience: PATIENCE };
    let report = horus_shm::clean(&root, namespace.as_ref(), &options)?;
    if report.busy {
        return Err(Failure::new(Exit::State, "another process is cleaning up and doesn't come to an end")
            .hint("it may be stopped: look for a horus process in state T"));
    }
    if args.json {
        let object = json!({
            "schema": "horus.clean/1",
            "namespace": namespace.as_ref().map(|name| name.as_str()),
            "dry_run": args.dry_run,
            "processes": report.processes,
            "topics": report.topics,
            "pools": report.pools,
            "bytes": report.bytes,
            "tombstones": report.tombstones,
            "namespaces": report.namespaces,
            "kept": report.kept,
            "faults": report.faults,
        });
        output.line(&json::line(&object))?;
        return Ok(Exit::Ok);
    }
    let verb = if args.dry_run { "would remove" } else { "removed" };
    match is_empty(&report) {
        true => output.line("nothing to remove")?,
        false => output.line(&format!("{verb} {}", summary(&report)))?,
    }
    for topic in &report.topics {
        output.line(&format!("  topic {topic}"))?;
    }
    for kept in &report.kept {
        output.line(&format!("kept {}", text::escaped(kept)))?;
    }
    output.flush()?;
    report.faults.iter().for_each(|fault| output.warning(&format!("left alone: {fault}")));
    Ok(Exit::Ok)
}
