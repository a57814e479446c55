//! `horus doctor`: what of this machine could get in the way.

mod checks;
mod facts;

use crate::GlobalArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::listing::{FormatArgs, Listing};
use crate::output::table::{Table, left};
use crate::output::{Output, text};
use checks::{Check, Level};
use facts::Facts;
use serde_json::json;

pub(crate) use checks::{REMOVE_IPC_ADVICE, REMOVE_IPC_FOUND};

/// Check this machine, and say what to do about what isn't right
///
/// Shared memory and its folder, limits, real-time rights, clock, kernel, RemoveIPC, containers, what the dead left,
/// other users, Python and its package. Each line is ok, warn or fail. A warning is something that may bite later, a
/// failure something that keeps HORUS from working.
///
/// The exit status is 1 if a line is fail, else 0.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus doctor
  horus doctor --json | jq '.items[] | select(.status != \"ok\")'")]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) const SCHEMA: &str = "horus.doctor/1";
pub(crate) const KEYS: &[&str] = &["check", "status", "found", "advice"];

pub(crate) fn run(args: DoctorArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let checks = checks::of(&Facts::gather(global));
    let mut table = Table::new([left("STATUS"), left("CHECK"), left("FOUND")]);
    let mut listing = Listing { schema: SCHEMA, namespace: None, keys: KEYS, items: Vec::new() };
    for Check { name, level, found, advice } in &checks {
        let found = text::escaped(found);
        table.row([level.word().to_owned(), (*name).to_owned(), found.clone()]);
        if let Some(advice) = advice {
            table.note(format!("      to do: {}", text::escaped(advice)));
        }
        let item = json!({"check": name, "status": level.word(), "found": found, "advice": advice});
        listing.items.extend(item.as_object().cloned());
    }
    listing.print(args.format.format(), &table, output)?;
    output.flush()?;
    let failed = checks.iter().any(|check| check.level == Level::Fail);
    Ok(if failed { Exit::Failed } else { Exit::Ok })
}
