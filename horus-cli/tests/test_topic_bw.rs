//! `horus topic bw`.

mod support;

use horus_core::messages::CmdVel;
use horus_core::{Kind, Message};
use rustix::process::Signal;
use serde_json::Value;
use std::thread;
use std::time::Duration;
use support::{Place, is, publisher, read_one_line, sending};

/// What `bw --once --json` says of a topic on which this is sent meanwhile.
fn measured(place: &Place, spec: &horus_shm::TopicSpec, message: &[u8]) -> Value {
    let here = place.join();
    let mut publisher = publisher(&here, "t", spec);
    let ended = sending(&mut publisher, message, || place.run(&["topic", "bw", "t", "--once", "--json"]));
    assert_eq!((ended.code(), ended.err.as_str()), (0, ""));
    serde_json::from_str(&ended.out).unwrap()
}

#[test]
fn bytes_are_those_of_the_messages_in_slots_and_in_blocks() {
    for (spec, bytes) in [(CmdVel::schema().spec(), 16), (Kind::Dict.spec(), 20_000)] {
        let report = measured(&Place::new(), &spec, &vec![0; bytes]);
        let keys: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["topic", "bytes_per_s", "messages_per_s", "mean_bytes"]);
        let amount = |key: &str| report[key].as_f64().unwrap();
        assert_eq!(amount("mean_bytes").round(), bytes as f64, "{report}");
        let product = amount("messages_per_s") * amount("mean_bytes");
        assert!((amount("bytes_per_s") / product - 1.0).abs() < 1e-9, "{report}");
        assert!(amount("messages_per_s") > 1.0, "{report}");
    }
}

#[test]
fn two_lines_a_second_and_a_summary() {
    let place = Place::new();
    let here = place.join();
    let mut publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    let bw = place.start(&["topic", "bw", "cmd_vel"]);
    let told = |out: &str| out.contains("window: ").then_some(());
    sending(&mut publisher, &[0; 16], || bw.wait_out(told));
    bw.signal(Signal::INT);
    let ended = bw.finish();
    assert_eq!(ended.code(), 0);
    let first: String = ended.out.lines().take(2).map(|line| format!("{line}\n")).collect();
    is(&first, "average: [..]B/s\n\tmessages: [..]Hz mean size: 16 B window: [..]\n");
    is(&ended.err, "cmd_vel: [..]B/s over [..] messages\n");
}

#[test]
fn several_topics_are_a_table() {
    let place = Place::new();
    let here = place.join();
    let spec = CmdVel::schema().spec();
    let mut publishers = ["a", "b"].map(|topic| publisher(&here, topic, &spec));
    let bw = place.start(&["topic", "bw", "a", "b", "--once"]);
    while !bw.has_ended() {
        publishers.iter_mut().for_each(|publisher| publisher.send(&[0; 16]).unwrap());
        thread::sleep(Duration::from_millis(2));
    }
    let out = bw.finish().out;
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["TOPIC", "BANDWIDTH", "MESSAGES", "MEAN", "SIZE", "WINDOW"]);
    assert_eq!((rows[1][0], rows[2][0], rows.len()), ("a", "b", 3), "{out}");
}

#[test]
fn silence_is_said_as_by_hz() {
    let place = Place::new();
    let here = place.join();
    let mut publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    let pid = std::process::id();
    assert_eq!(
        place.run(&["topic", "bw", "cmd_vel", "--once"]).out,
        format!("0 B/s (no message yet; publisher pid {pid} lives)\n")
    );
    publisher.send(&[0; 16]).unwrap();
    let out = place.run(&["topic", "bw", "cmd_vel", "--once"]).out;
    is(&out, format!("0 B/s (no message for [..] s; publisher pid {pid} lives)\n"));
}

#[test]
fn a_topic_that_never_comes_is_timed_out() {
    let place = Place::new();
    let ended = place.run(&["topic", "bw", "nope", "--duration", "0.3"]);
    assert_eq!((ended.code(), ended.out.as_str()), (4, ""));
    is(
        &ended.err,
        "waiting for topic 'nope' to appear in namespace 'test'
error: no rate of 'nope': fewer than two messages in 0.3 s\n",
    );
}

#[test]
fn a_reader_that_leaves_ends_it_silently() {
    let place = Place::new();
    let here = place.join();
    let mut publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    let ended = sending(&mut publisher, &[0; 16], || read_one_line(&place, "topic bw cmd_vel"));
    assert_eq!(ended, ("0\n".into(), String::new()));
}
