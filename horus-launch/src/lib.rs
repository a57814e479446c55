//! Finds, starts, watches and stops the processes of a robot.
//!
//! Deciding is apart from doing. [`policy`] is a pure function of a state, an event and the time; [`Supervisor`]
//! is the thin shell around it that spawns, signals, reads output and waits, in one event loop that never
//! blocks on a child and never sleeps. All calls that touch a process of ours stand in one file, `process.rs`.
//!
//! ```no_run
//! use horus_launch::{OutputOptions, Plan, Search, Supervisor};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let search = Search::from_env()?;
//! let plan = Plan::new(["camera.py", "motor_controller"].iter().map(|name| search.find(name)).collect::<Result<Vec<_>, _>>()?);
//! let outcome = Supervisor::new(plan, OutputOptions::default()).run()?;
//! std::process::exit(outcome.status.into());
//! # }
//! ```
//!
//! It runs on Linux 5.4 and later (`pidfd_open`, and `waitid` on a pidfd).

mod error;
mod file;
mod foreign;
mod output;
mod plan;
pub mod policy;
mod process;
mod program;
mod supervisor;

pub use error::{FindError, SuperviseError};
pub use file::{Fault, LaunchFile, LaunchFileError, LaunchNode, Surroundings};
pub use foreign::{ForeignProcess, Stopped};
pub use output::OutputOptions;
pub use plan::{NodePlan, Plan};
pub use process::{Exit, replace};
pub use program::{Program, Recipe, Search};
pub use supervisor::{Outcome, Supervisor};
