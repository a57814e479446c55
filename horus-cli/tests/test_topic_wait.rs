//! `horus topic wait`.

mod support;

use horus_core::messages::CmdVel;
use horus_core::{Kind, Message};
use horus_shm::{Publisher, PublisherOptions, TopicName};
use rustix::process::Signal;
use support::{Place, is, publisher, sending, wait_subscribed};

#[test]
fn it_ends_with_the_message_that_it_waits_for() {
    let place = Place::new();
    let here = place.join();
    let mut publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    // Sent before anybody waited, so it isn't waited for.
    publisher.send(&[0; 16]).unwrap();
    let wait = place.start(&["topic", "wait", "cmd_vel", "--count", "3"]);
    wait_subscribed(&here, "cmd_vel", 1);
    for _ in 0..2 {
        publisher.send(&[0; 16]).unwrap();
    }
    assert!(!wait.has_ended());
    publisher.send(&[0; 16]).unwrap();
    let ended = wait.finish();
    assert_eq!((ended.code(), ended.out.as_str(), ended.err.as_str()), (0, "", ""));
}

#[test]
fn messages_too_fast_to_be_read_have_come_all_the_same() {
    let place = Place::new();
    let here = place.join();
    let mut publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    let wait = place.start(&["topic", "wait", "cmd_vel", "--count", "5000"]);
    wait_subscribed(&here, "cmd_vel", 1);
    for _ in 0..5000 {
        publisher.send(&[0; 16]).unwrap();
    }
    assert_eq!(wait.finish().code(), 0);
}

#[test]
fn a_topic_may_be_yet_to_come() {
    let place = Place::new();
    let here = place.join();
    let wait = place.start(&["topic", "wait", "status"]);
    wait.wait_err(|err| err.contains("waiting for topic 'status' to appear").then_some(()));
    let mut publisher = publisher(&here, "status", &Kind::Dict.spec());
    sending(&mut publisher, &[0x80], || wait.wait_end());
    assert_eq!(wait.finish().code(), 0);
}

#[test]
fn what_is_latched_is_there() {
    let place = Place::new();
    let here = place.join();
    let options = PublisherOptions { latched: true, ..Default::default() };
    let topic = TopicName::new("map").unwrap();
    let mut publisher = Publisher::open(&here, &topic, &CmdVel::schema().spec(), options).unwrap();
    publisher.send(&[0; 16]).unwrap();
    assert_eq!(place.run(&["topic", "wait", "map"]).code(), 0);
}

#[test]
fn too_late_is_status_4_in_words() {
    let place = Place::new();
    let ended = place.run(&["topic", "wait", "nope", "--timeout", "0.2"]);
    assert_eq!((ended.code(), ended.out.as_str()), (4, ""));
    is(
        &ended.err,
        "waiting for topic 'nope' to appear in namespace 'test'
error: no message on 'nope' within 0.2 s\n",
    );
    let here = place.join();
    let mut publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    let wait = place.start(&["topic", "wait", "cmd_vel", "--count", "5", "--timeout", "2"]);
    wait_subscribed(&here, "cmd_vel", 1);
    publisher.send(&[0; 16]).unwrap();
    let ended = wait.finish();
    assert_eq!(ended.code(), 4);
    assert_eq!(ended.err, "error: 1 of 5 messages on 'cmd_vel' within 2 s\n");
}

#[test]
fn who_is_stopped_hasn_t_got_what_it_waited_for() {
    let place = Place::new();
    let here = place.join();
    let wait = place.start(&["topic", "wait", "nope"]);
    support::wait_for(|| {
        let census = horus_shm::Census::take(here.namespace()).unwrap();
        let mut endpoints = census.participants.iter().flat_map(|participant| &participant.endpoints);
        endpoints.any(|endpoint| endpoint.topic == "nope").then_some(())
    });
    wait.signal(Signal::INT);
    let ended = wait.finish();
    assert_eq!(ended.code(), 1);
    assert!(ended.err.ends_with("error: stopped after no message on 'nope'\n"), "{ended:?}");
}

#[test]
fn usage_and_permission_have_their_status() {
    let place = Place::new();
    assert_eq!(place.run(&["topic", "wait", "a b"]).code(), 2);
    assert_eq!(place.run(&["topic", "wait", "x", "--count", "0"]).code(), 2);
    assert_eq!(place.run(&["topic", "wait", "x", "--timeout", "-1"]).code(), 2);
    if !support::is_root() {
        return;
    }
    std::os::unix::fs::chown(place.shm(), Some(12345), Some(12345)).unwrap();
    for command in ["list", "info x", "hz x", "bw x", "delay x", "type x", "find x", "wait x"] {
        let words: Vec<_> = std::iter::once("topic").chain(command.split(' ')).collect();
        let ended = place.run(&words);
        assert_eq!((ended.code(), ended.out.as_str()), (6, ""), "{command}");
        assert!(ended.err.contains("hint: topics are per user: run both as the same user"), "{ended:?}");
    }
}
