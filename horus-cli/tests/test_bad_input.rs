//! What the command says of files, folders, users, names and limits that are not as they should be: the whole of
//! stderr, and the exit status.

mod support;

use horus_core::{Kind, Message, messages::CmdVel};
use horus_shm::{NodeName, NodeSpec, PublisherOptions, TopicName};
use rustix::process::getuid;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use support::{Ended, Place, Running, publisher};

/// `nobody`, on every distribution.
const OTHER: u32 = 65_534;

/// Where a test's topic `t` lies.
fn topic_file(place: &Place) -> PathBuf {
    place.shm().join("test/topics/t")
}

fn rewrite(path: &Path, at: u64, bytes: &[u8]) {
    File::options().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}

/// An error in the library's words, in which what stands behind the last semicolon is advice, as the command tells it.
fn error(words: &str) -> String {
    let (what, advice) = words.rsplit_once("; ").expect("it has advice");
    let advice =
        if advice == "run both as the same user" { "topics are per user: " } else { "" }.to_owned() + advice;
    format!("error: {what}\nhint: {advice}")
}

/// Runs a command and compares its status and its stderr, in which `PID` stands for the command's own process id.
#[track_caller]
fn says(place: &Place, args: &[&str], code: i32, err: &str) -> Ended {
    let running = place.start(args);
    let pid = running.pid().as_raw_nonzero().to_string();
    let ended = running.finish();
    // Who else runs HORUS on this machine is none of the tests' business.
    let told: Vec<&str> = ended.err.lines().filter(|line| !line.contains("runs HORUS too")).collect();
    assert_eq!((ended.code(), told.join("\n").replace(&pid, "PID")), (code, err.to_owned()), "{args:?}");
    ended
}

#[test]
fn a_topic_of_another_layout_is_told_by_every_command_and_removed_once_it_is_nobodys() {
    let place = Place::new();
    let pid = std::process::id();
    let here = place.join();
    let node = here.add_node(&NodeName::new("cam").unwrap(), NodeSpec { rate_hz: 10.0 }).unwrap();
    let options = PublisherOptions { node: Some(node.index()), ..Default::default() };
    let topic = TopicName::new("t").unwrap();
    let held = horus_shm::Publisher::open(&here, &topic, &Kind::Dict.spec(), options).unwrap();
    let (path, version) = (topic_file(&place), 2u32.to_le_bytes());
    let shown = path.display();
    rewrite(&path, 8, &version);
    let both = format!(
        "topic 't' ({shown}) was made by layout 2 (pid {pid}), this program (pid PID) knows layout 1"
    );
    let used = format!("{both}; in use by cam (pid {pid}): end those first, or build all with one version");
    let refused = format!("error: {used}");
    says(&place, &["topic", "pub", "t", "{a: 1}", "--once"], 1, &refused);
    says(&place, &["topic", "echo", "t", "--once"], 1, &refused);
    says(&place, &["topic", "info", "t"], 1, &refused);
    says(&place, &["topic", "type", "t"], 1, &refused);
    says(&place, &["topic", "wait", "t"], 1, &refused);
    let list = format!("warning: {used}\nno topics in namespace 'test'");
    assert!(says(&place, &["topic", "list"], 0, &list).out.starts_with("NAME"));
    says(&place, &["topic", "list", "--json", "-q"], 0, "");
    says(&place, &["node", "list"], 0, &format!("warning: {used}"));
    says(&place, &["ns", "list"], 0, &format!("warning: {used}"));
    let left = format!("warning: left alone: {used}");
    assert_eq!(says(&place, &["clean", "--shm"], 0, &left).out, "nothing to remove\n");
    // Its maker is gone, and killed, so that the file stays.
    rewrite(&path, 8, &1u32.to_le_bytes());
    drop((held, node, here));
    let mut holder = place.start(&["topic", "pub", "t", "{a: 1}", "-r", "10"]);
    let maker = holder.pid().as_raw_nonzero();
    support::wait_for(|| path.exists().then_some(()));
    holder.child.kill().unwrap();
    holder.child.wait().unwrap();
    rewrite(&path, 8, &version);
    let both = format!(
        "topic 't' ({shown}) was made by layout 2 (pid {maker}), this program (pid PID) knows layout 1"
    );
    let unused = format!("error: {both}; nobody uses it any more: horus clean --shm removes it");
    says(&place, &["topic", "pub", "t", "{a: 1}", "--once"], 1, &unused);
    let dry = says(&place, &["clean", "--shm", "--dry-run"], 0, "");
    assert!(dry.out.ends_with("  topic test/t\n"), "{dry:?}");
    let wet = says(&place, &["clean", "--shm"], 0, "");
    assert!(wet.out.ends_with("  topic test/t\n"), "{wet:?}");
    assert!(!path.exists());
}

