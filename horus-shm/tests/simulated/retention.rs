//! A publisher of blocks dies: what it left stays until the living have read it, and no longer; who comes later hears
//! nothing of it.

use crate::scene::{A, LARGE, run};
use horus_shm::sim::{Cast, Stage, until};
use horus_shm::{Census, Namespace};

#[test]
fn blocks_of_the_dead_stay_until_they_are_read() {
    run("retention", 1, 1, |hall, stage| {
        let listens = stage.process("early listener", Cast::Immortal, {
            let hall = hall.clone();
            move || {
                let here = hall.join();
                let mut listener = hall.listener(&here, Some(A));
                // Its number: the processes are counted from 1, in the order of these lines.
                Stage::wait_end(2);
                listener.drain();
                assert_eq!(listener.subscriber.dropped(), 0, "fewer than the ring holds");
                listener.check();
            }
        });
        let speaks = stage.process("publisher", Cast::Mortal, {
            let hall = hall.clone();
            move || {
                let here = hall.join();
                let mut voice = hall.voice(&here, A, 1);
                for _ in 0..4 {
                    voice.say(LARGE);
                }
                if Stage::below(2) == 0 {
                    Stage::die();
                }
            }
        });
        for name in ["cleaner", "other cleaner"] {
            let hall = hall.clone();
            stage.process(name, Cast::Mortal, move || {
                hall.clean();
                Stage::wait_end(speaks);
                hall.clean();
            });
        }
        stage.process("late listener", Cast::Immortal, {
            let hall = hall.clone();
            move || {
                Stage::wait_end(speaks);
                let here = hall.join();
                let mut listener = hall.listener(&here, Some(A));
                listener.drain();
                assert!(listener.ear.heard.is_empty(), "it came too late: {:?}", listener.ear.heard);
                listener.check();
            }
        });
        let hall = hall.clone();
        stage.process("last cleaner", Cast::Immortal, move || {
            let here = hall.join();
            Stage::wait_end(listens);
            Stage::wait_end(5);
            while hall.clean().busy {}
            let census =
                Census::take(&Namespace::open(&hall.settings).expect("a root")).expect("it is there");
            assert!(census.pools.is_empty(), "all was read: {:?}", census.pools);
            let dead = census.participants.iter().filter(|participant| !participant.alive).count();
            assert_eq!((dead, census.faults.len()), (0, 0), "{census:?}");
            drop(here);
        });
    });
}

/// A cleaner lists the processes and is held up. Meanwhile a reader joins and a publisher it hears dies.
#[test]
fn who_joined_since_a_cleaner_looked_keeps_what_it_has_not_read() {
    run("late_reader", 0, 0, |hall, stage| {
        // The processes are counted from 1, in the order of these lines.
        const CLEANER: usize = 3;
        let speaks = stage.process("publisher", Cast::Mortal, {
            let hall = hall.clone();
            move || {
                let here = hall.join();
                until("it is heard", || hall.ledger.listeners() > 0);
                let mut voice = hall.voice(&here, A, 1);
                voice.say(LARGE);
                Stage::die();
            }
        });
        stage.process("reader", Cast::Immortal, {
            let hall = hall.clone();
            move || {
                let here = hall.join();
                let mut listener = hall.listener(&here, Some(A));
                Stage::wait_end(speaks);
                Stage::release(CLEANER);
                Stage::wait_end(CLEANER);
                listener.drain();
                assert_eq!((listener.ear.heard.len(), listener.subscriber.dropped()), (1, 0));
            }
        });
        let hall = hall.clone();
        let cleaner = stage.process("cleaner", Cast::Immortal, move || {
            hall.clean();
        });
        assert_eq!(cleaner, CLEANER);
        Stage::halt_at(CLEANER, "peers.listed");
    });
}

/// A cleaner lists the processes and is held up. Meanwhile a publisher joins, is heard and dies.
#[test]
fn what_who_joined_since_a_cleaner_looked_left_stays_until_it_is_read() {
    run("late_publisher", 0, 0, |hall, stage| {
        // The processes are counted from 1, in the order of these lines.
        const CLEANER: usize = 3;
        let reads = stage.process("reader", Cast::Immortal, {
            let hall = hall.clone();
            move || {
                let here = hall.join();
                let mut listener = hall.listener(&here, Some(A));
                Stage::wait_end(CLEANER);
                listener.drain();
                assert_eq!((listener.ear.heard.len(), listener.subscriber.dropped()), (1, 0));
            }
        });
        stage.process("publisher", Cast::Mortal, {
            let hall = hall.clone();
            move || {
                until("the cleaner has looked", || Stage::has_halted(CLEANER));
                let here = hall.join();
                let mut voice = hall.voice(&here, A, 1);
                voice.say(LARGE);
                Stage::release(CLEANER);
                Stage::die();
            }
        });
        let hall = hall.clone();
        let cleaner = stage.process("cleaner", Cast::Immortal, move || {
            until("the reader is there", || hall.ledger.listeners() == 1);
            hall.clean();
        });
        assert_eq!((reads, cleaner), (1, CLEANER));
        Stage::halt_at(CLEANER, "peers.listed");
    });
}
