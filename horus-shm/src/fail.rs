//! Points at which a test may kill or stop this process; nothing at all in a normal build.
//!
//! With the feature `failpoints`, `HORUS_FAIL=name[:count]` sends SIGKILL to this process when it reaches
//! the point of that name for the `count`-th time (1 when left out), `HORUS_FAIL=stop=name[:count]` SIGSTOP.
//! `HORUS_FAIL_LOG=path` adds a line with its name to a file each time that a point is reached.

/// Under `cfg(shuttle)` others may go first here, around a system call that they can see; nothing in any other build.
#[cfg(not(any(loom, shuttle)))]
#[inline(always)]
pub(crate) fn step(_call: &str) {}

#[cfg(shuttle)]
pub(crate) use crate::sim::step;

#[cfg(not(any(feature = "failpoints", shuttle)))]
#[inline(always)]
pub(crate) fn point(_name: &str) {}

#[cfg(shuttle)]
pub(crate) use crate::sim::fail_point as point;

#[cfg(all(feature = "failpoints", not(shuttle)))]
pub(crate) use armed::point;

#[cfg(all(feature = "failpoints", not(shuttle)))]
mod armed {
    use crate::sync::{AtomicU64, Ordering};
    use nix::libc;
    use std::fs::File;
    use std::io::Write;
    use std::sync::OnceLock;

    struct Trigger {
        name: String,
        signal: libc::c_int,
        left: AtomicU64,
    }

    fn trigger() -> Option<&'static Trigger> {
        static TRIGGER: OnceLock<Option<Trigger>> = OnceLock::new();
        TRIGGER
            .get_or_init(|| {
                let text = std::env::var("HORUS_FAIL").ok()?;
                let (signal, text) = match text.strip_prefix("stop=") {
                    Some(rest) => (libc::SIGSTOP, rest.to_owned()),
                    None => (libc::SIGKILL, text),
                };
                let (name, count) = match text.split_once(':') {
                    Some((name, count)) => (name.to_owned(), count.parse().ok()?),
                    None => (text, 1),
                };
                Some(Trigger { name, signal, left: AtomicU64::new(count) })
            })
            .as_ref()
    }

    fn log() -> Option<&'static File> {
        static LOG: OnceLock<Option<File>> = OnceLock::new();
        let open = || {
            let path = std::env::var_os("HORUS_FAIL_LOG")?;
            Some(File::options().append(true).create(true).open(path).expect("a test's log can be written"))
        };
        LOG.get_or_init(open).as_ref()
    }

    /// Notes that the point `name` is reached, and ends or stops this process if a test asked for it there.
    pub(crate) fn point(name: &str) {
        if let Some(mut log) = log() {
            // One write, so that lines of several threads stay whole.
            log.write_all(format!("{name}\n").as_bytes()).expect("a test's log can be written");
        }
        let Some(trigger) = trigger() else { return };
        if trigger.name == name && trigger.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            // SAFETY: sends a signal to this very thread, which takes it before the call returns: a signal for
            // the process could stop another thread first, and this one a few steps later. The only failure
            // would be a number that is no signal.
            unsafe { libc::raise(trigger.signal) };
        }
    }
}
