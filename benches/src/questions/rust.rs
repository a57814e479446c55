//! Rust against Rust: bytes by size, waiting, many to many, streams.

use super::{EACH, ONE_WAY, Question, Series, Unit, round};
use crate::contender::{Contender, Program};
use crate::payload::{FULL_HD, Payload, VGA};
use crate::work::Work;
use crate::work::publish::BATCH;

use Program::{PeerRust, Rust};

/// The others that carry bytes, with the share of samples that each gets: they take so much longer.
const PEERS: [(&str, &str, f64); 3] = [
    ("iceoryx2", "iceoryx2", 0.3),
    ("zenoh, shared memory", "zenoh-shm", 0.01),
    ("Unix socket", "unix-socket", 0.03),
];

/// All of them.
pub(super) fn questions() -> Vec<Question> {
    let mut all = vec![
        bytes("rust-16", "Rust, polling: CmdVel, 16 B", 16, 200_000),
        bytes("rust-64", "Rust, polling: 64 B", 64, 200_000),
        bytes("rust-1k", "Rust, polling: 1 KiB, filled and checked", 1024, 150_000),
        bytes("rust-64k", "Rust, polling: 64 KiB, filled and checked", 65_536, 8_000),
        bytes("rust-1m", "Rust, polling: 1 MiB, filled and checked", 1_048_576, 800),
        bytes("rust-6m", "Rust, polling: 6 MB (a 1080p image), filled and checked", 6_220_800, 80),
    ];
    all.extend([loaned(), dict(), waking(), spinning(), within()]);
    all.extend([publish(), subscribers(), publishers(), stream()]);
    all
}

fn bytes(id: &'static str, title: &'static str, bytes: usize, samples: u64) -> Question {
    let payload = Payload::Bytes(bytes);
    let mut contenders =
        vec![round("hand-made ring", Rust, "ring", payload), round("horus", Rust, "horus", payload)];
    if bytes == 16 {
        contenders.push(round("horus, typed", Rust, "horus-typed", Payload::CmdVel));
    }
    for (name, way, share) in PEERS {
        // Where most of it is copying, all take about as long.
        let share = if bytes >= 65_536 { 0.5_f64.min(share * 10.0) } else { share };
        contenders.push(round(name, PeerRust, way, payload).share(share));
    }
    Question::new(id, title, ONE_WAY, samples, contenders)
}

fn loaned() -> Question {
    let (small, vga, image) = (Payload::Bytes(16), Payload::Image(VGA), Payload::Image(FULL_HD));
    let contenders = vec![
        round("hand-made ring, 1080p by descriptor", Rust, "ring", image),
        round("horus, 16 B", Rust, "horus", small),
        round("horus, 640×480 sent again", Rust, "horus", vga),
        round("horus, 1080p sent again", Rust, "horus", image),
        round("horus, 6 MB loaned and sent", Rust, "horus-loaned", image),
        round("iceoryx2, 6 MB loaned and sent", PeerRust, "iceoryx2-loan", Payload::Bytes(6_220_800))
            .share(0.5),
    ];
    Question::new("rust-image", "Rust, polling: images by descriptor", ONE_WAY, 100_000, contenders)
}

fn dict() -> Question {
    let payload = Payload::Dict(3);
    let contenders =
        vec![round("hand-made ring", Rust, "ring", payload), round("horus", Rust, "horus", payload)];
    Question::new(
        "rust-dict",
        "Rust, polling: dict of 3 keys, 47 B of MessagePack",
        ONE_WAY,
        150_000,
        contenders,
    )
}

fn waking() -> Question {
    let row = |name, program, way| Contender::new(name, program, way, Work::Wake, Payload::Bytes(16));
    let contenders = vec![
        row("bare futex", Rust, "futex"),
        row("horus", Rust, "horus"),
        row("iceoryx2, events", PeerRust, "iceoryx2"),
        row("zenoh, shared memory", PeerRust, "zenoh-shm"),
        row("Unix socket", PeerRust, "unix-socket"),
    ];
    Question::new("rust-wake", "Rust, asleep until it comes: CmdVel, 16 B", ONE_WAY, 1_200, contenders)
}

