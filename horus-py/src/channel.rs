//! One topic as a node or a `Topic` uses it: opened at first use, for sending, receiving or both.
//!
//! Sending takes no lock but that of the interpreter, which is there anyway; nor does receiving, until somebody waits for
//! the topic, who isn't attached meanwhile. Nobody waits for a lock while attached: whoever holds it may be waiting
//! for a message, or for the interpreter. No Python code runs while an end of the topic is borrowed or locked, so no
//! finalizer can come back to it; hence errors of the transport become exceptions afterwards.

mod declared;
mod received;

pub(crate) use declared::Declared;

use crate::convert;
use crate::errors::{horus_error, shm_error};
use crate::message::{Content, Layout, Message};
use crate::pooled::Pooled;
use crate::process;
use crate::raw::Attached;
use crate::signals::{Wakeful, Watch};
use horus_core::{Kind, join};
use horus_shm::{
    NodeIndex, Payload, Publisher, PublisherOptions, Subscriber, SubscriberOptions, TopicName, WaitSet, Woken,
};
use parking_lot::lock_api::ArcMutexGuard;
use parking_lot::{Mutex, MutexGuard, RawMutex};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use received::{Body, Decoder, Message as Taken, Room};
use std::cell::{RefCell, RefMut};
use std::ops::DerefMut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// One topic of one node.
#[derive(Debug)]
pub(crate) struct Channel {
    name: TopicName,
    options: Attached<RefCell<Options>>,
    sending: Attached<RefCell<Option<Sending>>>,
    /// The receiving side, for as long as nobody waits for it.
    polled: Attached<RefCell<Receiving>>,
    /// The same from the first wait on: it is held while the waiting thread isn't attached.
    shared: OnceLock<Arc<Mutex<Receiving>>>,
    /// Held by who is next to get `shared`. A wait gives it up when asked to and wants it back at once; this makes it
    /// queue behind who asked.
    turn: Mutex<()>,
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

impl Sending {
    /// Whether it was opened for such messages, in files that weren't removed since.
    #[inline]
    fn is_current(&self, of: Declared) -> bool {
        self.of == of && self.epoch == join::epoch()
    }
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
    fn sending<'a>(&'a self, py: Python<'a>) -> RefMut<'a, Option<Sending>> {
        borrow(py, self.sending.get(py))
    }

    /// The receiving side.
    #[inline]
    fn receiving<'a>(&'a self, py: Python<'a>) -> Receiver<'a> {
        match self.shared.get() {
            None => Receiver::Polled(borrow(py, self.polled.get(py))),
            Some(shared) => Receiver::Shared(match shared.try_lock() {
                Some(locked) => locked,
                None => py.detach(|| self.take_turn(|| shared.try_lock_for(PATIENCE))),
            }),
        }
    }

    /// Sees to it that the receiving side can be locked for a wait.
    pub(crate) fn share(&self, py: Python<'_>) {
        if self.shared.get().is_none() {
            let mut polled = borrow(py, self.polled.get(py));
            // Nobody else is attached, so that nobody came first: what is left behind is empty.
            self.shared.get_or_init(|| Arc::new(Mutex::new(std::mem::take(&mut *polled))));
        }
    }

