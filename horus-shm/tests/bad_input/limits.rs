//! Limits of the process: what is said, and that all goes on once there is room.

use crate::actor::desk::spec;
use crate::actor::{NAMESPACE, expect_nothing_left, message};
use crate::process::{Cue, Role, ShmFolder, skipped};
use horus_shm::{
    Census, CleanOptions, Error, Language, Namespace, Participant, Payload, Publisher, Settings, Subscriber,
    TopicName, clean,
};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::Arc;

/// A publisher and a subscriber of a topic, in this process.
struct Pair {
    here: Arc<Participant>,
    publisher: Publisher,
    subscriber: Subscriber,
    number: u64,
}

impl Pair {
    fn open() -> Self {
        let namespace = Namespace::open(&Settings::from_env()).expect("given by the parent");
        let here = Participant::join(&namespace, Language::Rust).expect("there is room");
        let topic = TopicName::new("open").expect("a name");
        let subscriber = Subscriber::open(&here, &topic, Some(&spec("T")), Default::default()).expect("room");
        let publisher = Publisher::open(&here, &topic, &spec("T"), Default::default()).expect("room");
        Self { here, publisher, subscriber, number: 0 }
    }

    fn send(&mut self, bytes: usize) -> Result<(), Error> {
        self.publisher.send_with(bytes, |out| message::write(out, 1, self.number))?;
        self.number += 1;
        Ok(())
    }

    /// A message leads through.
    #[track_caller]
    fn works(&mut self, bytes: usize) {
        self.send(bytes).expect("there is room");
        let received = self.subscriber.recv().expect("there is room").expect("just sent");
        let number = match &received.payload {
            Payload::Inline(bytes) => message::read(bytes).1,
            Payload::Block { block, .. } => message::read(block.bytes()).1,
        };
        assert_eq!(number, self.number - 1);
    }

    fn another(&self, topic: &str) -> Result<(Publisher, Subscriber), Error> {
        let topic = TopicName::new(topic).expect("a name");
        let subscriber = Subscriber::open(&self.here, &topic, None, Default::default())?;
        Ok((Publisher::open(&self.here, &topic, &spec("T"), Default::default())?, subscriber))
    }

    /// What opening a topic, a first large message, a look around and cleaning fail with.
    fn failures(&mut self) -> Vec<Error> {
        let namespace = self.here.namespace().clone();
        vec![
            self.another("new").map(drop).expect_err("no room"),
            self.send(5000).expect_err("no room"),
            Census::take(&namespace).map(drop).expect_err("no room"),
            clean(namespace.root(), None, &CleanOptions::default()).map(drop).expect_err("no room"),
            Namespace::open(&Settings::from_env()).map(drop).expect_err("no room"),
        ]
    }
}

#[test]
fn when_files_run_out_the_limit_is_named_and_all_goes_on_after() {
    let folder = ShmFolder::new();
    let mut child = Role::new("files_run_out").shm(&folder, NAMESPACE).spawn();
    child.expect("done");
    child.finish();
    expect_nothing_left(&folder);
}

/// Role: runs out of descriptors, and has some again.
pub(crate) fn files_run_out(cue: &mut Cue) {
    let mut pair = Pair::open();
    pair.works(24);
    let before = getrlimit(Resource::Nofile);
    for spare in 0..8 {
        // The harness has a few open; the lowest free number is what the limit is about.
        let lowest = std::fs::File::open("/dev/null").expect("room");
        let limit = std::os::fd::AsRawFd::as_raw_fd(&lowest) as u64 + spare;
        drop(lowest);
        setrlimit(Resource::Nofile, Rlimit { current: Some(limit), ..before }).expect("lowering is allowed");
        // What is open needs none.
        pair.works(24);
        assert!(!pair.subscriber.wait(Some(std::time::Duration::from_millis(1))).expect("needs none"));
        let told = format!(
            "Too many open files (os error 24); this process may have {limit} files open (RLIMIT_NOFILE): close some, or raise it (ulimit -n)"
        );
        if spare == 0 {
            for error in pair.failures() {
                assert!(matches!(error, Error::ResourceLimit { .. }), "{error:?}");
                assert!(error.to_string().ends_with(&told), "{error}");
            }
        } else {
            // Some steps succeed: whichever fails says so, and leaves nothing half done.
            for result in [pair.another("new").map(drop), pair.here.still_linked().map(drop)] {
                assert!(result.is_ok() || result.is_err_and(|error| error.to_string().ends_with(&told)));
            }
        }
        setrlimit(Resource::Nofile, before).expect("back to what it was");
        pair.works(24);
        let (mut publisher, mut subscriber) = pair.another("new").expect("room again");
        publisher.send(b"hello").expect("room again");
        assert!(subscriber.recv().expect("room again").is_some(), "nothing of the failure is left");
    }
    pair.works(5000);
    let census = Census::take(pair.here.namespace()).expect("room again");
    assert_eq!((census.topics.len(), census.faults.len()), (2, 0), "one in use, one just left");
    cue.say("done");
}

