//! Who gets which messages while processes come, go, die and are refused.

#[path = "../actor/mod.rs"]
mod actor;
#[path = "../process/mod.rs"]
mod process;

mod forked;
mod joining;
mod kept;
mod refused;
mod removed;
mod types;

use actor::desk::actor as actor_role;

roles! {
    "actor" => actor_role,
    "fork" => forked::fork,
    "fork_often" => forked::fork_often,
    "fill_lanes" => joining::fill_lanes,
}
