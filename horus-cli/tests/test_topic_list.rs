//! `horus topic list`.

mod support;

use horus_core::messages::CmdVel;
use horus_core::{Kind, Message};
use horus_shm::Subscriber;
use serde_json::Value;
use snapbox::str;
use support::{Place, dict, publisher, subscriber};

fn is(actual: String, expected: impl snapbox::IntoData) {
    snapbox::Assert::new().eq(actual, expected);
}

/// Three topics: one with a publisher and a slow subscriber, one dict, one of images.
fn robot(place: &Place) -> (Vec<horus_shm::Publisher>, Subscriber) {
    let here = place.join();
    let spec = CmdVel::schema().spec();
    let mut cmd_vel = publisher(&here, "cmd_vel", &spec);
    let mut subscriber = subscriber(&here, "cmd_vel", &spec);
    for _ in 0..80 {
        cmd_vel.send(&[0; 16]).unwrap();
    }
    assert!(subscriber.recv().unwrap().is_some());
    let mut status = publisher(&here, "robot.status", &Kind::Dict.spec());
    status.send(&dict(&horus_core::Value::from([("mode", "auto")]))).unwrap();
    let camera = publisher(&here, "camera.rgb", &Kind::Image.spec());
    (vec![cmd_vel, status, camera], subscriber)
}

#[test]
fn a_list_has_every_topic_and_no_boxes() {
    let place = Place::new();
    let _robot = robot(&place);
    let ended = place.run(&["topic", "list"]);
    assert_eq!((ended.code(), ended.err.as_str()), (0, ""));
    let rows: Vec<Vec<&str>> = ended.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAME", "TYPE", "KIND", "PUB", "SUB", "RATE", "MSGS", "DROPS", "AGE"]);
    assert_eq!(rows[1][..5], ["camera.rgb", "Image", "image", "1", "0"]);
    assert_eq!(rows[2][..5], ["cmd_vel", "CmdVel", "typed", "1", "1"]);
    // 80 sent, a ring of 64, one read: how many the first receive found gone is the subscriber's to say.
    assert_eq!(rows[2][7], "80");
    assert_eq!(rows[3][..5], ["robot.status", "dict", "dict", "1", "0"]);
    assert_eq!(rows[1][rows[1].len() - 1], "-", "never sent, so of no age");
}

