//! Who is measured: a program, a way, what it does with what, and how to start its two sides.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::payload::Payload;
use crate::side::Side;
use crate::work::Work;

/// What both processes of a contender are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// This program itself
    Rust,
    /// `python/peer.py`
    Python,
    /// `horus-bench-peers`, built from `peers/`
    PeerRust,
    /// `python/peers/peer.py`, in an environment of its own
    PeerPython,
}

impl Program {
    /// Whether it is one of the others, which may be left out.
    pub(crate) fn is_peer(self) -> bool {
        matches!(self, Program::PeerRust | Program::PeerPython)
    }
}

/// Where programs are.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// The Python in which HORUS is installed.
    pub(crate) python: PathBuf,
    /// What `peers/prepare.sh` filled.
    pub(crate) peers: PathBuf,
}

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python");

impl Programs {
    /// The command to run `program`, or what is missing of it.
    pub(crate) fn command(&self, program: Program) -> Result<Command, String> {
        let there = |path: PathBuf, otherwise: &str| {
            if path.exists() { Ok(path) } else { Err(otherwise.to_owned()) }
        };
        Ok(match program {
            Program::Rust => {
                let mut command = Command::new("/proc/self/exe");
                command.arg("peer");
                command
            }
            Program::Python => {
                let mut command = Command::new(&self.python);
                command.arg(format!("{SCRIPTS}/peer.py"));
                command
            }
            Program::PeerRust => Command::new(there(
                self.peers.join("release/horus-bench-peers"),
                "the Rust peers aren't built",
            )?),
            Program::PeerPython => {
                let python = there(self.peers.join("venv/bin/python"), "the Python peers aren't installed")?;
                let mut command = Command::new(python);
                // One of them is a package called horus too: it must not be ours that is measured as theirs.
                command.env_remove("PYTHONPATH").env_remove("PYTHONHOME");
                command
                    .arg(there(format!("{SCRIPTS}/peers/peer.py").into(), "the Python peers aren't there")?);
                command
            }
        })
    }
}

/// One row of a table.
#[derive(Clone, Debug)]
pub(crate) struct Contender {
    /// What the row is called.
    pub(crate) name: String,
    /// What the two processes are.
    pub(crate) program: Program,
    /// How messages get across.
    pub(crate) way: &'static str,
    /// What is done.
    pub(crate) work: Work,
    /// With what.
    pub(crate) payload: Payload,
    /// How many send.
    pub(crate) publishers: usize,
    /// How many receive.
    pub(crate) subscribers: usize,
    /// Ticks a second, where that matters.
    pub(crate) rate: f64,
    /// The share of the question's samples that this one takes; less where it is slow.
    pub(crate) share: f64,
    /// The row that it is a multiple of, where that isn't the first.
    pub(crate) beside: Option<String>,
}

/// One turn of one contender: where, and how many messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn<'a> {
    /// The turn's own folder, empty.
    pub(crate) folder: &'a Path,
    /// Messages before the first that counts.
    pub(crate) warmup: u64,
    /// Messages that count.
    pub(crate) samples: u64,
}

impl Contender {
    /// A row with one publisher and one subscriber.
    pub(crate) fn new(
        name: impl Into<String>,
        program: Program,
        way: &'static str,
        work: Work,
        payload: Payload,
    ) -> Self {
        let (publishers, subscribers, rate, share) = (1, 1, 100.0, 1.0);
        let (name, beside) = (name.into(), None);
        Contender { name, program, way, work, payload, publishers, subscribers, rate, share, beside }
    }

    /// The same with so many subscribers.
    pub(crate) fn subscribers(self, subscribers: usize) -> Self {
        Contender { subscribers, ..self }
    }

    /// The same with so many publishers.
    pub(crate) fn publishers(self, publishers: usize) -> Self {
        Contender { publishers, ..self }
    }

    /// The same at so many ticks a second.
    pub(crate) fn rate(self, rate: f64) -> Self {
        Contender { rate, ..self }
    }

    /// The same with a share of the samples.
    pub(crate) fn share(self, share: f64) -> Self {
        Contender { share, ..self }
    }

    /// The same as a multiple of the row of that name.
    pub(crate) fn beside(self, name: impl Into<String>) -> Self {
        Contender { beside: Some(name.into()), ..self }
    }

    /// The processes of a turn, in the order in which they start.
    pub(crate) fn sides(&self) -> &'static [Side] {
        match self.work {
            Work::Round | Work::Wake | Work::Spin | Work::Stream | Work::Fan | Work::Paced => {
                &[Side::Ping, Side::Echo]
            }
            Work::Publish if matches!(self.way, "ring" | "clock") => &[Side::Ping],
            Work::Publish => &[Side::Ping, Side::Echo],
            Work::Idle => &[Side::Echo],
            Work::Same
            | Work::Threads
            | Work::Open
            | Work::Join
            | Work::Memory
            | Work::Tick
            | Work::Encode
            | Work::Alone
            | Work::BesideInOne
            | Work::BesideInTwo => &[Side::Ping],
        }
    }

    /// What `side` of this contender is told.
    pub(crate) fn add_arguments(&self, command: &mut Command, side: Side, core: usize, turn: Turn<'_>) {
        command.args(["--side", side.name(), "--way", self.way, "--work", self.work.name()]);
        command.args(["--payload", &self.payload.to_string()]).arg("--folder").arg(turn.folder);
        command.args(["--core", &core.to_string()]);
        command.args(["--warmup", &turn.warmup.to_string(), "--samples", &turn.samples.to_string()]);
        command.args(["--publishers", &self.publishers.to_string()]);
        command.args(["--subscribers", &self.subscribers.to_string(), "--rate", &self.rate.to_string()]);
        command.env("HORUS_SHM_DIR", turn.folder.join("horus")).env("HORUS_NAMESPACE", "bench");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_do_not_import_what_we_import() {
        let peers = std::env::temp_dir().join(format!("horus-bench-peers-{}", std::process::id()));
        std::fs::create_dir_all(peers.join("venv/bin")).unwrap();
        std::fs::write(peers.join("venv/bin/python"), "").unwrap();
        let programs = Programs { python: "python".into(), peers: peers.clone() };
        let removed = |program| {
            let command = programs.command(program).unwrap();
            command.get_envs().any(|(name, value)| name == "PYTHONPATH" && value.is_none())
        };
        let found = (removed(Program::PeerPython), removed(Program::Python));
        std::fs::remove_dir_all(peers).unwrap();
        assert_eq!(found, (true, false));
    }
}
