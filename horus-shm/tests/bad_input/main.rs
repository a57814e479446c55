//! What a user can do wrong, or meet: each with the words that are said, and never undefined behaviour.

#[path = "../actor/mod.rs"]
mod actor;
#[path = "../process/mod.rs"]
mod process;

mod files;
mod folders;
mod layout;
mod limits;
mod names;
mod scene;
mod users;

use actor::desk::actor as actor_role;

roles! {
    "actor" => actor_role,
    "address_space_runs_out" => limits::address_space_runs_out,
    "files_run_out" => limits::files_run_out,
    "mappings_run_out" => limits::mappings_run_out,
}
