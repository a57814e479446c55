//! What isn't ours to trust is refused by name, and never a crash.

use crate::actor::desk::spec;
use crate::actor::{Actor, NAMESPACE, cleaned, expect_nothing_left, settings};
use crate::process::ShmFolder;
use horus_shm::{
    Census, Error, Language, Namespace, Participant, Root, Settings, Subscriber, SubscriberOptions, TopicName,
};
use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

fn open_root(path: &Path) -> Result<Root, Error> {
    Root::open(&Settings { shm_dir: Some(path.to_owned()), namespace: None })
}

/// The reason for which a root is refused.
fn refused_root(path: &Path) -> String {
    match open_root(path) {
        Err(Error::Root { path: named, reason }) => {
            assert_eq!(named, path);
            reason
        }
        other => panic!("{} should be refused: {other:?}", path.display()),
    }
}

#[test]
fn a_root_that_others_may_enter_is_refused() {
    let folder = ShmFolder::new();
    for mode in [0o755, 0o770, 0o777, 0o701, 0o600] {
        fs::set_permissions(folder.path(), Permissions::from_mode(mode)).expect("ours");
        let reason = refused_root(folder.path());
        assert!(reason.contains(&format!("{mode:04o}")) && reason.contains("chmod 700"), "{reason}");
    }
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).expect("ours");
    open_root(folder.path()).expect("as it should be");
}

#[test]
fn a_root_that_is_a_link_or_a_file_is_refused() {
    let folder = ShmFolder::new();
    let real = folder.path().join("real");
    fs::create_dir(&real).expect("ours");
    fs::set_permissions(&real, Permissions::from_mode(0o700)).expect("ours");
    let link = folder.path().join("link");
    symlink(&real, &link).expect("ours");
    assert!(refused_root(&link).contains("link"));
    let file = folder.path().join("file");
    File::create(&file).expect("ours");
    assert!(refused_root(&file).contains("not a folder"));
    open_root(&real).expect("the folder itself");
}

#[test]
fn a_root_on_a_disk_is_refused() {
    // The build's own folder; a machine that builds in memory can't tell.
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("root-{}", std::process::id()));
    fs::create_dir_all(&path).expect("the build's folder is writable");
    fs::set_permissions(&path, Permissions::from_mode(0o700)).expect("ours");
    let opened = open_root(&path);
    let on_tmpfs = rustix::fs::statfs(&path).expect("there").f_type == 0x0102_1994;
    fs::remove_dir_all(&path).expect("ours");
    match opened {
        Err(Error::Root { reason, .. }) => assert!(reason.contains("tmpfs"), "{reason}"),
        Ok(_) if on_tmpfs => crate::process::skipped("a_root_on_a_disk_is_refused", "it builds in memory"),
        other => panic!("{other:?}"),
    }
}

/// How a file is spoiled, and the error that must come of it.
type Spoil = (&'static str, fn(&Path), &'static str);

fn rewrite(path: &Path, at: u64, bytes: &[u8]) {
    File::options().write(true).open(path).expect("ours").write_all_at(bytes, at).expect("writes");
}

const SPOILS: [Spoil; 9] = [
    ("another magic", |path| rewrite(path, 0, b"NOTHORUS"), "Refused"),
    ("another version", |path| rewrite(path, 8, &7u32.to_le_bytes()), "Layout"),
    ("another size in the header", |path| rewrite(path, 16, &1u64.to_le_bytes()), "Refused"),
    ("cut short", |path| File::options().write(true).open(path).unwrap().set_len(4096).unwrap(), "Refused"),
    (
        "cut to a few bytes",
        |path| File::options().write(true).open(path).unwrap().set_len(5).unwrap(),
        "Refused",
    ),
    ("empty", |path| drop(File::create(path).unwrap()), "Refused"),
    ("grown", |path| File::options().write(true).open(path).unwrap().set_len(1 << 40).unwrap(), "Refused"),
    (
        "a link",
        |path| {
            fs::remove_file(path).unwrap();
            symlink("/etc/hostname", path).unwrap();
        },
        "Refused",
    ),
    (
        "a folder",
        |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        },
        "Refused",
    ),
];

