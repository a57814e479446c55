//! What all scenarios begin with and end with.

use crate::ledger::{Ear, Heard, Holding, Ledger};
use horus_shm::sim::{Plan, Stage, explore};
use horus_shm::{
    CleanOptions, Error, Language, Namespace, Participant, Payload, Publisher, PublisherOptions, Root,
    Settings, Subscriber, SubscriberOptions, TopicName, TopicSpec, clean,
};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Runs of each scenario when nobody says how many: all of them together take 10 s on two idle cores.
const RUNS: u64 = 400;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Runs a scenario with the same seeds as ever, then with new ones.
pub(crate) fn run(
    name: &'static str,
    kills_max: u64,
    stops_max: u64,
    scenario: impl Fn(&Hall, &Stage) + Clone + Send + Sync + 'static,
) {
    let begun = Instant::now();
    let plan = |first_seed, runs| Plan { name, runs, first_seed, kills_max, stops_max };
    let explore = |plan: Plan| {
        let scenario = scenario.clone();
        explore(&plan, move |stage| {
            let hall = Hall { settings: stage.settings(), ledger: Ledger::default() };
            scenario(&hall, stage);
            stage.wait_all();
            hall.leave_nothing();
        })
    };
    if let Some(seed) = number("HORUS_SIM_SEED") {
        explore(plan(seed, 1));
        return;
    }
    let runs = number("HORUS_SIM_RUNS").unwrap_or(RUNS);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let new_seed = since.as_nanos() as u64 >> 10;
    let known = explore(plan(1, runs.div_ceil(2)));
    let new = explore(plan(new_seed, runs / 2));
    let took = begun.elapsed().as_secs_f64();
    let points = known.killed_at.len().max(new.killed_at.len());
    writeln!(
        std::io::stderr(),
        "{name}: {} runs (seeds from 1 and from {new_seed}), {} steps, {} killed (at {points} named points and elsewhere), {} stopped, {:.0} runs/s",
        known.runs + new.runs,
        known.steps + new.steps,
        known.kills + new.kills,
        known.stops + new.stops,
        (known.runs + new.runs) as f64 / took,
    )
    .expect("stderr is open");
}

/// The one topic of all scenarios.
pub(crate) fn topic() -> TopicName {
    TopicName::new("talk").expect("a good name")
}

/// Three words fit a slot of this type.
pub(crate) const A: &str = "A";
/// Another type.
pub(crate) const B: &str = "B";

/// Returns a type by its name.
pub(crate) fn spec(type_name: &str) -> TopicSpec {
    TopicSpec { kind: 1, type_name: type_name.into(), schema: vec![], capacity: 32, depth: 8 }
}

/// Bytes of a message that goes into a block: one more word than fits a slot.
pub(crate) const LARGE: usize = 40;

/// Returns the words of a message: who, which, and their sum over and over.
fn words(publisher: u64, number: u64, bytes: usize) -> Vec<u8> {
    let sum = publisher.wrapping_mul(31).wrapping_add(number);
    let words = [publisher, number].into_iter().chain(std::iter::repeat_n(sum, bytes / 8 - 2));
    words.flat_map(u64::to_le_bytes).collect()
}

/// Reads a message's words and checks that they belong together.
pub(crate) fn read(bytes: &[u8]) -> (u64, u64) {
    let words: Vec<u64> =
        bytes.chunks_exact(8).map(|chunk| u64::from_le_bytes(chunk.try_into().expect("eight"))).collect();
    let [publisher, number, rest @ ..] = &words[..] else { panic!("{bytes:?} is no message") };
    let sum = publisher.wrapping_mul(31).wrapping_add(*number);
    assert!(!rest.is_empty() && rest.iter().all(|word| *word == sum), "torn: {words:?}");
    (*publisher, *number)
}

/// One run's folder and what happened in it.
#[derive(Clone, Debug)]
pub(crate) struct Hall {
    pub(crate) settings: Settings,
    pub(crate) ledger: Ledger,
}

/// A publisher and who it is in the ledger.
pub(crate) struct Voice {
    publisher: Publisher,
    id: u64,
    next: u64,
    ledger: Ledger,
    _holding: Holding,
}

impl Voice {
    /// Sends the next message.
    pub(crate) fn say(&mut self, bytes: usize) {
        let place = self.ledger.begin(self.id, self.next);
        self.publisher.send(&words(self.id, self.next, bytes)).expect("there is room");
        self.ledger.end(place);
        self.next += 1;
    }
}

/// A subscriber and what it heard.
pub(crate) struct Listener {
    pub(crate) subscriber: Subscriber,
    pub(crate) ear: Ear,
    ledger: Ledger,
    _holding: Option<Holding>,
}

impl Listener {
    /// Takes a message if there is one; returns who sent it.
    pub(crate) fn take(&mut self) -> Option<u64> {
        let received = match self.subscriber.recv() {
            // On its way to another file, which somebody holds who is stopped.
            Err(Error::Busy { .. }) if Stage::troubles().1 > 0 => return None,
            received => received.expect("nothing is damaged")?,
        };
        let latched = received.latched;
        let (publisher, number) = match &received.payload {
            Payload::Inline(bytes) => read(bytes),
            Payload::Block { block, .. } => read(block.bytes()),
        };
        self.ear.heard.push(Heard { publisher, number, latched });
        Some(publisher)
    }

