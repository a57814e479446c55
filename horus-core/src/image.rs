//! What pixels mean and where they lie.

mod pixels;

pub use pixels::{Image, ImageBuffer};

use crate::block::{BlockMeta, Geometry};
use crate::dtype::Dtype;
use crate::error::BlockError;
use crate::kind::Kind;
use std::fmt;
use std::str::FromStr;

/// What the numbers of a pixel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Encoding {
    /// Red, green, blue, 8 bits each.
    #[default]
    Rgb8 = 1,
    /// Red, green, blue, opacity, 8 bits each.
    Rgba8 = 2,
    /// Blue, green, red, 8 bits each.
    Bgr8 = 3,
    /// Blue, green, red, opacity, 8 bits each.
    Bgra8 = 4,
    /// Brightness, 8 bits.
    Mono8 = 5,
    /// Brightness, 16 bits, little-endian.
    Mono16 = 6,
    /// Distance in metres, 32-bit floating point.
    Depth32f = 7,
    /// Distance in millimetres, 16 bits, little-endian.
    Depth16 = 8,
}

impl Encoding {
    /// All of them, in the order of their codes.
    pub const ALL: [Encoding; 8] = [
        Encoding::Rgb8,
        Encoding::Rgba8,
        Encoding::Bgr8,
        Encoding::Bgra8,
        Encoding::Mono8,
        Encoding::Mono16,
        Encoding::Depth32f,
        Encoding::Depth16,
    ];

    /// Returns the encoding of this code, or nothing.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).checked_sub(1)?).copied()
    }

    /// Returns the name, for example `rgb8`.
    pub const fn name(self) -> &'static str {
        match self {
            Encoding::Rgb8 => "rgb8",
            Encoding::Rgba8 => "rgba8",
            Encoding::Bgr8 => "bgr8",
            Encoding::Bgra8 => "bgra8",
            Encoding::Mono8 => "mono8",
            Encoding::Mono16 => "mono16",
            Encoding::Depth32f => "depth32f",
            Encoding::Depth16 => "depth16",
        }
    }

    /// Returns how many numbers a pixel has.
    pub const fn channels(self) -> u32 {
        match self {
            Encoding::Rgb8 | Encoding::Bgr8 => 3,
            Encoding::Rgba8 | Encoding::Bgra8 => 4,
            Encoding::Mono8 | Encoding::Mono16 | Encoding::Depth32f | Encoding::Depth16 => 1,
        }
    }

    /// Returns the type of each number.
    pub const fn dtype(self) -> Dtype {
        match self {
            Encoding::Mono16 | Encoding::Depth16 => Dtype::U16,
            Encoding::Depth32f => Dtype::F32,
            _ => Dtype::U8,
        }
    }

    /// Returns the bytes of a pixel.
    pub const fn pixel_bytes(self) -> u32 {
        self.channels() * self.dtype().size()
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Encoding {
    type Err = BlockError;

    fn from_str(name: &str) -> Result<Self, BlockError> {
        let found = Self::ALL.into_iter().find(|encoding| encoding.name() == name);
        found.ok_or_else(|| {
            BlockError::unknown("image encoding", name, Self::ALL.into_iter().map(Encoding::name))
        })
    }
}

/// The geometry of an image: `[height, width, channels]`, or `[height, width]` with one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageMeta {
    /// The number of rows.
    pub height: u32,
    /// The number of pixels in a row.
    pub width: u32,
    /// The bytes from one row to the next.
    pub step: u32,
    /// What a pixel is.
    pub encoding: Encoding,
}

impl ImageMeta {
    /// Returns the geometry of an image whose rows follow each other without gap.
    ///
    /// # Errors
    /// [`BlockError::Geometry`] if it has no pixels or a row of 4 GiB.
    pub fn new(height: u32, width: u32, encoding: Encoding) -> Result<Self, BlockError> {
        let step = u64::from(width) * u64::from(encoding.pixel_bytes());
        let Ok(step) = u32::try_from(step) else {
            return Err(BlockError::Geometry {
                reason: format!("a row of {width} pixels of {encoding} exceeds 4 GiB"),
            });
        };
        Self::with_step(height, width, step, encoding)
    }

    /// Returns the geometry of an image whose rows begin `step` bytes apart.
    ///
    /// # Errors
    /// [`BlockError::Geometry`] if it has no pixels, or a row is longer than the step or no multiple of its numbers.
    pub fn with_step(height: u32, width: u32, step: u32, encoding: Encoding) -> Result<Self, BlockError> {
        let refuse = |reason: String| Err(BlockError::Geometry { reason });
        if height == 0 || width == 0 {
            return refuse(format!("an image of {width} by {height} pixels has none"));
        }
        if u64::from(step) < u64::from(width) * u64::from(encoding.pixel_bytes()) {
            return refuse(format!("a step of {step} bytes is less than {width} pixels of {encoding}"));
        }
        if !step.is_multiple_of(encoding.dtype().size()) {
            return refuse(format!(
                "a step of {step} bytes is no multiple of {} bytes, a {}",
                encoding.dtype().size(),
                encoding.dtype()
            ));
        }
        Ok(Self { height, width, step, encoding })
    }

    /// Returns the bytes of all rows, the last one with its gap too.
    pub fn data_bytes(&self) -> u64 {
        u64::from(self.height) * u64::from(self.step)
    }

    /// Returns the bytes of a block that holds the image: its head and the rows.
    pub fn block_bytes(&self) -> u64 {
        Geometry::block_bytes(self)
    }

    /// Returns the shape as numpy has it: `[height, width, channels]`, or `[height, width]` with one channel.
    pub fn shape(&self) -> Vec<usize> {
        let mut shape = vec![self.height as usize, self.width as usize];
        if self.encoding.channels() > 1 {
            shape.push(self.encoding.channels() as usize);
        }
        shape
    }

