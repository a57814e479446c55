//! How a measured quantity spreads.

/// What some measurements have in common, in the unit they were made in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) mean: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) std: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Spread {
    /// Returns the spread of some measurements; nothing of none.
    pub(crate) fn of(measured: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut sorted: Vec<f64> = measured.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let count = sorted.len() as f64;
        let mean = sorted.iter().sum::<f64>() / count;
        let variance = sorted.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        // The nearest rank: a value that occurred.
        let rank = |part: f64| sorted[((part * count).ceil() as usize).clamp(1, sorted.len()) - 1];
        Some(Spread { mean, min, max, std: variance.sqrt(), p50: rank(0.5), p99: rank(0.99) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let spread = Spread::of((1..=200).rev().map(f64::from)).unwrap();
        assert_eq!((spread.min, spread.p50, spread.p99, spread.max), (1.0, 100.0, 198.0, 200.0));
        assert_eq!(spread.mean, 100.5);
        assert_eq!(Spread::of([2.0, 4.0]).unwrap().std, 1.0);
        assert_eq!(Spread::of([]), None);
    }
}
