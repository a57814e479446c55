//! Values as MessagePack: what a dict topic carries.
//!
//! Arrays are the extension type 1, which holds a MessagePack list of the dtype as numpy writes it, the shape, and the
//! numbers as bytes in C order. Other extension types are kept as they are.
//!
//! A message whose lengths and integers are written in their shortest form becomes the same bytes again when it is read
//! and written: 32 and 64 bits of floating point stay apart and keep the bits of a NaN, text and bytes stay apart, maps
//! keep the order of their keys and all of them, repeated ones too, and keys may be any value. Other forms come back in
//! the shortest. Text that isn't UTF-8 is refused, as is the type 1 where it holds no array.
//!
//! # Examples
//! ```
//! use horus_core::{Value, value::msgpack};
//! let mut bytes = Vec::new();
//! msgpack::encode(&[("battery", 85.0)].into(), &mut bytes)?;
//! assert_eq!(msgpack::decode(&bytes)?.get("battery"), Some(&Value::Float(85.0)));
//! # Ok::<(), horus_core::ValueError>(())
//! ```
//!
//! # Source
//! <https://github.com/msgpack/msgpack/blob/master/spec.md>

use super::{NdArray, VALUE_DEPTH_MAX, Value};
use crate::dtype::Dtype;
use crate::error::{Segment, ValueError};
use rmp::Marker;
use rmp::decode::RmpRead;
use rmp::encode as write;

/// The MessagePack extension type of an array.
pub const ARRAY_EXT_TYPE: i8 = 1;

/// Appends the value to `out`. Allocates nothing but the room in `out`.
///
/// # Errors
/// If it is nested deeper than [`VALUE_DEPTH_MAX`], or text, bytes, a list or a map has more than 2^32 - 1 items. Then
/// `out` is as before.
pub fn encode(value: &Value, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let start = out.len();
    encode_at(value, out, 0).inspect_err(|_| out.truncate(start))
}

/// Returns the value that these bytes hold. Safe on any bytes: memory is at most linear in their number.
///
/// # Errors
/// [`ValueError`] tells where in the value the bytes stop making sense.
pub fn decode(bytes: &[u8]) -> Result<Value, ValueError> {
    let mut rest = bytes;
    let value = decode_at(&mut rest, 0)?;
    match rest.len() {
        0 => Ok(value),
        left => Err(ValueError::new(format!("{left} bytes are left after the end of the value"))),
    }
}

fn encode_at(value: &Value, out: &mut Vec<u8>, depth: u32) -> Result<(), ValueError> {
    check_depth(depth)?;
    // Writing into a Vec doesn't fail.
    let written = match value {
        Value::Nil => return finish(write::write_nil(out)),
        Value::Bool(value) => return finish(write::write_bool(out, *value)),
        Value::Int(value) => write::write_sint(out, *value).map(drop),
        Value::UInt(value) => write::write_uint(out, *value).map(drop),
        Value::Float(value) => write::write_f64(out, *value),
        Value::Float32(value) => write::write_f32(out, *value),
        Value::Str(text) => {
            length(text.len())?;
            write::write_str(out, text)
        }
        Value::Bytes(bytes) => {
            length(bytes.len())?;
            write::write_bin(out, bytes)
        }
        Value::List(items) => {
            finish(write::write_array_len(out, length(items.len())?))?;
            for (index, item) in items.iter().enumerate() {
                encode_at(item, out, depth + 1).map_err(|e| e.within(Segment::Item(index)))?;
            }
            return Ok(());
        }
        Value::Map(entries) => {
            finish(write::write_map_len(out, length(entries.len())?))?;
            for (key, value) in entries {
                encode_at(key, out, depth + 1)?;
                encode_at(value, out, depth + 1).map_err(|e| e.within(Segment::Key(key_text(key))))?;
            }
            return Ok(());
        }
        Value::Array(array) => return encode_array(array, out),
        Value::Ext(kind, _) if *kind == ARRAY_EXT_TYPE => {
            let reason = format!("extension type {kind} is that of arrays");
            return Err(ValueError::new(reason));
        }
        Value::Ext(kind, bytes) => {
            finish(write::write_ext_meta(out, length(bytes.len())?, *kind))?;
            out.extend_from_slice(bytes);
            return Ok(());
        }
    };
    finish(written)
}

