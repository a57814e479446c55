//! `horus run` with real processes.

mod support;

use rustix::process::Signal;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Place, Running, Watched, wait_for};

/// Says its pid, and "bye" when asked to end.
const POLITE: &str = "trap 'echo bye; exit 0' TERM\necho pid $$\nwhile :; do sleep 0.05; done";
/// Says its pid and doesn't end when asked.
const STUBBORN: &str = "trap '' TERM\necho pid $$\nwhile :; do sleep 0.05; done";

#[test]
fn one_program_takes_our_place() {
    let place = Place::new();
    place.script("me", "echo $$ \"$@\" $EXTRA; exit 5");
    let running = place.start(&["run", "./me", "--env", "EXTRA=e", "--", "-a", "b c"]);
    let pid = running.pid();
    let ended = running.finish();
    assert_eq!(ended.out, format!("{} -a b c e\n", pid.as_raw_nonzero()));
    assert_eq!(ended.code(), 5);
}

#[test]
fn one_program_s_signal_is_seen_as_it_is() {
    let place = Place::new();
    place.script("me", "kill -SEGV $$");
    assert_eq!(place.run(&["run", "me"]).status.signal(), Some(11));
}

#[test]
fn a_script_runs_with_the_project_s_python() {
    let place = Place::new();
    place.script(".venv/bin/python3", "echo project python: $1");
    place.put("src/node.py", "print('not me')");
    let script = place.path().join("src/node.py");
    assert_eq!(place.run(&["run", "src/node.py"]).out, format!("project python: {}\n", script.display()));
}

#[test]
fn a_script_without_a_project_runs_with_python3() {
    let place = Place::new();
    place.put("node.py", "import sys; print(sys.argv[1:], sys.stdin.read()); sys.exit(4)");
    let ended = place.run(&["run", "node.py", "--", "x"]);
    assert_eq!((ended.code(), ended.out.as_str()), (4, "['x'] \n"), "{ended:?}");
}

#[test]
fn a_bare_name_is_a_program_that_cargo_built() {
    let place = Place::new();
    fs::create_dir_all(place.path().join("target/release")).unwrap();
    place.copy_horus(&place.path().join("target/release/motor_controller"));
    place.script("target/debug/motor_controller", "echo the wrong one");
    let ended = place.run(&["run", "motor_controller", "--", "--version"]);
    assert_eq!(ended.out, format!("horus {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_recipe_is_found_by_its_name() {
    let place = Place::new();
    place.put("data/horus/recipes/patrol/recipe.py", "print('on patrol')");
    assert_eq!(place.run(&["run", "patrol"]).out, "on patrol\n");
}

#[test]
fn several_programs_speak_behind_their_names() {
    let place = Place::new();
    place.script("a", "echo one; echo two >&2; printf 'no newline'");
    place.put("b.py", "print('from python')");
    let ended = place.run(&["run", "./a", "b.py", "./a"]);
    assert_eq!(
        ended.sorted(),
        ["a | no newline", "a | one", "a-2 | no newline", "a-2 | one", "b | from python"]
    );
    let mut err: Vec<_> = ended.err.lines().collect();
    err.sort_unstable();
    assert_eq!(err, ["a | two", "a-2 | two", "namespace: test"]);
    assert_eq!(ended.code(), 0);
}

#[test]
fn children_start_like_fresh_processes_and_share_one_namespace() {
    let place = Place::new();
    let look = "grep -E '^Sig(Blk|Ign)' /proc/self/status; readlink /proc/$$/fd/0; echo $HORUS_NAMESPACE \
                $(ps -o pgid= -p $$ | tr -d ' ' | sed s/$$/own/)";
    place.script("a", look);
    place.script("b", look);
    let ended = place.run(&["run", "a", "b", "-n", "robot"]);
    for name in ["a", "b"] {
        let of = |prefix: &str| ended.out.matches(&format!("{name} | {prefix}")).count();
        assert_eq!(of("SigBlk:\t0000000000000000\n"), 1, "{ended:?}");
        // What our parent ignores is inherited, but not that Rust programs ignore SIGPIPE.
        let ignored = ended.out.split(&format!("{name} | SigIgn:\t")).nth(1).unwrap();
        assert_eq!(u64::from_str_radix(&ignored[..16], 16).unwrap() & 0x1000, 0, "{ended:?}");
        assert_eq!(of("/dev/null\n"), 1, "{ended:?}");
        assert_eq!(of("robot own\n"), 1, "{ended:?}");
    }
}

#[test]
fn the_first_failure_in_time_is_the_status_and_the_others_run_on() {
    let place = Place::new();
    place.script("late", "while [ ! -e gone ]; do sleep 0.01; done; echo still here; exit 3");
    place.script("early", "exit 7");
    let running = place.start(&["run", "late", "early"]);
    running.wait_err(|err| err.contains("horus: early ended with status 7").then_some(()));
    place.put("gone", "");
    let ended = running.finish();
    assert_eq!((ended.code(), ended.out.as_str()), (7, "late | still here\n"));
}

#[test]
fn a_signal_s_status_is_128_and_its_number() {
    let place = Place::new();
    place.script("a", "kill -KILL $$");
    place.script("b", "exit 0");
    let ended = place.run(&["run", "a", "b"]);
    assert_eq!(ended.code(), 137);
    assert!(ended.err.contains("horus: a ended by SIGKILL"), "{ended:?}");
}

#[test]
fn sigterm_stops_all_in_order() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let place = Place::new();
        place.script("a", POLITE);
        place.script("b", POLITE);
        let running = place.start(&["run", "a", "b"]);
        let children = ["a", "b"].map(|name| Watched::parse(&running.wait_line(&format!("{name} | pid "))));
        running.signal(signal);
        let ended = running.finish();
        assert!(children.iter().all(Watched::has_ended));
        assert!(ended.out.contains("a | bye\n") && ended.out.contains("b | bye\n"), "{ended:?}");
        assert_eq!(ended.code(), 0, "{ended:?}");
    }
}

