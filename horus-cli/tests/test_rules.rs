//! The rules that hold for every command: streams, colours, widths, statuses, advice.

mod support;

use horus_core::messages::CmdVel;
use horus_core::{Kind, Message, Value};
use horus_shm::Publisher;
use rustix::process::Signal;
use std::fs::File;
use std::process::Stdio;
use support::terminal::OnTerminal;
use support::{Place, Running, dict, publisher, wait_for, wait_subscribed};

/// What lists there are.
const LISTS: [&[&str]; 3] = [&["topic", "list"], &["node", "list"], &["ns", "list"]];

fn robot(place: &Place) -> Publisher {
    publisher(&place.join(), "cmd_vel", &CmdVel::schema().spec())
}

fn run_with(place: &Place, args: &[&str], env: &[(&str, &str)]) -> support::Ended {
    let mut command = place.horus(args);
    command.envs(env.iter().copied());
    Running::start(command).finish()
}

/// Runs to the end on a terminal.
fn shown(place: &Place, args: &[&str], env: &[(&str, &str)], columns: u16) -> String {
    let mut command = place.horus(args);
    command.envs(env.iter().copied());
    let (code, seen) = OnTerminal::start_command(command, columns).finish();
    assert_eq!(code, 0, "{seen}");
    seen
}

#[test]
fn lists_come_in_every_format() {
    let place = Place::new();
    let _robot = robot(&place);
    for list in LISTS {
        let of = |format: &[&str]| {
            let ended = place.run(&[list, format].concat());
            assert_eq!(
                (ended.code(), ended.err.contains("error")),
                (0, false),
                "{list:?} {format:?}: {ended:?}"
            );
            ended.out
        };
        let json: serde_json::Value = serde_json::from_str(&of(&["--json"])).unwrap();
        assert_eq!(of(&["-o", "json"]).split(':').next(), of(&["--json"]).split(':').next());
        let items = json["items"].as_array().unwrap();
        let schema = format!("horus.{}_list/1", list[0]);
        assert_eq!(json["schema"], schema.as_str());
        assert_eq!(of(&["-o", "jsonl"]).lines().count(), items.len());
        assert_eq!(of(&["-o", "csv"]).lines().count(), 1 + items.len());
        assert!(of(&["-o", "yaml"]).starts_with(&format!("schema: {schema}\n")));
        let table = of(&["-o", "table"]);
        assert!(table.starts_with("NAME") && !table.contains(['|', '+', '─', '│', '\x1b']), "{table}");
        let ended = place.run(&[list, &["-o", "xml"]].concat());
        assert_eq!(ended.code(), 2);
        assert!(ended.err.contains("[possible values: table, json, jsonl, yaml, csv]"), "{ended:?}");
    }
}

#[test]
fn results_are_on_stdout_and_all_else_on_stderr() {
    let place = Place::new();
    for (args, told) in [
        (&["topic", "list", "--names"] as &[&str], "no topics in namespace 'test'\n"),
        (&["topic", "list", "-c"], ""),
        (&["node", "list", "-o", "jsonl"], "no nodes in namespace 'test'\n"),
        (&["topic", "pub", "x", "{a: 1}", "--once"], "1 message published on 'x'\n"),
        (&["topic", "echo", "nobody", "--timeout", "0.01"], "waiting for topic 'nobody' to appear"),
    ] {
        let ended = place.run(args);
        assert!(ended.err.starts_with(told), "{args:?}: {ended:?}");
        let data = if args.contains(&"-c") { "0\n" } else { "" };
        assert_eq!(ended.out, data, "{args:?}");
    }
}

#[test]
fn nothing_but_errors_is_said_quietly() {
    let place = Place::new();
    let sudo = [("SUDO_USER", "bob")];
    for (args, err) in [
        (&["-q", "topic", "list", "--names"] as &[&str], ""),
        (&["-q", "topic", "pub", "x", "{a: 1}", "--once"], ""),
        (&["-q", "topic", "echo", "y", "--timeout", "0.01"], "error: no message on 'y' for 0.01 s\n"),
    ] {
        assert_eq!(run_with(&place, args, &sudo).err, err, "{args:?}");
    }
    let warned = |level: &str| run_with(&place, &["topic", "list"], &[sudo[0], ("HORUS_LOG", level)]).err;
    assert!(warned("warn").starts_with("warning: running as root through sudo"));
    assert_eq!(warned("error"), "no topics in namespace 'test'\n");
    assert!(warned("loud").contains("HORUS_LOG: log level \"loud\" isn't known"), "{}", warned("loud"));
}

