//! What may travel on a topic, and how it becomes bytes and back.

use crate::error::PayloadError;
use crate::kind::Kind;
use crate::message::Message;
use crate::value::{Value, msgpack};
use horus_shm::TopicSpec;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A type of which a topic can be: every [`Message`], [`Value`] and [`Dict`] for dicts, and the pool-backed
/// [`Image`](crate::Image), [`DepthImage`](crate::DepthImage), [`PointCloud`](crate::PointCloud) and
/// [`Tensor`](crate::Tensor).
pub trait Payload: Sized {
    /// Returns what a topic of this type is made from.
    fn spec() -> TopicSpec;

    /// Sends it. `scratch` is the publisher's buffer, kept from message to message.
    ///
    /// # Errors
    /// What the transport refuses, and values that can't be written.
    fn send_to(
        &self,
        publisher: &mut horus_shm::Publisher,
        scratch: &mut Vec<u8>,
    ) -> Result<(), PayloadError>;

    /// Returns what was received. Safe on any bytes.
    ///
    /// # Errors
    /// If it isn't of this type.
    fn from_received(received: horus_shm::Payload<'_>) -> Result<Self, PayloadError>;
}

/// Copies the bytes of a plain message, nothing else: no allocation, no encoding. A variable one is written where it is
/// sent from, and allocated field by field when received.
impl<T: Message> Payload for T {
    fn spec() -> TopicSpec {
        T::schema().spec()
    }

    fn send_to(
        &self,
        publisher: &mut horus_shm::Publisher,
        _scratch: &mut Vec<u8>,
    ) -> Result<(), PayloadError> {
        match self.as_plain_bytes() {
            Some(bytes) => Ok(publisher.send(bytes)?),
            None => Ok(publisher.send_with(self.encoded_len(), |out| self.encode(out))?),
        }
    }

    fn from_received(received: horus_shm::Payload<'_>) -> Result<Self, PayloadError> {
        with_bytes(received, T::decode)
    }
}

/// A dict of any shape.
impl Payload for Value {
    fn spec() -> TopicSpec {
        Kind::Dict.spec()
    }

    fn send_to(
        &self,
        publisher: &mut horus_shm::Publisher,
        scratch: &mut Vec<u8>,
    ) -> Result<(), PayloadError> {
        scratch.clear();
        msgpack::encode(self, scratch)?;
        send_scratch(publisher, scratch)
    }

    fn from_received(received: horus_shm::Payload<'_>) -> Result<Self, PayloadError> {
        with_bytes(received, |bytes| Ok(msgpack::decode(bytes)?))
    }
}

/// A dict whose shape the program knows: any type of serde's, its fields by name.
///
/// # Examples
/// ```
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Obstacle { distance: f64, label: String }
/// type Obstacles = horus_core::Publisher<horus_core::Dict<Obstacle>>;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dict<T>(pub T);

impl<T: Serialize + DeserializeOwned> Payload for Dict<T> {
    fn spec() -> TopicSpec {
        Kind::Dict.spec()
    }

    fn send_to(
        &self,
        publisher: &mut horus_shm::Publisher,
        scratch: &mut Vec<u8>,
    ) -> Result<(), PayloadError> {
        scratch.clear();
        let mut serializer = rmp_serde::Serializer::new(&mut *scratch).with_struct_map();
        self.0.serialize(&mut serializer).map_err(|error| PayloadError::Serde(error.to_string()))?;
        send_scratch(publisher, scratch)
    }

    fn from_received(received: horus_shm::Payload<'_>) -> Result<Self, PayloadError> {
        let read = |bytes: &[u8]| {
            rmp_serde::from_slice(bytes).map(Dict).map_err(|error| PayloadError::Serde(error.to_string()))
        };
        match received {
            horus_shm::Payload::Inline(bytes) => read(bytes),
            // A copy: serde looks whether text is UTF-8 and takes it later, and the publisher could write in between.
            horus_shm::Payload::Block { block, .. } => {
                let bytes = block.bytes().to_vec();
                read(&bytes)
            }
        }
    }
}

/// A buffer that has grown beyond this is not kept for the next message, in bytes: small dicts never reach it, and one
/// large dict shouldn't cost its size twice for ever.
const SCRATCH_KEPT: usize = 1 << 20;

fn send_scratch(publisher: &mut horus_shm::Publisher, scratch: &mut Vec<u8>) -> Result<(), PayloadError> {
    publisher.send(scratch)?;
    if scratch.capacity() > SCRATCH_KEPT {
        *scratch = Vec::new();
    }
    Ok(())
}

/// Gives the message's bytes, wherever they are.
pub(crate) fn with_bytes<T>(
    received: horus_shm::Payload<'_>,
    read: impl FnOnce(&[u8]) -> Result<T, PayloadError>,
) -> Result<T, PayloadError> {
    match received {
        horus_shm::Payload::Inline(bytes) => read(bytes),
        horus_shm::Payload::Block { block, .. } => read(block.bytes()),
    }
}
