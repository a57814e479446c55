//! What stays of a node that died without a clean stop: a few hundred bytes, so that lists can show it.

use crate::error::{Error, Readable, Result};
use crate::layout::{node, participant};
use crate::life::clean::CleanOptions;
use crate::life::namespace::TOMBSTONES;
use crate::life::peers::Peer;
use crate::life::record::NodeState;
use crate::name::{NODE_NAME_BYTES_MAX, NodeName};
use crate::sys::clock::realtime_ns;
use crate::sys::file::{self, Dir};
use std::collections::HashSet;
use std::path::Path;

/// How many tombstones a namespace keeps; the oldest go first.
const COUNT_MAX: usize = 64;
/// How long a tombstone stays: a night and a day, so that the morning's operator sees it.
const AGE_NS_MAX: u64 = 24 * 3_600_000_000_000;

/// How a node ended when neither it nor anybody who waited for it said so.
const UNKNOWN: &str = "ended without a clean stop";

/// A node that died without a clean stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// Its name.
    pub node: String,
    /// Its process.
    pub pid: u32,
    /// How it ended, as far as known.
    pub how: String,
    /// `CLOCK_REALTIME` nanoseconds: it lived then.
    pub from_ns: u64,
    /// `CLOCK_REALTIME` nanoseconds: it was dead by then.
    pub until_ns: u64,
}

impl Tombstone {
    fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n{}\n", self.pid, self.from_ns, self.until_ns, self.how.replace('\n', " "))
    }

    fn parse(node: &str, text: &str) -> Option<Self> {
        let mut lines = text.lines();
        Some(Self {
            node: node.into(),
            pid: lines.next()?.parse().ok()?,
            from_ns: lines.next()?.parse().ok()?,
            until_ns: lines.next()?.parse().ok()?,
            how: lines.next()?.into(),
        })
    }
}

/// A node as its record says; nothing in it is trusted.
#[derive(Clone, Debug)]
pub(crate) struct NodeEntry {
    pub(crate) name: String,
    pub(crate) state: Option<NodeState>,
    /// How it failed, in its own words; empty when it said nothing.
    pub(crate) failure: String,
    pub(crate) words: Vec<u64>,
}

impl NodeEntry {
    fn parse(bytes: &[u8]) -> Self {
        let words: Vec<u64> = bytes
            .chunks_exact(8)
            .map(|chunk| u64::from_le_bytes(chunk.try_into().expect("eight bytes")))
            .collect();
        let len = (words[node::NAME_BYTES / 8] as usize).min(NODE_NAME_BYTES_MAX);
        let name = readable(&bytes[node::NAME..node::NAME + len]);
        let len = (words[node::FAILURE_BYTES / 8] as usize).min(node::FAILURE_BYTES_MAX);
        let failure = readable(&bytes[node::FAILURE..node::FAILURE + len]);
        Self { name, state: NodeState::from_word(words[node::STATE / 8]), failure, words }
    }

    pub(crate) fn word(&self, field: usize) -> u64 {
        self.words[field / 8]
    }
}

/// Returns text that another process wrote, for people.
fn readable(bytes: &[u8]) -> String {
    Readable(&String::from_utf8_lossy(bytes)).to_string()
}

/// Reads the nodes of a process, in the order of their records.
pub(crate) fn nodes(peer: &Peer) -> Result<Vec<NodeEntry>> {
    use participant::{NODE_BYTES, NODE_MARK, NODE_MAX, NODES};
    let bytes = peer.records(NODE_MARK, NODES, NODE_BYTES, NODE_MAX)?;
    Ok(bytes.chunks_exact(NODE_BYTES as usize).map(NodeEntry::parse).collect())
}

/// Returns whether a node of a dead process gets a tombstone.
pub(crate) fn is_mourned(entry: &NodeEntry) -> bool {
    // The name becomes a file's name: only one that a node may have.
    NodeName::new(&entry.name).is_ok() && !matches!(entry.state, None | Some(NodeState::Stopped))
}