#[test]
fn files_and_folders_of_others_are_told_and_left_alone() {
    let place = Place::new();
    fs::create_dir_all(place.shm().join("test/topics")).unwrap();
    let path = topic_file(&place);
    let shown = path.display();
    fs::write(&path, [1; 5000]).unwrap();
    let reason = format!("topic 't' ({shown}) can't be used: it is not a file of HORUS; remove it");
    says(&place, &["topic", "pub", "t", "{a: 1}", "--once"], 1, &error(&reason));
    says(&place, &["topic", "list"], 0, &format!("warning: {reason}\nno topics in namespace 'test'"));
    says(&place, &["clean", "--shm"], 0, &format!("warning: left alone: {reason}"));
    fs::remove_file(&path).unwrap();
    symlink("/etc/hostname", &path).unwrap();
    let reason = format!("topic 't' ({shown}) can't be used: it is a symbolic link; remove it");
    says(&place, &["topic", "pub", "t", "{a: 1}", "--once"], 1, &error(&reason));
    fs::remove_dir_all(place.shm().join("test")).unwrap();
    fs::write(place.shm().join("test"), []).unwrap();
    let reason =
        error(&format!("{}/test can't be used: it is not a folder; remove it", place.shm().display()));
    for args in [&["topic", "list"] as &[&str], &["node", "list"], &["clean", "--shm"]] {
        says(&place, args, 1, &reason);
    }
    says(&place, &["ns", "list"], 0, "nobody lives in any namespace");
}

#[test]
fn text_that_others_left_moves_no_cursor() {
    let place = Place::new();
    let here = place.join();
    let _held = publisher(&here, "t", &CmdVel::schema().spec());
    rewrite(&topic_file(&place), 128, b"\x1b[2J");
    let ended = place.run(&["topic", "pub", "t", "--type", "CmdVel", "{}", "--once"]);
    assert_eq!(ended.code(), 5);
    let list = place.run(&["topic", "list"]);
    for text in [&ended.err, &ended.out, &list.out, &list.err] {
        assert!(!text.contains('\x1b'), "{text:?}");
    }
}

#[test]
fn a_root_that_cant_be_used_says_what_to_do() {
    let place = Place::new();
    let (missing, file) = (place.shm().join("missing/root"), place.shm().join("file"));
    fs::write(&file, []).unwrap();
    let parent = place.shm().join("missing");
    let rows = [
        (
            missing.clone(),
            format!(
                "{} is not a folder that is there; make it, on a tmpfs, or set HORUS_SHM_DIR",
                parent.display()
            ),
        ),
        (file, "it is a link or not a folder; set HORUS_SHM_DIR to a folder on a tmpfs, or remove it if nobody needs it".into()),
    ];
    for (root, reason) in rows {
        let mut command = place.horus(&["topic", "list"]);
        command.env("HORUS_SHM_DIR", &root);
        let ended = Running::start(command).finish();
        assert_eq!(ended.err, error(&format!("{} can't be used: {reason}", root.display())) + "\n");
        assert_eq!(ended.code(), 1);
    }
    fs::set_permissions(place.shm(), Permissions::from_mode(0o755)).unwrap();
    let reason = "its mode is 0755, it must be 0700; chmod 700 it if HORUS alone uses it, or set HORUS_SHM_DIR to another";
    says(
        &place,
        &["topic", "list"],
        1,
        &error(&format!("{} can't be used: {reason}", place.shm().display())),
    );
}

