//! As fast as it goes, one way: what comes a second, and that every loss is counted.

use std::time::Instant;

use horus_shm::{Payload, Publisher, Subscriber};

use crate::Result;
use crate::payload::{Numbered, Words};
use crate::side::{Side, SideArguments};
use crate::way::{FlowRing, Patience, Way, joined, spec_for, topic};

/// What is sent.
const BYTES: usize = 64;

/// Ping sends, echo receives and counts.
pub(crate) fn run(arguments: &SideArguments) -> Result<()> {
    match (arguments.way, arguments.side) {
        (Way::Ring, side) => {
            let mut ring = FlowRing::<Words, BYTES>::open(&arguments.folder)?;
            arguments.meet()?;
            match side {
                Side::Ping => send(arguments, |number| ring.send(number)),
                Side::Echo => {
                    let mut count = Count::new(arguments.total());
                    while !count.is_over() {
                        count.take(ring.receive()?)?;
                    }
                    count.write(arguments, 0)
                }
            }
        }
        (Way::Horus, Side::Ping) => {
            let participant = joined(&arguments.folder)?;
            let mut publisher =
                Publisher::open(&participant, &topic("stream")?, &spec_for(BYTES), Default::default())?;
            arguments.meet()?;
            send(arguments, |number| {
                let bytes: [u8; BYTES] = Words::fill(number);
                Ok(publisher.send(&bytes)?)
            })?;
            // What is in the ring outlives its publisher only for those who are there; echo is done first.
            arguments.wait_for("done", Patience::LIMIT)
        }
        (Way::Horus, Side::Echo) => {
            let participant = joined(&arguments.folder)?;
            let (name, spec) = (topic("stream")?, spec_for(BYTES));
            let mut subscriber = Subscriber::open(&participant, &name, Some(&spec), Default::default())?;
            arguments.meet()?;
            let mut count = Count::new(arguments.total());
            let mut patience = Patience::default();
            while !count.is_over() {
                if let Some(message) = subscriber.recv()? {
                    let Payload::Inline(bytes) = message.payload else { return Err("a block came".into()) };
                    count.take(Words::number(<&[u8; BYTES]>::try_from(bytes)?))?;
                } else {
                    patience.look()?;
                }
            }
            count.write(arguments, subscriber.dropped())?;
            arguments.done()
        }
        _ => Err(super::unknown(arguments)),
    }
}

fn send(arguments: &SideArguments, mut send: impl FnMut(u64) -> Result<()>) -> Result<()> {
    let before = Instant::now();
    for number in 0..arguments.total() {
        send(number)?;
    }
    arguments.write_series("samples-sent", &[per_second(arguments.total(), before)])
}

fn per_second(count: u64, since: Instant) -> u64 {
    (count as f64 / since.elapsed().as_secs_f64()) as u64
}

/// What came: in order, none twice, and how long it took.
#[derive(Debug)]
struct Count {
    total: u64,
    received: u64,
    next: u64,
    since: Option<Instant>,
}

impl Count {
    fn new(total: u64) -> Count {
        Count { total, received: 0, next: 0, since: None }
    }

    /// Whether the last message came; the newest is never lost.
    fn is_over(&self) -> bool {
        self.next == self.total
    }

    #[inline]
    fn take(&mut self, number: u64) -> Result<()> {
        if number < self.next || number >= self.total {
            return Err(format!("message {number} came, {} or a later one was due", self.next).into());
        }
        if self.received == 0 {
            self.since = Some(Instant::now());
        }
        self.received += 1;
        self.next = number + 1;
        Ok(())
    }

    /// Leaves the figures, if what was received and what is told as lost is all that was sent.
    fn write(&self, arguments: &SideArguments, dropped: u64) -> Result<()> {
        let rate = per_second(self.received, self.since.ok_or("nothing came")?);
        if self.received + dropped != self.total {
            let Count { total, received, .. } = self;
            return Err(format!("{received} received and {dropped} dropped aren't {total} sent").into());
        }
        arguments.write_series("samples", &[rate])?;
        arguments.write_series("samples-lost", &[dropped * 1_000_000 / self.total])
    }
}
