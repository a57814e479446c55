//! Running a scenario over many seeds, and telling which failed.

use crate::life::namespace::Settings;
use crate::sim::world::{self, Extent, Killed, Troubles, World};
use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What to run, and how often.
#[derive(Clone, Debug)]
pub struct Plan {
    /// For people, and for the folder's name.
    pub name: &'static str,
    /// How many runs.
    pub runs: u64,
    /// The seed of the first; each of the next has one more.
    pub first_seed: u64,
    /// How many processes are killed in one run at most.
    pub kills_max: u64,
    /// How many are stopped for a while at most.
    pub stops_max: u64,
}

/// What was seen in all runs.
#[derive(Debug, Default)]
pub struct Explored {
    /// How many runs there were.
    pub runs: u64,
    /// Steps of all of them.
    pub steps: u64,
    /// How many processes were killed.
    pub kills: u64,
    /// How many processes were stopped for a while.
    pub stops: u64,
    /// How often somebody was killed at a named point.
    pub killed_at: BTreeMap<&'static str, u64>,
}

/// Whether a process may be killed or stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cast {
    /// It may be killed at any step.
    Mortal,
    /// It makes all its steps.
    Immortal,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It came to its end.
    Done,
    /// It was killed.
    Killed,
}

/// One run of a scenario: its folder and its processes.
#[derive(Debug)]
pub struct Stage {
    folder: PathBuf,
    handles: Mutex<Vec<(usize, shuttle::thread::JoinHandle<Ended>)>>,
}

impl Stage {
    /// Returns the settings that lead to this run's own root.
    pub fn settings(&self) -> Settings {
        Settings { shm_dir: Some(self.folder.clone()), namespace: Some("sim".into()) }
    }

    /// Returns this run's root folder.
    pub fn folder(&self) -> &PathBuf {
        &self.folder
    }

    /// Starts a process; returns its number.
    pub fn process(&self, name: &'static str, cast: Cast, live: impl FnOnce() + Send + 'static) -> usize {
        let index = world::with(|world| world.add(name, cast == Cast::Mortal)).expect("within a run");
        let handle = shuttle::thread::spawn(move || {
            world::with(|world| world.current = index);
            let ended = match catch_unwind(AssertUnwindSafe(live)) {
                Ok(()) => Ended::Done,
                Err(payload) if payload.is::<Killed>() => Ended::Killed,
                Err(payload) => resume_unwind(payload),
            };
            world::with(|world| world.end(index));
            ended
        });
        self.handles.lock().expect("no panic while it is held").push((index, handle));
        index
    }

    /// Waits until all processes have ended; returns how, in the order of their numbers.
    pub fn wait_all(&self) -> Vec<Ended> {
        let handles = std::mem::take(&mut *self.handles.lock().expect("no panic while it is held"));
        handles
            .into_iter()
            .map(|(_, handle)| {
                let ended = handle.join().expect("a panic would have ended the run");
                world::with(|world| world.current = 0);
                ended
            })
            .collect()
    }

    /// Sleeps, as a process, until another one of this number has ended.
    pub fn wait_end(process: usize) {
        if world::with(|world| !world.processes[process].has_ended).expect("within a run") {
            world::sleep(vec![World::end_of(process)], None, "the wait for an end");
        }
    }

    /// Makes a process wait where it first reaches a fail point, until it is released.
    pub fn halt_at(process: usize, point: &'static str) {
        world::with(|world| world.halt_at(process, point));
    }

    /// Returns whether a process waits where it was to halt.
    pub fn has_halted(process: usize) -> bool {
        world::with(|world| world.has_halted(process)).expect("within a run")
    }

    /// Has a process killed where it first reaches a fail point.
    pub fn die_at(process: usize, point: &'static str) {
        world::with(|world| world.die_at(process, point));
    }

    /// Lets a process go on that has halted.
    pub fn release(process: usize) {
        world::with(|world| world.release(process));
    }

    /// Returns how many were killed and stopped so far in this run.
    pub fn troubles() -> (u64, u64) {
        world::with(|world| (world.kills, world.stops)).expect("within a run")
    }

    /// Kills the process that runs.
    pub fn die() -> ! {
        world::die()
    }

    /// Returns the time, in nanoseconds.
    pub fn now_ns() -> u64 {
        world::with(|world| world.now_ns).expect("within a run")
    }

    /// Returns a number below `end` that the seed decides.
    pub fn below(end: u64) -> u64 {
        world::with(|world| world.dice.below(end)).expect("within a run")
    }
}

