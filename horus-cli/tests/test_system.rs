//! `horus doctor`, `completion`, `man`, `recipes` and `new`.

mod support;

use horus_core::{Message, messages::CmdVel};
use horus_shm::{NodeName, NodeSpec};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use support::{Ended, Place, Running, publisher};

fn items(ended: &Ended) -> Vec<Value> {
    let all: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
    all["items"].as_array().unwrap().clone()
}

/// A place whose Python is a script that says `version`.
fn with_python(version: &str) -> (Place, String) {
    let place = Place::new();
    place.script("bin/python3", &format!("echo {version}"));
    let path = format!("{}:/usr/bin:/bin", place.path().join("bin").display());
    (place, path)
}

#[test]
fn a_doctor_says_of_everything_how_it_is() {
    let (place, path) = with_python(env!("CARGO_PKG_VERSION"));
    let run = |args: &[&str]| {
        let mut command = place.horus(args);
        command.env("PATH", &path);
        Running::start(command).finish()
    };
    let ended = run(&["doctor", "--json"]);
    assert_eq!(ended.code(), 0, "{ended:?}");
    let items = items(&ended);
    assert!(items.len() >= 15);
    for item in &items {
        let keys: Vec<_> = item.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["check", "status", "found", "advice"]);
        // A warning without a word on what to do helps nobody.
        assert_eq!(item["status"] == "ok", item["advice"].is_null(), "{item}");
    }
    let of = |name: &str| items.iter().find(|item| item["check"] == name).unwrap()["found"].clone();
    assert!(of("shared memory").as_str().unwrap().ends_with(&format!("at {}", place.shm().display())));
    assert_eq!(of("namespace"), "'test'");
    assert!(of("Python").as_str().unwrap().ends_with(concat!("has horus ", env!("CARGO_PKG_VERSION"))));
    let table = run(&["doctor"]);
    assert!(table.out.starts_with("STATUS  CHECK"), "{table:?}");
    assert!(table.out.lines().any(|line| line.starts_with("ok      folder and locks  ")), "{table:?}");
    let left: Vec<_> = fs::read_dir(place.shm()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "nothing of the doctor's own stays: {left:?}");
}

