//! Every call that makes, watches, signals or replaces a process; the only file with `unsafe` in this crate.

use crate::plan::NodePlan;
use nix::sys::signal::{self, SigHandler, SigSet, Signal as NixSignal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus};
use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By a signal.
    Signal {
        /// Its number.
        signal: i32,
        /// Whether a core was written.
        core: bool,
    },
}

impl Exit {
    /// Ended by SIGTERM.
    pub const TERMINATED: Exit = Exit::Signal { signal: 15, core: false };
    /// Ended by SIGKILL.
    pub const KILLED: Exit = Exit::Signal { signal: 9, core: false };

    /// Returns the status as a shell gives it: 128 and the signal's number for a signal.
    pub fn status(self) -> u8 {
        match self {
            // The kernel keeps the low eight bits of a status, and signals end at 64.
            Exit::Code(code) => (code & 0xff) as u8,
            Exit::Signal { signal, .. } => 128 + (signal & 0x7f) as u8,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "ended with status {code}"),
            Exit::Signal { signal, core } => {
                match NixSignal::try_from(*signal) {
                    Ok(name) => write!(f, "ended by {name}")?,
                    Err(_) => write!(f, "ended by signal {signal}")?,
                }
                if *core { write!(f, " (core dumped)") } else { Ok(()) }
            }
        }
    }
}

/// One child in a process group of its own; it isn't waited for when dropped.
#[derive(Debug)]
pub(crate) struct Child {
    /// Names the process and its group for as long as it hasn't been reaped.
    pid: Pid,
    pidfd: OwnedFd,
}

/// A new child's output, in this order: stdout, stderr. Both don't block.
pub(crate) type Pipes = [OwnedFd; 2];

impl Child {
    /// Starts a node's process: in its own group, stdin `/dev/null`, output in pipes, killed when the calling
    /// thread ends. No signal is blocked in it, and std sees to it that SIGPIPE isn't ignored.
    pub(crate) fn spawn(node: &NodePlan) -> io::Result<(Child, Pipes)> {
        let mut command = command(node);
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        before_exec(&mut command);
        let mut child = command.spawn()?;
        let pid = Pid::from_child(&child);
        // The child isn't reaped by anyone else, so that its pid still names it here.
        let pidfd = match rustix::process::pidfd_open(pid, PidfdFlags::NONBLOCK) {
            Ok(pidfd) => pidfd,
            Err(error) => {
                let _ = child.kill().and_then(|()| child.wait().map(drop));
                return Err(error.into());
            }
        };
        let stdout = child.stdout.take().expect("stdout was asked to be a pipe");
        let stderr = child.stderr.take().expect("stderr was asked to be a pipe");
        let pipes = [OwnedFd::from(stdout), OwnedFd::from(stderr)];
        for pipe in &pipes {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        Ok((Child { pid, pidfd }, pipes))
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Sends a signal to the child and all of its group.
    pub(crate) fn signal_group(&self, signal: Signal) {
        // ESRCH: all are gone; EPERM: what is left runs as somebody else (setuid) and isn't ours to end.
        let _ = rustix::process::kill_process_group(self.pid, signal);
    }

    /// Returns how the child ended, if it has. The rest of its group is killed then, while the child's unreaped
    /// pid still reserves the group's number.
    pub(crate) fn try_wait(&self) -> io::Result<Option<Exit>> {
        let id = || WaitId::PidFd(self.pidfd.as_fd());
        let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        if rustix::process::waitid(id(), peek)?.is_none() {
            return Ok(None);
        }
        self.signal_group(Signal::KILL);
        let status = rustix::process::waitid(id(), WaitIdOptions::EXITED | WaitIdOptions::NOHANG)?;
        Ok(status.map(|status| exit(&status)))
    }
}

impl AsFd for Child {
    /// Readable once the child has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

fn exit(status: &WaitIdStatus) -> Exit {
    match status.terminating_signal() {
        Some(signal) => Exit::Signal { signal, core: status.dumped() },
        None => Exit::Code(status.exit_status().unwrap_or(0)),
    }
}

fn command(node: &NodePlan) -> Command {
    let mut command = Command::new(&node.program.executable);
    command.args(&node.program.args).args(&node.args).envs(node.env.iter().map(|(key, value)| (key, value)));
    if let Some(cwd) = &node.cwd {
        command.current_dir(cwd);
    }
    command
}

/// Has the child let all signals through again, and the kernel kill it when the thread that spawns it ends, however
/// that comes.
fn before_exec(command: &mut Command) {
    let parent = rustix::process::getpid();
    let prepare = move || {
        SigSet::empty().thread_set_mask()?;
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // Had the parent died before the line above, nobody would send the signal any more.
        if rustix::process::getppid() == Some(parent) { Ok(()) } else { Err(rustix::io::Errno::SRCH.into()) }
    };
    // SAFETY: between fork and exec only async-signal-safe work may be done; `prepare` makes three system calls (one
    // by way of pthread_sigmask, which is on the list) and builds an `io::Error` from a number, which allocates
    // nothing.
    unsafe { command.pre_exec(prepare) };
}

/// Becomes the node's program: same process, same terminal. Returns only if that fails.
pub fn replace(node: &NodePlan) -> io::Error {
    command(node).exec()
}

/// Makes this process the parent of every orphan among its descendants.
pub(crate) fn become_subreaper() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// Returns this process's children other than `known`: orphans that were handed to it. Those that have ended are
/// reaped and left out.
pub(crate) fn strays(known: &HashSet<Pid>) -> io::Result<Vec<Pid>> {
    let mut living = Vec::new();
    for task in fs::read_dir("/proc/self/task")? {
        // A thread may end while we look; its children then belong to another one and are seen the next time.
        let Ok(children) = fs::read_to_string(task?.path().join("children")) else { continue };
        for pid in children.split_ascii_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)) {
            // Nobody else reaps it, so that its pid names it until we do.
            let reap = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
            if !known.contains(&pid) && rustix::process::waitid(WaitId::Pid(pid), reap)?.is_none() {
                living.push(pid);
            }
        }
    }
    Ok(living)
}

/// Sends a signal to one process that [`strays`] returned and nobody has reaped since.
pub(crate) fn signal_stray(pid: Pid, signal: Signal) {
    // EPERM: it runs as somebody else and isn't ours to end.
    let _ = rustix::process::kill_process(pid, signal);
}

/// Undoes an inherited "ignore" for SIGCHLD, with which the kernel would reap our children before we could ask how they
/// ended.
fn see_children() -> io::Result<()> {
    if is_ignored(NixSignal::SIGCHLD)? {
        // SAFETY: no handler is installed but the default one.
        unsafe { signal::signal(NixSignal::SIGCHLD, SigHandler::SigDfl) }?;
    }
    Ok(())
}

/// Returns whether a signal is ignored; it must be blocked in this thread meanwhile, or harmless by default.
fn is_ignored(signal: NixSignal) -> io::Result<bool> {
    // SAFETY: no handler is installed but the default one.
    let before = unsafe { signal::signal(signal, SigHandler::SigDfl) }?;
    // SAFETY: it was installed a moment ago by somebody who knew that it was sound.
    unsafe { signal::signal(signal, before) }?;
    Ok(matches!(before, SigHandler::SigIgn))
}

/// What a signal asks of a supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// Ctrl+C.
    Interrupt,
    /// SIGTERM, or the terminal is gone.
    Terminate,
    /// Some child ended; perhaps an orphan.
    ChildEnded,
}

