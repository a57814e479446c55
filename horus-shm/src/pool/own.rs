//! A process's own pools: what is free, what is in use, and which blocks came free again.
//!
//! All bookkeeping is private to the owner; shared memory holds only the bytes. Whatever of this process uses a
//! block (a handle, a slot of a ring that names it) holds an `Arc` of it. A block of which only the pool's own is
//! left goes to the free list, once a scan has found that nobody pins it.

use crate::error::{Error, PinHolder, Result};
use crate::layout::{DEPTH_MIN, MAGIC_POOL, block_class, pool};
use crate::life::namespace::write_head;
use crate::life::participant::Participant;
use crate::life::peers;
use crate::life::retention::Readers;
use crate::pool::descriptor::{file_name, place_word};
use crate::pool::pins::Pins;
use crate::ring::retired::Retired;
use crate::sync::{AtomicBool, AtomicU32, Ordering};
use crate::sys::cpu;
use crate::sys::file::{self, Dir};
use crate::sys::lock;
use crate::sys::map::{Access, Mapping};
use rustix::mm::Advice;
use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::sync::{Arc, MutexGuard, PoisonError};

/// The largest block: 64 of them must fit into an address space of 47 bits.
const BLOCK_BYTES_MAX: u64 = 1 << 39;

/// A pool file of this process.
#[derive(Debug)]
pub(crate) struct OwnPool {
    number: u32,
    block_bytes: u64,
    map: Mapping,
    /// The longest ring that blocks of this file went to.
    ring_depth: AtomicU32,
    /// Blocks of this size have run out: the next allocation would have to look for some.
    is_out: AtomicBool,
}

impl OwnPool {
    /// Tells readers whether a block has its pages.
    fn set_reserved(&self, block: u32, reserved: bool) {
        let word = self.map.word(pool::RESERVED);
        let bit = 1 << block;
        let before = word.load(Ordering::Relaxed);
        // Relaxed: the Release that publishes a message in the block orders it for who reads that message.
        word.store(if reserved { before | bit } else { before & !bit }, Ordering::Relaxed);
    }

    fn offset(&self, block: u32) -> u64 {
        pool::BLOCKS + self.block_bytes * u64::from(block)
    }
}

/// One block of a pool of this process.
#[derive(Debug)]
pub(crate) struct OwnBlock {
    pool: Arc<OwnPool>,
    index: u32,
}

impl OwnBlock {
    /// Returns the pool's number and the block's, as descriptors name them.
    pub(crate) fn place(&self) -> (u32, u32) {
        (self.pool.number, self.index)
    }

    /// Returns the address of its first byte.
    pub(crate) fn start(&self) -> *mut u8 {
        self.pool.map.at(self.pool.offset(self.index) as usize)
    }

    /// Asks for its first lines to be written soon: a message's head and the beginning of its numbers.
    fn prefetch(&self) {
        let start = self.start();
        cpu::prefetch_to_write(start);
        cpu::prefetch_to_write(start.wrapping_add(64));
    }

    /// Notes the length of a ring that names it: so many of its size are in use at once.
    #[inline]
    pub(crate) fn note_depth(&self, depth: u32) {
        // Relaxed: a hint, private to this process.
        if self.pool.ring_depth.load(Ordering::Relaxed) < depth {
            self.pool.ring_depth.fetch_max(depth, Ordering::Relaxed);
        }
    }

    /// Returns whether the pool should be looked through for more of its size; see [`OwnPools::restock`].
    #[inline]
    pub(crate) fn is_out(&self) -> bool {
        self.pool.is_out.load(Ordering::Relaxed)
    }

    /// Returns pool and block as descriptors pack them.
    pub(crate) fn place_word(&self) -> u64 {
        place_word(self.pool.number, self.index)
    }
}

/// All blocks of one size.
#[derive(Debug, Default)]
struct Class {
    pools: Vec<Arc<OwnPool>>,
    /// Ready to be given away.
    free: Vec<Arc<OwnBlock>>,
    /// Given away, and not found unused since.
    used: Vec<Arc<OwnBlock>>,
    /// Used by nobody here; others may still pin them.
    unused: Vec<Arc<OwnBlock>>,
    /// Without pages.
    unreserved: Vec<Arc<OwnBlock>>,
    /// So many may be reserved before the next scan.
    growth: usize,
}

impl Class {
    /// Gives a block away.
    fn give(&mut self, block: Arc<OwnBlock>) -> Arc<OwnBlock> {
        self.used.push(block.clone());
        if self.is_out() {
            // Relaxed: a hint, private to this process.
            block.pool.is_out.store(true, Ordering::Relaxed);
        }
        self.expect_next();
        block
    }