#[test]
fn what_was_cleaned_up_is_told_to_who_wants_to_know() {
    for (args, env) in [
        (&["-v", "ns", "list"] as &[&str], ("HORUS_LOG", "warn")),
        (&["ns", "list"], ("HORUS_LOG", "info")),
        (&["ns", "list"], ("HORUS_LOG", "warn")),
    ] {
        let place = Place::new();
        let robot = robot(&place);
        let echo = place.start(&["topic", "echo", "cmd_vel"]);
        wait_subscribed(robot.participant(), "cmd_vel", 1);
        echo.signal(Signal::KILL);
        drop(echo);
        let told = run_with(&place, args, &[env]).err.contains("cleaned up: ");
        assert_eq!(told, args.contains(&"-v") || env.1 == "info", "{args:?} {env:?}");
    }
}

#[test]
fn colours_are_for_terminals_unless_told_otherwise() {
    let place = Place::new();
    let _robot = robot(&place);
    let bold = |out: &str| out.contains("\x1b[1mNAME");
    let list = ["topic", "list"];
    for (env, option, piped, on_terminal) in [
        (&[] as &[_], "auto", false, true),
        (&[("NO_COLOR", "1")], "auto", false, false),
        (&[("NO_COLOR", "")], "auto", false, true),
        (&[("CLICOLOR_FORCE", "1")], "auto", true, true),
        (&[("CLICOLOR_FORCE", "0")], "auto", false, true),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], "auto", false, false),
        (&[("TERM", "dumb")], "auto", false, false),
        (&[("NO_COLOR", "1")], "always", true, true),
        (&[("CLICOLOR_FORCE", "1")], "never", false, false),
    ] {
        let args = [&list as &[&str], &["--color", option]].concat();
        assert_eq!(bold(&run_with(&place, &args, env).out), piped, "piped: {env:?} {option}");
        assert_eq!(bold(&shown(&place, &args, env, 200)), on_terminal, "on a terminal: {env:?} {option}");
    }
    let error = run_with(&place, &["--color", "always", "topic", "echo", "a b"], &[]).err;
    assert!(
        error.starts_with("\x1b[1;31merror:\x1b[0m ") && error.contains("\x1b[36mhint:\x1b[0m "),
        "{error:?}"
    );
}

#[test]
fn tables_are_cut_on_a_terminal_and_nowhere_else() {
    let place = Place::new();
    let _robot = robot(&place);
    let plain = [("NO_COLOR", "1")];
    let whole = run_with(&place, &["topic", "list"], &plain).out;
    let cut = shown(&place, &["topic", "list"], &plain, 20);
    let firsts: Vec<String> =
        whole.lines().map(|line| line.chars().take(19).chain(['…']).collect()).collect();
    assert_eq!(cut.lines().collect::<Vec<_>>(), firsts);
    // Columns are as wide as ages are, which may have changed meanwhile.
    let width = |text: &str| text.lines().map(|line| line.chars().count()).max();
    assert!(!shown(&place, &["topic", "list"], &plain, 200).contains('…'));
    assert!(width(&whole) > Some(20));
    let (mut piped, file) = (place.horus(&["topic", "list"]), place.path().join("out"));
    piped.env("COLUMNS", "20").stdout(File::create(&file).unwrap()).stderr(Stdio::null());
    assert!(piped.status().unwrap().success());
    assert!(!std::fs::read_to_string(file).unwrap().contains('…'));
}

