//! What goes on beside the rounds: an event loop, ticks that it goes on with, and who has joined by when.
#![allow(missing_docs)]

mod arena;

use arena::{Arena, publisher};
use horus_core::messages::CmdVel;
use horus_core::{
    Context, EventLoop, Node, NodeError, NodeOptions, NodeResult, Publisher, Scheduler, Subscriber,
};
use horus_shm::{Census, Language, Namespace, NodeInfo, now_ns, nudge};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The stop word belongs to the process: one run at a time, each with none asked for.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    horus_shm::stop::clear();
    alone
}

fn scheduler(arena: &Arena) -> Scheduler {
    Scheduler::with_settings(arena.settings(), Language::Rust).without_signals()
}

fn noted(trace: &Arc<Mutex<Vec<String>>>, what: impl Into<String>) {
    trace.lock().unwrap().push(what.into());
}

/// Ends each of its timers, one a turn, and counts its turns.
#[derive(Default)]
struct Timers {
    due_ns: Arc<Mutex<Vec<u64>>>,
    turns: Arc<AtomicU64>,
}

impl EventLoop for Timers {
    fn turn(&mut self, until_ns: u64) -> NodeResult<u64> {
        assert!(until_ns > 0);
        self.turns.fetch_add(1, Ordering::Relaxed);
        let mut due = self.due_ns.lock().unwrap();
        due.retain(|due| *due > now_ns());
        Ok(due.iter().min().copied().unwrap_or(u64::MAX))
    }
}

/// Its ticks go on until their timer has ended.
struct Slow {
    timers: Arc<Mutex<Vec<u64>>>,
    length: Duration,
    timer: Option<u64>,
    ticks: Arc<AtomicU64>,
    fails: bool,
    errors: Arc<Mutex<Vec<String>>>,
}

impl Slow {
    fn new(timers: &Timers, length: Duration) -> Self {
        Self {
            timers: timers.due_ns.clone(),
            length,
            timer: None,
            ticks: Arc::default(),
            fails: false,
            errors: Arc::default(),
        }
    }
}

impl Node for Slow {
    fn tick(&mut self, context: &mut Context) -> NodeResult {
        assert!(self.timer.is_none(), "one tick at a time");
        let due = now_ns() + self.length.as_nanos() as u64;
        self.timer = Some(due);
        self.timers.lock().unwrap().push(due);
        context.set_busy(true);
        Ok(())
    }

    fn between(&mut self, context: &mut Context) -> NodeResult {
        let Some(timer) = self.timer else { return Ok(()) };
        if self.timers.lock().unwrap().contains(&timer) {
            return Ok(());
        }
        self.timer = None;
        context.set_busy(false);
        self.ticks.fetch_add(1, Ordering::Relaxed);
        if self.fails { Err("it slipped".into()) } else { Ok(()) }
    }

    fn on_error(&mut self, _context: &mut Context, error: NodeError) -> NodeResult {
        noted(&self.errors, error.to_string());
        Ok(())
    }
}

fn node_of(arena: &Arena, name: &str) -> NodeInfo {
    let census = Census::take(&Namespace::open(&arena.settings()).unwrap()).unwrap();
    census.participants.iter().flat_map(|p| &p.nodes).find(|node| node.name == name).unwrap().clone()
}

/// Looks at another node, and stops the run when it has seen enough.
struct Observer<F>(F);

impl<F: FnMut() -> bool + Send> Node for Observer<F> {
    fn tick(&mut self, context: &mut Context) -> NodeResult {
        if (self.0)() {
            context.request_stop();
        }
        Ok(())
    }
}

#[test]
fn a_tick_that_goes_on_counts_as_one_and_those_it_was_in_the_way_of_as_overruns() {
    let _alone = alone();
    let arena = Arc::new(Arena::new());
    let timers = Timers::default();
    let slow = Slow::new(&timers, Duration::from_millis(35));
    let ticks = slow.ticks.clone();
    let seen = Arc::new(Mutex::new(None));
    let (look, noted) = (arena.clone(), seen.clone());
    let mut scheduler = scheduler(&arena).with_event_loop(timers);
    scheduler.add("slow", slow, NodeOptions::at(100.0)).unwrap();
    let mut moves_later = false;
    let observer = Observer(move || {
        let node = node_of(&look, "slow");
        // Its next tick's time, and then the one after that.
        moves_later |= node.deadline_ns > node.tick_began_ns + 15_000_000;
        let enough = node.ticks >= 3 && moves_later;
        *noted.lock().unwrap() = Some(node);
        enough
    });
    scheduler.add("observer", observer, NodeOptions::at(200.0)).unwrap();
    scheduler.run().unwrap();
    let node = seen.lock().unwrap().take().unwrap();
    assert_eq!(node.ticks, ticks.load(Ordering::Relaxed));
    assert!(node.tick_mean_ns >= 35_000_000, "{node:?}");
    // Due at 0, 10, 20, 30 ms; begun at 0 and 40.
    assert!(node.overruns >= 3 * node.ticks, "{node:?}");
}

