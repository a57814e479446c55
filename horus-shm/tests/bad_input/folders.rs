//! Folders that are something else, and roots that can't be used.

use crate::actor::{NAMESPACE, cleaned, expect_nothing_left, settings};
use crate::process::{ShmFolder, skipped};
use crate::scene::{dead_body, faults, open_root, root_error, try_join};
use horus_shm::{Census, CleanOptions, Error, Namespace, clean};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// What may lie where a folder of ours belongs, given another place, and why it is refused.
type Impostor = (fn(&Path, &Path), &'static str);

const IMPOSTORS: [Impostor; 4] = [
    (|path, _| fs::write(path, "mine").unwrap(), "it is not a folder; remove it"),
    (|path, elsewhere| symlink(elsewhere, path).unwrap(), "it is a symbolic link; remove it"),
    (|path, _| symlink("/nowhere", path).unwrap(), "it is a symbolic link; remove it"),
    (|path, _| symlink(path, path).unwrap(), "it is a symbolic link; remove it"),
];

#[test]
fn what_lies_in_a_folders_place_is_refused_and_never_followed() {
    for part in ["", "topics", "participants", "pools"] {
        for (make, reason) in IMPOSTORS {
            let folder = ShmFolder::new();
            open_root(folder.path()).expect("as it should be");
            let elsewhere = folder.path().join("elsewhere");
            fs::create_dir(&elsewhere).expect("ours");
            fs::write(elsewhere.join("kept"), "mine").expect("there is room");
            let path = folder.path().join(NAMESPACE).join(part);
            let path = PathBuf::from(path.to_str().expect("ours").trim_end_matches('/'));
            fs::create_dir_all(path.parent().expect("below the root")).expect("ours");
            make(&path, &elsewhere);
            let words = format!("{} can't be used: {reason}", path.display());
            assert_eq!(try_join(&folder).map(drop).expect_err("refused").to_string(), words);
            let namespace = Namespace::open(&settings(&folder)).expect("only named so far");
            assert_eq!(Census::take(&namespace).map(drop).expect_err("refused").to_string(), words);
            let options = CleanOptions { force: true, ..CleanOptions::default() };
            let cleaning = clean(namespace.root(), Some(namespace.name()), &options);
            assert_eq!(cleaning.map(drop).expect_err("refused").to_string(), words);
            // Cleaning everything goes on past it.
            clean(namespace.root(), None, &options).expect("the others are cleaned");
            assert_eq!(fs::read_dir(&elsewhere).expect("ours").count(), 1, "nothing came, nothing went");
            assert!(path.symlink_metadata().is_ok(), "left alone");
        }
    }
}

#[test]
fn what_lies_among_the_tombstones_holds_up_no_cleaning() {
    for inside in [false, true] {
        let folder = dead_body();
        let stones = folder.path().join(NAMESPACE).join("tombstones");
        match inside {
            true => fs::create_dir_all(stones.join("a folder")).expect("ours"),
            false => fs::write(&stones, "mine").expect("ours"),
        }
        let report = cleaned(&folder, false);
        assert_eq!((report.processes.len(), report.topics.len(), report.pools), (1, 1, 1), "{report:?}");
        let words = format!("{} can't be used: it is not a folder; remove it", stones.display());
        match inside {
            true => assert!(faults(&folder).is_empty() && stones.join("a folder").is_dir()),
            false => assert_eq!(faults(&folder), [words]),
        }
    }
}

#[test]
fn half_a_namespace_is_seen_and_cleaned_to_the_end() {
    for gone in ["participants", "pools", "topics"] {
        let folder = dead_body();
        fs::remove_dir_all(folder.path().join(NAMESPACE).join(gone)).expect("ours");
        assert!(faults(&folder).is_empty());
        expect_nothing_left(&folder);
    }
}

#[test]
fn a_root_that_is_no_folder_or_open_to_others_says_what_to_do() {
    let folder = ShmFolder::new();
    let (link, dangling, file) =
        (folder.path().join("link"), folder.path().join("dangling"), folder.path().join("file"));
    symlink(folder.path(), &link).expect("ours");
    symlink("/nowhere", &dangling).expect("ours");
    fs::write(&file, []).expect("ours");
    for path in [link, dangling, file] {
        let words = format!(
            "{} can't be used: it is a link or not a folder; set HORUS_SHM_DIR to a folder on a tmpfs, or remove it if nobody needs it",
            path.display()
        );
        assert_eq!(root_error(&path), words);
    }
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("ours");
    let words = format!(
        "{0} can't be used: its mode is 0755, it must be 0700; chmod 700 it if HORUS alone uses it, or set HORUS_SHM_DIR to another",
        folder.path().display()
    );
    assert_eq!(root_error(folder.path()), words);
}

#[test]
fn a_root_without_a_parent_names_the_parent() {
    let folder = ShmFolder::new();
    for parent in ["missing", "missing/too", "file"] {
        fs::write(folder.path().join("file"), []).expect("ours");
        let parent = folder.path().join(parent);
        let root = parent.join("root");
        let words = format!(
            "{} can't be used: {} is not a folder that is there; make it, on a tmpfs, or set HORUS_SHM_DIR",
            root.display(),
            parent.display()
        );
        assert_eq!(root_error(&root), words);
    }
}

#[test]
fn a_root_on_a_disk_is_refused_and_not_left_there() {
    // The build's own folder; a machine that builds in memory can't tell.
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("input-{}", std::process::id()));
    match open_root(&path) {
        Ok(_) => {
            fs::remove_dir_all(&path).expect("ours");
            skipped("a_root_on_a_disk_is_refused_and_not_left_there", "it builds in memory");
        }
        Err(error) => {
            let advice = "it is not on a tmpfs; set HORUS_SHM_DIR to a folder on one, such as /dev/shm";
            assert_eq!(error.to_string(), format!("{} can't be used: {advice}", path.display()));
            assert!(matches!(error, Error::Root { .. }) && !path.exists());
        }
    }
}
