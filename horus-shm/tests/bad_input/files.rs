//! Files that no HORUS program of ours made, or that were cut since.

use crate::actor::{Actor, NAMESPACE, cleaned, settings};
use crate::process::{ShmFolder, skipped};
use crate::scene::{KINDS, called, dead_body, faults, join, only_file, opening_fails, rewrite, root_error};
use horus_shm::{Census, Namespace};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

/// What may lie where a file of ours belongs, and why it is refused.
type Impostor = (&'static str, fn(&Path), &'static str);

const IMPOSTORS: [Impostor; 10] = [
    ("another program's file", |p| fs::write(p, [7; 5000]).unwrap(), "it is not a file of HORUS; remove it"),
    (
        "an empty file",
        |p| fs::write(p, []).unwrap(),
        "it has 0 bytes, too few for a file of HORUS; remove it",
    ),
    (
        "23 bytes",
        |p| fs::write(p, [7; 23]).unwrap(),
        "it has 23 bytes, too few for a file of HORUS; remove it",
    ),
    (
        "the root's own file",
        |p| assert!(fs::copy(p.ancestors().nth(3).unwrap().join("joins"), p).unwrap() > 0),
        "it is a file of HORUS, but of another kind; remove it",
    ),
    ("a folder", |p| fs::create_dir(p).unwrap(), "it is not a regular file; remove it"),
    (
        "a FIFO",
        |p| mknodat(CWD, p, FileType::Fifo, Mode::RWXU, 0).unwrap(),
        "it is not a regular file; remove it",
    ),
    ("a socket", |p| drop(UnixListener::bind(p).unwrap()), "it is not a regular file; remove it"),
    ("a link", |p| symlink("/etc/hostname", p).unwrap(), "it is a symbolic link; remove it"),
    ("a link to nothing", |p| symlink("/nowhere", p).unwrap(), "it is a symbolic link; remove it"),
    ("a link to itself", |p| symlink(p.file_name().unwrap(), p).unwrap(), "it is a symbolic link; remove it"),
];

/// The name that a file of this kind could have.
fn plausible(kind: &str) -> &'static str {
    match kind {
        "topics" => "t",
        "participants" => "0123456789abcdef",
        _ => "0123456789abcdef-0",
    }
}

#[test]
fn what_lies_in_a_files_place_is_refused_in_words_and_left_alone() {
    for (what, make, reason) in IMPOSTORS {
        for kind in KINDS {
            let folder = ShmFolder::new();
            let here = join(&folder);
            let path = folder.path().join(NAMESPACE).join(kind).join(plausible(kind));
            make(&path);
            let words = format!("{} can't be used: {reason}", called(&path));
            if kind == "topics" {
                assert_eq!(opening_fails(&here), [words.as_str(); 3], "{what}");
            }
            assert_eq!(faults(&folder), [words.as_str()], "{what}");
            assert_eq!(cleaned(&folder, true).faults, [words.as_str()], "{what}");
            // Neighbours don't notice, blocks come back, and whoever comes after all have left hears the same.
            let mut neighbour = Actor::start(&folder);
            neighbour.ask("pub p other T");
            neighbour.ask("sub s other T");
            neighbour.ask("send p 0 100 5000");
            assert!(neighbour.ask("take s").ends_with("99"), "{what}");
            neighbour.finish();
            drop(here);
            assert_eq!(faults(&folder), [words.as_str()], "{what}, with nobody here");
            assert_eq!(cleaned(&folder, true).faults, [words], "{what}, with nobody here");
            assert!(path.symlink_metadata().is_ok(), "{what} was left alone");
        }
    }
}

#[test]
fn a_device_is_never_read() {
    let folder = ShmFolder::new();
    let here = join(&folder);
    let path = folder.path().join(NAMESPACE).join("topics/t");
    // The endless zeros.
    if let Err(error) = mknodat(CWD, &path, FileType::CharacterDevice, Mode::RWXU, makedev(1, 5)) {
        return skipped("a_device_is_never_read", &format!("mknod: {error}"));
    }
    let words = format!("{} can't be used: it is not a regular file; remove it", called(&path));
    assert_eq!(opening_fails(&here), [words.as_str(); 3]);
    assert_eq!(faults(&folder), [words]);
}

