//! What a command that failed has to say.

use crate::exit::Exit;
use horus_launch::{FindError, SuperviseError};
use std::io;

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody reads our output any more; nothing is said.
    Closed,
    /// It is told: what and where, then what to do next.
    Told {
        /// The exit status.
        exit: Exit,
        /// What failed, lower case, no full stop.
        message: String,
        /// What to do about it, one sentence each.
        hints: Vec<String>,
    },
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure::Told { exit, message: message.into(), hints: Vec::new() }
    }

    /// Adds advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        if let Failure::Told { hints, .. } = &mut self {
            hints.push(hint.into());
        }
        self
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Closed,
            io::ErrorKind::PermissionDenied => Failure::new(Exit::Permission, error.to_string()),
            io::ErrorKind::NotFound => Failure::new(Exit::NotFound, error.to_string()),
            _ => Failure::new(Exit::Failed, error.to_string()),
        }
    }
}

impl From<FindError> for Failure {
    fn from(error: FindError) -> Failure {
        let exit = match error {
            FindError::NotRunnable { .. } => Exit::Usage,
            _ => Exit::NotFound,
        };
        Failure::Told { exit, message: error.to_string(), hints: error.hints() }
    }
}

impl From<SuperviseError> for Failure {
    fn from(error: SuperviseError) -> Failure {
        Failure::new(Exit::Failed, error.to_string())
    }
}
