//! Weakens every ordering and drops every fence, one at a time, and demands that a model notices.
//!
//! The list is held to the source, so that no new ordering goes without a model. `HORUS_WEAKEN` makes the seam weaken
//! one site of a child process, which runs the one model that is named here as its witness.

use crate::sites::{self, Site};
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Mutex;

/// Each ordering of a word in shared memory, and a model that fails without it.
const SEEN: &[(&str, &str)] = &[
    (
        "life/told.rs tell store Release 1",
        "handover::a_subscriber_that_goes_on_to_the_next_file_has_read_nothing_there",
    ),
    (
        "life/told.rs in_order fence Acquire 1",
        "handover::a_subscriber_that_goes_on_to_the_next_file_has_read_nothing_there",
    ),
    (
        "pool/hazard.rs set store Release 1",
        "pins::the_next_pin_of_an_entry_hides_no_read_of_the_owners_other_block",
    ),
    (
        "pool/hazard.rs set store Release 2",
        "pins::the_next_pin_of_an_entry_hides_no_read_of_another_owners_block",
    ),
    ("pool/hazard.rs set fence SeqCst 1", "pins::a_pinned_block_is_not_used_again"),
    ("pool/hazard.rs set fence SeqCst 1 as AcqRel", "pins::a_pinned_block_is_not_used_again"),
    ("pool/hazard.rs clear store Release 1", "pins::a_pinned_block_is_not_used_again"),
    ("pool/hazard.rs joined fetch_add Release 1", "pins::a_newcomers_pin_is_not_missed"),
    ("pool/hazard.rs scan fence SeqCst 1", "pins::a_pinned_block_is_not_used_again"),
    ("pool/hazard.rs scan fence SeqCst 1 as AcqRel", "pins::a_pinned_block_is_not_used_again"),
    ("pool/hazard.rs scan load Acquire 1", "pins::a_newcomers_pin_is_not_missed"),
    ("pool/hazard.rs scan fence Acquire 1", "pins::a_pinned_block_is_not_used_again"),
    ("ring/bell.rs announce fence SeqCst 1", "sleep::no_wake_up_is_lost"),
    ("ring/bell.rs announce fence SeqCst 1 as AcqRel", "sleep::no_wake_up_is_lost"),
    ("ring/bell.rs due fence SeqCst 1", "sleep::no_wake_up_is_lost"),
    ("ring/bell.rs due fence SeqCst 1 as AcqRel", "sleep::no_wake_up_is_lost"),
    ("ring/bell.rs ring fetch_add Release 1", "names::a_sleeper_on_a_superseded_topic_is_woken"),
    ("ring/lane.rs claim store Release 1", "slots::all_before_the_end_of_a_ring_taken_over_is_there"),
    ("ring/lane.rs claim store Release 2", "slots::what_a_dead_publisher_left_latched_reaches_nobody"),
    ("ring/lane.rs write fence Release 1", "slots::a_reader_gets_whole_messages_and_counts_the_rest"),
    ("ring/lane.rs write store Release 1", "slots::a_reader_gets_whole_messages_and_counts_the_rest"),
    ("ring/lane.rs write store Release 2", "slots::all_before_the_end_of_a_ring_is_there"),
    ("ring/lane.rs peek load Acquire 1", "slots::a_reader_lapped_in_a_ring_of_two_goes_on_at_the_oldest"),
    ("ring/lane.rs copy load Acquire 1", "slots::a_copy_is_whole_without_a_look_before"),
    ("ring/lane.rs copy fence Acquire 1", "slots::a_reader_gets_whole_messages_and_counts_the_rest"),
    ("ring/lane.rs join load Acquire 1", "slots::all_before_the_end_of_a_ring_is_there"),
    ("ring/lane.rs latched load Acquire 1", "slots::what_a_dead_publisher_left_latched_reaches_nobody"),
    ("ring/lanes.rs show fetch_or Release 1", "claims::a_lane_that_is_shown_has_its_pages"),
    ("ring/lanes.rs shown load Acquire 1", "claims::a_lane_that_is_shown_has_its_pages"),
    ("ring/moved.rs tell fetch_add Release 1", "names::who_waits_for_a_topic_is_woken_when_it_is_made"),
    ("ring/moved.rs before_look fence SeqCst 1", "names::who_waits_for_a_topic_is_woken_when_it_is_made"),
    (
        "ring/moved.rs before_look fence SeqCst 1 as AcqRel",
        "names::a_topic_that_somebody_waits_for_is_not_removed",
    ),
    ("ring/moved.rs before_removing fence SeqCst 1", "names::a_topic_that_somebody_waits_for_is_not_removed"),
    (
        "ring/moved.rs before_removing fence SeqCst 1 as AcqRel",
        "names::a_topic_that_somebody_waits_for_is_not_removed",
    ),
    (
        "ring/moved.rs mark store Release 1",
        "names::a_superseded_topic_is_read_to_its_end_and_left_for_the_new_one",
    ),
    (
        "ring/moved.rs is_marked load Acquire 1",
        "names::a_superseded_topic_is_read_to_its_end_and_left_for_the_new_one",
    ),
];

/// Orderings of words in shared memory that no model can tell from weaker ones, and why. At most a fifth of all.
const UNSEEN: &[(&str, &str)] = &[];

