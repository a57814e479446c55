//! Joining from a test, and what a folder of shared memory really takes.

use crate::process::{Child, Role, ShmFolder};
use horus_shm::{
    CleanOptions, CleanReport, Language, Namespace, Participant, Payload, PinnedBlock, Publisher, Root,
    Settings, Subscriber, TopicName, TopicSpec, clean,
};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

/// The namespace of all tests here; each has a folder of its own.
pub(crate) const NAMESPACE: &str = "pool";
/// How many images a topic's ring holds.
pub(crate) const DEPTH: u64 = 8;

/// Joins the namespace in a folder.
pub(crate) fn join(folder: &ShmFolder) -> Arc<Participant> {
    join_at(folder.path())
}

/// Joins the namespace in the folder at a path.
pub(crate) fn join_at(path: &Path) -> Arc<Participant> {
    let settings = Settings { shm_dir: Some(path.to_owned()), namespace: Some(NAMESPACE.into()) };
    let namespace = Namespace::open(&settings).expect("a folder of ours on a tmpfs");
    Participant::join(&namespace, Language::Rust).expect("there is room")
}

/// Joins as the environment says, in a child.
pub(crate) fn join_from_env() -> Arc<Participant> {
    let namespace = Namespace::open(&Settings::from_env()).expect("given by the parent");
    Participant::join(&namespace, Language::Rust).expect("there is room")
}

/// A role in the namespace in a folder.
pub(crate) fn role(name: &str, folder: &ShmFolder) -> Role {
    Role::new(name).shm(folder, NAMESPACE)
}

/// A child that plays the role `hand`: it does what it is told.
pub(crate) fn hand(folder: &ShmFolder) -> Child {
    let mut child = role("hand", folder).spawn();
    child.expect("ready");
    child
}

/// Tells a child to do something and waits until it is done.
#[track_caller]
pub(crate) fn order(child: &mut Child, line: &str) {
    child.tell(line);
    child.expect("done");
}

/// A type whose messages are all in blocks.
pub(crate) fn image() -> TopicSpec {
    TopicSpec { kind: 3, type_name: "Image".into(), schema: vec![], capacity: 168, depth: DEPTH as u32 }
}

/// A type whose large messages are in blocks.
pub(crate) fn dict() -> TopicSpec {
    TopicSpec { kind: 2, type_name: "Dict".into(), schema: vec![], capacity: 1000, depth: 64 }
}

/// The name of a topic.
pub(crate) fn topic(name: &str) -> TopicName {
    TopicName::new(name).expect("a good name")
}

/// Opens a publisher.
#[track_caller]
pub(crate) fn publisher(here: &Arc<Participant>, name: &str, spec: &TopicSpec) -> Publisher {
    Publisher::open(here, &topic(name), spec, Default::default()).expect("there is room")
}

/// Opens a subscriber.
#[track_caller]
pub(crate) fn subscriber(here: &Arc<Participant>, name: &str, spec: &TopicSpec) -> Subscriber {
    Subscriber::open(here, &topic(name), Some(spec), Default::default()).expect("there is room")
}

/// Receives one message, which must be there and in a block.
#[track_caller]
pub(crate) fn receive(subscriber: &mut Subscriber) -> PinnedBlock {
    let received = subscriber.recv().expect("nothing is damaged").expect("a message is there");
    match received.payload {
        Payload::Block { block, .. } => block,
        Payload::Inline(bytes) => panic!("{} bytes came inline", bytes.len()),
    }
}

/// Cleans the namespace as a command would; nobody else may be cleaning for long.
pub(crate) fn clean_up(folder: &ShmFolder) -> CleanReport {
    let settings = Settings { shm_dir: Some(folder.path().to_owned()), namespace: None };
    let root = Root::open(&settings).expect("a folder of ours on a tmpfs");
    let patience = std::time::Duration::from_secs(30);
    let report =
        clean(&root, None, &CleanOptions { patience, ..Default::default() }).expect("it can be read");
    assert!(!report.busy, "somebody has been cleaning for {patience:?}");
    report
}

/// The pool files and the bytes that each really takes, without its header's page.
pub(crate) fn pools(folder: &Path) -> Vec<(String, u64)> {
    let page = rustix::param::page_size() as u64;
    let pools = folder.join(NAMESPACE).join("pools");
    let Ok(entries) = std::fs::read_dir(&pools) else { return Vec::new() };
    let taken = |entry: std::fs::DirEntry| {
        // May be gone by now.
        let bytes = entry.metadata().ok()?.blocks() * 512;
        Some((entry.file_name().to_string_lossy().into_owned(), bytes.saturating_sub(page)))
    };
    entries.flatten().filter_map(taken).collect()
}

/// Checks that `folder` has the blocks of `block_bytes` that are `needed` at once, and of spare ones, which make scans
/// rarer, at most half as many again.
#[track_caller]
pub(crate) fn assert_blocks(folder: &Path, needed: u64, block_bytes: u64) {
    let blocks = pool_bytes(folder) / block_bytes;
    assert!((needed..=needed + needed / 2).contains(&blocks), "{blocks} blocks where {needed} are needed");
}

/// The bytes that all blocks of all pools really take.
pub(crate) fn pool_bytes(folder: &Path) -> u64 {
    pools(folder).iter().map(|(_, bytes)| bytes).sum()
}

/// The bytes that everything below a folder really takes.
pub(crate) fn taken(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let bytes = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => taken(&entry.path()),
        Ok(data) => data.blocks() * 512,
        Err(_) => 0,
    };
    entries.flatten().map(bytes).sum()
}
