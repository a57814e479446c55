//! A child as its parent sees it.

use super::{WATCHDOG, until};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

/// What a child's own lines begin with, to tell them from what the test harness in it prints.
pub(super) const MARK: char = '@';

/// A child that plays a role; killed and reaped when dropped.
#[derive(Debug)]
pub(crate) struct Child {
    role: String,
    process: std::process::Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Child {
    /// Starts `command` and a thread that reads its lines.
    pub(super) fn start(role: String, mut command: Command) -> Self {
        let mut process = command.spawn().expect("the test binary starts");
        let stdout = BufReader::new(process.stdout.take().expect("stdout is a pipe"));
        let (sender, lines) = channel();
        // Ends with the pipe, so with the child and all it forked.
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Some(said) = line.strip_prefix(MARK)
                    && sender.send(said.to_owned()).is_err()
                {
                    break;
                }
            }
        });
        let stdin = process.stdin.take();
        Self { role, process, stdin, lines }
    }

    /// The child's process id (that of the wrapper, where a role has one).
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The next line the child says.
    ///
    /// # Panics
    /// If it ends or stays silent for [`WATCHDOG`].
    #[track_caller]
    pub(crate) fn hears(&mut self) -> String {
        match self.lines.recv_timeout(WATCHDOG) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => panic!("{} said nothing for {WATCHDOG:?}", self.role),
            Err(RecvTimeoutError::Disconnected) => panic!("{} ended: {:?}", self.role, self.process.wait()),
        }
    }

    /// Waits for the child's next line, which must be `line`.
    #[track_caller]
    pub(crate) fn expect(&mut self, line: &str) {
        let heard = self.hears();
        assert_eq!(heard, line, "said by {}", self.role);
    }

    /// The child's next line, if it has said one by now.
    pub(crate) fn heard(&mut self) -> Option<String> {
        self.lines.try_recv().ok()
    }

    /// Sends the child a line.
    #[track_caller]
    pub(crate) fn tell(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("open until the end");
        writeln!(stdin, "{line}").unwrap_or_else(|error| panic!("{} doesn't listen: {error}", self.role));
    }

    /// SIGKILL, and waits until it is reaped.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// SIGSTOP; returns once the kernel says that all its threads stand still.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::STOP);
        let stat = format!("/proc/{}/stat", self.pid());
        until("the child is stopped", || {
            let stat = std::fs::read_to_string(&stat).expect("not reaped yet");
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
        });
    }

    /// SIGCONT.
    pub(crate) fn resume(&mut self) {
        self.signal(Signal::CONT);
    }

    /// Sends a signal.
    pub(crate) fn signal(&mut self, signal: Signal) {
        let pid = Pid::from_child(&self.process);
        kill_process(pid, signal).expect("our child, not reaped yet");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it lives on for [`WATCHDOG`].
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut ended = None;
        until("the child ends", || {
            ended = self.process.try_wait().expect("our child");
            ended.is_some()
        });
        ended.expect("just seen")
    }

    /// Whether it hasn't ended by itself yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.process.try_wait().expect("our child").is_none()
    }

    /// Closes its stdin.
    pub(crate) fn close(&mut self) {
        self.stdin = None;
    }

    /// Closes its stdin and waits for its end, which must be without an error.
    #[track_caller]
    pub(crate) fn finish(mut self) {
        self.stdin = None;
        let status = self.wait();
        assert!(status.success(), "{}: {status}", self.role);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}
