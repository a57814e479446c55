//! What a newcomer gets: what is sent after it joined, and what the living keep latched.

use crate::actor::desk::spec;
use crate::actor::{Actor, NAMESPACE, expect_nothing_left, settings};
use crate::process::{Cue, Role, ShmFolder};
use horus_shm::{Error, Language, Namespace, Participant, Publisher, PublisherOptions, Settings, TopicName};

#[test]
fn a_late_joiner_gets_only_what_is_sent_after() {
    let folder = ShmFolder::new();
    let mut publisher = Actor::start(&folder);
    publisher.ask("pub p t T");
    for bytes in [24, 5000] {
        publisher.ask(&format!("send p 0 10 {bytes}"));
        let mut readers: Vec<Actor> = ["T", "-"]
            .into_iter()
            .map(|kind| {
                let mut reader = Actor::start(&folder);
                reader.ask(&format!("sub s t {kind}"));
                assert_eq!(reader.ask("take s"), "");
                assert_eq!(reader.ask("latest s"), "");
                reader
            })
            .collect();
        publisher.ask(&format!("send p 10 3 {bytes}"));
        for reader in &mut readers {
            assert_eq!(reader.ask("take s"), "10 11 12");
            assert_eq!(reader.ask("counts s"), "3 0 0");
        }
        readers.into_iter().for_each(Actor::finish);
    }
    publisher.finish();
    expect_nothing_left(&folder);
}

#[test]
fn a_late_joiner_gets_the_newest_latched_message_of_each_living_publisher() {
    let folder = ShmFolder::new();
    let mut publishers: Vec<Actor> = (0..4).map(|_| Actor::start(&folder)).collect();
    for (index, publisher) in publishers.iter_mut().enumerate() {
        let latched = if index == 1 { "" } else { "latched" };
        publisher.ask(&format!("pub p t T {latched}"));
        // The last one keeps a block.
        let bytes = if index == 3 { 9000 } else { 24 };
        publisher.ask(&format!("send p {} 3 {bytes}", 10 * index));
    }
    let mut reader = Actor::start(&folder);
    reader.ask("sub s t -");
    assert_eq!(reader.ask("take s"), "2 22 32", "not of the one that doesn't latch");
    assert_eq!(reader.ask("counts s"), "3 0 0");
    // Closed in good order, and killed.
    publishers[0].ask("close p");
    publishers.remove(2).kill();
    let mut reader = Actor::start(&folder);
    reader.ask("sub s t T");
    assert_eq!(reader.ask("take s"), "32", "of the one that still lives");
    // A new owner of the lane keeps nothing of the one before.
    let mut successor = Actor::start(&folder);
    successor.ask("pub p t T latched");
    let mut reader = Actor::start(&folder);
    reader.ask("sub s t T");
    assert_eq!(reader.ask("take s"), "32");
    successor.ask("send p 50 1 24");
    let mut reader = Actor::start(&folder);
    reader.ask("sub s t T");
    reader.ask("sub newest t T");
    assert_eq!(reader.ask("latest newest"), "50", "the newest of all");
    assert_eq!(reader.ask("counts newest"), "1 0 0", "what was passed over was sent before it joined");
    assert_eq!(reader.ask("take s"), "32 50");
}

#[test]
fn nothing_of_a_restarted_publisher_is_old() {
    let folder = ShmFolder::new();
    for latched in ["", "latched"] {
        let mut first = Actor::start(&folder);
        first.ask(&format!("pub p t T {latched}"));
        first.ask("send p 0 20 24");
        first.kill();
        let mut second = Actor::start(&folder);
        second.ask(&format!("pub p t T {latched}"));
        let mut reader = Actor::start(&folder);
        reader.ask("sub s t T");
        assert_eq!(reader.ask("take s"), "", "a restarted robot must not act on an old command");
        second.ask("send p 100 2 24");
        assert_eq!(reader.ask("take s"), "100 101");
        reader.finish();
        second.finish();
    }
    expect_nothing_left(&folder);
}

