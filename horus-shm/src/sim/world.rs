//! The state of one run: who there is, who waits for what, what time it is, what is to happen to whom.

use crate::sim::dice::Dice;
use crate::sim::process::Process;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Write;

/// What a sleeper sleeps on: a word of a file, or one of its own memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) offset: usize,
}

/// How far one run went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extent {
    pub(crate) steps: u64,
    pub(crate) points: u64,
}

/// What a run may do to its processes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Troubles {
    pub(crate) kills_max: u64,
    pub(crate) stops_max: u64,
}

/// When something happens to somebody.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// Somebody is killed when so many steps were made.
    KillAtStep(u64),
    /// Who reaches the fail point of this number is killed there.
    KillAtPoint(u64),
    /// Somebody is stopped when so many steps were made, for so long.
    StopAtStep(u64, u64),
}

/// How the next to run is chosen.
#[derive(Debug)]
enum Strategy {
    /// At each step somebody else goes on with a chance of one in so many.
    Random(u64),
    /// The one of the highest rank goes on until it has to wait; at these steps it becomes the lowest (PCT).
    Ranks(Vec<u64>),
}

#[derive(Debug)]
struct Sleep {
    keys: Vec<Key>,
    deadline_ns: Option<u64>,
    what: &'static str,
}

/// A process as the scheduler sees it.
#[derive(Debug, Default)]
struct Turn {
    sleep: Option<Sleep>,
    stopped_until_ns: u64,
    is_doomed: bool,
    /// Where it waits until it is let go.
    halts_at: Option<&'static str>,
    /// Where it is killed.
    dies_at: Option<&'static str>,
    /// Smaller goes first.
    rank: i64,
}

/// One run.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) dice: Dice,
    pub(crate) now_ns: u64,
    pub(crate) current: usize,
    pub(crate) processes: Vec<Process>,
    pub(crate) extent: Extent,
    pub(crate) kills: u64,
    pub(crate) stops: u64,
    /// The fail points at which somebody was killed.
    pub(crate) killed_at: Vec<&'static str>,
    turns: Vec<Turn>,
    strategy: Strategy,
    troubles: Vec<Trouble>,
    step_ns: u64,
    steps_max: u64,
    lowest: i64,
    look_again: bool,
    stuck: Option<String>,
    log: VecDeque<(u64, usize, &'static str)>,
    keeps_all: bool,
}

/// How many steps of a run are kept for who wants to know what led to its fault; of one that is run again, all.
const LOG_MAX: usize = 400;

/// A process that ends here; nothing more of it runs but destructors.
pub(crate) struct Killed;

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Calls with the world of this run; nothing outside of one.
pub(crate) fn with<T>(act: impl FnOnce(&mut World) -> T) -> Option<T> {
    WORLD.with_borrow_mut(|world| world.as_mut().map(act))
}

/// Begins a run, or ends it; returns the world that was.
pub(crate) fn replace(world: Option<World>) -> Option<World> {
    WORLD.with_borrow_mut(|place| std::mem::replace(place, world))
}

enum Verdict {
    GoOn,
    Switch,
    Halt,
    Die,
    Endless,
}

/// A step that others can see is about to be made, or was just made: others may go first.
pub(crate) fn step(what: &'static str) {
    if !std::thread::panicking() {
        act(with(|world| world.step(what, false)));
    }
}

/// As [`step`], within a destructor: who is to be killed makes this step and dies at its next. What a function returns is
/// never dropped when a destructor of its own unwinds, so that a file would stay open whose process is dead.
pub(crate) fn step_of_end(what: &'static str) {
    if !std::thread::panicking() && matches!(with(|world| world.step(what, false)), Some(Verdict::Switch)) {
        give_way();
    }
}

/// As [`step`], at a point that has a name.
pub(crate) fn fail_point(name: &'static str) {
    if !std::thread::panicking() {
        act(with(|world| world.step(name, true)));
    }
}

