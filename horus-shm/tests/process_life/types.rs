//! Types and depths: what a topic is, who decides it, and how it changes.

use crate::actor::{Actor, expect_nothing_left, settings, until_asleep};
use crate::process::ShmFolder;
use horus_shm::{Census, Namespace};

#[test]
fn the_first_decides_the_depth_and_the_others_are_told() {
    let folder = ShmFolder::new();
    let (mut a, mut b) = (Actor::start(&folder), Actor::start(&folder));
    assert_eq!(a.ask("pub p t T depth 10"), "16", "rounded up");
    assert_eq!(b.ask("pub p t T depth 100"), "16", "as it is");
    assert_eq!(b.ask("pub q t T"), "16");
    b.ask("sub s t T depth 256");
    assert_eq!(b.ask("type s"), "T 16");
    let census = Census::take(&Namespace::open(&settings(&folder)).expect("ours")).expect("can be read");
    let mut asked: Vec<u32> = census
        .participants
        .iter()
        .flat_map(|participant| &participant.endpoints)
        .map(|endpoint| endpoint.depth_asked)
        .collect();
    asked.sort_unstable();
    assert_eq!(asked, [0, 0, 100, 256]);
    // Once nobody uses it any more a newcomer decides anew.
    a.finish();
    b.ask("close p");
    b.ask("close q");
    b.ask("close s");
    assert_eq!(b.ask("pub p t T depth 1"), "8", "at least eight");
    assert_eq!(b.ask("pub q u T depth 1048576"), "1048576");
    assert!(b.fails("pub r v T depth 1048577").starts_with("TooLarge"));
    b.finish();
    expect_nothing_left(&folder);
}

#[test]
fn another_type_is_refused_naming_who_uses_it() {
    let folder = ShmFolder::new();
    let (mut driver, mut logger) = (Actor::start(&folder), Actor::start(&folder));
    driver.ask("node driver");
    driver.ask("pub p t Imu");
    logger.ask("sub s t Imu");
    let mut other = Actor::start(&folder);
    for open in ["pub p t Twist", "sub s t Twist"] {
        let error = other.fails(open);
        assert!(error.starts_with("TypeMismatch: topic 't' holds Imu, not Twist; in use by "), "{error}");
        assert!(error.contains(&format!("driver (pid {})", driver.pid())), "{error}");
        assert!(error.contains(&format!("pid {}", logger.pid())), "{error}");
    }
    other.ask("sub untyped t -");
    assert_eq!(other.ask("type untyped"), "Imu 64");
    // The dead are not named, and the last one's end frees the topic.
    driver.ask("end_nodes");
    driver.kill();
    let error = other.fails("pub p t Twist");
    assert!(!error.contains("driver") && error.contains(&format!("pid {}", logger.pid())), "{error}");
    logger.kill();
    other.ask("pub p t Twist");
    assert_eq!(other.ask("type untyped"), "Imu 64", "as far as it has read");
    assert_eq!(other.ask("take untyped"), "");
    assert_eq!(other.ask("type untyped"), "Twist 64");
    other.finish();
    expect_nothing_left(&folder);
}

#[test]
fn an_untyped_reader_follows_an_edited_type() {
    for asleep in [false, true] {
        let folder = ShmFolder::new();
        let mut reader = Actor::start(&folder);
        reader.ask("sub s t -");
        let mut expected = String::new();
        for (run, kind) in ["V1", "V2", "V3", "V1"].into_iter().enumerate() {
            if asleep {
                reader.begin("wait s");
                until_asleep(&reader);
            }
            let mut publisher = Actor::start(&folder);
            publisher.ask(&format!("pub p t {kind}"));
            for bytes in [24, 5000] {
                publisher.ask(&format!("send p {run} 1 {bytes}"));
                expected.push_str(&format!("{run} "));
            }
            if run % 2 == 0 {
                publisher.kill()
            } else {
                publisher.finish()
            }
            if asleep {
                assert_eq!(reader.answer(), "true");
            }
            assert_eq!(reader.ask("take s"), expected.trim_end(), "all of each run, none of another");
            assert_eq!(reader.ask("type s"), format!("{kind} 64"));
            expected.clear();
        }
        assert_eq!(reader.ask("counts s"), "8 0 0");
        reader.finish();
        expect_nothing_left(&folder);
    }
}

#[test]
fn what_was_sent_under_the_old_type_is_read_before_the_new() {
    let folder = ShmFolder::new();
    let mut reader = Actor::start(&folder);
    let mut first = Actor::start(&folder);
    first.ask("pub p t V1");
    reader.ask("sub s t -");
    first.ask("send p 0 3 24");
    first.ask("send p 3 3 5000");
    first.kill();
    let mut second = Actor::start(&folder);
    second.ask("pub p t V2");
    second.ask("send p 6 2 5000");
    second.ask("send p 8 2 24");
    second.ask("clean");
    assert_eq!(reader.ask("take s"), "0 1 2 3 4 5 6 7 8 9");
    assert_eq!(reader.ask("counts s"), "10 0 0");
    [reader, second].into_iter().for_each(Actor::finish);
    expect_nothing_left(&folder);
}

#[test]
fn two_that_come_at_once_after_an_untyped_reader_meet() {
    let folder = ShmFolder::new();
    for round in 0..20 {
        let mut reader = Actor::start(&folder);
        reader.ask(&format!("sub s t{round} -"));
        let mut pair: Vec<Actor> = (0..2).map(|_| Actor::start(&folder)).collect();
        pair.iter_mut().for_each(|actor| drop(actor.ask("join")));
        pair.iter_mut().for_each(|actor| actor.begin(&format!("pub p t{round} T")));
        pair.iter_mut().for_each(|actor| drop(actor.answer()));
        for (index, actor) in pair.iter_mut().enumerate() {
            actor.ask(&format!("send p {} 2 24", 10 * index));
        }
        assert_eq!(reader.ask("take s"), "0 1 10 11");
        // Neither may come alone from now on: both hold the same file.
        assert_eq!(reader.ask("counts s"), "4 0 0");
        pair.into_iter().chain([reader]).for_each(Actor::finish);
    }
    expect_nothing_left(&folder);
}

#[test]
fn two_types_that_come_at_once_end_as_one_and_an_error() {
    let folder = ShmFolder::new();
    for round in 0..20 {
        let mut pair: Vec<Actor> = (0..2).map(|_| Actor::start(&folder)).collect();
        pair.iter_mut().for_each(|actor| drop(actor.ask("join")));
        pair.iter_mut()
            .enumerate()
            .for_each(|(index, actor)| actor.begin(&format!("pub p t{round} V{index}")));
        let replies: Vec<String> = pair.iter_mut().map(Actor::hears).collect();
        let won = replies.iter().filter(|reply| *reply == "ok 64").count();
        let refused = replies.iter().filter(|reply| reply.starts_with("error TypeMismatch: ")).count();
        assert_eq!((won, refused), (1, 1), "{replies:?}");
        let winner = replies.iter().position(|reply| reply == "ok 64").expect("counted");
        let pid = format!("pid {}", pair[winner].pid());
        assert!(replies[1 - winner].contains(&pid), "{replies:?} names {pid}");
        pair.into_iter().for_each(Actor::finish);
    }
    expect_nothing_left(&folder);
}
