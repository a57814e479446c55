//! Several open a topic that isn't there yet: whoever is killed on the way, the others end on one file.

use crate::scene::{A, run};
use horus_shm::sim::{Cast, Stage};

#[test]
fn two_makers_and_two_who_listen_meet() {
    run("opening", 2, 1, |hall, stage| {
        let makers = [1, 2].map(|id| {
            let hall = hall.clone();
            let name = if id == 1 { "first maker" } else { "second maker" };
            stage.process(name, Cast::Mortal, move || {
                let here = hall.join();
                let mut voice = hall.voice(&here, A, id);
                for _ in 0..3 {
                    voice.say(24);
                }
            })
        });
        for (name, type_name) in [("typed", Some(A)), ("untyped", None)] {
            let hall = hall.clone();
            stage.process(name, Cast::Immortal, move || {
                let here = hall.join();
                let mut listener = hall.listener(&here, type_name);
                for maker in makers {
                    Stage::wait_end(maker);
                    listener.drain();
                }
                listener.drain();
                listener.check();
                assert!(!listener.subscriber.has_gap(), "one type alone leaves no gap");
            });
        }
        let hall = hall.clone();
        stage.process("cleaner", Cast::Mortal, move || {
            for _ in 0..3 {
                hall.clean();
            }
        });
    });
}