    /// Takes all there is.
    pub(crate) fn drain(&mut self) {
        self.ear.looked = self.ledger.now();
        // Comes to where the name leads by now.
        while let Err(Error::Busy { .. }) = self.subscriber.has_msg() {
            assert!(Stage::troubles().1 > 0, "nobody is stopped");
        }
        while self.take().is_some() {}
    }

    /// Sleeps for messages until one of `publisher` came. Nothing but a wake-up ends these sleeps: where one is missing
    /// the run ends with nobody going on.
    pub(crate) fn wait_for(&mut self, publisher: u64) {
        loop {
            if self.take() == Some(publisher) {
                return;
            }
            match self.subscriber.wait(None) {
                // On its way to another file, which somebody holds who is stopped.
                Err(Error::Busy { .. }) if Stage::troubles().1 > 0 => {}
                woken => assert!(woken.expect("nothing is damaged"), "nobody asked it to stop"),
            }
        }
    }

    /// Holds what it heard against the ledger.
    pub(crate) fn check(&self) {
        assert_eq!(self.subscriber.received(), self.ear.heard.len() as u64);
        self.ledger.check(&self.ear, self.subscriber.dropped(), self.subscriber.has_gap());
    }
}

impl Hall {
    /// Joins. Folders come and go meanwhile, which must not matter.
    pub(crate) fn join(&self) -> Arc<Participant> {
        let namespace = Namespace::open(&self.settings).expect("a root of our own");
        Participant::join(&namespace, Language::Rust).expect("waits for nobody")
    }

    /// Opens a publisher; nothing when the topic is in use as another type.
    pub(crate) fn publisher(
        &self,
        here: &Arc<Participant>,
        type_name: &'static str,
        id: u64,
        options: PublisherOptions,
    ) -> Option<Voice> {
        let holding = self.ledger.hold(type_name);
        let publisher = self.open(|| Publisher::open(here, &topic(), &spec(type_name), options))?;
        Some(Voice { publisher, id, next: 0, ledger: self.ledger.clone(), _holding: holding })
    }

    /// Opens a publisher where nobody uses the topic as another type.
    pub(crate) fn voice(&self, here: &Arc<Participant>, type_name: &'static str, id: u64) -> Voice {
        self.publisher(here, type_name, id, PublisherOptions::default()).expect("nobody has another type")
    }

    /// Opens a subscriber; without a type it takes what there is. Nothing when the topic is in use as another type.
    pub(crate) fn subscriber(
        &self,
        here: &Arc<Participant>,
        type_name: Option<&'static str>,
        options: SubscriberOptions,
    ) -> Option<Listener> {
        let holding = type_name.map(|name| self.ledger.hold(name));
        let came = self.ledger.now();
        let wanted = type_name.map(spec);
        let subscriber = self.open(|| Subscriber::open(here, &topic(), wanted.as_ref(), options))?;
        self.ledger.add_listener();
        let ear = Ear { came, ready: self.ledger.now(), ..Ear::default() };
        Some(Listener { subscriber, ear, ledger: self.ledger.clone(), _holding: holding })
    }

    /// Opens a subscriber where nobody uses the topic as another type.
    pub(crate) fn listener(&self, here: &Arc<Participant>, type_name: Option<&'static str>) -> Listener {
        self.subscriber(here, type_name, SubscriberOptions::default()).expect("nobody has another type")
    }

    /// Opens an endpoint: again where somebody who is stopped held it up, not where somebody has it as another type.
    fn open<T>(&self, mut open: impl FnMut() -> Result<T, Error>) -> Option<T> {
        loop {
            let since = self.ledger.now();
            match open() {
                Ok(opened) => return Some(opened),
                Err(Error::TypeMismatch(mismatch)) => {
                    let found = &mismatch.found.type_name;
                    assert!(self.ledger.was_held(found, since), "nobody has it as {found}");
                    return None;
                }
                Err(Error::Busy { .. }) if Stage::troubles().1 > 0 => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Cleans all namespaces, as a command does.
    pub(crate) fn clean(&self) -> horus_shm::CleanReport {
        let options = CleanOptions { patience: Duration::from_secs(1), ..CleanOptions::default() };
        self.clean_as(&options)
    }

    pub(crate) fn clean_as(&self, options: &CleanOptions) -> horus_shm::CleanReport {
        let root = Root::open(&self.settings).expect("a root of our own");
        let report = clean(&root, None, options).expect("what can't be removed is told");
        assert!(report.faults.is_empty(), "{report:?}");
        report
    }

    /// Cleans up after all of them have ended; then nothing may be left.
    fn leave_nothing(&self) {
        let report = self.clean_as(&CleanOptions { force: true, ..CleanOptions::default() });
        assert!(report.kept.is_empty() && !report.busy, "all have ended: {report:?}");
        let folder = self.settings.shm_dir.as_ref().expect("its own");
        let mut left: Vec<String> = std::fs::read_dir(folder)
            .expect("the root stays")
            .map(|entry| entry.expect("read").file_name().to_string_lossy().into_owned())
            .collect();
        left.sort_unstable();
        assert_eq!(left, ["joins", "lock"], "{report:?}");
        std::fs::remove_dir_all(folder).expect("made by this run");
    }
}
