//! iceoryx2: publish-subscribe, and events for what sleeps.
//!
//! - A service for each direction, by the variant of one thread and several processes (`ipc::Service`), with places for
//!   exactly as many ports as there are.
//! - Messages of up to 1,024 bytes are of a fixed type, loaned uninitialized and written in place; longer ones are slices
//!   of words, written in place too. That is what its documentation calls zero copy.
//! - `iceoryx2-loan`, and pictures, write and read the first word only: what was in the loaned memory goes along.
//! - Buffers hold 64 messages (8 of the long ones), as HORUS keeps by default; 1,024 for `stream`, where more room
//!   means less loss.
//! - Publish-subscribe only polls. To sleep, a message is sent and an event notified after it, and the receiver waits on
//!   its listener: its own event-based example.
//! - Its files go to the turn's folder, its shared memory by a prefix that the harness knows.

mod cost;

use std::cell::Cell;
use std::fmt::Debug;

use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;
use iceoryx2::service::builder::publish_subscribe::Builder;
use iceoryx2::service::port_factory::publish_subscribe::PortFactory;

use crate::message::{self, NUMBER_MASK, Payload};
use crate::side::{self, End, Patience, Side, Work};
use crate::{Arguments, Known, Result};

/// Messages that a subscriber's buffer holds.
const BUFFER: usize = 64;
/// The same for messages of more than 1,024 bytes.
const BUFFER_LONG: usize = 8;
/// The same for streams.
const BUFFER_STREAM: usize = 1024;

/// Measures iceoryx2.
pub(crate) fn measure(arguments: &Arguments, work: Work) -> Result<Known> {
    let Some(payload) = Payload::named(&arguments.payload) else { return Ok(Known::No) };
    set_log_level(LogLevel::Error);
    if arguments.way == "iceoryx2-loan" || matches!(payload, Payload::Image(_)) {
        return in_slices(arguments, work, payload, false);
    }
    match payload {
        Payload::CmdVel => of_type::<CmdVel>(arguments, work),
        Payload::Bytes(16) => of_type::<[u64; 2]>(arguments, work),
        Payload::Bytes(64) => of_type::<[u64; 8]>(arguments, work),
        Payload::Bytes(1024) => of_type::<[u64; 128]>(arguments, work),
        _ => in_slices(arguments, work, payload, true),
    }
}

/// Work with messages of a fixed type.
fn of_type<M: Message>(arguments: &Arguments, work: Work) -> Result<Known> {
    let pair = |buffer| Fixed::<M>::open(&node(arguments)?, arguments.side, buffer);
    let sleeping = || -> Result<_> {
        let node = node(arguments)?;
        Sleeping::<M>::open(&node, arguments.side)
    };
    match work {
        Work::Round => side::exchange(arguments, &mut pair(BUFFER)?, false)?,
        Work::Wake => side::exchange(arguments, &mut sleeping()?, true)?,
        Work::Spin => side::exchange(arguments, &mut sleeping()?, false)?,
        Work::Stream => side::stream(arguments, &mut pair(BUFFER_STREAM)?)?,
        Work::Same => cost::same::<M>(arguments)?,
        Work::Publish => cost::publish::<M>(arguments)?,
        Work::Fan => cost::fan::<M>(arguments)?,
        Work::Open => cost::open::<M>(arguments)?,
        Work::Join => cost::join::<M>(arguments)?,
        Work::Idle => cost::idle::<M>(arguments)?,
        Work::Memory => cost::memory::<M>(arguments)?,
    }
    Ok(Known::Yes)
}

/// Work with messages as slices of words; `whole`: all of them written and checked.
fn in_slices(arguments: &Arguments, work: Work, payload: Payload, whole: bool) -> Result<Known> {
    if work != Work::Round {
        return Ok(Known::No);
    }
    let words = payload.bytes() / 8;
    side::exchange(arguments, &mut Slices::open(&node(arguments)?, arguments.side, words, whole)?, false)?;
    Ok(Known::Yes)
}

/// A node that keeps what it makes where the turn wants it.
fn node(arguments: &Arguments) -> Result<Node<ipc::Service>> {
    let mut config = Config::default();
    let root = arguments.folder.join("iceoryx2");
    config.global.set_root_path(&Path::new(root.to_string_lossy().as_bytes())?);
    config.global.prefix = FileName::new(side::shm_prefix(&arguments.folder).as_bytes())?;
    Ok(NodeBuilder::new().config(&config).signal_handling_mode(SignalHandlingMode::Disabled).create()?)
}

/// What will be a service of that name for so many ports.
fn builder<P: Debug + IceoryxSend + ?Sized>(
    node: &Node<ipc::Service>,
    name: &str,
    [publishers, subscribers]: [usize; 2],
    buffer: usize,
) -> Result<Builder<P, (), ipc::Service>> {
    let builder = node.service_builder(&name.try_into()?).publish_subscribe::<P>();
    let builder = builder.max_publishers(publishers.max(1)).max_subscribers(subscribers.max(1));
    Ok(builder.subscriber_max_buffer_size(buffer).enable_safe_overflow(true))
}

/// The service of that name for messages of a fixed type.
fn service<M: Message>(
    node: &Node<ipc::Service>,
    name: &str,
    ports: [usize; 2],
    buffer: usize,
) -> Result<PortFactory<ipc::Service, M, ()>> {
    Ok(builder::<M>(node, name, ports, buffer)?.open_or_create()?)
}

/// A fixed type that carries a number.
trait Message: Debug + ZeroCopySend + Sized + 'static {
    /// The message of number `number`.
    fn made(number: u64) -> Self;
    /// The number, if the message is whole.
    fn number(&self) -> Result<u64>;
}

