//! Any message as a value: what tools show of topics whose types they were not compiled with.

use crate::block::{BlockHead, BlockMeta, HEAD_BYTES};
use crate::error::{ImageError, PayloadError, SchemaError};
use crate::image::ImageMeta;
use crate::kind::Kind;
use crate::payload::with_bytes;
use crate::schema::Schema;
use crate::value::{NdArray, Value, msgpack};
use horus_shm::TopicSpec;

/// Turns the messages of one topic into values.
#[derive(Clone, Debug)]
pub struct Decoder {
    kind: Kind,
    schema: Option<Schema>,
}

impl Decoder {
    /// Returns the decoder of a topic with this type.
    ///
    /// # Errors
    /// [`SchemaError`] if the kind isn't known or the schema describes no message.
    pub fn new(spec: &TopicSpec) -> Result<Self, SchemaError> {
        let kind = Kind::from_code(spec.kind)
            .ok_or(SchemaError::Malformed { what: "known kind of topic", offset: 0 })?;
        let schema = if kind == Kind::Typed { Some(Schema::decode(&spec.schema)?) } else { None };
        Ok(Self { kind, schema })
    }

    /// Returns the topic's kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the schema of a typed topic.
    pub fn schema(&self) -> Option<&Schema> {
        self.schema.as_ref()
    }

    /// Returns the message as a value; an image as a map of `height`, `width`, `step`, `encoding`, `frame_id`,
    /// `timestamp_ns` and `data`. Copies; safe on any bytes.
    ///
    /// # Errors
    /// If the message isn't what its topic says.
    pub fn decode(&self, received: horus_shm::Payload<'_>) -> Result<Value, PayloadError> {
        match (&self.schema, self.kind) {
            (Some(schema), _) => with_bytes(received, |bytes| Ok(Value::from_pod(schema, bytes)?)),
            (None, Kind::Dict) => with_bytes(received, |bytes| Ok(msgpack::decode(bytes)?)),
            (None, kind) => match received {
                horus_shm::Payload::Block { block, meta } => Ok(pool_backed(kind, block.bytes(), meta)?),
                horus_shm::Payload::Inline(_) => Err(PayloadError::Form { type_name: kind.type_name() }),
            },
        }
    }
}

fn pool_backed(kind: Kind, block: &[u8], meta: &[u8]) -> Result<Value, ImageError> {
    let described = BlockMeta::decode(meta, block.len() as u64)?;
    if described.kind != kind {
        return Err(ImageError::Malformed {
            reason: format!("it describes a {}", described.kind.type_name()),
        });
    }
    let head = block.first_chunk().map(BlockHead::decode).unwrap_or_default();
    let mut entries: Vec<(&str, Value)> =
        vec![("timestamp_ns", head.timestamp_ns.into()), ("frame_id", head.frame_id.as_str().into())];
    if kind == Kind::Image {
        let image = ImageMeta::decode(meta, block.len() as u64)?;
        entries.push(("height", Value::Int(image.height.into())));
        entries.push(("width", Value::Int(image.width.into())));
        entries.push(("step", Value::Int(image.step.into())));
        entries.push(("encoding", image.encoding.name().into()));
    }
    entries.push(("data", Value::Array(without_gaps(&described, &block[HEAD_BYTES..])?)));
    Ok(Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect()))
}

/// Copies the numbers of a block one after the other. The caller has checked that they lie within it.
fn without_gaps(meta: &BlockMeta, numbers: &[u8]) -> Result<NdArray, ImageError> {
    let bytes =
        meta.shape().iter().try_fold(u64::from(meta.dtype.size()), |bytes, count| bytes.checked_mul(*count));
    // Strides of zero let a small block stand for more numbers than memory has: no program sends that.
    let Some(bytes) = bytes.filter(|bytes| *bytes <= numbers.len() as u64) else {
        return Err(ImageError::Malformed { reason: "its numbers overlap".into() });
    };
    let mut data = Vec::with_capacity(bytes as usize);
    if bytes > 0 {
        gather(meta.shape(), meta.strides(), meta.dtype.size().into(), numbers, &mut data);
    }
    NdArray::new(meta.dtype, meta.shape().to_vec(), data)
        .map_err(|error| ImageError::Malformed { reason: error.to_string() })
}

fn gather(shape: &[u64], strides: &[u64], item_bytes: u64, from: &[u8], out: &mut Vec<u8>) {
    let inner: u64 = shape.iter().product::<u64>() * item_bytes;
    let dense = (0..shape.len())
        .all(|i| shape[i] == 1 || strides[i] == shape[i + 1..].iter().product::<u64>() * item_bytes);
    if dense {
        out.extend_from_slice(&from[..inner as usize]);
        return;
    }
    for index in 0..shape[0] {
        gather(&shape[1..], &strides[1..], item_bytes, &from[(index * strides[0]) as usize..], out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dtype;

    #[test]
    fn rows_are_joined_without_their_gaps() {
        let meta = BlockMeta::new(Kind::Image, Dtype::U8, 1, &[2, 2, 3], &[8, 3, 1]).unwrap();
        let numbers: Vec<u8> = (0..16).collect();
        let array = without_gaps(&meta, &numbers).unwrap();
        assert_eq!(array.data(), [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13]);
    }

    #[test]
    fn any_strides_are_followed() {
        let transposed = BlockMeta::new(Kind::Tensor, Dtype::U16, 0, &[3, 2], &[2, 6]).unwrap();
        let numbers: Vec<u8> = [1u16, 2, 3, 4, 5, 6].into_iter().flat_map(u16::to_le_bytes).collect();
        let array = without_gaps(&transposed, &numbers).unwrap();
        let read: Vec<Value> = array.scalars().collect();
        assert_eq!(read, [1, 4, 2, 5, 3, 6].map(Value::Int));
        let repeated = BlockMeta::new(Kind::Tensor, Dtype::U8, 0, &[1 << 40], &[0]).unwrap();
        assert!(without_gaps(&repeated, &[7]).is_err());
        let none = BlockMeta::new(Kind::Tensor, Dtype::U8, 0, &[0, 5], &[5, 1]).unwrap();
        assert_eq!(without_gaps(&none, &[]).unwrap().shape(), [0, 5]);
    }
}
