//! When a process that ended is started again.

use std::time::Duration;

/// What ends of a process call for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartWhen {
    /// It stays down.
    Never,
    /// A status other than 0, or a signal that nobody here sent.
    OnFailure,
    /// Any that nobody here asked for, also with status 0.
    Always,
}

/// When, how often and how soon a process is started again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RestartPolicy {
    /// Which ends count.
    pub when: RestartWhen,
    /// How many times in a row; 3 means four processes at most.
    pub max_retries: u32,
    /// The pause before the first time.
    pub backoff_initial: Duration,
    /// What each further pause is multiplied with.
    pub backoff_factor: f64,
    /// No pause is longer, jitter aside.
    pub backoff_max: Duration,
    /// How far a pause may be off, as a part of it, so that nodes that fell together don't rise together.
    pub jitter: f64,
    /// Up this long, a process earns its count and its short pause back.
    pub reset_after: Duration,
}

impl RestartWhen {
    /// Returns whether such an end of a process, which nobody asked for, calls for a new one.
    pub(crate) const fn covers(self, ended_well: bool) -> bool {
        match self {
            RestartWhen::Never => false,
            RestartWhen::OnFailure => !ended_well,
            RestartWhen::Always => true,
        }
    }
}

impl RestartPolicy {
    /// Returns the policy of a process that isn't started again.
    pub const fn never() -> RestartPolicy {
        RestartPolicy { when: RestartWhen::Never, ..RestartPolicy::on_failure() }
    }

    /// Returns the policy of a process that is started again when it fails: three times in a row, after 100 ms,
    /// 200 ms and 400 ms, a tenth more or less.
    pub const fn on_failure() -> RestartPolicy {
        RestartPolicy {
            when: RestartWhen::OnFailure,
            max_retries: 3,
            backoff_initial: Duration::from_millis(100),
            backoff_factor: 2.0,
            backoff_max: Duration::from_secs(10),
            jitter: 0.1,
            reset_after: Duration::from_secs(60),
        }
    }

    /// Returns the pause before the `retry`-th start in a row (from 1); `luck` in 0 to 1 places it in the jitter.
    pub fn backoff(&self, retry: u32, luck: f64) -> Duration {
        let max = self.backoff_max.as_secs_f64();
        // Capped before it is a Duration: 2^1000 is a fine f64 and no Duration.
        let exponent = i32::try_from(retry.saturating_sub(1)).unwrap_or(i32::MAX);
        let plain = (self.backoff_initial.as_secs_f64() * self.backoff_factor.powi(exponent)).min(max);
        Duration::from_secs_f64(plain * (1.0 + self.jitter * (2.0 * luck - 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap() {
        let policy = RestartPolicy::on_failure();
        let millis = |retry| policy.backoff(retry, 0.5).as_millis();
        assert_eq!([1, 2, 3, 7, 8, 9].map(millis), [100, 200, 400, 6_400, 10_000, 10_000]);
        assert_eq!(policy.backoff(u32::MAX, 0.5), Duration::from_secs(10));
    }

    #[test]
    fn jitter_stays_in_its_bounds() {
        let policy = RestartPolicy::on_failure();
        assert_eq!(policy.backoff(1, 0.0), Duration::from_millis(90));
        assert_eq!(policy.backoff(1, 1.0), Duration::from_millis(110));
    }
}
