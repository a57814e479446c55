//! Values from and to the bytes of a typed message.

use super::array::scalar;
use super::{NdArray, Value};
use crate::dtype::Dtype;
use crate::error::{Segment, ValueError};
use crate::schema::{Field, FieldKind, Schema};
use crate::tails::{self, TailReader};
use crate::text::{until_nul, write_fixed};

impl Value {
    /// Returns a typed message as a map of its fields, without filling. Allocates; safe on any bytes.
    ///
    /// Arrays and sequences of numbers become [`Value::Array`], others lists, an enumeration its name (its number if it
    /// has none), text that isn't UTF-8 [`Value::Bytes`].
    ///
    /// # Errors
    /// If the number of bytes isn't the schema's, or a `seq` or `string` lies outside them or over another one.
    pub fn from_pod(schema: &Schema, bytes: &[u8]) -> Result<Value, ValueError> {
        let head = head(schema, bytes)?;
        read_message(schema, head, &mut TailReader::new(bytes, head.len()))
    }

    /// Returns the bytes of a typed message that holds the fields of this map; those not given are zero or empty.
    ///
    /// Bytes are written as they are: into text, numbers of type u8, and one into an enumeration, whose number then needs
    /// no name. That is for messages of others that are to be repeated; what people write is checked.
    ///
    /// # Errors
    /// If the value is no map, has a key that is no field, or a value that doesn't fit its field: names the field.
    pub fn to_pod(schema: &Schema, value: &Value) -> Result<Vec<u8>, ValueError> {
        Self::to_pod_over(schema, value, vec![0; schema.size as usize])
    }

    /// Returns the same message with the fields of this map written over it: the others keep their value.
    ///
    /// # Errors
    /// As [`Value::to_pod`], and if `base` is no message of this type.
    pub fn to_pod_over(schema: &Schema, value: &Value, base: Vec<u8>) -> Result<Vec<u8>, ValueError> {
        let mut message = head(schema, &base)?.to_vec();
        let mut tails = Tails::new(TailReader::new(&base, message.len()), message.len());
        write_fields(schema, Some(value), &mut message, &mut tails)?;
        message.extend(tails.bytes);
        Ok(message)
    }
}

/// Returns the head of a message, or what is wrong with its length.
fn head<'a>(schema: &Schema, bytes: &'a [u8]) -> Result<&'a [u8], ValueError> {
    let (name, size, n) = (&schema.name, schema.size as usize, bytes.len());
    match schema.is_variable() {
        true if n < size => {
            Err(ValueError::new(format!("a message of {n} bytes is no {name}, which has {size} and more")))
        }
        false if n != size => {
            Err(ValueError::new(format!("a message of {n} bytes is no {name}, which has {size}")))
        }
        _ => Ok(&bytes[..size]),
    }
}

fn read_message(schema: &Schema, head: &[u8], tails: &mut TailReader<'_>) -> Result<Value, ValueError> {
    let fields = schema.fields.iter().filter(|field| !field.is_filling()).map(|field| {
        let value = read(&field.kind, part(field, head), tails)
            .map_err(|e| e.within(Segment::Field(field.name.clone())))?;
        Ok((Value::Str(field.name.clone()), value))
    });
    fields.collect::<Result<_, _>>().map(Value::Map)
}

fn part<'a>(field: &Field, head: &'a [u8]) -> &'a [u8] {
    &head[field.offset as usize..][..field.kind.size() as usize]
}

/// Reads a field from its part of the head, and its tails.
fn read(kind: &FieldKind, part: &[u8], tails: &mut TailReader<'_>) -> Result<Value, ValueError> {
    Ok(match kind {
        FieldKind::Scalar(dtype) => scalar(*dtype, part),
        FieldKind::Bool => Value::Bool(part[0] != 0),
        FieldKind::Enum(listed) => match listed.iter().find(|(_, number)| *number == part[0]) {
            Some((name, _)) => Value::Str(name.clone()),
            None => Value::Int(part[0].into()),
        },
        FieldKind::FixedString(_) => text(until_nul(part)),
        FieldKind::Array(_, item) => read_items(item, part, tails)?,
        FieldKind::Nested(schema) => read_message(schema, part, tails)?,
        FieldKind::Seq(item) => {
            let bytes = tails.take(part, item.size() as usize)?;
            read_items(item, bytes, tails)?
        }
        FieldKind::String => text(tails.take(part, 1)?),
    })
}