/// Writes a tombstone for each node of a dead process that didn't stop cleanly; returns how many.
pub(crate) fn mourn(namespace: &Dir, dead: &Peer) -> Result<u64> {
    let mut count = 0;
    for entry in nodes(dead)? {
        if !is_mourned(&entry) {
            continue;
        }
        let stone = Tombstone {
            node: entry.name.clone(),
            pid: dead.pid(),
            how: if entry.failure.is_empty() { UNKNOWN.into() } else { entry.failure.clone() },
            from_ns: entry.word(node::LAST_SEEN),
            until_ns: realtime_ns(),
        };
        put(namespace, &stone)?;
        count += 1;
    }
    Ok(count)
}

/// Writes how a process ended into the tombstones of its nodes that don't say so themselves.
pub(crate) fn explain(namespace: &Dir, pid: u32, how: &str) -> Result<()> {
    for stone in list(namespace)?.into_iter().filter(|stone| stone.pid == pid && stone.how == UNKNOWN) {
        put(namespace, &Tombstone { how: how.into(), ..stone })?;
    }
    Ok(())
}

/// Puts a tombstone in place, whole or not at all.
fn put(namespace: &Dir, stone: &Tombstone) -> Result<()> {
    namespace.make_dir(TOMBSTONES)?;
    let folder = namespace.open_dir(TOMBSTONES)?;
    let temporary = format!("{}~", stone.node);
    let fd = folder.open_or_make(&temporary)?;
    crate::fail::point("tombstone.made");
    let text = stone.to_text();
    rustix::fs::ftruncate(&fd, 0).map_err(|e| Error::os("ftruncate", folder.path(), e))?;
    rustix::io::pwrite(&fd, text.as_bytes(), 0).map_err(|e| Error::os("pwrite", folder.path(), e))?;
    folder.rename(&temporary, &stone.node)
}

/// Reads all tombstones; what can't be read isn't there.
pub(crate) fn list(namespace: &Dir) -> Result<Vec<Tombstone>> {
    let folder = match namespace.open_dir(TOMBSTONES) {
        Ok(folder) => folder,
        Err(error) if error.is_gone() => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let names = folder.names()?;
    Ok(names.iter().filter_map(|name| read(&folder, name)).collect())
}

fn read(folder: &Dir, name: &str) -> Option<Tombstone> {
    NodeName::new(name).ok()?;
    let fd = folder.open_file(name, false).ok()??;
    let mut bytes = [0; 1024];
    let len = file::read_at(&fd, 0, &mut bytes, Path::new(name)).ok()?;
    Tombstone::parse(name, std::str::from_utf8(&bytes[..len]).ok()?)
}

/// Removes the tombstones that are out of date: of nodes that are back, old ones, too many; all of them by force.
/// Returns how many; in a dry run, how many it would be.
pub(crate) fn sweep(namespace: &Dir, living: &HashSet<String>, options: &CleanOptions) -> Result<u64> {
    let folder = match namespace.open_dir(TOMBSTONES) {
        Ok(folder) => folder,
        Err(error) if error.is_gone() => return Ok(0),
        Err(error) => return Err(error),
    };
    let unlink = |name: &str| if options.dry_run { Ok(()) } else { folder.unlink(name) };
    let mut count = 0;
    let mut kept = Vec::new();
    let now = realtime_ns();
    for name in folder.names()? {
        // Not ours, and a folder couldn't be unlinked: left alone, as everywhere.
        if folder.stat_name(&name)?.is_none_or(|stat| !stat.is_file) {
            continue;
        }
        let stone = read(&folder, &name);
        let goes = options.force
            || living.contains(&name)
            || stone.as_ref().is_none_or(|stone| now.saturating_sub(stone.until_ns) > AGE_NS_MAX);
        if goes {
            unlink(&name)?;
            count += 1;
        } else if let Some(stone) = stone {
            kept.push(stone);
        }
    }
    kept.sort_by_key(|stone| std::cmp::Reverse(stone.until_ns));
    for stone in kept.iter().skip(COUNT_MAX) {
        unlink(&stone.node)?;
        count += 1;
    }
    if !options.dry_run {
        namespace.remove_dir(TOMBSTONES)?;
    }
    Ok(count)
}
