//! What a child is started with.

use super::{Child, ShmFolder, WATCHDOG};
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The environment variable that names the role.
pub(super) const ROLE: &str = "HORUS_TEST_ROLE";
/// The environment variable with the role's arguments, separated by [`SEPARATOR`].
pub(super) const ARGUMENTS: &str = "HORUS_TEST_ARGUMENTS";
/// The environment variable with the seconds after which the kernel ends the child.
pub(super) const ALARM: &str = "HORUS_TEST_ALARM";
/// The environment variable with the error that `futex_waitv` fails with, where it is masked.
pub(super) const MASKED: &str = "HORUS_TEST_MASKED_WAITV";
/// ASCII's own unit separator: no path or number holds it.
pub(super) const SEPARATOR: char = '\u{1f}';

/// A role for a child to play, with its arguments and surroundings.
#[derive(Debug)]
pub(crate) struct Role {
    name: String,
    arguments: Vec<String>,
    environment: Vec<(OsString, OsString)>,
    wrapper: Vec<OsString>,
    user: Option<u32>,
}

impl Role {
    /// A role of the table given to [`roles!`](crate::roles).
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            wrapper: Vec::new(),
            user: None,
        }
    }

    /// Adds an argument; the child reads them in order with [`Cue::argument`](super::Cue::argument).
    pub(crate) fn argument(mut self, value: impl ToString) -> Self {
        self.arguments.push(value.to_string());
        self
    }

    /// Sets an environment variable.
    pub(crate) fn environment(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().into(), value.as_ref().into()));
        self
    }

    /// Gives the child `folder` as root and `namespace` as namespace.
    pub(crate) fn shm(self, folder: &ShmFolder, namespace: &str) -> Self {
        self.environment("HORUS_SHM_DIR", folder.path()).environment("HORUS_NAMESPACE", namespace)
    }

    /// Starts the child as process 1 of a PID namespace of its own. See [`Role::permitted`].
    pub(crate) fn in_new_pid_namespace(mut self) -> Self {
        self.wrapper.extend(unshare(&["--pid", "--fork", "--kill-child"]));
        self
    }

    /// Starts the child where `folder` is a fresh tmpfs of `size` (as in `mount -o size=`), seen by nobody else and
    /// gone with the child. See [`Role::permitted`].
    pub(crate) fn on_small_tmpfs(mut self, folder: &ShmFolder, size: &str) -> Self {
        let script = r#"mount -t tmpfs -o "size=$0,mode=700" none "$1" && shift && exec "$@""#;
        self.wrapper.extend(unshare(&["--mount", "sh", "-c", script, size]));
        self.wrapper.push(folder.path().into());
        self
    }

    /// Starts the child where `folder` is an empty tmpfs that can't be written. See [`Role::permitted`].
    pub(crate) fn on_read_only_tmpfs(mut self, folder: &ShmFolder) -> Self {
        let script = r#"mount -t tmpfs -o ro,mode=700 none "$0" && exec "$@""#;
        self.wrapper.extend(unshare(&["--mount", "sh", "-c", script]));
        self.wrapper.push(folder.path().into());
        self
    }

    /// Starts the child as another user, which only root may.
    pub(crate) fn by_user(mut self, uid: u32) -> Self {
        self.user = Some(uid);
        self
    }

    /// Lets the kernel refuse the child `futex_waitv` with an error's number, as old kernels and some sandboxes do.
    pub(crate) fn without_waitv(self, errno: i32) -> Self {
        self.environment(MASKED, errno.to_string())
    }

    /// Lets the child run on the first core only that this process may use.
    pub(crate) fn on_one_core(mut self) -> Self {
        let status = std::fs::read_to_string("/proc/self/status").expect("/proc is there");
        let list =
            status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("in status");
        let first = list.trim().split([',', '-']).next().expect("at least one core").to_owned();
        self.wrapper.extend(["taskset", "-c", &first].map(OsString::from));
        self
    }

    /// `Err` with the reason if this machine doesn't let us make the namespaces this role asks for.
    pub(crate) fn permitted(&self) -> Result<(), String> {
        let Some((program, arguments)) = self.wrapper.split_first() else { return Ok(()) };
        let output = Command::new(program).args(arguments).arg("true").output();
        match output {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(format!("unshare: {error}")),
        }
    }

    /// Starts the child.
    pub(crate) fn spawn(self) -> Child {
        let binary = std::env::current_exe().expect("the test binary has a path");
        // Another user may not reach the build's folder.
        let copy = self.user.map(|uid| Copy::of(&binary, uid));
        let binary = copy.as_ref().map_or(binary, |copy| copy.binary.clone());
        let mut words = self.wrapper;
        words.push(binary.into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["child_role", "--exact", "--nocapture", "--test-threads=1"]);
        command.env(ROLE, &self.name).env(ARGUMENTS, self.arguments.join(&SEPARATOR.to_string()));
        command.env(ALARM, (WATCHDOG.as_secs() + 30).to_string()).env_remove("RUST_TEST_THREADS");
        command.envs(self.environment).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(uid) = self.user {
            command.uid(uid).gid(uid).current_dir("/");
        }
        // It runs once this returns, and needs its file no longer.
        Child::start(self.name, command)
    }
}

/// A copy of a program where another user can start it; gone when dropped.
struct Copy {
    folder: PathBuf,
    binary: PathBuf,
}

impl Copy {
    fn of(binary: &Path, uid: u32) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Relaxed: only uniqueness counts.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("horus-test-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let copy = Self { binary: folder.join("program"), folder };
        std::fs::create_dir(&copy.folder).expect("the temporary folder is writable");
        // By a process of its own: while this one had the copy open for writing, a child that another test starts would
        // have it open too, and until its exec nobody could execute the copy.
        let copied = std::process::Command::new("cp").arg(binary).arg(&copy.binary).status();
        assert!(copied.expect("cp is there").success(), "there is room");
        chown(&copy.folder, Some(uid), Some(uid)).expect("only root asks for another user");
        copy
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The words of an `unshare` command; an unprivileged user gets the namespaces inside a user namespace.
fn unshare(rest: &[&str]) -> Vec<OsString> {
    let mut words = vec!["unshare"];
    if !rustix::process::geteuid().is_root() {
        words.push("--map-root-user");
    }
    words.extend(rest);
    words.into_iter().map(OsString::from).collect()
}
