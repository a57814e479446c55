//! The one door to atomics: the standard library's in a normal build, the model checker's under `cfg(loom)`.
//!
//! Everything of this crate that other threads or processes reach goes through here, so that the models run what ships.
//! The faces have the same names and the same methods; a normal build pays nothing.

#[cfg(not(loom))]
mod native;
#[cfg(not(loom))]
pub(crate) use {
    native::fence,
    std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
};

#[cfg(loom)]
#[allow(dead_code, reason = "each model uses a part")]
mod model;
#[cfg(loom)]
#[allow(unused_imports, reason = "each model uses a part")]
pub(crate) use model::{AtomicU32, AtomicU64, Ordering, fence};
