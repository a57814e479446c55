//! This process's place in its namespace.

use crate::channel::Channel;
use horus_core::join;
use horus_shm::{Language, Namespace, Participant, Settings};
use parking_lot::Mutex;
use pyo3::prelude::*;
use std::sync::{Arc, Weak};

/// Kept so that programs which only make images don't join and leave for each.
static JOINED: Mutex<Option<Joined>> = Mutex::new(None);

struct Joined {
    pid: u32,
    settings: Settings,
    participant: Arc<Participant>,
}

/// Returns this process's participant, joining at the first call, again after a fork, and when the environment
/// names another namespace than before.
pub(crate) fn participant() -> horus_shm::Result<Arc<Participant>> {
    let settings = Settings::from_env();
    let pid = std::process::id();
    let mut joined = JOINED.lock();
    if let Some(known) = &*joined
        && known.pid == pid
        && known.settings.shm_dir == settings.shm_dir
        && known.settings.namespace == settings.namespace
    {
        // Another stands for it if its files were removed and the scheduler joined anew.
        return Ok(join::current(&known.participant));
    }
    let participant = Participant::join(&Namespace::open(&settings)?, Language::Python)?;
    *joined = Some(Joined { pid, settings, participant: participant.clone() });
    Ok(participant)
}

/// Channels that may be open, to be closed when the interpreter exits.
static CHANNELS: Mutex<Vec<Weak<Channel>>> = Mutex::new(Vec::new());

/// Remembers a channel, to close it at exit.
pub(crate) fn register(channel: &Arc<Channel>) {
    let mut channels = CHANNELS.lock();
    if channels.len() == channels.capacity() {
        channels.retain(|known| known.strong_count() > 0);
    }
    channels.push(Arc::downgrade(channel));
}

// Run when the interpreter exits, since what is still referred to then is never dropped. The process has left once no
// image lives either.
/// Leaves all topics and gives the participant up, as at the interpreter's exit.
#[pyfunction]
#[pyo3(name = "_leave")]
pub(crate) fn leave(py: Python<'_>) {
    let channels = std::mem::take(&mut *CHANNELS.lock());
    for channel in channels.iter().filter_map(Weak::upgrade) {
        channel.close(py);
        // It may be used again.
        register(&channel);
    }
    let joined = JOINED.lock().take();
    py.detach(|| drop(joined));
}

/// Wakes every wait of this process, which then looks again.
#[pyfunction]
pub(crate) fn _nudge() {
    horus_shm::nudge();
}

/// Returns whether the run was asked to stop.
#[pyfunction]
pub(crate) fn _stopping() -> bool {
    horus_shm::stop::requested()
}