    /// Returns whether the next block takes a scan.
    fn is_out(&self) -> bool {
        self.free.is_empty() && self.growth == 0
    }

    /// Asks for the first lines of the block that goes next: others read them last, and whoever takes it writes them at
    /// once.
    fn expect_next(&self) {
        if let Some(next) = self.free.last() {
            next.prefetch();
        }
    }

    /// Returns how many free blocks a full ring and two more need.
    fn keep(&self) -> usize {
        let depths = self.pools.iter().map(|pool| pool.ring_depth.load(Ordering::Relaxed));
        depths.max().unwrap_or(0).max(DEPTH_MIN) as usize + 2
    }

    /// Finds what nobody of this process uses any more.
    fn collect_unused(&mut self) {
        // `get_mut` synchronises with whoever let go of it last: what that read and wrote is done.
        let is_last = |block: &mut Arc<OwnBlock>| {
            // A glance first: most are in use, and asking costs an exchange each.
            Arc::strong_count(block) == 1 && Arc::get_mut(block).is_some()
        };
        self.unused.extend(self.used.extract_if(.., is_last));
    }

    /// Frees what nobody uses and nobody pins.
    fn reclaim(&mut self, is_pinned: impl Fn(&OwnBlock) -> bool) {
        self.free.extend(self.unused.extract_if(.., |block| !is_pinned(block)));
        // A scan costs system calls. So that each frees several, a size may grow by half of what is in use.
        let enough = (self.used.len() / 2).min(self.keep());
        self.growth = enough.saturating_sub(self.free.len());
    }

    /// Gives back the pages of all free blocks but `keep`.
    fn trim(&mut self, keep: usize) {
        while self.free.len() > keep {
            let block = self.free.pop().expect("more than `keep`");
            block.pool.set_reserved(block.index, false);
            crate::fail::point("pool.trimmed");
            block.pool.map.give_back(block.pool.offset(block.index), block.pool.block_bytes);
            self.unreserved.push(block);
        }
    }
}

/// Everything this process allocated.
#[derive(Debug)]
pub(crate) struct OwnPools {
    owner: u64,
    classes: BTreeMap<u64, Class>,
    next_number: u32,
    retired: Vec<Retired>,
    pins: Pins,
}

