//! Every order of the steps, with kills anywhere: breadth first, so that the trace of a fault is a shortest one.

use crate::rules::Rules;
use crate::state::{At, NONE, PROCESSES, PUBLISHERS, Process, State, same_type};
use crate::subscriber::{self, Moves};
use crate::{cleaner, publisher};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

/// What must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A publisher that may send, or is about to, doesn't hold the file that the name leads to.
    NotTheNamed,
    /// Two living publishers of different types, or on different files, both believe that the topic is theirs.
    TwoOwners,
    /// A message went to a file that the name doesn't lead to.
    SentElsewhere,
    /// A type error though nobody of another type had the topic at that moment.
    FalseTypeError,
    /// A publisher lost the file it had made and has to make another.
    MadeInVain,
    /// The exchange found a name missing.
    ExchangeFailed,
    /// A file was removed that somebody held.
    RemovedHeld,
    /// A cleaner removed a name that was gone.
    NameGone,
    /// A subscriber got a message twice.
    Twice,
    /// A subscriber got a message that was sent before it began to open.
    FromBeforeTheJoin,
    /// A subscriber sleeps for good, missing a message without knowing that it missed something.
    MissedUnaware,
    /// Nobody can go on though not all are through.
    Deadlock,
    /// A state from which no order of steps brings all to an end.
    Livelock,
    /// All are through, a cleaner ran, and something is left.
    LeftBehind,
}

/// What an exploration saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) states: usize,
    /// States in which all are through.
    pub(crate) ends: usize,
    /// Ends with a type error.
    pub(crate) refused: usize,
    /// Steps by which a publisher superseded a file.
    pub(crate) superseded: usize,
    /// Steps by which a subscriber went from one file to the next.
    pub(crate) moved: usize,
    /// Steps by which a cleaner removed the topic.
    pub(crate) removed: usize,
    /// Steps after which a subscriber knew of a gap.
    pub(crate) gaps: usize,
}

/// A fault and the steps that lead to it.
pub(crate) type Trace = (Fault, Vec<String>);

struct Explorer<'a> {
    rules: &'a Rules,
    numbers: HashMap<State, u32, BuildHasherDefault<Mix>>,
    /// For each state the one it was first reached from, and by which step.
    origins: Vec<(u32, Step)>,
    /// (from, to) of all steps.
    steps: Vec<(u32, u32)>,
    /// Numbers of the states in which all are through.
    ends: Vec<u32>,
    seen: Seen,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    who: u8,
    at: At,
    kill: bool,
}

/// Explores all states from `start`.
///
/// # Errors
/// A shortest trace to the first fault.
pub(crate) fn explore(start: State, rules: &Rules) -> Result<Seen, Trace> {
    let step = Step { who: 0, at: At::Done, kill: false };
    let mut explorer = Explorer {
        rules,
        numbers: HashMap::from_iter([(start, 0)]),
        origins: vec![(0, step)],
        steps: Vec::new(),
        ends: Vec::new(),
        seen: Seen::default(),
    };
    let mut layer = vec![(0, start)];
    while !layer.is_empty() {
        let mut next = Vec::new();
        for (number, state) in layer {
            explorer
                .expand(number, &state, &mut next)
                .map_err(|fault| (fault, explorer.trace(number, &state)))?;
        }
        layer = next;
    }
    explorer.seen.states = explorer.origins.len();
    match explorer.without_end() {
        Some(number) => Err((Fault::Livelock, explorer.trace(number, &start))),
        None => Ok(explorer.seen),
    }
}

