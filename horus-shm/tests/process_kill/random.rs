//! Kills at random moments, in the thick of traffic.

use crate::actor::message::{LAST, MARKER};
use crate::actor::{Actor, bytes_taken, cleaned, expect_nothing_left};
use crate::process::{ShmFolder, until};
use std::time::Duration;

/// How many processes are killed: 60, or `HORUS_TEST_KILLS`.
fn kills() -> u64 {
    std::env::var("HORUS_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

/// Small steps of xorshift; the seed is printed with a failure.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// What the victims do: send small, mixed and large messages, and receive.
const TRADES: [[&str; 2]; 5] = [
    ["pub p t T", "flood p 24"],
    ["pub p t T", "flood p 40 24 64 30"],
    ["pub p t T", "flood p 24 3000 64 20000 40"],
    ["pub p t T", "flood p 600000 24"],
    ["sub s t -", "swallow s"],
];

fn hire(folder: &ShmFolder, trade: usize) -> Actor {
    let mut actor = Actor::start(folder);
    let [open, run] = TRADES[trade];
    actor.ask("node worker");
    actor.ask(open);
    actor.ask(run);
    actor
}

/// An actor for the whole run, however many kills that is.
fn staying(folder: &ShmFolder) -> Actor {
    let seconds = (90 + kills()).to_string();
    Actor::with(folder, |role| role.environment("HORUS_TEST_ALARM", &seconds))
}

#[test]
fn killed_at_random_nobody_is_hurt() {
    let seed = horus_shm::now_ns() | 1;
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let folder = ShmFolder::new();
    // Two who stay, and check every byte of what they get.
    let mut watchers: Vec<Actor> = ["T", "-"]
        .into_iter()
        .map(|kind| {
            let mut watcher = staying(&folder);
            watcher.ask(&format!("sub s t {kind}"));
            watcher.ask("watch s");
            watcher
        })
        .collect();
    let mut faithful = staying(&folder);
    faithful.ask("pub p t T");
    let mut workers: Vec<Actor> = (0..TRADES.len()).map(|trade| hire(&folder, trade)).collect();
    let mut most = 0;
    for kill in 1..=kills() {
        // The moment is what varies; nothing depends on its length.
        std::thread::sleep(Duration::from_micros(dice.below(8000)));
        let trade = dice.below(TRADES.len() as u64) as usize;
        std::mem::replace(&mut workers[trade], hire(&folder, trade)).kill();
        if kill % 10 == 0 {
            let report = cleaned(&folder, false);
            assert_eq!(report.faults, Vec::<String>::new());
            // Who stayed and who has just come both reach who watches.
            faithful.ask(&format!("send p {} 1 24", MARKER + kill));
            heard(&mut watchers, kill);
            let mut fresh = Actor::start(&folder);
            fresh.ask("pub p t T");
            let bytes = [24, 5000, 700_000][dice.below(3) as usize];
            fresh.ask(&format!("send p {} 1 {bytes}", MARKER + kill + 1_000_000));
            heard(&mut watchers, kill + 1_000_000);
            fresh.finish();
            most = most.max(folder.files().len());
        }
    }
    workers.into_iter().for_each(Actor::kill);
    faithful.ask(&format!("send p {LAST} 1 24"));
    for watcher in &mut watchers {
        assert_eq!(watcher.hears(), format!("saw {}", LAST & (MARKER - 1) | LAST & MARKER));
        assert_eq!(watcher.hears(), "ok");
    }
    // However many died: what is left is bounded by who was alive at once, not by the kills.
    assert!(most < 120, "{most} files at most");
    until("only the living's own is left", || {
        cleaned(&folder, true);
        bytes_taken(&folder) < 4 << 20
    });
    watchers.into_iter().chain([faithful]).for_each(Actor::finish);
    expect_nothing_left(&folder);
}

/// Waits until both watchers have seen a marker.
#[track_caller]
fn heard(watchers: &mut [Actor], marker: u64) {
    for watcher in watchers {
        assert_eq!(watcher.hears(), format!("saw {marker}"));
    }
}
