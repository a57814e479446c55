//! A publisher of blocks is killed and another one takes its lane over, while readers hold blocks of the dead.

use crate::scene::{A, LARGE, read, run};
use horus_shm::sim::{Cast, Stage};
use horus_shm::{Payload, PublisherOptions, SubscriberOptions};

#[test]
fn a_lane_with_blocks_changes_hands() {
    run("handover", 2, 1, |hall, stage| {
        let mut before = None;
        for (id, name) in [(1, "first"), (2, "second"), (3, "third")] {
            let hall = hall.clone();
            let waits_for: Option<usize> = before;
            before = Some(stage.process(name, Cast::Mortal, move || {
                waits_for.into_iter().for_each(Stage::wait_end);
                let here = hall.join();
                let options = PublisherOptions::default();
                let mut voice = hall.publisher(&here, A, id, options).expect("one type");
                for number in 0..7 {
                    voice.say(if number % 3 == 2 { 24 } else { LARGE });
                }
                if Stage::below(2) == 0 {
                    Stage::die();
                }
            }));
        }
        let last = before.expect("three of them");
        for name in ["reader", "holder"] {
            let hall = hall.clone();
            stage.process(name, Cast::Immortal, move || {
                let here = hall.join();
                let mut listener =
                    hall.subscriber(&here, Some(A), SubscriberOptions::default()).expect("one type");
                let mut held = Vec::new();
                let mut ended = false;
                let ledger = hall.ledger.clone();
                loop {
                    let received = listener.subscriber.recv().expect("nothing is damaged");
                    match received {
                        Some(received) => {
                            let (publisher, number) = match received.payload {
                                Payload::Inline(bytes) => read(bytes),
                                Payload::Block { block, .. } => {
                                    let what = read(block.bytes());
                                    if name == "holder" {
                                        held.push((what, block));
                                    }
                                    what
                                }
                            };
                            let latched = false;
                            listener.ear.heard.push(crate::ledger::Heard { publisher, number, latched });
                        }
                        None if ended => break,
                        None => {
                            if Stage::below(4) == 0 {
                                Stage::wait_end(last);
                                listener.ear.looked = ledger.now();
                                ended = true;
                            }
                        }
                    }
                    for (what, block) in &held {
                        assert_eq!(read(block.bytes()), *what, "a block changed that is pinned");
                    }
                    if held.len() > 4 {
                        held.remove(0);
                    }
                }
                listener.check();
            });
        }
        let hall = hall.clone();
        stage.process("cleaner", Cast::Mortal, move || {
            for _ in 0..3 {
                hall.clean();
            }
            Stage::wait_end(last);
            hall.clean();
        });
    });
}
