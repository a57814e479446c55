//! What a topic, and a process beside it, take in shared memory: blocks really taken, not lengths.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use horus_core::{Publisher, Value};

use crate::Result;
use crate::payload::{Numbered, Payload, Words};
use crate::shared::Region;
use crate::side::SideArguments;
use crate::way::{RingWriter, Way, joined, ring_bytes, spec_for, topic};

/// Opens one topic with one publisher and sends one message on it.
pub(crate) fn run(arguments: &SideArguments) -> Result<()> {
    let folder = &arguments.folder;
    if arguments.way == Way::Ring {
        RingWriter::<Words, 64>::new(&Region::map(&folder.join("ring"), ring_bytes(64))?, 0).send(1);
        return leave(arguments, taken(&folder.join("ring"))?, 0);
    }
    let participant = joined(folder)?;
    let before = taken(&folder.join("horus"))?;
    match arguments.payload {
        Payload::Bytes(64) => {
            let name = topic("sensor")?;
            let mut publisher =
                horus_shm::Publisher::open(&participant, &name, &spec_for(64), Default::default())?;
            let bytes: [u8; 64] = Words::fill(1);
            publisher.send(&bytes)?;
            leave(arguments, taken(&folder.join("horus"))? - before, before)
        }
        Payload::Dict(3) => {
            let mut publisher = Publisher::<Value>::open(&participant, &topic("state")?, Default::default())?;
            publisher.send(&dict())?;
            leave(arguments, taken(&folder.join("horus"))? - before, before)
        }
        _ => Err(super::unknown(arguments)),
    }
}

fn dict() -> Value {
    let field = |name: &str, value| (Value::Str(name.to_owned()), Value::Float(value));
    Value::Map(vec![
        field("linear", 0.5),
        field("angular", 0.25),
        (Value::Str("seq".to_owned()), Value::Int(1)),
    ])
}

fn leave(arguments: &SideArguments, topic: u64, process: u64) -> Result<()> {
    arguments.write_series("samples", &[topic])?;
    arguments.write_series("samples-process", &[process])
}

/// Bytes that everything under `path` takes of the tmpfs; folders are no memory there.
fn taken(path: &Path) -> Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return Ok(metadata.blocks() * 512);
    }
    fs::read_dir(path)?.map(|entry| taken(&entry?.path())).sum()
}
