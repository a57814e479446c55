//! Who is measured: a program, a way, a payload, and how to start its two sides.

use std::path::Path;
use std::process::Command;

use crate::payload::Payload;
use crate::peer::Side;
use crate::transport::Way;

/// The language of both processes of a contender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// This program itself
    Rust,
    /// `python/peer.py`
    Python,
}

/// One row of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contender {
    /// What the row is called.
    pub(crate) name: &'static str,
    /// What the two processes are.
    pub(crate) program: Program,
    /// How messages get across.
    pub(crate) way: Way,
    /// What they are.
    pub(crate) payload: Payload,
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
    /// Whether there is another process to talk to.
    pub(crate) fn has_echo(&self) -> bool {
        !matches!(self.way, Way::Copy | Way::HorusCopy | Way::Start | Way::List)
    }

    /// The command that runs `side` of this contender on `core`.
    pub(crate) fn command(&self, side: Side, core: usize, turn: Turn<'_>, python: &Path) -> Command {
        let mut command = match self.program {
            Program::Rust => {
                let mut command = Command::new("/proc/self/exe");
                command.arg("peer");
                command
            }
            Program::Python => {
                let mut command = Command::new(python);
                command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/python/peer.py"));
                command
            }
        };
        command.args(["--side", side.name(), "--way", self.way.name(), "--payload", self.payload.name()]);
        command.arg("--folder").arg(turn.folder);
        command.args(["--core", &core.to_string()]);
        command.args(["--warmup", &turn.warmup.to_string(), "--samples", &turn.samples.to_string()]);
        command.env("HORUS_SHM_DIR", turn.folder.join("horus")).env("HORUS_NAMESPACE", "bench");
        command
    }
}
