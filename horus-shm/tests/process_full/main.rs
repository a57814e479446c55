//! A disk without room: what can't be done is an error in words, never a signal, and all works again with room.

#[path = "../process/mod.rs"]
mod process;

mod disk;
mod exhausted;
mod filling;

roles! {
    "start" => filling::start,
    "run" => filling::run,
    "hold" => exhausted::hold,
    "share_with_a_holder" => exhausted::share_with_a_holder,
    "keep_all" => exhausted::keep_all,
    "clean_after_a_death" => exhausted::clean_after_a_death,
    "reserve_too_much" => exhausted::reserve_too_much,
}