#[test]
fn names_that_no_file_of_ours_has_are_told_and_left_alone() {
    let folder = ShmFolder::new();
    let here = join(&folder);
    let inside = folder.path().join(NAMESPACE);
    let odd = ["participants/notes.txt", "participants/0000000000000000", "pools/notes.txt", "pools/1-2"];
    odd.iter().for_each(|name| fs::write(inside.join(name), "mine").expect("there is room"));
    // What begins with a dot, or isn't UTF-8, can't be a topic: nobody ever asks for it.
    fs::write(inside.join("topics/.swap"), "mine").expect("there is room");
    let kinds = [("participants", "a participant's"), ("pools", "a pool's")];
    let words = |name: &str| {
        let (_, whose) = kinds.iter().find(|(kind, _)| name.starts_with(kind)).expect("one of them");
        let path = inside.join(name);
        format!("{} can't be used: its name is not {whose}; remove it", called(&path))
    };
    let mut expected = odd.map(words);
    let mut found = faults(&folder);
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    cleaned(&folder, true);
    drop(here);
    cleaned(&folder, true);
    for name in odd {
        assert_eq!(fs::read(inside.join(name)).expect("left alone"), b"mine");
    }
}

#[test]
fn a_file_cut_or_grown_to_any_length_is_refused_with_both_sizes() {
    for kind in KINDS {
        let folder = dead_body();
        let path = only_file(&folder, kind);
        let whole = path.metadata().expect("there").len();
        let head = fs::read(&path).expect("ours")[..24].to_vec();
        let here = join(&folder);
        for bytes in
            [0, 1, 23, 24, 25, 127, 128, 4096, 65_535, 65_536, 131_072, whole - 1, whole + 1, 1 << 40]
        {
            fs::File::options().write(true).open(&path).expect("ours").set_len(bytes).expect("may be any");
            // What was cut off before is zero when it grows again.
            rewrite(&path, 0, &head[..head.len().min(bytes as usize)]);
            let reason = match bytes {
                0..24 => format!("it has {bytes} bytes, too few for a file of HORUS; remove it"),
                _ => format!("it has {bytes} bytes, its header says {whole}; end who uses it, and remove it"),
            };
            let words = format!("{} can't be used: {reason}", called(&path));
            if kind == "topics" {
                assert_eq!(opening_fails(&here), [words.as_str(); 3], "{bytes}");
            }
            assert_eq!(faults(&folder), [words], "{kind} of {bytes} bytes");
        }
    }
}

#[test]
fn sizes_that_no_topic_has_are_damage_in_words() {
    const DEPTH: u64 = 32;
    const SLOT_BYTES: u64 = 36;
    const CAPACITY: u64 = 40;
    const KIND: u64 = 44;
    const TYPE_NAME_BYTES: u64 = 48;
    const SCHEMA_BYTES: u64 = 52;
    const TEXT: u64 = 128;
    let folder = ShmFolder::new();
    let mut holder = Actor::start(&folder);
    holder.ask("pub p t T");
    let path = only_file(&folder, "topics");
    let file = path.metadata().expect("there").len();
    let sizes = |depth: u32, slot: u32, capacity: u32| {
        format!("depth {depth}, slots of {slot} bytes for {capacity} in a file of {file}")
    };
    let claims: [(u64, u32, String); 12] = [
        (DEPTH, 0, sizes(0, 128, 64)),
        (DEPTH, 63, sizes(63, 128, 64)),
        (DEPTH, 1 << 20, sizes(1 << 20, 128, 64)),
        (DEPTH, u32::MAX, sizes(u32::MAX, 128, 64)),
        (SLOT_BYTES, 0, sizes(64, 0, 64)),
        (SLOT_BYTES, u32::MAX, sizes(64, u32::MAX, 64)),
        (CAPACITY, 1 << 30, sizes(64, 128, 1 << 30)),
        (CAPACITY, u32::MAX, sizes(64, 128, u32::MAX)),
        (KIND, 0, "kind 0".into()),
        (KIND, 256, "kind 256".into()),
        (TYPE_NAME_BYTES, u32::MAX, format!("a type's name of {} bytes and a schema of 1", u32::MAX)),
        (SCHEMA_BYTES, 65_536, "a type's name of 1 bytes and a schema of 65536".into()),
    ];
    let here = join(&folder);
    let damaged = |found: &str| {
        format!(
            "{} is damaged: it says {found}; end who uses it, then horus clean --shm removes it",
            path.display()
        )
    };
    let mut header = vec![0; 256];
    std::io::Read::read_exact(&mut fs::File::open(&path).expect("ours"), &mut header).expect("long enough");
    for (at, value, found) in claims {
        rewrite(&path, at, &value.to_le_bytes());
        let words = damaged(&found);
        assert_eq!(opening_fails(&here), [words.as_str(); 3]);
        assert_eq!(faults(&folder), [words]);
        rewrite(&path, 0, &header);
    }
    rewrite(&path, TEXT, &[0xff]);
    assert_eq!(faults(&folder), [damaged("that its type's name is not UTF-8")]);
    // What was said comes true: with its user gone, cleaning removes it.
    holder.kill();
    let report = cleaned(&folder, true);
    assert_eq!((report.topics, report.faults), (vec!["ns/t".into()], vec![]));
    drop(here);
}

