//! What a run has counted, and what it says in the end.

use crate::cast::Language;
use crate::role::Part;
use crate::topic::Topic;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is counted while a run goes on.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Processes killed at work.
    kills: BTreeMap<(Part, Topic, Language), u64>,
    /// Processes killed while they started, and cleaners.
    pub(crate) killed_at_start: u64,
    pub(crate) cleaners_killed: u64,
    /// Processes that left by themselves, and that were stopped for a while; only where some are.
    pub(crate) left: u64,
    pub(crate) stopped: u64,
    /// Of the kills of Rust publishers of 1,000 bytes: how many stood inside a write.
    pub(crate) packets: Share,
    /// The same of those that nobody aimed at.
    pub(crate) packets_at_random: Share,
    /// Of the kills of publishers of images: how many stood between allocating and publishing.
    pub(crate) images: Share,
    recoveries: BTreeMap<(Part, Language), Vec<Recovery>>,
    /// Messages by topic: sent, as the lanes say; received and missed by all its watchers together.
    pub(crate) messages: BTreeMap<Topic, (u64, u64, u64)>,
    pub(crate) failures: Vec<String>,
}

/// Hits of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) hits: u64,
    pub(crate) of: u64,
}

impl Share {
    pub(crate) fn count(&mut self, hit: bool) {
        self.hits += u64::from(hit);
        self.of += 1;
    }

    pub(crate) fn percent(self) -> f64 {
        100.0 * self.hits as f64 / (self.of.max(1)) as f64
    }

    fn to_json(self) -> Value {
        json!({ "hits": self.hits, "of": self.of, "percent": self.percent() })
    }
}

/// How long it took from a kill until the watcher heard the replacement, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recovery {
    /// From the kill, the start of the new process and of its language included.
    pub(crate) from_kill_ns: u64,
    /// From the new process's first call of HORUS.
    pub(crate) from_first_call_ns: u64,
}

/// Words that failures begin with, and what they are called.
const WRONGS: [&str; 5] = ["torn", "order", "count", "stuck", "leaked"];

impl Tally {
    pub(crate) fn count_kill(&mut self, part: Part, topic: Topic, language: Language) {
        *self.kills.entry((part, topic, language)).or_default() += 1;
    }

    pub(crate) fn count_recovery(&mut self, part: Part, language: Language, recovery: Recovery) {
        self.recoveries.entry((part, language)).or_default().push(recovery);
    }

    /// Kills of publishers and subscribers at work.
    pub(crate) fn kills(&self) -> u64 {
        self.kills.values().sum()
    }

    /// The failures in one line: `0 torn, 0 order, …`.
    pub(crate) fn wrongs(&self) -> String {
        let count =
            |word: &str| self.failures.iter().filter(|text| text.contains(&format!("{word}:"))).count();
        WRONGS.map(|word| format!("{} {word}", count(word))).join(", ")
    }

    /// What was killed, a line each.
    pub(crate) fn killed_lines(&self) -> Vec<String> {
        let line = |((part, topic, language), count): (&(Part, Topic, Language), &u64)| {
            let what = if *part == Part::Publish { "publishers" } else { "subscribers" };
            format!("{count:>6} {what} of {} in {language:?}", topic.name())
        };
        self.kills.iter().map(line).collect()
    }

    /// Median and worst recovery, a row each: who, how often, and milliseconds from the kill and from the first call.
    pub(crate) fn recovery_rows(&self) -> Vec<RecoveryRow> {
        let row = |((part, language), all): (&(Part, Language), &Vec<Recovery>)| {
            let who = if *part == Part::Publish { "publisher" } else { "subscriber" };
            let from_kill = median_and_worst(all.iter().map(|recovery| recovery.from_kill_ns));
            let from_first_call = median_and_worst(all.iter().map(|recovery| recovery.from_first_call_ns));
            RecoveryRow {
                who: format!("{who} in {language:?}"),
                count: all.len(),
                from_kill,
                from_first_call,
            }
        };
        self.recoveries.iter().map(row).collect()
    }

    pub(crate) fn to_json(&self) -> Value {
        let kills: Vec<Value> = self
            .kills
            .iter()
            .map(|((part, topic, language), count)| {
                json!({ "part": format!("{part:?}"), "topic": topic.name(), "language": format!("{language:?}"), "kills": count })
            })
            .collect();
        let recoveries: Vec<Value> = self
            .recovery_rows()
            .iter()
            .map(|row| {
                json!({
                    "who": row.who, "count": row.count,
                    "from_kill_ms": { "median": row.from_kill.0, "worst": row.from_kill.1 },
                    "from_first_call_ms": { "median": row.from_first_call.0, "worst": row.from_first_call.1 },
                })
            })
            .collect();
        json!({
            "kills": kills, "kills_at_work": self.kills(), "killed_at_start": self.killed_at_start,
            "cleaners_killed": self.cleaners_killed, "left": self.left, "stopped": self.stopped,
            "packets_inside_a_write": self.packets.to_json(),
            "packets_inside_a_write_at_random": self.packets_at_random.to_json(),
            "images_between_allocating_and_publishing": self.images.to_json(),
            "recoveries": recoveries,
            "messages": self.messages.iter().map(|(topic, (sent, received, dropped))| {
                json!({ "topic": topic.name(), "sent": sent, "received": received, "missed": dropped })
            }).collect::<Vec<_>>(),
            "failures": self.failures,
        })
    }
}

/// How fast one sort of process was back.
#[derive(Clone, Debug)]
pub(crate) struct RecoveryRow {
    pub(crate) who: String,
    pub(crate) count: usize,
    /// Median and worst, in milliseconds.
    pub(crate) from_kill: (f64, f64),
    pub(crate) from_first_call: (f64, f64),
}

fn median_and_worst(times_ns: impl Iterator<Item = u64>) -> (f64, f64) {
    let mut times: Vec<u64> = times_ns.collect();
    times.sort_unstable();
    let milliseconds = |at: usize| times.get(at).map_or(0.0, |ns| *ns as f64 / 1e6);
    (milliseconds(times.len() / 2), milliseconds(times.len().saturating_sub(1)))
}
