//! The receiving side.

use crate::error::{Error, PayloadError, Result};
use crate::join;
use crate::payload::Payload;
use horus_shm::{Participant, SubscriberOptions, TopicName};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Receives messages of one type from one topic, all that are sent after it was opened. One thread at a time.
///
/// # Examples
/// ```no_run
/// use horus_core::{Subscriber, messages::CmdVel};
/// use std::time::Duration;
///
/// let mut commands = Subscriber::<CmdVel>::new("cmd_vel")?;
/// while let Some(command) = commands.recv_timeout(Duration::from_secs(1))? {
///     println!("{} m/s", command.linear);
/// }
/// # Ok::<(), horus_core::Error>(())
/// ```
pub struct Subscriber<T> {
    transport: horus_shm::Subscriber,
    options: SubscriberOptions,
    /// What was counted before the topic had to be opened again.
    before: Counts,
    epoch: u64,
    /// What [`Subscriber::recv_all`] met behind the messages it returned; the next call returns it.
    held: Option<Error>,
    of: PhantomData<fn() -> T>,
}

/// A message, and how it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<T> {
    /// The message.
    pub message: T,
    /// When it was sent, in nanoseconds of `CLOCK_MONOTONIC`, which all processes of the machine share; never less than
    /// the one before from the same publisher. [`horus_shm::now_ns`] tells the time to compare it with;
    /// a stamp is off by less than a microsecond, so it may be later than that.
    pub stamp_ns: u64,
    /// Its number among those sent through its lane, from 0; a gap is messages that were missed.
    pub sequence: u64,
    /// Which of the topic's 64 lanes it came through: each publisher has its own.
    pub lane: u8,
    /// Whether its publisher keeps it for those who join later, as this one may have.
    pub latched: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    received: u64,
    dropped: u64,
    skipped: u64,
}

impl<T: Payload> Subscriber<T> {
    /// Opens a topic of this process's default namespace for receiving, making it if there is none.
    ///
    /// # Errors
    /// As [`Subscriber::open`], and if the name is none or no namespace can be derived.
    pub fn new(topic: &str) -> Result<Self> {
        Self::open(&join::participant()?, &TopicName::new(topic)?, SubscriberOptions::default())
    }

    /// Opens a topic for receiving, making it if there is none.
    ///
    /// # Errors
    /// [`Error::Type`] if others use it as another type; no room or no right.
    pub fn open(
        participant: &Arc<Participant>,
        topic: &TopicName,
        options: SubscriberOptions,
    ) -> Result<Self> {
        let epoch = join::epoch();
        let transport = horus_shm::Subscriber::open(participant, topic, Some(&T::spec()), options)?;
        Ok(Self { transport, options, before: Counts::default(), epoch, held: None, of: PhantomData })
    }

    /// Returns the oldest unread message, or nothing. Never waits. A plain message is copied and nothing allocated; one
    /// with `Vec` or `String` fields allocates once for each that isn't empty.
    ///
    /// # Errors
    /// A message that isn't what its topic says; the next call goes on behind it.
    pub fn recv(&mut self) -> Result<Option<T>> {
        self.enter_for_message()?;
        // Not through `recv_with_info`: a message is moved only once.
        let read = match self.transport.recv()? {
            None => return Ok(None),
            Some(received) => T::from_received(received.payload),
        };
        read.map(Some).map_err(|error| Error::of_message(self.transport.topic(), error))
    }

    /// Returns the newest message, or nothing if it was read already; those passed over count as skipped. Costs what
    /// [`Subscriber::recv`] costs.
    ///
    /// # Errors
    /// As [`Subscriber::recv`].
    pub fn recv_latest(&mut self) -> Result<Option<T>> {
        self.enter_for_message()?;
        let read = match self.transport.recv_latest()? {
            None => return Ok(None),
            Some(received) => T::from_received(received.payload),
        };
        read.map(Some).map_err(|error| Error::of_message(self.transport.topic(), error))
    }

    /// Returns the oldest unread message with the time when it was sent, its number and its lane. Costs what
    /// [`Subscriber::recv`] costs.
    ///
    /// # Errors
    /// As [`Subscriber::recv`].
    ///
    /// # Examples
    /// ```no_run
    /// # use horus_core::{Subscriber, messages::CmdVel};
    /// # let mut commands = Subscriber::<CmdVel>::new("cmd_vel")?;
    /// if let Some(received) = commands.recv_with_info()? {
    ///     let age_ns = horus_shm::now_ns().saturating_sub(received.stamp_ns);
    ///     println!("{} m/s, {age_ns} ns ago", received.message.linear);
    /// }
    /// # Ok::<(), horus_core::Error>(())
    /// ```
    pub fn recv_with_info(&mut self) -> Result<Option<Received<T>>> {
        self.enter_for_message()?;
        let taken = self.transport.recv()?.map(Received::read);
        taken.transpose().map_err(|error| Error::of_message(self.transport.topic(), error))
    }

