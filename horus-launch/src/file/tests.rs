use super::*;

fn read(text: &str) -> Result<LaunchFile, String> {
    let surroundings = Surroundings {
        var: &|name| (name == "DEVICE").then(|| "/dev/tty USB0".to_owned()),
        namespace: None,
        namespace_default: None,
    };
    check(text, Path::new("robot.yaml"), Path::new("/opt/robot/robot.yaml"), &surroundings)
        .map_err(|error| error.to_string())
}

const SHORTEST: &str = "nodes:
  - name: sensor
    cmd: horus run sensor.py
  - name: controller
    cmd: horus run controller.py
";

#[test]
fn the_shortest_file_is_enough() {
    let file = read(SHORTEST).unwrap();
    assert_eq!((file.name.as_str(), file.namespace()), ("robot", "robot"));
    let [sensor, controller] = &file.nodes[..] else { panic!("{file:?}") };
    assert_eq!(sensor.command, ["horus", "run", "sensor.py"]);
    assert_eq!(controller.name, "controller");
    assert_eq!(sensor.cwd, Path::new("/opt/robot"));
    assert_eq!((sensor.restart, sensor.stop_timeout), (RestartPolicy::on_failure(), Duration::from_secs(5)));
}

#[test]
fn every_key_that_is_built_is_read() {
    let file = read(
        "version: 1
name: arm
namespace: lab
x-note: &grace 250ms
env: {RATE: 50, MODE: '${NAMESPACE}'}
nodes:
  - name: driver
    command: [./driver, '${DEVICE}']
    args: --verbose '${NODE}'
    cwd: bin
    env: {RATE: 1.50}
    stop_timeout: *grace
    restart:
      policy: always
      max_retries: 7
      reset_after: 1m
      backoff: {initial: 1, factor: 3, max: 9s, jitter: 0}
  - name: spare
    cmd: spare
    enabled: false
  - name: once
    cmd: once ${DEVICE}
    restart: no
",
    )
    .unwrap();
    assert_eq!((file.name.as_str(), file.namespace()), ("arm", "lab"));
    let [driver, once] = &file.nodes[..] else { panic!("{file:?}") };
    assert_eq!(driver.command, ["./driver", "/dev/tty USB0", "--verbose", "driver"]);
    assert_eq!(driver.cwd, Path::new("/opt/robot/bin"));
    let env: Vec<_> = driver.env.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(env, [("RATE", "50"), ("MODE", "lab"), ("RATE", "1.50")]);
    assert_eq!(driver.stop_timeout, Duration::from_millis(250));
    let expected = RestartPolicy {
        when: RestartWhen::Always,
        max_retries: 7,
        backoff_initial: Duration::from_secs(1),
        backoff_factor: 3.0,
        backoff_max: Duration::from_secs(9),
        jitter: 0.0,
        reset_after: Duration::from_secs(60),
    };
    assert_eq!(driver.restart, expected);
    // A value with a space stays one word, and what `restart: no` became doesn't matter.
    assert_eq!(once.command, ["once", "/dev/tty USB0"]);
    assert_eq!(once.restart, RestartPolicy::never());
}

#[test]
fn a_wrong_key_is_shown_at_its_place() {
    let text = SHORTEST.replace("    cmd: horus run controller.py", "    cmdd: horus run controller.py");
    assert_eq!(
        read(&text).unwrap_err(),
        "a node has no `cmd`
 --> robot.yaml:4:5
4 |   - name: controller
  |     ^
error: unknown key `cmdd`
 --> robot.yaml:5:5
5 |     cmdd: horus run controller.py
  |     ^^^^ did you mean `cmd`?"
    );
}

