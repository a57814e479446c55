//! Any value as YAML, so that what is shown can be published again.

use super::{json, text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use horus_core::Value;
use std::fmt::Write;

/// Returns a value as a YAML document, without markers, ended by a newline.
pub(crate) fn document(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Map(entries) if !entries.is_empty() => map(&mut out, entries, 0),
        Value::List(items) if !is_flow(value) => list(&mut out, items, 0),
        other => {
            flow(&mut out, other);
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

/// Returns whether a value stands in its line: scalars, what is empty, and lists of scalars.
fn is_flow(value: &Value) -> bool {
    match value {
        Value::Map(entries) => entries.is_empty(),
        Value::List(items) => items
            .iter()
            .all(|item| !matches!(item, Value::Map(_) | Value::List(_)) || item.count() == Some(0)),
        _ => true,
    }
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn map(out: &mut String, entries: &[(Value, Value)], depth: usize) {
    for (index, (key, value)) in entries.iter().enumerate() {
        // The first key of a map in a list stands behind its dash.
        if index > 0 || !out.ends_with("- ") {
            indent(out, depth);
        }
        scalar_key(out, key);
        out.push(':');
        match value {
            value if is_flow(value) => {
                out.push(' ');
                flow(out, value);
                out.push('\n');
            }
            Value::Map(entries) => {
                out.push('\n');
                map(out, entries, depth + 1);
            }
            Value::List(items) => {
                out.push('\n');
                list(out, items, depth);
            }
            _ => unreachable!("all else stands in its line"),
        }
    }
}

fn list(out: &mut String, items: &[Value], depth: usize) {
    for item in items {
        indent(out, depth);
        out.push_str("- ");
        match item {
            Value::Map(entries) if !entries.is_empty() => map(out, entries, depth + 1),
            other => {
                flow(out, other);
                out.push('\n');
            }
        }
    }
}

fn scalar_key(out: &mut String, key: &Value) {
    match key {
        Value::Map(_) | Value::List(_) | Value::Array(_) => string(out, &json::key_text(key)),
        scalar => flow(out, scalar),
    }
}

/// Writes a value into its line.
fn flow(out: &mut String, value: &Value) {
    match value {
        Value::Nil => out.push_str("null"),
        Value::Bool(value) => out.push_str(&value.to_string()),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::UInt(value) => out.push_str(&value.to_string()),
        Value::Float(value) => float(out, *value, format!("{value:?}")),
        Value::Float32(value) => float(out, f64::from(*value), format!("{value:?}")),
        Value::Str(text) => string(out, text),
        Value::Bytes(bytes) => {
            out.push_str("!!binary ");
            out.push_str(&quoted(&STANDARD.encode(bytes)));
        }
        Value::List(items) => sequence(out, items.iter(), flow),
        Value::Map(entries) => {
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                scalar_key(out, key);
                out.push_str(": ");
                flow(out, value);
            }
            out.push('}');
        }
        Value::Array(array) => match array.shape().first() {
            None => array.scalars().for_each(|scalar| flow(out, &scalar)),
            Some(_) if array.data().is_empty() => out.push_str("[]"),
            Some(count) => {
                let items = (0..*count as usize).filter_map(|index| array.item(index));
                sequence(out, items, |out, item| flow(out, &item));
            }
        },
    }
}

fn sequence<T>(out: &mut String, items: impl Iterator<Item = T>, each: impl Fn(&mut String, T)) {
    out.push('[');
    for (index, item) in items.enumerate() {
        out.push_str(if index > 0 { ", " } else { "" });
        each(out, item);
    }
    out.push(']');
}

/// Writes a number so that it is read as one with a fraction again.
fn float(out: &mut String, value: f64, shortest: String) {
    match value {
        value if value.is_nan() => out.push_str(".nan"),
        f64::INFINITY => out.push_str(".inf"),
        f64::NEG_INFINITY => out.push_str("-.inf"),
        // Rust writes 1e21 without a point, which YAML 1.1 readers take for text.
        _ => match shortest.split_once('e') {
            Some((digits, exponent)) if !digits.contains('.') => {
                out.extend([digits, ".0e", exponent]);
            }
            _ => out.push_str(&shortest),
        },
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
            c if text::is_unsafe(c) => drop(write!(out, "\\u{:04x}", u32::from(c))),
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
        assert_eq!(document(&Value::Float32(0.1)), "0.1\n");
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
        assert_eq!(document(&Value::Array(array)), "[[1], [-1]]\n");
        assert_eq!(document(&Value::Bytes(vec![0, 255])), "!!binary \"AP8=\"\n");
    }
}