/// Orderings of words that only threads of one process share: no process can be killed between them and leave another
/// waiting. The tests of processes and ThreadSanitizer are for these.
const PRIVATE: &[(&str, &str)] = &[
    ("pool/pin.rs is_unused fence Acquire 1", PIN),
    ("ring/wait.rs request store Release 1", STOP),
    ("ring/wait.rs request fetch_add Release 1", STOP),
    ("ring/wait.rs requested load Acquire 1", STOP),
    ("ring/wait.rs clear store Release 1", STOP),
    ("ring/wait.rs nudges load Acquire 1", STOP),
    ("ring/wait.rs nudge fetch_add Release 1", STOP),
    ("ring/wait.rs wait_since load Acquire 1", STOP),
    ("ring/wait.rs start load Acquire 1", WATCHER),
    ("ring/wait.rs drop store Release 1", WATCHER),
    ("sys/fork.rs drop fetch_sub Release 1", FORK),
    ("sys/fork.rs change fetch_update Acquire 1", FORK),
    ("sys/fork.rs after_fork store Release 1", FORK),
];
const PIN: &str = "the count of who uses a pin, an `Arc` of this process";
const STOP: &str =
    "the stop request and the nudges of this process, each a flag or a count and a futex of its own";
const WATCHER: &str = "the flag that ends a watching thread, which is woken until it is gone";
const FORK: &str = "a lock's count that keeps this process from forking";

/// A site and what is done to it.
struct Mutant {
    name: String,
    place: String,
}

/// Fences between a store and a load are dropped, and also made as weak as those that only pair with others.
fn mutants(site: &Site) -> Vec<Mutant> {
    let mut mutants = vec![Mutant { name: site.name.clone(), place: site.place.clone() }];
    if site.is_full_fence {
        let [name, place] = [format!("{} as AcqRel", site.name), format!("{}=AcqRel", site.place)];
        mutants.push(Mutant { name, place });
    }
    mutants
}

#[test]
fn every_ordering_in_the_source_is_listed() {
    let found: BTreeSet<String> = sites::all().iter().flat_map(mutants).map(|mutant| mutant.name).collect();
    let names = |list: &'static [(&str, &str)]| list.iter().map(|(name, _)| (*name).to_owned());
    let listed: BTreeSet<String> = names(SEEN).chain(names(UNSEEN)).chain(names(PRIVATE)).collect();
    let missing: Vec<_> = found.difference(&listed).collect();
    let stale: Vec<_> = listed.difference(&found).collect();
    assert!(missing.is_empty(), "give each a model that sees it weakened, or a reason: {missing:#?}");
    assert!(stale.is_empty(), "not in the source any more: {stale:#?}");
    assert_eq!(listed.len(), SEEN.len() + UNSEEN.len() + PRIVATE.len(), "each in one list");
    assert!(UNSEEN.len() * 5 <= SEEN.len() + UNSEEN.len(), "{} that no model sees", UNSEEN.len());
}

/// The figures of `docs/proof.md` are those of the lists.
#[test]
fn the_page_of_proofs_counts_as_the_lists_do() {
    let sites = sites::all().len() - PRIVATE.len();
    let figures = [
        ("orderings and fences of words in shared memory", sites),
        ("mutants of them", SEEN.len() + UNSEEN.len()),
        ("noticed", SEEN.len()),
        ("that no model can tell", UNSEEN.len()),
        ("orderings of words that only threads of one process share, listed apart", PRIVATE.len()),
    ];
    let page = include_str!("../../../docs/proof.md");
    for (row, figure) in figures {
        assert!(page.contains(&format!("| {row} | {figure} ")), "docs/proof.md: '{row}' is {figure}");
    }
}

/// Runs one model with one site weakened; returns what it said if it failed.
fn failure(place: &str, model: &str) -> Option<String> {
    let output = Command::new(std::env::current_exe().expect("this program has a name"))
        .args([model, "--exact", "--test-threads=1"])
        .env("HORUS_WEAKEN", place)
        .output()
        .expect("this program can be run again");
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(said.contains("running 1 test"), "no model '{model}': {said}");
    assert!(!said.contains("HORUS_WEAKEN"), "{said}");
    (!output.status.success()).then_some(said)
}

#[test]
fn a_model_notices_each_ordering_that_is_weakened() {
    let sites = sites::all();
    let mutants: Vec<Mutant> = sites.iter().flat_map(mutants).collect();
    let next = Mutex::new(SEEN.iter());
    let unnoticed = Mutex::new(Vec::new());
    let work = || {
        loop {
            let Some((name, model)) = next.lock().expect("nobody panics holding it").next() else { return };
            let mutant = mutants.iter().find(|mutant| mutant.name == *name);
            let place = &mutant.unwrap_or_else(|| panic!("{name} is not in the source any more")).place;
            match failure(place, model) {
                Some(said) => assert!(said.contains("panicked"), "{name}: {said}"),
                None => unnoticed
                    .lock()
                    .expect("nobody panics holding it")
                    .push(format!("{name} ({place}): {model}")),
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let unnoticed = unnoticed.into_inner().expect("nobody panics holding it");
    assert!(unnoticed.is_empty(), "weakened, and the model passed: {unnoticed:#?}");
    println!("{} orderings weakened one at a time, each noticed by a model", SEEN.len());
}

/// What fails above fails because of what was weakened.
#[test]
fn a_model_passes_when_nothing_is_weakened() {
    assert_eq!(failure("ring/nowhere.rs:1:1", "sleep::no_wake_up_is_lost"), None);
}
