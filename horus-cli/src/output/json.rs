//! Any value as JSON.

use super::text::is_unsafe;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use horus_core::Value;
use serde_json::{Map, Number, Value as Json};

/// Returns a value as JSON. Bytes become base64; arrays lists; keys that aren't text their text in JSON; numbers that JSON
/// doesn't have (infinities, not a number) null.
pub(crate) fn from_value(value: &Value) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => Json::from(*value),
        Value::UInt(value) => Json::from(*value),
        Value::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::Float32(value) => float32(*value),
        Value::Str(text) => Json::from(text.as_str()),
        Value::Bytes(bytes) => Json::from(STANDARD.encode(bytes)),
        Value::List(items) => items.iter().map(from_value).collect(),
        Value::Map(entries) => {
            let pairs = entries.iter().map(|(key, value)| (key_text(key), from_value(value)));
            Json::Object(pairs.collect::<Map<_, _>>())
        }
        Value::Array(array) => match array.shape().is_empty() {
            true => array.scalars().next().map_or(Json::Null, |scalar| from_value(&scalar)),
            false => (0..array.shape()[0] as usize)
                .filter_map(|index| array.item(index))
                .map(|item| from_value(&item))
                .collect(),
        },
    }
}

/// Returns JSON in one line that no terminal takes for commands. JSON itself escapes only what lies below a space; the
/// rest of what [`is_unsafe`] knows can stand in strings alone, so that it is escaped wherever it is found.
pub(crate) fn line(json: &Json) -> String {
    let text = json.to_string();
    if !text.contains(is_unsafe) {
        return text;
    }
    let escaped = |c: char| if is_unsafe(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    text.chars().map(escaped).collect()
}

/// Returns a key as the text it is, or else as its JSON.
pub(crate) fn key_text(key: &Value) -> String {
    match key {
        Value::Str(text) => text.clone(),
        other => from_value(other).to_string(),
    }
}

/// The shortest decimal that is this number in 32 bits: `0.1`, not `0.10000000149011612`.
fn float32(value: f32) -> Json {
    value.to_string().parse::<f64>().ok().and_then(Number::from_f64).map_or(Json::Null, Json::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use horus_core::{Dtype, NdArray};

    #[test]
    fn a_line_commands_no_terminal_and_reads_the_same() {
        let json = Json::from("\u{1b}[2J \u{9b}2J \u{7f} \u{202e} \u{2028} ö\n");
        let line = line(&json);
        assert_eq!(line, r#""\u001b[2J \u009b2J \u007f \u202e \u2028 ö\n""#);
        assert_eq!(serde_json::from_str::<Json>(&line).unwrap(), json);
    }

    #[test]
    fn every_kind_of_value_has_its_json() {
        let array = NdArray::new(Dtype::U8, vec![2, 2], vec![1, 2, 3, 4]).unwrap();
        let value = Value::Map(vec![
            ("a".into(), Value::Float32(0.1)),
            (Value::Int(7), Value::Bytes(vec![0, 255])),
            ("nan".into(), Value::Float(f64::NAN)),
            ("list".into(), Value::List(vec![Value::Nil, true.into(), u64::MAX.into()])),
            ("array".into(), Value::Array(array)),
        ]);
        assert_eq!(
            from_value(&value).to_string(),
            r#"{"a":0.1,"7":"AP8=","nan":null,"list":[null,true,18446744073709551615],"array":[[1,2],[3,4]]}"#
        );
    }
}
