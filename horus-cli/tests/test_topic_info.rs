//! `horus topic info`, `type`, `find`.

mod support;

use horus_core::messages::{CmdVel, Odometry};
use horus_core::{Kind, Message};
use horus_shm::{Publisher, PublisherOptions, Subscriber, SubscriberOptions, TopicName};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use support::{Place, is, publisher, sending, subscriber};

#[test]
fn a_topic_is_told_whole() {
    let place = Place::new();
    let here = place.join();
    let topic = TopicName::new("cmd_vel").unwrap();
    let spec = CmdVel::schema().spec();
    let options = PublisherOptions { latched: true, ..Default::default() };
    let mut publisher = Publisher::open(&here, &topic, &spec, options).unwrap();
    publisher.send(&[0; 16]).unwrap();
    let other_depth = SubscriberOptions { depth: Some(500), ..Default::default() };
    let _subscriber = Subscriber::open(&here, &topic, Some(&spec), other_depth).unwrap();
    let pid = std::process::id();
    let ended = place.run(&["topic", "info", "cmd_vel"]);
    assert_eq!(ended.code(), 0, "{ended:?}");
    is(
        &ended.out,
        format!(
            "name:        cmd_vel
type:        CmdVel
kind:        typed
rate:        0.00 Hz
messages:    1, the last [..] ago
dropped:     0
depth:       64 messages for each publisher, slots of 64 B with room for 16 B
memory:      [..] KiB
generation:  0
latched:     yes
copies:      0
fields:      16 bytes
  OFFSET  SIZE  FIELD         KIND
       0     8  timestamp_ns  u64
       8     4  linear        f32
      12     4  angular       f32
publishers:  1
subscribers: 1
  pub  -  pid {pid}  rust  0.00 Hz  sent 1
  sub  -  pid {pid}  rust  0.00 Hz  received 0, dropped 0
"
        ),
    );
    let note =
        "note: subscriber (pid [..]) asked for depth 500; the topic has 64, which whoever made it chose\n";
    is(&ended.err, note);
    is(
        &place.run(&["topic", "info", "cmd_vel", "--json"]).out,
        format!(
            r#"{{"schema":"horus.topic_info/1","namespace":"test","items":[{{"name":"cmd_vel","type":"CmdVel","kind":"typed","publishers":1,"subscribers":1,"rate_hz":0.0,"messages":1,"dropped":0,"age_s":[..],"namespace":"test","schema":{{"name":"CmdVel","size":16,"fields":[{{"name":"timestamp_ns","kind":"u64","offset":0,"size":8}},{{"name":"linear","kind":"f32","offset":8,"size":4}},{{"name":"angular","kind":"f32","offset":12,"size":4}}]}},"depth":64,"slot_bytes":64,"shm_bytes":[..],"generation":0,"latched":true,"copies":0,"endpoints":[{{"role":"publisher","pid":{pid},"node":null,"language":"rust","rate_hz":0.0,"sent":1,"received":0,"dropped":0}},{{"role":"subscriber","pid":{pid},"node":null,"language":"rust","rate_hz":0.0,"sent":0,"received":0,"dropped":0}}]}}]}}
"#
        ),
    );
}

#[test]
fn keys_are_the_same_for_every_kind_of_topic() {
    let place = Place::new();
    let here = place.join();
    let _camera = publisher(&here, "camera.rgb", &Kind::Image.spec());
    let _odom = publisher(&here, "odom", &Odometry::schema().spec());
    let keys = |topic: &str| {
        let ended = place.run(&["topic", "info", topic, "-o", "jsonl"]);
        let item: Value = serde_json::from_str(&ended.out).unwrap();
        (item.as_object().unwrap().keys().cloned().collect::<Vec<_>>(), item)
    };
    let ((camera, image), (odom, odometry)) = (keys("camera.rgb"), keys("odom"));
    assert_eq!(camera, odom);
    assert!(image["schema"].is_null() && image["age_s"].is_null(), "{image}");
    assert_eq!(odometry["schema"]["name"], "Odometry");
    let csv = place.run(&["topic", "info", "odom", "-o", "csv"]).out;
    assert_eq!(csv.lines().next().unwrap().split(',').collect::<Vec<_>>(), odom);
}

