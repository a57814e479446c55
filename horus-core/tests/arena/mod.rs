//! A root folder of a test's own, gone with the test.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use horus_core::{Payload, Publisher, Subscriber};
use horus_shm::{Language, Namespace, Participant, PublisherOptions, Settings, SubscriberOptions, TopicName};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) struct Arena {
    pub(crate) folder: PathBuf,
}

impl Arena {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        // The root makes the folder itself, with the mode it wants.
        Self { folder: format!("/dev/shm/horus-test-core-{}-{made}", std::process::id()).into() }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings { shm_dir: Some(self.folder.clone()), namespace: Some("test".into()) }
    }

    pub(crate) fn join(&self) -> Arc<Participant> {
        Participant::join(&Namespace::open(&self.settings()).unwrap(), Language::Rust).unwrap()
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn publisher<T: Payload>(participant: &Arc<Participant>, topic: &str) -> Publisher<T> {
    Publisher::open(participant, &TopicName::new(topic).unwrap(), PublisherOptions::default()).unwrap()
}

pub(crate) fn subscriber<T: Payload>(participant: &Arc<Participant>, topic: &str) -> Subscriber<T> {
    Subscriber::open(participant, &TopicName::new(topic).unwrap(), SubscriberOptions::default()).unwrap()
}
