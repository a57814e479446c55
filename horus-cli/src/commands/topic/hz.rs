//! `horus topic hz`.

use super::pace::EndArgs;
use super::watched::{Measured, Pace, Watched, follow};
use crate::GlobalArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::listing::object;
use crate::output::table::{Table, left, right};
use crate::output::{Output, text};
use crate::rate::{Report, Watch};
use serde_json::json;

/// Measure how often topics are published
///
/// The rate is counted by the topic itself and exact at any speed; nothing is copied, nobody is slowed. min, max and std
/// dev are of the intervals between messages, samples of them when there are very many a second. Reports every second
/// until Ctrl+C, --once or --duration.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus topic hz camera.rgb
  horus topic hz camera.rgb detections cmd_vel
  horus topic hz imu --once --json")]
pub(crate) struct HzArgs {
    /// The topics
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// Look at the last N messages; without it 10,000, for the rate at least a second's
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    window: Option<u32>,
    #[command(flatten)]
    ends: EndArgs,
    /// An object a line for each topic and report
    #[arg(long)]
    json: bool,
}

/// The keys of a line of `--json`.
pub(crate) const KEYS: &[&str] = &["topic", "rate_hz", "min_s", "max_s", "std_s", "p50_s", "p99_s", "window"];

pub(crate) fn run(args: HzArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let context = Context::open(global)?;
    let HzArgs { topics, window, ends, json } = args;
    follow::<Report>(&topics, Pace { window, ends, json }, &context, output)
}

impl Measured for Report {
    const SEES_INTERVALS: bool = true;

    fn by(watch: &Watch, now_ns: u64) -> Option<Report> {
        watch.report(now_ns)
    }

    fn lines(&self, topic: &Watched) -> Vec<String> {
        if let Some(silence) = self.silence {
            return vec![format!("0.00 Hz ({})", topic.quiet(silence))];
        }
        let mut lines = vec![format!("average rate: {:.3}", self.rate_hz)];
        if let Some(i) = self.intervals {
            lines.push(format!(
                "\tmin: {} max: {} std dev: {} window: {}",
                text::seconds(i.min),
                text::seconds(i.max),
                text::seconds(i.std),
                self.window
            ));
        }
        lines
    }

    fn json_line(&self, topic: &Watched) -> String {
        let i = self.intervals;
        let seconds =
            [i.map(|i| i.min), i.map(|i| i.max), i.map(|i| i.std), i.map(|i| i.p50), i.map(|i| i.p99)];
        let [min, max, std, p50, p99] = seconds.map(|value| json!(value));
        let values =
            [json!(topic.name.as_str()), json!(self.rate_hz), min, max, std, p50, p99, json!(self.window)];
        object(KEYS, values).to_string()
    }

    fn table(all: &[(&Watched, Report)]) -> Table {
        let mut table = Table::new([
            left("TOPIC"),
            right("RATE"),
            right("MIN"),
            right("MAX"),
            right("STD DEV"),
            right("WINDOW"),
        ]);
        for (topic, report) in all {
            let span = |value: Option<f64>| value.map_or_else(|| "-".into(), text::seconds);
            let i = report.intervals;
            table.row([
                topic.name.to_string(),
                text::hertz(Some(report.rate_hz)),
                span(i.map(|i| i.min)),
                span(i.map(|i| i.max)),
                span(i.map(|i| i.std)),
                report.window.to_string(),
            ]);
            if let Some(silence) = report.silence {
                table.note(topic.quiet(silence));
            }
        }
        table
    }

    fn summary(&self) -> String {
        format!("{} over {} messages", text::hertz(Some(self.rate_hz)), self.window)
    }
}
