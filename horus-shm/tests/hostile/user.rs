//! A process that does everything a user can, and takes every error for an answer.

use crate::actor::desk::spec;
use crate::dice::Dice;
use crate::process::Cue;
use horus_shm::{
    Census, CleanOptions, Language, Namespace, NodeName, NodeSpec, Participant, ParticipantInfo, Payload,
    PinnedBlock, Publisher, PublisherOptions, Settings, Subscriber, TopicInfo, TopicName, WaitSet, clean,
};
use std::sync::Arc;
use std::time::Duration;

/// What a slot of 128 bytes has room for.
const ROOM: usize = 104;

/// Its endpoints, and what it holds.
#[derive(Default)]
pub(crate) struct User {
    here: Option<Arc<Participant>>,
    publishers: Vec<Publisher>,
    subscribers: Vec<Subscriber>,
    held: Vec<PinnedBlock>,
    /// How many of its steps led to an error, or didn't.
    pub(crate) refused: u64,
    pub(crate) done: u64,
}

impl User {
    /// Lets go of everything, and keeps the counts.
    pub(crate) fn begin_again(&mut self) {
        *self = Self { refused: self.refused, done: self.done, ..Self::default() };
    }

    /// Does one thing, whichever the dice say.
    pub(crate) fn step(&mut self, dice: &mut Dice) {
        match self.try_step(dice) {
            Ok(()) => self.done += 1,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                self.refused += 1;
            }
        }
    }

    fn here(&mut self) -> Result<Arc<Participant>, horus_shm::Error> {
        if self.here.is_none() {
            let namespace = Namespace::open(&Settings::from_env())?;
            self.here = Some(Participant::join(&namespace, Language::Rust)?);
        }
        Ok(self.here.clone().expect("just set"))
    }

    fn try_step(&mut self, dice: &mut Dice) -> Result<(), horus_shm::Error> {
        let here = self.here()?;
        let topic = TopicName::new("t").expect("a name");
        let wanted = spec("T");
        match dice.below(18) {
            0 if self.publishers.len() < 3 => {
                let options = PublisherOptions { latched: dice.below(2) == 0, ..Default::default() };
                self.publishers.push(Publisher::open(&here, &topic, &wanted, options)?);
            }
            1 if self.subscribers.len() < 4 => {
                let typed = (dice.below(2) == 0).then_some(&wanted);
                self.subscribers.push(Subscriber::open(&here, &topic, typed, Default::default())?);
            }
            2 => drop(self.publishers.pop()),
            3 => drop(self.subscribers.pop()),
            4 => look(&here, &topic, dice)?,
            5 => {
                let options = CleanOptions {
                    force: dice.below(2) == 0,
                    dry_run: dice.below(4) == 0,
                    ..Default::default()
                };
                clean(here.namespace().root(), None, &options)?;
            }
            6 => {
                let name = NodeName::new("n").expect("a name");
                let mut node = here.add_node(&name, NodeSpec { rate_hz: 10.0 })?;
                node.tick_begin(horus_shm::now_ns(), 0);
                node.tick_end(horus_shm::now_ns());
                if dice.below(4) == 0 {
                    node.fail("it stumbled");
                }
            }
            7 => self.held.clear(),
            8..12 => {
                let bytes = dice.one_of(&[0, 24, 64, 104, 105, 5000, 70_000]);
                for publisher in &mut self.publishers {
                    publisher.send(&vec![7; bytes])?;
                }
            }
            _ => self.receive(dice)?,
        }
        Ok(())
    }

    fn receive(&mut self, dice: &mut Dice) -> Result<(), horus_shm::Error> {
        if dice.below(8) == 0 {
            let mut all: Vec<&mut Subscriber> = self.subscribers.iter_mut().collect();
            WaitSet::new().wait(&mut all, Some(horus_shm::now_ns() + 50_000))?;
        }
        for subscriber in &mut self.subscribers {
            match dice.below(5) {
                0 => drop(subscriber.has_msg()?),
                1 => drop(subscriber.wait(Some(Duration::from_micros(50)))?),
                2 => drop(subscriber.spec()?.cloned()),
                way => {
                    let received = if way == 3 { subscriber.recv()? } else { subscriber.recv_latest()? };
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

/// Looks around, as the tools do.
fn look(here: &Arc<Participant>, topic: &TopicName, dice: &mut Dice) -> Result<(), horus_shm::Error> {
    match dice.below(3) {
        0 => {
            let census = Census::take(here.namespace())?;
            census.faults.iter().for_each(|fault| assert!(!fault.to_string().is_empty()));
        }
        1 => drop(TopicInfo::read(here.namespace(), topic)?),
        _ => drop(ParticipantInfo::living(here.namespace())?),
    }
    Ok(())
}

/// The most that this process ever had in memory, in KiB.
pub(crate) fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("there on Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("in status");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Role: uses the namespace until it is told to end, while others write over it.
pub(crate) fn bystander(cue: &mut Cue) {
    let (seed, steps): (u64, u64) = (cue.argument(), cue.argument());
    let mut dice = Dice(seed);
    let mut user = User::default();
    for step in 0..steps {
        user.step(&mut dice);
        if step % 64 == 63 {
            user.begin_again();
        }
    }
    cue.say(&format!("{} {} {}", user.done, user.refused, peak_kib()));
}
