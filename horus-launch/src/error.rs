//! What can go wrong before and around the processes; what a process itself did is an [`Exit`](crate::Exit).

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a name given to `run` leads to nothing that can be run.
#[derive(Debug)]
#[non_exhaustive]
pub enum FindError {
    /// There is no such file or program.
    NotFound {
        /// The name as given.
        name: String,
        /// Where it was looked for, in that order.
        looked_in: Vec<String>,
        /// What is there under a name close to it, best first.
        similar: Vec<String>,
    },
    /// There is something of that name, and it isn't a program; `hint` says what to do.
    NotRunnable {
        /// What was found.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do about it.
        hint: String,
    },
    /// A Python file, and no Python anywhere.
    NoPython {
        /// The file to be run.
        path: PathBuf,
        /// Where it was looked for, in that order.
        looked_in: Vec<String>,
    },
}

impl FindError {
    /// Returns what the user may do next, one sentence each.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::NotFound { looked_in, similar, .. } => {
                let mut hints: Vec<_> =
                    similar.iter().take(3).map(|s| format!("did you mean '{s}'?")).collect();
                hints.push(format!("looked in {}", looked_in.join(", ")));
                hints
            }
            Self::NotRunnable { hint, .. } => vec![hint.clone()],
            Self::NoPython { looked_in, .. } => vec![
                format!("looked in {}", looked_in.join(", ")),
                "install Python 3.11 or later, or make a virtual environment: python3 -m venv .venv".into(),
            ],
        }
    }
}

impl fmt::Display for FindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { name, .. } => write!(f, "'{name}' not found"),
            Self::NotRunnable { path, reason, .. } => write!(f, "'{}' {reason}", path.display()),
            Self::NoPython { path, .. } => write!(f, "no Python found to run '{}' with", path.display()),
        }
    }
}

impl std::error::Error for FindError {}

/// Why supervising could not begin or go on; every child has been killed by then.
#[derive(Debug)]
pub struct SuperviseError {
    /// What was being done.
    pub call: &'static str,
    /// What the kernel said.
    pub source: io::Error,
}

impl SuperviseError {
    pub(crate) fn new(call: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self { call, source }
    }
}

impl fmt::Display for SuperviseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call, self.source)
    }
}

impl std::error::Error for SuperviseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
