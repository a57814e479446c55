//! The receiving side of a topic.

use crate::error::{Error, Result};
use crate::layout::{descriptor, endpoint, topic};
use crate::life::participant::Participant;
use crate::life::peers;
use crate::life::record::{EndpointRecord, NodeIndex, Role};
use crate::name::TopicName;
use crate::pool::descriptor::Descriptor;
use crate::pool::pin::{PinnedBlock, RecentPools};
use crate::ring::attached::Attached;
use crate::ring::lane::{self, Damage, FLAG_BLOCK, FLAG_LATCHED, LEN_MASK};
use crate::ring::moved;
use crate::ring::publisher::note_depth;
use crate::ring::topic::{TopicFile, TopicSpec, Wish, open_typed, open_untyped};
use crate::ring::wait::{Keeper, WaitSet, Woken};
use crate::sync::{AtomicU32, Ordering};
use crate::sys::clock;
use std::sync::Arc;
use std::time::Duration;

/// What a subscriber may ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriberOptions {
    /// The ring's length if this subscriber is the one that makes the topic.
    pub depth: Option<u32>,
    /// The node it belongs to.
    pub node: Option<NodeIndex>,
}

/// One received message.
#[derive(Debug)]
pub struct Received<'a> {
    /// When it was sent, `CLOCK_MONOTONIC` nanoseconds; never less than the one before from the same publisher.
    pub stamp_ns: u64,
    /// Its number in its lane, from 0.
    pub sequence: u64,
    /// Which of the 64 lanes it came through.
    pub lane: u8,
    /// Whether its publisher keeps it for late joiners.
    pub latched: bool,
    /// The message itself.
    pub payload: Payload<'a>,
}

/// Where a message's bytes are.
#[derive(Debug)]
pub enum Payload<'a> {
    /// Copied out of the ring.
    Inline(&'a [u8]),
    /// In a block of the publisher's, held in place.
    Block {
        /// The bytes.
        block: PinnedBlock,
        /// What the kind of message adds: shape, encoding and the like; empty for a plain large message.
        meta: &'a [u8],
    },
}

/// Receives messages of one topic, each subscriber all of them. One thread at a time.
///
/// In a child forked from the process that opened it, the next call joins and opens anew.
#[derive(Debug)]
pub struct Subscriber {
    // First, so that its lock is let go before the last participant leaves and cleans.
    attached: Option<Attached>,
    // Before the participant too: its threads, where it has any, keep topics mapped.
    waits: Option<Box<WaitSet>>,
    topic: TopicName,
    wanted: Option<TopicSpec>,
    options: SubscriberOptions,
    /// Changes with each file that it moves to.
    attachments: u64,
    /// The count of topics made, as it was before the last look at the name.
    looked_at: Option<u32>,
    /// Whether a look found no topic, so that any that comes is new.
    waited: bool,
    scratch: Vec<u64>,
    recent_pools: RecentPools,
    received: u64,
    dropped: u64,
    skipped: u64,
    gap: bool,
    idle_calls: u32,
    check_name_at_ns: u64,
    record: EndpointRecord,
    participant: Arc<Participant>,
}

/// Polls without a message between two looks at the time, and names are looked at once a second.
const IDLE_CALLS: u32 = 64;
const CHECK_NAME_NS: u64 = 1_000_000_000;

/// How often the newest message may turn out to be overwritten while the head still says that it is the newest: it
/// was moved before the slot was, so once or twice, where a core sees others' stores late.
const SAME_FAILURES_MAX: u32 = 1000;

/// One message taken from a lane; its payload's words are in the scratch.
struct Taken {
    lane: usize,
    message: u64,
    stamp: u64,
    len_flags: u64,
    block: Option<PinnedBlock>,
}

impl Subscriber {
    /// Opens a topic for receiving what is sent from now on, and what living publishers keep latched.
    ///
    /// With a spec the topic is made if there is none. Without one the subscriber takes what is there,
    /// follows when the type changes, and makes nothing: it waits for somebody who does.
    ///
    /// # Errors
    /// [`Error::TypeMismatch`] when others use it as another type, [`Error::ShmFull`], [`Error::Busy`],
    /// [`Error::Refused`], [`Error::Layout`], [`Error::Limit`] beyond 4,096 endpoints.
    pub fn open(
        participant: &Arc<Participant>,
        topic: &TopicName,
        spec: Option<&TopicSpec>,
        options: SubscriberOptions,
    ) -> Result<Self> {
        let role = if spec.is_some() { Role::Subscriber } else { Role::UntypedSubscriber };
        let record = EndpointRecord::new(participant, topic, role, options.node)?;
        let mut subscriber = Self {
            participant: participant.clone(),
            topic: topic.clone(),
            wanted: spec.cloned(),
            options,
            record,
            attached: None,
            waits: None,
            attachments: 0,
            looked_at: None,
            waited: false,
            scratch: Vec::new(),
            recent_pools: RecentPools::default(),
            received: 0,
            dropped: 0,
            skipped: 0,
            gap: false,
            idle_calls: 0,
            check_name_at_ns: 0,
        };
        subscriber.look(false)?;
        Ok(subscriber)
    }

