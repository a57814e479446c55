//! What it takes to be there: opening, idling, memory, tools.

use super::{EACH, Question, Series, Unit};
use crate::contender::{Contender, Program};
use crate::payload::Payload;
use crate::work::Work;

use Program::{PeerPython, PeerRust, Python, Rust};

/// All of them.
pub(super) fn questions() -> Vec<Question> {
    vec![open(), join(), idle(), memory(), list()]
}

fn open() -> Question {
    let row = |name, program, way| Contender::new(name, program, way, Work::Open, Payload::Bytes(16));
    let contenders = vec![
        row("hand-made ring", Rust, "ring"),
        row("horus, Rust", Rust, "horus"),
        row("horus, Python", Python, "horus"),
        row("iceoryx2, Rust", PeerRust, "iceoryx2"),
    ];
    let title =
        "A new topic opened to send and to receive, its first message through, in a process that has joined";
    Question::new("open", title, EACH, 100, contenders).rounds(5)
}

fn join() -> Question {
    let row = |name, program, way| Contender::new(name, program, way, Work::Join, Payload::Bytes(16));
    let contenders = vec![
        row("hand-made ring", Rust, "ring"),
        row("horus, Rust", Rust, "horus"),
        row("iceoryx2, Rust", PeerRust, "iceoryx2"),
    ];
    Question::new(
        "join",
        "The same in a process that has just started, joining included",
        EACH,
        20,
        contenders,
    )
    .rounds(5)
}

fn idle() -> Question {
    let row = |name, program, way| Contender::new(name, program, way, Work::Idle, Payload::Bytes(16));
    let contenders = vec![
        row("horus, Rust node", Rust, "horus"),
        row("horus, Python node", Python, "horus"),
        row("horus-robotics, Python node", PeerPython, "horus-robotics"),
        row("iceoryx2, Rust", PeerRust, "iceoryx2"),
        row("zenoh, Rust", PeerRust, "zenoh-shm"),
    ];
    let wakeups = Series { file: "samples", what: "wake-ups", unit: Unit::Count, divisor: 1.0 };
    let title = "A node blocked on a topic without a time-out, looked at for 3 s";
    Question::new("idle", title, wakeups, 1, contenders)
        .and(Series { file: "samples-cpu", what: "CPU time", unit: Unit::Time, divisor: 1.0 })
        .rounds(2)
}

fn memory() -> Question {
    let row = |name, program, way, payload| Contender::new(name, program, way, Work::Memory, payload);
    let contenders = vec![
        row("hand-made ring of 64 slots, 64 B", Rust, "ring", Payload::Bytes(64)),
        row("horus, 64 B", Rust, "horus", Payload::Bytes(64)),
        row("horus, dict", Rust, "horus", Payload::Dict(3)),
        row("iceoryx2, 64 B", PeerRust, "iceoryx2", Payload::Bytes(64)),
        row("horus-robotics, dict", PeerPython, "horus-robotics", Payload::Dict(3)),
    ];
    let bytes = |file, what| Series { file, what, unit: Unit::Bytes, divisor: 1.0 };
    Question::new(
        "memory",
        "Shared memory really taken",
        bytes("samples", "a topic with one publisher"),
        1,
        contenders,
    )
    .and(bytes("samples-process", "a process beside it"))
    .rounds(1)
}

fn list() -> Question {
    let row = |name, way| Contender::new(name, Rust, way, Work::Alone, Payload::Bytes(16));
    let contenders = vec![row("horus --version", "start"), row("horus topic list", "list")];
    let title = "horus topic list beside 1,000 topics (floor: the command's own start)";
    Question::new("list-1000-topics", title, EACH, 20, contenders).rounds(3)
}
