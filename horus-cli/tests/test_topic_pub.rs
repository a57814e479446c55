//! `horus topic pub`.

mod support;

use horus_core::messages::{CmdVel, Imu};
use horus_core::value::msgpack;
use horus_core::{HEAD_BYTES, Kind, Message, Value, bytemuck};
use horus_shm::{Census, Payload, Subscriber};
use rustix::process::Signal;
use std::io::Write;
use support::{Place, Running, subscriber, wait_for};

fn all(subscriber: &mut Subscriber) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(received) = subscriber.recv().unwrap() {
        match received.payload {
            Payload::Inline(bytes) => all.push(bytes.to_vec()),
            Payload::Block { block, .. } => all.push(block.bytes().to_vec()),
        }
    }
    all
}

#[test]
fn a_typed_message_is_checked_and_has_its_defaults() {
    let place = Place::new();
    let here = place.join();
    let mut imu = subscriber(&here, "imu", &Imu::schema().spec());
    let ended = place.run(&["topic", "pub", "imu", "{accel_z: 9.81, qx: 1}", "--once"]);
    assert_eq!((ended.code(), ended.err.as_str()), (0, "1 message published on 'imu'\n"));
    let bytes = all(&mut imu).remove(0);
    let message: Imu = bytemuck::pod_read_unaligned(&bytes);
    assert_eq!((message.accel_z, message.qx, message.qw), (9.81, 1.0, 1.0), "qw keeps its default");
}

#[test]
fn the_wrong_field_is_named() {
    let place = Place::new();
    let here = place.join();
    let mut cmd_vel = subscriber(&here, "cmd_vel", &CmdVel::schema().spec());
    for (data, told) in [
        ("{linera: 1}", "no field 'linera'; did you mean 'linear'?"),
        ("{linear: fast}", "field 'linear': expected f32, found a string"),
    ] {
        let ended = place.run(&["topic", "pub", "cmd_vel", data, "--once"]);
        assert_eq!(ended.code(), 5, "{ended:?}");
        assert!(ended.err.contains(told), "{ended:?}");
        assert!(
            ended.err.ends_with("hint: CmdVel has timestamp_ns: u64, linear: f32, angular: f32\n"),
            "{ended:?}"
        );
    }
    let ended = place.run(&["topic", "pub", "cmd_vel", "{", "--once"]);
    assert_eq!(ended.code(), 2);
    let ended = place.run(&["topic", "pub", "cmd_vel", "--type", "Imu", "--once"]);
    assert_eq!(ended.code(), 5);
    let told = format!(
        "error: topic 'cmd_vel' holds CmdVel, not Imu: field 'accel_x' at offset 8 here, 'linear' at offset 8 there; in use by pid {}\nhint: leave --type out to publish CmdVel, or end those first\n",
        std::process::id()
    );
    assert_eq!(ended.err, told);
    let ended = place.run(&["topic", "pub", "cmd_vel", "--type", "Nothing", "--once"]);
    assert!(ended.code() == 5 && ended.err.contains("holds CmdVel, not Nothing; in use by pid"), "{ended:?}");
    let ended = place.run(&["topic", "pub", "cmd_vel", "{linear:0.5}", "--once"]);
    assert_eq!(ended.code(), 5);
    assert!(ended.err.ends_with("\nhint: write a space after the colon: 'linear: 0.5'\n"), "{ended:?}");
    assert!(all(&mut cmd_vel).is_empty(), "nothing of it was sent");
}

#[test]
fn what_only_the_dead_used_becomes_another_type() {
    let place = Place::new();
    let here = place.join();
    let dying = place.start(&["topic", "pub", "cmd_vel", "--type", "CmdVel", "-r", "100"]);
    wait_for(|| {
        let topics = Census::take(here.namespace()).unwrap().topics;
        topics.iter().any(|topic| topic.name.as_str() == "cmd_vel" && topic.spec.kind != 0).then_some(())
    });
    dying.signal(Signal::KILL);
    dying.wait_end();
    let ended = place.run(&["topic", "pub", "cmd_vel", "--type", "Imu", "--once"]);
    assert_eq!(ended.code(), 0, "{ended:?}");
}

