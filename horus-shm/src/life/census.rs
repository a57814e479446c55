//! Everything there is to see in a namespace, read without a lock, a mapping or a join.

use crate::error::{Error, Result};
use crate::layout::{MAGIC_POOL, endpoint, node, participant, pool};
use crate::life::holders;
use crate::life::namespace::{Namespace, PARTICIPANTS, POOLS, TOPICS, check_file, pid_namespace};
use crate::life::participant::Language;
use crate::life::peers::{self, Peer};
use crate::life::record::{NodeState, Role};
use crate::life::retention::{Endpoint, endpoints};
use crate::life::tombstone::{self, NodeEntry, Tombstone};
use crate::life::traffic::{LISTED_STAMPS_MAX, TopicInfo, topic_info};
use crate::name::TopicName;
use crate::pool::descriptor::parse_name;
use crate::sys::file::{self, Dir, Inode};
use std::collections::HashMap;
use std::path::Path;

/// What stood in a namespace at one moment; each part may be stale at once.
#[derive(Debug, Default)]
pub struct Census {
    /// The processes, living and dead.
    pub participants: Vec<ParticipantInfo>,
    /// The topics, sorted by name.
    pub topics: Vec<TopicInfo>,
    /// The nodes that died without a clean stop, and aren't back.
    pub tombstones: Vec<Tombstone>,
    /// Where large messages are.
    pub pools: Vec<PoolInfo>,
    /// What can't be trusted: foreign, damaged, of another layout.
    pub faults: Vec<Error>,
}

/// A process.
#[derive(Clone, Debug)]
pub struct ParticipantInfo {
    /// Its id.
    pub id: u64,
    /// Its process id, in its own PID namespace.
    pub pid: u32,
    /// Whether that is this process's PID namespace too, so that here the number means the same process.
    pub pid_is_ours: bool,
    /// Whether it holds its lock.
    pub alive: bool,
    /// What it is written in.
    pub language: Language,
    /// When it joined, `CLOCK_MONOTONIC` nanoseconds.
    pub started_ns: u64,
    /// Its nodes.
    pub nodes: Vec<NodeInfo>,
    /// Its publishers and subscribers.
    pub endpoints: Vec<EndpointInfo>,
    /// How many blocks of others it holds.
    pub pinned_blocks: u64,
}

/// A node. Times are `CLOCK_MONOTONIC` nanoseconds.
#[derive(Clone, Debug)]
pub struct NodeInfo {
    /// Its name.
    pub name: String,
    /// What it is doing.
    pub state: NodeState,
    /// How often it means to tick, in Hz; 0 when it waits for topics.
    pub rate_hz: f64,
    /// How often it ticked over the last second, in Hz; 0 before there was one.
    pub actual_hz: f64,
    /// How many ticks it has made.
    pub ticks: u64,
    /// How many began late.
    pub overruns: u64,
    /// Mean length of a tick, nanoseconds.
    pub tick_mean_ns: u64,
    /// Longest tick, nanoseconds.
    pub tick_max_ns: u64,
    /// When the last tick began.
    pub tick_began_ns: u64,
    /// By when it said it would move again; 0 while it waits for a topic.
    pub deadline_ns: u64,
    /// When it was entered.
    pub started_ns: u64,
}

/// A publisher or subscriber. Times are `CLOCK_MONOTONIC` nanoseconds.
#[derive(Clone, Debug)]
pub struct EndpointInfo {
    /// Which way messages go.
    pub role: Role,
    /// The topic's name.
    pub topic: String,
    /// The node it belongs to.
    pub node: Option<String>,
    /// A publisher's lane.
    pub lane: Option<u8>,
    /// Messages sent.
    pub sent: u64,
    /// Messages received.
    pub received: u64,
    /// Messages missed.
    pub dropped: u64,
    /// When a subscriber last found that it had missed messages; 0 if it never did.
    pub dropped_ns: u64,
    /// Messages passed over on purpose.
    pub skipped: u64,
    /// Messages sent as a copy because a writable view lived on.
    pub copies: u64,
    /// The depth that was asked for where the topic already had another; 0 otherwise.
    pub depth_asked: u32,
    /// When the last message was sent, or when the last one received had been sent.
    pub last_ns: u64,
    /// When it joined.
    pub joined_ns: u64,
    /// Whether it stands at the file that the name leads to.
    pub current: bool,
}