#[test]
fn the_roots_own_files_must_be_files_of_ours() {
    for name in ["joins", "lock"] {
        for (what, make, reason) in IMPOSTORS {
            // Any file will do to be locked.
            if what == "the root's own file" || name == "lock" && reason.contains("HORUS") {
                continue;
            }
            let folder = ShmFolder::new();
            let path = folder.path().join(name);
            make(&path);
            let words = format!("{} can't be used: {reason}", path.display());
            assert_eq!(root_error(folder.path()), words, "{what}");
            assert!(Namespace::open(&settings(&folder)).is_err(), "{what}");
        }
    }
}

#[test]
fn text_that_others_left_in_files_moves_no_cursor() {
    const NODE_NAME: u64 = 65_536 + 96;
    let folder = ShmFolder::new();
    let mut holder = Actor::start(&folder);
    holder.ask("node camera");
    holder.ask("pub p t Imu");
    rewrite(&only_file(&folder, "topics"), 128, b"\x1b[J");
    rewrite(&only_file(&folder, "participants"), NODE_NAME, b"\x1b[2J\r\n");
    let mut other = Actor::start(&folder);
    let error = other.fails("pub p t T");
    let named = r"topic 't' holds \u{1b}[J, not T; in use by \u{1b}[2J\r\n";
    assert!(error.starts_with(&format!("TypeMismatch: {named}")), "{error}");
    let census = Census::take(&Namespace::open(&settings(&folder)).expect("ours")).expect("can be read");
    let nodes: Vec<&str> =
        census.participants.iter().flat_map(|p| &p.nodes).map(|n| n.name.as_str()).collect();
    assert_eq!(nodes, [r"\u{1b}[2J\r\n"]);
}

#[test]
fn the_newest_message_of_a_damaged_lane_is_an_error_and_not_waited_for() {
    const HEAD: u64 = 2 * 65_536 + 24;
    const THIRD_SLOT: u64 = 3 * 65_536 + 2 * 128;
    // A head beyond what was sent; a slot that a message far ahead seems to be in.
    for (at, value, found) in
        [(HEAD, 1000, "1000 where message 999"), (THIRD_SLOT, 1 << 40, "549755813887 where message 2")]
    {
        let folder = ShmFolder::new();
        let mut publisher = Actor::start(&folder);
        publisher.ask("pub p t T");
        let mut reader = Actor::start(&folder);
        reader.ask("sub s t T");
        publisher.ask("send p 0 3 24");
        let path = folder.path().join(NAMESPACE).join("topics/t");
        rewrite(&path, at, &u64::to_le_bytes(value));
        let words = format!(
            "Damaged: {} lane 0 is damaged: it holds {found} was expected; restart its publisher",
            path.display()
        );
        assert_eq!(reader.fails("latest s"), words);
        assert_eq!(reader.ask("latest s"), "", "told once");
        // As it says: the publisher's next life takes another lane, or goes on behind.
        publisher.ask("close p");
        publisher.ask("pub p t T");
        publisher.ask("send p 7 1 24");
        assert_eq!(reader.ask("latest s"), "7");
    }
}
