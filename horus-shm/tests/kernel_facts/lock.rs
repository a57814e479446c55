//! Byte locks of open file descriptions.

use crate::process::{ShmFolder, until};
use crate::region::{Lock, page_bytes, probe, reopen, sparse_file, try_lock};
use nix::errno::Errno;
use rustix::fs::OFlags;
use std::os::fd::{AsFd, OwnedFd};

/// The bytes users of a topic hold: typed, untyped and one a lane.
const USER_BYTES: i64 = 66;

fn three_descriptions(folder: &ShmFolder) -> [OwnedFd; 3] {
    let first = sparse_file(folder, "locked", page_bytes());
    let path = folder.path().join("locked");
    [first, reopen(&path, OFlags::RDWR), reopen(&path, OFlags::RDWR)]
}

#[test]
fn two_descriptions_of_one_process_exclude_each_other() {
    let folder = ShmFolder::new();
    let [first, second, _] = three_descriptions(&folder);
    try_lock(first.as_fd(), Lock::Write, 0, 1).expect("free");
    let refused = try_lock(second.as_fd(), Lock::Write, 0, 1).expect_err("held");
    assert!(matches!(refused, Errno::EAGAIN | Errno::EACCES), "{refused}");
    try_lock(second.as_fd(), Lock::Write, 1, 1).expect("the next byte is free");
}

#[test]
fn asking_shows_the_kind_of_another_description_and_never_its_own() {
    let folder = ShmFolder::new();
    let [first, second, _] = three_descriptions(&folder);
    assert_eq!(probe(second.as_fd(), 0, 1), None);
    try_lock(first.as_fd(), Lock::Read, 0, 1).expect("free");
    assert_eq!(probe(second.as_fd(), 0, 1), Some(Lock::Read));
    assert_eq!(probe(first.as_fd(), 0, 1), None, "its own doesn't stand in its way");
    try_lock(first.as_fd(), Lock::Write, 0, 1).expect("raised");
    assert_eq!(probe(second.as_fd(), 0, 1), Some(Lock::Write));
    assert_eq!(try_lock(first.as_fd(), Lock::Write, 0, 1), Ok(()), "asking took nothing");
}

#[test]
fn read_locks_are_shared_and_need_no_write_permission() {
    let folder = ShmFolder::new();
    let [first, _, _] = three_descriptions(&folder);
    let path = folder.path().join("locked");
    let readers = [reopen(&path, OFlags::RDONLY), reopen(&path, OFlags::RDONLY)];
    for reader in &readers {
        try_lock(reader.as_fd(), Lock::Read, 0, 1).expect("shared");
    }
    assert_eq!(try_lock(readers[0].as_fd(), Lock::Write, 5, 1), Err(Errno::EBADF), "a write lock needs it");
    try_lock(first.as_fd(), Lock::Write, 0, 1).expect_err("two readers");
    drop(readers);
    // A child that another thread is just starting has copies of our descriptors until its exec.
    until("the locks are gone with their descriptors", || try_lock(first.as_fd(), Lock::Write, 0, 1).is_ok());
}

#[test]
fn one_write_lock_over_all_user_bytes_stands_against_each_of_them() {
    let folder = ShmFolder::new();
    let [cleaner, user, third] = three_descriptions(&folder);
    for byte in 0..USER_BYTES {
        let kind = if byte < 2 { Lock::Read } else { Lock::Write };
        try_lock(user.as_fd(), kind, byte, 1).expect("free");
        try_lock(cleaner.as_fd(), Lock::Write, 0, USER_BYTES).expect_err("one byte is held");
        assert_eq!(
            probe(third.as_fd(), 0, USER_BYTES),
            Some(kind),
            "only the user's: the refused call took none"
        );
        release(&user, byte);
        try_lock(cleaner.as_fd(), Lock::Write, 0, USER_BYTES).expect("all free");
        try_lock(user.as_fd(), Lock::Read, byte, 1).expect_err("the cleaner has all");
        release_all(&cleaner);
    }
}

#[test]
fn locks_reach_past_the_end_of_the_file() {
    let folder = ShmFolder::new();
    let first = sparse_file(&folder, "empty", 0);
    let second = reopen(&folder.path().join("empty"), OFlags::RDWR);
    try_lock(first.as_fd(), Lock::Write, 1 << 40, 1).expect("free");
    try_lock(second.as_fd(), Lock::Write, 1 << 40, 1).expect_err("held");
}

fn release(file: &OwnedFd, byte: i64) {
    unlock(file, byte, 1);
}

fn release_all(file: &OwnedFd) {
    unlock(file, 0, 0);
}

fn unlock(file: &OwnedFd, start: i64, length: i64) {
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc::{F_UNLCK, SEEK_SET, flock};
    let range =
        flock { l_type: F_UNLCK as i16, l_whence: SEEK_SET as i16, l_start: start, l_len: length, l_pid: 0 };
    fcntl(file.as_fd(), FcntlArg::F_OFD_SETLK(&range)).expect("releasing is always allowed");
}
