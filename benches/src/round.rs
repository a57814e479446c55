//! Runs turns: starts the two sides, waits for them, reads what they measured, leaves nothing.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::Result;
use crate::contender::{Contender, Turn};
use crate::peer::Side;
use crate::question::Question;
use crate::stats::Summary;

/// Where turns happen: two cores, a folder on tmpfs that goes when this does, a Python.
#[derive(Debug)]
pub(crate) struct Setting {
    cores: [usize; 2],
    folder: PathBuf,
    python: PathBuf,
    interrupted: Arc<AtomicBool>,
}

impl Setting {
    /// Takes the first two cores that this process may use and makes the folder.
    ///
    /// # Errors
    /// With fewer than two cores there is nothing to measure between.
    pub(crate) fn prepare(python: &Path) -> Result<Setting> {
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
        Ok(Setting { cores: [first, second], folder, python: python.to_owned(), interrupted })
    }

    /// The core of the pinging and of the echoing side.
    pub(crate) fn cores(&self) -> [usize; 2] {
        self.cores
    }

    /// Runs one turn; returns its samples in nanoseconds, of whole round trips or copies.
    fn turn(&self, contender: &Contender, warmup: u64, samples: u64) -> Result<Vec<u64>> {
        let folder = self.folder.join("turn");
        DirBuilder::new().mode(0o700).create(&folder)?;
        let turn = Turn { folder: &folder, warmup, samples };
        let start = |side, core| -> Result<Running> {
            let mut command = contender.command(side, core, turn, &self.python);
            let child = command.spawn();
            Ok(Running(child.map_err(|error| format!("{}: {error}", command.get_program().display()))?))
        };
        let mut sides = vec![start(Side::Ping, self.cores[0])?];
        if contender.has_echo() {
            sides.push(start(Side::Echo, self.cores[1])?);
        }
        for side in &mut sides {
            let status = self.wait(&mut side.0)?;
            if !status.success() {
                return Err(format!("{}: a side ended with {status}", contender.name).into());
            }
        }
        let measured = read_samples(&folder.join("samples"), samples)?;
        fs::remove_dir_all(&folder)?;
        Ok(measured)
    }

    fn wait(&self, child: &mut Child) -> Result<ExitStatus> {
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if self.interrupted.load(Ordering::Relaxed) {
                return Err("interrupted".into());
            }
            // Seldom enough not to disturb what is being measured.
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        // Nothing to be done about a folder that doesn't go; it lies in memory and its name tells whose it is.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A side that doesn't outlive its turn.
#[derive(Debug)]
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has been waited for, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
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
    pub(crate) results: Vec<ContenderResult>,
}

/// The figures of one contender.
#[derive(Debug)]
pub(crate) struct ContenderResult {
    /// Of all rounds together.
    pub(crate) summary: Summary,
    /// Of each round, the median in nanoseconds.
    pub(crate) medians: Vec<f64>,
    /// Of each round, the median over the floor's in the same round.
    pub(crate) ratios: Vec<f64>,
}

/// Lets the contenders of `question` take turns for `rounds` rounds.
pub(crate) fn ask(setting: &Setting, question: Question, rounds: usize, scale: f64) -> Result<Answer> {
    if rounds == 0 {
        return Err("no rounds".into());
    }
    let samples = ((question.samples as f64 * scale) as u64).max(1);
    let divisor = if question.halved { 2.0 } else { 1.0 };
    let mut all = vec![Vec::new(); question.contenders.len()];
    let mut medians = vec![Vec::new(); question.contenders.len()];
    for _ in 0..rounds {
        for (index, contender) in question.contenders.iter().enumerate() {
            let mut measured = setting.turn(contender, samples / 10 + 1, samples)?;
            medians[index].push(Summary::of(&mut measured, divisor).median);
            all[index].append(&mut measured);
        }
    }
    let floor = medians[0].clone();
    let figures = |(mut samples, medians): (Vec<u64>, Vec<f64>)| ContenderResult {
        summary: Summary::of(&mut samples, divisor),
        ratios: medians.iter().zip(&floor).map(|(mine, floor)| mine / floor).collect(),
        medians,
    };
    let results = all.into_iter().zip(medians).map(figures).collect();
    Ok(Answer { question, rounds, results })
}

fn read_samples(path: &Path, due: u64) -> Result<Vec<u64>> {
    let bytes = fs::read(path)?;
    let (words, rest) = bytes.as_chunks::<8>();
    if words.len() as u64 != due || !rest.is_empty() {
        return Err(format!("{} bytes of samples, {due} samples were due", bytes.len()).into());
    }
    Ok(words.iter().map(|word| u64::from_le_bytes(*word)).collect())
}
