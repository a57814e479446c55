//! How messages are written so that the same bytes can be read back: what is plain, and what says its kind.
//!
//! A typed message needs nothing: its schema says what `0.5` is. Elsewhere these carry a name, a tag in YAML (`!f32 0.5`)
//! and the only key of an object in JSON (`{"$f32":0.5}`):
//!
//! | name | holds |
//! | --- | --- |
//! | `f32`, `f64` | a number; or text: `inf`, `-inf`, `nan`, or the bits as `0x7fc00001` |
//! | `bytes` (YAML: `!!binary`) | base64 |
//! | `ndarray` | `dtype`, `shape` and `data`: numbers in lists as deep as the shape, or bytes in C order, little-endian |
//! | `map` | pairs in a list, where a map can't say it: keys that are lists or occur twice, or one that begins with `$` |
//! | `enum` | a number that has no name |
//! | `ext` | a MessagePack extension that isn't ours: its type from -128 to 127 and its bytes, in a list |

use super::numbers;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use horus_core::value::msgpack;
use horus_core::{Decoder, Dtype, FieldKind, NdArray, Schema, Value};
use std::collections::HashSet;

/// Most numbers that are written as a list: a laser scan is, a camera's picture becomes base64, which is a third of the
/// size and twenty times as fast.
pub(crate) const LIST_NUMBERS_MAX: usize = 10_000;

/// Longest key that stands before a colon, as it is written; YAML allows 1,024 characters.
pub(crate) const KEY_BYTES_MAX: usize = 1000;

/// The names that [`named`] knows.
pub(crate) const NAMES: [&str; 7] = ["f32", "f64", "bytes", "ndarray", "map", "enum", "ext"];

/// What is known of a value from elsewhere, and so need not be written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Notation<'a> {
    /// Nothing: a dict. Numbers of unusual kinds say what they are.
    Exact,
    /// It is a picture, points or a tensor, whose other keys say what its numbers are.
    Block,
    /// It is a typed message.
    Message(&'a Schema),
    /// It is such a field.
    Field(&'a FieldKind),
    /// It is somewhere in a typed message.
    Plain,
}

impl<'a> Notation<'a> {
    /// Returns what is known of a topic's messages.
    pub(crate) fn of(decoder: &'a Decoder) -> Notation<'a> {
        match decoder.schema() {
            Some(schema) => Notation::Message(schema),
            None if decoder.kind().is_pool_backed() => Notation::Block,
            None => Notation::Exact,
        }
    }

    /// Returns what is known of a part of it.
    pub(crate) fn of_part(self) -> Notation<'a> {
        if matches!(self, Notation::Message(_) | Notation::Field(_)) { Notation::Plain } else { self }
    }

    /// Returns what is known of the value under a key.
    pub(crate) fn entry(self, key: &Value) -> Notation<'a> {
        let schema = match self {
            Notation::Exact | Notation::Block => return self,
            Notation::Message(schema) | Notation::Field(FieldKind::Nested(schema)) => schema,
            _ => return Notation::Plain,
        };
        let field = if let Value::Str(name) = key { schema.field(name) } else { None };
        field.map_or(Notation::Plain, |field| Notation::Field(&field.kind))
    }

    /// Returns what is known of an item.
    pub(crate) fn item(self) -> Notation<'a> {
        match self {
            Notation::Exact => Notation::Exact,
            Notation::Field(FieldKind::Array(_, item) | FieldKind::Seq(item)) => Notation::Field(item),
            _ => Notation::Plain,
        }
    }

    /// Returns whether numbers must say what they are.
    pub(crate) fn is_exact(self) -> bool {
        matches!(self, Notation::Exact)
    }

    /// Returns whether a number is one that the enumeration has no name for.
    pub(crate) fn is_unlisted(self, value: &Value) -> bool {
        matches!((self, value), (Notation::Field(FieldKind::Enum(_)), Value::Int(_)))
    }
}

/// Returns whether the keys are what every reader of maps takes: each once, and none a collection.
pub(crate) fn is_plain_map(entries: &[(Value, Value)]) -> bool {
    let is_scalar =
        |key: &Value| !matches!(key, Value::Map(_) | Value::List(_) | Value::Array(_) | Value::Ext(..));
    entries.iter().all(|(key, _)| is_scalar(key)) && !has_twice(entries.iter().map(|(key, _)| key))
}

/// Returns whether a key is there twice, bit by bit.
pub(crate) fn has_twice<'a>(keys: impl Iterator<Item = &'a Value>) -> bool {
    let mut seen = HashSet::new();
    for key in keys {
        let mut bytes = Vec::new();
        // A key that can't be encoded is none of a message.
        if msgpack::encode(key, &mut bytes).is_err() || !seen.insert(bytes) {
            return true;
        }
    }
    false
}

