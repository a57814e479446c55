//! What a run of kills says in the end, and whether it was good.

use super::{Kills, Run};
use crate::Result;
use crate::ledger::Note;
use crate::tally::{Share, Tally};
use serde_json::json;
use std::sync::PoisonError;
use std::time::Duration;

/// Fewer kills say nothing of a share.
const SAMPLE_MIN: u64 = 15;

/// Prints the figures, writes them where it was asked, and returns whether all is well.
pub(super) fn say(run: &mut Run, options: &Kills, took: Duration) -> Result<bool> {
    let [watcher, publisher] = [&run.steady[0].entry, &run.steady[1].entry];
    let milliseconds = |ns: u64| ns as f64 / 1e6;
    let pause = milliseconds(watcher.get(Note::LongestPause));
    let delay = milliseconds(publisher.get(Note::LongestDelay));
    let send = milliseconds(publisher.get(Note::LongestSend));
    let steady = (watcher.get(Note::Received), watcher.get(Note::Dropped), publisher.get(Note::Sent));
    let tally = run.tally.get_mut().unwrap_or_else(PoisonError::into_inner);
    judge(tally, options);
    println!(
        "{} killed at work, {} while they started, {} cleaners, in {:.0} s",
        tally.kills(),
        tally.killed_at_start,
        tally.cleaners_killed,
        took.as_secs_f64()
    );
    tally.killed_lines().iter().for_each(|line| println!("{line}"));
    for (topic, (sent, received, dropped)) in &tally.messages {
        println!(
            "{:>6}: {sent} sent; by all watchers {received} received, {dropped} missed and counted",
            topic.name()
        );
    }
    for (what, share) in shares(tally) {
        println!("{what}: {} of {} kills, {:.0} %", share.hits, share.of, share.percent());
    }
    let share = tally.packets_at_random;
    println!(
        "of those nobody aimed at, inside a write: {} of {} kills, {:.0} %",
        share.hits,
        share.of,
        share.percent()
    );
    for row in tally.recovery_rows() {
        println!(
            "back at work, {}: median {:.1} ms, worst {:.1} ms from the kill; {:.2} and {:.2} from its first call; {} times",
            row.who,
            row.from_kill.0,
            row.from_kill.1,
            row.from_first_call.0,
            row.from_first_call.1,
            row.count
        );
    }
    println!(
        "beside it, a thousand messages a second: {} sent, {} received, {} missed; longest pause {pause:.1} ms, \
         publisher itself late by {delay:.1} ms at most, longest send {send:.2} ms",
        steady.2, steady.0, steady.1
    );
    tally.failures.iter().for_each(|failure| eprintln!("{failure}"));
    println!("{}", tally.wrongs());
    if let Some(path) = &options.json {
        let mut figures = tally.to_json();
        figures["seconds"] = json!(took.as_secs_f64());
        figures["steady"] = json!({
            "sent": steady.2, "received": steady.0, "missed": steady.1, "longest_pause_ms": pause,
            "publisher_late_ms": delay, "longest_send_ms": send,
        });
        std::fs::write(path, format!("{figures:#}\n"))?;
    }
    Ok(tally.failures.is_empty())
}

fn shares(tally: &Tally) -> [(&'static str, Share); 2] {
    [
        ("Rust publishers of 1,000 bytes, inside a write", tally.packets),
        ("publishers of images, between allocating and publishing", tally.images),
    ]
}

/// A run that struck nobody where it hurts has shown nothing.
fn judge(tally: &mut Tally, options: &Kills) {
    if tally.failures.is_empty() && tally.kills() != options.kills {
        let text = format!("killed {} of {}", tally.kills(), options.kills);
        tally.failures.push(text);
    }
    for (what, share) in shares(tally) {
        if share.of >= SAMPLE_MIN && share.percent() < options.share {
            let text =
                format!("{what}: only {} of {} kills, below {} %", share.hits, share.of, options.share);
            tally.failures.push(text);
        }
    }
}
