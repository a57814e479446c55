//! What echo and hz do until there is something.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use horus_shm::{Census, TopicName};

/// Says once that a topic isn't there yet, and what may be meant instead; quiet if it is.
pub(crate) fn tell_if_missing(context: &Context, topic: &TopicName, output: &Output) -> Result<(), Failure> {
    let census = Census::take(&context.namespace)?;
    if census.topics.iter().any(|there| there.name == *topic) {
        return Ok(());
    }
    output
        .note(&format!("waiting for topic '{topic}' to appear in namespace '{}'", context.namespace.name()));
    context.no_such_topic(topic, &census).iter().for_each(|hint| output.hint(hint));
    Ok(())
}
