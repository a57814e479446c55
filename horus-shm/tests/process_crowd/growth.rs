//! Whoever comes and goes ten thousand times leaves nothing: no file, no descriptor, no mapping, no memory.

use crate::actor::desk::spec;
use crate::actor::{Actor, NAMESPACE, bytes_taken, expect_nothing_left};
use crate::process::{Cue, Role, ShmFolder};
use horus_shm::{
    Language, Namespace, NodeName, NodeSpec, Participant, Payload, Publisher, Settings, Subscriber, TopicName,
};
use std::path::Path;
use std::sync::Arc;

/// What a process and its namespace have at one moment.
#[derive(Debug, PartialEq)]
struct Level {
    files: usize,
    descriptors: usize,
    /// Mappings of files on the tmpfs.
    mappings: usize,
    resident_kib: u64,
}

impl Level {
    fn now(root: &Path) -> Self {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("there on Linux");
        let status = std::fs::read_to_string("/proc/self/status").expect("there on Linux");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("in status");
        Self {
            files: files_below(root),
            descriptors: std::fs::read_dir("/proc/self/fd").expect("there on Linux").count(),
            mappings: maps.lines().filter(|line| line.contains("/dev/shm/")).count(),
            resident_kib: resident.trim().trim_end_matches(" kB").parse().expect("a number"),
        }
    }
}

fn files_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            true => files_below(&entry.path()),
            false => 1,
        })
        .sum()
}

/// What a process may have grown by without anything having leaked: the allocator's own habits.
const SLACK_KIB: u64 = 1024;

/// Role: `<what> <count>`. Does it a tenth of `count` times, and then the rest, and compares.
pub(crate) fn cycles(cue: &mut Cue) {
    let (what, count): (String, u64) = (cue.argument(), cue.argument());
    let namespace = Namespace::open(&Settings::from_env()).expect("given by the parent");
    let join = || Participant::join(&namespace, Language::Rust).expect("there is room");
    let staying = (what != "join").then(join);
    let mut cycle = |number: u64| match (&staying, what.as_str()) {
        (Some(here), "open") => open_and_close(here, number),
        (Some(here), "node") => come_and_go(here, number),
        _ => open_and_close(&join(), number),
    };
    (0..count / 10).for_each(&mut cycle);
    let early = Level::now(namespace.root().path());
    (count / 10..count).for_each(&mut cycle);
    let late = Level::now(namespace.root().path());
    let grown = late.resident_kib.saturating_sub(early.resident_kib);
    assert!(grown < SLACK_KIB, "{early:?} after {}, {late:?} after {count}", count / 10);
    assert_eq!(late, Level { resident_kib: late.resident_kib, ..early }, "after {count} times");
    cue.say(&format!(
        "{} files, {} descriptors, {} mappings, {grown} KiB more",
        late.files, late.descriptors, late.mappings
    ));
}

/// A publisher and two subscribers open, exchange a small and a large message, and close.
fn open_and_close(here: &Arc<Participant>, number: u64) {
    let topic = TopicName::new(&format!("t{}", number % 7)).expect("a name");
    let wanted = spec(if number.is_multiple_of(3) { "V1" } else { "V2" });
    let mut typed = Subscriber::open(here, &topic, Some(&wanted), Default::default()).expect("room");
    let mut untyped = Subscriber::open(here, &topic, None, Default::default()).expect("room");
    let mut publisher = Publisher::open(here, &topic, &wanted, Default::default()).expect("room");
    for bytes in [24, 5000] {
        publisher.send(&vec![number as u8; bytes]).expect("there is room");
        for subscriber in [&mut typed, &mut untyped] {
            let received = subscriber.recv().expect("nothing is damaged").expect("just sent");
            let length = match received.payload {
                Payload::Inline(bytes) => bytes.len(),
                Payload::Block { block, .. } => block.bytes().len(),
            };
            assert_eq!(length, bytes);
        }
    }
}

/// A node enters, ticks and ends; its name is one of seven.
fn come_and_go(here: &Arc<Participant>, number: u64) {
    let name = NodeName::new(&format!("n{}", number % 7)).expect("a name");
    let mut node = here.add_node(&name, NodeSpec { rate_hz: 1.0 }).expect("there is room");
    node.tick_begin(number, 0);
    node.tick_end(number + 1);
}

fn grows_nothing(what: &str, count: u64) {
    let folder = ShmFolder::new();
    // Somebody else is there all the time, so that folders stay while files come and go.
    let mut resident = Actor::start(&folder);
    resident.ask("node resident");
    resident.ask("sub s other -");
    // The first cleaner writes its process id into the root's `lock`, which takes a page for good.
    resident.ask("clean");
    let before = (folder.files(), bytes_taken(&folder));
    let mut child = Role::new("cycles").shm(&folder, NAMESPACE).argument(what).argument(count).spawn();
    println!("{count} times {what}: {}", child.hears());
    child.finish();
    // A look of somebody else's removes what its end left.
    resident.ask("clean");
    assert_eq!((folder.files(), bytes_taken(&folder)), before, "{what}");
    resident.finish();
    expect_nothing_left(&folder);
}

#[test]
fn endpoints_that_come_and_go_leave_nothing() {
    grows_nothing("open", crate::wanted("HORUS_CYCLES", 1000));
}

#[test]
fn participants_that_come_and_go_leave_nothing() {
    grows_nothing("join", crate::wanted("HORUS_CYCLES", 1000));
}

#[test]
fn nodes_that_come_and_go_leave_nothing() {
    grows_nothing("node", crate::wanted("HORUS_CYCLES", 1000));
}
