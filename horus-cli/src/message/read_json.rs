//! From JSON to a value.

use super::notation::{self, has_twice, named};
use horus_core::Value;
use horus_core::value::VALUE_DEPTH_MAX;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Deepest nesting of what is written: a level of a value takes up to three where a map is written as pairs, and an array
/// has up to 64 dimensions.
const DEPTH_MAX: usize = 3 * VALUE_DEPTH_MAX as usize + 72;

/// The keys of a line that `topic echo --json` prints.
const ENVELOPE: [&str; 5] = ["seq", "t_pub_ns", "latency_ns", "dropped", "data"];

/// How far a text is JSON.
#[derive(Debug, PartialEq)]
pub(super) enum Json {
    /// It is, and this is its value.
    Whole(Value),
    /// It could become JSON if more came.
    Begun,
    /// It isn't.
    Other,
}

/// Reads a text that may be JSON. Of a line of `topic echo --json` that is the message in it.
///
/// # Errors
/// In words, for JSON whose `{"$f32": …}` or the like makes no sense.
pub(super) fn read(text: &str) -> Result<Json, String> {
    let mut json = serde_json::Deserializer::from_str(text);
    // Counted by ourselves.
    json.disable_recursion_limit();
    let read = Node { depth: 0 }.deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    match read {
        Ok(value) => Ok(Json::Whole(message(value))),
        Err(error) if error.is_data() => Err(error.to_string()),
        Err(error) if error.is_eof() => Ok(Json::Begun),
        Err(_) => Ok(Json::Other),
    }
}

/// Returns the message in a line of `topic echo --json`; anything else is one itself.
fn message(value: Value) -> Value {
    let Value::Map(mut entries) = value else { return value };
    let is_line = entries.len() == ENVELOPE.len()
        && entries.iter().zip(ENVELOPE).all(|((key, _), name)| matches!(key, Value::Str(key) if key == name));
    match entries.pop() {
        Some((_, data)) if is_line => data,
        last => {
            entries.extend(last);
            Value::Map(entries)
        }
    }
}

#[derive(Clone, Copy)]
struct Node {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Node {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.depth > DEPTH_MAX {
            return Err(D::Error::custom(format!("nested deeper than {VALUE_DEPTH_MAX} levels")));
        }
        deserializer.deserialize_any(Node { depth: self.depth + 1 })
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
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

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Str(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map: Vec<(Value, Value)> = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            map.push((Value::Str(key), entries.next_value_seed(self)?));
        }
        if let [(Value::Str(key), inner)] = map.as_mut_slice()
            && let Some(name) = key.strip_prefix('$').filter(|name| notation::NAMES.contains(name))
            && let Some(read) = named(name, std::mem::take(inner))
        {
            return read.map_err(A::Error::custom);
        }
        if has_twice(map.iter().map(|(key, _)| key)) {
            return Err(A::Error::custom("a key is there twice"));
        }
        Ok(Value::Map(map))
    }
}
