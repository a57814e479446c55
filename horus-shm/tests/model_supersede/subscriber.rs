//! An untyped subscriber: waiting for a topic to be made, reading, and following it to its next type.

use crate::explore::Fault;
use crate::rules::Rules;
use crate::state::{At, NONE, PUBLISHERS, State, WAITING, bit, message};

/// What a subscriber can do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moves {
    /// Its next step.
    Step,
    /// It sleeps and nothing has woken it.
    Asleep,
}

/// Whether `who` sleeps.
pub(crate) fn moves(state: &State, who: usize, rules: &Rules) -> Moves {
    let me = &state.processes[who];
    let awake = match me.at {
        At::WaitSleep | At::MoveSleep => me.made_moved,
        At::Sleep => me.wake_moved || must_look(state, who, rules),
        _ => true,
    };
    if awake { Moves::Step } else { Moves::Asleep }
}

/// Whether something told it to look where the name leads.
fn must_look(state: &State, who: usize, rules: &Rules) -> bool {
    let me = &state.processes[who];
    rules.subscribers_watch_made && me.made_moved || state.files[usize::from(me.file)].superseded
}

/// The look at the name without being told, if the rules have it here.
pub(crate) fn look_unasked(state: &State, who: usize, rules: &Rules) -> Option<State> {
    let mut state = *state;
    let next = match state.processes[who].at {
        At::WaitSleep if rules.waiting_look => At::WaitSnapshot,
        At::Sleep if rules.attached_look => At::LookElsewhere,
        _ => return None,
    };
    state.processes[who].at = next;
    Some(state)
}

/// The end of a subscriber that sleeps when no publisher is left: everything owed must have come by now.
pub(crate) fn stop(state: &State, who: usize, rules: &Rules) -> Option<Result<State, Fault>> {
    let me = &state.processes[who];
    let looks_by_itself = match me.at {
        At::WaitSleep => rules.waiting_look,
        At::Sleep => rules.attached_look,
        _ => false,
    };
    if !state.is_quiet() || looks_by_itself && !me.looked_last {
        return None;
    }
    if me.owed & !me.got != 0 && !me.gap {
        return Some(Err(Fault::MissedUnaware));
    }
    let mut state = *state;
    for file in &mut state.files {
        file.release(who);
    }
    state.processes[who] = crate::state::Process::idle(At::Done);
    Some(Ok(state))
}

/// Takes the next step of subscriber `who`, which is awake.
pub(crate) fn step(state: &mut State, who: usize, rules: &Rules) -> Result<(), Fault> {
    let next = match state.processes[who].at {
        at @ (At::Arrive | At::WaitRecord | At::WaitSnapshot | At::WaitLook | At::WaitSleep) => {
            wait(state, who, at)
        }
        at @ (At::Lock | At::CheckLock | At::Record | At::Heads) => attach(state, who, rules, at),
        at @ (At::Snapshot | At::Scan | At::Sleep | At::LookElsewhere | At::Drain) => {
            read(state, who, rules, at)?
        }
        at => follow(state, who, rules, at),
    };
    state.processes[who].at = next;
    Ok(())
}

fn wait(state: &mut State, who: usize, at: At) -> At {
    let (name, published, quiet) = (state.name, state.published(), state.is_quiet());
    let me = &mut state.processes[who];
    match at {
        At::Arrive => {
            me.stale = published;
            At::WaitRecord
        }
        At::WaitRecord => {
            me.record = WAITING;
            At::WaitSnapshot
        }
        At::WaitSnapshot => {
            me.made_moved = false;
            At::WaitLook
        }
        At::WaitLook => {
            me.file = name;
            me.looked_last |= quiet;
            if name != NONE {
                // What is there when it comes is not for it; what comes while it waits is, all of it.
                me.fresh = me.joined == 0;
                return At::Lock;
            }
            me.joined = 1;
            At::WaitSleep
        }
        _ => At::WaitSnapshot,
    }
}

