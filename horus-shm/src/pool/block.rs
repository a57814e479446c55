//! A process's own pools: what is free, what is in use, and which blocks came free again.
//!
//! All bookkeeping is private to the owner; shared memory holds only the bytes.

use crate::error::{Error, PinHolder, Result};
use crate::layout::{DEPTH_MIN, MAGIC_POOL, block_class, pool};
use crate::life::namespace::write_head;
use crate::life::participant::Participant;
use crate::life::peers::{self, Peer, Pin};
use crate::life::retention::Readers;
use crate::pool::descriptor::file_name;
use crate::pool::hazard::Listed;
use crate::ring::retired::Retired;
use crate::sync::Ordering;
use crate::sys::file::{self, Dir};
use crate::sys::lock;
use crate::sys::map::{Access, Mapping};
use rustix::mm::Advice;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::{Deref, DerefMut};
use std::os::fd::AsFd;
use std::sync::{Arc, MutexGuard, PoisonError};

/// The largest block: 64 of them must fit into an address space of 47 bits.
const BLOCK_BYTES_MAX: u64 = 1 << 39;

/// A block's place: which size, which pool file, which block of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) class: u64,
    pub(crate) pool: u32,
    pub(crate) block: u32,
}

/// Why a block may not be given away yet.
#[derive(Debug, Default)]
struct Uses {
    /// A handle of this process lives.
    handle: bool,
    /// So many slots name it.
    slots: u32,
}

#[derive(Debug, Default)]
struct Class {
    pools: Vec<OwnPool>,
    /// Ready to be given away.
    free: Vec<Place>,
    /// Used by nobody here; others may still pin them.
    candidates: Vec<Place>,
    /// Without pages.
    unreserved: Vec<Place>,
    uses: HashMap<Place, Uses>,
    /// The longest ring that blocks of this size went to.
    depth: u32,
}

#[derive(Debug)]
struct OwnPool {
    number: u32,
    map: Mapping,
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
}

/// Everything this process allocated.
#[derive(Debug)]
pub(crate) struct OwnPools {
    owner: u64,
    classes: BTreeMap<u64, Class>,
    next_number: u32,
    retired: Vec<Retired>,
    listed: Listed<Vec<Peer>>,
}

