//! `horus topic echo`.

mod support;

use horus_core::messages::{CmdVel, Odometry};
use horus_core::{
    BlockHead, Encoding, HEAD_BYTES, ImageMeta, Kind, META_BYTES_MAX, Message, Value, bytemuck,
};
use horus_shm::Publisher;
use rustix::process::Signal;
use serde_json::{Value as Json, json};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::{Place, Running, dict, publisher, sending, wait_subscribed};

fn cmd_vel(linear: f32) -> Vec<u8> {
    bytemuck::bytes_of(&CmdVel { timestamp_ns: 7, linear, angular: -0.5 }).to_vec()
}

/// A publisher of `cmd_vel` and an echo of it that has joined.
fn echo(place: &Place, options: &[&str]) -> (Publisher, Running) {
    let here = place.join();
    let publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    let echo = place.start(&[&["topic", "echo", "cmd_vel"], options].concat());
    wait_subscribed(&here, "cmd_vel", 1);
    (publisher, echo)
}

#[test]
fn a_typed_message_is_yaml() {
    let place = Place::new();
    let (mut publisher, echo) = echo(&place, &["--count", "2"]);
    publisher.send(&cmd_vel(0.1)).unwrap();
    publisher.send(&cmd_vel(2.0)).unwrap();
    let ended = echo.finish();
    assert_eq!(
        ended.out,
        "timestamp_ns: 7\nlinear: 0.1\nangular: -0.5\n---\ntimestamp_ns: 7\nlinear: 2.0\nangular: -0.5\n---\n"
    );
    assert_eq!((ended.code(), ended.err.as_str()), (0, ""));
}

#[test]
fn a_dict_may_hold_anything_and_commands_no_terminal() {
    let place = Place::new();
    let here = place.join();
    let mut publisher = publisher(&here, "status", &Kind::Dict.spec());
    let echo = place.start(&["topic", "echo", "status", "--once"]);
    wait_subscribed(&here, "status", 1);
    let message = Value::Map(vec![
        ("text".into(), "a\x1b[2Jb".into()),
        (Value::Int(3), Value::Bytes(vec![0, 255])),
        ("list".into(), Value::List(vec![Value::from([("x", 1.0)])])),
    ]);
    publisher.send(&dict(&message)).unwrap();
    assert_eq!(echo.finish().out, "text: \"a\\u001b[2Jb\"\n3: !!binary \"AP8=\"\nlist:\n- x: 1.0\n---\n");
}

#[test]
fn json_has_one_object_a_line() {
    let place = Place::new();
    let (mut publisher, echo) = echo(&place, &["--json", "--once"]);
    publisher.send(&cmd_vel(0.1)).unwrap();
    let line: Json = serde_json::from_str(&echo.finish().out).unwrap();
    let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["seq", "t_pub_ns", "latency_ns", "dropped", "data"]);
    assert_eq!(line["data"], json!({"timestamp_ns": 7, "linear": 0.1, "angular": -0.5}));
    assert_eq!((&line["seq"], &line["dropped"]), (&json!(0), &json!(0)));
    assert!(line["t_pub_ns"].as_u64().unwrap() > 0);
}

#[test]
fn csv_begins_with_the_names() {
    let place = Place::new();
    let here = place.join();
    let mut publisher = publisher(&here, "odom", &Odometry::schema().spec());
    let echo = place.start(&["topic", "echo", "odom", "--csv", "--field", "x", "--count", "1"]);
    wait_subscribed(&here, "odom", 1);
    publisher.send(bytemuck::bytes_of(&Odometry { x: 1.5, ..Odometry::default() })).unwrap();
    let out = echo.finish().out;
    let (head, row) = out.split_once('\n').unwrap();
    assert_eq!(head, "seq,t_pub_ns,x");
    assert!(row.starts_with("0,") && row.ends_with(",1.5\n"), "{out}");
}

