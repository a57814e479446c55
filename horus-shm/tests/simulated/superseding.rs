//! A topic's type changes while somebody listens who takes any: it follows and hears all, or knows that it may not have.

use crate::scene::{A, B, Hall, run};
use horus_shm::sim::{Cast, Stage, until};
use horus_shm::{PublisherOptions, SubscriberOptions};

const LAST: u64 = 99;

/// Says a few words as a type, if nobody has another.
fn speak(hall: &Hall, type_name: &'static str, id: u64, count: u64) {
    let here = hall.join();
    if let Some(mut voice) = hall.publisher(&here, type_name, id, PublisherOptions::default()) {
        for _ in 0..count {
            voice.say(24);
        }
    }
}

/// Waits for what the last publisher says, asleep, while the others come and go.
fn listen(hall: &Hall) {
    let here = hall.join();
    let mut listener = hall.listener(&here, None);
    listener.wait_for(LAST);
    listener.drain();
    listener.check();
}

/// The last: once all others have ended it says one word, and stays until that was heard.
fn conclude(hall: &Hall, stage: &Stage, others: Vec<usize>, listeners: Vec<usize>) {
    let hall = hall.clone();
    stage.process("last", Cast::Immortal, move || {
        others.into_iter().for_each(Stage::wait_end);
        until("all listen", || hall.ledger.listeners() == listeners.len());
        let here = hall.join();
        let mut voice = hall.voice(&here, B, LAST);
        voice.say(24);
        listeners.into_iter().for_each(Stage::wait_end);
    });
}

#[test]
fn a_publisher_that_comes_back_with_another_type_is_followed() {
    run("restarting", 2, 1, |hall, stage| {
        let listener = stage.process("listener", Cast::Immortal, {
            let hall = hall.clone();
            move || listen(&hall)
        });
        let first = stage.process("as A", Cast::Mortal, {
            let hall = hall.clone();
            move || speak(&hall, A, 1, 3)
        });
        let second = stage.process("as B", Cast::Mortal, {
            let hall = hall.clone();
            move || {
                Stage::wait_end(first);
                speak(&hall, B, 2, 3);
            }
        });
        let third = stage.process("as A again", Cast::Mortal, {
            let hall = hall.clone();
            move || {
                Stage::wait_end(second);
                speak(&hall, A, 3, 2);
            }
        });
        conclude(hall, stage, vec![first, second, third], vec![listener]);
    });
}

#[test]
fn of_two_newcomers_of_two_types_one_wins() {
    run("newcomers", 2, 1, |hall, stage| {
        let listener = stage.process("listener", Cast::Immortal, {
            let hall = hall.clone();
            move || listen(&hall)
        });
        let mut others = Vec::new();
        for (name, type_name, id) in [("as A", A, 1), ("as B", B, 2), ("as A too", A, 3)] {
            let hall = hall.clone();
            others.push(stage.process(name, Cast::Mortal, move || speak(&hall, type_name, id, 2)));
        }
        let hall_of_cleaner = hall.clone();
        stage.process("cleaner", Cast::Mortal, move || {
            for _ in 0..2 {
                hall_of_cleaner.clean();
            }
        });
        conclude(hall, stage, others, vec![listener]);
    });
}

#[test]
fn a_typed_listener_keeps_its_type_from_being_superseded() {
    run("holding", 1, 1, |hall, stage| {
        // The processes are counted from 1, in the order of these lines.
        const FIRST: usize = 2;
        let listener = stage.process("listener", Cast::Immortal, {
            let hall = hall.clone();
            move || {
                let here = hall.join();
                let mut listener = None;
                until("nobody has another type", || {
                    listener = hall.subscriber(&here, Some(A), SubscriberOptions::default());
                    listener.is_some()
                });
                let mut listener = listener.expect("just opened");
                Stage::wait_end(FIRST);
                listener.drain();
                listener.check();
            }
        });
        let first = stage.process("as A", Cast::Mortal, {
            let hall = hall.clone();
            move || {
                for _ in 0..6 {
                    speak(&hall, A, 1 + 10 * Stage::below(1 << 40), 1);
                }
            }
        });
        assert_eq!(first, FIRST);
        let hall = hall.clone();
        stage.process("as B", Cast::Mortal, move || {
            for id in 2..5 {
                speak(&hall, B, id, 1);
            }
            Stage::wait_end(listener);
            hall.clean();
            speak(&hall, B, 5, 1);
        });
    });
}
