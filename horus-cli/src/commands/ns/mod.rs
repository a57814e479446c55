//! `horus ns`: the namespaces of this user.

pub(crate) mod list;

use crate::GlobalArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Look at namespaces
#[derive(Debug, clap::Subcommand)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Examples:
  horus ns list")]
pub(crate) enum NsCommand {
    List(list::ListArgs),
}

pub(crate) fn run(command: NsCommand, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        NsCommand::List(args) => list::run(args, global, output),
    }
}
