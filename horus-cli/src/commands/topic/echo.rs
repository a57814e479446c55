//! `horus topic echo`.

use super::pace::positive;
use super::wait::tell_if_missing;
use crate::GlobalArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::message::notation::Notation;
use crate::message::{FieldPath, Filter, for_terminal, numbers, without_arrays};
use crate::output::json::Noted;
use crate::output::listing::csv_line;
use crate::output::{Output, json, text, yaml};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use horus_core::{Decoder, Value};
use horus_shm::{
    Language, Participant, Payload, Received, Subscriber, SubscriberOptions, TopicName, TopicSpec, now_ns,
    stop,
};
use serde::Serialize;
use std::collections::HashMap;
use std::time::Duration;

/// Show the messages of a topic, whatever its type
///
/// Waits for the topic to appear. Never slows a publisher. Ends with Ctrl+C, --once, --count or --timeout. What it prints
/// `topic pub` reads. On a terminal, what has more than 2,000 numbers (the pixels of an image) is told in a few words;
/// a pipe or a file gets all of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus topic echo cmd_vel
  horus topic echo odom --field pose.x --rate 2
  horus topic echo battery --filter 'm.percentage < 0.2' --once
  horus topic echo imu --csv --count 1000 > imu.csv
  horus topic echo status --json | jq .data.mode

