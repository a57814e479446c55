//! What a topic holds, and so how a message for it is made.

use crate::context::closest;
use crate::exit::Exit;
use crate::failure::Failure;
use horus_core::value::msgpack;
use horus_core::{Kind, Schema, Value, ValueError, messages};
use horus_shm::{TopicInfo, TopicSpec};

/// How messages of a topic are made.
#[derive(Debug)]
pub(crate) enum Form {
    Dict,
    Typed {
        schema: Schema,
        /// A message with all its defaults.
        defaults: Vec<u8>,
    },
}

impl Form {
    /// Returns the form of the topic that is there, or of the type that was asked for.
    pub(crate) fn choose(wanted: Option<&str>, there: Option<&TopicInfo>) -> Result<Form, Failure> {
        let Some(there) = there else { return Form::named(wanted.unwrap_or("dict")) };
        let spec = &there.spec;
        if let Some(wanted) = wanted.filter(|wanted| *wanted != spec.type_name) {
            let failure = format!("topic '{}' holds {}, not {wanted}", there.name, spec.type_name);
            return Err(Failure::new(Exit::TypeMismatch, failure)
                .hint(format!("leave --type out to publish {}", spec.type_name)));
        }
        match Kind::from_code(spec.kind) {
            Some(Kind::Typed) => Form::typed(spec),
            Some(Kind::Dict) => Ok(Form::Dict),
            _ => {
                let message =
                    format!("messages of '{}' are {}: too large to type", there.name, spec.type_name);
                Err(Failure::new(Exit::State, message).hint("publish them from a node"))
            }
        }
    }

    fn typed(spec: &TopicSpec) -> Result<Form, Failure> {
        let schema = Schema::decode(&spec.schema).map_err(|error| {
            Failure::new(Exit::TypeMismatch, format!("the type {} can't be read: {error}", spec.type_name))
        })?;
        let standard = messages::find(&schema.name).ok().filter(|standard| *standard.schema() == schema);
        let defaults =
            standard.map_or_else(|| vec![0; schema.size as usize], |standard| standard.default_bytes());
        Ok(Form::Typed { schema, defaults })
    }

    fn named(name: &str) -> Result<Form, Failure> {
        if name == Kind::Dict.name() {
            return Ok(Form::Dict);
        }
        match messages::find(name) {
            Ok(message) => {
                Ok(Form::Typed { schema: message.schema().clone(), defaults: message.default_bytes() })
            }
            Err(_) => {
                let names = || messages::standard().iter().map(|message| message.name.to_owned());
                let failure = Failure::new(Exit::NotFound, format!("no message type is named '{name}'"));
                Err(match closest(name, names()).first() {
                    Some(near) => failure.hint(format!("did you mean '{near}'?")),
                    None => {
                        failure.hint(format!("there is {}, dict", names().collect::<Vec<_>>().join(", ")))
                    }
                })
            }
        }
    }

    pub(crate) fn spec(&self) -> TopicSpec {
        match self {
            Form::Dict => Kind::Dict.spec(),
            Form::Typed { schema, .. } => schema.spec(),
        }
    }

    /// Returns the bytes of a message; none given means that all is left at its default.
    pub(crate) fn payload(&self, value: Option<&Value>) -> Result<Vec<u8>, Failure> {
        match (self, value) {
            (Form::Typed { defaults, .. }, None) => Ok(defaults.clone()),
            (Form::Typed { schema, defaults }, Some(value)) => {
                Value::to_pod_over(schema, value, defaults.clone())
                    .map_err(|error| wrong_field(schema, &error))
            }
            (Form::Dict, None) => Err(Failure::new(Exit::Usage, "a dict needs DATA, such as '{mode: auto}'")
                .hint("for a typed topic that isn't there yet give --type")),
            (Form::Dict, Some(value @ Value::Map(_))) => {
                let mut bytes = Vec::new();
                msgpack::encode(value, &mut bytes)
                    .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
                Ok(bytes)
            }
            (Form::Dict, Some(other)) => {
                Err(Failure::new(Exit::Usage, format!("a dict is keys and values, this is {}", other.what()))
                    .hint("write it like '{mode: auto, battery: 85.0}'"))
            }
        }
    }
}

fn wrong_field(schema: &Schema, error: &ValueError) -> Failure {
    let shown = schema.fields.iter().filter(|field| !field.is_filling());
    let fields: Vec<_> = shown.map(|field| format!("{}: {}", field.name, field.kind)).collect();
    Failure::new(Exit::TypeMismatch, format!("the message is no {}: {error}", schema.name)).hint(format!(
        "{} has {}",
        schema.name,
        fields.join(", ")
    ))
}
