//! One topic as a node or a `Topic` uses it: opened at first use, for sending, receiving or both.
//!
//! Nobody waits for a lock while attached to the interpreter: whoever holds it may be waiting for a message, or
//! for the interpreter. No Python code runs under a lock, so no finalizer can come back to the same lock.

mod declared;
mod received;

pub(crate) use declared::Declared;

use crate::convert;
use crate::errors::{horus_error, shm_error};
use crate::message::{Content, Layout, Message};
use crate::pooled::Pooled;
use crate::process;
use crate::signals::{Wakeful, Watch};
use horus_core::{Kind, join};
use horus_shm::{
    NodeIndex, Publisher, PublisherOptions, Subscriber, SubscriberOptions, TopicName, WaitSet, Woken,
};
use parking_lot::lock_api::ArcMutexGuard;
use parking_lot::{Mutex, MutexGuard, RawMutex};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use received::{Body, Decoder, Message as Taken, Room};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// One topic of one node.
#[derive(Debug)]
pub(crate) struct Channel {
    name: TopicName,
    options: Mutex<Options>,
    sending: Mutex<Option<Sending>>,
    /// Held by who is next to get `receiving`. A wait gives `receiving` up when asked to and wants it back at once;
    /// this makes it queue behind who asked.
    turn: Mutex<()>,
    receiving: Arc<Mutex<Receiving>>,
    /// Whether the scheduler waits for it, or is about to; only its thread asks.
    lent: Arc<AtomicBool>,
}

/// What was said about the topic before it is opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) declared: Option<Declared>,
    pub(crate) latched: bool,
    pub(crate) depth: Option<u32>,
    pub(crate) node: Option<NodeIndex>,
}

#[derive(Debug)]
struct Sending {
    publisher: Publisher,
    of: Declared,
    epoch: u64,
}

/// The receiving side, absent until it is first used.
#[derive(Debug, Default)]
pub(crate) struct Receiving {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    subscriber: Subscriber,
    decoder: Decoder,
    epoch: u64,
}

/// Which of the unread messages.
#[derive(Clone, Copy)]
enum Which {
    Oldest,
    Newest,
}

impl Open {
    /// Takes a message out of the ring, with the time it was sent.
    #[inline]
    fn take<'a>(
        &mut self,
        py: Python<'_>,
        which: Which,
        room: &'a mut Room,
    ) -> horus_shm::Result<Option<(u64, Taken<'a>)>> {
        let received = match which {
            Which::Oldest => self.subscriber.recv()?,
            Which::Newest => self.subscriber.recv_latest()?,
        };
        let Some(received) = received else {
            return Ok(None);
        };
        let (stamp_ns, body) = (received.stamp_ns, Body::take(received.payload, room));
        // Asked after the message: the subscriber has come as far as the file it was in, and no further.
        if !self.decoder.is_fixed()
            && let Some(spec) = self.subscriber.spec()?
        {
            self.decoder.learn(spec);
        }
        Ok(Some((stamp_ns, self.decoder.message(py, body))))
    }
}

/// The receiving side, locked for a wait.
pub(crate) type Locked = ArcMutexGuard<RawMutex, Receiving>;

/// The same, until the wait is over.
pub(crate) struct Lent {
    locked: Locked,
    lent: Arc<AtomicBool>,
}

impl Lent {
    /// The subscriber, if the topic was opened for receiving.
    pub(crate) fn subscriber(&mut self) -> Option<&mut Subscriber> {
        self.locked.subscriber()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.lent.store(false, Ordering::Relaxed);
    }
}

impl Receiving {
    /// The subscriber, if the topic was opened for receiving.
    pub(crate) fn subscriber(&mut self) -> Option<&mut Subscriber> {
        self.open.as_mut().map(|open| &mut open.subscriber)
    }
}

/// How long a thread waits for a lock before it asks the holder, who may be waiting for a message, to let go.
const PATIENCE: Duration = Duration::from_micros(200);

/// How long a wait sleeps before it has Python's signals end it. A signal ends a sleep, but not one that begins just after;
/// short waits are spared the thread that it takes.
const UNSIGNALLED_NS: u64 = 200_000_000;

