//! Answers as tables for people and as JSON for machines.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::goals::{self, Goal, Verdict};
use crate::machine::Machine;
use crate::questions::Unit;
use crate::stats::middle_and_range;
use crate::turn::{Answer, Measured};

/// One question as a table for a terminal; a further one for each further series.
pub(crate) fn table(answer: &Answer) -> String {
    let question = &answer.question;
    let mut text = format!("{} [{}], {} rounds\n", question.title, question.id, answer.rounds);
    for (index, series) in question.series.iter().enumerate() {
        let head = ["median", "p99", "p99.9", "max", "samples"].map(str::to_owned);
        line(&mut text, &format!("{}:", series.what), head, "times the floor (rounds)");
        for (place, (contender, row)) in question.contenders.iter().zip(&answer.rows).enumerate() {
            match row {
                Ok(measured) => {
                    let Some(mine) = &measured[index] else { continue };
                    let cells = cells(mine, series.unit);
                    line(&mut text, &contender.name, cells, &ratio_text(answer, index, place));
                }
                Err(why) if index == 0 => {
                    // Writing to a string doesn't fail.
                    let _ = writeln!(text, "  {:<46} not measured: {why}", contender.name);
                }
                Err(_) => {}
            }
        }
    }
    text
}

fn line(text: &mut String, name: &str, [median, p99, p999, max, samples]: [String; 5], ratio: &str) {
    let _ = writeln!(text, "  {name:<46} {median:>10} {p99:>10} {p999:>10} {max:>10} {samples:>9}   {ratio}");
}

fn cells(measured: &Measured, unit: Unit) -> [String; 5] {
    let s = &measured.summary;
    [
        figure(s.median, unit),
        figure(s.p99, unit),
        figure(s.p999, unit),
        figure(s.max, unit),
        s.count.to_string(),
    ]
}

/// The ratio of each round of row `row` to its floor's in the same round: the middle, the smallest, the largest.
///
/// The floor is the first row, unless the contender names another. Nothing where there is none, or it is the row itself.
pub(crate) fn ratios(answer: &Answer, series: usize, row: usize) -> Option<(f64, f64, f64)> {
    let contenders = &answer.question.contenders;
    let beside = contenders[row].beside.as_ref();
    let floor = beside.map_or(Some(0), |name| contenders.iter().position(|c| c.name == *name))?;
    let rounds = |row: usize| Some(&answer.rows[row].as_ref().ok()?[series].as_ref()?.medians);
    let ratios: Vec<f64> =
        rounds(row)?.iter().zip(rounds(floor)?).map(|(mine, floor)| mine / floor).collect();
    let told = row != floor && !ratios.is_empty() && ratios.iter().all(|ratio| ratio.is_finite());
    told.then(|| middle_and_range(&ratios))
}

fn ratio_text(answer: &Answer, series: usize, row: usize) -> String {
    let Some((middle, least, most)) = ratios(answer, series, row) else { return "-".to_owned() };
    format!("{middle:.2} ({least:.2} to {most:.2})")
}

/// Every goal with what became of it.
pub(crate) fn judged(answers: &[Answer]) -> Vec<(Goal, Verdict)> {
    goals::all()
        .into_iter()
        .filter(|goal| answers.iter().any(|answer| answer.question.id == goal.subject.question))
        .map(|goal| (goal.judge(answers), goal))
        .map(|(verdict, goal)| (goal, verdict))
        .collect()
}

/// The goals as a table for a terminal.
pub(crate) fn goals(judged: &[(Goal, Verdict)]) -> String {
    let mut text = String::from("goals\n");
    for (goal, verdict) in judged {
        let [figure, bound, ratio] = goal_cells(goal, verdict);
        let _ = writeln!(
            text,
            "  {:<12}  {:<48} {:<42} {figure:>10}, {bound:>12}, {ratio}",
            verdict.to_string(),
            goal.wish,
            goal.bound
        );
    }
    let count = |wanted: &str| judged.iter().filter(|(_, verdict)| verdict.to_string() == wanted).count();
    let _ = writeln!(
        text,
        "{} pass, {} miss, {} not measured",
        count("pass"),
        count("miss"),
        count("not measured")
    );
    text
}

/// A goal's figure, its bound, and the ratio of the two; or why there is none.
pub(crate) fn goal_cells(goal: &Goal, verdict: &Verdict) -> [String; 3] {
    match verdict {
        Verdict::Measured { figure: mine, bound, ratio, unit, .. } => {
            let sign = if goal.right == goals::Right::AtMost { "≤" } else { "≥" };
            let ratio =
                if ratio.is_finite() { format!("{ratio:.2} of it") } else { "more than none".to_owned() };
            [figure(*mine, *unit), format!("{sign} {}", figure(*bound, *unit)), ratio]
        }
        Verdict::NotMeasured(why) => ["-".to_owned(), "-".to_owned(), why.clone()],
    }
}

