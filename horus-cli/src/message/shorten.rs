//! Messages with what is too long to look at in a few words instead.

use horus_core::Value;

/// Most numbers, or bytes, that a terminal is given in a row: some screens full, where a laser scan fits and a picture
/// doesn't.
const TERMINAL_NUMBERS_MAX: usize = 2000;

/// Returns the value with each array, list of numbers and run of bytes in a few words instead.
pub(crate) fn without_arrays(value: Value) -> Value {
    let is_number =
        |value: &Value| matches!(value, Value::Int(_) | Value::UInt(_) | Value::Float(_) | Value::Float32(_));
    match value {
        Value::Array(_) => in_words(&value),
        Value::Bytes(bytes) => Value::Str(format!("<{} bytes>", bytes.len())),
        Value::List(items) if !items.is_empty() && items.iter().all(is_number) => {
            Value::Str(format!("<list of {} numbers>", items.len()))
        }
        Value::List(items) => Value::List(items.into_iter().map(without_arrays).collect()),
        Value::Map(entries) => {
            Value::Map(entries.into_iter().map(|(key, value)| (key, without_arrays(value))).collect())
        }
        other => other,
    }
}

/// Returns the value with what would fill a terminal in a few words instead.
pub(crate) fn for_terminal(value: Value) -> Value {
    match value {
        Value::Array(ref array) if array.scalars().len() > TERMINAL_NUMBERS_MAX => in_words(&value),
        Value::Bytes(bytes) | Value::Ext(_, bytes) if bytes.len() > TERMINAL_NUMBERS_MAX => {
            without_arrays(Value::Bytes(bytes))
        }
        Value::List(items) if items.len() > TERMINAL_NUMBERS_MAX => {
            Value::Str(format!("<list of {}>", items.len()))
        }
        Value::List(items) => Value::List(items.into_iter().map(for_terminal).collect()),
        Value::Map(entries) => {
            Value::Map(entries.into_iter().map(|(key, value)| (key, for_terminal(value))).collect())
        }
        other => other,
    }
}

fn in_words(value: &Value) -> Value {
    let Value::Array(array) = value else { return value.clone() };
    let shape: Vec<_> = array.shape().iter().map(u64::to_string).collect();
    Value::Str(format!("<array {}[{}]>", array.dtype().name(), shape.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::yaml;
    use horus_core::{Dtype, NdArray};

    fn array() -> Value {
        Value::Array(NdArray::new(Dtype::F32, vec![2, 3], vec![0; 24]).unwrap())
    }

    #[test]
    fn arrays_are_told_in_words() {
        let value = Value::from([
            ("a", array()),
            ("b", vec![1i64, 2].into()),
            ("c", Value::List(vec!["x".into()])),
            ("d", Value::Bytes(vec![1])),
        ]);
        let text = yaml::document(&without_arrays(value));
        let expected = "a: \"<array float32[2, 3]>\"\nb: \"<list of 2 numbers>\"\nc: [x]\nd: \"<1 bytes>\"\n";
        assert_eq!(text.replace("f32", "float32"), expected);
    }

    #[test]
    fn a_terminal_is_not_filled() {
        let array =
            |count: usize| Value::Array(NdArray::new(Dtype::U8, vec![count as u64], vec![0; count]).unwrap());
        let value =
            Value::from([("small", array(2000)), ("large", array(2001)), ("text", "x".repeat(3000).into())]);
        let shown = for_terminal(value.clone());
        assert_eq!(shown.get("small"), value.get("small"));
        assert_eq!(shown.get("large"), Some(&"<array u8[2001]>".into()));
        assert_eq!(shown.get("text"), value.get("text"));
    }
}
