//! Reading others' blocks: their pools mapped, and the pins that keep a block where it is.

use crate::error::{Error, Result};
use crate::layout::{MAGIC_POOL, block_class, pool};
use crate::life::namespace::check_file;
use crate::life::participant::Participant;
use crate::pool::descriptor::{Descriptor, file_name, place_word};
use crate::pool::hazard;
use crate::sync::{AtomicU64, Ordering, fence};
use crate::sys::cpu;
use crate::sys::file;
use crate::sys::map::{Access, Mapping};
use std::collections::HashMap;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

/// Another process's pool, mapped to be read.
#[derive(Debug)]
pub(crate) struct PoolView {
    map: Mapping,
    block_bytes: u64,
}

impl PoolView {
    fn open(participant: &Participant, owner: u64, number: u32) -> Result<Option<Self>> {
        let name = file_name(owner, number);
        let mut folders = participant.folders();
        let path = folders.pools.path().join(&name);
        let mut opened = folders.pools.open_file(&name, false)?;
        if opened.is_none() && folders.pools.stat()?.links == 0 && participant.still_linked()? {
            // A cleaner that began before this process joined removed the empty folder; others made it anew.
            folders = participant.reopen_folders()?;
            opened = folders.pools.open_file(&name, false)?;
        }
        let Some(fd) = opened else { return Ok(None) };
        let size = check_file(&fd, &path, MAGIC_POOL, None)?;
        let mut bytes = [0; pool::HEADER_BYTES as usize];
        file::read_at(&fd, 0, &mut bytes, &path)?;
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let damaged = |found: String| {
            Err(Error::Damaged {
                what: path.display().to_string(),
                reason: format!("it says {found}; end its publisher, then horus clean --shm removes it"),
            })
        };
        if (word(pool::OWNER), word(pool::NUMBER)) != (owner, u64::from(number)) {
            return damaged(format!("that it is {:016x}-{}", word(pool::OWNER), word(pool::NUMBER)));
        }
        let block_bytes = word(pool::BLOCK_BYTES);
        let expected =
            block_bytes.checked_mul(pool::BLOCK_COUNT).and_then(|blocks| blocks.checked_add(pool::BLOCKS));
        if block_bytes == 0 || expected != Some(size) || block_class(block_bytes) != block_bytes {
            return damaged(format!("blocks of {block_bytes} bytes in a file of {size}"));
        }
        let map = Mapping::new(fd.as_fd(), size, Access::Read, true, &path)?;
        Ok(Some(Self { map, block_bytes }))
    }

    /// Returns whether a block has its pages. True of every block that a message is in, while it is pinned.
    fn has_pages(&self, block: u32) -> bool {
        self.map.word(pool::RESERVED).load(Ordering::Relaxed) & 1 << block != 0
    }

    fn is_closed(&self) -> bool {
        self.map.half(pool::CLOSED).load(Ordering::Relaxed) != 0
    }
}

/// The pools this process reads, each mapped once.
#[derive(Debug, Default)]
pub(crate) struct PoolViews {
    views: Mutex<HashMap<(u64, u32), Arc<PoolView>>>,
}

impl PoolViews {
    fn get(&self, participant: &Participant, owner: u64, number: u32) -> Result<Option<Arc<PoolView>>> {
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = views.get(&(owner, number)) {
            return Ok(Some(view.clone()));
        }
        // A new pool comes rarely; then those of the dead are let go.
        views.retain(|_, view| !view.is_closed());
        let Some(view) = PoolView::open(participant, owner, number)? else { return Ok(None) };
        let view = Arc::new(view);
        views.insert((owner, number), view.clone());
        Ok(Some(view))
    }
}

/// What one subscriber read from last, so that most messages need no look at the process's map of pools, nor its table of
/// pins.
#[derive(Debug, Default)]
pub(crate) struct RecentPools(Vec<RecentPool>);

