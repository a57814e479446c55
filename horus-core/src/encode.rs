//! Any value as a message of any topic: what tools publish on topics whose types they were not compiled with.

mod block;
mod numbers;

use crate::error::{PayloadError, SchemaError};
use crate::kind::Kind;
use crate::messages;
use crate::schema::Schema;
use crate::value::{Value, msgpack};
use horus_shm::TopicSpec;

/// Turns values into the messages of one topic; the way back of [`Decoder`](crate::Decoder).
///
/// What the decoder gives becomes the same bytes again. A value may also be written by hand:
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
/// assert_eq!(encoded.bytes().len(), horus_core::HEAD_BYTES + 4 * 8);
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
    bytes: Vec<u8>,
    /// Of a pool-backed message.
    descriptor: Option<Vec<u8>>,
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
                Ok(Encoded { bytes, descriptor: None })
            }
            Form::Dict => {
                let mut bytes = Vec::new();
                msgpack::encode(value, &mut bytes)?;
                Ok(Encoded { bytes, descriptor: None })
            }
            Form::PoolBacked(kind) => Ok(block::encode(*kind, value)?),
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
    /// Returns the bytes that a subscriber gets: of a pool-backed message those of the block, its head and the numbers.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns what the descriptor of a pool-backed message says, else nothing.
    pub fn descriptor(&self) -> Option<&[u8]> {
        self.descriptor.as_deref()
    }

    /// Sends it. Copies it once, into the ring or into a block.
    ///
    /// # Errors
    /// What the transport refuses.
    pub fn send(&self, publisher: &mut horus_shm::Publisher) -> Result<(), PayloadError> {
        let Some(descriptor) = &self.descriptor else { return Ok(publisher.send(&self.bytes)?) };
        let mut block = publisher.participant().allocate(self.bytes.len() as u64)?;
        block.copy_from_slice(&self.bytes);
        Ok(publisher.send_block(&block.freeze(), self.bytes.len() as u64, descriptor)?)
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
