//! Shared memory that is deleted under the living, as logind does at logout.

use crate::actor::{Actor, NAMESPACE, expect_nothing_left};
use crate::process::ShmFolder;

#[test]
fn who_was_removed_can_tell_and_join_anew() {
    for whole_root in [false, true] {
        let folder = ShmFolder::new();
        let mut actors: Vec<Actor> = (0..2).map(|_| Actor::start(&folder)).collect();
        for actor in &mut actors {
            actor.ask("pub p t T");
            actor.ask("sub s t T");
            actor.ask("send p 0 2 5000");
            assert_eq!(actor.ask("linked"), "true");
        }
        if whole_root {
            for entry in std::fs::read_dir(folder.path()).expect("there").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    std::fs::remove_dir_all(path).expect("ours");
                } else {
                    std::fs::remove_file(path).expect("ours");
                }
            }
        } else {
            std::fs::remove_dir_all(folder.path().join(NAMESPACE)).expect("ours");
        }
        for actor in &mut actors {
            assert_eq!(actor.ask("linked"), "false");
            // What is open goes on, or says that it can't; nothing crashes.
            for command in ["send p 2 2 24", "send p 4 1 70000", "take s", "latest s"] {
                actor.begin(command);
                let reply = actor.hears();
                assert!(reply.starts_with("ok") || reply.starts_with("error "), "{reply}");
            }
            actor.ask("leave");
            actor.ask("sub s t T");
            assert_eq!(actor.ask("linked"), "true");
        }
        let mut newcomer = Actor::start(&folder);
        newcomer.ask("pub p t T");
        newcomer.ask("send p 7 1 24");
        newcomer.ask("send p 8 1 5000");
        for actor in &mut actors {
            assert_eq!(actor.ask("take s"), "7 8", "all meet again");
        }
        actors.into_iter().chain([newcomer]).for_each(Actor::finish);
        expect_nothing_left(&folder);
    }
}

#[test]
fn who_was_removed_does_not_come_back_half() {
    let folder = ShmFolder::new();
    let mut lost = Actor::start(&folder);
    lost.ask("pub p t T");
    std::fs::remove_dir_all(folder.path().join(NAMESPACE)).expect("ours");
    // A topic opened by one whom nobody can see would have readers whose pins nobody heeds.
    for open in ["pub q u T", "sub s u T"] {
        let error = lost.fails(open);
        assert!(error.starts_with("Refused: ") && error.contains("RemoveIPC"), "{error}");
    }
    assert!(lost.fails("send p 0 1 200000").starts_with("Refused: "), "nor a pool");
    lost.finish();
    expect_nothing_left(&folder);
}
