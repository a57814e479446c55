//! Runs turns: starts the sides, waits for them, reads what they measured, leaves nothing.

use std::fs::{self, DirBuilder, File};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::Result;
use crate::contender::{Contender, Programs, Turn};
use crate::idle;
use crate::questions::{Question, Series};
use crate::side::Side;
use crate::stats::Summary;
use crate::work::Work;

/// A program says so when it doesn't know a way, a work or a payload.
const UNKNOWN_PAIRING: i32 = 3;
/// No turn takes so long, unless something hangs.
const TURN_LIMIT: Duration = Duration::from_secs(60);

/// Where turns happen: two cores, a folder on tmpfs that goes when this does, the programs.
#[derive(Debug)]
pub(crate) struct Setting {
    cores: [usize; 2],
    folder: PathBuf,
    programs: Programs,
    interrupted: Arc<AtomicBool>,
}

/// Why a turn gave nothing.
enum Failure {
    /// The contender isn't to be had here.
    Absent(String),
    /// It is, and failed.
    Failed(Box<dyn std::error::Error>),
}

impl<E: Into<Box<dyn std::error::Error>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Failed(error.into())
    }
}

impl Setting {
    /// Takes the first two cores that this process may use and makes the folder.
    ///
    /// # Errors
    /// With fewer than two cores there is nothing to measure between.
    pub(crate) fn prepare(programs: Programs) -> Result<Setting> {
        let allowed = sched_getaffinity(None)?;
        let mut usable = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
        let (Some(first), Some(second)) = (usable.next(), usable.next()) else {
            return Err("two cores are needed, this process may use only one".into());
        };
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
        }
        let folder = PathBuf::from(format!("/dev/shm/horus-bench-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Setting { cores: [first, second], folder, programs, interrupted })
    }

    /// The core of the pinging and of the echoing side.
    pub(crate) fn cores(&self) -> [usize; 2] {
        self.cores
    }

    /// Runs one turn; returns what each series holds, nothing where the contender doesn't give it.
    fn turn(
        &self,
        question: &Question,
        contender: &Contender,
        samples: u64,
    ) -> std::result::Result<Vec<Option<Vec<u64>>>, Failure> {
        let folder = self.folder.join("turn");
        DirBuilder::new().mode(0o700).create(&folder)?;
        let cleared = Cleared(&folder);
        let turn = Turn { folder: &folder, warmup: samples / 10 + 1, samples };
        let mut sides = Vec::new();
        for side in contender.sides() {
            sides.push(self.start(contender, *side, turn)?);
        }
        if contender.work == Work::Idle {
            self.look_at_idle(&mut sides[0], &folder)?;
        } else {
            self.wait(&mut sides)?;
        }
        let read = |series: &Series| read_samples(&folder.join(series.file));
        let series = question.series.iter().map(read).collect::<Result<Vec<_>>>()?;
        if series[0].is_none() {
            return Err("it left no samples".into());
        }
        drop(cleared);
        Ok(series)
    }

    fn start(
        &self,
        contender: &Contender,
        side: Side,
        turn: Turn<'_>,
    ) -> std::result::Result<Running, Failure> {
        let mut command = self.programs.command(contender.program).map_err(Failure::Absent)?;
        let core = self.cores[usize::from(side == Side::Echo)];
        contender.add_arguments(&mut command, side, core, turn);
        let said = turn.folder.join(format!("{}-said", side.name()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&said)?);
        let child = command.spawn();
        let child = child.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        Ok(Running { child, said })
    }

    /// Waits until all have ended; ends all as soon as one failed.
    fn wait(&self, sides: &mut [Running]) -> std::result::Result<(), Failure> {
        let since = Instant::now();
        let mut ended = vec![false; sides.len()];
        while ended.contains(&false) {
            for (index, side) in sides.iter_mut().enumerate() {
                if let Some(status) = side.child.try_wait()?
                    && !ended[index]
                {
                    side.check(status)?;
                    ended[index] = true;
                }
            }
            self.go_on(since)?;
        }
        Ok(())
    }

    /// Fails when somebody interrupts or a turn takes too long; else rests, so as not to disturb what is being measured.
    fn go_on(&self, since: Instant) -> std::result::Result<(), Failure> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err("interrupted".into());
        }
        if since.elapsed() > TURN_LIMIT {
            return Err(format!("a turn took more than {} s", TURN_LIMIT.as_secs()).into());
        }
        thread::sleep(Duration::from_millis(5));
        Ok(())
    }

    /// Waits until the side blocks, and looks at it.
    fn look_at_idle(&self, side: &mut Running, folder: &Path) -> std::result::Result<(), Failure> {
        let since = Instant::now();
        while !folder.join(Side::Echo.name()).exists() {
            if let Some(status) = side.child.try_wait()? {
                side.check(status)?;
                return Err("it ended before it blocked".into());
            }
            self.go_on(since)?;
        }
        Ok(idle::look_at(side.child.id(), folder)?)
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        // Nothing to be done about a folder that doesn't go; it lies in memory and its name tells whose it is.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A turn's folder, removed when the turn is over, also when it failed.
struct Cleared<'a>(&'a Path);

impl Drop for Cleared<'_> {
    fn drop(&mut self) {
        // As with the setting's own folder.
        let _ = fs::remove_dir_all(self.0);
        remove_leftovers(self.0);
    }
}

