//! Blocks that a reader holds, whatever becomes of their publisher.

use crate::content::assert_is;
use crate::place::{
    assert_blocks, clean_up, hand, image, join, order, pool_bytes, pools, receive, subscriber,
};
use crate::process::ShmFolder;

/// 640x480x3.
const BYTES: usize = 921_600;

#[test]
fn a_held_block_stays_while_its_publisher_sends_on() {
    let folder = ShmFolder::new();
    let mut sender = hand(&folder);
    order(&mut sender, "open camera");
    let here = join(&folder);
    let mut camera = subscriber(&here, "camera", &image());
    for seed in 1..=3 {
        order(&mut sender, &format!("send camera {seed} {BYTES}"));
    }
    let held: Vec<_> = (0..3).map(|_| receive(&mut camera)).collect();
    order(&mut sender, &format!("burst camera 10000 {BYTES}"));
    for (seed, block) in (1..).zip(&held) {
        assert_is(seed, block.bytes());
    }
    assert!(camera.recv().expect("nothing is damaged").is_some(), "the newest are still there");
    assert!(camera.dropped() >= 10_000 - 8);
    sender.finish();
}

#[test]
fn a_held_block_outlives_its_killed_publisher_and_goes_with_its_pin() {
    let folder = ShmFolder::new();
    let mut sender = hand(&folder);
    order(&mut sender, "open camera");
    let here = join(&folder);
    let mut camera = subscriber(&here, "camera", &image());
    for seed in 1..=4 {
        order(&mut sender, &format!("send camera {seed} {BYTES}"));
    }
    let first = receive(&mut camera);
    let second = receive(&mut camera);
    sender.kill();
    // Two messages are unread, so nothing of the pool may go, whoever cleans.
    let report = clean_up(&folder);
    assert_eq!((report.pools, report.kept.len()), (0, 1), "{report:?}");
    assert!(report.kept[0].contains("unread messages on 'camera'"), "{report:?}");
    assert_is(3, receive(&mut camera).bytes());
    assert_is(4, receive(&mut camera).bytes());
    // All is read, two blocks are held: the pool is closed now, and still stays.
    let report = clean_up(&folder);
    assert_eq!(report.pools, 0, "{report:?}");
    assert!(report.kept[0].contains(&format!("pid {} holds 2 blocks", std::process::id())), "{report:?}");
    assert_is(1, first.bytes());
    drop(first);
    assert_eq!(clean_up(&folder).pools, 0, "one is still held");
    assert_is(2, second.bytes());
    assert_eq!(pools(folder.path()).len(), 1);
    drop(second);
    let report = clean_up(&folder);
    assert_eq!((report.pools, report.kept.len()), (1, 0), "{report:?}");
    assert_eq!(pools(folder.path()), []);
}

#[test]
fn a_stopped_reader_holds_its_block_and_a_killed_one_nothing() {
    let folder = ShmFolder::new();
    let mut sender = hand(&folder);
    order(&mut sender, "open camera");
    let mut holder = crate::place::role("hold", &folder).spawn();
    holder.expect("ready");
    order(&mut sender, &format!("send camera 7 {BYTES}"));
    holder.expect("held");
    holder.stop();
    order(&mut sender, &format!("burst camera 500 {BYTES}"));
    holder.resume();
    holder.tell("look");
    holder.expect("same");
    // Ring, the next block, and the held one.
    assert_blocks(folder.path(), 10, 1 << 20);
    let before = pool_bytes(folder.path());
    holder.kill();
    order(&mut sender, &format!("burst camera 500 {BYTES}"));
    assert_eq!(pool_bytes(folder.path()), before, "the block came back and is used again, no more are made");
    sender.finish();
}

/// Role: joins `camera`, says `ready`, holds the first image it gets, which is 7, and looks at it when told.
pub(crate) fn hold(cue: &mut crate::process::Cue) {
    let here = crate::place::join_from_env();
    let mut camera = subscriber(&here, "camera", &image());
    cue.say("ready");
    while !camera.wait(None).expect("nothing is damaged") {}
    let block = receive(&mut camera);
    cue.say("held");
    while cue.listen().is_some() {
        assert_is(7, block.bytes());
        cue.say("same");
    }
}

#[test]
fn who_reads_late_gets_whole_images_or_none() {
    for end in ["kill", "leave", "close then leave"] {
        let folder = ShmFolder::new();
        let mut sender = hand(&folder);
        order(&mut sender, "open camera");
        let here = join(&folder);
        let mut camera = subscriber(&here, "camera", &image());
        for seed in 1..=5 {
            order(&mut sender, &format!("send camera {seed} {BYTES}"));
        }
        assert_is(1, receive(&mut camera).bytes());
        match end {
            "kill" => sender.kill(),
            "leave" => order(&mut sender, "leave"),
            _ => {
                order(&mut sender, "close camera");
                order(&mut sender, "leave");
            }
        }
        clean_up(&folder);
        for seed in 2..=5 {
            assert_is(seed, receive(&mut camera).bytes());
        }
        assert_eq!((camera.received(), camera.dropped()), (5, 0), "after {end}");
        clean_up(&folder);
        assert_eq!(pools(folder.path()), [], "nobody wants anything any more after {end}");
    }
}

#[test]
fn an_image_whose_pool_was_removed_is_missed_not_empty() {
    let folder = ShmFolder::new();
    let here = join(&folder);
    let mut camera = subscriber(&here, "camera", &image());
    let participants = folder.path().join(crate::place::NAMESPACE).join("participants");
    let names = || std::fs::read_dir(&participants).expect("joined").flatten().map(|entry| entry.path());
    let ours: Vec<_> = names().collect();
    let mut sender = hand(&folder);
    order(&mut sender, "open camera");
    for seed in 1..=3 {
        order(&mut sender, &format!("send camera {seed} {BYTES}"));
    }
    assert_is(1, receive(&mut camera).bytes());
    // Somebody removes the sender's file, as a logout may: nothing says any more who wants its pool.
    for theirs in names().filter(|path| !ours.contains(path)) {
        std::fs::remove_file(theirs).expect("ours to remove");
    }
    sender.kill();
    assert_eq!(clean_up(&folder).pools, 1);
    assert!(camera.recv().expect("nothing is damaged").is_none());
    assert_eq!((camera.received(), camera.dropped()), (1, 2));
}
