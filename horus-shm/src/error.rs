//! What can go wrong in the transport, in words.

use crate::name::TopicName;
use crate::ring::topic::TopicSpec;
use std::fmt;
use std::io;
use std::path::PathBuf;
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
    /// A file of another layout version; one of the two programs must be rebuilt.
    Layout {
        /// The file.
        path: PathBuf,
        /// The version this program writes.
        ours: u32,
        /// The version found.
        theirs: u32,
        /// Who made it, as far as it says.
        pid: u32,
    },
    /// A value in shared memory that no HORUS program writes there.
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
        /// The process ids of the owners.
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
        /// How many bytes were asked for.
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
    /// The process may open or map no more.
    ResourceLimit {
        /// What was being done.
        what: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The file belongs to somebody else; run both as the same user.
    Permission {
        /// The file or folder.
        path: PathBuf,
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
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => {
                Error::ResourceLimit { what: format!("{call} {}", path.display()), source }
            }
            Some(Errno::ACCESS | Errno::PERM) => Error::Permission { path, source },
            _ => Error::Os { call, path, source },
        }
    }

    /// Returns whether this says that a file or folder is gone.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Error::Os { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// How long somebody may hold a lock that is held for a moment only, before it counts as stopped.
pub(crate) const STALLED_AFTER: Duration = Duration::from_secs(2);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Name { what, name, reason } => write!(f, "{what} name {name:?} can't be used: {reason}"),
            Error::NoSession { reason } => {
                write!(f, "no namespace can be derived from this terminal: {reason}; set HORUS_NAMESPACE")
            }
            Error::Root { path, reason } | Error::Refused { path, reason } => {
                write!(f, "{} can't be used: {reason}", path.display())
            }
            Error::Layout { path, ours, theirs, pid } => write!(
                f,
                "{} has layout version {theirs}, made by process {pid}; this program (process {}) uses version {ours}: rebuild the older of the two",
                path.display(),
                std::process::id()
            ),
            Error::Damaged { what, reason } => write!(f, "{what} is damaged: {reason}"),
            Error::TypeMismatch(m) => {
                write!(f, "topic '{}' holds {}, not {}", m.topic, m.found.type_name, m.wanted.type_name)?;
                write!(f, "; in use by {}", Holders(&m.holders))
            }
            Error::LanesFull { topic, pids } => {
                write!(f, "topic '{topic}' has its 64 publishers already; pids {}", Joined(pids))
            }
            Error::Busy { what, reason } => write!(f, "{what} stayed locked for 2 s: {reason}"),
            Error::ShmFull { path, bytes } => {
                write!(f, "shared memory is full: no room for {bytes} bytes in {}", path.display())
            }
            Error::PoolExhausted { bytes, holders } => {
                write!(f, "no block of {bytes} bytes is left in shared memory; held by ")?;
                for (i, h) in holders.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}pid {} ({} blocks, {} bytes)", h.pid, h.blocks, h.bytes)?;
                }
                Ok(())
            }
            Error::Limit { what, limit } => {
                write!(f, "this process has {limit} {what} already, which is the limit")
            }
            Error::ResourceLimit { what, source } => {
                write!(f, "{what}: {source}; raise the limit (ulimit -n, vm.max_map_count)")
            }
            Error::Permission { path, source } => {
                write!(f, "{}: {source}; run both processes as the same user", path.display())
            }
            Error::TooLarge { what, bytes, limit } => {
                write!(f, "{what} of {bytes} bytes exceeds the limit of {limit} bytes")
            }
            Error::Os { call, path, source } => write!(f, "{call} {}: {source}", path.display()),
        }
    }
}

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

struct Joined<'a>(&'a [u32]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, pid) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{pid}")?;
        }
        Ok(())
    }
}

struct Holders<'a>(&'a [Holder]);

impl fmt::Display for Holders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, holder) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            match holder.node.as_str() {
                "" => write!(f, "pid {}", holder.pid)?,
                node => write!(f, "{node} (pid {})", holder.pid)?,
            }
        }
        Ok(())
    }
}