#[test]
fn a_subscriber_that_can_t_keep_up_is_named_with_both_rates() {
    let place = Place::new();
    let here = place.join();
    let spec = CmdVel::schema().spec();
    let mut publisher = publisher(&here, "imu", &spec);
    let mut subscriber = subscriber(&here, "imu", &spec);
    let done = AtomicBool::new(false);
    let slow = || {
        while !done.load(Ordering::Relaxed) {
            subscriber.recv().unwrap();
            thread::sleep(Duration::from_millis(50));
        }
    };
    let ended = thread::scope(|scope| {
        let reader = scope.spawn(slow);
        let ended = sending(&mut publisher, &[0; 16], || {
            support::wait_for(|| {
                // Dropped once the ring has gone round, and then again and again.
                let ended = place.run(&["topic", "info", "imu"]);
                ended.err.contains("hint").then_some(ended)
            })
        });
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
        ended
    });
    let pid = std::process::id();
    let hint = ended.err.strip_prefix(&format!("hint: subscriber (pid {pid}) reads ")).unwrap();
    let (reads, rest) = hint.split_once(" Hz, topic sends ").unwrap();
    let (sends, rest) = rest.split_once(" Hz; ").unwrap();
    assert_eq!(rest, "raise its rate, raise depth, or use recv_latest\n");
    let [reads, sends] = [reads, sends].map(|rate| rate.parse::<f64>().unwrap());
    assert!(0.0 < reads && reads <= 20.0 && reads < sends, "{hint}");
}

#[test]
fn a_topic_that_isn_t_there_is_told_with_what_may_be_meant() {
    let place = Place::new();
    let here = place.join();
    let _publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    let elsewhere = place.join_namespace("default");
    let _others = ["a", "b", "c"].map(|name| publisher(&elsewhere, name, &Kind::Dict.spec()));
    for command in ["info", "type"] {
        let ended = place.run(&["topic", command, "cmd_vle"]);
        assert_eq!((ended.code(), ended.out.as_str()), (3, ""));
        is(
            &ended.err,
            "error: topic 'cmd_vle' not found in namespace 'test'
hint: did you mean 'cmd_vel'?
hint: 3 topics live in namespace 'default' (use -n default)\n",
        );
    }
}

#[test]
fn who_waits_for_a_topic_is_told() {
    let place = Place::new();
    let here = place.join();
    let topic = TopicName::new("odom").unwrap();
    let _subscriber = Subscriber::open(&here, &topic, None, SubscriberOptions::default()).unwrap();
    let ended = place.run(&["topic", "info", "odom"]);
    assert_eq!(ended.code(), 3);
    is(
        &ended.err,
        "error: topic 'odom' not found in namespace 'test'
hint: pid [..] subscribes to it whatever its type; nobody publishes it yet\n",
    );
}

#[test]
fn a_type_is_one_line_and_leads_back_to_its_topics() {
    let place = Place::new();
    let here = place.join();
    let spec = CmdVel::schema().spec();
    let _topics = ["cmd_vel", "cmd_vel.raw"].map(|name| publisher(&here, name, &spec));
    let _status = publisher(&here, "status", &Kind::Dict.spec());
    let _camera = publisher(&here, "camera", &Kind::Image.spec());
    let out = |args: &[&str]| {
        let ended = place.run(args);
        assert_eq!((ended.code(), ended.err.as_str()), (0, ""), "{args:?}");
        ended.out
    };
    assert_eq!(out(&["topic", "type", "/cmd_vel"]), "CmdVel\n");
    assert_eq!(out(&["topic", "type", "status"]), "dict\n");
    assert_eq!(out(&["topic", "find", "CmdVel"]), "cmd_vel\ncmd_vel.raw\n");
    assert_eq!(out(&["topic", "find", "CmdVel", "-c"]), "2\n");
    assert_eq!(out(&["topic", "find", &out(&["topic", "type", "camera"])[..5]]), "camera\n");
}

#[test]
fn a_type_that_nothing_holds_is_told_with_what_may_be_meant() {
    let place = Place::new();
    let here = place.join();
    let _publisher = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    for (name, advice) in [
        ("cmdvel", "did you mean 'CmdVel'?"),
        ("Odometri", "did you mean 'Odometry'?"),
        ("sensor_msgs/msg/Imu", "did you mean 'Imu'?"),
        ("Odometry", "its topics hold CmdVel"),
        ("xyz", "its topics hold CmdVel"),
    ] {
        let ended = place.run(&["topic", "find", name]);
        assert_eq!((ended.code(), ended.out.as_str()), (3, ""));
        is(&ended.err, format!("error: no topic of type '{name}' in namespace 'test'\nhint: {advice}\n"));
    }
    let ended = place.run(&["topic", "find", "Imu", "--count"]);
    assert_eq!((ended.code(), ended.out.as_str()), (3, "0\n"));
}
