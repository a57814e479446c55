//! Wrong words under everybody's feet, one after each step of those who use them.
//!
//! The namespace is written over by processes that use it at the same time, so that each value is met before, between
//! and after the steps that read it, and a seed gives the same run again. Beside them two processes exchange messages
//! on a topic of their own, of which not one may be lost.

use crate::actor::{Actor, NAMESPACE, expect_nothing_left};
use crate::aim::{KINDS, Scribbler};
use crate::dice::Dice;
use crate::process::{Child, Cue, Role, ShmFolder};
use crate::user::{User, peak_kib};
use horus_shm::Settings;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Steps of one process: few enough that it ends long before it would be called hung.
const STEPS: u64 = 1000;
/// What a process may have in memory at most, in KiB: a few times what it needs when nobody scribbles.
const PEAK_KIB: u64 = 200 << 10;
/// What is written over: one kind of file, those of a namespace, or also the root's, which belong to everybody.
const TARGETS: [&str; 5] = ["topics", "participants", "pools", "namespace", "everything"];

/// How many words are written over in all; `HORUS_SCRIBBLES` says otherwise.
fn wanted() -> u64 {
    let asked = std::env::var("HORUS_SCRIBBLES").ok().filter(|text| !text.is_empty());
    asked.map_or(20_000, |text| text.parse().expect("HORUS_SCRIBBLES is a number"))
}

/// Role: `<target> <seed> <steps> <spared, …>`. Uses the namespace, and writes over a word between any two steps.
pub(crate) fn scribbler(cue: &mut Cue) {
    let (target, seed, steps): (String, u64, u64) = (cue.argument(), cue.argument(), cue.argument());
    let spared = cue.argument::<String>();
    let spared: Vec<String> = spared.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let root = Settings::from_env().shm_dir.expect("given by the parent");
    let kinds = match target.as_str() {
        "namespace" => KINDS[..3].to_vec(),
        "everything" => KINDS.to_vec(),
        one => vec![KINDS.into_iter().find(|kind| *kind == one).expect("a kind of file")],
    };
    let mut dice = Dice(seed);
    let mut user = User::default();
    let mut scribbler = Scribbler::new(&root, NAMESPACE, spared);
    for step in 0..steps {
        user.step(&mut dice);
        scribbler.scribble(dice.one_of(&kinds), &mut dice);
        // What is broken for good hides what comes behind it: begin again, sometimes with what is there.
        if step % 64 == 63 {
            user.begin_again();
            if dice.below(4) > 0 {
                kinds
                    .iter()
                    .flat_map(|kind| scribbler.files(kind))
                    .for_each(|path| drop(fs::remove_file(path)));
            }
        }
    }
    let hits: Vec<String> = scribbler.hits.iter().map(|(part, count)| format!("{part}={count}")).collect();
    cue.say(&format!("{} {} {} {}", user.done, user.refused, peak_kib(), hits.join(";")));
}

/// Two processes with a topic of their own, and how many messages they have exchanged.
struct Healthy {
    sender: Actor,
    reader: Actor,
    sent: u64,
}

impl Healthy {
    fn start(folder: &ShmFolder) -> Self {
        let (mut sender, mut reader) = (Actor::start(folder), Actor::start(folder));
        sender.ask("pub p healthy T");
        reader.ask("sub s healthy T");
        Self { sender, reader, sent: 0 }
    }

    /// What the names of its files hold.
    fn files(&mut self) -> String {
        format!("healthy,{},{}", self.sender.ask("join"), self.reader.ask("join"))
    }

    /// A small message, a large one, and one whose block is held for a while.
    fn exchange(&mut self) {
        let first = self.sent;
        for (number, bytes) in (first..).zip([24, 5000]) {
            self.sender.ask(&format!("send p {number} 1 {bytes}"));
        }
        assert_eq!(self.reader.ask("take s"), format!("{first} {}", first + 1));
        self.sender.ask(&format!("send p {} 1 9000", first + 2));
        assert_eq!(self.reader.ask("hold s"), (first + 2).to_string());
        self.sent += 3;
        if self.sent.is_multiple_of(30) {
            self.reader.ask("release");
        }
    }

    /// Not one was lost.
    fn end(mut self) -> u64 {
        assert_eq!(self.reader.ask("counts s"), format!("{} 0 0", self.sent));
        [self.sender, self.reader].into_iter().for_each(Actor::finish);
        self.sent
    }
}

/// What came of some scribbling.
#[derive(Default)]
struct Tally {
    hits: BTreeMap<String, u64>,
    done: u64,
    refused: u64,
    peak_kib: u64,
    exchanged: u64,
}

impl Tally {
    fn count(&self) -> u64 {
        self.hits.values().sum()
    }

    fn add(&mut self, said: &str) {
        let mut words = said.splitn(4, ' ');
        let mut number = || words.next().expect("four words").parse::<u64>().expect("a number");
        self.done += number();
        self.refused += number();
        self.peak_kib = self.peak_kib.max(number());
        for hit in words.next().expect("four words").split(';').filter(|hit| !hit.is_empty()) {
            let (part, count) = hit.split_once('=').expect("a part and a count");
            *self.hits.entry(part.into()).or_default() += count.parse::<u64>().expect("a number");
        }
    }
}

