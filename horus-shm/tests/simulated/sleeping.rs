//! Nobody sleeps for ever: not beside a publisher that was killed before it woke anybody, not on a topic that isn't there
//! yet, not on one whose type has changed.

use crate::scene::{A, B, Hall, run};
use horus_shm::PublisherOptions;
use horus_shm::sim::{Cast, Stage, until};

const LAST: u64 = 99;

/// A process that waits for the last publisher, and has missed nothing then.
fn sleeper(hall: &Hall, stage: &Stage, name: &'static str, type_name: Option<&'static str>) -> usize {
    let hall = hall.clone();
    stage.process(name, Cast::Immortal, move || {
        let here = hall.join();
        let mut listener = hall.listener(&here, type_name);
        listener.wait_for(LAST);
        listener.check();
    })
}

#[test]
fn sleepers_wake_for_what_is_sent() {
    run("sleeping", 2, 1, |hall, stage| {
        let listeners: Vec<usize> = [("typed sleeper", Some(A)), ("untyped sleeper", None)]
            .into_iter()
            .map(|(name, type_name)| sleeper(hall, stage, name, type_name))
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
        let listener = sleeper(hall, stage, "sleeper", None);
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

/// Who replaces the topic is killed when the name leads to the new file and nobody was told. Whoever sends there tells.
#[test]
fn an_untyped_sleeper_wakes_though_who_changed_the_type_told_nobody() {
    run("untold", 0, 1, |hall, stage| {
        let listener = sleeper(hall, stage, "sleeper", None);
        let mut before = None;
        for (id, name, type_name) in [(1, "as A", A), (2, "as B", B)] {
            let hall = hall.clone();
            let waits_for: Option<usize> = before;
            before = Some(stage.process(name, Cast::Mortal, move || {
                waits_for.into_iter().for_each(Stage::wait_end);
                let here = hall.join();
                hall.voice(&here, type_name, id).say(24);
                until("it listens", || hall.ledger.listeners() == 1);
            }));
        }
        let superseder = before.expect("two of them");
        Stage::die_at(superseder, "supersede.exchanged");
        let hall = hall.clone();
        stage.process("as B too", Cast::Immortal, move || {
            Stage::wait_end(superseder);
            let here = hall.join();
            let mut voice = hall.voice(&here, B, LAST);
            voice.say(24);
            Stage::wait_end(listener);
        });
    });
}

/// A publisher is killed when its message stands and before it has woken anybody. Whoever cleans up after it wakes.
#[test]
fn a_sleeper_wakes_for_a_message_of_the_dead() {
    run("unwoken", 0, 1, |hall, stage| {
        let listener = sleeper(hall, stage, "sleeper", Some(A));
        let speaker = stage.process("publisher", Cast::Mortal, {
            let hall = hall.clone();
            move || {
                let here = hall.join();
                until("it listens", || hall.ledger.listeners() == 1);
                hall.voice(&here, A, LAST).say(24);
            }
        });
        let points = ["lane.whole", "lane.head", "bell.seen", "bell.rung"];
        Stage::die_at(speaker, points[Stage::below(points.len() as u64) as usize]);
        let hall = hall.clone();
        stage.process("cleaner", Cast::Immortal, move || {
            Stage::wait_end(speaker);
            hall.clean();
            Stage::wait_end(listener);
        });
    });
}