#[derive(Debug)]
struct RecentPool {
    owner: u64,
    number: u32,
    view: Arc<PoolView>,
    pins: Vec<Arc<Pin>>,
}

impl RecentPools {
    /// A publisher whose messages are of one size fills a pool file for every 64 that are in use at once.
    const KEPT: usize = 4;

    /// Returns the pool, if it is still there, to pin blocks in.
    fn get(
        &mut self,
        participant: &Arc<Participant>,
        owner: u64,
        number: u32,
    ) -> Result<Option<&mut RecentPool>> {
        let recent = self.0.iter().position(|recent| recent.owner == owner && recent.number == number);
        match recent {
            Some(index) => Ok(self.0.get_mut(index)),
            None => self.remember(participant, owner, number),
        }
    }

    #[cold]
    fn remember(
        &mut self,
        participant: &Arc<Participant>,
        owner: u64,
        number: u32,
    ) -> Result<Option<&mut RecentPool>> {
        let Some(view) = participant.pool_views.get(participant, owner, number)? else { return Ok(None) };
        // Those of the dead would stay mapped.
        self.0.retain(|recent| !recent.view.is_closed());
        self.0.truncate(Self::KEPT - 1);
        self.0.insert(0, RecentPool { owner, number, view, pins: Vec::new() });
        Ok(self.0.first_mut())
    }
}

impl RecentPool {
    /// So many pins are kept: enough for who holds on to one message until it has the next.
    const PINS_KEPT: usize = 2;

    /// Returns a pin that holds nothing.
    ///
    /// # Errors
    /// As [`Pin::new`].
    #[inline]
    fn pin(&mut self, participant: &Arc<Participant>) -> Result<Arc<Pin>> {
        match self.pins.iter().find(|pin| pin.is_unused()) {
            Some(unused) => Ok(unused.clone()),
            None => self.new_pin(participant),
        }
    }

    #[cold]
    fn new_pin(&mut self, participant: &Arc<Participant>) -> Result<Arc<Pin>> {
        let pin = Arc::new(Pin::new(participant, &self.view)?);
        if self.pins.len() < Self::PINS_KEPT {
            self.pins.push(pin.clone());
        }
        Ok(pin)
    }
}

/// An entry in this process's table of pins, for blocks of one pool.
#[derive(Debug)]
struct Pin {
    participant: Arc<Participant>,
    view: Arc<PoolView>,
    entry: u32,
}

impl Pin {
    /// Takes an entry.
    ///
    /// # Errors
    /// [`Error::Limit`] with 65,536 pins, [`Error::ShmFull`] without a page for more.
    fn new(participant: &Arc<Participant>, view: &Arc<PoolView>) -> Result<Self> {
        let entry = participant.pins.take(participant)?;
        Ok(Self { participant: participant.clone(), view: view.clone(), entry })
    }

    /// Returns whether no block is held by it. Its subscriber asks, who alone could lend it again.
    #[inline]
    fn is_unused(self: &Arc<Self>) -> bool {
        let unused = Arc::strong_count(self) == 1;
        // Acquire: pairs with the Release by which the last `PinnedBlock` let go of its count, after it cleared the words.
        fence(Ordering::Acquire);
        unused
    }

    fn words(&self) -> [&AtomicU64; 2] {
        let offset = self.participant.pins.offset(self.entry);
        [self.participant.word(offset), self.participant.word(offset + 8)]
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        // A forked child has none of its parent's entries.
        if self.participant.is_ours() {
            self.participant.pins.give_back(self.entry);
        }
    }
}

/// A received block. It stays where it is, unchanged, until this is dropped, even if its publisher dies.
///
/// In a child forked from the process that received it the bytes stay readable but may change, because
/// the child holds no pin.
#[derive(Debug)]
pub struct PinnedBlock {
    pin: Arc<Pin>,
    start: usize,
    len: usize,
}