#[test]
fn ctrl_c_is_offered_on_a_terminal_only_and_ends_echo_well() {
    let place = Place::new();
    let mut publisher = robot(&place);
    let mut echo = OnTerminal::start(&place, &["topic", "echo", "cmd_vel", "--field", "linear"]);
    echo.read_until("Press Ctrl+C to end");
    wait_subscribed(publisher.participant(), "cmd_vel", 1);
    publisher.send(&[0; 16]).unwrap();
    echo.read_until("---");
    echo.type_in("\x03");
    let (code, seen) = echo.finish();
    assert_eq!(code, 0, "{seen}");
    assert!(seen.ends_with("0.0\n---\n^C1 message shown, 0 dropped\n"), "{seen:?}");
    let piped = place.start(&["topic", "echo", "cmd_vel"]);
    wait_subscribed(publisher.participant(), "cmd_vel", 1);
    piped.signal(Signal::INT);
    let ended = piped.finish();
    assert_eq!((ended.code(), ended.err.as_str()), (0, "0 messages shown, 0 dropped\n"));
}

#[test]
fn a_picture_does_not_fill_a_terminal() {
    let place = Place::new();
    let here = place.join();
    let mut source = publisher(&here, "camera.rgb", &Kind::Image.spec());
    let shape = [30, 30, 3];
    let pixels = horus_core::NdArray::new(horus_core::Dtype::U8, shape.to_vec(), vec![7; 2700]).unwrap();
    let image = Value::from([("data", Value::Array(pixels))]);
    let encoder = horus_core::Encoder::new(&Kind::Image.spec()).unwrap();
    for (option, is_whole) in [("--no-arr", false), ("--full", true), ("--rate=10", false)] {
        let mut echo = OnTerminal::start(&place, &["topic", "echo", "camera.rgb", "--once", option]);
        wait_subscribed(&here, "camera.rgb", 1);
        encoder.send(&image, &mut source).unwrap();
        echo.read_until("---");
        let (_, seen) = echo.finish();
        assert_eq!(seen.contains("data: \"<array u8[30, 30, 3]>\""), !is_whole, "{option}: {seen}");
        assert_eq!(seen.contains("[7, 7, 7], [7, 7, 7]"), is_whole, "{option}");
    }
}

#[test]
fn who_reads_one_line_leaves_quietly() {
    let place = Place::new();
    let mut source = publisher(&place.join(), "status", &Kind::Dict.spec());
    let message = dict(&Value::from([("n", 1i64)]));
    for echo in ["topic echo status --json", "topic echo status", "topic hz status", "topic bw status"] {
        let mut shell = std::process::Command::new("sh");
        let told = place.horus(&[]);
        let env = told.get_envs().filter_map(|(name, value)| Some((name, value?)));
        let line = format!("({} {echo}; echo status $? >&2) | head -1", env!("CARGO_BIN_EXE_horus"));
        shell.args(["-c", &line]).envs(env).stdin(Stdio::null());
        let shell = Running::start(shell);
        wait_for(|| {
            source.send(&message).unwrap();
            shell.has_ended().then_some(())
        });
        let ended = shell.finish();
        assert_eq!((ended.out.lines().count(), ended.err.as_str()), (1, "status 0\n"), "{echo}: {ended:?}");
    }
}

#[test]
fn streams_are_flushed_line_by_line() {
    let place = Place::new();
    let mut source = publisher(&place.join(), "status", &Kind::Dict.spec());
    let echo = place.start(&["topic", "echo", "status", "--json"]);
    wait_subscribed(source.participant(), "status", 1);
    for n in 1..=3i64 {
        source.send(&dict(&Value::from([("n", n)]))).unwrap();
        // Before the next is sent.
        echo.wait_out(|out| out.ends_with(&format!("\"data\":{{\"n\":{n}}}}}\n")).then_some(()));
    }
    echo.signal(Signal::INT);
    let out = echo.finish().out;
    let keys: Vec<Vec<String>> = out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Map<_, _>>(line).unwrap().keys().cloned().collect())
        .collect();
    assert_eq!(keys, vec![vec!["seq", "t_pub_ns", "latency_ns", "dropped", "data"]; 3]);
}

