//! Images at full speed: what they take stays where it is after the first hundred.

use crate::content::{assert_is, assert_stamped, fill, hash, stamp};
use crate::place::{DEPTH, NAMESPACE, image, join_from_env, pool_bytes, publisher, role, subscriber, taken};
use crate::process::{Cue, ShmFolder};
use horus_shm::{Payload, PinnedBlock, Publisher, Subscriber};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

/// How many images the receiver holds at any time.
const HELD: u64 = 3;
/// Every so many, an image is filled whole, compared by hash, and both processes are measured.
const EVERY: u64 = 100;
/// So far the sender goes while the receiver holds the first three and reads nothing.
const AHEAD: u64 = 20;

/// What a process has of its own and what it has mapped.
#[derive(Clone, Copy, Debug)]
struct Size {
    /// Resident memory that is nobody else's, bytes.
    private: u64,
    /// Address space, bytes.
    mapped: u64,
    files: usize,
}

impl Size {
    fn of_self() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").expect("readable");
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).expect("a field of this name");
            let kib: u64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("KiB");
            kib << 10
        };
        let files = std::fs::read_dir("/proc/self/fd").expect("readable").count();
        Self { private: field("RssAnon:"), mapped: field("VmSize:"), files }
    }

    /// Panics if this is more than it was. The resident pages of shared memory are left out: which of a block's
    /// pages a process has touched by now depends on which blocks it was given, and all of them together are
    /// bounded by what the pool's files take, which is compared exactly. The allocator may take a page more or
    /// less: 32 pages are let through, less than two bytes an image would be.
    #[track_caller]
    fn assert_still(self, before: Self) {
        assert!(self.private <= before.private + (32 << 12), "{before:?} has become {self:?}");
        // A mapping of a pool is 64 blocks.
        assert!(self.mapped <= before.mapped + (8 << 20), "{before:?} has become {self:?}");
        assert_eq!(self.files, before.files, "open files");
    }
}

/// Role: sends `count` images of `bytes`, in step with the receiver only at the first three and every hundredth, and measures.
pub(crate) fn send(cue: &mut Cue) {
    let (count, bytes): (u64, u64) = (cue.argument(), cue.argument());
    let folder: PathBuf = cue.argument();
    let here = join_from_env();
    let mut camera = publisher(&here, "camera", &image());
    let mut answers = subscriber(&here, "answer", &image());
    cue.say("ready");
    cue.wait_for("go");
    let mut before = None;
    for number in 1..=count {
        let mut block = here.allocate(bytes).expect("there is room");
        let whole = number % EVERY == 0;
        if whole {
            fill(number, &mut block);
        } else {
            stamp(number, &mut block);
        }
        let meta = [number, if whole { hash(&block) } else { 0 }].map(u64::to_le_bytes).concat();
        camera.send_block(&block.freeze(), bytes, &meta).expect("there is room");
        if number % 10 == 0 {
            let blocks = pool_bytes(&folder).div_ceil(block_bytes(bytes));
            assert!(blocks <= DEPTH + HELD + 2 + DEPTH / 2, "{blocks} blocks after {number} images");
        }
        if number <= HELD || whole {
            await_answer(&mut answers, number);
        }
        if number == AHEAD {
            // A full ring that nobody reads, three that are held and one more: from now on every block that is
            // ever needed is there.
            cue.say("ahead");
        }
        if whole {
            let now = (taken(&folder), Size::of_self());
            let (bytes, size) = *before.get_or_insert(now);
            if number == count {
                assert_eq!(now.0, bytes, "bytes taken below the folder");
                now.1.assert_still(size);
            }
        }
    }
    cue.say("done");
    cue.wait_for("end");
}

fn await_answer(answers: &mut Subscriber, number: u64) {
    loop {
        while let Some(answer) = answers.recv().expect("nothing is damaged") {
            let Payload::Inline(bytes) = answer.payload else { panic!("an answer is small") };
            if bytes == number.to_le_bytes() {
                return;
            }
        }
        answers.wait(Some(Duration::from_secs(1))).expect("nothing is damaged");
    }
}

