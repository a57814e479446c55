//! The sending side.

use crate::error::{Error, Result};
use crate::join;
use crate::message::Message;
use crate::payload::Payload;
use horus_shm::{Participant, PublisherOptions, TopicName};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

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
    /// image, depth image, point cloud or tensor is not copied unless it was received.
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
