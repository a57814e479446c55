//! A topic's file: made whole before it has a name, opened under its locks, replaced when its type changes.

use crate::error::{Error, Holder, Result, STALLED_AFTER, TypeMismatch};
use crate::layout::{Geometry, MAGIC_TOPIC, TABLE_WORDS, topic};
use crate::life::namespace::{Root, check_file, write_head};
use crate::life::participant::Participant;
use crate::life::peers;
use crate::life::record::Role;
use crate::life::retention::{Endpoint, endpoints};
use crate::life::{clean, holders};
use crate::name::TopicName;
use crate::ring::bell::Bell;
use crate::ring::lane::{LaneMemory, SLOT_HEAD_WORDS, TableField};
use crate::ring::moved;
use crate::sync::{AtomicU32, AtomicU64};
use crate::sys::clock;
use crate::sys::cpu;
use crate::sys::file::{self, Dir, Inode};
use crate::sys::fork::{self, NoFork};
use crate::sys::futex;
use crate::sys::lock::{self, Held};
use crate::sys::map::{Access, Mapping};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a topic holds. Types are equal when kind, name and schema are; nothing here looks inside the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Which kind of message; never 0.
    pub kind: u8,
    /// The type's name, for people.
    pub type_name: String,
    /// The type's description, compared byte for byte.
    pub schema: Vec<u8>,
    /// Largest payload of a slot, in bytes; what is larger goes through a block.
    pub capacity: u32,
    /// How many messages a ring holds when nobody asks for another depth; a topic's own depth when read from one.
    pub depth: u32,
}

impl TopicSpec {
    /// Returns whether messages of the two can be read as one another.
    pub fn same_type(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.type_name == other.type_name
            && self.schema == other.schema
            && self.capacity == other.capacity
    }
}

/// What a topic's header says; checked, and never changing.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) inode: Inode,
    pub(crate) geometry: Geometry,
    pub(crate) generation: u64,
    pub(crate) spec: TopicSpec,
}

/// What of a topic's file changes, as it is now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filling {
    /// The set of lanes that were ever claimed.
    pub(crate) used: u64,
    /// Bytes of memory that the file takes.
    pub(crate) taken: u64,
}

/// Reads and checks a topic's header, without mapping the file.
pub(crate) fn read_header(fd: impl AsFd, path: &Path) -> Result<Header> {
    Ok(read_filling(fd, path)?.0)
}

/// As [`read_header`], and reads what the same few system calls tell besides.
pub(crate) fn read_filling(fd: impl AsFd, path: &Path) -> Result<(Header, Filling)> {
    let fd = fd.as_fd();
    let size = check_file(fd, path, MAGIC_TOPIC, None)?;
    let damaged = |found: String| Error::Damaged {
        what: path.display().to_string(),
        reason: format!("it says {found}; end who uses it, then horus clean --shm removes it"),
    };
    // The text of most types comes along.
    let mut bytes = [0; topic::TEXT + 512];
    file::read_at(fd, 0, &mut bytes, path)?;
    let half = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let fits = |geometry: &Geometry| {
        geometry.file_bytes == size
            && geometry.depth == half(topic::DEPTH)
            && geometry.slot_bytes == half(topic::SLOT_BYTES)
    };
    let geometry = Geometry::new(half(topic::DEPTH), half(topic::CAPACITY)).ok().filter(fits);
    let geometry = geometry.ok_or_else(|| {
        damaged(format!(
            "depth {}, slots of {} bytes for {} in a file of {size}",
            half(topic::DEPTH),
            half(topic::SLOT_BYTES),
            half(topic::CAPACITY)
        ))
    })?;
    let (name_bytes, schema_bytes) =
        (half(topic::TYPE_NAME_BYTES) as usize, half(topic::SCHEMA_BYTES) as usize);
    if name_bytes.checked_add(schema_bytes).is_none_or(|sum| sum > topic::TEXT_BYTES_MAX) {
        return Err(damaged(format!("a type's name of {name_bytes} bytes and a schema of {schema_bytes}")));
    }
    let mut text = vec![0; name_bytes + schema_bytes];
    match bytes[topic::TEXT..].get(..text.len()) {
        Some(there) => text.copy_from_slice(there),
        None => drop(file::read_at(fd, topic::TEXT as u64, &mut text, path)?),
    }
    let schema = text.split_off(name_bytes);
    let type_name =
        String::from_utf8(text).map_err(|_| damaged("that its type's name is not UTF-8".into()))?;
    let kind = u8::try_from(half(topic::KIND)).ok().filter(|kind| *kind != 0);
    let kind = kind.ok_or_else(|| damaged(format!("kind {}", half(topic::KIND))))?;
    let generation =
        u64::from_le_bytes(bytes[topic::GENERATION..topic::GENERATION + 8].try_into().expect("eight bytes"));
    let spec = TopicSpec { kind, type_name, schema, capacity: half(topic::CAPACITY), depth: geometry.depth };
    let used = u64::from_le_bytes(bytes[topic::USED..topic::USED + 8].try_into().expect("eight bytes"));
    let stat = file::stat(fd, path)?;
    let header = Header { inode: stat.inode, geometry, generation, spec };
    Ok((header, Filling { used, taken: stat.taken }))
}

