//! The kernel facts that shared memory here stands on, each by itself and without the library.
//!
//! A kernel, file system or sandbox on which one of them doesn't hold fails a test that names it. What can't be
//! tried for want of a permission says so (`SKIPPED …`).

#[path = "../process/mod.rs"]
mod process;

mod fork;
mod futex;
mod life;
mod lock;
mod memory;
mod name;
mod page;
mod region;

roles! {
    "hold_life" => life::hold_life,
    "hold_life_and_fork" => life::hold_life_and_fork,
    "hold_life_and_close_all" => life::hold_life_and_close_all,
    "hold_life_and_exec" => life::hold_life_and_exec,
    "probe_lock" => life::probe_lock,
    "fill_small_tmpfs" => memory::fill_small_tmpfs,
    "pass_file_size_limit" => memory::pass_file_size_limit,
    "look_at_punched" => page::look_at_punched,
    "die_before_link" => name::die_before_link,
    "read_wiped" => fork::read_wiped,
    "touch_unforked" => fork::touch_unforked,
    "futex_wait" => futex::futex_wait,
    "futex_wait_for_signal" => futex::futex_wait_for_signal,
}
