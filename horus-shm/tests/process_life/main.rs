//! Who gets which messages while processes come, go, die and are refused.

#[path = "../agent/mod.rs"]
mod agent;
#[path = "../process/mod.rs"]
mod process;

mod forked;
mod joining;
mod kept;
mod refused;
mod removed;
mod types;

use agent::desk::agent as agent_role;

roles! {
    "agent" => agent_role,
    "fork" => forked::fork,
    "fork_often" => forked::fork_often,
    "fill_lanes" => joining::fill_lanes,
}
