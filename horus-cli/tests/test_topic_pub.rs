//! `horus topic pub`.

mod support;

use horus_core::messages::{CmdVel, Imu};
use horus_core::value::msgpack;
use horus_core::{Kind, Message, Value, bytemuck};
use horus_shm::{Participant, Payload, Subscriber, TopicName, TopicSpec};
use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use support::{Place, publisher};

fn subscriber(participant: &Arc<Participant>, topic: &str, spec: &TopicSpec) -> Subscriber {
    Subscriber::open(participant, &TopicName::new(topic).unwrap(), Some(spec), Default::default()).unwrap()
}

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
    assert!(ended.err.contains("error: topic 'cmd_vel' holds CmdVel, not Imu"), "{ended:?}");
    assert!(all(&mut cmd_vel).is_empty(), "nothing of it was sent");
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
fn images_are_not_typed_by_hand() {
    let place = Place::new();
    let here = place.join();
    let _camera = publisher(&here, "camera.rgb", &Kind::Image.spec());
    let ended = place.run(&["topic", "pub", "camera.rgb", "{}", "--once"]);
    assert_eq!(ended.code(), 7, "{ended:?}");
}

#[test]
fn it_waits_for_subscribers_when_told_to() {
    let place = Place::new();
    let here = place.join();
    let publishing =
        place.start(&["topic", "pub", "cmd_vel", "{linear: 1}", "--type", "CmdVel", "--once", "-w", "1"]);
    publishing.wait_err(|err| err.contains("waiting for 1 subscribers of 'cmd_vel', 0 there").then_some(()));
    let mut cmd_vel = subscriber(&here, "cmd_vel", &CmdVel::schema().spec());
    assert_eq!(publishing.finish().code(), 0);
    assert_eq!(all(&mut cmd_vel).len(), 1);
}

#[test]
fn what_echo_prints_pub_reads() {
    let place = Place::new();
    let here = place.join();
    let mut source = publisher(&here, "source", &Kind::Dict.spec());
    let message = Value::Map(vec![
        ("text".into(), "yes\n\x07: #".into()),
        ("bytes".into(), Value::Bytes(vec![1, 2, 250])),
        ("x".into(), Value::Float(1.0)),
        (
            "deep".into(),
            Value::List(vec![Value::from([("a", Value::Nil)]), Value::List(vec![Value::Bool(true)])]),
        ),
        (Value::Int(-4), u64::MAX.into()),
    ]);
    let echo = place.start(&["topic", "echo", "source", "--count", "2"]);
    support::wait_subscribed(&here, "source", 1);
    source.send(&support::dict(&message)).unwrap();
    source.send(&support::dict(&Value::from([("second", 2.5)]))).unwrap();
    let printed = echo.finish().out;
    let mut copy = subscriber(&here, "copy", &Kind::Dict.spec());
    let mut publishing =
        place.horus(&["topic", "pub", "copy", "--file", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    publishing.stdin.take().unwrap().write_all(printed.as_bytes()).unwrap();
    assert!(publishing.wait().unwrap().success());
    let copies: Vec<_> = all(&mut copy).iter().map(|bytes| msgpack::decode(bytes).unwrap()).collect();
    assert_eq!(copies, [message, Value::from([("second", 2.5)])]);
    assert_eq!(place.run(&["topic", "pub", "copy", "--file", "no_such_file"]).code(), 3);
}
