//! What a process costs: processor time and memory, from `/proc`.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

/// How long processor time is watched: long enough for two ticks of a 30 Hz node, short enough for a list.
const WATCHED: Duration = Duration::from_millis(100);

/// What a process costs now.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Load {
    /// 100 is one core; more with several threads.
    pub(crate) cpu_percent: Option<f64>,
    /// Memory in use, shared memory that it has touched included.
    pub(crate) rss_bytes: Option<u64>,
}

/// Returns the load of each process; takes 100 ms unless there are none. A process that `/proc` doesn't show (another
/// PID namespace) has none.
pub(crate) fn of(pids: &[u32]) -> HashMap<u32, Load> {
    if pids.is_empty() {
        return HashMap::new();
    }
    let began = Instant::now();
    let before: HashMap<_, _> = pids.iter().map(|pid| (*pid, cpu_ns(*pid))).collect();
    std::thread::sleep(WATCHED);
    let elapsed_ns = began.elapsed().as_nanos() as f64;
    let load = |(pid, before): (u32, Option<u64>)| {
        let used = cpu_ns(pid).zip(before).map(|(now, before)| now.saturating_sub(before));
        let cpu_percent = used.map(|used| used as f64 / elapsed_ns * 100.0);
        (pid, Load { cpu_percent, rss_bytes: rss_bytes(pid) })
    };
    before.into_iter().map(load).collect()
}

/// Returns the processor time of a process's living threads, in nanoseconds.
fn cpu_ns(pid: u32) -> Option<u64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let times = tasks.flatten().filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_ascii_whitespace().next()?.parse::<u64>().ok()
    });
    times.reduce(|sum, time| sum + time)
}

fn rss_bytes(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_load_is_there_and_nobody_s_is_not() {
        let own = std::process::id();
        let loads = of(&[own, u32::MAX]);
        assert!(loads[&own].rss_bytes.unwrap() > 0);
        assert!(loads[&own].cpu_percent.unwrap() >= 0.0);
        assert_eq!(loads[&u32::MAX], Load::default());
    }
}
