//! A process joins while an owner of blocks scans the pins of those it knows, while others leave, and while the folders
//! come and go: no block is written again that somebody reads.

use crate::scene::{A, LARGE, read, run, spec, topic};
use horus_shm::sim::{Cast, Stage};
use horus_shm::{Payload, Subscriber};

#[test]
fn who_joins_during_a_scan_keeps_what_it_pins() {
    run("joining", 2, 1, |hall, stage| {
        let owner = stage.process("owner", Cast::Mortal, {
            let hall = hall.clone();
            move || {
                let here = hall.join();
                let mut voice = hall.voice(&here, A, 1);
                for _ in 0..24 {
                    voice.say(LARGE);
                }
            }
        });
        for name in ["first reader", "second reader"] {
            let hall = hall.clone();
            stage.process(name, Cast::Mortal, move || {
                for _ in 0..2 {
                    let here = hall.join();
                    let mut subscriber =
                        Subscriber::open(&here, &topic(), Some(&spec(A)), Default::default());
                    while let Err(horus_shm::Error::Busy { .. }) = subscriber {
                        assert!(Stage::troubles().1 > 0, "nobody is stopped");
                        subscriber = Subscriber::open(&here, &topic(), Some(&spec(A)), Default::default());
                    }
                    let mut subscriber = subscriber.expect("one type");
                    let mut held = Vec::new();
                    for _ in 0..12 {
                        if let Some(received) = subscriber.recv().expect("nothing is damaged")
                            && let Payload::Block { block, .. } = received.payload
                        {
                            let what = read(block.bytes());
                            held.push((what, block));
                        }
                        for (what, block) in &held {
                            assert_eq!(read(block.bytes()), *what, "a block changed that is pinned");
                        }
                        if Stage::below(3) == 0 {
                            held.clear();
                        }
                        horus_shm::now_ns();
                    }
                }
            });
        }
        let hall = hall.clone();
        stage.process("cleaner", Cast::Mortal, move || {
            for _ in 0..2 {
                hall.clean();
            }
            Stage::wait_end(owner);
            hall.clean();
        });
    });
}