fn spinning() -> Question {
    let payload = Payload::Bytes(16);
    let contenders = vec![
        round("hand-made ring, polled", Rust, "ring", payload),
        Contender::new("horus, wait()", Rust, "horus", Work::Spin, payload),
    ];
    Question::new("rust-spin", "Rust, waiting for what comes at once: 16 B", ONE_WAY, 30_000, contenders)
}

fn within() -> Question {
    let row = |name, way, work| Contender::new(name, Rust, way, work, Payload::Bytes(16));
    let contenders = vec![
        row("hand-made ring, one thread", "ring", Work::Same),
        row("horus, one thread", "horus", Work::Same),
        row("hand-made ring, two threads, there and back", "ring", Work::Threads)
            .beside("hand-made ring, two threads, there and back"),
        row("horus, two threads, there and back", "horus", Work::Threads)
            .beside("hand-made ring, two threads, there and back"),
    ];
    Question::new(
        "rust-within",
        "Rust, within one process: 16 B, sent and received",
        EACH,
        100_000,
        contenders,
    )
}

fn publish() -> Question {
    let row = |name: &str, program, way, subscribers| {
        Contender::new(name, program, way, Work::Publish, Payload::Bytes(16)).subscribers(subscribers)
    };
    let contenders = vec![
        row("the clock, read once", Rust, "clock", 0),
        row("hand-made ring", Rust, "ring", 0),
        row("horus, 0 subscribers", Rust, "horus", 0),
        row("horus, 1 subscriber", Rust, "horus", 1),
        row("horus, 8 subscribers", Rust, "horus", 8),
        row("horus, 64 subscribers", Rust, "horus", 64),
        row("iceoryx2, 0 subscribers", PeerRust, "iceoryx2", 0),
        row("iceoryx2, 1 subscriber", PeerRust, "iceoryx2", 1),
        row("iceoryx2, 8 subscribers", PeerRust, "iceoryx2", 8),
    ];
    let series = Series { what: "a send", divisor: BATCH as f64, ..EACH };
    Question::new("rust-publish", "Rust: one send of 16 B, nobody waiting", series, 10_000, contenders)
}

fn subscribers() -> Question {
    let row = |name: &str, way, subscribers| {
        Contender::new(format!("{name}, {subscribers}"), Rust, way, Work::Fan, Payload::Bytes(16))
            .subscribers(subscribers)
    };
    let contenders =
        [1, 4, 16, 64].map(|count| [row("hand-made ring", "ring", count), row("horus", "horus", count)]);
    let title = "Rust, polling: 1 publisher to 1 to 64 subscribers of another process, there and back";
    Question::new("rust-subscribers", title, EACH, 20_000, contenders.concat()).rounds(5)
}

fn publishers() -> Question {
    let row = |name: &str, way, publishers| {
        Contender::new(format!("{name}, {publishers}"), Rust, way, Work::Fan, Payload::Bytes(16))
            .publishers(publishers)
            .beside(format!("hand-made rings, {publishers}"))
    };
    let contenders =
        [1, 2, 4, 8].map(|count| [row("hand-made rings", "ring", count), row("horus", "horus", count)]);
    let title = "Rust, polling: 1 to 8 publishers to 1 subscriber of another process, there and back";
    Question::new("rust-publishers", title, EACH, 20_000, contenders.concat()).rounds(5)
}

fn stream() -> Question {
    let row = |name, program, way| Contender::new(name, program, way, Work::Stream, Payload::Bytes(64));
    let contenders = vec![
        row("hand-made ring that waits for room", Rust, "ring"),
        row("horus", Rust, "horus"),
        row("iceoryx2", PeerRust, "iceoryx2").share(0.2),
        row("zenoh, shared memory", PeerRust, "zenoh-shm").share(0.01),
        row("Unix socket", PeerRust, "unix-socket").share(0.05),
    ];
    let of = |file, what, unit| Series { file, what, unit, divisor: 1.0 };
    let received = of("samples", "received", Unit::PerSecond);
    Question::new(
        "rust-stream",
        "Rust: a stream of 64 B, 1 to 1, as fast as it goes",
        received,
        5_000_000,
        contenders,
    )
    .and(of("samples-sent", "sent", Unit::PerSecond))
    .and(of("samples-lost", "lost, of a million", Unit::PartsPerMillion))
}
