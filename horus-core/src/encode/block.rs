//! From the map that stands for an image, a point cloud or a tensor to its block.

use super::Body;
use super::numbers::{self, Numbers};
use crate::block::{BlockHead, Geometry};
use crate::depth_image::DepthImageMeta;
use crate::dtype::Dtype;
use crate::error::{BlockError, Segment, ValueError};
use crate::image::{Encoding, ImageMeta};
use crate::kind::Kind;
use crate::messages::FRAME_ID_BYTES;
use crate::point_cloud::{PointCloudMeta, PointLayout};
use crate::tensor::TensorMeta;
use crate::text::write_fixed;
use crate::value::Value;
use std::str::FromStr;

/// Returns the message that a map stands for.
pub(super) fn encode(kind: Kind, value: &Value) -> Result<Body, ValueError> {
    let known: &[&str] = match kind {
        Kind::PointCloud => &["timestamp_ns", "frame_id", "layout", "dtype", "data"],
        Kind::Tensor => &["timestamp_ns", "frame_id", "dtype", "shape", "strides", "data"],
        _ => &["timestamp_ns", "frame_id", "height", "width", "step", "encoding", "data"],
    };
    let keys = Keys::of(kind, value, known)?;
    let head = keys.head()?;
    let data = Numbers::of(keys.needed("data")?).map_err(|error| at("data", error))?;
    match kind {
        Kind::PointCloud => finish(&cloud(&keys, &data)?, head, &data),
        Kind::Tensor => finish(&tensor(&keys, &data)?, head, &data),
        Kind::DepthImage => {
            let ImageMeta { height, width, step, encoding } = rows(&keys, &data, depth_encoding(&data))?;
            let depth = DepthImageMeta::with_step(height, width, step, encoding);
            finish(&depth.map_err(|error| at("encoding", plain(&error)))?, head, &data)
        }
        _ => finish(&rows(&keys, &data, image_encoding(&data))?, head, &data),
    }
}

fn finish(geometry: &impl Geometry, head: BlockHead, data: &Numbers<'_>) -> Result<Body, ValueError> {
    let meta = geometry.to_block();
    let mut shape = meta.shape().to_vec();
    // Grey pictures come with one channel, too.
    let is_rows = matches!(meta.kind, Kind::Image | Kind::DepthImage);
    if is_rows && shape.len() == 2 && matches!(data.shape(), Some([_, _, 1])) {
        shape.push(1);
    }
    let numbers = data.read(meta.dtype, &shape).map_err(|error| at("data", error))?.into_owned();
    Ok(Body::Block { head, meta, block_bytes: geometry.block_bytes(), numbers })
}

fn image_encoding(data: &Numbers<'_>) -> Encoding {
    match (data.array_dtype(), data.shape()) {
        (Some(Dtype::U16), _) => Encoding::Mono16,
        (Some(Dtype::F32), _) => Encoding::Depth32f,
        (_, Some([_, _] | [_, _, 1])) => Encoding::Mono8,
        (_, Some([_, _, 4])) => Encoding::Rgba8,
        _ => Encoding::default(),
    }
}

fn depth_encoding(data: &Numbers<'_>) -> Encoding {
    if data.array_dtype() == Some(Dtype::U16) { Encoding::Depth16 } else { Encoding::Depth32f }
}

/// Reads the geometry of an image or depth image.
fn rows(keys: &Keys<'_>, data: &Numbers<'_>, default: Encoding) -> Result<ImageMeta, ValueError> {
    let encoding = keys.named("encoding")?.unwrap_or(default);
    let side = |key: &str, dimension: usize| match keys.number(key)? {
        Some(side) => Ok(side),
        None => {
            let side = data.shape().and_then(|shape| shape.get(dimension)).copied();
            let side = side.ok_or_else(|| keys.missing(key, "data doesn't tell it"))?;
            u32::try_from(side).map_err(|_| at("data", ValueError::new("a side exceeds 32 bits")))
        }
    };
    let (height, width) = (side("height", 0)?, side("width", 1)?);
    let image = match keys.number("step")? {
        Some(step) => ImageMeta::with_step(height, width, step, encoding),
        None => ImageMeta::new(height, width, encoding),
    };
    image.map_err(|error| plain(&error))
}

