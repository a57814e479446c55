//! `horus node kill`.

use super::seen::{Seen, nodes_of, not_found};
use crate::GlobalArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::listing::{FormatArgs, Listing};
use crate::output::table::{Table, left, right};
use crate::output::{Output, text};
use horus_launch::{ForeignProcess, Stopped};
use horus_shm::{Census, NodeInfo, NodeState, ParticipantInfo, now_ns, tell_end};
use rustix::fs::{major, minor};
use serde_json::json;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// End a node's process: SIGTERM, a grace, SIGKILL
///
/// A node ends with its process. If other nodes run in it, they are named and nothing is done without --process. If
/// several nodes have the name, their pids are named and nothing is done without --pid or --all.
///
/// Only a process that holds its place in the namespace is signalled, never one that merely has its number.
///
/// The exit status is 0 once it has ended, also by SIGKILL (which is said); 3 if no node has the name, 4 if the
/// process doesn't vanish even then, 6 if it belongs to somebody else, 7 if the node isn't running or --process, --pid
/// or --all is missing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus node kill camera
  horus node kill camera --timeout 30
  horus node kill camera --pid 1234")]
pub(crate) struct KillArgs {
    /// The node's name
    #[arg(value_name = "NODE")]
    node: String,
    /// Seconds between SIGTERM and SIGKILL
    #[arg(long, default_value = "5", value_name = "SEC", value_parser = seconds)]
    timeout: Duration,
    /// Only the one in this process
    #[arg(long, value_name = "PID", conflicts_with = "all")]
    pid: Option<u32>,
    /// Every node of the name
    #[arg(long)]
    all: bool,
    /// Also if other nodes end with the process
    #[arg(long)]
    process: bool,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) const SCHEMA: &str = "horus.node_kill/1";
pub(crate) const KEYS: &[&str] = &["name", "pid", "ended", "after_s"];

pub(crate) fn run(args: KillArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let context = Context::open(global)?;
    let now_ns = now_ns();
    let census = Census::take(&context.namespace)?;
    context.clean(output);
    census.faults.iter().for_each(|fault| output.warning(&fault.to_string()));
    let nodes = nodes_of(&context.namespace, &census, &HashMap::new(), now_ns);
    let targets = targets(&args, &nodes, &context)?;
    let mut listing = Listing {
        schema: SCHEMA,
        namespace: Some(context.namespace.name().to_string()),
        keys: KEYS,
        items: Vec::new(),
    };
    let mut table = Table::new([left("NAME"), right("PID"), left("ENDED"), right("AFTER")]);
    for (node, process) in targets {
        let (ended, after_s) = match end(&args, node, process, &context, output)? {
            Stopped::AlreadyGone => ("before", None),
            Stopped::Ended(after) => ("sigterm", Some(after.as_secs_f64())),
            Stopped::Killed => ("sigkill", Some(args.timeout.as_secs_f64())),
            Stopped::Stuck => {
                let pid = process.pid;
                return Err(Failure::new(Exit::TimedOut, format!("pid {pid} doesn't vanish after SIGKILL"))
                    .hint("it sleeps in the kernel, usually on a device; it ends when the device answers"));
            }
        };
        let pid = process.pid.to_string();
        table.row([text::escaped(&node.name), pid, ended.to_owned(), text::span(after_s)]);
        let item = json!({"name": node.name, "pid": process.pid, "ended": ended, "after_s": after_s});
        listing.items.extend(item.as_object().cloned());
    }
    context.clean(output);
    listing.print(args.format.format(), &table, output)?;
    Ok(Exit::Ok)
}

/// Returns whom to end, or why that isn't clear.
fn targets<'a>(
    args: &KillArgs,
    nodes: &[Seen<'a>],
    context: &Context,
) -> Result<Vec<(&'a NodeInfo, &'a ParticipantInfo)>, Failure> {
    let name = &args.node;
    let of_this_name: Vec<_> = nodes.iter().filter(|node| node.name == *name).collect();
    if of_this_name.is_empty() {
        return Err(not_found(name, nodes, context));
    }
    let living = of_this_name.iter().filter_map(|seen| seen.record).filter(|(_, process)| process.alive);
    let mut living: Vec<_> = living.collect();
    if living.is_empty() {
        let state = of_this_name[0].state_in_words();
        return Err(Failure::new(Exit::State, format!("node '{name}' isn't running: {state}")));
    }
    if let Some(pid) = args.pid {
        let pids = pids(&living);
        living.retain(|(_, process)| process.pid == pid);
        if living.is_empty() {
            let message = format!("node '{name}' isn't in pid {pid}");
            return Err(Failure::new(Exit::NotFound, message).hint(format!("it is in pid {pids}")));
        }
    }
    // What nobody runs any more is left alone while another of the name runs.
    if living.iter().any(|(node, _)| node.state != NodeState::Stopped) {
        living.retain(|(node, _)| node.state != NodeState::Stopped);
    }
    if living.len() > 1 && !args.all {
        let message = format!("{} nodes are named '{name}': pid {}", living.len(), pids(&living));
        return Err(Failure::new(Exit::State, message).hint("say which with --pid, or --all of them"));
    }
    living.iter().try_for_each(|(node, process)| may_end(args, node, process))?;
    Ok(living)
}

