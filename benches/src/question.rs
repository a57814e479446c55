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
    /// At most this many times the floor, for the contender of that name.
    pub(crate) goal: Option<(&'static str, f64)>,
}

/// All questions, in the order of the tables.
pub(crate) fn all() -> Vec<Question> {
    let polling = |id, title, program, payload, samples| Question {
        id,
        title,
        halved: true,
        samples,
        contenders: vec![
            Contender { name: "hand-made ring", program, way: Way::Ring, payload },
            Contender { name: "horus", program, way: Way::Horus, payload },
        ],
        goal: (program == Program::Rust && payload == Payload::CmdVel).then_some(("horus", 1.5)),
    };
    vec![
        polling("rust-cmd-vel", "Rust, polling: CmdVel, 16 B", Program::Rust, Payload::CmdVel, 200_000),
        polling("rust-dict", "Rust, polling: dict of 3 keys, 47 B", Program::Rust, Payload::Dict, 200_000),
        polling(
            "rust-image",
            "Rust, polling: 1080p image by descriptor",
            Program::Rust,
            Payload::Image,
            100_000,
        ),
        Question {
            id: "rust-wake",
            title: "Rust, sleeping: CmdVel (floor: a futex alone)",
            halved: true,
            samples: 10_000,
            contenders: vec![
                Contender {
                    name: "bare futex",
                    program: Program::Rust,
                    way: Way::Futex,
                    payload: Payload::CmdVel,
                },
                Contender {
                    name: "horus",
                    program: Program::Rust,
                    way: Way::HorusWait,
                    payload: Payload::CmdVel,
                },
            ],
            goal: None,
        },
        polling("python-cmd-vel", "Python, polling: CmdVel, 16 B", Program::Python, Payload::CmdVel, 50_000),
        polling(
            "python-dict",
            "Python, polling: dict of 3 keys, 47 B",
            Program::Python,
            Payload::Dict,
            30_000,
        ),
        polling(
            "python-image",
            "Python, polling: 1080p image by descriptor",
            Program::Python,
            Payload::Image,
            20_000,
        ),
        Question {
            id: "copy-image",
            title: "A 1080p image copied into shared memory, 6.2 MB",
            halved: false,
            samples: 100,
            contenders: vec![
                Contender { name: "memcpy", program: Program::Rust, way: Way::Copy, payload: Payload::Image },
                Contender {
                    name: "numpy.copyto",
                    program: Program::Python,
                    way: Way::Copy,
                    payload: Payload::Image,
                },
            ],
            goal: None,
        },
    ]
}
