//! Pixels in shared memory: written in place, then read by anybody, copied by nobody.

use super::{Encoding, ImageMeta};
use crate::block::{BlockHead, HEAD_BYTES, META_BYTES_MAX};
use crate::error::{Error, ImageError, PayloadError, Result};
use crate::join;
use crate::kind::Kind;
use crate::payload::Payload;
use crate::text::TooLong;
use horus_shm::{Block, BlockMut, Participant, PinnedBlock, TopicSpec};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// An image to write: a block of this process's pool, so that sending it copies nothing.
///
/// # Examples
/// ```no_run
/// use horus_core::{Encoding, ImageBuffer, Publisher};
///
/// let mut camera = Publisher::new("camera.rgb")?;
/// let mut image = ImageBuffer::new(480, 640, Encoding::Rgb8)?;
/// image.pixels_mut().fill(128);
/// camera.send(&image.freeze())?;
/// # Ok::<(), horus_core::Error>(())
/// ```
pub struct ImageBuffer {
    meta: ImageMeta,
    head: BlockHead,
    block: BlockMut,
    participant: Arc<Participant>,
}

impl ImageBuffer {
    /// Returns an image in the pool of this process's default namespace; what its pixels hold is left over from before.
    ///
    /// Takes a free block, or makes one.
    ///
    /// # Errors
    /// A size that no image has; no room in shared memory.
    pub fn new(height: u32, width: u32, encoding: Encoding) -> Result<Self> {
        let meta = ImageMeta::new(height, width, encoding).map_err(Error::Image)?;
        Ok(Self::in_pool(&join::participant()?, meta)?)
    }

    /// Returns an image in the pool of this participant.
    ///
    /// # Errors
    /// No room in shared memory.
    pub fn in_pool(participant: &Arc<Participant>, meta: ImageMeta) -> Result<Self, horus_shm::Error> {
        let block = participant.allocate(meta.block_bytes())?;
        Ok(Self { meta, head: BlockHead::default(), block, participant: participant.clone() })
    }

    /// Returns the geometry.
    pub fn meta(&self) -> ImageMeta {
        self.meta
    }

    /// Returns the rows: `height` times `step` bytes.
    pub fn pixels(&self) -> &[u8] {
        &self.block[HEAD_BYTES..self.meta.block_bytes() as usize]
    }

    /// Returns the rows to write.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.block[HEAD_BYTES..self.meta.block_bytes() as usize]
    }

    /// Returns time and frame.
    pub fn head(&self) -> BlockHead {
        self.head
    }

    /// Says when the image was captured, in nanoseconds.
    pub fn set_timestamp_ns(&mut self, timestamp_ns: u64) {
        self.head.timestamp_ns = timestamp_ns;
    }

    /// Says in which frame the camera is.
    ///
    /// # Errors
    /// [`TooLong`] if the name has more than 32 bytes.
    pub fn set_frame_id(&mut self, frame_id: &str) -> Result<(), TooLong> {
        self.head = BlockHead::new(self.head.timestamp_ns, frame_id)?;
        Ok(())
    }

    /// Returns the image, which nobody can write to any more. Copies nothing.
    pub fn freeze(mut self) -> Image {
        self.block[..HEAD_BYTES].copy_from_slice(&self.head.encode());
        let own = OwnBlock { participant: self.participant, block: self.block.freeze() };
        Image(Arc::new(Shared::new(self.meta, self.head, Storage::Own(own))))
    }
}

impl fmt::Debug for ImageBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageBuffer")
            .field("meta", &self.meta)
            .field("head", &self.head)
            .finish_non_exhaustive()
    }
}

/// An image that nobody writes to: one's own, or a received one that stays put as long as this lives, even if its
/// publisher dies.
///
/// A clone is the same image. One's own may be sent again, and on several topics, without a copy; a received one, or one
/// from another namespace, is copied into one's own pool once, at its first sending.
#[derive(Clone)]
pub struct Image(Arc<Shared>);

struct Shared {
    meta: ImageMeta,
    head: BlockHead,
    storage: Storage,
    /// The image as it was sent on by somebody else than the participant whose block it is.
    relayed: Mutex<Option<OwnBlock>>,
}

enum Storage {
    Own(OwnBlock),
    Received(PinnedBlock),
}

/// A block and whose it is: only they may send it.
#[derive(Clone)]
struct OwnBlock {
    participant: Arc<Participant>,
    block: Block,
}

