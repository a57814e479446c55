//! A lock held by a mapping lives exactly as long as the address space it is mapped in.

use crate::process::{Child, Cue, Role, ShmFolder, skipped, until};
use crate::region::{Lock, Region, page_bytes, probe, reopen, sparse_file, try_lock};
use nix::libc;
use rustix::fs::OFlags;
use rustix::mm::{Advice, ProtFlags};
use rustix::process::Signal;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

const READ_WRITE: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

/// Takes the write lock on byte 0 and leaves it to a mapping.
fn life(file: OwnedFd, fork: Advice) -> Region {
    try_lock(file.as_fd(), Lock::Write, 0, 1).expect("nobody holds it");
    let region = Region::shared(&file, page_bytes(), READ_WRITE);
    region.advise(fork).expect("fork advice on a shared mapping");
    region
}

fn held(path: &Path) -> bool {
    probe(reopen(path, OFlags::RDWR).as_fd(), 0, 1).is_some()
}

/// Waits until nobody holds the lock. A wait, not a look: the kernel may finish a dead process's files a little later,
/// and a child that another thread is just starting has all our descriptors until its exec.
fn until_free(path: &Path) {
    until("the lock is free", || !held(path));
}

fn file_to_hold(folder: &ShmFolder) -> PathBuf {
    drop(sparse_file(folder, "life", page_bytes()));
    folder.path().join("life")
}

fn spawn_ready(role: &str, path: &Path) -> Child {
    let mut child = Role::new(role).argument(path.display()).spawn();
    child.expect("ready");
    child
}

fn life_of_argument(cue: &mut Cue, fork: Advice) -> Region {
    life(reopen(&cue.argument::<PathBuf>(), OFlags::RDWR), fork)
}

/// Role: holds the lock of the file given until killed.
pub(crate) fn hold_life(cue: &mut Cue) {
    let _life = life_of_argument(cue, Advice::LinuxDontFork);
    cue.stay();
}

/// Role: holds the lock and forks a child that outlives it. The second argument says whether the mapping is handed on.
pub(crate) fn hold_life_and_fork(cue: &mut Cue) {
    let path = cue.argument::<PathBuf>();
    let fork = if cue.argument::<bool>() { Advice::LinuxDoFork } else { Advice::LinuxDontFork };
    let _life = life(reopen(&path, OFlags::RDWR), fork);
    // SAFETY: the child does nothing but sleep, which is safe after a fork of a process with several threads.
    let child = unsafe { libc::fork() };
    if child == 0 {
        loop {
            // SAFETY: `pause` touches no memory.
            unsafe { libc::pause() };
        }
    }
    assert!(child > 0, "forked");
    cue.say(&child.to_string());
    cue.stay();
}

/// Role: holds the lock, then closes every descriptor it has.
pub(crate) fn hold_life_and_close_all(cue: &mut Cue) {
    let _life = life_of_argument(cue, Advice::LinuxDontFork);
    let parent = rustix::process::getppid();
    // SAFETY: nothing in this process uses a descriptor from here on: it only sleeps and ends.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    assert_eq!(result, 0, "close_range");
    cue.say("ready");
    for descriptor in 0..3 {
        // SAFETY: as above.
        unsafe { libc::close(descriptor) };
    }
    // Without stdin only the parent's death tells that nobody waits any more.
    until("the parent is gone", || rustix::process::getppid() != parent);
}

/// Role: holds the lock, then becomes another program in the same process.
pub(crate) fn hold_life_and_exec(cue: &mut Cue) {
    let _life = life_of_argument(cue, Advice::LinuxDontFork);
    cue.say("ready");
    cue.wait_for("exec");
    let error =
        std::process::Command::new("sh").args(["-c", "echo; echo @replaced; read line || true"]).exec();
    panic!("exec: {error}");
}

/// Role: says whether the lock of the file given is held.
pub(crate) fn probe_lock(cue: &mut Cue) {
    let held = held(&cue.argument::<PathBuf>());
    cue.say(if held { "held" } else { "free" });
}

#[test]
fn it_outlives_its_descriptor_and_ends_with_the_mapping() {
    let folder = ShmFolder::new();
    let path = file_to_hold(&folder);
    let life = life(reopen(&path, OFlags::RDWR), Advice::LinuxDontFork);
    assert!(
        held(&path),
        "seen through another description of the same process, after the descriptor was closed"
    );
    drop(life);
    until_free(&path);
}

