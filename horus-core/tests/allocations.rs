//! Sending and receiving a typed message allocates nothing.
#![allow(missing_docs)]

mod arena;

use arena::{Arena, publisher, subscriber};
use horus_core::messages::CmdVel;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches a thread-local of no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

#[test]
fn a_typed_message_costs_no_allocation() {
    let arena = Arena::new();
    let here = arena.join();
    let mut receiving = subscriber::<CmdVel>(&here, "cmd_vel");
    let mut sending = publisher::<CmdVel>(&here, "cmd_vel");
    let mut once = |n: u64| {
        sending.send(&CmdVel { timestamp_ns: n, ..CmdVel::default() }).unwrap();
        assert!(receiving.has_msg().unwrap());
        assert_eq!(receiving.recv().unwrap().map(|message| message.timestamp_ns), Some(n));
        assert_eq!(receiving.recv_latest().unwrap(), None);
    };
    (0..200).for_each(&mut once);
    let before = allocations();
    (200..1200).for_each(&mut once);
    assert_eq!(allocations() - before, 0);
    drop(vec![1u8; 100]);
    assert_eq!(allocations() - before, 1, "the count counts");
}
