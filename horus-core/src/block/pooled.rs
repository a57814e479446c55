//! One block, whatever it holds: written in place, then read by anybody, copied by nobody.

use super::{BlockHead, BlockMeta, Element, HEAD_BYTES, META_BYTES_MAX};
use crate::error::{BlockError, PayloadError};
use crate::kind::Kind;
use crate::text::TooLong;
use horus_shm::{Block, BlockMut, Participant, PinnedBlock};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// What a kind of pool-backed message knows of its numbers: their count, their type and where they lie.
pub trait Geometry: Clone + PartialEq + fmt::Debug + Send + Sync + 'static {
    /// The kind of topic it belongs to.
    const KIND: Kind;

    /// Returns what the descriptor says of it.
    fn to_block(&self) -> BlockMeta;

    /// Returns the geometry that a block of this kind describes; the kind has been looked at.
    ///
    /// # Errors
    /// [`BlockError::Malformed`] if no program of ours describes a block so.
    fn from_block(block: &BlockMeta) -> Result<Self, BlockError>;

    /// Returns the bytes of the numbers and the gaps between them.
    fn data_bytes(&self) -> u64;

    /// Returns the bytes of a block that holds it: its head and the numbers.
    fn block_bytes(&self) -> u64 {
        HEAD_BYTES as u64 + self.data_bytes()
    }

    /// Returns the geometry that a received descriptor tells, of a block of `block_bytes` with its head. Safe on any
    /// bytes: what it gives lies within the block.
    ///
    /// # Errors
    /// [`BlockError::Malformed`] if it is of another kind or none, [`BlockError::Bounds`] if the numbers would end
    /// outside the block.
    fn decode(meta: &[u8], block_bytes: u64) -> Result<Self, BlockError> {
        let block = BlockMeta::decode(meta, block_bytes)?;
        if block.kind != Self::KIND {
            let reason = format!("it describes {}, not {}", block.kind.type_name(), Self::KIND.type_name());
            return Err(BlockError::Malformed { reason });
        }
        let geometry = Self::from_block(&block)?;
        if geometry.block_bytes() > block_bytes {
            return Err(BlockError::Bounds { needed: geometry.block_bytes(), available: block_bytes });
        }
        Ok(geometry)
    }
}

/// A block to write.
pub(crate) struct Buffer<G> {
    geometry: G,
    head: BlockHead,
    block: BlockMut,
    participant: Arc<Participant>,
}

impl<G: Geometry> Buffer<G> {
    pub(crate) fn in_pool(participant: &Arc<Participant>, geometry: G) -> Result<Self, horus_shm::Error> {
        let block = participant.allocate(geometry.block_bytes())?;
        Ok(Self { geometry, head: BlockHead::default(), block, participant: participant.clone() })
    }

    pub(crate) fn geometry(&self) -> &G {
        &self.geometry
    }

    pub(crate) fn head(&self) -> BlockHead {
        self.head
    }

    pub(crate) fn set_timestamp_ns(&mut self, timestamp_ns: u64) {
        self.head.timestamp_ns = timestamp_ns;
    }

    pub(crate) fn set_frame_id(&mut self, frame_id: &str) -> Result<(), TooLong> {
        self.head = BlockHead::new(self.head.timestamp_ns, frame_id)?;
        Ok(())
    }

    /// Returns the numbers; none in a child forked from the process that made the buffer, which hasn't the memory.
    pub(crate) fn data(&self) -> &[u8] {
        self.block.get(HEAD_BYTES..).unwrap_or_default()
    }

    pub(crate) fn data_mut(&mut self) -> &mut [u8] {
        self.block.get_mut(HEAD_BYTES..).unwrap_or_default()
    }

    pub(crate) fn as_mut_slice<T: Element>(&mut self) -> Option<&mut [T]> {
        let block = self.geometry.to_block();
        let fits = block.dtype == T::DTYPE && block.is_dense();
        if fits { bytemuck::try_cast_slice_mut(self.data_mut()).ok() } else { None }
    }

