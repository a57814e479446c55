//! Python against Python.

use super::{EACH, ONE_WAY, Question, round};
use crate::contender::{Contender, Program};
use crate::payload::{FULL_HD, Payload, VGA};
use crate::work::Work;

use Program::{PeerPython, Python, Rust};

/// The others, with the share of samples that each gets: some take so much longer.
const PEERS: [(&str, &str, f64); 7] = [
    ("horus-robotics", "horus-robotics", 1.0),
    ("iceoryx2", "iceoryx2", 0.3),
    ("zenoh, shared memory", "zenoh-shm", 0.03),
    ("pyzmq, ipc", "pyzmq", 0.03),
    ("multiprocessing pipe", "multiprocessing-pipe", 0.05),
    ("multiprocessing queue", "multiprocessing-queue", 0.03),
    ("Unix socket", "unix-socket", 0.1),
];

/// All of them.
pub(super) fn questions() -> Vec<Question> {
    let mut all = vec![
        built(),
        anew(),
        dict("python-dict", "Python, polling: dict of 3 keys", 3, 30_000),
        dict("python-dict-80", "Python, polling: dict of 80 keys", 80, 4_000),
        nested(),
        image(),
        frame(),
        copy(),
    ];
    all.extend([within(), waking()]);
    all
}

fn built() -> Question {
    let payload = Payload::CmdVelBuilt;
    let mut contenders =
        vec![round("hand-made ring", Python, "ring", payload), round("horus", Python, "horus", payload)];
    contenders.extend(PEERS.map(|(name, way, share)| round(name, PeerPython, way, payload).share(share)));
    Question::new(
        "python-cmd-vel",
        "Python, polling: CmdVel, message built before",
        ONE_WAY,
        40_000,
        contenders,
    )
}

fn anew() -> Question {
    let payload = Payload::CmdVel;
    let contenders = vec![
        round("hand-made ring", Python, "ring", payload),
        round("horus", Python, "horus", payload),
        round("horus, message kept and changed", Python, "horus-again", payload),
        round("horus-robotics", PeerPython, "horus-robotics", payload),
        round("iceoryx2", PeerPython, "iceoryx2", payload).share(0.3),
    ];
    Question::new(
        "python-cmd-vel-anew",
        "Python, polling: CmdVel made anew for each",
        ONE_WAY,
        30_000,
        contenders,
    )
}

fn dict(id: &'static str, title: &'static str, keys: usize, samples: u64) -> Question {
    let payload = Payload::Dict(keys);
    let mut contenders = Vec::new();
    if keys == 3 {
        contenders.push(round("hand-made ring, keys known", Python, "ring", payload));
    }
    contenders.push(round("msgspec over hand-made ring", PeerPython, "msgspec", payload));
    contenders.push(round("horus", Python, "horus", payload));
    contenders.extend(PEERS.map(|(name, way, share)| round(name, PeerPython, way, payload).share(share)));
    Question::new(id, title, ONE_WAY, samples, contenders)
}

fn nested() -> Question {
    let row = |name, program, way| Contender::new(name, program, way, Work::Encode, Payload::Nested);
    let contenders = vec![
        row("msgspec", PeerPython, "msgspec"),
        row("horus, sent and received within one process", Python, "horus"),
    ];
    Question::new("python-nested", "Python: 20 nested dicts to bytes and back", EACH, 4_000, contenders)
}

fn image() -> Question {
    let (vga, image) = (Payload::Image(VGA), Payload::Image(FULL_HD));
    let contenders = vec![
        round("hand-made ring, 1080p", Python, "ring", image),
        round("horus, 640×480", Python, "horus", vga),
        round("horus, 1080p", Python, "horus", image),
        round("horus-robotics, 1080p", PeerPython, "horus-robotics", image),
        round("iceoryx2, 1080p", PeerPython, "iceoryx2", image).share(0.3),
    ];
    let title = "Python, polling: an image that is there already, sent, viewed, one pixel read";
    Question::new("python-image", title, ONE_WAY, 15_000, contenders)
}

fn frame() -> Question {
    let payload = Payload::Frame(FULL_HD);
    let mut contenders = vec![
        round("hand-made shared memory", Python, "ring", payload),
        round("horus", Python, "horus", payload),
    ];
    contenders.extend(PEERS.map(|(name, way, _)| round(name, PeerPython, way, payload).share(0.6)));
    contenders
        .push(round("multiprocessing shared memory", PeerPython, "multiprocessing-shm", payload).share(0.6));
    Question::new(
        "python-frame",
        "Python, polling: a 1080p image filled, sent and checked",
        ONE_WAY,
        60,
        contenders,
    )
}

fn copy() -> Question {
    let row = |name, program, way| Contender::new(name, program, way, Work::Alone, Payload::Image(FULL_HD));
    let contenders = vec![
        row("numpy.copyto", Python, "copy"),
        row("memcpy, from Rust", Rust, "copy"),
        row("horus, from_numpy and send", Python, "horus-copy"),
        row("horus-robotics, from_numpy", PeerPython, "horus-robotics"),
    ];
    Question::new(
        "python-from-numpy",
        "A 1080p image copied into shared memory, 6.2 MB",
        EACH,
        150,
        contenders,
    )
}

fn within() -> Question {
    let row = |name, way, payload| Contender::new(name, Python, way, Work::Same, payload);
    let contenders = vec![
        row("hand-made ring, CmdVel", "ring", Payload::CmdVelBuilt),
        row("horus, CmdVel", "horus", Payload::CmdVelBuilt),
        row("horus, dict of 3 keys", "horus", Payload::Dict(3)),
    ];
    let title = "Python, within one process and thread: sent and received";
    Question::new("python-within", title, EACH, 40_000, contenders)
}

fn waking() -> Question {
    let row = |name, program, way| Contender::new(name, program, way, Work::Wake, Payload::CmdVelBuilt);
    let contenders = vec![
        Contender::new("bare futex, Rust", Rust, "futex", Work::Wake, Payload::Bytes(16)),
        row("horus", Python, "horus"),
        row("iceoryx2, events", PeerPython, "iceoryx2"),
        row("zenoh, shared memory", PeerPython, "zenoh-shm"),
        row("pyzmq, ipc", PeerPython, "pyzmq"),
        row("multiprocessing pipe", PeerPython, "multiprocessing-pipe"),
    ];
    Question::new("python-wake", "Python, asleep until it comes: CmdVel", ONE_WAY, 800, contenders)
}
