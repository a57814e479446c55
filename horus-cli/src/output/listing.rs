//! What a one-shot command found, in the format that was asked for.

use super::table::Table;
use super::yaml;
use super::{Output, json, text};
use crate::failure::Failure;
use serde_json::{Map, Value, json};

/// How a list is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Columns for people
    #[default]
    Table,
    /// One object
    Json,
    /// One object a line for each item
    Jsonl,
    /// One document
    Yaml,
    /// A line of keys, then one line for each item
    Csv,
}

/// The options of commands that print a list.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct FormatArgs {
    /// How to print
    #[arg(short, long = "output", value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    /// Short for -o json
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

impl FormatArgs {
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { self.output }
    }
}

/// A list with its envelope.
#[derive(Debug)]
pub(crate) struct Listing {
    /// The name of the list's form and its version: `horus.topic_list/1`.
    pub(crate) schema: &'static str,
    /// Where it was looked; none when that was everywhere.
    pub(crate) namespace: Option<String>,
    /// The keys of every item, in order; what `csv` prints first.
    pub(crate) keys: &'static [&'static str],
    pub(crate) items: Vec<Map<String, Value>>,
}

impl Listing {
    /// Prints the list; `table` is the same list for people.
    pub(crate) fn print(self, format: Format, table: &Table, output: &mut Output) -> Result<(), Failure> {
        match format {
            Format::Table => {
                for line in table.lines_within(output.colour, output.width) {
                    output.line(&line)?;
                }
            }
            Format::Json => output.line(&json::line(&self.envelope()))?,
            Format::Yaml => {
                let text = yaml::document(&yaml::from_json(&self.envelope()));
                output.line(text.trim_end())?;
            }
            Format::Jsonl => {
                for item in self.items {
                    output.line(&json::line(&Value::Object(item)))?;
                }
            }
            Format::Csv => {
                output.line(&csv_line(self.keys.iter().map(|key| (*key).to_owned())))?;
                for item in &self.items {
                    output.line(&csv_line(self.keys.iter().map(|key| csv_cell(&item[*key]))))?;
                }
            }
        }
        Ok(())
    }

    fn envelope(&self) -> Value {
        json!({"schema": self.schema, "namespace": self.namespace, "items": self.items})
    }
}

/// Returns the keys of a form that has all those of another and then some: `N` in all, or it doesn't compile.
pub(crate) const fn keys_and<const N: usize>(
    keys: &[&'static str],
    more: &[&'static str],
) -> [&'static str; N] {
    assert!(keys.len() + more.len() == N);
    let (mut all, mut index) = ([""; N], 0);
    while index < N {
        all[index] = if index < keys.len() { keys[index] } else { more[index - keys.len()] };
        index += 1;
    }
    all
}

/// Returns an object of these keys and as many values.
pub(crate) fn object<const N: usize>(keys: &[&str], values: [Value; N]) -> Value {
    debug_assert_eq!(keys.len(), N);
    Value::Object(keys.iter().map(|key| (*key).to_owned()).zip(values).collect())
}

fn csv_cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text::escaped(text),
        other => other.to_string(),
    }
}

/// Returns a line of comma separated values (RFC 4180, without its CR).
pub(crate) fn csv_line(cells: impl IntoIterator<Item = String>) -> String {
    let quoted = cells.into_iter().map(|cell| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    });
    quoted.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_quotes_what_it_must() {
        assert_eq!(csv_line(["a", "b,c", "d\"e", ""].map(String::from)), "a,\"b,c\",\"d\"\"e\",");
        assert_eq!([json!(null), json!("x"), json!(1.5)].map(|v| csv_cell(&v)), ["", "x", "1.5"]);
    }
}
