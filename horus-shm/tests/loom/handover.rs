//! A publisher dies with a message in its ring whose bytes are in its pool; another takes the lane over, a cleaner comes,
//! and a subscriber that was there before has still to read it.
//!
//! Records and lanes are read as the library reads them, by system calls that copy words in any order.

use crate::fail;
use crate::hazard::{self, Listed};
use crate::lane::{self, FLAG_BLOCK, HeapLane, LaneMemory, TableField, Writer};
use crate::model;
use crate::sync::{AtomicU64, Ordering};
use crate::told::{self, Ring};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use std::convert::Infallible;

/// The publisher that dies, and the one that takes its lane over.
const DEAD: u64 = 9;
const NEXT: u64 = 5;
/// The topic's file, and one where the subscriber stood before.
const HERE: u64 = 2;
const ELSEWHERE: u64 = 1;
const PUNCHED: u64 = u64::MAX;

struct World {
    lane: HeapLane,
    block: UnsafeCell<u64>,
    closed: AtomicU64,
    /// The subscriber's one pin, and its record: where it stands, how far it has come.
    pin: [AtomicU64; 2],
    inode: AtomicU64,
    cursor: AtomicU64,
    joins: AtomicU64,
}

// SAFETY: that the block is not read and written at the same time is what the models check; loom fails them if so.
unsafe impl Sync for World {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for World {}

impl World {
    /// Message 0 is in block 0, its publisher was killed at `point`, and the subscriber has read nothing.
    fn new(point: Option<&'static str>) -> Arc<Self> {
        let word = || AtomicU64::new(0);
        let world = Self {
            lane: HeapLane::new(1, 1),
            block: UnsafeCell::new(0),
            closed: word(),
            pin: [word(), word()],
            inode: AtomicU64::new(HERE),
            cursor: word(),
            joins: AtomicU64::new(1),
        };
        let mut writer = Writer::claim(&world.lane, DEAD, 0).expect("an empty lane");
        fail::killed_at(point, || writer.write(&world.lane, 0, FLAG_BLOCK | 8, std::iter::once(0)));
        Arc::new(world)
    }

    fn pin(&self) -> [&AtomicU64; 2] {
        [&self.pin[0], &self.pin[1]]
    }

    /// Receives message 0 as a subscriber does; returns whether it got it.
    fn receive(&self) -> bool {
        let named = || lane::still_there(&self.lane, 0);
        let closed = || self.closed.load(Ordering::Relaxed) != 0;
        let holds =
            lane::copy(&self.lane, 0, &mut [0]).is_some() && hazard::set(self.pin(), DEAD, 0, named, closed);
        if holds {
            // SAFETY: as for Sync.
            self.block.with(|bytes| assert_ne!(unsafe { *bytes }, PUNCHED));
            // Stored while the pin is there: the handle lives on with whoever received it.
            self.cursor.store(1, Ordering::Relaxed);
            // SAFETY: as for Sync.
            self.block.with(|bytes| assert_ne!(unsafe { *bytes }, PUNCHED));
            hazard::clear(self.pin());
        }
        self.cursor.store(1, Ordering::Relaxed);
        holds
    }

    /// What a cleaner reads of the lane.
    fn ring(&self) -> Ring {
        let field = |field| self.lane.table(field).load(Ordering::Relaxed);
        let (owner, (base, head)) =
            read(|| field(TableField::Owner), || (field(TableField::Base), field(TableField::Head)));
        let end = lane::end_of(head, self.lane.slot(0, 0).load(Ordering::Relaxed));
        Ring { owner, base, end, depth: 1 }
    }

    /// Removes the dead publisher's pool if nobody has to read in it any more, and nobody does.
    fn clean(&self, recorded: u64) {
        let (inode, cursor) =
            read(|| self.inode.load(Ordering::Relaxed), || self.cursor.load(Ordering::Relaxed));
        let end = told::left_until(DEAD, recorded, false, Some(self.ring()));
        if told::may_read((inode == HERE).then_some(cursor), end, true) {
            return;
        }
        self.closed.store(1, Ordering::Relaxed);
        let pinned = |(): &()| {
            let [owner, place] = self.pin().map(|word| word.load(Ordering::Relaxed));
            Ok::<_, Infallible>(owner == DEAD && place == 0)
        };
        let Ok(pinned) = Listed::default().scan(&self.joins, || Ok(()), pinned);
        if !pinned {
            // SAFETY: as for Sync.
            self.block.with_mut(|bytes| unsafe { *bytes = PUNCHED });
        }
    }
}

fn read<A, B>(first: impl FnOnce() -> A, second: impl FnOnce() -> B) -> (A, B) {
    let Ok(both) = told::in_order(|| Ok::<_, Infallible>(first()), |_| Ok(second()));
    both
}

/// Nobody overwrites the message: the subscriber gets it, however the cleaning falls between its steps and those of who
/// takes the lane over. `point` is where the publisher was killed, `recorded` what its record says it had sent.
fn kept(point: Option<&'static str>, recorded: u64) {
    model(Some(2), move || {
        let world = World::new(point);
        let cleaning = {
            let world = world.clone();
            thread::spawn(move || world.clean(recorded))
        };
        let receiving = {
            let world = world.clone();
            thread::spawn(move || assert!(world.receive(), "unread, and not overwritten"))
        };
        Writer::claim(&world.lane, NEXT, 0).expect("only publishers wrote here");
        cleaning.join().expect("no panic");
        receiving.join().expect("no panic");
    });
}

/// For reading a lane's owner before its base.
#[test]
fn what_a_killed_publisher_left_is_kept_for_who_has_not_read_it() {
    kept(Some("lane.whole"), 0);
    kept(Some("lane.head"), 0);
}

#[test]
fn what_a_dead_publisher_recorded_is_kept_for_who_has_not_read_it() {
    kept(None, 1);
}

/// The next publisher overwrites the message: the block goes, but not while the subscriber has it.
#[test]
fn what_is_overwritten_in_a_lane_taken_over_goes_unless_it_is_pinned() {
    model(Some(2), || {
        let world = World::new(None);
        let cleaning = {
            let world = world.clone();
            thread::spawn(move || world.clean(1))
        };
        let receiving = {
            let world = world.clone();
            thread::spawn(move || {
                world.receive();
            })
        };
        let mut next = Writer::claim(&world.lane, NEXT, 0).expect("only publishers wrote here");
        next.write(&world.lane, 0, 8, std::iter::once(0));
        cleaning.join().expect("no panic");
        receiving.join().expect("no panic");
    });
}

/// A subscriber goes on to the topic's next file, where it begins anew: a cleaner that finds it there takes no cursor of
/// the old file for one of the new. For the Release of `tell` and the fence of `in_order`.
#[test]
fn a_subscriber_that_goes_on_to_the_next_file_has_read_nothing_there() {
    model(None, || {
        let world = World::new(None);
        world.inode.store(ELSEWHERE, Ordering::Relaxed);
        world.cursor.store(7, Ordering::Relaxed);
        let cleaning = {
            let world = world.clone();
            thread::spawn(move || {
                world.clean(1);
                world.closed.load(Ordering::Relaxed) != 0
            })
        };
        world.cursor.store(0, Ordering::Relaxed);
        told::tell(&world.inode, HERE);
        assert!(!cleaning.join().expect("no panic"), "nothing of it is read yet");
    });
}
