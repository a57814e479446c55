//! Looks at a process that has nothing to do: how often its threads wake up, and what CPU time they take.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::Result;

/// Until it is really at rest: what a program does after it says that it blocks isn't idling. A HORUS process whose first
/// wait lasts a second starts the thread then that hears of removed files, once.
const SETTLES: Duration = Duration::from_millis(2_500);
/// Long enough for whatever happens once a second to happen.
const LOOKS: Duration = Duration::from_secs(3);

/// What the threads of a process have done since they started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Done {
    switches: u64,
    cpu_ns: u64,
}

/// Looks at the process and leaves the series `samples` (context switches) and `samples-cpu` (nanoseconds).
pub(crate) fn look_at(pid: u32, folder: &Path) -> Result<()> {
    thread::sleep(SETTLES);
    let before = done(pid)?;
    thread::sleep(LOOKS);
    let after = done(pid)?;
    let since = |before, after: u64| after.checked_sub(before).ok_or("a thread of it ended meanwhile");
    fs::write(folder.join("samples"), since(before.switches, after.switches)?.to_le_bytes())?;
    fs::write(folder.join("samples-cpu"), since(before.cpu_ns, after.cpu_ns)?.to_le_bytes())?;
    Ok(())
}

fn done(pid: u32) -> Result<Done> {
    let mut done = Done { switches: 0, cpu_ns: 0 };
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let thread = thread?.path();
        done.switches += switches(&fs::read_to_string(thread.join("status"))?)?;
        let stat = fs::read_to_string(thread.join("schedstat"))?;
        done.cpu_ns += stat.split(' ').next().ok_or("an empty schedstat")?.parse::<u64>()?;
    }
    Ok(done)
}

/// Voluntary and involuntary context switches together: each is a wake-up before it.
fn switches(status: &str) -> Result<u64> {
    let found: Vec<u64> = status
        .lines()
        .filter(|line| line.contains("voluntary_ctxt_switches"))
        .filter_map(|line| line.split_whitespace().nth(1)?.parse().ok())
        .collect();
    if found.len() == 2 { Ok(found.iter().sum()) } else { Err("a status without context switches".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn both_kinds_of_switches_count() {
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t3\nnonvoluntary_ctxt_switches:\t4\n";
        assert_eq!(switches(status).unwrap(), 7);
        assert!(switches("Name:\tx\n").is_err());
    }

    #[test]
    fn a_process_that_works_is_seen_to_work() {
        // Not this process: threads of other tests come and go.
        let mut child = Command::new("sh").args(["-c", "while sleep 0.001; do :; done"]).spawn().unwrap();
        let before = done(child.id());
        let works = |before: Done| {
            // Some time it must; a watchdog is not what is tested.
            (0..30_000).any(|_| {
                thread::sleep(Duration::from_millis(1));
                done(child.id()).is_ok_and(|now| now.cpu_ns > before.cpu_ns && now.switches > before.switches)
            })
        };
        let works = before.map(works);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(works.unwrap());
    }
}