#[test]
fn what_would_command_a_terminal_is_escaped() {
    let place = Place::new();
    let mut source = publisher(&place.join(), "status", &Kind::Dict.spec());
    let rude = "\x1b[2J\x07\u{9b}31m\u{202e}\r\n";
    let message = Value::Map(vec![(rude.into(), rude.into())]);
    for options in [&[] as &[&str], &["--json"], &["--csv"], &["--field", "x"]] {
        let echo = place.start(&[&["topic", "echo", "status", "--once"], options].concat());
        wait_subscribed(source.participant(), "status", 1);
        source.send(&dict(&message)).unwrap();
        let ended = echo.finish();
        let commands = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!ended.out.contains(commands) && !ended.err.contains(commands), "{options:?}: {ended:?}");
    }
    for args in [
        &["topic", "echo", rude] as &[&str],
        &["topic", "pub", "status", "--file", rude],
        &["topic", "pub", "new", "--type", rude],
    ] {
        let ended = place.run(args);
        assert!(!ended.err.contains(|c: char| c != '\n' && c.is_control()), "{args:?}: {ended:?}");
    }
}

/// Every status with a command line that ends so, and how its error begins.
#[test]
fn every_exit_status_has_its_case() {
    let place = Place::new();
    let _robot = robot(&place);
    place.put("broken.yaml", "linear: 1e400\n");
    place.put("here/already", "");
    for (code, args, told) in [
        (0, &["topic", "list"] as &[&str], ""),
        (1, &["topic", "pub", "cmd_vel", "{}", "--once", "-w", "1"], "ended by a signal while waiting"),
        (2, &["topic", "echo"], "the following required arguments were not provided"),
        (2, &["topic", "echo", "a b"], "topic name \"a b\" can't be used"),
        (2, &["topic", "pub", "cmd_vel", "--file", "broken.yaml"], "message at line 1 of broken.yaml"),
        (3, &["topic", "pub", "cmd_vel", "--file", "missing.yaml"], "missing.yaml: No such file"),
        (3, &["run", "missing.py"], "missing.py"),
        (4, &["topic", "echo", "cmd_vel", "--timeout", "0.01"], "no message on 'cmd_vel' for 0.01 s"),
        (
            5,
            &["topic", "pub", "cmd_vel", "{linear: fast}", "--once"],
            "the message is no CmdVel: field 'linear'",
        ),
    ] {
        let running = place.start(args);
        if args.contains(&"-w") {
            running.wait_err(|err| err.contains("waiting for").then_some(()));
            running.signal(Signal::TERM);
        }
        let ended = running.finish();
        assert_eq!(ended.code(), code, "{args:?}: {ended:?}");
        let errors: Vec<_> = ended.err.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), usize::from(code != 0), "{args:?}: {ended:?}");
        assert!(errors.iter().all(|line| line.contains(told)), "{args:?}: {ended:?}");
    }
}

#[test]
fn a_folder_of_somebody_else_is_status_6_with_one_advice() {
    let place = Place::new();
    if !support::is_root() {
        return;
    }
    std::os::unix::fs::chown(place.shm(), Some(12345), Some(12345)).unwrap();
    let advice = "hint: topics are per user: run both as the same user";
    let error = format!(
        "error: {} can't be used: it belongs to uid 12345, this process runs as uid 0",
        place.shm().display()
    );
    let commands = [
        &["topic", "list"] as &[&str],
        &["topic", "echo", "x"],
        &["topic", "pub", "x", "{a: 1}"],
        &["node", "list"],
    ];
    for args in commands {
        let ended = place.run(args);
        let lines: Vec<_> = ended.err.lines().collect();
        assert_eq!((ended.code(), lines), (6, vec![error.as_str(), advice]), "{args:?}");
    }
}

#[test]
fn who_is_another_user_is_told_where_the_topics_are() {
    let place = Place::new();
    if !support::is_root() {
        return;
    }
    let _robot = robot(&place);
    // Root's topics, as the user 'daemon' sees them: a folder of its own, beside that of root.
    let (root, own) = (place.shm().with_file_name("horus-0"), place.shm().with_file_name("horus-1"));
    std::fs::create_dir(&root).unwrap();
    std::fs::set_permissions(
        place.shm().parent().unwrap(),
        std::os::unix::fs::PermissionsExt::from_mode(0o1777),
    )
    .unwrap();
    let exe = place.shm().with_file_name("horus");
    place.copy_horus(&exe);
    let mut command = std::process::Command::new(&exe);
    command.args(["topic", "echo", "cmd_vel", "--timeout", "0.01"]).env_clear();
    command.env("HORUS_SHM_DIR", &own).env("HORUS_NAMESPACE", "test");
    std::os::unix::process::CommandExt::uid(&mut command, 1);
    let ended = Running::start(command).finish();
    assert_eq!(ended.code(), 4, "{ended:?}");
    let told = "hint: user 'root' (uid 0) runs HORUS too; topics are per user: run both as the same user\n";
    assert!(ended.err.contains(told), "{ended:?}");
}

