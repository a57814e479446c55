//! `horus topic pub`.

use super::echo::positive;
use crate::GlobalArgs;
use crate::context::{Context, closest};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::message::{documents, parse};
use crate::output::Output;
use crate::traffic::Endpoints;
use horus_core::value::msgpack;
use horus_core::{Kind, Schema, Value, messages};
use horus_shm::{
    Census, Language, Participant, Publisher, PublisherOptions, TopicInfo, TopicName, TopicSpec, now_ns,
};
use std::io::Read;
use std::time::Duration;

/// Publish messages from the command line
///
/// DATA is YAML or JSON, as `topic echo` prints it. If the topic is there, DATA is checked against its type, and a field
/// that is left out gets its default; else --type says what it is, or it becomes a dict. Publishes once a second unless
/// told otherwise.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus topic pub cmd_vel '{linear: 0.5}' --once
  horus topic pub cmd_vel '{linear: 0.5, angular: 0.1}' --type CmdVel -r 10
  horus topic pub status '{mode: auto, battery: 85.0}' --count 3
  horus topic echo odom --count 100 | horus topic pub odom.replayed --file - --type Odometry -r 20")]
pub(crate) struct PublishArgs {
    /// The topic
    topic: String,
    /// The message; without it all fields have their defaults
    #[arg(conflicts_with = "file", allow_hyphen_values = true)]
    data: Option<String>,
    /// What the topic holds, if it isn't there yet: the name of a standard message, or dict
    #[arg(short, long = "type", value_name = "TYPE")]
    type_name: Option<String>,
    /// How often to publish
    #[arg(short, long, value_name = "HZ", value_parser = positive)]
    rate: Option<f64>,
    /// End after so many messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after one message
    #[arg(long, conflicts_with = "count")]
    once: bool,
    /// Publish the documents of a file, one after the other; - is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
    /// First wait for so many subscribers
    #[arg(short, long, value_name = "N", default_value_t = 0)]
    wait: usize,
}

/// How often subscribers are counted while they are waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(crate) fn run(args: PublishArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let topic = TopicName::new(&args.topic)?;
    let texts = texts(&args)?;
    let context = Context::open(global)?;
    interrupt::catch()?;
    let census = Census::take(&context.namespace)?;
    context.clean(output);
    let there = census.topics.iter().find(|there| there.name == topic && there.spec.kind != 0);
    let form = Form::choose(&args, there)?;
    let payloads = texts.iter().map(|text| form.payload(text.as_deref())).collect::<Result<Vec<_>, _>>()?;
    let participant = Participant::join(&context.namespace, Language::Rust)?;
    let mut publisher = Publisher::open(&participant, &topic, &form.spec(), PublisherOptions::default())?;
    if args.wait > 0 && !wait_for_subscribers(&context, &topic, args.wait, output)? {
        return Ok(Exit::Ok);
    }
    let sent = publish(&args, &mut publisher, &payloads)?;
    let heard = subscribers(&context, &topic)?;
    let messages = if sent == 1 { "message" } else { "messages" };
    output.note(&format!("{sent} {messages} published on '{topic}'"));
    if heard == 0 {
        output.hint("nobody subscribes to it; -w 1 waits for a subscriber");
    }
    Ok(Exit::Ok)
}

/// Returns the messages as they were written; none in place of one that wasn't.
fn texts(args: &PublishArgs) -> Result<Vec<Option<String>>, Failure> {
    let Some(file) = &args.file else { return Ok(vec![args.data.clone()]) };
    let mut text = String::new();
    match file.as_str() {
        "-" => drop(std::io::stdin().read_to_string(&mut text)?),
        path => text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?,
    }
    let texts: Vec<_> = documents(&text).into_iter().map(Some).collect();
    match texts.is_empty() {
        true => Err(Failure::new(Exit::Usage, format!("there is no message in '{file}'"))),
        false => Ok(texts),
    }
}

fn unreadable(path: &str, error: &std::io::Error) -> Failure {
    match Failure::from(std::io::Error::from(error.kind())) {
        Failure::Told { exit, hints, .. } => {
            Failure::Told { exit, message: format!("{path}: {error}"), hints }
        }
        closed => closed,
    }
}