In --filter, m is the message; the language is CEL (https://cel.dev).")]
pub(crate) struct EchoArgs {
    /// The topic
    topic: String,
    /// End after one message
    #[arg(long, conflicts_with = "count")]
    once: bool,
    /// End after so many messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Give up when there was no message to show for so long
    #[arg(long, value_name = "SECONDS", value_parser = positive)]
    timeout: Option<f64>,
    /// Only this part of each message: a.b[0]
    #[arg(long, value_name = "PATH")]
    field: Option<FieldPath>,
    /// A line of names, then a line of values for each message
    #[arg(long, conflicts_with_all = ["json", "raw"])]
    csv: bool,
    /// An object a line: seq, t_pub_ns, latency_ns, dropped, data
    #[arg(long, conflicts_with = "raw")]
    json: bool,
    /// The bytes as they lie in memory
    #[arg(long, conflicts_with_all = ["field", "filter"])]
    raw: bool,
    /// Only messages for which this is true: m.linear > 0.5
    #[arg(long, value_name = "EXPR")]
    filter: Option<Filter>,
    /// Arrays in a few words
    #[arg(long)]
    no_arr: bool,
    /// Arrays whole, on a terminal too
    #[arg(long, conflicts_with = "no_arr")]
    full: bool,
    /// At most so many messages a second, the newest each time
    #[arg(long, value_name = "HZ", value_parser = positive)]
    rate: Option<f64>,
}

pub(crate) fn run(args: EchoArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let topic = TopicName::new(&args.topic)?;
    let context = Context::open(global)?;
    interrupt::catch()?;
    context.clean(output);
    tell_if_missing(&context, &topic, output)?;
    let participant = Participant::join(&context.namespace, Language::Rust)?;
    let mut subscriber = Subscriber::open(&participant, &topic, None, SubscriberOptions::default())?;
    let limit = if args.once { Some(1) } else { args.count };
    if limit.is_none() {
        output.prompt("Press Ctrl+C to end");
    }
    let mut echo = Echo { args, decoder: None, columns: None, shown: 0 };
    let ended = echo.follow(&mut subscriber, limit, output);
    // Whoever reads us has what there is before they are told how it ended.
    output.flush()?;
    let exit = ended?;
    if limit.is_none() && exit == Exit::Ok {
        let (shown, dropped) = (echo.shown, subscriber.dropped());
        let messages = if shown == 1 { "message" } else { "messages" };
        output.note(&format!("{shown} {messages} shown, {dropped} dropped"));
    }
    if exit == Exit::TimedOut {
        let waited = echo.args.timeout.unwrap_or_default();
        let what = if echo.args.filter.is_some() { "no message that fits" } else { "no message" };
        return Err(Failure::new(exit, format!("{what} on '{topic}' for {waited} s")));
    }
    Ok(exit)
}

#[derive(Debug)]
struct Echo {
    args: EchoArgs,
    /// What the topic held last, and how that is read.
    decoder: Option<(TopicSpec, Decoder)>,
    /// The names in the first line of CSV.
    columns: Option<Vec<String>>,
    shown: u64,
}

impl Echo {
    /// Shows messages until there have been enough, none came for too long, or somebody said stop.
    fn follow(
        &mut self,
        subscriber: &mut Subscriber,
        limit: Option<u64>,
        output: &mut Output,
    ) -> Result<Exit, Failure> {
        let timeout_ns = self.args.timeout.map(|seconds| (seconds * 1e9) as u64);
        let mut end_ns = timeout_ns.map(|timeout| now_ns().saturating_add(timeout));
        let period_ns = self.args.rate.map(|rate| (1e9 / rate) as u64);
        let mut next_ns = 0;
        loop {
            let left = end_ns.map(|end| Duration::from_nanos(end.saturating_sub(now_ns())));
            if !subscriber.wait(left)? {
                return Ok(if stop::requested() { Exit::Ok } else { Exit::TimedOut });
            }
            let shown = self.shown;
            if let Some(period_ns) = period_ns {
                if !interrupt::pause_until(next_ns)? {
                    return Ok(Exit::Ok);
                }
                next_ns = now_ns().saturating_add(period_ns);
            }
            // All that is there now goes out in one write.
            while !stop::requested() {
                self.prepare(subscriber)?;
                let dropped = subscriber.dropped();
                let newest = period_ns.is_some();
                let received = if newest { subscriber.recv_latest()? } else { subscriber.recv()? };
                let Some(received) = received else { break };
                self.show(received, dropped, output)?;
                if limit.is_some_and(|limit| self.shown >= limit) {
                    return Ok(Exit::Ok);
                }
                if newest || (self.shown == shown && end_ns.is_some_and(|end| now_ns() >= end)) {
                    break;
                }
            }
            output.flush()?;
            // What a filter holds back is nothing to whoever waits.
            if self.shown > shown {
                end_ns = timeout_ns.map(|timeout| now_ns().saturating_add(timeout));
            } else if end_ns.is_some_and(|end| now_ns() >= end) && !stop::requested() {
                return Ok(Exit::TimedOut);
            }
        }
    }

    /// Sees to it that the decoder is for what the topic now holds.
    fn prepare(&mut self, subscriber: &mut Subscriber) -> Result<(), Failure> {
        let Some(spec) = subscriber.spec()? else { return Ok(()) };
        // Without a kind nobody has published yet; there is nothing to read.
        if spec.kind == 0 || self.decoder.as_ref().is_some_and(|(known, _)| known == spec) {
            return Ok(());
        }
        let spec = spec.clone();
        let decoder = Decoder::new(&spec).map_err(|reason| {
            let topic = subscriber.topic();
            Failure::new(Exit::TypeMismatch, format!("messages of '{topic}' can't be read: {reason}"))
        })?;
        self.decoder = Some((spec, decoder));
        self.columns = None;
        Ok(())
    }

    fn show(&mut self, received: Received<'_>, dropped: u64, output: &mut Output) -> Result<(), Failure> {
        let header = Header::of(&received, dropped);
        if self.args.raw {
            self.shown += 1;
            return raw(&received.payload, output);
        }
        let (_, decoder) =
            self.decoder.as_ref().expect("a message came out of a topic, so its type was there");
        let message = match decoder.decode(received.payload) {
            Ok(message) => message,
            Err(reason) => {
                // One message that somebody garbled is no reason to look away from the next.
                output.warning(&format!("message {} can't be read: {reason}", header.sequence));
                return Ok(());
            }
        };
        if let Some(filter) = &self.args.filter {
            match filter.matches(&message) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(reason) => return Err(Failure::new(Exit::Usage, format!("the filter {reason}"))),
            }
        }
        let part = match &self.args.field {
            Some(path) => path.find(&message).map_err(|there| no_field(path, &there))?,
            None => message,
        };
        let part = match self.args.no_arr {
            true => without_arrays(part),
            false if output.is_terminal && !self.args.full => for_terminal(part),
            false => part,
        };
        let notation = Notation::of(decoder);
        let notation = if self.args.field.is_some() { notation.of_part() } else { notation };
        self.shown += 1;
        if self.args.json {
            Ok(output.line(&json::line(&header.line(&part, notation)))?)
        } else if self.args.csv {
            self.csv_line(&header, &part, output)
        } else {
            output.line(yaml::message(&part, notation).trim_end_matches('\n'))?;
            Ok(output.line("---")?)
        }
    }

    fn csv_line(&mut self, header: &Header, part: &Value, output: &mut Output) -> Result<(), Failure> {
        let mut cells = Vec::new();
        let root = self.args.field.as_ref().map_or_else(String::new, FieldPath::to_string);
        flatten(&root, part, &mut cells);
        if self.columns.is_none() {
            let columns: Vec<_> = cells.iter().map(|(name, _)| name.clone()).collect();
            let fixed = ["seq", "t_pub_ns"].map(String::from);
            output
                .line(&csv_line(fixed.into_iter().chain(columns.iter().map(|name| text::escaped(name)))))?;
            self.columns = Some(columns);
        }
        let columns = self.columns.as_deref().unwrap_or_default();
        let fixed = [header.sequence.to_string(), header.stamp_ns.to_string()];
        let is_alike = cells.iter().map(|(name, _)| name).eq(columns);
        let row: Vec<String> = if is_alike {
            cells.into_iter().map(|(_, cell)| cell).collect()
        } else {
            let mut there: HashMap<_, _> = cells.into_iter().collect();
            columns.iter().map(|name| there.remove(name).unwrap_or_default()).collect()
        };
        Ok(output.line(&csv_line(fixed.into_iter().chain(row)))?)
    }
}

