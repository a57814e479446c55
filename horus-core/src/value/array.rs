//! Numbers of one type in some dimensions.

use super::Value;
use super::number::half;
use crate::dtype::Dtype;
use crate::error::ValueError;

/// Most dimensions that an array may have; numpy's own limit is 64.
pub(crate) const DIMENSIONS_MAX: usize = 64;

/// Numbers of one type in zero or more dimensions, in C order, little-endian, without gaps.
///
/// # Examples
/// ```
/// use horus_core::{Dtype, NdArray, Value};
/// let array = NdArray::new(Dtype::U8, vec![2, 3], vec![1, 2, 3, 4, 5, 6])?;
/// let Some(Value::Array(row)) = array.item(1) else { unreachable!("an item of two dimensions is an array") };
/// assert_eq!((row.shape(), row.item(0)), (&[3][..], Some(Value::Int(4))));
/// # Ok::<(), horus_core::ValueError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NdArray {
    dtype: Dtype,
    shape: Vec<u64>,
    data: Vec<u8>,
}

impl NdArray {
    /// Returns the array of these numbers.
    ///
    /// # Errors
    /// If the shape has more than 64 dimensions or doesn't fit the number of bytes.
    pub fn new(dtype: Dtype, shape: Vec<u64>, data: Vec<u8>) -> Result<Self, ValueError> {
        if shape.len() > DIMENSIONS_MAX {
            let reason =
                format!("an array of {} dimensions exceeds the limit of {DIMENSIONS_MAX}", shape.len());
            return Err(ValueError::new(reason));
        }
        let bytes = shape.iter().try_fold(u64::from(dtype.size()), |bytes, count| bytes.checked_mul(*count));
        // A zero may stand behind a product that has overflown already: no array is that large before it.
        if bytes != Some(data.len() as u64) {
            let reason = format!("{} bytes are no array of {dtype} with the shape {shape:?}", data.len());
            return Err(ValueError::new(reason));
        }
        Ok(Self { dtype, shape, data })
    }

    /// Returns the type of the numbers.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Returns the number of items in each dimension.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Returns the numbers as bytes, C order, little-endian.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Returns an item of the first dimension: an array of the other dimensions, or a number if there are none.
    pub fn item(&self, index: usize) -> Option<Value> {
        let (&count, rest) = self.shape.split_first()?;
        if index as u64 >= count {
            return None;
        }
        let bytes = self.data.len() / count as usize;
        let part = &self.data[index * bytes..(index + 1) * bytes];
        Some(match rest {
            [] => scalar(self.dtype, part),
            rest => Value::Array(Self { dtype: self.dtype, shape: rest.to_vec(), data: part.to_vec() }),
        })
    }

    /// Returns the numbers in C order, as values.
    pub fn scalars(&self) -> impl ExactSizeIterator<Item = Value> + '_ {
        self.data.chunks_exact(self.dtype.size() as usize).map(|bytes| scalar(self.dtype, bytes))
    }
}

/// Returns the number that these bytes are; there must be as many as the type has.
pub(crate) fn scalar(dtype: Dtype, bytes: &[u8]) -> Value {
    fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
        bytes[..N].try_into().expect("a slice of N bytes")
    }
    match dtype {
        Dtype::U8 => Value::Int(bytes[0].into()),
        Dtype::U16 => Value::Int(u16::from_le_bytes(fixed(bytes)).into()),
        Dtype::U32 => Value::Int(u32::from_le_bytes(fixed(bytes)).into()),
        Dtype::U64 => u64::from_le_bytes(fixed(bytes)).into(),
        Dtype::I8 => Value::Int((bytes[0] as i8).into()),
        Dtype::I16 => Value::Int(i16::from_le_bytes(fixed(bytes)).into()),
        Dtype::I32 => Value::Int(i32::from_le_bytes(fixed(bytes)).into()),
        Dtype::I64 => Value::Int(i64::from_le_bytes(fixed(bytes))),
        Dtype::F32 => Value::Float32(f32::from_le_bytes(fixed(bytes))),
        Dtype::F64 => Value::Float(f64::from_le_bytes(fixed(bytes))),
        Dtype::F16 => Value::Float32(half(u16::from_le_bytes(fixed(bytes)))),
        Dtype::Bool => Value::Bool(bytes[0] != 0),
        Dtype::C64 => Value::List(vec![scalar(Dtype::F32, bytes), scalar(Dtype::F32, &bytes[4..])]),
        Dtype::C128 => Value::List(vec![scalar(Dtype::F64, bytes), scalar(Dtype::F64, &bytes[8..])]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape_and_bytes_must_agree() {
        assert!(NdArray::new(Dtype::F32, vec![2, 3], vec![0; 24]).is_ok());
        assert!(NdArray::new(Dtype::F32, vec![], vec![0; 4]).is_ok());
        assert!(NdArray::new(Dtype::F32, vec![0, 3], vec![]).is_ok());
        for shape in [vec![2, 3], vec![u64::MAX, 2], vec![1 << 62, 4]] {
            assert!(NdArray::new(Dtype::F32, shape, vec![0; 23]).is_err());
        }
        assert!(NdArray::new(Dtype::U8, vec![1; 65], vec![0]).is_err());
    }

    #[test]
    fn items_lose_the_first_dimension() {
        let array = NdArray::new(Dtype::I16, vec![2, 2], vec![1, 0, 2, 0, 3, 0, 255, 255]).unwrap();
        let Some(Value::Array(row)) = array.item(1) else { panic!("a row") };
        assert_eq!(row.shape(), [2]);
        assert_eq!(row.scalars().collect::<Vec<_>>(), [Value::Int(3), Value::Int(-1)]);
        assert_eq!(row.item(0), Some(Value::Int(3)));
        assert_eq!(row.item(2), None);
        assert_eq!(array.item(2), None);
    }
}
