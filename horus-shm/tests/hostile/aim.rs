//! What is written over: the named words of every kind of file, as `docs/shared-memory.md` draws them, and any others.

use super::dice::Dice;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const REGION: u64 = 64 << 10;
const PINS: u64 = 2 * REGION + (4 << 20);
/// A lane of 64 slots of 128 bytes.
const LANE: u64 = 3 * REGION;
const SLOT: u64 = 128;
// Of the slots, those that are written soon after a file was made anew.

/// Some words of a file that mean the same: at `at`, and again every so many bytes so often, in two ways at once.
struct Field {
    part: &'static str,
    at: u64,
    bytes: usize,
    every: [(u64, u64); 2],
}

const fn field(part: &'static str, at: u64, bytes: usize) -> Field {
    Field { part, at, bytes, every: [(0, 1), (0, 1)] }
}

const fn row(part: &'static str, at: u64, bytes: usize, every: u64, count: u64) -> Field {
    Field { part, at, bytes, every: [(every, count), (0, 1)] }
}

const fn grid(part: &'static str, at: u64, bytes: usize, rows: (u64, u64), columns: (u64, u64)) -> Field {
    Field { part, at, bytes, every: [rows, columns] }
}

const TOPIC: &[Field] = &[
    field("topic header", 0, 8),                            // magic
    row("topic header", 8, 4, 4, 2),                        // version, pid
    row("topic header", 16, 8, 8, 2),                       // size, generation
    row("topic header", 32, 4, 4, 4),                       // depth, slot_bytes, capacity, kind
    row("topic header", 48, 4, 4, 2),                       // lengths of the type's name and of its schema
    field("topic header", 64, 8),                           // used
    field("topic header", 72, 4),                           // superseded
    row("schema", 128, 1, 1, 4),                            // the type's name, its schema, what is behind
    field("wake words", REGION, 8),                         // sleeps
    field("wake words", REGION + 64, 4),                    // wakes
    grid("lane table", 2 * REGION, 8, (64, 4), (8, 6)),     // reserved, owner, base, head, bytes, pid
    field("lane table", 2 * REGION + 64 * 63, 8),           // the last lane
    grid("slot", LANE, 8, (REGION, 3), (SLOT, 12)),         // sequence
    grid("slot", LANE + 8, 8, (REGION, 3), (SLOT, 12)),     // stamp
    grid("slot", LANE + 16, 8, (REGION, 3), (SLOT, 12)),    // length and flags
    grid("payload", LANE + 24, 8, (REGION, 3), (SLOT, 12)), // owner of a block, or the message itself
    grid("payload", LANE + 32, 8, (REGION, 3), (SLOT, 12)), // pool and block
    grid("payload", LANE + 40, 8, (REGION, 3), (SLOT, 12)), // offset
    grid("payload", LANE + 48, 8, (REGION, 3), (SLOT, 12)), // length
];

const PARTICIPANT: &[Field] = &[
    field("participant header", 0, 8),                        // magic
    row("participant header", 8, 4, 4, 2),                    // version, pid
    row("participant header", 16, 8, 8, 5),                   // size, id, language, started, pid_namespace
    row("participant header", 64, 8, 8, 3),                   // marks
    row("participant header", 128, 4, 4, 2),                  // mourned, gone
    grid("node", REGION, 8, (256, 2), (8, 12)),               // state … length of the name
    grid("node", REGION + 96, 1, (256, 2), (1, 4)),           // name
    grid("node", REGION + 160, 8, (256, 2), (8, 2)),          // how it failed
    grid("endpoint", 2 * REGION, 8, (1024, 4), (8, 18)),      // state … topic
    grid("endpoint", 2 * REGION + 336, 8, (1024, 4), (8, 1)), // when it missed messages
    grid("cursor", 2 * REGION + 512, 8, (1024, 4), (8, 4)),
    grid("pin table", PINS, 8, (16, 16), (8, 2)), // owner, pool and block
];

const POOL: &[Field] = &[
    field("pool header", 0, 8),      // magic
    row("pool header", 8, 4, 4, 2),  // version, pid
    row("pool header", 16, 8, 8, 4), // size, owner, number, block_bytes
    field("pool header", 64, 4),     // closed
    field("pool header", 72, 8),     // reserved
    row("block", REGION, 8, 8, 8),   // the head of the first one
];

const JOINS: &[Field] = &[
    field("root", 0, 8),
    row("root", 8, 4, 4, 2),
    field("root", 16, 8),
    field("root", 64, 8),  // joins
    field("root", 128, 4), // topics_made
];

const LOCK: &[Field] = &[row("root", 0, 1, 1, 11)];
const TOMBSTONE: &[Field] = &[row("tombstone", 0, 1, 1, 64)];

/// The kinds of files, and the regions of each in which a word may be anything: those that have their pages anyhow.
pub(crate) const KINDS: [&str; 6] = ["topics", "participants", "pools", "joins", "lock", "tombstones"];

