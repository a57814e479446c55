//! Pools and descriptors that no publisher wrote.

use crate::content::assert_is;
use crate::place::{DEPTH, NAMESPACE, clean_up, hand, image, join, order, pools, receive, subscriber};
use crate::process::{Child, ShmFolder};
use horus_shm::{Census, Error, Participant, Payload, Subscriber};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

const BYTES: u64 = 64 << 10;
/// Where things stand, as `docs/shared-memory.md` draws them: a pool's owner, number and block size; the first lane
/// of a topic, the bytes of a slot for 168 bytes of payload, and a descriptor's words in it.
const OWNER: u64 = 24;
const NUMBER: u64 = 32;
const BLOCK_BYTES: u64 = 40;
const LANES: u64 = 3 * (64 << 10);
const SLOT_BYTES: u64 = 192;
const LENGTH: u64 = 16;
const DESCRIPTOR: u64 = 24;

/// A publisher in a child and a subscriber here.
struct Scene {
    folder: ShmFolder,
    sender: Child,
    here: Arc<Participant>,
    camera: Subscriber,
    sent: u64,
}

impl Scene {
    fn new() -> Self {
        let folder = ShmFolder::new();
        let mut sender = hand(&folder);
        order(&mut sender, "open camera");
        let here = join(&folder);
        let camera = subscriber(&here, "camera", &image());
        Self { folder, sender, here, camera, sent: 0 }
    }

    /// Sends an image filled with its number.
    fn send(&mut self) {
        order(&mut self.sender, &format!("send camera {} {BYTES}", self.sent));
        self.sent += 1;
    }

    /// Overwrites a word of the newest message's slot.
    fn scribble(&self, at: u64, value: u64) {
        let topic = self.folder.path().join(NAMESPACE).join("topics/camera");
        let slot = LANES + SLOT_BYTES * ((self.sent - 1) % DEPTH);
        write(&topic, slot + at, &value.to_le_bytes());
    }

    fn pool(&self) -> PathBuf {
        let all = pools(self.folder.path());
        let [(name, _)] = all.as_slice() else { panic!("one pool, not {all:?}") };
        self.folder.path().join(NAMESPACE).join("pools").join(name)
    }

    /// The next message must be an error or be missed; the one sent after it must come whole.
    #[track_caller]
    fn misses_one(&mut self, error: bool, what: &str) {
        let before = (self.camera.received(), self.camera.dropped());
        match self.camera.recv() {
            Ok(None) => assert!(!error, "{what}: missed without a word"),
            Err(Error::Damaged { .. } | Error::Refused { .. } | Error::Layout { .. }) => {
                assert!(error, "{what}")
            }
            other => panic!("{what}: {other:?}"),
        }
        assert_eq!((self.camera.received(), self.camera.dropped()), (before.0, before.1 + 1), "{what}");
    }

    #[track_caller]
    fn gets_next(&mut self) {
        let seed = self.sent;
        self.send();
        assert_is(seed, receive(&mut self.camera).bytes());
    }
}

fn write(path: &std::path::Path, at: u64, bytes: &[u8]) {
    let file = std::fs::OpenOptions::new().write(true).open(path).expect("there");
    file.write_all_at(bytes, at).expect("there is room");
}

#[test]
fn a_descriptor_that_leads_outside_its_pool_is_an_error_and_the_next_message_comes() {
    let mut scene = Scene::new();
    scene.gets_next();
    let descriptors = [
        ("no owner", 0, 0, true),
        ("a block without pages", 1, 60, true),
        ("block 64", 1, 64, true),
        ("block 2^32 - 1", 1, u64::from(u32::MAX), true),
        ("an offset at the end", 2, BYTES, true),
        ("a huge offset", 2, u64::MAX, true),
        ("an offset that wraps around", 2, u64::MAX - BYTES + 1, true),
        ("a length beyond the block", 3, BYTES + 1, true),
        ("a huge length", 3, u64::MAX, true),
        ("an owner that isn't there", 0, 0xdead_beef, false),
        ("a pool that isn't there", 1, 77 << 32, false),
    ];
    for (what, word, value, error) in descriptors {
        scene.send();
        scene.scribble(DESCRIPTOR + 8 * word, value);
        scene.misses_one(error, what);
        scene.gets_next();
    }
    scene.sender.finish();
}

