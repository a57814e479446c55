//! What a topic's rings tell of what is sent, read without a lock or a mapping.

use crate::error::Result;
use crate::layout::{TABLE_WORDS, topic};
use crate::life::holders;
use crate::life::namespace::Namespace;
use crate::life::peers;
use crate::life::told::in_order;
use crate::name::TopicName;
use crate::ring::lane::{FLAG_LATCHED, MESSAGE_MAX, SLOT_HEAD_WORDS, TableField};
use crate::ring::topic::{Header, TopicSpec, read_filling};
use crate::sys::file::{self, Inode};
use std::os::fd::OwnedFd;
use std::path::Path;

/// A topic.
#[derive(Clone, Debug)]
pub struct TopicInfo {
    /// Its name.
    pub name: TopicName,
    /// What it holds; `depth` is its ring's length.
    pub spec: TopicSpec,
    /// How many messages a ring holds.
    pub depth: u32,
    /// Bytes of a slot.
    pub slot_bytes: u32,
    /// How often its type was set afresh.
    pub generation: u64,
    /// Bytes of shared memory that its file takes.
    pub shm_bytes: u64,
    /// The lanes that were ever used.
    pub lanes: Vec<LaneInfo>,
}

/// A publisher's ring.
#[derive(Clone, Debug)]
pub struct LaneInfo {
    /// Which of the 64.
    pub index: u8,
    /// Its publisher's participant, 0 for none.
    pub owner: u64,
    /// Whether that lives.
    pub owner_alive: bool,
    /// The process id of who took it last, in its own PID namespace; stays when that has left or died.
    pub pid: u32,
    /// The first message of the present publisher.
    pub base: u64,
    /// The next message.
    pub head: u64,
    /// Bytes sent through it, ever: of whole messages, wherever they lie.
    pub bytes: u64,
    /// Whether its newest message is kept for late joiners, as long as its publisher lives.
    pub latched: bool,
    /// When the newest messages were sent, `CLOCK_MONOTONIC` nanoseconds, oldest first, without a gap: the last one is
    /// that of message `head - 1`. At most 1,024, in a census 32; none where all were overwritten as fast as they could
    /// be read.
    pub stamps: Vec<u64>,
}

impl TopicInfo {
    /// Reads one topic; nothing when there is none of that name.
    ///
    /// Costs a dozen system calls, and two or three for each lane.
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused), [`Error::Layout`](crate::Error::Layout) and
    /// [`Error::Damaged`](crate::Error::Damaged) for a file that can't be trusted; what opening the folders gives.
    pub fn read(namespace: &Namespace, name: &TopicName) -> Result<Option<Self>> {
        let Some(folders) = namespace.folders()? else { return Ok(None) };
        let path = folders.topics.path().join(name.as_str());
        let Some(fd) = folders.topics.open_file(name.as_str(), false)? else { return Ok(None) };
        let lives = |owner| peers::is_alive(&folders.participants, owner);
        match topic_info(&fd, &path, name, WATCHED_STAMPS_MAX, lives) {
            Ok((info, _)) => Ok(Some(info)),
            Err(error) => Err(holders::named(error, Some(&folders.participants))),
        }
    }
}

/// Reads a topic's file, of each ring the newest `stamps_max` messages; `lives` tells whether a participant does.
pub(crate) fn topic_info(
    fd: &OwnedFd,
    path: &Path,
    name: &TopicName,
    stamps_max: u64,
    lives: impl Fn(u64) -> bool,
) -> Result<(TopicInfo, Inode)> {
    let (header, filling) = read_filling(fd, path)?;
    let mut lanes = Vec::new();
    for lane in (0..topic::LANE_COUNT).filter(|lane| filling.used & 1 << lane != 0) {
        lanes.push(lane_info(fd, path, &header, lane, stamps_max, &lives)?);
    }
    let info = TopicInfo {
        name: name.clone(),
        depth: header.geometry.depth,
        slot_bytes: header.geometry.slot_bytes,
        generation: header.generation,
        shm_bytes: filling.taken,
        lanes,
        spec: header.spec,
    };
    Ok((info, header.inode))
}

