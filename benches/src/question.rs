//! What is asked, of whom, and what would be good enough.

use crate::contender::{Contender, Program};
use crate::payload::Payload;
use crate::transport::Way;

/// One table: contenders that exchange the same bytes, the floor first.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// What `--only` and the JSON call it.
    pub(crate) id: &'static str,
    /// What it asks.
    pub(crate) title: &'static str,
    /// Whether a sample is one way (a round trip halved) or the whole of what was timed.
    pub(crate) halved: bool,
    /// Messages that count, a turn.
    pub(crate) samples: u64,
    /// The floor, then whoever is compared with it.
    pub(crate) contenders: Vec<Contender>,
    /// What the contender of that name is to reach.
    pub(crate) goal: Option<(&'static str, Wanted)>,
}

/// What would be good enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wanted {
    /// At most so many times the floor.
    TimesFloor(f64),
    /// A median below so many nanoseconds.
    Below(f64),
}

/// All questions, in the order of the tables.
pub(crate) fn all() -> Vec<Question> {
    use Payload::{CmdVel, Dict, Image};
    use Program::{Python, Rust};
    let row = |name, program, way, payload| Contender { name, program, way, payload };
    let against_ring = |id, title, program, payload, samples| Question {
        id,
        title,
        halved: true,
        samples,
        contenders: vec![
            row("hand-made ring", program, Way::Ring, payload),
            row("horus", program, Way::Horus, payload),
        ],
        goal: None,
    };
    let cmd_vel = against_ring("rust-cmd-vel", "Rust, polling: CmdVel, 16 B", Rust, CmdVel, 200_000);
    let python_cmd_vel =
        against_ring("python-cmd-vel", "Python, polling: CmdVel, 16 B", Python, CmdVel, 50_000);
    let again = row("horus, message kept", Python, Way::HorusAgain, CmdVel);
    vec![
        Question { goal: Some(("horus", Wanted::TimesFloor(1.5))), ..cmd_vel },
        against_ring("rust-dict", "Rust, polling: dict of 3 keys, 47 B", Rust, Dict, 200_000),
        against_ring("rust-image", "Rust, polling: 1080p image by descriptor", Rust, Image, 100_000),
        Question {
            id: "rust-wake",
            title: "Rust, sleeping: CmdVel (floor: a futex alone)",
            halved: true,
            samples: 10_000,
            contenders: vec![
                row("bare futex", Rust, Way::Futex, CmdVel),
                row("horus", Rust, Way::HorusWait, CmdVel),
            ],
            goal: None,
        },
        Question { contenders: [python_cmd_vel.contenders, vec![again]].concat(), ..python_cmd_vel },
        against_ring("python-dict", "Python, polling: dict of 3 keys, 47 B", Python, Dict, 30_000),
        against_ring("python-image", "Python, polling: 1080p image by descriptor", Python, Image, 20_000),
        Question {
            id: "copy-image",
            title: "A 1080p image copied into shared memory, 6.2 MB",
            halved: false,
            samples: 200,
            contenders: vec![
                row("numpy.copyto", Python, Way::Copy, Image),
                row("memcpy, from Rust", Rust, Way::Copy, Image),
                row("horus, with send", Python, Way::HorusCopy, Image),
            ],
            goal: None,
        },
        Question {
            id: "list-1000-topics",
            title: "horus topic list beside 1,000 topics (floor: the command's own start)",
            halved: false,
            samples: 20,
            contenders: vec![
                row("horus --version", Rust, Way::Start, CmdVel),
                row("horus topic list", Rust, Way::List, CmdVel),
            ],
            goal: Some(("horus topic list", Wanted::Below(50e6))),
        },
    ]
}
