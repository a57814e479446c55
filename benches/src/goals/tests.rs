//! Goals against made-up answers: what is missed is said to be missed.

use super::{Goal, Of, Right, Verdict, all, of};
use crate::contender::{Contender, Program};
use crate::payload::Payload;
use crate::questions::{self, EACH, Question, Unit};
use crate::turn::{Answer, Measured, Row};
use crate::work::Work;

fn answer(id: &'static str, rows: &[(&'static str, Result<&[f64], &str>)]) -> Answer {
    let contender = |name| Contender::new(name, Program::Rust, "ring", Work::Round, Payload::Bytes(16));
    let question = Question {
        id,
        title: "",
        series: vec![EACH],
        samples: 1,
        rounds_most: 9,
        rounds_times: 1,
        contenders: rows.iter().map(|(name, _)| contender(*name)).collect(),
    };
    let row = |rounds: &Result<&[f64], &str>| -> Row {
        rounds.map(|rounds| vec![Some(Measured::of_rounds(rounds))]).map_err(str::to_owned)
    };
    Answer { question, rounds: 3, rows: rows.iter().map(|(_, rounds)| row(rounds)).collect() }
}

fn goal(right: Right, terms: Vec<(f64, Of)>, plus: f64) -> Goal {
    Goal { wish: "", bound: "", subject: of("q", "mine"), right, terms, plus }
}

fn reached(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Measured { reached: true, .. })
}

#[test]
fn a_bound_is_met_or_missed() {
    let answers =
        [answer("q", &[("floor", Ok(&[100.0, 110.0, 90.0])), ("mine", Ok(&[130.0, 150.0, 117.0]))])];
    let times = |factor| goal(Right::AtMost, vec![(factor, of("q", "floor"))], 0.0).judge(&answers);
    assert!(reached(&times(1.31)));
    assert!(!reached(&times(1.29)));
    assert_eq!(times(1.29).to_string(), "miss");
    let Verdict::Measured { figure, bound, ratio, unit, .. } = times(2.0) else { panic!("measured") };
    assert_eq!((figure, bound, unit), (130.0, 200.0, Unit::Time));
    assert!((ratio - 0.65).abs() < 1e-9);
}

#[test]
fn rounds_are_compared_with_their_own() {
    // A slow third round of both: the ratio stays, though the medians' would not.
    let answers =
        [answer("q", &[("floor", Ok(&[100.0, 300.0, 310.0])), ("mine", Ok(&[120.0, 130.0, 372.0]))])];
    assert!(reached(&goal(Right::AtMost, vec![(1.2, of("q", "floor"))], 0.0).judge(&answers)));
}

#[test]
fn bounds_add_up() {
    let answers = [
        answer("q", &[("mine", Ok(&[135.0]))]),
        answer("other", &[("futex", Ok(&[100.0])), ("tick", Ok(&[4.0]))]),
    ];
    let terms =
        |plus| goal(Right::AtMost, vec![(1.3, of("other", "futex")), (1.0, of("other", "tick"))], plus);
    assert!(!reached(&terms(0.0).judge(&answers)));
    assert!(reached(&terms(1.0).judge(&answers)));
}

#[test]
fn nothing_wanted_is_reached_by_nothing_only() {
    let zero = |value: f64| {
        let answers = [answer("q", &[("mine", Ok(&[value]))])];
        goal(Right::AtMost, Vec::new(), 0.0).judge(&answers)
    };
    assert!(reached(&zero(0.0)));
    assert!(!reached(&zero(1.0)));
}

#[test]
fn at_least_is_the_other_way_round() {
    let answers = [answer("q", &[("mine", Ok(&[14e6]))])];
    assert!(!reached(&goal(Right::AtLeast, Vec::new(), 15e6).judge(&answers)));
    assert!(reached(&goal(Right::AtLeast, Vec::new(), 13e6).judge(&answers)));
}

#[test]
fn what_is_not_there_never_passes() {
    let answers = [answer("q", &[("mine", Ok(&[1.0])), ("peer", Err("not built"))])];
    let against = |of| goal(Right::AtMost, vec![(1.0, of)], 0.0).judge(&answers);
    assert_eq!(against(of("q", "peer")), Verdict::NotMeasured("peer: not built".to_owned()));
    assert_eq!(against(of("q", "nobody")), Verdict::NotMeasured("no nobody in q".to_owned()));
    assert_eq!(against(of("other", "peer")), Verdict::NotMeasured("its question was not asked".to_owned()));
    assert_eq!(against(of("q", "peer")).to_string(), "not measured");
}

#[test]
fn every_goal_names_figures_that_are_asked_for() {
    let questions = questions::all();
    for goal in all() {
        for figure in goal.terms.iter().map(|(_, of)| of).chain([&goal.subject]) {
            let question = questions.iter().find(|question| question.id == figure.question);
            let question = question.unwrap_or_else(|| panic!("no question {}", figure.question));
            assert!(figure.series < question.series.len(), "{figure:?}");
            assert!(question.contenders.iter().any(|c| c.name == figure.contender), "{figure:?}");
        }
    }
}
