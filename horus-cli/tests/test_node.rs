//! `horus node list`, `horus ns list` and `horus clean`.

mod support;

use horus_core::Kind;
use horus_shm::{NodeName, NodeSpec, NodeState, now_ns};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::io::Write;
use support::{Place, Watched, publisher};

fn names(shm: &std::path::Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(shm).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_rate_that_a_node_reaches_is_told_from_its_second_tick_on_and_while_it_ticks() {
    const PERIOD_NS: u64 = 20_000_000;
    let place = Place::new();
    let here = place.join();
    let actual = |ticks: u64, last_ns: u64| {
        let spec = NodeSpec { rate_hz: 50.0 };
        let mut node = here.add_node(&NodeName::new("arm").unwrap(), spec).unwrap();
        for tick in (0..ticks).rev() {
            node.tick_begin(last_ns - tick * PERIOD_NS, last_ns);
            node.tick_end(last_ns - tick * PERIOD_NS);
        }
        let listed: Value = serde_json::from_str(&place.run(&["node", "list", "--json"]).out).unwrap();
        listed["items"][0]["actual_hz"].as_f64().unwrap()
    };
    // What lies ahead is never silence, however slow this machine is; what lies an hour back always is.
    let ahead_ns = now_ns() + 3_600_000_000_000;
    for (ticks, hz) in [(0, 0.0), (1, 0.0), (2, 50.0), (6, 50.0), (51, 50.0), (151, 50.0)] {
        assert_eq!(actual(ticks, ahead_ns), hz, "{ticks} ticks");
    }
    assert_eq!(actual(151, now_ns().saturating_sub(3_600_000_000_000).max(4_000_000_000)), 0.0, "it hangs");
}

#[test]
fn nodes_of_all_processes_are_listed() {
    let place = Place::new();
    let here = place.join();
    let node = |name: &str, rate_hz: f64| {
        here.add_node(&NodeName::new(name).unwrap(), NodeSpec { rate_hz }).unwrap()
    };
    let mut camera = node("camera", 30.0);
    camera.tick_begin(now_ns(), now_ns());
    camera.tick_end(now_ns());
    let mut arm = node("arm", 0.0);
    arm.set_state(NodeState::Error);
    let ended = place.run(&["node", "list"]);
    assert_eq!((ended.code(), ended.err.as_str()), (0, ""));
    let rows: Vec<Vec<&str>> = ended.out.lines().map(|line| line.split_whitespace().collect()).collect();
    let headings =
        ["NAME", "PID", "STATE", "HEALTH", "RATE", "ACTUAL", "CPU%", "RSS", "UP", "RESTARTS", "SESSION"];
    assert_eq!(rows[0], headings);
    let pid = std::process::id().to_string();
    assert_eq!(rows[1][..5], ["arm", &pid, "Error", "-", "-"]);
    assert_eq!(rows[2][..6], ["camera", &pid, "Running", "-", "30.00", "Hz"]);
    let json: Value = serde_json::from_str(&place.run(&["node", "list", "--json"]).out).unwrap();
    assert_eq!((&json["schema"], &json["namespace"]), (&"horus.node_list/1".into(), &"test".into()));
    let keys: Vec<_> = json["items"][1].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "name",
            "pid",
            "state",
            "health",
            "rate_hz",
            "actual_hz",
            "cpu_percent",
            "rss_bytes",
            "uptime_s",
            "restarts",
            "session",
            "namespace",
            "crash"
        ]
    );
    let camera = &json["items"][1];
    assert_eq!((&camera["rate_hz"], &camera["crash"]), (&30.0.into(), &Value::Null));
    assert!(
        camera["rss_bytes"].as_u64().unwrap() > 0 && camera["uptime_s"].as_f64().unwrap() > 0.0,
        "{camera}"
    );
}

#[test]
fn an_empty_list_says_so() {
    let place = Place::new();
    let ended = place.run(&["node", "list", "-o", "csv"]);
    assert_eq!(
        ended.out,
        "name,pid,state,health,rate_hz,actual_hz,cpu_percent,rss_bytes,uptime_s,restarts,session,namespace,crash\n"
    );
    assert_eq!(ended.err, "no nodes in namespace 'test'\n");
    let _other = place.join_namespace("robot");
    assert!(
        place.run(&["node", "list"]).err.ends_with("hint: nodes live in namespace 'robot' (use -n robot)\n")
    );
}

#[test]
fn namespaces_that_somebody_lives_in_are_listed() {
    let place = Place::new();
    assert_eq!(place.run(&["ns", "list"]).err, "nobody lives in any namespace\n");
    let here = place.join_namespace("robot");
    let _topic = publisher(&here, "status", &Kind::Dict.spec());
    let out = place.run(&["ns", "list", "-o", "csv"]).out;
    let cells: Vec<_> = out.lines().nth(1).unwrap().split(',').collect();
    assert_eq!(out.lines().next(), Some("name,participants,nodes,topics,shm_bytes"));
    assert_eq!(cells[..4], ["robot", "1", "0", "1"]);
    assert!(cells[4].parse::<u64>().unwrap() > 0);
    let json: Value = serde_json::from_str(&place.run(&["ns", "list", "--json"]).out).unwrap();
    assert_eq!((&json["schema"], &json["namespace"]), (&"horus.ns_list/1".into(), &Value::Null));
}

