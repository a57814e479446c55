//! A `horus` whose terminal is ours.

use super::{Place, WATCHDOG, Watched};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A `horus` on a terminal; killed if the test ends before it does.
pub(crate) struct OnTerminal {
    pub(crate) child: Child,
    master: File,
    /// What it wrote so far.
    pub(crate) seen: String,
}

impl OnTerminal {
    /// Starts it with stdin, stdout and stderr on a terminal of 80 columns.
    pub(crate) fn start(place: &Place, args: &[&str]) -> OnTerminal {
        OnTerminal::start_command(place.horus(args), 80)
    }

    /// The same for any command and width. What of the three it has already it keeps.
    pub(crate) fn start_command(mut command: Command, columns: u16) -> OnTerminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).unwrap();
        let slave: OwnedFd = ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        let end = || Stdio::from(slave.try_clone().unwrap());
        command.stdin(end()).stdout(end()).stderr(end());
        if command.get_envs().all(|(name, _)| name != "TERM") {
            command.env("TERM", "xterm");
        }
        let own_terminal = || {
            rustix::process::setsid()?;
            Ok(rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?)
        };
        // SAFETY: two system calls, nothing is allocated.
        unsafe { command.pre_exec(own_terminal) };
        let child = command.spawn().unwrap();
        // The command holds the other end of the terminal too, and so would we.
        drop(command);
        OnTerminal { child, master: File::from(master), seen: String::new() }
    }

    /// Types something; `\x03` is Ctrl+C.
    pub(crate) fn type_in(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Reads until `text` has come.
    pub(crate) fn read_until(&mut self, text: &str) {
        while !self.seen.contains(text) {
            assert!(self.read_some(), "closed without {text:?}: {}", self.seen);
        }
    }

    /// Reads on until so many of `text` have come.
    pub(crate) fn read_until_count(&mut self, text: &str, count: usize) {
        while self.seen.matches(text).count() < count {
            assert!(self.read_some(), "closed without {count} {text:?}: {}", self.seen);
        }
    }

    /// Reads what there is, at least something; false at the end.
    fn read_some(&mut self) -> bool {
        let timeout = Timespec { tv_sec: WATCHDOG.as_secs() as i64, tv_nsec: 0 };
        let mut fds = [PollFd::new(&self.master, PollFlags::IN)];
        assert_eq!(poll(&mut fds, Some(&timeout)), Ok(1), "waited in vain; so far: {}", self.seen);
        let mut buffer = [0; 4096];
        // A terminal that nobody has open any more is an error to read.
        let Ok(count @ 1..) = self.master.read(&mut buffer) else { return false };
        self.seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        true
    }

    /// Reads to the end, and returns the exit status and all that was written, lines ended as in a file.
    pub(crate) fn finish(mut self) -> (i32, String) {
        while self.read_some() {}
        assert!(Watched::new(rustix::process::Pid::from_child(&self.child)).wait_end());
        let code = self.child.wait().unwrap().code();
        (code.unwrap_or_else(|| panic!("ended by a signal: {}", self.seen)), self.seen.replace("\r\n", "\n"))
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