    /// Returns the oldest unread message, or nothing. Never waits; no system call, but a few the first
    /// time that a publisher or a pool is seen.
    ///
    /// # Errors
    /// [`Error::Damaged`] when shared memory holds what no publisher writes; later calls go on behind it.
    #[inline]
    pub fn recv(&mut self) -> Result<Option<Received<'_>>> {
        self.enter()?;
        let taken = match self.take_next() {
            Some(Ok(taken)) => taken,
            Some(Err(error)) => return Err(error),
            None => match self.take_oldest()? {
                Some(taken) => taken,
                None => return Ok(None),
            },
        };
        Ok(Some(self.deliver(taken)))
    }

    /// Returns the newest message, or nothing if it was read already; what it passes over counts as skipped.
    ///
    /// # Errors
    /// As [`Subscriber::recv`].
    pub fn recv_latest(&mut self) -> Result<Option<Received<'_>>> {
        self.enter()?;
        let Some(taken) = self.take_newest()? else { return Ok(None) };
        Ok(Some(self.deliver(taken)))
    }

    /// Returns whether a message is there; takes nothing.
    ///
    /// # Errors
    /// As [`Subscriber::recv`].
    #[inline]
    pub fn has_msg(&mut self) -> Result<bool> {
        self.enter()?;
        if let Some(attached) = &self.attached
            && let Some(lane) = attached.only_lane()
            && attached.has(lane)
        {
            return Ok(true);
        }
        self.has_any()
    }

    fn has_any(&mut self) -> Result<bool> {
        loop {
            if let Some(attached) = &mut self.attached {
                attached.reach_used()?;
                if attached.any() {
                    return Ok(true);
                }
            }
            if !self.move_on()? {
                return Ok(false);
            }
        }
    }

    /// Waits until a message is there; false when the time is over or this process was asked to stop.
    ///
    /// # Errors
    /// As [`Subscriber::recv`].
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<bool> {
        let deadline = timeout.map(|timeout| {
            clock::now_ns().saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX))
        });
        // Kept between calls, for what it learned about how fast messages come.
        let mut waits = self.waits.take().unwrap_or_default();
        let woken = loop {
            match waits.wait(&mut [self], deadline) {
                Ok(Woken::Interrupted) => {}
                other => break other,
            }
        };
        self.waits = Some(waits);
        Ok(woken? == Woken::Topic)
    }

    /// Returns how many messages it missed since it joined: lapped, or their block gone. Exact, but see
    /// [`Subscriber::has_gap`].
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns how many messages [`Subscriber::recv_latest`] passed over.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Returns how many messages it was given.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Returns whether it may have missed messages that nobody can count: an untyped subscriber that
    /// slept while the topic's type changed twice.
    pub fn has_gap(&self) -> bool {
        self.gap
    }

    /// Returns the topic's name.
    pub fn topic(&self) -> &TopicName {
        &self.topic
    }

    /// Returns what the topic holds, as far as this subscriber has come; nothing while there is no such topic.
    ///
    /// # Errors
    /// As [`Subscriber::recv`].
    pub fn spec(&mut self) -> Result<Option<&TopicSpec>> {
        self.enter()?;
        if self.attached.is_none() {
            self.move_on()?;
        }
        Ok(self.attached.as_ref().map(|attached| &attached.file.header.spec))
    }

    /// Returns the participant it receives as.
    pub fn participant(&self) -> &Arc<Participant> {
        &self.participant
    }

    /// Opens anew in a forked child, which has none of its parent's mappings.
    #[inline]
    fn enter(&mut self) -> Result<()> {
        if self.participant.is_ours() { Ok(()) } else { self.reopen() }
    }

    #[cold]
    fn reopen(&mut self) -> Result<()> {
        let participant = Participant::join(self.participant.namespace(), self.participant.language())?;
        let options = SubscriberOptions { node: None, ..self.options };
        let (topic, wanted) = (self.topic.clone(), self.wanted.clone());
        *self = Self::open(&participant, &topic, wanted.as_ref(), options)?;
        Ok(())
    }

    #[inline]
    fn deliver(&mut self, taken: Taken) -> Received<'_> {
        let Taken { lane, message, stamp, len_flags, block } = taken;
        self.received += 1;
        let record = self.record.words();
        // Relaxed: for tools, each by itself.
        record[endpoint::RECEIVED / 8].store(self.received, Ordering::Relaxed);
        record[endpoint::LAST / 8].store(stamp, Ordering::Relaxed);
        let len = ((len_flags & LEN_MASK) as usize).min(8 * self.scratch.len());
        let bytes = &bytes_of(&self.scratch)[..len];
        let payload = match block {
            Some(block) => Payload::Block { block, meta: &bytes[descriptor::BYTES.min(len)..] },
            None => Payload::Inline(bytes),
        };
        let latched = len_flags & FLAG_LATCHED != 0;
        Received { stamp_ns: stamp, sequence: message, lane: lane as u8, latched, payload }
    }

    /// Takes the next message where there is one lane and it stands in the slot: what happens nearly always. Where it
    /// doesn't succeed [`Subscriber::take_oldest`] finds out why.
    #[inline]
    fn take_next(&mut self) -> Option<Result<Taken>> {
        let attached = self.attached.as_mut()?;
        let lane = attached.only_lane()?;
        let cursor = attached.cursors[lane];
        let (stamp, len_flags) = lane::copy(&attached.file.lane(lane), cursor, &mut self.scratch)?;
        if len_flags & FLAG_BLOCK != 0 {
            return self.accept(lane, cursor, (stamp, len_flags)).transpose();
        }
        attached.step(lane, cursor + 1, &self.record);
        Some(Ok(Taken { lane, message: cursor, stamp, len_flags, block: None }))
    }

    #[inline(never)]
    fn take_oldest(&mut self) -> Result<Option<Taken>> {
        let mut failures = 0;
        loop {
            if let Some(attached) = &mut self.attached {
                let candidate = attached.oldest(failures, &mut self.dropped, &self.record)?;
                if let Some(lane) = candidate {
                    let cursor = attached.cursors[lane];
                    match self.take_at(lane, cursor)? {
                        Some(taken) => return Ok(Some(taken)),
                        None => {
                            // Lapped during the copy, if the cursor stayed. Counted for all lanes together, so
                            // that several fast publishers can't keep it from getting anything by turns.
                            let stayed = self.attached.as_ref().is_some_and(|a| a.cursors[lane] == cursor);
                            failures += u32::from(stayed);
                            continue;
                        }
                    }
                }
            }
            if !self.move_on()? {
                return Ok(None);
            }
        }
    }

    fn take_newest(&mut self) -> Result<Option<Taken>> {
        let (mut failed, mut failures) = (None, 0);
        loop {
            if let Some(attached) = &mut self.attached {
                attached.reach_used()?;
                if let Some((lane, newest)) = attached.newest(&mut self.skipped, &self.record)? {
                    self.record.set(endpoint::SKIPPED, self.skipped);
                    match self.take_at(lane, newest)? {
                        Some(taken) => return Ok(Some(taken)),
                        // Overwritten meanwhile, and then there is a newer one.
                        None if failed != Some((lane, newest)) => {
                            (failed, failures) = (Some((lane, newest)), 0)
                        }
                        None if failures < SAME_FAILURES_MAX => failures += 1,
                        None => {
                            let attached = self.attached.as_mut().expect("seen above");
                            let found = lane::holds(&attached.file.lane(lane), newest);
                            let damage = Damage { message: newest, found };
                            return Err(attached.damage(lane, damage));
                        }
                    }
                    continue;
                }
            }
            if !self.move_on()? {
                return Ok(None);
            }
        }
    }

    /// Copies message `cursor` of a lane and accepts it; nothing when it was lapped meanwhile (the cursor stays) or its
    /// block is gone (counted, the cursor moves).
    fn take_at(&mut self, lane: usize, cursor: u64) -> Result<Option<Taken>> {
        let attached = self.attached.as_ref().expect("called while attached");
        match lane::copy(&attached.file.lane(lane), cursor, &mut self.scratch) {
            Some(head) => self.accept(lane, cursor, head),
            None => Ok(None),
        }
    }

    /// Steps behind message `cursor`, which was copied, and pins its block; nothing when that is gone (counted).
    fn accept(&mut self, lane: usize, cursor: u64, (stamp, len_flags): (u64, u64)) -> Result<Option<Taken>> {
        let block = if len_flags & FLAG_BLOCK == 0 {
            None
        } else {
            match self.pin(lane, cursor, len_flags & LEN_MASK) {
                Ok(Some(block)) => Some(block),
                // Lapped between copy and pin, gone with its publisher, or damaged: missed in any case.
                missed => {
                    self.miss(lane, cursor);
                    return missed.map(|_| None);
                }
            }
        };
        let attached = self.attached.as_mut().expect("called while attached");
        attached.step(lane, cursor + 1, &self.record);
        Ok(Some(Taken { lane, message: cursor, stamp, len_flags, block }))
    }

    /// Pins the block that message `cursor` names, whose `len` bytes were copied.
    #[inline(never)]
    fn pin(&mut self, lane: usize, cursor: u64, len: u64) -> Result<Option<PinnedBlock>> {
        if len < descriptor::BYTES as u64 {
            // The rest would be words of an earlier message.
            return Err(Error::Damaged {
                what: "a message's descriptor".into(),
                reason: format!("it has {len} bytes of {}", descriptor::BYTES),
            });
        }
        let attached = self.attached.as_ref().expect("called while attached");
        let view = attached.file.lane(lane);
        let words = self.scratch.first_chunk().copied().unwrap_or_default();
        PinnedBlock::pin(&self.participant, &mut self.recent_pools, Descriptor::from_words(words), || {
            lane::still_there(&view, cursor)
        })
    }

    #[cold]
    fn miss(&mut self, lane: usize, cursor: u64) {
        let attached = self.attached.as_mut().expect("called while attached");
        attached.step(lane, cursor + 1, &self.record);
        if cursor >= attached.floors[lane] {
            self.dropped += 1;
            self.record.set_dropped(self.dropped);
        }
    }

    /// With nothing left to read, looks whether the topic is elsewhere by now; true when reading should be
    /// tried again.
    fn move_on(&mut self) -> Result<bool> {
        let Some(attached) = &self.attached else {
            let made = moved::count(self.participant.namespace().root().topics_made());
            return if self.looked_at == Some(made) && !self.time_to_check() {
                Ok(false)
            } else {
                self.look(true)
            };
        };
        if attached.ending {
            return self.look(true);
        }
        if !moved::is_marked(attached.file.superseded()) && !self.name_has_left()? {
            return Ok(false);
        }
        // Whatever was sent here was sent before the name left: once more, then on.
        self.attached.as_mut().expect("seen above").ending = true;
        Ok(true)
    }

    /// Looks whether the name leads elsewhere without this file having been marked: who exchanged the names may have been
    /// killed before that. An untyped subscriber looks whenever somebody opened a topic, for whoever opens this one
    /// says so before the first message; others can't lose the name while they hold the topic, but to somebody's
    /// hand. While it is awake and nothing comes, either looks about once a second besides.
    fn name_has_left(&mut self) -> Result<bool> {
        let word = self.participant.namespace().root().topics_made();
        if self.wanted.is_none() && self.looked_at != Some(moved::count(word)) {
            self.looked_at = Some(moved::before_look(word));
        } else if !self.time_to_check() {
            return Ok(false);
        }
        let inode = self.attached.as_ref().map(|attached| attached.file.header.inode);
        let topics = &self.participant.folders().topics;
        if let Some(inode) = inode
            && topics.stat()?.links > 0
            && topics.leads_to(self.topic.as_str(), inode)?
        {
            return Ok(false);
        }
        // With the whole namespace removed under us, what is open goes on among those who have it.
        self.participant.still_linked()
    }

    /// Returns true about once a second, without asking the clock each time.
    fn time_to_check(&mut self) -> bool {
        self.idle_calls += 1;
        if self.idle_calls < IDLE_CALLS {
            return false;
        }
        self.idle_calls = 0;
        self.check_now()
    }

    fn check_now(&mut self) -> bool {
        let now = clock::coarse_ns();
        let due = now >= self.check_name_at_ns;
        if due {
            self.check_name_at_ns = now + CHECK_NAME_NS;
        }
        due
    }

    /// Goes to the file that the name leads to; true when there is one. `moving` when it comes from another
    /// file or waited for this one, so that all that is there is new to it.
    fn look(&mut self, moving: bool) -> Result<bool> {
        let made = moved::before_look(self.participant.namespace().root().topics_made());
        let found = match &self.wanted {
            Some(spec) => {
                let wish = Wish { spec, depth: self.options.depth, writer: false };
                let (mut file, _guard) = open_typed(&self.participant, &self.topic, wish)?;
                drop(file.take_fd());
                note_depth(&self.record, self.options.depth, &file);
                Some(file)
            }
            None => open_untyped(&self.participant, &self.topic)?,
        };
        self.looked_at = Some(made);
        let Some(file) = found else {
            if self.attached.take().is_some() {
                self.record.set_inode(crate::sys::file::Inode { device: 0, number: 0 });
            }
            self.waited = true;
            return Ok(false);
        };
        let all_is_new = moving || self.waited || file.is_new;
        let generation = file.header.generation;
        let next = match &mut self.attached {
            Some(old) if old.file.header.inode == file.header.inode => {
                // The name came back to where it was.
                old.ending = false;
                return Ok(false);
            }
            Some(old) => old.file.header.generation.wrapping_add(1),
            // What waited for the first file of the name and finds a later one missed the first.
            None if self.waited => 0,
            None => generation,
        };
        self.gap |= self.wanted.is_none() && generation != next;
        self.attach(file, all_is_new)?;
        Ok(true)
    }

    fn attach(&mut self, file: TopicFile, all_is_new: bool) -> Result<()> {
        let room = file.header.geometry.slot_bytes as usize / 8 - lane::SLOT_HEAD_WORDS;
        let mut attached = Attached {
            file,
            reach: 0,
            damaged: 0,
            cursors: Box::new([0; topic::LANE_COUNT]),
            floors: Box::new([0; topic::LANE_COUNT]),
            ending: false,
        };
        if !all_is_new {
            attached.reach_used()?;
            let participants = &self.participant.folders().participants;
            attached.join(|owner| peers::is_alive(participants, owner));
        }
        for (lane, cursor) in attached.cursors.iter().enumerate() {
            self.record.set_cursor(lane, *cursor);
        }
        self.record.set_inode(attached.file.header.inode);
        self.scratch.clear();
        self.scratch.resize(room, 0);
        self.waited = false;
        self.attachments += 1;
        self.check_name_at_ns = clock::coarse_ns() + CHECK_NAME_NS;
        self.attached = Some(attached);
        Ok(())
    }

    /// Announces that this process is about to sleep for this topic; returns what has to hold meanwhile.
    pub(crate) fn announce_sleep(&self) -> (u64, u32) {
        let expected = match &self.attached {
            Some(attached) => attached.file.bell().announce(),
            None => self.looked_at.unwrap_or_default(),
        };
        (self.attachments, expected)
    }

    /// Returns the word to sleep on, if it is still that of the announcement.
    pub(crate) fn sleep_word(&self, attachments: u64) -> Option<&AtomicU32> {
        if attachments != self.attachments {
            return None;
        }
        Some(match &self.attached {
            Some(attached) => attached.file.bell().wakes,
            None => self.participant.namespace().root().topics_made(),
        })
    }

    /// Returns the word that tells an untyped subscriber with a topic that some name leads elsewhere, and what it held
    /// before the last look at its own.
    pub(crate) fn name_word(&self) -> Option<(&AtomicU32, u32)> {
        let looked_at = self.looked_at.filter(|_| self.wanted.is_none() && self.attached.is_some())?;
        Some((self.participant.namespace().root().topics_made(), looked_at))
    }

    /// Returns what keeps the words to sleep on mapped, for a thread that watches them.
    pub(crate) fn sleep_keepers(&self) -> impl Iterator<Item = Keeper> {
        let root = || Keeper::Root(self.participant.namespace().root().clone());
        match &self.attached {
            Some(attached) => {
                [Some(Keeper::Topic(attached.file.map.clone())), self.name_word().map(|_| root())]
            }
            None => [Some(root()), None],
        }
        .into_iter()
        .flatten()
    }
}

