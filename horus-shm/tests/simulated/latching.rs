//! A latched publisher's newest message reaches who comes late, while the publisher lives, and never afterwards.

use crate::scene::{A, LARGE, run};
use horus_shm::sim::{Cast, Stage};
use horus_shm::{PublisherOptions, SubscriberOptions};
use std::sync::{Arc, Mutex};

#[test]
fn who_comes_late_hears_the_newest_of_the_living_alone() {
    run("latching", 2, 1, |hall, stage| {
        let ends: Arc<Mutex<[End; 2]>> = Arc::default();
        let mut before: Option<usize> = None;
        for (id, name) in [(0, "first"), (1, "second")] {
            let (hall, ends) = (hall.clone(), ends.clone());
            let waits_for = before;
            before = Some(stage.process(name, Cast::Mortal, move || {
                waits_for.into_iter().for_each(Stage::wait_end);
                let here = hall.join();
                let options = PublisherOptions { latched: true, ..Default::default() };
                {
                    let ending = Ending { ends, id, hall: hall.clone() };
                    let mut voice = hall.publisher(&here, A, id as u64, options).expect("one type");
                    for number in 0..4 {
                        voice.say(if number % 2 == 0 { 24 } else { LARGE });
                        horus_shm::now_ns();
                    }
                    ending.begin();
                }
                // Closed, while its process lives on.
                for _ in 0..Stage::below(400) {
                    horus_shm::now_ns();
                }
            }));
        }
        for name in ["late", "later", "latest"] {
            let (hall, ends) = (hall.clone(), ends.clone());
            stage.process(name, Cast::Immortal, move || {
                for _ in 0..Stage::below(6) {
                    horus_shm::now_ns();
                }
                let here = hall.join();
                let said: Vec<Option<u64>> = (0..2).map(|id| hall.ledger.newest(id)).collect();
                let mut listener =
                    hall.subscriber(&here, Some(A), SubscriberOptions::default()).expect("one type");
                listener.drain();
                let now = *ends.lock().expect("no panic while it is held");
                for id in 0..2u64 {
                    let heard: Vec<_> =
                        listener.ear.heard.iter().filter(|heard| heard.publisher == id).collect();
                    let end = now[id as usize];
                    match said[id as usize] {
                        // Lived all the while, had said something before.
                        Some(newest) if end.began.is_none() => assert!(
                            listener.subscriber.dropped() > 0
                                || heard.iter().any(|heard| heard.number >= newest),
                            "{id} has said {newest}, and this heard {heard:?}"
                        ),
                        _ if end.ended.is_some_and(|ended| ended < listener.ear.came) => {
                            assert!(heard.is_empty(), "{id} was gone, and this heard {heard:?}");
                        }
                        _ => {}
                    }
                }
                listener.check();
            });
        }
        let hall = hall.clone();
        stage.process("cleaner", Cast::Mortal, move || {
            hall.clean();
        });
    });
}

/// When a publisher's end began, and when it was over; None while it isn't so.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    began: Option<u64>,
    ended: Option<u64>,
}

/// Notes a publisher's end, also by a kill.
struct Ending {
    ends: Arc<Mutex<[End; 2]>>,
    id: usize,
    hall: crate::scene::Hall,
}

impl Ending {
    fn begin(&self) {
        let now = self.hall.ledger.now();
        let mut ends = self.ends.lock().expect("no panic while it is held");
        ends[self.id].began.get_or_insert(now);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        // What was declared after it is gone by now, the publisher too.
        self.begin();
        let now = self.hall.ledger.now();
        self.ends.lock().expect("no panic while it is held")[self.id].ended = Some(now);
    }
}
