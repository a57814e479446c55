//! What the processes of a run do, one each: the parts that are written in Rust.

mod many;
mod order;

use crate::Result;
use crate::ledger::{EVERYBODY, Entry, Ledger, Note};
use crate::payload::Body;
use crate::topic::Topic;
use clap::{Args, ValueEnum};
use horus_core::messages::CmdVel;
use horus_core::{Publisher, Subscriber};
use horus_shm::{CleanOptions, Root, Settings, clean, now_ns};
use order::Order;
use rustix::process::{Pid, Signal, getppid, nice, set_parent_process_death_signal};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Part {
    /// Sends flat out
    Publish,
    /// Receives and checks
    Subscribe,
    /// Receives and checks, and stays for the whole run
    Watch,
    /// Sends a thousand messages a second
    SteadyPublish,
    /// Receives those, and times them
    SteadyWatch,
    /// Sends on many topics of every kind
    ManyPublish,
    /// Receives those
    ManyWatch,
    /// Cleans again and again
    Clean,
}

/// Who of a run a process is; the Python programs take the same.
#[derive(Clone, Debug, Args)]
pub(crate) struct Play {
    /// What to do
    pub(crate) part: Part,
    /// Where the run's ledger is
    #[arg(long)]
    pub(crate) ledger: PathBuf,
    /// The number of its entry, and its name as a publisher
    #[arg(long)]
    pub(crate) id: u64,
    /// The process that started it, and without which it ends
    #[arg(long)]
    pub(crate) parent: i32,
    /// The topic, where the part has one
    #[arg(long, default_value = "cmd")]
    pub(crate) topic: Topic,
    /// What it does wrong, to see that it is noticed
    #[arg(long)]
    pub(crate) sabotage: Option<Sabotage>,
}

/// Wrongs that a run must notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sabotage {
    /// A publisher lies in its messages
    Torn,
    /// A publisher leaves out numbers
    Gap,
    /// A publisher sends less than it notes
    Lost,
    /// A publisher sends nothing
    Mute,
    /// A publisher sends seldom, so that no kill strikes a message
    Lazy,
    /// A publisher leaves a file behind
    Leak,
}

/// The topic of the steady pair.
pub(crate) const STEADY: &str = "steady";
const STEADY_PERIOD: Duration = Duration::from_millis(1);
/// A sleep no longer than this, so that a request to end is seen.
const LOOK: Duration = Duration::from_millis(100);
/// Messages between two notes of the counts, where there is no end to them.
const NOTE_EVERY: u64 = 64;
/// What may be killed leaves the processor to what is watched.
const NICE: i32 = 5;

/// Plays one part until it is killed or asked to end; tells the run if anything is wrong.
pub(crate) fn play(play: &Play) -> Result<bool> {
    let ledger = Ledger::open(&play.ledger)?;
    let outcome = perform(play, &ledger);
    if let Err(error) = &outcome {
        eprintln!("{error}");
        ledger.entry(EVERYBODY).set(Note::Fault, play.id);
    }
    Ok(outcome.is_ok())
}

fn perform(play: &Play, ledger: &Ledger) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() != Pid::from_raw(play.parent) {
        return Err("the run is over already".into());
    }
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, ended.clone())?;
    }
    let entry = ledger.entry(play.id);
    entry.stamp(Note::Began);
    let ended = || ended.load(Ordering::Relaxed);
    match play.part {
        Part::Publish => publish(play, &entry, ended),
        Part::Subscribe => {
            nice(NICE)?;
            watch(play, &entry, None, ended)
        }
        Part::Watch => watch(play, &entry, Some(*ledger), ended),
        Part::SteadyPublish => publish_steadily(&entry, ended),
        Part::SteadyWatch => watch_steadily(&entry, ended),
        Part::ManyPublish => many::publish(&entry, ended),
        Part::ManyWatch => many::watch(&entry, ended),
        Part::Clean => clean_on_and_on(ended),
    }
}

