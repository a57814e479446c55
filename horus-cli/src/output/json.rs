//! Any value as JSON.

use super::text::is_unsafe;
use crate::message::notation::{self, Notation, Written, is_plain_map};
use crate::message::numbers;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use horus_core::{NdArray, Value};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::ser::{CompactFormatter, Formatter};
use std::fmt::Write as _;
use std::io;

/// A value with what its readers know of it; its JSON is such that the same bytes can be published again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noted<'a>(pub(crate) &'a Value, pub(crate) Notation<'a>);

impl Serialize for Noted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Noted(value, notation) = *self;
        match value {
            Value::Nil => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(number) if notation.is_unlisted(value) => named(serializer, "$enum", number),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::UInt(value) => serializer.serialize_u64(*value),
            Value::Float(value) => match numbers::f64_special(*value) {
                Some(text) => named(serializer, "$f64", &text),
                None => serializer.serialize_f64(*value),
            },
            Value::Float32(value) => match numbers::f32_special(*value) {
                Some(text) => named(serializer, "$f32", &text),
                None if notation.is_exact() => named(serializer, "$f32", &numbers::f32_shown(*value)),
                None => serializer.serialize_f64(numbers::f32_shown(*value)),
            },
            Value::Str(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => named(serializer, "$bytes", &STANDARD.encode(bytes)),
            Value::List(items) => {
                serializer.collect_seq(items.iter().map(|item| Noted(item, notation.item())))
            }
            Value::Map(entries) => map(serializer, entries, notation),
            Value::Array(array) => numbers_of(serializer, array, notation),
            Value::Ext(..) => named(serializer, "$ext", &Noted(&notation::ext_parts(value), Notation::Plain)),
        }
    }
}

fn named<S: Serializer>(serializer: S, name: &str, inner: &impl Serialize) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(name, inner)?;
    map.end()
}

fn map<S: Serializer>(
    serializer: S,
    entries: &[(Value, Value)],
    notation: Notation<'_>,
) -> Result<S::Ok, S::Error> {
    let is_text = entries.iter().all(|(key, _)| matches!(key, Value::Str(_)));
    let looks_named = matches!(entries, [(Value::Str(key), _)] if key.starts_with('$'));
    if !is_text || looks_named || !is_plain_map(entries) {
        return named(serializer, "$map", &Pairs(entries, notation));
    }
    let mut map = serializer.serialize_map(Some(entries.len()))?;
    for (key, value) in entries {
        let Value::Str(text) = key else { continue };
        map.serialize_entry(text, &Noted(value, notation.entry(key)))?;
    }
    map.end()
}

struct Pairs<'a>(&'a [(Value, Value)], Notation<'a>);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pairs = serializer.serialize_seq(Some(self.0.len()))?;
        for (key, value) in self.0 {
            pairs.serialize_element(&[Noted(key, Notation::Exact), Noted(value, self.1.entry(key))])?;
        }
        pairs.end()
    }
}

fn numbers_of<S: Serializer>(
    serializer: S,
    array: &NdArray,
    notation: Notation<'_>,
) -> Result<S::Ok, S::Error> {
    match notation::written(array, notation) {
        Written::Bare(data) => Noted(&data, Notation::Plain).serialize(serializer),
        Written::Named(parts) => named(serializer, "$ndarray", &Noted(&parts, Notation::Plain)),
    }
}

/// Returns JSON in one line that no terminal takes for commands.
pub(crate) fn line(json: &impl Serialize) -> String {
    let mut line = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut line, Safe(CompactFormatter));
    match json.serialize(&mut serializer) {
        Ok(()) => String::from_utf8_lossy(&line).into_owned(),
        // None of our types refuses, and writing to memory doesn't fail; what can't be is at least told.
        Err(error) => format!("{{\"error\":{:?}}}", error.to_string()),
    }
}

/// Escapes all that [`is_unsafe`] knows; JSON itself escapes only what lies below a space.
struct Safe(CompactFormatter);

impl Formatter for Safe {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if !fragment.contains(is_unsafe) {
            return self.0.write_string_fragment(out, fragment);
        }
        let mut escaped = String::with_capacity(fragment.len() + 6);
        for c in fragment.chars() {
            match is_unsafe(c) {
                true => drop(write!(escaped, "\\u{:04x}", u32::from(c))),
                false => escaped.push(c),
            }
        }
        out.write_all(escaped.as_bytes())
    }
}

/// Returns a key as the text it is, or else as its JSON.
pub(crate) fn key_text(key: &Value) -> String {
    match key {
        Value::Str(text) => text.clone(),
        other => line(&Noted(other, Notation::Plain)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use horus_core::Dtype;

    #[test]
    fn a_line_commands_no_terminal_and_reads_the_same() {
        let json = serde_json::Value::from("\u{1b}[2J \u{9b}2J \u{7f} \u{202e} \u{2028} ö\n");
        let line = line(&json);
        assert_eq!(line, r#""\u001b[2J \u009b2J \u007f \u202e \u2028 ö\n""#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), json);
    }

    #[test]
    fn every_kind_of_value_has_its_json() {
        let array = NdArray::new(Dtype::U8, vec![2, 2], vec![1, 2, 3, 4]).unwrap();
        let value = Value::from([
            ("a", Value::Float32(0.1)),
            ("nan", Value::Float(f64::NAN)),
            ("list", Value::List(vec![Value::Nil, true.into(), u64::MAX.into()])),
            ("array", Value::Array(array)),
            ("odd", Value::Map(vec![(Value::Int(7), Value::Bytes(vec![0, 255]))])),
        ]);
        assert_eq!(
            line(&Noted(&value, Notation::Exact)),
            concat!(
                r#"{"a":{"$f32":0.1},"nan":{"$f64":"nan"},"list":[null,true,18446744073709551615],"#,
                r#""array":{"$ndarray":{"dtype":"u8","shape":[2,2],"data":[[1,2],[3,4]]}},"#,
                r#""odd":{"$map":[[7,{"$bytes":"AP8="}]]}}"#
            )
        );
        assert_eq!(
            line(&Noted(&value, Notation::Plain)).split_once(",\"list").unwrap().0,
            r#"{"a":0.1,"nan":{"$f64":"nan"}"#
        );
    }
}
