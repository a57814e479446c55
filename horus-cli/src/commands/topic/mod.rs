//! `horus topic`: what is said, by whom, how often.

pub(crate) mod bw;
pub(crate) mod delay;
pub(crate) mod echo;
pub(crate) mod endpoints;
pub(crate) mod find;
pub(crate) mod hz;
pub(crate) mod info;
pub(crate) mod list;
mod pace;
mod publish;
mod type_of;
mod wait;
mod watched;

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
    Info(info::InfoArgs),
    Echo(echo::EchoArgs),
    Hz(hz::HzArgs),
    Bw(bw::BwArgs),
    Delay(delay::DelayArgs),
    #[command(name = "pub")]
    Publish(publish::PublishArgs),
    Wait(wait::WaitArgs),
    Type(type_of::TypeArgs),
    Find(find::FindArgs),
}

pub(crate) fn run(command: TopicCommand, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        TopicCommand::List(args) => list::run(args, global, output),
        TopicCommand::Echo(args) => echo::run(args, global, output),
        TopicCommand::Hz(args) => hz::run(args, global, output),
        TopicCommand::Info(args) => info::run(args, global, output),
        TopicCommand::Bw(args) => bw::run(args, global, output),
        TopicCommand::Delay(args) => delay::run(args, global, output),
        TopicCommand::Publish(args) => publish::run(args, global, output),
        TopicCommand::Wait(args) => wait::run(args, global, output),
        TopicCommand::Type(args) => type_of::run(args, global, output),
        TopicCommand::Find(args) => find::run(args, global, output),
    }
}
