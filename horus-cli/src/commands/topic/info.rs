//! `horus topic info`.

use super::endpoints::Parties;
use super::list;
use crate::GlobalArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::listing::{Format, FormatArgs, Listing, keys_and};
use crate::output::table::{Table, left, right};
use crate::output::{Output, text};
use crate::reads::Reads;
use crate::traffic::{Endpoints, Traffic, kind_name, schema_of};
use horus_core::{Field, FieldKind, Schema};
use horus_shm::{Census, TopicInfo, TopicName, now_ns};
use serde_json::{Value, json};

/// Show everything there is to know of a topic
///
/// Its type with all fields and where they lie, its ring and memory, and each publisher and subscriber. Subscribers are
/// watched for up to half a second to tell how often they read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus topic info cmd_vel
  horus topic info camera.rgb --json | jq '.items[0].endpoints'")]
pub(crate) struct InfoArgs {
    /// The topic
    #[arg(value_name = "TOPIC")]
    topic: String,
    #[command(flatten)]
    format: FormatArgs,
}

/// The form of what is told.
pub(crate) const SCHEMA: &str = "horus.topic_info/1";

/// The keys of the one item in it: those of `topic list`, and more.
pub(crate) const KEYS: &[&str] = &keys_and::<18>(
    list::KEYS,
    &["schema", "depth", "slot_bytes", "shm_bytes", "generation", "latched", "copies", "endpoints"],
);

pub(crate) fn run(args: InfoArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let name = TopicName::new(&args.topic)?;
    let context = Context::open(global)?;
    let now_ns = now_ns();
    let census = Census::take(&context.namespace)?;
    let topic = there(&context, &census, &name);
    let is_read = |endpoint: &horus_shm::EndpointInfo| endpoint.topic == name.as_str();
    let reads = Reads::watch(&context.namespace, &census, is_read)?;
    context.clean(output);
    let topic = topic?;
    let endpoints = Endpoints::of(&census);
    let traffic = Traffic::of(topic, &endpoints, now_ns);
    let parties = Parties { topic, endpoints: &endpoints, reads: &reads, now_ns };
    let told = Told::of(topic, &endpoints);
    if args.format.format() == Format::Table {
        told.lines(&traffic, &parties, output.colour).iter().try_for_each(|line| output.line(line))?;
    } else {
        let mut item = list::item(&traffic, &context.namespace);
        let mut put = |key: &str, value: Value| drop(item.insert(key.into(), value));
        put("schema", json!(told.schema.as_ref().map(schema_json)));
        put("depth", json!(topic.depth));
        put("slot_bytes", json!(topic.slot_bytes));
        put("shm_bytes", json!(topic.shm_bytes));
        put("generation", json!(topic.generation));
        put("latched", json!(told.latched > 0));
        put("copies", json!(told.copies));
        put("endpoints", parties.json());
        let namespace = Some(context.namespace.name().to_string());
        let listing = Listing { schema: SCHEMA, namespace, keys: KEYS, items: vec![item] };
        listing.print(args.format.format(), &Table::new([]), output)?;
    }
    output.flush()?;
    parties.other_depths().iter().for_each(|note| output.note(&format!("note: {note}")));
    parties.lagging().iter().for_each(|hint| output.hint(hint));
    Ok(Exit::Ok)
}

/// Returns a topic.
///
/// # Errors
/// [`Exit::NotFound`], with what may be meant and who else waits for it; what is wrong with what lies in its place.
pub(super) fn there<'a>(
    context: &Context,
    census: &'a Census,
    name: &TopicName,
) -> Result<&'a TopicInfo, Failure> {
    if let Some(topic) = census.topics.iter().find(|topic| topic.name == *name) {
        return Ok(topic);
    }
    if let Some(fault) = census.fault_of(name) {
        return Err(fault.into());
    }
    let namespace = context.namespace.name();
    let failure =
        Failure::new(Exit::NotFound, format!("topic '{name}' not found in namespace '{namespace}'"));
    let endpoints = Endpoints::of(census);
    let waiting = endpoints.at(name).iter().map(|(participant, _)| participant.pid.to_string());
    let waiting: Vec<_> = waiting.collect();
    let failure = match waiting.is_empty() {
        true => failure,
        false => failure.hint(format!(
            "pid {} subscribes to it whatever its type; nobody publishes it yet",
            waiting.join(", ")
        )),
    };
    Err(context.no_such_topic(name, census).into_iter().fold(failure, Failure::hint))
}

