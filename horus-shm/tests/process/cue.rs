//! The child's side: its arguments, and the lines it exchanges with its parent.

use super::child::MARK;
use super::role::{ALARM, ARGUMENTS, MASKED, ROLE, SEPARATOR};
use nix::libc;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::io::{BufRead, Write};
use std::str::FromStr;

/// What a role is given to play by.
#[derive(Debug)]
pub(crate) struct Cue {
    arguments: std::vec::IntoIter<String>,
}

impl Cue {
    /// The next argument.
    #[track_caller]
    pub(crate) fn argument<T: FromStr>(&mut self) -> T {
        let text = self.arguments.next().expect("the parent gave enough arguments");
        text.parse().unwrap_or_else(|_| panic!("the argument {text:?} is of another kind"))
    }

    /// Says a line to the parent.
    pub(crate) fn say(&mut self, line: &str) {
        let mut stdout = std::io::stdout();
        // The harness leaves its own line unfinished, so ours begins a new one. A parent that is gone doesn't matter.
        let _ = write!(stdout, "\n{MARK}{line}\n").and_then(|()| stdout.flush());
    }

    /// The parent's next line; `None` once it has closed the pipe.
    pub(crate) fn listen(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line).expect("stdin is a pipe");
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// Waits until the parent says `line`. If the parent is gone instead, ends this process.
    pub(crate) fn wait_for(&mut self, line: &str) {
        match self.listen() {
            Some(heard) => assert_eq!(heard, line, "told by the parent"),
            None => std::process::exit(3),
        }
    }

    /// Says `ready` and lives until the parent lets it go, by a signal or by closing the pipe.
    pub(crate) fn stay(&mut self) {
        self.say("ready");
        while self.listen().is_some() {}
    }
}

/// What a child does in its role.
pub(crate) type Play = fn(&mut Cue);

/// Plays the role this process was started for, if any; called by the test that [`roles!`](crate::roles) defines.
pub(crate) fn play(table: &[(&str, Play)]) {
    let Ok(role) = std::env::var(ROLE) else { return };
    guard();
    let arguments = std::env::var(ARGUMENTS).unwrap_or_default();
    let arguments: Vec<String> = arguments.split(SEPARATOR).map(str::to_owned).collect();
    let (_, play) = table.iter().find(|(name, _)| *name == role).expect("a role of this binary");
    play(&mut Cue { arguments: arguments.into_iter() });
}

/// Bounds what a child can do to the machine: it ends even if its parent is gone, and roles that die on purpose
/// leave no core file.
fn guard() {
    let seconds = std::env::var(ALARM).ok().and_then(|text| text.parse().ok()).unwrap_or(90);
    // SAFETY: `alarm` takes a number and touches no memory of ours; SIGALRM keeps its default action, to end us.
    unsafe { libc::alarm(seconds) };
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .expect("lowering is always allowed");
    if let Some(errno) = std::env::var(MASKED).ok().and_then(|text| text.parse().ok()) {
        mask_waitv(errno);
    }
}

/// Has the kernel answer `futex_waitv` with an error from now on, in this process and all it starts.
fn mask_waitv(errno: u32) {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const SAME: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut steps = [
        // The call's number is the first word of what a filter is shown.
        step(LOAD, 0, 0, 0),
        step(SAME, 0, 1, libc::SYS_futex_waitv as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | errno),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    // SAFETY: both calls change what this process may ask the kernel for, and touch no memory; the program outlives the
    // second, which copies it.
    let masked = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) == 0
    };
    assert!(masked, "a process may always narrow what it may do: {}", std::io::Error::last_os_error());
}
