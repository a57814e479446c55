//! Ending a process that somebody else started.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// How long a process may take to vanish after SIGKILL: only one that sleeps in the kernel takes longer.
const VANISH_TIMEOUT: Duration = Duration::from_secs(2);

/// A process that isn't our child, held by a descriptor: whatever becomes of its number, no other process is meant.
#[derive(Debug)]
pub struct ForeignProcess {
    pidfd: OwnedFd,
}

/// How a process ended that was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It had ended before it was asked.
    AlreadyGone,
    /// It ended of SIGTERM, after this long.
    Ended(Duration),
    /// It didn't end within its grace and was killed.
    Killed,
    /// It was killed and is still there: it sleeps in the kernel.
    Stuck,
}

impl ForeignProcess {
    /// Takes hold of the process that has this number now; nothing when none has.
    ///
    /// The number may have been reused since it was read: ask afterwards whether the one that was meant still lives.
    /// If it does, it is the one that is held.
    ///
    /// # Errors
    /// What `pidfd_open` gives, other than that there is no such process.
    pub fn open(pid: u32) -> io::Result<Option<ForeignProcess>> {
        let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
        match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => Ok(Some(ForeignProcess { pidfd })),
            // EINVAL: the number is a thread's.
            Err(Errno::SRCH | Errno::INVAL) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks the process to end with SIGTERM, and kills it when its grace is over. Blocks until it has ended, at most
    /// `grace` and two seconds.
    ///
    /// # Errors
    /// Permission, when it runs as another user.
    pub fn stop(&self, grace: Duration) -> io::Result<Stopped> {
        let began = Instant::now();
        if !self.signal(Signal::TERM)? {
            return Ok(Stopped::AlreadyGone);
        }
        if self.ends_within(grace)? {
            return Ok(Stopped::Ended(began.elapsed()));
        }
        self.signal(Signal::KILL)?;
        Ok(if self.ends_within(VANISH_TIMEOUT)? { Stopped::Killed } else { Stopped::Stuck })
    }

    /// Sends a signal; false when the process is gone.
    fn signal(&self, signal: Signal) -> io::Result<bool> {
        match rustix::process::pidfd_send_signal(&self.pidfd, signal) {
            Ok(()) => Ok(true),
            Err(Errno::SRCH) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn ends_within(&self, time: Duration) -> io::Result<bool> {
        let began = Instant::now();
        loop {
            let left = time.saturating_sub(began.elapsed());
            let timeout = Timespec {
                tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            match poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&timeout)) {
                Ok(count) => return Ok(count > 0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    /// A shell at work; killed if the test ends before it does.
    struct Shell(Child);

    impl Shell {
        fn start(script: &str) -> Shell {
            let mut child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
            let mut line = [0; 3];
            // It has set its traps by now.
            io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).unwrap();
            Shell(child)
        }
    }

    impl Drop for Shell {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn who_is_asked_ends_and_who_won_t_is_killed() {
        let mut polite = Shell::start("trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done");
        let process = ForeignProcess::open(polite.0.id()).unwrap().unwrap();
        assert!(matches!(process.stop(Duration::from_secs(60)).unwrap(), Stopped::Ended(_)));
        assert_eq!(polite.0.wait().unwrap().code(), Some(3));
        assert_eq!(process.stop(Duration::ZERO).unwrap(), Stopped::AlreadyGone);
        let stubborn = Shell::start("trap '' TERM; echo up; while :; do sleep 0.01; done");
        let process = ForeignProcess::open(stubborn.0.id()).unwrap().unwrap();
        assert_eq!(process.stop(Duration::from_millis(20)).unwrap(), Stopped::Killed);
    }

    #[test]
    fn numbers_that_name_no_process_are_nobody() {
        assert!(
            [0, u32::MAX, i32::MAX as u32].iter().all(|pid| ForeignProcess::open(*pid).unwrap().is_none())
        );
    }
}
