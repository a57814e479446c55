//! What a command that failed has to say.

use crate::exit::Exit;
use horus_core::PayloadError;
use horus_launch::{FindError, SuperviseError};
use horus_shm::{Holder, TypeMismatch};
use rustix::io::Errno;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

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
            _ => {
                let failure = Failure::new(Exit::Failed, error.to_string());
                match Errno::from_io_error(&error) {
                    Some(Errno::MFILE) => failure.hint("close some files, or raise the limit: ulimit -n"),
                    _ => failure,
                }
            }
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
impl From<horus_shm::Error> for Failure {
    fn from(error: horus_shm::Error) -> Failure {
        Failure::from(&error)
    }
}

impl From<&horus_shm::Error> for Failure {
    fn from(error: &horus_shm::Error) -> Failure {
        use horus_shm::Error;
        if let Error::TypeMismatch(types) = error {
            return mismatch((**types).clone()).hint("use its type, or end those first");
        }
        let exit = match error {
            Error::Name { .. } | Error::NoSession { .. } => Exit::Usage,
            Error::Permission { .. } => Exit::Permission,
            Error::Root { path, .. } | Error::Refused { path, .. } if belongs_to_another(path) => {
                Exit::Permission
            }
            _ => Exit::Failed,
        };
        let (message, advice) = told(error);
        let failure = Failure::new(exit, message);
        match advice {
            Some(advice) if advice == SAME_USER => failure.hint(format!("topics are per user: {advice}")),
            Some(advice) => failure.hint(advice),
            None => failure,
        }
    }
}

/// Returns that a topic holds another type and is in use: both types, where they part, and who uses it.
pub(crate) fn mismatch(types: TypeMismatch) -> Failure {
    let told = match horus_core::Error::from(horus_shm::Error::TypeMismatch(Box::new(types))) {
        horus_core::Error::Type(told) => told,
        other => return Failure::new(Exit::TypeMismatch, other.to_string()),
    };
    let difference = told.difference.as_ref().map(|difference| format!(": {difference}"));
    let holder = |Holder { pid, node }: &Holder| match node.as_str() {
        "" => format!("pid {pid}"),
        node => format!("{node} (pid {pid})"),
    };
    let holders: Vec<_> = told.holders.iter().map(holder).collect();
    let message = format!(
        "topic '{}' holds {}, not {}{}; in use by {}",
        told.topic,
        told.found,
        told.wanted,
        difference.unwrap_or_default(),
        holders.join(", ")
    );
    Failure::new(Exit::TypeMismatch, message)
}

/// What the library says where a folder is somebody else's.
const SAME_USER: &str = "run both as the same user";

/// Returns what failed, and what to do about it if the library says so behind its last semicolon.
fn told(error: &horus_shm::Error) -> (String, Option<String>) {
    use horus_shm::Error;
    let text = error.to_string();
    let has_advice = matches!(
        error,
        Error::Name { .. }
            | Error::NoSession { .. }
            | Error::Root { .. }
            | Error::Refused { .. }
            | Error::Permission { .. }
            | Error::ShmFull { .. }
    );
    match text.rsplit_once("; ").filter(|_| has_advice) {
        Some((message, advice)) => (message.into(), Some(advice.into())),
        None => (text, None),
    }
}

impl From<PayloadError> for Failure {
    fn from(error: PayloadError) -> Failure {
        match error {
            PayloadError::Transport(error) => error.into(),
            other => Failure::new(Exit::Failed, other.to_string()),
        }
    }
}

fn belongs_to_another(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.uid() != rustix::process::getuid().as_raw())
}
