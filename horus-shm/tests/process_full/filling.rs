//! Everything a process does, with each number of pages left from none to plenty.

use crate::disk::{
    Disk, clean_up, if_room, join, namespace, other_type, page, play_on, publisher, publisher_of, subscriber,
};
use crate::process::Cue;
use horus_shm::{Census, NodeName, NodeSpec, Participant, Payload, Publisher, Root, Settings, Subscriber};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

/// Beyond this many pages everything below works.
const PAGES: u64 = 64;
/// Payloads: one that fits a slot, one of a small block, one of a large one.
const PAYLOADS: [usize; 3] = [100, 5000, 60_000];

#[test]
fn a_start_on_a_nearly_full_disk_works_or_says_why_not() {
    play_on("4m", "start");
}

#[test]
fn a_running_process_lives_through_a_full_disk() {
    play_on("4m", "run");
}

/// Role: makes a root and all in it with 0, 1, 2 … pages left, and looks that nothing is lost.
pub(crate) fn start(cue: &mut Cue) {
    let disk = Disk::of_self();
    let root = disk.path().join("root");
    let mut reached = Vec::new();
    for count in 0..=PAGES {
        disk.leave(count);
        let got = begin(&root);
        reached.push(got.len());
        drop(got);
        // With room again, everything works at once.
        disk.make_room();
        let got = begin(&root);
        assert_eq!(got.len(), STEPS, "with room again after {count} pages");
        drop(got);
        std::fs::remove_dir_all(&root).expect("made by the second begin at the latest");
        disk.leave(count);
    }
    assert_eq!(reached.first(), Some(&0), "without a page nothing can be begun");
    assert_eq!(reached.last(), Some(&STEPS), "with {PAGES} pages everything can: {reached:?}");
    assert!(reached.is_sorted(), "more pages never are worse: {reached:?}");
    cue.say("done");
}

/// How many things `begin` does.
const STEPS: usize = 11;

/// Does one thing after the other until there is no room; returns what it has got, and keeps it.
fn begin(root: &Path) -> Vec<Box<dyn std::any::Any>> {
    let mut kept: Vec<Box<dyn std::any::Any>> = Vec::new();
    let disk = Disk::of_self();
    let free = disk.free();
    let settings = Settings { shm_dir: Some(root.to_owned()), namespace: None };
    let done = if_room("root", Root::open(&settings)).and_then(|opened| {
        kept.push(Box::new(opened));
        begin_in(root, &mut kept)
    });
    if done.is_none() {
        // What failed halfway has left nothing once its process has let go of what it got.
        let got = kept.len();
        kept.clear();
        if got > 0 {
            if_room("clean", clean_up(root)).expect("a cleaning needs no room");
        }
        assert_eq!(disk.free(), free - root_pages(root), "after {got} steps");
        kept.extend((0..got).map(|_| Box::new(()) as Box<dyn std::any::Any>));
    }
    kept
}

fn begin_in(root: &Path, kept: &mut Vec<Box<dyn std::any::Any>>) -> Option<()> {
    let here = if_room("join", join(root))?;
    kept.push(Box::new(here.clone()));
    let node = NodeName::new("begun").expect("a good name");
    kept.push(Box::new(if_room("node", here.add_node(&node, NodeSpec { rate_hz: 10.0 }))?));
    let mut receiver = if_room("subscriber", subscriber(&here, "topic"))?;
    kept.push(Box::new(()));
    let mut sender = if_room("publisher", publisher(&here, "topic"))?;
    kept.push(Box::new(()));
    for len in PAYLOADS {
        if_room("send", sender.send(&vec![len as u8; len]))?;
        kept.push(Box::new(()));
        let received = if_room("receive", receiver.recv())?.expect("just sent");
        match received.payload {
            Payload::Inline(bytes) => {
                assert!(bytes.len() == len && bytes.iter().all(|byte| *byte == len as u8))
            }
            Payload::Block { block, .. } => {
                assert!(block.bytes().len() == len && block.bytes().iter().all(|byte| *byte == len as u8));
            }
        }
        kept.push(Box::new(()));
    }
    // Last in, first out would be no order of a real program: the participant goes last of all here.
    kept[1] = Box::new((receiver, sender, here));
    Some(())
}

/// The pages of the two files that a root keeps, whatever becomes of the rest.
fn root_pages(root: &Path) -> u64 {
    let blocks = |name| std::fs::metadata(root.join(name)).map_or(0, |it| it.blocks());
    (blocks("joins") + blocks("lock")) * 512 / page()
}

