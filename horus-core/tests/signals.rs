//! SIGINT and SIGTERM, in a process of their own.
#![allow(missing_docs)]

mod arena;

use arena::Arena;
use horus_core::{Context, Node, NodeOptions, NodeResult, Scheduler};
use horus_shm::{Language, Settings};
use nix::sys::signal::{SigHandler, Signal, raise};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

/// Raises signals in its first tick, and says when it is shut down.
struct Raiser {
    signals: Vec<Signal>,
}

impl Node for Raiser {
    fn tick(&mut self, _context: &mut Context) -> NodeResult {
        for signal in self.signals.drain(..) {
            raise(signal)?;
        }
        Ok(())
    }

    fn shutdown(&mut self, _context: &mut Context) -> NodeResult {
        std::fs::write(std::env::var("HORUS_TEST_NOTE")?, "shut down")?;
        Ok(())
    }
}

/// Runs as the child of the tests below, and does nothing otherwise.
#[test]
fn child() {
    let Ok(script) = std::env::var("HORUS_TEST_SIGNALS") else { return };
    let signals =
        script.split(',').filter(|name| !name.is_empty()).map(|name| name.parse().unwrap()).collect();
    let mut scheduler = Scheduler::with_settings(Settings::from_env(), Language::Rust);
    if std::env::var_os("HORUS_TEST_LEAVE_SIGNALS").is_some() {
        scheduler = scheduler.without_signals();
    }
    scheduler.add("raiser", Raiser { signals }, NodeOptions::at(100.0)).unwrap();
    scheduler.run().unwrap();
    // After the run all is as it was.
    let after = std::env::var("HORUS_TEST_AFTER").unwrap();
    if let Ok(signal) = after.parse() {
        raise(signal).unwrap();
    }
}

/// Runs a child that raises these signals in a tick and one after the run; returns how it ended and whether it was shut
/// down.
fn run(signals: &str, after: &str, prepare: impl FnOnce(&mut Command)) -> (ExitStatus, bool) {
    let arena = Arena::new();
    let note: PathBuf =
        std::env::temp_dir().join(format!("{}.note", arena.folder.file_name().unwrap().display()));
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("HORUS_SHM_DIR", &arena.folder).env("HORUS_NAMESPACE", "test").env("HORUS_TEST_NOTE", &note);
    command.env("HORUS_TEST_SIGNALS", signals).env("HORUS_TEST_AFTER", after);
    prepare(&mut command);
    let status = command.status().unwrap();
    (status, std::fs::remove_file(note).is_ok())
}

#[test]
fn the_first_signal_ends_the_run_cleanly() {
    for signal in ["SIGTERM", "SIGINT"] {
        let (status, shut_down) = run(signal, "", |_| {});
        assert!(status.success() && shut_down, "{signal}: {status}");
    }
    let (status, shut_down) = run("SIGTERM,SIGTERM,SIGINT", "", |_| {});
    assert!(status.success() && shut_down, "asked by a supervisor, twice, and once by hand: {status}");
}

#[test]
fn a_second_interrupt_ends_the_process_at_once() {
    let (status, shut_down) = run("SIGINT,SIGINT", "", |_| {});
    assert_eq!((status.signal(), shut_down), (Some(Signal::SIGINT as i32), false));
}

#[test]
fn signals_are_left_alone_when_asked() {
    let (status, shut_down) = run("SIGTERM", "", |command| {
        command.env("HORUS_TEST_LEAVE_SIGNALS", "1");
    });
    assert_eq!((status.signal(), shut_down), (Some(Signal::SIGTERM as i32), false));
}

#[test]
fn after_the_run_signals_do_what_they_did_before() {
    for signal in ["SIGTERM", "SIGINT"] {
        let (status, shut_down) = run("SIGTERM", signal, |_| {});
        assert_eq!((status.signal(), shut_down), (Some(signal.parse::<Signal>().unwrap() as i32), true));
    }
}

#[test]
fn an_ignored_interrupt_stays_ignored() {
    use std::os::unix::process::CommandExt;
    let ignore = || {
        // SAFETY: ignoring a signal sets no handler.
        unsafe { nix::sys::signal::signal(Signal::SIGINT, SigHandler::SigIgn) }?;
        Ok(())
    };
    // SAFETY: between fork and exec it makes one system call and allocates nothing.
    let (status, shut_down) = run("SIGINT,SIGINT,SIGTERM", "SIGINT", |command| unsafe {
        command.pre_exec(ignore);
    });
    assert!(status.success() && shut_down, "{status}");
}
