//! The records in a participant's file: nodes, endpoints, pins, each written by this process alone.

use crate::error::{Error, Result};
use crate::layout::{endpoint, node, participant};
use crate::life::participant::Participant;
use crate::life::told::tell;
use crate::name::{NodeName, TopicName};
use crate::sync::AtomicU64;
use crate::sync::Ordering::Relaxed;
use crate::sync::per_process;
use crate::sys::clock;
use crate::sys::file::Inode;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Which records of a table are in use; the truth for this process, never read back from the file.
#[derive(Debug)]
pub(crate) struct Table {
    free: Mutex<Free>,
    what: &'static str,
    start: u64,
    record_bytes: u64,
    count_max: u64,
    mark_at: usize,
}

#[derive(Debug, Default)]
struct Free {
    released: Vec<u32>,
    mark: u64,
}

fn lock(free: &Mutex<Free>) -> MutexGuard<'_, Free> {
    // Nothing that holds this lock panics halfway: what a panicking thread leaves is whole.
    free.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Table {
    /// The table of nodes.
    pub(crate) fn nodes() -> Self {
        use participant::{NODE_BYTES, NODE_MARK, NODE_MAX, NODES};
        Self::new("nodes", NODES, NODE_BYTES, NODE_MAX, NODE_MARK)
    }

    /// The table of endpoints.
    pub(crate) fn endpoints() -> Self {
        use participant::{ENDPOINT_BYTES, ENDPOINT_MARK, ENDPOINT_MAX, ENDPOINTS};
        Self::new("publishers and subscribers", ENDPOINTS, ENDPOINT_BYTES, ENDPOINT_MAX, ENDPOINT_MARK)
    }

    /// The table of pins.
    pub(crate) fn pins() -> Self {
        use participant::{PIN_BYTES, PIN_MARK, PIN_MAX, PINS};
        Self::new("received blocks held", PINS, PIN_BYTES, PIN_MAX, PIN_MARK)
    }

    fn new(what: &'static str, start: u64, record_bytes: u64, count_max: u64, mark_at: usize) -> Self {
        Self { free: Mutex::default(), what, start, record_bytes, count_max, mark_at }
    }

    /// Takes a free record, reserving its page first if it is a new one.
    ///
    /// # Errors
    /// [`Error::Limit`] when the table is full, [`Error::ShmFull`] when there is no page for it.
    pub(crate) fn take(&self, owner: &Participant) -> Result<u32> {
        let mut free = lock(&self.free);
        if let Some(index) = free.released.pop() {
            return Ok(index);
        }
        let index = free.mark;
        if index == self.count_max {
            return Err(Error::Limit { what: self.what, limit: self.count_max });
        }
        let offset = index * self.record_bytes;
        if offset.is_multiple_of(participant::STEP) {
            owner.reserve(
                self.start + offset,
                participant::STEP.min(self.count_max * self.record_bytes - offset),
            )?;
        }
        free.mark = index + 1;
        // Relaxed: a record that is below the mark and not filled in yet tells no state, and a pin is read behind the
        // fences that order it.
        owner.word(self.mark_at).store(free.mark, Relaxed);
        Ok(index as u32)
    }

    /// Gives a record back.
    pub(crate) fn give_back(&self, index: u32) {
        lock(&self.free).released.push(index);
    }

    /// Returns how many records were ever in use.
    pub(crate) fn mark(&self) -> u64 {
        lock(&self.free).mark
    }

    /// Returns where a record begins in the file.
    pub(crate) fn offset(&self, index: u32) -> usize {
        (self.start + u64::from(index) * self.record_bytes) as usize
    }
}

/// What a node is doing, as tools show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum NodeState {
    /// It ticks, or waits for its topics.
    Running = 1,
    /// It ended cleanly.
    Stopped = 2,
    /// It reported a failure.
    Error = 3,
}

impl NodeState {
    pub(crate) fn from_word(word: u64) -> Option<Self> {
        [Self::Running, Self::Stopped, Self::Error].into_iter().find(|state| *state as u64 == word)
    }
}

/// What is known of a node before it runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NodeSpec {
    /// How often it means to tick, in Hz; 0 when it ticks only as its topics do.
    pub rate_hz: f64,
}

/// Which record of its participant a node has; given to endpoints so that tools know whose they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeIndex(pub(crate) u32);

/// One node's record in its participant's file; written by whichever thread runs the node.
#[derive(Debug)]
pub struct NodeRecord {
    participant: Arc<Participant>,
    index: u32,
    window_began_ns: u64,
    window_ticks: u64,
    ticks: u64,
    tick_began_ns: u64,
    tick_sum_ns: u64,
    tick_max_ns: u64,
    overruns: u64,
    state: NodeState,
}

/// The real rate is measured over windows of this length: long enough for 10 Hz, short enough to watch.
const RATE_WINDOW_NS: u64 = 1_000_000_000;

