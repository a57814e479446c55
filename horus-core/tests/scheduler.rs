//! Nodes as the scheduler runs them: order, rates, topics, errors, stopping.
#![allow(missing_docs)]

mod arena;

use arena::{Arena, publisher};
use horus_core::messages::CmdVel;
use horus_core::{
    Context, Error, Node, NodeError, NodeOptions, NodeResult, Phase, Publisher, Scheduler, Subscriber,
};
use horus_shm::{Census, Language, Namespace, NodeState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The stop word and the signal handlers belong to the process: one run at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What happened, in order.
#[derive(Clone, Default)]
struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A node made of closures; each gets the number of the tick.
struct Scripted<F> {
    trace: Trace,
    ticks: u64,
    tick: F,
}

impl<F: FnMut(&mut Context, u64) -> NodeResult + Send> Node for Scripted<F> {
    fn init(&mut self, context: &mut Context) -> NodeResult {
        self.trace.note(format!("init {}", context.name()));
        Ok(())
    }

    fn tick(&mut self, context: &mut Context) -> NodeResult {
        self.ticks += 1;
        assert_eq!((context.is_due_by_clock(), context.is_due_by_topic()), (true, false));
        self.trace.note(format!("tick {}", context.name()));
        (self.tick)(context, self.ticks)
    }

    fn shutdown(&mut self, context: &mut Context) -> NodeResult {
        self.trace.note(format!("shutdown {}", context.name()));
        Ok(())
    }
}

fn scripted<F: FnMut(&mut Context, u64) -> NodeResult + Send>(trace: &Trace, tick: F) -> Scripted<F> {
    Scripted { trace: trace.clone(), ticks: 0, tick }
}

fn scheduler(arena: &Arena) -> Scheduler {
    Scheduler::with_settings(arena.settings(), Language::Rust)
}

fn stop_at(last: u64) -> impl FnMut(&mut Context, u64) -> NodeResult {
    move |context, tick| {
        if tick == last {
            context.request_stop();
        }
        Ok(())
    }
}

#[test]
fn nodes_tick_in_order_and_are_shut_down_backwards() {
    let (_alone, arena, trace) = (alone(), Arena::new(), Trace::default());
    let mut scheduler = scheduler(&arena);
    let ordered = |rate_hz, order| NodeOptions { rate_hz, order: Some(order) };
    scheduler.add("c", scripted(&trace, stop_at(2)), ordered(200.0, 7)).unwrap();
    scheduler.add("a", scripted(&trace, stop_at(0)), NodeOptions::at(200.0)).unwrap();
    scheduler.add("b", scripted(&trace, stop_at(0)), NodeOptions::at(200.0)).unwrap();
    scheduler.add("0", scripted(&trace, stop_at(0)), ordered(200.0, -1)).unwrap();
    scheduler.run().unwrap();
    let expected = "init 0,init a,init b,init c,tick 0,tick a,tick b,tick c,tick 0,tick a,tick b,tick c,\
        shutdown c,shutdown b,shutdown a,shutdown 0";
    assert_eq!(trace.lines().join(","), expected);
}

#[test]
fn rates_with_a_common_divisor_share_their_rounds() {
    let (_alone, arena, trace) = (alone(), Arena::new(), Trace::default());
    let mut scheduler = scheduler(&arena);
    scheduler.add("fast", scripted(&trace, stop_at(0)), NodeOptions::at(90.0)).unwrap();
    scheduler.add("slow", scripted(&trace, stop_at(3)), NodeOptions::at(30.0)).unwrap();
    scheduler.run().unwrap();
    let ticks: Vec<String> = trace.lines().into_iter().filter(|line| line.starts_with("tick")).collect();
    assert_eq!(ticks[..2], ["tick fast", "tick slow"]);
    for (i, _) in ticks.iter().enumerate().filter(|(_, line)| *line == "tick slow") {
        assert_eq!(ticks[i - 1], "tick fast", "{ticks:?}");
    }
    // No tick is ever made up for, so on a busy machine there may be fewer, never more.
    assert!(ticks.iter().filter(|line| *line == "tick fast").count() <= 7, "{ticks:?}");
}

struct Sender {
    commands: Option<Publisher<CmdVel>>,
    each_tick: u64,
    sent: u64,
}

impl Node for Sender {
    fn init(&mut self, context: &mut Context) -> NodeResult {
        self.commands = Some(context.publisher("cmd_vel")?);
        Ok(())
    }

    fn tick(&mut self, _context: &mut Context) -> NodeResult {
        for _ in 0..self.each_tick {
            let message = CmdVel { timestamp_ns: self.sent, ..CmdVel::default() };
            self.commands.as_mut().expect("opened in init").send(&message)?;
            self.sent += 1;
        }
        Ok(())
    }
}

/// Ticks with its topic and notes what it receives.
struct Listener {
    commands: Option<Subscriber<CmdVel>>,
    reads: bool,
    ticks: Arc<AtomicU64>,
    seen: Arc<Mutex<Vec<u64>>>,
    until: u64,
}

impl Listener {
    fn new(reads: bool, until: u64) -> Self {
        Self { commands: None, reads, ticks: Arc::default(), seen: Arc::default(), until }
    }
}

impl Node for Listener {
    fn init(&mut self, context: &mut Context) -> NodeResult {
        self.commands = Some(context.subscriber("cmd_vel")?);
        Ok(())
    }

    fn tick(&mut self, context: &mut Context) -> NodeResult {
        let ticks = self.ticks.fetch_add(1, Ordering::Relaxed) + 1;
        assert_eq!((context.is_due_by_clock(), context.is_due_by_topic()), (false, true));
        let commands = self.commands.as_mut().expect("opened in init");
        if self.reads {
            let message = commands.recv()?.expect("it ticks because there is one");
            self.seen.lock().unwrap().push(message.timestamp_ns);
        }
        if ticks == self.until {
            context.request_stop();
        }
        Ok(())
    }

    fn on<'a>(&'a mut self, topics: &mut Vec<&'a mut horus_shm::Subscriber>) -> NodeResult {
        if let Some(commands) = &mut self.commands {
            topics.push(commands.transport()?);
        }
        Ok(())
    }
}

