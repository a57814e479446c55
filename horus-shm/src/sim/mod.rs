//! Whole processes, simulated in one thread under `cfg(shuttle)`: this crate as it ships, and a scheduler that decides
//! at every access to shared memory and around every system call that others can see who goes on, who is killed and
//! who is stopped.
//!
//! The kernel is the real one. Open-file locks conflict between open files, whoever opened them, so processes that are
//! but coroutines of one thread exclude each other as real ones do; files, names, mappings and their rights are real as
//! well. Simulated are what one process alone can't have several of: its id, its statics, its death (all it mapped goes,
//! none of its destructors does anything), sleeping on a word, and time. Memory is sequentially consistent: a missing
//! fence isn't found here, which is what the models are for.
//!
//! One number, the seed, decides all of a run; so a run that fails can be had again.

pub(crate) mod clock;
mod dice;
pub(crate) mod fork;
pub(crate) mod futex;
mod process;
mod run;
mod world;

pub(crate) use process::{PerProcess, mapped, pid, random, unmapped};
pub use run::{Cast, Ended, Explored, Plan, Stage, explore, until};
pub(crate) use world::{fail_point, step, step_of_end};
