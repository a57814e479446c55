//! The figures of a soak: printed, as JSON, and between the markers of a page.

use super::{Seen, Soak, Taken};
use crate::Result;
use crate::kills::Run;
use crate::ledger::Note;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;
use std::sync::PoisonError;

const BEGIN: &str = "<!-- figures -->\n";
const END: &str = "<!-- end of figures -->\n";

/// Prints the figures, writes them where it was asked, and returns whether all is well.
pub(super) fn say(run: &mut Run, options: &Soak, seen: &Seen) -> Result<bool> {
    let text = figures(run, seen)?;
    print!("{text}");
    let tally = run.tally.get_mut().unwrap_or_else(PoisonError::into_inner);
    tally.failures.iter().for_each(|failure| eprintln!("{failure}"));
    if let Some(path) = &options.json {
        let mut figures = tally.to_json();
        figures["seconds"] = json!(seen.took.as_secs_f64());
        figures["rounds"] = json!(seen.rounds);
        figures["commands"] = json!(seen.commands);
        figures["steady_topic_hz"] = seen.steady_hz.to_json();
        figures["begin"] = taken(&seen.begin);
        figures["end"] = taken(&seen.end);
        let (sent, received, missed) = seen.many;
        figures["many_topics"] = json!({ "sent": sent, "received": received, "missed": missed });
        std::fs::write(path, format!("{figures:#}\n"))?;
    }
    let well = tally.failures.is_empty();
    if let Some(path) = options.page.as_ref().filter(|_| well) {
        write_between_markers(path, &text)?;
    }
    Ok(well)
}

fn taken(taken: &Taken) -> Value {
    json!({
        "private_bytes_rust": taken.private_rust, "private_bytes_python": taken.private_python,
        "descriptors": taken.descriptors, "files": taken.files, "shm_bytes": taken.shm_bytes,
    })
}

/// The figures as a part of a page.
fn figures(run: &Run, seen: &Seen) -> Result<String> {
    let tally = run.tally();
    let [watcher, publisher] = [&run.steady[0].entry, &run.steady[1].entry];
    let milliseconds = |ns: u64| ns as f64 / 1e6;
    let mut text = String::new();
    let cores = std::thread::available_parallelism()?;
    writeln!(
        text,
        "{:.1} minutes on {cores} cores, {} rounds: {} killed at work, {} while they started, {} cleaners; {} left by \
         themselves, {} were stopped; {} commands beside. **{}**.\n",
        seen.took.as_secs_f64() / 60.0,
        seen.rounds,
        tally.kills(),
        tally.killed_at_start,
        tally.cleaners_killed,
        tally.left,
        tally.stopped,
        seen.commands,
        tally.wrongs()
    )?;
    writeln!(
        text,
        "| messages | sent | received by all watchers | missed, and counted |\n| --- | --- | --- | --- |"
    )?;
    for (topic, (sent, received, missed)) in &tally.messages {
        writeln!(text, "| {} | {sent} | {received} | {missed} |", topic.name())?;
    }
    let (sent, received, missed) = seen.many;
    writeln!(text, "| 48 topics of six kinds | {sent} | {received} | {missed} |")?;
    let counts = (publisher.get(Note::Sent), watcher.get(Note::Received), watcher.get(Note::Dropped));
    writeln!(text, "| a thousand a second | {} | {} | {} |\n", counts.0, counts.1, counts.2)?;
    writeln!(
        text,
        "| back at work | times | median from the kill | worst | median from its first call | worst |"
    )?;
    writeln!(text, "| --- | --- | --- | --- | --- | --- |")?;
    for row in tally.recovery_rows() {
        writeln!(
            text,
            "| {} | {} | {:.1} ms | {:.1} ms | {:.2} ms | {:.2} ms |",
            row.who,
            row.count,
            row.from_kill.0,
            row.from_kill.1,
            row.from_first_call.0,
            row.from_first_call.1
        )?;
    }
    writeln!(
        text,
        "\nThe longest pause between two of a thousand messages a second: {:.1} ms; their publisher itself was late by \
         {:.1} ms at most, and its longest send took {:.2} ms.\n",
        milliseconds(watcher.get(Note::LongestPause)),
        milliseconds(publisher.get(Note::LongestDelay)),
        milliseconds(publisher.get(Note::LongestSend))
    )?;
    let hz = seen.steady_hz;
    writeln!(
        text,
        "`horus topic hz` of that topic, which ran from beginning to end: {:.1} a second in the median of {} reports, {:.1} in \
         the lowest, {:.1} in the highest.\n",
        hz.median, hz.reports, hz.lowest, hz.highest
    )?;
    writeln!(text, "| those who stay | after the first round | at the end |\n| --- | --- | --- |")?;
    let kib = |bytes: u64| format!("{} KiB", bytes / 1024);
    for (what, begin, end) in [
        ("private memory, largest in Rust", kib(seen.begin.private_rust), kib(seen.end.private_rust)),
        ("private memory, largest in Python", kib(seen.begin.private_python), kib(seen.end.private_python)),
        ("open descriptors", seen.begin.descriptors.to_string(), seen.end.descriptors.to_string()),
        ("files of shared memory", seen.begin.files.to_string(), seen.end.files.to_string()),
        ("shared memory", kib(seen.begin.shm_bytes), kib(seen.end.shm_bytes)),
    ] {
        writeln!(text, "| {what} | {begin} | {end} |")?;
    }
    Ok(text)
}

fn write_between_markers(path: &Path, text: &str) -> Result<()> {
    let page = std::fs::read_to_string(path)?;
    let (before, rest) = page.split_once(BEGIN).ok_or("the page has no marker of figures")?;
    let (_, after) = rest.split_once(END).ok_or("the page has no end of figures")?;
    Ok(std::fs::write(path, format!("{before}{BEGIN}\n{text}\n{END}{after}"))?)
}