fn cloud(keys: &Keys<'_>, data: &Numbers<'_>) -> Result<PointCloudMeta, ValueError> {
    let told =
        data.shape().and_then(|shape| shape.get(1)).and_then(|fields| PointLayout::from_fields(*fields));
    let layout: PointLayout = keys.named("layout")?.or(told).unwrap_or_default();
    let default = if data.array_dtype() == Some(Dtype::F64) { Dtype::F64 } else { Dtype::F32 };
    let dtype = keys.dtype()?.unwrap_or(default);
    let point_bytes = u64::from(layout.fields()) * u64::from(dtype.size());
    let count = match (data.shape(), data.raw_bytes()) {
        (Some(shape), _) => shape.first().copied().unwrap_or(0),
        (None, bytes) if bytes.is_multiple_of(point_bytes) => bytes / point_bytes,
        (None, bytes) => {
            let reason =
                format!("{bytes} bytes are no whole points of {layout} in {dtype}, {point_bytes} each");
            return Err(at("data", ValueError::new(reason)));
        }
    };
    PointCloudMeta::new(count, layout, dtype).map_err(|error| match error {
        BlockError::Unknown { .. } => at("dtype", plain(&error)),
        other => at("data", plain(&other)),
    })
}

fn tensor(keys: &Keys<'_>, data: &Numbers<'_>) -> Result<TensorMeta, ValueError> {
    let dtype = match keys.dtype()?.or(data.dtype()) {
        Some(dtype) => dtype,
        None => return Err(keys.missing("dtype", "bytes don't tell it")),
    };
    let shape = match (keys.counts("shape")?, data.shape()) {
        (Some(shape), _) => shape,
        // Pairs are what complex numbers look like in lists.
        (None, Some(shape)) => data.shape_in(dtype, shape),
        (None, None) => {
            let size = u64::from(dtype.size());
            if !data.raw_bytes().is_multiple_of(size) {
                let reason =
                    format!("{} bytes are no whole numbers of {dtype}, {size} each", data.raw_bytes());
                return Err(at("data", ValueError::new(reason)));
            }
            vec![data.raw_bytes() / size]
        }
    };
    match keys.counts("strides")? {
        Some(strides) => {
            TensorMeta::with_strides(dtype, &shape, &strides).map_err(|error| at("strides", plain(&error)))
        }
        None => TensorMeta::new(dtype, &shape).map_err(|error| at("shape", plain(&error))),
    }
}

fn at(key: &str, error: ValueError) -> ValueError {
    error.within(Segment::Key(key.to_owned()))
}

fn plain(error: &impl ToString) -> ValueError {
    ValueError::new(error.to_string())
}

/// The entries of a map whose keys are all known.
struct Keys<'a> {
    kind: Kind,
    value: &'a Value,
}

impl<'a> Keys<'a> {
    fn of(kind: Kind, value: &'a Value, known: &[&str]) -> Result<Self, ValueError> {
        let name = kind.type_name();
        let Value::Map(entries) = value else {
            let reason = format!("expected the keys of {name}, found {}", value.what());
            return Err(ValueError::new(reason));
        };
        for (key, _) in entries {
            match key {
                Value::Str(key) if known.contains(&key.as_str()) => {}
                Value::Str(key) => {
                    let near = known.iter().map(|n| (strsim::damerau_levenshtein(n, key), n)).min();
                    let hint = match near {
                        Some((distance, near)) if distance <= 1 + key.len() / 3 => {
                            format!("did you mean '{near}'?")
                        }
                        _ => format!("it has {}", known.join(", ")),
                    };
                    return Err(ValueError::new(format!("{name} has no key '{key}'; {hint}")));
                }
                other => {
                    let reason = format!("expected a key of {name}, found {} as key", other.what());
                    return Err(ValueError::new(reason));
                }
            }
        }
        Ok(Self { kind, value })
    }

