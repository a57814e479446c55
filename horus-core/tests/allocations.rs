//! What sending and receiving a typed message allocates: a plain one nothing, another what it holds.
#![allow(missing_docs)]

mod arena;

use arena::{Arena, publisher, subscriber};
use horus_core::messages::{BatteryState, CmdVel, JointState, LaserScan};
use horus_core::{FieldType, Message};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches thread-locals of no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        BYTES.with(|count| count.set(count.get() + layout.size()));
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

#[test]
fn filling_costs_no_allocation() {
    let arena = Arena::new();
    let here = arena.join();
    let mut receiving = subscriber::<BatteryState>(&here, "battery");
    let mut sending = publisher::<BatteryState>(&here, "battery");
    let mut once = |n: u64, filling: u8| {
        let sent = BatteryState { timestamp_ns: n, _filling: [filling; 7], ..BatteryState::default() };
        sending.send(&sent).unwrap();
        let received = receiving.recv().unwrap().unwrap();
        assert_eq!((received.timestamp_ns, received._filling), (n, [0; 7]));
    };
    (0..200).for_each(|n| once(n, (n % 2) as u8));
    let before = allocations();
    (200..1200).for_each(|n| once(n, (n % 2) as u8));
    assert_eq!(allocations() - before, 0);
}

#[test]
fn a_variable_message_is_written_in_place_and_allocates_its_fields_when_read() {
    let arena = Arena::new();
    let here = arena.join();
    let mut receiving = subscriber::<LaserScan>(&here, "scan");
    let mut sending = publisher::<LaserScan>(&here, "scan");
    for rays in [100, 10_000] {
        let scan = LaserScan { ranges: vec![1.5; rays], ..LaserScan::default() };
        for _ in 0..200 {
            sending.send(&scan).unwrap();
            assert_eq!(receiving.recv().unwrap().unwrap().ranges.len(), rays);
        }
        let (before, bytes_before) = (allocations(), BYTES.get());
        for _ in 0..100 {
            sending.send(&scan).unwrap();
            drop(receiving.recv().unwrap().unwrap());
        }
        let (count, bytes) = (allocations() - before, BYTES.get() - bytes_before);
        // The intensities are empty. A block's bookkeeping is a few words.
        assert!((100..=800).contains(&count), "{count} allocations for 100 scans of {rays} rays");
        assert!((400 * rays..400 * rays + 200_000).contains(&bytes), "{bytes} bytes for {rays} rays");
    }
}

/// Numbers that a small generator gives, the same at each run.
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(seed), |n| {
        Some(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    })
    .map(|n| n >> 33)
}

#[test]
fn a_forged_message_allocates_no_more_than_it_has_bytes() {
    let honest = JointState {
        names: vec!["arm".try_into().unwrap(); 3],
        positions: vec![1.0; 3],
        velocities: vec![2.0; 3],
        efforts: vec![3.0; 3],
        ..JointState::default()
    }
    .to_bytes();
    let mut random = numbers(7);
    let (mut read, mut refused) = (0, 0);
    for round in 0..20_000 {
        let mut forged = honest.clone();
        let entry = 8 + 16 * (round % 4);
        let count = match round % 3 {
            0 => random.next().unwrap_or_default() % 40,
            1 => u64::MAX >> (random.next().unwrap_or_default() % 64),
            _ => random.next().unwrap_or_default(),
        };
        forged[entry..entry + 8].copy_from_slice(&count.to_le_bytes());
        if round % 5 == 0 {
            let offset = random.next().unwrap_or_default() % 500 / 8 * 8;
            forged[entry + 8..entry + 16].copy_from_slice(&offset.to_le_bytes());
        }
        let before = BYTES.get();
        let decoded = JointState::decode(&forged);
        let taken = BYTES.get() - before;
        match decoded {
            Ok(_) => {
                assert!(taken <= forged.len() - JointState::HEAD_BYTES, "{taken} bytes for {count} items");
                read += 1;
            }
            // The words of the error.
            Err(_) => {
                assert!(taken <= forged.len() + 1000, "{taken} bytes for {count} items");
                refused += 1;
            }
        }
    }
    assert!(read > 100 && refused > 100, "{read} read, {refused} refused");
}