fn encode_array(array: &NdArray, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut head = Vec::with_capacity(64);
    finish(write::write_array_len(&mut head, 3))?;
    finish(write::write_str(&mut head, array.dtype().numpy()))?;
    finish(write::write_array_len(&mut head, array.shape().len() as u32))?;
    for count in array.shape() {
        finish(write::write_uint(&mut head, *count))?;
    }
    finish(write::write_bin_len(&mut head, length(array.data().len())?))?;
    finish(write::write_ext_meta(out, length(head.len() + array.data().len())?, ARRAY_EXT_TYPE))?;
    out.extend(head);
    out.extend(array.data());
    Ok(())
}

fn finish<T, E: std::fmt::Display>(written: Result<T, E>) -> Result<(), ValueError> {
    written.map(drop).map_err(|error| ValueError::new(error.to_string()))
}

fn length(count: usize) -> Result<u32, ValueError> {
    let limit = u32::MAX;
    u32::try_from(count)
        .map_err(|_| ValueError::new(format!("a length of {count} exceeds MessagePack's limit of {limit}")))
}

fn check_depth(depth: u32) -> Result<(), ValueError> {
    match depth <= VALUE_DEPTH_MAX {
        true => Ok(()),
        false => Err(ValueError::new(format!("nested deeper than {VALUE_DEPTH_MAX} levels"))),
    }
}

/// Returns a map's key as an error names it.
fn key_text(key: &Value) -> String {
    match key {
        Value::Str(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        other => other.what().to_owned(),
    }
}

fn decode_at(rest: &mut &[u8], depth: u32) -> Result<Value, ValueError> {
    check_depth(depth)?;
    let marker = rmp::decode::read_marker(rest).map_err(|_| short("a value"))?;
    Ok(match marker {
        Marker::Null => Value::Nil,
        Marker::True => Value::Bool(true),
        Marker::False => Value::Bool(false),
        Marker::FixPos(value) => Value::Int(value.into()),
        Marker::FixNeg(value) => Value::Int(value.into()),
        Marker::U8 => Value::Int(number(rest.read_data_u8())?.into()),
        Marker::U16 => Value::Int(number(rest.read_data_u16())?.into()),
        Marker::U32 => Value::Int(number(rest.read_data_u32())?.into()),
        Marker::U64 => number(rest.read_data_u64())?.into(),
        Marker::I8 => Value::Int(number(rest.read_data_i8())?.into()),
        Marker::I16 => Value::Int(number(rest.read_data_i16())?.into()),
        Marker::I32 => Value::Int(number(rest.read_data_i32())?.into()),
        Marker::I64 => Value::Int(number(rest.read_data_i64())?),
        Marker::F32 => Value::Float32(number(rest.read_data_f32())?),
        Marker::F64 => Value::Float(number(rest.read_data_f64())?),
        Marker::FixStr(n) => text(rest, n.into())?,
        Marker::Str8 => prefixed_u8(rest).and_then(|n| text(rest, n))?,
        Marker::Str16 => prefixed_u16(rest).and_then(|n| text(rest, n))?,
        Marker::Str32 => prefixed_u32(rest).and_then(|n| text(rest, n))?,
        Marker::Bin8 => prefixed_u8(rest).and_then(|n| bytes(rest, n))?,
        Marker::Bin16 => prefixed_u16(rest).and_then(|n| bytes(rest, n))?,
        Marker::Bin32 => prefixed_u32(rest).and_then(|n| bytes(rest, n))?,
        Marker::FixArray(n) => list(rest, n.into(), depth)?,
        Marker::Array16 => prefixed_u16(rest).and_then(|n| list(rest, n, depth))?,
        Marker::Array32 => prefixed_u32(rest).and_then(|n| list(rest, n, depth))?,
        Marker::FixMap(n) => map(rest, n.into(), depth)?,
        Marker::Map16 => prefixed_u16(rest).and_then(|n| map(rest, n, depth))?,
        Marker::Map32 => prefixed_u32(rest).and_then(|n| map(rest, n, depth))?,
        Marker::FixExt1 => extension(rest, 1)?,
        Marker::FixExt2 => extension(rest, 2)?,
        Marker::FixExt4 => extension(rest, 4)?,
        Marker::FixExt8 => extension(rest, 8)?,
        Marker::FixExt16 => extension(rest, 16)?,
        Marker::Ext8 => prefixed_u8(rest).and_then(|n| extension(rest, n))?,
        Marker::Ext16 => prefixed_u16(rest).and_then(|n| extension(rest, n))?,
        Marker::Ext32 => prefixed_u32(rest).and_then(|n| extension(rest, n))?,
        Marker::Reserved => return Err(ValueError::new("byte 0xc1 stands for nothing in MessagePack")),
    })
}

fn short(what: &str) -> ValueError {
    ValueError::new(format!("the bytes end within {what}"))
}

fn number<T, E>(read: Result<T, E>) -> Result<T, ValueError> {
    read.map_err(|_| short("a number"))
}

fn prefixed_u8(rest: &mut &[u8]) -> Result<usize, ValueError> {
    number(rest.read_data_u8()).map(usize::from)
}

fn prefixed_u16(rest: &mut &[u8]) -> Result<usize, ValueError> {
    number(rest.read_data_u16()).map(usize::from)
}

fn prefixed_u32(rest: &mut &[u8]) -> Result<usize, ValueError> {
    number(rest.read_data_u32()).map(|n| n as usize)
}

fn take<'a>(rest: &mut &'a [u8], count: usize, what: &str) -> Result<&'a [u8], ValueError> {
    let (taken, left) = rest.split_at_checked(count).ok_or_else(|| short(what))?;
    *rest = left;
    Ok(taken)
}

