//! From YAML or JSON, as typed on a command line or printed by `topic echo`, to a value.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use horus_core::Value;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Returns the value that a YAML or JSON text stands for.
///
/// # Errors
/// What is wrong with the text, in words, with line and column.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    // A reader of YAML would take a list of bytes for text; say what is meant before it does.
    let marked = text.replace("!!binary \"", &format!("\"{BINARY}"));
    let options = serde_saphyr::options! {
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
        // A point cloud of a million numbers is a fair message, and who writes it is who waits for it.
        budget: None,
        // Only true and false: `mode: on` is text.
        strict_booleans: true,
    };
    let parsed: Parsed =
        serde_saphyr::from_str_with_options(&marked, options).map_err(|error| error.to_string())?;
    Ok(parsed.0)
}

/// Returns the documents of a text, which lines of `---` stand between; empty ones are left out.
pub(crate) fn documents(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        if line.trim_end() == "---" {
            documents.push(String::new());
        } else if let Some(last) = documents.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
    }
    documents.retain(|document| !document.trim().is_empty());
    documents
}

/// Stands before base64 in the place of YAML's tag for it. Not a character that text on a command line begins with.
const BINARY: &str = "\\u0001binary:";
const BINARY_READ: &str = "\u{1}binary:";

#[derive(PartialEq)]
struct Parsed(Value);

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Parsed, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Parsed)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        match text.strip_prefix(BINARY_READ) {
            Some(encoded) => STANDARD
                .decode(encoded)
                .map(Value::Bytes)
                .map_err(|error| E::custom(format!("bytes: {error}"))),
            None => Ok(Value::Str(text.into())),
        }
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Parsed(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map: Vec<(Value, Value)> = Vec::new();
        while let Some((Parsed(key), Parsed(value))) = entries.next_entry()? {
            map.push((key, value));
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::yaml;

    #[test]
    fn what_is_printed_is_read_again() {
        let value = Value::Map(vec![
            ("n".into(), Value::Int(-3)),
            ("big".into(), u64::MAX.into()),
            ("x".into(), Value::Float(1.0)),
            ("tiny".into(), Value::Float(1e-300)),
            ("inf".into(), Value::Float(f64::INFINITY)),
            ("text".into(), "yes: \"no\"\n\x1b".into()),
            ("empty".into(), "".into()),
            ("number in text".into(), "12".into()),
            ("nil".into(), Value::Nil),
            ("bytes".into(), Value::Bytes(vec![0, 1, 255])),
            (Value::Int(7), Value::Bool(true)),
            (
                "list".into(),
                Value::List(vec![
                    Value::from([("a", 1i64)]),
                    Value::List(vec![]),
                    Value::List(vec![Value::List(vec![Value::Int(1)])]),
                ]),
            ),
            ("map".into(), Value::Map(vec![])),
        ]);
        assert_eq!(parse(&yaml::document(&value)), Ok(value));
    }

    #[test]
    fn json_is_read_too() {
        let value = parse(r#"{"linear": 0.5, "angular": -1, "tags": ["a", null, true]}"#).unwrap();
        assert_eq!(yaml::document(&value), "linear: 0.5\nangular: -1\ntags: [a, null, true]\n");
        assert_eq!(parse("{linear: 0.5}").unwrap(), Value::from([("linear", 0.5)]));
    }

    #[test]
    fn errors_say_where() {
        assert!(parse("{a: ").unwrap_err().contains("line"), "{:?}", parse("{a: "));
        assert!(parse("!!binary \"?\"").is_err());
    }

    #[test]
    fn documents_are_told_apart() {
        assert_eq!(documents("a: 1\n---\na: 2\n---\n"), ["a: 1\n", "a: 2\n"]);
        assert!(documents("\n---\n").is_empty());
    }
}