#[test]
fn a_large_message_that_cant_be_opened_is_missed_with_a_word_and_the_next_comes() {
    // The reader's side: a pool is opened at its first message.
    let folder = ShmFolder::new();
    let mut reader = crate::actor::Actor::start(&folder);
    reader.ask("sub s t T");
    let mut publisher = crate::actor::Actor::start(&folder);
    publisher.ask("pub p t T");
    publisher.ask("send p 0 1 5000");
    reader.ask("files 0");
    let error = reader.fails("take s");
    assert!(error.starts_with("ResourceLimit: open ") && error.contains("(RLIMIT_NOFILE)"), "{error}");
    reader.ask("files 1024");
    assert_eq!(reader.ask("counts s"), "0 1 0", "missed, and counted");
    publisher.ask("send p 1 1 5000");
    assert_eq!(reader.ask("take s"), "1");
    [reader, publisher].into_iter().for_each(crate::actor::Actor::finish);
    expect_nothing_left(&folder);
}

/// More mappings than this take too long to use up.
const MAPPINGS_MAX: usize = 2_000_000;

fn mappings_allowed() -> usize {
    let text = std::fs::read_to_string("/proc/sys/vm/max_map_count").expect("there on Linux");
    text.trim().parse().expect("a number")
}

#[test]
fn when_mappings_run_out_the_limit_is_named_and_all_goes_on_after() {
    if mappings_allowed() > MAPPINGS_MAX {
        let reason = format!("vm.max_map_count is {}", mappings_allowed());
        return skipped("when_mappings_run_out_the_limit_is_named_and_all_goes_on_after", &reason);
    }
    let folder = ShmFolder::new();
    let mut child = Role::new("mappings_run_out").shm(&folder, NAMESPACE).spawn();
    child.expect("done");
    child.finish();
    expect_nothing_left(&folder);
}

/// Role: runs out of mappings, and has some again.
pub(crate) fn mappings_run_out(cue: &mut Cue) {
    let mut pair = Pair::open();
    pair.works(24);
    let page = rustix::param::page_size();
    let pages = 2 * mappings_allowed() + 16;
    // SAFETY: fresh pages at an address of the kernel's choice, which nothing reads or writes.
    let start = unsafe {
        rustix::mm::mmap_anonymous(
            std::ptr::null_mut(),
            pages * page,
            ProtFlags::empty(),
            MapFlags::PRIVATE | MapFlags::NORESERVE,
        )
    }
    .expect("address space");
    // Every second page of another right: each is a mapping of its own.
    let mut used = 0;
    while used < pages {
        // SAFETY: a page of the mapping above.
        let changed = unsafe { rustix::mm::mprotect(start.byte_add(used * page), page, MprotectFlags::READ) };
        if changed.is_err() {
            break;
        }
        used += 2;
    }
    assert!(used < pages, "the limit was reached");
    pair.works(24);
    let mut told = 0;
    for _ in 0..12 {
        match pair.another("new") {
            Ok(_) => break,
            Err(error) => {
                let words = error.to_string();
                assert!(matches!(error, Error::ResourceLimit { .. }), "{error:?}");
                assert!(words.contains("Cannot allocate memory (os error 12); this process has "), "{words}");
                assert!(
                    words.ends_with("it may: close topics, or raise it (sysctl vm.max_map_count)"),
                    "{words}"
                );
                told += 1;
            }
        }
        // One more each time, so that each step in turn is the one that fails.
        used -= 2;
        // SAFETY: a page of the mapping above, as it was before.
        unsafe { rustix::mm::mprotect(start.byte_add(used * page), page, MprotectFlags::empty()) }
            .expect("merging needs none");
    }
    assert!(told > 0);
    // SAFETY: the mapping above, which nothing uses.
    unsafe { rustix::mm::munmap(start, pages * page) }.expect("ours");
    pair.works(24);
    let (mut publisher, mut subscriber) = pair.another("new").expect("room again");
    publisher.send(b"hello").expect("room again");
    assert!(subscriber.recv().expect("room again").is_some(), "nothing of the failures is left");
    pair.works(5000);
    cue.say("done");
}