/// Reads the header of a topic that is wanted: of another layout, its error names who holds it.
fn read_used(participant: &Participant, fd: &OwnedFd, path: &Path) -> Result<Header> {
    read_header(fd, path).map_err(|error| holders::named(error, Some(&participant.folders().participants)))
}

/// A topic's file, mapped; the mapping holds this endpoint's locks.
#[derive(Debug)]
pub(crate) struct TopicFile {
    pub(crate) header: Header,
    pub(crate) map: Arc<Mapping>,
    pub(crate) path: PathBuf,
    /// Whether everything in it was sent after this endpoint came.
    pub(crate) is_new: bool,
    /// Kept only until a publisher has its lane.
    fd: Option<OwnedFd>,
}

/// Which lanes a mapping can read or write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LaneView<'a> {
    table: &'a [AtomicU64],
    slots: &'a [AtomicU64],
    slot_words: usize,
    depth: u64,
}

impl LaneMemory for LaneView<'_> {
    #[inline]
    fn table(&self, field: TableField) -> &AtomicU64 {
        &self.table[field as usize]
    }
    #[inline]
    fn words(&self, slot: usize) -> &[AtomicU64] {
        &self.slots[slot * self.slot_words..][..self.slot_words]
    }
    #[inline]
    fn depth(&self) -> u64 {
        self.depth
    }
}

impl LaneView<'_> {
    /// Asks for the lines that a message of so many payload bytes will take in its slot to be there for writing.
    #[inline]
    pub(crate) fn prefetch(&self, message: u64, payload_bytes: usize) {
        const LINE_WORDS: usize = 8;
        let slot = (message & (self.depth - 1)) as usize;
        let bytes = (8 * SLOT_HEAD_WORDS + payload_bytes).min(PREFETCH_BYTES_MAX);
        for line in self.words(slot).chunks(LINE_WORDS).take(bytes.div_ceil(8 * LINE_WORDS)) {
            cpu::prefetch_to_write(line[0].as_ptr().cast());
        }
    }
}

/// No more of a slot is asked for ahead: what a core can have on its way at once.
const PREFETCH_BYTES_MAX: usize = 2048;

impl TopicFile {
    /// Returns a lane; its pages are reserved and reachable, which the caller has seen to.
    #[inline]
    pub(crate) fn lane(&self, lane: usize) -> LaneView<'_> {
        let geometry = &self.header.geometry;
        LaneView {
            table: self.table(lane),
            slots: self.map.words(geometry.lane_offset(lane) as usize, geometry.lane_bytes as usize / 8),
            slot_words: geometry.slot_bytes as usize / 8,
            depth: u64::from(geometry.depth),
        }
    }

    /// Returns a lane's line in the lane table.
    #[inline]
    pub(crate) fn table(&self, lane: usize) -> &[AtomicU64] {
        self.map.words(topic::TABLE as usize + topic::TABLE_LINE * lane, TABLE_WORDS)
    }

    /// Returns the word that is 1 once a lane's pages are reserved.
    pub(crate) fn reserved(&self, lane: usize) -> &AtomicU64 {
        &self.table(lane)[TableField::Reserved as usize]
    }

    /// Returns the set of lanes that were ever claimed.
    #[inline]
    pub(crate) fn used(&self) -> &AtomicU64 {
        self.map.word(topic::USED)
    }

    /// Returns the word that tells that another file took the name.
    #[inline]
    pub(crate) fn superseded(&self) -> &AtomicU32 {
        self.map.half(topic::SUPERSEDED)
    }

    /// Returns the words that sleepers and publishers meet at.
    #[inline]
    pub(crate) fn bell(&self) -> Bell<'_> {
        Bell { sleeps: self.map.word(topic::SLEEPS), wakes: self.map.half(topic::WAKES) }
    }

    /// Takes the descriptor that holds the locks; the mapping goes on holding them.
    pub(crate) fn take_fd(&mut self) -> OwnedFd {
        self.fd.take().expect("taken once, by whoever opened the topic")
    }

    /// Makes a lane's slots readable, or also writable.
    pub(crate) fn reach_lane(&self, lane: usize, access: Access) -> Result<()> {
        let geometry = &self.header.geometry;
        let bytes = geometry.lane_bytes.next_multiple_of(rustix::param::page_size() as u64);
        self.map.protect(geometry.lane_offset(lane), bytes, access, &self.path)
    }

    fn map(fd: OwnedFd, header: Header, path: &Path, writer: bool, is_new: bool) -> Result<Self> {
        let map = Mapping::new(fd.as_fd(), header.geometry.file_bytes, Access::None, false, path)?;
        let page = rustix::param::page_size() as u64;
        let head = header_bytes(&header.spec).next_multiple_of(page);
        let shared = if writer { Access::ReadWrite } else { Access::Read };
        map.protect(0, head, shared, path)?;
        map.protect(topic::WORDS, page, Access::ReadWrite, path)?;
        map.protect(topic::TABLE, page, shared, path)?;
        Ok(Self { header, map: Arc::new(map), path: path.to_owned(), is_new, fd: Some(fd) })
    }
}