#[test]
fn it_stays_while_any_page_of_the_mapping_stays() {
    let folder = ShmFolder::new();
    let file = sparse_file(&folder, "life", 2 * page_bytes());
    let path = folder.path().join("life");
    try_lock(file.as_fd(), Lock::Write, 0, 1).expect("free");
    let mut life = Region::shared(&file, 2 * page_bytes(), READ_WRITE);
    drop(file);
    life.cut_front(page_bytes());
    assert!(held(&path), "one page left");
    drop(life);
    until_free(&path);
}

#[test]
fn a_read_lock_is_held_by_a_read_only_mapping_too() {
    let folder = ShmFolder::new();
    let path = file_to_hold(&folder);
    let file = reopen(&path, OFlags::RDONLY);
    try_lock(file.as_fd(), Lock::Read, 0, 1).expect("free");
    let life = Region::shared(&file, page_bytes(), ProtFlags::empty());
    drop(file);
    assert_eq!(probe(reopen(&path, OFlags::RDWR).as_fd(), 0, 1), Some(Lock::Read));
    drop(life);
    until_free(&path);
}

#[test]
fn sigkill_releases_it() {
    let folder = ShmFolder::new();
    let path = file_to_hold(&folder);
    let mut child = spawn_ready("hold_life", &path);
    assert!(held(&path));
    child.kill();
    until_free(&path);
}

#[test]
fn a_stopped_process_keeps_it() {
    let folder = ShmFolder::new();
    let path = file_to_hold(&folder);
    let mut child = spawn_ready("hold_life", &path);
    child.stop();
    assert!(held(&path));
    child.resume();
    child.finish();
    until_free(&path);
}

/// Whether the lock is held by a forked child alone, its parent dead and reaped.
fn held_by_forked_child(handed_on: bool) -> bool {
    let folder = ShmFolder::new();
    let path = file_to_hold(&folder);
    let mut parent = Role::new("hold_life_and_fork").argument(path.display()).argument(handed_on).spawn();
    let child: i32 = parent.hears().parse().expect("the forked child's process id");
    parent.expect("ready");
    assert!(held(&path));
    parent.kill();
    // The forked child pauses for ever, so its process id stays its own until it is killed here.
    let child = rustix::process::Pid::from_raw(child).expect("positive");
    let alive = rustix::process::test_kill_process(child).is_ok();
    if !handed_on {
        until_free(&path);
    }
    let held = held(&path);
    let still_alive = rustix::process::kill_process(child, Signal::KILL).is_ok();
    assert!(alive && still_alive, "the forked child lived all the time");
    held
}

#[test]
fn a_forked_child_does_not_have_it() {
    assert!(!held_by_forked_child(false));
}

#[test]
fn without_dontfork_a_forked_child_would_have_it() {
    assert!(held_by_forked_child(true));
}

#[test]
fn closing_every_descriptor_does_not_lose_it() {
    let folder = ShmFolder::new();
    let path = file_to_hold(&folder);
    let mut child = spawn_ready("hold_life_and_close_all", &path);
    let descriptors = format!("/proc/{}/fd", child.pid());
    until("all descriptors are closed", || std::fs::read_dir(&descriptors).expect("alive").next().is_none());
    assert!(held(&path));
    child.kill();
    until_free(&path);
}

#[test]
fn exec_loses_it_though_the_process_lives_on() {
    let folder = ShmFolder::new();
    let path = file_to_hold(&folder);
    let mut child = spawn_ready("hold_life_and_exec", &path);
    assert!(held(&path));
    child.tell("exec");
    child.expect("replaced");
    until_free(&path);
    child.finish();
}

#[test]
fn it_is_seen_from_another_pid_namespace_and_held_in_one() {
    let folder = ShmFolder::new();
    let path = file_to_hold(&folder);
    let probe = |path: &Path| Role::new("probe_lock").argument(path.display()).in_new_pid_namespace();
    if let Err(reason) = probe(&path).permitted() {
        return skipped("it_is_seen_from_another_pid_namespace_and_held_in_one", &reason);
    }
    let mut inside = Role::new("hold_life").argument(path.display()).in_new_pid_namespace().spawn();
    inside.expect("ready");
    assert!(held(&path), "held inside, seen outside");
    let mut other = probe(&path).spawn();
    other.expect("held");
    other.finish();
    inside.kill();
    until_free(&path);
    let mut other = probe(&path).spawn();
    other.expect("free");
    other.finish();
}
