//! `horus topic delay`.

mod support;

use horus_core::Message;
use horus_core::messages::CmdVel;
use horus_shm::{Publisher, PublisherOptions, TopicName, now_ns, realtime_ns};
use rustix::process::Signal;
use serde_json::Value;
use std::thread;
use std::time::Duration;
use support::{Ended, Place, is, publisher, read_one_line, sending};

/// Runs `delay` while messages with such a timestamp are sent.
fn run(place: &Place, args: &[&str], timestamp: impl Fn() -> u64) -> Ended {
    let here = place.join();
    let mut publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    let delay = place.start(args);
    while !delay.has_ended() {
        let mut message = [0; 16];
        message[..8].copy_from_slice(&timestamp().to_le_bytes());
        publisher.send(&message).unwrap();
        thread::sleep(Duration::from_millis(2));
    }
    delay.finish()
}

#[test]
fn delays_run_from_publishing_to_receipt() {
    let place = Place::new();
    let ended = run(&place, &["topic", "delay", "cmd_vel", "--once", "--json"], || 0);
    assert_eq!((ended.code(), ended.err.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&ended.out).unwrap();
    let keys: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
    let ages = ["age_mean_s", "age_p50_s", "age_p99_s"];
    let delays = ["topic", "mean_s", "min_s", "max_s", "std_s", "p50_s", "p99_s", "window"];
    assert_eq!(keys, [&delays[..], &ages].concat());
    let [min, p50, p99, max] = ["min_s", "p50_s", "p99_s", "max_s"].map(|key| report[key].as_f64().unwrap());
    assert!(0.0 < min && min <= p50 && p50 <= p99 && p99 <= max, "{report}");
    assert!(report["window"].as_u64().unwrap() > 1, "{report}");
    assert!(ages.iter().all(|key| report[*key].is_null()), "a timestamp of 0 is none: {report}");
}

#[test]
fn the_age_of_a_timestamp_is_told_on_either_clock() {
    const OLD_NS: u64 = 7_000_000;
    for clock in [now_ns, realtime_ns] {
        let stamp = || clock() - OLD_NS;
        let ended = run(&Place::new(), &["topic", "delay", "cmd_vel", "--once", "--json"], stamp);
        let report: Value = serde_json::from_str(&ended.out).unwrap();
        assert!(report["age_p50_s"].as_f64().unwrap() >= 0.007, "{report}");
    }
}

#[test]
fn lines_for_people_and_a_summary() {
    let place = Place::new();
    let here = place.join();
    let mut publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    let delay = place.start(&["topic", "delay", "cmd_vel", "-w", "20"]);
    let told = |out: &str| out.contains("p99: ").then_some(());
    sending(&mut publisher, &[0; 16], || delay.wait_out(told));
    delay.signal(Signal::INT);
    let ended = delay.finish();
    assert_eq!(ended.code(), 0);
    let first: String = ended.out.lines().take(3).map(|line| format!("{line}\n")).collect();
    is(
        &first,
        "average delay: 0.[..]s
\tmin: 0.[..]s max: [..]s std dev: 0.[..]s window: 20
\tp50: 0.[..]s p99: [..]s\n",
    );
    is(&ended.err, "cmd_vel: p50 0.[..]s p99 [..]s over 20 messages\n");
}

#[test]
fn what_was_sent_before_has_no_delay() {
    let place = Place::new();
    let here = place.join();
    let topic = TopicName::new("map").unwrap();
    let options = PublisherOptions { latched: true, ..Default::default() };
    let mut publisher = Publisher::open(&here, &topic, &CmdVel::schema().spec(), options).unwrap();
    publisher.send(&[0; 16]).unwrap();
    let ended = place.run(&["topic", "delay", "map", "--duration", "0.3"]);
    assert_eq!((ended.code(), ended.out.as_str()), (4, ""));
    assert_eq!(ended.err, "error: no message on 'map' within 0.3 s\n");
    let out = place.run(&["topic", "delay", "map", "--once"]).out;
    let pid = std::process::id();
    assert_eq!(out, format!("no delay (no message yet; publisher pid {pid} lives)\n"));
}

#[test]
fn a_reader_that_leaves_ends_it_silently() {
    let place = Place::new();
    let here = place.join();
    let mut publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    let ended = sending(&mut publisher, &[0; 16], || read_one_line(&place, "topic delay cmd_vel"));
    assert_eq!(ended, ("0\n".into(), String::new()));
}
