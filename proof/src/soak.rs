//! Everything at once for some minutes: all topics flat out in both languages, many topics of every kind, comings, goings,
//! stops and kills, commands beside; and at the end what it took, as at the beginning.

mod page;
mod rate;

use crate::Result;
use crate::cast::{Language, Player, find_python};
use crate::dice::Dice;
use crate::kills::{Plan, Run};
use crate::ledger::Note;
use crate::outside::{self, Level};
use crate::role::{Part, STEADY};
use crate::topic::Topic;
use clap::Args;
use rate::{Rate, Rates};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Everything at once for some minutes
#[derive(Clone, Debug, Args)]
pub(crate) struct Soak {
    /// How long
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// A Python that has horus; that of the build's own environment if there is one
    #[arg(long)]
    python: Option<PathBuf>,
    /// The `horus` command; the one beside this program if it isn't named
    #[arg(long)]
    horus: Option<PathBuf>,
    /// Where the dice begin; else they begin anywhere
    #[arg(long)]
    seed: Option<u64>,
    /// Seconds after which what didn't happen counts as stuck
    #[arg(long, default_value_t = 120)]
    patience: u64,
    /// Where the figures are written as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// A page whose part between the markers is written anew
    #[arg(long)]
    page: Option<PathBuf>,
}

/// A round lasts about so long; after each all who come and go are gone, and everything is counted.
const ROUND: Duration = Duration::from_secs(30);
/// What commands are run again and again, beside.
const COMMANDS: [&[&str]; 6] = [
    &["topic", "list"],
    &["topic", "list", "--json"],
    &["node", "list"],
    &["topic", "info", "dict"],
    &["topic", "echo", "steady", "--count", "3"],
    &["clean", "--shm", "--dry-run"],
];

/// What those who stay take, and what lies in shared memory, while nobody comes or goes.
#[derive(Clone, Debug, Default)]
struct Taken {
    /// Memory that is resident, without what is shared, of the largest of those in Rust and in Python, in bytes.
    private_rust: u64,
    private_python: u64,
    /// Open descriptors of all who stay together.
    descriptors: u64,
    files: u64,
    shm_bytes: u64,
}

/// What a soak has seen, beside what its kills tell.
#[derive(Debug, Default)]
struct Seen {
    rounds: u64,
    commands: u64,
    begin: Taken,
    end: Taken,
    /// Messages of the topics of every kind: sent, received, missed.
    many: (u64, u64, u64),
    /// What `horus topic hz` said of the steady topic.
    steady_hz: Rates,
    took: Duration,
}

/// Runs it and says how it went; false if anything went wrong.
pub(crate) fn run(options: &Soak) -> Result<bool> {
    let seed = options.seed.unwrap_or_else(horus_shm::now_ns);
    println!("seed {seed}, {} minutes", options.minutes);
    let python = find_python(options.python.clone());
    let mut run = Run::set_up(python, None, Duration::from_secs(options.patience))?;
    let mut seen = Seen::default();
    let begun = Instant::now();
    if let Err(error) = soak(&mut run, options, &mut seen, &mut Dice::new(seed)) {
        run.tally.get_mut().unwrap_or_else(PoisonError::into_inner).failures.push(error.to_string());
    }
    seen.took = begun.elapsed();
    page::say(&mut run, options, &seen)
}

