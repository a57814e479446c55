//! Endpoints of one type that ask for different depths: none is refused, and they all meet.

use crate::scene::{A, run};
use horus_shm::sim::{Cast, Stage};
use horus_shm::{PublisherOptions, SubscriberOptions};

#[test]
fn who_asks_for_another_depth_is_never_refused() {
    run("depths", 2, 1, |hall, stage| {
        let mut speakers = Vec::new();
        for (id, name, depth) in [(1, "of 8", Some(8)), (2, "of 32", Some(32)), (3, "of any", None)] {
            let hall = hall.clone();
            speakers.push(stage.process(name, Cast::Mortal, move || {
                let here = hall.join();
                let options = PublisherOptions { depth, ..Default::default() };
                let mut voice = hall.publisher(&here, A, id, options).expect("a depth is no type");
                for _ in 0..3 {
                    voice.say(24);
                }
            }));
        }
        for (name, type_name) in [("typed of 16", Some(A)), ("untyped", None)] {
            let (hall, speakers) = (hall.clone(), speakers.clone());
            stage.process(name, Cast::Immortal, move || {
                let here = hall.join();
                let options = SubscriberOptions { depth: Some(16), ..Default::default() };
                let mut listener = hall.subscriber(&here, type_name, options).expect("a depth is no type");
                for speaker in speakers {
                    Stage::wait_end(speaker);
                    listener.drain();
                }
                listener.drain();
                listener.check();
            });
        }
    });
}
