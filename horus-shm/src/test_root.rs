//! What unit tests that need shared memory begin with.

use crate::{Language, Namespace, Participant, Payload, PinnedBlock, Received, Result, Settings, TopicSpec};
use std::path::PathBuf;
use std::sync::Arc;

/// A root of one test's own; removed with all in it when dropped.
pub(crate) struct TestRoot(PathBuf);

impl TestRoot {
    /// Made at the first join; `test` tells it from those of the others.
    pub(crate) fn new(test: &str) -> Self {
        Self(format!("/dev/shm/horus-test-{test}-{}", std::process::id()).into())
    }

    /// Joins a namespace in it.
    pub(crate) fn join(&self) -> Result<Arc<Participant>> {
        let settings = Settings { shm_dir: Some(self.0.clone()), namespace: Some("t".into()) };
        Participant::join(&Namespace::open(&settings)?, Language::Rust)
    }
}

impl Drop for TestRoot {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The block of a message that was sent as one.
#[track_caller]
pub(crate) fn block(received: Option<Received<'_>>) -> PinnedBlock {
    match received.map(|message| message.payload) {
        Some(Payload::Block { block, .. }) => block,
        other => panic!("a block was sent, not {other:?}"),
    }
}

/// A topic of some type whose slots hold so many bytes.
pub(crate) fn spec(capacity: u32, depth: u32) -> TopicSpec {
    TopicSpec { kind: 1, type_name: "T".into(), schema: vec![], capacity, depth }
}
