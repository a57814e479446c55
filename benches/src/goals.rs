//! What is to be reached, and whether it was: each goal compares a figure with others of the same run.

mod list;

use std::fmt::{self, Display, Formatter};

use crate::questions::Unit;
use crate::stats::middle_and_range;
use crate::turn::Answer;

pub(crate) use list::all;

/// A figure of the run: the median of a contender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Of {
    /// The question's id.
    pub(crate) question: &'static str,
    /// The contender's name.
    pub(crate) contender: &'static str,
    /// Which of the question's series.
    pub(crate) series: usize,
}

/// Shorthand: the first series.
pub(crate) const fn of(question: &'static str, contender: &'static str) -> Of {
    Of { question, contender, series: 0 }
}

/// Which side of the bound is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// At most the bound
    AtMost,
    /// At least the bound
    AtLeast,
}

/// One row of what is to be reached: a figure, and a bound made of other figures and a constant.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    /// What is asked for, in words.
    pub(crate) wish: &'static str,
    /// The bound in words.
    pub(crate) bound: &'static str,
    /// Whose figure.
    pub(crate) subject: Of,
    /// Which side is right.
    pub(crate) right: Right,
    /// So many times each of these, added up …
    pub(crate) terms: Vec<(f64, Of)>,
    /// … and this, in the subject's unit.
    pub(crate) plus: f64,
}

/// What became of a goal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Measured.
    Measured {
        /// Whether it was reached.
        reached: bool,
        /// The subject's figure.
        figure: f64,
        /// What it was to be at most or at least.
        bound: f64,
        /// The figure over the bound, the middle of the rounds where all were taken in turn.
        ratio: f64,
        /// What figure and bound are counted in.
        unit: Unit,
    },
    /// A figure is missing.
    NotMeasured(String),
}

impl Goal {
    /// Looks up the figures and compares them.
    ///
    /// Where all are of one question, whose contenders took turns, they are compared round by round and the middle ratio
    /// decides, so that a machine that drifts moves both sides. Else the middle rounds are compared.
    pub(crate) fn judge(&self, answers: &[Answer]) -> Verdict {
        match self.measure(answers) {
            Ok(verdict) => verdict,
            Err(why) => Verdict::NotMeasured(why),
        }
    }

    fn measure(&self, answers: &[Answer]) -> Result<Verdict, String> {
        let (figures, unit) = rounds_of(answers, self.subject)?;
        let mut terms = Vec::new();
        for (factor, of) in &self.terms {
            terms.push((*factor, rounds_of(answers, *of)?.0));
        }
        let together = self.terms.iter().all(|(_, of)| of.question == self.subject.question)
            && terms.iter().all(|(_, rounds)| rounds.len() == figures.len());
        let bound_of = |at: &dyn Fn(&[f64]) -> f64| {
            terms.iter().map(|(factor, rounds)| factor * at(rounds)).sum::<f64>() + self.plus
        };
        let middle = |rounds: &[f64]| middle_and_range(rounds).0;
        let (figure, bound) = (middle(&figures), bound_of(&middle));
        let ratio = if together {
            let ratios: Vec<f64> = (0..figures.len())
                .map(|round| over(figures[round], bound_of(&|rounds| rounds[round])))
                .collect();
            middle(&ratios)
        } else {
            over(figure, bound)
        };
        let reached = match self.right {
            Right::AtMost => ratio <= 1.0,
            Right::AtLeast => ratio >= 1.0,
        };
        Ok(Verdict::Measured { reached, figure, bound, ratio, unit })
    }
}

/// `figure` over `bound`; nothing over nothing is 1: what is to be 0 and is.
fn over(figure: f64, bound: f64) -> f64 {
    if figure == bound { 1.0 } else { figure / bound }
}

/// The median of each round.
fn rounds_of(answers: &[Answer], of: Of) -> Result<(Vec<f64>, Unit), String> {
    let answer = answers
        .iter()
        .find(|answer| answer.question.id == of.question)
        .ok_or("its question was not asked")?;
    let index = answer.question.contenders.iter().position(|contender| contender.name == of.contender);
    let row = &answer.rows[index.ok_or_else(|| format!("no {} in {}", of.contender, of.question))?];
    let measured = row.as_ref().map_err(|why| format!("{}: {why}", of.contender))?;
    let series = measured.get(of.series).and_then(Option::as_ref);
    let series = series.ok_or_else(|| format!("{} has no such figure", of.contender))?;
    Ok((series.medians.clone(), answer.question.series[of.series].unit))
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Measured { reached: true, .. } => "pass",
            Verdict::Measured { reached: false, .. } => "miss",
            Verdict::NotMeasured(_) => "not measured",
        })
    }
}

#[cfg(test)]
mod tests;
