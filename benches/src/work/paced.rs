//! Node to node through the scheduler: at a rate, one tick after the other, and with nothing to do.

use std::fs::File;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use horus_core::messages::CmdVel;
use horus_core::{Context, Node, NodeOptions, NodeResult, Publisher, Scheduler, Subscriber};
use horus_shm::{Language, now_ns};
use rustix::io::Errno;
use rustix::thread::futex::{self, Flags, Timespec};
use std::thread;

use crate::Result;
use crate::shared::Region;
use crate::side::{Side, SideArguments};
use crate::way::{Patience, Way, settings};

/// What a node measured; the scheduler keeps the node, so it is held outside.
type Measured = Arc<Mutex<Vec<u64>>>;

/// Ping ticks at the rate and sends; echo ticks on the topic.
pub(crate) fn run(arguments: &SideArguments) -> Result<()> {
    let total = arguments.total() as usize;
    let measured = Measured::default();
    match (arguments.way, arguments.side) {
        (Way::Futex, Side::Ping) => futex_sender(arguments, &measured)?,
        (Way::Futex, Side::Echo) => futex_receiver(arguments, &measured)?,
        (Way::Horus, Side::Ping) => {
            let sensor = Sensor {
                total,
                period_ns: period_ns(arguments),
                due: None,
                measured: measured.clone(),
                out: None,
                arguments: arguments.clone(),
            };
            schedule(arguments, "sensor", sensor, NodeOptions::at(arguments.rate))?;
        }
        (Way::Horus, Side::Echo) => {
            let listener =
                Listener { total, measured: measured.clone(), back: None, arguments: arguments.clone() };
            schedule(arguments, "listener", listener, NodeOptions::on_topics())?;
        }
        _ => return Err(super::unknown(arguments)),
    }
    let measured = measured.lock().map_err(|_| "poisoned")?;
    match arguments.side {
        Side::Ping => arguments.write_series("samples-jitter", &measured[arguments.warmup as usize..]),
        Side::Echo => arguments.write(&measured),
    }
}

/// A node that is due on a topic which it sends to itself: nothing but the scheduler's own way from tick to tick.
pub(crate) fn ticks(arguments: &SideArguments) -> Result<()> {
    let measured = Measured::default();
    let circle =
        Circle { total: arguments.total() as usize, before: 0, measured: measured.clone(), ends: None };
    schedule(arguments, "circle", circle, NodeOptions::on_topics())?;
    arguments.write(&measured.lock().map_err(|_| "poisoned")?)
}

/// A node on a topic on which nothing comes.
pub(crate) fn idle(arguments: &SideArguments) -> Result<()> {
    if arguments.way != Way::Horus {
        return Err(super::unknown(arguments));
    }
    let listener = Listener {
        total: usize::MAX,
        measured: Measured::default(),
        back: None,
        arguments: arguments.clone(),
    };
    schedule(arguments, "listener", listener, NodeOptions::on_topics())
}

fn schedule(
    arguments: &SideArguments,
    name: &str,
    node: impl Node + 'static,
    options: NodeOptions,
) -> Result<()> {
    let mut scheduler = Scheduler::with_settings(settings(&arguments.folder), Language::Rust);
    scheduler.add(name, node, options)?;
    Ok(scheduler.run()?)
}

fn period_ns(arguments: &SideArguments) -> u64 {
    (1e9 / arguments.rate) as u64
}

/// Sends the time at a rate.
struct Sensor {
    total: usize,
    period_ns: u64,
    due: Option<u64>,
    measured: Measured,
    out: Option<Publisher<CmdVel>>,
    arguments: SideArguments,
}

impl Node for Sensor {
    fn init(&mut self, context: &mut Context) -> NodeResult {
        self.out = Some(context.publisher("paced")?);
        self.arguments.meet().map_err(|error| error.to_string())?;
        Ok(())
    }

    fn tick(&mut self, context: &mut Context) -> NodeResult {
        let now = now_ns();
        let late = self.due.map_or(0, |due| now.abs_diff(due));
        self.due = Some(now + self.period_ns);
        let mut measured = self.measured.lock().map_err(|_| "poisoned")?;
        if measured.len() == self.total {
            return Ok(());
        }
        measured.push(late);
        let out = self.out.as_mut().ok_or("opened in init")?;
        out.send(&CmdVel { timestamp_ns: now_ns(), ..CmdVel::default() })?;
        if measured.len() == self.total {
            context.request_stop();
        }
        Ok(())
    }
}

