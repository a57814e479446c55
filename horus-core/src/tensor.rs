//! Numbers of any shape in shared memory.

use crate::block::{BlockMeta, Element, Geometry, pool_backed};
use crate::dtype::Dtype;
use crate::error::{BlockError, Error, Result};
use crate::join;
use crate::kind::Kind;
use crate::value::NdArray;

/// The geometry of a tensor: 0 to 8 dimensions of any [`Dtype`], in any order, without overlap.
///
/// # Examples
/// ```
/// use horus_core::{Dtype, Geometry, TensorMeta};
///
/// let image = TensorMeta::new(Dtype::F32, &[3, 480, 640])?;
/// assert_eq!((image.strides(), image.data_bytes()), (&[480 * 640 * 4, 640 * 4, 4][..], 3 * 480 * 640 * 4));
/// let channels_last = TensorMeta::with_strides(Dtype::F32, &[3, 480, 640], &[4, 640 * 12, 12])?;
/// assert!(!channels_last.is_c_order());
/// let overlapping = TensorMeta::with_strides(Dtype::U8, &[4], &[0]).unwrap_err();
/// assert_eq!(overlapping.to_string(), "shape [4] with strides [0] overlaps");
/// # Ok::<(), horus_core::BlockError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TensorMeta(BlockMeta);

impl TensorMeta {
    /// The topic where a tensor goes when none is named.
    pub const TOPIC: &'static str = "tensor";

    /// Returns the geometry of numbers in C order: the last dimension's lie side by side.
    ///
    /// # Errors
    /// [`BlockError::Geometry`] for more than 8 dimensions or more numbers than memory has.
    pub fn new(dtype: Dtype, shape: &[u64]) -> Result<Self, BlockError> {
        let strides = c_strides(dtype, shape)?;
        Self::with_strides(dtype, shape, &strides)
    }

    /// Returns the geometry of numbers that lie `strides` bytes apart in each dimension.
    ///
    /// # Errors
    /// As [`TensorMeta::new`], and if there are not as many strides as dimensions, one is no multiple of the item, or
    /// two numbers would overlap.
    pub fn with_strides(dtype: Dtype, shape: &[u64], strides: &[u64]) -> Result<Self, BlockError> {
        let refuse = |reason: String| Err(BlockError::Geometry { reason });
        let block = BlockMeta::new(Kind::Tensor, dtype, 0, shape, strides)?;
        // Also bounds what a zero elsewhere in the shape would hide: views compute the same product without it.
        c_strides(dtype, shape)?;
        let item = u64::from(dtype.size());
        if let Some(stride) = strides.iter().find(|s| !s.is_multiple_of(item) || **s > i64::MAX as u64) {
            return refuse(format!("a stride of {stride} bytes is no multiple of {item} bytes, a {dtype}"));
        }
        let mut steps: Vec<_> = strides.iter().zip(shape).filter(|(_, count)| **count > 1).collect();
        steps.sort_unstable();
        let mut inner = Some(item);
        for (stride, count) in steps {
            let Some(extent) = inner else { break };
            if *stride < extent {
                return refuse(format!("shape {shape:?} with strides {strides:?} overlaps"));
            }
            inner = stride.checked_mul(count - 1).and_then(|way| way.checked_add(extent));
        }
        match inner {
            Some(bytes) if bytes <= i64::MAX as u64 / 2 => Ok(Self(block)),
            _ => refuse(format!("shape {shape:?} with strides {strides:?} exceeds all memory")),
        }
    }

    /// Returns the type of each number.
    pub fn dtype(&self) -> Dtype {
        self.0.dtype
    }

    /// Returns the number of items in each dimension; none for a single number.
    pub fn shape(&self) -> &[u64] {
        self.0.shape()
    }

    /// Returns the bytes from one item to the next in each dimension.
    pub fn strides(&self) -> &[u64] {
        self.0.strides()
    }

    /// Returns how many numbers there are.
    pub fn count(&self) -> u64 {
        self.shape().iter().product()
    }

    /// Returns whether its strides are those that [`TensorMeta::new`] gives.
    pub fn is_c_order(&self) -> bool {
        Self::new(self.dtype(), self.shape()).as_ref() == Ok(self)
    }
}

impl std::fmt::Debug for TensorMeta {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TensorMeta")
            .field("dtype", &self.dtype())
            .field("shape", &self.shape())
            .field("strides", &self.strides())
            .finish()
    }
}

/// Returns the strides of C order; a dimension of no items counts as one, as in numpy.
fn c_strides(dtype: Dtype, shape: &[u64]) -> Result<Vec<u64>, BlockError> {
    let mut inner = Some(u64::from(dtype.size()));
    let mut strides = vec![0; shape.len()];
    for (place, count) in strides.iter_mut().zip(shape).rev() {
        *place = inner.unwrap_or(0);
        inner = inner.and_then(|bytes| bytes.checked_mul(*count.max(&1)));
    }
    match inner {
        Some(bytes) if bytes <= i64::MAX as u64 / 2 => Ok(strides),
        _ => Err(BlockError::Geometry { reason: format!("shape {shape:?} of {dtype} exceeds all memory") }),
    }
}

