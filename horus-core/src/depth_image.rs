//! Distances in shared memory.

use crate::block::{BlockMeta, Geometry, pool_backed};
use crate::error::{BlockError, Error, Result};
use crate::image::{Encoding, ImageMeta};
use crate::join;
use crate::kind::Kind;

/// The geometry of a depth image: `[height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DepthImageMeta {
    /// The number of rows.
    pub height: u32,
    /// The number of pixels in a row.
    pub width: u32,
    /// The bytes from one row to the next.
    pub step: u32,
    /// [`Encoding::Depth32f`] or [`Encoding::Depth16`].
    pub encoding: Encoding,
}

impl DepthImageMeta {
    /// The topic where a depth image goes when none is named.
    pub const TOPIC: &'static str = "depth";
    /// The encodings that a depth image may have.
    pub const ENCODINGS: [Encoding; 2] = [Encoding::Depth32f, Encoding::Depth16];

    /// Returns the geometry of a depth image whose rows follow each other without gap.
    ///
    /// # Errors
    /// [`BlockError::Geometry`] if it has no pixels or a row of 4 GiB; [`BlockError::Unknown`] for another encoding.
    pub fn new(height: u32, width: u32, encoding: Encoding) -> Result<Self, BlockError> {
        Self::of_image(ImageMeta::new(height, width, encoding)?)
    }

    /// Returns the geometry of a depth image whose rows begin `step` bytes apart.
    ///
    /// # Errors
    /// As [`DepthImageMeta::new`], and if a row is longer than the step or no multiple of its numbers.
    pub fn with_step(height: u32, width: u32, step: u32, encoding: Encoding) -> Result<Self, BlockError> {
        Self::of_image(ImageMeta::with_step(height, width, step, encoding)?)
    }

    fn of_image(image: ImageMeta) -> Result<Self, BlockError> {
        let ImageMeta { height, width, step, encoding } = image;
        if !Self::ENCODINGS.contains(&encoding) {
            let known = Self::ENCODINGS.map(Encoding::name);
            return Err(BlockError::unknown("depth image encoding", encoding.name(), known));
        }
        Ok(Self { height, width, step, encoding })
    }

    fn image(&self) -> ImageMeta {
        let Self { height, width, step, encoding } = *self;
        ImageMeta { height, width, step, encoding }
    }

    /// Returns the shape as numpy has it: `[height, width]`.
    pub fn shape(&self) -> [usize; 2] {
        [self.height as usize, self.width as usize]
    }
}

impl Geometry for DepthImageMeta {
    const KIND: Kind = Kind::DepthImage;

    fn to_block(&self) -> BlockMeta {
        self.image().block_of_kind(Kind::DepthImage)
    }

    fn from_block(block: &BlockMeta) -> Result<Self, BlockError> {
        Self::of_image(ImageMeta::of_block(block)?)
            .map_err(|error| BlockError::Malformed { reason: error.to_string() })
    }

    fn data_bytes(&self) -> u64 {
        self.image().data_bytes()
    }
}

pool_backed! {
    /// A depth image to write: a block of this process's pool, so that sending it copies nothing.
    ///
    /// # Examples
    /// ```no_run
    /// use horus_core::{DepthImageBuffer, Encoding, Publisher};
    ///
    /// let mut camera = Publisher::new("depth")?;
    /// let mut depth = DepthImageBuffer::new(480, 640, Encoding::Depth32f)?;
    /// if let Some(metres) = depth.as_mut_slice::<f32>() {
    ///     metres.fill(1.5);
    /// }
    /// depth.set_frame_id("camera_front")?;
    /// camera.send(&depth.freeze())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    DepthImageBuffer,
    /// The distance of each pixel, which nobody writes to: `[height, width]`, in metres (`depth32f`) or millimetres
    /// (`depth16`).
    ///
    /// # Examples
    /// ```no_run
    /// use horus_core::{DepthImage, Publisher, Subscriber};
    ///
    /// let mut nearest = Subscriber::<DepthImage>::new("depth")?;
    /// Publisher::new("depth")?.send(&DepthImage::from_metres(1, 3, &[2.5, 0.5, 1.5])?)?;
    /// if let Some(depth) = nearest.recv()? {
    ///     let metres = depth.metres().unwrap_or_default();
    ///     println!("{:?} m", metres.iter().copied().min_by(f32::total_cmp));
    /// }
    /// # Ok::<(), horus_core::Error>(())
    /// ```
    DepthImage,
    DepthImageMeta
}