#[test]
fn what_goes_wrong_in_a_tick_that_goes_on_is_the_node_s_to_take() {
    let (_alone, arena) = (alone(), Arena::new());
    let timers = Timers::default();
    let slow = Slow { fails: true, ..Slow::new(&timers, Duration::from_millis(1)) };
    let (errors, enough) = (slow.errors.clone(), slow.errors.clone());
    let mut scheduler = scheduler(&arena).with_event_loop(timers);
    scheduler.add("slow", slow, NodeOptions::at(200.0)).unwrap();
    let observer = Observer(move || enough.lock().unwrap().len() >= 3);
    scheduler.add("observer", observer, NodeOptions::at(200.0)).unwrap();
    scheduler.run().unwrap();
    assert!(errors.lock().unwrap().iter().all(|error| error == "it slipped"));
}

/// Asks for its next turn in a minute, but for the first, and waits to be nudged.
struct Nudged {
    asked: Arc<AtomicBool>,
    done: Arc<AtomicBool>,
}

impl EventLoop for Nudged {
    fn turn(&mut self, _until_ns: u64) -> NodeResult<u64> {
        if self.asked.swap(true, Ordering::SeqCst) {
            self.done.store(true, Ordering::SeqCst);
            horus_shm::stop::request();
        } else {
            // Before the sleep, which must not miss it.
            nudge();
        }
        Ok(u64::MAX)
    }
}

#[test]
fn a_nudge_between_a_turn_and_the_sleep_is_not_lost() {
    let (_alone, arena) = (alone(), Arena::new());
    let done = Arc::new(AtomicBool::new(false));
    let event_loop = Nudged { asked: Arc::default(), done: done.clone() };
    let mut scheduler = scheduler(&arena).with_event_loop(event_loop);
    scheduler.add("idle", Observer(|| false), NodeOptions::at(0.001)).unwrap();
    scheduler.run_for(Duration::from_secs(30)).unwrap();
    assert!(done.load(Ordering::SeqCst));
}

/// Fails at its first turn.
struct Broken;

impl EventLoop for Broken {
    fn turn(&mut self, _until_ns: u64) -> NodeResult<u64> {
        Err("no ground".into())
    }
}

#[test]
fn an_event_loop_that_fails_ends_the_run() {
    let (_alone, arena) = (alone(), Arena::new());
    let mut scheduler = scheduler(&arena).with_event_loop(Broken);
    scheduler.add("idle", Observer(|| false), NodeOptions::at(1.0)).unwrap();
    assert_eq!(scheduler.run().unwrap_err().to_string(), "the event loop failed: no ground");
}

/// Joins, sends in `init`, and reports each step.
struct Early {
    trace: Arc<Mutex<Vec<String>>>,
    commands: Option<(Publisher<CmdVel>, Subscriber<CmdVel>)>,
}

impl Node for Early {
    fn join(&mut self, context: &mut Context) -> NodeResult {
        self.commands = Some((context.publisher("cmd_vel")?, context.subscriber("cmd_vel")?));
        noted(&self.trace, format!("join {}", context.name()));
        Ok(())
    }

    fn init(&mut self, context: &mut Context) -> NodeResult {
        let (commands, _) = self.commands.as_mut().unwrap();
        commands.send(&CmdVel::default())?;
        noted(&self.trace, format!("init {}", context.name()));
        if context.name() == "b" { Err("no power".into()) } else { Ok(()) }
    }

    fn tick(&mut self, _context: &mut Context) -> NodeResult {
        Ok(())
    }

    fn shutdown(&mut self, context: &mut Context) -> NodeResult {
        noted(&self.trace, format!("shutdown {}", context.name()));
        Ok(())
    }

    fn leave(&mut self) {
        let (_, heard) = self.commands.as_mut().unwrap();
        let heard = heard.recv_latest().unwrap().is_some();
        noted(&self.trace, format!("leave, having heard: {heard}"));
    }
}

