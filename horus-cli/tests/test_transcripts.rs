//! What commands say to the letter, on both streams, with their status; times, pids and amounts of memory aside.
//! `SNAPSHOTS=overwrite cargo test` writes the files anew; put `[..]` back where they differ from run to run.

mod support;

use horus_core::messages::CmdVel;
use horus_core::{Kind, Message, Value};
use horus_shm::{NodeName, NodeRecord, NodeSpec, Publisher};
use rustix::process::Signal;
use std::sync::Arc;
use support::{Ended, Place, Running, dict, publisher, wait_for, wait_subscribed};

/// Compares a command line and what came of it with its file.
fn is_as_written(name: &str, args: &[&str], ended: &Ended) {
    let line = shlex::try_join(args.iter().copied()).unwrap();
    let is_table = args.contains(&"list") && !args.contains(&"--json");
    let out = if is_table { closed_up(&ended.out) } else { ended.out.clone() };
    let text = format!("$ horus {line}\n{out}--- stderr\n{}--- status {}\n", ended.err, ended.code());
    let file = format!("{}/tests/transcripts/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    snapbox::Assert::new()
        .action_env(snapbox::assert::DEFAULT_ACTION_ENV)
        .eq(text, snapbox::Data::read_from(file.as_ref(), None));
}

/// Columns are as wide as numbers that differ from run to run; here two spaces stand between all.
fn closed_up(table: &str) -> String {
    let cells = |line: &str| {
        let cells: Vec<_> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        cells.join("  ") + "\n"
    };
    table.lines().map(cells).collect()
}

fn check(place: &Place, name: &str, args: &[&str]) {
    is_as_written(name, args, &place.run(args));
}

/// A topic with a message that is there to see, one without, and a node.
fn robot(place: &Place) -> (Publisher, Publisher, NodeRecord) {
    let here = place.join();
    let mut cmd_vel = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    let message = CmdVel { timestamp_ns: 7, linear: 0.5, angular: -1.0 };
    cmd_vel.send(horus_core::bytemuck::bytes_of(&message)).unwrap();
    let status = publisher(&here, "robot.status", &Kind::Dict.spec());
    let node = here.add_node(&NodeName::new("controller").unwrap(), NodeSpec { rate_hz: 50.0 }).unwrap();
    (cmd_vel, status, node)
}

#[test]
fn lists() {
    let place = Place::new();
    let robot = robot(&place);
    for (name, args) in [
        ("topic_list", &["topic", "list"] as &[&str]),
        ("topic_list_verbose", &["topic", "list", "-v", "cmd_vel"]),
        ("node_list", &["node", "list"]),
        ("node_list_json", &["node", "list", "--json"]),
        ("ns_list", &["ns", "list"]),
        ("ns_list_json", &["ns", "list", "--json"]),
        ("topic_list_elsewhere", &["-n", "other", "topic", "list"]),
    ] {
        check(&place, name, args);
    }
    drop(robot);
}

#[test]
fn nodes_and_graphs() {
    let place = Place::new();
    let robot = robot(&place);
    for (name, args) in [
        ("node_info", &["node", "info", "controller"] as &[&str]),
        ("node_info_json", &["node", "info", "controller", "--json"]),
        ("node_info_missing", &["node", "info", "contoller"]),
        ("node_kill_wrong_pid", &["node", "kill", "controller", "--pid", "1"]),
        ("graph", &["graph"]),
        ("graph_mermaid", &["graph", "--mermaid"]),
        ("graph_json", &["graph", "--json"]),
        ("graph_elsewhere", &["graph", "-n", "other"]),
    ] {
        check(&place, name, args);
    }
    drop(robot);
}

#[test]
fn projects_and_recipes() {
    let place = Place::new();
    check(&place, "recipes_none", &["recipes"]);
    place.put("data/horus/recipes/patrol/recipe.py", "");
    check(&place, "recipes_json", &["recipes", "--json"]);
    check(&place, "new", &["new", "patrol"]);
    check(&place, "new_there_already", &["new", "patrol"]);
    check(&place, "new_bad_name", &["new", "9lives"]);
    check(&place, "man", &["man", "man1"]);
}

#[test]
fn echo() {
    let place = Place::new();
    let (mut cmd_vel, mut status, _node) = robot(&place);
    let here = Arc::clone(cmd_vel.participant());
    let message = CmdVel { timestamp_ns: u64::MAX, linear: 0.1, angular: f32::INFINITY };
    let mixed = dict(&Value::Map(vec![
        ("mode".into(), "on".into()),
        ("gain".into(), Value::Float32(0.5)),
        ("pose".into(), Value::from([("x", Value::Float(1.0)), ("ids", vec![1i64, 2].into())])),
        ("raw".into(), Value::Bytes(vec![0, 255])),
        (Value::Int(3), Value::Nil),
    ]));
    for (name, args) in [
        ("echo_typed", &["topic", "echo", "cmd_vel", "--once"] as &[&str]),
        ("echo_typed_json", &["topic", "echo", "cmd_vel", "--once", "--json"]),
        ("echo_typed_csv", &["topic", "echo", "cmd_vel", "--once", "--csv"]),
        ("echo_typed_raw", &["topic", "echo", "cmd_vel", "--once", "--raw"]),
        ("echo_typed_field", &["topic", "echo", "cmd_vel", "--once", "--field", "linear"]),
        ("echo_typed_no_field", &["topic", "echo", "cmd_vel", "--once", "--field", "linaer"]),
        ("echo_dict", &["topic", "echo", "robot.status", "--once"]),
        ("echo_dict_json", &["topic", "echo", "robot.status", "--once", "--json"]),
        ("echo_dict_short", &["topic", "echo", "robot.status", "--once", "--no-arr"]),
        ("echo_dict_csv", &["topic", "echo", "robot.status", "--once", "--csv"]),
    ] {
        let echo = place.start(args);
        wait_subscribed(&here, args[2], 1);
        match args[2] {
            "cmd_vel" => cmd_vel.send(horus_core::bytemuck::bytes_of(&message)).unwrap(),
            _ => status.send(&mixed).unwrap(),
        }
        is_as_written(name, args, &echo.finish());
    }
    check(&place, "echo_missing", &["topic", "echo", "cmd_vle", "--timeout", "0.01"]);
}

#[test]
fn publish() {
    let place = Place::new();
    let _robot = robot(&place);
    for (name, args) in [
        ("pub_typed", &["topic", "pub", "cmd_vel", "{linear: 0.5}", "--once"] as &[&str]),
        ("pub_wrong_field", &["topic", "pub", "cmd_vel", "{linaer: 0.5}", "--once"]),
        ("pub_wrong_value", &["topic", "pub", "cmd_vel", "{linear: fast}", "--once"]),
        ("pub_too_large", &["topic", "pub", "robot.status", "{x: 1e400}", "--once"]),
        ("pub_wrong_type", &["topic", "pub", "cmd_vel", "--type", "Imu", "--once"]),
        ("pub_unknown_type", &["topic", "pub", "new", "--type", "Twits", "--once"]),
    ] {
        check(&place, name, args);
    }
}

#[test]
fn rates() {
    let place = Place::new();
    let (mut cmd_vel, ..) = robot(&place);
    let args = ["topic", "hz", "cmd_vel", "--once"];
    let hz = place.start(&args);
    while !hz.has_ended() {
        cmd_vel.send(&[0; 16]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    is_as_written("topic_hz", &args, &hz.finish());
}

#[test]
fn run() {
    let place = Place::new();
    place.script("hello", "echo hello; echo careful >&2; exit 3");
    for (name, args) in [("run_one", &["run", "hello"] as &[&str]), ("run_missing", &["run", "helo.py"])] {
        check(&place, name, args);
    }
}

#[test]
fn clean() {
    let place = Place::new();
    check(&place, "clean_nothing", &["clean", "--shm"]);
    let node = place.start(&["topic", "pub", "left", "{a: 1}"]);
    wait_for(|| {
        let names = place.run(&["topic", "list", "--names"]).out;
        (names == "left\n").then_some(())
    });
    node.signal(Signal::KILL);
    end(node);
    check(&place, "clean_dry_run", &["clean", "--shm", "--dry-run"]);
    check(&place, "clean", &["clean", "--shm"]);
    check(&place, "clean_nothing", &["clean", "--shm"]);
}

/// Waits for who was killed.
fn end(mut killed: Running) {
    killed.child.wait().unwrap();
}
