//! Who may still want what a publisher that is gone left in its ring.

use crate::error::Result;
use crate::layout::{Geometry, TABLE_WORDS, endpoint, participant, topic};
use crate::life::peers::Peer;
use crate::life::record::Role;
use crate::life::told::{Ring, in_order, may_read};
use crate::name::TopicName;
use crate::ring::lane::end_of;
use crate::ring::topic::read_header;
use crate::sys::file::{self, Dir, Inode};
use std::path::PathBuf;

/// An endpoint as its record says; nothing in it is trusted.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) role: Role,
    pub(crate) topic: String,
    /// `number` 0 while the endpoint stands at no file.
    pub(crate) inode: Inode,
    pub(crate) lane: Option<usize>,
    /// Node index, where it belongs to a node.
    pub(crate) node: Option<u64>,
    words: Vec<u64>,
}

impl Endpoint {
    /// Reads a record from two looks at it: the first tells its state and its file, the second the rest.
    fn parse(told: &[u8], bytes: &[u8]) -> Option<Self> {
        let mut words: Vec<u64> = bytes
            .chunks_exact(8)
            .map(|chunk| u64::from_le_bytes(chunk.try_into().expect("eight bytes")))
            .collect();
        for at in [endpoint::STATE, endpoint::DEVICE, endpoint::INODE] {
            words[at / 8] = u64::from_le_bytes(told[at..at + 8].try_into().expect("eight bytes"));
        }
        let word = |at: usize| words[at / 8];
        if !matches!(word(endpoint::STATE), endpoint::IN_USE | endpoint::CLOSED) {
            return None;
        }
        let role = Role::from_word(word(endpoint::ROLE))?;
        let len = usize::try_from(word(endpoint::TOPIC_BYTES))
            .ok()
            .filter(|len| *len <= crate::name::NAME_BYTES_MAX)?;
        let topic = std::str::from_utf8(&bytes[endpoint::TOPIC..endpoint::TOPIC + len]).ok()?;
        // It becomes a file's name: only one that a topic may have, as it stands.
        let topic = TopicName::new(topic).ok().filter(|name| name.as_str() == topic)?;
        Some(Self {
            role,
            topic: topic.to_string(),
            inode: Inode { device: word(endpoint::DEVICE), number: word(endpoint::INODE) },
            lane: usize::try_from(word(endpoint::LANE).wrapping_sub(1))
                .ok()
                .filter(|lane| *lane < topic::LANE_COUNT),
            node: word(endpoint::NODE).checked_sub(1),
            words,
        })
    }

    /// Returns a word of the record.
    pub(crate) fn word(&self, field: usize) -> u64 {
        self.words[field / 8]
    }

    /// Returns how far a lane was read.
    fn cursor(&self, lane: usize) -> u64 {
        self.word(endpoint::CURSORS + 8 * lane)
    }
}

/// Reads the endpoints of a process that are in use.
pub(crate) fn endpoints(peer: &Peer) -> Result<Vec<Endpoint>> {
    let mut endpoints = all_endpoints(peer)?;
    endpoints.retain(|endpoint| endpoint.word(endpoint::STATE) == endpoint::IN_USE);
    Ok(endpoints)
}

/// Reads the endpoints of a process, also the publishers that closed and left blocks in their rings.
pub(crate) fn all_endpoints(peer: &Peer) -> Result<Vec<Endpoint>> {
    use participant::{ENDPOINT_BYTES, ENDPOINT_MARK, ENDPOINT_MAX, ENDPOINTS};
    let read = || peer.records(ENDPOINT_MARK, ENDPOINTS, ENDPOINT_BYTES, ENDPOINT_MAX);
    let (told, bytes) = in_order(read, |_| read())?;
    let [told, bytes] = [&told, &bytes].map(|bytes| bytes.chunks_exact(ENDPOINT_BYTES as usize));
    Ok(told.zip(bytes).filter_map(|(told, bytes)| Endpoint::parse(told, bytes)).collect())
}

/// The subscribers of living processes.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    readers: Vec<Endpoint>,
}

impl Readers {
    /// Reads the records of every living process.
    pub(crate) fn of(peers: &[Peer]) -> Result<Self> {
        let mut readers = Vec::new();
        for peer in peers {
            if peer.is_alive()? {
                readers
                    .extend(endpoints(peer)?.into_iter().filter(|endpoint| endpoint.role != Role::Publisher));
            }
        }
        Ok(Self { readers })
    }

    /// Keeps only those who received something, or joined, after `since_ns`.
    pub(crate) fn active_since(mut self, since_ns: u64) -> Self {
        self.readers
            .retain(|reader| reader.word(endpoint::LAST).max(reader.word(endpoint::JOINED)) >= since_ns);
        self
    }

    /// Returns whether somebody waits for a topic of this name at another file than `inode`, or at none.
    pub(crate) fn await_name(&self, name: &str, inode: Inode) -> bool {
        self.readers.iter().any(|reader| reader.topic == name && reader.inode != inode)
    }

    /// Returns whether somebody may still read what stands in a publisher's lane before `end`.
    ///
    /// A reader elsewhere will come here, and begin at the beginning, only if the name leads here.
    pub(crate) fn want(&self, name: &str, inode: Inode, lane: usize, end: u64, named: bool) -> bool {
        self.readers
            .iter()
            .filter(|reader| reader.topic == name)
            .any(|reader| may_read((reader.inode == inode).then(|| reader.cursor(lane)), end, named))
    }
}

/// What the file that a topic's name leads to says of a lane, read without mapping it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LaneNow {
    pub(crate) inode: Inode,
    pub(crate) ring: Ring,
}

/// Reads a lane of the file that a name leads to now; nothing when there is none, or none of ours.
pub(crate) fn lane_now(topics: &Dir, name: &str, lane: usize) -> Result<Option<LaneNow>> {
    let path: PathBuf = topics.path().join(name);
    let Some(fd) = topics.open_file(name, false)? else { return Ok(None) };
    let Ok(header) = read_header(&fd, &path) else { return Ok(None) };
    let Geometry { depth, slot_bytes, .. } = header.geometry;
    let read = || read_words::<TABLE_WORDS>(&fd, topic::TABLE + (topic::TABLE_LINE * lane) as u64, &path);
    let ([_, owner, ..], [_, _, base, head, ..]) = in_order(read, |_| read())?;
    let slot = header.geometry.lane_offset(lane) + (head & u64::from(depth - 1)) * u64::from(slot_bytes);
    let [sequence] = read_words::<1>(&fd, slot, &path)?;
    let ring = Ring { owner, base, end: end_of(head, sequence), depth: u64::from(depth) };
    Ok(Some(LaneNow { inode: header.inode, ring }))
}

fn read_words<const N: usize>(
    fd: impl std::os::fd::AsFd,
    at: u64,
    path: &std::path::Path,
) -> Result<[u64; N]> {
    let mut bytes = vec![0; 8 * N];
    file::read_at(fd, at, &mut bytes, path)?;
    Ok(std::array::from_fn(|i| u64::from_le_bytes(bytes[8 * i..8 * i + 8].try_into().expect("eight bytes"))))
}
