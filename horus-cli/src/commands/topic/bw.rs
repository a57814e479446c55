//! `horus topic bw`.

use super::pace::EndArgs;
use super::watched::{Measured, Pace, Watched, follow};
use crate::GlobalArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::listing::object;
use crate::output::table::{Table, left, right};
use crate::output::{Output, text};
use crate::rate::{Flow, Watch};
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
    #[command(flatten)]
    ends: EndArgs,
    /// An object a line for each topic and report
    #[arg(long)]
    json: bool,
}

/// The keys of a line of `--json`.
pub(crate) const KEYS: &[&str] = &["topic", "bytes_per_s", "messages_per_s", "mean_bytes"];

pub(crate) fn run(args: BwArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let context = Context::open(global)?;
    let BwArgs { topics, window, ends, json } = args;
    follow::<Flow>(&topics, Pace { window, ends, json }, &context, output)
}

impl Measured for Flow {
    const SEES_INTERVALS: bool = false;

    fn by(watch: &Watch, now_ns: u64) -> Option<Flow> {
        watch.flow(now_ns)
    }

    fn lines(&self, topic: &Watched) -> Vec<String> {
        if let Some(silence) = self.silence {
            return vec![format!("0 B/s ({})", topic.quiet(silence))];
        }
        let mean = text::bytes(self.mean_bytes.round() as u64);
        let rate = text::hertz(Some(self.messages_per_s));
        vec![
            format!("average: {}", per_second(self.bytes_per_s)),
            format!("\tmessages: {rate} mean size: {mean} window: {}", self.window),
        ]
    }

    fn json_line(&self, topic: &Watched) -> String {
        let amounts = [self.bytes_per_s, self.messages_per_s, self.mean_bytes].map(|amount| json!(amount));
        let [bytes, messages, mean] = amounts;
        object(KEYS, [json!(topic.name.as_str()), bytes, messages, mean]).to_string()
    }

    fn table(all: &[(&Watched, Flow)]) -> Table {
        let mut table = Table::new([
            left("TOPIC"),
            right("BANDWIDTH"),
            right("MESSAGES"),
            right("MEAN SIZE"),
            right("WINDOW"),
        ]);
        for (topic, flow) in all {
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

    fn summary(&self) -> String {
        format!("{} over {} messages", per_second(self.bytes_per_s), self.window)
    }
}

fn per_second(bytes_per_s: f64) -> String {
    format!("{}/s", text::bytes(bytes_per_s.round() as u64))
}
