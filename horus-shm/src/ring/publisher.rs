//! The sending side of a topic.

use crate::error::{Error, Result};
use crate::layout::{descriptor, endpoint, topic};
use crate::life::namespace::process_id;
use crate::life::participant::Participant;
use crate::life::peers;
use crate::life::record::{EndpointRecord, NodeIndex, Role};
use crate::name::TopicName;
use crate::pool::block::{Block, BlockMut};
use crate::pool::descriptor::Descriptor;
use crate::pool::own::{OwnBlock, lock_pools};
use crate::ring::lane::{Bytes, FLAG_BLOCK, FLAG_LATCHED, LEN_MASK, LaneMemory, TableField, Words, Writer};
use crate::ring::lanes;
use crate::ring::retired::Retired;
use crate::ring::topic::{TopicFile, TopicSpec, Wish, open_typed};
use crate::sync::{AtomicU64, Ordering};
use crate::sys::clock::{TickClock, now_ns};
use crate::sys::file;
use crate::sys::futex;
use crate::sys::lock;
use crate::sys::map::Access;
use std::os::fd::AsFd;
use std::sync::Arc;

/// What a publisher may ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublisherOptions {
    /// The ring's length, rounded up to a power of two from 8 to 2^20; the type's default when left out.
    pub depth: Option<u32>,
    /// Whether late joiners get the newest message while this publisher lives.
    pub latched: bool,
    /// The node it belongs to.
    pub node: Option<NodeIndex>,
}

/// Sends messages on one topic, through a lane of its own. One thread at a time.
///
/// In a child forked from the process that opened it, the next send joins and opens anew.
#[derive(Debug)]
pub struct Publisher {
    // First, so that its locks are let go before the last participant leaves and cleans.
    file: TopicFile,
    topic: TopicName,
    spec: TopicSpec,
    options: PublisherOptions,
    lane: usize,
    writer: Writer,
    clock: TickClock,
    served: Option<u64>,
    sent: u64,
    bytes: u64,
    copies: u64,
    flags: u64,
    /// Which block each slot names.
    held: Vec<Option<Arc<OwnBlock>>>,
    scratch: Vec<u8>,
    record: EndpointRecord,
    participant: Arc<Participant>,
}

/// So many messages ahead the lines of a slot are asked for: soon enough to be there, not so soon that they are
/// taken from a reader that is a few messages behind.
const PREFETCH_AHEAD: u64 = 2;

impl Publisher {
    /// Opens a topic for sending, making it if there is none.
    ///
    /// # Errors
    /// [`Error::TypeMismatch`] when others use it as another type, [`Error::LanesFull`] with 64 publishers,
    /// [`Error::ShmFull`], [`Error::TooLarge`], [`Error::Busy`], [`Error::Damaged`].
    pub fn open(
        participant: &Arc<Participant>,
        topic: &TopicName,
        spec: &TopicSpec,
        options: PublisherOptions,
    ) -> Result<Self> {
        let wish = Wish { spec, depth: options.depth, writer: true };
        let record = EndpointRecord::new(participant, topic, Role::Publisher, options.node)?;
        let (mut file, guard) = open_typed(participant, topic, wish)?;
        record.set_inode(file.header.inode);
        note_depth(&record, options.depth, &file);
        let (lane, writer) = claim(participant, topic, &mut file)?;
        drop(guard);
        record.set(endpoint::LANE, lane as u64 + 1);
        record.set(endpoint::HEAD, writer.next());
        let bytes = file.lane(lane).table(TableField::Bytes).load(Ordering::Relaxed);
        let depth = file.header.geometry.depth;
        Ok(Self {
            participant: participant.clone(),
            topic: topic.clone(),
            spec: spec.clone(),
            options,
            record,
            lane,
            writer,
            clock: TickClock::default(),
            served: None,
            sent: 0,
            bytes,
            copies: 0,
            flags: if options.latched { FLAG_LATCHED } else { 0 },
            held: vec![None; depth as usize],
            scratch: Vec::new(),
            file,
        })
    }

    /// Sends one message; it is copied once, into the ring, or into a block when it doesn't fit a slot.
    ///
    /// Never waits. One system call when somebody slept since the last send, else none.
    ///
    /// # Errors
    /// For what goes into a block: [`Error::ShmFull`], [`Error::PoolExhausted`]. Nothing was sent then.
    pub fn send(&mut self, payload: &[u8]) -> Result<()> {
        self.enter()?;
        if payload.len() > self.room() {
            let mut block = BlockMut::allocate(&self.participant, payload.len() as u64)?;
            block.copy_from_slice(payload);
            return self.publish_block(&block.freeze(), payload.len() as u64, &[]);
        }
        self.publish_inline(payload.len(), Bytes(payload));
        Ok(())
    }