/// A process's pool of one block size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolInfo {
    /// Its owner's participant.
    pub owner: u64,
    /// Bytes of shared memory that it takes.
    pub bytes: u64,
    /// Bytes of a block.
    pub block_bytes: u64,
    /// Blocks that have their pages.
    pub blocks: u64,
}

impl Census {
    /// Reads a namespace. One that isn't there is empty.
    ///
    /// Costs a few system calls for each file. What can't be trusted becomes an entry in `faults`.
    ///
    /// # Errors
    /// What opening the folders gives.
    pub fn take(namespace: &Namespace) -> Result<Self> {
        let mut census = Self::default();
        let Some(dir) = namespace.dir()? else { return Ok(census) };
        // Any may be missing: somebody is just joining or leaving, or left what cleaners don't touch.
        let folder = |name| match dir.open_dir(name) {
            Err(error) if error.is_gone() => Ok(None),
            other => other.map(Some),
        };
        let (participants, topics, pools) = (folder(PARTICIPANTS)?, folder(TOPICS)?, folder(POOLS)?);
        let peers = match &participants {
            Some(participants) => peers::list(participants, &mut census.faults)?,
            None => Vec::new(),
        };
        let inodes = match &topics {
            Some(topics) => census.read_topics(topics, &peers)?,
            None => HashMap::new(),
        };
        for peer in &peers {
            match participant_info(peer, &mut |topic| inodes.get(topic).copied()) {
                Ok(info) => census.participants.push(info),
                Err(error) => census.faults.push(error),
            }
        }
        if let Some(pools) = &pools {
            census.read_pools(pools)?;
        }
        let lives = |stone: &Tombstone| {
            census.participants.iter().any(|participant| {
                participant.alive && participant.nodes.iter().any(|node| node.name == stone.node)
            })
        };
        match tombstone::list(&dir) {
            Ok(stones) => census.tombstones = stones.into_iter().filter(|stone| !lives(stone)).collect(),
            Err(error @ Error::Refused { .. }) => census.faults.push(error),
            Err(error) => return Err(error),
        }
        holders::name_all(&mut census.faults, participants.as_ref());
        Ok(census)
    }

    /// Returns why a topic of this name can't be read, where something lies in its place: it is there, and isn't
    /// among `topics`.
    pub fn fault_of(&self, topic: &TopicName) -> Option<&Error> {
        let ends = Path::new(TOPICS).join(topic.as_str());
        self.faults.iter().find(|fault| match fault {
            Error::Refused { path, .. } | Error::Layout { path, .. } | Error::Permission { path, .. } => {
                path.ends_with(&ends)
            }
            Error::Damaged { what, .. } => Path::new(what).ends_with(&ends),
            _ => false,
        })
    }

    fn read_topics(&mut self, topics: &Dir, peers: &[Peer]) -> Result<HashMap<String, Inode>> {
        let mut alive = HashMap::new();
        for peer in peers {
            alive.insert(peer.id, peer.is_alive()?);
        }
        let mut inodes = HashMap::new();
        for name in topics.names()? {
            // What begins with a dot is a topic on its way to another type.
            let Ok(topic_name) = TopicName::new(&name) else { continue };
            let path = topics.path().join(&name);
            let opened = topics.open_file(&name, false);
            let lives = |owner| alive.get(&owner).copied().unwrap_or(false);
            match opened.and_then(|fd| {
                fd.map(|fd| topic_info(&fd, &path, &topic_name, LISTED_STAMPS_MAX, lives)).transpose()
            }) {
                Ok(Some((info, inode))) => {
                    inodes.insert(name, inode);
                    self.topics.push(info);
                }
                Ok(None) => {}
                Err(error) => self.faults.push(error),
            }
        }
        Ok(inodes)
    }

    fn read_pools(&mut self, pools: &Dir) -> Result<()> {
        for name in pools.names()? {
            match pool_info(pools, &name) {
                Ok(Some(info)) => self.pools.push(info),
                Ok(None) => {}
                Err(error) => self.faults.push(error),
            }
        }
        Ok(())
    }
}

/// Reads the names of a process's nodes, in the order of their records.
pub(crate) fn node_names(peer: &Peer) -> Result<Vec<String>> {
    Ok(tombstone::nodes(peer)?.into_iter().map(|entry| entry.name).collect())
}

