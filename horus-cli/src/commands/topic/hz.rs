//! `horus topic hz`.

use super::echo::positive;
use super::wait::tell_if_missing;
use crate::GlobalArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::table::{Table, left, right};
use crate::output::{Output, text};
use crate::rate::{Report, Watch};
use horus_shm::{Census, Role, TopicName, now_ns, stop};
use serde_json::json;
use std::collections::BTreeMap;

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
    #[arg(required = true)]
    topics: Vec<String>,
    /// Look at the last N messages; without it 10,000, for the rate at least a second's
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

const REPORT_NS: u64 = 1_000_000_000;
/// As many messages as other tools of the kind look at.
const WINDOW: usize = 10_000;

pub(crate) fn run(args: HzArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let topics = args.topics.iter().map(|topic| TopicName::new(topic)).collect::<Result<Vec<_>, _>>()?;
    let context = Context::open(global)?;
    interrupt::catch()?;
    context.clean(output);
    for topic in &topics {
        tell_if_missing(&context, topic, output)?;
    }
    let watch = || match args.window {
        Some(window) => Watch::new(window as usize, 0),
        None => Watch::new(WINDOW, REPORT_NS),
    };
    let watched = topics.into_iter().map(|topic| Watched::new(topic, watch())).collect();
    let mut hz = Hz { args, context, topics: watched, told: false };
    hz.follow(output)?;
    output.flush()?;
    hz.summary(output);
    if stop::requested() || hz.told {
        return Ok(Exit::Ok);
    }
    let (names, seconds) = (hz.args.topics.join("', '"), hz.args.duration.unwrap_or_default());
    Err(Failure::new(Exit::TimedOut, format!("no rate of '{names}': fewer than two messages in {seconds} s")))
}

#[derive(Debug)]
struct Hz {
    args: HzArgs,
    context: Context,
    topics: Vec<Watched>,
    /// Whether anything was reported.
    told: bool,
}

#[derive(Debug)]
struct Watched {
    name: TopicName,
    watch: Watch,
    depth: u32,
    /// The processes that publish it or did, and whether they live.
    publishers: BTreeMap<u32, bool>,
}

impl Hz {
    fn follow(&mut self, output: &mut Output) -> Result<(), Failure> {
        let began_ns = now_ns();
        let end_ns = self.args.duration.map(|seconds| began_ns.saturating_add((seconds * 1e9) as u64));
        let mut report_ns = began_ns + REPORT_NS;
        loop {
            self.look()?;
            let now = now_ns();
            let is_over = end_ns.is_some_and(|end| now >= end);
            if now >= report_ns || is_over {
                let told = self.report(now, output)?;
                self.told |= told;
                output.flush()?;
                if is_over || (told && self.args.once) {
                    return Ok(());
                }
                while report_ns <= now {
                    report_ns += REPORT_NS;
                }
            }
            let patience = self.topics.iter().map(|topic| topic.watch.patience_ns(topic.depth)).min();
            let next = (now + patience.unwrap_or(REPORT_NS)).min(report_ns).min(end_ns.unwrap_or(u64::MAX));
            if !interrupt::pause_until(next)? {
                return Ok(());
            }
        }
    }

    fn look(&mut self) -> Result<(), Failure> {
        let now = now_ns();
        let census = Census::take(&self.context.namespace)?;
        for topic in &mut self.topics {
            topic.look(&census, now);
        }
        Ok(())
    }

    /// Prints what is known of each topic; false if that is nothing yet.
    fn report(&self, now_ns: u64, output: &mut Output) -> Result<bool, Failure> {
        let reports = self.topics.iter().filter_map(|topic| Some((topic, topic.watch.report(now_ns)?)));
        let reports: Vec<_> = reports.collect();
        match &reports[..] {
            reports if self.args.json => {
                for (topic, report) in reports {
                    output.line(&json_line(topic, report))?;
                }
            }
            [(topic, report)] if self.topics.len() == 1 => {
                for line in topic.lines(report) {
                    output.line(&line)?;
                }
            }
            [] => {}
            reports => {
                for line in table(reports).lines(output.colour) {
                    output.line(&line)?;
                }
            }
        }
        // Of several topics some may never be there; one look at the others is what `--once` is for.
        Ok(!reports.is_empty())
    }