impl PinnedBlock {
    /// Pins the block that a descriptor names; nothing when it was overwritten first or its pool is gone.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a descriptor that leads outside its pool, [`Error::Limit`] with 65,536 pins.
    pub(crate) fn pin(
        participant: &Arc<Participant>,
        recent: &mut RecentPools,
        descriptor: Descriptor,
        still_named: impl FnOnce() -> bool,
    ) -> Result<Option<Self>> {
        let Descriptor { owner, pool: number, block, offset, len } = descriptor;
        let damaged = |reason: String| Error::Damaged { what: "a message's descriptor".into(), reason };
        if owner == 0 {
            return Err(damaged("it names no owner".into()));
        }
        let Some(recent) = recent.get(participant, owner, number)? else { return Ok(None) };
        let view = &*recent.view;
        let end = offset.checked_add(len);
        if u64::from(block) >= pool::BLOCK_COUNT || end.is_none_or(|end| end > view.block_bytes) {
            return Err(damaged(format!(
                "block {block}, bytes {offset} to {offset}+{len}, in a pool of 64 blocks of {} bytes",
                view.block_bytes
            )));
        }
        let start = (pool::BLOCKS + view.block_bytes * u64::from(block) + offset) as usize;
        // What is read first comes while the pin is being set, which takes as long.
        cpu::prefetch_to_read(view.map.at(start));
        let pin = recent.pin(participant)?;
        let place = place_word(number, block);
        if !hazard::set(pin.words(), owner, place, still_named, || pin.view.is_closed()) {
            return Ok(None);
        }
        if !pin.view.has_pages(block) {
            hazard::clear(pin.words());
            return Err(damaged(format!("block {block} has no pages")));
        }
        Ok(Some(Self { pin, start, len: len as usize }))
    }

    /// Returns the message's bytes, in shared memory.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: within the mapped pool, checked when it was pinned, and in reserved pages, since its
        // owner wrote the block; the pin keeps the owner from writing it again while `self` lives.
        unsafe { std::slice::from_raw_parts(self.pin.view.map.at(self.start), self.len) }
    }
}

impl Drop for PinnedBlock {
    fn drop(&mut self) {
        if self.pin.participant.is_ours() {
            crate::fail::point("pin.held");
            hazard::clear(self.pin.words());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_root::{TestRoot, block, spec};
    use crate::{Publisher, Subscriber, TopicName};

    #[test]
    fn entries_are_used_again_and_given_back_with_the_last_block_and_the_subscriber() -> Result<()> {
        let root = TestRoot::new("entries");
        let participant = root.join()?;
        let name = TopicName::new("blocks")?;
        let spec = spec(64, 16);
        let mut publisher = Publisher::open(&participant, &name, &spec, Default::default())?;
        let mut received = |subscriber: &mut Subscriber| -> Result<PinnedBlock> {
            publisher.send(&[7; 5000])?;
            Ok(block(subscriber.recv()?))
        };
        let open = || Subscriber::open(&participant, &name, Some(&spec), Default::default());

        let mut subscriber = open()?;
        for _ in 0..100 {
            received(&mut subscriber)?;
        }
        assert_eq!(participant.pins.mark(), 1, "one is held at a time");
        let held = (0..5).map(|_| received(&mut subscriber)).collect::<Result<Vec<_>>>()?;
        let entries: Vec<u32> = held.iter().map(|block| block.pin.entry).collect();
        assert_eq!(entries, [0, 1, 2, 3, 4], "each block has one of its own");
        drop(subscriber);
        assert!(held.iter().all(|block| block.bytes()[4999] == 7), "held beyond the subscriber");
        drop(held);
        let mut subscriber = open()?;
        let held = (0..5).map(|_| received(&mut subscriber)).collect::<Result<Vec<_>>>()?;
        assert_eq!(participant.pins.mark(), 5, "all five were given back");
        drop(held);
        Ok(())
    }
}