fn text(rest: &mut &[u8], count: usize) -> Result<Value, ValueError> {
    // Looked at once it is ours: the publisher could still write to a block.
    let bytes = take(rest, count, "a string")?.to_vec();
    let text = String::from_utf8(bytes);
    text.map(Value::Str).map_err(|e| ValueError::new(format!("a string isn't UTF-8: {e}")))
}

fn bytes(rest: &mut &[u8], count: usize) -> Result<Value, ValueError> {
    take(rest, count, "bytes").map(|bytes| Value::Bytes(bytes.to_vec()))
}

fn list(rest: &mut &[u8], count: usize, depth: u32) -> Result<Value, ValueError> {
    // An item takes a byte at least: what claims more than is left is refused before anything is reserved for it.
    if count > rest.len() {
        return Err(short("a list"));
    }
    let mut items = Vec::with_capacity(count);
    for index in 0..count {
        items.push(decode_at(rest, depth + 1).map_err(|e| e.within(Segment::Item(index)))?);
    }
    Ok(Value::List(items))
}

fn map(rest: &mut &[u8], count: usize, depth: u32) -> Result<Value, ValueError> {
    if count > rest.len() / 2 {
        return Err(short("a map"));
    }
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let key = decode_at(rest, depth + 1)?;
        let value = decode_at(rest, depth + 1).map_err(|e| e.within(Segment::Key(key_text(&key))))?;
        entries.push((key, value));
    }
    Ok(Value::Map(entries))
}

fn extension(rest: &mut &[u8], count: usize) -> Result<Value, ValueError> {
    let kind = number(rest.read_data_i8())?;
    let body = take(rest, count, "an extension")?;
    match kind {
        ARRAY_EXT_TYPE => decode_array(body).map(Value::Array),
        other => Ok(Value::Ext(other, body.to_vec())),
    }
}

fn decode_array(body: &[u8]) -> Result<NdArray, ValueError> {
    // Depth 1 below the limit: a list holding a list of numbers, nothing deeper.
    let Value::List(parts) = decode_shallow(body)? else {
        return Err(ValueError::new("an array holds no list"));
    };
    let [Value::Str(name), Value::List(shape), Value::Bytes(data)] = <[Value; 3]>::try_from(parts)
        .map_err(|_| ValueError::new("an array doesn't hold dtype, shape and data"))?
    else {
        return Err(ValueError::new("an array doesn't hold dtype, shape and data"));
    };
    let dtype = Dtype::from_numpy(&name)
        .ok_or_else(|| ValueError::new(format!("array dtype {name:?} isn't known")))?;
    let shape = shape.iter().map(|count| match count {
        Value::Int(count) => u64::try_from(*count).ok(),
        _ => None,
    });
    let shape = shape
        .collect::<Option<Vec<u64>>>()
        .ok_or_else(|| ValueError::new("an array's shape holds no counts"))?;
    NdArray::new(dtype, shape, data)
}

fn decode_shallow(body: &[u8]) -> Result<Value, ValueError> {
    let mut rest = body;
    let value = decode_at(&mut rest, VALUE_DEPTH_MAX - 2)?;
    if rest.is_empty() { Ok(value) } else { Err(ValueError::new("bytes are left after the end of an array")) }
}