#[test]
fn all_faults_are_told_in_one_pass() {
    let told = read(
        "verison: 1
nodes:
  - name: a b
    cmd: ''
    restart: allways
  - name: x
    cmd: run ${NOTHING}
    stop_timeout: soon
    depends_on: [y]
  - name: twice
    cmd: one
  - name: twice
    cmd: 'two'
    env: [A=1]
    enabled: maybe
  - 7
",
    )
    .unwrap_err();
    let lines: Vec<&str> = told.lines().filter(|line| line.contains("--> ") || line.contains('^')).collect();
    assert_eq!(
        lines,
        [
            " --> robot.yaml:1:1",
            "  | ^^^^^^^ did you mean `version`?",
            " --> robot.yaml:3:11",
            "  |           ^^^ 1 to 64 of A-Z a-z 0-9 _ . -, not beginning with a dot",
            " --> robot.yaml:4:10",
            "  |          ^^",
            " --> robot.yaml:5:14",
            "  |              ^^^^^^^ did you mean `always`?",
            " --> robot.yaml:7:10",
            "  |          ^^^^^^^^^^^^^^",
            " --> robot.yaml:8:19",
            "  |                   ^^^^ write 500ms, 5s, 1m or a number of seconds",
            " --> robot.yaml:9:5",
            "  |     ^^^^^^^^^^ leave it out",
            "  --> robot.yaml:12:11",
            "   |           ^^^^^ the first is in line 10",
            "  --> robot.yaml:14:10",
            "   |          ^ write NAME: value",
            "  --> robot.yaml:15:14",
            "   |              ^^^^^",
            "  --> robot.yaml:16:5",
            "   |     ^ write `name:` and `cmd:`",
        ]
    );
    assert!(told.contains("`depends_on` isn't built yet"));
    assert!(told.contains("`${NOTHING}` is not set"));
}

#[test]
fn what_is_no_launch_file_is_told_so() {
    for (text, words) in [
        ("", "a launch file has `nodes:` at its top"),
        ("- a\n", "a launch file has `nodes:` at its top"),
        ("name: x\n", "there are no `nodes`"),
        ("nodes: []\n", "there are no nodes"),
        ("nodes: {a: 1}\n", "`nodes` is a list, not a map"),
        ("version: 2\nnodes: [{name: a, cmd: b}]\n", "this program reads version 1"),
        ("nodes: [{name: a, cmd: b}\n", "robot.yaml:"),
        ("nodes: [{name: a, cmd: 'b c}]\n", "robot.yaml:"),
        ("nodes: [{name: a, cmd: \"'b c\"}]\n", "a quote isn't closed"),
        ("nodes: [{name: a, cmd: b, name: c}]\n", "robot.yaml:1"),
        ("nodes: [{name: a, cmd: b, command: c}]\n", "`cmd` and `command` are the same key"),
        ("nodes: [{name: a, cmd: \"b\\0c\"}]\n", "it holds a zero byte"),
        ("nodes: [{name: a, cmd: b, env: {A: \"\\0\"}}]\n", "it holds a zero byte"),
        ("namespace: a..b\nnodes: [{name: a, cmd: b}]\n", "`a..b` is no name of a namespace"),
        ("name: a.\nnodes: [{name: a, cmd: b}]\n", "`a.` is no name of a session"),
    ] {
        let told = read(text).unwrap_err();
        assert!(told.contains(words), "{text:?}: {told}");
    }
}

#[test]
fn durations_have_units_or_are_seconds() {
    for (text, millis) in
        [("500ms", 500), ("5s", 5000), ("1m", 60_000), ("2h", 7_200_000), ("0.25", 250), ("3", 3000)]
    {
        assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
    }
    for text in ["", "s", "5 minutes", "-1s", "1e400", "nan", "inf"] {
        assert_eq!(duration(text), None, "{text}");
    }
}

#[test]
fn another_word_is_suggested_only_if_it_is_near() {
    let told = read("nodes: [{name: a, cmd: b, nam: c, foo: d}]\n").unwrap_err();
    assert!(told.contains("did you mean `name`?") && !told.contains("`log`"), "{told}");
}

/// A file that a program wrote: what a fault costs must not depend on where it stands.
#[test]
fn thousands_of_nodes_and_of_faults_are_read() {
    let node = |i| format!("  - {{name: n{i}, cmd: [x, {i}], bogus: 1}}\n");
    let text = format!("nodes:\n{}", (0..2000).map(node).collect::<String>());
    assert_eq!(read(&text).unwrap_err().matches("unknown key `bogus`").count(), 2000);
    let file = read(&text.replace(", bogus: 1", "")).unwrap();
    assert_eq!((file.nodes.len(), &file.nodes[1234].command[1]), (2000, &"1234".to_owned()));
}
