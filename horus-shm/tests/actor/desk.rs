//! The child's side: its endpoints by name, and what it can be told to do with them.

use super::message::{self, LAST, MARKER};
use crate::process::Cue;
use horus_shm::{
    Language, Namespace, NamespaceName, NodeName, NodeRecord, NodeSpec, Participant, Payload, PinnedBlock,
    Publisher, PublisherOptions, Received, Result, Settings, Subscriber, SubscriberOptions, TopicName,
    TopicSpec, stop,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::str::{FromStr, SplitWhitespace};
use std::sync::Arc;
use std::time::Duration;

/// A type by name: slots of 64 bytes, rings of 64 messages.
pub(crate) fn spec(type_name: &str) -> TopicSpec {
    TopicSpec {
        kind: 1,
        type_name: type_name.into(),
        schema: type_name.as_bytes().to_vec(),
        capacity: 64,
        depth: 64,
    }
}

/// Role: does what it is told until its stdin ends, then leaves.
pub(crate) fn actor(cue: &mut Cue) {
    let mut desk = Desk::default();
    while let Some(line) = cue.listen() {
        match desk.perform(&line, cue) {
            Ok(reply) => cue.say(format!("ok {reply}").trim_end()),
            Err(error) => {
                let debug = format!("{error:?}");
                let variant = debug.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
                cue.say(&format!("error {variant}: {error}").replace('\n', " "));
            }
        }
    }
}

#[derive(Default)]
struct Desk {
    publishers: BTreeMap<String, Publisher>,
    subscribers: BTreeMap<String, Subscriber>,
    nodes: Vec<NodeRecord>,
    held: Vec<PinnedBlock>,
    participant: Option<Arc<Participant>>,
}

/// The words of a command after its first.
struct Words<'a>(SplitWhitespace<'a>);

impl Words<'_> {
    #[track_caller]
    fn text(&mut self) -> String {
        self.0.next().expect("the command has more words").into()
    }

    #[track_caller]
    fn number<T: FromStr>(&mut self) -> T {
        let word = self.text();
        word.parse().unwrap_or_else(|_| panic!("{word:?} is no number"))
    }

    fn flag(&mut self, name: &str) -> bool {
        self.0.clone().any(|word| word == name)
    }

    fn value<T: FromStr>(&mut self, name: &str) -> Option<T> {
        let mut rest = self.0.clone();
        rest.by_ref().find(|word| *word == name)?;
        rest.next()?.parse().ok()
    }
}

impl Desk {
    fn participant(&mut self) -> Result<Arc<Participant>> {
        if let Some(participant) = &self.participant {
            return Ok(participant.clone());
        }
        let namespace = Namespace::open(&Settings::from_env())?;
        let participant = Participant::join(&namespace, Language::Rust)?;
        self.participant = Some(participant.clone());
        Ok(participant)
    }

    fn publisher(&mut self, words: &mut Words<'_>) -> &mut Publisher {
        self.publishers.get_mut(&words.text()).expect("a publisher of that name")
    }

    fn subscriber(&mut self, words: &mut Words<'_>) -> &mut Subscriber {
        self.subscribers.get_mut(&words.text()).expect("a subscriber of that name")
    }

    fn perform(&mut self, line: &str, cue: &mut Cue) -> Result<String> {
        let mut words = Words(line.split_whitespace());
        let words = &mut words;
        match words.text().as_str() {
            "join" => Ok(format!("{:016x}", self.participant()?.id())),
            "node" => self.add_node(words),
            "end_nodes" => {
                self.nodes.clear();
                Ok(String::new())
            }
            "pub" => self.open_publisher(words),
            "sub" => self.open_subscriber(words),
            "close" => {
                let name = words.text();
                self.publishers.remove(&name);
                self.subscribers.remove(&name);
                Ok(String::new())
            }
            "send" => self.send(words),
            "flood" => self.flood(words, cue),
            "take" => self.take(words, false),
            "latest" => self.take(words, true),
            "hold" => self.hold(words),
            "release" => {
                self.held.clear();
                Ok(String::new())
            }
            "wait" => self.wait(words),
            "watch" => self.watch(words, cue),
            "swallow" => self.swallow(words, cue),
            "echo" => self.echo(words),
            "counts" => {
                let subscriber = self.subscriber(words);
                let (received, dropped) = (subscriber.received(), subscriber.dropped());
                Ok(format!("{received} {dropped} {}", subscriber.skipped()))
            }
            "type" => {
                let spec = self.subscriber(words).spec()?;
                Ok(spec.map_or("none".into(), |spec| format!("{} {}", spec.type_name, spec.depth)))
            }
            "linked" => Ok(self.participant()?.still_linked()?.to_string()),
            // From now on only the endpoints keep this process in the namespace.
            "forget" => {
                self.participant = None;
                Ok(String::new())
            }
            "leave" => {
                *self = Self::default();
                Ok(String::new())
            }
            "visit" => self.visit(words),
            "clean" => self.clean(),
            "files" => limit_files(words),
            other => panic!("no command {other:?}"),
        }
    }