/// Reads what a pool takes; nothing when it is gone.
fn pool_info(pools: &Dir, name: &str) -> Result<Option<PoolInfo>> {
    let path = pools.path().join(name);
    let Some((owner, _)) = parse_name(name) else {
        return Err(Error::Refused { path, reason: "its name is not a pool's; remove it".into() });
    };
    let Some(fd) = pools.open_file(name, false)? else { return Ok(None) };
    check_file(&fd, &path, MAGIC_POOL, None)?;
    let bytes = file::stat(&fd, &path)?.taken;
    let mut word = [0; 8];
    file::read_at(&fd, pool::BLOCK_BYTES as u64, &mut word, &path)?;
    let block_bytes = u64::from_le_bytes(word);
    let header = rustix::param::page_size() as u64;
    let blocks = bytes.saturating_sub(header).checked_div(block_bytes).unwrap_or(0);
    Ok(Some(PoolInfo { owner, bytes, block_bytes, blocks }))
}

impl ParticipantInfo {
    /// Reads the living processes of a namespace, without its topics; those that can't be trusted are left out.
    ///
    /// Costs a few system calls for each process and one for each topic that they name: far less than a census, for
    /// who watches counters grow.
    ///
    /// # Errors
    /// What opening the folders gives.
    pub fn living(namespace: &Namespace) -> Result<Vec<Self>> {
        let Some(folders) = namespace.folders()? else { return Ok(Vec::new()) };
        let mut inodes = HashMap::new();
        let mut inode_of = |topic: &str| {
            let found = || folders.topics.stat_name(topic).ok().flatten().map(|stat| stat.inode);
            *inodes.entry(topic.to_owned()).or_insert_with(found)
        };
        let living = peers::living(&folders.participants)?;
        Ok(living.iter().filter_map(|peer| participant_info(peer, &mut inode_of).ok()).collect())
    }
}

/// Reads a process's records; `inode_of` tells which file a topic's name leads to.
fn participant_info(peer: &Peer, inode_of: &mut dyn FnMut(&str) -> Option<Inode>) -> Result<ParticipantInfo> {
    let entries = tombstone::nodes(peer)?;
    let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    Ok(ParticipantInfo {
        id: peer.id,
        pid: peer.pid(),
        pid_is_ours: peer.word(participant::PID_NAMESPACE)? == pid_namespace(),
        alive: peer.is_alive()?,
        language: Language::from_word(peer.word(participant::LANGUAGE)?),
        started_ns: peer.word(participant::STARTED)?,
        endpoints: endpoints(peer)?.iter().map(|entry| endpoint_info(entry, &names, inode_of)).collect(),
        nodes: entries.iter().filter_map(node_info).collect(),
        pinned_blocks: peer.pins()?.len() as u64,
    })
}

fn node_info(entry: &NodeEntry) -> Option<NodeInfo> {
    let ticks = entry.word(node::TICKS);
    Some(NodeInfo {
        name: entry.name.clone(),
        state: entry.state?,
        rate_hz: f64::from_bits(entry.word(node::RATE_BITS)),
        actual_hz: f64::from_bits(entry.word(node::ACTUAL_BITS)),
        ticks,
        overruns: entry.word(node::OVERRUNS),
        tick_mean_ns: entry.word(node::TICK_SUM).checked_div(ticks).unwrap_or(0),
        tick_max_ns: entry.word(node::TICK_MAX),
        tick_began_ns: entry.word(node::TICK_BEGAN),
        deadline_ns: entry.word(node::DEADLINE),
        started_ns: entry.word(node::STARTED),
    })
}

fn endpoint_info(
    entry: &Endpoint,
    nodes: &[&str],
    inode_of: &mut dyn FnMut(&str) -> Option<Inode>,
) -> EndpointInfo {
    EndpointInfo {
        role: entry.role,
        topic: entry.topic.clone(),
        node: entry.node.and_then(|index| nodes.get(index as usize)).map(|name| (*name).to_owned()),
        lane: entry.lane.map(|lane| lane as u8),
        sent: entry.word(endpoint::SENT),
        received: entry.word(endpoint::RECEIVED),
        dropped: entry.word(endpoint::DROPPED),
        dropped_ns: entry.word(endpoint::DROPPED_AT),
        skipped: entry.word(endpoint::SKIPPED),
        copies: entry.word(endpoint::COPIES),
        depth_asked: entry.word(endpoint::DEPTH_ASKED) as u32,
        last_ns: entry.word(endpoint::LAST),
        joined_ns: entry.word(endpoint::JOINED),
        current: inode_of(&entry.topic) == Some(entry.inode),
    }
}
