//! A thousand topics in a process, and hundreds of processes at a topic.

use crate::actor::desk::spec;
use crate::actor::{NAMESPACE, expect_nothing_left, message, settings};
use crate::process::{Child, Cue, Role, ShmFolder, until};
use horus_shm::{
    Census, Language, Namespace, Participant, Payload, Publisher, Settings, Subscriber, TopicName, WaitSet,
    Woken,
};

const TOPICS: usize = 1000;

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("there on Linux").count()
}

fn shm_mappings() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("there on Linux");
    maps.lines().filter(|line| line.contains("/dev/shm/")).count()
}

fn number_of(subscriber: &mut Subscriber) -> u64 {
    let received = subscriber.recv().expect("nothing is damaged").expect("just sent");
    let Payload::Inline(bytes) = received.payload else { panic!("it fits a slot") };
    message::read(bytes).1
}

/// Role: a publisher and a subscriber on each of a thousand topics.
pub(crate) fn topics(cue: &mut Cue) {
    let namespace = Namespace::open(&Settings::from_env()).expect("given by the parent");
    let here = Participant::join(&namespace, Language::Rust).expect("there is room");
    let name = |index: usize| TopicName::new(&format!("many.{index}")).expect("a name");
    let before = (open_files(), shm_mappings());
    let mut subscribers: Vec<Subscriber> = (0..TOPICS)
        .map(|index| {
            Subscriber::open(&here, &name(index), Some(&spec("T")), Default::default()).expect("room")
        })
        .collect();
    let mut publishers: Vec<Publisher> = (0..TOPICS)
        .map(|index| Publisher::open(&here, &name(index), &spec("T"), Default::default()).expect("room"))
        .collect();
    assert_eq!(open_files(), before.0, "no topic keeps a descriptor");
    for (index, publisher) in publishers.iter_mut().enumerate() {
        publisher.send_with(24, |out| message::write(out, 1, index as u64)).expect("there is room");
    }
    for (index, subscriber) in subscribers.iter_mut().enumerate() {
        assert_eq!(number_of(subscriber), index as u64);
    }
    // All of them can be waited for at once, and any of them wakes.
    let mut set = WaitSet::new();
    for index in [0, 127, 500, TOPICS - 1] {
        std::thread::scope(|scope| {
            let publisher = &mut publishers[index];
            scope.spawn(move || {
                publisher.send_with(24, |out| message::write(out, 1, 7)).expect("there is room");
            });
            let mut all: Vec<&mut Subscriber> = subscribers.iter_mut().collect();
            while set.wait(&mut all, None).expect("nothing is damaged") != Woken::Topic {}
            assert_eq!(number_of(all[index]), 7);
        });
    }
    let census = Census::take(&namespace).expect("can be read");
    assert_eq!((census.topics.len(), census.faults.len()), (TOPICS, 0));
    cue.say(&format!("{} mappings for {TOPICS} topics", shm_mappings() - before.1));
    drop((set, publishers, subscribers));
    assert_eq!((open_files(), shm_mappings()), before);
    horus_shm::clean(namespace.root(), None, &Default::default()).expect("cleans");
    assert_eq!(Census::take(&namespace).expect("can be read").topics.len(), 0);
    cue.say("done");
}

#[test]
fn a_thousand_topics_keep_no_descriptor_and_leave_no_mapping() {
    let folder = ShmFolder::new();
    let mut child = Role::new("topics").shm(&folder, NAMESPACE).spawn();
    println!("{}", child.hears());
    child.expect("done");
    child.finish();
    expect_nothing_left(&folder);
}

/// Messages of each process that sends.
const EACH: u64 = 10;

/// Role: `<senders> <sends>`. Joins, receives what all senders send, and sends its own part if it is one.
pub(crate) fn one_of_many(cue: &mut Cue) {
    let (senders, sends): (u64, bool) = (cue.argument(), cue.argument());
    let namespace = Namespace::open(&Settings::from_env()).expect("given by the parent");
    let here = Participant::join(&namespace, Language::Rust).expect("there is room");
    let topic = TopicName::new("all").expect("a name");
    let mut subscriber =
        Subscriber::open(&here, &topic, Some(&spec("T")), Default::default()).expect("there is room");
    let mut publisher =
        sends.then(|| Publisher::open(&here, &topic, &spec("T"), Default::default()).expect("a lane"));
    cue.say("ready");
    cue.wait_for("go");
    let sender = u64::from(std::process::id());
    for number in 0..EACH {
        if let Some(publisher) = &mut publisher {
            publisher.send_with(24, |out| message::write(out, sender, number)).expect("there is room");
        }
    }
    let mut sum = 0;
    while subscriber.received() < senders * EACH {
        subscriber.wait(None).expect("nothing is damaged");
        while let Some(received) = subscriber.recv().expect("nothing is damaged") {
            let Payload::Inline(bytes) = received.payload else { panic!("it fits a slot") };
            sum += message::read(bytes).1;
        }
    }
    assert_eq!(sum, senders * EACH * (EACH - 1) / 2);
    cue.say(&format!("{} {}", subscriber.received(), subscriber.dropped()));
    // Until all are through.
    while cue.listen().is_some() {}
}

#[test]
fn hundreds_of_processes_at_one_topic_get_every_message() {
    let folder = ShmFolder::new();
    let count = crate::wanted("HORUS_PROCESSES", 128);
    let senders = count / 8;
    let start = |index: u64| {
        let role = Role::new("one_of_many").shm(&folder, NAMESPACE);
        role.argument(senders).argument(index.is_multiple_of(8)).spawn()
    };
    let mut children: Vec<Child> = (0..count).map(start).collect();
    children.iter_mut().for_each(|child| child.expect("ready"));
    let namespace = Namespace::open(&settings(&folder)).expect("the root is ours");
    let census = Census::take(&namespace).expect("can be read");
    assert_eq!(census.participants.iter().filter(|info| info.alive).count() as u64, count);
    assert_eq!(census.topics[0].lanes.len() as u64, senders);
    children.iter_mut().for_each(|child| child.tell("go"));
    for child in &mut children {
        child.expect(&format!("{} 0", senders * EACH));
    }
    // Half of them are killed: the others see that at once.
    let living = children.split_off(count as usize / 2);
    children.into_iter().for_each(|mut child| child.kill());
    until("the dead are seen as such", || {
        let census = Census::take(&namespace).expect("can be read");
        census.participants.iter().filter(|info| info.alive).count() as u64 == count - count / 2
    });
    living.into_iter().for_each(Child::finish);
    expect_nothing_left(&folder);
}