fn act(verdict: Option<Verdict>) {
    match verdict {
        None | Some(Verdict::GoOn) => {}
        Some(Verdict::Switch) => switch(),
        Some(Verdict::Halt) => {
            let key = with(|world| World::release_of(world.current)).expect("within a run");
            sleep(vec![key], None, "a halt");
        }
        Some(Verdict::Die) => die(),
        Some(Verdict::Endless) => panic!("no end of it"),
    }
}

/// Lets the others run; comes back when the scheduler says so, and dies if it has to.
fn switch() {
    if give_way() {
        die();
    }
}

/// Lets the others run; returns whether the process is to be killed now.
fn give_way() -> bool {
    let me = with(|world| world.current).expect("within a run");
    shuttle::thread::yield_now();
    let (doomed, stuck) = with(|world| {
        world.current = me;
        (world.turns[me].is_doomed, world.stuck.take())
    })
    .expect("within a run");
    if let Some(stuck) = stuck {
        panic!("nobody ever goes on:\n{stuck}");
    }
    doomed
}

/// Ends the process that runs, as SIGKILL does.
pub(crate) fn die() -> ! {
    with(|world| {
        world.kills += 1;
        let me = world.current;
        world.note("killed");
        world.turns[me].is_doomed = false;
        world.processes[me].is_dead = true;
        world.processes[me].unmap_all();
    });
    std::panic::resume_unwind(Box::new(Killed));
}

/// Sleeps until a key is woken or the deadline passes.
pub(crate) fn sleep(keys: Vec<Key>, deadline_ns: Option<u64>, what: &'static str) {
    let begun = with(|world| {
        let me = world.current;
        world.note("asleep");
        world.turns[me].sleep = Some(Sleep { keys, deadline_ns, what });
    });
    assert!(begun.is_some(), "only who is simulated sleeps");
    switch();
}

impl World {
    /// Begins a run. `usual` is how far one without troubles goes.
    pub(crate) fn new(seed: u64, usual: Extent, troubles: Troubles, keeps_all: bool) -> Self {
        let mut dice = Dice::new(seed);
        let steps = usual.steps.max(1);
        let strategy = match dice.below(5) {
            0..3 => Strategy::Random(dice.pick(&[2, 8, 24, 80, 200])),
            _ => {
                let changes = 1 + dice.below(6);
                Strategy::Ranks((0..changes).map(|_| 1 + dice.below(steps)).collect())
            }
        };
        let mut planned = Vec::new();
        for _ in 0..dice.below(troubles.kills_max + 1) {
            planned.push(match dice.one_in(2) {
                true => Trouble::KillAtPoint(1 + dice.below(usual.points.max(1))),
                false => Trouble::KillAtStep(1 + dice.below(steps)),
            });
        }
        if dice.one_in(3) {
            for _ in 0..dice.below(troubles.stops_max + 1) {
                let length = dice.pick(&[500_000, 20_000_000, 1_500_000_000, 2_500_000_000]);
                planned.push(Trouble::StopAtStep(1 + dice.below(steps), length));
            }
        }
        let step_ns = dice.pick(&[50, 1_000, 20_000, 300_000]);
        Self {
            seed,
            dice,
            now_ns: 1_000_000_000_000,
            current: 0,
            processes: vec![Process::new("main", false)],
            extent: Extent::default(),
            kills: 0,
            stops: 0,
            killed_at: Vec::new(),
            turns: vec![Turn::default()],
            strategy,
            troubles: planned,
            step_ns,
            steps_max: 1_000_000 + 100 * steps,
            lowest: 1 << 32,
            look_again: false,
            stuck: None,
            log: VecDeque::new(),
            keeps_all,
        }
    }

    /// Adds a process; returns its number.
    pub(crate) fn add(&mut self, name: &'static str, is_mortal: bool) -> usize {
        let rank = self.dice.below(1 << 32) as i64;
        self.processes.push(Process::new(name, is_mortal));
        self.turns.push(Turn { rank, ..Turn::default() });
        self.processes.len() - 1
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.processes[self.current]
    }

