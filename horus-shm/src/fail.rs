//! Points at which a test may kill or stop this process; nothing at all in a normal build.
//!
//! With the feature `failpoints`, `HORUS_FAIL=name[:count]` sends SIGKILL to this process when it reaches
//! the point of that name for the `count`-th time (1 when left out), `HORUS_FAIL=stop=name[:count]` SIGSTOP.

#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub(crate) fn point(_name: &str) {}

#[cfg(feature = "failpoints")]
pub(crate) use armed::point;

#[cfg(feature = "failpoints")]
mod armed {
    use rustix::process::{Signal, getpid, kill_process};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Trigger {
        name: String,
        signal: Signal,
        left: AtomicU64,
    }

    fn trigger() -> Option<&'static Trigger> {
        static TRIGGER: OnceLock<Option<Trigger>> = OnceLock::new();
        TRIGGER
            .get_or_init(|| {
                let text = std::env::var("HORUS_FAIL").ok()?;
                let (signal, text) = match text.strip_prefix("stop=") {
                    Some(rest) => (Signal::STOP, rest.to_owned()),
                    None => (Signal::KILL, text),
                };
                let (name, count) = match text.split_once(':') {
                    Some((name, count)) => (name.to_owned(), count.parse().ok()?),
                    None => (text, 1),
                };
                Some(Trigger { name, signal, left: AtomicU64::new(count) })
            })
            .as_ref()
    }

    /// Ends or stops this process if a test asked for it at the point `name`.
    pub(crate) fn point(name: &str) {
        let Some(trigger) = trigger() else { return };
        if trigger.name == name && trigger.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            // The only failure would be a process that may not signal itself; then the test sees no death.
            let _ = kill_process(getpid(), trigger.signal);
        }
    }
}
