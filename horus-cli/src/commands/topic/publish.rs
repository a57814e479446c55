//! `horus topic pub`.

use super::pace::positive;
use crate::GlobalArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::message::{Document, Documents, Form, parse};
use crate::output::Output;
use crate::traffic::Endpoints;
use horus_core::{Encoded, Value};
use horus_shm::{
    Census, EndpointInfo, Holder, Language, Participant, ParticipantInfo, Publisher, PublisherOptions, Role,
    TopicName, now_ns, stop,
};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Read};
use std::os::fd::AsFd;
use std::time::Duration;

/// Publish messages from the command line
///
/// DATA is YAML or JSON, as `topic echo` prints it. If the topic is there, DATA is checked against its type, and a field
/// that is left out gets its default; else --type says what it is, or it becomes a dict. Publishes once a second unless
/// told otherwise; a file once and as fast as it is read, the messages of standard input each as it comes. Ctrl+C before
/// all were sent that were asked for is a failure.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus topic pub cmd_vel '{linear: 0.5}' --once
  horus topic pub cmd_vel '{linear: 0.5, angular: 0.1}' --type CmdVel -r 10
  horus topic pub status '{mode: auto, battery: 85.0}' --count 3
  horus topic echo odom --count 100 | horus topic pub odom.replayed --file - --type Odometry -r 20
  horus topic echo status --json > status.jsonl
  horus topic pub status --file status.jsonl")]
pub(crate) struct PublishArgs {
    /// The topic
    topic: String,
    /// The message; without it all fields have their defaults
    #[arg(conflicts_with = "file", allow_hyphen_values = true)]
    data: Option<String>,
    /// What the topic holds, if it isn't there yet: a standard message, dict, or Image, DepthImage, PointCloud, Tensor
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
    /// Publish the messages of a file, one after the other; - is standard input
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
    let source = Source::open(&args)?;
    let context = Context::open(global)?;
    interrupt::catch()?;
    let census = Census::take(&context.namespace)?;
    context.clean(output);
    let there = census.topics.iter().find(|there| there.name == topic && there.spec.kind != 0);
    let form = Form::choose(args.type_name.as_deref(), there, || holders(&census, &topic))?;
    let mut feed = Feed::new(source, &form)?;
    let participant = Participant::join(&context.namespace, Language::Rust)?;
    let mut publisher = Publisher::open(&participant, &topic, form.spec(), PublisherOptions::default())?;
    if args.wait > 0 && !wait_for_subscribers(&context, &topic, args.wait, output)? {
        let message = format!("ended by a signal while waiting for subscribers of '{topic}'");
        return Err(Failure::new(Exit::Failed, message));
    }
    if matches!(&feed, Feed::Stream(..)) && std::io::stdin().is_terminal() {
        output.prompt("messages are read from the terminal, with --- after each; Ctrl+D ends");
    }
    let mut sent = 0;
    let ended = publish(&args, &form, &mut publisher, &mut feed, &mut sent);
    let messages = if sent == 1 { "message" } else { "messages" };
    output.note(&format!("{sent} {messages} published on '{topic}'"));
    ended?;
    if subscribers(&context, &topic)? == 0 {
        output.hint("nobody subscribes to it; -w 1 waits for a subscriber");
    }
    Ok(Exit::Ok)
}

/// Where messages come from.
#[derive(Debug)]
enum Source {
    /// DATA, which may be left out.
    Data(Option<Value>),
    /// A file that ends.
    File(String, Documents<BufReader<File>>),
    /// A pipe, or a terminal, whose messages come when they come.
    Stream(String, Documents<BufReader<UntilStopped>>),
}

impl Source {
    fn open(args: &PublishArgs) -> Result<Source, Failure> {
        let Some(path) = &args.file else {
            let data = args.data.as_deref().map(parse).transpose().map_err(|reason| no_message(&reason))?;
            return Ok(Source::Data(data.flatten()));
        };
        if path == "-" {
            let stdin = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
            let documents = Documents::new(BufReader::new(UntilStopped(stdin)));
            return Ok(Source::Stream("standard input".into(), documents));
        }
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let kind = file.metadata().map_err(|error| unreadable(path, &error))?.file_type();
        if kind.is_dir() {
            return Err(Failure::new(Exit::Usage, format!("'{path}' is a folder, not a file of messages")));
        }
        if kind.is_file() {
            return Ok(Source::File(path.clone(), Documents::new(BufReader::new(file))));
        }
        Ok(Source::Stream(path.clone(), Documents::new(BufReader::new(UntilStopped(file)))))
    }
}

fn no_message(reason: &str) -> Failure {
    Failure::new(Exit::Usage, format!("the message can't be read: {reason}"))
        .hint("write it like '{linear: 0.5, angular: 0.1}'")
}

/// A file whose reading ends when this process is asked to stop.
#[derive(Debug)]
struct UntilStopped(File);

impl Read for UntilStopped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match interrupt::readable(&self.0)? {
            true => self.0.read(buffer),
            false => Ok(0),
        }
    }
}