impl DepthImageBuffer {
    /// Returns a depth image in the pool of this process's default namespace; what its pixels hold is left over from
    /// before.
    ///
    /// Takes a free block, or makes one.
    ///
    /// # Errors
    /// A size or encoding that no depth image has; no room in shared memory.
    pub fn new(height: u32, width: u32, encoding: Encoding) -> Result<Self> {
        let meta = DepthImageMeta::new(height, width, encoding)?;
        Ok(Self::in_pool(&join::participant()?, meta)?)
    }
}

impl DepthImage {
    /// Returns a depth image of these distances in metres, row by row. Copies them once.
    ///
    /// # Errors
    /// Another count than `height` times `width`; no room in shared memory.
    pub fn from_metres(height: u32, width: u32, metres: &[f32]) -> Result<Self> {
        Self::from_bytes(height, width, Encoding::Depth32f, bytemuck::cast_slice(metres))
    }

    /// Returns a depth image of these distances in millimetres, row by row. Copies them once.
    ///
    /// # Errors
    /// Another count than `height` times `width`; no room in shared memory.
    pub fn from_millimetres(height: u32, width: u32, millimetres: &[u16]) -> Result<Self> {
        Self::from_bytes(height, width, Encoding::Depth16, bytemuck::cast_slice(millimetres))
    }

    /// Returns a depth image of these bytes in the pool of this process's default namespace. Copies them once.
    ///
    /// # Errors
    /// Another number of bytes than the size asks for; another encoding; no room in shared memory.
    pub fn from_bytes(height: u32, width: u32, encoding: Encoding, data: &[u8]) -> Result<Self> {
        let meta = DepthImageMeta::new(height, width, encoding)?;
        if meta.data_bytes() != data.len() as u64 {
            let error = BlockError::Bounds { needed: meta.data_bytes(), available: data.len() as u64 };
            return Err(Error::Block(error));
        }
        let mut depth = DepthImageBuffer::in_pool(&join::participant()?, meta)?;
        depth.data_mut().copy_from_slice(data);
        Ok(depth.freeze())
    }

    /// Returns the distances in metres, row by row, if it is `depth32f` and its rows have no gaps. Copies nothing.
    pub fn metres(&self) -> Option<&[f32]> {
        self.as_slice()
    }

    /// Returns the distances in millimetres, row by row, if it is `depth16` and its rows have no gaps. Copies nothing.
    pub fn millimetres(&self) -> Option<&[u16]> {
        self.as_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dtype;
    use crate::block::tests::{encoded, flip_every_bit};

    #[test]
    fn both_encodings_lead_back_and_no_others() {
        for encoding in Encoding::ALL {
            let made = DepthImageMeta::new(3, 4, encoding);
            if !DepthImageMeta::ENCODINGS.contains(&encoding) {
                let error = made.unwrap_err().to_string();
                let name = encoding.name();
                assert_eq!(
                    error,
                    format!("depth image encoding {name:?} isn't known; one of depth32f, depth16")
                );
                continue;
            }
            let meta = made.unwrap();
            let block = meta.to_block();
            assert_eq!((block.kind, block.shape()), (Kind::DepthImage, &[3, 4][..]));
            assert_eq!(DepthImageMeta::decode(&encoded(&block), meta.block_bytes()), Ok(meta));
            let short = DepthImageMeta::decode(&encoded(&block), meta.block_bytes() - 1);
            assert!(matches!(short, Err(BlockError::Bounds { .. })));
        }
    }

    #[test]
    fn what_no_program_writes_is_refused() {
        assert!(DepthImageMeta::new(0, 4, Encoding::Depth16).is_err());
        assert!(DepthImageMeta::with_step(2, 3, 7, Encoding::Depth16).is_err());
        let refused = |meta: Result<BlockMeta, BlockError>| {
            DepthImageMeta::decode(&encoded(&meta.unwrap()), 4096).unwrap_err().to_string()
        };
        let image = ImageMeta::new(3, 4, Encoding::Depth16).unwrap().to_block();
        assert_eq!(
            refused(Ok(image)),
            "the block's descriptor is damaged: it describes Image, not DepthImage"
        );
        for (dtype, encoding, shape, strides) in [
            (Dtype::U8, 5, &[3, 4][..], &[4, 1][..]),
            (Dtype::U16, 7, &[3, 4], &[8, 2]),
            (Dtype::U16, 8, &[3, 4, 1], &[8, 2, 2]),
            (Dtype::U16, 8, &[3, 4], &[2, 6]),
            (Dtype::U16, 8, &[0, 4], &[8, 2]),
            (Dtype::U16, 8, &[], &[]),
        ] {
            refused(BlockMeta::new(Kind::DepthImage, dtype, encoding, shape, strides));
        }
    }

    #[test]
    fn no_flipped_bit_leads_outside_the_block() {
        flip_every_bit(&DepthImageMeta::with_step(4, 5, 24, Encoding::Depth32f).unwrap());
    }
}