    /// Sends one message of `len` bytes that `fill` writes, straight into a block where it doesn't fit a slot.
    ///
    /// `fill` writes every byte. They aren't cleared for it: what it leaves out is zero, or what this process sent before.
    ///
    /// # Errors
    /// As [`Publisher::send`]; `fill` is not called then.
    pub fn send_with(&mut self, len: usize, fill: impl FnOnce(&mut [u8])) -> Result<()> {
        self.enter()?;
        if len > self.room() {
            let mut block = BlockMut::allocate(&self.participant, len as u64)?;
            fill(&mut block);
            return self.publish_block(&block.freeze(), len as u64, &[]);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.resize(len, 0);
        fill(&mut scratch);
        self.publish_inline(len, Bytes(&scratch));
        self.scratch = scratch;
        Ok(())
    }

    /// Sends the first `len` bytes of a block of this process, copying nothing but `meta` (at most 136 bytes).
    ///
    /// A block that was allocated in another namespace is copied once.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for more `meta`, or more bytes than the block has; it has none in a child forked from
    /// the process that allocated it.
    pub fn send_block(&mut self, block: &Block, len: u64, meta: &[u8]) -> Result<()> {
        self.enter()?;
        let size = block.bytes().len() as u64;
        if len > size {
            return Err(Error::TooLarge { what: "a message".into(), bytes: len, limit: size });
        }
        let room = self.room() - descriptor::BYTES;
        if meta.len() > room.min(descriptor::META_BYTES_MAX) {
            return Err(Error::TooLarge {
                what: "a descriptor".into(),
                bytes: meta.len() as u64,
                limit: room as u64,
            });
        }
        if block.is_of(&self.participant) {
            return self.publish_block(block, len, meta);
        }
        let mut copy = BlockMut::allocate(&self.participant, len)?;
        copy.copy_from_slice(&block.bytes()[..len as usize]);
        self.publish_block(&copy.freeze(), len, meta)
    }

    /// Counts a message that had to be copied because a writable view of it lived on; tools show it.
    pub fn count_copy(&mut self) {
        self.copies += 1;
        if self.file.map.is_ours() {
            self.record.set(endpoint::COPIES, self.copies);
        }
    }

    /// Returns the topic's name.
    pub fn topic(&self) -> &TopicName {
        &self.topic
    }

    /// Returns how many messages the ring holds.
    pub fn depth(&self) -> u32 {
        self.file.header.geometry.depth
    }

    /// Returns how many messages this publisher has sent.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Returns the participant it sends as.
    pub fn participant(&self) -> &Arc<Participant> {
        &self.participant
    }

    fn room(&self) -> usize {
        self.file.header.geometry.capacity as usize
    }

    /// Opens anew in a forked child, which has none of its parent's mappings.
    #[inline]
    fn enter(&mut self) -> Result<()> {
        if self.file.map.is_ours() { Ok(()) } else { self.reopen() }
    }

    #[cold]
    fn reopen(&mut self) -> Result<()> {
        let language = self.participant.language();
        let participant = Participant::join(self.participant.namespace(), language)?;
        let options = PublisherOptions { node: None, ..self.options };
        let (topic, spec) = (self.topic.clone(), self.spec.clone());
        *self = Self::open(&participant, &topic, &spec, options)?;
        Ok(())
    }

    #[inline]
    fn publish_inline(&mut self, len: usize, words: Bytes<'_>) {
        let message = self.publish(len as u64, self.flags | len as u64, words);
        self.swap_held(message, None);
    }

    fn publish_block(&mut self, block: &Block, len: u64, meta: &[u8]) -> Result<()> {
        let own = block.own();
        own.note_depth(self.depth());
        let (pool, index) = own.place();
        let named = Descriptor { owner: self.participant.id(), pool, block: index, offset: 0, len };
        let in_ring = (descriptor::BYTES + meta.len()) as u64;
        debug_assert!(in_ring <= LEN_MASK);
        crate::fail::point("block.named");
        let words = Named { descriptor: named.to_words(), meta };
        let message = self.publish(len, self.flags | FLAG_BLOCK | in_ring, words);
        self.swap_held(message, Some(own.clone()));
        if own.is_out() {
            lock_pools(&self.participant).restock(&self.participant, own);
        }
        Ok(())
    }

    /// Writes one message, wakes sleepers, and keeps the counts.
    #[inline]
    fn publish(&mut self, len: u64, len_flags: u64, words: impl Words) -> u64 {
        let lane = self.file.lane(self.lane);
        let now = self.clock.now_ns();
        let message = self.writer.write(&lane, now, len_flags, words);
        let bell = self.file.bell();
        if bell.due(&mut self.served) {
            futex::wake_all(bell.wakes);
        }
        // Sent: what follows is out of the message's way.
        lane.prefetch(message + PREFETCH_AHEAD, (len_flags & LEN_MASK) as usize);
        self.bytes = self.bytes.wrapping_add(len);
        lane.table(TableField::Bytes).store(self.bytes, Ordering::Relaxed);
        self.sent += 1;
        let record = self.record.words();
        for (field, value) in
            [(endpoint::SENT, self.sent), (endpoint::HEAD, message + 1), (endpoint::LAST, now)]
        {
            // Relaxed: for tools, each by itself.
            record[field / 8].store(value, Ordering::Relaxed);
        }
        message
    }

    /// Notes what the slot of `message` names now; lets go of what it named before. After the fence in `publish`.
    #[inline]
    fn swap_held(&mut self, message: u64, now: Option<Arc<OwnBlock>>) {
        let slot = (message & (self.held.len() as u64 - 1)) as usize;
        self.held[slot] = now;
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        if !self.file.map.is_ours() {
            return;
        }
        Writer::close(&self.file.lane(self.lane));
        crate::fail::point("close.owner");
        let depth = u64::from(self.depth());
        let first = self.writer.next().saturating_sub(depth);
        let mut named = |message| self.held[(message & (depth - 1)) as usize].take();
        let entries: Vec<_> = (first..self.writer.next())
            .filter_map(|message| named(message).map(|block| (message, block)))
            .collect();
        if !entries.is_empty() {
            let retired = Retired {
                topic: self.topic.clone(),
                inode: self.file.header.inode,
                lane: self.lane,
                entries,
                record: self.record.retire(),
            };
            lock_pools(&self.participant).retire(retired);
        }
    }
}

/// Notes the depth that was asked for where the topic already had another.
pub(crate) fn note_depth(record: &EndpointRecord, asked: Option<u32>, file: &TopicFile) {
    if let Some(asked) = asked
        && asked.max(crate::layout::DEPTH_MIN).next_power_of_two() != file.header.geometry.depth
    {
        record.set(endpoint::DEPTH_ASKED, u64::from(asked));
    }
}

/// Takes the lowest free lane. The topic's typed byte is held, so its file can't go.
fn claim(participant: &Participant, topic: &TopicName, file: &mut TopicFile) -> Result<(usize, Writer)> {
    let fd = file.take_fd();
    let geometry = file.header.geometry;
    for lane in 0..topic::LANE_COUNT {
        let byte = topic::LOCK_LANE + lane as i64;
        if !lock::try_exclusive(&fd, byte, 1, &file.path)? {
            continue;
        }
        crate::fail::point("claim.locked");
        let reserved = file.reserved(lane);
        if reserved.load(Ordering::Relaxed) != 1 {
            file::reserve(fd.as_fd(), geometry.lane_offset(lane), geometry.lane_bytes, &file.path)?;
            lanes::note_reserved(reserved);
        }
        crate::fail::point("claim.reserved");
        file.reach_lane(lane, Access::ReadWrite)?;
        // Before the claim, so that a lane of a living owner never names the process before it.
        let pid = u64::from(process_id());
        file.lane(lane).table(TableField::Pid).store(pid, Ordering::Relaxed);
        match Writer::claim(&file.lane(lane), participant.id(), now_ns()) {
            Ok(writer) => {
                lanes::show(file.used(), lane);
                crate::fail::point("claim.used");
                return Ok((lane, writer));
            }
            // Nobody can write this lane any more; the next one may be whole.
            Err(_) => {
                file.reach_lane(lane, Access::None)?;
                lock::release(&fd, byte, 1, &file.path)?;
            }
        }
    }
    Err(Error::LanesFull { topic: topic.clone(), pids: owners(participant, file)? })
}

fn owners(participant: &Participant, file: &TopicFile) -> Result<Vec<u32>> {
    let peers = peers::list(&participant.folders().participants, &mut Vec::new())?;
    let ids = (0..topic::LANE_COUNT)
        .map(|lane| file.table(lane)[TableField::Owner as usize].load(Ordering::Relaxed));
    Ok(ids.filter_map(|id| peers.iter().find(|peer| peer.id == id)).map(|peer| peer.pid()).collect())
}

/// A descriptor and what the kind of message adds to it.
struct Named<'a> {
    descriptor: [u64; descriptor::WORDS],
    meta: &'a [u8],
}

impl Words for Named<'_> {
    #[inline]
    fn store(self, room: &[AtomicU64]) {
        let (first, rest) = room.split_at(room.len().min(descriptor::WORDS));
        self.descriptor.into_iter().store(first);
        Bytes(self.meta).store(rest);
    }
}
