//! A cleaner: removes the topic and the temporary names that nobody holds.

use crate::explore::Fault;
use crate::rules::Rules;
use crate::state::{At, NONE, PROCESSES, PUBLISHERS, State};

/// Whether cleaner `who` can go on: it waits for another one to be through.
pub(crate) fn may_step(state: &State, who: usize) -> bool {
    state.processes[who].at != At::Begin || state.cleaner == NONE
}

/// Takes the next step of cleaner `who`.
pub(crate) fn step(state: &mut State, who: usize, rules: &Rules) -> Result<(), Fault> {
    let me = state.processes[who];
    let name = state.name;
    let next = match me.at {
        At::Begin => {
            state.cleaner = who as u8;
            At::FindTopic
        }
        At::FindTopic => {
            state.processes[who].file = name;
            if name == NONE { At::LockTemporary } else { At::LockAll }
        }
        At::LockAll if !lock_all(state, who) => At::LockTemporary,
        At::LockAll if rules.cleaner_checks_name => At::CheckAll,
        At::LockAll => first_record(state, who),
        At::CheckAll if name == me.file => first_record(state, who),
        At::CheckAll => At::UnlockTopic,
        At::ReadRecord => read_record(state, who, rules),
        At::UnlinkTopic => unlink_topic(state, who)?,
        At::UnlockTopic => {
            state.file(me.file).release(who);
            state.processes[who].file = NONE;
            // Counts the temporary names from here on.
            state.processes[who].count = 0;
            At::LockTemporary
        }
        _ => sweep(state, who, rules)?,
    };
    state.processes[who].at = next;
    Ok(())
}

fn lock_all(state: &mut State, who: usize) -> bool {
    let number = state.processes[who].file;
    let file = state.file(number);
    let free = !file.is_held();
    if free {
        file.all_write = who as u8;
    }
    free
}

fn first_record(state: &mut State, who: usize) -> At {
    state.processes[who].count = PUBLISHERS as u8;
    At::ReadRecord
}

/// Reads one participant's endpoint records; a living one that waits for this topic, or is behind, keeps it.
fn read_record(state: &mut State, who: usize, rules: &Rules) -> At {
    let me = state.processes[who];
    let record = state.processes[usize::from(me.count)].record;
    if rules.cleaner_heeds_waiting && record != NONE && record != me.file {
        return At::UnlockTopic;
    }
    state.processes[who].count += 1;
    if usize::from(me.count) + 1 < PROCESSES {
        return At::ReadRecord;
    }
    if !rules.cleaner_unlinks_locked {
        state.file(me.file).release(who);
    }
    At::UnlinkTopic
}

fn unlink_topic(state: &mut State, who: usize) -> Result<At, Fault> {
    if state.name == NONE {
        return Err(Fault::NameGone);
    }
    let mut file = *state.file(state.name);
    file.release(who);
    if file.is_held() {
        return Err(Fault::RemovedHeld);
    }
    state.name = NONE;
    Ok(At::UnlockTopic)
}

/// The temporary names, one after the other.
fn sweep(state: &mut State, who: usize, rules: &Rules) -> Result<At, Fault> {
    let me = state.processes[who];
    let slot = usize::from(me.count);
    Ok(match me.at {
        At::LockTemporary if slot == PUBLISHERS => At::End,
        At::LockTemporary => {
            let file = state.temporary[slot];
            state.processes[who].file = file;
            if file != NONE && !rules.cleaner_locks_temporary {
                At::UnlinkTemporary
            } else if file != NONE && lock_all(state, who) {
                At::CheckTemporary
            } else {
                next_temporary(state, who)
            }
        }
        At::CheckTemporary if state.temporary[slot] == me.file => At::UnlinkTemporary,
        At::CheckTemporary => next_temporary(state, who),
        At::UnlinkTemporary => {
            state.temporary[slot] = NONE;
            next_temporary(state, who)
        }
        _ => {
            state.cleaner = NONE;
            state.processes[who].count = 0;
            state.processes[who].left -= 1;
            if me.left == 1 { At::Done } else { At::Begin }
        }
    })
}

fn next_temporary(state: &mut State, who: usize) -> At {
    let file = state.processes[who].file;
    if file != NONE {
        state.file(file).release(who);
        state.processes[who].file = NONE;
    }
    state.processes[who].count += 1;
    At::LockTemporary
}