    /// `node <name>`: enters a node and lets it tick once.
    fn add_node(&mut self, words: &mut Words<'_>) -> Result<String> {
        let name = NodeName::new(&words.text())?;
        let mut node = self.participant()?.add_node(&name, NodeSpec { rate_hz: 10.0 })?;
        node.tick_begin(horus_shm::now_ns(), 0);
        node.tick_end(horus_shm::now_ns());
        self.nodes.push(node);
        Ok(String::new())
    }

    /// `pub <name> <topic> <type> [depth <n>] [latched]`; answers with the ring's length. Belongs to the newest node.
    fn open_publisher(&mut self, words: &mut Words<'_>) -> Result<String> {
        let (name, topic, type_name) = (words.text(), words.text(), words.text());
        let options = PublisherOptions {
            depth: words.value("depth"),
            latched: words.flag("latched"),
            node: self.nodes.last().map(NodeRecord::index),
        };
        let participant = self.participant()?;
        let topic = TopicName::new(&topic)?;
        let publisher = Publisher::open(&participant, &topic, &spec(&type_name), options)?;
        let depth = publisher.depth();
        self.publishers.insert(name, publisher);
        Ok(depth.to_string())
    }

    /// `sub <name> <topic> <type or -> [depth <n>]`.
    fn open_subscriber(&mut self, words: &mut Words<'_>) -> Result<String> {
        let (name, topic, type_name) = (words.text(), words.text(), words.text());
        let options =
            SubscriberOptions { depth: words.value("depth"), node: self.nodes.last().map(NodeRecord::index) };
        let wanted = (type_name != "-").then(|| spec(&type_name));
        let participant = self.participant()?;
        let topic = TopicName::new(&topic)?;
        self.subscribers.insert(name, Subscriber::open(&participant, &topic, wanted.as_ref(), options)?);
        Ok(String::new())
    }

    /// `send <name> <first> <count> <bytes>`: numbers `first` to `first + count - 1`.
    fn send(&mut self, words: &mut Words<'_>) -> Result<String> {
        let publisher = self.publisher(words);
        let (first, count, bytes) = (words.number::<u64>(), words.number::<u64>(), words.number());
        let sender = u64::from(std::process::id());
        for number in first..first + count {
            publisher.send_with(bytes, |out| message::write(out, sender, number))?;
        }
        Ok(String::new())
    }

    /// `flood <name> <bytes> <bytes> …`: sends flat out, sizes in turn, until it is killed.
    fn flood(&mut self, words: &mut Words<'_>, cue: &mut Cue) -> Result<String> {
        let publisher = self.publisher(words);
        let sizes: Vec<usize> = words.0.by_ref().map(|word| word.parse().expect("a size")).collect();
        let sender = u64::from(std::process::id());
        cue.say("ok");
        for number in 0.. {
            let bytes = sizes[number as usize % sizes.len()];
            publisher.send_with(bytes, |out| message::write(out, sender, number))?;
        }
        unreachable!("it never ends by itself")
    }

    /// `take <name>` or `latest <name>`: the numbers of all there is, in order.
    fn take(&mut self, words: &mut Words<'_>, newest: bool) -> Result<String> {
        let subscriber = self.subscriber(words);
        let mut numbers = String::new();
        loop {
            let received = if newest { subscriber.recv_latest()? } else { subscriber.recv()? };
            let Some(received) = received else { break };
            let (_, number) = number_of(&received);
            write!(numbers, "{number} ").expect("strings take all");
        }
        Ok(numbers)
    }

    /// `hold <name>`: receives one message, which is in a block, and keeps the block.
    fn hold(&mut self, words: &mut Words<'_>) -> Result<String> {
        let subscriber = self.subscriber(words);
        let Some(Received { payload: Payload::Block { block, .. }, .. }) = subscriber.recv()? else {
            return Ok("none".into());
        };
        let (_, number) = message::read(block.bytes());
        self.held.push(block);
        // What was held before must still be what it was.
        for block in &self.held {
            message::read(block.bytes());
        }
        Ok(number.to_string())
    }

