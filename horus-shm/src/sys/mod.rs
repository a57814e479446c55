//! What the kernel is asked for: one concern a file, and all its `unsafe`.

#[cfg(shuttle)]
pub(crate) use crate::sim::{clock, fork, futex};

#[cfg(not(shuttle))]
pub(crate) mod clock;
pub(crate) mod cpu;
pub(crate) mod file;
#[cfg(not(shuttle))]
pub(crate) mod fork;
#[cfg(not(shuttle))]
pub(crate) mod futex;
pub(crate) mod lock;
pub(crate) mod map;
pub(crate) mod mappers;
