//! How files get, swap and lose their names.

use crate::process::{Cue, Role, ShmFolder};
use crate::region::{Lock, Region, page_bytes, probe, reopen, sparse_file, taken_bytes, try_lock};
use rustix::fs::{AtFlags, CWD, FallocateFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use rustix::mm::ProtFlags;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

fn unnamed(folder: impl AsFd) -> OwnedFd {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    rustix::fs::openat(folder, ".", flags, Mode::RUSR | Mode::WUSR).expect("tmpfs has O_TMPFILE")
}

fn link(file: &OwnedFd, folder: impl AsFd, name: &str) -> rustix::io::Result<()> {
    let itself = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, itself, folder, name, AtFlags::SYMLINK_FOLLOW)
}

fn open_folder(path: &Path) -> OwnedFd {
    reopen(path, OFlags::RDONLY | OFlags::DIRECTORY)
}

fn inode(file: impl AsFd) -> u64 {
    rustix::fs::fstat(file).expect("open").st_ino
}

fn inode_of_name(folder: &ShmFolder, name: &str) -> u64 {
    inode(reopen(&folder.path().join(name), OFlags::RDONLY))
}

/// Role: makes a file without a name in the folder given, fills it and waits to be killed before linking it.
pub(crate) fn die_before_link(cue: &mut Cue) {
    let folder = open_folder(&cue.argument::<PathBuf>());
    let file = unnamed(&folder);
    rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, 1 << 20).expect("there is room");
    try_lock(file.as_fd(), Lock::Write, 0, 1).expect("nobody else knows it");
    assert_eq!(taken_bytes(&file), 1 << 20);
    cue.stay();
}

#[test]
fn a_file_without_a_name_is_linked_once_whole() {
    let folder = ShmFolder::new();
    let parent = open_folder(folder.path());
    let file = unnamed(&parent);
    assert_eq!(rustix::fs::fstat(&file).expect("open").st_nlink, 0);
    assert!(folder.files().is_empty());
    rustix::io::write(&file, b"whole").expect("room");
    link(&file, &parent, "topic").expect("the name is free");
    assert_eq!(std::fs::read(folder.path().join("topic")).expect("named"), b"whole");
    assert_eq!(rustix::fs::fstat(&file).expect("open").st_nlink, 1);
}

#[test]
fn linking_to_a_taken_name_is_eexist_and_changes_nothing() {
    let folder = ShmFolder::new();
    let parent = open_folder(folder.path());
    let [first, second] = [unnamed(&parent), unnamed(&parent)];
    link(&first, &parent, "topic").expect("free");
    assert_eq!(link(&second, &parent, "topic"), Err(Errno::EXIST));
    assert_eq!(link(&first, &parent, "topic"), Err(Errno::EXIST), "nor the same file again");
    assert_eq!(inode_of_name(&folder, "topic"), inode(&first));
    link(&second, &parent, "other").expect("the refused one can still be linked");
}

#[test]
fn linking_into_a_removed_folder_is_enoent_though_the_file_could_be_made() {
    let folder = ShmFolder::new();
    let path = folder.path().join("topics");
    std::fs::create_dir(&path).expect("fresh");
    let parent = open_folder(&path);
    std::fs::remove_dir(&path).expect("empty");
    let file = unnamed(&parent);
    assert_eq!(link(&file, &parent, "topic"), Err(Errno::NOENT));
    std::fs::create_dir(&path).expect("gone");
    assert_eq!(
        link(&file, &parent, "topic"),
        Err(Errno::NOENT),
        "the old descriptor doesn't lead to the new folder"
    );
}

#[test]
fn death_before_the_link_leaves_nothing() {
    let folder = ShmFolder::new();
    let mut child = Role::new("die_before_link").argument(folder.path().display()).spawn();
    child.expect("ready");
    assert!(folder.files().is_empty());
    child.kill();
    assert!(folder.files().is_empty());
}

#[test]
fn exchange_swaps_names_and_leaves_locks_and_mappings_with_their_files() {
    let folder = ShmFolder::new();
    let parent = open_folder(folder.path());
    let [old, new] = ["topic", ".topic~1"].map(|name| sparse_file(&folder, name, page_bytes()));
    try_lock(old.as_fd(), Lock::Read, 0, 1).expect("free");
    try_lock(new.as_fd(), Lock::Write, 1, 1).expect("free");
    let mapped = Region::shared(&old, page_bytes(), ProtFlags::READ | ProtFlags::WRITE);
    let exchange = || rustix::fs::renameat_with(&parent, "topic", &parent, ".topic~1", RenameFlags::EXCHANGE);
    exchange().expect("both are there");

    let [by_name, by_other] =
        ["topic", ".topic~1"].map(|name| reopen(&folder.path().join(name), OFlags::RDWR));
    assert_eq!((inode(&by_name), inode(&by_other)), (inode(&new), inode(&old)));
    assert_eq!((probe(by_name.as_fd(), 0, 1), probe(by_name.as_fd(), 1, 1)), (None, Some(Lock::Write)));
    assert_eq!((probe(by_other.as_fd(), 0, 1), probe(by_other.as_fd(), 1, 1)), (Some(Lock::Read), None));
    mapped.write(0, 7);
    let mut byte = [0];
    rustix::io::pread(&by_other, &mut byte, 0).expect("readable");
    assert_eq!(byte, [7]);

    rustix::fs::unlinkat(&parent, ".topic~1", AtFlags::empty()).expect("there");
    assert_eq!(exchange(), Err(Errno::NOENT), "nothing to exchange with");
    assert_eq!(inode_of_name(&folder, "topic"), inode(&new), "and nothing happened");
}

#[test]
fn the_link_count_tells_that_a_name_was_removed() {
    let folder = ShmFolder::new();
    let file = sparse_file(&folder, "life", page_bytes());
    assert_eq!(rustix::fs::fstat(&file).expect("open").st_nlink, 1);
    std::fs::remove_file(folder.path().join("life")).expect("there");
    assert_eq!(rustix::fs::fstat(&file).expect("open").st_nlink, 0);
}

#[test]
fn a_folder_goes_only_when_empty() {
    let folder = ShmFolder::new();
    let path = folder.path().join("topics");
    std::fs::create_dir(&path).expect("fresh");
    std::fs::write(path.join("topic"), b"").expect("room");
    let parent = open_folder(folder.path());
    let remove = || rustix::fs::unlinkat(&parent, "topics", AtFlags::REMOVEDIR);
    assert_eq!(remove(), Err(Errno::NOTEMPTY));
    std::fs::remove_file(path.join("topic")).expect("there");
    remove().expect("empty");
}

#[test]
fn a_link_in_the_place_of_the_root_is_refused() {
    let folder = ShmFolder::new();
    let link = folder.path().join("root");
    std::os::unix::fs::symlink("/dev/shm", &link).expect("room");
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let refused = rustix::fs::open(&link, flags, Mode::empty()).expect_err("a symbolic link");
    assert!(matches!(refused, Errno::LOOP | Errno::NOTDIR), "{refused}");
}
