//! The topics of a run, and how each is sent and received by a Rust program.

use crate::Result;
use crate::ledger::{Doing, Entry};
use crate::payload::{Body, check};
use horus_core::messages::CmdVel;
use horus_core::{
    Encoding, Image, ImageBuffer, Message, Payload, Publisher, Received, Subscriber, Value, bytemuck,
};
use std::collections::VecDeque;
use std::time::Duration;

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Topic {
    /// 16 bytes, `CmdVel`
    Cmd,
    /// 1,000 bytes, a type of this crate's own
    Packet,
    /// Dicts of 100 bytes to 20 KB: in a slot, or in a block
    Dict,
    /// Images of 60 and 600 KiB
    Image,
}

impl Topic {
    pub(crate) const ALL: [Topic; 4] = [Topic::Cmd, Topic::Packet, Topic::Dict, Topic::Image];

    /// Its name, as a topic and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Topic::Cmd => "cmd",
            Topic::Packet => "packet",
            Topic::Dict => "dict",
            Topic::Image => "image",
        }
    }

    /// Whether Python programs use it too: all but the type that only Rust programs know.
    pub(crate) fn in_python(self) -> bool {
        self != Topic::Packet
    }

    /// Opens it for sending.
    pub(crate) fn source(self) -> Result<Box<dyn Source>> {
        Ok(match self {
            Topic::Cmd => Box::new(Publisher::<CmdVel>::new(self.name())?),
            Topic::Packet => Box::new(Packets::new(self.name())?),
            Topic::Dict => Box::new(Publisher::<Value>::new(self.name())?),
            Topic::Image => Box::new(Publisher::<Image>::new(self.name())?),
        })
    }

    /// Opens it for receiving.
    pub(crate) fn sink(self) -> Result<Box<dyn Sink>> {
        Ok(match self {
            Topic::Cmd => Box::new(Subscription::<CmdVel>::open(self)?),
            Topic::Packet => Box::new(Subscription::<Packet>::open(self)?),
            Topic::Dict => Box::new(Subscription::<Value>::open(self)?),
            Topic::Image => Box::new(Subscription::<Image>::open(self)?),
        })
    }
}

/// Sends the messages of a topic.
pub(crate) trait Source {
    /// Sends message `number` of `publisher`, which `body` follows from.
    fn send(&mut self, publisher: u64, number: u64, body: Body, entry: &Entry) -> Result<()>;
}

/// A message as it came: whole, or it wouldn't be here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) publisher: u64,
    pub(crate) number: u64,
    pub(crate) lane: u8,
    pub(crate) sequence: u64,
}

/// Receives the messages of a topic, and looks at every byte.
pub(crate) trait Sink {
    /// Returns the oldest unread message.
    fn recv(&mut self) -> Result<Option<Seen>>;
    /// Waits until there is one.
    fn wait(&mut self, timeout: Duration) -> Result<bool>;
    /// Looks once more at what it held on to, and lets go of it.
    fn let_go(&mut self) -> Result<()>;
    /// How many came, and how many are said to be missed.
    fn counts(&self) -> (u64, u64);
}

/// A message of 1,000 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Message)]
#[repr(C)]
pub(crate) struct Packet {
    /// Who sent it, without unit.
    publisher: u64,
    /// Its number, without unit.
    number: u64,
    /// The checksum of the body, without unit.
    checksum: u64,
    /// What follows from the two, without unit.
    body: [u64; 122],
}

impl Source for Publisher<CmdVel> {
    fn send(&mut self, publisher: u64, number: u64, body: Body, _entry: &Entry) -> Result<()> {
        let message = CmdVel { timestamp_ns: number, linear: publisher as f32, angular: body.small() as f32 };
        Ok(Publisher::send(self, &message)?)
    }
}

/// Sends packets with as little as can be between two of them, so that kills at random strike them.
struct Packets {
    publisher: Publisher<Packet>,
    message: Packet,
}

impl Packets {
    fn new(name: &str) -> Result<Self> {
        Ok(Self { publisher: Publisher::new(name)?, message: bytemuck::Zeroable::zeroed() })
    }
}

impl Source for Packets {
    fn send(&mut self, publisher: u64, number: u64, body: Body, _entry: &Entry) -> Result<()> {
        (self.message.publisher, self.message.number) = (publisher, number);
        self.message.checksum = body.checksum(self.message.body.len());
        body.write(&mut self.message.body);
        Ok(self.publisher.send(&self.message)?)
    }
}

impl Source for Publisher<Value> {
    fn send(&mut self, publisher: u64, number: u64, body: Body, _entry: &Entry) -> Result<()> {
        let mut words = vec![0; [12, 60, 375, 2500][number as usize % 4]];
        body.write(&mut words);
        let message = Value::Map(vec![
            ("publisher".into(), publisher.into()),
            ("number".into(), number.into()),
            ("checksum".into(), body.checksum(words.len()).into()),
            ("body".into(), Value::Bytes(bytemuck::cast_slice(&words).to_vec())),
        ]);
        Ok(Publisher::send(self, &message)?)
    }
}

