//! `horus topic delay`.

use super::pace::{EndArgs, Schedule};
use super::wait::tell_if_missing;
use super::watched::Publishers;
use crate::GlobalArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::listing::object;
use crate::output::{Output, text};
use crate::rate::{Silence, is_silence};
use crate::spread::Spread;
use crate::traffic::schema_of;
use horus_core::{Dtype, FieldKind};
use horus_shm::{
    Language, Participant, Payload, Received, Subscriber, SubscriberOptions, TopicInfo, TopicName, TopicSpec,
    now_ns, realtime_ns, stop,
};
use serde_json::json;
use std::collections::VecDeque;
use std::time::Duration;

/// Measure how long messages take from publisher to subscriber
///
/// The delay runs from the moment a message is published, which the topic notes, to the moment this command has it:
/// what a subscriber that sleeps until a message comes sees, its waking included. Where messages begin with a
/// timestamp_ns that somebody set, from CLOCK_MONOTONIC or CLOCK_REALTIME, its age at that moment is told too. Reports
/// every second until Ctrl+C, --once or --duration.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus topic delay camera.rgb
  horus topic delay imu --window 1000
  horus topic delay cmd_vel --once --json")]
pub(crate) struct DelayArgs {
    /// The topic
    #[arg(value_name = "TOPIC")]
    topic: String,
    /// Look at the last N messages
    #[arg(short, long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    window: u32,
    #[command(flatten)]
    ends: EndArgs,
    /// An object a line for each report
    #[arg(long)]
    json: bool,
}

/// The keys of a line of `--json`.
pub(crate) const KEYS: &[&str] = &[
    "topic",
    "mean_s",
    "min_s",
    "max_s",
    "std_s",
    "p50_s",
    "p99_s",
    "window",
    "age_mean_s",
    "age_p50_s",
    "age_p99_s",
];

pub(crate) fn run(args: DelayArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let topic = TopicName::new(&args.topic)?;
    let context = Context::open(global)?;
    interrupt::catch()?;
    let mut publishers = Publishers::default();
    publishers.look(TopicInfo::read(&context.namespace, &topic)?.as_ref());
    context.clean(output);
    tell_if_missing(&context, &topic, output)?;
    let participant = Participant::join(&context.namespace, Language::Rust)?;
    let subscriber = Subscriber::open(&participant, &topic, None, SubscriberOptions::default())?;
    let delays = Delays::new(args.window as usize, now_ns());
    let (spec, is_stamped) = (None, false);
    let mut delay = Delay { args, context, topic, publishers, subscriber, delays, spec, is_stamped };
    let told = delay.follow(output)?;
    output.flush()?;
    let (topic, delays) = (&delay.topic, &delay.delays);
    if stop::requested() {
        output.note(&match delays.spread() {
            Some(s) => format!(
                "{topic}: p50 {} p99 {} over {} messages",
                text::seconds(s.p50),
                text::seconds(s.p99),
                delays.taken.len()
            ),
            None => format!("{topic}: no message came"),
        });
        return Ok(Exit::Ok);
    }
    match told {
        true => Ok(Exit::Ok),
        false => {
            let seconds = delay.args.ends.seconds();
            Err(Failure::new(Exit::TimedOut, format!("no message on '{topic}' within {seconds} s")))
        }
    }
}

struct Delay {
    args: DelayArgs,
    context: Context,
    topic: TopicName,
    publishers: Publishers,
    subscriber: Subscriber,
    delays: Delays,
    /// What the topic held last, and whether its messages begin with their time.
    spec: Option<TopicSpec>,
    is_stamped: bool,
}

impl Delay {
    /// Receives and reports until the end; returns whether anything was reported.
    fn follow(&mut self, output: &mut Output) -> Result<bool, Failure> {
        let mut schedule = Schedule::begin(self.args.ends);
        loop {
            let due_ns = schedule.due_ns();
            self.subscriber.wait(Some(Duration::from_nanos(due_ns.saturating_sub(now_ns()))))?;
            if stop::requested() {
                return Ok(schedule.has_told());
            }
            self.receive(due_ns)?;
            let now = now_ns();
            if now < due_ns {
                continue;
            }
            let told = self.report(now, output)?;
            output.flush()?;
            if schedule.after_report(now, told) {
                return Ok(schedule.has_told());
            }
        }
    }

    /// Takes what is there; when a topic never runs dry, until the next report is due.
    fn receive(&mut self, until_ns: u64) -> Result<(), Failure> {
        let Some(spec) = self.subscriber.spec()? else { return Ok(()) };
        if self.spec.as_ref() != Some(spec) {
            self.is_stamped = begins_with_timestamp(spec);
            self.spec = Some(spec.clone());
        }
        while let Some(received) = self.subscriber.recv()? {
            let now = now_ns();
            self.delays.take(&received, self.is_stamped, now);
            if now >= until_ns {
                break;
            }
        }
        Ok(())
    }

    /// Prints what is known; false if that is nothing yet.
    fn report(&mut self, now_ns: u64, output: &mut Output) -> Result<bool, Failure> {
        let info = TopicInfo::read(&self.context.namespace, &self.topic)?;
        self.publishers.look(info.as_ref());
        let spread = self.delays.spread();
        let silence = self.delays.silence(now_ns).filter(|_| info.is_some() || spread.is_some());
        if spread.is_none() && silence.is_none() {
            return Ok(false);
        }
        if self.args.json {
            output.line(&self.json_line(spread))?;
        } else if let Some(silence) = silence {
            output.line(&format!("no delay ({})", self.publishers.quiet(silence)))?;
        } else if let Some(spread) = spread {
            for line in self.lines(&spread) {
                output.line(&line)?;
            }
        }
        Ok(true)
    }