fn no_field(path: &FieldPath, there: &[String]) -> Failure {
    let failure = Failure::new(Exit::NotFound, format!("no field '{path}' in the message"));
    if there.is_empty() {
        failure
    } else {
        failure.hint(format!("there is {}", text::escaped(&there.join(", "))))
    }
}

/// What is told of a message beside what is in it.
#[derive(Debug)]
struct Header {
    sequence: u64,
    stamp_ns: u64,
    latency_ns: u64,
    dropped: u64,
}

impl Header {
    fn of(received: &Received<'_>, dropped: u64) -> Header {
        let latency_ns = now_ns().saturating_sub(received.stamp_ns);
        Header { sequence: received.sequence, stamp_ns: received.stamp_ns, latency_ns, dropped }
    }

    fn line<'a>(&self, part: &'a Value, notation: Notation<'a>) -> Line<'a> {
        Line {
            seq: self.sequence,
            t_pub_ns: self.stamp_ns,
            latency_ns: self.latency_ns,
            dropped: self.dropped,
            data: Noted(part, notation),
        }
    }
}

/// A line of `--json`; `pub` knows it by its keys.
#[derive(Debug, Serialize)]
struct Line<'a> {
    seq: u64,
    t_pub_ns: u64,
    latency_ns: u64,
    dropped: u64,
    data: Noted<'a>,
}

/// Puts each scalar of a value under its path.
fn flatten(path: &str, value: &Value, cells: &mut Vec<(String, String)>) {
    match value {
        Value::Map(entries) => {
            for (key, value) in entries {
                let key = json::key_text(key);
                flatten(&if path.is_empty() { key } else { format!("{path}.{key}") }, value, cells);
            }
        }
        Value::Array(array) if array.shape().is_empty() => {
            array.scalars().for_each(|scalar| flatten(path, &scalar, cells));
        }
        Value::List(_) | Value::Array(_) => {
            for index in 0..value.count().unwrap_or(0) {
                if let Some(item) = value.item(index) {
                    flatten(&format!("{path}[{index}]"), &item, cells);
                }
            }
        }
        scalar => cells.push((if path.is_empty() { "data".into() } else { path.into() }, cell(scalar))),
    }
}

/// Returns a scalar as a spreadsheet takes it.
fn cell(scalar: &Value) -> String {
    match scalar {
        Value::Nil => String::new(),
        Value::Str(text) => text::escaped(text),
        Value::Bytes(bytes) => STANDARD.encode(bytes),
        // Which NaN it is matters to nobody there.
        Value::Float(number) if number.is_nan() => "nan".into(),
        Value::Float32(number) if number.is_nan() => "nan".into(),
        Value::Float(number) => numbers::f64_special(*number).unwrap_or_else(|| format!("{number:?}")),
        Value::Float32(number) => {
            let shown = numbers::f32_shown(*number);
            numbers::f32_special(*number).unwrap_or_else(|| format!("{shown:?}"))
        }
        other => json::line(&Noted(other, Notation::Plain)),
    }
}

/// Shows bytes as hexadecimal numbers beside the text they may be, 16 a line.
fn raw(payload: &Payload<'_>, output: &mut Output) -> Result<(), Failure> {
    let bytes = match payload {
        Payload::Inline(bytes) => bytes,
        Payload::Block { block, .. } => block.bytes(),
    };
    for (index, line) in bytes.chunks(16).enumerate() {
        let hex: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = |byte: &u8| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' };
        let text: String = line.iter().map(shown).collect();
        output.line(&format!("{:08x}  {:<47}  |{text}|", 16 * index, hex.join(" ")))?;
    }
    Ok(output.line("---")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use horus_core::{Dtype, NdArray};

    #[test]
    fn a_message_is_flattened_into_columns() {
        let value = Value::from([
            ("pose", Value::from([("x", 1.0), ("y", 2.5)])),
            ("ids", vec![4i64, 5].into()),
            ("text", "a\nb".into()),
            ("nothing", Value::Nil),
            ("none", Value::Float(f64::from_bits(0xfff8_0000_0000_0000))),
            ("far", Value::Float32(f32::INFINITY)),
            ("scalar", Value::Array(NdArray::new(Dtype::U8, vec![], vec![7]).unwrap())),
            ("bytes", Value::Bytes(vec![0, 255])),
        ]);
        let mut cells = Vec::new();
        flatten("", &value, &mut cells);
        let expected = [
            ("pose.x", "1.0"),
            ("pose.y", "2.5"),
            ("ids[0]", "4"),
            ("ids[1]", "5"),
            ("text", "a\\nb"),
            ("nothing", ""),
            ("none", "nan"),
            ("far", "inf"),
            ("scalar", "7"),
            ("bytes", "AP8="),
        ];
        assert_eq!(cells, expected.map(|(name, cell)| (name.to_owned(), cell.to_owned())));
    }

    #[test]
    fn numbers_above_zero_only() {
        assert_eq!(positive("2.5"), Ok(2.5));
        for text in ["0", "-1", "x", "inf", "nan"] {
            assert!(positive(text).is_err(), "{text}");
        }
    }
}
