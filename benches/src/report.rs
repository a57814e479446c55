//! Answers as tables for people and as JSON for machines.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::question::Wanted;
use crate::round::{Answer, ContenderResult};
use crate::stats::middle_and_range;

/// One question as a table.
pub(crate) fn table(answer: &Answer) -> String {
    let question = &answer.question;
    let what = if question.halved { "one way" } else { "each" };
    let mut text = format!("{} — {what}, {} rounds [{}]\n", question.title, answer.rounds, question.id);
    let head = ["median", "p99", "p99.9", "max", "samples"];
    line(&mut text, "", head.map(str::to_owned), "times the floor (rounds)");
    for (index, (contender, result)) in question.contenders.iter().zip(&answer.results).enumerate() {
        let s = &result.summary;
        let cells = [time(s.median), time(s.p99), time(s.p999), time(s.max), s.count.to_string()];
        let ratio = if index == 0 { "1".to_owned() } else { ratio(result) };
        line(&mut text, contender.name, cells, &ratio);
    }
    text
}

fn line(text: &mut String, name: &str, [median, p99, p999, max, samples]: [String; 5], ratio: &str) {
    // Writing to a string doesn't fail.
    let _ =
        writeln!(text, "  {name:<20} {median:>10} {p99:>10} {p999:>10} {max:>10} {samples:>10}   {ratio}");
}

/// What was to be reached, and whether it was.
pub(crate) fn goals(answers: &[Answer]) -> String {
    let mut text = String::from("goals\n");
    let mut any = false;
    for goal in answers.iter().filter_map(Goal::of) {
        any = true;
        let word = if goal.reached() { "pass" } else { "MISS" };
        let _ = write!(text, "  {word}  {}: {} at ", goal.question, goal.contender);
        let _ = match goal.wanted {
            Wanted::TimesFloor(most) => {
                writeln!(text, "{:.2} times the floor, at most {most} wanted", goal.measured)
            }
            Wanted::Below(limit) => writeln!(text, "{}, below {} wanted", time(goal.measured), time(limit)),
        };
    }
    if any { text } else { "goals: none among these questions\n".to_owned() }
}

/// Whether every goal was reached.
pub(crate) fn all_reached(answers: &[Answer]) -> bool {
    answers.iter().filter_map(Goal::of).all(|goal| goal.reached())
}

/// Everything, for machines.
pub(crate) fn json(machine: &Machine, answers: &[Answer]) -> Value {
    json!({
        "schema": "horus.bench/1",
        "machine": machine.json(),
        "questions": answers.iter().map(answer_json).collect::<Vec<_>>(),
        "goals": answers.iter().filter_map(Goal::of).map(|goal| goal.json()).collect::<Vec<_>>(),
    })
}

fn answer_json(answer: &Answer) -> Value {
    let question = &answer.question;
    let contenders = question.contenders.iter().zip(&answer.results).map(|(contender, result)| {
        let s = &result.summary;
        json!({
            "name": contender.name, "samples": s.count, "median_ns": s.median, "p99_ns": s.p99,
            "p999_ns": s.p999, "max_ns": s.max, "round_medians_ns": result.medians, "round_ratios": result.ratios,
        })
    });
    json!({
        "id": question.id, "title": question.title, "one_way": question.halved, "rounds": answer.rounds,
        "contenders": contenders.collect::<Vec<_>>(),
    })
}

/// A goal beside what was measured.
#[derive(Debug)]
struct Goal {
    question: &'static str,
    contender: &'static str,
    wanted: Wanted,
    /// The ratio or the nanoseconds, as is wanted.
    measured: f64,
}

impl Goal {
    fn of(answer: &Answer) -> Option<Goal> {
        let (contender, wanted) = answer.question.goal?;
        let index = answer.question.contenders.iter().position(|c| c.name == contender)?;
        let result = &answer.results[index];
        let measured = match wanted {
            Wanted::TimesFloor(_) => middle_and_range(&result.ratios).0,
            Wanted::Below(_) => result.summary.median,
        };
        Some(Goal { question: answer.question.id, contender, wanted, measured })
    }

    fn reached(&self) -> bool {
        match self.wanted {
            Wanted::TimesFloor(most) => self.measured <= most,
            Wanted::Below(limit) => self.measured < limit,
        }
    }

    fn json(&self) -> Value {
        let (measured, wanted, limit) = match self.wanted {
            Wanted::TimesFloor(most) => ("ratio", "at_most", most),
            Wanted::Below(limit) => ("median_ns", "below_ns", limit),
        };
        json!({
            "question": self.question, "contender": self.contender, measured: self.measured, wanted: limit,
            "reached": self.reached(),
        })
    }
}

fn ratio(result: &ContenderResult) -> String {
    let (middle, least, most) = middle_and_range(&result.ratios);
    format!("{middle:.2} ({least:.2} to {most:.2})")
}

/// Nanoseconds in the unit that reads best.
fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1_000.0 => format!("{ns:.0} ns"),
        ns if ns < 100_000.0 => format!("{:.2} µs", ns / 1e3),
        ns if ns < 1_000_000.0 => format!("{:.0} µs", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}
