//! What HORUS is compared with: one side of a turn, by someone else's transport.
//!
//! Arguments, files and exit statuses are those of `benches/README.md`. Each module says which of a transport's settings
//! were chosen and why: always what its own documentation names as fastest for the work asked.

#![expect(clippy::print_stderr, reason = "a program that tells on stderr why it can't measure")]

#[cfg(feature = "iceoryx2")]
mod iceoryx;
mod message;
mod side;
mod sockets;
#[cfg(feature = "zenoh")]
mod zenoh_session;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::side::{Side, Work};

/// What can go wrong is told in words; nothing here is matched on.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// One side of a turn.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Arguments {
    /// Which of the two processes
    #[arg(long)]
    pub(crate) side: Side,
    /// How the messages go
    #[arg(long)]
    pub(crate) way: String,
    /// What is done with them
    #[arg(long, default_value = "round")]
    pub(crate) work: String,
    /// What they are
    #[arg(long)]
    pub(crate) payload: String,
    /// The turn's own folder, on tmpfs
    #[arg(long)]
    pub(crate) folder: PathBuf,
    /// The core to run on
    #[arg(long)]
    pub(crate) core: usize,
    /// Messages before the first that counts
    #[arg(long)]
    pub(crate) warmup: u64,
    /// Messages that count
    #[arg(long)]
    pub(crate) samples: u64,
    /// Subscribers of the echoing side
    #[arg(long, default_value_t = 1)]
    pub(crate) subscribers: usize,
    /// Publishers of the pinging side
    #[arg(long, default_value_t = 1)]
    pub(crate) publishers: usize,
    /// Ticks a second; no way here has a scheduler, so it is read and not used
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
}

/// Whether a pairing is known; if it is, it has been measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Measured
    Yes,
    /// Not something this way does here
    No,
}

/// "I don't know this pairing of way, work and payload."
const UNKNOWN: u8 = 3;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    side::end_with_words_if_stuck(&arguments.folder);
    match measure(&arguments) {
        Ok(Known::Yes) => ExitCode::SUCCESS,
        Ok(Known::No) => {
            let Arguments { way, work, payload, .. } = &arguments;
            eprintln!("{way} has no {work} of {payload} here");
            ExitCode::from(UNKNOWN)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<Known> {
    let Some(work) = Work::named(&arguments.work) else { return Ok(Known::No) };
    side::pin(arguments.core)?;
    let measured = match arguments.way.as_str() {
        #[cfg(feature = "iceoryx2")]
        "iceoryx2" | "iceoryx2-loan" => iceoryx::measure(arguments, work),
        "unix-socket" | "pipe" => sockets::measure(arguments, work),
        #[cfg(feature = "zenoh")]
        "zenoh" | "zenoh-shm" => zenoh_session::measure(arguments, work),
        _ => Ok(Known::No),
    };
    if !matches!(measured, Ok(Known::No)) {
        let alone = work.is_alone() || arguments.subscribers == 0;
        side::leave(arguments, alone || measured.is_err())?;
    }
    measured
}