/// Removes what other programs left beside the setting's folder, under names that begin with its own: some put files
/// straight into `/dev/shm`, and one that was killed can't remove them.
fn remove_leftovers(folder: &Path) {
    let (Some(setting), Ok(beside)) = (folder.parent(), fs::read_dir("/dev/shm")) else { return };
    let Some(prefix) = setting.file_name().and_then(|name| name.to_str()) else { return };
    for entry in beside.flatten() {
        let name = entry.file_name();
        let theirs = name.to_str().is_some_and(|name| name.strip_prefix(prefix).is_some_and(is_leftover));
        if theirs {
            // As above.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether what follows our name isn't the rest of another's number.
fn is_leftover(rest: &str) -> bool {
    rest.chars().next().is_some_and(|first| !first.is_ascii_digit())
}

/// A side that doesn't outlive its turn.
#[derive(Debug)]
struct Running {
    child: Child,
    said: PathBuf,
}

impl Running {
    /// Fails unless it ended well, with what it said last.
    fn check(&self, status: ExitStatus) -> std::result::Result<(), Failure> {
        if status.success() {
            return Ok(());
        }
        let mut said = String::new();
        File::open(&self.said)?.read_to_string(&mut said)?;
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("said nothing");
        if status.code() == Some(UNKNOWN_PAIRING) {
            return Err(Failure::Absent("it doesn't do this".to_owned()));
        }
        Err(format!("a side ended with {status}: {last}").into())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has been waited for, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A question with everyone's figures.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What was asked.
    pub(crate) question: Question,
    /// Turns of each contender.
    pub(crate) rounds: usize,
    /// Figures, in the order of the contenders.
    pub(crate) rows: Vec<Row>,
}

/// One contender's figures for each series, or why it was not measured.
pub(crate) type Row = std::result::Result<Vec<Option<Measured>>, String>;

/// The figures of one series.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// Of all rounds together.
    pub(crate) summary: Summary,
    /// Of each round, the median.
    pub(crate) medians: Vec<f64>,
}

impl Measured {
    /// Of rounds that gave one figure each.
    #[cfg(test)]
    pub(crate) fn of_rounds(medians: &[f64]) -> Measured {
        let mut samples: Vec<u64> = medians.iter().map(|median| *median as u64).collect();
        Measured { summary: Summary::of(&mut samples, 1.0), medians: medians.to_vec() }
    }
}

/// Lets the contenders of `question` take turns for `rounds` rounds.
///
/// # Errors
/// HORUS or a floor failed; one of the others that fails twice is left out instead.
pub(crate) fn ask(setting: &Setting, question: Question, rounds: usize, scale: f64) -> Result<Answer> {
    if rounds == 0 {
        return Err("no rounds".into());
    }
    let rounds = rounds.min(question.rounds_most) * question.rounds_times;
    let mut taken: Vec<Taken> = question.contenders.iter().map(|_| Taken::new(&question)).collect();
    for _ in 0..rounds {
        for (contender, taken) in question.contenders.iter().zip(&mut taken) {
            if taken.absent.is_some() {
                continue;
            }
            let samples = ((question.samples as f64 * contender.share * scale) as u64).max(1);
            let may_fail = || contender.program.is_peer() && !setting.interrupted.load(Ordering::Relaxed);
            let mut turn = setting.turn(&question, contender, samples);
            if matches!(turn, Err(Failure::Failed(_))) && may_fail() {
                // Some of the others hang at their start, once in a hundred turns.
                turn = setting.turn(&question, contender, samples);
            }
            match turn {
                Ok(series) => taken.add(&question, series),
                Err(Failure::Absent(why)) => taken.absent = Some(why),
                Err(Failure::Failed(error)) if may_fail() => taken.absent = Some(error.to_string()),
                Err(Failure::Failed(error)) => {
                    return Err(format!("{}, {}: {error}", question.id, contender.name).into());
                }
            }
        }
    }
    let rows = taken.into_iter().map(|taken| taken.row(&question)).collect();
    Ok(Answer { question, rounds, rows })
}

/// What one contender has measured so far.
struct Taken {
    absent: Option<String>,
    /// For each series all samples, and the median of each round.
    series: Vec<(Vec<u64>, Vec<f64>)>,
}

impl Taken {
    fn new(question: &Question) -> Taken {
        Taken { absent: None, series: vec![(Vec::new(), Vec::new()); question.series.len()] }
    }

    fn add(&mut self, question: &Question, series: Vec<Option<Vec<u64>>>) {
        for (((all, medians), new), series) in self.series.iter_mut().zip(series).zip(&question.series) {
            if let Some(mut new) = new.filter(|new| !new.is_empty()) {
                medians.push(Summary::of(&mut new, series.divisor).median);
                all.append(&mut new);
            }
        }
    }

    fn row(self, question: &Question) -> Row {
        if let Some(why) = self.absent {
            return Err(why);
        }
        let measured = |((mut all, medians), series): ((Vec<u64>, Vec<f64>), &Series)| {
            (!all.is_empty()).then(|| Measured { summary: Summary::of(&mut all, series.divisor), medians })
        };
        Ok(self.series.into_iter().zip(&question.series).map(measured).collect())
    }
}

/// The numbers in a file, nothing if there is none.
fn read_samples(path: &Path) -> Result<Option<Vec<u64>>> {
    if !path.exists() {
        return Ok(None);
    }
    let bytes = fs::read(path)?;
    let (words, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(format!("{} bytes of samples aren't numbers of 8", bytes.len()).into());
    }
    Ok(Some(words.iter().map(|word| u64::from_le_bytes(*word)).collect()))
}
