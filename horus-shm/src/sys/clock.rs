//! The clocks.

use crate::sync::{AtomicU64, Ordering};
use crate::sys::cpu;
use rustix::time::{ClockId, clock_gettime};
use std::sync::OnceLock;

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

/// `CLOCK_MONOTONIC` for who asks very often: between two real readings it counts the processor's ticks.
///
/// A reading is behind the clock by less than [`LAG_NS_MAX`], and ahead of it only while the kernel is just slowing its
/// clock down, by as little; it costs 10 ns instead of 25. Where the kernel itself doesn't trust the processor's ticks,
/// and for who asks less than once in a millisecond, every reading is a real one.
#[derive(Debug, Default)]
pub(crate) struct TickClock {
    /// The last real reading.
    anchor: Pair,
    /// An earlier one, from which the rate is learned.
    origin: Pair,
    /// Nanoseconds in 2^32 ticks; 0 until it is known.
    rate: u64,
    /// Ticks after which the clock is read again.
    ticks_max: u64,
}

/// The same moment by both counts. The ticks are read last: what is counted from here is not ahead of the clock.
#[derive(Clone, Copy, Debug, Default)]
struct Pair {
    ns: u64,
    ticks: u64,
}

/// Ticks stand in for the clock no longer than this: a rate that the kernel corrects, by at most 500 ppm, or a virtual
/// machine that was moved shows after so long at the latest.
const STRIDE_NS: u64 = 1_000_000;
/// A rate is learned over at least this: two readings are off by some 50 ns, which is 5 ppm of it.
const LEARN_NS: u64 = 10_000_000;
/// A rate is learned anew after this, for a clock that is being corrected.
const RELEARN_NS: u64 = 500_000_000;
/// The rate is taken low by this part (30 ppm), so that an error of it doesn't put readings ahead of the clock.
const LOW_PART: u64 = 1 << 15;
/// A rate that moved by more than this part (1,000 ppm) was no correction.
const PLAUSIBLE_PART: u64 = 1000;
/// No reading is further behind the clock: a stride of 30 ppm and of a correction, and the anchor's own error.
const LAG_NS_MAX: u64 = 700;
/// Between the two readings of a pair; in more the thread was held up, and the pair is no anchor.
const PAIR_TICKS_MAX: u64 = 600;

/// The rate that some clock of this process learned last, as in [`TickClock::rate`].
static RATE: AtomicU64 = AtomicU64::new(0);

impl TickClock {
    /// Returns `CLOCK_MONOTONIC` in nanoseconds.
    #[inline]
    pub(crate) fn now_ns(&mut self) -> u64 {
        let passed = cpu::ticks().wrapping_sub(self.anchor.ticks);
        // Ticks that went backwards count as very many.
        if passed < self.ticks_max { self.anchor.ns + ((passed * self.rate) >> 32) } else { self.read() }
    }

    #[cold]
    #[inline(never)]
    fn read(&mut self) -> u64 {
        if !ticks_are_trusted() {
            return now_ns();
        }
        let before = cpu::ticks();
        let ns = now_ns();
        let ticks = cpu::ticks();
        if ticks.wrapping_sub(before) <= PAIR_TICKS_MAX {
            let rate = self.rate;
            // Relaxed here and below: a number that stands for itself.
            self.learn(Pair { ns, ticks }, RATE.load(Ordering::Relaxed));
            if self.rate != rate {
                RATE.store(self.rate, Ordering::Relaxed);
            }
        }
        ns
    }

    /// Takes a real reading as the new anchor, checks the rate by it, or learns it; `known` is what others learned.
    fn learn(&mut self, now: Pair, known: u64) {
        let told = self.anchor.ns + scaled(now.ticks.wrapping_sub(self.anchor.ticks), self.rate);
        let passed = now.ns.saturating_sub(self.anchor.ns);
        let is_off =
            self.rate != 0 && told.abs_diff(now.ns) > LAG_NS_MAX.saturating_add(passed / PLAUSIBLE_PART);
        self.anchor = now;
        if self.origin.ns == 0 || is_off {
            self.origin = now;
            self.adopt(if is_off { 0 } else { known });
            return;
        }
        let passed = now.ns.saturating_sub(self.origin.ns);
        if passed < if self.rate == 0 { LEARN_NS } else { RELEARN_NS } {
            return;
        }
        let ticks = now.ticks.wrapping_sub(self.origin.ticks).max(1);
        let exact = u64::try_from((u128::from(passed) << 32) / u128::from(ticks)).unwrap_or(0);
        self.adopt(exact - exact / LOW_PART);
        self.origin = now;
    }

