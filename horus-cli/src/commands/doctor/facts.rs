//! What there is to know of this machine, gathered once; judged in `checks.rs`.

use crate::GlobalArgs;
use crate::context::{self, other_users, user_name};
use crate::logind::{self, Removal};
use horus_launch::Search;
use horus_shm::{
    Census, CleanOptions, CleanReport, Language, Namespace, Participant, Root, Settings, clean, now_ns,
};
use rustix::process::{Resource, getrlimit};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Everything that the checks look at.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// The root folder's path.
    pub(super) root: PathBuf,
    /// The file system that it is on, or why it can't be asked.
    pub(super) space: Result<Space, String>,
    /// What opening the root folder and joining a namespace in it gave: `O_TMPFILE`, locks held by a mapping.
    pub(super) join: Result<(), String>,
    /// The namespace that commands work in, or why there is none.
    pub(super) namespace: Result<String, String>,
    /// Open files, soft limit; none is no limit.
    pub(super) open_files: Option<u64>,
    /// Bytes of memory that may be locked, soft limit; none is no limit.
    pub(super) locked_bytes: Option<u64>,
    /// The highest real-time priority that may be asked for, or any.
    pub(super) realtime: Realtime,
    pub(super) clock_source: Option<String>,
    /// What one look at the clock takes, nanoseconds.
    pub(super) clock_ns: u64,
    /// The kernel's release.
    pub(super) kernel: String,
    /// Whether one call can wait for several topics.
    pub(super) has_waitv: bool,
    /// Transparent huge pages for shared memory.
    pub(super) huge_pages: Option<String>,
    pub(super) removal: Removal,
    /// What kind of container this is in, if it is.
    pub(super) container: Option<String>,
    /// Living processes whose pids are of another PID namespace.
    pub(super) foreign_pids: usize,
    /// What was left by the dead, and cleaned up; none if it couldn't be looked at.
    pub(super) cleaned: Option<CleanReport>,
    /// A hint for each other user.
    pub(super) other_users: Vec<String>,
    pub(super) python: Python,
    /// This command's version.
    pub(super) version: &'static str,
}

/// Room on a file system.
#[derive(Debug, Clone, Copy)]
pub(super) struct Space {
    pub(super) total_bytes: u64,
    pub(super) free_bytes: u64,
    pub(super) free_inodes: u64,
    /// What the machine has of memory, of which shared memory is a part.
    pub(super) memory_bytes: u64,
}

/// What this process may ask of the scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Realtime {
    /// CAP_SYS_NICE: any.
    Capable,
    /// Priorities up to this; 0 is none.
    UpTo(u64),
}

/// The Python that `horus run` would take here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Python {
    /// None was found.
    Missing,
    /// It doesn't answer.
    Broken { path: PathBuf, error: String },
    /// It has no package `horus`.
    WithoutPackage { path: PathBuf, error: String },
    /// It has the package in this version.
    With { path: PathBuf, version: String },
}

/// How long Python may take to say what it has: a cold start from a slow disk takes seconds.
const PYTHON_PATIENCE: Duration = Duration::from_secs(20);

impl Facts {
    pub(super) fn gather(global: &GlobalArgs) -> Facts {
        let settings = context::settings(global);
        let root = Root::open(&settings);
        let path = match &root {
            Ok(root) => root.path().to_owned(),
            Err(_) => settings.shm_dir.clone().unwrap_or_else(|| "/dev/shm".into()),
        };
        let uid = rustix::process::getuid().as_raw();
        Facts {
            space: space(&path),
            join: root.as_ref().map_err(ToString::to_string).and_then(join),
            namespace: Namespace::open(&settings)
                .map(|namespace| namespace.name().to_string())
                .map_err(|error| error.to_string()),
            open_files: getrlimit(Resource::Nofile).current,
            locked_bytes: getrlimit(Resource::Memlock).current,
            realtime: realtime(),
            clock_source: line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
            clock_ns: clock_ns(),
            kernel: line("/proc/sys/kernel/osrelease").unwrap_or_else(|| "unknown".into()),
            has_waitv: horus_shm::has_waitv(),
            huge_pages: line("/sys/kernel/mm/transparent_hugepage/shmem_enabled")
                .and_then(|text| chosen(&text)),
            removal: logind::removal(&logind::system_root(), uid, user_name(uid).as_deref()),
            container: container(&logind::system_root()),
            foreign_pids: root.as_ref().map_or(0, foreign_pids),
            cleaned: root.as_ref().ok().and_then(|root| clean(root, None, &CleanOptions::default()).ok()),
            other_users: root.as_ref().map(other_users).unwrap_or_default(),
            python: python(),
            version: env!("CARGO_PKG_VERSION"),
            root: path,
        }
    }
}

