//! Which blocks messages of which sizes get, and that the surplus goes.

use crate::content::{assert_is, made};
use crate::place::{
    DEPTH, dict, hand, image, join, order, pool_bytes, pools, publisher, receive, subscriber,
};
use crate::process::ShmFolder;
use horus_shm::{Census, Error, Payload};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

#[test]
fn blocks_are_as_large_as_their_class() {
    let edges = [
        (1, 4 * KIB),
        (1001, 4 * KIB),
        (4 * KIB, 4 * KIB),
        (4 * KIB + 1, 8 * KIB),
        (64 * KIB, 64 * KIB),
        (512 * KIB + 1, MIB),
        (MIB, MIB),
        (MIB + 1, MIB + 64 * KIB),
        (MIB + 64 * KIB, MIB + 64 * KIB),
        (MIB + 64 * KIB + 1, MIB + 128 * KIB),
    ];
    for (bytes, class) in edges {
        let folder = ShmFolder::new();
        let here = join(&folder);
        let block = here.allocate(bytes).expect("there is room");
        assert_eq!(block.len() as u64, bytes);
        let census = Census::take(here.namespace()).expect("it can be read");
        let found: Vec<_> = census.pools.iter().map(|pool| (pool.block_bytes, pool.blocks)).collect();
        assert_eq!(found, [(class, 1)], "for {bytes} bytes");
        assert_eq!(pool_bytes(folder.path()), class);
    }
}

#[test]
fn messages_at_the_edges_arrive_whole() {
    let folder = ShmFolder::new();
    let mut sender = hand(&folder);
    order(&mut sender, "open_dict state");
    let here = join(&folder);
    let mut state = subscriber(&here, "state", &dict());
    let sizes =
        [0, 1, 7, 999, 1000, 1001, 4095, 4096, 4097, MIB - 1, MIB, MIB + 1, MIB + 64 * KIB, 3 * MIB + 5];
    for (seed, bytes) in (0u64..).zip(sizes) {
        order(&mut sender, &format!("put state {seed} {bytes}"));
        let received = state.recv().expect("nothing is damaged").expect("sent");
        match received.payload {
            Payload::Inline(inline) => {
                assert!(bytes <= 1000, "{bytes} bytes came inline");
                assert_eq!(inline, made(seed, bytes as usize));
            }
            Payload::Block { block, meta } => {
                assert!(bytes > 1000, "{bytes} bytes came in a block");
                assert_eq!((block.bytes().len() as u64, meta.len()), (bytes, 0));
                assert_is(seed, block.bytes());
            }
        }
    }
    sender.finish();
}

#[test]
fn part_of_a_block_and_none_of_it() {
    let folder = ShmFolder::new();
    let here = join(&folder);
    let mut camera = publisher(&here, "camera", &image());
    let mut seen = subscriber(&here, "camera", &image());
    let block = here.allocate(5000).expect("there is room").freeze();
    for len in [0, 1, 4999, 5000] {
        camera.send_block(&block, len, &[]).expect("there is room");
        assert_eq!(receive(&mut seen).bytes().len() as u64, len);
    }
    let error = camera.send_block(&block, 5001, &[]).expect_err("more than it has");
    assert!(matches!(error, Error::TooLarge { bytes: 5001, limit: 5000, .. }), "{error}");
    let error = camera.send_block(&block, 1, &[0; 137]).expect_err("more than a slot has");
    assert!(matches!(error, Error::TooLarge { bytes: 137, limit: 136, .. }), "{error}");
    assert!(seen.recv().expect("nothing is damaged").is_none(), "what failed was not sent");
    assert_eq!(camera.sent(), 4);
    assert!(matches!(here.allocate(1 << 45), Err(Error::TooLarge { .. })));
}

#[test]
fn two_hundred_megabytes_in_one_message() {
    let folder = ShmFolder::new();
    let mut sender = hand(&folder);
    order(&mut sender, "open_dict map");
    let here = join(&folder);
    let mut map = subscriber(&here, "map", &dict());
    let bytes = 200_000_000;
    order(&mut sender, &format!("put map 9 {bytes}"));
    let received = receive(&mut map);
    assert_eq!(received.bytes().len(), bytes);
    assert_is(9, received.bytes());
    drop(received);
    sender.finish();
    drop((map, here));
    assert_eq!(pools(folder.path()), []);
}