#[test]
fn what_was_ignored_before_stays_ignored() {
    // As a script's job in the background, or under nohup; one program and several alike.
    for programs in ["a", "a b"] {
        let place = Place::new();
        place.script(
            "a",
            "trap 'echo asked' INT HUP\necho pid $$\nwhile [ ! -e go ]; do sleep 0.01; done\necho went on",
        );
        place.script("b", POLITE);
        let mut command = Command::new("sh");
        let horus = place.horus(&[]);
        command.envs(horus.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.args([
            "-c",
            &format!("trap '' INT HUP; exec \"$0\" run {programs}"),
            env!("CARGO_BIN_EXE_horus"),
        ]);
        let running = Running::start({
            command.current_dir(place.path());
            command
        });
        running.wait_out(|out| out.contains("pid ").then_some(()));
        running.signal(Signal::INT);
        running.signal(Signal::HUP);
        place.put("go", "");
        running.wait_out(|out| out.contains("went on\n").then_some(()));
        if programs == "a b" {
            running.wait_line("b | pid ");
            running.signal(Signal::TERM);
        }
        let ended = running.finish();
        assert_eq!((ended.code(), ended.out.contains("asked")), (0, false), "{ended:?}");
    }
}

#[test]
fn who_ends_by_the_sigterm_it_was_sent_ended_well() {
    let place = Place::new();
    place.script("a", "echo pid $$; exec sleep 1000");
    place.script("b", POLITE);
    let running = place.start(&["run", "a", "b"]);
    running.wait_line("a | pid ");
    running.wait_line("b | pid ");
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code(), 0);
}

#[test]
fn who_does_not_end_is_killed_after_the_grace() {
    let place = Place::new();
    place.script("a", STUBBORN);
    place.script("b", POLITE);
    let running = place.start(&["run", "a", "b"]);
    let child = Watched::parse(&running.wait_line("a | pid "));
    running.wait_line("b | pid ");
    let asked = Instant::now();
    running.signal(Signal::TERM);
    let ended = running.finish();
    assert!(asked.elapsed() >= Duration::from_secs(5), "it had its grace");
    assert!(child.has_ended());
    assert_eq!(ended.code(), 137);
    assert!(ended.err.contains("horus: a did not end within 5 s of SIGTERM; killed"), "{ended:?}");
}