/// Leaves in each namespace what a killed publisher leaves. All die together: a later command would clean up.
fn deaths(place: &Place, namespaces: &[&str]) {
    let publish = |namespace: &&str| {
        let running =
            place.start(&["topic", "pub", "cmd_vel", "--type", "CmdVel", "-r", "1000", "-n", namespace]);
        let topic = place.shm().join(namespace).join("topics/cmd_vel");
        support::wait_for(|| topic.exists().then_some(()));
        running
    };
    let running: Vec<_> = namespaces.iter().map(publish).collect();
    for running in running {
        let watched = Watched::new(running.pid());
        running.signal(Signal::KILL);
        assert!(watched.wait_end());
    }
}

#[test]
fn a_list_shows_what_the_dead_left_and_then_removes_it() {
    let place = Place::new();
    deaths(&place, &["test"]);
    let ended = place.run(&["topic", "list", "-o", "csv"]);
    assert!(ended.out.contains("\ncmd_vel,CmdVel,typed,0,0,"), "{ended:?}");
    assert_eq!(names(place.shm()), ["joins", "lock"], "the list was read before the cleaning");
    assert_eq!(place.run(&["topic", "list", "-c"]).out, "0\n");
}

#[test]
fn clean_says_what_it_removed() {
    let place = Place::new();
    deaths(&place, &["test", "other"]);
    let dry = place.run(&["clean", "--shm", "--dry-run"]);
    assert!(dry.out.starts_with("would remove 1 dead process, 1 topic,"), "{dry:?}");
    assert!(place.shm().join("test/topics/cmd_vel").exists());
    let json: Value =
        serde_json::from_str(&place.run(&["clean", "--shm", "--dry-run", "--all-namespaces", "--json"]).out)
            .unwrap();
    assert_eq!((&json["schema"], json["topics"].as_array().unwrap().len()), (&"horus.clean/1".into(), 2));
    assert_eq!(json["namespaces"], serde_json::json!(["other", "test"]));
    let ended = place.run(&["clean", "--shm"]);
    assert_eq!(
        ended.out.replace("removed", "would remove"),
        dry.out,
        "a dry run foresees it, the namespace too"
    );
    assert!(ended.out.starts_with("removed 1 dead process, 1 topic, 1 namespace,"), "{ended:?}");
    assert!(ended.out.contains("\n  topic test/cmd_vel\n"), "{ended:?}");
    assert_eq!(names(place.shm()), ["joins", "lock", "other"], "only its own namespace");
    assert!(place.run(&["clean", "--shm", "--all-namespaces"]).out.starts_with("removed "));
    assert_eq!(place.run(&["clean", "--shm"]).out, "nothing to remove\n");
    assert_eq!(names(place.shm()), ["joins", "lock"]);
}

#[test]
fn the_living_are_never_touched() {
    let place = Place::new();
    let here = place.join();
    let mut topic = publisher(&here, "status", &Kind::Dict.spec());
    deaths(&place, &["test"]);
    let ended = place.run(&["clean", "--shm"]);
    assert!(ended.out.contains("topic test/cmd_vel") && !ended.out.contains("status"), "{ended:?}");
    topic.send(b"\x80").unwrap();
    assert_eq!(place.run(&["topic", "list", "--names"]).out, "status\n");
}

#[test]
fn a_node_that_was_killed_is_shown_as_crashed() {
    let place = Place::new();
    // A node of another process, killed: this test's own binary, run again as a helper.
    let helper = std::env::current_exe().unwrap();
    let mut command = std::process::Command::new(helper);
    command.args(["helper_that_is_a_node", "--exact", "--nocapture", "--ignored"]);
    command.env("HORUS_SHM_DIR", place.shm()).env("HORUS_NAMESPACE", "test");
    let running = support::Running::start(command);
    running.wait_out(|out| out.contains("node is up").then_some(()));
    let watched = Watched::new(running.pid());
    let pid = running.pid().as_raw_nonzero();
    running.signal(Signal::KILL);
    assert!(watched.wait_end());
    drop(running);
    let first: Value = serde_json::from_str(&place.run(&["node", "list", "--json"]).out).unwrap();
    // The first list saw the dead participant and cleaned up after it; the next sees its tombstone.
    let second: Value = serde_json::from_str(&place.run(&["node", "list", "--json"]).out).unwrap();
    for list in [first, second] {
        let node = &list["items"][0];
        assert_eq!((&node["name"], &node["state"]), (&"victim".into(), &"Crashed".into()), "{list}");
        assert_eq!(node["pid"].as_i64(), Some(i64::from(pid.get())));
        assert!(!node["crash"]["how"].as_str().unwrap().is_empty());
    }
    assert!(place.run(&["node", "list"]).out.contains("Crashed ("));
    let dry = place.run(&["clean", "--shm", "--dry-run"]);
    assert!(dry.out.starts_with("would remove 1 crashed node's record"), "{dry:?}");
    assert!(place.run(&["clean", "--shm"]).out.contains("1 crashed node's record"));
    assert_eq!(place.run(&["node", "list"]).err, "no nodes in namespace 'test'\n");
}

#[test]
#[ignore = "run by the test above, as a process of its own"]
fn helper_that_is_a_node() {
    let namespace = horus_shm::Namespace::open(&horus_shm::Settings::from_env()).unwrap();
    let here = horus_shm::Participant::join(&namespace, horus_shm::Language::Rust).unwrap();
    let mut node = here.add_node(&NodeName::new("victim").unwrap(), NodeSpec { rate_hz: 10.0 }).unwrap();
    node.tick_begin(now_ns(), now_ns());
    std::io::stdout().write_all(b"node is up\n").unwrap();
    loop {
        std::thread::park();
    }
}
