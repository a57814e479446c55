//! `horus topic find`.

use crate::GlobalArgs;
use crate::context::{Context, closest};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, text};
use horus_core::{Kind, messages};
use horus_shm::Census;
use std::collections::BTreeSet;

/// Print the topics that hold a type, one a line
///
/// TYPE is what `horus topic type` prints: the name of a message type, or dict, Image, DepthImage, PointCloud, Tensor.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus topic find CmdVel
  horus topic find Image | xargs horus topic hz
  horus topic find Imu --count")]
pub(crate) struct FindArgs {
    /// The type
    #[arg(value_name = "TYPE")]
    type_name: String,
    /// Only how many there are
    #[arg(short, long)]
    count: bool,
}

pub(crate) fn run(args: FindArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let context = Context::open(global)?;
    let census = Census::take(&context.namespace)?;
    context.clean(output);
    census.faults.iter().for_each(|fault| output.warning(&fault.to_string()));
    let holds = |topic: &&horus_shm::TopicInfo| topic.spec.type_name == args.type_name;
    let found: Vec<_> = census.topics.iter().filter(holds).collect();
    if args.count {
        output.line(&found.len().to_string())?;
    } else {
        found.iter().try_for_each(|topic| output.line(topic.name.as_str()))?;
    }
    if found.is_empty() { Err(not_found(&args, &context, &census)) } else { Ok(Exit::Ok) }
}

fn not_found(args: &FindArgs, context: &Context, census: &Census) -> Failure {
    let name = &args.type_name;
    let there: BTreeSet<_> = census.topics.iter().map(|topic| topic.spec.type_name.as_str()).collect();
    let namespace = context.namespace.name();
    let failure =
        Failure::new(Exit::NotFound, format!("no topic of type '{name}' in namespace '{namespace}'"));
    let is_kind = Kind::ALL.into_iter().any(|kind| kind.type_name() == name.as_str());
    // What is there before what could be; a type that exists isn't mistaken for another.
    let near = match messages::find(name) {
        Err(unknown) if !is_kind => {
            let here = closest(name, there.iter().map(|there| (*there).to_owned()));
            here.into_iter().chain(unknown.suggestions.iter().map(|known| (*known).to_owned())).next()
        }
        _ => None,
    };
    let failure = match near {
        Some(near) => failure.hint(format!("did you mean '{near}'?")),
        None if there.is_empty() => failure,
        None => {
            let there = there.into_iter().map(text::escaped).collect::<Vec<_>>().join(", ");
            failure.hint(format!("its topics hold {there}"))
        }
    };
    context.elsewhere().into_iter().fold(failure, Failure::hint)
}
