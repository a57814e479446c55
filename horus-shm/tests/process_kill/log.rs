//! How often each fail point was reached, and what happened there, over all tests of this run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is known of a point by now.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    reached: u64,
    killed: u64,
    stopped: u64,
}

/// Tests that play the points: two halves, killed and stopped.
const PARTS: u32 = 4;

/// The points a victim comes by, written by itself; see `src/fail.rs`.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
}

fn fates() -> MutexGuard<'static, BTreeMap<String, Fate>> {
    static FATES: Mutex<BTreeMap<String, Fate>> = Mutex::new(BTreeMap::new());
    FATES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A point's name in the source, without the number of the time.
pub(crate) fn name_of(point: &str) -> &str {
    point.split(':').next().unwrap_or(point)
}

impl Log {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Relaxed: only uniqueness counts.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("horus-test-points-{}-{count}", std::process::id());
        Self { path: std::env::temp_dir().join(name) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds up what the victim wrote, whose fate was `point`'s.
    pub(crate) fn close(self, point: &str, stopped: bool) {
        let text = std::fs::read_to_string(&self.path).expect("the victim came by a point");
        let name = name_of(point);
        let count = point.split_once(':').map_or(1, |(_, count)| count.parse().expect("a number"));
        let reached = text.lines().filter(|line| *line == name).count();
        assert!(reached >= count, "{point} was reached {reached} times");
        let mut fates = fates();
        for line in text.lines() {
            fates.entry(line.to_owned()).or_default().reached += 1;
        }
        let fate = fates.entry(point.to_owned()).or_default();
        fate.killed += u64::from(!stopped);
        fate.stopped += u64::from(stopped);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Called by each test of points at its end: the last one prints what was reached, and fails if any point wasn't.
pub(crate) fn part_done(points: &[&str]) {
    static DONE: AtomicU32 = AtomicU32::new(0);
    // AcqRel: the last one sees what the others added; the lock of the fates orders that as well.
    if DONE.fetch_add(1, Ordering::AcqRel) + 1 < PARTS {
        return;
    }
    let fates = fates();
    println!("{:<22} {:>8} {:>7} {:>8}", "point", "reached", "killed", "stopped");
    for point in points {
        let fate = fates.get(*point).copied().unwrap_or_default();
        let reached = fates.get(name_of(point)).map_or(0, |fate| fate.reached);
        println!("{point:<22} {reached:>8} {:>7} {:>8}", fate.killed, fate.stopped);
        assert!(
            reached > 0 && fate.killed > 0 && fate.stopped > 0,
            "{point}: {fate:?}, reached {reached} times"
        );
    }
}
