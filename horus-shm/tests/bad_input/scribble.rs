//! Random bytes under everybody's feet: errors or not, but never a signal, a panic or a hang.
//!
//! The namespace is scribbled on by processes that use it at the same time, so that each value is met before, between
//! and after the steps that read it. A process that ends by a signal or a panic fails the test.

use crate::actor::desk::spec;
use crate::actor::{NAMESPACE, expect_nothing_left};
use crate::process::{Child, Cue, Role, ShmFolder};
use horus_shm::{
    Census, CleanOptions, Language, Namespace, NodeName, NodeSpec, Participant, Payload, Publisher, Settings,
    Subscriber, TopicName, clean,
};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// splitmix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    /// A word that somebody may stumble over.
    fn word(&mut self, before: u64) -> u64 {
        let any = self.roll();
        self.one_of(&[
            0,
            1,
            u64::MAX,
            u64::MAX / 4,
            u64::MAX / 2 + 1,
            u64::from(u32::MAX),
            any,
            any & 0xfff,
            before.wrapping_add(1),
            before.wrapping_sub(2),
            before ^ 1 << (any & 63),
        ])
    }
}

const REGION: u64 = 64 << 10;
/// What a slot of 128 bytes has room for.
const ROOM: usize = 104;

/// The parts of a kind of file that anybody reads, each as its first byte and its length, as `docs/shared-memory.md`
/// draws them.
fn parts(kind: &str) -> &'static [(u64, u64)] {
    match kind {
        // Header, wake words, lane table, the first slots of the first lanes (a lane of 64 slots of 128 bytes).
        "topics" => &[
            (0, 256),
            (64, 16),
            (REGION, 128),
            (2 * REGION, 64 * 4),
            (3 * REGION, 1024),
            (4 * REGION, 1024),
            (5 * REGION, 1024),
        ],
        // Header, nodes, endpoints, pins.
        "participants" => &[(0, 256), (REGION, 512), (2 * REGION, 4096), (2 * REGION + (4 << 20), 256)],
        // Header, the first block.
        "pools" => &[(0, 128), (REGION, 64)],
        _ => &[(0, 192)],
    }
}

/// Overwrites a word, or some bytes of a line, of some file of a kind.
fn scribble(root: &Path, kind: &str, dice: &mut Dice) {
    let paths: Vec<PathBuf> = match kind {
        "joins" => vec![root.join(kind)],
        _ => fs::read_dir(root.join(NAMESPACE).join(kind))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect(),
    };
    if paths.is_empty() {
        return;
    }
    let path = &paths[dice.below(paths.len() as u64) as usize];
    let Ok(file) = File::options().read(true).write(true).open(path) else { return };
    let (start, length) = dice.one_of(parts(kind));
    let at = start + dice.below(length / 8) * 8;
    let mut word = [0; 8];
    // Past the end of what was cut there is nothing to read; writing would change its size.
    if file.read_exact_at(&mut word, at).is_err() {
        return;
    }
    let word = dice.word(u64::from_le_bytes(word)).to_le_bytes();
    let bytes = dice.one_of(&[8, 8, 4, 1]);
    file.write_all_at(&word[..bytes], at).expect("there is room");
}

/// A process that does everything a user can, and takes every error for an answer.
#[derive(Default)]
struct User {
    here: Option<Arc<Participant>>,
    publishers: Vec<Publisher>,
    subscribers: Vec<Subscriber>,
    held: Vec<horus_shm::PinnedBlock>,
    /// How many of its steps led to an error, or didn't.
    refused: u64,
    done: u64,
}