fn pids(living: &[(&NodeInfo, &ParticipantInfo)]) -> String {
    living.iter().map(|(_, process)| process.pid.to_string()).collect::<Vec<_>>().join(", ")
}

/// Refuses what would end more than was named.
fn may_end(args: &KillArgs, node: &NodeInfo, process: &ParticipantInfo) -> Result<(), Failure> {
    let (name, pid) = (&node.name, process.pid);
    if !process.pid_is_ours {
        let message = format!("node '{name}' runs in another PID namespace, where its pid is {pid}");
        return Err(Failure::new(Exit::State, message).hint("run this command in its container"));
    }
    if args.process {
        return Ok(());
    }
    let runs = |other: &&NodeInfo| other.name != *name && other.state != NodeState::Stopped;
    let others: Vec<_> = process.nodes.iter().filter(runs).map(|other| other.name.as_str()).collect();
    let failure = if !others.is_empty() {
        let others = text::escaped(&others.join("', '"));
        Failure::new(Exit::State, format!("node '{name}' shares its process (pid {pid}) with '{others}'"))
    } else if node.state == NodeState::Stopped {
        Failure::new(Exit::State, format!("node '{name}' has stopped, but its process (pid {pid}) lives on"))
    } else {
        return Ok(());
    };
    Err(failure.hint(format!("end the process and all that is in it with: horus node kill {name} --process")))
}

fn end(
    args: &KillArgs,
    node: &NodeInfo,
    process: &ParticipantInfo,
    context: &Context,
    output: &Output,
) -> Result<Stopped, Failure> {
    let (name, pid) = (text::escaped(&node.name), process.pid);
    let told = |error: io::Error| {
        let failure = Failure::new(Exit::Failed, format!("pid {pid} can't be ended: {error}"));
        match error.kind() {
            io::ErrorKind::PermissionDenied => {
                Failure::new(Exit::Permission, format!("pid {pid} belongs to another user"))
                    .hint("run this command as that user")
            }
            _ => failure,
        }
    };
    let Some(held) = ForeignProcess::open(pid).map_err(told)? else { return Ok(Stopped::AlreadyGone) };
    // After taking hold: had the number been reused by then, the one that we mean would be dead now.
    if !context.namespace.is_alive(process.id)? {
        return Ok(Stopped::AlreadyGone);
    }
    if !maps_its_file(process, context) {
        let message = format!("pid {pid} is not the process of node '{name}': the namespace says so wrongly");
        return Err(
            Failure::new(Exit::Failed, message).hint("find the process by its command, and end it by hand")
        );
    }
    let stopped = held.stop(args.timeout).map_err(told)?;
    if stopped == Stopped::Killed {
        let grace = text::span(Some(args.timeout.as_secs_f64()));
        output.warning(&format!("{name} (pid {pid}) did not end within {grace} of SIGTERM; killed"));
        // What can't be noted is shown as an end without a reason.
        let how = "killed by horus node kill";
        let _ = tell_end(&context.root, context.namespace.name(), pid, how);
    }
    Ok(stopped)
}

/// Returns whether the process has its participant's file mapped, as a living one has: what the file says of its pid may
/// have been scribbled over. Where that can't be read, the lock must do.
fn maps_its_file(process: &ParticipantInfo, context: &Context) -> bool {
    let folder = context.root.path().join(context.namespace.name().as_str()).join("participants");
    let Ok(file) = fs::metadata(folder.join(format!("{:016x}", process.id))) else { return true };
    let device = format!("{:02x}:{:02x}", major(file.dev()), minor(file.dev()));
    let inode = file.ino().to_string();
    let maps = fs::read_to_string(format!("/proc/{}/maps", process.pid)).unwrap_or_default();
    // Address, rights, offset, device, inode: the path would be that of a file without a name.
    let is_it = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(3);
        fields.next() == Some(&device) && fields.next() == Some(&inode)
    };
    maps.is_empty() || maps.lines().any(is_it)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "expected a number of seconds, 0 or more".to_owned())
}
