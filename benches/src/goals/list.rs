//! The goals, as they were set before anything was measured.

use super::{Goal, Of, Right, of};

const RING: &str = "hand-made ring";
const US: f64 = 1_000.0;
const KIB: f64 = 1_024.0;

/// All of them, in the order in which they are printed.
pub(crate) fn all() -> Vec<Goal> {
    [rust(), sending(), python(), images(), resources(), nodes()].concat()
}

fn at_most(wish: &'static str, bound: &'static str, subject: Of, terms: Vec<(f64, Of)>, plus: f64) -> Goal {
    Goal { wish, bound, subject, right: Right::AtMost, terms, plus }
}

fn rust() -> Vec<Goal> {
    let small = of("rust-16", "horus");
    let cmd_vel = "CmdVel (16 B) one way, Rust, polling";
    vec![
        at_most(cmd_vel, "1.35 × floor", small, vec![(1.35, of("rust-16", RING))], 0.0),
        at_most(cmd_vel, "0.2 × iceoryx2", small, vec![(0.2, of("rust-16", "iceoryx2"))], 0.0),
        // Measured elsewhere, floor and horus 0.2.2 in one run: 50 and 155 ns.
        at_most(
            cmd_vel,
            "half of horus 0.2.2's 3.1 × floor",
            small,
            vec![(0.5 * 155.0 / 50.0, of("rust-16", RING))],
            0.0,
        ),
        at_most(
            "1 KiB the same",
            "1.5 × floor",
            of("rust-1k", "horus"),
            vec![(1.5, of("rust-1k", RING))],
            0.0,
        ),
        at_most(
            "CmdVel (16 B), blocking",
            "1.15 × bare futex",
            of("rust-wake", "horus"),
            vec![(1.15, of("rust-wake", "bare futex"))],
            0.0,
        ),
        at_most(
            "CmdVel (16 B), a spinning pair",
            "1.5 × floor",
            of("rust-spin", "horus, wait()"),
            vec![(1.5, of("rust-spin", "hand-made ring, polled"))],
            0.0,
        ),
        at_most(
            "6 MB image, Rust, loaned and sent",
            "1.5 × the 16 B figure",
            of("rust-image", "horus, 6 MB loaned and sent"),
            vec![(1.5, of("rust-image", "horus, 16 B"))],
            0.0,
        ),
    ]
}

fn sending() -> Vec<Goal> {
    let publish = |name| of("rust-publish", name);
    let clock = || vec![(1.0, publish("the clock, read once"))];
    let wish = "publish, nobody waiting";
    let bound = "the clock read + 10 ns";
    let flat = |wish, name| {
        at_most(
            wish,
            "that of 0 subscribers + 10 %",
            publish(name),
            vec![(1.1, publish("horus, 0 subscribers"))],
            0.0,
        )
    };
    vec![
        at_most(wish, bound, publish("horus, 0 subscribers"), clock(), 10.0),
        at_most("the same beside 64 subscribers", bound, publish("horus, 64 subscribers"), clock(), 10.0),
        flat("publish, flat from 0 to 64 subscribers: 1", "horus, 1 subscriber"),
        flat("publish, flat: 8", "horus, 8 subscribers"),
        flat("publish, flat: 64", "horus, 64 subscribers"),
        Goal {
            wish: "stream 64 B, 1 to 1, every loss counted",
            bound: "15 M/s received",
            subject: of("rust-stream", "horus"),
            right: Right::AtLeast,
            terms: Vec::new(),
            plus: 15e6,
        },
    ]
}