#[test]
fn a_descriptor_cut_short_is_an_error() {
    const FLAG_BLOCK: u64 = 1 << 48;
    let mut scene = Scene::new();
    scene.gets_next();
    for len in [0, 8, 31] {
        scene.send();
        scene.scribble(LENGTH, FLAG_BLOCK | len);
        scene.misses_one(true, &format!("a descriptor of {len} bytes"));
        scene.gets_next();
    }
    // More than the slot has: what there is is taken.
    scene.send();
    scene.scribble(LENGTH, FLAG_BLOCK | 0xffff_ffff);
    let received = scene.camera.recv().expect("nothing worse").expect("it is there");
    let Payload::Block { block, meta } = received.payload else { panic!("sent as a block") };
    assert!(meta.len() <= 136);
    assert_is(scene.sent - 1, block.bytes());
    drop(block);
    scene.sender.finish();
}

#[test]
fn a_descriptor_that_names_the_readers_own_pool_is_read_or_refused_but_harms_nothing() {
    let mut scene = Scene::new();
    let mut own = scene.here.allocate(BYTES).expect("there is room");
    crate::content::fill(99, &mut own);
    let own = own.freeze();
    scene.send();
    scene.scribble(DESCRIPTOR, scene.here.id());
    scene.scribble(DESCRIPTOR + 8, 0);
    assert_is(99, receive(&mut scene.camera).bytes());
    assert_is(99, own.bytes());
    scene.gets_next();
    scene.sender.finish();
}

#[test]
fn a_pool_whose_header_was_overwritten_is_an_error() {
    let headers: [(&str, u64, u64); 7] = [
        ("magic", 0, 0x1234),
        ("version", 8, 99),
        ("size", 16, 1 << 40),
        ("a block size that is no class", BLOCK_BYTES, BYTES - 1),
        ("another class", BLOCK_BYTES, 4096),
        ("another owner", OWNER, 0x4711),
        ("another number", NUMBER, 5),
    ];
    for (what, at, value) in headers {
        let mut scene = Scene::new();
        scene.send();
        let pool = scene.pool();
        let mut whole = [0; 8];
        std::fs::File::open(&pool).expect("there").read_exact_at(&mut whole, at).expect("a header");
        write(&pool, at, &value.to_le_bytes());
        scene.misses_one(true, what);
        scene.send();
        scene.misses_one(true, what);
        // The header is put right: the reader goes on.
        write(&pool, at, &whole);
        scene.gets_next();
        scene.sender.finish();
    }
}

#[test]
fn what_is_no_pool_is_a_fault_for_tools_and_holds_up_nothing() {
    let mut scene = Scene::new();
    scene.gets_next();
    let folder = scene.folder.path().join(NAMESPACE).join("pools");
    let name = |number: u32| folder.join(format!("{:016x}-{number}", 0x4711));
    std::os::unix::fs::symlink("/etc/passwd", name(0)).expect("ours");
    std::fs::write(name(1), b"not a pool").expect("there is room");
    std::fs::write(name(2), []).expect("there is room");
    std::fs::create_dir(name(3)).expect("there is room");
    std::fs::write(folder.join("odd name"), [1; 5000]).expect("there is room");
    let census = Census::take(scene.here.namespace()).expect("a bad file never is a failure");
    assert_eq!(census.pools.len(), 1, "{:?}", census.pools);
    assert_eq!(census.faults.len(), 5, "{:?}", census.faults);
    let report = clean_up(&scene.folder);
    assert_eq!((report.pools, report.faults.len()), (0, 5), "{report:?}");
    scene.gets_next();
    scene.sender.kill();
    drop((scene.camera, scene.here));
    clean_up(&scene.folder);
    assert_eq!(pools(scene.folder.path()).len(), 5, "what isn't ours stays, all else is gone");
}