    pub(crate) fn epoch(&self) -> u64 {
        let process = &self.processes[self.current];
        (self.current as u64 + 1) << 1 | u64::from(process.is_dead)
    }

    pub(crate) fn key(&self, address: usize) -> Key {
        let own = Key { device: 0, inode: self.current as u64, offset: address };
        self.processes[self.current].key(address).unwrap_or(own)
    }

    pub(crate) fn end(&mut self, process: usize) {
        self.processes[process].has_ended = true;
        self.wake(Self::end_of(process));
    }

    /// What a process sleeps on that halts at a point.
    fn release_of(process: usize) -> Key {
        Key { device: u64::MAX, inode: process as u64, offset: 1 }
    }

    /// Makes a process wait where it reaches a point, until it is released.
    pub(crate) fn halt_at(&mut self, process: usize, point: &'static str) {
        self.turns[process].halts_at = Some(point);
    }

    pub(crate) fn has_halted(&self, process: usize) -> bool {
        let sleep = self.turns[process].sleep.as_ref();
        sleep.is_some_and(|sleep| sleep.keys.contains(&Self::release_of(process)))
    }

    /// Has a process killed where it first reaches a point.
    pub(crate) fn die_at(&mut self, process: usize, point: &'static str) {
        self.turns[process].dies_at = Some(point);
    }

    /// Lets a process go on that has halted, or keeps it from halting.
    pub(crate) fn release(&mut self, process: usize) {
        self.turns[process].halts_at = None;
        self.wake(Self::release_of(process));
    }

    /// What one sleeps on who waits for the end of a process.
    pub(crate) fn end_of(process: usize) -> Key {
        Key { device: u64::MAX, inode: process as u64, offset: 0 }
    }

    pub(crate) fn wake(&mut self, key: Key) {
        for turn in &mut self.turns {
            if turn.sleep.as_ref().is_some_and(|sleep| sleep.keys.contains(&key)) {
                turn.sleep = None;
                self.look_again = true;
            }
        }
    }

    fn note(&mut self, what: &'static str) {
        if self.log.len() >= LOG_MAX && !self.keeps_all {
            self.log.pop_front();
        }
        self.log.push_back((self.extent.steps, self.current, what));
    }

    /// Tells the last steps of the run.
    pub(crate) fn story(&self) -> String {
        let mut story = String::new();
        for (step, process, what) in &self.log {
            let name = self.processes[*process].name;
            // Writing to a string doesn't fail.
            let _ = writeln!(story, "{step:>8} {name} ({}): {what}", 1000 + process);
        }
        story
    }

    fn step(&mut self, what: &'static str, is_point: bool) -> Verdict {
        self.extent.steps += 1;
        self.now_ns += self.step_ns;
        self.note(what);
        if self.current == 0 {
            return Verdict::GoOn;
        }
        if self.extent.steps > self.steps_max {
            return Verdict::Endless;
        }
        self.extent.points += u64::from(is_point);
        if self.turns[self.current].is_doomed {
            return Verdict::Die;
        }
        if self.is_killed_here(is_point) || is_point && self.turns[self.current].dies_at == Some(what) {
            if is_point {
                self.killed_at.push(what);
            }
            return Verdict::Die;
        }
        if is_point && self.turns[self.current].halts_at == Some(what) {
            self.turns[self.current].halts_at = None;
            return Verdict::Halt;
        }
        if self.make_trouble() || self.wants_switch() { Verdict::Switch } else { Verdict::GoOn }
    }

    fn is_killed_here(&mut self, is_point: bool) -> bool {
        let points = self.extent.points;
        let hit =
            |trouble: &Trouble| matches!(trouble, Trouble::KillAtPoint(at) if is_point && points >= *at);
        let Some(index) = self.troubles.iter().position(hit) else { return false };
        if !self.processes[self.current].is_mortal {
            return false;
        }
        self.troubles.swap_remove(index);
        true
    }