#[test]
fn who_left_its_group_is_ended_too() {
    let place = Place::new();
    place.script("a", "setsid sleep 1000 &\necho stray $!\nwait");
    // Ignores SIGTERM, and its parent is long gone.
    place.script(
        "b",
        "(setsid sh -c 'trap \"\" TERM; while :; do sleep 0.05; done' & echo stray $!)\necho up; sleep 1000",
    );
    let running = place.start(&["run", "a", "b"]);
    let strays = ["a", "b"].map(|name| Watched::parse(&running.wait_line(&format!("{name} | stray "))));
    running.wait_line("b | up");
    running.signal(Signal::TERM);
    let ended = running.finish();
    assert!(strays.iter().all(Watched::has_ended));
    assert_eq!(ended.code(), 0, "{ended:?}");
}

#[test]
fn what_a_node_leaves_in_its_group_ends_with_it() {
    let place = Place::new();
    place.script("a", "sleep 1000 &\necho left $!");
    place.script("b", POLITE);
    let running = place.start(&["run", "a", "b"]);
    // The pid may be gone before we can look; then there is nothing to wait for.
    let left = running.wait_line("a | left ");
    wait_for(|| (!fs::exists(format!("/proc/{left}")).unwrap()).then_some(()));
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code(), 0);
}

#[test]
fn kill_9_of_the_supervisor_takes_the_children() {
    let place = Place::new();
    place.script("a", STUBBORN);
    place.script("b", STUBBORN);
    let running = place.start(&["run", "a", "b"]);
    let children = ["a", "b"].map(|name| Watched::parse(&running.wait_line(&format!("{name} | pid "))));
    running.signal(Signal::KILL);
    assert!(children.iter().all(Watched::wait_end));
    assert_eq!(running.finish().status.signal(), Some(9));
}

#[test]
fn a_failure_is_started_again() {
    let place = Place::new();
    place.script("flaky", "echo x >> starts; [ $(wc -l < starts) -ge 3 ] && exit 0; exit 9");
    let ended = place.run(&["run", "--restart", "flaky"]);
    assert_eq!(fs::read_to_string(place.path().join("starts")).unwrap().lines().count(), 3);
    assert_eq!(ended.code(), 0);
    assert_eq!(ended.err.matches("ended with status 9; starting it again in").count(), 2, "{ended:?}");
}

#[test]
fn after_three_restarts_it_is_given_up() {
    let place = Place::new();
    place.script("broken", "echo start; exit 9");
    let ended = place.run(&["run", "--restart", "broken"]);
    assert_eq!(ended.out, "start\n".repeat(4), "one node has no prefix");
    assert!(
        ended.err.ends_with("horus: broken ended with status 9; given up after 3 restarts\n"),
        "{ended:?}"
    );
    assert_eq!(ended.code(), 9);
}

