//! Who has the memory when there is none left, and that it can be had back.

use crate::disk::{Disk, clean_up, dict, join, play_on, publisher, subscriber};
use crate::process::{Child, Cue, Role, until};
use horus_shm::{
    Block, Census, Error, Language, Namespace, NodeName, NodeSpec, Participant, Payload, Publisher, Settings,
    Subscriber, TopicName, TopicSpec,
};

/// As large as its class.
const BYTES: usize = 64 << 10;

#[test]
fn who_holds_the_blocks_is_named_and_can_let_go() {
    play_on("4m", "share_with_a_holder");
}

#[test]
fn what_nobody_else_holds_is_a_full_disk() {
    play_on("4m", "keep_all");
}

#[test]
fn a_cleaning_frees_a_full_disk() {
    play_on("4m", "clean_after_a_death");
}

#[test]
fn a_large_reservation_that_fails_leaves_nothing() {
    play_on("64m", "reserve_too_much");
}

/// A child of this child, on the same tmpfs, that receives on `camera`, holds all, and lets go as it is told.
fn holder() -> Child {
    let mut child = Role::new("hold").spawn();
    child.expect("ready");
    child
}

/// Role: see [`holder`]. Told `take`, it receives one message; told `drop`, it lets go of its oldest.
pub(crate) fn hold(cue: &mut Cue) {
    let here = join_from_env();
    let mut camera = subscriber(&here, "camera").expect("there is room");
    let _node = here.add_node(&NodeName::new("holder").expect("a good name"), NodeSpec { rate_hz: 0.0 });
    let mut own = Publisher::open(&here, &TopicName::new("own").expect("good"), &dict(), Default::default())
        .expect("there is room");
    let mut held = Vec::new();
    cue.say("ready");
    while let Some(line) = cue.listen() {
        match line.as_str() {
            "take" => {
                let received = camera.recv().expect("nothing is damaged").expect("just sent");
                let Payload::Block { block, .. } = received.payload else { panic!("sent in a block") };
                held.push(block);
            }
            "drop" => drop(held.remove(0)),
            _ => own.send(&vec![1; line.parse().expect("a number of bytes")]).expect("there is room"),
        }
        cue.say("done");
    }
}

fn join_from_env() -> std::sync::Arc<Participant> {
    let namespace = Namespace::open(&Settings::from_env()).expect("given by the parent");
    Participant::join(&namespace, Language::Rust).expect("there is room")
}

fn order(child: &mut Child, line: &str) {
    child.tell(line);
    child.expect("done");
}

/// Role: sends to a holder until nothing is left.
pub(crate) fn share_with_a_holder(cue: &mut Cue) {
    let disk = Disk::of_self();
    let here = join(disk.path()).expect("there is room");
    let mut camera = publisher(&here, "camera").expect("there is room");
    let mut holder = holder();
    let image = vec![5; BYTES];
    // Eight stand in the ring, five are held beyond it.
    for _ in 0..13 {
        camera.send(&image).expect("there is room");
        order(&mut holder, "take");
    }
    disk.leave(3);
    for _ in 0..100 {
        match camera.send(&image).expect_err("no room") {
            Error::PoolExhausted { bytes, holders } => {
                assert_eq!((bytes, holders.len()), (BYTES as u64, 1));
                assert_eq!((holders[0].pid, holders[0].blocks), (holder.pid(), 5));
                assert_eq!(holders[0].bytes, 5 * BYTES as u64);
            }
            error => panic!("{error}"),
        }
    }
    let words = camera.send(&image).expect_err("no room").to_string();
    let who = format!("held by pid {} (5 blocks, {} bytes)", holder.pid(), 5 * BYTES);
    let advice = "let received messages go there, or make shared memory larger";
    assert_eq!(words, format!("no block of {BYTES} bytes is left in shared memory; {who}: {advice}"));
    // A larger message than was ever sent is refused the same way.
    let error = camera.send(&vec![5; 2 * BYTES]).expect_err("no room");
    assert!(matches!(error, Error::PoolExhausted { bytes: 131_072, .. }), "{error}");
    assert_eq!((disk.free(), camera.sent()), (3, 13));
    // Two come back: two go, and the third is refused again.
    order(&mut holder, "drop");
    order(&mut holder, "drop");
    for _ in 0..2 {
        camera.send(&image).expect("one came back");
        order(&mut holder, "take");
    }
    let error = camera.send(&image).expect_err("no room");
    assert!(matches!(&error, Error::PoolExhausted { holders, .. } if holders[0].blocks == 5), "{error}");
    // The dead hold nothing.
    holder.kill();
    for _ in 0..100 {
        camera.send(&image).expect("all came back");
    }
    cue.say("done");
}

