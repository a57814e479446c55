//! From YAML to a value. Plain scalars are read by the core schema of YAML 1.2: `on` and `2024-05-01` are text.
//!
//! # Source
//! <https://yaml.org/spec/1.2.2/#103-core-schema>

use super::notation::{has_twice, named};
use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use horus_core::Value;
use horus_core::value::VALUE_DEPTH_MAX;

/// Deepest nesting of what is written: a level of a value takes up to two where a map is written as pairs, and an array
/// has up to 64 dimensions.
const DEPTH_MAX: usize = 2 * VALUE_DEPTH_MAX as usize + 72;

/// Returns the value that a text stands for; nothing if it has only comments.
///
/// # Errors
/// What is wrong, in words, with line and column.
pub(super) fn read(text: &str) -> Result<Option<Value>, String> {
    let mut options = granit_parser::options! {
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    options.set_emit_comments(false);
    let mut reader = Reader { parser: Parser::new_from_str_with_options(text, options) };
    let mut value = None;
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(value),
            (Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd, _) => {}
            (_, span) if value.is_some() => return Err(at(&span, "there is more than one message")),
            (event, span) => value = Some(reader.node(event, &span, 0)?),
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), String> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let marker = error.marker();
                Err(format!("line {}, column {}: {}", marker.line(), marker.col() + 1, error.info()))
            }
            None => Err("the text ends too early".into()),
        }
    }

    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err(at(span, &format!("nested deeper than {VALUE_DEPTH_MAX} levels")));
        }
        match event {
            Event::Scalar(text, style, 0, tag) => {
                scalar(&text, style, tag.as_deref()).map_err(|reason| at(span, &reason))
            }
            Event::SequenceStart(_, 0, tag) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, &span, depth + 1)?),
                    }
                }
                collection(Value::List(items), tag.as_deref()).map_err(|reason| at(span, &reason))
            }
            Event::MappingStart(_, 0, tag) => {
                let mut entries = Vec::new();
                loop {
                    match self.next()? {
                        (Event::MappingEnd, _) => break,
                        (event, key_span) => {
                            let key = self.node(event, &key_span, depth + 1)?;
                            let (event, span) = self.next()?;
                            entries.push((key, self.node(event, &span, depth + 1)?));
                        }
                    }
                }
                if has_twice(entries.iter().map(|(key, _)| key)) {
                    return Err(at(span, "a key of this map is there twice"));
                }
                collection(Value::Map(entries), tag.as_deref()).map_err(|reason| at(span, &reason))
            }
            _ => Err(at(span, "anchors and aliases (& and *) aren't read; write the value out")),
        }
    }
}

fn at(span: &Span, reason: &str) -> String {
    format!("line {}, column {}: {reason}", span.start.line(), span.start.col() + 1)
}

/// A tag, as far as it is known.
enum Known<'a> {
    /// One of YAML's own, without `!!`.
    Yaml(&'a str),
    /// One of ours, without `!`.
    Ours(&'a str),
    /// `!` alone: text.
    Text,
}

fn known(tag: &Tag) -> Result<Known<'_>, String> {
    match (tag.handle(), tag.suffix()) {
        ("tag:yaml.org,2002:", suffix) => Ok(Known::Yaml(suffix)),
        ("!", "") | ("", "!") => Ok(Known::Text),
        ("!", suffix) => Ok(Known::Ours(suffix)),
        _ => Err(unknown(tag)),
    }
}

fn unknown(tag: &Tag) -> String {
    format!(
        "the tag {} isn't known; there is !f32, !f64, !ndarray, !map, !enum, !ext, !!binary, !!str",
        tag.original()
    )
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    let untagged = || if style == ScalarStyle::Plain { plain(text) } else { Ok(Value::from(text)) };
    let Some(tag) = tag else { return untagged() };
    match known(tag)? {
        Known::Text | Known::Yaml("str") => Ok(Value::from(text)),
        Known::Yaml("binary") => named("bytes", text.into()).unwrap_or_else(|| Err(unknown(tag))),
        Known::Yaml(kind) => {
            let value = plain(text)?;
            match (kind, &value) {
                ("null", Value::Nil)
                | ("bool", Value::Bool(_))
                | ("int", Value::Int(_) | Value::UInt(_))
                | ("float", Value::Float(_)) => Ok(value),
                ("float", Value::Int(_) | Value::UInt(_)) => named("f64", value).unwrap_or(Ok(Value::Nil)),
                ("null" | "bool" | "int" | "float", other) => {
                    Err(format!("!!{kind} before {}", other.what()))
                }
                _ => Err(unknown(tag)),
            }
        }
        Known::Ours(name) => {
            // `!f32 .nan` is a number to YAML, `!f32 "0x7fc00001"` text.
            named(name, untagged()?).unwrap_or_else(|| Err(unknown(tag)))
        }
    }
}