    /// Counts at this rate from now on; at 0, or one that no processor has, not at all.
    fn adopt(&mut self, rate: u64) {
        // From 100 MHz to 40 GHz; so the product in `now_ns` can't overflow either.
        const PLAUSIBLE: std::ops::Range<u64> = (1 << 32) / 40..10 << 32;
        self.rate = if PLAUSIBLE.contains(&rate) { rate } else { 0 };
        self.ticks_max = (STRIDE_NS << 32).checked_div(self.rate).unwrap_or(0);
    }
}

fn scaled(ticks: u64, rate: u64) -> u64 {
    // Ticks that went backwards count as very many, which is not too far for the sums it is used in.
    ((u128::from(ticks) * u128::from(rate)) >> 32).min(1 << 62) as u64
}

/// Returns whether the processor's ticks are what the kernel makes its clock of.
fn ticks_are_trusted() -> bool {
    static TRUSTED: OnceLock<bool> = OnceLock::new();
    *TRUSTED.get_or_init(|| {
        const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        cpu::has_steady_ticks() && std::fs::read_to_string(SOURCE).is_ok_and(|source| source.trim() == "tsc")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two ticks a nanosecond, from this count on.
    fn pair(ns: u64) -> Pair {
        Pair { ns, ticks: 2 * ns + 77 }
    }

    const HALF: u64 = 1 << 31;

    fn learned() -> TickClock {
        let mut clock = TickClock::default();
        for ns in [5, 6_000_000, 10_000_005] {
            assert_eq!(clock.rate, 0);
            clock.learn(pair(ns), 0);
        }
        clock
    }

    #[test]
    fn a_rate_is_learned_over_ten_milliseconds_and_taken_low() {
        let clock = learned();
        assert_eq!(clock.rate, HALF - HALF / LOW_PART);
        assert!(clock.ticks_max.abs_diff(2 * STRIDE_NS) < 100, "{clock:?}");
        // Who comes later needs no time to learn.
        let mut later = TickClock::default();
        later.learn(pair(20_000_000), clock.rate);
        assert_eq!(later.rate, clock.rate);
    }

    #[test]
    fn a_clock_that_is_corrected_is_followed() {
        let mut clock = learned();
        for step in 1..=2000 {
            let ns = 10_000_005 + step * 1_000_000;
            clock.learn(Pair { ns, ticks: 2 * ns + 77 - step * 600 }, 0);
            assert_ne!(clock.rate, 0, "300 ppm are no reason to give up");
        }
        let fast = HALF as f64 * 1.0003;
        assert!((clock.rate as f64 / fast - 1.0).abs() < 50e-6, "{clock:?}");
    }

    #[test]
    fn ticks_that_jump_or_change_their_pace_are_not_counted_by_until_learned_anew() {
        let ns = 11_000_000;
        let ticks = 2 * ns + 77;
        let suspended = Pair { ns, ticks: ticks + 2_000_000_000 };
        let backwards = Pair { ns, ticks: ticks - 15_000_000 };
        let slower = Pair { ns, ticks: ticks - 200_000 };
        for now in [suspended, backwards, slower] {
            let mut clock = learned();
            clock.learn(now, clock.rate);
            assert_eq!((clock.rate, clock.ticks_max), (0, 0), "{now:?}");
            let then = Pair { ns: now.ns + LEARN_NS, ticks: now.ticks + 2 * LEARN_NS };
            clock.learn(then, 0);
            assert_eq!(clock.rate, HALF - HALF / LOW_PART);
        }
        let mut clock = TickClock::default();
        for ns in [1, LEARN_NS + 1] {
            clock.learn(Pair { ns, ticks: 7 }, 0);
        }
        assert_eq!(clock.rate, 0, "ticks that stand still are none");
    }

    #[test]
    fn a_reading_is_the_clock_s_but_for_less_than_a_microsecond() {
        let mut clock = TickClock::default();
        let begun = now_ns();
        let (mut counted, mut now) = (0, begun);
        while now < begun + 20 * LEARN_NS {
            let before = now_ns();
            let anchor = clock.anchor.ns;
            let read = clock.now_ns();
            now = now_ns();
            assert!(read + LAG_NS_MAX >= before && read <= now + LAG_NS_MAX, "{before} {read} {now}");
            counted += u64::from(clock.rate != 0 && anchor == clock.anchor.ns);
        }
        assert_eq!(counted > 0, ticks_are_trusted(), "{clock:?}");
    }
}
