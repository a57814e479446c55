//! Pins: no block is written again, or punched, while a reader has it.
//!
//! A block is a cell of loom's, which fails the model unless every two of its accesses are ordered. The folder of
//! participants and their pins are read with relaxed loads, for the library reads them by system calls.

use crate::hazard::{self, Listed};
use crate::lane::{self, FLAG_BLOCK, HeapLane, Writer};
use crate::sync::{AtomicU64, Ordering};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use std::convert::Infallible;

/// The publisher's participant id.
const OWNER: u64 = 9;
/// Another's, whose blocks are read too.
const OTHER: u64 = 5;

/// A process that reads: its pin table, of one entry below the mark or none, and whether its file has a name.
struct Participant {
    entry: [AtomicU64; 2],
    mark: AtomicU64,
    listed: AtomicU64,
}

impl Participant {
    fn entry(&self) -> [&AtomicU64; 2] {
        [&self.entry[0], &self.entry[1]]
    }
}

struct World {
    /// One slot, so that each message overwrites the one before.
    lane: HeapLane,
    blocks: [UnsafeCell<u64>; 2],
    reader: Participant,
    joins: AtomicU64,
    /// A bit for each block of the pool that has its pages.
    reserved: AtomicU64,
    closed: AtomicU64,
}

// SAFETY: what the models check is exactly that no block is read and written at the same time; loom fails them if so.
unsafe impl Sync for World {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for World {}

impl World {
    fn new() -> Arc<Self> {
        let word = || AtomicU64::new(0);
        Arc::new(Self {
            lane: HeapLane::new(1, 1),
            blocks: [UnsafeCell::new(0), UnsafeCell::new(0)],
            reader: Participant { entry: [word(), word()], mark: word(), listed: word() },
            joins: word(),
            reserved: word(),
            closed: word(),
        })
    }

    fn join(&self) {
        self.reader.listed.store(1, Ordering::Relaxed);
        hazard::joined(&self.joins);
    }

    /// Fills a block that nobody else has, and that had no pages before, and sends its name.
    fn send(&self, writer: &mut Writer, block: usize) {
        self.set_reserved(block, true);
        self.write_block(block, writer.next());
        writer.write(&self.lane, 0, FLAG_BLOCK | 8, std::iter::once(block as u64));
    }

    fn set_reserved(&self, block: usize, reserved: bool) {
        let before = self.reserved.load(Ordering::Relaxed);
        let bit = 1 << block;
        self.reserved.store(if reserved { before | bit } else { before & !bit }, Ordering::Relaxed);
    }

    fn write_block(&self, block: usize, value: u64) {
        // SAFETY: as for Sync.
        self.blocks[block].with_mut(|bytes| unsafe { *bytes = value });
    }

    fn expect_block(&self, block: usize, value: u64) {
        // SAFETY: as for Sync.
        self.blocks[block].with(|bytes| assert_eq!(unsafe { *bytes }, value));
    }

    /// Receives message `number`, if it is there and its pin holds.
    fn receive(&self, number: u64) {
        let mut words = [0];
        if lane::copy(&self.lane, number, &mut words).is_none() {
            return;
        }
        let named = || lane::still_there(&self.lane, number);
        let closed = || self.closed.load(Ordering::Relaxed) != 0;
        self.reader.mark.store(1, Ordering::Relaxed);
        if hazard::set(self.reader.entry(), OWNER, words[0], named, closed) {
            assert_ne!(self.reserved.load(Ordering::Relaxed) & 1 << words[0], 0, "it has its pages");
            self.expect_block(words[0] as usize, number);
            hazard::clear(self.reader.entry());
        }
    }

