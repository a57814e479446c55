//! Tests with real processes: a folder of shared memory of their own, and children that play a role.
//!
//! A test binary runs many threads, and a forked child of such a process may do next to nothing. So a child is
//! the same binary started anew, asked to run the one test [`roles!`](crate::roles) defines, which looks up the
//! role in a table and plays it. Without a role that test does nothing.
//!
//! The two talk in lines: [`Child::tell`] is read by [`Cue::wait_for`], [`Cue::say`] by [`Child::hears`]. Nothing waits
//! for ever: the parent's waits panic after [`WATCHDOG`], and a child is killed by the kernel a little later.

#![allow(dead_code, reason = "each test binary uses another part of this module")]

mod child;
mod cue;
mod folder;
mod role;

pub(crate) use child::Child;
pub(crate) use cue::{Cue, play};
pub(crate) use folder::ShmFolder;
pub(crate) use role::Role;

use std::io::Write;
use std::time::{Duration, Instant};

/// How long a parent waits for anything before it calls the test hung. Far above what a loaded machine needs, so
/// it never decides a test that would end by itself.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(60);

/// Waits until `condition` holds, looking every 200 µs.
///
/// # Panics
/// If it doesn't hold within [`WATCHDOG`].
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < WATCHDOG, "waited {WATCHDOG:?} in vain until {what}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Says on the terminal that a test did not run here and why. Written past the test harness, which would swallow
/// it. With `HORUS_TEST_NO_SKIP` set a skip is a failure.
#[track_caller]
pub(crate) fn skipped(test: &str, reason: &str) {
    assert!(std::env::var_os("HORUS_TEST_NO_SKIP").is_none(), "{test} can't run here: {reason}");
    writeln!(std::io::stderr(), "SKIPPED {test}: {reason}").expect("stderr is open");
}

/// Defines the test through which children of this binary play their roles; once, at the root of the binary.
///
/// ```ignore
/// process::roles! { "hold" => hold, "send" => send }
/// fn hold(cue: &mut process::Cue) { … }
/// ```
#[macro_export]
macro_rules! roles {
    ($($name:literal => $play:path),+ $(,)?) => {
        #[test]
        fn child_role() {
            $crate::process::play(&[$(($name, $play)),+]);
        }
    };
}
