//! Several clean at once, one of them is killed or stopped: what somebody holds stays, also what is just being opened.

use crate::scene::{A, run};
use horus_shm::sim::{Cast, Stage};

#[test]
fn what_is_held_stays_whoever_cleans() {
    run("cleaning", 2, 2, |hall, stage| {
        for name in ["cleaner", "other cleaner"] {
            let hall = hall.clone();
            stage.process(name, Cast::Mortal, move || {
                for _ in 0..3 {
                    hall.clean();
                }
            });
        }
        let speaker = stage.process("publisher", Cast::Immortal, {
            let hall = hall.clone();
            move || {
                // Comes and goes: each time the topic may be nobody's for a moment.
                for id in 0..3 {
                    let here = hall.join();
                    let mut voice = hall.voice(&here, A, id);
                    voice.say(24);
                    voice.say(24);
                }
            }
        });
        for (name, type_name) in [("typed", Some(A)), ("untyped", None)] {
            let hall = hall.clone();
            stage.process(name, Cast::Immortal, move || {
                let here = hall.join();
                let mut listener = hall.listener(&here, type_name);
                Stage::wait_end(speaker);
                listener.drain();
                listener.check();
                let linked = here.still_linked().expect("the folder is there");
                assert!(linked, "a living process was removed");
            });
        }
    });
}