fn line(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// Returns the word in brackets, which is how the kernel shows a choice.
fn chosen(text: &str) -> Option<String> {
    Some(text.split_once('[')?.1.split_once(']')?.0.to_owned())
}

fn space(path: &Path) -> Result<Space, String> {
    let stat = rustix::fs::statvfs(path).map_err(|error| std::io::Error::from(error).to_string())?;
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    Ok(Space {
        total_bytes: stat.f_blocks * stat.f_frsize,
        free_bytes: stat.f_bavail * stat.f_frsize,
        free_inodes: stat.f_favail,
        memory_bytes: total.and_then(|kib| kib.trim().parse::<u64>().ok()).unwrap_or(0) * 1024,
    })
}

/// Joins a namespace of our own and leaves it: the one way to know that nameless files and locks held by a mapping work.
fn join(root: &Root) -> Result<(), String> {
    let name = format!("doctor-{}-{}", std::process::id(), now_ns());
    let settings = Settings { shm_dir: Some(root.path().to_owned()), namespace: Some(name) };
    let namespace = Namespace::open(&settings).map_err(|error| error.to_string())?;
    Participant::join(&namespace, Language::Rust).map(drop).map_err(|error| error.to_string())
}

fn realtime() -> Realtime {
    /// CAP_SYS_NICE's number, of linux/capability.h.
    const SYS_NICE: u32 = 23;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
    if bits & 1 << SYS_NICE != 0 {
        return Realtime::Capable;
    }
    // No limit at all lets every priority through; 99 is the highest.
    Realtime::UpTo(getrlimit(Resource::Rtprio).current.unwrap_or(99))
}

/// Returns what a look at the clock takes: the shortest of a few rounds, for others only add to it.
fn clock_ns() -> u64 {
    const LOOKS: u64 = 1000;
    let round = || {
        let began = now_ns();
        for _ in 1..LOOKS {
            std::hint::black_box(now_ns());
        }
        (now_ns() - began) / LOOKS
    };
    (0..5).map(|_| round()).min().unwrap_or(0)
}

/// Returns the kind of container that leaves its mark below `root`.
fn container(root: &Path) -> Option<String> {
    let marks = [("run/.containerenv", "podman"), (".dockerenv", "docker")];
    let marked = marks.iter().find(|(mark, _)| root.join(mark).exists()).map(|(_, kind)| (*kind).to_owned());
    marked.or_else(|| {
        // systemd's own mark, for those that it knows: lxc, systemd-nspawn, wsl.
        line(root.join("run/systemd/container").to_str()?).filter(|kind| !kind.is_empty())
    })
}

fn foreign_pids(root: &Root) -> usize {
    let names = root.namespaces().unwrap_or_default();
    let seen = names.iter().filter_map(|name| Census::take(&root.namespace(name)).ok());
    seen.flat_map(|census| census.participants)
        .filter(|process| process.alive && !process.pid_is_ours)
        .count()
}

/// Asks the Python that `horus run` would take for its package's version.
fn python() -> Python {
    let search = Search::from_env();
    let found = search.ok().and_then(|search| search.python(&search.cwd.join("node.py")).ok());
    let Some(path) = found else { return Python::Missing };
    let mut command = Command::new(&path);
    command.args(["-c", "import horus; print(horus.__version__)"]);
    match answer(command.stdin(Stdio::null())) {
        Ok((true, version, _)) => Python::With { path, version },
        Ok((false, _, error)) => Python::WithoutPackage { path, error },
        Err(error) => Python::Broken { path, error: error.to_string() },
    }
}

/// Runs a command that says little; returns whether it succeeded, and the last line of each of its outputs.
fn answer(command: &mut Command) -> std::io::Result<(bool, String, String)> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let deadline = std::time::Instant::now() + PYTHON_PATIENCE;
    while child.try_wait()?.is_none() {
        if std::time::Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            let seconds = PYTHON_PATIENCE.as_secs();
            return Err(std::io::Error::other(format!("it said nothing for {seconds} s")));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let said = child.wait_with_output()?;
    let last = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().lines().last().unwrap_or("").to_owned();
    Ok((said.status.success(), last(&said.stdout), last(&said.stderr)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_and_containers_are_read() {
        assert_eq!(chosen("always [never] force").as_deref(), Some("never"));
        assert_eq!(chosen("nothing"), None);
        let dir = tempfile::TempDir::new().unwrap();
        assert_eq!(container(dir.path()), None);
        fs::write(dir.path().join(".dockerenv"), "").unwrap();
        assert_eq!(container(dir.path()).as_deref(), Some("docker"));
    }

    #[test]
    fn a_look_at_the_clock_takes_time() {
        assert!(clock_ns() > 0);
    }
}