#[test]
fn a_node_on_a_topic_sees_each_message_once_wherever_it_stands() {
    for listener_first in [false, true] {
        let (_alone, arena) = (alone(), Arena::new());
        let mut scheduler = scheduler(&arena);
        let listener = Listener::new(true, 20);
        let (ticks, seen) = (listener.ticks.clone(), listener.seen.clone());
        let sender = Sender { commands: None, each_tick: 3, sent: 0 };
        let order = if listener_first { -1 } else { 1 };
        scheduler.add("listener", listener, NodeOptions { rate_hz: 0.0, order: Some(order) }).unwrap();
        scheduler.add("sender", sender, NodeOptions::at(100.0)).unwrap();
        scheduler.run().unwrap();
        assert_eq!(ticks.load(Ordering::Relaxed), 20);
        assert_eq!(*seen.lock().unwrap(), (0..20).collect::<Vec<u64>>());
    }
}

#[test]
fn a_tick_that_receives_nothing_still_counts_for_one_message() {
    let (_alone, arena) = (alone(), Arena::new());
    let mut scheduler = scheduler(&arena);
    let listener = Listener::new(false, 0);
    let ticks = listener.ticks.clone();
    scheduler
        .add("sender", Sender { commands: None, each_tick: 2, sent: 0 }, NodeOptions::at(100.0))
        .unwrap();
    scheduler.add("listener", listener, NodeOptions::on_topics()).unwrap();
    let trace = Trace::default();
    scheduler
        .add("end", scripted(&trace, stop_at(5)), NodeOptions { rate_hz: 100.0, order: Some(9) })
        .unwrap();
    scheduler.run().unwrap();
    // Each round: two messages, a tick for the first in the same round and one for the second in the next.
    let ticks = ticks.load(Ordering::Relaxed);
    assert!((5..=10).contains(&ticks), "{ticks}");
}

#[test]
fn a_message_from_outside_wakes_a_node_that_has_no_rate() {
    let (_alone, arena) = (alone(), Arena::new());
    let here = arena.join();
    let listener = Listener::new(true, 50);
    let (ticks, seen) = (listener.ticks.clone(), listener.seen.clone());
    let mut scheduler = scheduler(&arena);
    scheduler.add("listener", listener, NodeOptions::on_topics()).unwrap();
    let sender = std::thread::spawn(move || {
        let mut sending = publisher::<CmdVel>(&here, "cmd_vel");
        let mut sent = 0;
        // The next one only once the last was seen: each wakes a sleeper.
        while seen.lock().unwrap().len() < 50 {
            if seen.lock().unwrap().last().is_none_or(|last| *last == sent - 1) {
                let message = CmdVel { timestamp_ns: sent, ..CmdVel::default() };
                sending.send(&message).unwrap();
                sent += 1;
            }
            std::thread::yield_now();
        }
    });
    scheduler.run().unwrap();
    sender.join().unwrap();
    assert_eq!(ticks.load(Ordering::Relaxed), 50);
}