fn attach(state: &mut State, who: usize, rules: &Rules, at: At) -> At {
    let me = state.processes[who];
    let name = state.name;
    let file = state.file(me.file);
    match at {
        At::Lock if file.all_write != NONE => At::WaitSnapshot,
        At::Lock => {
            file.untyped |= bit(who);
            if rules.subscriber_checks_name { At::CheckLock } else { At::Record }
        }
        At::CheckLock if name == me.file => At::Record,
        At::CheckLock => {
            file.release(who);
            At::WaitSnapshot
        }
        At::Record => {
            state.processes[who].record = me.file;
            At::Heads
        }
        _ => {
            let (lanes, generation) = (file.lanes, file.generation);
            let process = &mut state.processes[who];
            if me.fresh {
                process.cursor = lanes;
            } else if generation != 0 && rules.compares_first_generation {
                process.gap = true;
            }
            process.expects = generation + 1;
            process.joined = 1;
            process.made_moved &= rules.made_read_first;
            // From here on it is like any other.
            process.fresh = false;
            At::Snapshot
        }
    }
}

fn read(state: &mut State, who: usize, rules: &Rules, at: At) -> Result<At, Fault> {
    let (name, quiet) = (state.name, state.is_quiet());
    let must_look = at == At::Sleep && must_look(state, who, rules);
    let me = &mut state.processes[who];
    Ok(match at {
        At::Snapshot => {
            me.wake_moved = false;
            At::Scan
        }
        At::Scan => {
            if deliver(state, who)? {
                At::Snapshot
            } else {
                At::Sleep
            }
        }
        At::Sleep if must_look => {
            me.made_moved = false;
            At::LookElsewhere
        }
        At::Sleep => At::Snapshot,
        At::LookElsewhere => {
            me.looked_last |= quiet;
            if name == me.file {
                At::Snapshot
            } else if rules.drains {
                At::Drain
            } else {
                At::MoveSnapshot
            }
        }
        _ => {
            if deliver(state, who)? {
                At::Drain
            } else {
                At::MoveSnapshot
            }
        }
    })
}

/// Takes one message of the lanes, if there is one.
fn deliver(state: &mut State, who: usize) -> Result<bool, Fault> {
    let file = state.files[usize::from(state.processes[who].file)];
    let me = &mut state.processes[who];
    let Some(lane) = (0..PUBLISHERS).find(|&lane| file.lanes[lane] > me.cursor[lane]) else {
        return Ok(false);
    };
    let taken = message(lane, me.cursor[lane]);
    me.cursor[lane] += 1;
    if me.got & taken != 0 {
        return Err(Fault::Twice);
    }
    if me.stale & taken != 0 {
        return Err(Fault::FromBeforeTheJoin);
    }
    me.got |= taken;
    Ok(true)
}

fn follow(state: &mut State, who: usize, rules: &Rules, at: At) -> At {
    let me = state.processes[who];
    let name = state.name;
    match at {
        At::MoveSnapshot => {
            state.processes[who].made_moved = false;
            At::MoveLook
        }
        At::MoveLook => {
            state.processes[who].next = name;
            if name == NONE { At::MoveSleep } else { At::MoveLock }
        }
        At::MoveSleep => At::MoveSnapshot,
        At::MoveLock if state.file(me.next).all_write != NONE => At::MoveSnapshot,
        At::MoveLock => {
            state.file(me.next).untyped |= bit(who);
            if rules.subscriber_checks_name { At::MoveCheck } else { At::MoveRecord }
        }
        At::MoveCheck if name == me.next => At::MoveRecord,
        At::MoveCheck => {
            state.file(me.next).release(who);
            At::MoveSnapshot
        }
        At::MoveRecord => {
            state.processes[who].record = me.next;
            At::Move
        }
        _ => {
            state.file(me.file).release(who);
            let new = *state.file(me.next);
            let process = &mut state.processes[who];
            process.gap |= rules.compares_generations && new.generation != me.expects;
            process.expects = new.generation + 1;
            process.cursor = if rules.follows_from_start { [0; PUBLISHERS] } else { new.lanes };
            process.file = me.next;
            process.next = NONE;
            At::Snapshot
        }
    }
}
