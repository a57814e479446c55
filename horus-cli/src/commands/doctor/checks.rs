//! What is made of the facts: no look at the machine, so that every verdict can be tested.

use super::facts::{Facts, Python, Realtime};
use crate::logind::Removal;
use crate::output::text;

/// How good it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// It works, and may bite later.
    Warn,
    /// It keeps HORUS from working.
    Fail,
}

impl Level {
    pub(super) fn word(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "fail",
        }
    }
}

/// One line.
#[derive(Debug, Clone)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) level: Level,
    pub(super) found: String,
    /// What to do about it.
    pub(super) advice: Option<String>,
}

fn ok(name: &'static str, found: impl Into<String>) -> Check {
    Check { name, level: Level::Ok, found: found.into(), advice: None }
}

fn warn(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Check {
    Check { name, level: Level::Warn, found: found.into(), advice: Some(advice.into()) }
}

fn fail(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Check {
    Check { level: Level::Fail, ..warn(name, found, advice) }
}

/// A stream of 1080p images takes 8 slots and two spare blocks of 6 MB: below it, cameras fail.
const SPACE_WANTED_BYTES: u64 = 256 << 20;
/// A process's own file and a small topic take about 100 KiB; below ten times that nothing starts.
const SPACE_NEEDED_BYTES: u64 = 1 << 20;
/// A topic, a process and a pool are a file each.
const INODES_WANTED: u64 = 1000;
/// A process holds a descriptor for little, but a tool that looks at a thousand topics opens many.
const FILES_WANTED: u64 = 1024;
/// A send looks at the clock once; beyond this it is most of what a send costs. With the TSC it is about 25.
const CLOCK_WANTED_NS: u64 = 200;
/// `pidfd_open`, and `waitid` on it, which supervising needs.
const KERNEL_NEEDED: (u32, u32) = (5, 4);

/// Returns all lines, in the order they are shown.
pub(super) fn of(facts: &Facts) -> Vec<Check> {
    let mut checks = vec![
        space(facts),
        folder(facts),
        namespace(facts),
        open_files(facts),
        locked_memory(facts),
        realtime(facts),
        clock(facts),
        kernel(facts),
        waiting(facts),
        huge_pages(facts),
        remove_ipc(facts),
        container(facts),
    ];
    checks.extend(left_behind(facts));
    checks.push(users(facts));
    checks.push(python(facts));
    checks
}

fn space(facts: &Facts) -> Check {
    const NAME: &str = "shared memory";
    let root = facts.root.display();
    let space = match &facts.space {
        Ok(space) => space,
        Err(error) => {
            return fail(NAME, format!("{root}: {error}"), "mount a tmpfs on /dev/shm, or set HORUS_SHM_DIR");
        }
    };
    let (free, total) = (text::bytes(space.free_bytes), text::bytes(space.total_bytes));
    let found = format!("{free} free of {total} at {root}");
    let larger = match facts.container {
        Some(_) => "start the container with more: --shm-size=1g, or --ipc=host",
        None => "make it larger: mount -o remount,size=50% /dev/shm",
    };
    let freed = "see who takes it: horus ns list, horus clean --shm --all-namespaces; or make it larger";
    if space.free_bytes < SPACE_NEEDED_BYTES {
        fail(NAME, found, freed)
    } else if space.free_inodes < INODES_WANTED {
        warn(NAME, format!("{found}, room for {} more files", space.free_inodes), freed)
    } else if space.total_bytes < SPACE_WANTED_BYTES {
        warn(NAME, found, larger)
    } else if space.free_bytes < SPACE_WANTED_BYTES {
        warn(NAME, found, freed)
    } else if space.memory_bytes > 0 && space.total_bytes > space.memory_bytes {
        let memory = text::bytes(space.memory_bytes);
        let advice = "it is memory, and can't hold more than there is: mount -o remount,size=50% /dev/shm";
        warn(NAME, format!("{found}, more than the {memory} of memory"), advice)
    } else {
        ok(NAME, found)
    }
}

fn folder(facts: &Facts) -> Check {
    const NAME: &str = "folder and locks";
    match &facts.join {
        Ok(()) => ok(NAME, format!("{} is ours alone, on a tmpfs whose locks hold", facts.root.display())),
        Err(error) => fail(NAME, error, "see the reason; HORUS_SHM_DIR may name another folder on a tmpfs"),
    }
}

fn namespace(facts: &Facts) -> Check {
    const NAME: &str = "namespace";
    match &facts.namespace {
        Ok(name) => ok(NAME, format!("'{name}'")),
        Err(error) => warn(NAME, error, "set one that all processes share: export HORUS_NAMESPACE=robot"),
    }
}

fn open_files(facts: &Facts) -> Check {
    const NAME: &str = "open files";
    match facts.open_files {
        Some(limit) if limit < FILES_WANTED => {
            warn(NAME, format!("at most {limit}"), format!("raise the limit: ulimit -n {FILES_WANTED}"))
        }
        Some(limit) => ok(NAME, format!("at most {limit}")),
        None => ok(NAME, "no limit"),
    }
}

fn locked_memory(facts: &Facts) -> Check {
    const NAME: &str = "locked memory";
    match facts.locked_bytes {
        // Only nodes that lock all their memory need it, and they say so themselves: nothing to warn of.
        Some(limit) => ok(NAME, format!("at most {} (only real-time nodes lock any)", text::bytes(limit))),
        None => ok(NAME, "no limit"),
    }
}

fn realtime(facts: &Facts) -> Check {
    const NAME: &str = "real-time rights";
    match facts.realtime {
        Realtime::Capable => ok(NAME, "any priority"),
        Realtime::UpTo(0) => warn(
            NAME,
            "none; nodes run as ordinary processes",
            "for control loops above 1 kHz add '@realtime - rtprio 90' to /etc/security/limits.d and join that group",
        ),
        Realtime::UpTo(limit) => ok(NAME, format!("priorities up to {limit}")),
    }
}

fn clock(facts: &Facts) -> Check {
    const NAME: &str = "clock";
    let source = facts.clock_source.as_deref().unwrap_or("unknown source");
    let found = format!("{source}, {} ns a look", facts.clock_ns);
    if facts.clock_ns > CLOCK_WANTED_NS {
        return warn(NAME, found, "each send looks once; on x86 boot with tsc=reliable if its TSC is sound");
    }
    ok(NAME, found)
}

fn kernel(facts: &Facts) -> Check {
    const NAME: &str = "kernel";
    let (major, minor) = KERNEL_NEEDED;
    match version(&facts.kernel) {
        Some(found) if found < KERNEL_NEEDED => {
            fail(NAME, facts.kernel.clone(), format!("HORUS needs Linux {major}.{minor} or later"))
        }
        _ => ok(NAME, facts.kernel.clone()),
    }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn waiting(facts: &Facts) -> Check {
    const NAME: &str = "waiting for many";
    match facts.has_waitv {
        true => ok(NAME, "one call waits for up to 127 topics (futex_waitv)"),
        false => warn(
            NAME,
            "no futex_waitv; a thread for each further topic waits instead",
            "use Linux 5.16 or later, or let the sandbox pass the call",
        ),
    }
}

fn huge_pages(facts: &Facts) -> Check {
    const NAME: &str = "huge pages";
    match facts.huge_pages.as_deref() {
        Some("force") => warn(
            NAME,
            "forced on all shared memory; a small topic takes 2 MiB",
            "echo never > /sys/kernel/mm/transparent_hugepage/shmem_enabled",
        ),
        Some(chosen) => ok(NAME, format!("'{chosen}' for shared memory")),
        None => ok(NAME, "none"),
    }
}

fn remove_ipc(facts: &Facts) -> Check {
    const NAME: &str = "RemoveIPC";
    match facts.removal {
        Removal::NoLogind => ok(NAME, "no systemd-logind here"),
        Removal::SystemUser => ok(NAME, "leaves system users alone"),
        Removal::Lingers => ok(NAME, "this user lingers; nothing is removed at logout"),
        Removal::Off => ok(NAME, "off"),
        Removal::AtLogout => warn(NAME, REMOVE_IPC_FOUND, REMOVE_IPC_ADVICE),
    }
}

/// What `run` warns of too.
pub(crate) const REMOVE_IPC_FOUND: &str =
    "systemd-logind removes this user's shared memory when the last session ends, also under running nodes";
/// What to do about it.
pub(crate) const REMOVE_IPC_ADVICE: &str =
    "loginctl enable-linger, or RemoveIPC=no in /etc/systemd/logind.conf and restart systemd-logind";

fn container(facts: &Facts) -> Check {
    const NAME: &str = "containers";
    let count = facts.foreign_pids;
    if count > 0 {
        let who =
            if count == 1 { "1 process here is".to_owned() } else { format!("{count} processes here are") };
        let found = format!("{who} of another PID namespace, where pids are not ours");
        return ok(NAME, found);
    }
    match &facts.container {
        Some(kind) => warn(
            NAME,
            format!("in a container ({kind}), alone in its shared memory"),
            "to meet processes outside, start it with --ipc=host or -v /dev/shm:/dev/shm, as the same uid",
        ),
        None => ok(NAME, "not in one"),
    }
}

fn left_behind(facts: &Facts) -> Vec<Check> {
    const NAME: &str = "left behind";
    let Some(report) = &facts.cleaned else {
        return vec![warn(NAME, "can't be looked at", "see 'folder and locks'")];
    };
    if report.busy {
        let advice = "look for a horus process in state T, and continue or kill it";
        return vec![warn(NAME, "another process is cleaning up and takes long", advice)];
    }
    let removed = report.processes.len() + report.topics.len();
    let mut checks = vec![match removed {
        0 => ok(NAME, "nothing"),
        _ => ok(NAME, format!("{} of the dead, now removed", text::bytes(report.bytes))),
    }];
    let wait = "it goes when its readers have read it or end; by hand: horus clean --shm --all-namespaces";
    checks.extend(report.kept.iter().map(|kept| warn("kept for readers", kept.clone(), wait)));
    let foreign = "it isn't ours to remove: look at it, and remove it by hand if nobody needs it";
    checks.extend(report.faults.iter().map(|fault| warn("foreign file", fault.clone(), foreign)));
    checks
}

fn users(facts: &Facts) -> Check {
    const NAME: &str = "other users";
    match facts.other_users.is_empty() {
        true => ok(NAME, "none runs HORUS"),
        false => {
            let advice = "topics are per user: run what belongs together as one user";
            let who: Vec<_> =
                facts.other_users.iter().filter_map(|hint| hint.split(" runs HORUS").next()).collect();
            warn(NAME, format!("{} have topics of their own", who.join(", ")), advice)
        }
    }
}

fn python(facts: &Facts) -> Check {
    const NAME: &str = "Python";
    let ours = facts.version;
    match &facts.python {
        Python::Missing => warn(NAME, "none found", "install Python 3.11 or later to run Python nodes"),
        Python::Broken { path, error } => {
            warn(NAME, format!("{}: {error}", path.display()), "repair it, or put another one first in PATH")
        }
        Python::WithoutPackage { path, error } => {
            let found = format!("{} can't import horus: {error}", path.display());
            warn(NAME, found, format!("install it: {} -m pip install horus=={ours}", path.display()))
        }
        Python::With { path, version } if version != ours => {
            let found = format!("{} has horus {version}, this command is {ours}", path.display());
            warn(NAME, found, format!("make them equal: {} -m pip install horus=={ours}", path.display()))
        }
        Python::With { path, version } => ok(NAME, format!("{} has horus {version}", path.display())),
    }
}

#[cfg(test)]
mod tests;