fn unreadable(source: &str, error: &io::Error) -> Failure {
    let message = format!("{source}: {error}");
    match (error.kind(), Failure::from(io::Error::from(error.kind()))) {
        // What is in it makes no sense: no text, or one without an end.
        (io::ErrorKind::InvalidData, _) => Failure::new(Exit::Usage, message),
        (_, Failure::Told { exit, hints, .. }) => Failure::Told { exit, message, hints },
        (_, closed) => closed,
    }
}

/// The messages, ready to be sent.
#[derive(Debug)]
enum Feed {
    /// These, again and again. All have been checked.
    Ready(Vec<Encoded>),
    /// Each as it comes.
    Stream(String, Documents<BufReader<UntilStopped>>),
}

impl Feed {
    fn new(source: Source, form: &Form) -> Result<Feed, Failure> {
        match source {
            Source::Data(data) => Ok(Feed::Ready(vec![form.typed_in(data.as_ref())?])),
            Source::Stream(name, documents) => Ok(Feed::Stream(name, documents)),
            Source::File(path, mut documents) => {
                let mut messages = Vec::new();
                while let Some(document) = documents.next().map_err(|error| unreadable(&path, &error))? {
                    messages.push(message(form, document, &path)?);
                }
                match messages.is_empty() {
                    true => Err(Failure::new(Exit::Usage, format!("there is no message in '{path}'"))),
                    false => Ok(Feed::Ready(messages)),
                }
            }
        }
    }

    /// Returns message `index`, counted from 0; nothing if there are no more.
    fn next(&mut self, form: &Form, index: u64) -> Result<Option<Cow<'_, Encoded>>, Failure> {
        match self {
            Feed::Ready(messages) => Ok(Some(Cow::Borrowed(&messages[index as usize % messages.len()]))),
            Feed::Stream(name, documents) => {
                match documents.next().map_err(|error| unreadable(name, &error))? {
                    Some(document) => Ok(Some(Cow::Owned(message(form, document, name)?))),
                    None if index == 0 && !stop::requested() => {
                        Err(Failure::new(Exit::Usage, format!("there is no message in {name}")))
                    }
                    None => Ok(None),
                }
            }
        }
    }
}

fn message(form: &Form, document: Document, source: &str) -> Result<Encoded, Failure> {
    let line = document.line;
    let value = document.message.map_err(|reason| no_message(&reason));
    value.and_then(|value| form.message(&value)).map_err(|failure| match failure {
        Failure::Told { exit, message, hints } => {
            Failure::Told { exit, message: format!("message at line {line} of {source}: {message}"), hints }
        }
        closed => closed,
    })
}

/// Sends messages, counting them in `sent`, until there are no more or somebody says stop.
///
/// # Errors
/// Also if somebody said stop before as many were sent as were asked for.
fn publish(
    args: &PublishArgs,
    form: &Form,
    publisher: &mut Publisher,
    feed: &mut Feed,
    sent: &mut u64,
) -> Result<(), Failure> {
    // A file goes out as fast as it is read, and once; a message by hand once a second, until told otherwise.
    let rate = args.rate.or(if args.file.is_some() { None } else { Some(1.0) });
    let period_ns = rate.map_or(0, |rate| (1e9 / rate) as u64);
    let limit = match (args.once, args.count, &*feed) {
        (true, ..) => Some(1),
        (false, Some(count), _) => Some(count),
        (false, None, Feed::Ready(messages)) if args.file.is_some() => Some(messages.len() as u64),
        (false, None, _) => None,
    };
    let began_ns = now_ns();
    while limit != Some(*sent) {
        let due_ns = began_ns.saturating_add(period_ns.saturating_mul(*sent));
        if !interrupt::pause_until(due_ns)? {
            break;
        }
        let Some(message) = feed.next(form, *sent)? else { return Ok(()) };
        message.send(publisher)?;
        *sent += 1;
    }
    match limit {
        Some(limit) if *sent < limit => {
            Err(Failure::new(Exit::Failed, format!("ended by a signal after {sent} of {limit} messages")))
        }
        _ => Ok(()),
    }
}

/// Returns who uses a topic as the type that it has, living.
fn holders(census: &Census, topic: &TopicName) -> Vec<Holder> {
    let endpoints = Endpoints::of(census);
    let here = endpoints.at(topic).iter();
    let typed = here.filter(|(_, endpoint)| endpoint.role != Role::UntypedSubscriber && endpoint.current);
    let holder = |(process, endpoint): &(&ParticipantInfo, &EndpointInfo)| Holder {
        pid: process.pid,
        node: endpoint.node.clone().unwrap_or_default(),
    };
    let mut holders: Vec<_> = typed.map(holder).collect();
    // A node may publish and subscribe.
    holders.dedup();
    holders
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
            let subscribers = if wanted == 1 { "subscriber" } else { "subscribers" };
            output.note(&format!("waiting for {wanted} {subscribers} of '{topic}', {there} there"));
            told = true;
        }
        if !interrupt::pause(LOOK_AGAIN)? {
            return Ok(false);
        }
    }
}