    fn missing(&self, key: &str, reason: &str) -> ValueError {
        ValueError::new(format!("{} needs '{key}': {reason}", self.kind.type_name()))
    }

    fn needed(&self, key: &str) -> Result<&'a Value, ValueError> {
        let found = self.value.get(key);
        found.ok_or_else(|| self.missing(key, "an array, lists of numbers or bytes"))
    }

    fn head(&self) -> Result<BlockHead, ValueError> {
        let timestamp_ns = match self.value.get("timestamp_ns") {
            None => 0,
            Some(value) => count(value).map_err(|error| at("timestamp_ns", error))?,
        };
        let mut frame_id = [0; FRAME_ID_BYTES];
        match self.value.get("frame_id") {
            None => Ok(()),
            Some(Value::Str(text)) => write_fixed(text, &mut frame_id),
            Some(Value::Bytes(bytes)) => write_fixed(bytes, &mut frame_id),
            Some(other) => return Err(at("frame_id", expected("a string", other))),
        }
        .map_err(|error| at("frame_id", plain(&error)))?;
        Ok(BlockHead { timestamp_ns, frame_id: bytemuck::cast(frame_id) })
    }

    fn text(&self, key: &str) -> Result<Option<&'a str>, ValueError> {
        match self.value.get(key) {
            None => Ok(None),
            Some(Value::Str(text)) => Ok(Some(text)),
            Some(other) => Err(at(key, expected("a string", other))),
        }
    }

    fn named<T: FromStr<Err = BlockError>>(&self, key: &str) -> Result<Option<T>, ValueError> {
        let Some(name) = self.text(key)? else { return Ok(None) };
        name.parse().map(Some).map_err(|error: BlockError| at(key, plain(&error)))
    }

    fn dtype(&self) -> Result<Option<Dtype>, ValueError> {
        let Some(name) = self.text("dtype")? else { return Ok(None) };
        match Dtype::from_name(name) {
            Some(dtype) => Ok(Some(dtype)),
            None => {
                let error = BlockError::unknown("dtype", name, Dtype::ALL.into_iter().map(Dtype::name));
                Err(at("dtype", plain(&error)))
            }
        }
    }

    fn number(&self, key: &str) -> Result<Option<u32>, ValueError> {
        let Some(value) = self.value.get(key) else { return Ok(None) };
        let number = count(value).map_err(|error| at(key, error))?;
        let narrow = u32::try_from(number);
        let limit = u32::MAX;
        narrow
            .map(Some)
            .map_err(|_| at(key, ValueError::new(format!("{number} exceeds the limit of {limit}"))))
    }

    fn counts(&self, key: &str) -> Result<Option<Vec<u64>>, ValueError> {
        let Some(value) = self.value.get(key) else { return Ok(None) };
        let counts = numbers::items(value).ok_or_else(|| expected("a list of counts", value));
        let counts = counts.and_then(|counts| {
            let counts = counts.enumerate();
            counts.map(|(i, item)| count(&item).map_err(|e| e.within(Segment::Item(i)))).collect()
        });
        counts.map(Some).map_err(|error| at(key, error))
    }
}

fn expected(what: &str, found: &Value) -> ValueError {
    ValueError::new(format!("expected {what}, found {}", found.what()))
}

fn count(value: &Value) -> Result<u64, ValueError> {
    match value {
        Value::UInt(number) => Ok(*number),
        Value::Int(number) => {
            u64::try_from(*number).map_err(|_| ValueError::new(format!("expected a count, found {number}")))
        }
        other => Err(expected("a count", other)),
    }
}
