//! A value as serde sees it: what JSON and YAML printers need.

use super::{NdArray, Value};
use crate::dtype::Dtype;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Nil => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::UInt(value) => serializer.serialize_u64(*value),
            Value::Float(value) => serializer.serialize_f64(*value),
            Value::Float32(value) => serializer.serialize_f32(*value),
            Value::Str(value) => serializer.serialize_str(value),
            Value::Bytes(value) => serializer.serialize_bytes(value),
            Value::List(items) => serializer.collect_seq(items),
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
            Value::Array(array) => array.serialize(serializer),
            Value::Ext(kind, bytes) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("ext", kind)?;
                map.serialize_entry("bytes", bytes)?;
                map.end()
            }
        }
    }
}

/// As lists within lists; complex numbers as pairs.
impl Serialize for NdArray {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Part { dtype: self.dtype(), shape: self.shape(), data: self.data() }.serialize(serializer)
    }
}

/// An array or one item of it.
struct Part<'a> {
    dtype: Dtype,
    shape: &'a [u64],
    data: &'a [u8],
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some((&count, shape)) = self.shape.split_first() else {
            return super::array::scalar(self.dtype, self.data).serialize(serializer);
        };
        // An array without numbers is shown as an empty list, whatever its other dimensions claim.
        let count = if self.data.is_empty() { 0 } else { count as usize };
        let mut items = serializer.serialize_seq(Some(count))?;
        let item_bytes = self.data.len().checked_div(count).unwrap_or(1);
        for data in self.data.chunks_exact(item_bytes) {
            items.serialize_element(&Part { dtype: self.dtype, shape, data })?;
        }
        items.end()
    }
}