#[test]
fn a_field_is_picked_and_a_wrong_one_told() {
    let place = Place::new();
    let (mut publisher, echo) = echo(&place, &["--field", "linear", "--once"]);
    publisher.send(&cmd_vel(0.1)).unwrap();
    assert_eq!(echo.finish().out, "0.1\n---\n");
    let wrong = place.start(&["topic", "echo", "cmd_vel", "--field", "liner"]);
    wait_subscribed(publisher.participant(), "cmd_vel", 1);
    publisher.send(&cmd_vel(0.1)).unwrap();
    let ended = wrong.finish();
    assert_eq!(ended.code(), 3);
    assert_eq!(
        ended.err,
        "error: no field 'liner' in the message\nhint: there is timestamp_ns, linear, angular\n"
    );
}

#[test]
fn a_filter_lets_through_what_it_should() {
    let place = Place::new();
    let (mut publisher, echo) =
        echo(&place, &["--filter", "m.linear > 0.5", "--field", "linear", "--count", "2"]);
    for linear in [0.0, 1.0, 0.5, 2.0, 3.0] {
        publisher.send(&cmd_vel(linear)).unwrap();
    }
    assert_eq!(echo.finish().out, "1.0\n---\n2.0\n---\n");
    let wrong = place.start(&["topic", "echo", "cmd_vel", "--filter", "m.liner > 1"]);
    wait_subscribed(publisher.participant(), "cmd_vel", 1);
    publisher.send(&cmd_vel(0.1)).unwrap();
    assert_eq!(wrong.finish().code(), 2);
    assert_eq!(place.run(&["topic", "echo", "cmd_vel", "--filter", "m. >"]).code(), 2);
}

#[test]
fn raw_is_the_bytes() {
    let place = Place::new();
    let (mut publisher, echo) = echo(&place, &["--raw", "--once"]);
    publisher.send(&cmd_vel(1.0)).unwrap();
    assert_eq!(
        echo.finish().out,
        "00000000  07 00 00 00 00 00 00 00 00 00 80 3f 00 00 00 bf  |...........?....|\n---\n"
    );
}

#[test]
fn an_image_is_told_with_its_pixels() {
    let place = Place::new();
    let here = place.join();
    let mut publisher = publisher(&here, "camera.rgb", &Kind::Image.spec());
    let image = ImageMeta::new(2, 2, Encoding::Mono8).unwrap();
    let mut meta = [0; META_BYTES_MAX];
    let used = image.to_block().encode(&mut meta);
    let send = |publisher: &mut Publisher| {
        let mut block = here.allocate(image.block_bytes()).unwrap();
        block[..HEAD_BYTES].copy_from_slice(&BlockHead::new(5, "cam").unwrap().encode());
        block[HEAD_BYTES..].copy_from_slice(&[1, 2, 3, 4]);
        publisher.send_block(&block.freeze(), image.block_bytes(), &meta[..used]).unwrap();
    };
    let echo = place.start(&["topic", "echo", "camera.rgb", "--once"]);
    wait_subscribed(&here, "camera.rgb", 1);
    send(&mut publisher);
    let out = echo.finish().out;
    for line in ["frame_id: cam\n", "height: 2\n", "width: 2\n", "encoding: mono8\n"] {
        assert!(out.contains(line), "{out}");
    }
    assert!(out.ends_with("data: [[1, 2], [3, 4]]\n---\n"), "{out}");
    for (option, expected) in [
        ("--json", "\"data\":[[1,2],[3,4]]"),
        ("--field=data[1][0]", "3\n---\n"),
        ("--no-arr", "data: \"<array u8[2, 2]>\"\n---\n"),
    ] {
        let echo = place.start(&["topic", "echo", "camera.rgb", "--once", option]);
        wait_subscribed(&here, "camera.rgb", 1);
        send(&mut publisher);
        let out = echo.finish().out;
        assert!(out.contains(expected), "{option}: {out}");
    }
}

#[test]
fn it_waits_for_the_topic_to_appear_and_helps_meanwhile() {
    let place = Place::new();
    let here = place.join();
    let _other = publisher(&here, "cmd_vle", &CmdVel::schema().spec());
    let echo = place.start(&["topic", "echo", "cmd_vel", "--once"]);
    echo.wait_err(|err| {
        (err == "waiting for topic 'cmd_vel' to appear in namespace 'test'\nhint: did you mean 'cmd_vle'?\n")
            .then_some(())
    });
    let mut publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    wait_subscribed(&here, "cmd_vel", 1);
    publisher.send(&cmd_vel(1.0)).unwrap();
    let ended = echo.finish();
    assert_eq!((ended.code(), ended.out.lines().nth(1)), (0, Some("linear: 1.0")));
}

