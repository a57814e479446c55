//! A tmpfs of a child's own that is filled to the page.

use crate::process::{Child, Role, ShmFolder, skipped};
use horus_shm::{
    CleanOptions, CleanReport, Error, Language, Namespace, Participant, Publisher, Result, Root, Settings,
    Subscriber, TopicName, TopicSpec, clean,
};
use rustix::fs::{FallocateFlags, Mode, OFlags, fallocate, ftruncate, statvfs};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The namespace of all tests here.
const NAMESPACE: &str = "full";

/// The tmpfs at `HORUS_SHM_DIR` and a file that takes what room there is.
pub(crate) struct Disk {
    path: PathBuf,
    ballast: OwnedFd,
}

impl Disk {
    /// Opens the tmpfs this child was started on.
    pub(crate) fn of_self() -> Self {
        let path = PathBuf::from(std::env::var_os("HORUS_SHM_DIR").expect("given by the parent"));
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC;
        let ballast = rustix::fs::open(path.join("ballast"), flags, Mode::RUSR | Mode::WUSR).expect("ours");
        Self { path, ballast }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many pages are free.
    pub(crate) fn free(&self) -> u64 {
        statvfs(&self.path).expect("mounted").f_bfree
    }

    /// Takes all pages but `count`; gives back what was taken before.
    pub(crate) fn leave(&self, count: u64) {
        self.make_room();
        let surplus = self.free().checked_sub(count).expect("there are as many");
        if surplus > 0 {
            fallocate(&self.ballast, FallocateFlags::empty(), 0, surplus * page()).expect("so many are free");
        }
        assert_eq!(self.free(), count);
    }

    /// Gives back all that was taken.
    pub(crate) fn make_room(&self) {
        ftruncate(&self.ballast, 0).expect("our file");
    }
}

/// Bytes of a page.
pub(crate) fn page() -> u64 {
    rustix::param::page_size() as u64
}

/// Plays a role on a tmpfs of `size` of its own until it says `done`, or says why that can't be.
#[track_caller]
pub(crate) fn play_on(size: &str, name: &str) {
    let folder = ShmFolder::new();
    let role = Role::new(name).shm(&folder, NAMESPACE).on_small_tmpfs(&folder, size);
    if let Err(reason) = role.permitted() {
        return skipped(name, &format!("no tmpfs can be mounted: {reason}"));
    }
    let mut child: Child = role.spawn();
    child.expect("done");
    child.finish();
}

/// Opens the namespace in a root.
pub(crate) fn namespace(root: &Path) -> Result<Namespace> {
    Namespace::open(&Settings { shm_dir: Some(root.to_owned()), namespace: Some(NAMESPACE.into()) })
}

/// Joins the namespace in a root.
pub(crate) fn join(root: &Path) -> Result<Arc<Participant>> {
    Participant::join(&namespace(root)?, Language::Rust)
}

/// Cleans everything in a root.
pub(crate) fn clean_up(root: &Path) -> Result<CleanReport> {
    let root = Root::open(&Settings { shm_dir: Some(root.to_owned()), namespace: None })?;
    clean(&root, None, &CleanOptions { patience: std::time::Duration::from_secs(30), ..Default::default() })
}

/// A type whose messages up to 1000 bytes are inline.
pub(crate) fn dict() -> TopicSpec {
    TopicSpec { kind: 2, type_name: "Dict".into(), schema: vec![], capacity: 1000, depth: 8 }
}

/// Another type.
pub(crate) fn other_type() -> TopicSpec {
    TopicSpec { kind: 1, type_name: "Other".into(), schema: vec![1; 5000], capacity: 64, depth: 64 }
}

/// Opens a publisher.
pub(crate) fn publisher(here: &Arc<Participant>, name: &str) -> Result<Publisher> {
    publisher_of(here, name, &dict())
}

/// Opens a publisher of a type.
pub(crate) fn publisher_of(here: &Arc<Participant>, name: &str, spec: &TopicSpec) -> Result<Publisher> {
    Publisher::open(here, &TopicName::new(name)?, spec, Default::default())
}

/// Opens a subscriber.
pub(crate) fn subscriber(here: &Arc<Participant>, name: &str) -> Result<Subscriber> {
    Subscriber::open(here, &TopicName::new(name)?, Some(&dict()), Default::default())
}

/// Unwraps what worked; what failed must have failed for want of room, in words.
#[track_caller]
pub(crate) fn if_room<T>(what: &str, result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error @ (Error::ShmFull { .. } | Error::PoolExhausted { .. })) => {
            let words = error.to_string();
            assert!(
                words.contains("shared memory") && !words.contains("no room for 0 bytes"),
                "{what}: {words}"
            );
            None
        }
        Err(error) => panic!("{what}: {error}"),
    }
}