    pub(crate) fn freeze(mut self) -> Frozen<G> {
        if let Some(head) = self.block.get_mut(..HEAD_BYTES) {
            head.copy_from_slice(&self.head.encode());
        }
        let own = OwnBlock { participant: self.participant, block: self.block.freeze() };
        Frozen(Arc::new(Shared::new(self.geometry, self.head, Storage::Own(own))))
    }
}

/// A block that nobody writes to.
pub(crate) struct Frozen<G>(Arc<Shared<G>>);

impl<G> Clone for Frozen<G> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Shared<G> {
    geometry: G,
    head: BlockHead,
    storage: Storage,
    /// The block as it was sent on by somebody else than the participant whose block it is.
    relayed: Mutex<Option<OwnBlock>>,
    /// A forked child holds no pin, so what it reads may change under it: it sends nothing on.
    made_in: u32,
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

impl<G> Shared<G> {
    fn new(geometry: G, head: BlockHead, storage: Storage) -> Self {
        Self { geometry, head, storage, relayed: Mutex::new(None), made_in: std::process::id() }
    }
}

impl<G: Geometry> Frozen<G> {
    pub(crate) fn from_pinned(block: PinnedBlock, meta: &[u8]) -> Result<Self, BlockError> {
        let bytes = block.bytes();
        let geometry = G::decode(meta, bytes.len() as u64)?;
        let head =
            bytes.first_chunk().map(BlockHead::decode).expect("the numbers lie within, behind the head");
        Ok(Self(Arc::new(Shared::new(geometry, head, Storage::Received(block)))))
    }

    pub(crate) fn geometry(&self) -> &G {
        &self.0.geometry
    }

    pub(crate) fn head(&self) -> &BlockHead {
        &self.0.head
    }

    /// Returns the numbers; none of one's own in a child forked from the process that made them.
    pub(crate) fn data(&self) -> &[u8] {
        let bytes = self.block_bytes();
        bytes.get(HEAD_BYTES..self.0.geometry.block_bytes() as usize).unwrap_or_default()
    }

    pub(crate) fn as_slice<T: Element>(&self) -> Option<&[T]> {
        let block = self.0.geometry.to_block();
        let fits = block.dtype == T::DTYPE && block.is_dense();
        if fits { bytemuck::try_cast_slice(self.data()).ok() } else { None }
    }

    pub(crate) fn is_received(&self) -> bool {
        matches!(self.0.storage, Storage::Received(_))
    }

    fn block_bytes(&self) -> &[u8] {
        match &self.0.storage {
            Storage::Own(own) => own.block.bytes(),
            Storage::Received(block) => block.bytes(),
        }
    }

    pub(crate) fn send_through(&self, publisher: &mut horus_shm::Publisher) -> Result<(), PayloadError> {
        let mut meta = [0; META_BYTES_MAX];
        let length = self.0.geometry.to_block().encode(&mut meta);
        let block = self.block_of(publisher.participant())?;
        Ok(publisher.send_block(&block, self.0.geometry.block_bytes(), &meta[..length])?)
    }

