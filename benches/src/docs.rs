//! Writes what a run measured into the documents, so that no figure is typed by hand.
//!
//! What stands between `<!-- bench: NAME -->` and `<!-- bench end -->` is replaced: the question's table, `goals`, `machine`,
//! or `summary`.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::Result;
use crate::figures;
use crate::goals::{Goal, Verdict};
use crate::machine::Machine;
use crate::report::{figure, goal_cells, ratios};
use crate::stats::middle_and_range;
use crate::turn::{Answer, Measured};

const END: &str = "<!-- bench end -->";

/// The rows of the README's table: what, the question, HORUS's row in it.
const SUMMARY: [(&str, &str, &str); 19] = [
    ("Rust, CmdVel (16 B)", "rust-16", "horus"),
    ("Rust, 1 KiB, filled and checked", "rust-1k", "horus"),
    ("Rust, 6 MB, filled and checked", "rust-6m", "horus"),
    ("Rust, 6 MB loaned and sent", "rust-image", "horus, 6 MB loaned and sent"),
    ("Rust, asleep until it comes (floor: a bare futex)", "rust-wake", "horus"),
    ("Rust, waiting for what comes at once", "rust-spin", "horus, wait()"),
    ("Rust, a send with nobody waiting (floor: reading the clock)", "rust-publish", "horus, 0 subscribers"),
    ("the same beside 64 subscribers", "rust-publish", "horus, 64 subscribers"),
    ("Rust, a stream of 64 B, received", "rust-stream", "horus"),
    ("Python, CmdVel, built before", "python-cmd-vel", "horus"),
    ("Python, CmdVel made anew", "python-cmd-vel-anew", "horus"),
    ("Python, dict of 3 keys", "python-dict", "horus"),
    ("Python, dict of 80 keys (floor: msgspec by hand)", "python-dict-80", "horus"),
    ("Python, 1080p image sent again, with its view", "python-image", "horus, 1080p"),
    ("Python, 1080p image filled, sent, checked", "python-frame", "horus"),
    ("Python, `from_numpy` 1080p (floor: `numpy.copyto`)", "python-from-numpy", "horus, from_numpy and send"),
    ("Rust, node `on` a topic of another process, 1 kHz (floor: a bare futex)", "nodes-1khz", "horus, Rust"),
    ("Python, the same", "nodes-1khz", "horus, Python"),
    ("A topic opened, its first message through", "open", "horus, Rust"),
];

/// Writes tables into the README and `docs/benchmarks.md`, and the figures into `docs/figures`, under `root`.
pub(crate) fn write(
    root: &Path,
    machine: &Machine,
    answers: &[Answer],
    judged: &[(Goal, Verdict)],
) -> Result<()> {
    let mut blocks = vec![
        ("machine", machine.markdown()),
        ("goals", goals(judged)),
        ("summary", summary(answers) + "\n" + &machine.markdown()),
    ];
    blocks.extend(answers.iter().map(|answer| (answer.question.id, table(answer))));
    for document in ["README.md", "docs/benchmarks.md"] {
        let path = root.join(document);
        let mut text = fs::read_to_string(&path)?;
        for (name, block) in &blocks {
            text = replaced(&text, name, block).map_err(|why| format!("{document}: {why}"))?;
        }
        fs::write(&path, text)?;
    }
    draw(&root.join("docs/figures"), answers)
}

/// Draws the figures into `folder`.
pub(crate) fn draw(folder: &Path, answers: &[Answer]) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (name, svg) in figures::all(answers) {
        fs::write(folder.join(name), svg)?;
    }
    Ok(())
}

/// `text` with what stands between the marks of `name` replaced by `block`; as it is, if it has none.
fn replaced(text: &str, name: &str, block: &str) -> std::result::Result<String, String> {
    let begin = format!("<!-- bench: {name} -->\n");
    let Some((before, rest)) = text.split_once(&begin) else { return Ok(text.to_owned()) };
    let (_, after) = rest.split_once(END).ok_or_else(|| format!("`{name}` begins and doesn't end"))?;
    Ok(format!("{before}{begin}\n{}\n\n{END}{after}", block.trim()))
}

/// A question as tables, one for each series.
fn table(answer: &Answer) -> String {
    let mut text = String::new();
    for (index, series) in answer.question.series.iter().enumerate() {
        // Writing to a string doesn't fail.
        let _ = writeln!(text, "| {} | median | p99 | p99.9 | max | × floor (rounds) |", series.what);
        text.push_str("| --- | --- | --- | --- | --- | --- |\n");
        for (place, contender) in answer.question.contenders.iter().enumerate() {
            match &answer.rows[place] {
                Ok(measured) => {
                    let Some(mine) = &measured[index] else { continue };
                    let s = &mine.summary;
                    let of = |value| figure(value, series.unit);
                    let ratio = ratio_cell(answer, index, place);
                    let cells = [of(s.median), of(s.p99), of(s.p999), of(s.max), ratio].join(" | ");
                    let _ = writeln!(text, "| {} | {cells} |", contender.name);
                }
                Err(why) if index == 0 => {
                    let _ = writeln!(text, "| {} | not measured: {} | | | | |", contender.name, escaped(why));
                }
                Err(_) => {}
            }
        }
        text.push('\n');
    }
    text
}

