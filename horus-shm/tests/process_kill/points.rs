//! Every fail point of the transport: a process is killed there in one round and stopped there in another.

use crate::actor::{Actor, cleaned, expect_nothing_left, settings, until_asleep};
use crate::log::{self, Log};
use crate::process::{ShmFolder, WATCHDOG, until};
use horus_shm::{Census, Namespace, TopicInfo, TopicName};
use std::collections::BTreeSet;
use std::path::Path;

/// Where a process is killed and stopped. The last test holds this list to the source. With a number where the point is
/// passed for other ends as well: a block's descriptor is written (`lane`), a topic waited for that isn't there
/// (`wait`), a further block of a pool reserved, a namespace made that nobody is in, and the own one left.
const POINTS: [&str; 53] = [
    "bell.rung",
    "bell.seen",
    "block.named",
    "claim.based",
    "claim.locked",
    "claim.reserved",
    "claim.used",
    "clean.closed",
    "clean.folders",
    "clean.locked",
    "clean.locked:3",
    "clean.mourned",
    "clean.pool",
    "clean.punched",
    "clean.topic",
    "clean.unlinked",
    "close.owner",
    "join.counted",
    "join.folders",
    "join.folders:2",
    "join.linked",
    "join.locked",
    "lane.head",
    "lane.head:30",
    "lane.odd",
    "lane.odd:30",
    "lane.whole",
    "lane.whole:30",
    "lane.written",
    "leave.file",
    "leave.file:2",
    "leave.pools",
    "leave.pools:2",
    "peers.listed",
    "pin.checked",
    "pin.held",
    "pin.written",
    "pool.allocated",
    "pool.linked",
    "pool.made",
    "pool.reserve",
    "pool.reserve:2",
    "pool.scan",
    "pool.scanned",
    "pool.trimmed",
    "supersede.exchanged",
    "supersede.linked",
    "supersede.marked",
    "tombstone.made",
    "topic.linked",
    "topic.made",
    "wait.announced",
    "wait.announced:2",
];

/// What the victim does: between them these commands come by every point.
const SCRIPT: [&str; 19] = [
    "join",
    "node victim",
    "clean",
    "pub p shared T",
    "sub s shared T",
    "pub q fresh T",
    "pub o old V2",
    "send p 0 20 24",
    "send p 100 150 5000",
    // Blocks of one size come free, and then others are wanted.
    "send p 260 70 24",
    "send p 340 2 70000",
    "take s",
    "hold s",
    "wait s for 1",
    "sub n nowhere -",
    "wait n for 1",
    "take s",
    "visit elsewhere",
    "leave",
];

/// The numbers that survivors exchange begin here, above all that a victim sends.
const PROOF: u64 = 1_000_000;

/// A namespace with two that exchange messages, and a corpse to be cleaned up.
struct Scene {
    folder: ShmFolder,
    log: Log,
    survivors: [Actor; 2],
    next: u64,
}

impl Scene {
    fn new() -> Self {
        let folder = ShmFolder::new();
        let mut survivors = [Actor::start(&folder), Actor::start(&folder)];
        for survivor in &mut survivors {
            survivor.ask("pub p shared T");
            survivor.ask("sub s shared T");
        }
        let mut corpse = Actor::start(&folder);
        for command in ["node corpse", "pub o old V1", "pub b orphan T", "send b 0 3 5000"] {
            corpse.ask(command);
        }
        // Keeps the topic `old` there, and no type with it.
        survivors[0].ask("sub u old -");
        corpse.kill();
        Self { folder, log: Log::new(), survivors, next: PROOF }
    }

    /// Plays the script until the point strikes; returns the step it happened in.
    fn play(&mut self, victim: &mut Actor, from: usize) -> Option<usize> {
        for (step, command) in SCRIPT.iter().enumerate().skip(from) {
            if *command == "take s" && step == SCRIPT.iter().position(|other| other == command).unwrap_or(0) {
                self.survivors[0].ask("send p 500 4 5000");
            }
            if *command == "hold s" {
                self.survivors[0].ask("send p 510 1 5000");
            }
            victim.begin(command);
            if victim.answer_if_able().is_none() {
                return Some(step);
            }
        }
        None
    }

