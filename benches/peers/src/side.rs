//! What both sides of every way do alike: meet, exchange, take the time, end in any case.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::message::NUMBER_MASK;
use crate::{Arguments, Result};

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

    /// The name on the command line, and of the file that says it is there.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Side::Ping => "ping",
            Side::Echo => "echo",
        }
    }
}

/// The kinds of work that some way here knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// There and back, polling
    Round,
    /// There and back, asleep until each message comes
    Wake,
    /// There and back with the sleeping call, answering at once
    Spin,
    /// There, in one thread
    Same,
    /// What a send costs beside subscribers that never read
    Publish,
    /// Flat out in one direction
    Stream,
    /// Several publishers, several subscribers
    Fan,
    /// A new topic to its first message
    Open,
    /// The same from a process's start
    Join,
    /// Asleep for good
    Idle,
    /// Shared memory taken
    Memory,
}

impl Work {
    /// Whether there is no other side.
    pub(crate) fn is_alone(self) -> bool {
        matches!(self, Work::Same | Work::Open | Work::Join | Work::Idle | Work::Memory)
    }

    /// What `name` stands for, if a way here knows it.
    pub(crate) fn named(name: &str) -> Option<Work> {
        Some(match name {
            "round" => Work::Round,
            "wake" => Work::Wake,
            "spin" => Work::Spin,
            "same" => Work::Same,
            "publish" => Work::Publish,
            "stream" => Work::Stream,
            "fan" => Work::Fan,
            "open" => Work::Open,
            "join" => Work::Join,
            "idle" => Work::Idle,
            "memory" => Work::Memory,
            _ => return None,
        })
    }
}

/// Nothing for so long: the other side is dead or stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// No turn takes so long.
const TURN: Duration = Duration::from_secs(75);
/// How long each side is busy before it sends, so that both really fall asleep. Ping's is between two round trips, echo's
/// within one, and taken off.
const PAUSE: Duration = Duration::from_micros(200);
/// Sends that are timed together.
pub(crate) const BATCH: u64 = 100;

/// One end of an exchange.
pub(crate) trait End {
    /// Sends message `number`.
    fn send(&mut self, number: u64) -> Result<()>;
    /// Waits for the next message as the work asks, checks it and returns its number.
    fn receive(&mut self) -> Result<u64>;
}

/// Ends a wait for a side that is gone, at the cost of one addition a look.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    looks: u32,
    since: Option<Instant>,
}

impl Patience {
    /// Counts one look that found nothing.
    ///
    /// # Errors
    /// If nothing has come for [`PATIENCE`].
    #[inline]
    pub(crate) fn look(&mut self) -> Result<()> {
        self.looks += 1;
        if self.looks < 1 << 20 { Ok(()) } else { self.think() }
    }

    #[cold]
    fn think(&mut self) -> Result<()> {
        self.looks = 0;
        if self.since.get_or_insert_with(Instant::now).elapsed() < PATIENCE {
            return Ok(());
        }
        Err(silence())
    }
}

/// What is said when the other side is silent.
pub(crate) fn silence() -> Box<dyn std::error::Error + Send + Sync> {
    format!("nothing from the other process for {} s", PATIENCE.as_secs()).into()
}

/// Stays on `core`.
pub(crate) fn pin(core: usize) -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}

/// Ends this process with words if the turn doesn't: someone else's call may block for ever.
pub(crate) fn end_with_words_if_stuck(folder: &Path) {
    let folder = folder.to_owned();
    thread::spawn(move || {
        thread::sleep(TURN);
        eprintln!("stuck: no end after {} s", TURN.as_secs());
        leave_nothing(&folder);
        std::process::exit(4);
    });
}

/// What names of files in `/dev/shm` made for this turn begin with.
pub(crate) fn shm_prefix(folder: &Path) -> String {
    let parent = folder.parent().and_then(Path::file_name).unwrap_or_default();
    let turn = folder.file_name().unwrap_or_default();
    format!("{}-{}-", parent.to_string_lossy(), turn.to_string_lossy())
}

