//! Any value as a message of any topic: what tools publish on topics whose types they were not compiled with.

mod block;
mod numbers;

use crate::block::{BlockHead, BlockMeta, HEAD_BYTES, META_BYTES_MAX, with_gaps};
use crate::error::{PayloadError, SchemaError};
use crate::kind::Kind;
use crate::messages;
use crate::schema::Schema;
use crate::value::{Value, msgpack};
use horus_shm::TopicSpec;

/// Turns values into the messages of one topic; the way back of [`Decoder`](crate::Decoder).
///
/// What the decoder gives becomes the same bytes again, where they carry meaning: not filling, and not what stands
/// behind the end of a fixed text. A number that an enumeration has no name for is given as [`Value::Bytes`], one byte.
/// A value may also be written by hand:
///
/// - typed: a map of fields. Those left out have their defaults where the type is a standard one, else they are zero.
/// - dict: any value.
/// - pool-backed: the map that the decoder gives. Only `data` is needed: an array, lists within lists, or bytes in C
///   order. What is left out follows from it: the size and encoding of an image from the shape, the layout of points
///   from the count of their fields, the dtype of a tensor from its numbers (`bool`, `i64`, `f64`). Bytes tell nothing
///   of themselves: with them an image needs `height` and `width`, a tensor its `dtype`.
///
/// # Examples
/// ```
/// use horus_core::{Encoder, Kind, Value};
///
/// let tensors = Encoder::new(&Kind::Tensor.spec())?;
/// let tensor = Value::from([("data", vec![vec![1.0, 2.0], vec![3.0, 4.0]])]);
/// let encoded = tensors.encode(&tensor)?;
/// assert_eq!(encoded.len(), horus_core::HEAD_BYTES as u64 + 4 * 8);
/// let wrong = tensors.encode(&Value::from([("data", "numbers")])).unwrap_err();
/// assert_eq!(wrong.to_string(), "key 'data': expected an array, lists of numbers or bytes, found a string");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Encoder {
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    Typed { schema: Schema, defaults: Vec<u8> },
    Dict,
    PoolBacked(Kind),
}

/// A message that can be sent, any number of times, on the topics of its encoder's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Body {
    Bytes(Vec<u8>),
    /// Numbers in C order, to be put where they belong in the block. Gaps take no memory before the pool gives it: a
    /// stride is a number that anybody may write.
    Block {
        head: BlockHead,
        meta: BlockMeta,
        /// With the head and the gaps.
        block_bytes: u64,
        numbers: Vec<u8>,
    },
}

impl Encoder {
    /// Returns the encoder of a topic with this type.
    ///
    /// # Errors
    /// [`SchemaError`] if the kind isn't known or the schema describes no message.
    pub fn new(spec: &TopicSpec) -> Result<Self, SchemaError> {
        let kind = Kind::from_code(spec.kind)
            .ok_or(SchemaError::Malformed { what: "known kind of topic", offset: 0 })?;
        let form = match kind {
            Kind::Typed => {
                let schema = Schema::decode(&spec.schema)?;
                Form::Typed { defaults: defaults(&schema), schema }
            }
            Kind::Dict => Form::Dict,
            kind => Form::PoolBacked(kind),
        };
        Ok(Self { form })
    }

    /// Returns the message that a value stands for.
    ///
    /// # Errors
    /// [`PayloadError::Value`] names the field or key that is wrong, and what it takes.
    pub fn encode(&self, value: &Value) -> Result<Encoded, PayloadError> {
        match &self.form {
            Form::Typed { schema, defaults } => {
                let bytes = Value::to_pod_over(schema, value, defaults.clone())?;
                Ok(Encoded { body: Body::Bytes(bytes) })
            }
            Form::Dict => {
                let mut bytes = Vec::new();
                msgpack::encode(value, &mut bytes)?;
                Ok(Encoded { body: Body::Bytes(bytes) })
            }
            Form::PoolBacked(kind) => Ok(Encoded { body: block::encode(*kind, value)? }),
        }
    }

    /// Sends a value as a message.
    ///
    /// # Errors
    /// As [`Encoder::encode`], and what the transport refuses.
    pub fn send(&self, value: &Value, publisher: &mut horus_shm::Publisher) -> Result<(), PayloadError> {
        self.encode(value)?.send(publisher)
    }
}

impl Encoded {
    /// Returns how many bytes a subscriber gets: of a pool-backed message those of the block, its head and the numbers
    /// with the gaps between them. Never 0.
    #[expect(clippy::len_without_is_empty, reason = "a message is never empty")]
    pub fn len(&self) -> u64 {
        match &self.body {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::Block { block_bytes, .. } => *block_bytes,
        }
    }

    /// Returns what the descriptor of a pool-backed message says, else nothing.
    pub fn descriptor(&self) -> Option<Vec<u8>> {
        let Body::Block { meta, .. } = &self.body else { return None };
        let mut descriptor = [0; META_BYTES_MAX];
        let length = meta.encode(&mut descriptor);
        Some(descriptor[..length].to_vec())
    }

    /// Returns the bytes that a subscriber gets, as many as [`Encoded::len`] says: of a strided tensor that may be far more
    /// than its numbers. Copies.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len() as usize];
        self.write(&mut bytes);
        bytes
    }

    /// Sends it. Copies it once, into the ring or into a block.
    ///
    /// # Errors
    /// What the transport refuses.
    pub fn send(&self, publisher: &mut horus_shm::Publisher) -> Result<(), PayloadError> {
        match &self.body {
            Body::Bytes(bytes) => Ok(publisher.send(bytes)?),
            Body::Block { meta, block_bytes, .. } => {
                let mut block = publisher.participant().allocate(*block_bytes)?;
                self.write(&mut block);
                let mut descriptor = [0; META_BYTES_MAX];
                let length = meta.encode(&mut descriptor);
                Ok(publisher.send_block(&block.freeze(), *block_bytes, &descriptor[..length])?)
            }
        }
    }

    /// Writes all of the message's bytes, zeros where it has gaps, into as many.
    fn write(&self, out: &mut [u8]) {
        match &self.body {
            Body::Bytes(bytes) => out.copy_from_slice(bytes),
            Body::Block { head, meta, numbers, .. } => {
                let (start, rest) = out.split_at_mut(HEAD_BYTES);
                start.copy_from_slice(&head.encode());
                if rest.len() != numbers.len() {
                    rest.fill(0);
                }
                with_gaps(meta, numbers, rest);
            }
        }
    }
}

/// Returns the bytes over which fields are written: a standard type's defaults, else zeros.
fn defaults(schema: &Schema) -> Vec<u8> {
    let standard = messages::find(&schema.name).ok().filter(|standard| standard.schema() == schema);
    standard.map_or_else(|| vec![0; schema.size as usize], |standard| standard.default_bytes())
}

#[cfg(test)]
#[path = "encode/tests.rs"]
mod tests;