fn collection(value: Value, tag: Option<&Tag>) -> Result<Value, String> {
    let Some(tag) = tag else { return Ok(value) };
    match (known(tag)?, &value) {
        (Known::Ours(name), _) => named(name, value).unwrap_or_else(|| Err(unknown(tag))),
        (Known::Yaml("map"), Value::Map(_)) | (Known::Yaml("seq"), Value::List(_)) => Ok(value),
        _ => Err(unknown(tag)),
    }
}

/// Returns what a scalar without quotes is.
fn plain(text: &str) -> Result<Value, String> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Nil,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Value::Float(f64::NAN),
        _ if matches!(unsigned, ".inf" | ".Inf" | ".INF") => {
            Value::Float(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY })
        }
        _ if is_digits(unsigned) => integer(text, text, 10)?,
        _ => match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
            (Some(digits), _) if digits.chars().all(|c| c.is_ascii_hexdigit()) && !digits.is_empty() => {
                integer(text, digits, 16)?
            }
            (_, Some(digits)) if digits.chars().all(|c| ('0'..='7').contains(&c)) && !digits.is_empty() => {
                integer(text, digits, 8)?
            }
            _ if is_float(unsigned) => float(text)?,
            _ => Value::from(text),
        },
    })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_float(unsigned: &str) -> bool {
    let (number, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let number_is_one = match number.split_once('.') {
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => is_digits(number),
    };
    number_is_one && exponent.is_none_or(is_digits)
}

fn integer(text: &str, digits: &str, radix: u32) -> Result<Value, String> {
    i64::from_str_radix(digits, radix)
        .map(Value::Int)
        .or_else(|_| u64::from_str_radix(digits, radix).map(Value::from))
        .map_err(|_| format!("{text} exceeds the range of 64 bits; in quotes it is text"))
}

fn float(text: &str) -> Result<Value, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Value::Float(number)),
        _ => Err(format!("{text} exceeds the range of a 64-bit number; infinity is written .inf")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Value, String> {
        read(text).map(Option::unwrap_or_default)
    }

    #[test]
    fn plain_scalars_are_what_the_core_schema_says() {
        for (text, value) in [
            ("12", Value::Int(12)),
            ("-12", Value::Int(-12)),
            ("+12", Value::Int(12)),
            ("007", Value::Int(7)),
            ("0x1F", Value::Int(31)),
            ("0o17", Value::Int(15)),
            ("-9223372036854775808", Value::Int(i64::MIN)),
            ("18446744073709551615", Value::UInt(u64::MAX)),
            ("1.", Value::Float(1.0)),
            (".5", Value::Float(0.5)),
            ("-1e3", Value::Float(-1000.0)),
            ("-.inf", Value::Float(f64::NEG_INFINITY)),
            ("~", Value::Nil),
            ("True", Value::Bool(true)),
        ] {
            assert_eq!(one(text), Ok(value), "{text}");
        }
        for text in [
            "on",
            "yes",
            "2024-05-01",
            "12:30",
            "1_000",
            "e5",
            ".",
            "1.2.3",
            "nan",
            "inf",
            "0x",
            "+",
            "1e",
            "-0x1F",
        ] {
            assert_eq!(
                one(&format!("[{text}]")).ok().and_then(|v| v.item(0).map(|v| v.into_owned())),
                Some(text.into()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_no_message_holds_is_refused_with_its_place() {
        for (text, told) in [
            (
                "{x: 1e400}",
                "line 1, column 5: 1e400 exceeds the range of a 64-bit number; infinity is written .inf",
            ),
            (
                "a: 1\nb: 18446744073709551616",
                "line 2, column 4: 18446744073709551616 exceeds the range of 64 bits",
            ),
            ("{a: 1, a: 2}", "a key of this map is there twice"),
            ("{a: &x 1, b: *x}", "anchors and aliases"),
            ("!foo 1", "the tag !foo isn't known; there is !f32"),
            ("!!int text", "!!int before a string"),
            ("!!binary \"?\"", "no base64"),
            ("{a: ", "line 1, column"),
            ("a: 1\n---\nb: 2\n", "there is more than one message"),
        ] {
            let error = one(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
        let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
        assert!(one(&deep).is_err());
    }

    #[test]
    fn tags_say_what_a_value_is() {
        assert_eq!(one("!f32 0.5"), Ok(Value::Float32(0.5)));
        assert_eq!(one("!f32 1"), Ok(Value::Float32(1.0)));
        assert_eq!(one("!!str 12"), Ok("12".into()));
        assert_eq!(one("!!float 1"), Ok(Value::Float(1.0)));
        assert_eq!(one("!!binary AP8="), Ok(Value::Bytes(vec![0, 255])));
        assert_eq!(one("!map [[[1], 2]]"), Ok(Value::Map(vec![(vec![1i64].into(), Value::Int(2))])));
        assert_eq!(read("# nothing\n"), Ok(None));
    }
}