#[test]
fn an_error_ends_the_run_after_all_were_shut_down() {
    let (_alone, arena, trace) = (alone(), Arena::new(), Trace::default());
    let mut scheduler = scheduler(&arena);
    scheduler.add("good", scripted(&trace, stop_at(0)), NodeOptions::at(100.0)).unwrap();
    scheduler
        .add(
            "bad",
            scripted(&trace, |_, tick| if tick == 2 { Err("no arm".into()) } else { Ok(()) }),
            NodeOptions::at(100.0),
        )
        .unwrap();
    let error = scheduler.run().unwrap_err();
    assert_eq!(error.to_string(), "node 'bad' failed in tick: no arm");
    assert!(matches!(error, Error::Node { phase: Phase::Tick, .. }));
    assert_eq!(trace.lines()[6..], ["shutdown bad", "shutdown good"]);
}

#[test]
fn a_panic_ends_the_run_after_all_were_shut_down() {
    let (_alone, arena, trace) = (alone(), Arena::new(), Trace::default());
    let mut scheduler = scheduler(&arena);
    scheduler
        .add("bad", scripted(&trace, |_, tick| panic!("at tick {tick}")), NodeOptions::at(100.0))
        .unwrap();
    scheduler.add("good", scripted(&trace, stop_at(0)), NodeOptions::at(100.0)).unwrap();
    let error = scheduler.run().unwrap_err();
    assert_eq!(error.to_string(), "node 'bad' panicked in tick: at tick 1");
    assert_eq!(trace.lines(), ["init bad", "init good", "tick bad", "shutdown good", "shutdown bad"]);
}

struct Fragile {
    trace: Trace,
    fails_in: Phase,
}

impl Node for Fragile {
    fn init(&mut self, _context: &mut Context) -> NodeResult {
        self.trace.note("init");
        if self.fails_in == Phase::Init { Err("no power".into()) } else { Ok(()) }
    }

    fn tick(&mut self, context: &mut Context) -> NodeResult {
        context.request_stop();
        if self.fails_in == Phase::Tick { Err("no grip".into()) } else { Ok(()) }
    }

    fn shutdown(&mut self, _context: &mut Context) -> NodeResult {
        self.trace.note("shutdown");
        if self.fails_in == Phase::Shutdown { Err("no rest".into()) } else { Ok(()) }
    }

    fn on_error(&mut self, _context: &mut Context, error: NodeError) -> NodeResult {
        self.trace.note(format!("on_error {error}"));
        Ok(())
    }
}

#[test]
fn errors_go_where_their_phase_sends_them() {
    for (fails_in, expected, told) in [
        (Phase::Init, Err("node 'fragile' failed in init: no power"), "init"),
        (Phase::Tick, Ok(()), "init,on_error no grip,shutdown"),
        (Phase::Shutdown, Err("node 'fragile' failed in shutdown: no rest"), "init,shutdown"),
    ] {
        let (_alone, arena, trace) = (alone(), Arena::new(), Trace::default());
        let mut scheduler = scheduler(&arena);
        scheduler.add("fragile", Fragile { trace: trace.clone(), fails_in }, NodeOptions::at(100.0)).unwrap();
        assert_eq!(scheduler.run().map_err(|error| error.to_string()), expected.map_err(str::to_owned));
        assert_eq!(trace.lines().join(","), told);
    }
}

#[test]
fn what_can_not_be_run_is_refused_in_words() {
    let (_alone, arena, trace) = (alone(), Arena::new(), Trace::default());
    let mut scheduler = scheduler(&arena);
    for rate in [-1.0, f64::NAN, f64::INFINITY, 2e6] {
        assert!(matches!(
            scheduler.add("a", scripted(&trace, stop_at(1)), NodeOptions::at(rate)),
            Err(Error::Options { .. })
        ));
    }
    assert!(scheduler.add("a/b", scripted(&trace, stop_at(1)), NodeOptions::at(1.0)).is_err());
    scheduler.add("a", scripted(&trace, stop_at(1)), NodeOptions::on_topics()).unwrap();
    let twice = scheduler.add("a", scripted(&trace, stop_at(1)), NodeOptions::at(1.0)).unwrap_err();
    assert_eq!(twice.to_string(), "node 'a': another node of this process has that name");
    let never = scheduler.run().unwrap_err();
    assert_eq!(
        never.to_string(),
        "node 'a': it has neither a rate nor topics to wait for, so it would never tick"
    );
}

