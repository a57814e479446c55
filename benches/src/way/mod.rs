//! Ways of getting a numbered message to the other process and one back.

mod clock;
mod copy;
mod futex;
mod horus;
mod listing;
mod ring;
mod typed;

use std::path::Path;
use std::time::{Duration, Instant};

use clap::ValueEnum;

pub(crate) use clock::read_clock;
pub(crate) use copy::copy_into_shared_memory;
pub(crate) use futex::Futex;
pub(crate) use horus::{
    Asleep, Horus, HorusImage, HorusLarge, HorusLoaned, Polled, joined, settings, spec_for, topic,
};
pub(crate) use listing::{TOPICS, run_beside_topics};
pub(crate) use ring::{FlowRing, ImageRing, LargeRing, Ring, RingReader, RingWriter, ring_bytes};
pub(crate) use typed::Typed;

use crate::Result;
use crate::side::Side;

/// The ways that this program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// A hand-made ring in shared memory, polled: the floor
    Ring,
    /// HORUS, its transport
    Horus,
    /// HORUS, as a Rust program uses it: typed publishers and subscribers
    HorusTyped,
    /// HORUS, a picture's block taken from the pool for each message
    HorusLoaned,
    /// A bare futex: the floor of everything that sleeps
    Futex,
    /// Reading the clock: what stamps every message
    Clock,
    /// One copy into shared memory, within one process
    Copy,
    /// The command, started and ended: the floor of all it does
    Start,
    /// The command listing 1,000 topics
    List,
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
