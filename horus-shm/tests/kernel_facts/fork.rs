//! What a forked child has of its parent's mappings.

use crate::process::{Cue, Role, ShmFolder};
use crate::region::{Region, page_bytes, sparse_file};
use nix::libc;
use rustix::io::Errno;
use rustix::mm::{Advice, ProtFlags};
use rustix::process::{Pid, WaitOptions, WaitStatus, waitpid};
use std::path::PathBuf;

const READ_WRITE: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

/// How a forked child ends that returns the byte `read` gives.
fn forked(read: impl Fn() -> u8) -> WaitStatus {
    // SAFETY: the child reads one byte and leaves by `_exit`, both safe after a fork of a process with threads.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let byte = read();
        // SAFETY: ends the forked child without running anything of the parent's.
        unsafe { libc::_exit(i32::from(byte)) }
    }
    let (_, status) = waitpid(Pid::from_raw(child), WaitOptions::empty()).expect("our child").expect("ended");
    status
}

/// Role: forks and says what the child reads on a page that is wiped at fork.
pub(crate) fn read_wiped(cue: &mut Cue) {
    let page = Region::anonymous(page_bytes());
    page.advise(Advice::LinuxWipeOnFork).expect("a private anonymous page");
    page.write(0, 1);
    let kept = Region::anonymous(page_bytes());
    kept.write(0, 1);
    for (name, region) in [("wiped", &page), ("kept", &kept)] {
        cue.say(&format!("{name} {}", forked(|| region.read(0)).exit_status().expect("it reads")));
    }
    cue.say(&format!("parent {}", page.read(0)));
}

/// Role: forks and says by which signal the child ends that touches a mapping it doesn't have.
pub(crate) fn touch_unforked(cue: &mut Cue) {
    let file = rustix::fs::open(
        cue.argument::<PathBuf>(),
        rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    );
    let region = Region::shared(file.expect("there"), page_bytes(), READ_WRITE);
    region.write(0, 1);
    cue.say(&format!("with {:?}", forked(|| region.read(0)).exit_status()));
    region.advise(Advice::LinuxDontFork).expect("a shared mapping");
    cue.say(&format!("without {:?}", forked(|| region.read(0)).terminating_signal()));
}

#[test]
fn a_page_wiped_at_fork_is_zero_in_the_child_only() {
    let mut child = Role::new("read_wiped").spawn();
    for line in ["wiped 0", "kept 1", "parent 1"] {
        child.expect(line);
    }
    child.finish();
}

#[test]
fn a_mapping_not_to_be_forked_is_absent_in_the_child() {
    let folder = ShmFolder::new();
    drop(sparse_file(&folder, "file", page_bytes()));
    let mut child = Role::new("touch_unforked").argument(folder.path().join("file").display()).spawn();
    child.expect("with Some(1)");
    child.expect(&format!("without {:?}", Some(libc::SIGSEGV)));
    child.finish();
}

#[test]
fn wiping_at_fork_is_for_private_anonymous_pages_only() {
    let folder = ShmFolder::new();
    let region = Region::shared(sparse_file(&folder, "file", page_bytes()), page_bytes(), READ_WRITE);
    assert_eq!(region.advise(Advice::LinuxWipeOnFork), Err(Errno::INVAL));
}
