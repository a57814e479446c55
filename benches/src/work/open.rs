//! What it takes to open a topic and get its first message through.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use horus_shm::{Participant, Payload, Publisher, Subscriber};

use crate::Result;
use crate::payload::{Numbered, Words};
use crate::shared::Region;
use crate::side::SideArguments;
use crate::way::{RingReader, RingWriter, Way, joined, ring_bytes, spec_for, topic};
use crate::work::round::expect;

/// In a process that has joined: each sample is a new topic, opened to send and to receive.
pub(crate) fn opened(arguments: &SideArguments) -> Result<()> {
    let participant = if arguments.way == Way::Horus { Some(joined(&arguments.folder)?) } else { None };
    let mut took = Vec::with_capacity(arguments.total() as usize);
    for number in 0..arguments.total() {
        let before = Instant::now();
        match &participant {
            Some(participant) => first_message(participant, number)?,
            None => first_by_hand(&arguments.folder.join(format!("ring-{number}")), number)?,
        }
        took.push(before.elapsed().as_nanos() as u64);
    }
    arguments.write(&took)
}

/// In processes that have just started, one for each sample: joining is part of it.
pub(crate) fn joined_anew(arguments: &SideArguments) -> Result<()> {
    let child = arguments.folder.join("child");
    if fs::create_dir(&child).is_err() {
        // This is such a process: the folder of the turn is there already.
        let before = Instant::now();
        match arguments.way {
            Way::Horus => first_message(&joined(&arguments.folder)?, 0)?,
            _ => first_by_hand(&arguments.folder.join(format!("ring-{}", std::process::id())), 0)?,
        }
        return arguments.write_series("first", &[before.elapsed().as_nanos() as u64]);
    }
    let mut took = Vec::with_capacity(arguments.total() as usize);
    for _ in 0..arguments.total() {
        let status = Command::new("/proc/self/exe").args(std::env::args().skip(1)).status()?;
        if !status.success() {
            return Err(format!("a joining process ended with {status}").into());
        }
        let bytes = fs::read(arguments.folder.join("first"))?;
        took.push(u64::from_le_bytes(bytes.as_slice().try_into()?));
    }
    arguments.write(&took)
}

fn first_message(participant: &Arc<Participant>, number: u64) -> Result<()> {
    let (name, spec) = (topic(&format!("sensor.{number}"))?, spec_for(16));
    let mut subscriber = Subscriber::open(participant, &name, Some(&spec), Default::default())?;
    let mut publisher = Publisher::open(participant, &name, &spec, Default::default())?;
    let bytes: [u8; 16] = Words::fill(number);
    publisher.send(&bytes)?;
    let Some(message) = subscriber.recv()? else { return Err("the first message didn't come".into()) };
    let Payload::Inline(bytes) = message.payload else { return Err("a block came".into()) };
    expect(Words::number(<&[u8; 16]>::try_from(bytes)?), number)
}

fn first_by_hand(path: &Path, number: u64) -> Result<()> {
    let mut writer = RingWriter::<Words, 16>::new(&Region::map(path, ring_bytes(16))?, 0);
    let mut reader = RingReader::<Words, 16>::new(&Region::map(path, ring_bytes(16))?, 0);
    writer.send(number);
    expect(reader.receive()?, number)
}