#[test]
fn a_run_ends_after_its_duration_and_can_be_repeated() {
    let (_alone, arena, trace) = (alone(), Arena::new(), Trace::default());
    let mut scheduler = scheduler(&arena);
    scheduler.add("a", scripted(&trace, stop_at(0)), NodeOptions::at(100.0)).unwrap();
    let begun = std::time::Instant::now();
    for _ in 0..2 {
        scheduler.run_for(Duration::from_millis(45)).unwrap();
    }
    assert!(begun.elapsed() >= Duration::from_millis(90));
    let count = |what: &str| trace.lines().iter().filter(|line| line.starts_with(what)).count();
    assert_eq!((count("init"), count("shutdown")), (2, 2));
    assert!((2..=10).contains(&count("tick")), "at 0, 10, 20, 30, 40 ms of each run, and late ones once");
}

#[test]
fn tools_see_the_node_its_ticks_and_its_missed_ones() {
    let (_alone, arena, trace) = (alone(), Arena::new(), Trace::default());
    let namespace = Namespace::open(&arena.settings()).unwrap();
    let node = {
        let namespace = namespace.clone();
        move || {
            let census = Census::take(&namespace).unwrap();
            census.participants[0].nodes.iter().find(|node| node.name == "slow").unwrap().clone()
        }
    };
    let seen = Arc::new(Mutex::new(None));
    let (look, noted) = (node, seen.clone());
    let mut scheduler = scheduler(&arena);
    let tick = move |context: &mut Context, tick: u64| {
        if tick == 1 {
            std::thread::sleep(Duration::from_millis(35));
        } else {
            *noted.lock().unwrap() = Some(look());
            context.request_stop();
        }
        Ok(())
    };
    scheduler.add("slow", scripted(&trace, tick), NodeOptions::at(100.0)).unwrap();
    scheduler.run().unwrap();
    let node = seen.lock().unwrap().clone().unwrap();
    assert_eq!((node.state, node.rate_hz, node.ticks), (NodeState::Running, 100.0, 1));
    assert!(node.overruns >= 2, "those of 10 and 20 ms: {}", node.overruns);
    assert!(node.tick_max_ns >= 35_000_000);
    assert!(node.deadline_ns > node.tick_began_ns);
}

struct Survivor {
    arena: std::path::PathBuf,
    commands: Option<Publisher<CmdVel>>,
    heard: Option<Subscriber<CmdVel>>,
    epoch: Option<u64>,
    after: u64,
}

impl Node for Survivor {
    fn init(&mut self, context: &mut Context) -> NodeResult {
        (self.commands, self.heard) =
            (Some(context.publisher("cmd_vel")?), Some(context.subscriber("cmd_vel")?));
        Ok(())
    }

    fn tick(&mut self, context: &mut Context) -> NodeResult {
        let (commands, heard) = (self.commands.as_mut().unwrap(), self.heard.as_mut().unwrap());
        commands.send(&CmdVel::default())?;
        // The one that is sent before the subscriber has come back is lost.
        let came_back = self.epoch.is_some_and(|epoch| epoch != context.epoch()) && self.after == 0;
        assert!(heard.recv()?.is_some() || came_back, "what was just sent");
        match self.epoch {
            None => {
                self.epoch = Some(context.epoch());
                std::fs::remove_dir_all(self.arena.join("test"))?;
            }
            Some(epoch) if epoch == context.epoch() => {}
            Some(_) => {
                self.after += 1;
                let census = Census::take(context.participant().namespace())?;
                let node =
                    census.participants.iter().flat_map(|p| &p.nodes).find(|node| node.name == "survivor");
                assert!(node.is_some(), "tools see the node again");
                assert_eq!(census.topics.len(), 1, "and its topic");
                if self.after == 3 {
                    context.request_stop();
                }
            }
        }
        Ok(())
    }
}

#[test]
fn a_process_whose_files_are_removed_comes_back() {
    let (_alone, arena) = (alone(), Arena::new());
    let mut scheduler = scheduler(&arena);
    let survivor =
        Survivor { arena: arena.folder.clone(), commands: None, heard: None, epoch: None, after: 0 };
    scheduler.add("survivor", survivor, NodeOptions::at(50.0)).unwrap();
    scheduler.run().unwrap();
}
