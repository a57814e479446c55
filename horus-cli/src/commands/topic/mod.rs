//! `horus topic`: what is said, by whom, how often.

mod echo;
mod hz;
mod list;
mod publish;
mod wait;

use crate::GlobalArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// List, show, time and publish topics
#[derive(Debug, clap::Subcommand)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Examples:
  horus topic list
  horus topic echo cmd_vel
  horus topic hz camera.rgb
  horus topic pub cmd_vel '{linear: 0.5}'")]
pub(crate) enum TopicCommand {
    List(list::ListArgs),
    Echo(echo::EchoArgs),
    Hz(hz::HzArgs),
    #[command(name = "pub")]
    Publish(publish::PublishArgs),
}

pub(crate) fn run(command: TopicCommand, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        TopicCommand::List(args) => list::run(args, global, output),
        TopicCommand::Echo(args) => echo::run(args, global, output),
        TopicCommand::Hz(args) => hz::run(args, global, output),
        TopicCommand::Publish(args) => publish::run(args, global, output),
    }
}