#[test]
fn a_folder_that_is_nowhere_says_what_to_do() {
    let place = Place::new();
    let missing = place.path().join("no/where");
    let ended = run_with(&place, &["topic", "list"], &[("HORUS_SHM_DIR", missing.to_str().unwrap())]);
    let (missing, parent) = (missing.display(), place.path().join("no"));
    let expected = format!(
        "error: {missing} can't be used: {} is not a folder that is there\nhint: make it, on a tmpfs, or set HORUS_SHM_DIR\n",
        parent.display()
    );
    assert_eq!((ended.code(), ended.err), (1, expected));
}

#[test]
fn a_full_disk_is_told() {
    let place = Place::new();
    let _robot = robot(&place);
    let mut command = place.horus(&["topic", "list"]);
    command.stdout(File::create("/dev/full").unwrap()).stderr(Stdio::piped());
    let ended = command.spawn().unwrap().wait_with_output().unwrap();
    let told = "error: standard output: No space left on device (os error 28)\n";
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(1), told));
}

#[test]
fn a_line_that_makes_no_sense_is_told_as_every_error() {
    let place = Place::new();
    for (args, err) in [
        (
            &["topc"] as &[&str],
            "error: unrecognized subcommand 'topc'\nhint: did you mean 'topic'?\n\nUsage: horus ",
        ),
        (
            &["node", "kil", "x"],
            "error: unrecognized subcommand 'kil'\nhint: did you mean 'kill'?\n\nUsage: horus node ",
        ),
        (&["topic", "type", "a\x07b", "\u{202e}"], "error: unexpected argument '\\u202e' found\n"),
        (
            &["topic", "echo", "x", "--timeout", "-1"],
            "error: invalid value '-1' for '--timeout <SECONDS>': expected a number above 0\n",
        ),
        (
            &["topic", "pub", "x", "{}", "-r", "-2"],
            "error: invalid value '-2' for '--rate <HZ>': expected a number above 0\n",
        ),
        (
            &["topic", "hz", "x", "-w", "-3"],
            "error: invalid value '-3' for '--window <N>': -3 is not in 2..=",
        ),
        (
            &["node", "kill", "x", "--timeout", "-4"],
            "error: invalid value '-4' for '--timeout <SEC>': expected a number of seconds",
        ),
        (
            &["--color", "always", "topc"],
            "\x1b[1;31merror:\x1b[0m unrecognized subcommand 'topc'\n\x1b[36mhint:\x1b[0m did you",
        ),
    ] {
        let ended = place.run(args);
        assert_eq!((ended.code(), ended.out.as_str()), (2, ""), "{args:?}");
        assert!(ended.err.starts_with(err), "{args:?}: {ended:?}");
    }
}

#[test]
fn what_comes_later_says_so() {
    let place = Place::new();
    for (args, command) in [
        (&["health"] as &[&str], "horus health"),
        (&["op", "serve"], "horus op"),
        (&["node", "start", "x"], "horus node start"),
        (&["launch", "check", "robot.yaml"], "horus launch check"),
        (&["launch", "robot.yaml", "--dry-run"], "horus launch --dry-run"),
    ] {
        let ended = place.run(args);
        let told = format!("error: '{command}' isn't built yet\nhint: 'horus --help' names what is\n");
        assert_eq!((ended.code(), ended.out.as_str(), ended.err), (2, "", told), "{args:?}");
    }
    let ended = place.run(&["launch", "ps"]);
    let told = "error: 'horus launch ps' isn't built yet, and no file is named so\nhint: name a launch file: horus launch robot.yaml\n";
    assert_eq!((ended.code(), ended.err.as_str()), (2, told));
}

#[test]
fn help_that_nobody_can_read_is_a_failure() {
    let place = Place::new();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = place.horus(&["topic", "--help"]);
    let ended = command.stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).starts_with("error: standard output: No space left"));
}
