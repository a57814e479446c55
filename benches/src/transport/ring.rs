//! The hand-made ring: what one writes who needs two processes to talk, and nothing else.

use std::marker::PhantomData;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Result;
use crate::payload::{DescriptorBytes, IMAGE_BYTES, IMAGE_VALUE, Numbered};
use crate::peer::Side;
use crate::shared::Region;
use crate::transport::{Patience, Transport};

/// Slots of each ring, as many as a HORUS topic has by default.
const DEPTH: usize = 64;

/// Two rings of fixed slots, one for each direction, each with one writer.
///
/// A slot is a sequence number and the payload, on cache lines of its own. No time, no length, no
/// check against being lapped, nobody to wake: the least that carries `BYTES` bytes.
#[derive(Debug)]
pub(crate) struct Ring<P, const BYTES: usize> {
    out: &'static [AtomicU64],
    back: &'static [AtomicU64],
    sent: u64,
    received: u64,
    payload: PhantomData<P>,
}

impl<P, const BYTES: usize> Ring<P, BYTES> {
    const PAYLOAD_WORDS: usize = BYTES.div_ceil(8);
    const SLOT_WORDS: usize = (8 + BYTES).div_ceil(64) * 8;
    const RING_BYTES: usize = Self::SLOT_WORDS * 8 * DEPTH;

    /// The two rings at the beginning of `region`.
    fn new(region: &Region, side: Side) -> Self {
        let first = region.words(0, Self::RING_BYTES / 8);
        let second = region.words(Self::RING_BYTES, Self::RING_BYTES / 8);
        let (out, back) = match side {
            Side::Ping => (first, second),
            Side::Echo => (second, first),
        };
        Ring { out, back, sent: 0, received: 0, payload: PhantomData }
    }

    fn slot(ring: &[AtomicU64], message: u64) -> &[AtomicU64] {
        let slot_index = message as usize % DEPTH;
        &ring[slot_index * Self::SLOT_WORDS..][..Self::SLOT_WORDS]
    }
}

impl<P: Numbered<BYTES>, const BYTES: usize> Transport for Ring<P, BYTES> {
    fn open(folder: &Path, side: Side) -> Result<Self> {
        Ok(Self::new(&Region::map(&folder.join("ring"), 2 * Self::RING_BYTES)?, side))
    }

    #[inline]
    fn send(&mut self, number: u64) -> Result<()> {
        let bytes = P::fill(number);
        let slot = Self::slot(self.out, self.sent);
        for (target, chunk) in slot[1..].iter().zip(bytes.chunks(8)) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            target.store(u64::from_le_bytes(word), Ordering::Relaxed);
        }
        self.sent += 1;
        // Release: pairs with the Acquire load in `receive`, so the payload is there before its number.
        slot[0].store(self.sent, Ordering::Release);
        Ok(())
    }

    #[inline]
    fn receive(&mut self) -> Result<u64> {
        let slot = Self::slot(self.back, self.received);
        self.received += 1;
        let mut patience = Patience::default();
        // Acquire: pairs with the Release store in `send`. No pause instruction: it only adds to what is measured.
        while slot[0].load(Ordering::Acquire) != self.received {
            patience.look()?;
        }
        let mut bytes = [0; BYTES];
        for (chunk, word) in bytes.chunks_mut(8).zip(&slot[1..=Self::PAYLOAD_WORDS]) {
            let word = word.load(Ordering::Relaxed).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(P::number(&bytes))
    }
}

/// The ring with a picture for each side behind it: descriptors go through, one pixel is read.
#[derive(Debug)]
pub(crate) struct ImageRing {
    ring: Ring<DescriptorBytes, 64>,
    region: Region,
    their_image: usize,
    their_value: u8,
}

impl Transport for ImageRing {
    fn open(folder: &Path, side: Side) -> Result<Self> {
        let images = 2 * Ring::<DescriptorBytes, 64>::RING_BYTES;
        let region = Region::map(&folder.join("image-ring"), images + 2 * IMAGE_BYTES)?;
        let (my_image, their_image) = match side {
            Side::Ping => (images, images + IMAGE_BYTES),
            Side::Echo => (images + IMAGE_BYTES, images),
        };
        region.copy_in(my_image, &vec![image_value(side); IMAGE_BYTES]);
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
