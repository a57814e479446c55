//! `horus topic type`.

use super::info::there;
use crate::GlobalArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, text};
use horus_shm::{Census, TopicName};

/// Print what a topic holds, in one line
///
/// The name of a message type, or dict, Image, DepthImage, PointCloud, Tensor.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus topic type cmd_vel
  horus topic pub cmd_vel.copy --type \"$(horus topic type cmd_vel)\" --once")]
pub(crate) struct TypeArgs {
    /// The topic
    #[arg(value_name = "TOPIC")]
    topic: String,
}

pub(crate) fn run(args: TypeArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let name = TopicName::new(&args.topic)?;
    let context = Context::open(global)?;
    let census = Census::take(&context.namespace)?;
    context.clean(output);
    let topic = there(&context, &census, &name)?;
    output.line(&text::escaped(&topic.spec.type_name))?;
    Ok(Exit::Ok)
}