    /// `wait <name> [for <ms>]`: `true` with a message, `false` without.
    fn wait(&mut self, words: &mut Words<'_>) -> Result<String> {
        let timeout = words.value("for").map(Duration::from_millis);
        Ok(self.subscriber(words).wait(timeout)?.to_string())
    }

    /// `watch <name>`: receives and checks until a message above [`LAST`] comes; says `saw <n>` of each above [`MARKER`].
    fn watch(&mut self, words: &mut Words<'_>, cue: &mut Cue) -> Result<String> {
        let subscriber = self.subscriber(words);
        cue.say("ok");
        let mut last: BTreeMap<u8, u64> = BTreeMap::new();
        loop {
            subscriber.wait(None)?;
            while let Some(received) = subscriber.recv()? {
                let (_, number) = number_of(&received);
                let before = last.insert(received.lane, received.sequence);
                assert!(before.is_none_or(|before| before < received.sequence), "order within a lane");
                if number >= MARKER {
                    cue.say(&format!("saw {}", number & (MARKER - 1)));
                }
                if number >= LAST {
                    return Ok(String::new());
                }
            }
        }
    }

    /// `swallow <name>`: receives flat out until it is killed, holding on to a few blocks.
    fn swallow(&mut self, words: &mut Words<'_>, cue: &mut Cue) -> Result<String> {
        let subscriber = self.subscribers.get_mut(&words.text()).expect("a subscriber of that name");
        cue.say("ok");
        loop {
            subscriber.wait(None)?;
            while let Some(received) = subscriber.recv()? {
                number_of(&received);
                if let Payload::Block { block, .. } = received.payload {
                    self.held.push(block);
                }
                if self.held.len() > 3 {
                    message::read(self.held[0].bytes());
                    self.held.remove(0);
                }
            }
        }
    }

    /// `echo <subscriber> <publisher> <count>`: waits for each of `count` messages and sends its number back.
    fn echo(&mut self, words: &mut Words<'_>) -> Result<String> {
        let (from, to, count) = (words.text(), words.text(), words.number::<u64>());
        let subscriber = self.subscribers.get_mut(&from).expect("a subscriber of that name");
        let publisher = self.publishers.get_mut(&to).expect("a publisher of that name");
        let sender = u64::from(std::process::id());
        let mut done = 0;
        while done < count {
            if !subscriber.wait(None)? {
                assert!(stop::requested(), "without a timeout only a stop ends the wait");
                break;
            }
            while done < count
                && let Some(received) = subscriber.recv()?
            {
                let (_, number) = number_of(&received);
                publisher.send_with(message::SMALLEST, |out| message::write(out, sender, number))?;
                done += 1;
            }
        }
        Ok(format!("{done} {}", subscriber.dropped()))
    }

    /// `visit <namespace>`: joins another namespace and leaves it.
    fn visit(&mut self, words: &mut Words<'_>) -> Result<String> {
        let namespace = self.participant()?.namespace().root().namespace(&NamespaceName::new(&words.text())?);
        drop(Participant::join(&namespace, Language::Rust)?);
        Ok(String::new())
    }

    /// `clean`: as a command does, in all namespaces.
    fn clean(&mut self) -> Result<String> {
        let root = self.participant()?.namespace().root().clone();
        let options = horus_shm::CleanOptions {
            patience: Duration::from_secs(1),
            ..horus_shm::CleanOptions::default()
        };
        let report = horus_shm::clean(&root, None, &options)?;
        Ok(format!("busy={}", report.busy))
    }
}

/// `files <count>`: from now on this process may open so many files more.
fn limit_files(words: &mut Words<'_>) -> Result<String> {
    let before = getrlimit(Resource::Nofile);
    // The lowest free number is what the limit is about; none is free once it is reached.
    let lowest = std::fs::File::open("/dev/null").map(|file| std::os::fd::AsRawFd::as_raw_fd(&file) as u64);
    let limit = lowest.ok().or(before.current).expect("limited, if nothing is free") + words.number::<u64>();
    let limits = Rlimit { current: Some(limit), ..before };
    setrlimit(Resource::Nofile, limits).expect("below what is allowed at most");
    Ok(limit.to_string())
}

/// Checks a message and returns its sender and number.
fn number_of(received: &Received<'_>) -> (u64, u64) {
    match &received.payload {
        Payload::Inline(bytes) => message::read(bytes),
        Payload::Block { block, .. } => message::read(block.bytes()),
    }
}
