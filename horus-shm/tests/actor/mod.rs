//! A child that does to the transport what its parent says, one line at a time.
//!
//! Each command is a line of words and gets one line back: `ok …`, or `error <variant>: <text>`. What it receives it
//! checks byte for byte, and dies of the first torn message. The commands stand in [`desk`].

#![allow(dead_code, reason = "each test binary uses another part of this module")]

pub(crate) mod desk;
pub(crate) mod message;

use crate::process::{Child, Role, ShmFolder, until};
use horus_shm::{CleanOptions, CleanReport, Root, Settings, clean};
use rustix::process::Signal;
use std::time::Duration;

/// The namespace that tests use where one is enough.
pub(crate) const NAMESPACE: &str = "ns";

/// The parent's end of an actor; the child is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Actor {
    child: Child,
}

impl Actor {
    /// Starts an actor in [`NAMESPACE`].
    pub(crate) fn start(folder: &ShmFolder) -> Self {
        Self::with(folder, |role| role)
    }

    /// Starts an actor whose role is changed first, for an environment of its own.
    pub(crate) fn with(folder: &ShmFolder, change: impl FnOnce(Role) -> Role) -> Self {
        Self { child: change(Role::new("actor").shm(folder, NAMESPACE)).spawn() }
    }

    /// Starts an actor in [`NAMESPACE`] of a root that this process was given, not made.
    pub(crate) fn at(root: &std::path::Path) -> Self {
        let role = Role::new("actor").environment("HORUS_SHM_DIR", root);
        Self { child: role.environment("HORUS_NAMESPACE", NAMESPACE).spawn() }
    }

    /// Has a command done and returns what comes after `ok`.
    #[track_caller]
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.begin(command);
        self.answer()
    }

    /// Has a command done that must fail; returns `variant: text`.
    #[track_caller]
    pub(crate) fn fails(&mut self, command: &str) -> String {
        self.begin(command);
        let reply = self.child.hears();
        reply.strip_prefix("error ").unwrap_or_else(|| panic!("{command:?} should fail: {reply}")).to_owned()
    }

    /// Gives a command and waits for nothing.
    #[track_caller]
    pub(crate) fn begin(&mut self, command: &str) {
        self.child.tell(command);
    }

    /// Waits for the answer of a command given with [`Actor::begin`].
    #[track_caller]
    pub(crate) fn answer(&mut self) -> String {
        let reply = self.child.hears();
        match reply.strip_prefix("ok") {
            Some(rest) => rest.trim_start().to_owned(),
            None => panic!("the actor says: {reply}"),
        }
    }

    /// The next line it says, whatever it is.
    #[track_caller]
    pub(crate) fn hears(&mut self) -> String {
        self.child.hears()
    }

    /// What it has said by now.
    pub(crate) fn heard(&mut self) -> Option<String> {
        self.child.heard()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// SIGKILL, and reaped.
    pub(crate) fn kill(mut self) {
        self.child.kill();
    }

    /// SIGSTOP; it stands still on return.
    pub(crate) fn stop(&mut self) {
        self.child.stop();
    }

    /// SIGCONT.
    pub(crate) fn resume(&mut self) {
        self.child.resume();
    }

    /// Sends a signal.
    pub(crate) fn signal(&mut self, signal: Signal) {
        self.child.signal(signal);
    }

    /// Waits for the answer to a command that may be its last; `None` once the actor is dead or stopped.
    pub(crate) fn answer_if_able(&mut self) -> Option<String> {
        let mut reply = None;
        until("it answers, stops or dies", || {
            reply = self.child.heard();
            // It only moves on commands, so who answered stands still by itself.
            reply.is_some() || matches!(state(self.pid()), None | Some('T' | 'Z' | 'X'))
        });
        let reply = reply.or_else(|| self.child.heard())?;
        assert!(reply.starts_with("ok"), "the actor says: {reply}");
        Some(reply)
    }

    /// Lets it leave cleanly, and waits until it has ended without an error.
    pub(crate) fn finish(self) {
        self.child.finish();
    }
}

/// The letter with which the kernel says what a process does, `None` once it is gone.
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next())
}

/// Waits until an actor sleeps in the kernel with all its threads: its main thread must be in a wait for good.
pub(crate) fn until_asleep(actor: &Actor) {
    until("it sleeps on a futex", || {
        let threads = std::fs::read_dir(format!("/proc/{}/task", actor.pid())).expect("alive");
        threads.flatten().all(|thread| {
            let call = std::fs::read_to_string(thread.path().join("wchan")).unwrap_or_default();
            // A hardened kernel says "0" and no more; its word that the thread sleeps must do.
            let sleeps =
                std::fs::read_to_string(thread.path().join("stat")).is_ok_and(|stat| stat.contains(") S "));
            sleeps && (call.contains("futex") || call == "0")
        })
    });
}

/// What a test's own process is told of the folder.
pub(crate) fn settings(folder: &ShmFolder) -> Settings {
    Settings { shm_dir: Some(folder.path().to_owned()), namespace: Some(NAMESPACE.into()) }
}

/// Cleans all namespaces as a command does.
pub(crate) fn cleaned(folder: &ShmFolder, force: bool) -> CleanReport {
    let root = Root::open(&settings(folder)).expect("the root is ours");
    let options = CleanOptions { force, patience: Duration::from_secs(1), ..CleanOptions::default() };
    clean(&root, None, &options).expect("cleaning goes on past what it can't remove")
}

/// Cleans until nothing is left but the root's two files.
///
/// Again and again, because the kernel may finish a dead process's files a little after it was reaped, and a child
/// that another thread is just starting has our descriptors until its exec.
#[track_caller]
pub(crate) fn expect_nothing_left(folder: &ShmFolder) {
    let mut report = CleanReport::default();
    let mut left = Vec::new();
    let started = std::time::Instant::now();
    while started.elapsed() < Duration::from_secs(20) {
        report = cleaned(folder, true);
        left = folder.files();
        if left == ["joins", "lock"] {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("left after everybody is gone: {left:#?}\n{report:#?}");
}

/// Bytes of memory that the files below a folder take.
pub(crate) fn bytes_taken(folder: &ShmFolder) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let paths = folder.files().into_iter().map(|file| folder.path().join(file));
    paths.filter_map(|path| path.symlink_metadata().ok()).map(|file| 512 * file.blocks()).sum()
}