/// What runs all the time while the disk fills and empties.
struct Running {
    here: Arc<Participant>,
    sender: Publisher,
    receiver: Subscriber,
}

/// Role: runs with 0, 1, 2 … pages left and tries everything at each.
pub(crate) fn run(cue: &mut Cue) {
    let disk = Disk::of_self();
    let all = disk.free();
    for count in 0..=PAGES {
        let here = join(disk.path()).expect("there is room");
        let mut running = Running {
            sender: publisher(&here, "steady").expect("there is room"),
            receiver: subscriber(&here, "steady").expect("there is room"),
            here,
        };
        disk.leave(count);
        running.passes_small();
        running.opens_more(&disk);
        running.looks_and_cleans(&disk);
        running.passes_large(&disk);
        running.passes_small();
        disk.make_room();
        running.passes_all();
        drop(running);
        assert!(
            namespace(disk.path())
                .is_ok_and(|it| Census::take(&it).is_ok_and(|census| census.pools.is_empty()))
        );
    }
    assert_eq!(disk.free(), all - root_pages(disk.path()), "left by all rounds");
    cue.say("done");
}

impl Running {
    /// What is inline needs no page, ever.
    fn passes_small(&mut self) {
        self.sender.send(&[7; 100]).expect("it needs no page");
        let received = self.receiver.recv().expect("it needs no page").expect("just sent");
        assert!(matches!(received.payload, Payload::Inline(bytes) if bytes == [7; 100]));
    }

    /// Whatever more is opened and closed again has cost nothing, or only what the participant's tables grew by.
    fn opens_more(&mut self, disk: &Disk) {
        let node = NodeName::new("late").expect("a good name");
        drop(if_room("node", self.here.add_node(&node, NodeSpec { rate_hz: 0.0 })));
        let free = disk.free();
        drop(if_room("publisher", publisher(&self.here, "another")));
        // Made anew for another type, or left as it is.
        drop(if_room("publisher of another type", publisher_of(&self.here, "another", &other_type())));
        drop(if_room("publisher", publisher(&self.here, "another")));
        drop(if_room("subscriber", subscriber(&self.here, "a/third")));
        let elsewhere =
            Settings { shm_dir: Some(disk.path().to_owned()), namespace: Some("elsewhere".into()) };
        let elsewhere = horus_shm::Namespace::open(&elsewhere).expect("the root is there");
        drop(if_room("join", Participant::join(&elsewhere, horus_shm::Language::Rust)));
        clean_up(disk.path()).expect("a cleaning needs no room");
        assert!(!disk.path().join("elsewhere").exists(), "an empty namespace is gone");
        assert_eq!(disk.free(), free, "topics that nobody holds any more are gone");
    }

    fn looks_and_cleans(&mut self, disk: &Disk) {
        let census = Census::take(self.here.namespace()).expect("looking needs no room");
        assert_eq!((census.topics.len(), census.participants.len()), (1, 1));
        assert!(census.faults.is_empty(), "{:?}", census.faults);
        let report = clean_up(disk.path()).expect("a cleaning needs no room");
        assert!(report.faults.is_empty(), "{report:?}");
    }

    /// A large message goes through or is refused; refused, it has taken nothing.
    fn passes_large(&mut self, disk: &Disk) {
        for len in [5000, 60_000] {
            let free = disk.free();
            let sent = (self.sender.sent(), self.receiver.received() + self.receiver.dropped());
            if if_room("send", self.sender.send(&vec![9; len])).is_none() {
                assert_eq!((disk.free(), self.sender.sent()), (free, sent.0), "a refused message");
                continue;
            }
            match if_room("receive", self.receiver.recv()) {
                Some(received) => {
                    let Some(Payload::Block { block, .. }) = received.map(|received| received.payload) else {
                        panic!("sent in a block")
                    };
                    assert!(block.bytes().len() == len && block.bytes().iter().all(|byte| *byte == 9));
                }
                // No page for the table of pins: the message is missed, and counted.
                None => assert_eq!(self.receiver.received() + self.receiver.dropped(), sent.1 + 1),
            }
        }
    }

    fn passes_all(&mut self) {
        while self.receiver.recv().expect("there is room").is_some() {}
        for len in PAYLOADS {
            self.sender.send(&vec![len as u8; len]).expect("there is room");
            assert!(self.receiver.recv().expect("there is room").is_some());
        }
    }
}
