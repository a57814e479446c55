//! What a send costs whose message nobody waits for.

use std::time::{Duration, Instant};

use horus_shm::{Publisher, Subscriber};

use crate::Result;
use crate::payload::{Numbered, Words};
use crate::shared::Region;
use crate::side::{Side, SideArguments};
use crate::way::{RingWriter, Way, joined, read_clock, ring_bytes, spec_for, topic};

/// Sends timed at once: enough that reading the clock around them is no part of what is measured.
pub(crate) const BATCH: u64 = 100;

/// Far beyond what ping's part takes.
const LIMIT: Duration = Duration::from_secs(60);

/// Ping sends; echo holds the subscribers and sleeps.
pub(crate) fn run(arguments: &SideArguments) -> Result<()> {
    match (arguments.way, arguments.side) {
        (Way::Clock, _) => batches(arguments, |_| {
            read_clock();
            Ok(())
        }),
        (Way::Ring, _) => {
            let region = Region::map(&arguments.folder.join("ring"), ring_bytes(16))?;
            let mut writer = RingWriter::<Words, 16>::new(&region, 0);
            batches(arguments, |number| {
                writer.send(number);
                Ok(())
            })
        }
        (Way::Horus, Side::Ping) => {
            let mut publisher = Publisher::open(
                &joined(&arguments.folder)?,
                &topic("out")?,
                &spec_for(16),
                Default::default(),
            )?;
            arguments.meet()?;
            let send = |number| {
                let bytes: [u8; 16] = Words::fill(number);
                Ok(publisher.send(&bytes)?)
            };
            batches(arguments, send)?;
            arguments.done()
        }
        (Way::Horus, Side::Echo) => {
            let participant = joined(&arguments.folder)?;
            let open = || {
                let spec = spec_for(16);
                Ok(Subscriber::open(&participant, &topic("out")?, Some(&spec), Default::default())?)
            };
            let subscribers: Vec<Subscriber> =
                (0..arguments.subscribers).map(|_| open()).collect::<Result<_>>()?;
            arguments.meet()?;
            arguments.wait_for("done", LIMIT)?;
            drop(subscribers);
            Ok(())
        }
        _ => Err(super::unknown(arguments)),
    }
}

fn batches(arguments: &SideArguments, mut send: impl FnMut(u64) -> Result<()>) -> Result<()> {
    let mut took = Vec::with_capacity(arguments.total() as usize);
    for batch in 0..arguments.total() {
        let before = Instant::now();
        for number in 0..BATCH {
            send(batch * BATCH + number)?;
        }
        took.push(before.elapsed().as_nanos() as u64);
    }
    arguments.write(&took)
}