impl<const WORDS: usize> Message for [u64; WORDS] {
    #[inline]
    fn made(number: u64) -> Self {
        [number & NUMBER_MASK; WORDS]
    }

    #[inline]
    fn number(&self) -> Result<u64> {
        message::same_words(self.iter().copied())
    }
}

/// A velocity command.
#[derive(Debug, ZeroCopySend)]
#[repr(C)]
struct CmdVel {
    timestamp_ns: u64,
    linear: f32,
    angular: f32,
}

impl Message for CmdVel {
    #[inline]
    fn made(number: u64) -> Self {
        let number = number & NUMBER_MASK;
        CmdVel { timestamp_ns: number, linear: number as f32, angular: 0.5 }
    }

    #[inline]
    fn number(&self) -> Result<u64> {
        message::same_words([self.timestamp_ns, self.linear as u64].into_iter())
    }
}

/// A publisher to the other side and a subscriber to it, for a fixed type.
#[derive(Debug)]
struct Fixed<M: Message> {
    out: Publisher<ipc::Service, M, ()>,
    back: Subscriber<ipc::Service, M, ()>,
}

impl<M: Message> Fixed<M> {
    fn open(node: &Node<ipc::Service>, side: Side, buffer: usize) -> Result<Self> {
        let service = |side: Side| service::<M>(node, side.name(), [1, 1], buffer);
        Ok(Fixed {
            out: service(side)?.publisher_builder().create()?,
            back: service(side.other())?.subscriber_builder().create()?,
        })
    }
}

#[inline]
fn send<M: Message>(out: &Publisher<ipc::Service, M, ()>, number: u64) -> Result<()> {
    out.loan_uninit()?.write_payload(M::made(number)).send()?;
    Ok(())
}

#[inline]
fn look<M: Message>(back: &Subscriber<ipc::Service, M, ()>) -> Result<Option<u64>> {
    match back.receive()? {
        Some(sample) => Ok(Some(sample.payload().number()?)),
        None => Ok(None),
    }
}

#[inline]
fn poll<M: Message>(back: &Subscriber<ipc::Service, M, ()>) -> Result<u64> {
    let mut patience = Patience::default();
    loop {
        if let Some(number) = look(back)? {
            return Ok(number);
        }
        patience.look()?;
    }
}

impl<M: Message> End for Fixed<M> {
    #[inline]
    fn send(&mut self, number: u64) -> Result<()> {
        send(&self.out, number)
    }

    #[inline]
    fn receive(&mut self) -> Result<u64> {
        poll(&self.back)
    }
}

/// The same with an event behind each message, to wait on.
#[derive(Debug)]
struct Sleeping<M: Message> {
    pair: Fixed<M>,
    notifier: Notifier<ipc::Service>,
    listener: Listener<ipc::Service>,
}

impl<M: Message> Sleeping<M> {
    fn open(node: &Node<ipc::Service>, side: Side) -> Result<Self> {
        let event = |side: Side| -> Result<_> {
            let name = format!("{}-event", side.name());
            Ok(node.service_builder(&name.as_str().try_into()?).event().open_or_create()?)
        };
        Ok(Sleeping {
            pair: Fixed::open(node, side, BUFFER)?,
            notifier: event(side)?.notifier_builder().create()?,
            listener: event(side.other())?.listener_builder().create()?,
        })
    }
}

impl<M: Message> End for Sleeping<M> {
    fn send(&mut self, number: u64) -> Result<()> {
        self.pair.send(number)?;
        self.notifier.notify()?;
        Ok(())
    }

    fn receive(&mut self) -> Result<u64> {
        loop {
            let woken = Cell::new(false);
            self.listener.timed_wait(|_| woken.set(true), side::PATIENCE)?;
            if let Some(number) = look(&self.pair.back)? {
                return Ok(number);
            }
            if !woken.get() {
                return Err(side::silence());
            }
        }
    }
}

/// A publisher to the other side and a subscriber to it, for slices of words.
#[derive(Debug)]
struct Slices {
    out: Publisher<ipc::Service, [u64], ()>,
    back: Subscriber<ipc::Service, [u64], ()>,
    words: usize,
    whole: bool,
}

impl Slices {
    fn open(node: &Node<ipc::Service>, side: Side, words: usize, whole: bool) -> Result<Self> {
        let buffer = if words * 8 > 1024 { BUFFER_LONG } else { BUFFER };
        let service = |side: Side| -> Result<_> {
            Ok(builder::<[u64]>(node, side.name(), [1, 1], buffer)?.open_or_create()?)
        };
        Ok(Slices {
            out: service(side)?.publisher_builder().initial_max_slice_len(words).create()?,
            back: service(side.other())?.subscriber_builder().create()?,
            words,
            whole,
        })
    }
}

impl End for Slices {
    #[inline]
    fn send(&mut self, number: u64) -> Result<()> {
        let number = number & NUMBER_MASK;
        let mut sample = self.out.loan_slice_uninit(self.words)?;
        if self.whole {
            sample.write_from_fn(|_| number).send()?;
        } else {
            sample.payload_mut()[0].write(number);
            // SAFETY: the words are shared memory, which the kernel gave filled with zeros and to which only whole words
            // were written since; a `u64` may have any bits.
            unsafe { sample.assume_init() }.send()?;
        }
        Ok(())
    }

    #[inline]
    fn receive(&mut self) -> Result<u64> {
        let mut patience = Patience::default();
        loop {
            let Some(sample) = self.back.receive()? else {
                patience.look()?;
                continue;
            };
            let words = sample.payload();
            if words.len() != self.words {
                return Err(format!("{} words came, {} were due", words.len(), self.words).into());
            }
            return if self.whole { message::same_words(words.iter().copied()) } else { Ok(words[0]) };
        }
    }
}
