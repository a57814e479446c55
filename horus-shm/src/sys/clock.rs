//! The clocks.

use rustix::time::{ClockId, clock_gettime};

fn read(clock: ClockId) -> u64 {
    let t = clock_gettime(clock);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// Returns `CLOCK_MONOTONIC` in nanoseconds: what every stamp in shared memory counts.
///
/// Costs about 25 ns where the clock source is the TSC, up to 2 µs elsewhere.
#[inline]
pub fn now_ns() -> u64 {
    read(ClockId::Monotonic)
}

/// Returns `CLOCK_REALTIME` in nanoseconds, for what people read.
pub fn realtime_ns() -> u64 {
    read(ClockId::Realtime)
}

/// Returns a cheap `CLOCK_MONOTONIC` that lags by up to a scheduler tick (4 ms), in nanoseconds.
pub(crate) fn coarse_ns() -> u64 {
    read(ClockId::MonotonicCoarse)
}