fn publish(play: &Play, entry: &Entry, ended: impl Fn() -> bool) -> Result<()> {
    nice(NICE)?;
    let mut source = play.topic.source()?;
    entry.stamp(Note::Ready);
    if play.sabotage == Some(Sabotage::Leak) {
        let root = Settings::from_env().shm_dir.ok_or("every run names its folder")?;
        std::fs::write(root.join(format!("left-by-{}", play.id)), "")?;
    }
    let (id, mut number) = (play.id, 0);
    while !ended() {
        entry.set(Note::Begun, number + 1);
        match play.sabotage.filter(|_| number % 50 == 49) {
            Some(Sabotage::Torn) => source.send(id, number, Body::of(id, number + 1), entry)?,
            Some(Sabotage::Gap) => source.send(id, number + 1, Body::of(id, number + 1), entry)?,
            Some(Sabotage::Lost) => {}
            _ if play.sabotage == Some(Sabotage::Mute) => std::thread::sleep(LOOK),
            _ => source.send(id, number, Body::of(id, number), entry)?,
        }
        if play.sabotage == Some(Sabotage::Lazy) {
            std::thread::sleep(STEADY_PERIOD);
        }
        number += 1;
        entry.set(Note::Sent, number);
    }
    Ok(())
}

/// Receives on and on. A watcher also notes in each publisher's own entry when it first heard it.
fn watch(play: &Play, entry: &Entry, heard: Option<Ledger>, ended: impl Fn() -> bool) -> Result<()> {
    let mut sink = play.topic.sink()?;
    entry.stamp(Note::Ready);
    let mut order = Order::default();
    loop {
        let some = sink.wait(LOOK)?;
        if !some {
            sink.let_go()?;
        }
        let mut left = NOTE_EVERY;
        while left > 0
            && let Some(seen) = sink.recv()?
        {
            left -= 1;
            let is_new = order.take(&seen)?;
            if let Some(ledger) = heard.filter(|_| is_new) {
                ledger.entry(seen.publisher).stamp(Note::Heard);
            }
            if entry.get(Note::First) == 0 {
                entry.stamp(Note::First);
            }
        }
        let (received, dropped) = sink.counts();
        entry.set(Note::Dropped, dropped);
        entry.set(Note::Received, received);
        if ended() && (!some || heard.is_none()) {
            return Ok(());
        }
    }
}

fn publish_steadily(entry: &Entry, ended: impl Fn() -> bool) -> Result<()> {
    let mut publisher = Publisher::<CmdVel>::new(STEADY)?;
    entry.stamp(Note::Ready);
    let mut due = now_ns();
    let mut number = 0;
    while !ended() {
        let before = now_ns();
        entry.raise(Note::LongestDelay, before.saturating_sub(due));
        publisher.send(&CmdVel { timestamp_ns: number, ..CmdVel::default() })?;
        entry.raise(Note::LongestSend, now_ns() - before);
        number += 1;
        entry.set(Note::Sent, number);
        due = now_ns().max(due) + STEADY_PERIOD.as_nanos() as u64;
        std::thread::sleep(STEADY_PERIOD);
    }
    Ok(())
}

fn watch_steadily(entry: &Entry, ended: impl Fn() -> bool) -> Result<()> {
    let mut subscriber = Subscriber::<CmdVel>::new(STEADY)?;
    entry.stamp(Note::Ready);
    let mut last: Option<(u64, u64)> = None;
    while !ended() {
        while let Some(message) = subscriber.recv()? {
            let now = now_ns();
            if let Some((number, at)) = last {
                if message.timestamp_ns <= number {
                    return Err(format!("order: {} after {number}", message.timestamp_ns).into());
                }
                entry.raise(Note::LongestPause, now - at);
            }
            last = Some((message.timestamp_ns, now));
        }
        entry.set(Note::Dropped, subscriber.dropped());
        entry.set(Note::Received, subscriber.received());
        subscriber.wait(Some(LOOK))?;
    }
    Ok(())
}

fn clean_on_and_on(ended: impl Fn() -> bool) -> Result<()> {
    nice(NICE)?;
    let root = Root::open(&Settings::from_env())?;
    while !ended() {
        let report = clean(&root, None, &CleanOptions::default())?;
        if let Some(fault) = report.faults.first() {
            return Err(format!("a cleaner finds fault: {fault}").into());
        }
        std::thread::sleep(STEADY_PERIOD);
    }
    Ok(())
}
