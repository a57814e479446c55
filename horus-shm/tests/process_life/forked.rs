//! A child forked from a participant is nobody until it uses something, and then somebody of its own.

use crate::actor::desk::spec;
use crate::actor::{NAMESPACE, expect_nothing_left, message};
use crate::process::{Cue, Role, ShmFolder};
use horus_shm::{
    Census, Language, Namespace, NodeName, NodeSpec, Participant, Payload, Publisher, PublisherOptions,
    Settings, Subscriber, SubscriberOptions, TopicName,
};
use nix::libc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Runs `play` in a forked child and returns whether it ended well. The child may use everything only because no
/// other thread of this process exists, or none that holds what it needs.
fn in_child(play: impl FnOnce()) -> bool {
    // SAFETY: the child's code takes no lock that another thread may have held, and ends with `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(play));
        // SAFETY: ends the child without running anything of the parent's.
        unsafe { libc::_exit(i32::from(outcome.is_err())) };
    }
    assert!(child > 0, "forked");
    let mut status = 0;
    // SAFETY: waits for our own child and writes to a local.
    let waited = unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(waited, child);
    status == 0
}

fn number(received: horus_shm::Received<'_>) -> u64 {
    match received.payload {
        Payload::Inline(bytes) => message::read(bytes).1,
        Payload::Block { block, .. } => message::read(block.bytes()).1,
    }
}

fn send(publisher: &mut Publisher, number: u64, bytes: usize) {
    publisher.send_with(bytes, |out| message::write(out, 1, number)).expect("sends");
}

fn joined() -> (Namespace, Arc<Participant>) {
    let namespace = Namespace::open(&Settings::from_env()).expect("the parent made the root");
    let participant = Participant::join(&namespace, Language::Rust).expect("joins");
    (namespace, participant)
}

/// Role: forks with a publisher, subscribers, a node and a held block, and looks at both sides.
pub(crate) fn fork(cue: &mut Cue) {
    let (namespace, participant) = joined();
    let topic = TopicName::new("t").expect("a name");
    let mut publisher =
        Publisher::open(&participant, &topic, &spec("T"), PublisherOptions::default()).expect("opens");
    let mut subscriber =
        Subscriber::open(&participant, &topic, Some(&spec("T")), SubscriberOptions::default())
            .expect("opens");
    let mut untyped =
        Subscriber::open(&participant, &topic, None, SubscriberOptions::default()).expect("opens");
    let mut node = participant
        .add_node(&NodeName::new("node").expect("a name"), NodeSpec { rate_hz: 1.0 })
        .expect("enters");
    send(&mut publisher, 0, 9000);
    let Some(Payload::Block { block, .. }) = untyped.recv().expect("whole").map(|received| received.payload)
    else {
        panic!("it is in a block")
    };
    // A child that only drops what it has.
    let parent = participant.id();
    assert!(in_child(|| drop((publisher_of(&participant), block_bytes(&block)))), "reads what is held");
    // A child that goes on with everything.
    let used = in_child(|| {
        assert_eq!(message::read(block.bytes()).1, 0, "a held block stays readable");
        node.tick_begin(1, 0);
        node.tick_end(2);
        assert_eq!(subscriber.recv().expect("whole").map(number), None, "the child's own begins now");
        send(&mut publisher, 1000, 24);
        send(&mut publisher, 1001, 9000);
        assert_eq!(subscriber.recv().expect("whole").map(number), Some(1000));
        assert_eq!(subscriber.recv().expect("whole").map(number), Some(1001));
        assert!(!subscriber.wait(Some(std::time::Duration::from_millis(1))).expect("nothing is damaged"));
        assert_ne!(subscriber.participant().id(), parent, "somebody of its own");
        assert_eq!(publisher.participant().id(), subscriber.participant().id());
        let pids: Vec<u32> = living(&namespace);
        assert_eq!(pids.len(), 2, "{pids:?}");
        let own = Participant::join(&namespace, Language::Rust).expect("joins");
        assert_eq!(own.id(), subscriber.participant().id());
        // A grandchild as well.
        assert!(in_child(|| {
            send(&mut publisher, 2000, 24);
            assert_ne!(publisher.participant().id(), own.id());
        }));
    });
    assert!(used, "the child went on with everything");
    // The parent goes on as if nothing had been: same participant, same lane, every message of the others.
    assert_eq!(living(&namespace).len(), 1, "dead children don't live on as the parent");
    send(&mut publisher, 1, 24);
    let mut numbers = Vec::new();
    while let Some(received) = subscriber.recv().expect("whole") {
        numbers.push(number(received));
    }
    assert_eq!(numbers, [0, 1000, 1001, 2000, 1]);
    assert_eq!((publisher.sent(), subscriber.dropped()), (2, 0));
    assert_eq!(message::read(block.bytes()).1, 0);
    let nodes: Vec<u64> = Census::take(&namespace)
        .expect("can be read")
        .participants
        .iter()
        .filter(|info| info.id == parent)
        .flat_map(|info| info.nodes.iter().map(|node| node.ticks))
        .collect();
    assert_eq!(nodes, [0], "the child's ticks are not its parent's");
    drop((publisher, subscriber, untyped, node, block, participant));
    cue.say("done");
}