#[test]
fn another_users_folder_is_a_matter_of_permission() {
    if !getuid().is_root() {
        // Past the harness, which would swallow it.
        let told = "SKIPPED another_users_folder_is_a_matter_of_permission: only root can be two users";
        writeln!(std::io::stderr(), "{told}").unwrap();
        return;
    }
    let place = Place::new();
    let shown = place.shm().display();
    // As root in the folder of another.
    chown(place.shm(), Some(OTHER), Some(OTHER)).unwrap();
    let told = format!("it belongs to uid {OTHER}, this process runs as uid 0; run both as the same user");
    says(&place, &["topic", "list"], 6, &error(&format!("{shown} can't be used: {told}")));
    // As another in the folder of root. The build's folder may be out of its reach, a copy isn't.
    chown(place.shm(), Some(0), Some(0)).unwrap();
    for folder in [place.path(), place.shm().parent().unwrap()] {
        if folder != Path::new("/dev/shm") {
            fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
        }
    }
    let program = place.path().join("horus");
    place.copy_horus(&program);
    let told = format!("it belongs to uid 0, this process runs as uid {OTHER}; run both as the same user");
    for args in [&["topic", "list"] as &[&str], &["topic", "pub", "t", "{a: 1}", "--once"], &["ns", "list"]] {
        let mut command = std::process::Command::new(&program);
        command.args(args).env("HORUS_SHM_DIR", place.shm()).env("HORUS_NAMESPACE", "test");
        command.uid(OTHER).gid(OTHER).current_dir("/").env_remove("SUDO_USER");
        let ended = Running::start(command).finish();
        let words = error(&format!("{shown}: Permission denied (os error 13); {told}")) + "\n";
        assert_eq!((ended.code(), ended.err), (6, words), "{args:?}");
    }
    // A single file.
    let here = place.join();
    let _held = publisher(&here, "t", &Kind::Dict.spec());
    let path = topic_file(&place);
    chown(&path, Some(OTHER), None).unwrap();
    let told = format!("it belongs to uid {OTHER}, this process runs as uid 0; run both as the same user");
    let refused = error(&format!("topic 't' ({}) can't be used: {told}", path.display()));
    says(&place, &["topic", "pub", "t", "{a: 1}", "--once"], 6, &refused);
}

#[test]
fn names_that_cant_be_are_a_matter_of_usage() {
    const TOPIC: &str = "a topic's name has 1 to 200 of A-Z a-z 0-9 _ - with . or / between its parts";
    const SPACE: &str = "a namespace's name has 1 to 200 of A-Z a-z 0-9 _ - with . between its parts";
    let place = Place::new();
    let long = "x".repeat(300);
    let cut = format!("{:?}…", "x".repeat(40));
    let topics = [
        ("", r#""""#, "it is empty"),
        ("a b", r#""a b""#, "it holds ' '"),
        ("..", r#""..""#, "it begins with a dot"),
        ("a//b", r#""a//b""#, "it has an empty part"),
        ("\x1b[31m", r#""\u{1b}[31m""#, r"it holds '\u{1b}'"),
        (&long, &cut, "it has 300 bytes, the limit is 200"),
    ];
    for (name, shown, reason) in topics {
        let words = error(&format!("topic name {shown} can't be used: {reason}; {TOPIC}"));
        says(&place, &["topic", "echo", name, "--once"], 2, &words);
        says(&place, &["topic", "pub", name, "{a: 1}"], 2, &words);
    }
    for (name, shown, reason) in [("a/b", r#""a/b""#, "it holds '/'"), ("", r#""""#, "it is empty")] {
        let words = error(&format!("namespace name {shown} can't be used: {reason}; {SPACE}"));
        says(&place, &["topic", "list", "-n", name], 2, &words);
    }
}

#[test]
fn a_limit_of_files_is_named() {
    let place = Place::new();
    let shown = place.shm().display();
    // Three that every program has, and the root's folder.
    let mut command = std::process::Command::new("sh");
    let script = format!("ulimit -n 4; exec {} topic list", env!("CARGO_BIN_EXE_horus"));
    command.args(["-c", &script]).env("HORUS_SHM_DIR", place.shm()).env("HORUS_NAMESPACE", "test");
    command.env_remove("SUDO_USER");
    let ended = Running::start(command).finish();
    let limit = "this process may have 4 files open (RLIMIT_NOFILE): close some, or raise it (ulimit -n)";
    assert!(ended.err.starts_with(&format!("error: open {shown}/joins")), "{ended:?}");
    assert!(ended.err.ends_with(&format!(": Too many open files (os error 24); {limit}\n")), "{ended:?}");
    assert_eq!(ended.code(), 1);
}
