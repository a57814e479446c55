//! Numbers from where they lie in a block into C order, and back.

use super::BlockMeta;
use crate::error::BlockError;
use crate::value::NdArray;

/// Copies the numbers of a block one after the other. The caller has checked that they lie within it.
///
/// # Errors
/// If they overlap: strides of zero let a small block stand for more numbers than memory has.
pub(crate) fn without_gaps(meta: &BlockMeta, numbers: &[u8]) -> Result<NdArray, BlockError> {
    let bytes =
        meta.shape().iter().try_fold(u64::from(meta.dtype.size()), |bytes, count| bytes.checked_mul(*count));
    let Some(bytes) = bytes.filter(|bytes| *bytes <= numbers.len() as u64) else {
        return Err(BlockError::Malformed { reason: "its numbers overlap".into() });
    };
    let mut data = Vec::with_capacity(bytes as usize);
    walk(meta, |at, run| data.extend_from_slice(&numbers[at..at + run]));
    NdArray::new(meta.dtype, meta.shape().to_vec(), data)
        .map_err(|error| BlockError::Malformed { reason: error.to_string() })
}

/// Copies numbers in C order to where they belong in a block; what is between them stays as it is.
pub(crate) fn with_gaps(meta: &BlockMeta, data: &[u8], numbers: &mut [u8]) {
    let mut rest = data;
    walk(meta, |at, run| {
        let (part, left) = rest.split_at(run);
        numbers[at..at + run].copy_from_slice(part);
        rest = left;
    });
}

/// Calls `visit` with place and length of each run of bytes that lie side by side, in C order.
fn walk(meta: &BlockMeta, mut visit: impl FnMut(usize, usize)) {
    if !meta.shape().contains(&0) {
        descend(meta.shape(), meta.strides(), meta.dtype.size().into(), 0, &mut visit);
    }
}

fn descend(shape: &[u64], strides: &[u64], item_bytes: u64, at: u64, visit: &mut impl FnMut(usize, usize)) {
    let dense = (0..shape.len())
        .all(|i| shape[i] == 1 || strides[i] == shape[i + 1..].iter().product::<u64>() * item_bytes);
    if dense {
        let run = shape.iter().product::<u64>() * item_bytes;
        return visit(at as usize, run as usize);
    }
    for index in 0..shape[0] {
        descend(&shape[1..], &strides[1..], item_bytes, at + index * strides[0], visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dtype, Kind, Value};

    #[test]
    fn rows_are_joined_without_their_gaps() {
        let meta = BlockMeta::new(Kind::Image, Dtype::U8, 1, &[2, 2, 3], &[8, 3, 1]).unwrap();
        let numbers: Vec<u8> = (0..16).collect();
        let array = without_gaps(&meta, &numbers).unwrap();
        assert_eq!(array.data(), [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13]);
        let mut back = vec![99; 16];
        with_gaps(&meta, array.data(), &mut back);
        assert_eq!(back, [0, 1, 2, 3, 4, 5, 99, 99, 8, 9, 10, 11, 12, 13, 99, 99]);
    }

    #[test]
    fn any_strides_are_followed() {
        let transposed = BlockMeta::new(Kind::Tensor, Dtype::U16, 0, &[3, 2], &[2, 6]).unwrap();
        let numbers: Vec<u8> = [1u16, 2, 3, 4, 5, 6].into_iter().flat_map(u16::to_le_bytes).collect();
        let array = without_gaps(&transposed, &numbers).unwrap();
        let read: Vec<Value> = array.scalars().collect();
        assert_eq!(read, [1, 4, 2, 5, 3, 6].map(Value::Int));
        let mut back = vec![0; 12];
        with_gaps(&transposed, array.data(), &mut back);
        assert_eq!(back, numbers);
        let repeated = BlockMeta::new(Kind::Tensor, Dtype::U8, 0, &[1 << 40], &[0]).unwrap();
        assert!(without_gaps(&repeated, &[7]).is_err());
        let none = BlockMeta::new(Kind::Tensor, Dtype::U8, 0, &[0, 5], &[5, 1]).unwrap();
        assert_eq!(without_gaps(&none, &[]).unwrap().shape(), [0, 5]);
        let single = BlockMeta::new(Kind::Tensor, Dtype::U16, 0, &[], &[]).unwrap();
        let array = without_gaps(&single, &[7, 1]).unwrap();
        assert_eq!((array.shape(), array.data()), (&[][..], &[7, 1][..]));
    }
}