/// Returns text, or the bytes that were to be text and aren't UTF-8: what is shown can be written again.
pub(crate) fn text(bytes: &[u8]) -> Value {
    // Looked at once it is ours: the publisher could still write to a block.
    String::from_utf8(bytes.to_vec()).map_or_else(|error| Value::Bytes(error.into_bytes()), Value::Str)
}

fn read_items(item: &FieldKind, bytes: &[u8], tails: &mut TailReader<'_>) -> Result<Value, ValueError> {
    if let Some((dtype, mut shape)) = numbers(item) {
        shape.insert(0, bytes.len() as u64 / item.size());
        return NdArray::new(dtype, shape, bytes.to_vec()).map(Value::Array);
    }
    let items = bytes.chunks_exact(item.size() as usize).enumerate();
    let items = items.map(|(i, part)| read(item, part, tails).map_err(|e| e.within(Segment::Item(i))));
    items.collect::<Result<_, _>>().map(Value::List)
}

/// Returns type and shape if the kind is numbers only.
fn numbers(kind: &FieldKind) -> Option<(Dtype, Vec<u64>)> {
    match kind {
        FieldKind::Scalar(dtype) => Some((*dtype, Vec::new())),
        FieldKind::Array(count, item) => {
            let (dtype, mut shape) = numbers(item)?;
            shape.insert(0, (*count).into());
            Some((dtype, shape))
        }
        _ => None,
    }
}

/// Where the tails of a message grow: they stand behind its head.
struct Tails<'a> {
    /// Those of the message that is written over.
    kept: TailReader<'a>,
    /// Where the last of the new ones ends, from the start of the message.
    end: usize,
    /// All of the new ones, with the gaps between.
    bytes: Vec<u8>,
}

impl<'a> Tails<'a> {
    fn new(kept: TailReader<'a>, head_bytes: usize) -> Self {
        Self { kept, end: head_bytes, bytes: Vec::new() }
    }

    /// Appends a tail of zeros and points the head entry to it.
    fn append(&mut self, entry: &mut [u8], count: usize, bytes: usize) -> &mut [u8] {
        let place = tails::place(self.end, bytes);
        tails::write_entry(entry, count, place.start);
        let grown = self.bytes.len() + (place.end - self.end);
        self.bytes.resize(grown, 0);
        self.end = place.end;
        &mut self.bytes[grown - bytes..]
    }
}

/// Writes the fields that the map gives over those of the head, and takes the others' tails from where they were.
///
/// Without a map, as for a message that isn't given at all, all are taken from there.
fn write_fields(
    schema: &Schema,
    value: Option<&Value>,
    head: &mut [u8],
    tails: &mut Tails<'_>,
) -> Result<(), ValueError> {
    if let Some(value) = value {
        check_keys(schema, value)?;
    }
    // In the fields' order, not the map's: that is the order of the tails.
    for field in &schema.fields {
        let part = &mut head[field.offset as usize..][..field.kind.size() as usize];
        if field.is_filling() {
            part.fill(0);
            continue;
        }
        let given = value.and_then(|value| value.get(&field.name));
        let written = match given {
            Some(value) => write(&field.kind, value, part, tails),
            None => keep(&field.kind, part, tails),
        };
        written.map_err(|e| e.within(Segment::Field(field.name.clone())))?;
    }
    Ok(())
}

fn check_keys(schema: &Schema, value: &Value) -> Result<(), ValueError> {
    let Value::Map(entries) = value else {
        let (name, what) = (&schema.name, value.what());
        return Err(ValueError::new(format!("expected the fields of {name}, found {what}")));
    };
    for (key, _) in entries {
        match key {
            Value::Str(name) if schema.field(name).is_some_and(|field| !field.is_filling()) => {}
            Value::Str(name) => return Err(unknown_field(schema, name)),
            other => {
                let (name, what) = (&schema.name, other.what());
                return Err(ValueError::new(format!("expected a field of {name}, found {what} as key")));
            }
        }
    }
    Ok(())
}