/// What the topic holds, and so how a message is made.
#[derive(Debug)]
enum Form {
    Dict,
    Typed {
        schema: Schema,
        /// A message with all its defaults.
        defaults: Vec<u8>,
    },
}

impl Form {
    fn choose(args: &PublishArgs, there: Option<&TopicInfo>) -> Result<Form, Failure> {
        let wanted = args.type_name.as_deref();
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

    fn spec(&self) -> TopicSpec {
        match self {
            Form::Dict => Kind::Dict.spec(),
            Form::Typed { schema, .. } => schema.spec(),
        }
    }

    /// Returns the bytes of a message.
    fn payload(&self, text: Option<&str>) -> Result<Vec<u8>, Failure> {
        let value = match text {
            Some(text) => Some(parse(text).map_err(|reason| {
                Failure::new(Exit::Usage, format!("the message is no YAML or JSON: {reason}"))
                    .hint("write it like '{linear: 0.5, angular: 0.1}'")
            })?),
            None => None,
        };
        match (self, value) {
            (Form::Typed { defaults, .. }, None) => Ok(defaults.clone()),
            (Form::Typed { schema, defaults }, Some(value)) => {
                Value::to_pod_over(schema, &value, defaults.clone())
                    .map_err(|error| wrong_field(schema, &error))
            }
            (Form::Dict, None) => Err(Failure::new(Exit::Usage, "a dict needs DATA, such as '{mode: auto}'")
                .hint("for a typed topic that isn't there yet give --type")),
            (Form::Dict, Some(value @ Value::Map(_))) => {
                let mut bytes = Vec::new();
                msgpack::encode(&value, &mut bytes)
                    .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
                Ok(bytes)
            }
            (Form::Dict, Some(other)) => {
                Err(Failure::new(Exit::Usage, format!("a dict is keys and values, DATA is {}", other.what()))
                    .hint("write it like '{mode: auto, battery: 85.0}'"))
            }
        }
    }
}

fn wrong_field(schema: &Schema, error: &horus_core::ValueError) -> Failure {
    let shown = schema.fields.iter().filter(|field| !field.is_filling());
    let fields: Vec<_> = shown.map(|field| format!("{}: {}", field.name, field.kind)).collect();
    Failure::new(Exit::TypeMismatch, format!("the message is no {}: {error}", schema.name)).hint(format!(
        "{} has {}",
        schema.name,
        fields.join(", ")
    ))
}

/// Sends the messages and returns how many were sent before enough were, or somebody said stop.
fn publish(args: &PublishArgs, publisher: &mut Publisher, payloads: &[Vec<u8>]) -> Result<u64, Failure> {
    // A file goes out as fast as it is read, and once; a message by hand once a second, until told otherwise.
    let rate = args.rate.or(if args.file.is_some() { None } else { Some(1.0) });
    let period_ns = rate.map_or(0, |rate| (1e9 / rate) as u64);
    let limit = match (args.once, args.count) {
        (true, _) => 1,
        (false, Some(count)) => count,
        (false, None) if args.file.is_some() => payloads.len() as u64,
        (false, None) => u64::MAX,
    };
    let began_ns = now_ns();
    let mut sent = 0;
    for payload in payloads.iter().cycle() {
        publisher.send(payload)?;
        sent += 1;
        if sent == limit || !interrupt::pause_until(began_ns.saturating_add(period_ns.saturating_mul(sent)))?
        {
            break;
        }
    }
    Ok(sent)
}

fn subscribers(context: &Context, topic: &TopicName) -> Result<usize, Failure> {
    let census = Census::take(&context.namespace)?;
    Ok(Endpoints::of(&census).listeners(topic))
}

/// Waits until so many subscribe; false if somebody said stop first.
fn wait_for_subscribers(
    context: &Context,
    topic: &TopicName,
    wanted: usize,
    output: &Output,
) -> Result<bool, Failure> {
    let mut told = false;
    loop {
        let there = subscribers(context, topic)?;
        if there >= wanted {
            return Ok(true);
        }
        if !told {
            output.note(&format!("waiting for {wanted} subscribers of '{topic}', {there} there"));
            told = true;
        }
        if !interrupt::pause(LOOK_AGAIN)? {
            return Ok(false);
        }
    }
}