/// How much of a ring is read for who watches its topic: enough for the intervals between two looks.
const WATCHED_STAMPS_MAX: u64 = 1024;
/// The same for who reads all topics: enough for a rate, and no more, for there may be thousands.
pub(crate) const LISTED_STAMPS_MAX: u64 = 32;
/// How often a lane is read again whose ring was written over meanwhile.
const TRIES: u32 = 4;

fn lane_info(
    fd: &OwnedFd,
    path: &Path,
    header: &Header,
    lane: usize,
    stamps_max: u64,
    lives: impl Fn(u64) -> bool,
) -> Result<LaneInfo> {
    let mut ring = Ring::read(fd, path, header, lane, stamps_max)?;
    for _ in 1..TRIES {
        if !ring.stamps.is_empty() || ring.head() == 0 {
            break;
        }
        ring = Ring::read(fd, path, header, lane, stamps_max)?;
    }
    let owner = ring.field(TableField::Owner);
    Ok(LaneInfo {
        index: lane as u8,
        owner,
        owner_alive: owner != 0 && lives(owner),
        pid: ring.field(TableField::Pid) as u32,
        base: ring.field(TableField::Base),
        head: ring.head(),
        bytes: ring.field(TableField::Bytes),
        latched: ring.latched,
        stamps: ring.stamps,
    })
}

/// A lane's line in the table, and what stands in its slots at that moment.
struct Ring {
    table: [u8; 8 * TABLE_WORDS],
    stamps: Vec<u64>,
    latched: bool,
}

impl Ring {
    fn read(fd: &OwnedFd, path: &Path, header: &Header, lane: usize, stamps_max: u64) -> Result<Self> {
        let line = topic::TABLE + (topic::TABLE_LINE * lane) as u64;
        let mut ring = Self { table: [0; 8 * TABLE_WORDS], stamps: Vec::new(), latched: false };
        file::read_at(fd, line, &mut ring.table, path)?;
        let (head, depth) = (ring.head(), u64::from(header.geometry.depth));
        if head >= MESSAGE_MAX {
            return Ok(ring);
        }
        let first = head.saturating_sub(depth.min(stamps_max));
        let (slots, now) = in_order(
            || read_slots(fd, path, header, lane, first..head),
            |_| {
                let mut now = [0; 8];
                file::read_at(fd, line + 8 * TableField::Head as u64, &mut now, path).map(|_| word(&now, 0))
            },
        )?;
        // The slot of message `now` may be half-written; those of later ones still hold what came a ring before.
        let is_whole = |slot: &&Slot| slot.message + depth > now && slot.sequence == 2 * slot.message + 2;
        ring.stamps.extend(slots.iter().rev().take_while(is_whole).map(|slot| slot.stamp));
        ring.stamps.reverse();
        ring.latched = slots.last().is_some_and(|slot| slot.len_flags & FLAG_LATCHED != 0);
        Ok(ring)
    }

    fn field(&self, field: TableField) -> u64 {
        word(&self.table, field as usize)
    }

    fn head(&self) -> u64 {
        self.field(TableField::Head)
    }
}

/// What stands before a slot's payload.
struct Slot {
    message: u64,
    sequence: u64,
    stamp: u64,
    len_flags: u64,
}

/// Bytes before a slot's payload.
const SLOT_HEAD_BYTES: usize = 8 * SLOT_HEAD_WORDS;
/// Slots up to this size are read whole, many at once: copying a kilobyte costs less than a system call.
const WHOLE_SLOT_MAX: usize = 1024;

/// Reads the slots of some neighbouring messages, no more than the ring has.
fn read_slots(
    fd: &OwnedFd,
    path: &Path,
    header: &Header,
    lane: usize,
    messages: std::ops::Range<u64>,
) -> Result<Vec<Slot>> {
    let (depth, slot_bytes) = (u64::from(header.geometry.depth), header.geometry.slot_bytes as usize);
    let at = |message: u64| header.geometry.lane_offset(lane) + (message & (depth - 1)) * slot_bytes as u64;
    let mut slots = Vec::with_capacity((messages.end - messages.start) as usize);
    let mut bytes = Vec::new();
    let mut next = messages.start;
    while next < messages.end {
        // To the end of the ring at most: there the next slot is the first.
        let count = match slot_bytes <= WHOLE_SLOT_MAX {
            true => (messages.end - next).min(depth - (next & (depth - 1))),
            false => 1,
        };
        bytes.clear();
        bytes.resize((count as usize - 1) * slot_bytes + SLOT_HEAD_BYTES, 0);
        file::read_at(fd, at(next), &mut bytes, path)?;
        slots.extend((next..next + count).zip(bytes.chunks(slot_bytes)).map(|(message, head)| Slot {
            message,
            sequence: word(head, 0),
            stamp: word(head, 1),
            len_flags: word(head, 2),
        }));
        next += count;
    }
    Ok(slots)
}

