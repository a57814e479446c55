//! What can be seen of a run without taking part: lanes as they lie in memory, and what the files take.

use crate::Result;
use horus_shm::{CleanOptions, CleanReport, Namespace, Root, TopicInfo, TopicName, clean};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the lanes of a topic's file begin, and how many there are; docs/shared-memory.md draws it.
const LANES: u64 = 0x30000;
const LANE_COUNT: u64 = 64;

/// A lane, read while nobody writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    /// Which process had it last.
    pub(crate) pid: u32,
    /// The first message of that process.
    pub(crate) base: u64,
    /// Behind the last whole message.
    pub(crate) end: u64,
    /// Whether the next message had been begun: the slot's number is odd.
    pub(crate) inside_a_write: bool,
}

/// Reads the lanes of a topic; none if it isn't there.
pub(crate) fn lanes(namespace: &Namespace, topic: &str) -> Result<Vec<Lane>> {
    let Some(info) = TopicInfo::read(namespace, &TopicName::new(topic)?)? else { return Ok(Vec::new()) };
    let path = namespace.root().path().join(namespace.name().as_str()).join("topics").join(topic);
    let file = File::open(path)?;
    let stride = (file.metadata()?.len() - LANES) / LANE_COUNT;
    if stride < u64::from(info.depth) * u64::from(info.slot_bytes) {
        return Err(format!("lanes of '{topic}' don't lie where they are drawn: {stride} bytes each").into());
    }
    let mut lanes = Vec::new();
    for lane in &info.lanes {
        let slot = (lane.head & u64::from(info.depth - 1)) * u64::from(info.slot_bytes);
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, LANES + stride * u64::from(lane.index) + slot)?;
        let sequence = u64::from_le_bytes(bytes);
        let whole = sequence == 2 * lane.head + 2;
        lanes.push(Lane {
            pid: lane.pid,
            base: lane.base,
            end: lane.head + u64::from(whole),
            inside_a_write: sequence == 2 * lane.head + 1,
        });
    }
    Ok(lanes)
}

/// The files below a root with the bytes of memory that each takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) files: BTreeMap<PathBuf, u64>,
}

impl Level {
    /// Reads it.
    pub(crate) fn of(root: &Path) -> Self {
        let mut level = Self::default();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            // A folder or file may go while others clean.
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                match entry.metadata() {
                    Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                    Ok(metadata) => drop(level.files.insert(entry.path(), 512 * metadata.blocks())),
                    Err(_) => {}
                }
            }
        }
        level
    }

    /// Names what is here and not there, or takes more here than there by more than it may.
    pub(crate) fn beyond(&self, there: &Self, may_grow: impl Fn(&Path) -> u64) -> Vec<String> {
        let more = |(path, bytes): (&PathBuf, &u64)| match there.files.get(path) {
            None => Some(format!("{} ({bytes} bytes)", path.display())),
            Some(before) if *bytes > before + may_grow(path) => {
                Some(format!("{} ({bytes} bytes, {before} before)", path.display()))
            }
            Some(_) => None,
        };
        self.files.iter().filter_map(more).collect()
    }
}

/// Cleans as a command does, waiting for other cleaners.
pub(crate) fn cleaned(root: &Root, force: bool) -> Result<CleanReport> {
    let options = CleanOptions { force, patience: Duration::from_secs(2), ..CleanOptions::default() };
    Ok(clean(root, None, &options)?)
}