#[test]
fn when_address_space_runs_out_the_limit_is_told_and_all_goes_on_after() {
    let folder = ShmFolder::new();
    let mut child = Role::new("address_space_runs_out").shm(&folder, NAMESPACE).spawn();
    child.expect("done");
    child.finish();
    expect_nothing_left(&folder);
}

/// Bytes of address space that this process has.
fn address_space() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("there on Linux");
    let pages: u64 = statm.split(' ').next().expect("the first number").parse().expect("a number");
    pages * rustix::param::page_size() as u64
}

/// Role: may map no more than it has, and then ever more.
pub(crate) fn address_space_runs_out(cue: &mut Cue) {
    let mut pair = Pair::open();
    pair.works(24);
    let before = getrlimit(Resource::As);
    let mut told = 0;
    // Each step in turn is the one that fails: a topic takes some 4 MiB of addresses, a small pool less than one.
    for spare in (0..24u64).map(|step| step * (512 << 10)) {
        let limit = address_space() + spare;
        setrlimit(Resource::As, Rlimit { current: Some(limit), ..before }).expect("lowering is allowed");
        // What is open needs none.
        pair.works(24);
        let results = [pair.another("new").map(drop), pair.send(9000)];
        setrlimit(Resource::As, before).expect("back to what it was");
        for error in results.into_iter().filter_map(Result::err) {
            let words = error.to_string();
            assert!(matches!(error, Error::ResourceLimit { .. }), "{error:?}");
            assert!(
                words.contains("mmap ") && words.contains("Cannot allocate memory (os error 12)"),
                "{words}"
            );
            told += 1;
        }
        while pair.subscriber.recv().expect("room again").is_some() {}
        pair.works(24);
        let (mut publisher, mut subscriber) = pair.another("new").expect("room again");
        publisher.send(b"hello").expect("room again");
        assert!(subscriber.recv().expect("room again").is_some(), "nothing of the failure is left");
    }
    assert!(told > 0);
    pair.works(5000);
    cue.say("done");
}

#[test]
fn tables_that_are_full_say_what_of() {
    let folder = ShmFolder::new();
    let here = crate::scene::join(&folder);
    let topic = TopicName::new("t").expect("a name");
    let open = || Subscriber::open(&here, &topic, None, Default::default());
    let full: Vec<Subscriber> = (0..4096).map(|_| open().expect("room")).collect();
    let error = open().map(drop).expect_err("full").to_string();
    assert_eq!(
        error,
        "this process has 4096 publishers and subscribers already, which is the limit: let some go"
    );
    drop(full);
    open().expect("room again");
    let node = |number: usize| {
        let name = horus_shm::NodeName::new(&format!("n{number}")).expect("a name");
        here.add_node(&name, horus_shm::NodeSpec { rate_hz: 1.0 })
    };
    let nodes: Vec<_> = (0..256).map(|number| node(number).expect("room")).collect();
    let error = node(256).map(drop).expect_err("full").to_string();
    assert_eq!(error, "this process has 256 nodes already, which is the limit: let some go");
    drop(nodes);
    node(7).expect("room again, for a node of a known name");
}

#[test]
fn the_65th_publisher_is_told_who_and_how_many() {
    let folder = ShmFolder::new();
    let here = crate::scene::join(&folder);
    let topic = TopicName::new("full").expect("a name");
    let open = || Publisher::open(&here, &topic, &spec("T"), Default::default());
    let _mine: Vec<Publisher> = (0..63).map(|_| open().expect("a free lane")).collect();
    let mut other = crate::actor::Actor::start(&folder);
    other.ask("pub p full T");
    let mut pids = [(std::process::id(), "63 of "), (other.pid(), "")];
    pids.sort_unstable();
    let who = pids.map(|(pid, count)| format!("{count}pid {pid}")).join(", ");
    let words = format!("topic 'full' has its 64 publishers already ({who}): close one of them");
    assert_eq!(open().map(drop).expect_err("full").to_string(), words);
}