fn fields(kind: &str) -> (&'static [Field], &'static [(u64, u64)]) {
    const LANES: (u64, u64) = (0, 8192);
    match kind {
        "topics" => (
            TOPIC,
            &[(0, 4096), (REGION, 4096), (2 * REGION, 4096), (LANE, LANES.1), (LANE + REGION, LANES.1)],
        ),
        "participants" => {
            (PARTICIPANT, &[(0, 4096), (REGION, 16 << 10), (2 * REGION, 16 << 10), (PINS, 16 << 10)])
        }
        "pools" => (POOL, &[(0, 4096), (REGION, 4096)]),
        "joins" => (JOINS, &[(0, 4096)]),
        "lock" => (LOCK, &[(0, 8)]),
        _ => (TOMBSTONE, &[(0, 64)]),
    }
}

/// Scribbles over the files of a namespace, and counts what it hit.
pub(crate) struct Scribbler {
    root: PathBuf,
    namespace: PathBuf,
    /// Files whose names hold one of these are left alone.
    spared: Vec<String>,
    /// How often each part was hit.
    pub(crate) hits: BTreeMap<&'static str, u64>,
}

impl Scribbler {
    pub(crate) fn new(root: &Path, namespace: &str, spared: Vec<String>) -> Self {
        Self { root: root.to_owned(), namespace: root.join(namespace), spared, hits: BTreeMap::new() }
    }

    /// How many words were written over.
    pub(crate) fn count(&self) -> u64 {
        self.hits.values().sum()
    }

    /// The files of a kind that aren't spared.
    pub(crate) fn files(&self, kind: &str) -> Vec<PathBuf> {
        if matches!(kind, "joins" | "lock") {
            return vec![self.root.join(kind)];
        }
        let entries = fs::read_dir(self.namespace.join(kind)).into_iter().flatten().flatten();
        let is_spared = |path: &Path| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            self.spared.iter().any(|spared| name.contains(spared.as_str()))
        };
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).filter(|path| !is_spared(path)).collect();
        // What the kernel lists first must not decide what a seed does.
        paths.sort();
        paths
    }

    /// Overwrites a word of some file of a kind, mostly one that means something; false when there is none.
    pub(crate) fn scribble(&mut self, kind: &str, dice: &mut Dice) -> bool {
        let paths = self.files(kind);
        if paths.is_empty() {
            return false;
        }
        let path = dice.one_of(&paths.iter().collect::<Vec<_>>());
        let Ok(file) = File::options().read(true).write(true).open(path) else { return false };
        let (table, regions) = fields(kind);
        let aimed = dice.below(4) > 0;
        let (part, at, bytes) = match aimed {
            true => aim(table, dice),
            false => {
                let (start, length) = dice.one_of(regions);
                ("at random", start + dice.below(length / 8) * 8, dice.one_of(&[8, 8, 4, 1]))
            }
        };
        // Few slots hold a descriptor at a time, so one is looked for.
        let named = if kind == "topics" && dice.below(3) == 0 { descriptor(&file, dice) } else { None };
        let (part, at, bytes) = named.map_or((part, at, bytes), |at| ("payload", at, 8));
        let Some(before) = word(&file, at, bytes) else { return false };
        // What means something elsewhere may be taken for right here: another field, of this file or of another.
        let (_, there, width) = aim(table, dice);
        let elsewhere = File::open(dice.one_of(&paths.iter().collect::<Vec<_>>())).ok();
        let other = elsewhere.and_then(|file| word(&file, there, width)).unwrap_or_default();
        let value = dice.stumbling(before, other).to_le_bytes();
        if file.write_all_at(&value[..bytes], at).is_err() {
            return false;
        }
        let in_block =
            part == "payload" && word(&file, slot_of(at) + 16, 8).is_some_and(|length| length & 1 << 48 != 0);
        *self.hits.entry(if in_block { "descriptor" } else { part }).or_default() += 1;
        true
    }
}

/// A word of one of the descriptors that slots hold.
fn descriptor(file: &File, dice: &mut Dice) -> Option<u64> {
    let slots = (0..3).flat_map(|lane| (0..12).map(move |slot| LANE + lane * REGION + slot * SLOT));
    let named: Vec<u64> =
        slots.filter(|at| word(file, at + 16, 8).is_some_and(|length| length & 1 << 48 != 0)).collect();
    (!named.is_empty()).then(|| dice.one_of(&named) + 24 + 8 * dice.below(4))
}

/// Where the slot begins that a word of a lane stands in.
fn slot_of(at: u64) -> u64 {
    at / SLOT * SLOT
}

fn aim(table: &[Field], dice: &mut Dice) -> (&'static str, u64, usize) {
    let field = &table[dice.below(table.len() as u64) as usize];
    let steps: u64 = field.every.iter().map(|(every, count)| every * dice.below(*count)).sum();
    (field.part, field.at + steps, field.bytes)
}

/// Reads what a word of `bytes` bytes holds; nothing past the end of the file, where writing would change its size.
fn word(file: &File, at: u64, bytes: usize) -> Option<u64> {
    let mut word = [0; 8];
    file.read_exact_at(&mut word[..bytes], at).ok()?;
    Some(u64::from_le_bytes(word))
}
