//! Programs built with different versions of HORUS meet.

use crate::actor::{Actor, cleaned, expect_nothing_left};
use crate::process::ShmFolder;
use crate::scene::{KINDS, called, dead_body, faults, join, only_file, opening_fails, rewrite, root_error};
use std::path::Path;

/// Where a file's version and its maker stand, whatever the layout.
const VERSION: u64 = 8;
const PID: u64 = 12;
/// An older and a newer layout than ours, which is 1.
const OTHERS: [u32; 3] = [0, 2, u32::MAX];

fn words(path: &Path, version: u32, maker: u32, rest: &str) -> String {
    let here = std::process::id();
    let called = called(path);
    format!(
        "{called} was made by layout {version} (pid {maker}), this program (pid {here}) knows layout 1; {rest}"
    )
}

#[test]
fn a_topic_of_another_layout_names_both_and_who_holds_it() {
    for version in OTHERS {
        let folder = ShmFolder::new();
        let mut camera = Actor::start(&folder);
        camera.ask("node cam");
        camera.ask("pub p t T");
        let mut viewer = Actor::start(&folder);
        viewer.ask("sub s t -");
        let here = join(&folder);
        let path = only_file(&folder, "topics");
        rewrite(&path, VERSION, &version.to_le_bytes());
        let mut holders = [format!("cam (pid {})", camera.pid()), format!("pid {}", viewer.pid())];
        if viewer.pid() < camera.pid() {
            holders.reverse();
        }
        let rest =
            format!("in use by {}: end those first, or build all with one version", holders.join(", "));
        let used = words(&path, version, camera.pid(), &rest);
        assert_eq!(opening_fails(&here), [used.as_str(); 3]);
        assert_eq!(faults(&folder), [used.as_str()]);
        let report = cleaned(&folder, true);
        assert_eq!((report.faults, report.topics), (vec![used], vec![]), "the living are never touched");
        // Those who have it go on with it.
        camera.ask("send p 0 3 24");
        assert_eq!(viewer.ask("take s"), "0 1 2");
        let maker = camera.pid();
        [camera, viewer].into_iter().for_each(Actor::kill);
        let unused = words(&path, version, maker, "nobody uses it any more: horus clean --shm removes it");
        assert_eq!(opening_fails(&here), [unused.as_str(); 3]);
        assert_eq!(faults(&folder), [unused.as_str()]);
        // Other programs may come back to it: only who asks by hand has it removed.
        assert_eq!(cleaned(&folder, false).topics, Vec::<String>::new());
        assert_eq!(faults(&folder), [unused]);
        assert_eq!(cleaned(&folder, true).topics, ["ns/t"]);
        drop(here);
        expect_nothing_left(&folder);
    }
}

#[test]
fn what_cant_be_seen_from_here_still_counts_as_a_user() {
    let folder = ShmFolder::new();
    let role = crate::process::Role::new("actor").shm(&folder, crate::actor::NAMESPACE);
    let nested = role.in_new_pid_namespace();
    if let Err(reason) = nested.permitted() {
        return crate::process::skipped("what_cant_be_seen_from_here_still_counts_as_a_user", &reason);
    }
    // Its maker's mapping is of a user that this test can see, so the lock alone must tell: hold it through a file.
    let mut child = nested.spawn();
    child.tell("pub p t T");
    child.expect("ok 64");
    let path = only_file(&folder, "topics");
    rewrite(&path, VERSION, &2u32.to_le_bytes());
    let here = join(&folder);
    let [error, ..] = opening_fails(&here);
    assert!(error.contains("was made by layout 2 (pid 1)"), "in its own PID namespace: {error}");
    assert!(
        error.contains("; in use by pid ") && error.ends_with("or build all with one version"),
        "{error}"
    );
    assert_eq!(cleaned(&folder, true).topics, Vec::<String>::new());
    child.finish();
}

#[test]
fn files_of_another_layout_go_together_or_not_at_all() {
    for kind in KINDS {
        let folder = dead_body();
        let path = only_file(&folder, kind);
        rewrite(&path, VERSION, &2u32.to_le_bytes());
        rewrite(&path, PID, &4711u32.to_le_bytes());
        let expected = words(&path, 2, 4711, "nobody uses it any more: horus clean --shm removes it");
        assert!(faults(&folder).contains(&expected), "{:?}", faults(&folder));
        expect_nothing_left(&folder);
    }
    // A living participant of another layout may want any of them.
    let folder = dead_body();
    let mut other = Actor::start(&folder);
    other.ask("sub s t -");
    for kind in KINDS {
        for entry in std::fs::read_dir(folder.path().join("ns").join(kind)).expect("there").flatten() {
            rewrite(&entry.path(), VERSION, &2u32.to_le_bytes());
        }
    }
    let before = folder.files();
    let report = cleaned(&folder, true);
    assert_eq!(folder.files(), before, "{report:?}");
    assert_eq!(
        report.faults.len(),
        before.iter().filter(|file| file.matches('/').count() == 2 && !file.ends_with('/')).count()
    );
    other.kill();
    cleaned(&folder, true);
    expect_nothing_left(&folder);
}

#[test]
fn a_dry_run_tells_what_of_another_layout_would_go() {
    let folder = dead_body();
    let path = only_file(&folder, "topics");
    rewrite(&path, VERSION, &2u32.to_le_bytes());
    let root = crate::scene::open_root(folder.path()).expect("ours");
    let options = horus_shm::CleanOptions { dry_run: true, force: true, ..Default::default() };
    let report = horus_shm::clean(&root, None, &options).expect("can be read");
    assert_eq!((report.topics, report.faults), (vec!["ns/t".into()], vec![]));
    assert!(path.exists());
}

#[test]
fn a_root_of_another_layout_names_who_has_it_open() {
    let folder = ShmFolder::new();
    let mut user = Actor::start(&folder);
    user.ask("join");
    let path = folder.path().join("joins");
    rewrite(&path, VERSION, &2u32.to_le_bytes());
    let (maker, here, shown) = (user.pid(), std::process::id(), path.display());
    let both =
        format!("{shown} was made by layout 2 (pid {maker}), this program (pid {here}) knows layout 1; ");
    let used = format!("in use by pid {maker}: end those first, or build all with one version");
    assert_eq!(root_error(folder.path()), format!("{both}{used}"));
    user.kill();
    let root = folder.path().display();
    let unused = format!("nobody that can be seen from here uses it: if so, remove {root}");
    assert_eq!(root_error(folder.path()), format!("{both}{unused}"));
}