fn header_bytes(spec: &TopicSpec) -> u64 {
    (topic::TEXT + spec.type_name.len() + spec.schema.len()) as u64
}

/// How an endpoint opens a topic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) spec: &'a TopicSpec,
    /// The depth that was asked for, if any.
    pub(crate) depth: Option<u32>,
    /// Whether it will publish.
    pub(crate) writer: bool,
}

/// Opens a topic by name, making it if there is none, replacing it if nobody uses it as another type.
///
/// The guard is for the descriptor that the file still has: a forked child must not inherit it.
///
/// # Errors
/// [`Error::TypeMismatch`] naming the living; [`Error::Busy`] when somebody stopped holds it for 2 s.
pub(crate) fn open_typed(
    participant: &Participant,
    name: &TopicName,
    wish: Wish<'_>,
) -> Result<(TopicFile, NoFork)> {
    let mut patience = Patience::new(participant, name);
    loop {
        let guard = fork::no_fork();
        let folders = participant.folders();
        let path = folders.topics.path().join(name.as_str());
        let reason = match folders.topics.open_file(name.as_str(), true)? {
            None => match make(participant, &folders.topics, name, wish, 0) {
                Ok(Some(file)) => return Ok((file, guard)),
                Ok(None) => "its name comes and goes",
                Err(error) if error.is_gone() => {
                    participant.reopen_folders()?;
                    "its folder comes and goes"
                }
                Err(error) => return Err(error),
            },
            Some(fd) => match try_open(participant, &folders.topics, &path, name, fd, wish)? {
                Ok(file) => return Ok((file, guard)),
                Err(reason) => reason,
            },
        };
        // Others of this process may fork while this one waits.
        drop(guard);
        patience.again(reason)?;
    }
}

/// Tries once to use or replace the file a name leads to; the inner error says why to try again.
fn try_open(
    participant: &Participant,
    topics: &Dir,
    path: &Path,
    name: &TopicName,
    fd: OwnedFd,
    wish: Wish<'_>,
) -> Result<Result<TopicFile, &'static str>> {
    const LOCKED: &str = "somebody who cleans or replaces it is stopped";
    let header = read_used(participant, &fd, path)?;
    let wanted_depth = wish.depth.map(|depth| Geometry::new(depth, wish.spec.capacity)).transpose()?;
    let same_type = header.spec.same_type(wish.spec);
    let same = same_type && wanted_depth.is_none_or(|wanted| wanted.depth == header.geometry.depth);
    if !same && lock::try_exclusive(&fd, topic::LOCK_TYPED, 1, path)? {
        return match topics.leads_to(name.as_str(), header.inode)? {
            true => supersede(participant, topics, name, fd, &header, wish).map(|made| made.ok_or(LOCKED)),
            false => Ok(Err("its name comes and goes")),
        };
    }
    if !same_type {
        return match lock::held(&fd, topic::LOCK_TYPED, 1, path)? {
            Held::Shared => {
                let holders = typed_holders(&participant.folders().participants, header.inode)?;
                if holders.is_empty() {
                    return Ok(Err("it is in use by a process that is just opening it"));
                }
                Err(Error::TypeMismatch(Box::new(TypeMismatch {
                    topic: name.clone(),
                    wanted: wish.spec.clone(),
                    found: header.spec,
                    holders,
                })))
            }
            _ => Ok(Err(LOCKED)),
        };
    }
    if !lock::try_shared(&fd, topic::LOCK_TYPED, 1, path)? {
        return Ok(Err(LOCKED));
    }
    if !topics.leads_to(name.as_str(), header.inode)? {
        return Ok(Err("its name comes and goes"));
    }
    let file = TopicFile::map(fd, header, path, wish.writer, false)?;
    // Whoever made the topic may have been killed before it told those who wait for it.
    announce(participant.namespace().root());
    Ok(Ok(file))
}

