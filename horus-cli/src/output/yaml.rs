//! Any value as YAML, so that what is shown can be published again.

use super::text;
use crate::message::notation::{self, KEY_BYTES_MAX, Notation, Written, is_plain_map};
use crate::message::numbers;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use horus_core::{NdArray, Value};
use std::fmt::Write;

/// Returns a value as a YAML document, without markers, ended by a newline.
pub(crate) fn document(value: &Value) -> String {
    message(value, Notation::Exact)
}

/// The same with as few tags as its readers need.
pub(crate) fn message(value: &Value, notation: Notation<'_>) -> String {
    let mut out = String::new();
    match value {
        Value::Map(entries) if !is_flow(value) => map(&mut out, entries, 0, notation),
        Value::List(items) if !is_flow(value) => list(&mut out, items, 0, notation),
        other => {
            flow(&mut out, other, notation);
            out.push('\n');
        }
    }
    out
}

/// Returns what an envelope in JSON is as a value.
pub(crate) fn from_json(json: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => Value::Int(value),
            (None, Some(value)) => Value::from(value),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::Str(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(from_json).collect()),
        Json::Object(entries) => {
            Value::Map(entries.iter().map(|(key, value)| (key.as_str().into(), from_json(value))).collect())
        }
    }
}

/// Returns whether a value stands in its line: scalars, what is empty, lists of scalars, and maps that are no map to YAML.
fn is_flow(value: &Value) -> bool {
    match value {
        Value::Map(entries) => entries.is_empty() || !is_map(entries),
        Value::List(items) => items
            .iter()
            .all(|item| !matches!(item, Value::Map(_) | Value::List(_)) || item.count() == Some(0)),
        _ => true,
    }
}

/// Returns whether a map can be written as one: with keys that no reader refuses.
fn is_map(entries: &[(Value, Value)]) -> bool {
    is_plain_map(entries) && entries.iter().all(|(key, _)| key_text(key).chars().count() <= KEY_BYTES_MAX)
}

/// Returns a key as it stands before its colon.
fn key_text(key: &Value) -> String {
    let mut text = String::new();
    flow(&mut text, key, Notation::Exact);
    text
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn map(out: &mut String, entries: &[(Value, Value)], depth: usize, notation: Notation<'_>) {
    for (index, (key, value)) in entries.iter().enumerate() {
        // The first key of a map in a list stands behind its dash.
        if index > 0 || !out.ends_with("- ") {
            indent(out, depth);
        }
        flow(out, key, Notation::Exact);
        out.push(':');
        let notation = notation.entry(key);
        match value {
            value if is_flow(value) => {
                out.push(' ');
                flow(out, value, notation);
                out.push('\n');
            }
            Value::Map(entries) => {
                out.push('\n');
                map(out, entries, depth + 1, notation);
            }
            Value::List(items) => {
                out.push('\n');
                list(out, items, depth, notation);
            }
            _ => unreachable!("all else stands in its line"),
        }
    }
}

fn list(out: &mut String, items: &[Value], depth: usize, notation: Notation<'_>) {
    let notation = notation.item();
    for item in items {
        indent(out, depth);
        out.push_str("- ");
        match item {
            Value::Map(entries) if !is_flow(item) => map(out, entries, depth + 1, notation),
            other => {
                flow(out, other, notation);
                out.push('\n');
            }
        }
    }
}

/// Writes a value into its line.
fn flow(out: &mut String, value: &Value, notation: Notation<'_>) {
    match value {
        Value::Nil => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => {
            out.push_str(if notation.is_unlisted(&Value::Int(*value)) { "!enum " } else { "" });
            put(out, value);
        }
        Value::UInt(value) => put(out, value),
        Value::Float(value) => match numbers::f64_special(*value) {
            Some(bits) if bits.starts_with("0x") => put(out, format_args!("!f64 \"{bits}\"")),
            word => float(out, *value, word.as_deref()),
        },
        Value::Float32(value) => match numbers::f32_special(*value) {
            Some(bits) if bits.starts_with("0x") => put(out, format_args!("!f32 \"{bits}\"")),
            word => {
                out.push_str(if notation.is_exact() { "!f32 " } else { "" });
                float(out, numbers::f32_shown(*value), word.as_deref());
            }
        },
        Value::Str(text) => string(out, text),
        Value::Bytes(bytes) => {
            out.push_str("!!binary \"");
            STANDARD.encode_string(bytes, out);
            out.push('"');
        }
        Value::List(items) => sequence(out, items.iter(), |out, item| flow(out, item, notation.item())),
        Value::Map(entries) if is_map(entries) => {
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                flow(out, key, Notation::Exact);
                out.push_str(": ");
                flow(out, value, notation.entry(key));
            }
            out.push('}');
        }
        Value::Map(entries) => {
            out.push_str("!map ");
            sequence(out, entries.iter(), |out, (key, value)| {
                sequence(out, [key, value].into_iter(), |out, part| flow(out, part, Notation::Exact));
            });
        }
        Value::Array(array) => numbers_of(out, array, notation),
        Value::Ext(..) => {
            out.push_str("!ext ");
            flow(out, &notation::ext_parts(value), Notation::Plain);
        }
    }
}