    /// Returns a block of this participant's own that holds the same, copying it there once if it is somebody else's.
    fn block_of(&self, participant: &Arc<Participant>) -> Result<Block, PayloadError> {
        let length = self.0.geometry.block_bytes() as usize;
        let of =
            |own: &&OwnBlock| Arc::ptr_eq(&own.participant, participant) && own.block.bytes().len() >= length;
        if let Storage::Own(own) = &self.0.storage
            && of(&own)
        {
            return Ok(own.block.clone());
        }
        // Before the lock, which another thread may have held when the process was forked.
        if self.0.made_in != std::process::id() {
            return Err(BlockError::Forked.into());
        }
        let mut relayed = self.0.relayed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = relayed.as_ref().filter(of) {
            return Ok(own.block.clone());
        }
        let used = self.block_bytes().get(..length).ok_or(BlockError::Forked)?;
        let mut copy = participant.allocate(length as u64)?;
        copy.copy_from_slice(used);
        let block = copy.freeze();
        *relayed = Some(OwnBlock { participant: participant.clone(), block: block.clone() });
        Ok(block)
    }
}

/// Writes what every kind has: the buffer and the value over the shared piece, and how the value travels.
macro_rules! pool_backed {
    (
        $(#[$buffer_doc:meta])* $buffer:ident,
        $(#[$value_doc:meta])* $value:ident,
        $meta:ty
    ) => {
        $(#[$buffer_doc])*
        pub struct $buffer($crate::block::Buffer<$meta>);

        impl $buffer {
            /// Returns one in the pool of this participant; what its numbers are is left over from before.
            ///
            /// Takes a free block, or makes one.
            ///
            /// # Errors
            /// No room in shared memory.
            pub fn in_pool(
                participant: &std::sync::Arc<horus_shm::Participant>,
                meta: $meta,
            ) -> Result<Self, horus_shm::Error> {
                $crate::block::Buffer::in_pool(participant, meta).map(Self)
            }

            /// Returns the geometry.
            pub fn meta(&self) -> $meta {
                self.0.geometry().clone()
            }

            /// Returns time and frame.
            pub fn head(&self) -> $crate::BlockHead {
                self.0.head()
            }

            /// Says when it was captured, in nanoseconds.
            pub fn set_timestamp_ns(&mut self, timestamp_ns: u64) {
                self.0.set_timestamp_ns(timestamp_ns);
            }

            /// Says in which coordinate frame it is.
            ///
            /// # Errors
            /// [`TooLong`](crate::TooLong) if the name has more than 32 bytes.
            pub fn set_frame_id(&mut self, frame_id: &str) -> Result<(), $crate::TooLong> {
                self.0.set_frame_id(frame_id)
            }

            /// Returns the numbers as bytes, little-endian, with the gaps between them where there are any.
            ///
            /// None in a child forked from the process that made it: the memory isn't there.
            pub fn data(&self) -> &[u8] {
                self.0.data()
            }

            /// Returns the same to write.
            pub fn data_mut(&mut self) -> &mut [u8] {
                self.0.data_mut()
            }

            /// Returns the numbers in C order, to write; nothing if they are of another type, in another order, or with
            /// gaps.
            pub fn as_mut_slice<T: $crate::Element>(&mut self) -> Option<&mut [T]> {
                self.0.as_mut_slice()
            }

            /// Returns the value, which nobody can write to any more. Copies nothing.
            pub fn freeze(self) -> $value {
                $value(self.0.freeze())
            }
        }

        impl std::fmt::Debug for $buffer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($buffer))
                    .field("meta", self.0.geometry())
                    .field("head", &self.0.head())
                    .finish_non_exhaustive()
            }
        }

        $(#[$value_doc])*
        ///
        /// One's own, or a received one that stays put as long as this lives, even if its publisher dies. A clone is the
        /// same one. One's own may be sent again, and on several topics, without a copy; a received one, or one from
        /// another namespace, is copied into one's own pool once, at its first sending. In a child forked from the
        /// process that made or received it, it can't be sent.
        #[derive(Clone)]
        pub struct $value($crate::block::Frozen<$meta>);

        impl $value {
            /// Returns a received one. Copies nothing.
            ///
            /// # Errors
            /// [`BlockError`](crate::BlockError) if the descriptor describes none within the block.
            pub fn from_pinned(
                block: horus_shm::PinnedBlock,
                meta: &[u8],
            ) -> Result<Self, $crate::BlockError> {
                $crate::block::Frozen::from_pinned(block, meta).map(Self)
            }

            /// Returns the geometry.
            pub fn meta(&self) -> $meta {
                self.0.geometry().clone()
            }

            /// Returns time and frame.
            pub fn head(&self) -> $crate::BlockHead {
                *self.0.head()
            }

            /// Returns when it was captured, in nanoseconds; 0 if nobody said.
            pub fn timestamp_ns(&self) -> u64 {
                self.0.head().timestamp_ns
            }

            /// Returns the coordinate frame it is in; empty if nobody said.
            pub fn frame_id(&self) -> &str {
                self.0.head().frame_id.as_str()
            }

            /// Returns the numbers as bytes, little-endian, with the gaps between them where there are any.
            ///
            /// None of one's own in a child forked from the process that made it: the memory isn't there.
            pub fn data(&self) -> &[u8] {
                self.0.data()
            }

            /// Returns the numbers in C order without a copy; nothing if they are of another type, in another order, or
            /// with gaps.
            pub fn as_slice<T: $crate::Element>(&self) -> Option<&[T]> {
                self.0.as_slice()
            }

            /// Returns whether it was received, so that its block belongs to somebody else.
            pub fn is_received(&self) -> bool {
                self.0.is_received()
            }

            /// Sends it on a topic of the transport.
            ///
            /// # Errors
            /// What the transport refuses, and [`BlockError::Forked`](crate::BlockError::Forked).
            pub fn send_through(
                &self,
                publisher: &mut horus_shm::Publisher,
            ) -> Result<(), $crate::PayloadError> {
                self.0.send_through(publisher)
            }
        }

        impl std::fmt::Debug for $value {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($value))
                    .field("meta", self.0.geometry())
                    .field("head", self.0.head())
                    .finish_non_exhaustive()
            }
        }

        impl $crate::Payload for $value {
            fn spec() -> horus_shm::TopicSpec {
                <$meta as $crate::Geometry>::KIND.spec()
            }

            fn send_to(
                &self,
                publisher: &mut horus_shm::Publisher,
                _scratch: &mut Vec<u8>,
            ) -> Result<(), $crate::PayloadError> {
                self.send_through(publisher)
            }

            fn from_received(received: horus_shm::Payload<'_>) -> Result<Self, $crate::PayloadError> {
                match received {
                    horus_shm::Payload::Block { block, meta } => Ok(Self::from_pinned(block, meta)?),
                    horus_shm::Payload::Inline(_) => {
                        Err($crate::PayloadError::Form { type_name: stringify!($value) })
                    }
                }
            }
        }
    };
}
pub(crate) use pool_backed;

