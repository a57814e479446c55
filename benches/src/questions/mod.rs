//! What is asked, and of whom. What would be good enough stands in `goals`.

mod nodes;
mod python;
mod resources;
mod rust;

use crate::contender::{Contender, Program};
use crate::payload::Payload;
use crate::work::Work;

/// One table: contenders that do the same work, the floor first.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// What `--only` and the JSON call it.
    pub(crate) id: &'static str,
    /// What it asks.
    pub(crate) title: &'static str,
    /// What its turns leave; the first is what ratios are made of.
    pub(crate) series: Vec<Series>,
    /// Samples that count, a turn.
    pub(crate) samples: u64,
    /// At most so many rounds: where a turn takes seconds, or every turn gives the same.
    pub(crate) rounds_most: usize,
    /// So many rounds for each that is asked for: where figures differ more from turn to turn than within one.
    pub(crate) rounds_times: usize,
    /// The floor, then whoever is compared with it.
    pub(crate) contenders: Vec<Contender>,
}

/// One kind of figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Series {
    /// The file that a side leaves: `samples` or `samples-…`.
    pub(crate) file: &'static str,
    /// What the figures are.
    pub(crate) what: &'static str,
    /// What they are counted in.
    pub(crate) unit: Unit,
    /// What each sample is divided by.
    pub(crate) divisor: f64,
}

/// What figures are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Nanoseconds
    Time,
    /// Messages a second
    PerSecond,
    /// In a million
    PartsPerMillion,
    /// Bytes
    Bytes,
    /// A count
    Count,
}

/// Half a round trip.
pub(crate) const ONE_WAY: Series =
    Series { file: "samples", what: "one way", unit: Unit::Time, divisor: 2.0 };
/// The whole of what was timed.
pub(crate) const EACH: Series = Series { file: "samples", what: "each", unit: Unit::Time, divisor: 1.0 };

impl Question {
    /// A question about time, in as many rounds as there are.
    fn new(
        id: &'static str,
        title: &'static str,
        series: Series,
        samples: u64,
        contenders: Vec<Contender>,
    ) -> Self {
        Question {
            id,
            title,
            series: vec![series],
            samples,
            rounds_most: usize::MAX,
            rounds_times: 1,
            contenders,
        }
    }

    /// The same in at most so many rounds.
    fn rounds(self, rounds_most: usize) -> Self {
        Question { rounds_most, ..self }
    }

    /// The same in so many times the rounds.
    fn times(self, rounds_times: usize) -> Self {
        Question { rounds_times, ..self }
    }

    /// The same with further figures.
    fn and(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }
}

/// All questions, in the order of the tables.
pub(crate) fn all() -> Vec<Question> {
    [rust::questions(), python::questions(), nodes::questions(), resources::questions()].concat()
}

/// A round trip, polled.
fn round(name: &str, program: Program, way: &'static str, payload: Payload) -> Contender {
    Contender::new(name, program, way, Work::Round, payload)
}