/// One process that scribbles, to its end, beside two that exchange messages where those have files of their own.
fn round(number: u64, tally: &Mutex<Tally>) {
    let target = TARGETS[number as usize % TARGETS.len()];
    let folder = ShmFolder::new();
    let mut healthy = (target != "everything").then(|| Healthy::start(&folder));
    let spared = healthy.as_mut().map(Healthy::files).unwrap_or_default();
    let role = Role::new("scribble").shm(&folder, NAMESPACE).argument(target).argument(number + 1);
    let mut child = role.argument(STEPS).argument(spared).spawn();
    let begun = Instant::now();
    let said = loop {
        if let Some(said) = child.heard() {
            break said;
        }
        assert!(begun.elapsed() < crate::process::WATCHDOG, "{target}, seed {}: it hangs", number + 1);
        match &mut healthy {
            Some(healthy) if child.is_running() => {
                healthy.exchange();
                // Most of the time is the scribbler's.
                std::thread::sleep(Duration::from_millis(2));
            }
            // What it said last, if it said anything.
            _ => break child.hears(),
        }
    };
    child.finish();
    let exchanged = healthy.map_or(0, |healthy| {
        let sent = healthy.end();
        // Scribbled beyond trust it may stay; nothing else does.
        let scribbler = Scribbler::new(folder.path(), NAMESPACE, vec!["healthy".into()]);
        KINDS[..3].iter().flat_map(|kind| scribbler.files(kind)).for_each(|path| drop(fs::remove_file(path)));
        expect_nothing_left(&folder);
        sent
    });
    let mut tally = tally.lock().expect("no other thread panicked");
    tally.add(&said);
    tally.exchanged += exchanged;
}

#[test]
fn scribbled_files_are_errors_at_worst_and_a_healthy_topic_beside_them_loses_nothing() {
    let tally = Mutex::new(Tally::default());
    let next = Mutex::new(0);
    let begin = || {
        let mut next = next.lock().expect("no other thread panicked");
        let enough = *next >= 2 * TARGETS.len() as u64 && tally.lock().expect("the same").count() >= wanted();
        *next += 1;
        (!enough).then(|| *next - 1)
    };
    std::thread::scope(|scope| {
        // More than there are cores: who opens what seems to be locked waits 2 s for it.
        let threads: Vec<_> = (0..12)
            .map(|_| scope.spawn(|| std::iter::from_fn(begin).for_each(|number| round(number, &tally))))
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("a round went wrong, see above"));
    });
    let tally = tally.into_inner().expect("no thread panicked");
    println!(
        "{} scribbles: {} steps done, {} refused in words, {} healthy messages exchanged, none lost; peak {} KiB",
        tally.count(),
        tally.done,
        tally.refused,
        tally.exchanged,
        tally.peak_kib
    );
    tally.hits.iter().for_each(|(part, count)| println!("  {part}: {count}"));
    let parts = [
        "topic header",
        "schema",
        "wake words",
        "lane table",
        "slot",
        "payload",
        "descriptor",
        "participant header",
        "node",
        "endpoint",
        "cursor",
        "pin table",
        "pool header",
        "block",
        "root",
        "at random",
    ];
    for part in parts {
        assert!(tally.hits.get(part).is_some_and(|count| *count > 20), "{part} was hardly hit");
    }
    assert!(tally.done > tally.count() / 3 && tally.refused > tally.count() / 100);
    assert!(tally.exchanged > 0 && tally.peak_kib < PEAK_KIB, "{} KiB", tally.peak_kib);
}

#[test]
fn scribbling_while_others_are_in_the_middle_ends_nobody() {
    let folder = ShmFolder::new();
    let mut healthy = Healthy::start(&folder);
    let spared: Vec<String> = healthy.files().split(',').map(str::to_owned).collect();
    let start = |seed: u64| Role::new("use").shm(&folder, NAMESPACE).argument(seed).argument(3000).spawn();
    let mut users: Vec<Child> = (10..12).map(start).collect();
    let mut scribbler = Scribbler::new(folder.path(), NAMESPACE, spared);
    let mut dice = Dice(3);
    let mut said = Vec::new();
    while said.len() < users.len() {
        for _ in 0..20 {
            scribbler.scribble(dice.one_of(&KINDS[..3]), &mut dice);
        }
        healthy.exchange();
        said.extend(users.iter_mut().filter_map(Child::heard));
        // What is broken for good hides what comes behind it.
        if dice.below(100) == 0 {
            scribbler.files("topics").into_iter().for_each(|path| drop(fs::remove_file(path)));
        }
        std::thread::sleep(Duration::from_micros(300));
    }
    for said in said {
        let mut numbers = said.split(' ').map(|word| word.parse::<u64>().expect("a number"));
        assert!(numbers.next().is_some_and(|done| done > 100), "{said}");
        assert!(numbers.nth(1).is_some_and(|peak| peak < PEAK_KIB), "{said}");
    }
    assert!(scribbler.count() > 1000);
    users.into_iter().for_each(Child::finish);
    healthy.end();
    for path in
        KINDS[..3].iter().flat_map(|kind| Scribbler::new(folder.path(), NAMESPACE, vec![]).files(kind))
    {
        drop(fs::remove_file(path));
    }
    expect_nothing_left(&folder);
}
