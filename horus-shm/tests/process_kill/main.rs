//! Processes that are killed or stopped where it hurts most, and the others, who must not mind.

#![allow(clippy::print_stdout, reason = "the test harness shows it only of a test that failed: where it was")]

#[path = "../agent/mod.rs"]
mod agent;
#[path = "../process/mod.rs"]
mod process;

mod points;
mod random;

use agent::desk::agent as agent_role;

roles! { "agent" => agent_role }
