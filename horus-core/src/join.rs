//! This process's place in its namespace, and how it comes back when its files are removed under it.
//!
//! systemd-logind's `RemoveIPC` deletes a user's shared memory at logout, under running programs. Nobody new can see
//! them then. Who notices joins anew and raises the epoch; each publisher and subscriber compares its own (one load)
//! and opens its topic again.

use crate::error::Result;
use horus_shm::{Language, Namespace, Participant, Settings};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// How often this process has joined anew.
static EPOCH: AtomicU64 = AtomicU64::new(0);
/// Who replaced whom: the namespaces that were joined anew, with the newest participant.
static REJOINED: Mutex<Vec<Weak<Participant>>> = Mutex::new(Vec::new());

/// Returns this process's participant in the namespace that the environment names, joining it if need be.
///
/// # Errors
/// No namespace can be derived, or joining fails.
pub fn participant() -> Result<Arc<Participant>> {
    let namespace = Namespace::open(&Settings::from_env())?;
    Ok(Participant::join(&namespace, Language::Rust)?)
}

/// Returns how often this process has joined anew; handles opened under another number should be opened again.
pub fn epoch() -> u64 {
    // Acquire: pairs with the Release add in `rejoin`, after which the new participant is listed.
    EPOCH.load(Ordering::Acquire)
}

/// Returns the participant that stands for this one now: itself, or the one joined since in the same namespace.
pub fn current(participant: &Arc<Participant>) -> Arc<Participant> {
    let rejoined = REJOINED.lock().unwrap_or_else(PoisonError::into_inner);
    let newest =
        rejoined.iter().rev().filter_map(Weak::upgrade).find(|newer| same_namespace(newer, participant));
    newest.unwrap_or_else(|| participant.clone())
}

fn same_namespace(a: &Participant, b: &Participant) -> bool {
    a.namespace().name() == b.namespace().name() && a.namespace().root().path() == b.namespace().root().path()
}

/// Returns a new participant if the file of this one was removed under it, else nothing. A system call.
///
/// # Errors
/// What asking the kernel or joining gives.
pub(crate) fn rejoin(participant: &Arc<Participant>, language: Language) -> Result<Option<Arc<Participant>>> {
    if participant.still_linked()? {
        return Ok(None);
    }
    let newer = Participant::join(participant.namespace(), language)?;
    let mut rejoined = REJOINED.lock().unwrap_or_else(PoisonError::into_inner);
    rejoined.retain(|known| known.strong_count() > 0);
    rejoined.push(Arc::downgrade(&newer));
    EPOCH.fetch_add(1, Ordering::Release);
    Ok(Some(newer))
}