/// Whether every goal that was measured was reached.
pub(crate) fn all_reached(judged: &[(Goal, Verdict)]) -> bool {
    judged.iter().all(|(_, verdict)| !matches!(verdict, Verdict::Measured { reached: false, .. }))
}

/// Everything, for machines.
pub(crate) fn json(machine: &Machine, answers: &[Answer], judged: &[(Goal, Verdict)]) -> Value {
    json!({
        "schema": "horus.bench/2",
        "machine": machine.json(),
        "questions": answers.iter().map(answer_json).collect::<Vec<_>>(),
        "goals": judged.iter().map(|(goal, verdict)| goal_json(goal, verdict)).collect::<Vec<_>>(),
    })
}

fn answer_json(answer: &Answer) -> Value {
    let question = &answer.question;
    let contenders =
        question.contenders.iter().zip(&answer.rows).enumerate().map(|(place, (contender, row))| {
            let known = json!({
                "name": contender.name, "way": contender.way, "payload": contender.payload.to_string(),
                "publishers": contender.publishers, "subscribers": contender.subscribers,
            });
            let mut known = known;
            match row {
                Ok(measured) => {
                    let series = question.series.iter().enumerate().zip(measured);
                    known["series"] = series
                        .filter_map(|((index, series), mine)| {
                            mine.as_ref().map(|mine| series_json(answer, index, place, series.what, mine))
                        })
                        .collect();
                }
                Err(why) => known["not_measured"] = json!(why),
            }
            known
        });
    json!({
        "id": question.id, "title": question.title, "rounds": answer.rounds,
        "contenders": contenders.collect::<Vec<_>>(),
    })
}

fn series_json(answer: &Answer, index: usize, place: usize, what: &str, mine: &Measured) -> Value {
    let (s, unit) = (&mine.summary, answer.question.series[index].unit);
    json!({
        "what": what, "unit": unit_name(unit), "samples": s.count, "median": s.median, "p99": s.p99, "p999": s.p999,
        "max": s.max, "round_medians": mine.medians, "ratio_to_floor": ratios(answer, index, place).map(|(middle, ..)| middle),
    })
}

fn goal_json(goal: &Goal, verdict: &Verdict) -> Value {
    let mut value = json!({
        "wish": goal.wish, "bound_in_words": goal.bound, "question": goal.subject.question,
        "contender": goal.subject.contender, "verdict": verdict.to_string(),
    });
    match verdict {
        Verdict::Measured { reached, figure, bound, ratio, unit } => {
            value["reached"] = json!(reached);
            value["figure"] = json!(figure);
            value["bound"] = json!(bound);
            value["ratio"] = json!(ratio.is_finite().then_some(ratio));
            value["unit"] = json!(unit_name(*unit));
        }
        Verdict::NotMeasured(why) => value["not_measured"] = json!(why),
    }
    value
}

fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Time => "ns",
        Unit::PerSecond => "1/s",
        Unit::PartsPerMillion => "ppm",
        Unit::Bytes => "B",
        Unit::Count => "",
    }
}

/// A figure in the unit that reads best.
pub(crate) fn figure(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Time => time(value),
        Unit::PerSecond if value >= 1e6 => format!("{:.1} M/s", value / 1e6),
        Unit::PerSecond => format!("{:.0} k/s", value / 1e3),
        Unit::PartsPerMillion => format!("{:.4} %", value / 1e4),
        Unit::Bytes => format!("{:.0} KiB", value / 1024.0),
        Unit::Count => format!("{value:.0}"),
    }
}

/// Nanoseconds in the unit that reads best.
fn time(ns: f64) -> String {
    match ns {
        ns if ns < 100.0 && ns.fract() != 0.0 => format!("{ns:.1} ns"),
        ns if ns < 1_000.0 => format!("{ns:.0} ns"),
        ns if ns < 100_000.0 => format!("{:.2} µs", ns / 1e3),
        ns if ns < 1_000_000.0 => format!("{:.0} µs", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        let times = [0.0, 35.5, 35.0, 999.0, 1_500.0, 250_000.0, 7.5e6].map(|ns| figure(ns, Unit::Time));
        assert_eq!(times, ["0 ns", "35.5 ns", "35 ns", "999 ns", "1.50 µs", "250 µs", "7.50 ms"]);
        assert_eq!(figure(21.4e6, Unit::PerSecond), "21.4 M/s");
        assert_eq!(figure(500.0, Unit::PartsPerMillion), "0.0500 %");
        assert_eq!(figure(24_576.0, Unit::Bytes), "24 KiB");
    }
}