#[test]
fn a_new_topic_is_a_dict_or_what_type_says() {
    let place = Place::new();
    let here = place.join();
    let mut status = subscriber(&here, "status", &Kind::Dict.spec());
    assert_eq!(
        place.run(&["topic", "pub", "status", "{mode: auto, n: 3}", "--count", "2", "-r", "1000"]).code(),
        0
    );
    let messages = all(&mut status);
    let expected = Value::Map(vec![("mode".into(), "auto".into()), ("n".into(), Value::Int(3))]);
    assert_eq!(messages.len(), 2);
    assert_eq!(msgpack::decode(&messages[1]), Ok(expected));
    let ended = place.run(&["topic", "pub", "new", "--type", "CmdVle", "--once"]);
    assert_eq!((ended.code(), ended.err.lines().last()), (3, Some("hint: did you mean 'CmdVel'?")));
    assert_eq!(place.run(&["topic", "pub", "new", "[1, 2]", "--once"]).code(), 2);
    assert_eq!(place.run(&["topic", "pub", "new", "--once"]).code(), 2);
    let ended = place.run(&["topic", "pub", "new", "--type", "CmdVel", "--once"]);
    assert_eq!(ended.code(), 0);
    assert!(ended.err.ends_with("hint: nobody subscribes to it; -w 1 waits for a subscriber\n"), "{ended:?}");
}

#[test]
fn pictures_and_tensors_are_typed_by_hand_too() {
    let place = Place::new();
    let here = place.join();
    let mut image = subscriber(&here, "camera.rgb", &Kind::Image.spec());
    assert_eq!(place.run(&["topic", "pub", "camera.rgb", "{data: [[0, 255], [7, 8]]}", "--once"]).code(), 0);
    assert_eq!(all(&mut image)[0][HEAD_BYTES..], [0, 255, 7, 8]);
    for (data, code, told) in [
        ("{data: [[0, 256]]}", 5, "key 'data' > item 0 > item 1: expected u8, from 0 to 255, found 256"),
        (
            "{data: \"<array u8[2, 2]>\"}",
            5,
            "hint: what was told in words can't be published; show it with --full",
        ),
        ("{width: 2}", 5, "data"),
    ] {
        let ended = place.run(&["topic", "pub", "camera.rgb", data, "--once"]);
        assert_eq!(ended.code(), code, "{data}: {ended:?}");
        assert!(ended.err.contains(told), "{data}: {ended:?}");
    }
    assert_eq!(place.run(&["topic", "pub", "camera.rgb", "--once"]).code(), 2);
    assert_eq!(place.run(&["topic", "pub", "camera.rgb", "--once", "--type", "tensor"]).code(), 5);
    for name in ["point_cloud", "PointCloud"] {
        let data = ["{data: [[1, 2, 3]]}", "--type", name, "--once"];
        let ended = place.run(&[&["topic", "pub", "points"], &data as &[&str]].concat());
        assert_eq!(ended.code(), 0, "{ended:?}");
    }
    assert!(all(&mut image).is_empty(), "nothing wrong was sent");
}

#[test]
fn it_waits_for_subscribers_when_told_to() {
    let place = Place::new();
    let here = place.join();
    let publishing =
        place.start(&["topic", "pub", "cmd_vel", "{linear: 1}", "--type", "CmdVel", "--once", "-w", "1"]);
    publishing.wait_err(|err| err.contains("waiting for 1 subscriber of 'cmd_vel', 0 there").then_some(()));
    let mut cmd_vel = subscriber(&here, "cmd_vel", &CmdVel::schema().spec());
    assert_eq!(publishing.finish().code(), 0);
    assert_eq!(all(&mut cmd_vel).len(), 1);
}

#[test]
fn rubbish_is_refused_before_anything_is_sent() {
    let place = Place::new();
    let here = place.join();
    let mut status = subscriber(&here, "status", &Kind::Dict.spec());
    let file = place.put("two.yaml", "a: 1\n---\na: 1e400\n");
    let file = file.to_str().unwrap();
    let binary = env!("CARGO_BIN_EXE_horus");
    for (args, code, told) in [
        (["{x: 1e400}", "--once"], 2, "1e400 exceeds the range of a 64-bit number; infinity is written .inf"),
        (["{\"x\": 1e400}", "--once"], 2, "1e400 exceeds the range"),
        (["{a: 1, a: 2}", "--once"], 2, "a key of this map is there twice"),
        (["{\"a\": 1, \"a\": 2}", "--once"], 2, "a key is there twice"),
        (["{\"x\": {\"$f32\": \"fast\"}}", "--once"], 2, "'fast' is no f32"),
        (["12", "--once"], 2, "a dict is keys and values, DATA is an integer"),
        (["", "--once"], 2, "a dict needs DATA"),
        (["--file", file], 2, &format!("message at line 3 of {file}: the message can't be read")),
        (["--file", "no_such_file"], 3, "no_such_file: No such file"),
        (["--file", place.path().to_str().unwrap()], 2, "is a folder, not a file of messages"),
        (["--file", "/dev/null"], 2, "there is no message in /dev/null"),
        (["--file", binary], 2, "stream did not contain valid UTF-8"),
    ] {
        let ended = place.run(&["topic", "pub", "status", args[0], args[1]]);
        assert_eq!(ended.code(), code, "{args:?}: {ended:?}");
        assert!(ended.err.contains(told), "{args:?}: {ended:?}");
    }
    assert!(all(&mut status).is_empty(), "nothing of it was sent");
}

