//! Which messages are shown: a condition over their fields, in CEL.

use cel::objects::{Key, Map as CelMap};
use cel::{Context, Program, Value as Cel};
use horus_core::Value;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A condition such as `m.linear > 0.5 && m.mode == "auto"`, where `m` is the message.
pub(crate) struct Filter {
    program: Arc<Program>,
    text: String,
}

impl Clone for Filter {
    fn clone(&self) -> Filter {
        Filter { program: Arc::clone(&self.program), text: self.text.clone() }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.text).finish()
    }
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Filter, String> {
        let program = Program::compile(text).map_err(|error| error.to_string())?;
        Ok(Filter { program: Arc::new(program), text: text.into() })
    }
}

impl Filter {
    /// Returns whether a message is to be shown.
    ///
    /// # Errors
    /// In words: a field that isn't there, numbers compared with text, or a result that is no truth value.
    pub(crate) fn matches(&self, message: &Value) -> Result<bool, String> {
        let mut context = Context::default();
        context.add_variable_from_value("m", cel(message));
        match self.program.execute(&context) {
            Ok(Cel::Bool(matches)) => Ok(matches),
            Ok(other) => Err(format!("'{}' is {}, not true or false", self.text, other.type_of())),
            Err(error) => Err(format!("'{}': {error}", self.text)),
        }
    }
}

fn cel(value: &Value) -> Cel {
    match value {
        Value::Nil => Cel::Null,
        Value::Bool(value) => Cel::Bool(*value),
        Value::Int(value) => Cel::Int(*value),
        Value::UInt(value) => Cel::UInt(*value),
        Value::Float(value) => Cel::Float(*value),
        // As it is shown: 0.1 in 32 bits equals 0.1.
        Value::Float32(value) => Cel::Float(value.to_string().parse().unwrap_or(f64::from(*value))),
        Value::Str(text) => Cel::from(text.as_str()),
        Value::Bytes(bytes) | Value::Ext(_, bytes) => Cel::Bytes(Arc::new(bytes.clone())),
        Value::List(items) => Cel::List(Arc::new(items.iter().map(cel).collect())),
        Value::Map(entries) => {
            let pairs = entries.iter().filter_map(|(key, value)| Some((cel_key(key)?, cel(value))));
            Cel::Map(CelMap { map: Arc::new(pairs.collect::<HashMap<_, _>>()) })
        }
        Value::Array(array) => match array.shape().first() {
            None => array.scalars().next().map_or(Cel::Null, |scalar| cel(&scalar)),
            Some(count) => {
                let items = (0..*count as usize).filter_map(|index| array.item(index));
                Cel::List(Arc::new(items.map(|item| cel(&item)).collect()))
            }
        },
    }
}

fn cel_key(key: &Value) -> Option<Key> {
    match key {
        Value::Int(key) => Some(Key::Int(*key)),
        Value::UInt(key) => Some(Key::Uint(*key)),
        Value::Bool(key) => Some(Key::Bool(*key)),
        Value::Str(key) => Some(Key::String(Arc::new(key.clone()))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(condition: &str) -> Result<bool, String> {
        let message = Value::Map(vec![
            ("linear".into(), Value::Float32(0.1)),
            ("count".into(), Value::Int(3)),
            ("mode".into(), "auto".into()),
            ("pose".into(), Value::from([("x", 1.0)])),
            ("ids".into(), vec![1i64, 2].into()),
        ]);
        condition.parse::<Filter>()?.matches(&message)
    }

    #[test]
    fn conditions_are_over_fields() {
        for yes in [
            "m.linear > 0",
            "m.linear == 0.1",
            "m.count >= 3 && m.mode == 'auto'",
            "m.pose.x < 2 || false",
            "m.ids[1] == 2",
            "size(m.ids) == 2",
            "!('missing' in m)",
        ] {
            assert_eq!(matches(yes), Ok(true), "{yes}");
        }
        assert_eq!(matches("m.count > 3"), Ok(false));
    }

    #[test]
    fn what_is_no_condition_is_an_error_in_words() {
        assert!(matches("m.count >").is_err());
        assert!(matches("m.missing > 1").unwrap_err().contains("missing"));
        assert!(matches("m.count + 1").unwrap_err().contains("not true or false"));
        assert!(matches("m.mode > 1").is_err());
    }
}
