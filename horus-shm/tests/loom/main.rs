//! The protocol's steps under the model checker: every order of their accesses that the memory model allows.
//!
//! `RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test --release --package horus-shm --test loom`. The sources
//! are included as they ship; only `crate::sync` is loom's, and `crate::fail` ends a thread where a process would be killed.
//! Loom has neither processes nor a kernel: a dead writer's lane is taken over in the same thread, as the kernel's lock
//! orders the two; a futex is a mutex around the decision to sleep; names of files, folders and whatever is read by
//! system calls are relaxed words, for no more order than that is asked of the kernel.
//!
//! Loom looks for other orders only at the last access to a word, so a thread that loads a word before it stores it hides
//! another's earlier load. Hence the first thread writes and the others read: their loads then try every older value.
//!
//! What the models are worth is tested too: see `mutations`.
#![cfg(loom)]

#[path = "../../src/ring/bell.rs"]
mod bell;
#[path = "../../src/pool/hazard.rs"]
#[allow(dead_code, reason = "the models use a part")]
mod hazard;
#[path = "../../src/ring/lane.rs"]
#[allow(dead_code, reason = "the models use a part")]
mod lane;
#[path = "../../src/ring/lanes.rs"]
mod lanes;
#[path = "../../src/ring/moved.rs"]
mod moved;
#[path = "../../src/sync/mod.rs"]
mod sync;
#[path = "../../src/life/told.rs"]
mod told;

/// The shipped modules' names for one another.
mod ring {
    pub(crate) use crate::bell;
}

mod claims;
mod handover;
mod mutations;
mod names;
mod pins;
mod sites;
mod sleep;
mod slots;
mod user;

/// In place of the library's fail points: unwinds the thread that asked to be killed there.
mod fail {
    use std::cell::Cell;

    loom::thread_local! {
        static KILL_AT: Cell<Option<&'static str>> = Cell::new(None);
    }

    /// What a killed thread unwinds with.
    struct Killed;

    pub(crate) fn point(name: &'static str) {
        if KILL_AT.with(Cell::get) == Some(name) {
            // No panic: the hook would print it.
            std::panic::resume_unwind(Box::new(Killed));
        }
    }

    /// Runs `work` until it comes to the point `name`; with none it runs to its end.
    pub(crate) fn killed_at<T>(name: Option<&'static str>, work: impl FnOnce() -> T) -> Option<T> {
        KILL_AT.with(|kill| kill.set(name));
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        KILL_AT.with(|kill| kill.set(None));
        match done {
            Ok(value) => Some(value),
            Err(reason) if reason.is::<Killed>() => None,
            Err(reason) => std::panic::resume_unwind(reason),
        }
    }
}

/// Runs `work` in every order, or in those with at most so many preemptions. `HORUS_MODELS_DEEPER=1` in the environment
/// adds one to each bound, which takes some ten times as long.
fn model(preemptions: Option<usize>, work: impl Fn() + Send + Sync + 'static) {
    let deeper = std::env::var("HORUS_MODELS_DEEPER").map_or(0, |more| more.parse().expect("a number"));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions.map(|bound| bound + deeper);
    builder.check(work);
}