    fn lines(&self, s: &Spread) -> Vec<String> {
        let [mean, min, max] = [s.mean, s.min, s.max].map(text::seconds);
        let [std, p50, p99] = [s.std, s.p50, s.p99].map(text::seconds);
        let mut lines = vec![
            format!("average delay: {mean}"),
            format!("\tmin: {min} max: {max} std dev: {std} window: {}", self.delays.taken.len()),
            format!("\tp50: {p50} p99: {p99}"),
        ];
        if let Some(age) = self.delays.ages() {
            let [mean, p50, p99] = [age.mean, age.p50, age.p99].map(text::seconds);
            lines.push(format!("\tage of timestamp_ns: {mean} p50: {p50} p99: {p99}"));
        }
        lines
    }

    fn json_line(&self, spread: Option<Spread>) -> String {
        let age = self.delays.ages();
        let delay = |part: fn(Spread) -> f64| json!(spread.map(part));
        let age = |part: fn(Spread) -> f64| json!(age.map(part));
        let values = [
            json!(self.topic.as_str()),
            delay(|s| s.mean),
            delay(|s| s.min),
            delay(|s| s.max),
            delay(|s| s.std),
            delay(|s| s.p50),
            delay(|s| s.p99),
            json!(self.delays.taken.len()),
            age(|s| s.mean),
            age(|s| s.p50),
            age(|s| s.p99),
        ];
        object(KEYS, values).to_string()
    }
}

/// Returns whether a message's first field is its time.
fn begins_with_timestamp(spec: &TopicSpec) -> bool {
    schema_of(spec).is_some_and(|schema| {
        schema.fields[0].name == "timestamp_ns" && schema.fields[0].kind == FieldKind::Scalar(Dtype::U64)
    })
}

/// What one message told.
#[derive(Debug, Clone, Copy)]
struct Taken {
    stamp_ns: u64,
    delay_s: f64,
    /// How old its own timestamp was.
    age_s: Option<f64>,
}

/// The last messages' delays.
#[derive(Debug)]
struct Delays {
    window: usize,
    /// What was sent before was kept for late joiners, and says nothing of delays.
    since_ns: u64,
    taken: VecDeque<Taken>,
}

impl Delays {
    fn new(window: usize, since_ns: u64) -> Delays {
        Delays { window, since_ns, taken: VecDeque::new() }
    }

    fn take(&mut self, received: &Received<'_>, is_stamped: bool, now_ns: u64) {
        if received.stamp_ns < self.since_ns {
            return;
        }
        let bytes = match &received.payload {
            Payload::Inline(bytes) => bytes,
            Payload::Block { block, .. } => block.bytes(),
        };
        let timestamp_ns = bytes.first_chunk().filter(|_| is_stamped).map(|bytes| u64::from_le_bytes(*bytes));
        let age_s = timestamp_ns.and_then(|stamp| age_s(stamp, [now_ns, realtime_ns()]));
        let delay_s = now_ns.saturating_sub(received.stamp_ns) as f64 / 1e9;
        self.taken.push_back(Taken { stamp_ns: received.stamp_ns, delay_s, age_s });
        if self.taken.len() > self.window {
            self.taken.pop_front();
        }
    }

    fn spread(&self) -> Option<Spread> {
        Spread::of(self.taken.iter().map(|taken| taken.delay_s))
    }

    /// Returns the ages of the messages' own timestamps; nothing unless all have one that can be told.
    fn ages(&self) -> Option<Spread> {
        Spread::of(self.taken.iter().map(|taken| taken.age_s).collect::<Option<Vec<_>>>()?)
    }

    fn silence(&self, now_ns: u64) -> Option<Silence> {
        let (Some(first), Some(last)) = (self.taken.front(), self.taken.back()) else {
            return is_silence(now_ns.saturating_sub(self.since_ns), 0, 0).then_some(Silence::Ever);
        };
        let quiet_ns = now_ns.saturating_sub(last.stamp_ns);
        let span_ns = last.stamp_ns.saturating_sub(first.stamp_ns);
        is_silence(quiet_ns, self.taken.len() as u64 - 1, span_ns)
            .then_some(Silence::For(quiet_ns as f64 / 1e9))
    }
}

/// The oldest that a timestamp may be to be taken for one of a clock: the clocks lie decades apart, so that a time of
/// the last hour on one of them is none on the other.
const AGE_NS_MAX: u64 = 3_600_000_000_000;

/// Returns how old a timestamp is on whichever clock it is of; nothing if it is 0, or of none.
fn age_s(timestamp_ns: u64, clocks_ns: [u64; 2]) -> Option<f64> {
    let ages = clocks_ns.into_iter().filter_map(|now| now.checked_sub(timestamp_ns));
    ages.filter(|age| timestamp_ns != 0 && *age < AGE_NS_MAX).map(|age| age as f64 / 1e9).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_of_one_clock_or_of_none() {
        const S: u64 = 1_000_000_000;
        let clocks = [5000 * S, 1_700_000_000 * S];
        assert_eq!(age_s(4999 * S, clocks), Some(1.0));
        assert_eq!(age_s(1_699_999_998 * S, clocks), Some(2.0));
        for foreign in [0, 7 * S, 5001 * S, 1_600_000_000 * S, u64::MAX] {
            assert_eq!(age_s(foreign, clocks), None, "{foreign}");
        }
    }
}
