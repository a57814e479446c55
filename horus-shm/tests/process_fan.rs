//! Sixteen publishers and 64 subscribers in eight processes: every message is accounted for, per publisher.
//!
//! Each publisher's lane numbers its messages, so a subscriber can tell from what it got how many it missed of whom;
//! the sum has to be what the transport says it dropped, and nothing may be missing at the ends.

#[path = "actor/mod.rs"]
mod actor;
#[path = "process/mod.rs"]
mod process;

use actor::{NAMESPACE, expect_nothing_left, message};
use horus_shm::{
    Language, Namespace, Participant, Payload, Publisher, PublisherOptions, Received, Settings, Subscriber,
    SubscriberOptions, TopicName, stop,
};
use process::{Child, Cue, Role, ShmFolder};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

roles! { "publishers" => publishers, "subscribers" => subscribers }

const PUBLISHER_PROCESSES: u64 = 4;
const PUBLISHERS_EACH: u64 = 4;
const PUBLISHERS: u64 = PUBLISHER_PROCESSES * PUBLISHERS_EACH;
const SUBSCRIBER_PROCESSES: usize = 4;
const SUBSCRIBERS_EACH: usize = 16;
/// What each publisher sends before and after the second half of the subscribers joins.
const EARLY: u64 = 300;
const LATE: u64 = 700;
const TOPIC: &str = "fan.out";

fn joined() -> Arc<Participant> {
    let namespace = Namespace::open(&Settings::from_env()).expect("the parent made the root");
    Participant::join(&namespace, Language::Rust).expect("joins")
}

/// Mostly inline, some in blocks of 4 KiB, few in larger ones.
fn size_of(number: u64) -> usize {
    match number % 50 {
        7 => 3000,
        23 => 100,
        49 => 20_000,
        small => message::SMALLEST + small as usize % 41,
    }
}

/// Role: `<first publisher's number>`. Four threads, each with a publisher; sends `EARLY` when told `early`, then `LATE`.
fn publishers(cue: &mut Cue) {
    let first = cue.argument::<u64>();
    let participant = joined();
    let topic = TopicName::new(TOPIC).expect("a name");
    let phase = Barrier::new(PUBLISHERS_EACH as usize + 1);
    std::thread::scope(|scope| {
        for sender in first..first + PUBLISHERS_EACH {
            let (participant, topic, phase) = (&participant, &topic, &phase);
            scope.spawn(move || {
                let spec = actor::desk::spec("Fan");
                let mut publisher =
                    Publisher::open(participant, topic, &spec, PublisherOptions::default()).expect("a lane");
                for numbers in [0..EARLY, EARLY..EARLY + LATE] {
                    phase.wait();
                    phase.wait();
                    for number in numbers {
                        publisher
                            .send_with(size_of(number), |out| message::write(out, sender, number))
                            .expect("memory is there");
                    }
                }
                assert_eq!(publisher.sent(), EARLY + LATE);
            });
        }
        phase.wait();
        cue.say("open");
        cue.wait_for("early");
        phase.wait();
        phase.wait();
        cue.say("sent early");
        cue.wait_for("late");
        phase.wait();
    });
    // Each thread closed its publisher; leaving now must not take what others haven't read.
    drop(participant);
    cue.say("left");
    while cue.listen().is_some() {}
}

/// Set once all publishers have sent everything.
static ALL_SENT: AtomicBool = AtomicBool::new(false);

/// Role: `<typed|untyped> <messages per publisher that are for it>`. Sixteen threads, each with a subscriber.
fn subscribers(cue: &mut Cue) {
    let typed = cue.argument::<String>() == "typed";
    let expected = cue.argument::<u64>();
    let participant = joined();
    let all_open = Barrier::new(SUBSCRIBERS_EACH + 1);
    std::thread::scope(|scope| {
        for index in 0..SUBSCRIBERS_EACH {
            let (participant, all_open) = (&participant, &all_open);
            scope.spawn(move || {
                let topic = TopicName::new(TOPIC).expect("a name");
                let spec = actor::desk::spec("Fan");
                let spec = typed.then_some(&spec);
                let mut subscriber =
                    Subscriber::open(participant, &topic, spec, SubscriberOptions::default()).expect("opens");
                all_open.wait();
                follow(&mut subscriber, index).check(&subscriber, expected);
            });
        }
        all_open.wait();
        cue.say("open");
        cue.wait_for("all sent");
        // Release: pairs with the Acquire load in `follow`: what was sent before is seen by the look after it.
        ALL_SENT.store(true, Ordering::Release);
        stop::request();
    });
    cue.say("all accounted for");
}

/// What a subscriber got of each publisher.
#[derive(Debug)]
struct Tally {
    /// Of each publisher: the lane, the first and the last number, how many there were, how many were in between.
    senders: Vec<Option<Sender>>,
    received: u64,
    /// It reads only the newest.
    latest: bool,
}

#[derive(Clone, Copy, Debug)]
struct Sender {
    lane: u8,
    first: u64,
    last: u64,
    missed_between: u64,
}