/// Ticks on the topic and notes how old what came is.
struct Listener {
    total: usize,
    measured: Measured,
    back: Option<Subscriber<CmdVel>>,
    arguments: SideArguments,
}

impl Node for Listener {
    fn init(&mut self, context: &mut Context) -> NodeResult {
        self.back = Some(context.subscriber("paced")?);
        if self.total == usize::MAX {
            File::create(self.arguments.folder.join(Side::Echo.name()))?;
            return Ok(());
        }
        self.arguments.meet().map_err(|error| error.to_string())?;
        Ok(())
    }

    fn on<'a>(&'a mut self, topics: &mut Vec<&'a mut horus_shm::Subscriber>) -> NodeResult {
        topics.push(self.back.as_mut().ok_or("opened in init")?.transport()?);
        Ok(())
    }

    fn tick(&mut self, context: &mut Context) -> NodeResult {
        let now = now_ns();
        let Some(message) = self.back.as_mut().ok_or("opened in init")?.recv()? else { return Ok(()) };
        let mut measured = self.measured.lock().map_err(|_| "poisoned")?;
        measured.push(now.saturating_sub(message.timestamp_ns));
        if measured.len() == self.total {
            context.request_stop();
        }
        Ok(())
    }
}

/// Sends to the topic that it ticks on.
struct Circle {
    total: usize,
    before: u64,
    measured: Measured,
    ends: Option<(Publisher<CmdVel>, Subscriber<CmdVel>)>,
}

impl Node for Circle {
    fn init(&mut self, context: &mut Context) -> NodeResult {
        let back = context.subscriber("paced")?;
        let mut out = context.publisher("paced")?;
        out.send(&CmdVel::default())?;
        self.ends = Some((out, back));
        self.before = now_ns();
        Ok(())
    }

    fn on<'a>(&'a mut self, topics: &mut Vec<&'a mut horus_shm::Subscriber>) -> NodeResult {
        topics.push(self.ends.as_mut().ok_or("opened in init")?.1.transport()?);
        Ok(())
    }

    fn tick(&mut self, context: &mut Context) -> NodeResult {
        let (out, back) = self.ends.as_mut().ok_or("opened in init")?;
        let message = back.recv()?.ok_or("a tick without a message")?;
        out.send(&message)?;
        let now = now_ns();
        let mut measured = self.measured.lock().map_err(|_| "poisoned")?;
        measured.push(now - self.before);
        self.before = now;
        if measured.len() == self.total {
            context.request_stop();
        }
        Ok(())
    }
}

/// The same by hand: a time to wake at, a word to wake by.
fn futex_sender(arguments: &SideArguments, measured: &Measured) -> Result<()> {
    let region = Region::map(&arguments.folder.join("futex"), 4096)?;
    let (word, stamp) = (region.futex_word(0), &region.words(256, 1)[0]);
    arguments.meet()?;
    let (period_ns, mut due, mut last) = (period_ns(arguments), now_ns(), None);
    for number in 0..arguments.total() {
        due += period_ns;
        sleep_until(due);
        let now = now_ns();
        measured
            .lock()
            .map_err(|_| "poisoned")?
            .push(last.map_or(0, |last: u64| now.abs_diff(last + period_ns)));
        last = Some(now);
        stamp.store(now_ns(), Ordering::Relaxed);
        // Release: pairs with the Acquire load in `futex_receiver`.
        word.store(u32::try_from(number)? + 1, Ordering::Release);
        futex::wake(word, Flags::empty(), 1)?;
    }
    Ok(())
}

fn futex_receiver(arguments: &SideArguments, measured: &Measured) -> Result<()> {
    let region = Region::map(&arguments.folder.join("futex"), 4096)?;
    let (word, stamp) = (region.futex_word(0), &region.words(256, 1)[0]);
    arguments.meet()?;
    let limit = Timespec { tv_sec: Patience::LIMIT.as_secs() as i64, tv_nsec: 0 };
    for number in 0..arguments.total() {
        let before = u32::try_from(number)?;
        // Acquire: pairs with the Release store in `futex_sender`.
        while word.load(Ordering::Acquire) == before {
            match futex::wait(word, Flags::empty(), before, Some(&limit)) {
                Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let now = now_ns();
        measured.lock().map_err(|_| "poisoned")?.push(now.saturating_sub(stamp.load(Ordering::Relaxed)));
    }
    Ok(())
}

fn sleep_until(due_ns: u64) {
    while let Some(left) = due_ns.checked_sub(now_ns()).filter(|left| *left > 0) {
        let left = Duration::from_nanos(left);
        thread::sleep(left);
    }
}
