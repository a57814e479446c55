//! Sleeping across processes: no wake-up is lost, however many topics there are and whichever way the kernel offers.
//!
//! A sleeper without a time looks at nothing by itself, so one lost wake-up is for good, and the watchdog finds it.

#[path = "actor/mod.rs"]
mod actor;
#[path = "process/mod.rs"]
mod process;

use actor::desk::actor as actor_role;
use actor::{Actor, NAMESPACE, expect_nothing_left, message, until_asleep};
use horus_shm::{
    Language, Namespace, Participant, Publisher, PublisherOptions, Settings, Subscriber, SubscriberOptions,
    TopicName, WaitSet, Woken, stop,
};
use nix::libc;
use process::{Cue, Role, ShmFolder};
use rustix::process::Signal;
use std::sync::Arc;

roles! { "actor" => actor_role, "many" => many, "stopped" => stopped, "masked" => masked }

fn joined() -> Arc<Participant> {
    let namespace = Namespace::open(&Settings::from_env()).expect("the parent made the root");
    Participant::join(&namespace, Language::Rust).expect("joins")
}

fn topic(index: usize) -> TopicName {
    TopicName::new(&format!("many.{index}")).expect("a name")
}

/// Sends each of `rounds` numbers from one process to another and back, both asleep meanwhile.
fn ping_pong(change: fn(Role) -> Role, rounds: u64) {
    let folder = ShmFolder::new();
    let mut ping = Actor::with(&folder, change);
    let mut pong = Actor::with(&folder, change);
    ping.ask("sub in back T");
    pong.ask("sub in there T");
    ping.ask("pub out there T");
    pong.ask("pub out back T");
    // One number goes round and round, so each side sleeps until the other has sent.
    ping.begin(&format!("echo in out {rounds}"));
    pong.begin(&format!("echo in out {rounds}"));
    let mut starter = Actor::with(&folder, change);
    starter.ask("pub out there T");
    starter.ask("send out 1 1 24");
    assert_eq!(pong.answer(), format!("{rounds} 0"), "each was received once and none was dropped");
    assert_eq!(ping.answer(), format!("{rounds} 0"));
    [ping, pong, starter].into_iter().for_each(Actor::finish);
    expect_nothing_left(&folder);
}

#[test]
fn no_wake_up_is_lost_in_twenty_thousand() {
    ping_pong(|role| role, 10_000);
}

#[test]
fn no_wake_up_is_lost_on_one_core() {
    // With one core nobody spins: every single message is slept for.
    ping_pong(Role::on_one_core, 10_000);
}

#[test]
fn no_wake_up_is_lost_without_waiting_for_several_words() {
    ping_pong(without_waitv, 500);
}

fn without_waitv(role: Role) -> Role {
    role.environment("HORUS_FUTEX_WAITV", "0")
}

const MASKED_ROLES: [fn(Role) -> Role; 2] =
    [|role| role.without_waitv(libc::ENOSYS), |role| role.without_waitv(libc::EPERM)];

/// How kernels before 5.16 and sandboxes refuse the call.
const MASKED: [i32; 2] = [libc::ENOSYS, libc::EPERM];

#[test]
fn no_wake_up_is_lost_where_the_kernel_refuses_to_wait_for_several_words() {
    for errno in MASKED {
        let folder = ShmFolder::new();
        let mut child = Role::new("masked").shm(&folder, NAMESPACE).without_waitv(errno).spawn();
        child.expect("false");
        child.finish();
    }
    ping_pong(|role| role.without_waitv(libc::ENOSYS), 500);
}

/// Role: says whether it can wait for several words at once.
fn masked(cue: &mut Cue) {
    cue.say(&horus_shm::has_waitv().to_string());
}

/// Role: `<count>`. Waits for all topics in one set; says which one woke it, until stopped.
fn many(cue: &mut Cue) {
    let count = cue.argument::<usize>();
    let participant = joined();
    let spec = actor::desk::spec("T");
    let mut subscribers: Vec<Subscriber> = (0..count)
        // Every third one waits for a topic that isn't there yet.
        .map(|index| {
            let wanted = (index % 3 != 0).then_some(&spec);
            Subscriber::open(&participant, &topic(index), wanted, SubscriberOptions::default())
        })
        .collect::<Result<_, _>>()
        .expect("opens");
    cue.say("waiting");
    let mut set = WaitSet::new();
    loop {
        let mut all: Vec<&mut Subscriber> = subscribers.iter_mut().collect();
        match set.wait(&mut all, None).expect("nothing is damaged") {
            Woken::Topic => {
                for (index, subscriber) in subscribers.iter_mut().enumerate() {
                    while let Some(received) = subscriber.recv().expect("nothing is damaged") {
                        let horus_shm::Payload::Inline(bytes) = received.payload else {
                            panic!("small messages stand in the ring")
                        };
                        let (_, number) = message::read(bytes);
                        cue.say(&format!("{index} {number}"));
                        if number == u64::MAX {
                            return;
                        }
                    }
                }
            }
            Woken::Interrupted => {}
            other => panic!("{other:?} without a deadline or a request"),
        }
    }
}

