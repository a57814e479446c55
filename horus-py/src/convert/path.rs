//! Where in a value something was refused.

use pyo3::exceptions::{PyOverflowError, PyRecursionError, PyTypeError, PyValueError};
use pyo3::prelude::*;

/// One step from a value to one inside it.
#[derive(Debug)]
pub(super) enum Step {
    Key(String),
    Item(usize),
}

/// Why a value can't be sent.
#[derive(Debug)]
pub(super) enum Cause {
    /// Not a kind of value that messages have.
    Type(String),
    /// The right kind, but a value that doesn't fit.
    Value(String),
    /// An integer beyond 64 bits.
    Overflow(String),
    /// Nested too deep.
    Depth(usize),
    /// Python raised while being asked.
    Raised(PyErr),
}

/// A refusal and the way to it, innermost step first.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) cause: Cause,
    steps: Vec<Step>,
}

/// Boxed, so that the path that succeeds returns a single word.
pub(super) type Outcome = Result<(), Box<Refusal>>;

impl Refusal {
    #[cold]
    pub(super) fn new(cause: Cause) -> Box<Self> {
        Box::new(Refusal { cause, steps: Vec::new() })
    }

    /// Adds the step that led here.
    #[cold]
    pub(super) fn under(mut self: Box<Self>, step: Step) -> Box<Self> {
        self.steps.push(step);
        self
    }

    /// Makes the exception: `key 'a' > item 3: …`.
    pub(super) fn into_error(self, py: Python<'_>) -> PyErr {
        let place = self.place();
        match self.cause {
            Cause::Type(text) => PyTypeError::new_err(format!("{place}{text}")),
            Cause::Value(text) => PyValueError::new_err(format!("{place}{text}")),
            Cause::Overflow(text) => PyOverflowError::new_err(format!("{place}{text}")),
            Cause::Depth(limit) => PyRecursionError::new_err(format!(
                "{place}nested deeper than {limit} levels; does the value contain itself?"
            )),
            Cause::Raised(error) => {
                if !place.is_empty() {
                    // A note that can't be added loses only the place, not the error.
                    let _ = error.add_note(py, format!("while sending {}", place.trim_end_matches(": ")));
                }
                error
            }
        }
    }

    fn place(&self) -> String {
        /// What is shown of a long path: its beginning and its end.
        const SHOWN: usize = 4;
        let steps: Vec<String> = self
            .steps
            .iter()
            .rev()
            .map(|step| match step {
                Step::Key(key) => format!("key {key}"),
                Step::Item(index) => format!("item {index}"),
            })
            .collect();
        if steps.is_empty() {
            return String::new();
        }
        let shown = if steps.len() > 2 * SHOWN {
            format!("{} > … > {}", steps[..SHOWN].join(" > "), steps[steps.len() - SHOWN..].join(" > "))
        } else {
            steps.join(" > ")
        };
        shown + ": "
    }
}

impl From<PyErr> for Box<Refusal> {
    fn from(error: PyErr) -> Self {
        Refusal::new(Cause::Raised(error))
    }
}