impl Geometry for TensorMeta {
    const KIND: Kind = Kind::Tensor;

    fn to_block(&self) -> BlockMeta {
        self.0
    }

    fn from_block(block: &BlockMeta) -> Result<Self, BlockError> {
        let malformed = |reason: String| BlockError::Malformed { reason };
        if block.encoding != 0 {
            return Err(malformed(format!("a tensor has no encoding {}", block.encoding)));
        }
        Self::with_strides(block.dtype, block.shape(), block.strides())
            .map_err(|error| malformed(error.to_string()))
    }

    fn data_bytes(&self) -> u64 {
        self.0.extent()
    }
}

pool_backed! {
    /// A tensor to write: a block of this process's pool, so that sending it copies nothing.
    ///
    /// # Examples
    /// ```no_run
    /// use horus_core::{Dtype, Publisher, TensorBuffer};
    ///
    /// let mut features = Publisher::new("tensor")?;
    /// let mut tensor = TensorBuffer::new(Dtype::F32, &[1, 512])?;
    /// if let Some(numbers) = tensor.as_mut_slice::<f32>() {
    ///     numbers.fill(0.0);
    /// }
    /// features.send(&tensor.freeze())?;
    /// # Ok::<(), horus_core::Error>(())
    /// ```
    TensorBuffer,
    /// Numbers of one type in 0 to 8 dimensions that nobody writes to.
    ///
    /// # Examples
    /// ```no_run
    /// use horus_core::{Publisher, Subscriber, Tensor};
    ///
    /// let mut seen = Subscriber::<Tensor>::new("tensor")?;
    /// Publisher::new("tensor")?.send(&Tensor::from_slice(&[2, 3], &[1i64, 2, 3, 4, 5, 6])?)?;
    /// if let Some(tensor) = seen.recv()? {
    ///     println!("{:?} of {}", tensor.shape(), tensor.dtype());
    ///     // Where they lie, if they are i64 in C order; else a copy in C order.
    ///     match tensor.as_slice::<i64>() {
    ///         Some(numbers) => println!("{numbers:?}"),
    ///         None => println!("{:?}", tensor.to_array()?.shape()),
    ///     }
    /// }
    /// # Ok::<(), horus_core::Error>(())
    /// ```
    Tensor,
    TensorMeta
}

impl TensorBuffer {
    /// Returns a tensor in C order in the pool of this process's default namespace; what its numbers are is left over
    /// from before.
    ///
    /// Takes a free block, or makes one.
    ///
    /// # Errors
    /// A shape that no tensor has; no room in shared memory.
    pub fn new(dtype: Dtype, shape: &[u64]) -> Result<Self> {
        let meta = TensorMeta::new(dtype, shape)?;
        Ok(Self::in_pool(&join::participant()?, meta)?)
    }
}

impl Tensor {
    /// Returns a tensor of these numbers, given in C order. Copies them once.
    ///
    /// # Errors
    /// Another count than the shape asks for; no room in shared memory.
    pub fn from_slice<T: Element>(shape: &[u64], numbers: &[T]) -> Result<Self> {
        Self::from_bytes(T::DTYPE, shape, bytemuck::cast_slice(numbers))
    }

    /// Returns a tensor of these numbers, in C order, little-endian. Copies them once.
    ///
    /// # Errors
    /// Another number of bytes than the shape asks for; no room in shared memory.
    pub fn from_bytes(dtype: Dtype, shape: &[u64], data: &[u8]) -> Result<Self> {
        let meta = TensorMeta::new(dtype, shape)?;
        if meta.data_bytes() != data.len() as u64 {
            let error = BlockError::Bounds { needed: meta.data_bytes(), available: data.len() as u64 };
            return Err(Error::Block(error));
        }
        let mut tensor = TensorBuffer::in_pool(&join::participant()?, meta)?;
        tensor.data_mut().copy_from_slice(data);
        Ok(tensor.freeze())
    }

    /// Returns the type of each number.
    pub fn dtype(&self) -> Dtype {
        self.0.geometry().dtype()
    }

    /// Returns the number of items in each dimension; none for a single number.
    pub fn shape(&self) -> &[u64] {
        self.0.geometry().shape()
    }

    /// Returns the bytes from one item to the next in each dimension.
    pub fn strides(&self) -> &[u64] {
        self.0.geometry().strides()
    }

    /// Returns the numbers in C order, whatever order they lie in. Copies them.
    ///
    /// # Errors
    /// [`BlockError::Forked`] in a child forked from the process that made it.
    pub fn to_array(&self) -> Result<NdArray, BlockError> {
        let meta = self.0.geometry();
        match self.data().len() as u64 == meta.data_bytes() {
            true => crate::block::without_gaps(&meta.to_block(), self.data()),
            false => Err(BlockError::Forked),
        }
    }
}

#[cfg(test)]
#[path = "tensor/tests.rs"]
mod tests;
