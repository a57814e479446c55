//! What can go wrong in the transport.

mod limit;
mod words;

pub(crate) use words::Readable;

use crate::name::TopicName;
use crate::ring::topic::TopicSpec;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The transport's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the transport refuses or fails at; every variant tells what was found and what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A name that can't be used; choose another.
    Name {
        /// `topic`, `namespace` or `node`.
        what: &'static str,
        /// The name as it was given.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No namespace was given and none can be derived; set `HORUS_NAMESPACE`.
    NoSession {
        /// Why the terminal's session can't be used.
        reason: String,
    },
    /// The root folder is not ours to trust: another owner or mode, a link, or not a tmpfs.
    Root {
        /// The folder.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A file in the namespace is not ours to trust: another owner, kind, magic number or size.
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of another layout version: programs built with different versions of HORUS meet. While it is in
    /// use end those who use it, or build all with one version; what nobody uses `horus clean --shm` removes.
    Layout {
        /// The file.
        path: PathBuf,
        /// The version this program writes.
        ours: u32,
        /// The version found.
        theirs: u32,
        /// Who made it, as far as it says.
        pid: u32,
        /// Whether anybody holds it.
        in_use: bool,
        /// Who has it mapped, as far as this process can see.
        holders: Vec<Holder>,
    },
    /// A value in shared memory that no HORUS program writes there. What else is in the topic can still be read.
    Damaged {
        /// The file or topic.
        what: String,
        /// The value and what it should have been.
        reason: String,
    },
    /// The topic is of another type and somebody uses it.
    TypeMismatch(Box<TypeMismatch>),
    /// All 64 lanes of a topic have a living publisher.
    LanesFull {
        /// The topic.
        topic: TopicName,
        /// The process ids of the owners, one for each lane.
        pids: Vec<u32>,
    },
    /// Somebody who holds a lock for a moment has held it for 2 s; it is stopped.
    Busy {
        /// What could not be opened.
        what: String,
        /// Who holds it, as far as known.
        reason: String,
    },
    /// Shared memory is full; free some (`horus clean --shm`, `df`) and try again.
    ShmFull {
        /// What needed room.
        path: PathBuf,
        /// How many bytes were asked for; 0 where not even a file could be made.
        bytes: u64,
    },
    /// Shared memory is full and others hold blocks of this publisher.
    PoolExhausted {
        /// How many bytes were asked for.
        bytes: u64,
        /// Who holds how much.
        holders: Vec<PinHolder>,
    },
    /// A fixed table is full.
    Limit {
        /// What there are too many of.
        what: &'static str,
        /// How many there may be.
        limit: u64,
    },
    /// The process may open or map no more. What was open works on, and what failed can be tried again once
    /// there is room.
    ResourceLimit {
        /// What was being done.
        what: String,
        /// Which limit it is, how high, and how to raise it.
        limit: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The file system or the file's mode forbids it.
    Permission {
        /// The file or folder.
        path: PathBuf,
        /// Whom it, or the folder that hides it, belongs to, if that is somebody else: run both as the same user.
        owner: Option<u32>,
        /// What to do.
        advice: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// More than a topic, message or table can hold.
    TooLarge {
        /// What is too large.
        what: String,
        /// Its size in bytes.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// Any other failure of the operating system.
    Os {
        /// The system call.
        call: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Two types meet on one topic.
#[derive(Debug, Clone)]
pub struct TypeMismatch {
    /// The topic.
    pub topic: TopicName,
    /// What the caller wanted.
    pub wanted: TopicSpec,
    /// What the topic holds.
    pub found: TopicSpec,
    /// Who uses it, living.
    pub holders: Vec<Holder>,
}

/// A living user of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process.
    pub pid: u32,
    /// Its node, or empty.
    pub node: String,
}

/// A process that pins blocks of this publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinHolder {
    /// Its process.
    pub pid: u32,
    /// How many blocks it pins.
    pub blocks: u64,
    /// The bytes of those blocks.
    pub bytes: u64,
}

impl Error {
    /// Sorts an error of the operating system into the variant a caller can act on.
    pub(crate) fn os(call: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        let (path, source) = (path.into(), source.into());
        use rustix::io::Errno;
        match Errno::from_io_error(&source) {
            Some(Errno::NOSPC | Errno::DQUOT) => Error::ShmFull { path, bytes: 0 },
            Some(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => {
                let limit = limit::of(errno);
                Error::ResourceLimit { what: format!("{call} {}", path.display()), limit, source }
            }
            Some(errno @ (Errno::ACCESS | Errno::PERM | Errno::ROFS)) => {
                let (owner, advice) = permission(&path, errno == Errno::ROFS);
                Error::Permission { path, owner, advice, source }
            }
            _ => Error::Os { call, path, source },
        }
    }

    /// Returns whether this says that a file or folder is gone.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Error::Os { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Returns whose the file is, or the folder that hides it, if not ours; and what to do.
fn permission(path: &Path, read_only: bool) -> (Option<u32>, String) {
    if read_only {
        return (
            None,
            "mount the file system writable, or set HORUS_SHM_DIR to a folder on a writable tmpfs".into(),
        );
    }
    let ours = rustix::process::getuid().as_raw();
    // The first that can be looked at is the one that says no, or the last on the way to it.
    let Some((found, meta)) = path.ancestors().find_map(|p| Some((p, p.symlink_metadata().ok()?))) else {
        return (None, "it can't be looked at".into());
    };
    let (uid, mode) = (meta.uid(), meta.mode() & 0o7777);
    let name = if found == path { "it".into() } else { found.display().to_string() };
    if uid != ours {
        let advice = format!(
            "{name} belongs to uid {uid}, this process runs as uid {ours}; run both as the same user"
        );
        return (Some(uid), advice);
    }
    let wanted = if meta.is_dir() { 0o700 } else { 0o600 };
    let advice = match mode & wanted {
        enough if enough == wanted => "a sandbox or a security module forbids it".into(),
        _ => format!("the mode of {name} is {mode:04o}; chmod {wanted:o} it"),
    };
    (None, advice)
}

/// How long somebody may hold a lock that is held for a moment only, before it counts as stopped.
pub(crate) const STALLED_AFTER: Duration = Duration::from_secs(2);

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::ResourceLimit { source, .. }
            | Error::Permission { source, .. }
            | Error::Os { source, .. } => Some(source),
            _ => None,
        }
    }
}
