//! Moments that are no point between two instructions: asleep, holding what another sent, two who come at once.

use crate::actor::{Actor, bytes_taken, cleaned, expect_nothing_left, until_asleep};
use crate::process::{ShmFolder, until};

fn failing(folder: &ShmFolder, fail: &str) -> Actor {
    Actor::with(folder, |role| role.environment("HORUS_FAIL", fail))
}

/// Two who come to a topic that isn't there: one is stopped or killed when its file has no name yet.
fn half_made(folder: &ShmFolder, fail: &str, type_name: &str) -> (Actor, Actor) {
    let mut first = failing(folder, fail);
    first.begin("pub p new T");
    assert_eq!(first.answer_if_able(), None, "stopped or dead");
    let mut second = Actor::start(folder);
    second.ask(&format!("pub p new {type_name}"));
    (first, second)
}

#[test]
fn of_two_who_make_a_topic_at_once_the_later_uses_the_other_s() {
    let folder = ShmFolder::new();
    let (mut first, mut second) = half_made(&folder, "stop=topic.made", "T");
    second.ask("sub s new T");
    first.resume();
    first.answer();
    first.ask("sub s new T");
    first.ask("send p 1 3 24");
    second.ask("send p 11 3 5000");
    for actor in [&mut first, &mut second] {
        let mut got: Vec<u64> = actor.ask("take s").split_whitespace().map(|n| n.parse().unwrap()).collect();
        got.sort_unstable();
        assert_eq!(got, [1, 2, 3, 11, 12, 13]);
        assert_eq!(actor.ask("counts s"), "6 0 0");
    }
    [first, second].into_iter().for_each(Actor::finish);
    expect_nothing_left(&folder);
}

#[test]
fn of_two_who_make_a_topic_at_once_as_two_types_the_later_is_told() {
    let folder = ShmFolder::new();
    let (mut first, second) = half_made(&folder, "stop=topic.made", "U");
    first.resume();
    let error = first.hears();
    assert!(
        error.starts_with("error TypeMismatch: ") && error.contains(&second.pid().to_string()),
        "{error}"
    );
    [first, second].into_iter().for_each(Actor::finish);
    expect_nothing_left(&folder);
}

#[test]
fn of_two_who_make_a_topic_at_once_one_may_die() {
    let folder = ShmFolder::new();
    let (first, mut second) = half_made(&folder, "topic.made", "U");
    first.kill();
    second.ask("sub s new U");
    second.ask("send p 1 2 24");
    assert_eq!(second.ask("take s"), "1 2");
    second.finish();
    expect_nothing_left(&folder);
}

#[test]
fn who_waits_for_a_topic_finds_it_though_its_maker_died_before_it_said_so() {
    let folder = ShmFolder::new();
    let mut waiting = Actor::start(&folder);
    waiting.ask("sub s new -");
    waiting.begin("wait s");
    until_asleep(&waiting);
    let mut maker = failing(&folder, "topic.linked");
    maker.begin("pub p new T");
    assert_eq!(maker.answer_if_able(), None);
    let mut next = Actor::start(&folder);
    next.ask("pub p new T");
    next.ask("send p 1 3 24");
    assert_eq!(waiting.answer(), "true");
    assert_eq!(waiting.ask("take s"), "1 2 3");
    assert_eq!(waiting.ask("counts s"), "3 0 0");
    maker.kill();
    [waiting, next].into_iter().for_each(Actor::finish);
    expect_nothing_left(&folder);
}

#[test]
fn who_sleeps_on_a_file_that_lost_its_name_unsaid_hears_what_the_dead_left_there() {
    let folder = ShmFolder::new();
    let mut publisher = failing(&folder, "lane.head");
    publisher.ask("pub p t T");
    let mut sleeper = Actor::start(&folder);
    sleeper.ask("sub s t -");
    sleeper.begin("wait s");
    until_asleep(&sleeper);
    publisher.begin("send p 1 1 24");
    assert_eq!(publisher.answer_if_able(), None, "killed before it woke anybody");
    let mut other = failing(&folder, "supersede.exchanged");
    other.begin("pub p t U");
    assert_eq!(other.answer_if_able(), None, "killed before it told anybody");
    [publisher, other].into_iter().for_each(Actor::kill);
    // By the name it finds another file than the one that the message is in.
    cleaned(&folder, false);
    assert_eq!(sleeper.answer(), "true");
    assert_eq!(sleeper.ask("take s"), "1");
    assert_eq!(sleeper.ask("counts s"), "1 0 0");
    sleeper.finish();
    expect_nothing_left(&folder);
}

#[test]
fn a_sleeper_that_is_killed_or_stopped_keeps_nobody_from_being_woken() {
    let folder = ShmFolder::new();
    let mut actors: Vec<Actor> = (0..3).map(|_| Actor::start(&folder)).collect();
    for actor in &mut actors {
        actor.ask("sub s t T");
        actor.begin("wait s");
    }
    actors.iter().for_each(until_asleep);
    let mut publisher = Actor::start(&folder);
    publisher.ask("pub p t T");
    let mut stopped = actors.remove(0);
    stopped.stop();
    actors.remove(0).kill();
    let mut awake = actors.remove(0);
    for number in 0..20 {
        publisher.ask(&format!("send p {number} 1 24"));
        assert_eq!(awake.answer(), "true");
        assert_eq!(awake.ask("take s"), number.to_string());
        awake.begin("wait s");
        until_asleep(&awake);
    }
    stopped.resume();
    assert_eq!(stopped.answer(), "true");
    let all: Vec<String> = (0..20).map(|number: u64| number.to_string()).collect();
    assert_eq!(stopped.ask("take s"), all.join(" "));
    publisher.ask("send p 20 1 24");
    assert_eq!(awake.answer(), "true");
    [awake, stopped, publisher].into_iter().for_each(Actor::finish);
    expect_nothing_left(&folder);
}

#[test]
fn what_a_stopped_reader_holds_stays_and_what_a_dead_one_held_comes_free() {
    let folder = ShmFolder::new();
    let mut publisher = Actor::start(&folder);
    publisher.ask("pub p t T");
    // A ring and more of blocks, so that the pool has all that it will need.
    publisher.ask("send p 0 200 5000");
    let mut holders = [Actor::start(&folder), Actor::start(&folder)];
    for holder in &mut holders {
        holder.ask("sub s t T");
    }
    publisher.ask("send p 1000 2 5000");
    for holder in &mut holders {
        assert_eq!([holder.ask("hold s"), holder.ask("hold s")], ["1000", "1001"]);
    }
    let [mut stopped, killed] = holders;
    stopped.stop();
    killed.kill();
    publisher.ask("send p 2000 300 5000");
    let level = bytes_taken(&folder);
    // Nobody waits for the stopped one, and its blocks are lent to nobody, however often the ring goes round.
    for round in 0..5 {
        publisher.ask(&format!("send p {} 300 5000", 3000 + 1000 * round));
        cleaned(&folder, false);
        assert!(bytes_taken(&folder) <= level, "{} bytes, {level} before", bytes_taken(&folder));
    }
    stopped.resume();
    // Looks at every byte of what it holds.
    assert_ne!(stopped.ask("hold s"), "none");
    stopped.finish();
    until("their blocks have come free", || {
        publisher.ask("send p 9000 300 5000");
        cleaned(&folder, false);
        bytes_taken(&folder) < level
    });
    publisher.finish();
    expect_nothing_left(&folder);
}