    /// Each sends small, large and larger messages, and each, the sender too, must get them in order.
    fn exchange(&mut self, newcomer: Option<&mut Actor>) {
        let mut all: Vec<&mut Actor> = self.survivors.iter_mut().chain(newcomer).collect();
        for actor in &mut all {
            actor.ask("take s");
        }
        for sender in 0..all.len() {
            for bytes in [24, 5000, 70_000] {
                let first = self.next;
                self.next += 2;
                all[sender].ask(&format!("send p {first} 2 {bytes}"));
                for actor in &mut all {
                    assert_eq!(actor.ask("wait s"), "true");
                    let got = actor.ask("take s");
                    let proof: Vec<u64> = got
                        .split(' ')
                        .filter_map(|word| word.parse().ok())
                        .filter(|number| *number >= PROOF)
                        .collect();
                    assert_eq!(proof, [first, first + 1], "{bytes} bytes each");
                }
            }
        }
    }

    fn newcomer(&self) -> Actor {
        let mut newcomer = Actor::start(&self.folder);
        newcomer.ask("sub s shared T");
        newcomer.ask("pub p shared T");
        newcomer
    }

    /// Nothing of the dead is left, once the living have read what they were sent.
    fn until_the_dead_are_gone(&mut self) {
        self.survivors.iter_mut().for_each(|survivor| drop(survivor.ask("take s")));
        self.survivors[0].ask("take u");
        let namespace = Namespace::open(&settings(&self.folder)).expect("the root is ours");
        let started = std::time::Instant::now();
        until("nothing of the dead is left", || {
            let report = cleaned(&self.folder, false);
            let census = Census::take(&namespace).expect("can be read");
            assert!(started.elapsed() < WATCHDOG / 2, "{report:#?}");
            let living: Vec<u64> = census.participants.iter().map(|participant| participant.id).collect();
            census.participants.iter().all(|participant| participant.alive)
                && census.pools.iter().all(|pool| living.contains(&pool.owner))
        });
    }

    /// What each survivor got and counts as missed is all that was sent since they came, before anybody else did.
    fn all_is_counted(&mut self) {
        let namespace = Namespace::open(&settings(&self.folder)).expect("the root is ours");
        let topic = TopicName::new("shared").expect("a name");
        for survivor in &mut self.survivors {
            survivor.ask("take s");
            let info = TopicInfo::read(&namespace, &topic).expect("can be read").expect("in use");
            let sent: u64 = info.lanes.iter().map(|lane| lane.head).sum();
            let counts = survivor.ask("counts s");
            let counted: u64 = counts.split(' ').map(|count| count.parse::<u64>().expect("a number")).sum();
            assert_eq!(counted, sent, "received, dropped and skipped are {counts}");
        }
    }

    fn end(mut self, point: &str, stopped: bool) {
        self.all_is_counted();
        self.survivors.into_iter().for_each(Actor::finish);
        expect_nothing_left(&self.folder);
        self.log.close(point, stopped);
    }
}

fn victim(scene: &Scene, fail: &str) -> Actor {
    Actor::with(&scene.folder, |role| {
        role.environment("HORUS_FAIL", fail).environment("HORUS_FAIL_LOG", scene.log.path())
    })
}

/// What nobody may use while a process is stopped at a point, as a command; all else must work.
fn busy(point: &str) -> Option<&'static str> {
    Some(match point {
        "supersede.linked" | "supersede.exchanged" | "supersede.marked" => "pub b old V3",
        "topic.linked" => "pub b fresh U",
        "clean.topic" => "pub b orphan T",
        _ => return None,
    })
}

fn killed_at(point: &str) {
    println!("killed at {point}");
    let mut scene = Scene::new();
    let mut victim = victim(&scene, point);
    let step = scene.play(&mut victim, 0);
    assert!(step.is_some(), "the victim came by {point}");
    scene.exchange(None);
    let mut newcomer = scene.newcomer();
    scene.exchange(Some(&mut newcomer));
    victim.kill();
    // Restarted it does all that its predecessor could not.
    let mut again = Actor::start(&scene.folder);
    assert_eq!(scene.play(&mut again, 0), None, "restarted after {point}");
    scene.exchange(Some(&mut newcomer));
    [newcomer, again].into_iter().for_each(Actor::finish);
    scene.until_the_dead_are_gone();
    scene.end(point, false);
}

