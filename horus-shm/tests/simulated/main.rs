//! Whole processes of this crate as it ships, simulated (`src/sim`): thousands of orders of their steps, with some killed
//! and some stopped at any of them.
//!
//! `RUSTFLAGS="--cfg shuttle" cargo test --profile sim --test simulated`. `HORUS_SIM_RUNS` is how many runs of each
//! scenario, `HORUS_SIM_SEED` the one seed to run again.
#![cfg(shuttle)]

mod cleaning;
mod depths;
mod handover;
mod joining;
mod latching;
mod leaving;
mod ledger;
mod opening;
mod retention;
mod scene;
mod sleeping;
mod superseding;