impl NodeRecord {
    pub(crate) fn new(participant: &Arc<Participant>, name: &NodeName, spec: NodeSpec) -> Result<Self> {
        // Two threads that enter a node of one name must not find the same record free.
        per_process! {
            static ENTERING: Mutex<()> = Mutex::new(());
        }
        let _entering = ENTERING.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match participant.stopped_node(name) {
            Some(index) => index,
            None => participant.nodes.take(participant)?,
        };
        let now = clock::now_ns();
        let record = Self {
            participant: participant.clone(),
            index,
            window_began_ns: now,
            window_ticks: 0,
            ticks: 0,
            tick_began_ns: 0,
            tick_sum_ns: 0,
            tick_max_ns: 0,
            overruns: 0,
            state: NodeState::Running,
        };
        for field in (node::RATE_BITS..participant::NODE_BYTES as usize).step_by(8) {
            record.store(field, 0);
        }
        record.store(node::RATE_BITS, spec.rate_hz.to_bits());
        record.store(node::STARTED, now);
        record.store(node::LAST_SEEN, clock::realtime_ns());
        record.store(node::NAME_BYTES, name.as_str().len() as u64);
        record.participant.store_text(record.at(node::NAME), name.as_str());
        tell(record.participant.word(record.at(node::STATE)), NodeState::Running as u64);
        Ok(record)
    }

    fn at(&self, field: usize) -> usize {
        self.participant.nodes.offset(self.index) + field
    }

    fn store(&self, field: usize, value: u64) {
        self.participant.word(self.at(field)).store(value, Relaxed);
    }

    /// Notes that a tick begins at `now_ns` and that the node will move again by `deadline_ns`, or, with 0,
    /// that it waits for a topic. `CLOCK_MONOTONIC` nanoseconds. A few stores, no system call.
    pub fn tick_begin(&mut self, now_ns: u64, deadline_ns: u64) {
        if !self.participant.is_ours() {
            return;
        }
        self.tick_began_ns = now_ns;
        self.store(node::TICK_BEGAN, now_ns);
        self.store(node::DEADLINE, deadline_ns);
    }

    /// Notes by when the node will move next, while its tick goes on elsewhere than in its thread. One store.
    pub fn tick_goes_on(&mut self, deadline_ns: u64) {
        if self.participant.is_ours() {
            self.store(node::DEADLINE, deadline_ns);
        }
    }

    /// Notes that the tick ended: counts it, its length, and once a second the rate really reached.
    pub fn tick_end(&mut self, now_ns: u64) {
        if !self.participant.is_ours() {
            return;
        }
        let length = now_ns.saturating_sub(self.tick_began_ns);
        self.ticks += 1;
        self.tick_sum_ns += length;
        self.tick_max_ns = self.tick_max_ns.max(length);
        self.store(node::TICKS, self.ticks);
        self.store(node::TICK_SUM, self.tick_sum_ns);
        self.store(node::TICK_MAX, self.tick_max_ns);
        // From the end of a tick, so that what is counted are the intervals.
        if self.ticks == 1 {
            self.window_began_ns = now_ns;
            self.window_ticks = 1;
        }
        let window = now_ns.saturating_sub(self.window_began_ns);
        let is_over = window >= RATE_WINDOW_NS;
        // In the first second the rate until now, rather than none.
        if window > 0 && (is_over || self.window_ticks == 1) {
            let rate = (self.ticks - self.window_ticks) as f64 * 1e9 / window as f64;
            self.store(node::ACTUAL_BITS, rate.to_bits());
        }
        if is_over {
            self.store(node::LAST_SEEN, clock::realtime_ns());
            self.window_began_ns = now_ns;
            self.window_ticks = self.ticks;
        }
    }

    /// Counts a tick that began later than its period allows.
    pub fn overrun(&mut self) {
        if self.participant.is_ours() {
            self.overruns += 1;
            self.store(node::OVERRUNS, self.overruns);
        }
    }

    /// Says what the node is doing. One that is dropped in [`NodeState::Error`] leaves a tombstone.
    pub fn set_state(&mut self, state: NodeState) {
        self.state = state;
        if self.participant.is_ours() {
            self.store(node::STATE, state as u64);
        }
    }

    /// Says that the node failed, and how: as many words as fit 88 bytes. It leaves a tombstone when it is dropped.
    pub fn fail(&mut self, how: &str) {
        if !self.participant.is_ours() {
            return;
        }
        let mut len = how.len().min(node::FAILURE_BYTES_MAX);
        while !how.is_char_boundary(len) {
            len -= 1;
        }
        self.participant.store_text(self.at(node::FAILURE), &how[..len]);
        self.store(node::FAILURE_BYTES, len as u64);
        self.set_state(NodeState::Error);
    }

