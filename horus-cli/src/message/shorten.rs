//! Messages with what is too long to look at in a few words instead.

use horus_core::Value;

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

/// Returns a message of a pool-backed topic with its pixels or numbers in a few words instead.
pub(crate) fn without_data(message: Value) -> Value {
    let Value::Map(entries) = message else { return message };
    let shorten = |(key, value): (Value, Value)| match key {
        Value::Str(name) if name == "data" => (Value::Str(name), in_words(&value)),
        key => (key, value),
    };
    Value::Map(entries.into_iter().map(shorten).collect())
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
    fn only_the_data_of_an_image_is_left_out() {
        let image = Value::from([("height", Value::Int(2)), ("data", array())]);
        let shortened = without_data(image);
        assert_eq!(shortened.get("height"), Some(&Value::Int(2)));
        assert!(matches!(shortened.get("data"), Some(Value::Str(_))));
    }
}
