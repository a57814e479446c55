//! `horus topic hz`.

mod support;

use horus_core::Message;
use horus_core::messages::CmdVel;
use horus_shm::{Publisher, Subscriber, now_ns};
use rustix::process::Signal;
use serde_json::Value;
use std::thread;
use std::time::{Duration, Instant};
use support::{Place, publisher, read_one_line, sending, subscriber};

#[test]
fn the_rate_is_what_was_sent() {
    let place = Place::new();
    let here = place.join();
    let mut publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    let hz = place.start(&["topic", "hz", "cmd_vel", "--once", "--json"]);
    let began = Instant::now();
    let mut sent = Vec::new();
    while !hz.has_ended() {
        sent.push(horus_shm::now_ns());
        publisher.send(&[0; 16]).unwrap();
        thread::sleep(Duration::from_millis(2));
        assert!(began.elapsed() < support::WATCHDOG);
    }
    let report: Value = serde_json::from_str(&hz.finish().out).unwrap();
    let keys: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["topic", "rate_hz", "min_s", "max_s", "std_s", "p50_s", "p99_s", "window"]);
    // What was counted is a run of messages; its rate lies between those of the slowest and the fastest such run.
    let window = report["window"].as_u64().unwrap() as usize;
    let rates = sent.windows(window + 1).map(|run| window as f64 * 1e9 / (run[window] - run[0]) as f64);
    let (low, high) = rates.fold((f64::MAX, 0.0f64), |(low, high), rate| (low.min(rate), high.max(rate)));
    let rate = report["rate_hz"].as_f64().unwrap();
    assert!(rate > 0.99 * low && rate < 1.01 * high, "{low} to {high}: {report}");
    let [min, p50, p99, max] = ["min_s", "p50_s", "p99_s", "max_s"].map(|key| report[key].as_f64().unwrap());
    assert!(0.002 <= min && min <= p50 && p50 <= p99 && p99 <= max, "{report}");
}

#[test]
fn two_lines_a_second_like_everybody_s() {
    let place = Place::new();
    let here = place.join();
    let mut publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    let hz = place.start(&["topic", "hz", "cmd_vel"]);
    let told = |out: &str| out.contains("window: ").then_some(());
    sending(&mut publisher, &[0; 16], || hz.wait_out(told));
    hz.signal(Signal::INT);
    let ended = hz.finish();
    assert_eq!(ended.code(), 0);
    let mut lines = ended.out.lines();
    let words = |line: Option<&str>| -> Vec<String> {
        // Names without their figures, which differ from run to run.
        line.unwrap().split(' ').filter(|word| word.ends_with(':')).map(String::from).collect()
    };
    assert_eq!(words(lines.next()), ["rate:"]);
    assert_eq!(words(lines.next()), ["\tmin:", "max:", "dev:", "window:"]);
    assert!(ended.err.starts_with("cmd_vel: ") && ended.err.ends_with(" messages\n"), "{ended:?}");
}

#[test]
fn silence_says_whose_it_is() {
    let place = Place::new();
    place.script("die", "exec \"$HORUS\" topic pub cmd_vel --type CmdVel --count 2 -r 1000");
    let mut command = place.horus(&["run", "./die"]);
    command.env("HORUS", env!("CARGO_BIN_EXE_horus"));
    // Held by a living publisher, so that the topic stays when the other one is gone.
    let here = place.join();
    let mut publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    publisher.send(&[0; 16]).unwrap();
    assert_eq!(support::Running::start(command).finish().code(), 0);
    let ended = place.run(&["topic", "hz", "cmd_vel", "--duration", "3.2"]);
    let last = ended.out.lines().last().unwrap();
    assert!(last.starts_with("0.00 Hz (no message for "), "{ended:?}");
    assert!(last.ends_with(&format!(" s; publisher pid {} lives)", std::process::id())), "{ended:?}");
}

#[test]
fn several_topics_are_a_table() {
    let place = Place::new();
    let here = place.join();
    let spec = CmdVel::schema().spec();
    let mut publishers = ["a", "b"].map(|topic| publisher(&here, topic, &spec));
    let hz = place.start(&["topic", "hz", "a", "b", "--once"]);
    while !hz.has_ended() {
        publishers.iter_mut().for_each(|publisher| publisher.send(&[0; 16]).unwrap());
        thread::sleep(Duration::from_millis(5));
    }
    let out = hz.finish().out;
    let first: Vec<_> = out.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(first, ["TOPIC", "a", "b"], "{out}");
}

#[test]
fn a_topic_that_never_comes_is_timed_out() {
    let place = Place::new();
    let ended = place.run(&["topic", "hz", "nope", "--duration", "0.3"]);
    let error = "error: no rate of 'nope': fewer than two messages in 0.3 s\n";
    assert_eq!((ended.code(), ended.out.as_str()), (4, ""));
    assert!(ended.err.ends_with(error), "{ended:?}");
}

/// Sends what is due at 50 kHz since `began_ns`, and notes when the topic says that each was sent.
fn send_due(publisher: &mut Publisher, subscriber: &mut Subscriber, began_ns: u64, stamps: &mut Vec<u64>) {
    const PERIOD_NS: u64 = 20_000;
    while began_ns + stamps.len() as u64 * PERIOD_NS <= now_ns() {
        publisher.send(&[0; 16]).unwrap();
        stamps.push(subscriber.recv().unwrap().expect("just sent").stamp_ns);
    }
}

