//! One file a subcommand.

mod clean;
pub(crate) mod completion;
pub(crate) mod doctor;
pub(crate) mod graph;
mod launch;
pub(crate) mod man;
pub(crate) mod new;
pub(crate) mod node;
pub(crate) mod ns;
pub(crate) mod recipes;
mod run;
pub(crate) mod topic;

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
    Graph(graph::GraphArgs),
    Doctor(doctor::DoctorArgs),
    Clean(clean::CleanArgs),
    New(new::NewArgs),
    Recipes(recipes::RecipesArgs),
    Completion(completion::CompletionArgs),
    Man(man::ManArgs),
}

/// Carries a subcommand out.
pub(crate) fn run(command: Command, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => run::run(args, global, output),
        Command::Launch(args) => launch::run(args, global, output),
        Command::Topic(command) => topic::run(command, global, output),
        Command::Node(command) => node::run(command, global, output),
        Command::Ns(command) => ns::run(command, global, output),
        Command::Graph(args) => graph::run(args, global, output),
        Command::Doctor(args) => doctor::run(args, global, output),
        Command::Clean(args) => clean::run(args, global, output),
        Command::New(args) => new::run(args, output),
        Command::Recipes(args) => recipes::run(args, output),
        Command::Completion(args) => completion::run(args, output),
        Command::Man(args) => man::run(args, output),
    }
}
