//! Every offset in shared memory. The page `docs/shared-memory.md` draws them, the assertions hold them.
//!
//! Nothing is laid out for a page size: regions that are mapped with different rights begin at multiples
//! of 64 KiB, of which only the pages in use are reserved.

use crate::error::{Error, Result};

/// The version of everything below; a file of another version is refused.
pub(crate) const LAYOUT_VERSION: u32 = 1;
/// A multiple of every page size HORUS runs on (4, 16 and 64 KiB).
pub(crate) const REGION: u64 = 64 * 1024;

/// The first eight bytes of each kind of file.
pub(crate) const MAGIC_TOPIC: u64 = u64::from_le_bytes(*b"HORUS-t\x1a");
pub(crate) const MAGIC_PARTICIPANT: u64 = u64::from_le_bytes(*b"HORUS-p\x1a");
pub(crate) const MAGIC_POOL: u64 = u64::from_le_bytes(*b"HORUS-b\x1a");
pub(crate) const MAGIC_ROOT: u64 = u64::from_le_bytes(*b"HORUS-r\x1a");

/// What every file begins with: magic u64, version u32, pid of the maker u32, size of the file u64.
pub(crate) mod head {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const VERSION: usize = 8;
    pub(crate) const PID: usize = 12;
    pub(crate) const SIZE: usize = 16;
    /// Bytes of the part that all files share.
    pub(crate) const BYTES: usize = 24;
}

/// The file `joins` in the root.
pub(crate) mod root {
    /// u64, added to by each process that joins any namespace.
    pub(crate) const JOINS: usize = 64;
    /// u32, a futex, added to by whoever gives a topic its name.
    pub(crate) const TOPICS_MADE: usize = 128;
    pub(crate) const SIZE: u64 = 4096;
}

/// A topic's file: header, words, lane table, lanes.
pub(crate) mod topic {
    use super::REGION;
    pub(crate) const GENERATION: usize = 24;
    pub(crate) const DEPTH: usize = 32;
    pub(crate) const SLOT_BYTES: usize = 36;
    pub(crate) const CAPACITY: usize = 40;
    pub(crate) const KIND: usize = 44;
    pub(crate) const TYPE_NAME_BYTES: usize = 48;
    pub(crate) const SCHEMA_BYTES: usize = 52;
    /// u64, a bit for each lane that was ever claimed; bits are only set.
    pub(crate) const USED: usize = 64;
    /// u32, 0 until another file took the name, then 1.
    pub(crate) const SUPERSEDED: usize = 72;
    /// Where the type's name begins; the schema follows it.
    pub(crate) const TEXT: usize = 128;
    /// Most bytes of a type's name and schema together.
    pub(crate) const TEXT_BYTES_MAX: usize = REGION as usize - TEXT;
    /// The page of words that sleepers and publishers both write.
    pub(crate) const WORDS: u64 = REGION;
    /// u64, added to by each sleeper; alone on its line.
    pub(crate) const SLEEPS: usize = WORDS as usize;
    /// u32, a futex, added to by whoever wakes; alone on its line.
    pub(crate) const WAKES: usize = WORDS as usize + 64;
    pub(crate) const TABLE: u64 = 2 * REGION;
    /// Bytes of a lane's line in the table.
    pub(crate) const TABLE_LINE: usize = 64;
    pub(crate) const LANES: u64 = 3 * REGION;
    /// How many publishers a topic has at most.
    pub(crate) const LANE_COUNT: usize = 64;

    /// Locked for reading by every typed endpoint, for writing by who supersedes.
    pub(crate) const LOCK_TYPED: i64 = 0;
    /// Locked for reading by every untyped endpoint.
    pub(crate) const LOCK_UNTYPED: i64 = 1;
    /// Locked for writing by the publisher of lane 0; the other lanes follow.
    pub(crate) const LOCK_LANE: i64 = 2;
    /// All user bytes together, for who removes the file.
    pub(crate) const LOCK_COUNT: i64 = 2 + LANE_COUNT as i64;
}

/// A participant's file: header, nodes, endpoints, pins.
pub(crate) mod participant {
    use super::REGION;
    pub(crate) const ID: usize = 24;
    pub(crate) const LANGUAGE: usize = 32;
    /// u64, `CLOCK_MONOTONIC` nanoseconds.
    pub(crate) const STARTED: usize = 40;
    /// u64, the inode of the PID namespace that the pid belongs to.
    pub(crate) const PID_NAMESPACE: usize = 48;
    /// High-water marks: records below them have their pages.
    pub(crate) const NODE_MARK: usize = 64;
    pub(crate) const ENDPOINT_MARK: usize = 72;
    pub(crate) const PIN_MARK: usize = 80;
    /// u32 each, 0 to 1 once, by a cleaner.
    pub(crate) const MOURNED: usize = 128;
    pub(crate) const GONE: usize = 132;
    pub(crate) const HEADER_BYTES: u64 = 256;
    /// Records are reserved this much at a time: a multiple of common page sizes, small beside a process.
    pub(crate) const STEP: u64 = 4096;