fn numbers_of(out: &mut String, array: &NdArray, notation: Notation<'_>) {
    match notation::written(array, notation) {
        Written::Bare(data) => flow(out, &data, Notation::Plain),
        Written::Named(parts) => {
            out.push_str("!ndarray ");
            flow(out, &parts, Notation::Plain);
        }
    }
}

fn put(out: &mut String, text: impl std::fmt::Display) {
    // Writing to a String doesn't fail.
    let _ = write!(out, "{text}");
}

fn sequence<T>(out: &mut String, items: impl Iterator<Item = T>, each: impl Fn(&mut String, T)) {
    out.push('[');
    for (index, item) in items.enumerate() {
        out.push_str(if index > 0 { ", " } else { "" });
        each(out, item);
    }
    out.push(']');
}

/// Writes a number so that it is read as one with a fraction again; `word` if no digits stand for it.
fn float(out: &mut String, value: f64, word: Option<&str>) {
    match word {
        Some("-inf") => out.push_str("-.inf"),
        Some(word) => put(out, format_args!(".{word}")),
        None => {
            let start = out.len();
            let _ = write!(out, "{value:?}");
            // Rust writes 1e21 without a point, which YAML 1.1 readers take for text.
            if let Some(at) = out[start..].find('e').filter(|at| !out[start..start + at].contains('.')) {
                out.insert_str(start + at, ".0");
            }
        }
    }
}

fn string(out: &mut String, text: &str) {
    if is_plain(text) { out.push_str(text) } else { out.push_str(&quoted(text)) }
}

/// Returns whether a text can stand bare and is read as the same text by any YAML reader.
fn is_plain(text: &str) -> bool {
    let first_is_plain = text.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '/');
    let rest_is_plain = text.chars().all(|c| c.is_alphanumeric() || "_-./ ".contains(c));
    let is_word_of_yaml = matches!(
        text.to_ascii_lowercase().as_str(),
        "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    first_is_plain && rest_is_plain && !text.ends_with(' ') && !is_word_of_yaml
}

fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // YAML doesn't take the last two.
            c if text::is_unsafe(c) || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                put(&mut out, format_args!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use horus_core::{Dtype, NdArray};

    fn yaml(value: impl Into<Value>) -> String {
        document(&value.into())
    }

    #[test]
    fn maps_and_lists_stand_in_blocks() {
        let obstacle = Value::from([("distance", Value::Float(1.5)), ("at", Value::from(vec![1i64, 2]))]);
        let value = Value::Map(vec![
            ("mode".into(), "autonomous".into()),
            ("pose".into(), Value::from([("x", 0.0)])),
            ("obstacles".into(), Value::List(vec![obstacle, Value::Map(vec![])])),
            (Value::Int(3), Value::Nil),
        ]);
        let expected =
            "mode: autonomous\npose:\n  x: 0.0\nobstacles:\n- distance: 1.5\n  at: [1, 2]\n- {}\n3: null\n";
        assert_eq!(document(&value), expected);
    }

    #[test]
    fn numbers_keep_their_kind() {
        assert_eq!(yaml(1.0), "1.0\n");
        assert_eq!(yaml(1e300), "1.0e300\n");
        assert_eq!(yaml(2.5e-12), "2.5e-12\n");
        assert_eq!(document(&Value::Float32(0.1)), "!f32 0.1\n");
        assert_eq!(message(&Value::Float32(0.1), Notation::Plain), "0.1\n");
        assert_eq!(yaml(-0.0), "-0.0\n");
        assert_eq!(yaml(f64::NAN), ".nan\n");
        assert_eq!(yaml(f64::NEG_INFINITY), "-.inf\n");
        assert_eq!(yaml(u64::MAX), "18446744073709551615\n");
    }

    #[test]
    fn text_that_could_be_misread_is_quoted() {
        for text in [
            "", "yes", "null", "1", "1.5", "-", "a: b", "#x", " a", "a ", "[", "12:30", "0x10", "~", "!x",
            "&a", "*a", "%",
        ] {
            assert_eq!(yaml(text), format!("\"{text}\"\n"));
        }
        for text in ["base_link", "camera.rgb", "hello world", "/dev/video0", "größe"] {
            assert_eq!(yaml(text), format!("{text}\n"));
        }
        assert_eq!(yaml("a\x1b[2J\n\"\\"), "\"a\\u001b[2J\\n\\\"\\\\\"\n");
    }

    #[test]
    fn arrays_and_bytes_are_readable_again() {
        let array = NdArray::new(Dtype::I16, vec![2, 1], vec![1, 0, 255, 255]).unwrap();
        assert_eq!(message(&Value::Array(array.clone()), Notation::Plain), "[[1], [-1]]\n");
        assert_eq!(
            document(&Value::Array(array)),
            "!ndarray {dtype: i16, shape: [2, 1], data: [[1], [-1]]}\n"
        );
        let large = NdArray::new(Dtype::U8, vec![10_001], vec![0; 10_001]).unwrap();
        let text = document(&Value::Array(large));
        assert!(text.starts_with("!ndarray {dtype: u8, shape: [10001], data: !!binary \"AAAA"), "{text}");
        assert_eq!(document(&Value::Bytes(vec![0, 255])), "!!binary \"AP8=\"\n");
    }
}