/// Leaves a topic, a participant's file and a pool, all of a dead process.
fn dead_body(folder: &ShmFolder) {
    let mut dead = Actor::start(folder);
    dead.ask("node n");
    dead.ask("pub p t T");
    dead.ask("send p 0 3 5000");
    dead.kill();
}

fn only_file(folder: &ShmFolder, kind: &str) -> PathBuf {
    let entry = fs::read_dir(folder.path().join(NAMESPACE).join(kind)).expect("there").next();
    entry.expect("one file").expect("can be read").path()
}

#[test]
fn a_spoiled_topic_is_refused_by_all_and_hurts_nobody() {
    for (how, spoil, error) in SPOILS {
        let folder = ShmFolder::new();
        dead_body(&folder);
        spoil(&only_file(&folder, "topics"));
        let mut actor = Actor::start(&folder);
        for open in ["pub p t T", "sub s t T", "sub s t -"] {
            let found = actor.fails(open);
            assert!(found.starts_with(error) && found.contains("topics/t"), "{how}: {open}: {found}");
        }
        // The neighbours don't notice.
        actor.ask("pub p other T");
        actor.ask("sub s other -");
        actor.ask("send p 0 20 5000");
        assert!(actor.ask("take s").ends_with("19"));
        let namespace = Namespace::open(&settings(&folder)).expect("ours");
        let census = Census::take(&namespace).expect("can be read");
        assert_eq!((census.topics.len(), census.faults.len()), (1, 1), "{how}: {:?}", census.faults);
        let report = cleaned(&folder, true);
        // By hand what nobody of another version uses any more goes too.
        let went = error == "Layout";
        assert_eq!(report.topics.contains(&"ns/t".into()), went, "{how}: {report:?}");
        assert_eq!(report.faults.len(), usize::from(!went), "{how}: {report:?}");
        actor.finish();
    }
}

#[test]
fn a_spoiled_participant_or_pool_is_refused_by_all_and_hurts_nobody() {
    for kind in ["participants", "pools"] {
        for (how, spoil, error) in SPOILS {
            let folder = ShmFolder::new();
            dead_body(&folder);
            spoil(&only_file(&folder, kind));
            let mut actors: Vec<Actor> = (0..2).map(|_| Actor::start(&folder)).collect();
            for actor in &mut actors {
                actor.ask("pub p t T");
                actor.ask("sub s t -");
            }
            actors[0].ask("send p 0 150 5000");
            assert!(actors[1].ask("take s").ends_with("149"), "{how}: blocks come back all the same");
            let namespace = Namespace::open(&settings(&folder)).expect("ours");
            let census = Census::take(&namespace).expect("can be read");
            assert_eq!(census.topics.len(), 1, "{how}");
            let report = cleaned(&folder, true);
            assert_eq!(report.faults.is_empty(), error == "Layout", "{how} in {kind}: {report:?}");
            actors.into_iter().for_each(Actor::finish);
        }
    }
}

#[test]
fn a_scribbled_topic_gives_errors_and_no_crash() {
    let folder = ShmFolder::new();
    let mut holder = Actor::start(&folder);
    holder.ask("pub p t T");
    let path = only_file(&folder, "topics");
    let mut header = vec![0; 256];
    File::open(&path).expect("ours").read_exact(&mut header).expect("long enough");
    // Every byte of the header in turn, while it is in use: an error or not, and the right one is whole again.
    for at in 0..header.len() {
        rewrite(&path, at as u64, &[header[at] ^ 0xff]);
        let mut actor = ActorOnce::start(&folder);
        for open in ["sub s t T", "sub u t -"] {
            actor.tries(open);
        }
        rewrite(&path, at as u64, &header[at..=at]);
    }
    holder.ask("send p 0 1 24");
    let mut reader = Actor::start(&folder);
    reader.ask("sub s t T");
    holder.ask("send p 1 1 24");
    assert_eq!(reader.ask("take s"), "1");
}

/// A participant of this process that tries to open things; cheaper than a process for each byte.
struct ActorOnce {
    participant: std::sync::Arc<Participant>,
}

impl ActorOnce {
    fn start(folder: &ShmFolder) -> Self {
        let namespace = Namespace::open(&settings(folder)).expect("ours");
        Self { participant: Participant::join(&namespace, Language::Rust).expect("joins") }
    }

