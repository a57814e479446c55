//! Numbers in any of the ways a value can hold them.

use crate::dtype::Dtype;
use crate::error::{Segment, ValueError};
use crate::value::{NdArray, Value, write_number};
use std::borrow::Cow;

/// The numbers under a key: what is known of them without knowing what they should be.
pub(super) struct Numbers<'a> {
    value: &'a Value,
    /// Of lists as deep as they are alike, so that complex numbers count as a dimension of two; nothing of bytes.
    shape: Option<Vec<u64>>,
    dtype: Option<Dtype>,
}

impl<'a> Numbers<'a> {
    /// Returns what the value tells of itself.
    pub(super) fn of(value: &'a Value) -> Result<Self, ValueError> {
        let (shape, dtype) = match value {
            Value::Array(array) => (Some(array.shape().to_vec()), Some(array.dtype())),
            Value::Bytes(_) => (None, None),
            Value::List(_) => (Some(shape_of(value)), Some(dtype_of(value))),
            Value::Int(_) | Value::UInt(_) | Value::Float(_) | Value::Float32(_) | Value::Bool(_) => {
                (Some(Vec::new()), Some(dtype_of(value)))
            }
            other => {
                let reason = format!("expected an array, lists of numbers or bytes, found {}", other.what());
                return Err(ValueError::new(reason));
            }
        };
        Ok(Self { value, shape, dtype })
    }

    /// Returns the number of items in each dimension; nothing of bytes.
    pub(super) fn shape(&self) -> Option<&[u64]> {
        self.shape.as_deref()
    }

    /// Returns the shape that these lists have as numbers of this type.
    pub(super) fn shape_in(&self, dtype: Dtype, shape: &[u64]) -> Vec<u64> {
        let pairs = matches!(self.value, Value::List(_)) && is_complex(dtype);
        let keep = shape.len() - usize::from(pairs && shape.last() == Some(&2));
        shape[..keep].to_vec()
    }

    /// Returns the type of an array's numbers, or that which holds all numbers of the lists; nothing of bytes.
    pub(super) fn dtype(&self) -> Option<Dtype> {
        self.dtype
    }

    /// Returns the type of an array's numbers.
    pub(super) fn array_dtype(&self) -> Option<Dtype> {
        if let Value::Array(array) = self.value { Some(array.dtype()) } else { None }
    }

    /// Returns the number of bytes, where it is bytes.
    pub(super) fn raw_bytes(&self) -> u64 {
        match self.value {
            Value::Bytes(bytes) => bytes.len() as u64,
            _ => 0,
        }
    }

    /// Returns the numbers as this type in C order. Copies nothing where they are that already.
    ///
    /// # Errors
    /// If they have another shape, or one is none of the type: says which.
    pub(super) fn read(&self, dtype: Dtype, shape: &[u64]) -> Result<Cow<'a, [u8]>, ValueError> {
        let bytes = shape.iter().try_fold(u64::from(dtype.size()), |bytes, count| bytes.checked_mul(*count));
        match self.value {
            Value::Bytes(given) if bytes == Some(given.len() as u64) => Ok(Cow::Borrowed(given)),
            Value::Bytes(given) => Err(ValueError::new(format!(
                "{} bytes are no array of {dtype} with the shape {shape:?}",
                given.len()
            ))),
            Value::Array(array) if array.dtype() == dtype && array.shape() == shape => {
                Ok(Cow::Borrowed(array.data()))
            }
            value => {
                // Not reserved ahead: the shape is what somebody wrote, the lists are what there is.
                let mut out = Vec::new();
                write(dtype, shape, value, &mut out)?;
                Ok(Cow::Owned(out))
            }
        }
    }
}

impl NdArray {
    /// Returns the array of the numbers in a value: lists as deep as the shape, an array, or bytes in C order.
    ///
    /// # Errors
    /// If they have another shape, or one is none of the type: says which.
    pub fn from_value(dtype: Dtype, shape: Vec<u64>, value: &Value) -> Result<Self, ValueError> {
        let data = Numbers::of(value)?.read(dtype, &shape)?.into_owned();
        Self::new(dtype, shape, data)
    }
}

