//! Points in shared memory.

use crate::block::{BlockMeta, Element, Geometry, pool_backed};
use crate::dtype::Dtype;
use crate::error::{BlockError, Error, Result};
use crate::join;
use crate::kind::Kind;
use std::fmt;
use std::str::FromStr;

/// What the numbers of a point are.
///
/// # Examples
/// ```
/// use horus_core::{BlockError, PointLayout};
/// assert_eq!("xyzi".parse(), Ok(PointLayout::Xyzi));
/// assert_eq!(PointLayout::from_fields(6), Some(PointLayout::Xyzrgb));
/// assert!(matches!("xy".parse::<PointLayout>(), Err(BlockError::Unknown { .. })));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum PointLayout {
    /// x, y, z in metres.
    #[default]
    Xyz = 1,
    /// x, y, z in metres, then the intensity of the echo.
    Xyzi = 2,
    /// x, y, z in metres, then red, green, blue from 0 to 255.
    Xyzrgb = 3,
}

impl PointLayout {
    /// All of them, in the order of their codes.
    pub const ALL: [PointLayout; 3] = [PointLayout::Xyz, PointLayout::Xyzi, PointLayout::Xyzrgb];

    /// Returns the layout of this code, or nothing.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).checked_sub(1)?).copied()
    }

    /// Returns the layout of points with so many numbers each, or nothing.
    pub fn from_fields(count: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|layout| u64::from(layout.fields()) == count)
    }

    /// Returns the name: `xyz`.
    pub const fn name(self) -> &'static str {
        match self {
            PointLayout::Xyz => "xyz",
            PointLayout::Xyzi => "xyzi",
            PointLayout::Xyzrgb => "xyzrgb",
        }
    }

    /// Returns how many numbers a point has.
    pub const fn fields(self) -> u32 {
        match self {
            PointLayout::Xyz => 3,
            PointLayout::Xyzi => 4,
            PointLayout::Xyzrgb => 6,
        }
    }
}

impl fmt::Display for PointLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PointLayout {
    type Err = BlockError;

    fn from_str(name: &str) -> Result<Self, BlockError> {
        let found = Self::ALL.into_iter().find(|layout| layout.name() == name);
        found.ok_or_else(|| {
            BlockError::unknown("point layout", name, Self::ALL.into_iter().map(PointLayout::name))
        })
    }
}

/// The geometry of a point cloud: `[count, fields]`, one point after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PointCloudMeta {
    /// The number of points; may be none.
    pub count: u64,
    /// What the numbers of a point are.
    pub layout: PointLayout,
    /// The type of each number: [`Dtype::F32`] or [`Dtype::F64`].
    pub dtype: Dtype,
}

impl PointCloudMeta {
    /// The topic where a point cloud goes when none is named.
    pub const TOPIC: &'static str = "pointcloud";
    /// The types that its numbers may have.
    pub const DTYPES: [Dtype; 2] = [Dtype::F32, Dtype::F64];

    /// Returns the geometry of so many points.
    ///
    /// # Errors
    /// [`BlockError::Unknown`] for another dtype than f32 and f64; [`BlockError::Geometry`] for more than memory has.
    pub fn new(count: u64, layout: PointLayout, dtype: Dtype) -> Result<Self, BlockError> {
        if !Self::DTYPES.contains(&dtype) {
            return Err(BlockError::unknown("point dtype", dtype.name(), Self::DTYPES.map(Dtype::name)));
        }
        let meta = Self { count, layout, dtype };
        // Half of what the descriptor could hold, so that the head's bytes never overflow.
        if count > (i64::MAX as u64 / 2) / meta.point_bytes() {
            return Err(BlockError::Geometry { reason: format!("{count} points exceed all memory") });
        }
        Ok(meta)
    }

    /// Returns the bytes of one point.
    pub fn point_bytes(&self) -> u64 {
        u64::from(self.layout.fields()) * u64::from(self.dtype.size())
    }

