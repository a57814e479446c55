//! How often what is measured is reported, and until when: what `hz`, `bw` and `delay` share.

use horus_shm::now_ns;

/// How long from one report to the next.
pub(super) const REPORT_NS: u64 = 1_000_000_000;

/// The options that end a command which else reports until Ctrl+C.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct EndArgs {
    /// End after the first report
    #[arg(long, conflicts_with = "duration")]
    once: bool,
    /// End after so long
    #[arg(long, value_name = "SECONDS", value_parser = positive)]
    duration: Option<f64>,
}

impl EndArgs {
    /// Returns after how many seconds to end; 0 if that was left open.
    pub(super) fn seconds(self) -> f64 {
        self.duration.unwrap_or_default()
    }
}

/// When the next report is due, and whether it is the last one.
#[derive(Debug)]
pub(super) struct Schedule {
    once: bool,
    next_ns: u64,
    end_ns: Option<u64>,
    told: bool,
}

impl Schedule {
    /// Returns a schedule that begins now.
    pub(super) fn begin(ends: EndArgs) -> Schedule {
        let began_ns = now_ns();
        let end_ns = ends.duration.map(|seconds| began_ns.saturating_add((seconds * 1e9) as u64));
        Schedule { once: ends.once, next_ns: began_ns + REPORT_NS, end_ns, told: false }
    }

    /// Returns when a report is due: every second, and at the end.
    pub(super) fn due_ns(&self) -> u64 {
        self.next_ns.min(self.end_ns.unwrap_or(u64::MAX))
    }

    /// Takes in that a report was made, and whether there was anything to tell; true if it was the last one.
    pub(super) fn after_report(&mut self, now_ns: u64, told: bool) -> bool {
        self.told |= told;
        while self.next_ns <= now_ns {
            self.next_ns += REPORT_NS;
        }
        self.end_ns.is_some_and(|end_ns| now_ns >= end_ns) || (told && self.once)
    }

    /// Returns whether any report had anything to tell.
    pub(super) fn has_told(&self) -> bool {
        self.told
    }
}

/// Reads a number above 0: seconds or hertz.
///
/// # Errors
/// What was expected.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("expected a number above 0".into()),
    }
}
