//! Handles of blocks in a forked child.

use crate::content::{assert_is, fill};
use crate::place::{image, join_from_env, publisher, receive, role, subscriber};
use crate::process::{Cue, ShmFolder};
use horus_shm::{Block, BlockMut, Census, PinnedBlock, Publisher};
use nix::libc;
use rustix::process::{Pid, WaitOptions, waitpid};

const BYTES: u64 = 8192;

/// Runs `act` in a forked child and returns the status it exits with; a signal is a panic.
fn forked(act: impl FnOnce()) -> i32 {
    // SAFETY: this process has a thread that only waits; what `act` does (frees memory, unmaps, opens files) takes
    // no lock of that thread's, and the child leaves by `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let whole = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act)).is_ok();
        // SAFETY: ends the forked child without running anything of the parent's.
        unsafe { libc::_exit(if whole { 0 } else { 1 }) }
    }
    let (_, status) = waitpid(Pid::from_raw(child), WaitOptions::empty()).expect("our child").expect("ended");
    status.exit_status().unwrap_or_else(|| panic!("ended by signal {:?}", status.terminating_signal()))
}

/// Sends an image filled with `seed`, from the pool of the publisher's participant.
fn send(camera: &mut Publisher, seed: u64) -> Block {
    let mut block = camera.participant().allocate(BYTES).expect("there is room");
    fill(seed, &mut block);
    let block = block.freeze();
    camera.send_block(&block, BYTES, &[]).expect("there is room");
    block
}

/// Role: has one handle of each kind, forks, drops them in the child, and shows that the parent's are whole.
pub(crate) fn fork_with_handles(cue: &mut Cue) {
    let here = join_from_env();
    let mut camera = publisher(&here, "camera", &image());
    let mut seen = subscriber(&here, "camera", &image());
    let sent = send(&mut camera, 1);
    let mut draft = here.allocate(BYTES).expect("there is room");
    fill(2, &mut draft);
    let pinned = receive(&mut seen);
    let mut handles: Option<(Block, BlockMut, PinnedBlock)> = Some((sent, draft, pinned));

    let status = forked(|| {
        let (sent, draft, pinned) = handles.take().expect("inherited");
        // Read-only views of received blocks are inherited, and stay readable.
        assert_is(1, pinned.bytes());
        // Own blocks are not; what would be a fault of memory is an empty slice.
        assert_eq!((sent.bytes(), &draft[..]), (&[][..], &[][..]));
        drop((pinned, draft, sent.clone(), sent));
        // From here on the child is a participant of its own, with blocks of its own.
        let mut block = here.allocate(BYTES).expect("there is room");
        fill(9, &mut block);
        let block = block.freeze();
        camera.send_block(&block, BYTES, &[]).expect("there is room");
        assert_ne!(camera.participant().id(), here.id());
        // So is its subscriber, which lets go of its parent's pins and takes its own.
        assert!(seen.recv().expect("nothing is damaged").is_none(), "it joins only now");
        camera.send_block(&block, BYTES, &[]).expect("there is room");
        let received = receive(&mut seen);
        assert_is(9, received.bytes());
        let census = Census::take(here.namespace()).expect("it can be read");
        let pinned: Vec<_> =
            census.participants.iter().map(|participant| participant.pinned_blocks).collect();
        assert_eq!(pinned, [1, 1], "one of the parent's, one of its own");
    });
    assert_eq!(status, 0, "the child panicked");

    let (sent, draft, pinned) = handles.expect("still here");
    let census = Census::take(here.namespace()).expect("it can be read");
    let mine = census.participants.iter().find(|participant| participant.id == here.id()).expect("alive");
    assert_eq!(mine.pinned_blocks, 1, "the child's drop took no pin away");
    assert_is(9, receive(&mut seen).bytes());
    assert_is(9, receive(&mut seen).bytes());
    assert_is(1, sent.bytes());
    assert_is(2, &draft);
    drop(sent);
    for seed in 10..40 {
        drop(send(&mut camera, seed));
    }
    assert_is(1, pinned.bytes());
    assert_is(2, &draft);
    cue.say("whole");
}

#[test]
fn a_child_that_drops_inherited_handles_harms_nobody() {
    let folder = ShmFolder::new();
    let mut child = role("fork_with_handles", &folder).spawn();
    child.expect("whole");
    child.finish();
    assert!(!folder.path().join(crate::place::NAMESPACE).exists(), "left: {:?}", folder.files());
}
