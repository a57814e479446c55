//! Every command that looks into shared memory, while somebody writes over it: a result or an error in words.

#[path = "../../horus-shm/tests/hostile/aim.rs"]
mod aim;
#[path = "../../horus-shm/tests/hostile/dice.rs"]
mod dice;
mod support;

use aim::{KINDS, Scribbler};
use dice::Dice;
use horus_core::Kind;
use horus_shm::{Participant, Payload};
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::{Ended, Place, Running, publisher, subscriber};

/// What is run again and again; each ends by itself.
const LOOKS: [&[&str]; 18] = [
    &["topic", "list"],
    &["topic", "list", "--json"],
    &["topic", "info", "t"],
    &["topic", "info", "large", "--json"],
    &["topic", "type", "t"],
    &["topic", "find", "Odometry"],
    &["topic", "echo", "t", "--count", "3", "--timeout", "0.2"],
    &["topic", "echo", "large", "--count", "3", "--timeout", "0.2", "--json"],
    &["topic", "hz", "--duration", "0.1"],
    &["topic", "bw", "--duration", "0.1"],
    &["topic", "delay", "t", "--duration", "0.1"],
    &["topic", "wait", "t", "--timeout", "0.1"],
    &["node", "list"],
    &["node", "list", "--json"],
    &["graph", "--json"],
    &["ns", "list"],
    &["clean", "--shm", "--dry-run"],
    &["clean", "--shm"],
];

/// Who uses the files that are written over, until told to end.
fn users(place: &Place, large: &str) -> Vec<Running> {
    vec![
        place.start(&["topic", "pub", "t", "{x: 1.5}", "--type", "Odometry", "--rate", "500"]),
        place.start(&["topic", "pub", "large", large, "--rate", "200"]),
        place.start(&["topic", "echo", "t", "--csv"]),
        place.start(&["topic", "echo", "large"]),
    ]
}

/// It ended by itself, and said what was wrong if anything was.
fn expect_words(what: &[&str], ended: &Ended) {
    let Ended { status, out: _, err } = ended;
    let by_hand = [Signal::INT.as_raw(), Signal::KILL.as_raw()].map(Some).contains(&status.signal());
    assert!(!err.contains("panicked"), "{what:?}: {err}");
    assert!(by_hand || status.code().is_some_and(|code| code <= 7), "{what:?}: {status}: {err}");
    assert!(
        status.success() || by_hand || !err.is_empty() || code_is_the_answer(what, *status),
        "{what:?}: {status}"
    );
}

/// Whether the status says it all: a wait that was in vain.
fn code_is_the_answer(what: &[&str], status: ExitStatus) -> bool {
    what.starts_with(&["topic", "wait"]) && status.code() == Some(4)
}

/// Sends and receives on a topic of its own until told to end; returns how many messages, none of them lost.
fn exchange(here: &Arc<Participant>, done: &AtomicBool) -> u64 {
    let spec = Kind::Dict.spec();
    let mut publisher = publisher(here, "healthy", &spec);
    let mut subscriber = subscriber(here, "healthy", &spec);
    let mut number = 0u64;
    while !done.load(Ordering::Relaxed) {
        let bytes = if number.is_multiple_of(3) { 5000 } else { 100 };
        publisher.send_with(bytes, |out| out.fill(number as u8)).unwrap();
        let received = subscriber.recv().unwrap().expect("just sent");
        match received.payload {
            Payload::Inline(got) => assert_eq!(got, vec![number as u8; bytes]),
            Payload::Block { block, .. } => assert_eq!(block.bytes(), vec![number as u8; bytes]),
        }
        number += 1;
        std::thread::sleep(Duration::from_micros(500));
    }
    assert_eq!((subscriber.received(), subscriber.dropped()), (number, 0));
    number
}

/// Writes over words until told to end, as fast as leaves room for those who stumble over them.
fn scribble(scribbler: &mut Scribbler, done: &AtomicBool) {
    let mut dice = Dice(7);
    while !done.load(Ordering::Relaxed) {
        for _ in 0..4 {
            scribbler.scribble(dice.one_of(&KINDS[..3]), &mut dice);
        }
        // What is broken for good hides what comes behind it.
        if dice.below(400) == 0 {
            scribbler.files("topics").into_iter().for_each(|path| drop(std::fs::remove_file(path)));
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

#[test]
fn no_command_falls_over_what_somebody_scribbled() {
    // A hundredth of what the transport's own test writes over when it is asked for more; see there.
    let asked: Option<u64> = std::env::var("HORUS_SCRIBBLES").ok().and_then(|text| text.parse().ok());
    let rounds = asked.map_or(4, |count| (count / 20_000).max(4));
    let place = Place::new();
    let here = place.join();
    let spared = vec!["healthy".into(), format!("{:016x}", here.id())];
    let mut scribbler = Scribbler::new(place.shm(), "test", spared);
    let large = format!("{{data: {}}}", "x".repeat(3000));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let exchanging = scope.spawn(|| exchange(&here, &done));
        let scribbling = scope.spawn(|| scribble(&mut scribbler, &done));
        let looked = std::panic::catch_unwind(|| {
            for _ in 0..rounds {
                let users = users(&place, &large);
                for look in LOOKS {
                    expect_words(look, &place.run(look));
                }
                for user in users {
                    // It may have ended of an error by now.
                    let _ = rustix::process::kill_process(user.pid(), Signal::INT);
                    expect_words(&["a user"], &user.finish());
                }
            }
        });
        done.store(true, Ordering::Relaxed);
        scribbling.join().unwrap();
        assert!(exchanging.join().unwrap() > 100);
        looked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    assert!(scribbler.count() > 500, "{}", scribbler.count());
}
