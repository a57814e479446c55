//! A full file system, and limits.

use crate::process::{Cue, Role, ShmFolder, skipped};
use crate::region::{Region, page_bytes, sparse_file, taken_bytes};
use nix::libc;
use rustix::fs::{FallocateFlags, FsWord, Mode, OFlags};
use rustix::io::Errno;
use rustix::mm::{Advice, ProtFlags};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

const READ_WRITE: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);
/// What `statfs` calls a tmpfs.
const TMPFS_MAGIC: FsWord = 0x0102_1994;
const MIB: u64 = 1 << 20;

/// Role: fills the tmpfs given up to the last page, then does what the second argument says.
pub(crate) fn fill_small_tmpfs(cue: &mut Cue) {
    let folder = cue.argument::<PathBuf>();
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
    let open =
        |name: &str| rustix::fs::open(folder.join(name), flags, Mode::RUSR | Mode::WUSR).expect("an inode");
    let (file, rest) = (open("file"), open("rest"));
    rustix::fs::ftruncate(&file, 2 * MIB).expect("a sparse file may be larger than the file system");
    let region = Region::shared(&file, page_bytes(), READ_WRITE);

    let refused = rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, 2 * MIB);
    assert_eq!(refused, Err(Errno::NOSPC), "more than there is");
    assert_eq!(taken_bytes(&file), 0, "a refused reservation gives back what it took");
    let mut bytes = 0;
    while rustix::fs::fallocate(&rest, FallocateFlags::empty(), bytes, page_bytes() as u64).is_ok() {
        bytes += page_bytes() as u64;
    }
    assert!(bytes > 0, "some pages were free");
    let action = cue.argument::<String>();
    cue.say("full");
    match action.as_str() {
        "read" => drop(region.read(0)),
        "write" => region.write(0, 1),
        "populate" => drop(region.advise(Advice::LinuxPopulateWrite).expect_err("no page for it")),
        "reserve" => {
            let reserve = || rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, page_bytes() as u64);
            assert_eq!(reserve(), Err(Errno::NOSPC));
            rustix::fs::ftruncate(&rest, 0).expect("shrinks");
            reserve().expect("there is room again");
            region.write(0, 1);
        }
        other => panic!("no such action: {other}"),
    }
    cue.say("alive");
}

/// Role: makes a file larger than the limit it set itself.
pub(crate) fn pass_file_size_limit(cue: &mut Cue) {
    let folder = cue.argument::<PathBuf>();
    let limit = Rlimit { current: Some(MIB), maximum: Some(MIB) };
    setrlimit(Resource::Fsize, limit).expect("lowering is always allowed");
    let flags = OFlags::TMPFILE | OFlags::RDWR;
    let file = rustix::fs::open(&folder, flags, Mode::RUSR | Mode::WUSR).expect("tmpfs has O_TMPFILE");
    rustix::fs::ftruncate(&file, MIB).expect("at the limit");
    cue.say("at the limit");
    let _ = rustix::fs::ftruncate(&file, MIB + 1);
    cue.say("alive");
}

/// How a child ends that does `action` on a full tmpfs; `None` where none may be mounted.
fn on_full_tmpfs(test: &str, action: &str) -> Option<std::process::ExitStatus> {
    let folder = ShmFolder::new();
    let role = Role::new("fill_small_tmpfs").argument(folder.path().display()).argument(action);
    let role = role.on_small_tmpfs(&folder, "1m");
    if let Err(reason) = role.permitted() {
        skipped(test, &reason);
        return None;
    }
    let mut child = role.spawn();
    child.expect("full");
    let status = child.wait();
    assert_eq!(child.heard().as_deref(), status.success().then_some("alive"));
    assert!(folder.files().is_empty(), "what it filled was its own");
    Some(status)
}

#[test]
fn reserving_on_a_full_file_system_is_an_error_and_works_again_when_there_is_room() {
    let status = on_full_tmpfs("reserving_on_a_full_file_system", "reserve");
    assert!(status.is_none_or(|status| status.success()));
}

#[test]
fn populating_on_a_full_file_system_is_an_error() {
    let status = on_full_tmpfs("populating_on_a_full_file_system", "populate");
    assert!(status.is_none_or(|status| status.success()));
}

#[test]
fn writing_a_hole_of_a_full_file_system_is_sigbus() {
    let status = on_full_tmpfs("writing_a_hole_of_a_full_file_system", "write");
    assert!(status.is_none_or(|status| status.signal() == Some(libc::SIGBUS)));
}

#[test]
fn reading_a_hole_of_a_full_file_system_is_sigbus_too() {
    let status = on_full_tmpfs("reading_a_hole_of_a_full_file_system", "read");
    assert!(status.is_none_or(|status| status.signal() == Some(libc::SIGBUS)));
}

#[test]
fn passing_the_file_size_limit_kills() {
    let folder = ShmFolder::new();
    let mut child = Role::new("pass_file_size_limit").argument(folder.path().display()).spawn();
    child.expect("at the limit");
    assert_eq!(child.wait().signal(), Some(libc::SIGXFSZ));
}

#[test]
fn a_tmpfs_is_told_by_its_magic_number() {
    let folder = ShmFolder::new();
    let file = sparse_file(&folder, "file", 0);
    assert_eq!(rustix::fs::fstatfs(&file).expect("open").f_type, TMPFS_MAGIC);
    assert_ne!(rustix::fs::statfs("/proc").expect("mounted").f_type, TMPFS_MAGIC);
}