fn soak(run: &mut Run, options: &Soak, seen: &mut Seen, dice: &mut Dice) -> Result<()> {
    let horus = match &options.horus {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("horus"),
    };
    let mut many = [
        run.stage.start(Part::ManyWatch, Topic::Cmd, Language::Rust)?,
        run.stage.start(Part::ManyPublish, Topic::Cmd, Language::Rust)?,
    ];
    for player in &mut many {
        player.until(Note::Ready)?;
    }
    many[0].until(Note::Received)?;
    let mut rate = Rate::watch(&run.stage, &horus, STEADY)?;
    outside::cleaned(&run.stage.root()?, false)?;
    let mut level = None;
    let total = Duration::from_secs_f64(60.0 * options.minutes);
    // Two at least: the figures at the beginning are those after the first.
    let rounds = (total.as_secs() / ROUND.as_secs()).max(2);
    let length = total / rounds as u32;
    let commands = AtomicU64::new(0);
    for round in 0..rounds {
        let until_ns = horus_shm::now_ns() + length.as_nanos() as u64;
        let plan = Plan { crew: 2, kills: u64::MAX, until_ns, mixed: true };
        run.round(&Topic::ALL, (plan, plan), dice, &|| ask(run, &horus, &commands))?;
        for topic in Topic::ALL {
            run.all_was_counted(topic)?;
        }
        for player in &mut many {
            player.still_running()?;
        }
        rate.still_running()?;
        // Taken after the first round: everything was open once by then.
        let level = match &level {
            Some(level) => level,
            None => {
                outside::cleaned(&run.stage.root()?, false)?;
                level.insert(settled(run)?)
            }
        };
        for topic in Topic::ALL {
            run.nothing_leaked(level, topic)?;
        }
        seen.end = taken(run, &many)?;
        if round == 0 {
            seen.begin = seen.end.clone();
        }
        seen.rounds += 1;
        seen.commands = commands.load(Ordering::Relaxed);
        println!("round {} of {rounds}: {} killed", round + 1, run.tally().kills());
    }
    seen.steady_hz = rate.finish(&run.stage)?;
    let [watcher, publisher] = &mut many;
    publisher.finish()?;
    seen.many = all_of_many(publisher, watcher, run.stage.patience)?;
    watcher.finish()?;
    run.leave()
}

/// The level once the dead are cleaned up: two looks in a row that are alike.
fn settled(run: &Run) -> Result<Level> {
    let (root, path) = (run.stage.root()?, run.stage.root_path());
    let begun = Instant::now();
    let mut before = Level::default();
    loop {
        outside::cleaned(&root, false)?;
        let now = Level::of(&path);
        if now == before || begun.elapsed() > run.stage.patience {
            return Ok(now);
        }
        before = now;
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What was sent on the many topics, and that all of it came or is counted.
fn all_of_many(publisher: &Player, watcher: &mut Player, patience: Duration) -> Result<(u64, u64, u64)> {
    let sent = publisher.entry.get(Note::Sent);
    let begun = Instant::now();
    loop {
        let (received, missed) = (watcher.entry.get(Note::Received), watcher.entry.get(Note::Dropped));
        if received + missed == sent {
            return Ok((sent, received, missed));
        }
        watcher.still_running()?;
        if begun.elapsed() > patience {
            return Err(
                format!("count: of many topics {received} came, {missed} were missed, {sent} sent").into()
            );
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs commands until the round is over; each must succeed.
fn ask(run: &Run, horus: &PathBuf, count: &AtomicU64) -> Result<()> {
    for arguments in COMMANDS.iter().cycle() {
        if run.over.load(Ordering::Relaxed) {
            break;
        }
        let mut command = Command::new(horus);
        command.args(*arguments).envs(run.stage.environment()).stdin(Stdio::null());
        let output = command.output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("horus {}: {}: {said}", arguments.join(" "), output.status).into());
        }
        // Relaxed: a count.
        count.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn taken(run: &Run, many: &[Player]) -> Result<Taken> {
    let level = Level::of(&run.stage.root_path());
    let mut taken =
        Taken { files: level.files.len() as u64, shm_bytes: level.files.values().sum(), ..Taken::default() };
    for player in run.watchers.values().chain(&run.steady).chain(many) {
        let folder = PathBuf::from(format!("/proc/{}", player.pid()));
        let statm = std::fs::read_to_string(folder.join("statm"))?;
        let pages = |at: usize| statm.split(' ').nth(at).and_then(|word| word.parse().ok()).unwrap_or(0u64);
        let private = pages(1).saturating_sub(pages(2)) * rustix::param::page_size() as u64;
        let largest = match player.language {
            Language::Rust => &mut taken.private_rust,
            Language::Python => &mut taken.private_python,
        };
        *largest = private.max(*largest);
        taken.descriptors += std::fs::read_dir(folder.join("fd"))?.count() as u64;
    }
    Ok(taken)
}
