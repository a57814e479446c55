//! HORUS itself: the transport as every binding uses it.

use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use horus_shm::{
    Block, Language, Namespace, Participant, Payload, Publisher, Settings, Subscriber, TopicName, TopicSpec,
};

use crate::Result;
use crate::payload::{IMAGE_BYTES, IMAGE_VALUE, NUMBER_MASK, Numbered};
use crate::peer::Side;
use crate::transport::{Patience, Transport};

/// A topic for each direction.
#[derive(Debug)]
struct Pair {
    participant: Arc<Participant>,
    out: Publisher,
    back: Subscriber,
}

impl Pair {
    fn open(folder: &Path, side: Side, spec: &TopicSpec) -> Result<Self> {
        let settings = Settings { shm_dir: Some(folder.join("horus")), namespace: Some("bench".into()) };
        let participant = Participant::join(&Namespace::open(&settings)?, Language::Rust)?;
        let name = |side: Side| TopicName::new(side.name());
        let back = Subscriber::open(&participant, &name(side.other())?, Some(spec), Default::default())?;
        let out = Publisher::open(&participant, &name(side)?, spec, Default::default())?;
        Ok(Pair { participant, out, back })
    }
}

/// Messages of `BYTES` bytes through the ring; polled, or with a sleep for each.
#[derive(Debug)]
pub(crate) struct Horus<P, const BYTES: usize, const SLEEPS: bool> {
    pair: Pair,
    payload: PhantomData<P>,
}

impl<P: Numbered<BYTES>, const BYTES: usize, const SLEEPS: bool> Transport for Horus<P, BYTES, SLEEPS> {
    fn open(folder: &Path, side: Side) -> Result<Self> {
        let capacity = if BYTES > 40 { 1000 } else { BYTES as u32 };
        let spec = TopicSpec { kind: 1, type_name: "bytes".into(), schema: Vec::new(), capacity, depth: 64 };
        Ok(Horus { pair: Pair::open(folder, side, &spec)?, payload: PhantomData })
    }

    #[inline]
    fn send(&mut self, number: u64) -> Result<()> {
        Ok(self.pair.out.send(&P::fill(number))?)
    }

    #[inline]
    fn receive(&mut self) -> Result<u64> {
        let mut patience = Patience::default();
        loop {
            if SLEEPS && !self.pair.back.wait(Some(Duration::from_secs(20)))? {
                return Err("nothing from the other process for 20 s".into());
            }
            if let Some(message) = self.pair.back.recv()? {
                let Payload::Inline(bytes) = message.payload else { return Err("a block came".into()) };
                return Ok(P::number(bytes.try_into()?));
            }
            patience.look()?;
        }
    }
}

/// A picture in the pool of each side; descriptors go through, one pixel is read.
#[derive(Debug)]
pub(crate) struct HorusImage {
    pair: Pair,
    image: Block,
    their_value: u8,
}

impl Transport for HorusImage {
    fn open(folder: &Path, side: Side) -> Result<Self> {
        let spec =
            TopicSpec { kind: 3, type_name: "Image".into(), schema: Vec::new(), capacity: 168, depth: 8 };
        let pair = Pair::open(folder, side, &spec)?;
        let value = |side| if side == Side::Ping { IMAGE_VALUE } else { IMAGE_VALUE + 1 };
        let mut image = pair.participant.allocate(IMAGE_BYTES as u64)?;
        image.fill(value(side));
        Ok(HorusImage { image: image.freeze(), pair, their_value: value(side.other()) })
    }

    #[inline]
    fn send(&mut self, number: u64) -> Result<()> {
        let mut meta = [0; 32];
        meta[..8].copy_from_slice(&(number & NUMBER_MASK).to_le_bytes());
        Ok(self.pair.out.send_block(&self.image, IMAGE_BYTES as u64, &meta)?)
    }

    #[inline]
    fn receive(&mut self) -> Result<u64> {
        let mut patience = Patience::default();
        loop {
            if let Some(message) = self.pair.back.recv()? {
                let Payload::Block { block, meta } = message.payload else {
                    return Err("no block came".into());
                };
                let pixel = block.bytes()[0];
                if pixel != self.their_value {
                    return Err(format!("pixel {pixel}, not {}", self.their_value).into());
                }
                return Ok(u64::from_le_bytes(meta[..8].try_into()?));
            }
            patience.look()?;
        }
    }
}