/// Lets the others run, as a process, until something is so.
pub fn until(what: &'static str, mut is_so: impl FnMut() -> bool) {
    // Ever longer, so that one who is stopped for seconds isn't waited for with a million looks.
    let mut pause_ns = 50_000;
    while !is_so() {
        world::sleep(Vec::new(), Some(Stage::now_ns() + pause_ns), what);
        pause_ns = (2 * pause_ns).min(100_000_000);
    }
}

/// Shuttle's scheduler: asks the world of the run.
struct Chooser {
    runs: u64,
}

impl Scheduler for Chooser {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.runs = self.runs.checked_sub(1)?;
        Some(Schedule::new(0))
    }

    fn next_task(&mut self, runnable: &[&Task], _current: Option<TaskId>, _yields: bool) -> Option<TaskId> {
        let able: Vec<usize> = runnable.iter().map(|task| usize::from(task.id())).collect();
        // Before there is a world only the first task is.
        Some(TaskId::from(world::with(|world| world.choose(&able)).unwrap_or(able[0])))
    }

    fn next_u64(&mut self) -> u64 {
        0
    }
}

/// Removes a run's root, however the run ends.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // There is none when it never came to that.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

type Scenario = Arc<dyn Fn(&Stage) + Send + Sync>;

/// Runs a scenario over many seeds.
///
/// # Panics
/// When a run fails; what it prints before tells the seed and the last steps.
pub fn explore(plan: &Plan, scenario: impl Fn(&Stage) + Send + Sync + 'static) -> Explored {
    let scenario: Scenario = Arc::new(scenario);
    let folder = Folder(format!("/dev/shm/horus-sim-{}-{}", plan.name, std::process::id()).into());
    let none = Troubles { kills_max: 0, stops_max: 0 };
    // How far a run goes in which nothing happens: troubles are spread over as much.
    let usual = batch(plan, &folder.0, [0].into(), (Extent { steps: 20_000, points: 50 }, none), &scenario);
    let usual = Extent { steps: usual.1.steps, points: usual.1.points };
    let troubles = Troubles { kills_max: plan.kills_max, stops_max: plan.stops_max };
    let seeds: Vec<u64> = (0..plan.runs).map(|run| plan.first_seed.wrapping_add(run)).collect();
    batch(plan, &folder.0, seeds, (usual, troubles), &scenario).0
}

/// Runs one scenario with some seeds; returns what was seen, and how far the longest run went.
fn batch(
    plan: &Plan,
    folder: &std::path::Path,
    seeds: Vec<u64>,
    (usual, troubles): (Extent, Troubles),
    scenario: &Scenario,
) -> (Explored, Extent) {
    let mut config = shuttle::Config::new();
    config.stack_size = 512 * 1024;
    config.failure_persistence = shuttle::FailurePersistence::None;
    config.max_steps = shuttle::MaxSteps::None;
    config.silence_warnings = true;
    let seen = Arc::new(Mutex::new((Explored::default(), Extent::default())));
    let (next, runs) = (AtomicU64::new(0), seeds.len() as u64);
    let (scenario, out, root) = (scenario.clone(), seen.clone(), folder.to_owned());
    let run = move || {
        let index = next.fetch_add(1, Ordering::Relaxed) as usize;
        world::replace(Some(World::new(seeds[index], usual, troubles, runs == 1)));
        {
            let stage = Stage { folder: root.clone(), handles: Mutex::default() };
            scenario(&stage);
            stage.wait_all();
        }
        let world = world::replace(None).expect("begun above");
        let mut seen = out.lock().expect("no panic while it is held");
        seen.0.add(&world);
        seen.1.steps = seen.1.steps.max(world.extent.steps);
        seen.1.points = seen.1.points.max(world.extent.points);
    };
    let result = catch_unwind(AssertUnwindSafe(|| shuttle::Runner::new(Chooser { runs }, config).run(run)));
    if let Err(payload) = result {
        let world = world::replace(None);
        let (seed, story) = world.map_or((0, String::new()), |world| (world.seed, world.story()));
        let text = payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        panic!(
            "{story}\n{}: {}\nrun it again with HORUS_SIM_SEED={seed}",
            plan.name,
            text.unwrap_or_default()
        );
    }
    Arc::into_inner(seen).expect("the runs are over").into_inner().expect("no panic while it was held")
}

impl Explored {
    fn add(&mut self, world: &World) {
        self.runs += 1;
        self.steps += world.extent.steps;
        self.kills += world.kills;
        self.stops += world.stops;
        for point in &world.killed_at {
            *self.killed_at.entry(point).or_default() += 1;
        }
    }
}
