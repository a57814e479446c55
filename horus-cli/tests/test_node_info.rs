//! `horus node info` and `horus node kill`.

mod support;

use horus_core::{Kind, Message, messages::CmdVel};
use horus_shm::{
    Language, Namespace, NodeName, NodeSpec, Participant, PublisherOptions, Settings, Subscriber,
    SubscriberOptions, TopicName, now_ns,
};
use rustix::process::Signal;
use serde_json::Value;
use std::io::Write;
use std::process::Command;
use support::{Ended, Place, Running, Watched};

/// Nodes in a process of their own: this test's own binary, run again as an actor.
fn actor(place: &Place, nodes: &str, deaf: bool) -> Running {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["actor_with_nodes", "--exact", "--nocapture", "--ignored"]);
    command.env("HORUS_SHM_DIR", place.shm()).env("HORUS_NAMESPACE", "test").env("NODES", nodes);
    if deaf {
        command.env("DEAF", "1");
    }
    let running = Running::start(command);
    running.wait_out(|out| out.contains("nodes are up").then_some(()));
    running
}

#[test]
#[ignore = "run by the tests of this file, as a process of its own"]
fn actor_with_nodes() {
    let namespace = Namespace::open(&Settings::from_env()).unwrap();
    let here = Participant::join(&namespace, Language::Rust).unwrap();
    let names = std::env::var("NODES").unwrap();
    let add = |name| here.add_node(&NodeName::new(name).unwrap(), NodeSpec { rate_hz: 50.0 }).unwrap();
    let nodes: Vec<_> = names.split(',').map(add).collect();
    let deaf = std::env::var_os("DEAF").is_some();
    let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM]).unwrap();
    std::io::stdout().write_all(b"nodes are up\n").unwrap();
    for _ in signals.forever() {
        if !deaf {
            break;
        }
    }
    drop(nodes);
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"))
}