#[test]
fn a_file_is_repeated_if_more_is_asked_for() {
    let place = Place::new();
    let here = place.join();
    let mut status = subscriber(&here, "status", &Kind::Dict.spec());
    place.put("two.jsonl", "{\"n\": 1}\n{\"n\": 2}\n");
    let send =
        |args: &[&str]| place.run(&[&["topic", "pub", "status", "--file", "two.jsonl"], args].concat());
    for (args, numbers) in
        [(&[] as &[&str], vec![1, 2]), (&["--count", "3"], vec![1, 2, 1]), (&["--once"], vec![1])]
    {
        assert_eq!(send(args).code(), 0);
        let sent: Vec<_> = all(&mut status).iter().map(|bytes| msgpack::decode(bytes).unwrap()).collect();
        let expected: Vec<_> = numbers.into_iter().map(|n| Value::from([("n", Value::Int(n))])).collect();
        assert_eq!(sent, expected);
    }
}

#[test]
fn messages_of_a_pipe_go_out_as_they_come() {
    let place = Place::new();
    let here = place.join();
    let mut status = subscriber(&here, "status", &Kind::Dict.spec());
    let mut command = place.horus(&["topic", "pub", "status", "--file", "-"]);
    let mut publishing = Running::start_with_stdin(&mut command);
    let mut stdin = publishing.child.stdin.take().unwrap();
    for (text, n) in [("n: 1\n---\n", 1), ("{\"n\": 2}\n", 2), ("{n: 3}\n...\n", 3)] {
        stdin.write_all(text.as_bytes()).unwrap();
        let sent = support::wait_for(|| all(&mut status).pop());
        assert_eq!(msgpack::decode(&sent), Ok(Value::from([("n", Value::Int(n))])));
    }
    stdin.write_all(b"n: 1e400\n---\nn: 5\n").unwrap();
    drop(stdin);
    let ended = publishing.finish();
    assert_eq!(ended.code(), 2, "{ended:?}");
    assert!(
        ended
            .err
            .starts_with("3 messages published on 'status'\nerror: message at line 6 of standard input: "),
        "{ended:?}"
    );
    assert!(all(&mut status).is_empty(), "what comes after a wrong one isn't sent");
}

#[test]
fn a_signal_is_the_end_of_endless_publishing_and_a_failure_of_all_else() {
    let place = Place::new();
    let here = place.join();
    let mut status = subscriber(&here, "status", &Kind::Dict.spec());
    for (args, exit, told) in [
        (&["{n: 1}", "-r", "0.001"] as &[&str], 0, "1 message published on 'status'\n"),
        (
            &["{n: 1}", "-r", "0.001", "--count", "3"],
            1,
            "1 message published on 'status'\nerror: ended by a signal after 1 of 3 messages\n",
        ),
    ] {
        let publishing = place.start(&[&["topic", "pub", "status"], args].concat());
        support::wait_for(|| all(&mut status).pop());
        publishing.signal(Signal::TERM);
        let ended = publishing.finish();
        assert_eq!((ended.code(), ended.err.as_str()), (exit, told));
    }
    let mut command = place.horus(&["topic", "pub", "status", "--file", "-"]);
    let mut publishing = Running::start_with_stdin(&mut command);
    let mut stdin = publishing.child.stdin.take().unwrap();
    stdin.write_all(b"n: 1\n---\n").unwrap();
    support::wait_for(|| all(&mut status).pop());
    publishing.signal(Signal::INT);
    let ended = publishing.finish();
    assert_eq!((ended.code(), ended.err.as_str()), (0, "1 message published on 'status'\n"));
    let waiting = place.start(&["topic", "pub", "new", "{n: 1}", "--once", "-w", "1"]);
    waiting.wait_err(|err| err.contains("waiting for 1 subscriber").then_some(()));
    waiting.signal(Signal::INT);
    let ended = waiting.finish();
    let told = "error: ended by a signal while waiting for subscribers of 'new'\n";
    assert!(ended.code() == 1 && ended.err.ends_with(told), "{ended:?}");
}