fn lock_pools(participant: &Participant) -> MutexGuard<'_, OwnPools> {
    participant.own_pools.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OwnPools {
    pub(crate) fn new(owner: u64) -> Self {
        Self {
            owner,
            classes: BTreeMap::new(),
            next_number: 0,
            retired: Vec::new(),
            listed: Listed::default(),
        }
    }

    fn take(&mut self, participant: &Participant, bytes: u64) -> Result<Place> {
        if bytes > BLOCK_BYTES_MAX {
            // Also before the size is rounded up, which would overflow.
            return Err(Error::TooLarge { what: "a message".into(), bytes, limit: BLOCK_BYTES_MAX });
        }
        let class = block_class(bytes);
        if let Some(place) = self.classes.entry(class).or_default().free.pop() {
            return Ok(self.hand_out(place));
        }
        let pinned = self.scan(participant)?;
        if let Some(place) = self.classes.entry(class).or_default().free.pop() {
            return Ok(self.hand_out(place));
        }
        self.trim_others(class);
        match self.reserve_one(participant, class) {
            Ok(place) => Ok(self.hand_out(place)),
            Err(Error::ShmFull { .. }) => {
                self.trim(0);
                match self.reserve_one(participant, class) {
                    Err(Error::ShmFull { path, .. }) => match self.holders(&pinned) {
                        holders if holders.is_empty() => Err(Error::ShmFull { path, bytes }),
                        holders => Err(Error::PoolExhausted { bytes, holders }),
                    },
                    other => other.map(|place| self.hand_out(place)),
                }
            }
            Err(error) => Err(error),
        }
    }

    fn hand_out(&mut self, place: Place) -> Place {
        let class = self.classes.entry(place.class).or_default();
        class.uses.insert(place, Uses { handle: true, slots: 0 });
        place
    }

    /// Takes pages for a block that has none, in a new pool file if every block has its own.
    fn reserve_one(&mut self, participant: &Participant, class_bytes: u64) -> Result<Place> {
        let class = self.classes.entry(class_bytes).or_default();
        let Some(place) = class.unreserved.last().copied() else {
            let number = self.next_number;
            let map = make_pool(participant, number, class_bytes)?;
            self.next_number += 1;
            let own = OwnPool { number, map };
            own.set_reserved(0, true);
            class.pools.push(own);
            let mut places =
                (0..pool::BLOCK_COUNT as u32).map(|block| Place { class: class_bytes, pool: number, block });
            let first = places.next().expect("a pool has blocks");
            class.unreserved.extend(places.rev());
            return Ok(first);
        };
        let name = file_name(self.owner, place.pool);
        let folders = participant.folders();
        let path = folders.pools.path().join(&name);
        let Some(fd) = folders.pools.open_file(&name, true)? else {
            return Err(Error::Refused { path, reason: "the pool was removed; restart this process".into() });
        };
        crate::fail::point("pool.reserve");
        file::reserve(&fd, pool::BLOCKS + class_bytes * u64::from(place.block), class_bytes, &path)?;
        class.unreserved.pop();
        if let Some(own) = class.pools.iter().find(|own| own.number == place.pool) {
            own.set_reserved(place.block, true);
        }
        Ok(place)
    }

    /// Finds which candidates nobody pins, frees them all, and returns the pins of living processes.
    fn scan(&mut self, participant: &Participant) -> Result<HashMap<Pin, Vec<u32>>> {
        self.forgo_retired(participant);
        if self.classes.values().all(|class| class.candidates.is_empty()) {
            return Ok(HashMap::new());
        }
        crate::fail::point("pool.scan");
        // The slots that named the candidates were overwritten before. A file that can't be trusted pins nothing that
        // could be checked.
        let list = || peers::living(&participant.folders().participants);
        let pinned = self
            .listed
            .scan(participant.namespace().root().joins(), list, |peers| pins_of(self.owner, peers))?;
        crate::fail::point("pool.scanned");
        for class in self.classes.values_mut() {
            let owner = self.owner;
            let held =
                |place: &Place| pinned.contains_key(&Pin { owner, pool: place.pool, block: place.block });
            let (stay, come_free): (Vec<_>, Vec<_>) = class.candidates.drain(..).partition(held);
            class.candidates = stay;
            class.free.extend(come_free);
        }
        self.trim_surplus();
        Ok(pinned)
    }

    /// Gives back the pages of free blocks beyond what a full ring and two more need.
    fn trim_surplus(&mut self) {
        for class in self.classes.values_mut() {
            let keep = class.depth.max(DEPTH_MIN) as usize + 2;
            class.trim(keep);
        }
    }

    /// Before one size grows, gives back the free blocks of all others if they are more than all that is in
    /// use: messages of ever other sizes would else leave free blocks of each.
    fn trim_others(&mut self, block_bytes: u64) {
        let (mut used, mut free) = (0, 0);
        for (bytes, class) in &self.classes {
            used += bytes * (class.uses.len() + class.candidates.len()) as u64;
            free += bytes * class.free.len() as u64;
        }
        if free > used {
            let others = self.classes.iter_mut().filter(|(bytes, _)| **bytes != block_bytes);
            others.for_each(|(_, class)| class.trim(0));
        }
    }

    /// Gives back the pages of all free blocks but `keep` of each size.
    fn trim(&mut self, keep: usize) {
        for class in self.classes.values_mut() {
            class.trim(keep);
        }
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
        let mut retired = std::mem::take(&mut self.retired);
        retired.retain_mut(|entry| {
            for place in entry.released(participant, &readers) {
                self.slot_let_go(place);
            }
            !entry.is_empty()
        });
        self.retired = retired;
    }

    fn slot_let_go(&mut self, place: Place) {
        let Some(class) = self.classes.get_mut(&place.class) else { return };
        if let Some(uses) = class.uses.get_mut(&place) {
            uses.slots = uses.slots.saturating_sub(1);
            if uses.slots == 0 && !uses.handle {
                class.uses.remove(&place);
                class.candidates.push(place);
            }
        }
    }

    fn handle_let_go(&mut self, place: Place) {
        let Some(class) = self.classes.get_mut(&place.class) else { return };
        if let Some(uses) = class.uses.get_mut(&place) {
            uses.handle = false;
            if uses.slots == 0 {
                class.uses.remove(&place);
                class.candidates.push(place);
            }
        }
    }

    fn holders(&self, pinned: &HashMap<Pin, Vec<u32>>) -> Vec<PinHolder> {
        let candidates: HashSet<(u32, u32)> = self
            .classes
            .values()
            .flat_map(|class| &class.candidates)
            .map(|place| (place.pool, place.block))
            .collect();
        let sizes: HashMap<u32, u64> = self
            .classes
            .iter()
            .flat_map(|(bytes, class)| class.pools.iter().map(move |pool| (pool.number, *bytes)))
            .collect();
        let mut holders: BTreeMap<u32, PinHolder> = BTreeMap::new();
        for (pin, pids) in pinned.iter().filter(|(pin, _)| candidates.contains(&(pin.pool, pin.block))) {
            for pid in pids {
                let holder = holders.entry(*pid).or_insert(PinHolder { pid: *pid, blocks: 0, bytes: 0 });
                holder.blocks += 1;
                holder.bytes += sizes.get(&pin.pool).copied().unwrap_or(0);
            }
        }
        holders.into_values().collect()
    }
}