    /// Whether a scan finds that nobody pins a block of the owner's.
    fn is_free(&self, block: u64, listed: &mut Listed<bool>) -> bool {
        let list = || Ok::<_, Infallible>(self.reader.listed.load(Ordering::Relaxed) == 1);
        let pinned = |listed: &bool| {
            let has_entry = self.reader.mark.load(Ordering::Relaxed) == 1;
            let [owner, place] = self.reader.entry().map(|word| word.load(Ordering::Relaxed));
            Ok(*listed && has_entry && owner == OWNER && place == block)
        };
        match listed.scan(&self.joins, list, pinned) {
            Ok(pinned) => !pinned,
            Err(never) => match never {},
        }
    }

    /// Sends message 1 and uses the block of message 0 again as soon as nobody pins it.
    fn reuse(&self, writer: &mut Writer, listed: &mut Listed<bool>) {
        self.send(writer, 1);
        if self.is_free(0, listed) {
            // Given back meanwhile, as what is free beyond the ring's need.
            self.set_reserved(0, false);
            self.send(writer, 0);
        }
    }

    /// Sends message 0, in block 0.
    fn begin(&self) -> Writer {
        let mut writer = Writer::claim(&self.lane, OWNER, 0).expect("an empty lane");
        self.send(&mut writer, 0);
        writer
    }
}

fn model(work: impl Fn() + Send + Sync + 'static) {
    crate::model(Some(3), work);
}

/// For the SeqCst fences of the pin and of the scan, the second look at the slot, the Release of `clear` and the
/// Acquire fence behind the reading of the pins.
#[test]
fn a_pinned_block_is_not_used_again() {
    model(|| {
        let world = World::new();
        world.join();
        let mut writer = world.begin();
        let mut listed = Listed::default();
        assert!(world.is_free(1, &mut listed), "lists the participants");
        let publishing = {
            let world = world.clone();
            thread::spawn(move || world.reuse(&mut writer, &mut listed))
        };
        world.receive(0);
        publishing.join().expect("no panic");
    });
}

/// A reader that joins while the owner scans. For the order of listing and adding to the join word, and for reading
/// the join word after the fence.
#[test]
fn a_newcomers_pin_is_not_missed() {
    model(|| {
        let world = World::new();
        let mut writer = world.begin();
        let publishing = {
            let world = world.clone();
            thread::spawn(move || {
                let mut listed = Listed::default();
                // An earlier scan, which may meet the newcomer half-way.
                world.is_free(1, &mut listed);
                world.reuse(&mut writer, &mut listed);
            })
        };
        world.join();
        world.receive(0);
        publishing.join().expect("no panic");
    });
}

/// An entry of the pin table is used again, for another block, while the owner scans. For the Release of both words of a
/// pin: by either the scan may learn that the first pin is gone.
fn an_entry_used_again(owner: u64, place: u64) {
    model(move || {
        let world = World::new();
        world.join();
        let mut writer = world.begin();
        let mut listed = Listed::default();
        assert!(world.is_free(1, &mut listed), "lists the participants");
        let reading = {
            let world = world.clone();
            thread::spawn(move || {
                world.receive(0);
                hazard::set(world.reader.entry(), owner, place, || true, || false);
            })
        };
        world.reuse(&mut writer, &mut listed);
        reading.join().expect("no panic");
    });
}

#[test]
fn the_next_pin_of_an_entry_hides_no_read_of_the_owners_other_block() {
    an_entry_used_again(OWNER, 1);
}

#[test]
fn the_next_pin_of_an_entry_hides_no_read_of_another_owners_block() {
    an_entry_used_again(OTHER, 0);
}

/// A cleaner takes a dead owner's pool away while a reader pins in it. For `closed` before the fence and the scan, and
/// for its check after the pin.
#[test]
fn a_closed_pool_is_not_punched_under_a_reader() {
    model(|| {
        let world = World::new();
        world.join();
        drop(world.begin());
        let cleaning = {
            let world = world.clone();
            thread::spawn(move || {
                world.closed.store(1, Ordering::Relaxed);
                if world.is_free(0, &mut Listed::default()) {
                    world.write_block(0, u64::MAX);
                }
            })
        };
        world.receive(0);
        cleaning.join().expect("no panic");
    });
}
