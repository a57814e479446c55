use super::*;
use crate::commands::doctor::facts::Space;
use horus_shm::CleanReport;

const GIB: u64 = 1 << 30;

/// A machine on which all is well.
fn healthy() -> Facts {
    Facts {
        root: "/dev/shm/horus-1000".into(),
        space: Ok(Space {
            total_bytes: 4 * GIB,
            free_bytes: 3 * GIB,
            free_inodes: 1 << 20,
            memory_bytes: 8 * GIB,
        }),
        join: Ok(()),
        namespace: Ok("robot".into()),
        open_files: Some(1024),
        locked_bytes: Some(8 << 20),
        realtime: Realtime::UpTo(95),
        clock_source: Some("tsc".into()),
        clock_ns: 25,
        kernel: "6.1.0-13-amd64".into(),
        has_waitv: true,
        huge_pages: Some("never".into()),
        removal: Removal::Off,
        container: None,
        foreign_pids: 0,
        cleaned: Some(CleanReport::default()),
        other_users: vec![],
        python: Python::With { path: "/usr/bin/python3".into(), version: "0.1.0".into() },
        version: "0.1.0",
    }
}

/// Returns the checks that aren't ok: name, level, what was found, what to do.
fn complaints(change: impl FnOnce(&mut Facts)) -> Vec<(&'static str, &'static str, String, String)> {
    let mut facts = healthy();
    change(&mut facts);
    of(&facts)
        .into_iter()
        .filter(|check| check.level != Level::Ok)
        .map(|check| {
            (check.name, check.level.word(), check.found, check.advice.expect("a complaint says what to do"))
        })
        .collect()
}

/// Asserts that one thing is wrong, with these words in what was found and in what to do.
#[track_caller]
fn one(level: &str, name: &str, found: &str, advice: &str, change: impl FnOnce(&mut Facts)) {
    let all = complaints(change);
    let [(is_name, is_level, is_found, is_advice)] = &all[..] else { panic!("{all:?}") };
    assert_eq!((*is_name, *is_level), (name, level));
    assert!(is_found.contains(found) && is_advice.contains(advice), "{all:?}");
}

#[test]
fn a_healthy_machine_has_no_complaints_and_every_line() {
    assert_eq!(complaints(|_| {}), []);
    let names: Vec<_> = of(&healthy()).iter().map(|check| check.name).collect();
    assert_eq!(
        names,
        [
            "shared memory",
            "folder and locks",
            "namespace",
            "open files",
            "locked memory",
            "real-time rights",
            "clock",
            "kernel",
            "waiting for many",
            "huge pages",
            "RemoveIPC",
            "containers",
            "left behind",
            "other users",
            "Python"
        ]
    );
}

#[test]
fn shared_memory_must_be_large_and_free() {
    let with = |change: fn(&mut Space)| move |facts: &mut Facts| change(facts.space.as_mut().unwrap());
    let name = "shared memory";
    one("fail", name, "512.0 KiB free of 4.0 GiB", "horus ns list", with(|s| s.free_bytes = 1 << 19));
    one("warn", name, "100.0 MiB free", "horus clean --shm", with(|s| s.free_bytes = 100 << 20));
    one(
        "warn",
        name,
        "of 64.0 MiB",
        "remount,size",
        with(|s| (s.total_bytes, s.free_bytes) = (64 << 20, 60 << 20)),
    );
    one("warn", name, "room for 3 more files", "ns list", with(|s| s.free_inodes = 3));
    one("warn", name, "more than the 8.0 GiB", "remount", with(|s| s.total_bytes = 16 * GIB));
    one("fail", name, "no such file", "tmpfs", |facts| facts.space = Err("no such file".into()));
    let all = complaints(|facts| {
        facts.container = Some("docker".into());
        facts.space.as_mut().unwrap().total_bytes = 64 << 20;
    });
    assert!(all[0].3.contains("--shm-size"), "{all:?}");
    assert!(all[1].2.contains("docker") && all[1].3.contains("--ipc=host"), "{all:?}");
}

#[test]
fn what_keeps_horus_from_working_fails() {
    one("fail", "folder and locks", "its mode is 0755", "HORUS_SHM_DIR", |facts| {
        facts.join = Err("its mode is 0755".into());
    });
    one("fail", "kernel", "4.19.0", "5.4 or later", |facts| facts.kernel = "4.19.0-custom".into());
    assert_eq!(complaints(|facts| facts.kernel = "6.18.44+".into()), []);
    assert_eq!(complaints(|facts| facts.kernel = "odd".into()), []);
}

#[test]
fn what_may_bite_later_is_a_warning() {
    one("warn", "namespace", "no session", "HORUS_NAMESPACE", |facts| {
        facts.namespace = Err("no session".into());
    });
    one("warn", "open files", "256", "ulimit -n 1024", |facts| facts.open_files = Some(256));
    one("warn", "real-time rights", "none", "rtprio", |facts| facts.realtime = Realtime::UpTo(0));
    one("warn", "clock", "hpet, 1800 ns", "tsc=reliable", |facts| {
        (facts.clock_source, facts.clock_ns) = (Some("hpet".into()), 1800);
    });
    one("warn", "waiting for many", "futex_waitv", "5.16", |facts| facts.has_waitv = false);
    one("warn", "huge pages", "2 MiB", "shmem_enabled", |facts| facts.huge_pages = Some("force".into()));
    one("warn", "RemoveIPC", "systemd-logind", "enable-linger", |facts| facts.removal = Removal::AtLogout);
    one("warn", "other users", "user 'bob' (uid 1001)", "one user", |facts| {
        facts.other_users = vec!["user 'bob' (uid 1001) runs HORUS too; topics are per user".into()];
    });
}

#[test]
fn what_the_dead_left_is_told() {
    let report = CleanReport { processes: vec![7], bytes: 4096, ..CleanReport::default() };
    let mut facts = healthy();
    facts.cleaned = Some(report);
    let line = of(&facts).into_iter().find(|check| check.name == "left behind").unwrap();
    assert_eq!((line.level, line.found.as_str()), (Level::Ok, "4.0 KiB of the dead, now removed"));
    one("warn", "kept for readers", "1 pools of pid 7", "horus clean", |facts| {
        facts.cleaned.as_mut().unwrap().kept = vec!["1 pools of pid 7 (dead)".into()];
    });
    one("warn", "foreign file", "not a file of HORUS", "by hand", |facts| {
        facts.cleaned.as_mut().unwrap().faults = vec!["x: it is not a file of HORUS".into()];
    });
    one("warn", "left behind", "another process", "state T", |facts| {
        facts.cleaned.as_mut().unwrap().busy = true;
    });
    one("warn", "left behind", "can't be looked at", "folder", |facts| facts.cleaned = None);
}

#[test]
fn python_must_have_the_same_version() {
    let path = || std::path::PathBuf::from("/venv/bin/python3");
    one("warn", "Python", "none found", "3.11", |facts| facts.python = Python::Missing);
    one("warn", "Python", "No module named", "/venv/bin/python3 -m pip install horus==0.1.0", |facts| {
        facts.python = Python::WithoutPackage { path: path(), error: "No module named 'horus'".into() };
    });
    one("warn", "Python", "has horus 0.0.9, this command is 0.1.0", "make them equal", |facts| {
        facts.python = Python::With { path: path(), version: "0.0.9".into() };
    });
    one("warn", "Python", "it said nothing", "repair", |facts| {
        facts.python = Python::Broken { path: path(), error: "it said nothing for 20 s".into() };
    });
}
