//! HORUS itself: the transport as every binding uses it.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use horus_shm::{
    Block, Language, Namespace, Participant, Payload, Publisher, Settings, Subscriber, TopicName, TopicSpec,
};

use crate::Result;
use crate::payload::{FULL_HD, IMAGE_VALUE, NUMBER_MASK, Numbered, checked_number, fill_words};
use crate::side::Side;
use crate::way::{Patience, Transport};

/// Payload bytes of a dict's slot; a dict topic is made with as many.
const DICT_SLOT_BYTES: u32 = 1000;

/// Where the turn's namespace is.
pub(crate) fn settings(folder: &Path) -> Settings {
    Settings { shm_dir: Some(folder.join("horus")), namespace: Some("bench".into()) }
}

/// This process's place in the turn's namespace.
pub(crate) fn joined(folder: &Path) -> Result<Arc<Participant>> {
    Ok(Participant::join(&Namespace::open(&settings(folder))?, Language::Rust)?)
}

/// A topic's name, checked.
pub(crate) fn topic(name: &str) -> Result<TopicName> {
    Ok(TopicName::new(name)?)
}

/// How a topic for messages of so many bytes is made: as a type of that size, or as a dict.
pub(crate) fn spec_for(bytes: usize) -> TopicSpec {
    let capacity = if bytes == 47 { DICT_SLOT_BYTES } else { bytes as u32 };
    TopicSpec { kind: 1, type_name: "bytes".into(), schema: Vec::new(), capacity, depth: 64 }
}

/// How a topic of pictures is made.
fn image_spec() -> TopicSpec {
    TopicSpec { kind: 3, type_name: "Image".into(), schema: Vec::new(), capacity: 168, depth: 8 }
}

/// A topic for each direction.
#[derive(Debug)]
struct Pair {
    participant: Arc<Participant>,
    out: Publisher,
    back: Subscriber,
}

impl Pair {
    fn open(folder: &Path, side: Side, spec: &TopicSpec) -> Result<Self> {
        let participant = joined(folder)?;
        let back =
            Subscriber::open(&participant, &topic(side.other().name())?, Some(spec), Default::default())?;
        let out = Publisher::open(&participant, &topic(side.name())?, spec, Default::default())?;
        Ok(Pair { participant, out, back })
    }
}

/// How one waits for a message.
pub(crate) trait Waiting: Debug {
    /// Returns when it is worth a look.
    fn wait(subscriber: &mut Subscriber) -> Result<()>;
}

/// Looks again at once.
#[derive(Debug)]
pub(crate) struct Polled;

/// Sleeps in the transport's own wait.
#[derive(Debug)]
pub(crate) struct Asleep;

impl Waiting for Polled {
    #[inline]
    fn wait(_: &mut Subscriber) -> Result<()> {
        Ok(())
    }
}

impl Waiting for Asleep {
    #[inline]
    fn wait(subscriber: &mut Subscriber) -> Result<()> {
        if subscriber.wait(Some(Duration::from_secs(20)))? {
            return Ok(());
        }
        Err("nothing from the other process for 20 s".into())
    }
}

/// Messages of `BYTES` bytes through the ring.
#[derive(Debug)]
pub(crate) struct Horus<P, const BYTES: usize, W> {
    pair: Pair,
    of: PhantomData<(P, W)>,
}

impl<P: Numbered<BYTES>, const BYTES: usize, W: Waiting> Transport for Horus<P, BYTES, W> {
    fn open(folder: &Path, side: Side) -> Result<Self> {
        Ok(Horus { pair: Pair::open(folder, side, &spec_for(BYTES))?, of: PhantomData })
    }

    #[inline]
    fn send(&mut self, number: u64) -> Result<()> {
        Ok(self.pair.out.send(&P::fill(number))?)
    }

