//! The hand-made ring: what one writes who needs two processes to talk, and nothing else.

use std::marker::PhantomData;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Result;
use crate::payload::{DescriptorBytes, IMAGE_VALUE, Numbered};
use crate::shared::Region;
use crate::side::Side;
use crate::way::{Patience, Transport};

/// Slots of each ring, as many as a HORUS topic has by default.
const DEPTH: usize = 64;
/// Slots of a ring of large payloads, as many as a HORUS topic of pictures has by default.
const LARGE_DEPTH: usize = 8;

const fn slot_words(bytes: usize) -> usize {
    (8 + bytes).div_ceil(64) * 8
}

/// Bytes of one ring for payloads of `bytes` bytes.
pub(crate) const fn ring_bytes(bytes: usize) -> usize {
    slot_words(bytes) * 8 * DEPTH
}

/// The writing end of a ring of fixed slots.
///
/// A slot is a sequence number and the payload, on cache lines of its own. No time, no length, no
/// check against being lapped, nobody to wake: the least that carries `BYTES` bytes.
#[derive(Debug)]
pub(crate) struct RingWriter<P, const BYTES: usize> {
    slots: &'static [AtomicU64],
    sent: u64,
    payload: PhantomData<P>,
}

/// The reading end.
#[derive(Debug)]
pub(crate) struct RingReader<P, const BYTES: usize> {
    slots: &'static [AtomicU64],
    received: u64,
    payload: PhantomData<P>,
}

fn slot(slots: &[AtomicU64], message: u64, bytes: usize) -> &[AtomicU64] {
    let slot_index = message as usize % DEPTH;
    &slots[slot_index * slot_words(bytes)..][..slot_words(bytes)]
}

impl<P: Numbered<BYTES>, const BYTES: usize> RingWriter<P, BYTES> {
    /// Of the ring at byte `offset` of `region`.
    pub(crate) fn new(region: &Region, offset: usize) -> Self {
        RingWriter { slots: region.words(offset, ring_bytes(BYTES) / 8), sent: 0, payload: PhantomData }
    }

    /// Writes message `number` into the next slot.
    #[inline]
    pub(crate) fn send(&mut self, number: u64) {
        let bytes = P::fill(number);
        let slot = slot(self.slots, self.sent, BYTES);
        for (target, chunk) in slot[1..].iter().zip(bytes.chunks(8)) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            target.store(u64::from_le_bytes(word), Ordering::Relaxed);
        }
        self.sent += 1;
        // Release: pairs with the Acquire load in `RingReader::receive`, so the payload is there before its number.
        slot[0].store(self.sent, Ordering::Release);
    }
}

impl<P: Numbered<BYTES>, const BYTES: usize> RingReader<P, BYTES> {
    /// Of the ring at byte `offset` of `region`.
    pub(crate) fn new(region: &Region, offset: usize) -> Self {
        RingReader { slots: region.words(offset, ring_bytes(BYTES) / 8), received: 0, payload: PhantomData }
    }

    /// Polls for the next message.
    #[inline]
    pub(crate) fn receive(&mut self) -> Result<u64> {
        let slot = slot(self.slots, self.received, BYTES);
        self.received += 1;
        let mut patience = Patience::default();
        // Acquire: pairs with the Release store in `send`. No pause instruction: it only adds to what is measured.
        while slot[0].load(Ordering::Acquire) != self.received {
            patience.look()?;
        }
        let mut bytes = [0; BYTES];
        for (chunk, word) in bytes.chunks_mut(8).zip(&slot[1..]) {
            let word = word.load(Ordering::Relaxed).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(P::number(&bytes))
    }
}

/// Two rings, one for each direction, each with one writer.
#[derive(Debug)]
pub(crate) struct Ring<P, const BYTES: usize> {
    out: RingWriter<P, BYTES>,
    back: RingReader<P, BYTES>,
}

impl<P: Numbered<BYTES>, const BYTES: usize> Ring<P, BYTES> {
    /// The two rings at the beginning of `region`.
    fn new(region: &Region, side: Side) -> Self {
        let (out, back) = match side {
            Side::Ping => (0, ring_bytes(BYTES)),
            Side::Echo => (ring_bytes(BYTES), 0),
        };
        Ring { out: RingWriter::new(region, out), back: RingReader::new(region, back) }
    }
}

impl<P: Numbered<BYTES>, const BYTES: usize> Transport for Ring<P, BYTES> {
    fn open(folder: &Path, side: Side) -> Result<Self> {
        Ok(Self::new(&Region::map(&folder.join("ring"), 2 * ring_bytes(BYTES))?, side))
    }

    #[inline]
    fn send(&mut self, number: u64) -> Result<()> {
        self.out.send(number);
        Ok(())
    }