/// How an array is written.
pub(crate) enum Written {
    /// Its numbers, or its bytes: what they are is known.
    Bare(Value),
    /// `dtype`, `shape` and `data`.
    Named(Value),
}

/// Returns an array as it is written.
pub(crate) fn written(array: &NdArray, notation: Notation<'_>) -> Written {
    let is_list = array.scalars().len() <= LIST_NUMBERS_MAX;
    if is_list && matches!(notation, Notation::Message(_) | Notation::Field(_) | Notation::Plain) {
        return Written::Bare(plain_numbers(array));
    }
    let data = if is_list && numbers::are_written_alike(array) {
        plain_numbers(array)
    } else {
        Value::Bytes(array.data().into())
    };
    if matches!(notation, Notation::Block) {
        return Written::Bare(data);
    }
    let shape = array.shape().iter().map(|count| Value::from(*count)).collect();
    Written::Named(Value::from([
        ("dtype", array.dtype().name().into()),
        ("shape", Value::List(shape)),
        ("data", data),
    ]))
}

/// Returns the parts of an extension as they are written: its type and its bytes.
pub(crate) fn ext_parts(value: &Value) -> Value {
    let Value::Ext(kind, bytes) = value else { return Value::List(Vec::new()) };
    Value::List(vec![i64::from(*kind).into(), Value::Bytes(bytes.clone())])
}

/// Returns the numbers of an array in lists as deep as its shape; a number if it has no dimension.
fn plain_numbers(array: &NdArray) -> Value {
    match array.shape().first() {
        None => array.scalars().next().unwrap_or_default(),
        Some(count) => {
            let items = (0..*count as usize).filter_map(|index| array.item(index));
            let plain = |item| if let Value::Array(array) = item { plain_numbers(&array) } else { item };
            Value::List(items.map(plain).collect())
        }
    }
}

/// Returns the value of this name that is written as `inner`; nothing if no notation has the name.
pub(crate) fn named(name: &str, inner: Value) -> Option<Result<Value, String>> {
    Some(match name {
        "f32" => numbers::f32_from(&inner).map(Value::Float32),
        "f64" => numbers::f64_from(&inner).map(Value::Float),
        "bytes" => bytes(&inner),
        "ndarray" => ndarray(&inner),
        "map" => pairs(inner),
        "enum" => match inner {
            // One byte stands for a choice that need not be listed.
            Value::Int(number @ 0..=255) => Ok(Value::Bytes(vec![number as u8])),
            other => Err(format!("enum: expected a number from 0 to 255, found {}", other.what())),
        },
        "ext" => ext(inner),
        _ => return None,
    })
}

fn ext(inner: Value) -> Result<Value, String> {
    let refuse = "ext: expected a type from -128 to 127 and bytes in a list";
    let Value::List(parts) = inner else { return Err(refuse.into()) };
    match <[Value; 2]>::try_from(parts) {
        Ok([Value::Int(kind), Value::Bytes(bytes)]) => match i8::try_from(kind) {
            Ok(msgpack::ARRAY_EXT_TYPE) => Err("ext: type 1 is that of arrays, written ndarray".into()),
            Ok(kind) => Ok(Value::Ext(kind, bytes)),
            Err(_) => Err(refuse.into()),
        },
        _ => Err(refuse.into()),
    }
}

fn bytes(inner: &Value) -> Result<Value, String> {
    let Value::Str(text) = inner else {
        return Err(format!("bytes: expected base64, found {}", inner.what()));
    };
    // Who wraps long lines means no other bytes.
    let decoded = match text.contains(char::is_whitespace) {
        true => STANDARD.decode(text.split_whitespace().collect::<String>()),
        false => STANDARD.decode(text),
    };
    decoded.map(Value::Bytes).map_err(|error| format!("bytes: no base64: {error}"))
}

fn pairs(inner: Value) -> Result<Value, String> {
    let refuse = || "map: expected a list of pairs: [[key, value]]".to_owned();
    let Value::List(pairs) = inner else { return Err(refuse()) };
    let pair = |pair| match pair {
        Value::List(pair) => {
            <[Value; 2]>::try_from(pair).map(|[key, value]| (key, value)).map_err(|_| refuse())
        }
        _ => Err(refuse()),
    };
    pairs.into_iter().map(pair).collect::<Result<_, _>>().map(Value::Map)
}

