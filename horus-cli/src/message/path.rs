//! The way to a part of a message: `pose.covariance[0]`.

use crate::output::json::key_text;
use horus_core::Value;
use std::fmt;
use std::str::FromStr;

/// A way to a part of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldPath {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    /// An item of a list or array; of a map, the value under that number.
    Item(i64),
}

impl FromStr for FieldPath {
    type Err = String;

    fn from_str(text: &str) -> Result<FieldPath, String> {
        let mut steps = Vec::new();
        for part in text.split('.') {
            let (key, items) = part.split_once('[').map_or((part, None), |(key, items)| (key, Some(items)));
            if key.is_empty() && (items.is_none() || !steps.is_empty()) {
                return Err(format!("'{text}' has an empty part; write it like pose.covariance[0]"));
            }
            if !key.is_empty() {
                steps.push(Step::Key(key.into()));
            }
            for item in items.iter().flat_map(|items| items.split('[')) {
                let index = item.strip_suffix(']').and_then(|index| index.parse().ok());
                let index =
                    index.ok_or_else(|| format!("'[{item}' in '{text}' is no index; write it like [0]"))?;
                steps.push(Step::Item(index));
            }
        }
        Ok(FieldPath { steps })
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(key) if index == 0 => write!(f, "{key}")?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Item(item) => write!(f, "[{item}]")?,
            }
        }
        Ok(())
    }
}

impl FieldPath {
    /// Returns the part of `value` that the path leads to.
    ///
    /// # Errors
    /// The keys that are there, where one isn't; none where the path asks for a key or item of what has none.
    pub(crate) fn find(&self, value: &Value) -> Result<Value, Vec<String>> {
        let mut at = value.clone();
        for step in &self.steps {
            let next = match (step, &at) {
                (Step::Key(key), at) => at.get(key).cloned().or_else(|| by_text(at, key)),
                (Step::Item(item), Value::Map(entries)) => {
                    entries.iter().find(|(key, _)| *key == Value::Int(*item)).map(|(_, value)| value.clone())
                }
                (Step::Item(item), at) => {
                    usize::try_from(*item).ok().and_then(|i| at.item(i)).map(|v| v.into_owned())
                }
            };
            at = match next {
                Some(next) => next,
                None => return Err(keys(&at)),
            };
        }
        Ok(at)
    }
}

/// Returns the value under a key that isn't text and is shown as `text`: `3`, `true`.
fn by_text(map: &Value, text: &str) -> Option<Value> {
    let Value::Map(entries) = map else { return None };
    entries.iter().find(|(key, _)| key_text(key) == text).map(|(_, value)| value.clone())
}

/// Returns what can be asked of a value.
fn keys(value: &Value) -> Vec<String> {
    match value {
        Value::Map(entries) => entries.iter().map(|(key, _)| key_text(key)).collect(),
        value if value.item(0).is_some() => {
            vec![format!("[0] to [{}]", value.count().unwrap_or(1).max(1) - 1)]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_parts() {
        let value = Value::from([
            ("pose", Value::from([("cov", Value::from(vec![1.5, 2.5]))])),
            ("rows", Value::List(vec![Value::from(vec![1i64, 2]), Value::from(vec![3i64])])),
        ]);
        let find = |path: &str| path.parse::<FieldPath>().unwrap().find(&value);
        assert_eq!(find("pose.cov[1]"), Ok(Value::Float(2.5)));
        assert_eq!(find("rows[0][1]"), Ok(Value::Int(2)));
        assert_eq!(find("pose.x"), Err(vec!["cov".into()]));
        assert_eq!(find("rows[2]"), Err(vec!["[0] to [1]".into()]));
        assert_eq!(find("pose.cov[0].x"), Err(vec![]));
    }

    #[test]
    fn a_number_finds_a_key_that_is_one() {
        let value = Value::Map(vec![(Value::Int(7), "seven".into())]);
        for path in ["[7]", "7"] {
            assert_eq!(path.parse::<FieldPath>().unwrap().find(&value), Ok("seven".into()), "{path}");
        }
        let both = Value::Map(vec![(Value::Int(7), "number".into()), ("7".into(), "text".into())]);
        assert_eq!("7".parse::<FieldPath>().unwrap().find(&both), Ok("text".into()));
    }

    #[test]
    fn paths_are_read_and_written() {
        for text in ["a", "a.b", "a[0]", "a.b[0][1].c", "[3].x"] {
            assert_eq!(text.parse::<FieldPath>().unwrap().to_string(), text);
        }
        for text in ["", "a.", ".a", "a..b", "a[", "a[x]", "a[0"] {
            assert!(text.parse::<FieldPath>().is_err(), "{text}");
        }
    }
}