fn ratio_cell(answer: &Answer, series: usize, place: usize) -> String {
    let told = |(middle, least, most)| format!("{middle:.2} ({least:.2} to {most:.2})");
    ratios(answer, series, place).map_or_else(String::new, told)
}

/// What an error says, on one line of a table.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn goals(judged: &[(Goal, Verdict)]) -> String {
    let mut text =
        String::from("| work | goal | measured | bound | | |\n| --- | --- | --- | --- | --- | --- |\n");
    for (goal, verdict) in judged {
        let [mine, bound, ratio] = goal_cells(goal, verdict);
        let verdict = if verdict.to_string() == "miss" { "**miss**".to_owned() } else { verdict.to_string() };
        let _ = writeln!(
            text,
            "| {} | {} | {mine} | {bound} | {} | {verdict} |",
            goal.wish,
            goal.bound,
            escaped(&ratio)
        );
    }
    text
}

fn summary(answers: &[Answer]) -> String {
    let mut text = String::from(
        "| | floor: median | HORUS: median / p99 | ratio | best of the others |\n| --- | --- | --- | --- | --- |\n",
    );
    for (what, id, name) in SUMMARY {
        let row = answers.iter().find(|answer| answer.question.id == id).and_then(|answer| row(answer, name));
        let _ = writeln!(text, "| {what} | {} |", row.unwrap_or_else(|| "not measured | | |".to_owned()));
    }
    text
}

fn row(answer: &Answer, name: &str) -> Option<String> {
    let unit = answer.question.series[0].unit;
    let of = |value| figure(value, unit);
    let place = answer.question.contenders.iter().position(|contender| contender.name == name)?;
    let first = |place: usize| answer.rows[place].as_ref().ok()?[0].as_ref();
    let mine = first(place)?;
    let floor =
        first(0).filter(|_| place != 0).map_or_else(|| "-".to_owned(), |floor| of(floor.summary.median));
    let ratio = ratio_cell(answer, 0, place);
    let medians = format!("{} / {}", of(mine.summary.median), of(mine.summary.p99));
    Some(format!("{floor} | {medians} | {ratio} | {}", best_other(answer, mine).unwrap_or_default()))
}

/// The best of the others that did the same work, and how many times HORUS's figure it has.
fn best_other(answer: &Answer, mine: &Measured) -> Option<String> {
    let unit = answer.question.series[0].unit;
    let more_is_better = unit == crate::questions::Unit::PerSecond;
    let others = answer.question.contenders.iter().zip(&answer.rows).filter_map(|(contender, row)| {
        let measured = row.as_ref().ok()?[0].as_ref()?;
        let is_other = contender.program.is_peer() && !contender.name.contains("hand-made");
        is_other.then_some((&contender.name, measured))
    });
    let worth = |measured: &Measured| measured.summary.median * if more_is_better { -1.0 } else { 1.0 };
    let (name, best) = others.min_by(|a, b| worth(a.1).total_cmp(&worth(b.1)))?;
    let ratios: Vec<f64> =
        best.medians.iter().zip(&mine.medians).map(|(theirs, mine)| theirs / mine).collect();
    let (middle, ..) = middle_and_range(&ratios);
    Some(format!("{name} {}: {middle:.2} × ours", figure(best.summary.median, unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let text = "a\n<!-- bench: x -->\nold\n<!-- bench end -->\nb <!-- bench end -->\n";
        let new = replaced(text, "x", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- bench: x -->\n\nnew\n\n<!-- bench end -->\nb <!-- bench end -->\n");
        assert_eq!(replaced(&new, "x", "new").unwrap(), new);
        assert_eq!(replaced(text, "y", "new").unwrap(), text);
        assert!(replaced("<!-- bench: x -->\nopen", "x", "new").is_err());
    }

    #[test]
    fn every_question_has_its_place_in_the_documents() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let document = fs::read_to_string(root.join("docs/benchmarks.md")).unwrap();
        let questions = crate::questions::all();
        for name in questions.iter().map(|question| question.id).chain(["machine", "goals"]) {
            assert!(document.contains(&format!("<!-- bench: {name} -->\n")), "{name}");
        }
        assert!(fs::read_to_string(root.join("README.md")).unwrap().contains("<!-- bench: summary -->\n"));
        for (_, id, name) in SUMMARY {
            let question = questions.iter().find(|question| question.id == id).unwrap();
            assert!(question.contenders.iter().any(|contender| contender.name == name), "{id}: {name}");
        }
    }
}
