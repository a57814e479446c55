//! A place of its own for each test, and a `horus` that can't outlive it.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod terminal;

use horus_core::Value;
use horus_core::value::msgpack;
use horus_shm::{
    Census, Language, Namespace, Participant, Publisher, PublisherOptions, Role, Settings, Subscriber,
    TopicName, TopicSpec,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal};
use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tempfile::TempDir;

/// Far beyond anything that ends well; only ends tests that hang.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(60);

/// Held for reading while a child is started, and for writing while a file is written that may be executed: a child that is
/// started meanwhile has the file open until its own exec, and until then nobody can execute it (ETXTBSY).
static SPAWNING: RwLock<()> = RwLock::new(());

/// A project folder and a shared memory root, gone with the test.
pub(crate) struct Place {
    dir: TempDir,
    shm: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // A folder deeper than /dev/shm, where the folders of other users stand beside it.
        let shm = PathBuf::from(format!("/dev/shm/horus-test-{}-{number}/root", std::process::id()));
        fs::DirBuilder::new().mode(0o700).recursive(true).create(&shm).unwrap();
        Place { dir: TempDir::new().unwrap(), shm }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn shm(&self) -> &Path {
        &self.shm
    }

    /// Writes a file; one that begins with `#!` can be executed.
    pub(crate) fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _no_child_has_it_open = SPAWNING.write().unwrap_or_else(PoisonError::into_inner);
        fs::write(&path, text).unwrap();
        if text.starts_with("#!") {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        path
    }

    /// Copies the `horus` under test.
    pub(crate) fn copy_horus(&self, path: &Path) {
        let _no_child_has_it_open = SPAWNING.write().unwrap_or_else(PoisonError::into_inner);
        fs::copy(env!("CARGO_BIN_EXE_horus"), path).unwrap();
    }

    /// Writes a shell script.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        self.put(name, &format!("#!/bin/sh\n{text}\n"))
    }

    /// A `horus` that works here, in a namespace of its own, with nothing of our environment that changes it.
    pub(crate) fn horus(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_horus"));
        command.args(args).current_dir(self.path()).stdin(Stdio::null());
        for name in [
            "VIRTUAL_ENV",
            "CARGO_TARGET_DIR",
            "NO_COLOR",
            "CLICOLOR_FORCE",
            "HORUS_LOG",
            "SUDO_USER",
            "PYTHONUNBUFFERED",
        ] {
            command.env_remove(name);
        }
        command.env("HORUS_SHM_DIR", &self.shm).env("HORUS_NAMESPACE", "test");
        command.env("XDG_DATA_HOME", self.path().join("data"));
        // No logind there, so no warning of what it does on the machine that the tests run on.
        command.env("HORUS_SYSTEM_ROOT", self.path().join("system"));
        command
    }

    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running::start(self.horus(args))
    }

    /// Runs to the end.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        self.start(args).finish()
    }
}

/// Publishers and subscribers in this process, seen by the commands as any other's.
impl Place {
    pub(crate) fn join(&self) -> Arc<Participant> {
        self.join_namespace("test")
    }

    pub(crate) fn join_namespace(&self, namespace: &str) -> Arc<Participant> {
        let settings = Settings { shm_dir: Some(self.shm.clone()), namespace: Some(namespace.into()) };
        Participant::join(&Namespace::open(&settings).unwrap(), Language::Rust).unwrap()
    }
}

/// Opens a publisher for messages of a standard type.
pub(crate) fn publisher(participant: &Arc<Participant>, topic: &str, spec: &TopicSpec) -> Publisher {
    Publisher::open(participant, &TopicName::new(topic).unwrap(), spec, PublisherOptions::default()).unwrap()
}

/// Opens a subscriber to messages of a type.
pub(crate) fn subscriber(participant: &Arc<Participant>, topic: &str, spec: &TopicSpec) -> Subscriber {
    Subscriber::open(participant, &TopicName::new(topic).unwrap(), Some(spec), Default::default()).unwrap()
}

/// Returns the bytes of a dict.
pub(crate) fn dict(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    msgpack::encode(value, &mut bytes).unwrap();
    bytes
}

/// Waits until so many subscribe to a topic that is there, so that what is sent next reaches them.
pub(crate) fn wait_subscribed(participant: &Arc<Participant>, topic: &str, count: usize) {
    wait_for(|| {
        let census = Census::take(participant.namespace()).unwrap();
        let endpoints = census.participants.iter().flat_map(|participant| &participant.endpoints);
        // An endpoint is written down before it stands at the topic.
        let there = endpoints.filter(|e| e.topic == topic && e.role != Role::Publisher && e.current).count();
        (there >= count).then_some(())
    });
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.shm.parent().unwrap());
    }
}

/// How a `horus` ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by a signal: {self:?}"))
    }

    /// Its lines on stdout, sorted: what several processes wrote.
    pub(crate) fn sorted(&self) -> Vec<&str> {
        let mut lines: Vec<_> = self.out.lines().collect();
        lines.sort_unstable();
        lines
    }
}

#[derive(Default)]
struct Text {
    bytes: Mutex<Vec<u8>>,
    grown: Condvar,
}

fn collect(mut pipe: impl Read + Send + 'static, text: Arc<Text>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut buffer = [0; 65536];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            text.bytes.lock().unwrap().extend_from_slice(&buffer[..count]);
            text.grown.notify_all();
        }
        text.grown.notify_all();
    })
}

/// A `horus` at work; killed if the test ends before it does.
pub(crate) struct Running {
    pub(crate) child: Child,
    out: Arc<Text>,
    err: Arc<Text>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Running {
        Running::start_as_it_is(&mut command)
    }