impl Explorer<'_> {
    fn expand(&mut self, number: u32, state: &State, next: &mut Vec<(u32, State)>) -> Result<(), Fault> {
        if state.processes.iter().all(Process::is_over) {
            self.ends.push(number);
            self.seen.ends += 1;
            self.seen.refused +=
                usize::from(state.processes.iter().any(|process| process.at == At::TypeError));
            return nothing_left(*state, self.rules);
        }
        let mut stuck = true;
        for who in 0..PROCESSES {
            let process = &state.processes[who];
            if process.is_over() {
                continue;
            }
            for successor in successors(state, who, self.rules) {
                let successor = successor?;
                check(&successor)?;
                self.count(process.at, state, &successor, who);
                self.enter(number, Step { who: who as u8, at: process.at, kill: false }, successor, next);
                stuck = false;
            }
            if state.kills_left > 0 {
                let mut killed = *state;
                killed.kill(who);
                self.enter(number, Step { who: who as u8, at: process.at, kill: true }, killed, next);
            }
        }
        if stuck { Err(Fault::Deadlock) } else { Ok(()) }
    }

    fn enter(&mut self, from: u32, step: Step, state: State, next: &mut Vec<(u32, State)>) {
        let new = u32::try_from(self.origins.len()).expect("far fewer states");
        let number = match self.numbers.entry(state) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(vacant) => {
                vacant.insert(new);
                self.origins.push((from, step));
                next.push((new, state));
                new
            }
        };
        self.steps.push((from, number));
    }

    fn count(&mut self, at: At, before: &State, after: &State, who: usize) {
        self.seen.superseded += usize::from(at == At::Exchange);
        self.seen.moved += usize::from(at == At::Move);
        self.seen.removed += usize::from(at == At::UnlinkTopic);
        self.seen.gaps += usize::from(after.processes[who].gap && !before.processes[who].gap);
    }

    fn trace(&self, mut number: u32, last: &State) -> Vec<String> {
        let mut lines = vec![format!("in {last:?}")];
        while number != 0 {
            let (origin, step) = self.origins[number as usize];
            let kill = if step.kill { "killed at " } else { "" };
            lines.push(format!("process {}: {kill}{:?}", step.who, step.at));
            number = origin;
        }
        lines.reverse();
        lines
    }

    /// A state from which no end can be reached, if there is one.
    fn without_end(&self) -> Option<u32> {
        // Backwards from the ends: the steps sorted by their target, and where each target's begin.
        let mut first = vec![0_u32; self.origins.len() + 1];
        for (_, to) in &self.steps {
            first[*to as usize + 1] += 1;
        }
        for index in 1..first.len() {
            first[index] += first[index - 1];
        }
        let mut sources = vec![0_u32; self.steps.len()];
        let mut free = first.clone();
        for (from, to) in &self.steps {
            sources[free[*to as usize] as usize] = *from;
            free[*to as usize] += 1;
        }
        let mut reaches = vec![false; self.origins.len()];
        let mut open = self.ends.clone();
        while let Some(number) = open.pop() {
            if !std::mem::replace(&mut reaches[number as usize], true) {
                let range = first[number as usize] as usize..first[number as usize + 1] as usize;
                open.extend_from_slice(&sources[range]);
            }
        }
        reaches.iter().position(|reached| !reached).map(|number| number as u32)
    }
}

/// All that process `who` may do next, a kill aside.
fn successors(state: &State, who: usize, rules: &Rules) -> impl Iterator<Item = Result<State, Fault>> {
    let mut found = [None, None];
    let stepped = |step: fn(&mut State, usize, &Rules) -> Result<(), Fault>| {
        let mut next = *state;
        Some(step(&mut next, who, rules).map(|()| next))
    };
    if who < PUBLISHERS {
        found[0] = stepped(publisher::step);
    } else if state.processes[who].is_subscriber() {
        if subscriber::moves(state, who, rules) == Moves::Step {
            found[0] = stepped(subscriber::step);
        } else {
            found =
                [subscriber::stop(state, who, rules), subscriber::look_unasked(state, who, rules).map(Ok)];
        }
    } else if cleaner::may_step(state, who) {
        found[0] = stepped(cleaner::step);
    }
    found.into_iter().flatten()
}

/// What must hold in every state.
fn check(state: &State) -> Result<(), Fault> {
    let mut owner: Option<&Process> = None;
    for process in &state.processes[..PUBLISHERS] {
        if !matches!(process.at, At::Enter | At::Announce | At::Publish | At::Wake | At::Close) {
            continue;
        }
        if owner.is_some_and(|owner| owner.file != process.file || !same_type(owner.kind, process.kind)) {
            return Err(Fault::TwoOwners);
        }
        if process.file != state.name {
            return Err(Fault::NotTheNamed);
        }
        owner = Some(process);
    }
    Ok(())
}

/// Runs a cleaner over what is left when all are through.
fn nothing_left(mut state: State, rules: &Rules) -> Result<(), Fault> {
    let who = PUBLISHERS;
    state.processes[who] = Process::cleaner(1);
    while !state.processes[who].is_over() {
        if !cleaner::may_step(&state, who) {
            return Err(Fault::LeftBehind);
        }
        cleaner::step(&mut state, who, rules)?;
    }
    let clean = state.name == NONE && state.temporary.iter().all(|name| *name == NONE);
    if clean { Ok(()) } else { Err(Fault::LeftBehind) }
}

/// A quick hash of many small fields, by multiplication and rotation; collisions only cost time.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 29
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as u64);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}