impl Shared {
    fn new(meta: ImageMeta, head: BlockHead, storage: Storage) -> Self {
        Self { meta, head, storage, relayed: Mutex::new(None) }
    }
}

impl Image {
    /// Returns an image of these pixels in the pool of this process's default namespace. Copies them once.
    ///
    /// # Errors
    /// Another number of bytes than the size asks for; no room in shared memory.
    pub fn from_bytes(height: u32, width: u32, encoding: Encoding, pixels: &[u8]) -> Result<Self> {
        let meta = ImageMeta::new(height, width, encoding).map_err(Error::Image)?;
        if meta.data_bytes() != pixels.len() as u64 {
            let error = ImageError::Bounds { needed: meta.data_bytes(), available: pixels.len() as u64 };
            return Err(Error::Image(error));
        }
        let mut image = ImageBuffer::in_pool(&join::participant()?, meta)?;
        image.pixels_mut().copy_from_slice(pixels);
        Ok(image.freeze())
    }

    /// Returns a received image. Copies nothing.
    ///
    /// # Errors
    /// [`ImageError`] if the descriptor describes no image within the block.
    pub fn from_pinned(block: PinnedBlock, meta: &[u8]) -> Result<Self, ImageError> {
        let bytes = block.bytes();
        let meta = ImageMeta::decode(meta, bytes.len() as u64)?;
        let head = bytes
            .first_chunk()
            .map(BlockHead::decode)
            .expect("an image lies within its block, behind its head");
        Ok(Self(Arc::new(Shared::new(meta, head, Storage::Received(block)))))
    }

    /// Returns the geometry.
    pub fn meta(&self) -> ImageMeta {
        self.0.meta
    }

    /// Returns time and frame.
    pub fn head(&self) -> BlockHead {
        self.0.head
    }

    /// Returns the rows: `height` times `step` bytes.
    pub fn pixels(&self) -> &[u8] {
        &self.block_bytes()[HEAD_BYTES..self.0.meta.block_bytes() as usize]
    }

    /// Returns whether it was received, so that its block belongs to somebody else.
    pub fn is_received(&self) -> bool {
        matches!(self.0.storage, Storage::Received(_))
    }

    fn block_bytes(&self) -> &[u8] {
        match &self.0.storage {
            Storage::Own(own) => own.block.bytes(),
            Storage::Received(block) => block.bytes(),
        }
    }

    /// Returns a block of this participant's own that holds the image, copying it there once if it is somebody else's.
    fn block_of(&self, participant: &Arc<Participant>) -> Result<Block, horus_shm::Error> {
        let of = |own: &&OwnBlock| Arc::ptr_eq(&own.participant, participant);
        if let Storage::Own(own) = &self.0.storage
            && of(&own)
        {
            return Ok(own.block.clone());
        }
        let mut relayed = self.0.relayed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = relayed.as_ref().filter(of) {
            return Ok(own.block.clone());
        }
        let used = &self.block_bytes()[..self.0.meta.block_bytes() as usize];
        let mut copy = participant.allocate(used.len() as u64)?;
        copy.copy_from_slice(used);
        let block = copy.freeze();
        *relayed = Some(OwnBlock { participant: participant.clone(), block: block.clone() });
        Ok(block)
    }

    /// Sends the image on a topic of the transport.
    ///
    /// # Errors
    /// What the transport refuses.
    pub fn send_through(&self, publisher: &mut horus_shm::Publisher) -> Result<(), horus_shm::Error> {
        let mut meta = [0; META_BYTES_MAX];
        let length = self.0.meta.to_block().encode(&mut meta);
        let block = self.block_of(publisher.participant())?;
        publisher.send_block(&block, self.0.meta.block_bytes(), &meta[..length])
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("meta", &self.0.meta)
            .field("head", &self.0.head)
            .finish_non_exhaustive()
    }
}

impl Payload for Image {
    fn spec() -> TopicSpec {
        Kind::Image.spec()
    }

    fn send_to(
        &self,
        publisher: &mut horus_shm::Publisher,
        _scratch: &mut Vec<u8>,
    ) -> Result<(), PayloadError> {
        Ok(self.send_through(publisher)?)
    }

    fn from_received(received: horus_shm::Payload<'_>) -> Result<Self, PayloadError> {
        match received {
            horus_shm::Payload::Block { block, meta } => Ok(Self::from_pinned(block, meta)?),
            horus_shm::Payload::Inline(_) => Err(PayloadError::Form { type_name: "Image" }),
        }
    }
}