/// Pixels of a row, of one byte each.
const WIDTH: u32 = 1024;
/// Words of an image before its body: publisher, number, checksum.
const HEAD: usize = 3;

impl Source for Publisher<Image> {
    fn send(&mut self, publisher: u64, number: u64, body: Body, entry: &Entry) -> Result<()> {
        let height = if number % 4 == 3 { 600 } else { 60 };
        entry.doing(Doing::Allocating);
        let mut image = ImageBuffer::new(height, WIDTH, Encoding::Mono8)?;
        entry.doing(Doing::Filling);
        let words: &mut [u64] =
            bytemuck::try_cast_slice_mut(image.pixels_mut()).map_err(|error| error.to_string())?;
        let (head, rest) = words.split_at_mut(HEAD);
        head.copy_from_slice(&[publisher, number, body.checksum(rest.len())]);
        body.write(rest);
        let image = image.freeze();
        entry.doing(Doing::Publishing);
        Publisher::send(self, &image)?;
        drop(image);
        entry.doing(Doing::Nothing);
        Ok(())
    }
}

/// What a message says of itself, every word of it checked.
trait Checked: Payload {
    /// Returns who sent it, and its number.
    fn checked(&self) -> Result<(u64, u64)>;
    /// Keeps what is worth looking at again later, because it still lies in shared memory.
    fn hold(self, _held: &mut VecDeque<Image>) {}
}

impl Checked for CmdVel {
    fn checked(&self) -> Result<(u64, u64)> {
        let (publisher, number) = (self.linear as u64, self.timestamp_ns);
        if self.angular != Body::of(publisher, number).small() as f32 {
            return Err(format!("torn: message {number} of {publisher}: {self:?}").into());
        }
        Ok((publisher, number))
    }
}

impl Checked for Packet {
    fn checked(&self) -> Result<(u64, u64)> {
        check(self.publisher, self.number, self.checksum, &self.body)?;
        Ok((self.publisher, self.number))
    }
}

impl Checked for Value {
    fn checked(&self) -> Result<(u64, u64)> {
        let number = |key: &str| match self.get(key) {
            Some(Value::Int(value)) => Ok(*value as u64),
            Some(Value::UInt(value)) => Ok(*value),
            other => Err(format!("torn: {key} of a dict is {other:?}")),
        };
        let (publisher, count, checksum) = (number("publisher")?, number("number")?, number("checksum")?);
        let Some(Value::Bytes(bytes)) = self.get("body") else {
            return Err("torn: a dict without body".into());
        };
        let word = |chunk: &[u8]| u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
        let words: Vec<u64> = bytes.chunks_exact(8).map(word).collect();
        check(publisher, count, checksum, &words)?;
        Ok((publisher, count))
    }
}

impl Checked for Image {
    fn checked(&self) -> Result<(u64, u64)> {
        let words: &[u64] = bytemuck::try_cast_slice(self.pixels()).map_err(|error| error.to_string())?;
        let [publisher, number, checksum, ref rest @ ..] = *words else {
            return Err("torn: an empty image".into());
        };
        check(publisher, number, checksum, rest)?;
        Ok((publisher, number))
    }

    fn hold(self, held: &mut VecDeque<Image>) {
        held.push_back(self);
    }
}

/// Images that a subscriber holds on to; the oldest is looked at again before it is let go.
const HELD_MAX: usize = 3;

struct Subscription<T> {
    subscriber: Subscriber<T>,
    held: VecDeque<Image>,
}

impl<T: Checked> Subscription<T> {
    fn open(topic: Topic) -> Result<Self> {
        Ok(Self { subscriber: Subscriber::new(topic.name())?, held: VecDeque::new() })
    }
}

/// What was pinned stays what it was, whatever became of its publisher.
fn still_whole(image: &Image) -> Result<()> {
    image.checked().map_err(|error| format!("while it was held: {error}"))?;
    Ok(())
}

impl<T: Checked> Sink for Subscription<T> {
    fn recv(&mut self) -> Result<Option<Seen>> {
        let Some(Received { message, lane, sequence, .. }) = self.subscriber.recv_with_info()? else {
            return Ok(None);
        };
        let (publisher, number) = message.checked()?;
        message.hold(&mut self.held);
        if self.held.len() > HELD_MAX
            && let Some(oldest) = self.held.pop_front()
        {
            still_whole(&oldest)?;
        }
        Ok(Some(Seen { publisher, number, lane, sequence }))
    }

    fn let_go(&mut self) -> Result<()> {
        self.held.drain(..).try_for_each(|image| still_whole(&image))
    }

    fn wait(&mut self, timeout: Duration) -> Result<bool> {
        Ok(self.subscriber.wait(Some(timeout))?)
    }

    fn counts(&self) -> (u64, u64) {
        (self.subscriber.received(), self.subscriber.dropped())
    }
}
