//! Many at once and one after the other: threads, topics, processes, comings and goings, process ids used again, and
//! processes that are stopped with a lock in their hands.

#![allow(
    clippy::print_stdout,
    reason = "the test harness shows it only where it is asked to: what there was"
)]

#[path = "../actor/mod.rs"]
mod actor;
#[path = "../process/mod.rs"]
mod process;

mod growth;
mod locks;
mod many;
mod pids;
mod threads;

use actor::desk::actor as actor_role;

roles! {
    "actor" => actor_role,
    "threads" => threads::threads,
    "cycles" => growth::cycles,
    "topics" => many::topics,
    "one_of_many" => many::one_of_many,
    "reuse_pid" => pids::reuse_pid,
    "hold_lock" => locks::hold_lock,
}

/// A number from the environment, where the long proofs ask for more than the tests do.
fn wanted(name: &str, otherwise: u64) -> u64 {
    let asked = std::env::var(name).ok().filter(|text| !text.is_empty());
    asked.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}
