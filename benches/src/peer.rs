//! One of the two processes of a turn: pinned to its core, pinging and timing, or echoing.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::Result;
use crate::payload::{CmdVelBytes, DictBytes, NUMBER_MASK, Payload};
use crate::transport::{
    Futex, Horus, HorusImage, ImageRing, Patience, Ring, TOPICS, Transport, Way, copy_into_shared_memory,
    run_beside_topics,
};

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

/// What a peer is told; the Python peers take the same.
#[derive(Clone, Debug, Args)]
pub(crate) struct PeerArguments {
    /// Which of the two processes
    #[arg(long)]
    pub(crate) side: Side,
    /// How the messages go
    #[arg(long)]
    pub(crate) way: Way,
    /// What they are
    #[arg(long)]
    pub(crate) payload: Payload,
    /// The turn's own folder, on tmpfs; the pinging side leaves `samples` there
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
}

/// Runs one side to its end.
pub(crate) fn run(arguments: &PeerArguments) -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(arguments.core);
    sched_setaffinity(None, &cores)?;
    match (arguments.way, arguments.payload) {
        (Way::Ring, Payload::CmdVel) => exchange::<Ring<CmdVelBytes, 16>>(arguments),
        (Way::Ring, Payload::Dict) => exchange::<Ring<DictBytes, 47>>(arguments),
        (Way::Ring, Payload::Image) => exchange::<ImageRing>(arguments),
        (Way::Horus, Payload::CmdVel) => exchange::<Horus<CmdVelBytes, 16, false>>(arguments),
        (Way::Horus, Payload::Dict) => exchange::<Horus<DictBytes, 47, false>>(arguments),
        (Way::Horus, Payload::Image) => exchange::<HorusImage>(arguments),
        (Way::HorusWait, _) => exchange::<Horus<CmdVelBytes, 16, true>>(arguments),
        (Way::Futex, _) => exchange::<Futex>(arguments),
        (Way::HorusAgain | Way::HorusCopy, _) => {
            Err(format!("{} is measured in Python", arguments.way.name()).into())
        }
        (Way::Copy, _) => alone(arguments, copy_into_shared_memory),
        (Way::Start, _) => {
            alone(arguments, |folder, runs| run_beside_topics(folder, &["--version"], 1, runs))
        }
        (Way::List, _) => {
            // A line each and one above them.
            alone(arguments, |folder, runs| run_beside_topics(folder, &["topic", "list"], TOPICS + 1, runs))
        }
    }
}

/// Measures something that takes no other process, as often as is asked.
fn alone(arguments: &PeerArguments, measure: impl FnOnce(&Path, usize) -> Result<Vec<u64>>) -> Result<()> {
    let took = measure(&arguments.folder, (arguments.warmup + arguments.samples) as usize)?;
    write_samples(&arguments.folder, &took[arguments.warmup as usize..])
}

fn exchange<T: Transport>(arguments: &PeerArguments) -> Result<()> {
    let mut transport = T::open(&arguments.folder, arguments.side)?;
    meet(&arguments.folder, arguments.side)?;
    let total = arguments.warmup + arguments.samples;
    match arguments.side {
        Side::Ping => {
            let trips = ping(&mut transport, total, clock_cost_ns())?;
            write_samples(&arguments.folder, &trips[arguments.warmup as usize..])
        }
        Side::Echo => echo(&mut transport, total),
    }
}

/// Round trips in nanoseconds, without what it costs to read the clock.
fn ping<T: Transport>(transport: &mut T, total: u64, clock_cost_ns: u64) -> Result<Vec<u64>> {
    let mut trips = Vec::with_capacity(total as usize);
    for number in 0..total {
        let before = Instant::now();
        transport.send(number)?;
        let answer = transport.receive()?;
        let took = before.elapsed().as_nanos() as u64;
        expect(answer, number)?;
        trips.push(took.saturating_sub(clock_cost_ns));
    }
    Ok(trips)
}

fn echo<T: Transport>(transport: &mut T, total: u64) -> Result<()> {
    for number in 0..total {
        let got = transport.receive()?;
        expect(got, number)?;
        transport.send(got)?;
    }
    Ok(())
}

/// Fails unless message `got` is the one that is due: nothing lost, doubled or torn.
fn expect(got: u64, due: u64) -> Result<()> {
    if got & NUMBER_MASK == due & NUMBER_MASK {
        return Ok(());
    }
    Err(format!("message {got} came, {due} was due").into())
}

/// Returns once both sides are open: what is sent before the other listens may be lost by right.
fn meet(folder: &Path, side: Side) -> Result<()> {
    File::create(folder.join(side.name()))?;
    let other = folder.join(side.other().name());
    let since = Instant::now();
    while !other.exists() {
        if since.elapsed() > Patience::LIMIT {
            return Err(format!("no sign of the {} side", side.other().name()).into());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// The median cost of reading the clock, which each round trip contains once.
fn clock_cost_ns() -> u64 {
    let mut costs: Vec<u64> = (0..10_001).map(|_| Instant::now().elapsed().as_nanos() as u64).collect();
    costs.sort_unstable();
    costs[costs.len() / 2]
}

/// Leaves the samples as little-endian 64-bit numbers.
fn write_samples(folder: &Path, samples: &[u64]) -> Result<()> {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    File::create(folder.join("samples"))?.write_all(&bytes)?;
    Ok(())
}
