//! A process that is stopped with a lock in its hands: what it holds up, for how long, and with which words.
//!
//! The locks that a process keeps for as long as it lives are those of living actors; those that are held for a moment
//! only are held here by a process that takes them and does no more. In-process locks hold up their process alone.

use crate::actor::{Actor, NAMESPACE, cleaned, expect_nothing_left};
use crate::process::{Child, Cue, Role, ShmFolder};
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::fs::File;
use std::path::PathBuf;

/// Role: `<path> <first byte> <bytes> <exclusive>`. Takes a lock and stays.
pub(crate) fn hold_lock(cue: &mut Cue) {
    let (path, start, bytes): (PathBuf, i64, i64) = (cue.argument(), cue.argument(), cue.argument());
    let kind = if cue.argument() { libc::F_WRLCK } else { libc::F_RDLCK };
    let file = File::options().read(true).write(true).open(path).expect("ours");
    let range = libc::flock {
        l_type: kind as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: start,
        l_len: bytes,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_OFD_SETLK(&range)).expect("nobody else holds it");
    cue.stay();
}

/// Two that exchange messages on `t`, whatever happens to others.
struct Pair {
    folder: ShmFolder,
    one: Actor,
    other: Actor,
    next: u64,
}

impl Pair {
    fn start() -> Self {
        let folder = ShmFolder::new();
        let (mut one, mut other) = (Actor::start(&folder), Actor::start(&folder));
        one.ask("pub p t T");
        other.ask("sub s t T");
        Self { folder, one, other, next: 0 }
    }

    /// Enough large messages that blocks have to come back.
    fn exchange(&mut self) {
        for bytes in [24, 5000, 9000] {
            for _ in 0..30 {
                let number = self.next;
                self.next += 1;
                self.one.ask(&format!("send p {number} 1 {bytes}"));
                assert_eq!(self.other.ask("take s"), number.to_string());
            }
        }
        assert_eq!(self.other.ask("counts s"), format!("{} 0 0", self.next));
    }

    /// A process that comes now can use everything, the topic `t` too.
    fn newcomer_works(&mut self) {
        let mut newcomer = Actor::start(&self.folder);
        for command in ["node new", "pub p t T", "sub s t T", "sub u t -", "pub q fresh T", "sub v fresh T"] {
            newcomer.ask(command);
        }
        newcomer.ask("send q 1 1 5000");
        assert_eq!(newcomer.ask("take v"), "1");
        newcomer.finish();
    }

    /// Somebody stopped who holds a lock of the file at `path`.
    fn stopped_holder(&self, path: &str, start: i64, bytes: i64) -> Child {
        let role = Role::new("hold_lock").argument(self.folder.path().join(path).display());
        let mut holder = role.argument(start).argument(bytes).argument(true).spawn();
        holder.expect("ready");
        holder.stop();
        holder
    }

    fn end(self) {
        [self.one, self.other].into_iter().for_each(Actor::finish);
        expect_nothing_left(&self.folder);
    }
}

#[test]
fn a_stopped_process_with_every_lock_of_a_living_one_holds_up_nobody() {
    // The typed byte, shared, and a lane's byte; the untyped byte; its participant's and its pool's; a pinned block.
    let mut pair = Pair::start();
    let mut stopped = Actor::start(&pair.folder);
    for command in ["node away", "sub s t T", "sub u t -", "pub p t T", "pub q alone T", "sub v old -"] {
        stopped.ask(command);
    }
    stopped.ask("send q 0 3 5000");
    pair.one.ask("send p 900 1 5000");
    assert_eq!(pair.other.ask("take s"), "900");
    pair.next = 901;
    assert_eq!(stopped.ask("hold s"), "900");
    stopped.stop();
    pair.next = 0;
    pair.other.ask("close s");
    pair.other.ask("sub s t T");
    pair.exchange();
    pair.newcomer_works();
    // It lives: its type stands, in words, at once, and nothing of it is cleaned away.
    let error = pair.one.fails("pub x alone U");
    assert!(error.starts_with("TypeMismatch: topic 'alone' holds T, not U; in use by away (pid "), "{error}");
    let report = cleaned(&pair.folder, true);
    assert!(!report.busy && report.processes.is_empty() && report.topics.is_empty(), "{report:?}");
    // Who holds only the untyped byte doesn't keep the type.
    pair.one.ask("pub o old V1");
    pair.one.ask("close o");
    pair.one.ask("pub o old V2");
    pair.exchange();
    stopped.resume();
    stopped.ask("release");
    stopped.ask("take s");
    stopped.finish();
    pair.end();
}

#[test]
fn who_is_stopped_while_it_replaces_or_removes_a_topic_holds_up_that_topic_alone() {
    // The typed byte, exclusive: who replaces. All 66: who removes; nobody has the topic open then.
    for (start, bytes) in [(0, 1), (0, 66)] {
        let mut pair = Pair::start();
        let mut maker = Actor::start(&pair.folder);
        maker.ask("pub p stuck T");
        maker.kill();
        let mut holder = pair.stopped_holder(&format!("{NAMESPACE}/topics/stuck"), start, bytes);
        pair.exchange();
        pair.newcomer_works();
        let words =
            "Busy: topic 'stuck' stayed locked for 2 s: somebody who cleans or replaces it is stopped";
        assert!(pair.one.fails("pub x stuck T").starts_with(words));
        assert!(pair.one.fails("pub x stuck U").starts_with(words));
        assert!(pair.other.fails("sub x stuck T").starts_with(words));
        match bytes {
            1 => drop(pair.other.ask("sub x stuck -")),
            _ => {
                assert!(pair.other.fails("sub x stuck -").starts_with(
                    "Busy: topic 'stuck' stayed locked for 2 s: somebody who cleans it is stopped"
                ))
            }
        }
        // A cleaning passes it by.
        let report = cleaned(&pair.folder, true);
        assert!(!report.busy && report.topics.is_empty() && report.faults.is_empty(), "{report:?}");
        pair.exchange();
        holder.resume();
        holder.kill();
        pair.one.ask("pub x stuck U");
        pair.end();
    }
}

#[test]
fn a_stopped_cleaner_holds_up_cleaning_and_nothing_else() {
    let mut pair = Pair::start();
    let mut holder = pair.stopped_holder("lock", 0, 1);
    pair.exchange();
    // Leaving waits a second for the cleaner and goes.
    pair.newcomer_works();
    assert!(cleaned(&pair.folder, false).busy);
    assert_eq!(pair.one.ask("clean"), "busy=true");
    pair.exchange();
    holder.resume();
    holder.kill();
    assert!(!cleaned(&pair.folder, false).busy);
    pair.end();
}

#[test]
fn a_lock_on_anothers_life_or_pool_changes_nothing_for_those_who_live() {
    // A stranger's exclusive lock on every byte beyond those that mean something, of each kind of file.
    let mut pair = Pair::start();
    pair.exchange();
    let inside = pair.folder.path().join(NAMESPACE);
    let mut holders = Vec::new();
    for kind in ["participants", "pools"] {
        for entry in std::fs::read_dir(inside.join(kind)).expect("there").flatten() {
            let path = format!("{NAMESPACE}/{kind}/{}", entry.file_name().display());
            holders.push(pair.stopped_holder(&path, 1, 0));
        }
    }
    assert!(holders.len() >= 3, "two processes and a pool");
    pair.exchange();
    pair.newcomer_works();
    assert!(!cleaned(&pair.folder, false).busy);
    pair.exchange();
    for mut holder in holders {
        holder.resume();
        holder.kill();
    }
    pair.end();
}