/// Opens whatever a topic holds; nothing when there is no topic of this name.
pub(crate) fn open_untyped(participant: &Participant, name: &TopicName) -> Result<Option<TopicFile>> {
    let mut patience = Patience::new(participant, name);
    loop {
        let guard = fork::no_fork();
        let folders = participant.folders();
        let path = folders.topics.path().join(name.as_str());
        let reason = match folders.topics.open_file(name.as_str(), true)? {
            None if folders.topics.stat()?.links > 0 || !participant.still_linked()? => return Ok(None),
            None => {
                participant.reopen_folders()?;
                "its folder comes and goes"
            }
            Some(fd) => {
                let header = read_used(participant, &fd, &path)?;
                if !lock::try_shared(&fd, topic::LOCK_UNTYPED, 1, &path)? {
                    "somebody who cleans it is stopped"
                } else if !folders.topics.leads_to(name.as_str(), header.inode)? {
                    "its name comes and goes"
                } else {
                    let mut file = TopicFile::map(fd, header, &path, false, false)?;
                    drop(file.take_fd());
                    return Ok(Some(file));
                }
            }
        };
        drop(guard);
        patience.again(reason)?;
    }
}

/// Makes a topic's file whole and locked for reading by its mapping; it has no name yet.
fn nameless(topics: &Dir, path: &Path, wish: Wish<'_>, generation: u64) -> Result<TopicFile> {
    let spec = wish.spec;
    let geometry = Geometry::new(wish.depth.unwrap_or(spec.depth), spec.capacity)?;
    let text = spec.type_name.len() + spec.schema.len();
    if text > topic::TEXT_BYTES_MAX {
        return Err(Error::TooLarge {
            what: format!("the schema of {}", spec.type_name),
            bytes: text as u64,
            limit: topic::TEXT_BYTES_MAX as u64,
        });
    }
    let fd = topics.nameless(geometry.file_bytes)?;
    let page = rustix::param::page_size() as u64;
    file::reserve(&fd, 0, header_bytes(spec), path)?;
    file::reserve(&fd, topic::WORDS, page, path)?;
    file::reserve(&fd, topic::TABLE, page, path)?;
    lock::try_shared(&fd, topic::LOCK_TYPED, 1, path)?;
    let inode = file::stat(&fd, path)?.inode;
    let spec = TopicSpec { depth: geometry.depth, ..spec.clone() };
    let header = Header { inode, geometry, generation, spec };
    // Filled through a mapping that may write the header, which a subscriber's own may not.
    let made = TopicFile::map(fd, header, path, true, true)?;
    let half = |at: usize, value: u32| made.map.fill(at, &value.to_le_bytes());
    write_head(&made.map, MAGIC_TOPIC, geometry.file_bytes);
    made.map.fill(topic::GENERATION, &generation.to_le_bytes());
    half(topic::DEPTH, geometry.depth);
    half(topic::SLOT_BYTES, geometry.slot_bytes);
    half(topic::CAPACITY, wish.spec.capacity);
    half(topic::KIND, u32::from(wish.spec.kind));
    half(topic::TYPE_NAME_BYTES, wish.spec.type_name.len() as u32);
    half(topic::SCHEMA_BYTES, wish.spec.schema.len() as u32);
    made.map.fill(topic::TEXT, wish.spec.type_name.as_bytes());
    made.map.fill(topic::TEXT + wish.spec.type_name.len(), &wish.spec.schema);
    if !wish.writer {
        made.map.protect(0, header_bytes(wish.spec).next_multiple_of(page), Access::Read, path)?;
        made.map.protect(topic::TABLE, page, Access::Read, path)?;
    }
    Ok(made)
}

/// Makes a topic and gives it its name; nothing when somebody else was first.
fn make(
    participant: &Participant,
    topics: &Dir,
    name: &TopicName,
    wish: Wish<'_>,
    generation: u64,
) -> Result<Option<TopicFile>> {
    let path = topics.path().join(name.as_str());
    let made = nameless(topics, &path, wish, generation)?;
    crate::fail::point("topic.made");
    let fd = made.fd.as_ref().expect("a new file keeps its descriptor");
    if !topics.link(fd.as_fd(), name.as_str())? {
        return Ok(None);
    }
    crate::fail::point("topic.linked");
    announce(participant.namespace().root());
    Ok(Some(made))
}

