//! What the kernel is asked for: one concern a file, and all its `unsafe`.

pub(crate) mod clock;
pub(crate) mod cpu;
pub(crate) mod file;
pub(crate) mod fork;
pub(crate) mod futex;
pub(crate) mod lock;
pub(crate) mod map;
pub(crate) mod mappers;
