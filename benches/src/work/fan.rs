//! One round by several: every publisher sends once, every subscriber gets all of it, one answer comes back.

use std::sync::Arc;
use std::time::Instant;

use horus_shm::{Participant, Payload, Publisher, Subscriber};

use crate::Result;
use crate::payload::{Numbered, Words};
use crate::shared::Region;
use crate::side::{Side, SideArguments};
use crate::way::{Patience, RingReader, RingWriter, Way, joined, ring_bytes, spec_for, topic};
use crate::work::round::{clock_cost_ns, expect};

const BYTES: usize = 16;

/// Ping holds the publishers, echo the subscribers; all are polled in turn.
pub(crate) fn run(arguments: &SideArguments) -> Result<()> {
    match arguments.way {
        Way::Ring => exchange(arguments, Rings::open(arguments)?),
        Way::Horus => exchange(arguments, Topics::open(arguments)?),
        _ => Err(super::unknown(arguments)),
    }
}

/// All ends of one side.
trait Many {
    /// Sends message `number` by every publisher, of which echo has one.
    fn send(&mut self, number: u64) -> Result<()>;
    /// Receives by every subscriber, of which ping has one, what each publisher of the other side sent.
    fn receive(&mut self, number: u64) -> Result<()>;
}

fn exchange(arguments: &SideArguments, mut many: impl Many) -> Result<()> {
    arguments.meet()?;
    let clock_cost_ns = clock_cost_ns();
    let mut took = Vec::with_capacity(arguments.total() as usize);
    for number in 0..arguments.total() {
        let before = Instant::now();
        if arguments.side == Side::Echo {
            many.receive(number)?;
        }
        many.send(number)?;
        if arguments.side == Side::Ping {
            many.receive(number)?;
            took.push((before.elapsed().as_nanos() as u64).saturating_sub(clock_cost_ns));
        }
    }
    if arguments.side == Side::Ping { arguments.write(&took) } else { Ok(()) }
}

/// A ring for each publisher, a cursor in each ring for each subscriber.
struct Rings {
    writers: Vec<RingWriter<Words, BYTES>>,
    readers: Vec<RingReader<Words, BYTES>>,
}

impl Rings {
    fn open(arguments: &SideArguments) -> Result<Self> {
        let SideArguments { publishers, subscribers, .. } = *arguments;
        let answers = publishers * ring_bytes(BYTES);
        let region = Region::map(&arguments.folder.join("ring"), answers + ring_bytes(BYTES))?;
        let rings = |count: usize| (0..count).map(|ring| ring * ring_bytes(BYTES));
        Ok(match arguments.side {
            Side::Ping => Rings {
                writers: rings(publishers).map(|at| RingWriter::new(&region, at)).collect(),
                readers: vec![RingReader::new(&region, answers)],
            },
            Side::Echo => Rings {
                writers: vec![RingWriter::new(&region, answers)],
                readers: (0..subscribers)
                    .flat_map(|_| {
                        rings(publishers).map(|at| RingReader::new(&region, at)).collect::<Vec<_>>()
                    })
                    .collect(),
            },
        })
    }
}

impl Many for Rings {
    fn send(&mut self, number: u64) -> Result<()> {
        self.writers.iter_mut().for_each(|writer| writer.send(number));
        Ok(())
    }

    fn receive(&mut self, number: u64) -> Result<()> {
        self.readers.iter_mut().try_for_each(|reader| expect(reader.receive()?, number))
    }
}

/// One topic there and one back.
struct Topics {
    publishers: Vec<Publisher>,
    subscribers: Vec<Subscriber>,
    /// What each subscriber gets in a round.
    due: usize,
}

impl Topics {
    fn open(arguments: &SideArguments) -> Result<Self> {
        let participant = joined(&arguments.folder)?;
        let (senders, receivers, due) = match arguments.side {
            Side::Ping => (arguments.publishers, 1, 1),
            Side::Echo => (1, arguments.subscribers, arguments.publishers),
        };
        let (out, back) = (arguments.side.name(), arguments.side.other().name());
        let subscribers = (0..receivers).map(|_| subscriber(&participant, back)).collect::<Result<_>>()?;
        let publishers = (0..senders).map(|_| publisher(&participant, out)).collect::<Result<_>>()?;
        Ok(Topics { publishers, subscribers, due })
    }
}

fn subscriber(participant: &Arc<Participant>, name: &str) -> Result<Subscriber> {
    Ok(Subscriber::open(participant, &topic(name)?, Some(&spec_for(BYTES)), Default::default())?)
}

fn publisher(participant: &Arc<Participant>, name: &str) -> Result<Publisher> {
    Ok(Publisher::open(participant, &topic(name)?, &spec_for(BYTES), Default::default())?)
}

impl Many for Topics {
    fn send(&mut self, number: u64) -> Result<()> {
        let bytes: [u8; BYTES] = Words::fill(number);
        for publisher in &mut self.publishers {
            publisher.send(&bytes)?;
        }
        Ok(())
    }

    fn receive(&mut self, number: u64) -> Result<()> {
        for subscriber in &mut self.subscribers {
            for _ in 0..self.due {
                expect(next(subscriber)?, number)?;
            }
        }
        Ok(())
    }
}

fn next(subscriber: &mut Subscriber) -> Result<u64> {
    let mut patience = Patience::default();
    loop {
        if let Some(message) = subscriber.recv()? {
            let Payload::Inline(bytes) = message.payload else { return Err("a block came".into()) };
            return Ok(Words::number(<&[u8; BYTES]>::try_from(bytes)?));
        }
        patience.look()?;
    }
}
