//! What a closed publisher leaves, while its process lives on.

use crate::content::assert_is;
use crate::place::{
    DEPTH, dict, hand, image, join, order, pool_bytes, publisher, receive, subscriber, taken,
};
use crate::process::ShmFolder;

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
    assert_eq!(pool_bytes(folder.path()), (2 * DEPTH + 1) * BYTES);
    for seed in 1..=DEPTH {
        assert_is(seed, receive(&mut left).bytes());
    }
    assert_eq!((left.received(), left.dropped()), (DEPTH, 0));
    // Now they are of use: more blocks than are free otherwise, and none is made for them.
    order(&mut sender, &format!("keep {DEPTH} {BYTES}"));
    assert_eq!(pool_bytes(folder.path()), (2 * DEPTH + 1) * BYTES);
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

#[test]
fn a_thousand_rounds_of_open_send_close_leave_nothing() {
    for reads in [true, false] {
        let folder = ShmFolder::new();
        let here = join(&folder);
        let mut reader = subscriber(&here, "camera", &image());
        let mut settled = 0;
        for round in 1..=1000u64 {
            let mut camera = publisher(&here, "camera", &image());
            for number in 0..3 {
                let mut block = here.allocate(BYTES).expect("there is room");
                block[..8].copy_from_slice(&(3 * round + number).to_le_bytes());
                camera.send_block(&block.freeze(), BYTES, &[]).expect("there is room");
            }
            drop(camera);
            while reads && let Some(received) = reader.recv().expect("nothing is damaged") {
                assert_eq!(received.sequence + 3, 3 * round + (received.sequence) % 3);
            }
            assert!(pool_bytes(folder.path()) <= (DEPTH + 4) * BYTES, "round {round}");
            if round == 100 {
                settled = taken(folder.path());
            }
        }
        assert_eq!(taken(folder.path()), settled, "with a reader that reads: {reads}");
        if reads {
            assert_eq!((reader.received(), reader.dropped()), (3000, 0));
        }
    }
}

#[test]
fn a_thousand_topics_that_come_and_go_leave_no_block() {
    let folder = ShmFolder::new();
    let here = join(&folder);
    let bytes = vec![7; 5000];
    let mut settled = 0;
    for round in 0..1000 {
        let mut publisher = publisher(&here, &format!("topic{}", round % 10), &dict());
        for _ in 0..4 {
            publisher.send(&bytes).expect("there is room");
        }
        if round == 100 {
            settled = taken(folder.path());
        }
    }
    assert_eq!(taken(folder.path()), settled);
}
