//! `horus topic wait`, and what other commands do until there is something.

use super::pace::positive;
use crate::GlobalArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::Output;
use horus_shm::{Census, Language, Participant, Subscriber, SubscriberOptions, TopicName, now_ns, stop};
use std::time::Duration;

/// Wait for messages on a topic, for scripts
///
/// Ends with status 0 once so many messages have come, with 4 when the time is over first. The topic may be yet to come.
/// What was sent before doesn't count, unless it is latched.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus topic wait camera.rgb && python3 detector.py
  horus topic wait odom --timeout 10 || echo 'the robot is not up'
  horus topic wait imu --count 100 --timeout 2")]
pub(crate) struct WaitArgs {
    /// The topic
    #[arg(value_name = "TOPIC")]
    topic: String,
    /// Wait for so many messages
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Give up after so long, all in all
    #[arg(long, value_name = "SECONDS", value_parser = positive)]
    timeout: Option<f64>,
}

pub(crate) fn run(args: WaitArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let topic = TopicName::new(&args.topic)?;
    let context = Context::open(global)?;
    interrupt::catch()?;
    let began_ns = now_ns();
    context.clean(output);
    tell_if_missing(&context, &topic, output)?;
    let participant = Participant::join(&context.namespace, Language::Rust)?;
    let mut subscriber = Subscriber::open(&participant, &topic, None, SubscriberOptions::default())?;
    let end_ns = args.timeout.map(|seconds| began_ns.saturating_add((seconds * 1e9) as u64));
    let mut came = 0;
    while came < args.count {
        let left = end_ns.map(|end| Duration::from_nanos(end.saturating_sub(now_ns())));
        if !subscriber.wait(left)? {
            let so_far =
                if came == 0 { "no message".into() } else { format!("{came} of {} messages", args.count) };
            return Err(match args.timeout {
                // Not success, as in commands that watch: what the script waits for hasn't come.
                _ if stop::requested() => {
                    Failure::new(Exit::Failed, format!("stopped after {so_far} on '{topic}'"))
                }
                Some(seconds) => {
                    Failure::new(Exit::TimedOut, format!("{so_far} on '{topic}' within {seconds} s"))
                }
                None => Failure::new(Exit::Failed, format!("{so_far} on '{topic}'")),
            });
        }
        while subscriber.recv()?.is_some() {}
        // What was too fast for us came all the same.
        came = subscriber.received() + subscriber.dropped();
    }
    Ok(Exit::Ok)
}

/// Says once that a topic isn't there yet, and what may be meant instead; quiet if it is.
pub(crate) fn tell_if_missing(context: &Context, topic: &TopicName, output: &Output) -> Result<(), Failure> {
    let census = Census::take(&context.namespace)?;
    // What lies in its place is told when it is opened.
    if census.topics.iter().any(|there| there.name == *topic) || census.fault_of(topic).is_some() {
        return Ok(());
    }
    output
        .note(&format!("waiting for topic '{topic}' to appear in namespace '{}'", context.namespace.name()));
    context.no_such_topic(topic, &census).iter().for_each(|hint| output.hint(hint));
    Ok(())
}