    #[inline]
    fn receive(&mut self) -> Result<u64> {
        self.back.receive()
    }
}

/// Two rings of large slots: a payload is written and checked where it lies.
#[derive(Debug)]
pub(crate) struct LargeRing<const BYTES: usize> {
    region: Region,
    numbers: [&'static [AtomicU64]; 2],
    payloads: [usize; 2],
    sent: u64,
    received: u64,
}

impl<const BYTES: usize> Transport for LargeRing<BYTES> {
    fn open(folder: &Path, side: Side) -> Result<Self> {
        let numbers = LARGE_DEPTH * 64;
        let payloads = LARGE_DEPTH * BYTES.next_multiple_of(64);
        let region = Region::map(&folder.join("ring"), 2 * (numbers + payloads))?;
        let (first, second) = (region.words(0, numbers / 8), region.words(numbers, numbers / 8));
        let start = 2 * numbers;
        let (numbers, payloads) = match side {
            Side::Ping => ([first, second], [start, start + payloads]),
            Side::Echo => ([second, first], [start + payloads, start]),
        };
        Ok(LargeRing { region, numbers, payloads, sent: 0, received: 0 })
    }

    fn send(&mut self, number: u64) -> Result<()> {
        let slot_index = self.sent as usize % LARGE_DEPTH;
        self.region.fill_words(self.payloads[0] + slot_index * BYTES.next_multiple_of(64), BYTES, number);
        self.sent += 1;
        // Release: pairs with the Acquire load in `receive`.
        self.numbers[0][slot_index * 8].store(self.sent, Ordering::Release);
        Ok(())
    }

    fn receive(&mut self) -> Result<u64> {
        let slot_index = self.received as usize % LARGE_DEPTH;
        self.received += 1;
        let mut patience = Patience::default();
        // Acquire: pairs with the Release store in `send`.
        while self.numbers[1][slot_index * 8].load(Ordering::Acquire) != self.received {
            patience.look()?;
        }
        Ok(self.region.checked_number(self.payloads[1] + slot_index * BYTES.next_multiple_of(64), BYTES))
    }
}

/// The ring with a picture for each side behind it: descriptors go through, one pixel is read.
#[derive(Debug)]
pub(crate) struct ImageRing<const BYTES: usize> {
    ring: Ring<DescriptorBytes, 64>,
    region: Region,
    their_image: usize,
    their_value: u8,
}

impl<const BYTES: usize> Transport for ImageRing<BYTES> {
    fn open(folder: &Path, side: Side) -> Result<Self> {
        let images = 2 * ring_bytes(64);
        let region = Region::map(&folder.join("image-ring"), images + 2 * BYTES)?;
        let (my_image, their_image) = match side {
            Side::Ping => (images, images + BYTES),
            Side::Echo => (images + BYTES, images),
        };
        region.copy_in(my_image, &vec![image_value(side); BYTES]);
        let ring = Ring::new(&region, side);
        Ok(ImageRing { ring, region, their_image, their_value: image_value(side.other()) })
    }

    #[inline]
    fn send(&mut self, number: u64) -> Result<()> {
        self.ring.send(number)
    }

    #[inline]
    fn receive(&mut self) -> Result<u64> {
        let number = self.ring.receive()?;
        let pixel = self.region.byte(self.their_image);
        if pixel != self.their_value {
            return Err(format!("pixel {pixel}, not {}", self.their_value).into());
        }
        Ok(number)
    }
}

/// What every byte of the picture of `side` is.
fn image_value(side: Side) -> u8 {
    match side {
        Side::Ping => IMAGE_VALUE,
        Side::Echo => IMAGE_VALUE + 1,
    }
}

/// A ring whose writer waits for room, so that a stream through it loses nothing.
#[derive(Debug)]
pub(crate) struct FlowRing<P, const BYTES: usize> {
    writer: RingWriter<P, BYTES>,
    reader: RingReader<P, BYTES>,
    read: &'static AtomicU64,
    known_read: u64,
}

impl<P: Numbered<BYTES>, const BYTES: usize> FlowRing<P, BYTES> {
    /// Messages between two words of the reader to the writer: one cache line for many.
    const TELLS_EVERY: u64 = DEPTH as u64 / 4;

    /// Either end.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let region = Region::map(&folder.join("ring"), ring_bytes(BYTES) + 64)?;
        Ok(FlowRing {
            writer: RingWriter::new(&region, 0),
            reader: RingReader::new(&region, 0),
            read: &region.words(ring_bytes(BYTES), 1)[0],
            known_read: 0,
        })
    }

    /// Sends once there is room.
    #[inline]
    pub(crate) fn send(&mut self, number: u64) -> Result<()> {
        let mut patience = Patience::default();
        while self.writer.sent - self.known_read >= DEPTH as u64 {
            // Acquire: pairs with the Release store in `receive`, after which the slots may be written again.
            self.known_read = self.read.load(Ordering::Acquire);
            patience.look()?;
        }
        self.writer.send(number);
        Ok(())
    }

    /// Polls for the next message.
    #[inline]
    pub(crate) fn receive(&mut self) -> Result<u64> {
        let number = self.reader.receive()?;
        if self.reader.received.is_multiple_of(Self::TELLS_EVERY) {
            // Release: pairs with the Acquire load in `send`.
            self.read.store(self.reader.received, Ordering::Release);
        }
        Ok(number)
    }
}