fn word(bytes: &[u8], index: usize) -> u64 {
    u64::from_le_bytes(bytes[8 * index..8 * index + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{AtomicBool, Ordering::Relaxed};
    use crate::test_root::{TestRoot, spec};
    use crate::{Census, ParticipantInfo, Publisher, PublisherOptions, Subscriber};
    use std::collections::HashMap;

    #[test]
    fn one_topic_tells_what_a_census_does() -> Result<()> {
        let root = TestRoot::new("one");
        let here = root.join()?;
        let name = TopicName::new("t")?;
        assert!(TopicInfo::read(here.namespace(), &name)?.is_none());
        for capacity in [8, 4000] {
            let options = PublisherOptions { latched: true, ..Default::default() };
            let mut publisher = Publisher::open(&here, &name, &spec(capacity, 16), options)?;
            let mut subscriber =
                Subscriber::open(&here, &name, Some(&spec(capacity, 16)), Default::default())?;
            let mut sent = Vec::new();
            for _ in 0..20 {
                publisher.send(&[0; 8])?;
                sent.push(subscriber.recv()?.expect("just sent").stamp_ns);
            }
            publisher.send(&[0; 10_000])?;
            sent.push(subscriber.recv()?.expect("just sent").stamp_ns);
            let info = TopicInfo::read(here.namespace(), &name)?.expect("held by its publisher");
            let lane = &info.lanes[0];
            assert_eq!((lane.head, lane.bytes, lane.latched), (21, 20 * 8 + 10_000, true));
            assert_eq!((lane.pid, lane.owner_alive), (std::process::id(), true));
            // Of a ring of 16, all but the slot that the next message goes into.
            assert_eq!(lane.stamps, sent[sent.len() - 15..]);
            let census = Census::take(here.namespace())?;
            assert_eq!(census.topics[0].lanes[0].stamps, lane.stamps);
            let living = ParticipantInfo::living(here.namespace())?;
            let [endpoint, ..] = &living[0].endpoints[..] else { panic!("two endpoints") };
            assert!(endpoint.current && endpoint.topic == "t" && endpoint.sent == 21);
            drop(publisher);
            let info = TopicInfo::read(here.namespace(), &name)?.expect("held by its subscriber");
            let lane = &info.lanes[0];
            assert_eq!((lane.owner, lane.owner_alive, lane.pid), (0, false, std::process::id()));
        }
        Ok(())
    }

    #[test]
    fn stamps_read_beside_a_fast_publisher_are_those_of_their_messages() -> Result<()> {
        let root = TestRoot::new("fast");
        let here = root.join()?;
        let name = TopicName::new("t")?;
        let mut publisher = Publisher::open(&here, &name, &spec(8, 16), PublisherOptions::default())?;
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let sender = scope.spawn(|| -> Result<()> {
                while !done.load(Relaxed) {
                    publisher.send(&[0; 8])?;
                }
                Ok(())
            });
            let mut known: HashMap<u64, u64> = HashMap::new();
            for _ in 0..2000 {
                let info = TopicInfo::read(here.namespace(), &name)?.expect("held by its publisher");
                let lane = &info.lanes[0];
                let first = lane.head - lane.stamps.len() as u64;
                assert!(lane.stamps.is_sorted());
                for (message, stamp) in (first..).zip(&lane.stamps) {
                    assert_eq!(known.entry(message).or_insert(*stamp), stamp, "message {message}");
                }
            }
            assert!(known.len() > 16);
            done.store(true, Relaxed);
            sender.join().expect("the sender ends well")
        })
    }
}