fn bytes_of(words: &[u64]) -> &[u8] {
    // SAFETY: any word is eight valid bytes, and bytes have no alignment.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), 8 * words.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Publisher;
    use crate::test_root::{TestRoot, spec};

    #[test]
    fn each_of_several_lapped_lanes_keeps_a_whole_ring() -> Result<()> {
        const LANES: usize = 8;
        const SENT: u64 = 200;
        let root = TestRoot::new("lapped");
        let participant = root.join()?;
        let name = TopicName::new("fast")?;
        let spec = spec(8, 64);
        let mut subscriber = Subscriber::open(&participant, &name, Some(&spec), Default::default())?;
        let mut publishers = (0..LANES)
            .map(|_| Publisher::open(&participant, &name, &spec, Default::default()))
            .collect::<Result<Vec<_>>>()?;
        for number in 0..SENT {
            for publisher in &mut publishers {
                publisher.send(&number.to_le_bytes())?;
            }
        }
        let mut received = [0; LANES];
        while let Some(message) = subscriber.recv()? {
            received[usize::from(message.lane)] += 1;
        }
        assert_eq!(received, [63; LANES], "all but the slot that is written next");
        assert_eq!(subscriber.dropped() + subscriber.received(), SENT * LANES as u64);
        Ok(())
    }
}