    /// Returns the shape as numpy has it: `[count, fields]`.
    pub fn shape(&self) -> [usize; 2] {
        [self.count as usize, self.layout.fields() as usize]
    }
}

impl Geometry for PointCloudMeta {
    const KIND: Kind = Kind::PointCloud;

    fn to_block(&self) -> BlockMeta {
        let shape = [self.count, self.layout.fields().into()];
        let strides = [self.point_bytes(), self.dtype.size().into()];
        BlockMeta::new(Kind::PointCloud, self.dtype, self.layout as u8, &shape, &strides)
            .expect("the count was checked when it was made")
    }

    fn from_block(block: &BlockMeta) -> Result<Self, BlockError> {
        let malformed = |reason: String| BlockError::Malformed { reason };
        let layout = PointLayout::from_code(block.encoding)
            .ok_or_else(|| malformed("its layout isn't known".into()))?;
        let count = block.shape().first().copied().unwrap_or(0);
        let meta = Self::new(count, layout, block.dtype).map_err(|error| malformed(error.to_string()))?;
        if meta.to_block() != *block {
            return Err(malformed("shape or strides don't fit the layout".into()));
        }
        Ok(meta)
    }

    fn data_bytes(&self) -> u64 {
        self.count * self.point_bytes()
    }
}

pool_backed! {
    /// A point cloud to write: a block of this process's pool, so that sending it copies nothing.
    ///
    /// # Examples
    /// ```no_run
    /// use horus_core::{PointCloudBuffer, PointLayout, Publisher};
    ///
    /// let mut lidar = Publisher::new("pointcloud")?;
    /// let mut cloud = PointCloudBuffer::new(1000, PointLayout::Xyzi)?;
    /// if let Some(numbers) = cloud.as_mut_slice::<f32>() {
    ///     for (i, point) in numbers.chunks_exact_mut(4).enumerate() {
    ///         point.copy_from_slice(&[i as f32, 0.0, 0.0, 1.0]);
    ///     }
    /// }
    /// lidar.send(&cloud.freeze())?;
    /// # Ok::<(), horus_core::Error>(())
    /// ```
    PointCloudBuffer,
    /// Points that nobody writes to: `[count, fields]`, f32 or f64, in the order of their [`PointLayout`].
    ///
    /// # Examples
    /// ```no_run
    /// use horus_core::{PointCloud, PointLayout, Publisher, Subscriber};
    ///
    /// let mut seen = Subscriber::<PointCloud>::new("pointcloud")?;
    /// let points = [[1.0f32, 0.0, 0.5], [2.0, 0.0, 0.5]];
    /// let cloud = PointCloud::from_points(PointLayout::Xyz, points.as_flattened())?;
    /// Publisher::new("pointcloud")?.send(&cloud)?;
    /// if let Some(cloud) = seen.recv()? {
    ///     let fields = cloud.layout().fields() as usize;
    ///     for point in cloud.points_f32().unwrap_or_default().chunks_exact(fields) {
    ///         println!("{} m ahead", point[0]);
    ///     }
    /// }
    /// # Ok::<(), horus_core::Error>(())
    /// ```
    PointCloud,
    PointCloudMeta
}

impl PointCloudBuffer {
    /// Returns so many points of f32 in the pool of this process's default namespace; what they are is left over from
    /// before.
    ///
    /// Takes a free block, or makes one.
    ///
    /// # Errors
    /// More points than memory has; no room in shared memory.
    pub fn new(count: u64, layout: PointLayout) -> Result<Self> {
        let meta = PointCloudMeta::new(count, layout, Dtype::F32)?;
        Ok(Self::in_pool(&join::participant()?, meta)?)
    }
}

