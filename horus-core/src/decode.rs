//! Any message as a value: what tools show of topics whose types they were not compiled with.

use crate::block::{BlockHead, Geometry, HEAD_BYTES, without_gaps};
use crate::depth_image::DepthImageMeta;
use crate::error::{BlockError, PayloadError, SchemaError};
use crate::image::ImageMeta;
use crate::kind::Kind;
use crate::payload::with_bytes;
use crate::point_cloud::PointCloudMeta;
use crate::schema::Schema;
use crate::tensor::TensorMeta;
use crate::text::until_nul;
use crate::value::{Value, msgpack, text};
use horus_shm::TopicSpec;

/// Turns the messages of one topic into values; [`Encoder`](crate::Encoder) is the way back.
///
/// # Examples
/// ```
/// use horus_core::{Decoder, Message, Value, messages::Pose2D};
/// let decoder = Decoder::new(&Pose2D::schema().spec())?;
/// let bytes = Pose2D { theta: 1.5, ..Pose2D::default() }.to_bytes();
/// let pose = decoder.decode(horus_shm::Payload::Inline(&bytes))?;
/// assert_eq!(pose.get("theta"), Some(&Value::Float(1.5)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

    /// Returns the message as a value. Copies; safe on any bytes.
    ///
    /// A pool-backed message is a map of `timestamp_ns`, `frame_id` and then:
    ///
    /// | kind | keys |
    /// | --- | --- |
    /// | image, depth image | `height`, `width`, `step`, `encoding`, `data` |
    /// | point cloud | `layout`, `dtype`, `data` |
    /// | tensor | `dtype`, `shape`, `strides` only where the numbers don't lie in C order, `data` |
    ///
    /// `data` is an array in C order, whatever order the numbers lie in, without the gaps that rows may have.
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

/// Returns a block with its head as a map.
pub(crate) fn pool_backed(kind: Kind, block: &[u8], meta: &[u8]) -> Result<Value, BlockError> {
    let bytes = block.len() as u64;
    let mut map = Entries(Vec::with_capacity(8));
    let described = match kind {
        Kind::Image => {
            let image = ImageMeta::decode(meta, bytes)?;
            map.head(block);
            map.rows(image.height, image.width, image.step, image.encoding.name());
            image.to_block()
        }
        Kind::DepthImage => {
            let depth = DepthImageMeta::decode(meta, bytes)?;
            map.head(block);
            map.rows(depth.height, depth.width, depth.step, depth.encoding.name());
            depth.to_block()
        }
        Kind::PointCloud => {
            let cloud = PointCloudMeta::decode(meta, bytes)?;
            map.head(block);
            map.push("layout", cloud.layout.name());
            map.push("dtype", cloud.dtype.name());
            cloud.to_block()
        }
        Kind::Tensor => {
            let tensor = TensorMeta::decode(meta, bytes)?;
            map.head(block);
            map.push("dtype", tensor.dtype().name());
            map.push("shape", tensor.shape().to_vec());
            if !tensor.is_c_order() {
                map.push("strides", tensor.strides().to_vec());
            }
            tensor.to_block()
        }
        Kind::Typed | Kind::Dict => {
            let reason = format!("a {} has none", kind.name());
            return Err(BlockError::Malformed { reason });
        }
    };
    map.push("data", Value::Array(without_gaps(&described, &block[HEAD_BYTES..])?));
    Ok(Value::Map(map.0))
}

/// A map as it grows.
struct Entries(Vec<(Value, Value)>);

impl Entries {
    fn push(&mut self, key: &str, value: impl Into<Value>) {
        self.0.push((key.into(), value.into()));
    }

    fn head(&mut self, block: &[u8]) {
        let head = block.first_chunk().map(BlockHead::decode).unwrap_or_default();
        self.push("timestamp_ns", head.timestamp_ns);
        self.push("frame_id", text(until_nul(bytemuck::bytes_of(&head.frame_id))));
    }

    fn rows(&mut self, height: u32, width: u32, step: u32, encoding: &str) {
        self.push("height", i64::from(height));
        self.push("width", i64::from(width));
        self.push("step", i64::from(step));
        self.push("encoding", encoding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A word as somebody might scribble it, near what makes sense or far from it.
    fn word() -> impl Strategy<Value = u64> {
        prop_oneof![0u64..9, any::<u64>(), (0u32..64).prop_map(|bit| 1 << bit), Just(u64::MAX)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// What is accepted lies within the block; nothing panics, and no more memory is taken than the block has.
        #[test]
        fn any_descriptor_of_any_block_is_refused_or_read(
            head in (0u8..8, 0u8..16, 0usize..5, 0u8..10),
            words in proptest::collection::vec(word(), 8),
            block in 0usize..300,
        ) {
            let (kind, dtype, dimensions, encoding) = head;
            let mut meta = vec![1, kind, dtype, dimensions as u8, encoding, 0, 0, 0];
            meta.extend(words[..2 * dimensions.min(4)].iter().flat_map(|word| word.to_le_bytes()));
            let block = vec![7; block];
            for kind in Kind::ALL {
                if let Ok(value) = pool_backed(kind, &block, &meta) {
                    let Some(Value::Array(data)) = value.get("data") else { panic!("{value:?}") };
                    prop_assert!(data.data().len() + HEAD_BYTES <= block.len());
                }
            }
        }
    }
}
