//! Those who are killed, and what is looked at after each kill.

use super::Run;
use crate::Result;
use crate::cast::{Language, Player};
use crate::dice::Dice;
use crate::ledger::{Doing, Note};
use crate::outside;
use crate::role::Part;
use crate::tally::Recovery;
use crate::topic::Topic;
use rustix::process::Signal;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Publishers of a topic at one time, and subscribers besides the watchers.
pub(super) const CREW: u64 = 2;
/// Publishers of a topic at one time, with the one that is killed while it starts.
pub(super) const AT_ONCE: usize = CREW as usize + 1;
/// One of so many is a Python program.
const PYTHON_EVERY: u64 = 4;
/// One of so many is killed while it starts as well.
const AT_START_EVERY: u64 = 8;
/// A kill comes at most so long after the process was heard, in microseconds.
const DELAY_US: u64 = 4000;
/// One of so many Rust publishers of 1,000 bytes is aimed at: between two messages it does more than in a message, and the
/// faster `send` is the fewer kills at random strike one.
const AIMED_EVERY: u64 = 3;
/// So often one that is aimed at is stopped, and goes on if it doesn't stand inside a write.
const AIMS: u64 = 100;
/// From one such stop to the next, at most, in microseconds.
const AIM_US: u64 = 500;
/// One that is stopped stands still for so long at most, in microseconds.
const STOPPED_US: u64 = 200_000;
/// What a Rust and a Python program take to start, at most, as far as kills at the start are concerned, in microseconds.
const START_US: (u64, u64) = (4000, 150_000);

impl Run {
    /// Starts another of a kind, some in Python.
    fn hire(&self, part: Part, topic: Topic, dice: &mut Dice) -> Result<Player> {
        let python = self.stage.has_python() && topic.in_python() && dice.below(PYTHON_EVERY) == 0;
        self.stage.start(part, topic, if python { Language::Python } else { Language::Rust })
    }

    /// Now and then starts one more and kills it while it joins, opens or claims.
    fn kill_at_start(&self, part: Part, topic: Topic, dice: &mut Dice) -> Result<()> {
        if dice.below(AT_START_EVERY) == 0 {
            let mut player = self.hire(part, topic, dice)?;
            let most = if player.language == Language::Python { START_US.1 } else { START_US.0 };
            std::thread::sleep(Duration::from_micros(dice.below(most)));
            player.kill()?;
            self.tally().killed_at_start += 1;
        }
        Ok(())
    }

    /// Waits until a publisher was heard by all watchers, or a subscriber got something; returns when by Rust's.
    fn at_work(&self, player: &mut Player, part: Part) -> Result<u64> {
        if part == Part::Subscribe {
            return player.until(Note::First);
        }
        let heard = player.until(Note::Heard)?;
        if self.watchers.contains_key(&(player.topic, Language::Python)) {
            player.until(Note::HeardInPython)?;
        }
        Ok(heard)
    }

    /// Starts one in the place of one that was killed, and waits until it is back at work.
    fn replace(&self, part: Part, topic: Topic, killed_ns: u64, dice: &mut Dice) -> Result<Player> {
        let mut next = self.hire(part, topic, dice)?;
        let back_ns = self.at_work(&mut next, part)?;
        let recovery = Recovery {
            from_kill_ns: back_ns.saturating_sub(killed_ns),
            from_first_call_ns: back_ns.saturating_sub(next.entry.get(Note::Began)),
        };
        self.tally().count_recovery(part, next.language, recovery);
        Ok(next)
    }

    /// Stops a publisher again and again, until it stands inside a write; it stays stopped there. Or gives up.
    fn aim(&self, player: &mut Player, dice: &mut Dice) -> Result<()> {
        let namespace = self.stage.namespace()?;
        for _ in 0..AIMS {
            player.stop()?;
            let lanes = outside::lanes(&namespace, player.topic.name())?;
            if lanes.iter().any(|lane| lane.pid == player.pid() && lane.inside_a_write) {
                return Ok(());
            }
            player.signal(Signal::CONT)?;
            std::thread::sleep(Duration::from_micros(dice.below(AIM_US)));
        }
        Ok(())
    }

