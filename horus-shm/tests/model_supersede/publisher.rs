//! A publisher or typed subscriber: opening, superseding, sending, closing.

use crate::explore::Fault;
use crate::rules::Rules;
use crate::state::{At, NONE, PROCESSES, PUBLISHERS, State, bit, message, same_type};

/// Takes the next step of publisher `who`. It is never blocked.
pub(crate) fn step(state: &mut State, who: usize, rules: &Rules) -> Result<(), Fault> {
    let me = state.processes[who];
    let name = state.name;
    let next = match me.at {
        At::Open if name == NONE => At::Create,
        At::Open => {
            state.processes[who].file = name;
            if state.file(name).kind == me.kind { At::ReadLock } else { At::TakeOver }
        }
        At::Create => create(state, who, rules)?,
        At::ReadLock => read_lock(state, who, rules),
        At::CheckName if name == me.file => At::Enter,
        At::CheckName => again(state, who),
        At::Enter if rules.newcomers_announce => At::Announce,
        At::Enter => sends(me.left),
        At::Announce => {
            state.announce();
            sends(me.left)
        }
        At::Publish => publish(state, who)?,
        At::Wake => complete(state, who),
        At::Close => {
            state.file(me.file).release(who);
            At::Done
        }
        _ => return supersede(state, who, rules),
    };
    state.processes[who].at = next;
    Ok(())
}

/// The steps of a publisher of another type than the file it found.
fn supersede(state: &mut State, who: usize, rules: &Rules) -> Result<(), Fault> {
    let me = state.processes[who];
    let name = state.name;
    let next = match me.at {
        At::TakeOver => take_over(state, who, rules),
        At::CheckRefusal if rules.refused_checks_name && name != me.file => {
            state.processes[who].joined = 0;
            At::Open
        }
        At::CheckRefusal if me.joined == 0 => return Err(Fault::FalseTypeError),
        At::CheckRefusal => At::TypeError,
        At::CheckTakeOver if name == me.file => At::LinkNew,
        At::CheckTakeOver => again(state, who),
        At::LinkNew => {
            let generation = state.file(me.file).generation + u8::from(rules.counts_generations);
            let new = state.make_file(who, generation).ok_or(Fault::MadeInVain)?;
            state.temporary[who] = new;
            state.processes[who].next = new;
            if !rules.superseder_holds_old {
                state.file(me.file).release(who);
            }
            At::Exchange
        }
        At::Exchange if state.temporary[who] == NONE || name == NONE => return Err(Fault::ExchangeFailed),
        At::Exchange => {
            std::mem::swap(&mut state.name, &mut state.temporary[who]);
            if rules.old_is_marked { At::MarkOld } else { At::UnlinkOld }
        }
        At::MarkOld => {
            state.file(me.file).superseded = true;
            state.wake(me.file);
            At::UnlinkOld
        }
        At::UnlinkOld => {
            state.temporary[who] = NONE;
            At::ReleaseOld
        }
        At::ReleaseOld => {
            state.file(me.file).release(who);
            state.processes[who].file = me.next;
            state.processes[who].next = NONE;
            At::Announce
        }
        other => unreachable!("a publisher is never at {other:?}"),
    };
    state.processes[who].at = next;
    Ok(())
}

fn sends(left: u8) -> At {
    if left == 0 { At::Close } else { At::Publish }
}

/// Lets go of the file and starts over.
fn again(state: &mut State, who: usize) -> At {
    let file = state.processes[who].file;
    state.file(file).release(who);
    state.processes[who].file = NONE;
    At::Open
}

/// Makes the file whole, locked and without a name, and links it: one step, for nobody sees it before the link.
fn create(state: &mut State, who: usize, rules: &Rules) -> Result<At, Fault> {
    if state.name != NONE {
        return Ok(At::Open);
    }
    let file = state.make_file(who, 0).ok_or(Fault::MadeInVain)?;
    state.name = file;
    state.processes[who].file = file;
    if rules.locked_before_named {
        return Ok(At::Announce);
    }
    state.file(file).release(who);
    Ok(At::ReadLock)
}

fn read_lock(state: &mut State, who: usize, rules: &Rules) -> At {
    let file = state.processes[who].file;
    let file = state.file(file);
    if file.typed_write != NONE || file.all_write != NONE {
        return At::Open;
    }
    file.typed |= bit(who);
    if rules.newcomer_checks_name { At::CheckName } else { At::Enter }
}

fn take_over(state: &mut State, who: usize, rules: &Rules) -> At {
    let (number, kind) = (state.processes[who].file, state.processes[who].kind);
    let named = state.name == number;
    let file = state.file(number);
    if file.typed_write != NONE || file.all_write != NONE {
        return At::Open;
    }
    if file.typed != 0 && same_type(file.kind, kind) {
        // Only the depth differs: takes it as it is.
        return At::ReadLock;
    }
    if file.typed != 0 {
        // For the check in `CheckRefusal`: an honest type error needs somebody who had the topic at this moment.
        state.processes[who].joined = u8::from(named);
        return At::CheckRefusal;
    }
    file.typed_write = who as u8;
    if rules.superseder_checks_name { At::CheckTakeOver } else { At::LinkNew }
}

fn publish(state: &mut State, who: usize) -> Result<At, Fault> {
    let me = state.processes[who];
    if state.name != me.file {
        return Err(Fault::SentElsewhere);
    }
    let joined = (PUBLISHERS..PROCESSES)
        .filter(|&other| state.processes[other].joined != 0 && !state.processes[other].is_over());
    let joined = joined.fold(0, |all, other| all | bit(other));
    state.processes[who].joined = joined;
    state.file(me.file).lanes[who] += 1;
    Ok(At::Wake)
}

/// Wakes the sleepers; from here on the send has returned and is owed to all who had joined before it.
fn complete(state: &mut State, who: usize) -> At {
    let me = state.processes[who];
    state.wake(me.file);
    for other in PUBLISHERS..PROCESSES {
        if me.joined & bit(other) != 0 && state.processes[other].is_subscriber() {
            state.processes[other].owed |= message(who, me.count);
        }
    }
    state.processes[who].joined = 0;
    state.processes[who].count += 1;
    state.processes[who].left -= 1;
    sends(me.left - 1)
}