#[test]
fn publishers_of_different_sizes_share_nothing_but_the_process() {
    let folder = ShmFolder::new();
    let mut sender = hand(&folder);
    let here = join(&folder);
    let sizes = [3000, 30_000, 300_000, 3_000_000];
    let mut readers: Vec<_> = sizes
        .iter()
        .map(|bytes| {
            let name = format!("size{bytes}");
            order(&mut sender, &format!("open {name}"));
            subscriber(&here, &name, &image())
        })
        .collect();
    for seed in 0..40 {
        for bytes in sizes {
            order(&mut sender, &format!("send size{bytes} {seed} {bytes}"));
        }
        for (reader, bytes) in readers.iter_mut().zip(sizes) {
            let block = receive(reader);
            assert_eq!(block.bytes().len(), bytes);
            assert_is(seed, block.bytes());
        }
    }
    // One pool for each size, each with a full ring, the next, and what makes scans rarer.
    let classes = [4 * KIB, 32 * KIB, 512 * KIB, 46 * 64 * KIB];
    let mut found: Vec<_> = pools(folder.path()).iter().map(|(_, bytes)| *bytes).collect();
    found.sort_unstable();
    assert_eq!(found.len(), classes.len());
    for (bytes, class) in found.into_iter().zip(classes) {
        assert!(
            (DEPTH + 1..=DEPTH + 1 + DEPTH / 2).contains(&(bytes / class)),
            "{bytes} of {class} bytes each"
        );
    }
    sender.finish();
}

#[test]
fn the_surplus_of_a_burst_is_given_back() {
    let folder = ShmFolder::new();
    let mut sender = hand(&folder);
    order(&mut sender, "open camera");
    let class = 64 * KIB;
    // More than one pool file has.
    order(&mut sender, &format!("keep 100 {class}"));
    assert_eq!(pools(folder.path()).len(), 2);
    assert_eq!(pool_bytes(folder.path()), 100 * class);
    order(&mut sender, "drop");
    order(&mut sender, &format!("burst camera 1 {class}"));
    assert_eq!(pool_bytes(folder.path()), (DEPTH + 2) * class, "what a ring and two more need");
    // What was given back is used again, and no third file is made.
    order(&mut sender, &format!("keep 120 {class}"));
    assert_eq!(pools(folder.path()).len(), 2);
    assert_eq!(pool_bytes(folder.path()), 121 * class);
    sender.finish();
}

#[test]
fn messages_of_ever_other_sizes_take_at_most_twice_what_the_ring_holds() {
    let folder = ShmFolder::new();
    let here = join(&folder);
    let mut map = publisher(&here, "map", &image());
    let mut seen = subscriber(&here, "map", &image());
    let sizes: Vec<u64> = (1..=40).map(|step| MIB + step * 64 * KIB).collect();
    let largest = *sizes.last().expect("forty");
    for round in 0..400 {
        let bytes = sizes[round * 7 % sizes.len()];
        map.send_with(bytes as usize, |whole| whole[..8].copy_from_slice(&round.to_le_bytes()))
            .expect("there is room");
        let block = receive(&mut seen);
        assert_eq!((block.bytes().len() as u64, block.bytes()[0]), (bytes, round as u8));
        let taken = pool_bytes(folder.path());
        // As much again as is in use may be free.
        assert!(taken <= 2 * (DEPTH + 1) * largest, "{taken} bytes after {round} messages");
    }
}

#[test]
fn a_publisher_that_goes_on_with_smaller_messages_gives_the_large_blocks_back() {
    const LARGE: u64 = 4 * MIB;
    let folder = ShmFolder::new();
    let here = join(&folder);
    let mut camera = publisher(&here, "camera", &image());
    let mut seen = subscriber(&here, "camera", &image());
    let mut send = |bytes: u64| {
        camera.send_with(bytes as usize, |whole| whole.fill(7)).expect("there is room");
        assert_eq!(receive(&mut seen).bytes().len() as u64, bytes);
    };
    (0..3 * DEPTH).for_each(|_| send(LARGE));
    (0..3 * DEPTH).for_each(|_| send(64 * KIB));
    // All but a few that were still in the ring when the smaller ones had enough.
    let taken = pool_bytes(folder.path());
    assert!(taken < DEPTH / 2 * LARGE, "{taken} bytes for messages of {}", 64 * KIB);
}