impl Channel {
    fn lock_sending(&self, py: Python<'_>) -> MutexGuard<'_, Option<Sending>> {
        match self.sending.try_lock() {
            Some(guard) => guard,
            None => py.detach(|| self.sending.lock()),
        }
    }

    fn lock_receiving(&self, py: Python<'_>) -> MutexGuard<'_, Receiving> {
        match self.receiving.try_lock() {
            Some(guard) => guard,
            None => py.detach(|| self.take_turn(|| self.receiving.try_lock_for(PATIENCE))),
        }
    }

    /// Locks the receiving side for a wait. Only for who isn't attached.
    pub(crate) fn lock_for_wait(&self) -> Locked {
        self.take_turn(|| self.receiving.try_lock_arc_for(PATIENCE))
    }

    /// Locks the receiving side for the scheduler's wait, unless it has done so already.
    pub(crate) fn lend(&self) -> Option<Lent> {
        // Relaxed: one thread uses it.
        let lent = self.lent.swap(true, Ordering::Relaxed);
        if lent {
            return None;
        }
        let mut locked = self.lock_for_wait();
        // The files that it waits on were removed since, and nobody sends there any more.
        if locked.open.as_ref().is_some_and(|open| open.epoch != join::epoch()) {
            drop(locked);
            // What hinders it is told to who receives next.
            let _ = Python::attach(|py| self.open_subscriber(py));
            locked = self.lock_for_wait();
        }
        Some(Lent { locked, lent: self.lent.clone() })
    }

    fn take_turn<G>(&self, attempt: impl Fn() -> Option<G>) -> G {
        let _turn = self.turn.lock();
        loop {
            if let Some(guard) = attempt() {
                return guard;
            }
            horus_shm::nudge();
        }
    }
}

impl Channel {
    pub(crate) fn new(name: TopicName, options: Options) -> Arc<Self> {
        let channel = Arc::new(Channel {
            name,
            options: Mutex::new(options),
            sending: Mutex::new(None),
            turn: Mutex::default(),
            receiving: Arc::default(),
            lent: Arc::default(),
        });
        process::register(&channel);
        channel
    }

    pub(crate) fn name(&self) -> &TopicName {
        &self.name
    }

    /// Changes what is said about the topic; without effect on what is open already.
    pub(crate) fn set_options(&self, change: impl FnOnce(&mut Options)) {
        change(&mut self.options.lock());
    }

    pub(crate) fn declared(&self) -> Option<Declared> {
        self.options.lock().declared
    }

    /// Opens the topic for sending what was declared, ahead of the first send.
    pub(crate) fn open_publisher(&self, py: Python<'_>) -> PyResult<()> {
        match self.declared() {
            Some(declared) => self.with_publisher(py, declared, |_| Ok(())),
            None => Ok(()),
        }
    }

    /// Opens the topic for receiving, ahead of the first message.
    pub(crate) fn open_subscriber(&self, py: Python<'_>) -> PyResult<()> {
        self.with_subscriber(py, |_| Ok(()))
    }

    /// Sends one message of any kind.
    pub(crate) fn send(&self, py: Python<'_>, message: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Ok(typed) = message.cast::<Message>() {
            return self.send_message(py, typed);
        }
        if let Ok(pooled) = message.cast::<Pooled>() {
            return self.send_pooled(py, pooled);
        }
        if let (Some(Declared::Typed(layout)), Ok(dict)) = (self.declared(), message.cast::<PyDict>()) {
            return self.send_typed(py, layout, &layout.content_of_dict(dict)?);
        }
        convert::encode_with(message, |bytes| {
            self.with_publisher(py, Declared::Dict, |publisher| publisher.send(bytes))
        })
    }

    #[inline]
    fn send_message(&self, py: Python<'_>, message: &Bound<'_, Message>) -> PyResult<()> {
        let borrowed = message.try_borrow()?;
        let layout = borrowed.layout();
        if let (Some(bytes), Some(mut sending)) = (borrowed.fixed(), self.sending.try_lock())
            && let Some(open) = &mut *sending
            && open.of == Declared::Typed(layout)
            && open.epoch == join::epoch()
        {
            return open.publisher.send(bytes).map_err(|error| shm_error(py, error));
        }
        // Copied out, so that the message isn't borrowed while another thread may run.
        let content = borrowed.content(py);
        drop(borrowed);
        self.send_typed(py, layout, &content)
    }

    fn send_typed(&self, py: Python<'_>, layout: &'static Layout, content: &Content) -> PyResult<()> {
        self.with_publisher(py, Declared::Typed(layout), |publisher| match content.fixed() {
            Some(bytes) => publisher.send(bytes),
            None => publisher.send_with(content.encoded_len(layout), |out| content.write(py, layout, out)),
        })
    }

    fn send_pooled(&self, py: Python<'_>, message: &Bound<'_, Pooled>) -> PyResult<()> {
        let of = Declared::Pooled(message.get().kind());
        if let (Some(out), Some(mut sending)) = (message.get().ready(), self.sending.try_lock())
            && let Some(open) = &mut *sending
            && open.of == of
            && open.epoch == join::epoch()
        {
            let sent = open.publisher.send_block(&out.block, out.len, &out.meta[..out.meta_len]);
            return sent.map_err(|error| shm_error(py, error));
        }
        let participant = self.with_publisher(py, of, |publisher| Ok(publisher.participant().clone()))?;
        let out = message.get().outgoing(py, &participant)?;
        self.with_publisher(py, of, |publisher| {
            if out.copied {
                publisher.count_copy();
            }
            publisher.send_block(&out.block, out.len, &out.meta[..out.meta_len])
        })
    }

    fn with_publisher<R>(
        &self,
        py: Python<'_>,
        of: Declared,
        act: impl FnOnce(&mut Publisher) -> horus_shm::Result<R>,
    ) -> PyResult<R> {
        let mut sending = self.lock_sending(py);
        match &mut *sending {
            Some(open) if open.of == of && open.epoch == join::epoch() => {
                act(&mut open.publisher).map_err(|error| shm_error(py, error))
            }
            other => {
                // With another type open already, this names it and us as its user.
                let epoch = join::epoch();
                let publisher = self.publisher(py, of)?;
                act(&mut other.insert(Sending { publisher, of, epoch }).publisher)
                    .map_err(|error| shm_error(py, error))
            }
        }
    }

    #[cold]
    fn publisher(&self, py: Python<'_>, of: Declared) -> PyResult<Publisher> {
        let options = self.options.lock().clone();
        let participant = process::participant(py)?;
        let asked = PublisherOptions { depth: options.depth, latched: options.latched, node: options.node };
        Publisher::open(&participant, &self.name, &of.spec(), asked).map_err(|error| shm_error(py, error))
    }

    fn with_subscriber<R>(
        &self,
        py: Python<'_>,
        act: impl FnOnce(&mut Open) -> horus_shm::Result<R>,
    ) -> PyResult<R> {
        let mut receiving = self.lock_receiving(py);
        let open = match &mut receiving.open {
            Some(open) if open.epoch == join::epoch() => open,
            none => none.insert(self.subscribed(py)?),
        };
        act(open).map_err(|error| shm_error(py, error))
    }

    #[cold]
    fn subscribed(&self, py: Python<'_>) -> PyResult<Open> {
        let epoch = join::epoch();
        let options = self.options.lock().clone();
        let participant = process::participant(py)?;
        let spec = options.declared.map(Declared::spec);
        let asked = SubscriberOptions { depth: options.depth, node: options.node };
        let subscriber = Subscriber::open(&participant, &self.name, spec.as_ref(), asked);
        let subscriber = subscriber.map_err(|error| shm_error(py, error))?;
        Ok(Open { subscriber, decoder: Decoder::of(spec.as_ref()), epoch })
    }

    /// Returns the oldest unread message, if there is one.
    pub(crate) fn recv<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.next(py, Which::Oldest)?.map(|(_, message)| message))
    }

    /// Returns the oldest unread message with the time it was sent in nanoseconds, if there is one.
    pub(crate) fn recv_stamped<'py>(&self, py: Python<'py>) -> PyResult<Option<(u64, Bound<'py, PyAny>)>> {
        self.next(py, Which::Oldest)
    }

    /// Returns the newest message, if it is unread, and skips those before it.
    pub(crate) fn recv_latest<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.next(py, Which::Newest)?.map(|(_, message)| message))
    }

    #[inline]
    fn next<'py>(&self, py: Python<'py>, which: Which) -> PyResult<Option<(u64, Bound<'py, PyAny>)>> {
        let mut room = Room::new();
        match self.with_subscriber(py, |open| open.take(py, which, &mut room))? {
            None => Ok(None),
            Some((stamp_ns, Taken::Made(made))) => Ok(Some((stamp_ns, made.into_bound(py)))),
            Some((stamp_ns, taken)) => Ok(Some((stamp_ns, self.made(py, taken)?))),
        }
    }

    /// Returns the unread messages that were sent before this call, oldest first.
    pub(crate) fn recv_all<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let now = horus_shm::now_ns();
        let all = PyList::empty(py);
        while let Some((stamp_ns, message)) = self.recv_stamped(py)? {
            all.append(message)?;
            // A publisher that sends as fast as we read must not keep us here.
            if stamp_ns > now {
                break;
            }
        }
        Ok(all)
    }

    fn made<'py>(&self, py: Python<'py>, taken: Taken<'_>) -> PyResult<Bound<'py, PyAny>> {
        match taken.into_python(py) {
            Ok(message) => {
                if let Ok(typed) = message.cast::<Message>()
                    && typed.borrow().fixed().is_some()
                {
                    self.keep(typed);
                }
                Ok(message)
            }
            Err(error) => {
                // A note that can't be added loses only the topic's name, not the error.
                let _ = error.add_note(py, format!("while receiving from topic '{}'", self.name));
                Err(error)
            }
        }
    }

    /// Remembers an object that was made for a message, for one of the next.
    fn keep(&self, made: &Bound<'_, Message>) {
        let forgotten = match self.receiving.try_lock() {
            Some(mut receiving) => {
                receiving.open.as_mut().and_then(|open| open.decoder.keep(made.clone().unbind()))
            }
            None => None,
        };
        // Not under the lock, which is given back by now.
        drop(forgotten);
    }

    pub(crate) fn has_msg(&self, py: Python<'_>) -> PyResult<bool> {
        self.with_subscriber(py, |open| open.subscriber.has_msg())
    }

    /// Waits for a message, other threads running meanwhile; Python's signal handlers run in between.
    pub(crate) fn wait(&self, py: Python<'_>, timeout: Option<Duration>) -> PyResult<bool> {
        let deadline = timeout.map(|timeout| {
            horus_shm::now_ns().saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX))
        });
        self.open_subscriber(py)?;
        let mut watch = None;
        let waited = self.wait_until(py, deadline, &mut watch);
        let ended = match watch {
            Some(Watch::Ours(wakeful)) => wakeful.end(py),
            _ => Ok(()),
        };
        waited.and_then(|got| ended.map(|()| got))
    }

    fn wait_until(&self, py: Python<'_>, deadline: Option<u64>, watch: &mut Option<Watch>) -> PyResult<bool> {
        let mut set = WaitSet::new();
        loop {
            // Before the signals are looked at: what nudges from then on ends the sleep.
            let since = horus_shm::nudges();
            py.check_signals()?;
            let unsignalled = match watch {
                Some(Watch::Ours(_) | Watch::NotHere) => None,
                Some(Watch::Others) | None => Some(horus_shm::now_ns() + UNSIGNALLED_NS),
            };
            let until = [deadline, unsignalled].into_iter().flatten().min();
            let woken = py.detach(|| {
                let mut receiving = self.lock_for_wait();
                match receiving.subscriber() {
                    Some(subscriber) => set.wait_since(since, &mut [subscriber], until),
                    // Closed by another thread.
                    None => Ok(Woken::Stop),
                }
            });
            match woken.map_err(|error| shm_error(py, error))? {
                Woken::Topic => return Ok(true),
                Woken::Deadline if deadline.is_some_and(|end| horus_shm::now_ns() >= end) => {
                    return Ok(false);
                }
                Woken::Stop => return Ok(false),
                Woken::Deadline if watch.is_none() => *watch = Some(Wakeful::begin(py)?),
                Woken::Deadline | Woken::Interrupted => {}
            }
        }
    }

    /// How many messages were missed; 0 before the topic was opened for receiving.
    pub(crate) fn dropped(&self, py: Python<'_>) -> u64 {
        self.lock_receiving(py).open.as_ref().map_or(0, |open| open.subscriber.dropped())
    }

    /// Stops receiving; the next receive begins with what is sent from then on.
    pub(crate) fn close_subscriber(&self, py: Python<'_>) {
        let receiving = std::mem::take(&mut *self.lock_receiving(py));
        // Leaving takes system calls.
        py.detach(|| drop(receiving));
    }

    /// Leaves the topic; the next use opens it again.
    pub(crate) fn close(&self, py: Python<'_>) {
        let sending = self.lock_sending(py).take();
        let receiving = std::mem::take(&mut *self.lock_receiving(py));
        // Leaving takes system calls.
        py.detach(|| drop((sending, receiving)));
    }
}

/// Says that a kind of message can't be received in Python.
fn unknown_kind(py: Python<'_>, code: u8) -> PyErr {
    match Kind::from_code(code) {
        Some(kind) => {
            horus_error(py, format!("messages of kind {} can't be received in Python", kind.name()))
        }
        None => horus_error(py, format!("a message of unknown kind {code}")),
    }
}
