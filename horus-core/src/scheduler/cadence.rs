//! When a node is due: pure arithmetic on the monotonic clock.

/// A node's ticks are due at `start + k / rate` for k = 0, 1, 2, …
///
/// They are computed from the start, never from the tick before, so a rate doesn't drift, and nodes whose rates have a
/// common divisor stay in step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cadence {
    start_ns: u64,
    rate_hz: f64,
    next: u64,
}

impl Cadence {
    pub(super) fn new(start_ns: u64, rate_hz: f64) -> Self {
        Self { start_ns, rate_hz, next: 0 }
    }

    /// Returns when the next tick is due.
    pub(super) fn due_ns(&self) -> u64 {
        self.at(self.next)
    }

    /// Takes the tick that is due and returns how many before it were missed: their time passed while something else
    /// ran. Missed ticks are not made up for, but the last of them is what this tick stands for.
    pub(super) fn take(&mut self, now_ns: u64) -> u64 {
        let elapsed = now_ns.saturating_sub(self.start_ns) as f64;
        let mut newest = (elapsed * self.rate_hz / 1e9) as u64;
        // The division may be one off either way; the grid decides.
        while newest > 0 && self.at(newest) > now_ns {
            newest -= 1;
        }
        while self.at(newest + 1) <= now_ns {
            newest += 1;
        }
        let taken = newest.max(self.next);
        let missed = taken - self.next;
        self.next = taken + 1;
        missed
    }

    fn at(&self, tick: u64) -> u64 {
        self.start_ns.saturating_add((tick as f64 * 1e9 / self.rate_hz).round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn common_divisors_stay_in_step() {
        let (mut camera, mut detector) = (Cadence::new(1000, 30.0), Cadence::new(1000, 10.0));
        for _ in 0..100_000 {
            assert_eq!(camera.due_ns(), detector.due_ns());
            for _ in 0..3 {
                camera.take(camera.due_ns());
            }
            detector.take(detector.due_ns());
        }
        assert_eq!(detector.due_ns(), 1000 + 10_000 * 1_000_000_000);
    }

    #[test]
    fn missed_ticks_are_counted_and_not_made_up_for() {
        let mut cadence = Cadence::new(0, 100.0);
        assert_eq!(cadence.take(3), 0);
        assert_eq!(cadence.due_ns(), 10_000_000);
        assert_eq!(cadence.take(19_999_999), 0);
        assert_eq!(cadence.take(50_000_000), 3);
        assert_eq!(cadence.due_ns(), 60_000_000);
    }

    proptest! {
        #[test]
        fn the_grid_is_kept_whatever_the_delays(
            rate in 0.01f64..20_000.0, start in 0u64..1 << 62, delays in proptest::collection::vec(0u64..10_000_000_000, 1..50),
        ) {
            let mut cadence = Cadence::new(start, rate);
            let (mut taken, mut missed) = (0, 0);
            for delay in delays {
                let due = cadence.due_ns();
                let now = due + delay;
                missed += cadence.take(now);
                taken += 1;
                prop_assert_eq!(cadence.next, taken + missed);
                prop_assert!(cadence.due_ns() > now, "the next one lies ahead");
                prop_assert!(cadence.at(cadence.next - 1) <= now, "the one taken was due");
            }
        }
    }
}
