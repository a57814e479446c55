//! Processes leave, or die, with nodes: who died without a stop gets a tombstone, nobody else, and who is back loses it.

use crate::scene::{A, run};
use horus_shm::sim::{Cast, Stage};
use horus_shm::{Census, Namespace, NodeName, NodeSpec};
use std::sync::{Arc, Mutex};

/// How far a life with a node came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// It has no node yet, or is just making it.
    Before,
    Entered,
    /// It is about to stop.
    Leaving,
    Left,
}

#[test]
fn who_died_is_mourned_and_who_left_is_not() {
    run("leaving", 2, 1, |hall, stage| {
        let lives = Arc::new(Mutex::new([Life::Before; 2]));
        let node = NodeName::new("arm").expect("a good name");
        let mut numbers: Vec<usize> = Vec::new();
        for (index, name) in ["first life", "second life"].into_iter().enumerate() {
            let (hall, lives, node) = (hall.clone(), lives.clone(), node.clone());
            let before = numbers.last().copied();
            numbers.push(stage.process(name, Cast::Mortal, move || {
                before.into_iter().for_each(Stage::wait_end);
                let enter = |life| lives.lock().expect("no panic while it is held")[index] = life;
                let here = hall.join();
                let record = here.add_node(&node, NodeSpec { rate_hz: 0.0 }).expect("there is room");
                enter(Life::Entered);
                let mut voice = hall.voice(&here, A, index as u64);
                voice.say(24);
                drop(voice);
                enter(Life::Leaving);
                drop(record);
                enter(Life::Left);
            }));
        }
        for name in ["cleaner", "other cleaner"] {
            let hall = hall.clone();
            stage.process(name, Cast::Mortal, move || {
                for _ in 0..2 {
                    hall.clean();
                }
            });
        }
        stage.wait_all();
        // Twice: the second finds a tombstone that the first put up.
        for _ in 0..2 {
            hall.clean();
        }
        let census = Census::take(&Namespace::open(&hall.settings).expect("a root")).expect("it is there");
        let lives = *lives.lock().expect("no panic while it is held");
        match lives {
            [_, Life::Entered] => assert_eq!(census.tombstones.len(), 1, "{census:?}"),
            [Life::Entered, Life::Before] => assert!(census.tombstones.len() <= 1),
            [Life::Left, Life::Left] => assert!(census.tombstones.is_empty(), "{census:?}"),
            _ => {}
        }
        assert!(census.participants.is_empty() && census.topics.is_empty(), "{census:?}");
    });
}
