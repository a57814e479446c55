//! One file a subcommand.

pub(crate) mod clean;
mod launch;
mod node;
mod ns;
mod run;
mod topic;

use crate::GlobalArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// What `horus` can do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Run(run::RunArgs),
    Launch(launch::LaunchArgs),
    #[command(subcommand)]
    Topic(topic::TopicCommand),
    #[command(subcommand)]
    Node(node::NodeCommand),
    #[command(subcommand)]
    Ns(ns::NsCommand),
    Clean(clean::CleanArgs),
}

/// Carries a subcommand out.
pub(crate) fn run(command: Command, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => run::run(args, global, output),
        Command::Launch(args) => launch::run(args, global, output),
        Command::Topic(command) => topic::run(command, global, output),
        Command::Node(command) => node::run(command, global, output),
        Command::Ns(command) => ns::run(command, global, output),
        Command::Clean(args) => clean::run(args, global, output),
    }
}