#[cfg(test)]
#[path = "../../tests/arena/mod.rs"]
mod arena;

#[cfg(test)]
mod tests {
    use super::arena::{Arena, publisher};
    use super::*;
    use crate::{Dtype, Tensor, TensorMeta};

    fn frozen(participant: &Arc<Participant>) -> Frozen<TensorMeta> {
        let mut buffer = Buffer::in_pool(participant, TensorMeta::new(Dtype::U8, &[4]).unwrap()).unwrap();
        buffer.data_mut().copy_from_slice(b"data");
        buffer.freeze()
    }

    #[test]
    fn a_forked_child_sends_on_nothing_that_it_does_not_hold() {
        let (here, there) = (Arena::new(), Arena::new());
        let (here, there) = (here.join(), there.join());
        let mut tensor = frozen(&there);
        // What a fork leaves: the same value in a process with another id.
        Arc::get_mut(&mut tensor.0).expect("not cloned yet").made_in += 1;
        let mut sending = publisher::<Tensor>(&here, "tensor");
        let error = tensor.send_through(sending.transport()).unwrap_err();
        assert!(matches!(error, PayloadError::Block(BlockError::Forked)));
        assert_eq!(
            error.to_string(),
            "it belongs to the process that this one was forked from; make or receive it here"
        );
        assert_eq!(sending.sent(), 0);
    }

    #[test]
    fn the_copy_in_ones_own_pool_is_made_once() {
        let (here, there) = (Arena::new(), Arena::new());
        let (here, there) = (here.join(), there.join());
        let tensor = frozen(&there);
        let own = tensor.block_of(&there).unwrap();
        let copies = [tensor.block_of(&here).unwrap(), tensor.clone().block_of(&here).unwrap()];
        assert_eq!(own.bytes().as_ptr(), tensor.block_bytes().as_ptr());
        assert_eq!(copies[0].bytes().as_ptr(), copies[1].bytes().as_ptr());
        assert_eq!(&copies[0].bytes()[HEAD_BYTES..], b"data");
    }
}
