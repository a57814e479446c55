//! Reading the clock: what every stamped message costs at least.

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

/// Reads `CLOCK_MONOTONIC` once, as the system gives it.
#[inline]
pub(crate) fn read_clock() {
    black_box(clock_gettime(ClockId::Monotonic));
}