impl User {
    fn step(&mut self, dice: &mut Dice) {
        match self.try_step(dice) {
            Ok(()) => self.done += 1,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                self.refused += 1;
            }
        }
    }

    fn try_step(&mut self, dice: &mut Dice) -> Result<(), horus_shm::Error> {
        let here = match &self.here {
            Some(here) => here.clone(),
            None => {
                let namespace = Namespace::open(&Settings::from_env())?;
                self.here.insert(Participant::join(&namespace, Language::Rust)?).clone()
            }
        };
        let topic = TopicName::new("t").expect("a name");
        let wanted = spec("T");
        match dice.below(16) {
            0 if self.publishers.len() < 3 => {
                let options =
                    horus_shm::PublisherOptions { latched: dice.below(2) == 0, ..Default::default() };
                self.publishers.push(Publisher::open(&here, &topic, &wanted, options)?);
            }
            1 if self.subscribers.len() < 4 => {
                let typed = (dice.below(2) == 0).then_some(&wanted);
                self.subscribers.push(Subscriber::open(&here, &topic, typed, Default::default())?);
            }
            2 => drop(self.publishers.pop()),
            3 => drop(self.subscribers.pop()),
            4 => drop(Census::take(here.namespace())?),
            5 => {
                let options = CleanOptions { force: dice.below(2) == 0, ..CleanOptions::default() };
                clean(here.namespace().root(), None, &options)?;
            }
            6 => {
                let name = NodeName::new("n").expect("a name");
                let mut node = here.add_node(&name, NodeSpec { rate_hz: 10.0 })?;
                node.tick_begin(horus_shm::now_ns(), 0);
                node.tick_end(horus_shm::now_ns());
            }
            7 => self.held.clear(),
            8..11 => {
                let bytes = dice.one_of(&[0, 24, 64, 5000]);
                for publisher in &mut self.publishers {
                    publisher.send(&vec![7; bytes])?;
                }
            }
            _ => self.receive(dice)?,
        }
        Ok(())
    }

    fn receive(&mut self, dice: &mut Dice) -> Result<(), horus_shm::Error> {
        for subscriber in &mut self.subscribers {
            match dice.below(4) {
                0 => drop(subscriber.has_msg()?),
                1 => drop(subscriber.wait(Some(Duration::from_micros(50)))?),
                way => {
                    let received = if way == 2 { subscriber.recv()? } else { subscriber.recv_latest()? };
                    let Some(received) = received else { continue };
                    match received.payload {
                        Payload::Inline(bytes) => assert!(bytes.len() <= ROOM),
                        Payload::Block { block, meta } => {
                            // Every byte that is promised can be read, for as long as it is held.
                            let sum: u64 = block.bytes().iter().map(|byte| u64::from(*byte)).sum();
                            assert!(meta.len() <= ROOM && sum <= 255 * block.bytes().len() as u64);
                            if self.held.len() < 5 {
                                self.held.push(block);
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Role: uses the namespace, scribbling on one kind of file between any two steps; or, with no kind, without.
pub(crate) fn scribbler(cue: &mut Cue) {
    let (kind, seed, steps): (String, u64, u64) = (cue.argument(), cue.argument(), cue.argument());
    let root = Settings::from_env().shm_dir.expect("given by the parent");
    let mut dice = Dice(seed);
    let mut user = User::default();
    for step in 0..steps {
        user.step(&mut dice);
        if kind != "nothing" {
            scribble(&root, &kind, &mut dice);
        }
        // What is broken for good hides what comes behind it: begin again, sometimes with what is there.
        if step % 64 == 63 {
            user = User { refused: user.refused, done: user.done, ..User::default() };
            if kind != "nothing" && dice.below(4) > 0 {
                let _ = fs::remove_dir_all(root.join(NAMESPACE));
                let _ = fs::remove_file(root.join("joins"));
            }
        }
    }
    cue.say(&format!("{} {}", user.done, user.refused));
}

fn start(folder: &ShmFolder, kind: &str, seed: u64, steps: u64) -> Child {
    let role = Role::new("scribble").shm(folder, NAMESPACE);
    role.argument(kind).argument(seed).argument(steps).spawn()
}

/// Waits for a scribbler's end; it must have done much and been refused something.
fn ends_well(mut child: Child, what: &str) -> (u64, u64) {
    let said = child.hears();
    let (done, refused) = said.split_once(' ').expect("two numbers");
    child.finish();
    let counts = (done.parse().expect("a number"), refused.parse().expect("a number"));
    assert!(counts.0 > 100, "{what}: {said}");
    counts
}

#[test]
fn scribbled_topics_participants_pools_and_roots_are_errors_at_worst() {
    const STEPS: u64 = 1200;
    let kinds = ["topics", "participants", "pools", "joins"];
    let places: Vec<_> =
        [1, 2].into_iter().flat_map(|seed| kinds.map(|kind| (kind, seed, ShmFolder::new()))).collect();
    let children: Vec<_> =
        places.iter().map(|(kind, seed, folder)| start(folder, kind, *seed, STEPS)).collect();
    for (child, (kind, seed, _)) in children.into_iter().zip(&places) {
        ends_well(child, &format!("{kind}, seed {seed}"));
    }
}

#[test]
fn the_newest_message_of_a_damaged_lane_is_an_error_and_not_waited_for() {
    const HEAD: u64 = 2 * REGION + 24;
    const THIRD_SLOT: u64 = 3 * REGION + 2 * 128;
    // A head beyond what was sent; a slot that a message far ahead seems to be in.
    for (at, value, found) in
        [(HEAD, 1000, "1000 where message 999"), (THIRD_SLOT, 1 << 40, "549755813887 where message 2")]
    {
        let folder = ShmFolder::new();
        let mut publisher = crate::actor::Actor::start(&folder);
        publisher.ask("pub p t T");
        let mut reader = crate::actor::Actor::start(&folder);
        reader.ask("sub s t T");
        publisher.ask("send p 0 3 24");
        let path = folder.path().join(NAMESPACE).join("topics/t");
        crate::scene::rewrite(&path, at, &u64::to_le_bytes(value));
        let words = format!(
            "Damaged: {} lane 0 is damaged: it holds {found} was expected; restart its publisher",
            path.display()
        );
        assert_eq!(reader.fails("latest s"), words);
        assert_eq!(reader.ask("latest s"), "", "told once");
        // As it says: the publisher's next life takes another lane, or goes on behind.
        publisher.ask("close p");
        publisher.ask("pub p t T");
        publisher.ask("send p 7 1 24");
        assert_eq!(reader.ask("latest s"), "7");
    }
}

#[test]
fn scribbling_while_others_are_in_the_middle_ends_nobody() {
    let folder = ShmFolder::new();
    let users: Vec<Child> = (10..12).map(|seed| start(&folder, "nothing", seed, 3000)).collect();
    let mut dice = Dice(3);
    for _ in 0..2000 {
        for kind in ["topics", "pools", "participants"] {
            scribble(folder.path(), kind, &mut dice);
        }
        std::thread::sleep(Duration::from_micros(300));
    }
    for (user, child) in users.into_iter().enumerate() {
        ends_well(child, &format!("user {user}"));
    }
}

#[test]
fn who_has_another_topic_notices_nothing_of_a_scribbled_one() {
    let folder = ShmFolder::new();
    let mut sender = crate::actor::Actor::start(&folder);
    sender.ask("pub p good T");
    let mut reader = crate::actor::Actor::start(&folder);
    reader.ask("sub s good T");
    let mut scratch = crate::actor::Actor::start(&folder);
    scratch.ask("pub p bad T");
    let bad = folder.path().join(NAMESPACE).join("topics/bad");
    let file = File::options().write(true).open(&bad).expect("ours");
    let mut dice = Dice(4);
    for round in 0..300u64 {
        for _ in 0..10 {
            let (start, length) = dice.one_of(parts("topics"));
            let at = start + dice.below(length / 8) * 8;
            file.write_all_at(&dice.roll().to_le_bytes(), at).expect("there is room");
        }
        sender.ask(&format!("send p {} 1 {}", 2 * round, 24));
        sender.ask(&format!("send p {} 1 {}", 2 * round + 1, 5000));
        assert_eq!(reader.ask("take s"), format!("{} {}", 2 * round, 2 * round + 1));
    }
    assert_eq!(reader.ask("counts s"), "600 0 0");
    scratch.kill();
    [sender, reader].into_iter().for_each(crate::actor::Actor::finish);
    // Scribbled beyond trust it may stay; nothing else does.
    let _ = fs::remove_file(&bad);
    expect_nothing_left(&folder);
}
