//! The figures of the README, drawn from the answers of a run.

mod chart;

use chart::{Bar, Bars, Line, Lines, Point};

use crate::contender::Program;
use crate::turn::Answer;

/// Questions by size of payload, with what stands on the axis.
const SIZES: [(&str, f64, &str); 6] = [
    ("rust-16", 16.0, "16 B"),
    ("rust-64", 64.0, "64 B"),
    ("rust-1k", 1024.0, "1 KiB"),
    ("rust-64k", 65_536.0, "64 KiB"),
    ("rust-1m", 1_048_576.0, "1 MiB"),
    ("rust-6m", 6_220_800.0, "6 MB"),
];
/// Counts of subscribers, with where they stand on the axis.
const SUBSCRIBERS: [(usize, f64, &str); 4] = [(0, 1.0, "0"), (1, 4.0, "1"), (8, 16.0, "8"), (64, 64.0, "64")];

/// All figures: file name and SVG.
pub(crate) fn all(answers: &[Answer]) -> Vec<(&'static str, String)> {
    vec![
        ("latency.svg", latency(answers)),
        ("publish.svg", publish(answers)),
        ("python.svg", python(answers)),
    ]
}

/// The median of a contender, where it was measured.
fn median(answers: &[Answer], question: &str, contender: &str) -> Option<f64> {
    let answer = answers.iter().find(|answer| answer.question.id == question)?;
    let index = answer.question.contenders.iter().position(|other| other.name == contender)?;
    Some(answer.rows[index].as_ref().ok()?.first()?.as_ref()?.summary.median)
}

fn latency(answers: &[Answer]) -> String {
    let line = |name: &'static str| {
        let points = SIZES
            .iter()
            .filter_map(|(question, x, _)| Some(Point { x: *x, y: median(answers, question, name)? }));
        Line { name, points: points.collect() }
    };
    let names = ["hand-made ring", "horus", "iceoryx2", "zenoh, shared memory", "Unix socket"];
    Lines {
        title: "One way between two processes, Rust, polling: median",
        below: "payload, filled by the sender and checked by the receiver",
        ticks: SIZES.iter().map(|(_, x, text)| (*x, *text)).collect(),
        lines: names.map(line).into(),
    }
    .svg()
}

fn publish(answers: &[Answer]) -> String {
    let line = |name: &'static str, label: &dyn Fn(usize) -> String| {
        let points = SUBSCRIBERS.iter().filter_map(|(count, x, _)| {
            Some(Point { x: *x, y: median(answers, "rust-publish", &label(*count))? })
        });
        Line { name, points: points.collect() }
    };
    let of = |name: &'static str, count| {
        format!("{name}, {count} subscriber{}", if count == 1 { "" } else { "s" })
    };
    Lines {
        title: "One send of 16 B, nobody waiting, Rust: median",
        below: "subscribers",
        ticks: SUBSCRIBERS.iter().map(|(_, x, text)| (*x, *text)).collect(),
        lines: vec![
            line("the clock, read once", &|_| "the clock, read once".to_owned()),
            line("horus", &|count| of("horus", count)),
            line("iceoryx2", &|count| of("iceoryx2", count)),
        ],
    }
    .svg()
}

fn python(answers: &[Answer]) -> String {
    let groups = [("python-cmd-vel", "CmdVel, built before"), ("python-dict", "dict of 3 keys")];
    let mut bars = Vec::new();
    for (id, group) in groups {
        let Some(answer) = answers.iter().find(|answer| answer.question.id == id) else { continue };
        let mut group_bars: Vec<Bar> = Vec::new();
        for contender in &answer.question.contenders {
            if let Some(value) = median(answers, id, &contender.name) {
                let ours = contender.name == "horus";
                let floor = !contender.program.is_peer() && contender.program == Program::Python && !ours;
                group_bars.push(Bar { group, name: contender.name.clone(), value, ours, floor });
            }
        }
        group_bars.sort_by(|a, b| a.value.total_cmp(&b.value));
        bars.append(&mut group_bars);
    }
    Bars { title: "One way between two processes, Python, polling: median", bars }.svg()
}