#[test]
fn without_a_message_it_gives_up_when_told_to() {
    let place = Place::new();
    let ended = place.run(&["topic", "echo", "cmd_vel", "--timeout", "0.2"]);
    assert_eq!(ended.code(), 4);
    assert!(ended.err.ends_with("error: no message on 'cmd_vel' for 0.2 s\n"), "{ended:?}");
}

#[test]
fn ctrl_c_is_success_with_a_summary() {
    for signal in [Signal::INT, Signal::TERM] {
        let place = Place::new();
        let (mut publisher, echo) = echo(&place, &["--field", "linear"]);
        publisher.send(&cmd_vel(1.0)).unwrap();
        echo.wait_out(|out| out.contains("1.0\n---\n").then_some(()));
        echo.signal(signal);
        let ended = echo.finish();
        assert_eq!((ended.code(), ended.err.as_str()), (0, "1 message shown, 0 dropped\n"));
    }
}

#[test]
fn a_closed_pipe_ends_it_silently() {
    let place = Place::new();
    let here = place.join();
    let mut publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    let mut command = place.horus(&["topic", "echo", "cmd_vel"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_subscribed(&here, "cmd_vel", 1);
    drop(child.stdout.take());
    let watched = support::Watched::new(rustix::process::Pid::from_child(&child));
    // A child that another test starts just now has the pipe open until its exec: one message may still find room.
    sending(&mut publisher, &cmd_vel(1.0), || assert!(watched.wait_end()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(std::io::read_to_string(child.stderr.take().unwrap()).unwrap(), "");
}

#[test]
fn at_a_rate_it_shows_the_newest() {
    let place = Place::new();
    let (mut publisher, echo) = echo(&place, &["--rate", "5", "--json", "--count", "2"]);
    while !echo.has_ended() {
        publisher.send(&cmd_vel(1.0)).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let shown: Vec<Json> =
        echo.finish().out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |key: &str| [0, 1].map(|line: usize| shown[line][key].as_u64().unwrap());
    let ([first, second], [sent, sent_later]) = (of("seq"), of("t_pub_ns"));
    assert!(second > first + 1, "what came between is passed over: {first}, {second}");
    assert!(sent_later - sent > 100_000_000, "a fifth of a second lies between: {}", sent_later - sent);
}

#[test]
fn a_topic_of_a_new_type_is_followed() {
    let place = Place::new();
    let (mut publisher, echo) = echo(&place, &["--count", "2"]);
    publisher.send(&cmd_vel(1.0)).unwrap();
    echo.wait_out(|out| out.contains("---\n").then_some(()));
    let here = Arc::clone(publisher.participant());
    drop(publisher);
    let mut publisher = support::publisher(&here, "cmd_vel", &Kind::Dict.spec());
    publisher.send(&dict(&Value::from([("speed", 3.0)]))).unwrap();
    assert!(echo.finish().out.ends_with("---\nspeed: 3.0\n---\n"));
}

#[test]
fn what_a_filter_holds_back_does_not_put_off_the_timeout() {
    let place = Place::new();
    let (mut publisher, echo) = echo(&place, &["--filter", "m.linear > 5.0", "--timeout", "0.5"]);
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let sender = std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            publisher.send(&cmd_vel(1.0)).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let ended = echo.finish();
    stop.store(true, Ordering::Relaxed);
    sender.join().unwrap();
    let error = "error: no message that fits on 'cmd_vel' for 0.5 s\n";
    assert_eq!((ended.code(), ended.out.as_str(), ended.err.as_str()), (4, "", error));
}

#[test]
fn times_beyond_all_clocks_are_never() {
    let place = Place::new();
    let (mut publisher, echo) = echo(&place, &["--timeout", "1e300", "--rate", "1e-300", "--once"]);
    publisher.send(&cmd_vel(1.0)).unwrap();
    let ended = echo.finish();
    assert_eq!((ended.code(), ended.err.as_str()), (0, ""));
}
