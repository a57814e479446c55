//! From samples to figures.

/// What is told of a set of samples, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    /// How many samples.
    pub(crate) count: usize,
    /// Half are at most this.
    pub(crate) median: f64,
    /// 99 % are at most this.
    pub(crate) p99: f64,
    /// 99.9 % are at most this.
    pub(crate) p999: f64,
    /// All are at most this.
    pub(crate) max: f64,
}

impl Summary {
    /// Sums up `samples`, each divided by `divisor`; sorts them.
    ///
    /// # Panics
    /// If there are none.
    pub(crate) fn of(samples: &mut [u64], divisor: f64) -> Summary {
        assert!(!samples.is_empty(), "no samples");
        samples.sort_unstable();
        let at = |share: f64| {
            let rank = (share * samples.len() as f64).ceil() as usize;
            samples[rank.clamp(1, samples.len()) - 1] as f64 / divisor
        };
        Summary { count: samples.len(), median: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1.0) }
    }
}

/// The middle of `values` (of an even number: the lower of the two), the smallest and the largest.
///
/// # Panics
/// If there are none.
pub(crate) fn middle_and_range(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[(sorted.len() - 1) / 2], sorted[0], sorted[sorted.len() - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let mut samples: Vec<u64> = (1..=1000).rev().collect();
        let summary = Summary::of(&mut samples, 1.0);
        assert_eq!(summary, Summary { count: 1000, median: 500.0, p99: 990.0, p999: 999.0, max: 1000.0 });
        let one = Summary::of(&mut [7], 2.0);
        assert_eq!(one, Summary { count: 1, median: 3.5, p99: 3.5, p999: 3.5, max: 3.5 });
    }

    #[test]
    fn the_middle_is_not_the_mean() {
        assert_eq!(middle_and_range(&[9.0, 1.0, 2.0]), (2.0, 1.0, 9.0));
        assert_eq!(middle_and_range(&[4.0, 3.0]), (3.0, 3.0, 4.0));
    }
}
