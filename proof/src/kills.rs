//! Kills at random moments: publishers sending flat out and subscribers, in Rust and Python, one topic at a time, beside
//! watchers that stay and count every message.

mod crew;
mod report;

pub(crate) use crew::Plan;

use crate::Result;
use crate::cast::{Language, Player, Stage, find_python};
use crate::dice::Dice;
use crate::ledger::Note;
use crate::outside::{self, Level};
use crate::role::{Part, Sabotage};
use crate::tally::Tally;
use crate::topic::Topic;
use clap::Args;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Kill publishers and subscribers at random, and see that nobody else minds
#[derive(Clone, Debug, Args)]
pub(crate) struct Kills {
    /// How many processes are killed at work
    #[arg(long, default_value_t = 200)]
    kills: u64,
    /// The least share, in percent, of kills inside a write, and of images between allocating and publishing
    #[arg(long, default_value_t = 20.0)]
    share: f64,
    /// A Python that has horus; that of the build's own environment if there is one
    #[arg(long)]
    python: Option<PathBuf>,
    /// Rust programs only
    #[arg(long)]
    no_python: bool,
    /// Where the dice begin; else they begin anywhere
    #[arg(long)]
    seed: Option<u64>,
    /// Seconds after which what didn't happen counts as stuck
    #[arg(long, default_value_t = 60)]
    patience: u64,
    /// Where the figures are written as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// What publishers do wrong, to see that it is noticed
    #[arg(long)]
    sabotage: Option<Sabotage>,
}

/// A run of random kills.
pub(crate) struct Run {
    pub(crate) stage: Stage,
    pub(crate) tally: Mutex<Tally>,
    /// Whether some kills are aimed at writes.
    aims: bool,
    /// Ends the cleaners' thread.
    pub(crate) over: AtomicBool,
    /// Crews of subscribers that are still at it: they need publishers.
    readers: AtomicUsize,
    pub(crate) watchers: BTreeMap<(Topic, Language), Player>,
    pub(crate) steady: [Player; 2],
}

/// The largest lane of the topics here: 64 slots of 1,024 bytes.
const LANE_BYTES_MAX: u64 = 64 << 10;
/// What a process takes for its first pins; docs/shared-memory.md has the steps.
const PIN_BYTES: u64 = 16 << 10;
/// Kills of one round, on one topic.
const ROUND: u64 = 25;

/// Runs it and says how it went; false if anything went wrong.
pub(crate) fn run(options: &Kills) -> Result<bool> {
    let begun = Instant::now();
    let seed = options.seed.unwrap_or_else(horus_shm::now_ns);
    let python = if options.no_python { None } else { find_python(options.python.clone()) };
    println!(
        "seed {seed}, {} kills, {}",
        options.kills,
        match &python {
            Some(path) => format!("Python {}", path.display()),
            None => "no Python: Rust programs only".into(),
        }
    );
    let mut run = Run::set_up(python, options.sabotage, Duration::from_secs(options.patience))?;
    let outcome = run.play(options.kills, &mut Dice::new(seed));
    if let Err(error) = outcome {
        run.tally.get_mut().unwrap_or_else(PoisonError::into_inner).failures.push(error.to_string());
    }
    report::say(&mut run, options, begun.elapsed())
}

impl Run {
    /// Starts those who stay.
    pub(crate) fn set_up(
        python: Option<PathBuf>,
        sabotage: Option<Sabotage>,
        patience: Duration,
    ) -> Result<Self> {
        let stage = Stage::new(python, sabotage, patience)?;
        let mut watchers = BTreeMap::new();
        for topic in Topic::ALL {
            watchers.insert((topic, Language::Rust), stage.start(Part::Watch, topic, Language::Rust)?);
            if stage.has_python() && topic.in_python() {
                let watcher = stage.start(Part::Watch, topic, Language::Python)?;
                watchers.insert((topic, Language::Python), watcher);
            }
        }
        let mut steady = [
            stage.start(Part::SteadyWatch, Topic::Cmd, Language::Rust)?,
            stage.start(Part::SteadyPublish, Topic::Cmd, Language::Rust)?,
        ];
        for player in watchers.values_mut().chain(&mut steady) {
            player.until(Note::Ready)?;
        }
        steady[0].until(Note::Received)?;
        Ok(Self {
            stage,
            tally: Mutex::default(),
            // Publishers that are never there are not to be caught there.
            aims: sabotage != Some(Sabotage::Lazy),
            over: AtomicBool::new(false),
            readers: AtomicUsize::new(0),
            watchers,
            steady,
        })
    }

    fn play(&mut self, kills: u64, dice: &mut Dice) -> Result<()> {
        // The lock file gets its text at the first cleaning.
        outside::cleaned(&self.stage.root()?, false)?;
        let level = Level::of(&self.stage.root_path());
        let mut left = kills;
        let mut topics = Topic::ALL.into_iter().cycle();
        while left > 0 {
            let topic = topics.next().expect("goes round and round");
            let kills = left.min(ROUND);
            let subscribers = Plan { crew: 1, kills: kills / 4, until_ns: u64::MAX, mixed: false };
            let publishers = Plan { crew: crew::CREW, kills: kills - subscribers.kills, ..subscribers };
            self.round(&[topic], (publishers, subscribers), dice, &|| Ok(()))?;
            left -= kills;
            self.all_was_counted(topic)?;
            self.nothing_leaked(&level, topic)?;
        }
        for player in self.watchers.values_mut().chain(&mut self.steady) {
            player.still_running()?;
        }
        self.leave()
    }