/// What is told beside what a list tells.
struct Told {
    /// Nothing for what isn't typed, or can't be read.
    schema: Option<Schema>,
    /// How many living publishers keep their newest message for late joiners.
    latched: usize,
    copies: u64,
}

impl Told {
    fn of(topic: &TopicInfo, endpoints: &Endpoints<'_>) -> Told {
        Told {
            schema: schema_of(&topic.spec),
            latched: topic.lanes.iter().filter(|lane| lane.owner_alive && lane.latched).count(),
            copies: endpoints.at(&topic.name).iter().map(|(_, endpoint)| endpoint.copies).sum(),
        }
    }

    fn lines(&self, traffic: &Traffic<'_>, parties: &Parties<'_>, colour: bool) -> Vec<String> {
        let topic = traffic.topic;
        let mut lines = Vec::new();
        let mut say = |what: &str, text: String| lines.push(format!("{:<12} {text}", format!("{what}:")));
        say("name", topic.name.to_string());
        say("type", text::escaped(&topic.spec.type_name));
        say("kind", kind_name(topic.spec.kind).into());
        say("rate", text::hertz(Some(traffic.rate_hz)));
        let age =
            traffic.age_s.map_or_else(String::new, |age| format!(", the last {} ago", text::span(Some(age))));
        say("messages", format!("{}{age}", traffic.messages));
        say("dropped", traffic.dropped.to_string());
        let capacity = text::bytes(topic.spec.capacity.into());
        let slot = text::bytes(topic.slot_bytes.into());
        say(
            "depth",
            format!("{} messages for each publisher, slots of {slot} with room for {capacity}", topic.depth),
        );
        say("memory", text::bytes(topic.shm_bytes));
        say("generation", topic.generation.to_string());
        say(
            "latched",
            match (self.latched, traffic.publishers) {
                (0, _) => "no".into(),
                (latched, publishers) if latched >= publishers => "yes".into(),
                (latched, publishers) => format!("{latched} of {publishers} publishers"),
            },
        );
        say("copies", self.copies.to_string());
        if let Some(schema) = &self.schema {
            let bytes = if schema.is_variable() { "bytes and more" } else { "bytes" };
            say("fields", format!("{} {bytes}", schema.size));
            lines.extend(fields(schema).lines(colour).iter().map(|line| format!("  {line}")));
        }
        lines.push(format!("{:<12} {}", "publishers:", traffic.publishers));
        lines.push(format!("{:<12} {}", "subscribers:", traffic.subscribers));
        lines.extend(parties.lines().iter().map(|line| format!("  {line}")));
        lines
    }
}

/// Returns the fields that tools show: not those that only fill up a message.
fn shown(schema: &Schema) -> impl Iterator<Item = &Field> {
    schema.fields.iter().filter(|field| !field.is_filling())
}

fn fields(schema: &Schema) -> Table {
    fn add(table: &mut Table, prefix: &str, base: u32, schema: &Schema) {
        for field in shown(schema) {
            let name = format!("{prefix}{}", field.name);
            let (offset, size) = (base + field.offset, field.kind.size());
            table.row([
                offset.to_string(),
                size.to_string(),
                text::escaped(&name),
                text::escaped(&field.kind.to_string()),
            ]);
            if let FieldKind::Nested(inner) = &field.kind {
                add(table, &format!("{name}."), offset, inner);
            }
        }
    }
    let mut table = Table::new([right("OFFSET"), right("SIZE"), left("FIELD"), left("KIND")]);
    add(&mut table, "", 0, schema);
    table
}

fn schema_json(schema: &Schema) -> Value {
    let fields = shown(schema).map(|field| {
        let mut object = json!({
            "name": field.name,
            "kind": field.kind.to_string(),
            "offset": field.offset,
            "size": field.kind.size(),
        });
        if let FieldKind::Nested(inner) = &field.kind {
            object["fields"] = schema_json(inner)["fields"].take();
        }
        object
    });
    json!({"name": schema.name, "size": schema.size, "fields": fields.collect::<Vec<_>>()})
}
