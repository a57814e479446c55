//! What the operator is told.

use super::NodeIndex;
use crate::process::Exit;
use std::fmt;
use std::time::Duration;

/// News about one node; displays as what follows its name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Note {
    /// Which node.
    pub node: NodeIndex,
    /// What happened to it.
    pub kind: NoteKind,
}

/// What happened to a node.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum NoteKind {
    /// It ended by itself, with status 0.
    Finished,
    /// It ended badly and stays down.
    Failed {
        /// How.
        exit: Exit,
    },
    /// It ended badly and is started again.
    RestartsIn {
        /// How it ended.
        exit: Exit,
        /// After this pause.
        pause: Duration,
        /// For the how-manieth time in a row.
        retry: u32,
        /// And how often at most.
        of: u32,
    },
    /// It ended badly once too often.
    GivenUp {
        /// How, the last time.
        exit: Exit,
        /// How often it was started again.
        retries: u32,
    },
    /// It was asked to end, didn't, and is killed.
    DidNotStop {
        /// How long it had.
        timeout: Duration,
    },
}

impl NoteKind {
    /// Returns whether it is worth a line even if nobody asked for details.
    pub fn is_trouble(&self) -> bool {
        !matches!(self, NoteKind::Finished)
    }
}

impl fmt::Display for NoteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoteKind::Finished => write!(f, "finished"),
            NoteKind::Failed { exit } => write!(f, "{exit}"),
            NoteKind::RestartsIn { exit, pause, retry, of } => {
                write!(f, "{exit}; starting it again in {} ms ({retry} of {of})", pause.as_millis())
            }
            NoteKind::GivenUp { exit, retries } => {
                write!(f, "{exit}; given up after {retries} restarts")
            }
            NoteKind::DidNotStop { timeout } => {
                write!(f, "did not end within {} s of SIGTERM; killed", timeout.as_secs_f64())
            }
        }
    }
}
