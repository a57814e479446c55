//! Node to node through the scheduler, in Rust and Python.

use super::{EACH, Question, Series};
use crate::contender::{Contender, Program};
use crate::payload::Payload;
use crate::work::Work;

use Program::{PeerPython, Python, Rust};

const JITTER: Series = Series { file: "samples-jitter", what: "jitter of the sender's ticks", ..EACH };

/// All of them.
pub(super) fn questions() -> Vec<Question> {
    vec![
        paced("nodes-100hz", "Node to node in another process, `on` the topic, 100 Hz", 100.0, 40),
        paced("nodes-1khz", "Node to node in another process, `on` the topic, 1 kHz", 1000.0, 250),
        tick(),
        beside(),
    ]
}

fn paced(id: &'static str, title: &'static str, rate: f64, samples: u64) -> Question {
    let row =
        |name, program, way| Contender::new(name, program, way, Work::Paced, Payload::CmdVel).rate(rate);
    let contenders = vec![
        row("bare futex, Rust", Rust, "futex"),
        row("horus, Rust", Rust, "horus"),
        row("bare pipe, Python", Python, "pipe"),
        row("horus, Python", Python, "horus"),
        row("horus-robotics, Python", PeerPython, "horus-robotics"),
    ];
    let series = Series { what: "from send to tick", ..EACH };
    // How soon a core wakes changes with each pair of processes by as much as half.
    Question::new(id, title, series, samples, contenders).and(JITTER).rounds(5).times(3)
}

fn tick() -> Question {
    let row = |name, program| Contender::new(name, program, "horus", Work::Tick, Payload::CmdVel);
    let contenders = vec![row("horus, Rust", Rust), row("horus, Python", Python)];
    let title = "One tick's own cost: a node `on` a topic that it sends to itself";
    Question::new("nodes-tick", title, EACH, 20_000, contenders).rounds(5)
}

fn beside() -> Question {
    let row = |name, work| Contender::new(name, Python, "horus", work, Payload::CmdVel);
    let contenders =
        vec![row("in two processes", Work::BesideInTwo), row("in one process", Work::BesideInOne)];
    let series = Series { what: "lateness of the sensor's ticks", ..EACH };
    let title = "Python: a 100 Hz sensor beside a node that computes for 30 ms at 10 Hz";
    Question::new("nodes-beside", title, series, 200, contenders)
        .and(Series { file: "samples-missed", what: "missed ticks", unit: super::Unit::Count, divisor: 1.0 })
        .rounds(3)
}