/// Role: keeps all blocks itself.
pub(crate) fn keep_all(cue: &mut Cue) {
    let disk = Disk::of_self();
    let here = join(disk.path()).expect("there is room");
    let mut camera = publisher(&here, "camera").expect("there is room");
    camera.send(&vec![1; BYTES]).expect("there is room");
    let mut kept: Vec<Block> = Vec::new();
    let error = loop {
        match here.allocate(BYTES as u64) {
            Ok(block) => kept.push(block.freeze()),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::ShmFull { bytes: 65_536, .. }), "{error:?}");
    assert!(error.to_string().starts_with("shared memory is full: no room for 65536 bytes in "), "{error}");
    assert!(kept.len() > 50, "{} blocks of 64 KiB in 4 MiB", kept.len());
    let free = disk.free();
    for _ in 0..100 {
        assert!(matches!(camera.send(&vec![1; BYTES]), Err(Error::ShmFull { .. })));
        assert!(matches!(camera.send(&vec![1; 10 * BYTES]), Err(Error::ShmFull { .. })));
    }
    camera.send(&[1; 100]).expect("it needs no page");
    assert_eq!(disk.free(), free, "what was refused has taken nothing");
    // Free blocks of one size make room for another.
    kept.truncate(20);
    camera.send(&vec![1; 10 * BYTES]).expect("there is room again");
    for _ in 0..50 {
        camera.send(&vec![1; BYTES]).expect("there is room again");
    }
    cue.say("done");
}

/// Role: a process dies that has the disk full; a cleaning gives it back, though there is no page for a tombstone.
pub(crate) fn clean_after_a_death(cue: &mut Cue) {
    let disk = Disk::of_self();
    let here = join(disk.path()).expect("there is room");
    let before = disk.free();
    let mut child = holder();
    order(&mut child, "2000000");
    disk.leave(0);
    child.kill();
    let report = clean_up(disk.path()).expect("a cleaning needs no room");
    assert_eq!((report.pools, report.processes.len()), (1, 1), "{report:?}");
    assert!(report.bytes > 2_000_000 && report.faults.is_empty(), "{report:?}");
    let census = Census::take(here.namespace()).expect("looking needs no room");
    assert_eq!(census.tombstones.len(), 1, "put up once there was room again");
    disk.make_room();
    // A tombstone takes a page.
    until("all is free again", || disk.free() + 1 >= before);
    drop(here);
    cue.say("done");
}

/// Role: asks for more than there is, in pieces of which some could be had.
pub(crate) fn reserve_too_much(cue: &mut Cue) {
    let disk = Disk::of_self();
    let here = join(disk.path()).expect("there is room");
    let mut map = publisher(&here, "map").expect("there is room");
    let free = disk.free();
    let error = map.send(&vec![1; 100 << 20]).expect_err("no room");
    assert!(matches!(error, Error::ShmFull { .. }), "{error}");
    assert_eq!(disk.free(), free, "pages of a block that nobody has");

    let spec = TopicSpec { capacity: 4 << 20, depth: 32, ..dict() };
    let topic = TopicName::new("wide").expect("a good name");
    // It holds the topic, so that no cleaning removes what is left behind.
    let holder =
        Subscriber::open(&here, &topic, Some(&spec), Default::default()).expect("a ring is made later");
    let free = disk.free();
    for _ in 0..3 {
        let error = Publisher::open(&here, &topic, &spec, Default::default()).expect_err("no room");
        assert!(matches!(error, Error::ShmFull { .. }), "{error}");
        assert_eq!(disk.free(), free, "pages of a ring that nobody has");
    }
    drop(holder);
    map.send(&vec![1; 20 << 20]).expect("there is room");
    cue.say("done");
}