#[test]
fn all_that_is_known_of_a_node_is_shown() {
    let place = Place::new();
    let here = place.join();
    let mut node = here.add_node(&NodeName::new("driver").unwrap(), NodeSpec { rate_hz: 50.0 }).unwrap();
    let _other = here.add_node(&NodeName::new("arm").unwrap(), NodeSpec { rate_hz: 0.0 }).unwrap();
    let own = Some(node.index());
    let (cmd, status) = (TopicName::new("cmd_vel").unwrap(), TopicName::new("status").unwrap());
    let options = PublisherOptions { node: own, ..PublisherOptions::default() };
    let mut publisher = horus_shm::Publisher::open(&here, &cmd, &CmdVel::schema().spec(), options).unwrap();
    let options = SubscriberOptions { node: own, ..SubscriberOptions::default() };
    let mut subscriber = Subscriber::open(&here, &status, Some(&Kind::Dict.spec()), options).unwrap();
    let mut sender = support::publisher(&here, "status", &Kind::Dict.spec());
    for _ in 0..3 {
        let began = now_ns();
        node.tick_begin(began, began + 20_000_000);
        publisher.send(horus_core::bytemuck::bytes_of(&CmdVel::default())).unwrap();
        node.tick_end(began + 2_000_000);
    }
    node.overrun();
    sender.send(b"\x80").unwrap();
    assert!(subscriber.recv().unwrap().is_some());

    let all = json(&place.run(&["node", "info", "driver", "--json"]));
    assert_eq!((&all["schema"], &all["namespace"]), (&"horus.node_info/1".into(), &"test".into()));
    let item = &all["items"][0];
    let keys: Vec<_> = item.as_object().unwrap().keys().map(String::as_str).collect();
    let csv = place.run(&["node", "info", "driver", "-o", "csv"]).out;
    assert_eq!(keys, csv.lines().next().unwrap().split(',').collect::<Vec<_>>());
    let expected: [(&str, Value); 11] = [
        ("name", "driver".into()),
        ("pid", std::process::id().into()),
        ("state", "Running".into()),
        ("rate_hz", 50.0.into()),
        ("language", "rust".into()),
        ("ticks", 3.into()),
        ("overruns", 1.into()),
        ("tick_mean_s", 0.002.into()),
        ("tick_max_s", 0.002.into()),
        ("process_nodes", vec!["driver", "arm"].into()),
        ("pinned_blocks", 0.into()),
    ];
    for (key, value) in expected {
        assert_eq!(item[key], value, "{key}");
    }
    assert!(item["due_s"].as_f64().unwrap() < 0.02 && item["last_tick_s"].as_f64().unwrap() >= 0.0, "{item}");
    let command: Vec<String> = std::env::args().collect();
    assert_eq!(item["command"], Value::from(command));
    let endpoints: Vec<_> = item["endpoints"].as_array().unwrap().iter().collect();
    assert_eq!(endpoints.len(), 2, "that of no node isn't this one's: {item}");
    let of = |key: &str| endpoints.iter().map(|e| e[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("role"), ["publisher", "subscriber"]);
    assert_eq!(of("topic"), ["cmd_vel", "status"]);
    assert_eq!(of("type"), ["CmdVel", "dict"]);
    assert_eq!(of("kind"), ["typed", "dict"]);
    assert_eq!(of("sent"), [3, 0]);
    assert_eq!(of("received"), [0, 1]);

    let text = place.run(&["node", "info", "driver"]);
    assert_eq!((text.code(), text.err.as_str()), (0, ""));
    for line in [
        "node       driver",
        "namespace  test",
        "state      Running",
        "ticks      3, 1 of them late",
        "tick       mean 2 ms, longest 2 ms",
        "language   rust",
        "with it    arm",
    ] {
        assert!(text.out.lines().any(|found| found == line), "{line}: {text:?}");
    }
    let rows: Vec<Vec<&str>> = text.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(rows.contains(&vec!["ROLE", "TOPIC", "TYPE", "RATE", "COUNT", "DROPS", "AGE"]), "{text:?}");
    let publisher = rows.iter().find(|row| row.first() == Some(&"publisher")).unwrap();
    assert_eq!(publisher[1..3], ["cmd_vel", "CmdVel"]);
}

#[test]
fn a_node_that_isn_t_there_gets_advice() {
    let place = Place::new();
    let ended = place.run(&["node", "info", "camera"]);
    assert_eq!(
        (ended.code(), ended.err.as_str()),
        (3, "error: node 'camera' not found in namespace 'test'\nhint: no nodes in namespace 'test'\n")
    );
    let here = place.join();
    let _camera = here.add_node(&NodeName::new("camera").unwrap(), NodeSpec { rate_hz: 1.0 }).unwrap();
    let robot = place.join_namespace("robot");
    let _other = robot.add_node(&NodeName::new("arm").unwrap(), NodeSpec { rate_hz: 1.0 }).unwrap();
    for command in ["info", "kill"] {
        let ended = place.run(&["node", command, "camrea"]);
        assert_eq!(ended.code(), 3);
        assert_eq!(
            ended.err,
            "error: node 'camrea' not found in namespace 'test'\nhint: did you mean 'camera'?\n\
             hint: nodes live in namespace 'robot' (use -n robot)\n"
        );
    }
}

#[test]
fn kill_asks_first_and_the_node_ends_cleanly() {
    let place = Place::new();
    let running = actor(&place, "camera", false);
    let pid = running.child.id();
    let ended = place.run(&["node", "kill", "camera", "--json"]);
    assert_eq!((ended.code(), ended.err.as_str()), (0, ""), "{ended:?}");
    let all = json(&ended);
    assert_eq!(all["schema"], "horus.node_kill/1");
    let item = &all["items"][0];
    assert_eq!((&item["name"], &item["pid"]), (&"camera".into(), &pid.into()));
    assert_eq!(item["ended"], "sigterm");
    assert!(running.finish().status.success());
    assert_eq!(place.run(&["node", "list", "--json"]).out.matches("camera").count(), 0, "no crash");
}

#[test]
fn who_does_not_listen_is_killed_and_it_is_said() {
    let place = Place::new();
    let running = actor(&place, "camera", true);
    let pid = running.child.id();
    let ended = place.run(&["node", "kill", "camera", "--timeout", "0.1"]);
    assert_eq!(ended.code(), 0);
    assert_eq!(
        ended.err,
        format!("warning: camera (pid {pid}) did not end within 100 ms of SIGTERM; killed\n")
    );
    let rows: Vec<Vec<&str>> = ended.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        rows,
        [vec!["NAME", "PID", "ENDED", "AFTER"], vec!["camera", &pid.to_string(), "sigkill", "100", "ms"]]
    );
    drop(running);
    let crashed = json(&place.run(&["node", "list", "--json"]));
    assert_eq!(crashed["items"][0]["crash"]["how"], "killed by horus node kill");
    let again = place.run(&["node", "kill", "camera"]);
    assert_eq!(again.code(), 7);
    assert!(
        again.err.starts_with("error: node 'camera' isn't running: Crashed (killed by horus node kill"),
        "{again:?}"
    );
}

