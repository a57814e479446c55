//! 32 publishers and 32 subscribers in the threads of one process: on one topic together, and on topics of their own.

use crate::actor::desk::spec;
use crate::actor::{NAMESPACE, expect_nothing_left, message};
use crate::process::{Cue, Role, ShmFolder};
use horus_shm::{
    Census, Language, Namespace, Participant, Payload, Publisher, Received, Settings, Subscriber, TopicName,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};

/// Publishers, and as many subscribers, of the topic that all share, and of topics of their own.
const EACH: usize = 16;

fn size_of(number: u64) -> usize {
    match number % 8 {
        0 => 5000,
        1 => 70_000,
        _ => 24,
    }
}

fn send_all(here: &Arc<Participant>, topic: &TopicName, sender: u64, count: u64, ready: &Barrier) {
    let mut publisher = Publisher::open(here, topic, &spec("T"), Default::default()).expect("there is room");
    ready.wait();
    for number in 0..count {
        publisher
            .send_with(size_of(number), |out| message::write(out, sender, number))
            .expect("there is room");
        if number % 16 == 15 {
            std::thread::yield_now();
        }
    }
}

/// Receives until each of `total` messages is accounted for; every one whole, and those of a sender in order.
fn receive_all(here: &Arc<Participant>, topic: &TopicName, typed: bool, total: u64, ready: &Barrier) {
    let wanted = spec("T");
    let mut subscriber =
        Subscriber::open(here, topic, typed.then_some(&wanted), Default::default()).expect("there is room");
    ready.wait();
    let mut last: HashMap<u64, u64> = HashMap::new();
    while subscriber.received() + subscriber.dropped() < total {
        subscriber.wait(None).expect("nothing is damaged");
        while let Some(received) = subscriber.recv().expect("nothing is damaged") {
            let (sender, number) = read(&received);
            let before = last.insert(sender, number);
            assert!(before.is_none_or(|before| before < number), "{number} of {sender} after {before:?}");
        }
    }
    assert_eq!(subscriber.received() + subscriber.dropped(), total);
    assert_eq!(subscriber.skipped(), 0);
}

fn read(received: &Received<'_>) -> (u64, u64) {
    match &received.payload {
        Payload::Inline(bytes) => message::read(bytes),
        Payload::Block { block, .. } => message::read(block.bytes()),
    }
}

/// Role: `<count>`. All threads send or receive `count` messages each, while one more opens, closes and looks around.
pub(crate) fn threads(cue: &mut Cue) {
    let count: u64 = cue.argument();
    let namespace = Namespace::open(&Settings::from_env()).expect("given by the parent");
    let here = Participant::join(&namespace, Language::Rust).expect("there is room");
    let shared = TopicName::new("shared").expect("a name");
    let own = |index: usize| TopicName::new(&format!("own.{index}")).expect("a name");
    // A topic's first publisher makes it; who is untyped must find it to count from its beginning.
    let _makers: Vec<Publisher> = std::iter::once(shared.clone())
        .chain((0..EACH).map(own))
        .map(|topic| Publisher::open(&here, &topic, &spec("T"), Default::default()).expect("there is room"))
        .collect();
    let (ready, done) = (Barrier::new(4 * EACH), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for index in 0..EACH {
            let (here, ready, shared, own) = (&here, &ready, &shared, own(index));
            let theirs = own.clone();
            threads.push(scope.spawn(move || send_all(here, shared, index as u64, count, ready)));
            threads.push(
                scope.spawn(move || receive_all(here, shared, index % 2 == 0, EACH as u64 * count, ready)),
            );
            threads.push(scope.spawn(move || send_all(here, &own, 100 + index as u64, count, ready)));
            threads.push(scope.spawn(move || receive_all(here, &theirs, index % 2 == 1, count, ready)));
        }
        let passer = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                drop(Publisher::open(&here, &own(0), &spec("T"), Default::default()).expect("a free lane"));
                drop(Subscriber::open(&here, &shared, None, Default::default()).expect("there is room"));
                let census = Census::take(&namespace).expect("can be read");
                assert!(census.faults.is_empty(), "{:?}", census.faults);
            }
        });
        let ends: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        done.store(true, Ordering::Relaxed);
        passer.join().expect("it only passes by");
        assert!(ends.iter().all(Result::is_ok), "see above");
    });
    cue.say("done");
}

#[test]
fn thirty_two_publishers_and_subscribers_in_one_process_account_for_every_message() {
    let folder = ShmFolder::new();
    let count = crate::wanted("HORUS_THREAD_MESSAGES", 300);
    let mut child = Role::new("threads").shm(&folder, NAMESPACE).argument(count).spawn();
    child.expect("done");
    child.finish();
    expect_nothing_left(&folder);
}
