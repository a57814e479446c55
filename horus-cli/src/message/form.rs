//! What a topic holds, and so how a message for it is made.

use crate::exit::Exit;
use crate::failure::{Failure, mismatch};
use horus_core::{Encoded, Encoder, Kind, PayloadError, Schema, Value, messages};
use horus_shm::{Holder, TopicInfo, TopicSpec, TypeMismatch};

/// How messages of a topic are made.
#[derive(Debug)]
pub(crate) struct Form {
    spec: TopicSpec,
    kind: Kind,
    encoder: Encoder,
}

impl Form {
    /// Returns the form of the topic that is there, or of the type that was asked for; `holders` tells who uses the
    /// topic as what it is.
    pub(crate) fn choose(
        wanted: Option<&str>,
        there: Option<&TopicInfo>,
        holders: impl FnOnce() -> Vec<Holder>,
    ) -> Result<Form, Failure> {
        let Some(there) = there else { return Form::new(named(wanted.unwrap_or(Kind::Dict.name()))?) };
        let spec = &there.spec;
        let kind = Kind::from_code(spec.kind);
        let fits =
            |wanted: &str| wanted == spec.type_name || kind.is_some_and(|kind| is_name_of(kind, wanted));
        let Some(wanted) = wanted.filter(|wanted| !fits(wanted)) else { return Form::new(spec.clone()) };
        let holders = holders();
        if holders.is_empty() {
            // What only the dead, or nobody any more, had as another type may become what is asked for.
            return Form::new(named(wanted)?);
        }
        // A type that this program doesn't know is another one all the same.
        let unknown = |_| TopicSpec { type_name: wanted.to_owned(), schema: Vec::new(), ..spec.clone() };
        let wanted = named(wanted).unwrap_or_else(unknown);
        let (topic, found) = (there.name.clone(), spec.clone());
        Err(mismatch(TypeMismatch { topic, wanted, found, holders })
            .hint(format!("leave --type out to publish {}, or end those first", spec.type_name)))
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
        let failure = failure.hint(format!("{name} has {}", fields.join(", ")));
        // `{linear:0.5}` is one key without a value; that is YAML, and no mistake that one sees.
        match value {
            Value::Map(entries) => match entries.iter().find_map(|(key, value)| without_space(key, value)) {
                Some((key, value)) => {
                    failure.hint(format!("write a space after the colon: '{key}: {value}'"))
                }
                None => failure,
            },
            _ => failure,
        }
    }
}

/// Returns what was meant as a key and its value, if they were written as one word.
fn without_space<'a>(key: &'a Value, value: &Value) -> Option<(&'a str, &'a str)> {
    match (key, value) {
        (Value::Str(key), Value::Nil) => key.split_once(':'),
        _ => None,
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
