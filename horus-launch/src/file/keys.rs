//! The keys of a launch file: one table for what is known, what is built and what is suggested.

/// Whether a key does something yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Built {
    Yes,
    /// Its name is taken; using it is an error that says so, so that nobody relies on what doesn't happen.
    NotYet,
}

use Built::{NotYet, Yes};

/// The keys at the top of the file; `x-…` is for notes and anchors and is left alone.
pub(super) const ROOT: &[(&str, Built)] = &[
    ("version", Yes),
    ("name", Yes),
    ("namespace", Yes),
    ("env", Yes),
    ("nodes", Yes),
    ("env_file", NotYet),
    ("vars", NotYet),
    ("defaults", NotYet),
    ("include", NotYet),
    ("on_exit", NotYet),
    ("events", NotYet),
    ("record", NotYet),
    ("monitor", NotYet),
];

/// The keys of a node.
pub(super) const NODE: &[(&str, Built)] = &[
    ("name", Yes),
    ("cmd", Yes),
    ("command", Yes),
    ("args", Yes),
    ("cwd", Yes),
    ("env", Yes),
    ("enabled", Yes),
    ("restart", Yes),
    ("stop_timeout", Yes),
    ("env_file", NotYet),
    ("shell", NotYet),
    ("tty", NotYet),
    ("params", NotYet),
    ("remap", NotYet),
    ("profiles", NotYet),
    ("replicas", NotYet),
    ("depends_on", NotYet),
    ("start_delay", NotYet),
    ("start_timeout", NotYet),
    ("ready", NotYet),
    ("preflight", NotYet),
    ("success_exit_codes", NotYet),
    ("critical", NotYet),
    ("liveness", NotYet),
    ("pre", NotYet),
    ("post", NotYet),
    ("restart_prevent_exit_codes", NotYet),
    ("stop_signal", NotYet),
    ("log", NotYet),
    ("cpu_affinity", NotYet),
    ("sched", NotYet),
    ("nice", NotYet),
    ("mlock", NotYet),
    ("limits", NotYet),
    ("oom_score_adj", NotYet),
    ("strict", NotYet),
    ("watch", NotYet),
    ("fallbacks", NotYet),
];

/// The keys of `restart`.
pub(super) const RESTART: &[(&str, Built)] =
    &[("policy", Yes), ("max_retries", Yes), ("backoff", Yes), ("reset_after", Yes), ("on_giveup", NotYet)];

/// The keys of `restart.backoff`.
pub(super) const BACKOFF: &[(&str, Built)] =
    &[("initial", Yes), ("factor", Yes), ("max", Yes), ("jitter", Yes)];

/// Returns the known word that was probably meant.
pub(super) fn meant<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.into_iter().map(|other| (strsim::damerau_levenshtein(word, other), other));
    near.filter(|(distance, other)| *distance <= (other.len().min(word.len()) / 3).max(1))
        .min()
        .map(|(_, other)| other)
}