pub(crate) fn lock_pools(participant: &Participant) -> MutexGuard<'_, OwnPools> {
    participant.own_pools.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OwnPools {
    pub(crate) fn new(owner: u64) -> Self {
        Self { owner, classes: BTreeMap::new(), next_number: 0, retired: Vec::new(), pins: Pins::default() }
    }

    /// Gives away a block of at least `bytes`.
    pub(crate) fn take(&mut self, participant: &Participant, bytes: u64) -> Result<Arc<OwnBlock>> {
        if bytes > BLOCK_BYTES_MAX {
            // Also before the size is rounded up, which would overflow.
            return Err(Error::TooLarge { what: "a message".into(), bytes, limit: BLOCK_BYTES_MAX });
        }
        let size = block_class(bytes);
        if let Some(class) = self.classes.get_mut(&size)
            && let Some(block) = class.free.pop()
        {
            return Ok(class.give(block));
        }
        let block = self.find(participant, size, bytes)?;
        Ok(self.classes.entry(size).or_default().give(block))
    }

    /// Looks for free blocks of a block's size ahead of the next allocation, which would have to. Whoever just sent a
    /// message has the time: the message is on its way.
    #[cold]
    pub(crate) fn restock(&mut self, participant: &Participant, block: &OwnBlock) {
        block.pool.is_out.store(false, Ordering::Relaxed);
        let size = block.pool.block_bytes;
        // What can't be looked at now is looked at again by the allocation, which tells.
        if !self.classes.get(&size).is_some_and(Class::is_out) || self.scan(participant).is_err() {
            return;
        }
        match self.classes.get(&size) {
            Some(class) if !class.free.is_empty() => class.expect_next(),
            // It will grow without another look.
            _ => self.trim_others(size),
        }
    }

    /// Finds a block where none is known to be free.
    #[cold]
    fn find(&mut self, participant: &Participant, size: u64, bytes: u64) -> Result<Arc<OwnBlock>> {
        let class = self.classes.entry(size).or_default();
        if class.growth > 0 {
            class.growth -= 1;
            match self.reserve_one(participant, size) {
                Err(Error::ShmFull { .. }) => {}
                other => return other,
            }
        }
        self.scan(participant)?;
        if let Some(block) = self.classes.entry(size).or_default().free.pop() {
            return Ok(block);
        }
        self.trim_others(size);
        match self.reserve_one(participant, size) {
            Err(Error::ShmFull { .. }) => self.trim_all(),
            other => return other,
        }
        match self.reserve_one(participant, size) {
            Err(Error::ShmFull { path, .. }) => match self.holders() {
                holders if holders.is_empty() => Err(Error::ShmFull { path, bytes }),
                holders => Err(Error::PoolExhausted { bytes, holders }),
            },
            other => other,
        }
    }

    /// Takes pages for a block that has none, in a new pool file if every block has its own.
    fn reserve_one(&mut self, participant: &Participant, size: u64) -> Result<Arc<OwnBlock>> {
        let class = self.classes.entry(size).or_default();
        let Some(block) = class.unreserved.last().cloned() else {
            let pool = Arc::new(make_pool(participant, self.next_number, size)?);
            self.next_number += 1;
            class.pools.push(pool.clone());
            let mut blocks =
                (0..pool::BLOCK_COUNT as u32).map(|index| Arc::new(OwnBlock { pool: pool.clone(), index }));
            let first = blocks.next().expect("a pool has blocks");
            class.unreserved.extend(blocks.rev());
            return Ok(first);
        };
        let name = file_name(self.owner, block.pool.number);
        let folders = participant.folders();
        let path = folders.pools.path().join(&name);
        let Some(fd) = folders.pools.open_file(&name, true)? else {
            return Err(Error::Refused { path, reason: "the pool was removed; restart this process".into() });
        };
        crate::fail::point("pool.reserve");
        file::reserve(&fd, block.pool.offset(block.index), size, &path)?;
        class.unreserved.pop();
        block.pool.set_reserved(block.index, true);
        Ok(block)
    }

    /// Finds which blocks nobody uses and nobody pins, and frees them all.
    fn scan(&mut self, participant: &Participant) -> Result<()> {
        self.forgo_retired(participant);
        // Before the fence: the slots that named them were overwritten before whoever wrote there let go of them.
        self.classes.values_mut().for_each(Class::collect_unused);
        if self.classes.values().all(|class| class.unused.is_empty()) {
            self.pins.forget();
            return Ok(());
        }
        crate::fail::point("pool.scan");
        self.pins.look(participant)?;
        crate::fail::point("pool.scanned");
        self.reclaim();
        // The dead don't give back what they pinned; who lives costs a system call each, so only then.
        let short = |class: &Class| class.growth > 0 && !class.unused.is_empty();
        if self.classes.values().any(short) && self.pins.forget_dead(participant) {
            self.reclaim();
        }
        // More than a full ring and two more need is surplus.
        self.classes.values_mut().for_each(|class| class.trim(class.keep()));
        Ok(())
    }

    fn reclaim(&mut self) {
        let pins = &self.pins;
        self.classes.values_mut().for_each(|class| class.reclaim(|block| pins.hold(block.place_word())));
    }

    /// Before one size grows, gives back the free blocks of all others if they are more than all that is in
    /// use: messages of ever other sizes would else leave free blocks of each.
    fn trim_others(&mut self, size: u64) {
        let (mut used, mut free) = (0, 0);
        for (bytes, class) in &self.classes {
            used += bytes * (class.used.len() + class.unused.len()) as u64;
            free += bytes * class.free.len() as u64;
        }
        if free > used {
            let others = self.classes.iter_mut().filter(|(bytes, _)| **bytes != size);
            others.for_each(|(_, class)| class.trim(0));
        }
    }

    /// Gives back the pages of all free blocks.
    fn trim_all(&mut self) {
        self.classes.values_mut().for_each(|class| class.trim(0));
    }

    /// Keeps what a closing publisher leaves in its ring until nobody can want it any more.
    pub(crate) fn retire(&mut self, retired: Retired) {
        self.retired.push(retired);
    }

    /// Lets go of blocks that closed publishers left in rings, once nobody can want them any more.
    ///
    /// When who reads can't be told all stay, until a later look.
    fn forgo_retired(&mut self, participant: &Participant) {
        if self.retired.is_empty() {
            return;
        }
        let participants = &participant.folders().participants;
        let Ok(readers) = peers::living(participants).and_then(|peers| Readers::of(&peers)) else { return };
        self.retired.retain_mut(|entry| {
            entry.release(participant, &readers);
            !entry.is_empty()
        });
    }

    /// Tells who pins how much of what this process would give away again.
    fn holders(&self) -> Vec<PinHolder> {
        let mut holders: BTreeMap<u32, PinHolder> = BTreeMap::new();
        for block in self.classes.values().flat_map(|class| &class.unused) {
            for pid in self.pins.holders(block.place_word()) {
                let holder = holders.entry(pid).or_insert(PinHolder { pid, blocks: 0, bytes: 0 });
                holder.blocks += 1;
                holder.bytes += block.pool.block_bytes;
            }
        }
        holders.into_values().collect()
    }
}