fn publisher_of(participant: &Arc<Participant>) -> Arc<Participant> {
    participant.clone()
}

fn block_bytes(block: &horus_shm::PinnedBlock) -> u64 {
    message::read(block.bytes()).1
}

fn living(namespace: &Namespace) -> Vec<u32> {
    let census = Census::take(namespace).expect("can be read");
    census.participants.iter().filter(|info| info.alive).map(|info| info.pid).collect()
}

/// Role: forks again and again while a thread opens, closes, joins and leaves; the children live on.
pub(crate) fn fork_often(cue: &mut Cue) {
    let (namespace, participant) = joined();
    let (ended, rounds_of_all) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut children = Vec::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|thread| {
                let (namespace, participant) = (&namespace, &participant);
                let (ended, rounds_of_all) = (&ended, &rounds_of_all);
                scope.spawn(move || {
                    let other = horus_shm::NamespaceName::new(&format!("other{thread}")).expect("a name");
                    let other = namespace.root().namespace(&other);
                    let mut rounds = 0u64;
                    while !ended.load(Ordering::Relaxed) {
                        let topic = TopicName::new(&format!("t{thread}.{}", rounds % 3)).expect("a name");
                        let spec = spec(if rounds.is_multiple_of(2) { "V1" } else { "V2" });
                        let mut publisher =
                            Publisher::open(participant, &topic, &spec, PublisherOptions::default())
                                .expect("opens");
                        let subscriber =
                            Subscriber::open(participant, &topic, None, SubscriberOptions::default())
                                .expect("opens");
                        send(&mut publisher, rounds, if rounds.is_multiple_of(5) { 5000 } else { 24 });
                        drop((publisher, subscriber));
                        drop(Participant::join(&other, Language::Rust).expect("joins"));
                        rounds += 1;
                        rounds_of_all.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for round in 0..150 {
            // Each in the middle of another round.
            crate::process::until("the threads go on", || rounds_of_all.load(Ordering::Relaxed) >= round);
            // SAFETY: the child only sleeps until it is killed.
            let child = unsafe { libc::fork() };
            if child == 0 {
                // SAFETY: sets what the kernel does to this process at its parent's end, whatever that is.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
                loop {
                    // SAFETY: touches no memory.
                    unsafe { libc::pause() };
                }
            }
            assert!(child > 0, "forked");
            children.push(child);
        }
        ended.store(true, Ordering::Relaxed);
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    });
    drop(participant);
    // What a child holds it holds now, and nobody else is here.
    let options =
        horus_shm::CleanOptions { patience: std::time::Duration::from_secs(1), ..Default::default() };
    let report = horus_shm::clean(namespace.root(), None, &options).expect("cleans");
    let left = namespace.root().namespaces().expect("can be read");
    for child in children {
        // SAFETY: our own children, neither reaped yet.
        unsafe {
            libc::kill(child, libc::SIGKILL);
            libc::waitpid(child, std::ptr::null_mut(), 0);
        }
    }
    assert!(!report.busy && left.is_empty(), "held by forked children: {left:?} {report:?}");
    cue.say("done");
}

#[test]
fn a_forked_child_joins_anew_and_its_parent_goes_on() {
    let folder = ShmFolder::new();
    let mut child = Role::new("fork").shm(&folder, NAMESPACE).spawn();
    child.expect("done");
    child.finish();
    expect_nothing_left(&folder);
}

#[test]
fn children_forked_in_the_middle_of_everything_hold_nothing() {
    let folder = ShmFolder::new();
    let mut child = Role::new("fork_often").shm(&folder, NAMESPACE).spawn();
    child.expect("done");
    child.finish();
    expect_nothing_left(&folder);
}
