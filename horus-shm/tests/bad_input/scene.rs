//! A namespace that somebody died in, and what the transport says of what was done to it since.

use crate::actor::desk::spec;
use crate::actor::{Actor, NAMESPACE, settings};
use crate::process::ShmFolder;
use horus_shm::{
    Census, Error, Language, Namespace, Participant, Publisher, Root, Settings, Subscriber, TopicName,
};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The three folders of a namespace that hold files of HORUS.
pub(crate) const KINDS: [&str; 3] = ["topics", "participants", "pools"];

/// A folder in which a process of node `cam` made topic `t` and a pool, and was killed.
pub(crate) fn dead_body() -> ShmFolder {
    let folder = ShmFolder::new();
    let mut dead = Actor::start(&folder);
    dead.ask("node cam");
    dead.ask("pub p t T");
    dead.ask("send p 0 3 5000");
    dead.kill();
    folder
}

/// The one file of a kind.
pub(crate) fn only_file(folder: &ShmFolder, kind: &str) -> PathBuf {
    let mut entries = fs::read_dir(folder.path().join(NAMESPACE).join(kind)).expect("there");
    let path = entries.next().expect("one file").expect("can be read").path();
    assert!(entries.next().is_none(), "one file");
    path
}

/// What a file is called in errors.
pub(crate) fn called(path: &Path) -> String {
    let kind = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    let name = match kind {
        Some("topics") => format!("topic '{}'", path.file_name().expect("a file").display()),
        Some("participants") => "a participant's file".into(),
        _ => "a pool".into(),
    };
    format!("{name} ({})", path.display())
}

/// Overwrites a part of a file.
pub(crate) fn rewrite(path: &Path, at: u64, bytes: &[u8]) {
    let file = fs::File::options().write(true).open(path).expect("ours");
    file.write_all_at(bytes, at).expect("there is room");
}

/// Joins the test's namespace.
pub(crate) fn join(folder: &ShmFolder) -> Arc<Participant> {
    try_join(folder).expect("there is room")
}

/// The same, where it may fail.
pub(crate) fn try_join(folder: &ShmFolder) -> Result<Arc<Participant>, Error> {
    Participant::join(&Namespace::open(&settings(folder))?, Language::Rust)
}

/// What opening topic `t` fails with: as a publisher, a subscriber of the type, and one of no type.
pub(crate) fn opening_fails(here: &Arc<Participant>) -> [String; 3] {
    let topic = TopicName::new("t").expect("a name");
    let open = |wanted| Subscriber::open(here, &topic, wanted, Default::default());
    let spec = spec("T");
    let errors = [
        Publisher::open(here, &topic, &spec, Default::default()).map(drop).expect_err("refused"),
        open(Some(&spec)).map(drop).expect_err("refused"),
        open(None).map(drop).expect_err("refused"),
    ];
    errors.map(|error| error.to_string())
}

/// What a look at everything finds wrong.
pub(crate) fn faults(folder: &ShmFolder) -> Vec<String> {
    let census = Census::take(&Namespace::open(&settings(folder)).expect("ours")).expect("can be read");
    census.faults.iter().map(Error::to_string).collect()
}

/// Opens a root.
pub(crate) fn open_root(path: &Path) -> Result<Root, Error> {
    Root::open(&Settings { shm_dir: Some(path.to_owned()), namespace: None })
}

/// What opening a root fails with.
#[track_caller]
pub(crate) fn root_error(path: &Path) -> String {
    open_root(path).map(drop).expect_err("refused").to_string()
}
