//! Pins under the model checker: no block is written again, or punched, while a reader has it.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --release --test loom_pin`. The ring and the pin are included as they ship; the
//! owner's scan is written out here with the same accesses in the same order, for the library's reads the pins through
//! the kernel. A block is a cell of loom's, which fails the model when it is read and written at the same time.
//!
//! Without either fence, either second look, the Release of `clear`, the order of list and join word on both sides, or
//! with weaker ones, a model fails; the order of a pin's two words alone makes no difference.
#![cfg(loom)]

#[path = "../src/pool/hazard.rs"]
mod hazard;
#[path = "../src/ring/lane.rs"]
#[allow(dead_code, reason = "the model uses a part")]
mod lane;
#[path = "../src/sync/mod.rs"]
#[allow(unused_imports, reason = "the bell's words aren't used here")]
mod sync;

/// No kill points: a dead reader's pin doesn't count, which is the kernel's business.
mod fail {
    pub(crate) fn point(_: &str) {}
}

use lane::{FLAG_BLOCK, HeapLane, Writer};
use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex};
use loom::thread;
use sync::{AtomicU64, Ordering, fence};

/// The publisher's participant id.
const OWNER: u64 = 9;

/// An entry of a participant's pin table: owner, place.
type Entry = [AtomicU64; 2];

struct World {
    /// One slot, so that each message overwrites the one before.
    lane: HeapLane,
    blocks: [UnsafeCell<u64>; 2],
    /// The folder of participants: who is listed there is scanned.
    participants: Mutex<Vec<Arc<Entry>>>,
    joins: AtomicU64,
    closed: AtomicU64,
}

// SAFETY: what the models check is exactly that no block is read and written at the same time; loom fails them if so.
unsafe impl Sync for World {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for World {}

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            lane: HeapLane::new(1, 1),
            blocks: [UnsafeCell::new(0), UnsafeCell::new(0)],
            participants: Mutex::new(Vec::new()),
            joins: AtomicU64::new(0),
            closed: AtomicU64::new(0),
        })
    }

    fn join(&self) -> Arc<Entry> {
        let entry = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        self.participants.lock().expect("nobody panics holding it").push(entry.clone());
        self.joins.fetch_add(1, Ordering::Release);
        entry
    }

    /// Fills a block that nobody else has and sends its name.
    fn send(&self, writer: &mut Writer, block: usize) {
        // SAFETY: as for Sync.
        self.blocks[block].with_mut(|bytes| unsafe { *bytes = writer.next() });
        writer.write(&self.lane, 0, FLAG_BLOCK | 8, std::iter::once(block as u64));
    }

    /// Receives message `number`, if it is there and its pin holds.
    fn receive(&self, entry: &Entry, number: u64) {
        let mut words = [0];
        if lane::copy(&self.lane, number, &mut words).is_none() {
            return;
        }
        let (block, entry) = (words[0] as usize, [&entry[0], &entry[1]]);
        let named = || lane::still_there(&self.lane, number);
        let closed = || self.closed.load(Ordering::Relaxed) != 0;
        if hazard::set(entry, OWNER, words[0], named, closed) {
            // SAFETY: as for Sync.
            self.blocks[block].with(|bytes| assert_eq!(unsafe { *bytes }, number));
            hazard::clear(entry);
        }
    }

    /// Whether no listed participant pins a block; `known` is the caller's list and the join word it goes with.
    fn is_free(&self, block: u64, known: &mut (u64, Vec<Arc<Entry>>)) -> bool {
        fence(Ordering::SeqCst);
        let joins = self.joins.load(Ordering::Acquire);
        if joins != known.0 {
            *known = (joins, self.participants.lock().expect("nobody panics holding it").clone());
        }
        known.1.iter().all(|entry| {
            entry[0].load(Ordering::Acquire) != OWNER || entry[1].load(Ordering::Relaxed) != block
        })
    }
}

fn model(work: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(work);
}

/// Sends two messages and uses the first one's block again for a third as soon as nobody pins it.
fn owner(world: &World, writer: &mut Writer, known: &mut (u64, Vec<Arc<Entry>>)) {
    world.send(writer, 1);
    if world.is_free(0, known) {
        world.send(writer, 0);
    }
}

/// For the SeqCst fences of the pin and of the scan, the second look at the slot, and the Release of `clear`.
#[test]
fn a_pinned_block_is_not_used_again() {
    model(|| {
        let world = World::new();
        let entry = world.join();
        let mut writer = Writer::claim(&world.lane, OWNER, 0).expect("an empty lane");
        let mut known = (0, Vec::new());
        world.send(&mut writer, 0);
        assert!(world.is_free(1, &mut known), "lists the participants");
        let publishing = {
            let world = world.clone();
            thread::spawn(move || owner(&world, &mut writer, &mut known))
        };
        world.receive(&entry, 0);
        publishing.join().expect("no panic");
    });
}

/// A reader that joins while the owner scans. For the order of listing and adding to the join word, and for reading
/// the join word after the fence.
#[test]
fn a_newcomers_pin_is_not_missed() {
    model(|| {
        let world = World::new();
        let mut writer = Writer::claim(&world.lane, OWNER, 0).expect("an empty lane");
        world.send(&mut writer, 0);
        let publishing = {
            let world = world.clone();
            thread::spawn(move || {
                let mut known = (0, Vec::new());
                // An earlier scan, which may meet the newcomer half-way.
                world.is_free(1, &mut known);
                owner(&world, &mut writer, &mut known);
            })
        };
        let entry = world.join();
        world.receive(&entry, 0);
        publishing.join().expect("no panic");
    });
}

/// A cleaner takes a dead owner's pool away while a reader pins in it. For `closed` before the fence and the scan, and
/// for its check after the pin.
#[test]
fn a_closed_pool_is_not_punched_under_a_reader() {
    model(|| {
        let world = World::new();
        let entry = world.join();
        let mut writer = Writer::claim(&world.lane, OWNER, 0).expect("an empty lane");
        world.send(&mut writer, 0);
        let cleaning = {
            let world = world.clone();
            thread::spawn(move || {
                world.closed.store(1, Ordering::Relaxed);
                if world.is_free(0, &mut (0, Vec::new())) {
                    // SAFETY: as for Sync.
                    world.blocks[0].with_mut(|bytes| unsafe { *bytes = u64::MAX });
                }
            })
        };
        world.receive(&entry, 0);
        cleaning.join().expect("no panic");
    });
}
