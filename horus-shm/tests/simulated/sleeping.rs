//! Nobody sleeps for ever: not beside a publisher that was killed before it woke anybody, not on a topic that isn't there
//! yet, not on one whose type has changed.

use crate::scene::{A, B, run};
use horus_shm::PublisherOptions;
use horus_shm::sim::{Cast, Stage, until};

const LAST: u64 = 99;

#[test]
fn sleepers_wake_for_what_is_sent() {
    run("sleeping", 2, 1, |hall, stage| {
        let listeners: Vec<usize> = [("typed sleeper", Some(A)), ("untyped sleeper", None)]
            .into_iter()
            .map(|(name, type_name)| {
                let hall = hall.clone();
                stage.process(name, Cast::Immortal, move || {
                    let here = hall.join();
                    let mut listener = hall.listener(&here, type_name);
                    listener.wait_for(LAST);
                    listener.check();
                })
            })
            .collect();
        let speakers: Vec<usize> = [1, 2]
            .into_iter()
            .map(|id| {
                let hall = hall.clone();
                stage.process(if id == 1 { "first" } else { "second" }, Cast::Mortal, move || {
                    let here = hall.join();
                    let mut voice = hall.voice(&here, A, id);
                    for _ in 0..3 {
                        voice.say(24);
                    }
                })
            })
            .collect();
        let hall = hall.clone();
        stage.process("last", Cast::Immortal, move || {
            speakers.into_iter().for_each(Stage::wait_end);
            until("all listen", || hall.ledger.listeners() == listeners.len());
            let here = hall.join();
            let mut voice = hall.voice(&here, A, LAST);
            voice.say(24);
            listeners.into_iter().for_each(Stage::wait_end);
        });
    });
}

#[test]
fn an_untyped_sleeper_wakes_when_the_type_changes() {
    run("following", 1, 1, |hall, stage| {
        let listener = stage.process("sleeper", Cast::Immortal, {
            let hall = hall.clone();
            move || {
                let here = hall.join();
                let mut listener = hall.listener(&here, None);
                listener.wait_for(LAST);
                listener.check();
            }
        });
        let first = stage.process("as A", Cast::Mortal, {
            let hall = hall.clone();
            move || {
                let here = hall.join();
                hall.voice(&here, A, 1).say(24);
            }
        });
        let hall = hall.clone();
        stage.process("as B", Cast::Immortal, move || {
            Stage::wait_end(first);
            until("it listens", || hall.ledger.listeners() == 1);
            let here = hall.join();
            let options = PublisherOptions::default();
            let mut voice = hall.publisher(&here, B, LAST, options).expect("the first has left");
            voice.say(24);
            Stage::wait_end(listener);
        });
    });
}
