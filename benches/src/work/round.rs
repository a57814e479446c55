//! There and back: what two processes, two threads, or one thread take for it.

use std::fs::File;
use std::time::{Duration, Instant};

use crate::Result;
use crate::payload::NUMBER_MASK;
use crate::side::{Side, SideArguments, pin};
use crate::way::Transport;
use crate::work::{Exchange, Work};

/// How long ping is busy between two round trips where both sides are to sleep: far longer than anybody spins.
const PAUSE: Duration = Duration::from_micros(200);

/// Each side is a process.
pub(crate) struct BetweenProcesses;
/// Each side is a thread of this process.
pub(crate) struct BetweenThreads {
    /// Where the echoing one runs.
    pub(crate) other_core: usize,
}
/// One thread sends, then receives.
pub(crate) struct InOneThread;

impl Exchange for BetweenProcesses {
    fn with<T: Transport>(&self, arguments: &SideArguments) -> Result<()> {
        let mut transport = T::open(&arguments.folder, arguments.side)?;
        arguments.meet()?;
        match arguments.side {
            Side::Ping => arguments.write(&ping(&mut transport, arguments)?),
            Side::Echo => echo(&mut transport, arguments.total()),
        }
    }
}

impl Exchange for BetweenThreads {
    fn with<T: Transport>(&self, arguments: &SideArguments) -> Result<()> {
        std::thread::scope(|scope| {
            let echoing = scope.spawn(|| -> std::result::Result<(), String> {
                let echoing = || {
                    pin(self.other_core)?;
                    let mut transport = T::open(&arguments.folder, Side::Echo)?;
                    File::create(arguments.folder.join(Side::Echo.name()))?;
                    echo(&mut transport, arguments.total())
                };
                echoing().map_err(|error| error.to_string())
            });
            let mut transport = T::open(&arguments.folder, Side::Ping)?;
            arguments.meet()?;
            arguments.write(&ping(&mut transport, arguments)?)?;
            Ok(echoing.join().map_err(|_| "the echoing thread panicked")??)
        })
    }
}

impl Exchange for InOneThread {
    fn with<T: Transport>(&self, arguments: &SideArguments) -> Result<()> {
        let mut here = T::open(&arguments.folder, Side::Ping)?;
        let mut there = T::open(&arguments.folder, Side::Echo)?;
        let clock_cost_ns = clock_cost_ns();
        let mut took = Vec::with_capacity(arguments.total() as usize);
        for number in 0..arguments.total() {
            let before = Instant::now();
            here.send(number)?;
            let came = there.receive()?;
            took.push((before.elapsed().as_nanos() as u64).saturating_sub(clock_cost_ns));
            expect(came, number)?;
        }
        arguments.write(&took)
    }
}

/// Round trips in nanoseconds, without what it costs to read the clock.
fn ping<T: Transport>(transport: &mut T, arguments: &SideArguments) -> Result<Vec<u64>> {
    let (total, clock_cost_ns) = (arguments.total(), clock_cost_ns());
    let pause = if arguments.work == Work::Wake { PAUSE } else { Duration::ZERO };
    let mut trips = Vec::with_capacity(total as usize);
    for number in 0..total {
        let before = Instant::now();
        transport.send(number)?;
        let answer = transport.receive()?;
        let took = before.elapsed().as_nanos() as u64;
        expect(answer, number)?;
        trips.push(took.saturating_sub(clock_cost_ns));
        if !pause.is_zero() {
            stay_busy(pause);
        }
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

fn stay_busy(pause: Duration) {
    let since = Instant::now();
    while since.elapsed() < pause {
        std::hint::spin_loop();
    }
}

/// Fails unless message `got` is the one that is due: nothing lost, doubled or torn.
pub(crate) fn expect(got: u64, due: u64) -> Result<()> {
    if got == due & NUMBER_MASK {
        return Ok(());
    }
    Err(format!("message {got} came, {} was due", due & NUMBER_MASK).into())
}

/// The median cost of reading the clock, which each round trip contains once.
pub(crate) fn clock_cost_ns() -> u64 {
    let mut costs: Vec<u64> = (0..10_001).map(|_| Instant::now().elapsed().as_nanos() as u64).collect();
    costs.sort_unstable();
    costs[costs.len() / 2]
}
