//! The errors in words: what, where, and what next.

use super::{Error, Holder};
use crate::life::namespace::{JOINS_FILE, PARTICIPANTS, POOLS, TOPICS};
use std::fmt::{self, Display, Formatter};
use std::path::Path;

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Error::Name { what, name, reason } => {
                write!(f, "{what} name {} can't be used: {reason}; {}", Quoted(name), allowed(what))
            }
            Error::NoSession { reason } => {
                write!(f, "no namespace can be derived from this terminal: {reason}; set HORUS_NAMESPACE")
            }
            Error::Root { path, reason } => write!(f, "{} can't be used: {reason}", path.display()),
            Error::Refused { path, reason } => write!(f, "{} can't be used: {reason}", Subject(path)),
            Error::Layout { .. } => self.layout(f),
            Error::Damaged { what, reason } => write!(f, "{what} is damaged: {reason}"),
            Error::TypeMismatch(m) => {
                let (found, wanted) = (Readable(&m.found.type_name), Readable(&m.wanted.type_name));
                write!(f, "topic '{}' holds {found}, not {wanted}", m.topic)?;
                write!(f, "; in use by {}: use its type, or end those first", Holders(&m.holders))
            }
            Error::LanesFull { topic, pids } => {
                write!(
                    f,
                    "topic '{topic}' has its 64 publishers already ({}): close one of them",
                    Counted(pids)
                )
            }
            Error::Busy { what, reason } => write!(f, "{what} stayed locked for 2 s: {reason}"),
            Error::ShmFull { path, bytes } => {
                f.write_str("shared memory is full: no room for ")?;
                if *bytes > 0 {
                    write!(f, "{bytes} bytes in ")?;
                }
                write!(
                    f,
                    "{}; horus clean --shm frees what the dead left, df -h and df -i show the rest",
                    path.display()
                )
            }
            Error::PoolExhausted { bytes, holders } => {
                write!(f, "no block of {bytes} bytes is left in shared memory; held by ")?;
                for (i, h) in holders.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}pid {} ({} blocks, {} bytes)", h.pid, h.blocks, h.bytes)?;
                }
                f.write_str(": let received messages go there, or make shared memory larger")
            }
            Error::Limit { what, limit } => {
                write!(f, "this process has {limit} {what} already, which is the limit: let some go")
            }
            Error::ResourceLimit { what, limit, source } => write!(f, "{what}: {source}; {limit}"),
            Error::Permission { path, advice, source, .. } => {
                write!(f, "{}: {source}; {advice}", path.display())
            }
            Error::TooLarge { what, bytes, limit } => {
                write!(f, "{what} of {bytes} bytes exceeds the limit of {limit} bytes")
            }
            Error::Os { call, path, source } => write!(f, "{call} {}: {source}", path.display()),
        }
    }
}

impl Error {
    fn layout(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Error::Layout { path, ours, theirs, pid, in_use, holders } = self else { return Ok(()) };
        let here = std::process::id();
        write!(
            f,
            "{} was made by layout {theirs} (pid {pid}), this program (pid {here}) knows layout {ours}; ",
            Subject(path)
        )?;
        match (in_use, holders.is_empty()) {
            (_, false) => {
                write!(f, "in use by {}: end those first, or build all with one version", Holders(holders))
            }
            (true, true) => f.write_str(
                "in use by a process that can't be seen from here: build all with one version of HORUS",
            ),
            // Nobody can tell who uses the root's own file, which is never locked: not `clean` either.
            (false, true) if path.ends_with(JOINS_FILE) => {
                let root = path.parent().unwrap_or(path).display();
                write!(f, "nobody that can be seen from here uses it: if so, remove {root}")
            }
            (false, true) => f.write_str("nobody uses it any more: horus clean --shm removes it"),
        }
    }
}

/// What a file of a namespace is, beside its path.
struct Subject<'a>(&'a Path);

impl Display for Subject<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let folder = self.0.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        match (folder, self.0.file_name()) {
            (Some(TOPICS), Some(name)) => write!(f, "topic '{}' ", name.display())?,
            (Some(PARTICIPANTS), _) => f.write_str("a participant's file ")?,
            (Some(POOLS), _) => f.write_str("a pool ")?,
            _ => return write!(f, "{}", self.0.display()),
        }
        write!(f, "({})", self.0.display())
    }
}

/// What a name may be.
fn allowed(what: &str) -> &'static str {
    match what {
        "topic" => "a topic's name has 1 to 200 of A-Z a-z 0-9 _ - with . or / between its parts",
        "namespace" => "a namespace's name has 1 to 200 of A-Z a-z 0-9 _ - with . between its parts",
        _ => "a node's name has 1 to 64 of A-Z a-z 0-9 _ . -",
    }
}

/// A name as it was given: escaped, and cut when it is long.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 40;
        match self.0.char_indices().nth(SHOWN) {
            Some((end, _)) => write!(f, "{:?}…", &self.0[..end]),
            None => write!(f, "{:?}", self.0),
        }
    }
}

/// Text that another process wrote: what could move a terminal's cursor is escaped.
pub(crate) struct Readable<'a>(pub(crate) &'a str);

impl Display for Readable<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

/// Process ids, each once, with how often where that is not once.
struct Counted<'a>(&'a [u32]);

impl Display for Counted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut sorted = self.0.to_vec();
        sorted.sort_unstable();
        for (i, same) in sorted.chunk_by(|a, b| a == b).enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            match same.len() {
                1 => write!(f, "{comma}pid {}", same[0])?,
                count => write!(f, "{comma}{count} of pid {}", same[0])?,
            }
        }
        Ok(())
    }
}

struct Holders<'a>(&'a [Holder]);

impl Display for Holders<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
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