/// Role: opens as many publishers as told, says so, and stays.
pub(crate) fn fill_lanes(cue: &mut Cue) {
    let count = cue.argument::<usize>();
    let namespace = Namespace::open(&Settings::from_env()).expect("the parent made the root");
    let participant = Participant::join(&namespace, Language::Rust).expect("joins");
    let topic = TopicName::new("full").expect("a name");
    let publishers: Vec<Publisher> = (0..count)
        .map(|_| Publisher::open(&participant, &topic, &spec("T"), PublisherOptions::default()))
        .collect::<Result<_, _>>()
        .expect("64 lanes for all");
    cue.stay();
    drop(publishers);
}

#[test]
fn the_65th_publisher_is_told_who_the_64_are() {
    let folder = ShmFolder::new();
    let fill = |count: usize| {
        let mut child = Role::new("fill_lanes").shm(&folder, NAMESPACE).argument(count).spawn();
        child.expect("ready");
        child
    };
    let (one, many) = (fill(1), fill(63));
    let (namespace, topic) =
        (Namespace::open(&settings(&folder)).expect("ours"), TopicName::new("full").expect("a name"));
    let participant = Participant::join(&namespace, Language::Rust).expect("joins");
    let open = || Publisher::open(&participant, &topic, &spec("T"), PublisherOptions::default());
    let Err(Error::LanesFull { topic: named, mut pids }) = open() else { panic!("all lanes are taken") };
    pids.sort_unstable();
    let mut expected = vec![many.pid(); 63];
    expected.push(one.pid());
    expected.sort_unstable();
    assert_eq!((named.as_str(), pids), ("full", expected));
    // One of them dies: its lane is free at once, with no cleaning between.
    drop(one);
    let publisher = open().expect("the dead one's lane");
    assert!(matches!(open(), Err(Error::LanesFull { .. })));
    drop((publisher, participant));
    many.finish();
    expect_nothing_left(&folder);
}

#[test]
fn a_restarted_publisher_wakes_who_slept_through_its_death() {
    let folder = ShmFolder::new();
    let mut reader = Actor::start(&folder);
    reader.ask("sub s t T");
    let mut first = Actor::start(&folder);
    first.ask("pub p t T");
    first.ask("send p 0 1 24");
    assert_eq!(reader.ask("take s"), "0");
    reader.begin("wait s");
    crate::actor::until_asleep(&reader);
    first.kill();
    let mut second = Actor::start(&folder);
    second.ask("pub p t T");
    second.ask("send p 1 1 24");
    assert_eq!(reader.answer(), "true");
    assert_eq!(reader.ask("take s"), "1");
    [reader, second].into_iter().for_each(Actor::finish);
    expect_nothing_left(&folder);
}

#[test]
fn two_participants_of_one_process_are_two() {
    let folder = ShmFolder::new();
    let root = horus_shm::Root::open(&settings(&folder)).expect("ours");
    let threads: Vec<_> = ["one", "two"]
        .into_iter()
        .map(|name| {
            let namespace = root.namespace(&horus_shm::NamespaceName::new(name).expect("a name"));
            std::thread::spawn(move || {
                let participant = Participant::join(&namespace, Language::Rust).expect("joins");
                let again = Participant::join(&namespace, Language::Python).expect("joins");
                assert_eq!(participant.id(), again.id(), "one for a process and namespace");
                let topic = TopicName::new("t").expect("a name");
                let mut publisher =
                    Publisher::open(&participant, &topic, &spec("T"), PublisherOptions::default())
                        .expect("opens");
                let mut subscriber =
                    horus_shm::Subscriber::open(&participant, &topic, None, Default::default())
                        .expect("opens");
                for number in 0..1000u64 {
                    publisher.send(&number.to_le_bytes()).expect("sends");
                    let received = subscriber.recv().expect("whole").expect("there");
                    assert_eq!(received.sequence, number, "nothing comes from the other namespace");
                }
                participant.id()
            })
        })
        .collect();
    let ids: Vec<u64> = threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
    assert_ne!(ids[0], ids[1]);
    expect_nothing_left(&folder);
}