/// Leaves a field as it is: its tails are copied behind those written before, its filling cleared.
fn keep(kind: &FieldKind, part: &mut [u8], tails: &mut Tails<'_>) -> Result<(), ValueError> {
    match kind {
        FieldKind::Seq(item) => {
            let item_bytes = item.size() as usize;
            let bytes = tails.kept.take(part, item_bytes)?;
            let written = tails.append(part, bytes.len() / item_bytes, bytes.len());
            written.copy_from_slice(bytes);
            clear_filling(item, written);
        }
        FieldKind::String => {
            let bytes = tails.kept.take(part, 1)?;
            tails.append(part, bytes.len(), bytes.len()).copy_from_slice(bytes);
        }
        FieldKind::Array(_, item) if numbers(item).is_none() => {
            for part in part.chunks_exact_mut(item.size() as usize) {
                keep(item, part, tails)?;
            }
        }
        FieldKind::Nested(schema) => write_fields(schema, None, part, tails)?,
        _ => {}
    }
    Ok(())
}

/// Clears the filling of items of a fixed kind.
fn clear_filling(item: &FieldKind, bytes: &mut [u8]) {
    match item {
        FieldKind::Array(_, item) => clear_filling(item, bytes),
        FieldKind::Nested(schema) => {
            for message in bytes.chunks_exact_mut(schema.size as usize) {
                for field in &schema.fields {
                    let part = &mut message[field.offset as usize..][..field.kind.size() as usize];
                    if field.is_filling() { part.fill(0) } else { clear_filling(&field.kind, part) }
                }
            }
        }
        _ => {}
    }
}

fn unknown_field(schema: &Schema, name: &str) -> ValueError {
    let names = schema.fields.iter().filter(|f| !f.is_filling()).map(|f| f.name.as_str());
    let near = names.clone().map(|near| (strsim::damerau_levenshtein(near, name), near)).min();
    let hint = match near {
        Some((distance, near)) if distance <= 1 + name.len() / 3 => format!("did you mean '{near}'?"),
        _ => format!("it has {}", names.collect::<Vec<_>>().join(", ")),
    };
    ValueError::new(format!("{} has no field '{name}'; {hint}", schema.name))
}

fn write(kind: &FieldKind, value: &Value, part: &mut [u8], tails: &mut Tails<'_>) -> Result<(), ValueError> {
    let expected = |found: &Value| ValueError::new(format!("expected {kind}, found {}", found.what()));
    match kind {
        FieldKind::Scalar(dtype) => write_scalar(*dtype, value, part)?,
        FieldKind::Bool => match value {
            Value::Bool(value) => part[0] = (*value).into(),
            Value::Int(number @ 0..=1) => part[0] = *number as u8,
            other => return Err(expected(other)),
        },
        FieldKind::Enum(listed) => {
            part[0] = choice(listed, value).ok_or_else(|| not_listed(listed, value))?
        }
        FieldKind::FixedString(_) => match value {
            Value::Str(text) => write_fixed(text, part).map_err(|e| ValueError::new(e.to_string()))?,
            Value::Bytes(bytes) => write_fixed(bytes, part).map_err(|e| ValueError::new(e.to_string()))?,
            other => return Err(expected(other)),
        },
        FieldKind::Array(count, item) => {
            let items = Items::of(value).ok_or_else(|| expected(value))?;
            if items.len() != *count as usize {
                return Err(ValueError::new(format!("expected {kind}, found {} items", items.len())));
            }
            items.write(item, part, tails)?;
        }
        FieldKind::Nested(schema) => write_fields(schema, Some(value), part, tails)?,
        FieldKind::Seq(item) => {
            let items = Items::of(value).ok_or_else(|| expected(value))?;
            // The items are of a fixed kind, so they have no tails of their own.
            let mut written = vec![0; items.len() * item.size() as usize];
            items.write(item, &mut written, &mut Tails::new(TailReader::new(&[], 0), 0))?;
            tails.append(part, items.len(), written.len()).copy_from_slice(&written);
        }
        FieldKind::String => match value {
            Value::Str(text) => tails.append(part, text.len(), text.len()).copy_from_slice(text.as_bytes()),
            Value::Bytes(bytes) => tails.append(part, bytes.len(), bytes.len()).copy_from_slice(bytes),
            other => return Err(expected(other)),
        },
    }
    Ok(())
}

fn choice(listed: &[(String, u8)], value: &Value) -> Option<u8> {
    if let Value::Bytes(bytes) = value {
        return <[u8; 1]>::try_from(bytes.as_slice()).ok().map(|[number]| number);
    }
    let found = listed.iter().find(|(name, number)| match value {
        Value::Str(text) => text == name,
        Value::Int(given) => *given == i64::from(*number),
        _ => false,
    });
    found.map(|(_, number)| *number)
}