    /// Locks the receiving side for a wait. Only for who isn't attached, behind [`Channel::share`].
    pub(crate) fn lock_for_wait(&self) -> Locked {
        let shared = self.shared.get().expect("shared before anybody waits");
        self.take_turn(|| shared.try_lock_arc_for(PATIENCE))
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

    #[cold]
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

/// Borrows what only attached threads reach. No holder lets others run; should one, this waits for it.
#[inline]
fn borrow<'a, T: Send>(py: Python<'_>, cell: &'a RefCell<T>) -> RefMut<'a, T> {
    loop {
        match cell.try_borrow_mut() {
            Ok(borrowed) => return borrowed,
            Err(_) => py.detach(|| std::thread::sleep(PATIENCE)),
        }
    }
}

/// The receiving side while one call uses it.
enum Receiver<'a> {
    Polled(RefMut<'a, Receiving>),
    Shared(MutexGuard<'a, Receiving>),
}

impl Receiver<'_> {
    #[inline]
    fn side(&mut self) -> &mut Receiving {
        match self {
            Receiver::Polled(borrowed) => borrowed,
            Receiver::Shared(locked) => locked.deref_mut(),
        }
    }
}

impl Channel {
    pub(crate) fn new(name: TopicName, options: Options) -> Arc<Self> {
        let channel = Arc::new(Channel {
            name,
            options: Attached::new(RefCell::new(options)),
            sending: Attached::default(),
            polled: Attached::default(),
            shared: OnceLock::new(),
            turn: Mutex::default(),
            lent: Arc::default(),
        });
        process::register(&channel);
        channel
    }

    pub(crate) fn name(&self) -> &TopicName {
        &self.name
    }

    /// Changes what is said about the topic; without effect on what is open already.
    pub(crate) fn set_options(&self, py: Python<'_>, change: impl FnOnce(&mut Options)) {
        change(&mut self.options.get(py).borrow_mut());
    }

    pub(crate) fn declared(&self, py: Python<'_>) -> Option<Declared> {
        self.options.get(py).borrow().declared
    }

    /// Opens the topic for sending what was declared, ahead of the first send.
    pub(crate) fn open_publisher(&self, py: Python<'_>) -> PyResult<()> {
        match self.declared(py) {
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
        if let (Some(Declared::Typed(layout)), Ok(dict)) = (self.declared(py), message.cast::<PyDict>()) {
            return self.send_typed(py, layout, &layout.content_of_dict(dict)?);
        }
        convert::encode_with(message, |bytes| {
            self.with_publisher(py, Declared::Dict, |publisher| publisher.send(bytes))
        })
    }

    #[inline]
    fn send_message(&self, py: Python<'_>, message: &Bound<'_, Message>) -> PyResult<()> {
        let message = message.get();
        let of = Declared::Typed(message.layout());
        let content = message.content(py)?;
        if let Some(bytes) = content.fixed() {
            let sent = self.publish(py, of, |publisher| publisher.send(bytes));
            drop(content);
            return sent.map_err(|error| shm_error(py, error));
        }
        // Its tails are shared, not copied, so that the message isn't borrowed any longer than that.
        let copied = content.clone_ref(py);
        drop(content);
        self.send_typed(py, message.layout(), &copied)
    }

    fn send_typed(&self, py: Python<'_>, layout: &'static Layout, content: &Content) -> PyResult<()> {
        self.with_publisher(py, Declared::Typed(layout), |publisher| match content.fixed() {
            Some(bytes) => publisher.send(bytes),
            None => publisher.send_with(content.encoded_len(layout), |out| content.write(py, layout, out)),
        })
    }

    fn send_pooled(&self, py: Python<'_>, message: &Bound<'_, Pooled>) -> PyResult<()> {
        let of = Declared::Pooled(message.get().kind());
        if let Some(out) = message.get().ready()
            && self.sending(py).as_ref().is_some_and(|open| open.is_current(of))
        {
            return self.with_publisher(py, of, |publisher| {
                publisher.send_block(&out.block, out.len, &out.meta[..out.meta_len])
            });
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

    #[inline]
    fn with_publisher<R>(
        &self,
        py: Python<'_>,
        of: Declared,
        act: impl FnOnce(&mut Publisher) -> horus_shm::Result<R>,
    ) -> PyResult<R> {
        self.publish(py, of, act).map_err(|error| shm_error(py, error))
    }

    #[inline]
    fn publish<R>(
        &self,
        py: Python<'_>,
        of: Declared,
        act: impl FnOnce(&mut Publisher) -> horus_shm::Result<R>,
    ) -> horus_shm::Result<R> {
        match &mut *self.sending(py) {
            Some(open) if open.is_current(of) => act(&mut open.publisher),
            // With another type open already, this names it and us as its user.
            other => self.publishing(py, of).and_then(|open| act(&mut other.insert(open).publisher)),
        }
    }

    #[cold]
    fn publishing(&self, py: Python<'_>, of: Declared) -> horus_shm::Result<Sending> {
        let epoch = join::epoch();
        let options = self.options.get(py).borrow().clone();
        let participant = process::participant()?;
        let asked = PublisherOptions { depth: options.depth, latched: options.latched, node: options.node };
        let publisher = Publisher::open(&participant, &self.name, &of.spec(), asked)?;
        Ok(Sending { publisher, of, epoch })
    }

    #[inline]
    fn with_subscriber<R>(
        &self,
        py: Python<'_>,
        act: impl FnOnce(&mut Open) -> horus_shm::Result<R>,
    ) -> PyResult<R> {
        let mut receiver = self.receiving(py);
        let acted = match &mut receiver.side().open {
            Some(open) if open.epoch == join::epoch() => act(open),
            none => self.subscribed(py).and_then(|open| act(none.insert(open))),
        };
        drop(receiver);
        acted.map_err(|error| shm_error(py, error))
    }

    #[cold]
    fn subscribed(&self, py: Python<'_>) -> horus_shm::Result<Open> {
        let epoch = join::epoch();
        let options = self.options.get(py).borrow().clone();
        let participant = process::participant()?;
        let spec = options.declared.map(Declared::spec);
        let asked = SubscriberOptions { depth: options.depth, node: options.node };
        let subscriber = Subscriber::open(&participant, &self.name, spec.as_ref(), asked)?;
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

    // In one piece: handing what was received from one function to the next takes as long as receiving it.
    #[inline]
    fn next<'py>(&self, py: Python<'py>, which: Which) -> PyResult<Option<(u64, Bound<'py, PyAny>)>> {
        let mut room = Room::new();
        let mut receiver = self.receiving(py);
        let open = match &mut receiver.side().open {
            Some(open) if open.epoch == join::epoch() => open,
            none => match self.subscribed(py) {
                Ok(open) => none.insert(open),
                Err(error) => return Err(failed(py, receiver, error)),
            },
        };
        let received = match which {
            Which::Oldest => open.subscriber.recv(),
            Which::Newest => open.subscriber.recv_latest(),
        };
        let (stamp_ns, payload) = match received {
            Ok(None) => return Ok(None),
            Ok(Some(received)) => (received.stamp_ns, received.payload),
            Err(error) => return Err(failed(py, receiver, error)),
        };
        if let Payload::Inline(bytes) = payload
            && open.decoder.is_fixed()
            && let Some(made) = open.decoder.again(py, bytes)
        {
            return Ok(Some((stamp_ns, made.into_bound(py))));
        }
        let body = Body::take(payload, &mut room);
        // Asked after the message: the subscriber has come as far as the file it was in, and no further.
        if !open.decoder.is_fixed() {
            match open.subscriber.spec() {
                Ok(Some(spec)) => open.decoder.learn(spec),
                Ok(None) => {}
                Err(error) => return Err(failed(py, receiver, error)),
            }
        }
        let taken = open.decoder.message(py, body);
        drop(receiver);
        Ok(Some((stamp_ns, self.made(py, taken)?)))
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
                    && typed.get().layout().is_fixed()
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
        let mut receiver = self.receiving(made.py());
        let open = receiver.side().open.as_mut();
        let forgotten = open.and_then(|open| open.decoder.keep(made.clone().unbind()));
        drop(receiver);
        // Behind that: it may run Python code.
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
        self.share(py);
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
        self.receiving(py).side().open.as_ref().map_or(0, |open| open.subscriber.dropped())
    }

    /// Stops receiving; the next receive begins with what is sent from then on.
    pub(crate) fn close_subscriber(&self, py: Python<'_>) {
        let receiving = std::mem::take(self.receiving(py).side());
        // Leaving takes system calls.
        py.detach(|| drop(receiving));
    }

    /// Leaves the topic; the next use opens it again.
    pub(crate) fn close(&self, py: Python<'_>) {
        let sending = self.sending(py).take();
        let receiving = std::mem::take(self.receiving(py).side());
        // Leaving takes system calls.
        py.detach(|| drop((sending, receiving)));
    }
}

/// Makes an exception of an error, with nothing locked.
#[cold]
fn failed(py: Python<'_>, receiver: Receiver<'_>, error: horus_shm::Error) -> PyErr {
    drop(receiver);
    shm_error(py, error)
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