fn wait_for_many(count: usize, change: fn(Role) -> Role) {
    let folder = ShmFolder::new();
    let mut waiting = change(Role::new("many").shm(&folder, NAMESPACE).argument(count)).spawn();
    waiting.expect("waiting");
    let namespace = Namespace::open(&actor::settings(&folder)).expect("the root is ours");
    let participant = Participant::join(&namespace, Language::Rust).expect("joins");
    let spec = actor::desk::spec("T");
    let mut publishers: Vec<Publisher> = Vec::new();
    // First one by one, each sent only once the one before has woken it; half of them are new topics for it.
    let chosen: Vec<usize> =
        [0, 1, count / 2, count - 2, count - 1].into_iter().chain((3..count).step_by(17)).collect();
    for (round, index) in chosen.iter().enumerate() {
        let mut publisher =
            Publisher::open(&participant, &topic(*index), &spec, PublisherOptions::default()).expect("opens");
        publisher
            .send_with(message::SMALLEST, |out| message::write(out, 1, round as u64))
            .expect("sends inline");
        waiting.expect(&format!("{index} {round}"));
        publishers.push(publisher);
    }
    // Then those it knows, again.
    for (index, publisher) in chosen.iter().zip(&mut publishers) {
        publisher.send_with(message::SMALLEST, |out| message::write(out, 1, 1000)).expect("sends inline");
        waiting.expect(&format!("{index} 1000"));
    }
    publishers[0].send_with(message::SMALLEST, |out| message::write(out, 1, u64::MAX)).expect("sends inline");
    waiting.expect(&format!("{} {}", chosen[0], u64::MAX));
    waiting.finish();
    drop((publishers, participant));
    expect_nothing_left(&folder);
}

#[test]
fn a_set_waits_for_a_few_topics() {
    wait_for_many(6, |role| role);
}

#[test]
fn a_set_waits_for_more_topics_than_one_call_takes() {
    wait_for_many(130, |role| role);
}

#[test]
fn a_set_waits_for_hundreds_of_topics() {
    wait_for_many(300, |role| role);
}

#[test]
fn a_set_waits_with_a_thread_for_each_topic() {
    wait_for_many(40, without_waitv);
    MASKED_ROLES.into_iter().for_each(|change| wait_for_many(40, change));
}

extern "C" fn on_signal(_: libc::c_int) {
    stop::request();
}

/// Role: `<topics>`. Waits in three threads, each for its own topics, until it is asked to stop.
fn stopped(cue: &mut Cue) {
    let count = cue.argument::<usize>();
    // SAFETY: the handler calls only `stop::request`, which is made for signal handlers.
    unsafe { libc::signal(libc::SIGTERM, on_signal as *const () as libc::sighandler_t) };
    let participant = joined();
    let spec = actor::desk::spec("T");
    let ends: Vec<Woken> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3)
            .map(|thread| {
                let (participant, spec) = (&participant, &spec);
                scope.spawn(move || {
                    let mut subscribers: Vec<Subscriber> = (0..count)
                        .map(|index| {
                            let topic = topic(1000 * thread + index);
                            let wanted = (index % 2 == 0).then_some(spec);
                            Subscriber::open(participant, &topic, wanted, SubscriberOptions::default())
                        })
                        .collect::<Result<_, _>>()
                        .expect("opens");
                    let mut all: Vec<&mut Subscriber> = subscribers.iter_mut().collect();
                    let mut set = WaitSet::new();
                    loop {
                        match set.wait(&mut all, None).expect("nothing is damaged") {
                            Woken::Interrupted => {}
                            other => return other,
                        }
                    }
                })
            })
            .collect();
        cue.say("waiting");
        match cue.listen().as_deref() {
            // A thread asks.
            Some("ask") => stop::request(),
            // The parent's signal asks.
            _ => while cue.listen().is_some() {},
        }
        threads.into_iter().map(|thread| thread.join().expect("waits without a panic")).collect()
    });
    assert_eq!(ends, [Woken::Stop; 3]);
    // It stays asked for, until it is cleared.
    let mut subscriber =
        Subscriber::open(&participant, &topic(0), None, SubscriberOptions::default()).expect("opens");
    assert!(!subscriber.wait(None).expect("nothing is damaged"));
    stop::clear();
    assert!(!subscriber.wait(Some(std::time::Duration::from_millis(1))).expect("nothing is damaged"));
    cue.say("stopped");
}