/// Returns whether some run of `window` intervals has exactly this rate.
fn is_rate_of_a_run(stamps: &[u64], window: usize, rate: f64) -> bool {
    let mut runs = stamps.windows(window + 1);
    runs.any(|run| (rate * (run[window] - run[0]) as f64 / 1e9 - window as f64).abs() < 1e-6)
}

#[test]
fn at_50_khz_the_rate_is_the_publisher_s_own_count_over_its_own_time() {
    let place = Place::new();
    let here = place.join();
    let spec = CmdVel::schema().spec();
    let mut publisher = publisher(&here, "imu", &spec);
    let mut subscriber = subscriber(&here, "imu", &spec);
    let hz = place.start(&["topic", "hz", "imu", "--json", "-w", "1000000"]);
    let (began_ns, mut stamps) = (now_ns(), Vec::new());
    while !hz.has_out("\n{") {
        send_due(&mut publisher, &mut subscriber, began_ns, &mut stamps);
        thread::sleep(Duration::from_micros(200));
        assert!(now_ns() - began_ns < support::WATCHDOG.as_nanos() as u64);
    }
    hz.signal(Signal::INT);
    let ended = hz.finish();
    assert_eq!(ended.code(), 0);
    for line in ended.out.lines() {
        let report: Value = serde_json::from_str(line).unwrap();
        let (window, rate) = (report["window"].as_u64().unwrap(), report["rate_hz"].as_f64().unwrap());
        assert!(window > 1000, "of {} messages: {line}", stamps.len());
        assert!(is_rate_of_a_run(&stamps, window as usize, rate), "of {} messages: {line}", stamps.len());
    }
}

#[test]
fn two_publishers_add_up() {
    let place = Place::new();
    let here = place.join();
    let spec = CmdVel::schema().spec();
    let mut publishers = [publisher(&here, "t", &spec), publisher(&here, "t", &spec)];
    let mut subscriber = subscriber(&here, "t", &spec);
    let hz = place.start(&["topic", "hz", "t", "--once", "--json"]);
    let mut stamps = Vec::new();
    while !hz.has_ended() {
        for publisher in &mut publishers {
            publisher.send(&[0; 16]).unwrap();
            stamps.push(subscriber.recv().unwrap().expect("just sent").stamp_ns);
        }
        thread::sleep(Duration::from_millis(1));
    }
    let report: Value = serde_json::from_str(&hz.finish().out).unwrap();
    let (window, rate) = (report["window"].as_u64().unwrap(), report["rate_hz"].as_f64().unwrap());
    assert!(is_rate_of_a_run(&stamps, window as usize, rate), "of {} messages: {report}", stamps.len());
}

#[test]
fn a_publisher_that_died_before_anybody_looked_is_named() {
    let place = Place::new();
    let publisher = place.start(&["topic", "pub", "cmd_vel", "--type", "CmdVel", "-r", "200", "-w", "1"]);
    let here = place.join();
    let spec = CmdVel::schema().spec();
    // Holds the topic when its publisher is gone.
    let mut subscriber = subscriber(&here, "cmd_vel", &spec);
    assert!(subscriber.wait(Some(support::WATCHDOG)).unwrap());
    let pid = publisher.pid().as_raw_nonzero();
    publisher.signal(Signal::KILL);
    publisher.wait_end();
    // Cleans up after it: nothing but the topic itself knows of it any more.
    assert_eq!(place.run(&["topic", "list", "--names"]).out, "cmd_vel\n");
    let ended = place.run(&["topic", "hz", "cmd_vel", "--duration", "2.3"]);
    let last = ended.out.lines().last().unwrap();
    assert!(last.starts_with("0.00 Hz (no message for "), "{ended:?}");
    assert!(last.ends_with(&format!(" s; publisher pid {pid} is dead)")), "{ended:?}");
}

#[test]
fn a_topic_that_was_never_sent_on_says_so() {
    let place = Place::new();
    let here = place.join();
    let _publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    let ended = place.run(&["topic", "hz", "cmd_vel", "--once"]);
    let pid = std::process::id();
    assert_eq!(ended.out, format!("0.00 Hz (no message yet; publisher pid {pid} lives)\n"));
    assert_eq!((ended.code(), ended.err.as_str()), (0, ""));
}

#[test]
fn a_reader_that_leaves_ends_it_silently() {
    let place = Place::new();
    let here = place.join();
    let mut publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    let ended = sending(&mut publisher, &[0; 16], || read_one_line(&place, "topic hz cmd_vel"));
    assert_eq!(ended, ("0\n".into(), String::new()));
}

#[test]
fn a_bad_name_is_a_matter_of_usage() {
    let ended = Place::new().run(&["topic", "hz", "a b"]);
    assert_eq!((ended.code(), ended.out.as_str()), (2, ""), "{ended:?}");
    assert_eq!(Place::new().run(&["topic", "hz", "x", "--duration", "0"]).code(), 2);
    assert_eq!(Place::new().run(&["topic", "hz", "x", "-w", "1"]).code(), 2);
}
