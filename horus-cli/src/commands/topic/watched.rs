//! Topics that are looked at again and again, and reported on every second: what `hz` and `bw` share.

use super::pace::{EndArgs, REPORT_NS, Schedule};
use super::wait::tell_if_missing;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::Output;
use crate::output::table::Table;
use crate::rate::{Silence, Watch};
use horus_shm::{TopicInfo, TopicName, now_ns, stop};
use std::collections::BTreeMap;

/// As many messages as other tools of the kind look at.
const WINDOW: usize = 10_000;

/// A topic that is watched.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) name: TopicName,
    pub(super) watch: Watch,
    depth: u32,
    publishers: Publishers,
}

/// How topics are watched, and told of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Over how many messages; without it 10,000, and at least a second's.
    pub(super) window: Option<u32>,
    pub(super) ends: EndArgs,
    pub(super) json: bool,
}

/// What is measured of a topic.
pub(super) trait Measured: Sized {
    /// Whether to look so often that no ring is written over between two looks.
    const SEES_INTERVALS: bool;
    /// Returns what is known by now; nothing if that is nothing yet.
    fn by(watch: &Watch, now_ns: u64) -> Option<Self>;
    /// Returns what is told of a topic that is alone.
    fn lines(&self, topic: &Watched) -> Vec<String>;
    /// Returns an object of one line.
    fn json_line(&self, topic: &Watched) -> String;
    /// Returns what is told of several topics.
    fn table(all: &[(&Watched, Self)]) -> Table;
    /// Returns what was measured, in a line, for who ends it.
    fn summary(&self) -> String;
}

/// Watches topics until Ctrl+C, the first report or the end of the time; each of them may be yet to come.
///
/// # Errors
/// [`Exit::TimedOut`] when there was nothing to tell within the time.
pub(super) fn follow<M: Measured>(
    names: &[String],
    pace: Pace,
    context: &Context,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let names = names.iter().map(|name| TopicName::new(name)).collect::<Result<Vec<_>, _>>()?;
    interrupt::catch()?;
    let topics = names.into_iter().map(|name| Watched::new(name, pace)).collect();
    let mut following = Following { pace, context, topics };
    // Before the dead are cleaned up after: what they left last is still to be seen.
    following.look()?;
    context.clean(output);
    for topic in following.topics.iter().filter(|topic| !topic.publishers.is_there) {
        tell_if_missing(context, &topic.name, output)?;
    }
    let told = following.run::<M>(output)?;
    output.flush()?;
    if stop::requested() {
        for topic in &following.topics {
            let measured = M::by(&topic.watch, now_ns()).map(|measured| measured.summary());
            let nothing = || "nothing measured; fewer than two messages came".into();
            output.note(&format!("{}: {}", topic.name, measured.unwrap_or_else(nothing)));
        }
        return Ok(Exit::Ok);
    }
    if told {
        return Ok(Exit::Ok);
    }
    let names: Vec<_> = following.topics.iter().map(|topic| topic.name.as_str()).collect();
    let (names, seconds) = (names.join("', '"), pace.ends.seconds());
    Err(Failure::new(Exit::TimedOut, format!("no rate of '{names}': fewer than two messages in {seconds} s")))
}

struct Following<'a> {
    pace: Pace,
    context: &'a Context,
    topics: Vec<Watched>,
}

impl Following<'_> {
    /// Looks and tells until the end; returns whether anything was told.
    fn run<M: Measured>(&mut self, output: &mut Output) -> Result<bool, Failure> {
        let mut schedule = Schedule::begin(self.pace.ends);
        loop {
            self.look()?;
            let now = now_ns();
            if now >= schedule.due_ns() {
                // Of several topics some may never be there; one look at the others is what `--once` is for.
                let told = self.tell::<M>(now, output)?;
                output.flush()?;
                if schedule.after_report(now, told) {
                    break;
                }
            }
            let next = (now + self.patience_ns::<M>()).min(schedule.due_ns());
            if !interrupt::pause_until(next)? {
                // What came since the last look belongs into the summary.
                self.look()?;
                break;
            }
        }
        Ok(schedule.has_told())
    }

    /// Tells what is known of each topic by now; false if that is nothing yet.
    fn tell<M: Measured>(&self, now_ns: u64, output: &mut Output) -> Result<bool, Failure> {
        let known = self.topics.iter().filter_map(|topic| Some((topic, M::by(&topic.watch, now_ns)?)));
        let known: Vec<_> = known.collect();
        let lines = match &known[..] {
            [] => vec![],
            known if self.pace.json => {
                known.iter().map(|(topic, measured)| measured.json_line(topic)).collect()
            }
            [(topic, measured)] if self.topics.len() == 1 => measured.lines(topic),
            known => M::table(known).lines_within(output.colour, output.width),
        };
        lines.iter().try_for_each(|line| output.line(line))?;
        Ok(!known.is_empty())
    }

    fn patience_ns<M: Measured>(&self) -> u64 {
        // A tenth of a second is what a person sees.
        let relaxed_ns = REPORT_NS / 10;
        let patience = self.topics.iter().map(|topic| topic.watch.patience_ns(topic.depth));
        patience.min().filter(|_| M::SEES_INTERVALS).unwrap_or(relaxed_ns)
    }

    fn look(&mut self) -> Result<(), Failure> {
        for topic in &mut self.topics {
            let now = now_ns();
            let info = TopicInfo::read(&self.context.namespace, &topic.name)?;
            topic.publishers.look(info.as_ref());
            if let Some(info) = info {
                topic.depth = info.depth;
                topic.watch.look(&info, now);
            }
        }
        Ok(())
    }
}