/// Receives until all was sent and nothing is left. Every fourth subscriber reads only the newest, every other one polls.
fn follow(subscriber: &mut Subscriber, index: usize) -> Tally {
    let latest = index % 4 == 3;
    let mut tally = Tally { senders: vec![None; PUBLISHERS as usize], received: 0, latest };
    loop {
        // Acquire: pairs with the Release store of the role.
        let ended = ALL_SENT.load(Ordering::Acquire);
        let received = if latest { subscriber.recv_latest() } else { subscriber.recv() };
        match received.expect("nothing is damaged") {
            Some(received) => tally.add(&received),
            None if ended => return tally,
            None if index.is_multiple_of(2) => std::thread::yield_now(),
            None => {
                subscriber.wait(Some(Duration::from_millis(20))).expect("nothing is damaged");
            }
        }
    }
}

impl Tally {
    fn add(&mut self, received: &Received<'_>) {
        self.received += 1;
        let (sender, number) = match &received.payload {
            Payload::Inline(bytes) => message::read(bytes),
            Payload::Block { block, meta } => {
                assert!(meta.is_empty());
                message::read(block.bytes())
            }
        };
        assert_eq!(received.sequence, number, "the lane had no publisher before");
        let known = &mut self.senders[sender as usize];
        match known {
            None => {
                *known = Some(Sender { lane: received.lane, first: number, last: number, missed_between: 0 });
            }
            Some(known) => {
                assert_eq!(known.lane, received.lane, "a publisher keeps its lane");
                assert!(number > known.last, "{number} after {} of {sender}", known.last);
                known.missed_between += number - known.last - 1;
                known.last = number;
            }
        }
    }

    /// Compares with what the subscriber counted, and with what was sent to it: the last `expected` of each publisher.
    fn check(&self, subscriber: &Subscriber, expected: u64) {
        let end = EARLY + LATE;
        let begin = end - expected;
        let (received, dropped, skipped) =
            (subscriber.received(), subscriber.dropped(), subscriber.skipped());
        assert_eq!(received, self.received);
        assert_eq!(received + dropped + skipped, PUBLISHERS * expected, "{self:?} {dropped} {skipped}");
        let senders: Vec<Sender> = self.senders.iter().flatten().copied().collect();
        assert!(senders.iter().all(|sender| sender.first >= begin), "only what was sent after it joined");
        let newest = senders.iter().map(|sender| sender.last).max();
        assert_eq!(newest, Some(end - 1), "somebody's newest is there");
        if self.latest {
            return;
        }
        assert_eq!(skipped, 0);
        // A ring's newest message can't be lapped, so nothing is missing at the end.
        assert_eq!(senders.len() as u64, PUBLISHERS);
        assert!(senders.iter().all(|sender| sender.last == end - 1), "{senders:?}");
        let missed: u64 = senders.iter().map(|sender| sender.first - begin + sender.missed_between).sum();
        assert_eq!(missed, dropped, "per publisher, what is missing is what was dropped");
    }
}

fn start(folder: &ShmFolder, role: &str, arguments: &[&str]) -> Child {
    let role =
        arguments.iter().fold(Role::new(role).shm(folder, NAMESPACE), |role, word| role.argument(word));
    role.spawn()
}

#[test]
fn every_message_is_accounted_for() {
    let folder = ShmFolder::new();
    let all = (EARLY + LATE).to_string();
    let late = LATE.to_string();
    let early_subscribers = |kind: &str| start(&folder, "subscribers", &[kind, &all]);
    // In any order: an untyped subscriber before there is a topic, publishers before and after a typed one.
    let mut subscribers = vec![early_subscribers("untyped")];
    let mut publishers: Vec<Child> = Vec::new();
    for process in 0..PUBLISHER_PROCESSES {
        let first = (process * PUBLISHERS_EACH).to_string();
        publishers.push(start(&folder, "publishers", &[&first]));
        if process == 1 {
            subscribers.push(early_subscribers("typed"));
        }
    }
    subscribers.iter_mut().chain(&mut publishers).for_each(|child| child.expect("open"));
    publishers.iter_mut().for_each(|child| child.tell("early"));
    publishers.iter_mut().for_each(|child| child.expect("sent early"));
    while subscribers.len() < SUBSCRIBER_PROCESSES {
        let kind = if subscribers.len() % 2 == 0 { "untyped" } else { "typed" };
        subscribers.push(start(&folder, "subscribers", &[kind, &late]));
    }
    subscribers[2..].iter_mut().for_each(|child| child.expect("open"));
    publishers.iter_mut().for_each(|child| child.tell("late"));
    publishers.iter_mut().for_each(|child| child.expect("left"));
    subscribers.iter_mut().for_each(|child| child.tell("all sent"));
    subscribers.iter_mut().for_each(|child| child.expect("all accounted for"));
    publishers.into_iter().chain(subscribers).for_each(Child::finish);
    expect_nothing_left(&folder);
}