/// Removes what this turn left in `/dev/shm` beside its folder. Only what goes by the turn's own prefix.
pub(crate) fn leave_nothing(folder: &Path) {
    let prefix = shm_prefix(folder);
    for entry in fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            // The other side may have been quicker.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Leaves nothing once nobody of this turn is left: said by the last to go, or by who failed.
pub(crate) fn leave(arguments: &Arguments, alone: bool) -> Result<()> {
    let left = |side: Side| arguments.folder.join(format!("left-{}", side.name()));
    File::create(left(arguments.side))?;
    if alone || left(arguments.side.other()).exists() {
        leave_nothing(&arguments.folder);
    }
    Ok(())
}

/// Returns once both sides are open: what is sent before the other listens may be lost by right.
pub(crate) fn meet(folder: &Path, side: Side) -> Result<()> {
    File::create(folder.join(side.name()))?;
    wait_for(&folder.join(side.other().name()))
}

/// Returns once the file is there.
pub(crate) fn wait_for(file: &Path) -> Result<()> {
    let since = Instant::now();
    while !file.exists() {
        if since.elapsed() > PATIENCE {
            return Err(format!("no sign of {}", file.display()).into());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Meets and exchanges, with pauses for work that is about waking.
pub(crate) fn exchange(arguments: &Arguments, end: &mut impl End, pauses: bool) -> Result<()> {
    meet(&arguments.folder, arguments.side)?;
    let total = arguments.warmup + arguments.samples;
    match arguments.side {
        Side::Ping => {
            let trips = ping(end, total, pauses)?;
            write(arguments, "samples", &trips[arguments.warmup as usize..])
        }
        Side::Echo => echo(end, total, pauses),
    }
}

/// Round trips in nanoseconds, without what it costs to read the clock and without echo's pause.
pub(crate) fn ping(end: &mut impl End, total: u64, pauses: bool) -> Result<Vec<u64>> {
    let pause_ns = if pauses { PAUSE.as_nanos() as u64 } else { 0 };
    let taken_off_ns = clock_cost_ns() + pause_ns;
    let mut trips = Vec::with_capacity(total as usize);
    for number in 0..total {
        let before = Instant::now();
        end.send(number)?;
        let answer = end.receive()?;
        let took = before.elapsed().as_nanos() as u64;
        expect(answer, number)?;
        if took < pause_ns {
            return Err("the other side answered without its pause".into());
        }
        trips.push(took.saturating_sub(taken_off_ns));
        if pauses {
            stay_busy();
        }
    }
    Ok(trips)
}

fn echo(end: &mut impl End, total: u64, pauses: bool) -> Result<()> {
    for number in 0..total {
        let got = end.receive()?;
        expect(got, number)?;
        if pauses {
            stay_busy();
        }
        end.send(got)?;
    }
    Ok(())
}

/// Lets the other side fall asleep.
pub(crate) fn stay_busy() {
    let since = Instant::now();
    while since.elapsed() < PAUSE {}
}

/// Sends flat out, or counts what comes of it, gaps included.
pub(crate) fn stream(arguments: &Arguments, end: &mut impl End) -> Result<()> {
    meet(&arguments.folder, arguments.side)?;
    let total = arguments.warmup + arguments.samples;
    match arguments.side {
        Side::Ping => {
            let began = Instant::now();
            for number in 0..total {
                end.send(number)?;
            }
            write(arguments, "samples-sent", &[a_second(total, began.elapsed())])?;
            // What was sent last has to be there until the other side has read it.
            wait_for(&arguments.folder.join("done"))
        }
        Side::Echo => {
            let (received, lost, took) = count(end, total)?;
            if received + lost != total {
                return Err(format!("{received} received and {lost} lost, of {total} sent").into());
            }
            write(arguments, "samples", &[a_second(received, took)])?;
            write(arguments, "samples-lost", &[lost * 1_000_000 / total])?;
            File::create(arguments.folder.join("done"))?;
            Ok(())
        }
    }
}

/// Receives up to the message numbered last; returns how many came, how many were passed over, and the time from the
/// first to the last.
fn count(end: &mut impl End, total: u64) -> Result<(u64, u64, Duration)> {
    let (mut next, mut received, mut lost) = (0, 0, 0);
    let mut began = None;
    while next < total {
        let number = end.receive()?;
        began.get_or_insert_with(Instant::now);
        // The number is known modulo 2^24, the gap is smaller.
        let gap = number.wrapping_sub(next) & NUMBER_MASK;
        lost += gap;
        received += 1;
        next += gap + 1;
    }
    Ok((received, lost, began.map_or(Duration::ZERO, |began| began.elapsed())))
}

fn a_second(count: u64, took: Duration) -> u64 {
    (count as f64 / took.as_secs_f64()) as u64
}

/// Times sends in batches of [`BATCH`], then lets the other side go.
pub(crate) fn publish(arguments: &Arguments, mut send: impl FnMut(u64) -> Result<()>) -> Result<()> {
    // Without subscribers there is nobody to meet.
    if arguments.subscribers > 0 {
        meet(&arguments.folder, Side::Ping)?;
    }
    let clock_cost_ns = clock_cost_ns();
    let mut batches = Vec::new();
    for batch in 0..arguments.warmup + arguments.samples {
        let before = Instant::now();
        for number in batch * BATCH..(batch + 1) * BATCH {
            send(number)?;
        }
        batches.push((before.elapsed().as_nanos() as u64).saturating_sub(clock_cost_ns));
    }
    File::create(arguments.folder.join("done"))?;
    write(arguments, "samples", &batches[arguments.warmup as usize..])
}

/// Keeps what the caller opened until the sends have been timed. It may take longer than anyone's patience, so the
/// watchdog of the turn is what ends it.
pub(crate) fn listen_without_reading(arguments: &Arguments) -> Result<()> {
    if arguments.subscribers > 0 {
        meet(&arguments.folder, Side::Echo)?;
    }
    let done = arguments.folder.join("done");
    while !done.exists() {
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Times `work` again and again, `warmup` times before it counts.
pub(crate) fn again(arguments: &Arguments, mut work: impl FnMut(u64) -> Result<Duration>) -> Result<()> {
    let total = arguments.warmup + arguments.samples;
    let took = (0..total).map(|number| Ok(work(number)?.as_nanos() as u64)).collect::<Result<Vec<u64>>>()?;
    write(arguments, "samples", &took[arguments.warmup as usize..])
}

/// Fails unless message `got` is the one that is due: nothing lost, doubled or torn.
pub(crate) fn expect(got: u64, due: u64) -> Result<()> {
    if got & NUMBER_MASK == due & NUMBER_MASK {
        return Ok(());
    }
    Err(format!("message {got} came, {} was due", due & NUMBER_MASK).into())
}

/// The median cost of reading the clock, which each sample contains once.
pub(crate) fn clock_cost_ns() -> u64 {
    let mut costs: Vec<u64> = (0..10_001).map(|_| Instant::now().elapsed().as_nanos() as u64).collect();
    costs.sort_unstable();
    costs[costs.len() / 2]
}

/// Leaves a series as little-endian 64-bit numbers.
pub(crate) fn write(arguments: &Arguments, name: &str, samples: &[u64]) -> Result<()> {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    File::create(arguments.folder.join(name))?.write_all(&bytes)?;
    Ok(())
}
