//! What stays of a dead process, for whom and how long.

use crate::actor::{Actor, bytes_taken, cleaned, expect_nothing_left, settings};
use crate::process::{ShmFolder, until};
use horus_shm::{Census, Namespace};

fn census(folder: &ShmFolder) -> Census {
    Census::take(&Namespace::open(&settings(folder)).expect("the root is ours")).expect("can be read")
}

/// The tombstones that lists would show.
fn stones(folder: &ShmFolder) -> Vec<(String, u32)> {
    let mut stones: Vec<_> =
        census(folder).tombstones.into_iter().map(|stone| (stone.node, stone.pid)).collect();
    stones.sort();
    stones
}

#[test]
fn unread_messages_of_the_dead_reach_who_joined_before() {
    for (bytes, killed) in [(24, true), (24, false), (6000, true), (6000, false), (2_000_000, true)] {
        let folder = ShmFolder::new();
        let mut publisher = Actor::start(&folder);
        publisher.ask("pub p t T");
        let mut before: Vec<Actor> = ["T", "-"]
            .into_iter()
            .map(|kind| {
                let mut reader = Actor::start(&folder);
                reader.ask(&format!("sub s t {kind}"));
                reader
            })
            .collect();
        publisher.ask(&format!("send p 0 5 {bytes}"));
        assert_eq!(before[0].ask("wait s"), "true");
        if killed {
            publisher.kill()
        } else {
            publisher.finish()
        }
        // Nobody may take it from them, however often it is cleaned.
        for _ in 0..3 {
            let report = cleaned(&folder, false);
            assert_eq!((report.pools, report.kept.is_empty()), (0, bytes == 24), "{report:?}");
        }
        let mut after = Actor::start(&folder);
        after.ask("sub s t -");
        assert_eq!(after.ask("take s"), "", "never one who joins later");
        for reader in &mut before {
            assert_eq!(reader.ask("take s"), "0 1 2 3 4");
            assert_eq!(reader.ask("counts s"), "5 0 0");
        }
        until("what all have read is gone", || {
            cleaned(&folder, false);
            !folder.files().iter().any(|file| file.contains("/pools/"))
                || !folder.files().iter().any(|file| file.contains("pools/") && !file.ends_with('/'))
        });
        before.into_iter().chain([after]).for_each(Actor::finish);
        expect_nothing_left(&folder);
    }
}

#[test]
fn a_held_block_outlives_its_publisher_and_its_pool() {
    let folder = ShmFolder::new();
    let (mut publisher, mut reader) = (Actor::start(&folder), Actor::start(&folder));
    publisher.ask("pub p t T");
    reader.ask("sub s t T");
    publisher.ask("send p 0 2 100000");
    assert_eq!(reader.ask("hold s"), "0");
    assert_eq!(reader.ask("hold s"), "1");
    publisher.kill();
    for _ in 0..3 {
        cleaned(&folder, true);
        assert_eq!(reader.ask("hold s"), "none", "and what is held is still whole");
    }
    // A restarted publisher uses other memory.
    let mut publisher = Actor::start(&folder);
    publisher.ask("pub p t T");
    publisher.ask("send p 100 30 100000");
    assert!(reader.ask("hold s").parse::<u64>().is_ok());
    reader.ask("release");
    reader.finish();
    publisher.finish();
    expect_nothing_left(&folder);
}

#[test]
fn blocks_come_back_from_dead_readers_and_from_living_ones_that_let_go() {
    let folder = ShmFolder::new();
    let mut publisher = Actor::start(&folder);
    publisher.ask("pub p t T depth 8");
    publisher.ask("send p 0 100 50000");
    // Eight in the ring, one in hand, at most ten more kept free; and the headers.
    let level = 20 * 65_536;
    for round in 0..8 {
        let mut reader = Actor::start(&folder);
        reader.ask("sub s t T");
        publisher.ask("send p 0 6 50000");
        for _ in 0..6 {
            reader.ask("hold s");
        }
        publisher.ask("send p 6 50 50000");
        if round % 2 == 0 {
            reader.kill();
        } else {
            reader.ask("release");
            reader.finish();
        }
        publisher.ask("send p 100 300 50000");
        cleaned(&folder, false);
        assert!(bytes_taken(&folder) <= level, "{} bytes, {level} before", bytes_taken(&folder));
    }
    publisher.finish();
    expect_nothing_left(&folder);
}

