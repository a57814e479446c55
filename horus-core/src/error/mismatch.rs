//! Two types that meet on one topic, and where they part.

use crate::kind::Kind;
use crate::schema::Schema;
use horus_shm::{Holder, TopicName, TopicSpec, TypeMismatch};
use std::fmt;

/// A topic that holds another type than the one asked for, and is in use.
///
/// `topic 'cmd_vel' holds CmdVel, not Twist: field 'linear_x' at offset 8 here, 'linear' at offset 8 there; in use by
/// motor (pid 71), asked for by pid 80: use its type, or end those first`
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TypeError {
    /// The topic.
    pub topic: TopicName,
    /// The name of the type asked for.
    pub wanted: String,
    /// The name of the type that the topic holds.
    pub found: String,
    /// The first field in which the two differ, if both are typed: `here` is the one asked for.
    pub difference: Option<String>,
    /// Who uses the topic, living.
    pub holders: Vec<Holder>,
}

impl TypeError {
    /// Returns the error with what the two schemas say.
    pub(crate) fn new(mismatch: TypeMismatch) -> Self {
        let TypeMismatch { topic, wanted, found, holders } = mismatch;
        let difference =
            schema(&wanted).zip(schema(&found)).and_then(|(here, there)| here.first_difference(&there));
        Self { topic, wanted: name(&wanted), found: name(&found), difference, holders }
    }
}

fn schema(spec: &TopicSpec) -> Option<Schema> {
    if spec.kind == Kind::Typed as u8 { Schema::decode(&spec.schema).ok() } else { None }
}

/// Returns the type's name as people know it; what isn't typed also tells its kind where that is another word.
fn name(spec: &TopicSpec) -> String {
    match Kind::from_code(spec.kind) {
        Some(Kind::Dict) => "a dict".to_owned(),
        _ if spec.type_name.is_empty() => format!("kind {}", spec.kind),
        _ => spec.type_name.clone(),
    }
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "topic '{}' holds {}, not {}", self.topic, self.found, self.wanted)?;
        if let Some(difference) = &self.difference {
            write!(f, ": {difference}")?;
        }
        for (i, Holder { pid, node }) in self.holders.iter().enumerate() {
            f.write_str(if i == 0 { "; in use by " } else { ", " })?;
            match node.as_str() {
                "" => write!(f, "pid {pid}")?,
                node => write!(f, "{node} (pid {pid})")?,
            }
        }
        write!(f, ", asked for by pid {}: use its type, or end those first", std::process::id())
    }
}

impl std::error::Error for TypeError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;
    use crate::messages::{CmdVel, Twist};

    fn error(wanted: TopicSpec, found: TopicSpec) -> String {
        let topic = TopicName::new("cmd_vel").unwrap();
        let holders = vec![Holder { pid: 71, node: "motor".into() }, Holder { pid: 72, node: String::new() }];
        TypeError::new(TypeMismatch { topic, wanted, found, holders }).to_string()
    }

    #[test]
    fn both_types_the_field_and_the_pids_are_named() {
        let asked = format!("asked for by pid {}: use its type, or end those first", std::process::id());
        assert_eq!(
            error(Twist::schema().spec(), CmdVel::schema().spec()),
            format!(
                "topic 'cmd_vel' holds CmdVel, not Twist: field 'linear_x' at offset 8 here, 'linear' at offset 8 there; in use by motor (pid 71), pid 72, {asked}"
            )
        );
        assert_eq!(
            error(Kind::Dict.spec(), Kind::Image.spec()),
            format!("topic 'cmd_vel' holds Image, not a dict; in use by motor (pid 71), pid 72, {asked}")
        );
    }

    #[test]
    fn a_scribbled_schema_still_names_the_types() {
        let mut found = CmdVel::schema().spec();
        found.schema.truncate(9);
        assert!(
            error(Twist::schema().spec(), found)
                .starts_with("topic 'cmd_vel' holds CmdVel, not Twist; in use")
        );
    }
}