#[test]
fn every_node_has_joined_before_any_is_initialised() {
    let (_alone, arena) = (alone(), Arena::new());
    let trace = Arc::new(Mutex::new(Vec::new()));
    let mut scheduler = scheduler(&arena);
    for name in ["a", "b", "c"] {
        let early = Early { trace: trace.clone(), commands: None };
        scheduler.add(name, early, NodeOptions::at(1.0)).unwrap();
    }
    assert_eq!(scheduler.run().unwrap_err().to_string(), "node 'b' failed in init: no power");
    let heard = "leave, having heard: true";
    let expected = ["join a", "join b", "join c", "init a", "init b", "shutdown a", heard, heard, heard];
    assert_eq!(*trace.lock().unwrap(), expected);
}

/// Lends a topic of its own, and stops the run at its first message.
struct Listening {
    commands: horus_shm::Subscriber,
    heard: Arc<AtomicBool>,
}

impl EventLoop for Listening {
    fn turn(&mut self, _until_ns: u64) -> NodeResult<u64> {
        if self.commands.has_msg()? {
            self.heard.store(true, Ordering::SeqCst);
            horus_shm::stop::request();
        }
        Ok(u64::MAX)
    }

    fn on<'a>(&'a mut self, topics: &mut Vec<&'a mut horus_shm::Subscriber>) -> NodeResult {
        topics.push(&mut self.commands);
        Ok(())
    }
}

#[test]
fn a_topic_of_the_event_loop_wakes_the_scheduler_and_no_node() {
    let (_alone, arena) = (alone(), Arena::new());
    let here = arena.join();
    let mut sending = publisher::<CmdVel>(&here, "cmd_vel");
    let commands = horus_shm::Subscriber::open(
        &here,
        &horus_shm::TopicName::new("cmd_vel").unwrap(),
        None,
        horus_shm::SubscriberOptions::default(),
    );
    let heard = Arc::new(AtomicBool::new(false));
    let event_loop = Listening { commands: commands.unwrap(), heard: heard.clone() };
    let ticks = Arc::new(AtomicU64::new(0));
    let counted = ticks.clone();
    let mut scheduler = scheduler(&arena).with_event_loop(event_loop);
    let tick = Observer(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        false
    });
    scheduler.add("idle", tick, NodeOptions::at(0.001)).unwrap();
    let sender = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        sending.send(&CmdVel::default()).unwrap();
        sending
    });
    scheduler.run_for(Duration::from_secs(30)).unwrap();
    drop(sender.join().unwrap());
    drop(scheduler);
    assert!(heard.load(Ordering::SeqCst));
    assert_eq!(ticks.load(Ordering::Relaxed), 1);
}

/// Fails whenever it is asked, and takes it lightly.
struct Failing(Arc<AtomicU64>);

impl Node for Failing {
    fn tick(&mut self, _context: &mut Context) -> NodeResult {
        Ok(())
    }

    fn between(&mut self, _context: &mut Context) -> NodeResult {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err("again".into())
    }

    fn on_error(&mut self, _context: &mut Context, _error: NodeError) -> NodeResult {
        Ok(())
    }
}

#[test]
fn a_node_that_fails_without_end_keeps_nobody_from_ticking() {
    let (_alone, arena) = (alone(), Arena::new());
    let (failures, mut ticks) = (Arc::new(AtomicU64::new(0)), 0);
    let mut scheduler = scheduler(&arena);
    scheduler.add("failing", Failing(failures.clone()), NodeOptions::at(1.0)).unwrap();
    let observer = Observer(move || {
        ticks += 1;
        ticks == 3
    });
    scheduler.add("observer", observer, NodeOptions::at(200.0)).unwrap();
    scheduler.run().unwrap();
    // It is asked again at once, not at its next tick.
    assert!(failures.load(Ordering::Relaxed) > 3);
}

/// Its `init` goes on until it was asked to see to signals.
#[derive(Default)]
struct Attentive {
    asked: bool,
}

impl Node for Attentive {
    fn init(&mut self, context: &mut Context) -> NodeResult {
        context.set_busy(true);
        Ok(())
    }

    fn between(&mut self, context: &mut Context) -> NodeResult {
        context.set_busy(!self.asked);
        Ok(())
    }

    fn interrupted(&mut self) -> NodeResult {
        self.asked = true;
        Ok(())
    }

    fn tick(&mut self, context: &mut Context) -> NodeResult {
        context.request_stop();
        Ok(())
    }
}

#[test]
fn an_init_that_goes_on_sees_to_signals_though_none_ended_a_sleep() {
    let (_alone, arena) = (alone(), Arena::new());
    let mut scheduler = scheduler(&arena);
    scheduler.add("attentive", Attentive::default(), NodeOptions::at(200.0)).unwrap();
    scheduler.run().unwrap();
}