    /// Kills or stops somebody if it is time; true when the one that runs can't go on.
    fn make_trouble(&mut self) -> bool {
        let steps = self.extent.steps;
        let due = |trouble: &Trouble| match trouble {
            Trouble::KillAtStep(at) | Trouble::StopAtStep(at, _) => steps >= *at,
            Trouble::KillAtPoint(_) => false,
        };
        let Some(index) = self.troubles.iter().position(due) else { return false };
        let trouble = self.troubles.swap_remove(index);
        let alive: Vec<usize> = (1..self.processes.len())
            .filter(|index| {
                let process = &self.processes[*index];
                !process.has_ended && !process.is_dead && process.is_mortal
            })
            .collect();
        if alive.is_empty() {
            return false;
        }
        let victim = self.dice.pick(&alive);
        match trouble {
            Trouble::StopAtStep(_, length) => {
                self.stops += 1;
                self.turns[victim].stopped_until_ns = self.now_ns + length;
            }
            _ => self.turns[victim].is_doomed = true,
        }
        true
    }

    fn wants_switch(&mut self) -> bool {
        let steps = self.extent.steps;
        match &mut self.strategy {
            Strategy::Random(count) => self.dice.one_in(*count),
            Strategy::Ranks(changes) => {
                // Who goes round in a loop must not keep the others from ending it.
                if changes.contains(&steps) || self.dice.one_in(2_000) {
                    self.lowest += 1;
                    self.turns[self.current].rank = self.lowest;
                    return true;
                }
                std::mem::take(&mut self.look_again) || steps.is_multiple_of(32)
            }
        }
    }

    fn can_run(&self, index: usize) -> bool {
        let turn = &self.turns[index];
        let is_awake =
            turn.sleep.as_ref().is_none_or(|sleep| sleep.deadline_ns.is_some_and(|at| at <= self.now_ns));
        is_awake && turn.stopped_until_ns <= self.now_ns
    }

    /// Chooses who goes on among those that haven't ended.
    pub(crate) fn choose(&mut self, runnable: &[usize]) -> usize {
        // First who only has to be gone, or to start the others.
        let first = runnable
            .iter()
            .copied()
            .find(|index| *index == 0 || self.turns[*index].is_doomed || self.processes[*index].has_ended);
        if let Some(first) = first {
            return first;
        }
        let mut able: Vec<usize> = runnable.iter().copied().filter(|index| self.can_run(*index)).collect();
        if able.is_empty() {
            let next = runnable.iter().filter_map(|index| Some((self.next_of(*index)?, *index))).min();
            let Some((next, first)) = next else { return self.get_stuck(runnable) };
            self.now_ns = self.now_ns.max(next);
            able.push(first);
        }
        let chosen = match &self.strategy {
            Strategy::Random(_) => {
                if able.len() > 1 {
                    able.retain(|index| *index != self.current);
                }
                self.dice.pick(&able)
            }
            Strategy::Ranks(_) => {
                able.into_iter().min_by_key(|index| self.turns[*index].rank).expect("somebody can run")
            }
        };
        // Awake by its deadline, if it still slept.
        self.turns[chosen].sleep = None;
        chosen
    }

    /// Returns when a process goes on by itself.
    fn next_of(&self, index: usize) -> Option<u64> {
        let turn = &self.turns[index];
        match &turn.sleep {
            Some(sleep) => sleep.deadline_ns.map(|deadline| deadline.max(turn.stopped_until_ns)),
            None => Some(turn.stopped_until_ns),
        }
    }

    fn get_stuck(&mut self, runnable: &[usize]) -> usize {
        let mut who = String::new();
        for index in runnable {
            let what = self.turns[*index].sleep.as_ref().map_or("", |sleep| sleep.what);
            // Writing to a string doesn't fail.
            let _ = writeln!(who, "{} sleeps in {what}", self.processes[*index].name);
        }
        self.stuck = Some(who);
        runnable[0]
    }
}