#[test]
fn nodes_that_died_have_tombstones_until_they_are_back() {
    let folder = ShmFolder::new();
    let mut killed = Actor::start(&folder);
    for command in ["node arm", "node hand", "pub p t T", "send p 0 3 9000"] {
        killed.ask(command);
    }
    let mut stopped = Actor::start(&folder);
    stopped.ask("node camera");
    stopped.finish();
    let mut half = Actor::start(&folder);
    half.ask("node base");
    half.ask("end_nodes");
    half.kill();
    assert_eq!(stones(&folder), [], "nobody has looked yet");
    let pid = killed.pid();
    killed.kill();
    cleaned(&folder, false);
    assert_eq!(stones(&folder), [("arm".into(), pid), ("hand".into(), pid)], "only who didn't stop cleanly");
    // All are gone: the root, its two files and the tombstones are all there is.
    let names = ["joins", "lock", "ns/", "ns/tombstones/", "ns/tombstones/arm", "ns/tombstones/hand"];
    assert_eq!(folder.files(), names);
    let mut back = Actor::start(&folder);
    back.ask("node arm");
    assert_eq!(stones(&folder), [("hand".into(), pid)], "the living win");
    cleaned(&folder, false);
    back.kill();
    cleaned(&folder, false);
    let stones_now = stones(&folder);
    assert_eq!(stones_now.len(), 2);
    assert_ne!(stones_now[0].1, pid, "arm's second death");
    let now = horus_shm::realtime_ns();
    for stone in census(&folder).tombstones {
        assert!(stone.from_ns <= stone.until_ns && stone.until_ns <= now, "{stone:?}");
    }
    cleaned(&folder, true);
    assert_eq!(folder.files(), ["joins", "lock"]);
}

#[test]
fn at_most_64_tombstones_stay() {
    let folder = ShmFolder::new();
    for process in 0..2 {
        let mut actor = Actor::start(&folder);
        for node in 0..40 {
            actor.ask(&format!("node n{process}.{node}"));
        }
        actor.kill();
        cleaned(&folder, false);
    }
    let left = stones(&folder);
    assert_eq!(left.len(), 64);
    assert_eq!(left.iter().filter(|(name, _)| name.starts_with("n1.")).count(), 40, "the newest stay");
    expect_nothing_left(&folder);
}

#[test]
fn after_all_are_killed_one_cleaning_leaves_nothing() {
    let folder = ShmFolder::new();
    let mut actors: Vec<Actor> = (0..4).map(|_| Actor::start(&folder)).collect();
    for (index, actor) in actors.iter_mut().enumerate() {
        actor.ask("sub untyped a -");
        actor.ask("pub p a T");
        actor.ask(&format!("pub q own{index} T{index} latched"));
        actor.ask("sub typed a T");
        actor.ask("sub none nothing -");
        actor.ask("send p 0 5 24");
        actor.ask("send p 5 3 70000");
        actor.ask("send q 0 20 5000");
    }
    for actor in &mut actors {
        actor.ask("hold typed");
        actor.ask("take untyped");
    }
    actors.into_iter().for_each(Actor::kill);
    until("one cleaning after the last is gone leaves nothing", || {
        let gone = census(&folder).participants.iter().all(|participant| !participant.alive);
        gone && {
            cleaned(&folder, false);
            assert_eq!(folder.files(), ["joins", "lock"]);
            true
        }
    });
}

#[test]
fn endpoints_that_outlive_every_other_handle_leave_nothing() {
    let folder = ShmFolder::new();
    for open in ["pub x t T", "sub x t T", "sub x t -"] {
        let mut actor = Actor::start(&folder);
        actor.ask(open);
        actor.ask("forget");
        // With its last endpoint the process leaves, and cleans behind itself.
        actor.ask("close x");
        assert_eq!(folder.files(), ["joins", "lock"], "after {open:?}");
        actor.finish();
    }
}