    pub(crate) const NODES: u64 = REGION;
    pub(crate) const NODE_BYTES: u64 = 256;
    pub(crate) const NODE_MAX: u64 = 256;
    pub(crate) const ENDPOINTS: u64 = 2 * REGION;
    pub(crate) const ENDPOINT_BYTES: u64 = 1024;
    pub(crate) const ENDPOINT_MAX: u64 = 4096;
    pub(crate) const PINS: u64 = ENDPOINTS + ENDPOINT_BYTES * ENDPOINT_MAX;
    pub(crate) const PIN_BYTES: u64 = 16;
    pub(crate) const PIN_MAX: u64 = 65_536;
    /// So much of the pins is reserved before the file has a name: the owners of blocks map and read it.
    pub(crate) const PINS_FIRST_BYTES: u64 = 4096;
    pub(crate) const SIZE: u64 = PINS + PIN_BYTES * PIN_MAX;
    const _: () = assert!(NODES + NODE_BYTES * NODE_MAX <= ENDPOINTS);
    const _: () = assert!(PINS.is_multiple_of(REGION));
}

/// A node's record in a participant's file; all words are u64.
pub(crate) mod node {
    pub(crate) const STATE: usize = 0;
    pub(crate) const RATE_BITS: usize = 8;
    pub(crate) const ACTUAL_BITS: usize = 16;
    pub(crate) const TICKS: usize = 24;
    pub(crate) const OVERRUNS: usize = 32;
    pub(crate) const TICK_SUM: usize = 40;
    pub(crate) const TICK_MAX: usize = 48;
    pub(crate) const TICK_BEGAN: usize = 56;
    pub(crate) const DEADLINE: usize = 64;
    pub(crate) const STARTED: usize = 72;
    /// `CLOCK_REALTIME` nanoseconds of the last tick, for the tombstone.
    pub(crate) const LAST_SEEN: usize = 80;
    pub(crate) const NAME_BYTES: usize = 88;
    pub(crate) const NAME: usize = 96;
    /// How it failed, in words, where it did.
    pub(crate) const FAILURE_BYTES: usize = 160;
    pub(crate) const FAILURE: usize = 168;
    pub(crate) const FAILURE_BYTES_MAX: usize = super::participant::NODE_BYTES as usize - FAILURE;
    const _: () = assert!(NAME + crate::name::NODE_NAME_BYTES_MAX <= FAILURE_BYTES);
}

/// An endpoint's record in a participant's file; all words are u64.
pub(crate) mod endpoint {
    /// 0 free, or one of the two below; stored last.
    pub(crate) const STATE: usize = 0;
    pub(crate) const IN_USE: u64 = 1;
    /// A publisher that closed while its ring named blocks that somebody may still want.
    pub(crate) const CLOSED: u64 = 2;
    pub(crate) const ROLE: usize = 8;
    pub(crate) const DEVICE: usize = 16;
    pub(crate) const INODE: usize = 24;
    /// Lane index plus one, 0 for none.
    pub(crate) const LANE: usize = 32;
    pub(crate) const JOINED: usize = 40;
    /// Node index plus one, 0 for none.
    pub(crate) const NODE: usize = 48;
    /// The depth asked for where it was not granted, else 0.
    pub(crate) const DEPTH_ASKED: usize = 56;
    pub(crate) const SENT: usize = 64;
    pub(crate) const RECEIVED: usize = 72;
    pub(crate) const DROPPED: usize = 80;
    pub(crate) const SKIPPED: usize = 88;
    pub(crate) const LAST: usize = 96;
    /// Publishers: the next message of the lane.
    pub(crate) const HEAD: usize = 104;
    /// Publishers: messages that were copied because a writable view of them lived on.
    pub(crate) const COPIES: usize = 112;
    /// Counts the uses of this record, so that a reader can tell that it changed hands.
    pub(crate) const EPOCH: usize = 120;
    pub(crate) const TOPIC_BYTES: usize = 128;
    pub(crate) const TOPIC: usize = 136;
    /// Subscribers: when it last found that it had missed messages, 0 for never.
    pub(crate) const DROPPED_AT: usize = 336;
    const _: () = assert!(TOPIC + crate::name::NAME_BYTES_MAX <= DROPPED_AT);
    /// u64[64], subscribers: the next message to read of each lane.
    pub(crate) const CURSORS: usize = 512;
    const _: () = assert!(DROPPED_AT + 8 <= CURSORS);
    const _: () =
        assert!(CURSORS + 8 * super::topic::LANE_COUNT == super::participant::ENDPOINT_BYTES as usize);
}