/// Makes a pool file whole: header, its first block, its lock held by the mapping that is returned, then its
/// name. Where there is no room for a block, no file is left.
fn make_pool(participant: &Participant, number: u32, block_bytes: u64) -> Result<OwnPool> {
    let size = block_bytes
        .checked_mul(pool::BLOCK_COUNT)
        .and_then(|blocks| blocks.checked_add(pool::BLOCKS))
        .ok_or(Error::TooLarge { what: "a message".into(), bytes: block_bytes, limit: BLOCK_BYTES_MAX })?;
    let mut folders = participant.folders();
    for _ in 0..3 {
        match link_pool(participant, &folders.pools, number, block_bytes, size) {
            Err(error) if error.is_gone() => folders = participant.reopen_folders()?,
            other => return other,
        }
    }
    link_pool(participant, &folders.pools, number, block_bytes, size)
}

fn link_pool(
    participant: &Participant,
    folder: &Dir,
    number: u32,
    block_bytes: u64,
    size: u64,
) -> Result<OwnPool> {
    let name = file_name(participant.id(), number);
    let path = folder.path().join(&name);
    let _guard = crate::sys::fork::no_fork();
    let fd = folder.nameless(size)?;
    file::reserve(&fd, 0, pool::HEADER_BYTES, &path)?;
    crate::fail::point("pool.reserve");
    file::reserve(&fd, pool::BLOCKS, block_bytes, &path)?;
    lock::try_exclusive(&fd, 0, 1, &path)?;
    let map = Mapping::new(fd.as_fd(), size, Access::ReadWrite, false, &path)?;
    write_head(&map, MAGIC_POOL, size);
    map.word(pool::OWNER).store(participant.id(), Ordering::Relaxed);
    map.word(pool::NUMBER).store(u64::from(number), Ordering::Relaxed);
    map.word(pool::BLOCK_BYTES).store(block_bytes, Ordering::Relaxed);
    map.word(pool::RESERVED).store(1, Ordering::Relaxed);
    crate::fail::point("pool.made");
    if !folder.link(fd.as_fd(), &name)? {
        return Err(Error::Refused {
            path,
            reason: "it has the name of a pool of this process; remove it".into(),
        });
    }
    crate::fail::point("pool.linked");
    let ring_depth = AtomicU32::new(0);
    let is_out = AtomicBool::new(false);
    Ok(OwnPool { number, block_bytes, map, ring_depth, is_out })
}

/// Returns whether a part consists of whole pages. The kernel rounds a length up: on a board with pages of
/// 16 KiB giving back a block of 4 KiB would wipe its neighbours.
fn whole_pages(start: u64, bytes: u64, page: u64) -> bool {
    start.is_multiple_of(page) && bytes.is_multiple_of(page)
}

impl Mapping {
    /// Gives the pages of a part of the mapped file back, for everybody; nothing of a part that shares a page.
    fn give_back(&self, start: u64, bytes: u64) {
        let _in_bounds = self.at((start + bytes) as usize);
        if !whole_pages(start, bytes, rustix::param::page_size() as u64) {
            return;
        }
        crate::fail::step("punch");
        // SAFETY: the part lies within the mapping, checked above, and is a free block: nobody reads it.
        // A failure leaves the pages taken, which costs memory and harms nothing.
        let _ = unsafe {
            rustix::mm::madvise(self.at(start as usize).cast(), bytes as usize, Advice::LinuxRemove)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_smaller_than_a_page_is_not_given_back() {
        let first = pool::BLOCKS;
        assert!(whole_pages(first, 4096, 4096));
        assert!(!whole_pages(first, 4096, 16_384), "its neighbours are on that page");
        assert!(!whole_pages(first + 4096, 16_384, 16_384));
        assert!(whole_pages(first + 16_384, 16_384, 16_384));
    }

    #[test]
    fn the_largest_block_can_be_rounded_up_and_mapped() {
        // What is allowed can be rounded up and mapped, 64 blocks of it.
        let class = block_class(BLOCK_BYTES_MAX);
        assert_eq!(class, BLOCK_BYTES_MAX);
        assert!(class.checked_mul(pool::BLOCK_COUNT).is_some_and(|bytes| bytes + pool::BLOCKS < 1 << 46));
    }
}
