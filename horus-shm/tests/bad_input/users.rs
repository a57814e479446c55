//! Two users on one machine, and files whose mode or owner is not as it was made.

use crate::actor::{Actor, NAMESPACE, cleaned};
use crate::process::{Child, Role, ShmFolder, skipped};
use crate::scene::{KINDS, called, dead_body, faults, join, only_file, opening_fails, root_error, try_join};
use horus_shm::Error;
use rustix::process::getuid;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

/// `nobody`, on every distribution.
const OTHER: u32 = 65_534;

/// Whether this test can play two users; says so if not.
fn two_users(test: &str) -> bool {
    let root = getuid().is_root();
    if !root {
        skipped(test, "only root can be two users");
    }
    root
}

/// An actor that runs as [`OTHER`], and what it answers to `join`.
fn joining_as_other(root: &Path) -> String {
    let mut actor = Role::new("actor")
        .environment("HORUS_SHM_DIR", root)
        .environment("HORUS_NAMESPACE", NAMESPACE)
        .by_user(OTHER)
        .spawn();
    actor.tell("join");
    actor.hears()
}

#[test]
fn the_root_of_another_user_says_both_uids() {
    if !two_users("the_root_of_another_user_says_both_uids") {
        return;
    }
    let folder = ShmFolder::new();
    let shown = folder.path().display();
    // It can't even be looked into.
    let told = format!("it belongs to uid 0, this process runs as uid {OTHER}; run both as the same user");
    let words = format!("error Permission: {shown}: Permission denied (os error 13); {told}");
    assert_eq!(joining_as_other(folder.path()), words);
    // Root may, and is refused all the same.
    chown(folder.path(), Some(OTHER), Some(OTHER)).expect("root may");
    let told = format!("it belongs to uid {OTHER}, this process runs as uid 0; run both as the same user");
    assert_eq!(root_error(folder.path()), format!("{shown} can't be used: {told}"));
    // Its owner is not.
    assert!(joining_as_other(folder.path()).starts_with("ok "));
}

#[test]
fn a_folder_or_file_of_another_user_is_refused() {
    if !two_users("a_folder_or_file_of_another_user_is_refused") {
        return;
    }
    let told = format!("it belongs to uid {OTHER}, this process runs as uid 0; run both as the same user");
    for part in ["", "topics", "participants", "pools"] {
        let folder = dead_body();
        let path = folder.path().join(NAMESPACE).join(part);
        chown(&path, Some(OTHER), Some(OTHER)).expect("root may");
        let words = format!("{} can't be used: {told}", path.display().to_string().trim_end_matches('/'));
        assert_eq!(try_join(&folder).map(drop).expect_err("refused").to_string(), words);
    }
    for kind in KINDS {
        let folder = dead_body();
        let path = only_file(&folder, kind);
        let here = join(&folder);
        chown(&path, Some(OTHER), None).expect("root may");
        let words = format!("{} can't be used: {told}", called(&path));
        if kind == "topics" {
            assert_eq!(opening_fails(&here), [words.as_str(); 3]);
        }
        assert_eq!(faults(&folder), [words.as_str()]);
        assert!(cleaned(&folder, true).faults.contains(&words));
        assert!(path.exists(), "another's file is not removed");
    }
}

/// An actor in `folder` that isn't root: to root no mode says no.
fn ordinary(folder: &ShmFolder) -> Child {
    let role = Role::new("actor").shm(folder, NAMESPACE);
    if !getuid().is_root() {
        return role.spawn();
    }
    chown(folder.path(), Some(OTHER), Some(OTHER)).expect("root may");
    role.by_user(OTHER).spawn()
}

#[test]
fn a_mode_that_shuts_its_owner_out_is_told_with_the_right_one() {
    const DENIED: &str = "Permission denied (os error 13)";
    let folder = ShmFolder::new();
    let mut actor = ordinary(&folder);
    let mut ask = |command: &str| {
        actor.tell(command);
        actor.hears()
    };
    assert_eq!(ask("pub p t T"), "ok 64");
    let inside = folder.path().join(NAMESPACE);
    let topic = inside.join("topics/t");
    let shut = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("may");
    shut(&topic, 0);
    let told = format!("{}: {DENIED}; the mode of it is 0000; chmod 600 it", topic.display());
    for open in ["pub q t T", "sub s t T", "sub s t -"] {
        assert_eq!(ask(open), format!("error Permission: {told}"));
    }
    // Who has it open goes on.
    assert_eq!(ask("send p 0 3 24"), "ok");
    shut(&topic, 0o600);
    assert_eq!(ask("sub s t T"), "ok");
    assert_eq!(ask("leave"), "ok");
    fs::create_dir_all(&inside).expect("may");
    if getuid().is_root() {
        chown(&inside, Some(OTHER), Some(OTHER)).expect("root may");
    }
    shut(&inside, 0);
    let told = format!("{}: {DENIED}; the mode of it is 0000; chmod 700 it", inside.display());
    assert_eq!(ask("join"), format!("error Permission: {told}"));
    shut(&inside, 0o500);
    let answer = ask("join");
    let told = format!("{DENIED}; the mode of {} is 0500; chmod 700 it", inside.display());
    assert!(answer.starts_with("error Permission: ") && answer.ends_with(&told), "{answer}");
    shut(&inside, 0o700);
    assert!(ask("join").starts_with("ok "));
    actor.finish();
}

#[test]
fn a_read_only_file_system_says_so() {
    let folder = ShmFolder::new();
    let role = Role::new("actor").shm(&folder, NAMESPACE).on_read_only_tmpfs(&folder);
    if let Err(reason) = role.permitted() {
        return skipped("a_read_only_file_system_says_so", &reason);
    }
    let mut actor = role.spawn();
    actor.tell("join");
    let advice = "mount the file system writable, or set HORUS_SHM_DIR to a folder on a writable tmpfs";
    let shown = folder.path().display();
    let words = format!("error Permission: {shown}: Read-only file system (os error 30); {advice}");
    assert_eq!(actor.hears(), words);
    // What an unwritable root was is no hindrance to others.
    assert!(matches!(try_join(&folder), Ok(_) | Err(Error::Root { .. })));
    Actor::start(&folder).finish();
}