#[test]
fn what_fails_is_status_1() {
    let (place, path) = with_python("0.0.1");
    fs::set_permissions(place.shm(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = place.horus(&["doctor", "--json"]);
    command.env("PATH", path);
    let ended = Running::start(command).finish();
    assert_eq!(ended.code(), 1, "{ended:?}");
    let items = items(&ended);
    let folder = items.iter().find(|item| item["check"] == "folder and locks").unwrap();
    assert_eq!(folder["status"], "fail");
    assert!(folder["found"].as_str().unwrap().contains("its mode is 0755"), "{folder}");
    let python = items.iter().find(|item| item["check"] == "Python").unwrap();
    assert_eq!(python["status"], "warn");
    assert!(python["advice"].as_str().unwrap().starts_with("make them equal: "), "{python}");
}

#[test]
fn run_warns_where_logout_takes_shared_memory() {
    let place = Place::new();
    place.put("system/run/systemd/seats/none", "");
    place.put("system/etc/systemd/logind.conf", "[Login]\nRemoveIPC=yes\n");
    // As an ordinary user: root's shared memory is never removed.
    let horus = place.path().join("horus");
    place.copy_horus(&horus);
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(&horus);
        command.args(args).current_dir("/").env_remove("HORUS_SHM_DIR").env_remove("SUDO_USER");
        command.env("HORUS_NAMESPACE", "test").env("HORUS_SYSTEM_ROOT", place.path().join("system"));
        command.env("HORUS_SHM_DIR", place.path().join("none"));
        if rustix::process::getuid().is_root() {
            command.uid(54_321).gid(54_321);
        }
        Running::start(command).finish()
    };
    let is_ordinary = rustix::process::getuid().is_root() || rustix::process::getuid().as_raw() >= 1000;
    let ended = run(&["run", "true"]);
    assert_eq!(ended.code(), 0, "{ended:?}");
    assert_eq!(
        ended.err.matches("warning: systemd-logind removes").count(),
        usize::from(is_ordinary),
        "{ended:?}"
    );
    assert_eq!(run(&["-q", "run", "true"]).err, "");
    place.put("system/etc/systemd/logind.conf.d/10-keep.conf", "[Login]\nRemoveIPC=no\n");
    assert_eq!(run(&["run", "true"]).err, "");
}

/// What bash offers for a line whose last word is being typed.
fn bash(place: &Place, line: &[&str]) -> Vec<String> {
    let words = line.iter().map(|word| shlex::try_quote(word).unwrap()).collect::<Vec<_>>().join(" ");
    let (last, before) = (line[line.len() - 1], line[line.len() - 2]);
    let script = format!(
        "source <(\"$HORUS\" completion bash) || exit 9\n\
         COMP_WORDS=({words}); COMP_CWORD={}; COMP_TYPE=9\n\
         _clap_complete_horus horus {} {} 2>/dev/null\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        line.len() - 1,
        shlex::try_quote(last).unwrap(),
        shlex::try_quote(before).unwrap(),
    );
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", &script]).env("HORUS", env!("CARGO_BIN_EXE_horus"));
    command.current_dir(place.path()).env("HORUS_SHM_DIR", place.shm()).env("HORUS_NAMESPACE", "test");
    command.env("XDG_DATA_HOME", place.path().join("data"));
    let ended = Running::start(command).finish();
    assert_eq!((ended.code(), ended.err.as_str()), (0, ""), "{ended:?}");
    ended.out.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_with_what_lives_now() {
    let place = Place::new();
    let here = place.join();
    let robot = place.join_namespace("robot");
    let spec = CmdVel::schema().spec();
    let _topics = [publisher(&here, "cmd_vel", &spec), publisher(&here, "camera.rgb", &spec)];
    let _other = publisher(&robot, "arm.pose", &spec);
    let _node = here.add_node(&NodeName::new("driver").unwrap(), NodeSpec { rate_hz: 1.0 }).unwrap();
    place.put("data/horus/recipes/patrol/recipe.py", "");
    place.put("pilot.py", "");
    assert_eq!(bash(&place, &["horus", "topic", "echo", "c"]), ["camera.rgb", "cmd_vel"]);
    assert_eq!(bash(&place, &["horus", "topic", "hz", "cmd_vel", "ca"]), ["camera.rgb"]);
    assert_eq!(bash(&place, &["horus", "topic", "pub", "cm"]), ["cmd_vel"]);
    assert_eq!(bash(&place, &["horus", "-n", "robot", "topic", "echo", "a"]), ["arm.pose"]);
    assert_eq!(bash(&place, &["horus", "node", "kill", "d"]), ["driver"]);
    assert_eq!(bash(&place, &["horus", "topic", "list", "-n", ""]), ["robot", "test"]);
    assert!(bash(&place, &["horus", "topic", "pub", "x", "--type", "Cmd"]).contains(&"CmdVel".to_owned()));
    assert_eq!(bash(&place, &["horus", "run", "p"]), ["patrol", "pilot.py"]);
    assert_eq!(bash(&place, &["horus", "do"]), ["doctor"]);
    assert_eq!(bash(&place, &["horus", "completion", "z"]), ["zsh"]);
    assert!(bash(&place, &["horus", "topic", "list", "--all"]).contains(&"--all-namespaces".to_owned()));
    assert_eq!(bash(&place, &["horus", "node", "info", "nobody"]), [""]);
}

#[test]
fn every_shell_gets_a_script_that_asks_us() {
    let place = Place::new();
    let here = place.join();
    let _topic = publisher(&here, "cmd_vel", &CmdVel::schema().spec());
    for shell in ["bash", "zsh", "fish", "elvish"] {
        let ended = place.run(&["completion", shell]);
        assert_eq!((ended.code(), ended.err.as_str()), (0, ""), "{shell}");
        assert!(
            ended.out.contains("HORUS_COMPLETE") && ended.out.contains(env!("CARGO_BIN_EXE_horus")),
            "{shell}"
        );
        // What the script calls.
        let mut command = place.horus(&["--", "horus", "topic", "echo", "cm"]);
        command.env("HORUS_COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", "3").env("_CLAP_IFS", "\n");
        let ended = Running::start(command).finish();
        assert_eq!(
            (ended.code(), ended.out.lines().next().unwrap_or("")),
            (0, "cmd_vel"),
            "{shell}: {ended:?}"
        );
    }
    assert_eq!(place.run(&["completion", "tcsh"]).code(), 2);
}

#[test]
fn completion_makes_no_noise_where_nothing_can_be_read() {
    let place = Place::new();
    fs::set_permissions(place.shm(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(bash(&place, &["horus", "topic", "echo", "x"]), [""]);
}

#[test]
fn every_command_has_a_man_page() {
    let place = Place::new();
    let ended = place.run(&["man", "deep/man1"]);
    assert_eq!((ended.code(), ended.err.as_str()), (0, ""));
    let folder = place.path().join("deep/man1");
    let mut found: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, ended.sorted());
    for page in ["horus.1", "horus-topic-echo.1", "horus-node-kill.1", "horus-doctor.1"] {
        let text = fs::read_to_string(folder.join(page)).unwrap();
        assert!(
            text.contains(".TH ") && text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"),
            "{page}"
        );
        assert!(text.contains("Examples:"), "{page}");
    }
    place.put("file", "");
    let refused = place.run(&["man", "file/man1"]);
    assert_eq!(refused.code(), 1, "{refused:?}");
    assert!(refused.err.starts_with("error: 'file/man1': "), "{refused:?}");
}

#[test]
fn recipes_are_listed() {
    let place = Place::new();
    let ended = place.run(&["recipes"]);
    let folder = place.path().join("data/horus/recipes");
    assert_eq!((ended.code(), ended.err), (0, format!("no recipes in {}\n", folder.display())));
    place.put("data/horus/recipes/patrol/recipe.py", "");
    place.put("data/horus/recipes/arm/launch.yaml", "");
    place.put("data/horus/recipes/empty/notes.txt", "");
    let names: Vec<_> =
        items(&place.run(&["recipes", "--json"])).iter().map(|item| item["name"].clone()).collect();
    assert_eq!(names, ["arm", "patrol"]);
    let table = place.run(&["recipes"]);
    assert!(
        table.out.ends_with(&format!("patrol  {}\n", folder.join("patrol/recipe.py").display())),
        "{table:?}"
    );
}

#[test]
fn a_new_project_is_whole() {
    let place = Place::new();
    let ended = place.run(&["new", "patrol"]);
    assert_eq!(ended.code(), 0, "{ended:?}");
    let files =
        ["README.md", "robot.py", "Cargo.toml", "src/main.rs", "launch.yaml", "test_nodes.py", ".gitignore"];
    assert_eq!(ended.out.lines().collect::<Vec<_>>(), files.map(|file| format!("patrol/{file}")));
    assert_eq!(ended.err, "next: cd patrol; cargo build; horus launch launch.yaml\n");
    let folder = place.path().join("patrol");
    for file in files {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        assert!(!text.is_empty() && !text.contains("{{"), "{file}");
    }
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("name = \"patrol\""), "{manifest}");
    let path = manifest.split("horus-core = { path = \"").nth(1).unwrap().split('"').next().unwrap();
    assert!(Path::new(path).join("src/lib.rs").is_file(), "{path}");
    assert!(folder.join("Cargo.lock").is_file());
}

#[test]
fn a_bad_place_for_a_project_is_refused_and_nothing_is_made() {
    let place = Place::new();
    place.put("there/file", "");
    let refused = |args: &[&str], code: i32, words: &str| {
        let ended = place.run(&[&["new"], args].concat());
        assert_eq!((ended.code(), ended.out.as_str()), (code, ""), "{ended:?}");
        assert!(ended.err.starts_with(words), "{ended:?}");
    };
    refused(&["there"], 7, "error: 'there' is there already\nhint: ");
    refused(
        &["9lives"],
        2,
        "error: '9lives' can't be a project's name: it doesn't begin with a letter\nhint: ",
    );
    refused(&["a b"], 2, "error: 'a b' can't be a project's name: it holds ' '\nhint: ");
    refused(
        &["no/such/patrol"],
        3,
        "error: 'no/such/patrol' can't be made: no folder 'no/such'\nhint: make it first: mkdir -p no/such",
    );
    refused(&["patrol", "--crates", "there"], 3, "error: 'there' holds no horus-core\nhint: ");
    let left: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["there"]);
}