fn stopped_at(point: &str) {
    println!("stopped at {point}");
    let mut scene = Scene::new();
    let mut victim = victim(&scene, &format!("stop={point}"));
    let step = scene.play(&mut victim, 0).unwrap_or_else(|| panic!("the victim came by {point}"));
    println!("in {:?}", SCRIPT[step]);
    scene.exchange(None);
    let mut newcomer = scene.newcomer();
    scene.exchange(Some(&mut newcomer));
    newcomer.ask("pub x another T");
    match busy(point) {
        Some(command) => {
            let error = newcomer.fails(command);
            assert!(error.starts_with("Busy: topic '"), "{point}: {error}");
            assert!(error.contains(&format!("(pid {})", victim.pid())), "{point}: {error}");
        }
        None => {
            for command in ["pub b fresh T", "pub c orphan T"] {
                newcomer.ask(command);
            }
            // The others have this one's type, or it is of none.
            newcomer.ask("pub d old V2");
        }
    }
    newcomer.finish();
    scene.exchange(None);
    // Nothing that happened meanwhile hurts the one who was away.
    victim.resume();
    victim.answer();
    assert_eq!(scene.play(&mut victim, step + 1), None);
    victim.finish();
    scene.exchange(None);
    scene.until_the_dead_are_gone();
    scene.end(point, true);
}

fn half(second: bool) -> impl Iterator<Item = &'static str> {
    POINTS.into_iter().skip(usize::from(second)).step_by(2)
}

#[test]
fn a_process_killed_anywhere_hurts_nobody_first_half() {
    half(false).for_each(killed_at);
    log::part_done(&POINTS);
}

#[test]
fn a_process_killed_anywhere_hurts_nobody_second_half() {
    half(true).for_each(killed_at);
    log::part_done(&POINTS);
}

#[test]
fn a_process_stopped_anywhere_hurts_nobody_first_half() {
    half(false).for_each(stopped_at);
    log::part_done(&POINTS);
}

#[test]
fn a_process_stopped_anywhere_hurts_nobody_second_half() {
    half(true).for_each(stopped_at);
    log::part_done(&POINTS);
}

/// Nothing marks the old file, nothing announces the new one; the next publisher does, before it sends.
#[test]
fn who_sleeps_on_a_topic_whose_superseder_was_killed_gets_what_the_next_one_sends() {
    for point in ["supersede.exchanged", "supersede.marked"] {
        let folder = ShmFolder::new();
        let (mut sleeper, mut first) = (Actor::start(&folder), Actor::start(&folder));
        first.ask("pub p t V1");
        sleeper.ask("sub s t -");
        first.kill();
        sleeper.begin("wait s");
        until_asleep(&sleeper);
        let mut superseder = Actor::with(&folder, |role| role.environment("HORUS_FAIL", point));
        superseder.begin("pub p t V2");
        assert_eq!(superseder.answer_if_able(), None, "killed at {point}");
        superseder.kill();
        until_asleep(&sleeper);
        let mut next = Actor::start(&folder);
        next.ask("pub p t V2");
        next.ask("send p 7 1 24");
        assert_eq!(sleeper.answer(), "true", "{point}");
        assert_eq!(sleeper.ask("take s"), "7");
        [sleeper, next].into_iter().for_each(Actor::finish);
        expect_nothing_left(&folder);
    }
}

fn collect(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("the source is there").flatten() {
        if entry.path().is_dir() {
            collect(&entry.path(), found);
        } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(entry.path()).expect("text");
            let calls = text.split("fail::point(\"").skip(1);
            found.extend(calls.map(|call| call.split('"').next().expect("closed").to_owned()));
        }
    }
}

#[test]
fn every_point_in_the_source_is_tried() {
    let mut found = BTreeSet::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    let tried = POINTS.iter().map(|point| log::name_of(point).to_owned());
    assert_eq!(tried.collect::<BTreeSet<_>>(), found);
}
