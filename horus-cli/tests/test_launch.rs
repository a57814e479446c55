//! `horus launch` with real processes.

mod support;

use rustix::process::Signal;
use support::Place;

#[test]
fn the_nodes_of_a_file_run_in_its_folder_and_share_its_namespace() {
    let place = Place::new();
    place.put(
        "robot/launch.yaml",
        "name: arm
env: {MODE: 'in ${NAMESPACE}'}
nodes:
  - name: sensor
    cmd: horus run sensor.py -- --rate 5
  - name: shell
    cmd: ['./say', 'a b', '${NODE}']
    env: {EXTRA: 1.50}
",
    );
    place.put("robot/sensor.py", "import os, sys; print(sys.argv[1:], os.environ['HORUS_NAMESPACE'])");
    place.script("robot/say", "echo \"$1,$2,$MODE,$EXTRA,$(basename $PWD)\"");
    let mut horus = place.horus(&["launch", "robot/launch.yaml"]);
    horus.env_remove("HORUS_NAMESPACE");
    let ended = support::Running::start(horus).finish();
    assert_eq!(ended.sorted(), ["sensor | ['--rate', '5'] arm", "shell | a b,shell,in arm,1.50,robot"]);
    assert_eq!((ended.code(), ended.err.as_str()), (0, "session: arm, namespace: arm\n"));
}

#[test]
fn the_option_decides_on_the_namespace_then_the_file_then_the_environment() {
    let place = Place::new();
    place.script("say", "echo $HORUS_NAMESPACE");
    place.put("own.yaml", "namespace: own\nnodes: [{name: a, cmd: ./say}]\n");
    place.put("none.yaml", "nodes: [{name: a, cmd: ./say}]\n");
    assert_eq!(place.run(&["launch", "own.yaml", "-n", "given"]).out, "given\n");
    assert_eq!(place.run(&["launch", "own.yaml"]).out, "own\n");
    assert_eq!(place.run(&["launch", "none.yaml"]).out, "test\n");
}

#[test]
fn what_fails_is_started_again_until_it_gives_up() {
    let place = Place::new();
    place.script("falls", "echo up; exit 7");
    place.put(
        "launch.yaml",
        "nodes:
  - name: falls
    cmd: ./falls
    restart: {max_retries: 2, backoff: {initial: 1ms}}
",
    );
    let ended = place.run(&["launch", "launch.yaml"]);
    assert_eq!((ended.code(), ended.out.as_str()), (1, "up\nup\nup\n"), "{ended:?}");
    assert!(ended.err.contains("horus: falls ended with status 7; "), "{ended:?}");
}

#[test]
fn always_means_also_after_a_good_end() {
    let place = Place::new();
    place.script("ends", "echo up");
    let restart = "{policy: always, max_retries: 2, backoff: {initial: 1ms}}";
    place.put("launch.yaml", &format!("nodes: [{{name: ends, cmd: ./ends, restart: {restart}}}]\n"));
    let ended = place.run(&["launch", "launch.yaml"]);
    assert_eq!((ended.code(), ended.out.as_str()), (1, "up\nup\nup\n"), "it was given up: {ended:?}");
}

#[test]
fn being_asked_to_stop_is_a_good_end() {
    let place = Place::new();
    place.script("stays", "trap 'echo bye; exit 0' TERM\necho here\nwhile :; do sleep 0.05; done");
    place.put("launch.yaml", "nodes: [{name: one, cmd: ./stays}, {name: two, cmd: ./stays}]\n");
    let running = place.start(&["launch", "launch.yaml"]);
    running.wait_out(|out| (out.matches("here").count() == 2).then_some(()));
    running.signal(Signal::INT);
    let ended = running.finish();
    assert_eq!((ended.code(), ended.out.matches("bye").count()), (0, 2), "{ended:?}");
}

#[test]
fn nothing_starts_if_anything_is_wrong() {
    let place = Place::new();
    place.script("say", "echo started");
    place.put(
        "launch.yaml",
        "nodes:
  - name: good
    cmd: ./say
  - name: bad
    cmdd: horus run controller.py
",
    );
    let ended = place.run(&["launch", "launch.yaml"]);
    assert_eq!((ended.code(), ended.out.as_str()), (2, ""));
    assert_eq!(
        ended.err,
        "error: a node has no `cmd`
 --> launch.yaml:4:5
4 |   - name: bad
  |     ^
error: unknown key `cmdd`
 --> launch.yaml:5:5
5 |     cmdd: horus run controller.py
  |     ^^^^ did you mean `cmd`?
hint: nothing was started
"
    );
    place.put("launch.yaml", "nodes: [{name: good, cmd: ./say}, {name: gone, cmd: horus run gone.py}]\n");
    let ended = place.run(&["launch", "launch.yaml"]);
    assert_eq!((ended.code(), ended.out.as_str()), (2, ""));
    assert!(ended.err.starts_with("error: node 'gone': 'gone.py' not found\nhint: "), "{ended:?}");
    place.put("launch.yaml", "nodes: [{name: good, cmd: /bin/true, cwd: nowhere}]\n");
    let ended = place.run(&["launch", "launch.yaml"]);
    assert_eq!(ended.code(), 2);
    assert!(ended.err.contains("node 'good': there is no folder"), "{ended:?}");
}

#[test]
fn what_is_no_launch_file_is_told_by_its_name() {
    let place = Place::new();
    place.put("folder/launch.yaml", "");
    place.put("my robot.yaml", "nodes: [{name: a, cmd: 'true'}]\n");
    std::fs::write(place.path().join("binary.yaml"), [0xff, 0xfe]).unwrap();
    for (file, status, told) in [
        ("gone.yaml", 3, "error: launch file 'gone.yaml' not found\n"),
        ("folder", 2, "error: 'folder' is a folder\nhint: name a launch file in it\n"),
        ("binary.yaml", 2, "error: 'binary.yaml' is no launch file: it isn't UTF-8 text\n"),
    ] {
        let ended = place.run(&["launch", file]);
        assert_eq!((ended.code(), ended.err.as_str()), (status, told));
    }
    let mut horus = place.horus(&["launch", "my robot.yaml"]);
    horus.env_remove("HORUS_NAMESPACE");
    let ended = support::Running::start(horus).finish();
    let advice = "\nhint: it is the file's name: write `name:` or `namespace:` into it, or use -n\n";
    assert!(ended.code() == 2 && ended.err.ends_with(advice), "{ended:?}");
}