    /// Tells what was measured, once somebody said stop.
    fn summary(&self, output: &Output) {
        if !stop::requested() {
            return;
        }
        for topic in &self.topics {
            match topic.watch.report(now_ns()) {
                Some(report) => {
                    output.note(&format!(
                        "{}: {} over {} messages",
                        topic.name,
                        text::hertz(Some(report.rate_hz)),
                        report.window
                    ));
                }
                None => output.note(&format!("{}: no rate; fewer than two messages came", topic.name)),
            }
        }
    }
}

impl Watched {
    fn new(name: TopicName, watch: Watch) -> Watched {
        Watched { name, watch, depth: 64, publishers: BTreeMap::new() }
    }

    fn look(&mut self, census: &Census, now_ns: u64) {
        self.publishers.values_mut().for_each(|lives| *lives = false);
        for participant in &census.participants {
            let publishes = |endpoint: &horus_shm::EndpointInfo| {
                endpoint.role == Role::Publisher && endpoint.topic == self.name.as_str()
            };
            if participant.endpoints.iter().any(publishes) {
                self.publishers.insert(participant.pid, participant.alive);
            }
        }
        if let Some(topic) = census.topics.iter().find(|topic| topic.name == self.name) {
            self.depth = topic.depth;
            self.watch.look(topic, now_ns);
        }
    }

    fn lines(&self, report: &Report) -> Vec<String> {
        if let Some(silent_s) = report.silent_s {
            return vec![format!("0.00 Hz (no message for {silent_s:.1} s; {})", self.why_silent())];
        }
        let mut lines = vec![format!("average rate: {:.3}", report.rate_hz)];
        if let Some(i) = report.intervals {
            lines.push(format!(
                "\tmin: {} max: {} std dev: {} window: {}",
                interval(i.min_s),
                interval(i.max_s),
                interval(i.std_s),
                report.window
            ));
        }
        lines
    }

    fn why_silent(&self) -> String {
        let living = self.publishers.iter().find(|(_, lives)| **lives);
        let dead = self.publishers.keys().next_back();
        match (living, dead) {
            (Some((pid, _)), _) => format!("publisher pid {pid} lives"),
            (None, Some(pid)) => format!("publisher pid {pid} is dead"),
            (None, None) => "it has no publisher".into(),
        }
    }
}

/// Returns an interval to the microsecond, or a short one to the nanosecond.
fn interval(seconds: f64) -> String {
    if seconds < 0.000_1 { format!("{seconds:.9}s") } else { format!("{seconds:.6}s") }
}

fn json_line(topic: &Watched, report: &Report) -> String {
    let i = report.intervals;
    let line = json!({
        "topic": topic.name.as_str(),
        "rate_hz": report.rate_hz,
        "min_s": i.map(|i| i.min_s),
        "max_s": i.map(|i| i.max_s),
        "std_s": i.map(|i| i.std_s),
        "p50_s": i.map(|i| i.p50_s),
        "p99_s": i.map(|i| i.p99_s),
        "window": report.window,
    });
    line.to_string()
}

fn table(reports: &[(&Watched, Report)]) -> Table {
    let mut table = Table::new([
        left("TOPIC"),
        right("RATE"),
        right("MIN"),
        right("MAX"),
        right("STD DEV"),
        right("WINDOW"),
    ]);
    for (topic, report) in reports {
        let span = |value: Option<f64>| value.map_or_else(|| "-".into(), interval);
        let i = report.intervals;
        table.row([
            topic.name.to_string(),
            text::hertz(Some(report.rate_hz)),
            span(i.map(|i| i.min_s)),
            span(i.map(|i| i.max_s)),
            span(i.map(|i| i.std_s)),
            report.window.to_string(),
        ]);
    }
    table
}
