//! The processes of a run: started, watched from outside, killed and reaped.

use crate::Result;
use crate::ledger::{ENTRIES, EVERYBODY, Entry, Ledger, Note};
use crate::role::{Part, Sabotage};
use crate::topic::Topic;
use clap::ValueEnum;
use horus_shm::{Namespace, Root, Settings};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The Python programs, beside this crate's sources.
const ACTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/actors.py");
const NAMESPACE: &str = "proof";

/// What a process is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Language {
    Rust,
    Python,
}

/// Where a run takes place: a folder on a tmpfs with the root, the ledger, and what the processes say on stderr. Gone
/// with all in it when dropped.
#[derive(Debug)]
pub(crate) struct Stage {
    folder: PathBuf,
    ledger: Ledger,
    python: Option<PathBuf>,
    sabotage: Option<Sabotage>,
    next: AtomicU64,
    /// How long anything may take before it counts as stuck.
    pub(crate) patience: Duration,
}

impl Stage {
    pub(crate) fn new(
        python: Option<PathBuf>,
        sabotage: Option<Sabotage>,
        patience: Duration,
    ) -> Result<Self> {
        let folder = PathBuf::from(format!("/dev/shm/horus-proof-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        std::fs::DirBuilder::new().mode(0o700).create(folder.join("root"))?;
        let ledger = Ledger::open(&folder.join("ledger"))?;
        // 0 is nobody.
        Ok(Self { folder, ledger, python, sabotage, next: AtomicU64::new(1), patience })
    }

    /// The root of shared memory, as `HORUS_SHM_DIR` names it.
    pub(crate) fn root_path(&self) -> PathBuf {
        self.folder.join("root")
    }

    pub(crate) fn root(&self) -> Result<Root> {
        Ok(Root::open(&self.settings())?)
    }

    pub(crate) fn namespace(&self) -> Result<Namespace> {
        Ok(Namespace::open(&self.settings())?)
    }

    fn settings(&self) -> Settings {
        Settings { shm_dir: Some(self.root_path()), namespace: Some(NAMESPACE.into()) }
    }

    /// Whether there is a Python with HORUS.
    pub(crate) fn has_python(&self) -> bool {
        self.python.is_some()
    }

    /// What HORUS is told where it is by, for any program.
    pub(crate) fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [("HORUS_SHM_DIR", self.root_path()), ("HORUS_NAMESPACE", NAMESPACE.into())]
    }

    /// Starts a process. It ends with the thread that starts it, at the latest.
    pub(crate) fn start(&self, part: Part, topic: Topic, language: Language) -> Result<Player> {
        // Relaxed: only uniqueness counts.
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        if id >= ENTRIES {
            return Err(format!("a run has at most {ENTRIES} processes").into());
        }
        let mut command = match (language, &self.python) {
            (Language::Python, Some(python)) => {
                let mut command = Command::new(python);
                command.arg(ACTORS);
                command
            }
            _ => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("play");
                if let Some(sabotage) = self.sabotage {
                    command.args(["--sabotage", &word(sabotage)]);
                }
                command
            }
        };
        command.arg(word(part)).args(["--topic", topic.name(), "--id", &id.to_string()]);
        command
            .args(["--parent", &std::process::id().to_string(), "--ledger"])
            .arg(self.folder.join("ledger"));
        let said = self.said(id);
        command.envs(self.environment()).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(std::fs::File::create(&said)?);
        let child = command.spawn()?;
        let name = format!("{} {} in {language:?}", word(part), topic.name());
        let entry = self.ledger.entry(id);
        let everybody = self.ledger.entry(EVERYBODY);
        Ok(Player { id, entry, everybody, topic, language, name, said, patience: self.patience, child })
    }

    /// A file of this run's own, beside the root of shared memory.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn said(&self, id: u64) -> PathBuf {
        self.folder.join(format!("stderr-{id}"))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The name on the command line.
fn word(value: impl ValueEnum) -> String {
    value.to_possible_value().expect("no value is skipped").get_name().to_owned()
}

/// A process of a run; killed and reaped when dropped.
#[derive(Debug)]
pub(crate) struct Player {
    pub(crate) id: u64,
    pub(crate) entry: Entry,
    everybody: Entry,
    pub(crate) topic: Topic,
    pub(crate) language: Language,
    name: String,
    said: PathBuf,
    patience: Duration,
    child: Child,
}

impl Player {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until something was noted; returns when.
    ///
    /// # Errors
    /// If it or any other process finds something wrong, or nothing is noted for as long as the run's patience.
    pub(crate) fn until(&mut self, note: Note) -> Result<u64> {
        let begun = Instant::now();
        loop {
            match self.entry.get(note) {
                0 => {}
                noted => return Ok(noted),
            }
            self.still_running()?;
            self.all_is_well()?;
            if begun.elapsed() > self.patience {
                return Err(format!(
                    "stuck: {} ({}): no {note:?} after {:?}",
                    self.name, self.id, self.patience
                )
                .into());
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// # Errors
    /// If some process of the run has found something wrong, with what it says.
    fn all_is_well(&self) -> Result<()> {
        match self.everybody.get(Note::Fault) {
            0 => Ok(()),
            id => {
                let said = std::fs::read_to_string(self.said.with_file_name(format!("stderr-{id}")));
                Err(format!("process {id}: {}", said.unwrap_or_default().trim()).into())
            }
        }
    }

    /// # Errors
    /// If the process has ended by itself, with what it said last.
    pub(crate) fn still_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.ended(status)),
        }
    }

    fn ended(&self, status: ExitStatus) -> Box<dyn std::error::Error + Send + Sync> {
        let said = std::fs::read_to_string(&self.said).unwrap_or_default();
        format!("{} ({}) ended by itself, {status}: {}", self.name, self.id, said.trim()).into()
    }

    /// SIGKILL; reaped on return, and the time of the kill.
    ///
    /// # Errors
    /// If it had ended by itself.
    pub(crate) fn kill(&mut self) -> Result<u64> {
        self.still_running()?;
        let killed_ns = horus_shm::now_ns();
        self.child.kill()?;
        let status = self.child.wait()?;
        if status.signal() != Some(Signal::KILL.as_raw()) {
            return Err(self.ended(status));
        }
        let _ = std::fs::remove_file(&self.said);
        Ok(killed_ns)
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Stops it, and waits until it stands.
    ///
    /// # Errors
    /// If it had ended by itself.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.signal(Signal::STOP)?;
        // Left for `try_wait` to find, should it have ended.
        let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(Pid::from_child(&self.child)), options)?;
        self.still_running()
    }

    /// Asks it to end, and waits for that.
    ///
    /// # Errors
    /// If it doesn't, or not cleanly.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.still_running()?;
        self.signal(Signal::TERM)?;
        let begun = Instant::now();
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => {
                    let _ = std::fs::remove_file(&self.said);
                    return Ok(());
                }
                Some(status) => return Err(self.ended(status)),
                None if begun.elapsed() > self.patience => {
                    return Err(format!("stuck: {} ({}) doesn't end", self.name, self.id).into());
                }
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Finds the Python to use: the one named, else the one of the build's own environment.
pub(crate) fn find_python(named: Option<PathBuf>) -> Option<PathBuf> {
    named.or_else(|| {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
        own.exists().then_some(own)
    })
}