    /// Returns what endpoints of this node are given.
    pub fn index(&self) -> NodeIndex {
        NodeIndex(self.index)
    }
}

impl Drop for NodeRecord {
    fn drop(&mut self) {
        // The record stays, as Stopped, until a node of its name comes back or the process ends.
        if self.state != NodeState::Error {
            self.set_state(NodeState::Stopped);
        }
    }
}

/// Which way messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// It sends.
    Publisher = 1,
    /// It receives, and knows the type.
    Subscriber = 2,
    /// It receives whatever the topic holds.
    UntypedSubscriber = 3,
}

impl Role {
    pub(crate) fn from_word(word: u64) -> Option<Self> {
        [Self::Publisher, Self::Subscriber, Self::UntypedSubscriber]
            .into_iter()
            .find(|role| *role as u64 == word)
    }
}

/// One endpoint's record in its participant's file; written by whoever holds the endpoint.
#[derive(Debug)]
pub(crate) struct EndpointRecord {
    pub(crate) participant: Arc<Participant>,
    index: u32,
    base: usize,
    retired: bool,
}

impl EndpointRecord {
    /// Makes the record of an endpoint that stands at no file yet, all cursors 0: whoever cleans keeps
    /// everything of this topic's name for it.
    pub(crate) fn new(
        participant: &Arc<Participant>,
        topic: &TopicName,
        role: Role,
        node: Option<NodeIndex>,
    ) -> Result<Self> {
        let index = participant.endpoints.take(participant)?;
        let base = participant.endpoints.offset(index);
        let record = Self { participant: participant.clone(), index, base, retired: false };
        let epoch = record.participant.word(base + endpoint::EPOCH).load(Relaxed).wrapping_add(1);
        for field in (endpoint::ROLE..participant::ENDPOINT_BYTES as usize).step_by(8) {
            record.set(field, 0);
        }
        record.set(endpoint::EPOCH, epoch);
        record.set(endpoint::ROLE, role as u64);
        record.set(endpoint::JOINED, clock::now_ns());
        record.set(endpoint::NODE, node.map_or(0, |node| u64::from(node.0) + 1));
        record.set(endpoint::TOPIC_BYTES, topic.as_str().len() as u64);
        participant.store_text(base + endpoint::TOPIC, topic.as_str());
        tell(participant.word(base + endpoint::STATE), endpoint::IN_USE);
        Ok(record)
    }

    /// Notes how many messages a subscriber has missed, and that it found so just now. Costs a look at the clock.
    pub(crate) fn set_dropped(&self, dropped: u64) {
        self.set(endpoint::DROPPED, dropped);
        self.set(endpoint::DROPPED_AT, clock::now_ns());
    }

    /// Stores a field, for tools.
    #[inline]
    pub(crate) fn set(&self, field: usize, value: u64) {
        self.participant.word(self.base + field).store(value, Relaxed);
    }

    /// Returns the record's words, for several fields at the price of one check.
    #[inline]
    pub(crate) fn words(&self) -> &[AtomicU64; participant::ENDPOINT_BYTES as usize / 8] {
        let words = self.participant.words(self.base, participant::ENDPOINT_BYTES as usize / 8);
        words.try_into().expect("as many as were asked for")
    }

    /// Stores how far a lane was read; a cleaner that sees it may free what is before.
    #[inline]
    pub(crate) fn set_cursor(&self, lane: usize, cursor: u64) {
        // Relaxed: a block's pin was set before, and the fence in it orders that for who sees the cursor. Nothing
        // else is given away on the strength of it.
        self.participant.word(self.base + endpoint::CURSORS + 8 * lane).store(cursor, Relaxed);
    }

    /// Says which file the endpoint stands at; stored after its cursors there.
    pub(crate) fn set_inode(&self, inode: Inode) {
        self.set(endpoint::DEVICE, inode.device);
        tell(self.participant.word(self.base + endpoint::INODE), inode.number);
    }
}

impl EndpointRecord {
    /// Says that the endpoint is closed and that its ring still names blocks of this process; the record
    /// stays until [`forget_retired`]. Returns its index.
    pub(crate) fn retire(&mut self) -> u32 {
        self.retired = true;
        self.set(endpoint::STATE, endpoint::CLOSED);
        self.index
    }
}

/// Frees the record of a closed publisher, once nobody can want any more what it left.
pub(crate) fn forget_retired(participant: &Participant, index: u32) {
    participant.word(participant.endpoints.offset(index) + endpoint::STATE).store(0, Relaxed);
    participant.endpoints.give_back(index);
}

impl Drop for EndpointRecord {
    fn drop(&mut self) {
        if self.participant.is_ours() && !self.retired {
            // Relaxed: pins may outlive it, and are seen by themselves.
            self.set(endpoint::STATE, 0);
            self.participant.endpoints.give_back(self.index);
        }
    }
}
