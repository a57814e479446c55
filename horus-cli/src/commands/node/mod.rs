//! `horus node`: who is there.

pub(crate) mod info;
pub(crate) mod kill;
pub(crate) mod list;
mod load;
pub(crate) mod seen;

use crate::GlobalArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Look at nodes, and end them
#[derive(Debug, clap::Subcommand)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Examples:
  horus node list
  horus node info camera
  horus node kill camera")]
pub(crate) enum NodeCommand {
    List(list::ListArgs),
    Info(info::InfoArgs),
    Kill(kill::KillArgs),
}

pub(crate) fn run(command: NodeCommand, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        NodeCommand::List(args) => list::run(args, global, output),
        NodeCommand::Info(args) => info::run(args, global, output),
        NodeCommand::Kill(args) => kill::run(args, global, output),
    }
}
