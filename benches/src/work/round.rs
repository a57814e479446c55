//! There and back: what two processes, two threads, or one thread take for it.

use std::fs::File;
use std::time::{Duration, Instant};

use crate::Result;
use crate::payload::NUMBER_MASK;
use crate::side::{Side, SideArguments, pin};
use crate::way::Transport;
use crate::work::{Exchange, Work};

/// How long each side is busy before it sends where both are to sleep: far longer than anybody spins. Ping's is between two
/// round trips, echo's within one, and taken off.
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
            Side::Echo => echo(&mut transport, arguments),
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
                    echo(&mut transport, arguments)
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

/// How long each side is busy.
fn pause(arguments: &SideArguments) -> Duration {
    if arguments.work == Work::Wake { PAUSE } else { Duration::ZERO }
}

/// Round trips in nanoseconds, without what it costs to read the clock and without echo's pause.
fn ping<T: Transport>(transport: &mut T, arguments: &SideArguments) -> Result<Vec<u64>> {
    let (total, pause) = (arguments.total(), pause(arguments));
    let taken_off_ns = clock_cost_ns() + pause.as_nanos() as u64;
    let mut trips = Vec::with_capacity(total as usize);
    for number in 0..total {
        let before = Instant::now();
        transport.send(number)?;
        let answer = transport.receive()?;
        let took = before.elapsed().as_nanos() as u64;
        expect(answer, number)?;
        if took < pause.as_nanos() as u64 {
            return Err("the other side answered without its pause".into());
        }
        trips.push(took.saturating_sub(taken_off_ns));
        stay_busy(pause);
    }
    Ok(trips)
}

fn echo<T: Transport>(transport: &mut T, arguments: &SideArguments) -> Result<()> {
    let pause = pause(arguments);
    for number in 0..arguments.total() {
        let got = transport.receive()?;
        expect(got, number)?;
        stay_busy(pause);
        transport.send(got)?;
    }
    Ok(())
}

/// Lets the other side fall asleep.
fn stay_busy(pause: Duration) {
    // The clock isn't read where nobody is to sleep.
    if pause.is_zero() {
        return;
    }
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
