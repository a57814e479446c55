//! Which process this is. None of them forks; a killed one is told from itself as a forked child is from its parent, so
//! that what unwinds its stack does nothing.

use crate::sim::world::{self, step_of_end};

/// Returns a number of the simulated process that runs, another one once it is dead.
pub fn epoch() -> u64 {
    world::with(|world| world.epoch()).unwrap_or(0)
}

/// Nothing forks here. Its end is one more step: what it guarded was closed just before.
#[derive(Debug)]
pub(crate) struct NoFork(());

impl Drop for NoFork {
    fn drop(&mut self) {
        step_of_end("may fork");
    }
}

pub(crate) fn no_fork() -> NoFork {
    NoFork(())
}