    /// Returns the newest message as [`Subscriber::recv_latest`] does, with the time when it was sent, its number and its
    /// lane.
    ///
    /// # Errors
    /// As [`Subscriber::recv`].
    pub fn recv_latest_with_info(&mut self) -> Result<Option<Received<T>>> {
        self.enter_for_message()?;
        let taken = self.transport.recv_latest()?.map(Received::read);
        taken.transpose().map_err(|error| Error::of_message(self.transport.topic(), error))
    }

    /// Returns the unread messages that were sent before this call, oldest first; none is an empty list. Never waits.
    ///
    /// A publisher that sends as fast as this reads doesn't keep it: it ends with the first message that was sent since
    /// the call, at the latest. Allocates the list, and for each message what [`Subscriber::recv`] allocates.
    ///
    /// # Errors
    /// As [`Subscriber::recv`]. Behind messages that are in order an error waits for the next call, so that none is lost.
    ///
    /// # Examples
    /// ```no_run
    /// # use horus_core::{Subscriber, messages::Imu};
    /// # let mut imu = Subscriber::<Imu>::new("imu")?;
    /// let turned: f64 = imu.recv_all()?.iter().map(|imu| imu.gyro_z).sum();
    /// # Ok::<(), horus_core::Error>(())
    /// ```
    pub fn recv_all(&mut self) -> Result<Vec<T>> {
        let now_ns = horus_shm::now_ns();
        let mut all = Vec::new();
        loop {
            match self.recv_with_info() {
                Ok(None) => return Ok(all),
                Ok(Some(received)) => {
                    all.push(received.message);
                    if received.stamp_ns > now_ns {
                        return Ok(all);
                    }
                }
                Err(error) if all.is_empty() => return Err(error),
                Err(error) => {
                    self.held = Some(error);
                    return Ok(all);
                }
            }
        }
    }

    /// Returns the oldest unread message, waiting for one if there is none; nothing when the time is over or this
    /// process was asked to stop.
    ///
    /// # Errors
    /// As [`Subscriber::recv`].
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<T>> {
        let end = Instant::now().checked_add(timeout);
        loop {
            if let Some(message) = self.recv()? {
                return Ok(Some(message));
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if !self.transport.wait(left)?
                && (horus_shm::stop::requested() || end.is_some_and(|end| Instant::now() >= end))
            {
                return self.recv();
            }
        }
    }

    /// Waits until a message is there; false when the time is over or this process was asked to stop.
    ///
    /// # Errors
    /// What the transport refuses.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<bool> {
        self.enter()?;
        Ok(self.held.is_some() || self.transport.wait(timeout)?)
    }

    /// Returns whether a message is there; takes nothing.
    ///
    /// # Errors
    /// What the transport refuses.
    pub fn has_msg(&mut self) -> Result<bool> {
        self.enter()?;
        Ok(self.held.is_some() || self.transport.has_msg()?)
    }

    /// Enters to take a message, of which an error that was held back stands in front.
    #[inline]
    fn enter_for_message(&mut self) -> Result<()> {
        self.enter()?;
        self.held.take().map_or(Ok(()), Err)
    }

    #[inline]
    fn enter(&mut self) -> Result<()> {
        if self.epoch == join::epoch() { Ok(()) } else { self.reopen() }
    }

    #[cold]
    fn reopen(&mut self) -> Result<()> {
        let epoch = join::epoch();
        let participant = join::current(self.transport.participant());
        let topic = self.transport.topic().clone();
        let before = Counts { received: self.received(), dropped: self.dropped(), skipped: self.skipped() };
        self.transport = horus_shm::Subscriber::open(&participant, &topic, Some(&T::spec()), self.options)?;
        (self.before, self.epoch) = (before, epoch);
        Ok(())
    }

    /// Returns how many messages were received.
    pub fn received(&self) -> u64 {
        self.before.received + self.transport.received()
    }

    /// Returns how many messages were missed: sent after this was opened, and overwritten before it read them. Exact.
    pub fn dropped(&self) -> u64 {
        self.before.dropped + self.transport.dropped()
    }

    /// Returns how many messages [`Subscriber::recv_latest`] passed over.
    pub fn skipped(&self) -> u64 {
        self.before.skipped + self.transport.skipped()
    }

    /// Returns the topic's name.
    pub fn topic(&self) -> &TopicName {
        self.transport.topic()
    }

    /// Returns the transport under it, for [`Node::on`](crate::Node::on) and for waiting on several topics.
    ///
    /// # Errors
    /// What opening the topic again gives, where that is due.
    pub fn transport(&mut self) -> Result<&mut horus_shm::Subscriber> {
        self.enter()?;
        Ok(&mut self.transport)
    }
}

impl<T: Payload> Received<T> {
    #[inline]
    fn read(received: horus_shm::Received<'_>) -> Result<Self, PayloadError> {
        let horus_shm::Received { stamp_ns, sequence, lane, latched, payload } = received;
        Ok(Self { message: T::from_received(payload)?, stamp_ns, sequence, lane, latched })
    }
}

impl<T> fmt::Debug for Subscriber<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subscriber").field(self.transport.topic()).finish()
    }
}
