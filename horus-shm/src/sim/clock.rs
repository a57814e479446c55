//! Simulated time: it passes with the steps that are made, and leaps when everybody waits.

use crate::sim::world::{self, step};

/// Returns the simulated time in nanoseconds.
pub fn now_ns() -> u64 {
    step("clock");
    world::with(|world| world.now_ns).unwrap_or(1)
}

/// Returns the simulated time as if it were of the calendar, in nanoseconds.
pub fn realtime_ns() -> u64 {
    1_700_000_000_000_000_000 + now_ns()
}

pub(crate) fn coarse_ns() -> u64 {
    now_ns() / 4_000_000 * 4_000_000
}

/// As [`now_ns`]: nothing counts ticks here.
#[derive(Debug, Default)]
pub(crate) struct TickClock;

impl TickClock {
    pub(crate) fn now_ns(&mut self) -> u64 {
        now_ns()
    }
}
