//! Shared memory that somebody writes over: errors or not, but never a signal, a panic or a hang, and whoever has other
//! files loses nothing.

#![allow(clippy::print_stdout, reason = "the test harness shows it only where it is asked to: what was hit")]

#[path = "../actor/mod.rs"]
mod actor;
#[path = "../process/mod.rs"]
mod process;

mod aim;
mod dice;
mod scribble;
mod user;

use actor::desk::actor as actor_role;

roles! {
    "actor" => actor_role,
    "scribble" => scribble::scribbler,
    "use" => user::bystander,
}