/// A pool's file: header, 64 blocks of one size.
pub(crate) mod pool {
    use super::REGION;
    pub(crate) const OWNER: usize = 24;
    pub(crate) const NUMBER: usize = 32;
    pub(crate) const BLOCK_BYTES: usize = 40;
    /// u32, 0 to 1 once, by a cleaner: nobody may begin to read.
    pub(crate) const CLOSED: usize = 64;
    /// u64, a bit for each block that has its pages, by the owner: no reader touches another.
    pub(crate) const RESERVED: usize = 72;
    pub(crate) const HEADER_BYTES: u64 = 128;
    pub(crate) const BLOCKS: u64 = REGION;
    pub(crate) const BLOCK_COUNT: u64 = 64;
    /// Smallest block.
    pub(crate) const BLOCK_MIN: u64 = 4096;
    /// Up to here block sizes are powers of two, above they go by 64 KiB.
    pub(crate) const POWERS_TO: u64 = 1 << 20;
}

/// What a ring carries for a message in a block: 32 bytes, then up to 136 of the message's own.
pub(crate) mod descriptor {
    /// Owner id; pool number and block; offset; length.
    pub(crate) const WORDS: usize = 4;
    pub(crate) const BYTES: usize = 8 * WORDS;
    /// Most bytes of a descriptor, 168.
    pub(crate) const BYTES_MAX: usize = 168;
    /// Most bytes of what a kind of message adds.
    pub(crate) const META_BYTES_MAX: usize = BYTES_MAX - BYTES;
}

/// Words of a line in the lane table: reserved, owner, base, head, bytes, pid.
pub(crate) const TABLE_WORDS: usize = 6;
/// The largest file that a topic may be: more is a mistake in depth or size.
pub(crate) const TOPIC_BYTES_MAX: u64 = 256 << 30;
/// The shortest ring: a subscriber that is read from must not be lapped by a handful of messages.
pub(crate) const DEPTH_MIN: u32 = 8;
/// The longest ring, in messages.
pub const DEPTH_MAX: u32 = 1 << 20;
/// Smallest payload of a slot: a descriptor must fit, so that any message can go through a block.
pub(crate) const CAPACITY_MIN: u32 = descriptor::BYTES as u32;

/// The sizes that follow from a topic's depth and capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) depth: u32,
    pub(crate) capacity: u32,
    pub(crate) slot_bytes: u32,
    /// Bytes of a lane that are used, and reserved when it is claimed.
    pub(crate) lane_bytes: u64,
    /// Bytes from one lane to the next.
    pub(crate) lane_stride: u64,
    pub(crate) file_bytes: u64,
}

impl Geometry {
    /// Returns the sizes for a payload of `capacity` bytes and at least `depth` slots.
    ///
    /// # Errors
    /// [`Error::TooLarge`] above 256 GiB, naming depth and size.
    pub(crate) fn new(depth: u32, capacity: u32) -> Result<Self> {
        let too_large = |bytes| Error::TooLarge {
            what: format!("a topic of depth {depth} with messages of {capacity} bytes"),
            bytes,
            limit: TOPIC_BYTES_MAX,
        };
        // Before anything is rounded up, which would overflow.
        if depth > DEPTH_MAX || capacity > 1 << 30 {
            return Err(too_large(u64::from(depth).saturating_mul(u64::from(capacity))));
        }
        let capacity = capacity.max(CAPACITY_MIN).next_multiple_of(8);
        let depth = depth.max(DEPTH_MIN).next_power_of_two();
        let slot_bytes = (crate::ring::lane::SLOT_HEAD_WORDS as u32 * 8 + capacity).next_multiple_of(64);
        let lane_bytes = u64::from(depth) * u64::from(slot_bytes);
        let lane_stride = lane_bytes.next_multiple_of(REGION);
        let file_bytes = topic::LANES + lane_stride * topic::LANE_COUNT as u64;
        if file_bytes > TOPIC_BYTES_MAX {
            return Err(too_large(file_bytes));
        }
        Ok(Self { depth, capacity, slot_bytes, lane_bytes, lane_stride, file_bytes })
    }

    /// Returns where a lane's slots begin in the file.
    pub(crate) fn lane_offset(&self, lane: usize) -> u64 {
        topic::LANES + self.lane_stride * lane as u64
    }
}

