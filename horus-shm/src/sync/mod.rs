//! The one door to atomics: the standard library's in a normal build, the model checker's under `cfg(loom)`, those of the
//! simulation under `cfg(shuttle)`.
//!
//! Everything of this crate that other threads or processes reach goes through here, so that the models run what ships.
//! The faces have the same names and the same methods; a normal build pays nothing.

#[cfg(not(any(loom, shuttle)))]
mod native;
#[cfg(not(any(loom, shuttle)))]
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

#[cfg(shuttle)]
mod simulated;
#[cfg(shuttle)]
pub(crate) use simulated::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};

/// Declares a static of this process; under `cfg(shuttle)` each simulated process has its own.
#[cfg(not(loom))]
macro_rules! per_process {
    ($(#[$meta:meta])* static $name:ident: $type:ty = $init:expr;) => {
        $(#[$meta])*
        #[cfg(not(shuttle))]
        static $name: $type = $init;
        $(#[$meta])*
        #[cfg(shuttle)]
        static $name: crate::sim::PerProcess<$type> = crate::sim::PerProcess::new(|| $init);
    };
}
#[cfg(not(loom))]
pub(crate) use per_process;