#[test]
fn json_has_the_envelope_and_the_keys() {
    let place = Place::new();
    let _robot = robot(&place);
    let ended = place.run(&["topic", "list", "--json", "cmd*"]);
    is(
        ended.out,
        str![[r#"
{"schema":"horus.topic_list/1","namespace":"test","items":[{"name":"cmd_vel","type":"CmdVel","kind":"typed","publishers":1,"subscribers":1,"rate_hz":[..],"messages":80,"dropped":[..],"age_s":[..],"namespace":"test"}]}

"#]],
    );
    let ended = place.run(&["topic", "list", "-o", "jsonl", "-v", "robot.status"]);
    let item: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(item["messages"], 1);
    let endpoint = &item["endpoints"][0];
    assert_eq!((&endpoint["role"], &endpoint["sent"]), (&"publisher".into(), &1.into()));
    assert_eq!(endpoint["pid"], std::process::id());
}

#[test]
fn other_formats_hold_the_same() {
    let place = Place::new();
    let _robot = robot(&place);
    is(
        place.run(&["topic", "list", "-o", "csv", "camera.*"]).out,
        str![[r#"
name,type,kind,publishers,subscribers,rate_hz,messages,dropped,age_s,namespace
camera.rgb,Image,image,1,0,0.0,0,0,,test

"#]],
    );
    is(
        place.run(&["topic", "list", "-o", "yaml", "camera.*"]).out,
        str![[r#"
schema: horus.topic_list/1
namespace: test
items:
- name: camera.rgb
  type: Image
  kind: image
  publishers: 1
  subscribers: 0
  rate_hz: 0.0
  messages: 0
  dropped: 0
  age_s: null
  namespace: test

"#]],
    );
}

#[test]
fn a_topic_without_a_publisher_has_no_rate_and_no_sign() {
    let place = Place::new();
    let here = place.join();
    let _subscriber = subscriber(&here, "odom", &CmdVel::schema().spec());
    let out = place.run(&["topic", "list"]).out;
    assert!(out.lines().last().unwrap().contains("  0.00 Hz  ") && !out.contains("-0"), "{out}");
}

#[test]
fn names_counts_and_types_are_for_scripts() {
    let place = Place::new();
    let _robot = robot(&place);
    assert_eq!(place.run(&["topic", "list", "--names"]).out, "camera.rgb\ncmd_vel\nrobot.status\n");
    assert_eq!(place.run(&["topic", "list", "-c"]).out, "3\n");
    let types = place.run(&["topic", "list", "-t"]).out;
    assert_eq!(types, "NAME          TYPE\ncamera.rgb    Image\ncmd_vel       CmdVel\nrobot.status  dict\n");
}

#[test]
fn details_name_the_processes_and_who_lags() {
    let place = Place::new();
    let robot = robot(&place);
    let ended = place.run(&["topic", "list", "-v", "cmd_vel"]);
    let pid = std::process::id();
    assert!(ended.out.contains(&format!("  pub  -  pid {pid}  rust  ")), "{ended:?}");
    assert!(ended.out.contains(&format!("  sub  -  pid {pid}  rust  ")), "{ended:?}");
    let hint = format!("hint: subscriber (pid {pid}) reads ");
    assert!(ended.err.starts_with(&hint), "{ended:?}");
    assert!(ended.err.ends_with("raise its rate, raise depth, or use recv_latest\n"), "{ended:?}");
    assert!(!place.run(&["topic", "list", "-v", "-q"]).err.contains("hint"));
    drop(robot);
}

#[test]
fn an_empty_namespace_says_where_others_are() {
    let place = Place::new();
    let ended = place.run(&["topic", "list"]);
    assert_eq!((ended.code(), ended.err.as_str()), (0, "no topics in namespace 'test'\n"));
    let here = place.join_namespace("default");
    let _topics = ["a", "b", "c"].map(|name| publisher(&here, name, &Kind::Dict.spec()));
    let ended = place.run(&["topic", "list"]);
    assert_eq!(
        ended.err,
        "no topics in namespace 'test'\nhint: 3 topics live in namespace 'default' (use -n default)\n"
    );
    assert_eq!(place.run(&["topic", "list", "-c", "-n", "default"]).out, "3\n");
    assert_eq!(place.run(&["topic", "list", "-c", "--all-namespaces"]).out, "3\n");
    let ended = place.run(&["topic", "list", "--all-namespaces", "--json"]);
    assert!(
        ended.out.starts_with(r#"{"schema":"horus.topic_list/1","namespace":null,"items":[{"name":"a","#)
    );
    assert_eq!(
        place.run(&["topic", "list", "x*", "-n", "default"]).err.lines().next(),
        Some("none of 3 topics fits 'x*'")
    );
    let _camera = publisher(&here, "camera.rgb", &Kind::Dict.spec());
    for glob in ["camera.*", "/camera/*", "cam*"] {
        assert_eq!(place.run(&["topic", "list", glob, "--names", "-n", "default"]).out, "camera.rgb\n");
    }
}

#[test]
fn a_folder_of_another_mode_is_refused_in_words() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    std::fs::set_permissions(place.shm(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let ended = place.run(&["topic", "list"]);
    assert_eq!(ended.code(), 1);
    assert!(ended.err.contains("must be 0700"), "{ended:?}");
}

#[test]
fn the_folder_of_another_user_is_a_matter_of_permission() {
    if !rustix::process::geteuid().is_root() {
        // Only root can make one.
        return;
    }
    let place = Place::new();
    std::os::unix::fs::chown(place.shm(), Some(12345), Some(12345)).unwrap();
    let ended = place.run(&["topic", "list"]);
    assert_eq!(ended.code(), 6);
    assert!(ended.err.contains("hint: topics are per user: run both as the same user"), "{ended:?}");
    std::os::unix::fs::chown(place.shm(), Some(0), Some(0)).unwrap();
    // Beside ours stands the folder of somebody else.
    let other = place.shm().join("horus-12345");
    std::fs::create_dir(&other).unwrap();
    std::os::unix::fs::chown(&other, Some(12345), Some(12345)).unwrap();
    let mut command = place.horus(&["topic", "list"]);
    command.env("HORUS_SHM_DIR", place.shm().join("horus-0"));
    let err = support::Running::start(command).finish().err;
    assert!(
        err.contains(
            "hint: another user (uid 12345) runs HORUS too; topics are per user: run both as the same user"
        ),
        "{err}"
    );
}

#[test]
fn sudo_is_warned_about() {
    let place = Place::new();
    let mut command = place.horus(&["topic", "list"]);
    command.env("SUDO_USER", "bob");
    let err = support::Running::start(command).finish().err;
    assert!(
        err.starts_with("warning: running as root through sudo; topics are per user, and those of 'bob'"),
        "{err}"
    );
}