    /// Starts it with a pipe to write into.
    pub(crate) fn start_with_stdin(command: &mut Command) -> Running {
        Running::start_as_it_is(command.stdin(Stdio::piped()))
    }

    fn start_as_it_is(command: &mut Command) -> Running {
        let mut child = {
            let _nothing_is_being_written = SPAWNING.read().unwrap_or_else(PoisonError::into_inner);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let (out, err) = (Arc::<Text>::default(), Arc::<Text>::default());
        let readers = vec![
            collect(child.stdout.take().unwrap(), Arc::clone(&out)),
            collect(child.stderr.take().unwrap(), Arc::clone(&err)),
        ];
        Running { child, out, err, readers }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).unwrap();
    }

    /// Waits until stdout satisfies `enough`, and returns what it had to give.
    pub(crate) fn wait_out<T>(&self, enough: impl Fn(&str) -> Option<T>) -> T {
        wait_text(&self.out, enough)
    }

    /// The same for stderr.
    pub(crate) fn wait_err<T>(&self, enough: impl Fn(&str) -> Option<T>) -> T {
        wait_text(&self.err, enough)
    }

    /// Waits until stdout has a line that begins with `prefix`, and returns the rest of it.
    pub(crate) fn wait_line(&self, prefix: &str) -> String {
        self.wait_out(|out| {
            let whole = &out[..out.rfind('\n')?];
            whole.lines().find_map(|line| line.strip_prefix(prefix)).map(str::to_owned)
        })
    }

    /// Waits for its end, however it comes.
    pub(crate) fn wait_end(&self) {
        assert!(Watched::new(self.pid()).wait_end());
    }

    /// Returns whether it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        Watched::new(self.pid()).has_ended()
    }

    /// Returns whether stdout has this by now.
    pub(crate) fn has_out(&self, part: &str) -> bool {
        text(&self.out).contains(part)
    }

    /// Waits for the end.
    pub(crate) fn finish(mut self) -> Ended {
        let watched = Watched::new(self.pid());
        assert!(watched.wait_end(), "still running; out: {}", text(&self.out));
        let status = self.child.wait().unwrap();
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        Ended { status, out: text(&self.out), err: text(&self.err) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(text: &Text) -> String {
    String::from_utf8_lossy(&text.bytes.lock().unwrap()).into_owned()
}

fn wait_text<T>(shared: &Text, enough: impl Fn(&str) -> Option<T>) -> T {
    let mut bytes = shared.bytes.lock().unwrap();
    loop {
        let so_far = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(found) = enough(&so_far) {
            return found;
        }
        let (next, timeout) = shared.grown.wait_timeout(bytes, WATCHDOG).unwrap();
        assert!(!timeout.timed_out(), "waited in vain; so far: {so_far}");
        bytes = next;
    }
}

/// A process that is watched, whoever's child it is.
pub(crate) struct Watched(OwnedFd);

impl Watched {
    pub(crate) fn new(pid: Pid) -> Watched {
        Watched(rustix::process::pidfd_open(pid, PidfdFlags::empty()).unwrap())
    }

    pub(crate) fn parse(pid: &str) -> Watched {
        Watched::new(Pid::from_raw(pid.trim().parse().unwrap()).unwrap())
    }

    /// Waits for its end; false if the watchdog was faster.
    pub(crate) fn wait_end(&self) -> bool {
        self.ended_within(WATCHDOG)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended_within(Duration::ZERO)
    }

    fn ended_within(&self, time: Duration) -> bool {
        let timeout = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: 0 };
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        poll(&mut fds, Some(&timeout)).unwrap() == 1
    }
}

/// Waits until `what` is there.
pub(crate) fn wait_for<T>(mut what: impl FnMut() -> Option<T>) -> T {
    let began = std::time::Instant::now();
    loop {
        if let Some(found) = what() {
            return found;
        }
        assert!(began.elapsed() < WATCHDOG, "waited in vain");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Returns whether this test may make the folders of others; says so if not, since it then tests nothing.
#[expect(clippy::print_stderr, reason = "who runs the tests is told that one had nothing to do")]
pub(crate) fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("not run as root: nobody else's folder can be made");
    }
    is_root
}

/// Compares with a snapshot in which `[..]` stands for anything.
pub(crate) fn is(actual: &str, expected: impl snapbox::IntoData) {
    snapbox::Assert::new().eq(actual, expected);
}

/// What a command whose reader leaves after the first line ends with: its status, and what it says on stderr.
pub(crate) fn read_one_line(place: &Place, words: &str) -> (String, String) {
    let horus = env!("CARGO_BIN_EXE_horus");
    place.script("one", &format!("{{ {horus} {words} 2>err; echo $? >status; }} | head -n 1 >line"));
    let mut command = Command::new("./one");
    command.current_dir(place.path()).env("HORUS_SHM_DIR", place.shm()).env("HORUS_NAMESPACE", "test");
    assert_eq!(Running::start(command).finish().code(), 0);
    let read = |name: &str| fs::read_to_string(place.path().join(name)).unwrap();
    assert_eq!(read("line").lines().count(), 1);
    (read("status"), read("err"))
}

/// Sends on a topic, every millisecond, for as long as something else happens.
pub(crate) fn sending<T>(publisher: &mut Publisher, message: &[u8], meanwhile: impl FnOnce() -> T) -> T {
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                publisher.send(message).unwrap();
                thread::sleep(Duration::from_millis(1));
            }
        });
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(meanwhile));
        done.store(true, Ordering::Relaxed);
        sender.join().unwrap();
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
