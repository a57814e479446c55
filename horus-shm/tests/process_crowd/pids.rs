//! Process ids mean nothing: used again they bring nobody back to life, and the same one in two PID namespaces is two.

use crate::actor::{Actor, NAMESPACE, expect_nothing_left, settings};
use crate::process::{Cue, Role, ShmFolder, skipped, until};
use horus_shm::{Census, Namespace, ParticipantInfo, Settings};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The id that is used again; far above those that the namespace has come to.
const PID: u32 = 4000;

/// Makes the next process of this PID namespace have [`PID`], if that may be.
fn aim() -> std::io::Result<()> {
    std::fs::write("/proc/sys/kernel/ns_last_pid", (PID - 1).to_string())
}

fn processes(namespace: &Namespace) -> Vec<ParticipantInfo> {
    Census::take(namespace).expect("can be read").participants
}

/// A process of [`PID`] that has nothing to do with us.
fn stranger() -> Child {
    loop {
        aim().expect("it could be done before");
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("cat");
        if child.id() == PID {
            return child;
        }
        // A thread of this process was given the number first.
        child.kill().and_then(|()| child.wait()).expect("our child");
    }
}

/// Starts an actor that has [`PID`], with a pool and a message that nobody has read.
fn actor(folder: &Path) -> Actor {
    loop {
        aim().expect("it could be done before");
        let mut actor = Actor::at(folder);
        if actor.pid() == PID {
            actor.ask("node camera");
            actor.ask("pub p t T");
            return actor;
        }
        actor.kill();
    }
}

/// Role: process 1 of a PID namespace, in which one number is a process of ours, a stranger, and another one of ours.
pub(crate) fn reuse_pid(cue: &mut Cue) {
    let settings = Settings::from_env();
    let folder = settings.shm_dir.clone().expect("given by the parent");
    let mut witness = Actor::at(&folder);
    witness.ask("sub s t T");
    if let Err(error) = aim() {
        return cue.say(&format!("/proc/sys/kernel/ns_last_pid: {error}"));
    }
    let namespace = Namespace::open(&settings).expect("given by the parent");
    let mut first = actor(&folder);
    first.ask("send p 0 3 5000");
    assert_eq!(witness.ask("hold s"), "0");
    let of_pid = || processes(&namespace).into_iter().filter(|info| info.pid == PID).collect::<Vec<_>>();
    let id = of_pid()[0].id;
    assert!(of_pid()[0].alive && of_pid()[0].pid_is_ours);
    first.kill();
    // Somebody else has the number now: the dead stays dead.
    let mut somebody = stranger();
    until("the first is seen as dead", || of_pid().iter().all(|info| !info.alive));
    somebody.kill().and_then(|()| somebody.wait()).expect("our child");
    // One of ours has it: two of the same number, one dead and one alive, and each keeps what is its own.
    let mut second = actor(&folder);
    second.ask("send p 10 3 5000");
    let alive: Vec<(bool, bool)> = of_pid().iter().map(|info| (info.id == id, info.alive)).collect();
    assert!(alive.contains(&(false, true)) && !alive.contains(&(true, true)), "{alive:?}");
    assert_eq!(witness.ask("take s"), "1 2 10 11 12", "what the dead one left is still read");
    witness.ask("clean");
    let left: Vec<u64> = of_pid().iter().map(|info| info.id).collect();
    // The witness holds a block of the first, so its file may stay; nobody takes the second for it.
    assert!(left.iter().any(|other| *other != id), "the living one is left alone");
    witness.ask("release");
    witness.ask("clean");
    assert_eq!(of_pid().iter().map(|info| (info.id == id, info.alive)).collect::<Vec<_>>(), [(false, true)]);
    second.ask("send p 20 1 5000");
    assert_eq!(witness.ask("take s"), "20");
    [second, witness].into_iter().for_each(Actor::finish);
    cue.say("done");
}

#[test]
fn a_process_id_used_again_brings_nobody_back() {
    let folder = ShmFolder::new();
    let role = Role::new("reuse_pid").shm(&folder, NAMESPACE).in_new_pid_namespace();
    if let Err(reason) = role.permitted() {
        return skipped("a_process_id_used_again_brings_nobody_back", &reason);
    }
    let mut child = role.spawn();
    match child.hears().as_str() {
        "done" => {}
        reason => return skipped("a_process_id_used_again_brings_nobody_back", reason),
    }
    child.finish();
    expect_nothing_left(&folder);
}

#[test]
fn two_pid_namespaces_see_each_others_life_and_death() {
    let folder = ShmFolder::new();
    if let Err(reason) = Role::new("actor").in_new_pid_namespace().permitted() {
        return skipped("two_pid_namespaces_see_each_others_life_and_death", &reason);
    }
    let apart = || Actor::with(&folder, Role::in_new_pid_namespace);
    let (mut one, mut other, mut outside) = (apart(), apart(), Actor::start(&folder));
    for (actor, name) in [(&mut one, "one"), (&mut other, "other"), (&mut outside, "outside")] {
        actor.ask(&format!("node {name}"));
        actor.ask("sub s t T");
        actor.ask("pub p t T");
    }
    let namespace = Namespace::open(&settings(&folder)).expect("the root is ours");
    let seen = || {
        let mut seen: Vec<(String, u32, bool, bool)> = processes(&namespace)
            .iter()
            .map(|info| (info.nodes[0].name.clone(), info.pid, info.pid_is_ours, info.alive))
            .collect();
        seen.sort();
        seen
    };
    let outside_pid = outside.pid();
    // Both are process 1 of their own, which is somebody else here.
    let all = [("one", 1, false, true), ("other", 1, false, true), ("outside", outside_pid, true, true)];
    assert_eq!(seen(), all.map(|(name, pid, ours, alive)| (name.to_owned(), pid, ours, alive)));
    for (number, bytes) in [(0, 24), (1, 5000)] {
        one.ask(&format!("send p {number} 1 {bytes}"));
        assert_eq!(other.ask("take s"), number.to_string());
        assert_eq!(outside.ask("take s"), number.to_string());
    }
    one.ask("send p 2 1 5000");
    assert_eq!(other.ask("hold s"), "2");
    // The other's cleaning takes nothing from the living of a namespace it can't see into.
    other.ask("clean");
    outside.ask("clean");
    assert_eq!(seen().len(), 3);
    assert_eq!(outside.ask("take s"), "2");
    // Its death is seen by both, and only its own.
    one.kill();
    until("the dead one is seen as such", || {
        seen().iter().all(|(name, .., alive)| *alive == (name != "one"))
    });
    assert_eq!(other.ask("take s"), "");
    other.ask("release");
    other.ask("clean");
    assert_eq!(seen().iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>(), ["other", "outside"]);
    outside.ask("send p 3 1 5000");
    assert_eq!(other.ask("take s"), "3");
    [other, outside].into_iter().for_each(Actor::finish);
    expect_nothing_left(&folder);
}