fn python() -> Vec<Goal> {
    let cmd_vel = |contender| of("python-cmd-vel", contender);
    let dict = |contender| of("python-dict", contender);
    let wish = "CmdVel, Python, built before, one way, polling";
    let twist = |bound, factor, contender, plus| {
        at_most(wish, bound, cmd_vel("horus"), vec![(factor, cmd_vel(contender))], plus)
    };
    let mut goals = vec![
        twist("0.4 × horus-robotics", 0.4, "horus-robotics", 0.0),
        twist("0.08 × iceoryx2 Python", 0.08, "iceoryx2", 0.0),
        twist("floor + 0.2 µs", 1.0, RING, 0.2 * US),
        at_most(
            "dict of 3 keys, Python, the same way",
            "0.2 × horus-robotics",
            dict("horus"),
            vec![(0.2, dict("horus-robotics"))],
            0.0,
        ),
    ];
    let below = [
        ("below msgspec over hand-made shared memory", "msgspec over hand-made ring"),
        ("below iceoryx2", "iceoryx2"),
        ("below zenoh", "zenoh, shared memory"),
        ("below pyzmq", "pyzmq, ipc"),
        ("below a multiprocessing pipe", "multiprocessing pipe"),
        ("below a multiprocessing queue", "multiprocessing queue"),
        ("below a Unix socket", "Unix socket"),
    ];
    goals.extend(below.map(|(bound, contender)| {
        at_most(
            "dict of 3 keys, Python, the same way",
            bound,
            dict("horus"),
            vec![(1.0, dict(contender))],
            0.0,
        )
    }));
    goals.push(at_most(
        "dict of 20 nested dicts, encode and decode",
        "1.2 × msgspec",
        of("python-nested", "horus, sent and received within one process"),
        vec![(1.2, of("python-nested", "msgspec"))],
        0.0,
    ));
    goals
}

fn images() -> Vec<Goal> {
    vec![
        at_most(
            "1080p image, preallocated, Python",
            "0.7 × horus-robotics' descriptor",
            of("python-image", "horus, 1080p"),
            vec![(0.7, of("python-image", "horus-robotics, 1080p"))],
            0.0,
        ),
        at_most(
            "1080p image, Python: fill, send, check 6 MB",
            "1.05 × hand-made shared memory",
            of("python-frame", "horus"),
            vec![(1.05, of("python-frame", "hand-made shared memory"))],
            0.0,
        ),
        at_most(
            "from_numpy 1080p, steady",
            "1.1 × numpy's own copy",
            of("python-from-numpy", "horus, from_numpy and send"),
            vec![(1.1, of("python-from-numpy", "numpy.copyto"))],
            0.0,
        ),
    ]
}

fn resources() -> Vec<Goal> {
    let constant = |wish, bound, subject, plus| at_most(wish, bound, subject, Vec::new(), plus);
    let idle = |contender, series| Of { question: "idle", contender, series };
    let node = "idle node blocked on a topic, Rust";
    let python = "idle node blocked on a topic, Python";
    vec![
        constant(
            "open a topic, first message through, joined",
            "200 µs",
            of("open", "horus, Rust"),
            200.0 * US,
        ),
        constant("shared memory of a 64-byte topic", "24 KiB", of("memory", "horus, 64 B"), 24.0 * KIB),
        constant("shared memory of a dict topic", "128 KiB", of("memory", "horus, dict"), 128.0 * KIB),
        constant(node, "0 wake-ups", idle("horus, Rust node", 0), 0.0),
        constant(node, "0 CPU time", idle("horus, Rust node", 1), 0.0),
        constant(python, "0 wake-ups", idle("horus, Python node", 0), 0.0),
        constant(python, "0 CPU time", idle("horus, Python node", 1), 0.0),
    ]
}

fn nodes() -> Vec<Goal> {
    let bound = "1.3 × bare futex + the tick's own cost";
    let row = |wish, question, contender| {
        let futex = (1.3, of(question, "bare futex, Rust"));
        at_most(wish, bound, of(question, contender), vec![futex, (1.0, of("nodes-tick", contender))], 0.0)
    };
    vec![
        row("on=\"topic\" in another process, Rust, 100 Hz", "nodes-100hz", "horus, Rust"),
        row("on=\"topic\" in another process, Rust, 1 kHz", "nodes-1khz", "horus, Rust"),
        row("on=\"topic\" in another process, Python, 100 Hz", "nodes-100hz", "horus, Python"),
        row("on=\"topic\" in another process, Python, 1 kHz", "nodes-1khz", "horus, Python"),
        Goal {
            wish: "horus topic list beside 1,000 topics",
            bound: "50 ms",
            subject: of("list-1000-topics", "horus topic list"),
            right: Right::AtMost,
            terms: Vec::new(),
            plus: 50_000.0 * US,
        },
    ]
}