/// Returns the items of a list of numbers or an array of one dimension.
pub(super) fn items(value: &Value) -> Option<Box<dyn Iterator<Item = Cow<'_, Value>> + '_>> {
    match value {
        Value::List(items) => Some(Box::new(items.iter().map(Cow::Borrowed))),
        Value::Array(array) if array.shape().len() == 1 => Some(Box::new(array.scalars().map(Cow::Owned))),
        _ => None,
    }
}

fn is_complex(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::C64 | Dtype::C128)
}

/// Returns the lengths of the lists along the first items.
fn shape_of(value: &Value) -> Vec<u64> {
    let (mut shape, mut inner) = (Vec::new(), value);
    loop {
        match inner {
            Value::List(items) => {
                shape.push(items.len() as u64);
                match items.first() {
                    Some(first) => inner = first,
                    None => return shape,
                }
            }
            Value::Array(array) => {
                shape.extend(array.shape());
                return shape;
            }
            _ => return shape,
        }
    }
}

/// Returns the type that holds all numbers of a value: truth values, integers, or numbers with a fraction.
fn dtype_of(value: &Value) -> Dtype {
    match value {
        Value::Bool(_) => Dtype::Bool,
        Value::Int(_) => Dtype::I64,
        Value::UInt(_) => Dtype::U64,
        Value::Float32(_) => Dtype::F32,
        Value::Array(array) => array.dtype(),
        Value::List(items) => {
            let of_all = items.iter().map(dtype_of).reduce(|a, b| match (a, b) {
                (a, b) if a == b => a,
                (Dtype::I64, Dtype::U64) | (Dtype::U64, Dtype::I64) => Dtype::U64,
                _ => Dtype::F64,
            });
            of_all.unwrap_or(Dtype::F64)
        }
        _ => Dtype::F64,
    }
}

fn write(dtype: Dtype, shape: &[u64], value: &Value, out: &mut Vec<u8>) -> Result<(), ValueError> {
    // An array without numbers is shown as an empty list, whatever its other dimensions are.
    if shape.contains(&0) && is_empty(value) {
        return Ok(());
    }
    let Some((&count, inner)) = shape.split_first() else {
        let start = out.len();
        out.resize(start + dtype.size() as usize, 0);
        return write_number(dtype, value, &mut out[start..]);
    };
    let found = match value {
        Value::List(items) => items.len() as u64,
        Value::Array(array) if array.shape().len() == shape.len() => array.shape()[0],
        Value::Bytes(bytes) if inner.is_empty() && dtype == Dtype::U8 => bytes.len() as u64,
        Value::Array(array) => {
            let reason = format!("expected the shape {shape:?}, found {:?}", array.shape());
            return Err(ValueError::new(reason));
        }
        other => return Err(ValueError::new(format!("expected {count} items, found {}", other.what()))),
    };
    if found != count {
        return Err(ValueError::new(format!("expected {count} items, found {found}")));
    }
    match value {
        Value::Bytes(bytes) => out.extend_from_slice(bytes),
        Value::Array(array) if array.dtype() == dtype && array.shape() == shape => {
            out.extend_from_slice(array.data());
        }
        Value::Array(array) => convert(dtype, shape, array, out)?,
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                write(dtype, inner, item, out).map_err(|e| e.within(Segment::Item(index)))?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Appends the numbers of an array of another type or shape.
fn convert(dtype: Dtype, shape: &[u64], array: &NdArray, out: &mut Vec<u8>) -> Result<(), ValueError> {
    if array.shape() != shape {
        let reason = format!("expected the shape {shape:?}, found {:?}", array.shape());
        return Err(ValueError::new(reason));
    }
    for (index, number) in array.scalars().enumerate() {
        write(dtype, &[], &number, out).map_err(|e| e.within(Segment::Item(index)))?;
    }
    Ok(())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::List(items) => items.iter().all(is_empty),
        Value::Array(array) => array.data().is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        _ => false,
    }
}