/// The size of the block of an image, as `docs/shared-memory.md` says.
fn block_bytes(bytes: u64) -> u64 {
    if bytes <= 1 << 20 { bytes.next_power_of_two() } else { bytes.next_multiple_of(64 << 10) }
}

struct Receiver {
    camera: Subscriber,
    answers: Publisher,
    /// The last images, with their numbers.
    held: VecDeque<(u64, PinnedBlock)>,
    hashed: u64,
    before: Option<Size>,
}

/// Role: receives until it has the image number `count`, holding three at any time.
pub(crate) fn receive(cue: &mut Cue) {
    let count: u64 = cue.argument();
    let here = join_from_env();
    let mut receiver = Receiver {
        camera: subscriber(&here, "camera", &image()),
        answers: publisher(&here, "answer", &image()),
        held: VecDeque::new(),
        hashed: 0,
        before: None,
    };
    cue.say("ready");
    let mut last = 0;
    while last < count {
        if last == HELD {
            cue.wait_for("read on");
        }
        if receiver.camera.has_msg().expect("nothing is damaged") {
            last = receiver.take().max(last);
        } else {
            receiver.camera.wait(Some(Duration::from_secs(1))).expect("nothing is damaged");
        }
    }
    assert_eq!(receiver.hashed, count / EVERY, "every hundredth came");
    assert_eq!(receiver.camera.received() + receiver.camera.dropped(), count);
    cue.say("done");
    cue.wait_for("end");
}

impl Receiver {
    /// Takes one image and lets the oldest go; both must be as they were sent. Returns its number, or 0.
    fn take(&mut self) -> u64 {
        if self.held.len() as u64 == HELD {
            let (number, block) = self.held.pop_front().expect("three");
            if number % EVERY == 0 {
                assert_is(number, block.bytes());
            } else {
                assert_stamped(number, block.bytes());
            }
        }
        let Some(received) = self.camera.recv().expect("nothing is damaged") else { return 0 };
        let Payload::Block { block, meta } = received.payload else { panic!("an image is in a block") };
        let word = |at: usize| u64::from_le_bytes(meta[at..at + 8].try_into().expect("eight bytes"));
        let (number, expected) = (word(0), word(8));
        assert_eq!(received.sequence + 1, number);
        assert!(self.held.back().is_none_or(|(before, _)| *before < number), "in order");
        if number % EVERY == 0 {
            assert_eq!(hash(block.bytes()), expected, "image {number}");
            self.hashed += 1;
            let now = Size::of_self();
            now.assert_still(*self.before.get_or_insert(now));
        } else {
            assert_stamped(number, block.bytes());
        }
        self.held.push_back((number, block));
        if number % EVERY == 0 || number <= HELD {
            self.answers.send(&number.to_le_bytes()).expect("there is room");
        }
        number
    }
}

fn stream(count: u64, bytes: u64) {
    let folder = ShmFolder::new();
    let path = folder.path().display().to_string();
    let mut sender = role("stream_send", &folder).argument(count).argument(bytes).argument(path).spawn();
    sender.expect("ready");
    let mut receiver = role("stream_receive", &folder).argument(count).spawn();
    receiver.expect("ready");
    sender.tell("go");
    sender.expect("ahead");
    receiver.tell("read on");
    sender.expect("done");
    receiver.expect("done");
    for mut child in [sender, receiver] {
        child.tell("end");
        child.finish();
    }
    assert!(!folder.path().join(NAMESPACE).exists(), "left: {:?}", folder.files());
}

#[test]
fn vga_images_take_no_more_after_the_first_hundred() {
    stream(20_000, 640 * 480 * 3);
}

#[test]
fn full_hd_images_take_no_more_after_the_first_hundred() {
    stream(600, 1920 * 1080 * 3);
}