#[test]
fn several_of_one_name_are_told_apart() {
    let place = Place::new();
    let (first, second) = (actor(&place, "camera", false), actor(&place, "camera", false));
    let mut pids = [first.child.id(), second.child.id()];
    pids.sort_unstable();
    let refused = place.run(&["node", "kill", "camera"]);
    assert_eq!(refused.code(), 7);
    assert_eq!(
        refused.err,
        format!(
            "error: 2 nodes are named 'camera': pid {}, {}\nhint: say which with --pid, or --all of them\n",
            pids[0], pids[1]
        )
    );
    let stranger = place.run(&["node", "kill", "camera", "--pid", "1"]);
    assert_eq!(stranger.code(), 3);
    assert!(
        stranger.err.starts_with("error: node 'camera' isn't in pid 1\nhint: it is in pid "),
        "{stranger:?}"
    );
    assert!(!first.has_ended() && !second.has_ended());
    let one = place.run(&["node", "kill", "camera", "--pid", &first.child.id().to_string()]);
    assert_eq!(one.code(), 0, "{one:?}");
    assert!(first.finish().status.success() && !second.has_ended());
    let third = actor(&place, "camera", false);
    let all = place.run(&["node", "kill", "camera", "--all", "-o", "jsonl"]);
    assert_eq!((all.code(), all.out.lines().count()), (0, 2), "{all:?}");
    assert!(second.finish().status.success() && third.finish().status.success());
}

#[test]
fn what_else_would_end_is_named_first() {
    let place = Place::new();
    let running = actor(&place, "camera,lidar", false);
    let pid = running.child.id();
    let refused = place.run(&["node", "kill", "camera"]);
    assert_eq!(refused.code(), 7);
    assert_eq!(
        refused.err,
        format!(
            "error: node 'camera' shares its process (pid {pid}) with 'lidar'\n\
             hint: end the process and all that is in it with: horus node kill camera --process\n"
        )
    );
    assert!(!running.has_ended());
    assert_eq!(place.run(&["node", "kill", "camera", "--process"]).code(), 0);
    assert!(running.finish().status.success());
}

#[test]
fn a_number_that_is_somebody_else_s_is_not_signalled() {
    let place = Place::new();
    let node = actor(&place, "camera", false);
    let bystander = Running::start({
        let mut command = Command::new("sleep");
        command.arg("1000");
        command
    });
    // The node's file says that it is the bystander: scribbled over, for a kernel that reuses numbers is slow to come.
    let folder = place.shm().join("test/participants");
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let bytes = std::fs::read(&file).unwrap();
    let own = node.child.id().to_le_bytes();
    let at = bytes[..64].windows(4).position(|word| word == own).expect("the head holds the pid");
    let file = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &bystander.child.id().to_le_bytes(), at as u64).unwrap();
    let ended = place.run(&["node", "kill", "camera"]);
    assert_eq!(ended.code(), 1, "{ended:?}");
    assert!(ended.err.contains("is not the process of node 'camera'"), "{ended:?}");
    assert!(!bystander.has_ended() && !node.has_ended());
    // A process that is dead by its lock is not looked for by its number at all.
    let watched = Watched::new(node.pid());
    node.signal(Signal::KILL);
    assert!(watched.wait_end());
    assert_eq!(place.run(&["node", "kill", "camera"]).code(), 7);
    assert!(!bystander.has_ended());
}

#[test]
fn a_timeout_must_be_a_span() {
    let place = Place::new();
    for bad in ["-1", "NaN", "soon", "inf"] {
        let ended = place.run(&["node", "kill", "camera", &format!("--timeout={bad}")]);
        assert_eq!(ended.code(), 2, "{bad}");
    }
}
