//! What contenders do: one file for each kind of measurement.

mod fan;
mod memory;
mod open;
mod paced;
pub(crate) mod publish;
mod round;
mod stream;

use clap::ValueEnum;

use crate::Result;
use crate::payload::{CmdVelBytes, DictBytes, FULL_HD, Payload, VGA, Words};
use crate::side::SideArguments;
use crate::way::{
    Asleep, Futex, Horus, HorusImage, HorusLarge, HorusLoaned, ImageRing, LargeRing, Polled, Ring, TOPICS,
    Transport, Typed, Way, copy_into_shared_memory, run_beside_topics,
};

/// What is done; `benches/README.md` says it in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// There and back between two processes, polled
    Round,
    /// There and back, both sides asleep until it comes
    Wake,
    /// There and back by the blocking call, at once
    Spin,
    /// Sent and received by one thread
    Same,
    /// There and back between two threads of one process
    Threads,
    /// Sent with nobody waiting
    Publish,
    /// Sent as fast as it goes, one way
    Stream,
    /// By several to several
    Fan,
    /// A topic opened, and its first message
    Open,
    /// The same by a process that has just started
    Join,
    /// A node that has nothing to do
    Idle,
    /// What a topic takes in shared memory
    Memory,
    /// From node to node at a rate
    Paced,
    /// One tick after the other, of a node that wakes itself
    Tick,
    /// To bytes and back
    Encode,
    /// Something that takes no other process
    Alone,
    /// A node at 100 Hz beside one that computes, in one process
    BesideInOne,
    /// The same in two processes
    BesideInTwo,
}

impl Work {
    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Work::Round => "round",
            Work::Wake => "wake",
            Work::Spin => "spin",
            Work::Same => "same",
            Work::Threads => "threads",
            Work::Publish => "publish",
            Work::Stream => "stream",
            Work::Fan => "fan",
            Work::Open => "open",
            Work::Join => "join",
            Work::Idle => "idle",
            Work::Memory => "memory",
            Work::Paced => "paced",
            Work::Tick => "tick",
            Work::Encode => "encode",
            Work::Alone => "alone",
            Work::BesideInOne => "beside-in-one",
            Work::BesideInTwo => "beside-in-two",
        }
    }
}

/// Does this side's part.
pub(crate) fn run(arguments: &SideArguments, other_core: Option<usize>) -> Result<()> {
    match arguments.work {
        Work::Round | Work::Wake | Work::Spin => dispatch(arguments, &round::BetweenProcesses),
        Work::Same => dispatch(arguments, &round::InOneThread),
        Work::Threads => {
            let other_core = other_core.ok_or("two cores are needed, this process may use only one")?;
            dispatch(arguments, &round::BetweenThreads { other_core })
        }
        Work::Publish => publish::run(arguments),
        Work::Stream => stream::run(arguments),
        Work::Fan => fan::run(arguments),
        Work::Open => open::opened(arguments),
        Work::Join => open::joined_anew(arguments),
        Work::Idle => paced::idle(arguments),
        Work::Memory => memory::run(arguments),
        Work::Paced => paced::run(arguments),
        Work::Tick => paced::ticks(arguments),
        Work::Alone => alone(arguments),
        Work::Encode | Work::BesideInOne | Work::BesideInTwo => Err(unknown(arguments)),
    }
}

/// Something done with a transport, whichever it is.
pub(crate) trait Exchange {
    /// Opens it and does it.
    fn with<T: Transport>(&self, arguments: &SideArguments) -> Result<()>;
}

/// Finds the transport for a way and a payload.
fn dispatch(arguments: &SideArguments, exchange: &impl Exchange) -> Result<()> {
    let sleeps = matches!(arguments.work, Work::Wake | Work::Spin);
    match (arguments.way, arguments.payload) {
        (Way::Futex, _) => exchange.with::<Futex>(arguments),
        (Way::Horus, Payload::Bytes(16)) if sleeps => exchange.with::<Horus<Words, 16, Asleep>>(arguments),
        _ if sleeps => Err(unknown(arguments)),
        (Way::Ring, Payload::Bytes(16)) => exchange.with::<Ring<Words, 16>>(arguments),
        (Way::Ring, Payload::Bytes(64)) => exchange.with::<Ring<Words, 64>>(arguments),
        (Way::Ring, Payload::Bytes(1024)) => exchange.with::<Ring<Words, 1024>>(arguments),
        (Way::Ring, Payload::Bytes(65_536)) => exchange.with::<LargeRing<65_536>>(arguments),
        (Way::Ring, Payload::Bytes(1_048_576)) => exchange.with::<LargeRing<1_048_576>>(arguments),
        (Way::Ring, Payload::Bytes(6_220_800)) => exchange.with::<LargeRing<6_220_800>>(arguments),
        (Way::Ring, Payload::CmdVel) => exchange.with::<Ring<CmdVelBytes, 16>>(arguments),
        (Way::Ring, Payload::Dict(3)) => exchange.with::<Ring<DictBytes, 47>>(arguments),
        (Way::Ring, Payload::Image(VGA)) => exchange.with::<ImageRing<{ VGA.bytes() }>>(arguments),
        (Way::Ring, Payload::Image(FULL_HD)) => exchange.with::<ImageRing<{ FULL_HD.bytes() }>>(arguments),
        (Way::Horus, Payload::Bytes(16)) => exchange.with::<Horus<Words, 16, Polled>>(arguments),
        (Way::Horus, Payload::Bytes(64)) => exchange.with::<Horus<Words, 64, Polled>>(arguments),
        (Way::Horus, Payload::Bytes(1024)) => exchange.with::<Horus<Words, 1024, Polled>>(arguments),
        (Way::Horus, Payload::Bytes(65_536)) => exchange.with::<HorusLarge<65_536>>(arguments),
        (Way::Horus, Payload::Bytes(1_048_576)) => exchange.with::<HorusLarge<1_048_576>>(arguments),
        (Way::Horus, Payload::Bytes(6_220_800)) => exchange.with::<HorusLarge<6_220_800>>(arguments),
        (Way::Horus, Payload::CmdVel) => exchange.with::<Horus<CmdVelBytes, 16, Polled>>(arguments),
        (Way::Horus, Payload::Dict(3)) => exchange.with::<Horus<DictBytes, 47, Polled>>(arguments),
        (Way::Horus, Payload::Image(VGA)) => exchange.with::<HorusImage<{ VGA.bytes() }>>(arguments),
        (Way::Horus, Payload::Image(FULL_HD)) => exchange.with::<HorusImage<{ FULL_HD.bytes() }>>(arguments),
        (Way::HorusTyped, Payload::CmdVel) => exchange.with::<Typed>(arguments),
        (Way::HorusLoaned, _) => exchange.with::<HorusLoaned>(arguments),
        _ => Err(unknown(arguments)),
    }
}

/// Measures something that takes no other process, as often as is asked.
fn alone(arguments: &SideArguments) -> Result<()> {
    let (folder, runs) = (&arguments.folder, arguments.total() as usize);
    let took = match arguments.way {
        Way::Copy => copy_into_shared_memory(folder, runs)?,
        Way::Start => run_beside_topics(folder, &["--version"], 1, runs)?,
        // A line each and one above them.
        Way::List => run_beside_topics(folder, &["topic", "list"], TOPICS + 1, runs)?,
        _ => return Err(unknown(arguments)),
    };
    arguments.write(&took)
}

/// What is said of a pairing that nobody measures here.
fn unknown(arguments: &SideArguments) -> Box<dyn std::error::Error> {
    format!("{:?} doesn't know {:?} of {}", arguments.way, arguments.work, arguments.payload).into()
}
