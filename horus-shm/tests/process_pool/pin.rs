//! The table of pins: its limit, many handles, many threads.

use crate::content::{assert_is, assert_stamped, fill};
use crate::place::{hand, image, join, order, pool_bytes, publisher, receive, subscriber};
use crate::process::ShmFolder;
use horus_shm::{Census, Error, Payload, PinnedBlock};
use std::sync::mpsc::channel;

/// How many blocks one process can hold at a time.
const PIN_MAX: usize = 65_536;

#[test]
fn the_block_beyond_the_limit_is_refused_and_the_next_after_one_is_dropped_is_not() {
    let folder = ShmFolder::new();
    let here = join(&folder);
    let mut camera = publisher(&here, "camera", &image());
    let mut seen = subscriber(&here, "camera", &image());
    let mut block = here.allocate(16).expect("there is room");
    fill(1, &mut block);
    let block = block.freeze();
    let mut held = Vec::with_capacity(PIN_MAX);
    for _ in 0..PIN_MAX {
        camera.send_block(&block, 16, &[]).expect("there is room");
        held.push(receive(&mut seen));
    }
    camera.send_block(&block, 16, &[]).expect("there is room");
    let error = seen.recv().expect_err("the table is full");
    assert!(matches!(error, Error::Limit { limit: 65_536, .. }), "{error:?}");
    let words = "this process has 65536 received blocks held already, which is the limit: let some go";
    assert_eq!(error.to_string(), words);
    assert_eq!((seen.received(), seen.dropped()), (PIN_MAX as u64, 1));
    let count = || Census::take(here.namespace()).expect("it can be read").participants[0].pinned_blocks;
    assert_eq!(count(), PIN_MAX as u64);
    drop(held.swap_remove(1000));
    camera.send_block(&block, 16, &[]).expect("there is room");
    held.push(receive(&mut seen));
    for block in &held {
        assert_is(1, block.bytes());
    }
    held.clear();
    assert_eq!(count(), 0);
}

#[test]
fn threads_hold_pass_on_and_drop_blocks_all_at_once() {
    const BYTES: usize = 16 << 10;
    const THREADS: usize = 6;
    let folder = ShmFolder::new();
    let mut sender = hand(&folder);
    order(&mut sender, "open camera");
    let here = join(&folder);
    let (ends, end): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| channel::<(u64, PinnedBlock)>()).unzip();
    let threads: Vec<_> = end
        .into_iter()
        .enumerate()
        .map(|(number, given)| {
            let mut camera = subscriber(&here, "camera", &image());
            // Each gives what it has held to the next.
            let next = ends[(number + 1) % THREADS].clone();
            std::thread::spawn(move || {
                let mut kept = Vec::new();
                while camera.received() + camera.dropped() < 3000 {
                    if !camera.has_msg().expect("nothing is damaged") {
                        camera.wait(None).expect("nothing is damaged");
                    }
                    let Some(received) = camera.recv().expect("nothing is damaged") else { continue };
                    let Payload::Block { block, .. } = received.payload else { panic!("sent as a block") };
                    // The first word of each page is the number that the hand counts down.
                    kept.push((u64::MAX - received.sequence, block));
                    if kept.len() > 5 {
                        let (number, block) = kept.remove(kept.len() / 2);
                        assert_stamped(number, block.bytes());
                        let _ = next.send((number, block));
                    }
                    while let Ok((number, block)) = given.try_recv() {
                        assert_stamped(number, block.bytes());
                    }
                }
                kept.iter().for_each(|(number, block)| assert_stamped(*number, block.bytes()));
                camera.received()
            })
        })
        .collect();
    drop(ends);
    order(&mut sender, &format!("burst camera 3000 {BYTES}"));
    for thread in threads {
        assert!(thread.join().expect("no image was torn") > 0);
    }
    let census = Census::take(here.namespace()).expect("it can be read");
    assert!(census.participants.iter().all(|participant| participant.pinned_blocks == 0));
    // All that the threads held comes back: nothing more is made.
    let bytes = pool_bytes(folder.path());
    order(&mut sender, &format!("burst camera 200 {BYTES}"));
    assert!(pool_bytes(folder.path()) <= bytes);
    sender.finish();
}