/// Puts a new file in the place of one that no typed endpoint uses; `old` is locked for writing meanwhile.
fn supersede(
    participant: &Participant,
    topics: &Dir,
    name: &TopicName,
    old: OwnedFd,
    old_header: &Header,
    wish: Wish<'_>,
) -> Result<Option<TopicFile>> {
    let path = topics.path().join(name.as_str());
    let page = rustix::param::page_size() as u64;
    let old_map = Mapping::new(old.as_fd(), old_header.geometry.file_bytes, Access::None, false, &path)?;
    old_map.protect(0, page, Access::ReadWrite, &path)?;
    old_map.protect(topic::WORDS, page, Access::ReadWrite, &path)?;
    let made = nameless(topics, &path, wish, old_header.generation.wrapping_add(1))?;
    let temporary = format!(".{name}~{:016x}", participant.id());
    topics.unlink(&temporary)?;
    let fd = made.fd.as_ref().expect("a new file keeps its descriptor");
    if !topics.link(fd.as_fd(), &temporary)? {
        return Ok(None);
    }
    crate::fail::point("supersede.linked");
    topics.exchange(&temporary, name.as_str())?;
    crate::fail::point("supersede.exchanged");
    let bell = Bell { sleeps: old_map.word(topic::SLEEPS), wakes: old_map.half(topic::WAKES) };
    moved::mark(old_map.half(topic::SUPERSEDED), bell);
    crate::fail::point("supersede.marked");
    futex::wake_all(bell.wakes);
    announce(participant.namespace().root());
    topics.unlink(&temporary)?;
    Ok(Some(made))
}

/// Wakes those who wait for a topic that isn't there, or who may be asleep on a file that lost its name: a name may lead
/// somewhere new.
pub(crate) fn announce(root: &Root) {
    let word = root.topics_made();
    moved::tell(word);
    futex::wake_all(word);
}

/// Lists the living endpoints that know the type of a file.
fn typed_holders(participants: &Dir, inode: Inode) -> Result<Vec<Holder>> {
    let mut holders = Vec::new();
    for peer in peers::living(participants)? {
        let nodes = crate::life::census::node_names(&peer)?;
        for endpoint in endpoints(&peer)? {
            if endpoint.inode == inode && endpoint.role != Role::UntypedSubscriber {
                let node =
                    endpoint.node.and_then(|index| nodes.get(index as usize).cloned()).unwrap_or_default();
                let holder = Holder { pid: peer.pid(), node };
                if !holders.contains(&holder) {
                    holders.push(holder);
                }
            }
        }
    }
    Ok(holders)
}

/// Trying again, for as long as somebody alive could need to let go.
struct Patience<'a> {
    participant: &'a Participant,
    name: &'a TopicName,
    since_ns: Option<u64>,
}

impl<'a> Patience<'a> {
    fn new(participant: &'a Participant, name: &'a TopicName) -> Self {
        Self { participant, name, since_ns: None }
    }

    /// Waits a moment, or gives up.
    fn again(&mut self, reason: &str) -> Result<()> {
        let now = clock::now_ns();
        let since = *self.since_ns.get_or_insert(now);
        if Duration::from_nanos(now - since) > STALLED_AFTER {
            let pids = self.suspects();
            let who = if pids.is_empty() { String::new() } else { format!(" (pid {})", pids.join(" or ")) };
            return Err(Error::Busy {
                what: format!("topic '{}'", self.name),
                reason: format!("{reason}{who}"),
            });
        }
        let word = self.participant.namespace().root().topics_made();
        futex::wait(word, moved::count(word), Some(Duration::from_millis(1)));
        Ok(())
    }

    /// Names who may hold it: the cleaner at work, and who is just opening the topic.
    fn suspects(&self) -> Vec<String> {
        let root = self.participant.namespace().root();
        let mut pids: Vec<u32> = clean::cleaner_at_work(root).into_iter().collect();
        let participants = &self.participant.folders().participants;
        for peer in peers::living(participants).unwrap_or_default() {
            let opening =
                |endpoint: &Endpoint| endpoint.topic == self.name.as_str() && endpoint.inode.number == 0;
            if peer.id != self.participant.id() && endpoints(&peer).is_ok_and(|all| all.iter().any(opening)) {
                pids.push(peer.pid());
            }
        }
        pids.iter().map(u32::to_string).collect()
    }
}
