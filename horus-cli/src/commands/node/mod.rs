//! `horus node`: who is there.

mod list;
mod load;

use crate::GlobalArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Look at nodes
#[derive(Debug, clap::Subcommand)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Examples:
  horus node list
  horus node list --json")]
pub(crate) enum NodeCommand {
    List(list::ListArgs),
}

pub(crate) fn run(command: NodeCommand, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        NodeCommand::List(args) => list::run(args, global, output),
    }
}
