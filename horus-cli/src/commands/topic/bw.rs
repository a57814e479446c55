//! `horus topic bw`.

use super::echo::positive;
use super::watched::{Pace, Teller, Watched, follow};
use crate::GlobalArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::listing::object;
use crate::output::table::{Table, left, right};
use crate::output::{Output, text};
use crate::rate::Flow;
use serde_json::json;

/// Measure how many bytes a second topics carry
///
/// The bytes are counted by the topic itself, those of images and other large messages too; nothing is copied, nobody is
/// slowed. Counts from when it is started, and reports every second until Ctrl+C, --once or --duration.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus topic bw camera.rgb
  horus topic bw camera.rgb lidar
  horus topic bw camera.rgb --once --json")]
pub(crate) struct BwArgs {
    /// The topics
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// Look at the last N messages; without it 10,000, and at least a second's
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    window: Option<u32>,
    /// End after the first report
    #[arg(long, conflicts_with = "duration")]
    once: bool,
    /// End after so long
    #[arg(long, value_name = "SECONDS", value_parser = positive)]
    duration: Option<f64>,
    /// An object a line for each topic and report
    #[arg(long)]
    json: bool,
}

/// The keys of a line of `--json`.
pub(crate) const KEYS: &[&str] = &["topic", "bytes_per_s", "messages_per_s", "mean_bytes"];

pub(crate) fn run(args: BwArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let context = Context::open(global)?;
    let BwArgs { topics, window, once, duration, json } = args;
    let pace = Pace { window, once, duration_s: duration, sees_intervals: false };
    follow(&topics, pace, &context, &Bw { json }, output)
}

struct Bw {
    json: bool,
}

impl Teller for Bw {
    fn tell(&self, topics: &[Watched], now_ns: u64, output: &mut Output) -> Result<bool, Failure> {
        let flows = topics.iter().filter_map(|topic| Some((topic, topic.watch.flow(now_ns)?)));
        let flows: Vec<_> = flows.collect();
        let lines = match &flows[..] {
            [] => vec![],
            flows if self.json => flows.iter().map(|(topic, flow)| json_line(topic, flow)).collect(),
            [(topic, flow)] if topics.len() == 1 => lines(topic, flow),
            flows => table(flows).lines_within(output.colour, output.width),
        };
        lines.iter().try_for_each(|line| output.line(line))?;
        Ok(!flows.is_empty())
    }

    fn summary(&self, topic: &Watched, now_ns: u64) -> Option<String> {
        let flow = topic.watch.flow(now_ns)?;
        let (name, amount) = (&topic.name, per_second(flow.bytes_per_s));
        Some(format!("{name}: {amount} over {} messages", flow.window))
    }
}

fn per_second(bytes_per_s: f64) -> String {
    format!("{}/s", text::bytes(bytes_per_s.round() as u64))
}

fn lines(topic: &Watched, flow: &Flow) -> Vec<String> {
    if let Some(silence) = flow.silence {
        return vec![format!("0 B/s ({})", topic.quiet(silence))];
    }
    let mean = text::bytes(flow.mean_bytes.round() as u64);
    let rate = text::hertz(Some(flow.messages_per_s));
    vec![
        format!("average: {}", per_second(flow.bytes_per_s)),
        format!("\tmessages: {rate} mean size: {mean} window: {}", flow.window),
    ]
}

fn json_line(topic: &Watched, flow: &Flow) -> String {
    let amounts = [flow.bytes_per_s, flow.messages_per_s, flow.mean_bytes].map(|amount| json!(amount));
    let [bytes, messages, mean] = amounts;
    object(KEYS, [json!(topic.name.as_str()), bytes, messages, mean]).to_string()
}

fn table(flows: &[(&Watched, Flow)]) -> Table {
    let mut table = Table::new([
        left("TOPIC"),
        right("BANDWIDTH"),
        right("MESSAGES"),
        right("MEAN SIZE"),
        right("WINDOW"),
    ]);
    for (topic, flow) in flows {
        table.row([
            topic.name.to_string(),
            per_second(flow.bytes_per_s),
            text::hertz(Some(flow.messages_per_s)),
            text::bytes(flow.mean_bytes.round() as u64),
            flow.window.to_string(),
        ]);
        if let Some(silence) = flow.silence {
            table.note(topic.quiet(silence));
        }
    }
    table
}
