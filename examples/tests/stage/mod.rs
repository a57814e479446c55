//! A program in a shared memory root of its own; both are gone with the test.

use horus_shm::{Language, Namespace, Participant, Settings, TopicName};
use rustix::process::{Pid, Signal, kill_process};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

/// Far beyond anything that goes well; only ends a test that hangs.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    folder: PathBuf,
    program: Child,
}

impl Stage {
    /// Starts the program of this path in a root named after the test.
    pub(crate) fn new(name: &str, path: &str) -> Stage {
        let folder = PathBuf::from(format!("/dev/shm/horus-test-{name}-{}", std::process::id()));
        let mut command = Command::new(path);
        command.env("HORUS_SHM_DIR", &folder).env("HORUS_NAMESPACE", "test");
        let program = command.spawn().unwrap();
        Stage { folder, program }
    }

    pub(crate) fn join(&self) -> Arc<Participant> {
        let settings = Settings { shm_dir: Some(self.folder.clone()), namespace: Some("test".to_owned()) };
        Participant::join(&Namespace::open(&settings).unwrap(), Language::Rust).unwrap()
    }

    /// Asks the program to end and returns its exit status.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.program), Signal::TERM).unwrap();
        self.program.wait().unwrap().code()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn topic(name: &str) -> TopicName {
    TopicName::new(name).unwrap()
}