/// Its ticks go on until a step of its own has ended them; counts those that have ended.
struct Stepwise<F> {
    begin: F,
    end: fn(&mut Context, u64) -> bool,
    began_in: u64,
    commands: Option<Subscriber<CmdVel>>,
    ended: Arc<AtomicU64>,
}

impl<F: FnMut(&mut Context) -> NodeResult + Send> Stepwise<F> {
    fn new(begin: F, end: fn(&mut Context, u64) -> bool) -> Self {
        Self { begin, end, began_in: 0, commands: None, ended: Arc::default() }
    }

    fn see(&mut self, context: &mut Context) {
        if context.is_busy() && (self.end)(context, self.began_in) {
            context.set_busy(false);
            self.ended.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<F: FnMut(&mut Context) -> NodeResult + Send> Node for Stepwise<F> {
    fn init(&mut self, context: &mut Context) -> NodeResult {
        self.commands = Some(context.subscriber("cmd_vel")?);
        Ok(())
    }

    fn tick(&mut self, context: &mut Context) -> NodeResult {
        if context.is_due_by_topic() {
            self.commands.as_mut().unwrap().recv()?;
            match context.is_busy() {
                true => self.see(context),
                false => drop(self.ended.fetch_add(1, Ordering::Relaxed)),
            }
            return Ok(());
        }
        self.began_in = context.epoch();
        (self.begin)(context)
    }

    fn on_error(&mut self, context: &mut Context, _error: NodeError) -> NodeResult {
        context.set_busy(true);
        Ok(())
    }

    fn between(&mut self, context: &mut Context) -> NodeResult {
        self.see(context);
        Ok(())
    }

    fn on<'a>(&'a mut self, topics: &mut Vec<&'a mut horus_shm::Subscriber>) -> NodeResult {
        topics.extend(self.commands.as_mut().map(Subscriber::transport).transpose()?);
        Ok(())
    }
}

/// Runs the node until some of its ticks have ended, sending now and then, and returns what tools then see of it.
fn seen_after<F>(node: Stepwise<F>, arena: &Arc<Arena>, ticks: u64) -> NodeInfo
where
    F: FnMut(&mut Context) -> NodeResult + Send + 'static,
{
    let (look, ended, seen) = (arena.clone(), node.ended.clone(), Arc::new(Mutex::new(None)));
    let found = seen.clone();
    let mut sending = publisher::<CmdVel>(&arena.join(), "cmd_vel");
    let mut scheduler = scheduler(arena);
    scheduler.add("stepwise", node, NodeOptions::at(100.0)).unwrap();
    let observer = Observer(move || {
        if ended.load(Ordering::Relaxed) < ticks {
            sending.send(&CmdVel::default()).unwrap();
            return false;
        }
        let node = node_of(&look, "stepwise");
        assert_eq!(node.ticks, ended.load(Ordering::Relaxed));
        *found.lock().unwrap() = Some(node);
        true
    });
    scheduler.add("observer", observer, NodeOptions::at(100.0)).unwrap();
    scheduler.run().unwrap();
    seen.lock().unwrap().take().unwrap()
}

#[test]
fn a_tick_that_fails_and_is_seen_to_for_a_while_counts_once() {
    let (_alone, arena) = (alone(), Arc::new(Arena::new()));
    // Between the rounds, not in the one that began it.
    let node = Stepwise::new(|_| Err("it slipped".into()), |context, _| !context.is_due_by_topic());
    seen_after(node, &arena, 3);
}

#[test]
fn a_tick_that_goes_on_may_end_with_a_message() {
    let (_alone, arena) = (alone(), Arc::new(Arena::new()));
    let begin = |context: &mut Context| {
        context.set_busy(true);
        Ok(())
    };
    let node = Stepwise::new(begin, |context, _| context.is_due_by_topic());
    seen_after(node, &arena, 3);
}

#[test]
fn a_tick_that_goes_on_while_its_process_joins_anew_is_no_longer_than_the_run() {
    let (_alone, arena) = (alone(), Arc::new(Arena::new()));
    let folder = arena.folder.join("test");
    let began_ns = now_ns();
    let begin = move |context: &mut Context| {
        if context.epoch() == 0 {
            std::fs::remove_dir_all(&folder)?;
        }
        context.set_busy(true);
        Ok(())
    };
    let node = Stepwise::new(begin, |context, began_in| context.epoch() > began_in || began_in > 0);
    let seen = seen_after(node, &arena, 1);
    assert!(seen.tick_max_ns <= now_ns() - began_ns, "{seen:?}");
}