impl Watched {
    fn new(name: TopicName, pace: Pace) -> Watched {
        let watch = match pace.window {
            Some(window) => Watch::new(window as usize, 0),
            None => Watch::new(WINDOW, REPORT_NS),
        };
        Watched { name, watch, depth: 64, publishers: Publishers::default() }
    }

    /// Says that nothing comes, since when, and what became of who should send.
    pub(super) fn quiet(&self, silence: Silence) -> String {
        self.publishers.quiet(silence)
    }
}

/// Who publishes a topic, and who did.
#[derive(Debug, Default)]
pub(super) struct Publishers {
    /// Whether the topic was there at the last look.
    is_there: bool,
    by_pid: BTreeMap<u32, (Fate, u64)>,
}

/// What became of a publisher; who should send comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// It was gone with its topic, one way or the other.
    Gone,
    /// It closed its publisher.
    Left,
    Dead,
    Lives,
}

impl Publishers {
    /// Takes in who holds the topic's lanes now, or that there is no topic.
    pub(super) fn look(&mut self, topic: Option<&TopicInfo>) {
        self.is_there = topic.is_some();
        for (fate, _) in self.by_pid.values_mut().filter(|(fate, _)| *fate == Fate::Lives) {
            *fate = Fate::Gone;
        }
        for lane in topic.into_iter().flat_map(|topic| &topic.lanes).filter(|lane| lane.pid != 0) {
            let fate = match (lane.owner, lane.owner_alive) {
                (0, _) => Fate::Left,
                (_, true) => Fate::Lives,
                (_, false) => Fate::Dead,
            };
            let last_ns = lane.stamps.last().copied().unwrap_or(0);
            let known = self.by_pid.entry(lane.pid).or_insert((fate, last_ns));
            // A process may have several lanes; what it does with its newest tells.
            if last_ns >= known.1 || fate == Fate::Lives {
                *known = (fate, last_ns);
            }
        }
    }

    /// Says that nothing comes, since when, and what became of who should send.
    pub(super) fn quiet(&self, silence: Silence) -> String {
        // Of the living whoever sent last, else of the others.
        let last = self.by_pid.iter().max_by_key(|(_, (fate, last_ns))| (*fate == Fate::Lives, *last_ns));
        let why = match last {
            Some((pid, (Fate::Lives, _))) => format!("publisher pid {pid} lives"),
            Some((pid, (Fate::Dead, _))) => format!("publisher pid {pid} is dead"),
            Some((pid, (Fate::Left, _))) => format!("publisher pid {pid} has left"),
            Some((pid, (Fate::Gone, _))) => format!("publisher pid {pid} is gone"),
            None => "it has no publisher".into(),
        };
        match silence {
            Silence::For(seconds) => format!("no message for {seconds:.1} s; {why}"),
            Silence::Ever => format!("no message yet; {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use horus_shm::{LaneInfo, TopicSpec};

    fn topic(lanes: &[(u32, u64, bool, u64)]) -> TopicInfo {
        let lane = |&(pid, owner, owner_alive, stamp): &(u32, u64, bool, u64)| LaneInfo {
            index: 0,
            owner,
            owner_alive,
            pid,
            base: 0,
            head: 1,
            bytes: 0,
            latched: false,
            stamps: vec![stamp],
        };
        TopicInfo {
            name: TopicName::new("t").unwrap(),
            spec: TopicSpec { kind: 2, type_name: "dict".into(), schema: vec![], capacity: 8, depth: 8 },
            depth: 8,
            slot_bytes: 64,
            generation: 1,
            shm_bytes: 0,
            lanes: lanes.iter().map(lane).collect(),
        }
    }

    fn told(publishers: &Publishers) -> String {
        publishers.quiet(Silence::For(2.14))
    }

    #[test]
    fn silence_names_who_should_send() {
        let mut publishers = Publishers::default();
        assert_eq!(publishers.quiet(Silence::Ever), "no message yet; it has no publisher");
        publishers.look(Some(&topic(&[(11, 1, false, 50), (12, 2, true, 20), (13, 3, true, 30)])));
        assert_eq!(told(&publishers), "no message for 2.1 s; publisher pid 13 lives");
        publishers.look(Some(&topic(&[(11, 1, false, 50), (12, 0, false, 20), (13, 0, false, 30)])));
        assert_eq!(told(&publishers), "no message for 2.1 s; publisher pid 11 is dead");
        publishers.look(Some(&topic(&[(12, 0, false, 60)])));
        assert_eq!(told(&publishers), "no message for 2.1 s; publisher pid 12 has left");
    }

    #[test]
    fn who_went_with_the_topic_is_gone() {
        let mut publishers = Publishers::default();
        publishers.look(Some(&topic(&[(11, 1, true, 50)])));
        publishers.look(None);
        assert_eq!(told(&publishers), "no message for 2.1 s; publisher pid 11 is gone");
    }
}