    #[inline]
    fn receive(&mut self) -> Result<u64> {
        let mut patience = Patience::default();
        loop {
            W::wait(&mut self.pair.back)?;
            if let Some(message) = self.pair.back.recv()? {
                let Payload::Inline(bytes) = message.payload else { return Err("a block came".into()) };
                return Ok(P::number(bytes.try_into()?));
            }
            patience.look()?;
        }
    }
}

/// Polls until a block comes and gives its bytes and the descriptor's own to `read`.
#[inline]
fn receive_block(back: &mut Subscriber, read: impl Fn(&[u8], &[u8]) -> Result<u64>) -> Result<u64> {
    let mut patience = Patience::default();
    loop {
        if let Some(message) = back.recv()? {
            let Payload::Block { block, meta } = message.payload else { return Err("no block came".into()) };
            return read(block.bytes(), meta);
        }
        patience.look()?;
    }
}

/// Messages of `BYTES` bytes, each written into a block of the pool, sent and checked there.
#[derive(Debug)]
pub(crate) struct HorusLarge<const BYTES: usize>(Pair);

impl<const BYTES: usize> Transport for HorusLarge<BYTES> {
    fn open(folder: &Path, side: Side) -> Result<Self> {
        Pair::open(folder, side, &image_spec()).map(HorusLarge)
    }

    fn send(&mut self, number: u64) -> Result<()> {
        let mut block = self.0.participant.allocate(BYTES as u64)?;
        fill_words(&mut block[..BYTES], number);
        Ok(self.0.out.send_block(&block.freeze(), BYTES as u64, &[])?)
    }

    fn receive(&mut self) -> Result<u64> {
        receive_block(&mut self.0.back, |bytes, _| Ok(checked_number(bytes)))
    }
}

/// A block of a picture's size taken from the pool for each message: only its first bytes are written and read.
#[derive(Debug)]
pub(crate) struct HorusLoaned(Pair);

impl Transport for HorusLoaned {
    fn open(folder: &Path, side: Side) -> Result<Self> {
        Pair::open(folder, side, &image_spec()).map(HorusLoaned)
    }

    #[inline]
    fn send(&mut self, number: u64) -> Result<()> {
        let mut block = self.0.participant.allocate(FULL_HD.bytes() as u64)?;
        block[..8].copy_from_slice(&(number & NUMBER_MASK).to_le_bytes());
        Ok(self.0.out.send_block(&block.freeze(), FULL_HD.bytes() as u64, &[])?)
    }

    #[inline]
    fn receive(&mut self) -> Result<u64> {
        receive_block(&mut self.0.back, |bytes, _| Ok(checked_number(&bytes[..8])))
    }
}

/// A picture in the pool of each side; descriptors go through, one pixel is read.
#[derive(Debug)]
pub(crate) struct HorusImage<const BYTES: usize> {
    pair: Pair,
    image: Block,
    their_value: u8,
}

impl<const BYTES: usize> Transport for HorusImage<BYTES> {
    fn open(folder: &Path, side: Side) -> Result<Self> {
        let pair = Pair::open(folder, side, &image_spec())?;
        let value = |side| if side == Side::Ping { IMAGE_VALUE } else { IMAGE_VALUE + 1 };
        let mut image = pair.participant.allocate(BYTES as u64)?;
        image.fill(value(side));
        Ok(HorusImage { image: image.freeze(), pair, their_value: value(side.other()) })
    }

    #[inline]
    fn send(&mut self, number: u64) -> Result<()> {
        let mut meta = [0; 32];
        meta[..8].copy_from_slice(&(number & NUMBER_MASK).to_le_bytes());
        Ok(self.pair.out.send_block(&self.image, BYTES as u64, &meta)?)
    }

    #[inline]
    fn receive(&mut self) -> Result<u64> {
        let due = self.their_value;
        receive_block(&mut self.pair.back, |bytes, meta| {
            if bytes[0] != due {
                return Err(format!("pixel {}, not {due}", bytes[0]).into());
            }
            Ok(u64::from_le_bytes(meta[..8].try_into()?))
        })
    }
}
