//! YAML as a tree whose every value knows where it stands.

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};
use std::fmt;

/// Where something stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// From 1.
    pub(super) line: usize,
    /// From 1, in characters.
    pub(super) column: usize,
    /// In characters; at least 1.
    pub(super) width: usize,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// With the text as written: `1.50` is another name than `1.5`.
    Number(f64, String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One entry of a map.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) at: Place,
    pub(super) key: String,
    pub(super) value: Node,
}

/// What is wrong with text that isn't YAML, or no tree that means one thing.
#[derive(Debug)]
pub(super) struct Malformed {
    pub(super) at: Place,
    pub(super) reason: String,
}

/// Returns the tree of a text; nothing but comments is `Null`.
pub(super) fn parse(text: &str) -> Result<Node, Malformed> {
    let options = serde_saphyr::options! {
        // `restart: no` is a word here.
        strict_booleans: true,
    };
    let start = Place { line: 1, column: 1, width: 1 };
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Node { at: start, value: Value::Null });
    }
    let parsed: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        Malformed { at: error.location().map_or(start, |location| place(&location)), reason: plain(&error) }
    })?;
    Ok(node(parsed, text))
}

/// Returns what is wrong without the parser's own picture of the place: ours has the file's name too.
fn plain(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error;
    match error.without_snippet() {
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            return format!("the key `{key}` is there twice");
        }
        Error::DuplicateMappingKey { key: None, .. } => return "a key is there twice".into(),
        Error::MultipleDocuments { .. } => {
            return "a launch file is one document; `---` begins another".into();
        }
        Error::NonFiniteFloat { value, .. } => return format!("`{value}` is no number to work with"),
        _ => {}
    }
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    let reason = first.split_once(": ").filter(|(place, _)| place.starts_with("error: line"));
    let reason = reason.map_or(first, |(_, reason)| reason);
    // The error within an alias comes as text.
    if reason.starts_with("budget breached") {
        return "it is too large, or its anchors unfold into too much".into();
    }
    match reason.rsplit_once(" at line ") {
        Some((reason, _)) => reason.to_owned(),
        None => reason.to_owned(),
    }
}

fn place(location: &Location) -> Place {
    let width = usize::try_from(location.span().len()).unwrap_or(1).max(1);
    Place { line: location.line() as usize, column: location.column() as usize, width }
}

/// A value as the parser gives it; scalars without quotes are guessed at.
enum Raw {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn node(raw: Spanned<Raw>, text: &str) -> Node {
    let at = place(&raw.referenced);
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Bool(truth) => Value::Bool(truth),
        Raw::Number(number) => Value::Number(number, written(text, &raw.defined)),
        Raw::Text(text) => Value::Text(text),
        Raw::List(items) => Value::List(items.into_iter().map(|item| node(item, text)).collect()),
        Raw::Map(entries) => {
            let entries = entries.into_iter().map(|(key, value)| Entry {
                at: place(&key.referenced),
                key: key.value,
                value: node(value, text),
            });
            Value::Map(entries.collect())
        }
    };
    // A list or a map is pointed at by its first character only; it may go over many lines.
    let width = if matches!(value, Value::List(_) | Value::Map(_)) { 1 } else { at.width };
    Node { at: Place { width, ..at }, value }
}

/// Returns a scalar as it is written in the text, in one step however far down it stands.
fn written(text: &str, location: &Location) -> String {
    let span = location.span();
    let bytes = span.byte_offset().zip(span.byte_len()).and_then(|(from, len)| {
        let from = usize::try_from(from).ok()?;
        text.get(from..from.checked_add(usize::try_from(len).ok()?)?)
    });
    bytes.unwrap_or_default().trim().to_owned()
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Number(value as f64))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

impl Value {
    /// Returns what it is, in a word, for errors.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a truth value",
            Value::Number(..) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// Returns the text of a scalar, numbers and truth values as they are written.
    pub(super) fn scalar(&self) -> Option<String> {
        match self {
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Number(_, written) => Some(written.clone()),
            Value::Text(text) => Some(text.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_place() {
        let tree = parse("# a comment\na: 1.50\nb:\n  - no\n  - true\n").unwrap();
        let Value::Map(entries) = &tree.value else { panic!("{tree:?}") };
        assert_eq!((entries[0].key.as_str(), entries[0].at), ("a", Place { line: 2, column: 1, width: 1 }));
        assert_eq!(entries[0].value.value, Value::Number(1.5, "1.50".into()));
        assert_eq!(entries[0].value.at, Place { line: 2, column: 4, width: 4 });
        let Value::List(items) = &entries[1].value.value else { panic!("{entries:?}") };
        assert_eq!(items[0].value, Value::Text("no".into()));
        assert_eq!((items[1].value.clone(), items[1].at.line), (Value::Bool(true), 5));
    }

    #[test]
    fn what_is_no_tree_has_a_place_too() {
        let twice = parse("a: 1\na: 2\n").unwrap_err();
        assert_eq!((twice.at.line, twice.reason.as_str()), (2, "the key `a` is there twice"));
        assert_eq!(parse("a: [1, 2\nb: 3\n").unwrap_err().at.line, 2);
        assert_eq!(parse("  # nothing\n\n").unwrap().value, Value::Null);
    }

    #[test]
    fn the_parser_s_words_for_its_callers_stay_inside() {
        let reason = |text: &str| parse(text).unwrap_err().reason;
        assert_eq!(reason("a: 1\n---\nb: 1\n"), "a launch file is one document; `---` begins another");
        assert_eq!(reason("a: .nan\n"), "`.nan` is no number to work with");
        let mut bomb = "x0: &x0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned();
        for i in 1..7 {
            let alias = format!("*x{}", i - 1);
            bomb += &format!("x{i}: &x{i} [{}]\n", [alias.as_str(); 10].join(", "));
        }
        assert_eq!(reason(&bomb), "it is too large, or its anchors unfold into too much");
    }
}
