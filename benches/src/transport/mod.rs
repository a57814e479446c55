//! Ways of getting a numbered message to the other process and one back.

mod copy;
mod futex;
mod horus;
mod listing;
mod ring;

use std::path::Path;
use std::time::{Duration, Instant};

use clap::ValueEnum;

pub(crate) use copy::copy_into_shared_memory;
pub(crate) use futex::Futex;
pub(crate) use horus::{Horus, HorusImage};
pub(crate) use listing::{TOPICS, run_beside_topics};
pub(crate) use ring::{ImageRing, Ring};

use crate::Result;
use crate::peer::Side;

/// The ways there are. Rust peers know all but `horus-again` and `horus-copy`, Python peers all that don't sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// A hand-made ring in shared memory, polled: the floor
    Ring,
    /// HORUS, polled
    Horus,
    /// HORUS, polled, one message changed and sent again
    HorusAgain,
    /// HORUS, sleeping until each message comes
    HorusWait,
    /// A bare futex: the floor of everything that sleeps
    Futex,
    /// One copy into shared memory, within one process
    Copy,
    /// The same by HORUS: a copy into its pool, sent
    HorusCopy,
    /// The command, started and ended: the floor of all it does
    Start,
    /// The command listing 1,000 topics
    List,
}

impl Way {
    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Way::Ring => "ring",
            Way::Horus => "horus",
            Way::HorusAgain => "horus-again",
            Way::HorusWait => "horus-wait",
            Way::Futex => "futex",
            Way::Copy => "copy",
            Way::HorusCopy => "horus-copy",
            Way::Start => "start",
            Way::List => "list",
        }
    }
}

/// One side of an exchange.
pub(crate) trait Transport: Sized {
    /// Opens this side. `folder` is the turn's own, empty at first; the other side opens the same.
    fn open(folder: &Path, side: Side) -> Result<Self>;
    /// Sends message `number`.
    fn send(&mut self, number: u64) -> Result<()>;
    /// Waits for the next message, in the way being measured, checks it and returns its number.
    fn receive(&mut self) -> Result<u64>;
}

/// Ends a wait for a peer that is gone, at the cost of one addition a look.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    looks: u32,
    since: Option<Instant>,
}

impl Patience {
    const LOOKS_BETWEEN: u32 = 1 << 22;
    /// Far beyond any pause of a busy machine: only a dead peer takes so long.
    pub(crate) const LIMIT: Duration = Duration::from_secs(20);

    /// Counts one look that found nothing.
    ///
    /// # Errors
    /// If nothing has come for `LIMIT`.
    #[inline]
    pub(crate) fn look(&mut self) -> Result<()> {
        self.looks += 1;
        if self.looks < Self::LOOKS_BETWEEN { Ok(()) } else { self.think() }
    }

    #[cold]
    fn think(&mut self) -> Result<()> {
        self.looks = 0;
        if self.since.get_or_insert_with(Instant::now).elapsed() < Self::LIMIT {
            return Ok(());
        }
        Err(format!("nothing from the other process for {} s", Self::LIMIT.as_secs()).into())
    }
}