fn stop_while_waiting(count: usize, change: fn(Role) -> Role) {
    for by_signal in [true, false] {
        let folder = ShmFolder::new();
        let mut waiting = change(Role::new("stopped").shm(&folder, NAMESPACE).argument(count)).spawn();
        waiting.expect("waiting");
        if by_signal {
            waiting.tell("wait for the signal");
            waiting.signal(Signal::TERM);
            waiting.close();
        } else {
            waiting.tell("ask");
        }
        waiting.expect("stopped");
        waiting.finish();
        expect_nothing_left(&folder);
    }
}

#[test]
fn a_request_ends_every_wait() {
    stop_while_waiting(5, |role| role);
    stop_while_waiting(0, |role| role);
}

#[test]
fn a_request_ends_waits_that_have_threads() {
    stop_while_waiting(135, |role| role);
    stop_while_waiting(5, without_waitv);
    MASKED_ROLES.into_iter().for_each(|change| stop_while_waiting(5, change));
}

#[test]
fn a_sleeper_that_was_killed_costs_nobody_a_message() {
    let folder = ShmFolder::new();
    let (mut publisher, mut reader) = (Actor::start(&folder), Actor::start(&folder));
    publisher.ask("pub p t T");
    reader.ask("sub s t T");
    for round in 0..5 {
        let mut sleeper = Actor::start(&folder);
        sleeper.ask("sub s t T");
        sleeper.begin("wait s");
        reader.begin("wait s");
        until_asleep(&sleeper);
        until_asleep(&reader);
        sleeper.kill();
        publisher.ask(&format!("send p {round} 1 24"));
        assert_eq!(reader.answer(), "true");
        assert_eq!(reader.ask("take s"), round.to_string());
    }
    [publisher, reader].into_iter().for_each(Actor::finish);
    expect_nothing_left(&folder);
}

#[test]
fn a_wait_for_a_topic_that_is_not_there_ends_with_its_first_message() {
    for kind in ["T", "-"] {
        let folder = ShmFolder::new();
        let mut reader = Actor::start(&folder);
        reader.ask(&format!("sub s later {kind}"));
        reader.begin("wait s");
        until_asleep(&reader);
        let mut publisher = Actor::start(&folder);
        publisher.ask("pub p later T");
        publisher.ask("send p 5 1 24");
        assert_eq!(reader.answer(), "true");
        assert_eq!(reader.ask("take s"), "5");
        publisher.kill();
        // The restarted publisher's first send reaches the one who sleeps.
        reader.begin("wait s");
        until_asleep(&reader);
        let mut publisher = Actor::start(&folder);
        publisher.ask("pub p later T");
        publisher.ask("send p 6 1 24");
        assert_eq!(reader.answer(), "true");
        assert_eq!(reader.ask("take s"), "6");
        [publisher, reader].into_iter().for_each(Actor::finish);
        expect_nothing_left(&folder);
    }
}

#[test]
fn who_waits_for_nothing_to_come_is_never_woken() {
    let folder = ShmFolder::new();
    let mut publisher = Actor::start(&folder);
    publisher.ask("pub p t T");
    let mut sleepers: Vec<Actor> = ["t T", "t -", "nowhere -"]
        .into_iter()
        .map(|topic| {
            let mut sleeper = Actor::start(&folder);
            sleeper.ask(&format!("sub s {topic}"));
            sleeper.begin("wait s");
            sleeper
        })
        .collect();
    sleepers.iter().for_each(until_asleep);
    let before: Vec<u64> = sleepers.iter().map(times_slept).collect();
    // More than two of the seconds after which a sleeper could look around.
    std::thread::sleep(std::time::Duration::from_millis(2200));
    assert_eq!(sleepers.iter().map(times_slept).collect::<Vec<_>>(), before);
    publisher.ask("send p 1 1 24");
    assert_eq!((sleepers[0].answer(), sleepers[1].answer()), ("true".into(), "true".into()));
    publisher.ask("pub q nowhere T");
    publisher.ask("send q 1 1 24");
    assert_eq!(sleepers[2].answer(), "true");
    sleepers.into_iter().chain([publisher]).for_each(Actor::finish);
    expect_nothing_left(&folder);
}

/// How often the threads of a process have gone to sleep.
fn times_slept(actor: &Actor) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", actor.pid())).expect("alive");
    tasks
        .flatten()
        .map(|task| {
            let status = std::fs::read_to_string(task.path().join("status")).expect("alive");
            let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            line.and_then(|count| count.trim().parse::<u64>().ok()).expect("the kernel counts them")
        })
        .sum()
}

#[test]
fn a_wait_ends_with_its_time() {
    let folder = ShmFolder::new();
    let mut reader = Actor::start(&folder);
    reader.ask("sub typed t T");
    reader.ask("sub untyped nowhere -");
    for name in ["typed", "untyped"] {
        assert_eq!(reader.ask(&format!("wait {name} for 20")), "false");
        assert_eq!(reader.ask(&format!("wait {name} for 0")), "false");
    }
    reader.finish();
    expect_nothing_left(&folder);
}