impl PointCloud {
    /// Returns a cloud of these points, f32 or f64, one after the other: `from_points(PointLayout::Xyz, points)`, or
    /// `points.as_flattened()` where they are a slice of `[f32; 3]`. Copies them once.
    ///
    /// # Errors
    /// Numbers that make no whole points, or are neither f32 nor f64; no room in shared memory.
    pub fn from_points<T: Element>(layout: PointLayout, numbers: &[T]) -> Result<Self> {
        let fields = layout.fields() as usize;
        if !numbers.len().is_multiple_of(fields) {
            let reason = format!("{} numbers are no whole points of {layout}, {fields} each", numbers.len());
            return Err(Error::Block(BlockError::Geometry { reason }));
        }
        let meta = PointCloudMeta::new((numbers.len() / fields) as u64, layout, T::DTYPE)?;
        let mut cloud = PointCloudBuffer::in_pool(&join::participant()?, meta)?;
        cloud.data_mut().copy_from_slice(bytemuck::cast_slice(numbers));
        Ok(cloud.freeze())
    }

    /// Returns the number of points.
    pub fn len(&self) -> usize {
        self.meta().count as usize
    }

    /// Returns whether it has no points.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns what the numbers of a point are.
    pub fn layout(&self) -> PointLayout {
        self.meta().layout
    }

    /// Returns the numbers, point by point, if they are f32. Copies nothing.
    ///
    /// `points_f32()?.chunks_exact(fields)` gives the points.
    pub fn points_f32(&self) -> Option<&[f32]> {
        self.as_slice()
    }

    /// Returns the numbers, point by point, if they are f64. Copies nothing.
    pub fn points_f64(&self) -> Option<&[f64]> {
        self.as_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::tests::{encoded, flip_every_bit};

    #[test]
    fn every_layout_leads_back() {
        for layout in PointLayout::ALL {
            assert_eq!(layout.name().parse(), Ok(layout));
            assert_eq!(PointLayout::from_fields(layout.fields().into()), Some(layout));
            for dtype in PointCloudMeta::DTYPES {
                for count in [0, 1, 1000] {
                    let meta = PointCloudMeta::new(count, layout, dtype).unwrap();
                    let bytes = encoded(&meta.to_block());
                    assert_eq!(PointCloudMeta::decode(&bytes, meta.block_bytes()), Ok(meta));
                    assert!(PointCloudMeta::decode(&bytes, meta.block_bytes() - 1).is_err());
                }
            }
        }
        assert_eq!(PointLayout::from_code(0), None);
        let error = "xyzt".parse::<PointLayout>().unwrap_err().to_string();
        assert_eq!(error, "point layout \"xyzt\" isn't known; one of xyz, xyzi, xyzrgb");
    }

    #[test]
    fn what_no_program_writes_is_refused() {
        let error = PointCloudMeta::new(1, PointLayout::Xyz, Dtype::U8).unwrap_err().to_string();
        assert_eq!(error, "point dtype \"u8\" isn't known; one of f32, f64");
        assert!(PointCloudMeta::new(u64::MAX / 2, PointLayout::Xyz, Dtype::F32).is_err());
        for (dtype, layout, shape, strides) in [
            (Dtype::F32, 0, &[2, 3][..], &[12, 4][..]),
            (Dtype::F32, 2, &[2, 3], &[12, 4]),
            (Dtype::F32, 1, &[2, 3], &[16, 4]),
            (Dtype::F32, 1, &[2, 3], &[4, 8]),
            (Dtype::I32, 1, &[2, 3], &[12, 4]),
            (Dtype::F32, 1, &[6], &[4]),
            (Dtype::F32, 1, &[], &[]),
            (Dtype::F32, 1, &[0, 4], &[12, 4]),
        ] {
            let block = BlockMeta::new(Kind::PointCloud, dtype, layout, shape, strides).unwrap();
            let refused = PointCloudMeta::decode(&encoded(&block), 4096);
            assert!(matches!(refused, Err(BlockError::Malformed { .. })), "{block:?}");
        }
    }

    #[test]
    fn no_flipped_bit_leads_outside_the_block() {
        flip_every_bit(&PointCloudMeta::new(5, PointLayout::Xyzi, Dtype::F32).unwrap());
        flip_every_bit(&PointCloudMeta::new(0, PointLayout::Xyz, Dtype::F64).unwrap());
    }
}
