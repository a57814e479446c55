//! Processes that are killed or stopped where it hurts most, and the others, who must not mind.

#![allow(clippy::print_stdout, reason = "the test harness shows it only of a test that failed: where it was")]

#[path = "../actor/mod.rs"]
mod actor;
#[path = "../process/mod.rs"]
mod process;

mod log;
mod moments;
mod points;
mod random;

use actor::desk::actor as actor_role;

roles! { "actor" => actor_role }