/// SIGINT, SIGTERM, SIGHUP and SIGCHLD as something to read; the former mask comes back when dropped.
///
/// A SIGINT or SIGHUP that was ignored before stays so: a shell starts jobs in the background with Ctrl+C ignored, so
/// that it reaches the one in the foreground alone, and `nohup` asks to outlive its terminal.
///
/// They are blocked in the calling thread and in threads that it starts from now on; other threads of the process
/// must have them blocked too.
#[derive(Debug)]
pub(crate) struct Signals {
    fd: SignalFd,
    before: SigSet,
}

impl Signals {
    pub(crate) fn catch() -> io::Result<Signals> {
        see_children()?;
        let before = SigSet::thread_get_mask()?;
        let mut mask = SigSet::empty();
        for signal in [NixSignal::SIGINT, NixSignal::SIGTERM, NixSignal::SIGHUP, NixSignal::SIGCHLD] {
            mask.add(signal);
        }
        mask.thread_block()?;
        for signal in [NixSignal::SIGINT, NixSignal::SIGHUP] {
            if is_ignored(signal)? {
                mask.remove(signal);
            }
        }
        let fd = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Signals { fd, before })
    }

    /// Returns the next signal that has come, if any.
    pub(crate) fn next(&self) -> io::Result<Option<Request>> {
        let Some(info) = self.fd.read_signal()? else { return Ok(None) };
        Ok(Some(match NixSignal::try_from(info.ssi_signo as i32) {
            Ok(NixSignal::SIGINT) => Request::Interrupt,
            Ok(NixSignal::SIGCHLD) => Request::ChildEnded,
            _ => Request::Terminate,
        }))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // What came too late to be obeyed must not strike when it is let through.
        while let Ok(Some(_)) = self.next() {}
        // Setting a mask that the kernel gave us can't fail.
        let _ = self.before.thread_set_mask();
    }
}
