//! One file a subcommand.

mod run;

use crate::GlobalArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// What `horus` can do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Run(run::RunArgs),
}

/// Carries a subcommand out.
pub(crate) fn run(command: Command, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => run::run(args, global, output),
    }
}