    fn tries(&mut self, open: &str) {
        let topic = TopicName::new("t").expect("a name");
        let wanted = spec("T");
        let wanted = open.ends_with('T').then_some(&wanted);
        match Subscriber::open(&self.participant, &topic, wanted, SubscriberOptions::default()) {
            Ok(mut subscriber) => {
                // Whatever it says of the message, it must say it and not die.
                let _ = subscriber.recv().map(|received| received.is_some());
                let _ = subscriber.recv_latest().map(|received| received.is_some());
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

#[test]
fn scribbled_lanes_give_errors_and_no_crash() {
    let folder = ShmFolder::new();
    let mut publisher = Actor::start(&folder);
    let mut readers: Vec<Actor> = (0..2).map(|_| Actor::start(&folder)).collect();
    publisher.ask("pub p t T depth 8");
    readers[0].ask("sub s t T");
    readers[1].ask("sub s t -");
    let path = only_file(&folder, "topics");
    let file = File::options().write(true).open(&path).expect("ours");
    let region = 64 * 1024;
    // The lane table, the used bits, the slots of lane 0: all ones, then noise, under everybody's feet.
    let mut noise = [0u8; 512];
    File::open("/dev/urandom").expect("there").read_exact(&mut noise).expect("endless");
    for bytes in [[0xff; 512], noise] {
        for at in [2 * region, 3 * region, 3 * region + 512] {
            publisher.ask("send p 0 20 24");
            publisher.ask("send p 0 3 5000");
            file.write_all_at(&bytes, at).expect("writes");
            for actor in &mut readers {
                for command in ["take s", "latest s", "take s", "wait s for 0"] {
                    actor.begin(command);
                    let reply = actor.hears();
                    assert!(reply.starts_with("ok") || reply.starts_with("error Damaged"), "{reply}");
                }
            }
            let mut newcomer = Actor::start(&folder);
            for command in ["pub p t T", "sub s t T", "send p 0 1 24"] {
                newcomer.begin(command);
                let reply = newcomer.hears();
                assert!(reply.starts_with("ok") || reply.starts_with("error "), "{reply}");
                if reply.starts_with("error ") {
                    break;
                }
            }
            newcomer.kill();
            cleaned(&folder, false);
        }
    }
    // Other topics are as they were.
    publisher.ask("pub q other T");
    readers[0].ask("sub o other T");
    publisher.ask("send q 0 2 24");
    assert_eq!(readers[0].ask("take o"), "0 1");
}

#[test]
fn foreign_files_in_the_folders_are_left_alone() {
    let folder = ShmFolder::new();
    let mut actor = Actor::start(&folder);
    actor.ask("pub p t T");
    actor.ask("sub s t T");
    let inside = folder.path().join(NAMESPACE);
    for kind in ["participants", "topics", "pools"] {
        for name in ["foreign", "0123456789abcdef", "0123456789abcdef-0"] {
            File::create(inside.join(kind).join(name)).expect("ours").write_all(b"hello").expect("writes");
        }
        fs::create_dir(inside.join(kind).join("fedcba9876543210")).expect("ours");
        fs::create_dir(inside.join(kind).join("fedcba9876543210-1")).expect("ours");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            inside.join(kind).join("aaaaaaaaaaaaaaaa"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .expect("ours");
    }
    actor.ask("send p 0 100 5000");
    let mut newcomer = Actor::start(&folder);
    newcomer.ask("pub p t T");
    newcomer.ask("send p 100 100 5000");
    assert!(actor.ask("take s").ends_with("199"));
    let census = Census::take(&Namespace::open(&settings(&folder)).expect("ours")).expect("can be read");
    assert_eq!(census.participants.len(), 2);
    assert_eq!(census.topics.len(), 1);
    let report = cleaned(&folder, true);
    assert!(report.faults.len() >= 9, "{report:#?}");
    [actor, newcomer].into_iter().for_each(Actor::finish);
    cleaned(&folder, true);
    let left = folder.files();
    assert_eq!(left.iter().filter(|file| file.contains("pools/")).count(), 7, "{left:?}");
    fs::remove_dir_all(&inside).expect("ours");
    expect_nothing_left(&folder);
}
