//! What a closed publisher leaves, while its process lives on.

use crate::content::{assert_is, assert_stamped, stamp};
use crate::place::{
    DEPTH, NAMESPACE, assert_blocks, dict, hand, image, join, join_from_env, order, pool_bytes, publisher,
    receive, role, subscriber, taken,
};
use crate::process::{Cue, ShmFolder};
use horus_shm::Payload;
use std::path::PathBuf;

/// Blocks of this size are exactly as large as their class.
const BYTES: u64 = 64 << 10;

#[test]
fn unread_images_of_a_closed_publisher_stay_whole_and_come_back_when_read() {
    let folder = ShmFolder::new();
    let mut sender = hand(&folder);
    order(&mut sender, "open left");
    order(&mut sender, "open right");
    let here = join(&folder);
    let mut left = subscriber(&here, "left", &image());
    for seed in 1..=DEPTH {
        order(&mut sender, &format!("send left {seed} {BYTES}"));
    }
    order(&mut sender, "close left");
    order(&mut sender, &format!("burst right 1000 {BYTES}"));
    // Both rings and the next block.
    assert_blocks(folder.path(), 2 * DEPTH + 1, BYTES);
    let before = pool_bytes(folder.path());
    for seed in 1..=DEPTH {
        assert_is(seed, receive(&mut left).bytes());
    }
    assert_eq!((left.received(), left.dropped()), (DEPTH, 0));
    // Now they are of use: more blocks than are free otherwise, and none is made for them.
    order(&mut sender, &format!("keep {DEPTH} {BYTES}"));
    assert!(pool_bytes(folder.path()) <= before);
    sender.finish();
}

#[test]
fn who_joins_after_the_close_holds_nothing_back() {
    let folder = ShmFolder::new();
    let mut sender = hand(&folder);
    order(&mut sender, "open left");
    order(&mut sender, &format!("burst left 8 {BYTES}"));
    order(&mut sender, "close left");
    let here = join(&folder);
    let mut left = subscriber(&here, "left", &image());
    assert!(left.recv().expect("nothing is damaged").is_none());
    order(&mut sender, &format!("keep {DEPTH} {BYTES}"));
    assert_eq!(pool_bytes(folder.path()), DEPTH * BYTES);
    sender.finish();
}

/// Plays a role alone: in a process that starts others, a child that is just being started holds a closed
/// publisher's lane for a moment, and the next one takes another.
fn alone(name: &str, reads: bool) {
    let folder = ShmFolder::new();
    let mut child = role(name, &folder).argument(reads).argument(folder.path().display()).spawn();
    child.expect("done");
    child.finish();
    assert!(!folder.path().join(NAMESPACE).exists(), "left: {:?}", folder.files());
}

#[test]
fn a_thousand_rounds_of_open_send_close_leave_nothing() {
    alone("rounds", true);
}

#[test]
fn a_thousand_rounds_before_a_reader_that_never_reads_leave_nothing() {
    alone("rounds", false);
}

#[test]
fn a_thousand_topics_that_come_and_go_leave_no_block() {
    alone("topics", false);
}

/// Role: opens, sends three images and closes, a thousand times over.
pub(crate) fn rounds(cue: &mut Cue) {
    let (reads, folder): (bool, PathBuf) = (cue.argument(), cue.argument());
    let here = join_from_env();
    let mut reader = subscriber(&here, "camera", &image());
    let mut settled = 0;
    for round in 1..=1000u64 {
        let mut camera = publisher(&here, "camera", &image());
        for number in 0..3 {
            let mut block = here.allocate(BYTES).expect("there is room");
            stamp(3 * (round - 1) + number, &mut block);
            camera.send_block(&block.freeze(), BYTES, &[]).expect("there is room");
        }
        drop(camera);
        while reads && let Some(received) = reader.recv().expect("nothing is damaged") {
            let Payload::Block { block, .. } = received.payload else { panic!("sent as a block") };
            assert_stamped(received.sequence, block.bytes());
        }
        // A ring, the one being sent, and three that a closed publisher left and nobody looked for yet.
        assert!(pool_bytes(&folder) <= (DEPTH + DEPTH / 2 + 4) * BYTES, "round {round}");
        if round == 100 {
            settled = taken(&folder);
        }
    }
    assert_eq!(taken(&folder), settled);
    assert_eq!((reader.received(), reader.dropped()), if reads { (3000, 0) } else { (0, 0) });
    cue.say("done");
}

/// Role: sends large messages on ten topics in turn, each time through a new publisher.
pub(crate) fn topics(cue: &mut Cue) {
    let (_, folder): (bool, PathBuf) = (cue.argument(), cue.argument());
    let here = join_from_env();
    let bytes = vec![7; 5000];
    let mut settled = 0;
    for round in 0..1000 {
        let mut publisher = publisher(&here, &format!("topic{}", round % 10), &dict());
        for _ in 0..4 {
            publisher.send(&bytes).expect("there is room");
        }
        if round == 100 {
            settled = taken(&folder);
        }
    }
    assert_eq!(taken(&folder), settled);
    cue.say("done");
}