/// Reads which of an owner's blocks the living pin, and which processes do.
fn pins_of(owner: u64, peers: &[Peer]) -> Result<HashMap<Pin, Vec<u32>>> {
    let mut pinned: HashMap<Pin, Vec<u32>> = HashMap::new();
    for peer in peers {
        let pins: Vec<Pin> = peer.pins()?.into_iter().filter(|pin| pin.owner == owner).collect();
        if !pins.is_empty() && (peer.id == owner || peer.is_alive()?) {
            let pid = peer.pid();
            for pin in pins {
                pinned.entry(pin).or_default().push(pid);
            }
        }
    }
    Ok(pinned)
}

impl Class {
    fn trim(&mut self, keep: usize) {
        while self.free.len() > keep {
            let place = self.free.pop().expect("more than `keep`");
            let Some(own) = self.pools.iter().find(|own| own.number == place.pool) else { continue };
            own.set_reserved(place.block, false);
            own.map.give_back(pool::BLOCKS + place.class * u64::from(place.block), place.class);
            self.unreserved.push(place);
        }
    }
}

/// Makes a pool file whole: header, its first block, its lock held by the mapping that is returned, then its
/// name. Where there is no room for a block, no file is left.
fn make_pool(participant: &Participant, number: u32, block_bytes: u64) -> Result<Mapping> {
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
) -> Result<Mapping> {
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
    crate::fail::point("pool.made");
    if !folder.link(fd.as_fd(), &name)? {
        return Err(Error::Refused {
            path,
            reason: "it has the name of a pool of this process; remove it".into(),
        });
    }
    crate::fail::point("pool.linked");
    Ok(map)
}

/// A handle of this process on one of its own blocks.
#[derive(Debug)]
struct Handle {
    participant: Arc<Participant>,
    place: Place,
    start: *mut u8,
    len: usize,
}