    /// Returns what the descriptor says of it.
    pub fn to_block(&self) -> BlockMeta {
        self.block_of_kind(Kind::Image)
    }

    /// Returns the same for a topic of images or depth images.
    pub(crate) fn block_of_kind(&self, kind: Kind) -> BlockMeta {
        let dtype = self.encoding.dtype();
        let shape = [u64::from(self.height), u64::from(self.width), u64::from(self.encoding.channels())];
        let strides = [u64::from(self.step), u64::from(self.encoding.pixel_bytes()), u64::from(dtype.size())];
        let count = if self.encoding.channels() > 1 { 3 } else { 2 };
        BlockMeta::new(kind, dtype, self.encoding as u8, &shape[..count], &strides[..count])
            .expect("the product of two u32 fits an extent")
    }

    /// Returns the geometry that a received descriptor tells, of a block of `block_bytes` with its head.
    ///
    /// # Errors
    /// [`BlockError::Malformed`] if it is no image, [`BlockError::Bounds`] if the rows would end outside the block.
    pub fn decode(meta: &[u8], block_bytes: u64) -> Result<Self, BlockError> {
        Geometry::decode(meta, block_bytes)
    }

    /// Returns the geometry of a block of images or depth images, whose kind the caller has looked at.
    pub(crate) fn of_block(block: &BlockMeta) -> Result<Self, BlockError> {
        let malformed = |reason: &str| BlockError::Malformed { reason: reason.to_owned() };
        let encoding =
            Encoding::from_code(block.encoding).ok_or_else(|| malformed("its encoding isn't known"))?;
        let number = |n: u64| u32::try_from(n).map_err(|_| malformed("a size exceeds 32 bits"));
        let (height, width) = (
            number(block.shape().first().copied().unwrap_or(0))?,
            number(block.shape().get(1).copied().unwrap_or(0))?,
        );
        let image =
            Self::with_step(height, width, number(block.strides().first().copied().unwrap_or(0))?, encoding)
                .map_err(|error| malformed(&error.to_string()))?;
        if image.block_of_kind(block.kind) != *block {
            return Err(malformed("shape, strides or dtype don't fit the encoding"));
        }
        Ok(image)
    }
}

impl Geometry for ImageMeta {
    const KIND: Kind = Kind::Image;

    fn to_block(&self) -> BlockMeta {
        ImageMeta::to_block(self)
    }

    fn from_block(block: &BlockMeta) -> Result<Self, BlockError> {
        Self::of_block(block)
    }

    fn data_bytes(&self) -> u64 {
        ImageMeta::data_bytes(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::META_BYTES_MAX;

    fn encoded(meta: &BlockMeta) -> Vec<u8> {
        let mut out = [0; META_BYTES_MAX];
        let n = meta.encode(&mut out);
        out[..n].to_vec()
    }

    #[test]
    fn every_encoding_leads_back() {
        for encoding in Encoding::ALL {
            assert_eq!(encoding.name().parse(), Ok(encoding));
            assert_eq!(Encoding::from_code(encoding as u8), Some(encoding));
            let image = ImageMeta::new(480, 640, encoding).unwrap();
            assert_eq!(image.data_bytes(), 480 * 640 * u64::from(encoding.pixel_bytes()));
            assert_eq!(ImageMeta::decode(&encoded(&image.to_block()), image.block_bytes()), Ok(image));
            let short = ImageMeta::decode(&encoded(&image.to_block()), image.block_bytes() - 1);
            assert!(matches!(short, Err(BlockError::Bounds { .. })));
        }
        let error = "rgb9".parse::<Encoding>().unwrap_err().to_string();
        assert_eq!(
            error,
            "image encoding \"rgb9\" isn't known; one of rgb8, rgba8, bgr8, bgra8, mono8, mono16, depth32f, depth16"
        );
    }

    #[test]
    fn rows_may_have_gaps_but_not_overlap() {
        let image = ImageMeta::with_step(2, 3, 16, Encoding::Rgb8).unwrap();
        assert_eq!((image.data_bytes(), image.shape()), (32, vec![2, 3, 3]));
        assert!(ImageMeta::with_step(2, 3, 8, Encoding::Rgb8).is_err());
        assert!(ImageMeta::with_step(2, 3, 7, Encoding::Mono16).is_err());
        assert!(ImageMeta::new(0, 3, Encoding::Rgb8).is_err());
        assert!(ImageMeta::new(1, u32::MAX, Encoding::Rgb8).is_err());
    }

    #[test]
    fn a_descriptor_that_contradicts_its_encoding_is_refused() {
        let good = ImageMeta::new(4, 4, Encoding::Rgb8).unwrap().to_block();
        let wrong = [
            BlockMeta::new(Kind::Tensor, Dtype::U8, 1, good.shape(), good.strides()),
            BlockMeta::new(Kind::Image, Dtype::U8, 9, good.shape(), good.strides()),
            BlockMeta::new(Kind::Image, Dtype::U8, 1, &[4, 4, 4], good.strides()),
            BlockMeta::new(Kind::Image, Dtype::U8, 1, &[4], &[12]),
            BlockMeta::new(Kind::Image, Dtype::U8, 1, good.shape(), &[12, 0, 1]),
            BlockMeta::new(Kind::Image, Dtype::F32, 1, good.shape(), good.strides()),
        ];
        for meta in wrong {
            let meta = meta.unwrap();
            assert!(
                matches!(ImageMeta::decode(&encoded(&meta), 4096), Err(BlockError::Malformed { .. })),
                "{meta:?}"
            );
        }
    }
}
