//! How a block of the pool is described: the same for images, depth images, point clouds and tensors.
//!
//! The ring carries the descriptor: the transport's 32 bytes that say which block, then what [`BlockMeta`] encodes. The
//! block begins with a [`BlockHead`], then come the numbers. `docs/shared-memory.md` draws both, and a test below holds
//! the drawing.

mod element;
mod pooled;
mod strided;

pub use element::Element;
pub use pooled::Geometry;
pub(crate) use pooled::{Buffer, Frozen, pool_backed};
pub(crate) use strided::{with_gaps, without_gaps};

use crate::dtype::Dtype;
use crate::error::BlockError;
use crate::kind::Kind;
use crate::messages::FRAME_ID_BYTES;
use crate::text::{FixedStr, TooLong};

/// The longest description in bytes: that of 8 dimensions.
pub const META_BYTES_MAX: usize = 8 + 16 * DIMENSIONS_MAX;
/// The bytes before the numbers in a block.
pub const HEAD_BYTES: usize = 64;
/// Most dimensions that a block may have.
pub(crate) const DIMENSIONS_MAX: usize = 8;
const VERSION: u8 = 1;

/// What the numbers in a block are, as the descriptor tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockMeta {
    /// What they make: an image, a point cloud, …
    pub kind: Kind,
    /// The type of each number.
    pub dtype: Dtype,
    /// The encoding of an image, the layout of a point cloud, else 0.
    pub encoding: u8,
    dimensions: u8,
    shape: [u64; DIMENSIONS_MAX],
    strides: [u64; DIMENSIONS_MAX],
}

impl BlockMeta {
    /// Returns the description of numbers with this shape and these strides in bytes.
    ///
    /// # Errors
    /// [`BlockError::Geometry`] if there are more than 8 dimensions, not as many strides, or the extent overflows.
    pub fn new(
        kind: Kind,
        dtype: Dtype,
        encoding: u8,
        shape: &[u64],
        strides: &[u64],
    ) -> Result<Self, BlockError> {
        let refuse = |reason: String| Err(BlockError::Geometry { reason });
        if shape.len() > DIMENSIONS_MAX {
            return refuse(format!("{} dimensions exceed the limit of {DIMENSIONS_MAX}", shape.len()));
        }
        if shape.len() != strides.len() {
            return refuse(format!("{} dimensions with {} strides", shape.len(), strides.len()));
        }
        let mut meta = Self {
            kind,
            dtype,
            encoding,
            dimensions: shape.len() as u8,
            shape: [0; DIMENSIONS_MAX],
            strides: [0; DIMENSIONS_MAX],
        };
        meta.shape[..shape.len()].copy_from_slice(shape);
        meta.strides[..strides.len()].copy_from_slice(strides);
        match meta.checked_extent() {
            Some(_) => Ok(meta),
            None => refuse(format!("shape {shape:?} with strides {strides:?} has no end")),
        }
    }

    /// Returns the number of items in each dimension.
    pub fn shape(&self) -> &[u64] {
        &self.shape[..self.dimensions.into()]
    }

    /// Returns the way from one item to the next in each dimension, in bytes.
    pub fn strides(&self) -> &[u64] {
        &self.strides[..self.dimensions.into()]
    }

    /// Returns whether the numbers follow each other without gaps, the last dimension first: C order.
    ///
    /// The stride of a dimension with one item stands for nothing.
    pub fn is_dense(&self) -> bool {
        let mut inner = u64::from(self.dtype.size());
        self.shape().contains(&0)
            || self.shape().iter().zip(self.strides()).rev().all(|(count, stride)| {
                let fits = *count == 1 || *stride == inner;
                inner = inner.saturating_mul(*count);
                fits
            })
    }

    /// Returns the bytes from the first number to the end of the last; 0 if there are none.
    pub fn extent(&self) -> u64 {
        self.checked_extent().expect("checked when it was made")
    }