// SAFETY: the block belongs to this process while the handle lives: `BlockMut` reaches it through
// `&mut self`, `Block` only reads it, and no block is written after it was frozen.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    /// Returns the block's bytes; none in a child forked from their owner, which doesn't have the mapping.
    #[inline]
    fn bytes(&self) -> &[u8] {
        if !self.participant.is_ours() {
            return &[];
        }
        // SAFETY: the block is mapped and reserved while the handle lives. Only a `BlockMut` writes it, through
        // `&mut self`, and no block is written after it was frozen.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.participant.is_ours() {
            lock_pools(&self.participant).handle_let_go(self.place);
        }
    }
}

/// A block of this process that nobody else knows of yet: fill it, then freeze and send it.
#[derive(Debug)]
pub struct BlockMut {
    handle: Handle,
}

impl BlockMut {
    pub(crate) fn allocate(participant: &Arc<Participant>, bytes: u64) -> Result<Self> {
        if !participant.is_ours() {
            // A forked child has none of its parent's pools: the block is of the child's own participant.
            let own = Participant::join(participant.namespace(), participant.language())?;
            return Self::allocate(&own, bytes);
        }
        let mut pools = lock_pools(participant);
        let place = pools.take(participant, bytes)?;
        let start = pools
            .classes
            .get(&place.class)
            .and_then(|class| class.pools.iter().find(|own| own.number == place.pool))
            .expect("a place is in a pool of its class")
            .map
            .at((pool::BLOCKS + place.class * u64::from(place.block)) as usize);
        drop(pools);
        let handle = Handle { participant: participant.clone(), place, start, len: bytes as usize };
        crate::fail::point("pool.allocated");
        Ok(Self { handle })
    }

    /// Returns how many bytes were asked for.
    pub fn len(&self) -> usize {
        self.handle.len
    }

    /// Returns whether no bytes were asked for.
    pub fn is_empty(&self) -> bool {
        self.handle.len == 0
    }

    /// Returns the address of the first byte, for views that their holder keeps in order.
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.handle.start
    }

    /// Ends the writing: what is in the block now is what will be sent.
    pub fn freeze(self) -> Block {
        Block { handle: Arc::new(self.handle) }
    }
}

impl Deref for BlockMut {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.handle.bytes()
    }
}

impl DerefMut for BlockMut {
    fn deref_mut(&mut self) -> &mut [u8] {
        if !self.handle.participant.is_ours() {
            return &mut [];
        }
        // SAFETY: as in `Handle::bytes`; `&mut self` makes this the only borrow.
        unsafe { std::slice::from_raw_parts_mut(self.handle.start, self.handle.len) }
    }
}

/// A block of this process that is read-only from now on. Cheap to clone; may be sent any number of times.
///
/// The pool takes it back once no clone lives, no ring names it and nobody pins it.
#[derive(Clone, Debug)]
pub struct Block {
    handle: Arc<Handle>,
}

impl Block {
    /// Returns the bytes that were asked for; none in a child forked from the process that allocated them.
    pub fn bytes(&self) -> &[u8] {
        self.handle.bytes()
    }

    pub(crate) fn place(&self) -> Place {
        self.handle.place
    }

    pub(crate) fn is_of(&self, participant: &Arc<Participant>) -> bool {
        Arc::ptr_eq(&self.handle.participant, participant)
    }
}

/// Notes that a slot names a block now, and that the one it named before it doesn't any more.
pub(crate) fn swap_slot(participant: &Participant, now: Option<&Block>, before: Option<Place>, depth: u32) {
    let mut pools = lock_pools(participant);
    if let Some(block) = now {
        let place = block.place();
        let class = pools.classes.entry(place.class).or_default();
        class.depth = class.depth.max(depth);
        class.uses.entry(place).or_default().slots += 1;
    }
    if let Some(place) = before {
        pools.slot_let_go(place);
    }
}

/// Keeps what a closing publisher leaves in its ring until nobody can want it any more.
pub(crate) fn retire(participant: &Participant, retired: Retired) {
    lock_pools(participant).retired.push(retired);
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
