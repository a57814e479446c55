//! Files in shared memory, written over with the bytes where somebody lives with them, and put back.

use horus_core::messages::Odometry;
use horus_core::{Decoder, Image, Kind, Message, Tensor};
use horus_shm::{
    Census, CleanOptions, Language, Namespace, Participant, ParticipantInfo, Payload, Publisher,
    PublisherOptions, Result, Settings, Subscriber, TopicInfo, TopicName, TopicSpec, clean,
};
use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const REGION: u64 = 64 << 10;
const PINS: u64 = 2 * REGION + (4 << 20);

/// A root of its own; gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Relaxed: only uniqueness counts.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!("/dev/shm/horus-fuzz-{}-{count}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::DirBuilder::new().mode(0o700).create(&path).expect("/dev/shm is writable");
        Self(path)
    }

    fn join(&self) -> Arc<Participant> {
        let settings = Settings { shm_dir: Some(self.0.clone()), namespace: Some("fuzz".into()) };
        let namespace = Namespace::open(&settings).expect("the root is ours");
        Participant::join(&namespace, Language::Rust).expect("there is room")
    }

    /// The one file of a kind.
    fn file(&self, kind: &str) -> PathBuf {
        let mut entries = fs::read_dir(self.0.join("fuzz").join(kind)).expect("there");
        entries.next().expect("one file").expect("can be read").path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes the bytes over the parts of a file, one after the other as far as they reach; returns what was there.
fn overlay(path: &Path, parts: &[(u64, usize)], mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let file = File::options().read(true).write(true).open(path).expect("ours");
    let mut before = Vec::new();
    for (at, length) in parts {
        let mut there = vec![0; *length];
        file.read_exact_at(&mut there, *at).expect("within the file");
        before.push((*at, there));
        let (now, rest) = bytes.split_at(bytes.len().min(*length));
        file.write_all_at(now, *at).expect("there is room");
        bytes = rest;
    }
    before
}

fn put_back(path: &Path, before: Vec<(u64, Vec<u8>)>) {
    // It may have been removed, as one that nobody uses.
    let Ok(file) = File::options().write(true).open(path) else { return };
    for (at, bytes) in before {
        file.write_all_at(&bytes, at).expect("within the file");
    }
}

fn topic_name() -> TopicName {
    TopicName::new("t").expect("a name")
}

/// What everybody can do with a topic; every error will do that says something.
fn use_all(here: &Arc<Participant>, spec: &TopicSpec) {
    let told = |result: Result<()>| {
        if let Err(error) = result {
            assert!(!error.to_string().is_empty());
        }
    };
    let namespace = here.namespace();
    told(
        Census::take(namespace).map(|census| census.faults.iter().for_each(|fault| drop(fault.to_string()))),
    );
    told(TopicInfo::read(namespace, &topic_name()).map(drop));
    told(ParticipantInfo::living(namespace).map(drop));
    for wanted in [None, Some(spec)] {
        told(
            Subscriber::open(here, &topic_name(), wanted, Default::default())
                .and_then(|mut it| receive(&mut it)),
        );
    }
    let options = PublisherOptions { latched: true, ..Default::default() };
    told(
        Publisher::open(here, &topic_name(), spec, options)
            .and_then(|mut publisher| publisher.send(&[1; 48])),
    );
    told(
        clean(namespace.root(), None, &CleanOptions { dry_run: true, force: true, ..Default::default() })
            .map(drop),
    );
}

fn receive(subscriber: &mut Subscriber) -> Result<()> {
    let spec = subscriber.spec()?.cloned();
    let decoder = spec.and_then(|spec| Decoder::new(&spec).ok());
    for _ in 0..20 {
        if !subscriber.has_msg()? {
            break;
        }
        if let Some(received) = subscriber.recv()? {
            match (&decoder, received.payload) {
                (Some(decoder), payload) => drop(decoder.decode(payload)),
                (None, Payload::Block { block, .. }) => drop(block.bytes().to_vec()),
                (None, Payload::Inline(_)) => {}
            }
        }
    }
    subscriber.recv_latest().map(drop)
}

fn odometry() -> TopicSpec {
    TopicSpec { depth: 8, ..Odometry::schema().spec() }
}

/// Somebody lives, sends small and large messages, and has subscribers that have read some of them.
struct Scene {
    // In this order: who lives in the folder before it goes.
    publisher: Publisher,
    subscribers: Vec<Subscriber>,
    here: Arc<Participant>,
    folder: Folder,
}

impl Scene {
    fn new() -> Self {
        let folder = Folder::new();
        let here = folder.join();
        let open = |spec: Option<&TopicSpec>| {
            Subscriber::open(&here, &topic_name(), spec, Default::default()).expect("there is room")
        };
        let spec = odometry();
        let subscribers = vec![open(Some(&spec)), open(None)];
        let mut publisher =
            Publisher::open(&here, &topic_name(), &spec, Default::default()).expect("there is room");
        for bytes in [48, 48, 5000, 48] {
            publisher.send(&vec![7; bytes]).expect("there is room");
        }
        Self { publisher, subscribers, here, folder }
    }

    /// Uses everything while the bytes stand in a file, and once more when what was there is back.
    fn run(mut self, kind: &str, parts: &[(u64, usize)], bytes: &[u8]) {
        let path = self.folder.file(kind);
        let before = overlay(&path, parts, bytes);
        self.subscribers.iter_mut().for_each(|subscriber| drop(receive(subscriber)));
        use_all(&self.here, &odometry());
        for bytes in [48, 5000, 9000] {
            drop(self.publisher.send(&vec![7; bytes]));
        }
        self.subscribers.iter_mut().for_each(|subscriber| drop(receive(subscriber)));
        put_back(&path, before);
        use_all(&self.here, &odometry());
    }
}

/// A topic's header and schema, its wake words, two lines of its lane table, two lanes of eight slots.
const TOPIC: [(u64, usize); 5] =
    [(0, 384), (REGION, 128), (2 * REGION, 128), (3 * REGION, 1024), (4 * REGION, 1024)];
/// A living process's header, a node, two endpoints, the first pins.
const PARTICIPANT: [(u64, usize); 4] = [(0, 256), (REGION, 256), (2 * REGION, 2048), (PINS, 64)];
/// A pool's header and the head of its first block.
const POOL: [(u64, usize); 2] = [(0, 128), (REGION, 64)];

/// Over a topic's file.
pub(crate) fn topic(bytes: &[u8]) {
    Scene::new().run("topics", &TOPIC, bytes);
}

/// Over a living process's file.
pub(crate) fn participant(bytes: &[u8]) {
    Scene::new().run("participants", &PARTICIPANT, bytes);
}

/// Over a pool's file.
pub(crate) fn pool(bytes: &[u8]) {
    Scene::new().run("pools", &POOL, bytes);
}

/// What a living process has in those parts of its files: what the fuzzer begins with.
pub(crate) fn pristine() -> [(&'static str, Vec<u8>); 3] {
    let scene = Scene::new();
    let parts = |kind, parts| {
        overlay(&scene.folder.file(kind), parts, &[]).into_iter().flat_map(|(_, bytes)| bytes).collect()
    };
    [
        ("topic_file", parts("topics", &TOPIC[..])),
        ("participant_file", parts("participants", &PARTICIPANT[..])),
        ("pool_file", parts("pools", &POOL[..])),
    ]
}

/// A descriptor's own part and the block it describes: kind, length of the part, the part, the block.
pub(crate) fn descriptor(bytes: &[u8]) {
    let [kind, length, rest @ ..] = bytes else { return };
    let kinds = [Kind::Image, Kind::DepthImage, Kind::PointCloud, Kind::Tensor];
    let kind = kinds[usize::from(*kind) % kinds.len()];
    let (meta, body) = rest.split_at(rest.len().min(usize::from(*length)).min(136));
    let folder = Folder::new();
    let here = folder.join();
    let spec = kind.spec();
    let mut subscriber =
        Subscriber::open(&here, &topic_name(), Some(&spec), Default::default()).expect("there is room");
    let mut publisher =
        Publisher::open(&here, &topic_name(), &spec, Default::default()).expect("there is room");
    let mut block = here.allocate(body.len() as u64).expect("there is room");
    block.copy_from_slice(body);
    publisher.send_block(&block.freeze(), body.len() as u64, meta).expect("it fits");
    let received = subscriber.recv().expect("nothing is damaged").expect("just sent");
    let decoder = Decoder::new(&spec).expect("a kind of ours");
    if let Err(error) = decoder.decode(received.payload) {
        assert!(!error.to_string().is_empty());
    }
    // The same by type.
    match kind {
        Kind::Image => typed::<Image>(&here, &mut publisher, body, meta),
        Kind::Tensor => typed::<Tensor>(&here, &mut publisher, body, meta),
        _ => {}
    }
}

fn typed<T: horus_core::Payload>(
    here: &Arc<Participant>,
    publisher: &mut Publisher,
    body: &[u8],
    meta: &[u8],
) {
    let name = topic_name();
    let mut subscriber =
        horus_core::Subscriber::<T>::open(here, &name, Default::default()).expect("there is room");
    let mut block = here.allocate(body.len() as u64).expect("there is room");
    block.copy_from_slice(body);
    publisher.send_block(&block.freeze(), body.len() as u64, meta).expect("it fits");
    if let Err(error) = subscriber.recv() {
        assert!(!error.to_string().is_empty());
    }
}