fn ndarray(inner: &Value) -> Result<Value, String> {
    let Value::Map(entries) = inner else {
        return Err(format!("ndarray: expected dtype, shape and data, found {}", inner.what()));
    };
    let known =
        |key: &Value| matches!(key, Value::Str(key) if ["dtype", "shape", "data"].contains(&key.as_str()));
    if entries.len() != 3 || !entries.iter().all(|(key, _)| known(key)) {
        return Err("ndarray: expected dtype, shape and data".into());
    }
    let part = |key: &str| inner.get(key).ok_or_else(|| format!("ndarray: {key} is missing"));
    let dtype = match part("dtype")? {
        Value::Str(name) => dtype(name).ok_or_else(|| format!("ndarray: dtype '{name}' isn't known"))?,
        other => return Err(format!("ndarray: expected the name of a dtype, found {}", other.what())),
    };
    let count = |count: &Value| match count {
        Value::Int(count) => u64::try_from(*count).ok(),
        _ => None,
    };
    let shape: Option<Vec<u64>> = match part("shape")? {
        Value::List(counts) => counts.iter().map(count).collect(),
        _ => None,
    };
    let shape = shape.ok_or("ndarray: expected a shape such as [2, 3]")?;
    let array = NdArray::from_value(dtype, shape, part("data")?);
    array.map(Value::Array).map_err(|error| format!("ndarray: {error}"))
}

/// Returns the type that is written `f32`, `float32` or `<f4`.
fn dtype(name: &str) -> Option<Dtype> {
    let long = [("uint", "u"), ("int", "i"), ("float", "f"), ("complex", "c")];
    let short = long.iter().find_map(|(long, short)| Some(format!("{short}{}", name.strip_prefix(long)?)));
    let short = short.as_deref().unwrap_or(name);
    Dtype::ALL.into_iter().find(|dtype| dtype.name() == short).or_else(|| Dtype::from_numpy(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_read_in_any_spelling() {
        let read = |dtype: &str, shape: Vec<i64>, data: Value| {
            let parts = Value::from([("dtype", dtype.into()), ("shape", shape.into()), ("data", data)]);
            named("ndarray", parts).unwrap()
        };
        let expected =
            Value::Array(NdArray::new(Dtype::F32, vec![1], 1.5f32.to_le_bytes().to_vec()).unwrap());
        for name in ["f32", "float32", "<f4"] {
            assert_eq!(read(name, vec![1], vec![1.5].into()), Ok(expected.clone()), "{name}");
        }
        assert_eq!(read("f32", vec![1], Value::Bytes(1.5f32.to_le_bytes().to_vec())), Ok(expected));
        for (shape, data, told) in [
            (vec![2], Value::from(vec![1i64]), "found 1"),
            (vec![1], Value::from(vec![300i64]), "found 300"),
            (vec![1, 1], Value::from(vec![3i64]), "found an integer"),
            (vec![-1], Value::List(vec![]), "expected a shape such as [2, 3]"),
            (vec![4], Value::Bytes(vec![1]), "1 bytes are no array of u8 with the shape [4]"),
            (vec![i64::MAX, i64::MAX], Value::List(vec![]), "found 0"),
        ] {
            let error = read("u8", shape, data).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
        assert!(read("f99", vec![], Value::Nil).unwrap_err().contains("dtype 'f99' isn't known"));
    }

    #[test]
    fn an_extension_is_a_type_and_bytes() {
        let read = |parts: Value| named("ext", parts).unwrap();
        let parts = |kind| Value::List(vec![Value::Int(kind), Value::Bytes(vec![7])]);
        assert_eq!(read(parts(-1)), Ok(Value::Ext(-1, vec![7])));
        assert_eq!(ext_parts(&Value::Ext(-1, vec![7])), parts(-1));
        assert!(read(parts(1)).unwrap_err().contains("arrays"));
        for wrong in [parts(128), Value::List(vec![Value::Int(2)]), Value::Nil] {
            assert!(read(wrong).unwrap_err().contains("from -128 to 127"));
        }
    }

    #[test]
    fn every_name_is_known() {
        assert!(NAMES.iter().all(|name| named(name, Value::Nil).is_some()));
        assert_eq!(named("f16", Value::Nil), None);
    }

    #[test]
    fn a_key_that_is_there_twice_is_seen() {
        let nan = |bits| Value::Float(f64::from_bits(bits));
        let (one, other) = (0x7ff8_0000_0000_0000, 0x7ff8_0000_0000_0001);
        assert!(has_twice([nan(one), nan(one)].iter()));
        assert!(!has_twice([nan(one), nan(other), Value::Int(1), Value::Float(1.0), "1".into()].iter()));
    }
}
