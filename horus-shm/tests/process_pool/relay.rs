//! Blocks that go further than one topic.

use crate::content::{assert_is, fill};
use crate::place::{
    DEPTH, assert_blocks, clean_up, hand, image, join, order, pool_bytes, pools, publisher, receive,
    subscriber,
};
use crate::process::ShmFolder;
use horus_shm::{Census, Payload};

const BYTES: u64 = 64 << 10;

#[test]
fn an_image_sent_on_is_copied_into_the_relays_own_pool() {
    let folder = ShmFolder::new();
    let mut sender = hand(&folder);
    order(&mut sender, "open raw");
    let here = join(&folder);
    let mut raw = subscriber(&here, "raw", &image());
    let mut relayed = publisher(&here, "relayed", &image());
    let mut end = subscriber(&here, "relayed", &image());
    order(&mut sender, &format!("send raw 5 {BYTES}"));
    relayed.send(receive(&mut raw).bytes()).expect("there is room");
    let of = |id: u64| {
        let prefix = format!("{id:016x}-");
        pools(folder.path())
            .iter()
            .filter(|(name, _)| name.starts_with(&prefix))
            .map(|(_, bytes)| bytes)
            .sum::<u64>()
    };
    assert_eq!((of(here.id()), pool_bytes(folder.path())), (BYTES, 2 * BYTES));
    sender.kill();
    clean_up(&folder);
    assert_eq!((of(here.id()), pool_bytes(folder.path())), (BYTES, BYTES), "the sender's pool is gone");
    assert_is(5, receive(&mut end).bytes());
}

#[test]
fn one_block_goes_to_two_topics_and_twice_to_one() {
    let folder = ShmFolder::new();
    let here = join(&folder);
    let (mut left, mut right) = (publisher(&here, "left", &image()), publisher(&here, "right", &image()));
    let (mut from_left, mut from_right) =
        (subscriber(&here, "left", &image()), subscriber(&here, "right", &image()));
    let mut block = here.allocate(BYTES).expect("there is room");
    fill(1, &mut block);
    let block = block.freeze();
    left.send_block(&block, BYTES, b"first").expect("there is room");
    right.send_block(&block, 4096, b"").expect("there is room");
    left.send_block(&block, BYTES, b"second").expect("there is room");
    drop(block);
    assert_eq!(pool_bytes(folder.path()), BYTES);
    for expected in [&b"first"[..], b"second"] {
        let received = from_left.recv().expect("nothing is damaged").expect("sent");
        let Payload::Block { block, meta } = received.payload else { panic!("sent as a block") };
        assert_eq!(meta, expected);
        assert_is(1, block.bytes());
    }
    let small = receive(&mut from_right);
    assert_eq!(small.bytes().len(), 4096);
    // The left ring forgets it, the right one still names it, and it is pinned besides.
    let send_on = |publisher: &mut horus_shm::Publisher, count: u64| {
        for _ in 0..count {
            let mut block = here.allocate(BYTES).expect("there is room");
            block.fill(0xee);
            publisher.send_block(&block.freeze(), BYTES, &[]).expect("there is room");
        }
    };
    send_on(&mut left, 50);
    assert_is(1, small.bytes());
    drop(small);
    send_on(&mut left, 50);
    // A ring, the next, and what the right one names.
    assert_blocks(folder.path(), DEPTH + 2, BYTES);
    send_on(&mut right, 100);
    // Two rings and the next.
    assert_blocks(folder.path(), 2 * DEPTH + 1, BYTES);
    let census = Census::take(here.namespace()).expect("it can be read");
    assert_eq!(census.participants[0].pinned_blocks, 0);
    assert_eq!(census.pools.iter().map(|pool| pool.blocks).sum::<u64>(), pool_bytes(folder.path()) / BYTES);
}

#[test]
fn a_block_of_another_namespace_is_copied() {
    let (here, there) = (ShmFolder::new(), ShmFolder::new());
    let (from, to) = (join(&there), join(&here));
    let mut block = from.allocate(BYTES).expect("there is room");
    fill(3, &mut block);
    let block = block.freeze();
    let mut seen = subscriber(&to, "camera", &image());
    let mut camera = publisher(&to, "camera", &image());
    camera.send_block(&block, 5000, b"meta").expect("there is room");
    assert_eq!(pool_bytes(here.path()), 8192);
    drop((block, from));
    clean_up(&there);
    assert_eq!(pools(there.path()), []);
    let received = receive(&mut seen);
    assert_eq!(received.bytes().len(), 5000);
    assert_is(3, received.bytes());
}