#[test]
fn twenty_megabytes_that_nobody_reads_stop_no_node() {
    let place = Place::new();
    let lines = 20_000;
    place.put(
        "loud.py",
        &format!("for n in range({lines}): print(f'{{n:6}}', 'x' * 1016)\nopen('done', 'w')"),
    );
    place.script("b", POLITE);
    let mut command = place.horus(&["run", "loud.py", "b"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let guard = Watched::new(rustix::process::Pid::from_child(&child));
    // Nobody reads, and the node gets to its end all the same.
    wait_for(|| fs::exists(place.path().join("done")).unwrap().then_some(()));
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let out = std::thread::spawn(move || std::io::read_to_string(out).unwrap());
    let err = std::io::read_to_string(err).unwrap();
    assert!(guard.wait_end());
    assert!(child.wait().unwrap().success());
    let out = out.join().unwrap();
    let kept: Vec<usize> = out
        .lines()
        .filter_map(|l| l.strip_prefix("loud | ")?.split_whitespace().next()?.parse().ok())
        .collect();
    assert!(kept.is_sorted() && kept.windows(2).all(|w| w[0] != w[1]), "in order, none twice");
    // What the other node wrote may be among what was dropped.
    let told: usize =
        err.lines().filter_map(|l| l.strip_prefix("horus: ")?.split(' ').next()?.parse::<usize>().ok()).sum();
    let missing = lines - kept.len();
    assert!(missing > 0, "8 MiB are kept of 20");
    assert!((missing..=missing + 2).contains(&told), "{missing} missing, {told} told");
}

#[test]
fn a_reader_that_leaves_ends_the_session_quietly() {
    let place = Place::new();
    // The shell would tell of its sleep's end.
    place.script("a", "exec 2>/dev/null; trap 'exit 0' TERM\nwhile :; do echo tick $$; sleep 0.01; done");
    place.script("b", &format!("exec 2>/dev/null\n{POLITE}"));
    let mut command = place.horus(&["run", "a", "b"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let guard = Watched::new(rustix::process::Pid::from_child(&child));
    drop(child.stdout.take());
    assert!(guard.wait_end());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(std::io::read_to_string(child.stderr.take().unwrap()).unwrap(), "namespace: test\n");
}

#[test]
fn what_can_t_be_found_starts_nothing() {
    let place = Place::new();
    place.script("a", "echo started");
    place.put("controller.py", "");
    let ended = place.run(&["run", "a", "controler.py"]);
    assert_eq!((ended.code(), ended.out.as_str()), (3, ""));
    assert!(
        ended.err.starts_with("error: 'controler.py' not found\nhint: did you mean 'controller.py'?\n"),
        "{ended:?}"
    );
}

#[test]
fn what_can_t_be_run_says_why() {
    let place = Place::new();
    place.put("notes.txt", "hello");
    let ended = place.run(&["run", "notes.txt"]);
    assert_eq!(ended.code(), 2);
    assert_eq!(
        ended.err,
        "error: 'notes.txt' is not executable\nhint: make it so with: chmod +x notes.txt\n"
    );
    place.put("lost", "#!/no/such/interpreter\n");
    let ended = place.run(&["run", "lost"]);
    assert_eq!(ended.code(), 3);
    let ended = place.run(&["run", "lost", "lost"]);
    assert_eq!(ended.code(), 1);
    assert_eq!(ended.err.matches("can't be started").count(), 2, "{ended:?}");
}

#[test]
fn a_command_line_that_makes_no_sense_is_status_2() {
    let place = Place::new();
    let lines: [&[&str]; 6] = [
        &[],
        &["rum"],
        &["run"],
        &["run", "x", "--no-such"],
        &["run", "x", "--env", "X"],
        &["-q", "-v", "run", "x"],
    ];
    for line in lines {
        assert_eq!(place.run(line).code(), 2, "{line:?}");
    }
    assert!(place.run(&["rum", "x"]).err.contains("'run'"), "a suggestion");
}

/// What needs a terminal.
mod terminal {
    use super::*;
    use support::terminal::OnTerminal;

    #[test]
    fn ctrl_c_stops_and_a_second_one_kills() {
        let place = Place::new();
        // Slower to answer than two interrupts that count as one are apart.
        place.script("a", "trap 'sleep 0.2; echo asked' TERM\necho pid $$\nwhile :; do sleep 0.05; done");
        place.script("b", POLITE);
        let mut running = OnTerminal::start(&place, &["run", "a", "b"]);
        running.read_until("Press Ctrl+C to stop");
        running.read_until_count("pid ", 2);
        running.type_in("\x03");
        running.read_until("asked");
        running.type_in("\x03");
        let (code, seen) = running.finish();
        assert_eq!(code, 130, "{seen}");
        assert!(seen.contains("\x1b[36ma |\x1b[0m "), "names in colour on a terminal: {seen:?}");
    }

    #[test]
    fn one_ctrl_c_is_a_clean_end() {
        let place = Place::new();
        place.script("a", POLITE);
        place.script("b", POLITE);
        let mut running = OnTerminal::start(&place, &["run", "a", "b", "--color", "never"]);
        running.read_until("a | pid ");
        running.read_until("b | pid ");
        running.type_in("\x03");
        running.read_until("a | bye");
        running.read_until("b | bye");
        let (code, seen) = running.finish();
        assert_eq!(code, 0, "{seen}");
    }
}

#[test]
fn running_is_dropped_with_its_children() {
    // The net under all other tests: whatever fails, nothing stays.
    let place = Place::new();
    place.script("a", STUBBORN);
    let mut command = place.horus(&["run", "a", "a"]);
    command.env("HORUS_NAMESPACE", "net");
    let running = Running::start(command);
    let child = Watched::parse(&running.wait_line("a | pid "));
    drop(running);
    assert!(child.wait_end());
}
