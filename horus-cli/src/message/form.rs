//! What a topic holds, and so how a message for it is made.

use crate::exit::Exit;
use crate::failure::Failure;
use horus_core::{Encoded, Encoder, Kind, PayloadError, Schema, Value, messages};
use horus_shm::{TopicInfo, TopicSpec};

/// How messages of a topic are made.
#[derive(Debug)]
pub(crate) struct Form {
    spec: TopicSpec,
    kind: Kind,
    encoder: Encoder,
}

impl Form {
    /// Returns the form of the topic that is there, or of the type that was asked for.
    pub(crate) fn choose(wanted: Option<&str>, there: Option<&TopicInfo>) -> Result<Form, Failure> {
        let Some(there) = there else { return Form::new(named(wanted.unwrap_or(Kind::Dict.name()))?) };
        let spec = &there.spec;
        let kind = Kind::from_code(spec.kind);
        let fits =
            |wanted: &str| wanted == spec.type_name || kind.is_some_and(|kind| is_name_of(kind, wanted));
        if let Some(wanted) = wanted.filter(|wanted| !fits(wanted)) {
            let failure = format!("topic '{}' holds {}, not {wanted}", there.name, spec.type_name);
            return Err(Failure::new(Exit::TypeMismatch, failure)
                .hint(format!("leave --type out to publish {}", spec.type_name)));
        }
        Form::new(spec.clone())
    }

    fn new(spec: TopicSpec) -> Result<Form, Failure> {
        let unreadable = |reason: &dyn std::fmt::Display| {
            Failure::new(Exit::TypeMismatch, format!("the type {} can't be read: {reason}", spec.type_name))
        };
        let encoder = Encoder::new(&spec).map_err(|error| unreadable(&error))?;
        let kind = Kind::from_code(spec.kind).ok_or_else(|| unreadable(&"unknown kind of topic"))?;
        Ok(Form { kind, encoder, spec })
    }

    pub(crate) fn spec(&self) -> &TopicSpec {
        &self.spec
    }

    /// Returns the message that was typed by hand; none given means that all is left at its default.
    pub(crate) fn typed_in(&self, value: Option<&Value>) -> Result<Encoded, Failure> {
        match (self.kind, value) {
            (Kind::Dict, Some(Value::Map(_))) => {}
            (Kind::Dict, None) => {
                return Err(Failure::new(Exit::Usage, "a dict needs DATA, such as '{mode: auto}'")
                    .hint("for a typed topic that isn't there yet give --type"));
            }
            // A dict topic takes any value; by hand it is more often a slip.
            (Kind::Dict, Some(other)) => {
                let message = format!("a dict is keys and values, DATA is {}", other.what());
                return Err(
                    Failure::new(Exit::Usage, message).hint("write it like '{mode: auto, battery: 85.0}'")
                );
            }
            (kind, None) if kind.is_pool_backed() => {
                let message = format!("{} needs DATA, such as '{{data: [[0, 255]]}}'", self.spec.type_name);
                return Err(Failure::new(Exit::Usage, message));
            }
            _ => {}
        }
        self.message(value.unwrap_or(&Value::Map(Vec::new())))
    }

    /// Returns the message that a value stands for.
    pub(crate) fn message(&self, value: &Value) -> Result<Encoded, Failure> {
        self.encoder.encode(value).map_err(|error| self.refuse(value, &error))
    }

    fn refuse(&self, value: &Value, error: &PayloadError) -> Failure {
        let name = &self.spec.type_name;
        if self.kind == Kind::Dict {
            return Failure::new(Exit::Usage, format!("the message is no dict: {error}"));
        }
        let failure = Failure::new(Exit::TypeMismatch, format!("the message is no {name}: {error}"));
        if self.kind.is_pool_backed() {
            return match value.get("data") {
                Some(Value::Str(text)) if text.starts_with('<') => failure
                    .hint("what was told in words can't be published; show it with --full, without --no-arr"),
                _ => failure,
            };
        }
        let Ok(schema) = Schema::decode(&self.spec.schema) else { return failure };
        let shown = schema.fields.iter().filter(|field| !field.is_filling());
        let fields: Vec<_> = shown.map(|field| format!("{}: {}", field.name, field.kind)).collect();
        failure.hint(format!("{name} has {}", fields.join(", ")))
    }
}

/// The kinds that have a name without being typed.
fn untyped() -> impl Iterator<Item = Kind> {
    Kind::ALL.into_iter().filter(|kind| *kind != Kind::Typed)
}

/// A kind has the name that lists show and the one that code has: `point_cloud`, `PointCloud`.
fn is_name_of(kind: Kind, name: &str) -> bool {
    kind != Kind::Typed && (kind.name() == name || kind.type_name() == name)
}

fn named(name: &str) -> Result<TopicSpec, Failure> {
    if let Some(kind) = untyped().find(|kind| is_name_of(*kind, name)) {
        return Ok(kind.spec());
    }
    let unknown = match messages::find(name) {
        Ok(message) => return Ok(message.schema().spec()),
        Err(unknown) => unknown,
    };
    let failure = Failure::new(Exit::NotFound, format!("no message type is named '{name}'"));
    if unknown.suggestions.is_empty() {
        let standard = messages::standard().iter().map(|message| message.name);
        let names: Vec<_> = standard.chain(untyped().map(Kind::type_name)).collect();
        return Err(failure.hint(format!("there is {}", names.join(", "))));
    }
    let near = unknown.suggestions.iter().map(|near| format!("did you mean '{near}'?"));
    Err(near.fold(failure, Failure::hint))
}