    /// Kills a publisher and looks at what it left; returns when.
    fn kill_publisher(&self, player: &mut Player, dice: &mut Dice) -> Result<u64> {
        let aimed = self.aims && player.topic == Topic::Packet && dice.below(AIMED_EVERY) == 0;
        if aimed {
            self.aim(player, dice)?;
        }
        let killed_ns = player.kill()?;
        let (topic, entry) = (player.topic, player.entry);
        let lanes = outside::lanes(&self.stage.namespace()?, topic.name())?;
        let lane = lanes.iter().find(|lane| lane.pid == player.pid());
        let Some(lane) = lane else {
            return Err(format!("count: no lane of {} was that of {}", topic.name(), player.id).into());
        };
        let (begun, sent, there) = (entry.get(Note::Begun), entry.get(Note::Sent), lane.end - lane.base);
        if there < sent || there > begun {
            return Err(format!(
                "count: {} ({}) sent {sent} and began {begun}, but its lane has {there}",
                topic.name(),
                player.id
            )
            .into());
        }
        let mut tally = self.tally();
        tally.count_kill(Part::Publish, topic, player.language);
        match topic {
            Topic::Packet => {
                tally.packets.count(lane.inside_a_write);
                if !aimed {
                    tally.packets_at_random.count(lane.inside_a_write);
                }
            }
            Topic::Image => {
                let doing = entry.get(Note::Doing);
                let has_block = doing == Doing::Filling as u64 || doing == Doing::Publishing as u64;
                // It notes that it is publishing a little longer: until then its message is in no slot.
                tally.images.count(has_block && there == sent);
            }
            Topic::Cmd | Topic::Dict => {}
        }
        Ok(killed_ns)
    }
}

fn pause(dice: &mut Dice) {
    // The moment is what varies; nothing depends on its length.
    std::thread::sleep(Duration::from_micros(dice.below(DELAY_US)));
}

/// How long a crew goes on, and how its members end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Processes at one time.
    pub(crate) crew: u64,
    /// So many are killed at work, or
    pub(crate) kills: u64,
    /// until then, `CLOCK_MONOTONIC` nanoseconds.
    pub(crate) until_ns: u64,
    /// Besides being killed some leave by themselves, and some are stopped for a while.
    pub(crate) mixed: bool,
}

impl Plan {
    fn goes_on(&self, killed: u64) -> bool {
        killed < self.kills && horus_shm::now_ns() < self.until_ns
    }
}

impl Run {
    /// Ends one of a crew; returns when.
    fn end(&self, part: Part, player: &mut Player, plan: &Plan, dice: &mut Dice) -> Result<u64> {
        match if plan.mixed { dice.below(4) } else { 0 } {
            1 => {
                let asked_ns = horus_shm::now_ns();
                player.finish()?;
                self.tally().left += 1;
                return Ok(asked_ns);
            }
            2 => {
                player.signal(Signal::STOP)?;
                std::thread::sleep(Duration::from_micros(dice.below(STOPPED_US)));
                self.tally().stopped += 1;
                if dice.below(2) == 0 {
                    player.signal(Signal::CONT)?;
                    pause(dice);
                }
            }
            _ => {}
        }
        match part {
            Part::Publish => self.kill_publisher(player, dice),
            _ => {
                self.tally().count_kill(part, player.topic, player.language);
                player.kill()
            }
        }
    }
}

/// Kills publishers of a topic, each replaced and heard before the next.
pub(super) fn publishers(run: &Run, topic: Topic, plan: Plan, dice: &mut Dice) -> Result<()> {
    let mut crew = Vec::new();
    for _ in 0..plan.crew.min(plan.kills) {
        let mut player = run.hire(Part::Publish, topic, dice)?;
        run.at_work(&mut player, Part::Publish)?;
        crew.push(player);
    }
    let mut killed = plan.crew;
    while plan.goes_on(killed) {
        run.kill_at_start(Part::Publish, topic, dice)?;
        pause(dice);
        let chosen = dice.below(plan.crew) as usize;
        let killed_ns = run.end(Part::Publish, &mut crew[chosen], &plan, dice)?;
        crew[chosen] = run.replace(Part::Publish, topic, killed_ns, dice)?;
        killed += 1;
    }
    // Those who still subscribe want to get something.
    while run.readers.load(Ordering::Relaxed) > 0 {
        pause(dice);
    }
    for mut player in crew {
        pause(dice);
        run.kill_publisher(&mut player, dice)?;
    }
    Ok(())
}

/// Kills subscribers of a topic, each replaced and served before the next.
pub(super) fn subscribers(run: &Run, topic: Topic, plan: Plan, dice: &mut Dice) -> Result<()> {
    let (mut killed, mut killed_ns) = (0, None);
    while plan.goes_on(killed) {
        run.kill_at_start(Part::Subscribe, topic, dice)?;
        let mut player = match killed_ns {
            Some(killed_ns) => run.replace(Part::Subscribe, topic, killed_ns, dice)?,
            None => {
                let mut player = run.hire(Part::Subscribe, topic, dice)?;
                run.at_work(&mut player, Part::Subscribe)?;
                player
            }
        };
        pause(dice);
        killed_ns = Some(run.end(Part::Subscribe, &mut player, &plan, dice)?);
        killed += 1;
    }
    Ok(())
}

/// Kills cleaners at work, one after the other, until the round is over.
pub(super) fn cleaners(run: &Run, dice: &mut Dice) -> Result<()> {
    while !run.over.load(Ordering::Relaxed) {
        let mut player = run.stage.start(Part::Clean, Topic::Cmd, Language::Rust)?;
        player.until(Note::Began)?;
        std::thread::sleep(Duration::from_micros(dice.below(100_000)));
        player.kill()?;
        run.tally().cleaners_killed += 1;
    }
    Ok(())
}
