//! One side of a turn: what it is told, how it meets the other, and where it leaves what it measured.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Result;
use crate::payload::Payload;
use crate::way::{Patience, Way};
use crate::work::{self, Work};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    /// Sends, waits for the answer, and takes the time
    Ping,
    /// Sends back whatever comes
    Echo,
}

impl Side {
    /// The one that this one talks to.
    pub(crate) fn other(self) -> Side {
        match self {
            Side::Ping => Side::Echo,
            Side::Echo => Side::Ping,
        }
    }

    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Side::Ping => "ping",
            Side::Echo => "echo",
        }
    }
}

/// What a side is told; every program takes the same.
#[derive(Clone, Debug, Args)]
pub(crate) struct SideArguments {
    /// Which of the two processes
    #[arg(long)]
    pub(crate) side: Side,
    /// How the messages go
    #[arg(long)]
    pub(crate) way: Way,
    /// What is done with them
    #[arg(long)]
    pub(crate) work: Work,
    /// What they are
    #[arg(long)]
    pub(crate) payload: Payload,
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
    /// How many receive
    #[arg(long, default_value_t = 1)]
    pub(crate) subscribers: usize,
    /// How many send
    #[arg(long, default_value_t = 1)]
    pub(crate) publishers: usize,
    /// Ticks a second
    #[arg(long, default_value_t = 100.0)]
    pub(crate) rate: f64,
}

impl SideArguments {
    /// Messages in all.
    pub(crate) fn total(&self) -> u64 {
        self.warmup + self.samples
    }

    /// Leaves the samples that count: all but the first `warmup`.
    pub(crate) fn write(&self, samples: &[u64]) -> Result<()> {
        self.write_series("samples", &samples[self.warmup as usize..])
    }

    /// Leaves a series as little-endian 64-bit numbers.
    pub(crate) fn write_series(&self, name: &str, samples: &[u64]) -> Result<()> {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        File::create(self.folder.join(name))?.write_all(&bytes)?;
        Ok(())
    }

    /// Returns once both sides are open: what is sent before the other listens may be lost by right.
    pub(crate) fn meet(&self) -> Result<()> {
        File::create(self.folder.join(self.side.name()))?;
        self.wait_for(self.side.other().name(), Patience::LIMIT)
    }

    /// Returns once the file of that name is in the folder.
    pub(crate) fn wait_for(&self, name: &str, limit: Duration) -> Result<()> {
        let path = self.folder.join(name);
        let since = Instant::now();
        while !path.exists() {
            if since.elapsed() > limit {
                return Err(format!("no sign of {name} from the other side").into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Says that this side has done what it had to.
    pub(crate) fn done(&self) -> Result<()> {
        File::create(self.folder.join("done"))?;
        Ok(())
    }
}

/// Runs one side to its end.
pub(crate) fn run(arguments: &SideArguments) -> Result<()> {
    // Before pinning, which hides the others; a process that this one starts may have none.
    let other_core = other_core(arguments.core)?;
    pin(arguments.core)?;
    work::run(arguments, other_core)
}

/// Pins the calling thread.
pub(crate) fn pin(core: usize) -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}

/// The first core that this process may use and that isn't `core`.
fn other_core(core: usize) -> Result<Option<usize>> {
    let allowed = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).find(|&other| allowed.is_set(other) && other != core))
}