/// Returns the size of the block that holds `bytes`: powers of two from 4 KiB, above 1 MiB by 64 KiB.
pub(crate) fn block_class(bytes: u64) -> u64 {
    if bytes <= pool::POWERS_TO {
        bytes.max(pool::BLOCK_MIN).next_power_of_two()
    } else {
        bytes.next_multiple_of(REGION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_message_is_one_cache_line() {
        assert_eq!(Geometry::new(64, 16).unwrap().slot_bytes, 64);
        assert_eq!(Geometry::new(64, 40).unwrap().slot_bytes, 64);
        assert_eq!(Geometry::new(64, 41).unwrap().slot_bytes, 128);
        assert_eq!(Geometry::new(64, 1000).unwrap().slot_bytes, 1024);
    }

    #[test]
    fn depths_are_powers_of_two_from_eight() {
        assert_eq!(Geometry::new(1, 8).unwrap().depth, 8);
        assert_eq!(Geometry::new(9, 8).unwrap().depth, 16);
        assert!(matches!(Geometry::new(DEPTH_MAX, 1000), Ok(g) if g.depth == DEPTH_MAX));
        assert!(matches!(Geometry::new(DEPTH_MAX, 8000), Err(Error::TooLarge { .. })));
        assert!(matches!(Geometry::new(DEPTH_MAX + 1, 8), Err(Error::TooLarge { .. })));
        assert!(matches!(Geometry::new(8, u32::MAX), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn blocks_waste_at_most_half_below_a_mebibyte_and_a_region_above() {
        assert_eq!(block_class(1), 4096);
        assert_eq!(block_class(921_600 + 64), 1 << 20);
        assert_eq!(block_class((1 << 20) + 1), (1 << 20) + REGION);
        assert_eq!(block_class(6_220_800 + 64), 6_225_920 + REGION * u64::from(6_220_864 > 6_225_920));
    }

    /// The rows of the table that follows a heading of `docs/shared-memory.md`, as (name, offset).
    fn drawn(heading: &str) -> Vec<(String, usize)> {
        let page = include_str!("../../docs/shared-memory.md");
        let from =
            page.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading:?} in the page"));
        let body = &page[from + heading.len() + 2..];
        let body = &body[..body.find("\n## ").unwrap_or(body.len())];
        body.lines()
            .filter_map(|line| {
                let cells: Vec<&str> = line.split('|').map(str::trim).collect();
                let offset = cells.get(1)?.trim_matches('`').strip_prefix("0x")?;
                let name = cells.get(3)?.strip_prefix('`')?.split('`').next()?;
                Some((name.to_owned(), usize::from_str_radix(offset, 16).ok()?))
            })
            .collect()
    }

    #[test]
    fn the_page_draws_what_the_code_does() {
        let expect = |heading: &str, rows: &[(&str, usize)]| {
            let rows: Vec<(String, usize)> =
                rows.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect();
            assert_eq!(drawn(heading), rows, "{heading}");
        };
        expect(
            "## The folder",
            &[("magic", head::MAGIC), ("version", head::VERSION), ("pid", head::PID), ("size", head::SIZE)],
        );
        expect("## The root's `joins`", &[("joins", root::JOINS), ("topics_made", root::TOPICS_MADE)]);
        expect(
            "## A topic's file",
            &[
                ("generation", topic::GENERATION),
                ("depth", topic::DEPTH),
                ("slot_bytes", topic::SLOT_BYTES),
                ("capacity", topic::CAPACITY),
                ("kind", topic::KIND),
                ("type_name_bytes", topic::TYPE_NAME_BYTES),
                ("schema_bytes", topic::SCHEMA_BYTES),
                ("used", topic::USED),
                ("superseded", topic::SUPERSEDED),
                ("text", topic::TEXT),
                ("sleeps", topic::SLEEPS),
                ("wakes", topic::WAKES),
            ],
        );
        expect(
            "## A participant's file",
            &[
                ("id", participant::ID),
                ("language", participant::LANGUAGE),
                ("started", participant::STARTED),
                ("pid_namespace", participant::PID_NAMESPACE),
                ("node_mark", participant::NODE_MARK),
                ("endpoint_mark", participant::ENDPOINT_MARK),
                ("pin_mark", participant::PIN_MARK),
                ("mourned", participant::MOURNED),
                ("gone", participant::GONE),
                ("nodes", participant::NODES as usize),
                ("endpoints", participant::ENDPOINTS as usize),
                ("pins", participant::PINS as usize),
            ],
        );
        expect(
            "## Blocks and pins",
            &[
                ("owner", pool::OWNER),
                ("number", pool::NUMBER),
                ("block_bytes", pool::BLOCK_BYTES),
                ("closed", pool::CLOSED),
                ("reserved", pool::RESERVED),
                ("blocks", pool::BLOCKS as usize),
            ],
        );
    }
}