    /// Kills on some topics at once; all who are killed are dead and reaped on return. `beside` runs meanwhile, until the
    /// round is over.
    pub(crate) fn round(
        &self,
        topics: &[Topic],
        (publishers, subscribers): (Plan, Plan),
        dice: &mut Dice,
        beside: &(dyn Fn() -> Result<()> + Sync),
    ) -> Result<()> {
        self.over.store(false, Ordering::Relaxed);
        self.readers.store(topics.len(), Ordering::Relaxed);
        std::thread::scope(|scope| {
            let mut own = dice.fork();
            let apart = [scope.spawn(move || crew::cleaners(self, &mut own)), scope.spawn(beside)];
            let mut crews = Vec::new();
            for topic in topics {
                let (mut theirs, mut other) = (dice.fork(), dice.fork());
                crews.push(scope.spawn(move || {
                    let outcome = crew::subscribers(self, *topic, subscribers, &mut other);
                    // Relaxed: only the number counts.
                    self.readers.fetch_sub(1, Ordering::Relaxed);
                    outcome
                }));
                crews.push(scope.spawn(move || crew::publishers(self, *topic, publishers, &mut theirs)));
            }
            let mut outcomes: Vec<Result<()>> =
                crews.into_iter().map(|crew| crew.join().expect("no crew panics")).collect();
            self.over.store(true, Ordering::Relaxed);
            outcomes.extend(apart.map(|thread| thread.join().expect("no crew panics")));
            // Of several the first is the cause, as a rule; the others are told too.
            let failed: Vec<String> =
                outcomes.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
            if failed.is_empty() { Ok(()) } else { Err(failed.join("\n").into()) }
        })
    }

    /// What the watchers got and missed is what was sent, to the message.
    pub(crate) fn all_was_counted(&mut self, topic: Topic) -> Result<()> {
        let lanes = outside::lanes(&self.stage.namespace()?, topic.name())?;
        let sent: u64 = lanes.iter().map(|lane| lane.end).sum();
        let patience = self.stage.patience;
        let (mut received, mut dropped) = (0, 0);
        for ((_, language), watcher) in self.watchers.iter_mut().filter(|((of, _), _)| *of == topic) {
            let begun = Instant::now();
            let counts =
                |watcher: &Player| (watcher.entry.get(Note::Received), watcher.entry.get(Note::Dropped));
            while counts(watcher).0 + counts(watcher).1 != sent {
                watcher.still_running()?;
                if begun.elapsed() > patience {
                    let (received, dropped) = counts(watcher);
                    return Err(format!(
                        "count: the watcher of {} in {language:?} got {received} and missed {dropped}, but {sent} were sent",
                        topic.name()
                    )
                    .into());
                }
                std::thread::sleep(Duration::from_micros(500));
            }
            received += counts(watcher).0;
            dropped += counts(watcher).1;
        }
        self.tally().messages.insert(topic, (sent, received, dropped));
        Ok(())
    }

    /// Once the dead are cleaned up, what is left is what was there before the first kill.
    pub(crate) fn nothing_leaked(&self, before: &Level, topic: Topic) -> Result<()> {
        let (root, path) = (self.stage.root()?, self.stage.root_path());
        // Lanes are used again by whoever comes, so there are as many as there were publishers at one time.
        let lanes = outside::lanes(&self.stage.namespace()?, topic.name())?.len();
        if lanes > crew::AT_ONCE {
            return Err(
                format!("leaked: {lanes} lanes of {} for {} at once", topic.name(), crew::AT_ONCE).into()
            );
        }
        let begun = Instant::now();
        loop {
            // Again and again: the kernel may finish a dead process's files a little after it was reaped.
            let report = outside::cleaned(&root, false)?;
            let now = Level::of(&path);
            let beyond = now.beyond(before, |path| self.may_grow(path));
            if beyond.is_empty() && now.files.len() == before.files.len() {
                return Ok(());
            }
            if begun.elapsed() > self.stage.patience {
                return Err(format!("leaked: {beyond:#?}\n{report:#?}").into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Bytes that a file may take more than before the first kill: of a topic, for lanes that it didn't have yet; of a watcher, for its
    /// first pins.
    fn may_grow(&self, path: &Path) -> u64 {
        let folder = path.parent().and_then(Path::file_name).and_then(OsStr::to_str);
        match folder {
            Some("topics") => crew::AT_ONCE as u64 * LANE_BYTES_MAX,
            Some("participants") => PIN_BYTES,
            _ => 0,
        }
    }

    /// Those who stayed end cleanly, and nothing is left but the root's own two files.
    pub(crate) fn leave(&mut self) -> Result<()> {
        for player in self.watchers.values_mut().chain(&mut self.steady) {
            player.finish()?;
        }
        outside::cleaned(&self.stage.root()?, true)?;
        let level = Level::of(&self.stage.root_path());
        let left: Vec<_> =
            level.files.keys().filter(|path| !path.ends_with("lock") && !path.ends_with("joins")).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("leaked: after everybody left: {left:#?}").into()) }
    }

    pub(crate) fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
