//! Publishers and subscribers of one type.

use crate::error::{Error, Result};
use crate::join;
use crate::message::Message;
use crate::payload::Payload;
use horus_shm::{Participant, PublisherOptions, SubscriberOptions, TopicName};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sends messages of one type on one topic. One thread at a time.
///
/// # Examples
/// ```no_run
/// use horus_core::{Publisher, messages::CmdVel};
///
/// let mut commands = Publisher::new("cmd_vel")?;
/// commands.send(&CmdVel { linear: 0.5, ..CmdVel::default() })?;
/// # Ok::<(), horus_core::Error>(())
/// ```
pub struct Publisher<T> {
    transport: horus_shm::Publisher,
    options: PublisherOptions,
    scratch: Vec<u8>,
    epoch: u64,
    of: PhantomData<fn(T)>,
}

impl<T: Payload> Publisher<T> {
    /// Opens a topic of this process's default namespace for sending, making it if there is none.
    ///
    /// # Errors
    /// As [`Publisher::open`], and if the name is none or no namespace can be derived.
    pub fn new(topic: &str) -> Result<Self> {
        Self::open(&join::participant()?, &TopicName::new(topic)?, PublisherOptions::default())
    }

    /// Opens a topic for sending, making it if there is none.
    ///
    /// # Errors
    /// [`Error::Type`] if others use it as another type; no room, no right, or 64 publishers already.
    pub fn open(
        participant: &Arc<Participant>,
        topic: &TopicName,
        options: PublisherOptions,
    ) -> Result<Self> {
        let epoch = join::epoch();
        let transport = horus_shm::Publisher::open(participant, topic, &T::spec(), options)?;
        Ok(Self { transport, options, scratch: Vec::new(), epoch, of: PhantomData })
    }

    /// Sends a message. Never waits for anybody; `Ok` when it is in the ring, whether or not anyone listens.
    ///
    /// A typed message is one copy into shared memory, without allocation or system call but to wake sleepers. An
    /// image is not copied unless it was received.
    ///
    /// # Errors
    /// No room for a block, or a value that can't be written.
    pub fn send(&mut self, message: &T) -> Result<()> {
        if self.epoch != join::epoch() {
            self.reopen()?;
        }
        match message.send_to(&mut self.transport, &mut self.scratch) {
            Ok(()) => Ok(()),
            Err(error) => Err(Error::of_message(self.transport.topic(), error)),
        }
    }

    #[cold]
    fn reopen(&mut self) -> Result<()> {
        let epoch = join::epoch();
        let participant = join::current(self.transport.participant());
        let topic = self.transport.topic().clone();
        self.transport = horus_shm::Publisher::open(&participant, &topic, &T::spec(), self.options)?;
        self.epoch = epoch;
        Ok(())
    }

    /// Returns the topic's name.
    pub fn topic(&self) -> &TopicName {
        self.transport.topic()
    }

    /// Returns the ring's length in messages, which the first publisher set.
    pub fn depth(&self) -> u32 {
        self.transport.depth()
    }

    /// Returns how many messages were sent.
    pub fn sent(&self) -> u64 {
        self.transport.sent()
    }

    /// Returns the participant it sends as.
    pub fn participant(&self) -> &Arc<Participant> {
        self.transport.participant()
    }

    /// Returns the transport under it.
    pub fn transport(&mut self) -> &mut horus_shm::Publisher {
        &mut self.transport
    }
}

impl<T: Message> Publisher<T> {
    /// Returns a message to fill in, which begins with the type's defaults, and to send.
    ///
    /// # Examples
    /// ```no_run
    /// # use horus_core::{Publisher, messages::Imu};
    /// # let mut imu = Publisher::<Imu>::new("imu")?;
    /// let mut loan = imu.loan();
    /// loan.gyro_z = 0.2;
    /// loan.send()?;
    /// # Ok::<(), horus_core::Error>(())
    /// ```
    pub fn loan(&mut self) -> Loan<'_, T> {
        Loan { publisher: self, message: T::default() }
    }
}

impl<T> fmt::Debug for Publisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Publisher").field(self.transport.topic()).finish()
    }
}

/// A message that is being filled in; dropped, it isn't sent.
#[derive(Debug)]
#[must_use = "a loan that isn't sent is dropped"]
pub struct Loan<'a, T> {
    publisher: &'a mut Publisher<T>,
    message: T,
}

impl<T: Message> Loan<'_, T> {
    /// Sends it.
    ///
    /// # Errors
    /// As [`Publisher::send`].
    pub fn send(self) -> Result<()> {
        self.publisher.send(&self.message)
    }
}

impl<T> Deref for Loan<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.message
    }
}

impl<T> DerefMut for Loan<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.message
    }
}

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
    of: PhantomData<fn() -> T>,
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
        Ok(Self { transport, options, before: Counts::default(), epoch, of: PhantomData })
    }

    /// Returns the oldest unread message, or nothing. Never waits, and for a typed message allocates nothing.
    ///
    /// # Errors
    /// A message that isn't what its topic says; the next call goes on behind it.
    pub fn recv(&mut self) -> Result<Option<T>> {
        self.enter()?;
        let read = match self.transport.recv()? {
            None => return Ok(None),
            Some(received) => T::from_received(received.payload),
        };
        read.map(Some).map_err(|error| Error::of_message(self.transport.topic(), error))
    }

    /// Returns the newest message, or nothing if it was read already; those passed over count as skipped.
    ///
    /// # Errors
    /// As [`Subscriber::recv`].
    pub fn recv_latest(&mut self) -> Result<Option<T>> {
        self.enter()?;
        let read = match self.transport.recv_latest()? {
            None => return Ok(None),
            Some(received) => T::from_received(received.payload),
        };
        read.map(Some).map_err(|error| Error::of_message(self.transport.topic(), error))
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
        Ok(self.transport.wait(timeout)?)
    }

    /// Returns whether a message is there; takes nothing.
    ///
    /// # Errors
    /// What the transport refuses.
    pub fn has_msg(&mut self) -> Result<bool> {
        self.enter()?;
        Ok(self.transport.has_msg()?)
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

impl<T> fmt::Debug for Subscriber<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subscriber").field(self.transport.topic()).finish()
    }
}