fn not_listed(listed: &[(String, u8)], value: &Value) -> ValueError {
    let found = match value {
        Value::Str(text) => format!("'{text}'"),
        Value::Int(number) => number.to_string(),
        other => other.what().to_owned(),
    };
    let names: Vec<String> = listed.iter().map(|(name, number)| format!("{name} ({number})")).collect();
    ValueError::new(format!("expected one of {}, found {found}", names.join(", ")))
}

/// What can fill an array: a list, numbers, or bytes.
enum Items<'a> {
    List(&'a [Value]),
    Array(&'a NdArray),
    Bytes(&'a [u8]),
}

impl<'a> Items<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::List(items) => Some(Items::List(items)),
            Value::Array(array) if !array.shape().is_empty() => Some(Items::Array(array)),
            Value::Bytes(bytes) => Some(Items::Bytes(bytes)),
            _ => None,
        }
    }

    fn len(&self) -> usize {
        match self {
            Items::List(items) => items.len(),
            Items::Array(array) => array.shape()[0] as usize,
            Items::Bytes(bytes) => bytes.len(),
        }
    }

    fn write(&self, item: &FieldKind, part: &mut [u8], tails: &mut Tails<'_>) -> Result<(), ValueError> {
        let same_type = match (self, numbers(item)) {
            (Items::Array(array), Some((dtype, shape))) => {
                (dtype == array.dtype() && shape == array.shape()[1..]).then(|| array.data())
            }
            (Items::Bytes(bytes), Some((Dtype::U8, shape))) if shape.is_empty() => Some(*bytes),
            _ => None,
        };
        if let Some(data) = same_type {
            part.copy_from_slice(data);
            return Ok(());
        }
        for (index, part) in part.chunks_exact_mut(item.size() as usize).enumerate() {
            let written = match self {
                Items::List(items) => write(item, &items[index], part, tails),
                Items::Array(array) => write(item, &array.item(index).unwrap_or_default(), part, tails),
                Items::Bytes(bytes) => write(item, &Value::Int(bytes[index].into()), part, tails),
            };
            written.map_err(|e| e.within(Segment::Item(index)))?;
        }
        Ok(())
    }
}

pub(super) fn write_scalar(dtype: Dtype, value: &Value, part: &mut [u8]) -> Result<(), ValueError> {
    macro_rules! integer {
        ($ty:ty) => {{
            let number = match value {
                Value::Int(number) => <$ty>::try_from(*number).ok(),
                Value::UInt(number) => <$ty>::try_from(*number).ok(),
                other => return Err(ValueError::new(format!("expected {dtype}, found {}", other.what()))),
            };
            let range =
                || format!("expected {dtype}, from {} to {}, found {}", <$ty>::MIN, <$ty>::MAX, shown(value));
            part.copy_from_slice(&number.ok_or_else(|| ValueError::new(range()))?.to_le_bytes());
        }};
    }
    match dtype {
        Dtype::U8 => integer!(u8),
        Dtype::U16 => integer!(u16),
        Dtype::U32 => integer!(u32),
        Dtype::U64 => integer!(u64),
        Dtype::I8 => integer!(i8),
        Dtype::I16 => integer!(i16),
        Dtype::I32 => integer!(i32),
        Dtype::I64 => integer!(i64),
        Dtype::F32 => {
            // As it is: a NaN keeps its bits.
            if let Value::Float32(number) = value {
                part.copy_from_slice(&number.to_le_bytes());
                return Ok(());
            }
            let wide = float(dtype, value)?;
            let narrow = wide as f32;
            if narrow.is_infinite() && wide.is_finite() {
                return Err(ValueError::new(format!("{wide:e} exceeds the range of f32")));
            }
            part.copy_from_slice(&narrow.to_le_bytes());
        }
        Dtype::F64 => part.copy_from_slice(&float(dtype, value)?.to_le_bytes()),
        Dtype::F16 | Dtype::Bool | Dtype::C64 | Dtype::C128 => {
            return Err(ValueError::new(format!("a field can't be {dtype}")));
        }
    }
    Ok(())
}

/// Returns a number of any kind as one of 64 bits.
pub(super) fn float(dtype: Dtype, value: &Value) -> Result<f64, ValueError> {
    match value {
        Value::Int(number) => Ok(*number as f64),
        Value::UInt(number) => Ok(*number as f64),
        Value::Float(number) => Ok(*number),
        Value::Float32(number) => Ok((*number).into()),
        other => Err(ValueError::new(format!("expected {dtype}, found {}", other.what()))),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        other => other.what().to_owned(),
    }
}