    fn checked_extent(&self) -> Option<u64> {
        if self.shape().contains(&0) {
            return Some(0);
        }
        let mut steps =
            self.shape().iter().zip(self.strides()).map(|(count, stride)| (count - 1).checked_mul(*stride));
        let extent = steps.try_fold(u64::from(self.dtype.size()), |sum, step| sum.checked_add(step?))?;
        (extent <= i64::MAX as u64).then_some(extent)
    }

    /// Writes the description into `out` and returns how many bytes it takes.
    pub fn encode(&self, out: &mut [u8; META_BYTES_MAX]) -> usize {
        let count = usize::from(self.dimensions);
        out[..8].copy_from_slice(&[
            VERSION,
            self.kind as u8,
            self.dtype as u8,
            self.dimensions,
            self.encoding,
            0,
            0,
            0,
        ]);
        let words = self.shape().iter().chain(self.strides());
        for (word, place) in words.zip(out[8..].chunks_exact_mut(8)) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        8 + 16 * count
    }

    /// Returns the description that these bytes hold, of a block of `block_bytes` with its head. Safe on any bytes.
    ///
    /// # Errors
    /// [`BlockError::Malformed`] tells what no program writes; [`BlockError::Bounds`] if the numbers would end outside
    /// the block.
    pub fn decode(meta: &[u8], block_bytes: u64) -> Result<Self, BlockError> {
        let malformed = |reason: String| BlockError::Malformed { reason };
        let Some((head, words)) = meta.split_first_chunk::<8>() else {
            return Err(malformed(format!("it has {} bytes", meta.len())));
        };
        let [version, kind, dtype, count, encoding, zero @ ..] = *head;
        if version != VERSION || zero != [0; 3] {
            return Err(malformed(format!("version {version}, this program knows {VERSION}")));
        }
        let kind = Kind::from_code(kind)
            .filter(|kind| kind.is_pool_backed())
            .ok_or_else(|| malformed(format!("kind {kind}")))?;
        let dtype = Dtype::from_code(dtype).ok_or_else(|| malformed(format!("dtype {dtype}")))?;
        let count = usize::from(count);
        if count > DIMENSIONS_MAX || words.len() != 16 * count {
            return Err(malformed(format!("{count} dimensions in {} bytes", meta.len())));
        }
        let mut numbers =
            words.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("8 bytes")));
        let (mut shape, mut strides) = ([0; DIMENSIONS_MAX], [0; DIMENSIONS_MAX]);
        shape[..count].iter_mut().zip(&mut numbers).for_each(|(place, number)| *place = number);
        strides[..count].iter_mut().zip(&mut numbers).for_each(|(place, number)| *place = number);
        let meta = Self::new(kind, dtype, encoding, &shape[..count], &strides[..count])
            .map_err(|error| malformed(error.to_string()))?;
        let needed = meta.extent() + HEAD_BYTES as u64;
        if needed > block_bytes {
            return Err(BlockError::Bounds { needed, available: block_bytes });
        }
        Ok(meta)
    }
}

/// What stands before the numbers in a block: 64 bytes, of which the last 24 are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockHead {
    /// When it was captured, in nanoseconds; 0 if nobody said.
    pub timestamp_ns: u64,
    /// The coordinate frame of the sensor; empty if nobody said.
    pub frame_id: FixedStr<FRAME_ID_BYTES>,
}

impl BlockHead {
    /// Returns a head with this frame's name.
    ///
    /// # Errors
    /// [`TooLong`] if the name has more than 32 bytes.
    pub fn new(timestamp_ns: u64, frame_id: &str) -> Result<Self, TooLong> {
        Ok(Self { timestamp_ns, frame_id: FixedStr::new(frame_id)? })
    }

    /// Returns the bytes as they stand in the block.
    pub fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut out = [0; HEAD_BYTES];
        out[..8].copy_from_slice(&self.timestamp_ns.to_le_bytes());
        out[8..8 + FRAME_ID_BYTES].copy_from_slice(bytemuck::bytes_of(&self.frame_id));
        out
    }

    /// Returns the head that these bytes hold; any bytes are one.
    pub fn decode(bytes: &[u8; HEAD_BYTES]) -> Self {
        Self {
            timestamp_ns: u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")),
            frame_id: bytemuck::pod_read_unaligned(&bytes[8..8 + FRAME_ID_BYTES]),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn encoded(meta: &BlockMeta) -> Vec<u8> {
        let mut out = [0; META_BYTES_MAX];
        let n = meta.encode(&mut out);
        out[..n].to_vec()
    }

    /// Reads the descriptor with each bit flipped and cut at each byte: what is accepted lies within the block.
    pub(crate) fn flip_every_bit<G: Geometry>(geometry: &G) {
        let good = encoded(&geometry.to_block());
        let block_bytes = geometry.block_bytes();
        assert_eq!(G::decode(&good, block_bytes).as_ref(), Ok(geometry));
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(read) = G::decode(&bytes, block_bytes) {
                assert!(read.block_bytes() <= block_bytes, "bit {bit}: {read:?}");
                assert!(read.to_block().extent() <= read.data_bytes(), "bit {bit}: {read:?}");
                let numbers = vec![0; geometry.data_bytes() as usize];
                let array = without_gaps(&read.to_block(), &numbers);
                assert!(array.is_ok(), "bit {bit}: {read:?}");
            }
        }
        for cut in 0..good.len() {
            assert!(G::decode(&good[..cut], block_bytes).is_err());
        }
    }

    const PAGE: &str = include_str!("../../docs/shared-memory.md");

    /// The offset that the page gives a name, after a line that begins so.
    fn drawn(after: &str, name: &str) -> usize {
        let rows = PAGE.split_once(after).unwrap().1.lines();
        let rows = rows.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
        let row = rows.into_iter().find(|row| row.get(3) == Some(&format!("`{name}`").as_str())).unwrap();
        usize::from_str_radix(row[1].trim_matches('`').trim_start_matches("0x"), 16).unwrap()
    }

    #[test]
    fn the_bytes_stand_where_the_page_draws_them() {
        let meta = BlockMeta::new(Kind::Image, Dtype::U16, 6, &[0x1122, 3], &[0x3344, 2]).unwrap();
        let bytes = encoded(&meta);
        let place = |name| drawn("## What the kinds of messages add", name);
        let single = ["version", "kind", "dtype", "dimensions", "encoding"].map(|name| bytes[place(name)]);
        assert_eq!(single, [1, 3, 2, 2, 6]);
        assert_eq!(bytes[place("zero")..][..3], [0; 3]);
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let words = [0, 8, 16, 24].map(|way| word(place("shape") + way));
        assert_eq!((words, bytes.len()), ([0x1122, 3, 0x3344, 2], place("shape") + 32));

        let head = BlockHead::new(0x0102, "camera").unwrap().encode();
        let place = |name| drawn("In the block a head stands", name);
        assert_eq!(head[place("timestamp_ns")..][..2], [2, 1]);
        assert_eq!(head[place("frame_id")..][..7], *b"camera\0");
        assert!(head[place("zero")..].iter().all(|byte| *byte == 0));
        assert_eq!((place("zero"), place("numbers")), (place("frame_id") + FRAME_ID_BYTES, HEAD_BYTES));
    }

    #[test]
    fn the_page_lists_every_code() {
        let listed = |names: Vec<(u8, &str)>| {
            names.iter().map(|(code, name)| format!("{code} {name}")).collect::<Vec<_>>().join(", ")
        };
        let encodings = crate::Encoding::ALL.map(|encoding| (encoding as u8, encoding.name()));
        let layouts = crate::PointLayout::ALL.map(|layout| (layout as u8, layout.name()));
        let kinds = Kind::ALL.into_iter().filter(|kind| kind.is_pool_backed());
        for list in [
            listed(Dtype::ALL.map(|dtype| (dtype as u8, dtype.name())).to_vec()),
            listed(encodings.to_vec()),
            listed(layouts.to_vec()),
            listed(kinds.map(|kind| (kind as u8, kind.name())).collect()),
        ] {
            assert!(PAGE.contains(&list), "{list}");
        }
    }

    #[test]
    fn the_longest_description_fits_a_slot() {
        let meta =
            BlockMeta::new(Kind::Tensor, Dtype::F32, 0, &[2; 8], &[512, 256, 128, 64, 32, 16, 8, 4]).unwrap();
        let bytes = encoded(&meta);
        assert_eq!(bytes.len(), 136);
        assert_eq!(meta.extent(), 1020 + 4);
        assert_eq!(BlockMeta::decode(&bytes, 64 + 1024), Ok(meta));
        let short = BlockMeta::decode(&bytes, 64 + 1023);
        assert_eq!(short, Err(BlockError::Bounds { needed: 1088, available: 1087 }));
    }

    #[test]
    fn no_flipped_bit_leads_outside_the_block() {
        let meta = BlockMeta::new(Kind::Image, Dtype::U8, 1, &[4, 5, 3], &[16, 3, 1]).unwrap();
        let good = encoded(&meta);
        assert_eq!(meta.extent(), 3 * 16 + 15);
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(read) = BlockMeta::decode(&bytes, 64 + meta.extent()) {
                assert!(read.extent() <= meta.extent(), "bit {bit}: {read:?}");
            }
        }
        for cut in 0..good.len() {
            assert!(BlockMeta::decode(&good[..cut], 1 << 20).is_err());
        }
    }

    #[test]
    fn a_single_number_has_no_dimensions() {
        let meta = BlockMeta::new(Kind::Tensor, Dtype::F64, 0, &[], &[]).unwrap();
        let bytes = encoded(&meta);
        assert_eq!((bytes.len(), meta.extent(), meta.is_dense()), (8, 8, true));
        assert_eq!(BlockMeta::decode(&bytes, 64 + 8), Ok(meta));
        assert!(BlockMeta::decode(&bytes, 64 + 7).is_err());
        let nine = BlockMeta::new(Kind::Tensor, Dtype::U8, 0, &[1; 9], &[1; 9]);
        assert_eq!(nine.unwrap_err().to_string(), "9 dimensions exceed the limit of 8");
        assert!(BlockMeta::new(Kind::Tensor, Dtype::U8, 0, &[1], &[]).is_err());
    }

    #[test]
    fn dense_is_c_order_without_gaps() {
        let dense = |shape: &[u64], strides: &[u64]| {
            BlockMeta::new(Kind::Tensor, Dtype::F32, 0, shape, strides).unwrap().is_dense()
        };
        assert!(dense(&[2, 3], &[12, 4]));
        assert!(!dense(&[2, 3], &[4, 8]));
        assert!(!dense(&[2, 3], &[16, 4]));
        assert!(dense(&[2, 1], &[4, 99]));
        assert!(dense(&[0, 3], &[99, 99]));
    }

    #[test]
    fn overflowing_extents_are_refused() {
        let huge = [u64::MAX, u64::MAX];
        assert!(BlockMeta::new(Kind::Tensor, Dtype::F64, 0, &huge, &huge).is_err());
        assert!(BlockMeta::new(Kind::Tensor, Dtype::F64, 0, &[1 << 62, 2], &[2, 1]).is_err());
        assert_eq!(BlockMeta::new(Kind::Tensor, Dtype::F64, 0, &[0, u64::MAX], &[8, 8]).unwrap().extent(), 0);
    }

    #[test]
    fn heads_lead_back() {
        let head = BlockHead::new(7, "camera").unwrap();
        assert_eq!(BlockHead::decode(&head.encode()), head);
        assert!(BlockHead::new(0, &"x".repeat(33)).is_err());
    }
}
