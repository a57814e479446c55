//! Sleeping on a word of shared memory and being woken.

use crate::process::{Child, Cue, Role, ShmFolder, WATCHDOG, skipped, until};
use crate::region::{Region, page_bytes, reopen, sparse_file};
use nix::libc;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::mm::ProtFlags;
use rustix::process::Signal;
use rustix::thread::futex::{Flags, Wait, WaitFlags, WaitPtr, WaitvFlags, wait, waitv, wake};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const READ_WRITE: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);
/// Long enough for a great many wakes to go by unheard, short enough for a test.
const DEAF_FOR: Duration = Duration::from_millis(200);
/// The most words `futex_waitv` takes.
const MOST_WORDS: usize = 128;

fn span(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs() as i64, tv_nsec: duration.subsec_nanos().into() }
}

/// Sleeps on several words while each holds 0; the time is what remains of `duration` from now on.
fn wait_for_any(words: &[&AtomicU32], duration: Duration) -> rustix::io::Result<usize> {
    let now = clock_gettime(ClockId::Monotonic);
    let now = Duration::new(now.tv_sec as u64, now.tv_nsec as u32);
    let waits: Vec<Wait> = words.iter().map(|word| waiting_on(word)).collect();
    waitv(&waits, WaitvFlags::empty(), Some(&span(now + duration)), ClockId::Monotonic)
}

fn waiting_on(word: &AtomicU32) -> Wait {
    let mut wait = Wait::new();
    wait.uaddr = WaitPtr::new(word.as_ptr().cast());
    wait.flags = WaitFlags::SIZE_U32;
    wait
}

/// Whether this kernel lets us wait on several words; the library has another way where it doesn't.
fn waits_on_several(test: &str) -> bool {
    let region = Region::anonymous(page_bytes());
    let answer = wait_for_any(&[region.word(0)], Duration::ZERO);
    if answer == Err(Errno::NOSYS) || answer == Err(Errno::PERM) {
        skipped(test, "no futex_waitv");
        return false;
    }
    true
}

/// Role: sleeps on word 0 of the file given and says how it ended. Arguments: path, `private`, `shared` or `waitv`,
/// milliseconds.
pub(crate) fn futex_wait(cue: &mut Cue) {
    let file = reopen(&cue.argument::<PathBuf>(), OFlags::RDONLY);
    let region = Region::shared(&file, page_bytes(), ProtFlags::READ);
    drop(file);
    let kind = cue.argument::<String>();
    let duration = Duration::from_millis(cue.argument());
    cue.say("ready");
    let ended = match kind.as_str() {
        "private" => wait(region.word(0), Flags::PRIVATE, 0, Some(&span(duration))),
        "shared" => wait(region.word(0), Flags::empty(), 0, Some(&span(duration))),
        _ => wait_for_any(&[region.word(64), region.word(0)], duration).map(|index| assert_eq!(index, 1)),
    };
    cue.say(&format!("{ended:?}"));
}

/// Lets a child sleep for at most `duration` and wakes, with `flags`, until it says how the sleep ended.
fn wake_until_it_ends(kind: &str, flags: Flags, duration: Duration, unlink: bool) -> (String, usize) {
    let folder = ShmFolder::new();
    let file = sparse_file(&folder, "word", page_bytes());
    let path = folder.path().join("word");
    let region = Region::shared(&file, page_bytes(), READ_WRITE);
    let role = Role::new("futex_wait").argument(path.display()).argument(kind).argument(duration.as_millis());
    let mut child = role.spawn();
    child.expect("ready");
    if unlink {
        std::fs::remove_file(&path).expect("there");
    }
    let mut woken = 0;
    let mut ended = None;
    until("the sleep ends", || {
        woken += wake(region.word(0), flags, u32::MAX).expect("an aligned word");
        ended = child.heard();
        ended.is_some()
    });
    child.finish();
    (ended.expect("just heard"), woken)
}

#[test]
fn a_shared_wake_reaches_a_sleeper_in_another_process_on_a_read_only_mapping() {
    assert_eq!(wake_until_it_ends("shared", Flags::empty(), WATCHDOG, false), ("Ok(())".into(), 1));
}

#[test]
fn a_private_wait_is_deaf_to_other_processes() {
    let timed_out = format!("{:?}", Err::<(), _>(Errno::TIMEDOUT));
    assert_eq!(wake_until_it_ends("private", Flags::empty(), DEAF_FOR, false), (timed_out, 0));
}

#[test]
fn a_private_wake_is_not_heard_by_other_processes() {
    let timed_out = format!("{:?}", Err::<(), _>(Errno::TIMEDOUT));
    assert_eq!(wake_until_it_ends("shared", Flags::PRIVATE, DEAF_FOR, false), (timed_out, 0));
}

#[test]
fn a_file_without_a_name_still_wakes_its_sleepers() {
    assert_eq!(wake_until_it_ends("shared", Flags::empty(), WATCHDOG, true), ("Ok(())".into(), 1));
}

#[test]
fn waiting_on_several_words_works_across_processes_and_on_a_read_only_mapping() {
    if waits_on_several("waiting_on_several_words_works_across_processes") {
        assert_eq!(wake_until_it_ends("waitv", Flags::empty(), WATCHDOG, false), ("Ok(())".into(), 1));
    }
}

#[test]
fn a_changed_word_is_not_slept_on() {
    let region = Region::anonymous(page_bytes());
    region.word(0).store(1, Ordering::Relaxed);
    assert_eq!(wait(region.word(0), Flags::empty(), 0, None), Err(Errno::AGAIN));
    if waits_on_several("a_changed_word_is_not_slept_on") {
        assert_eq!(wait_for_any(&[region.word(64), region.word(0)], WATCHDOG), Err(Errno::AGAIN));
    }
}

#[test]
fn any_of_several_words_wakes_and_is_named() {
    if !waits_on_several("any_of_several_words_wakes_and_is_named") {
        return;
    }
    let folder = ShmFolder::new();
    let bytes = MOST_WORDS * 64;
    let region = Region::shared(sparse_file(&folder, "words", bytes), bytes, READ_WRITE);
    let words: Vec<&AtomicU32> = (0..MOST_WORDS).map(|index| region.word(index * 64)).collect();
    for chosen in [0, 63, MOST_WORDS - 1] {
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| wait_for_any(&words, WATCHDOG));
            until("somebody was woken", || wake(words[chosen], Flags::empty(), 1) == Ok(1));
            assert_eq!(sleeper.join().expect("no panic"), Ok(chosen));
        });
    }
}

#[test]
fn more_than_128_words_are_refused() {
    if !waits_on_several("more_than_128_words_are_refused") {
        return;
    }
    let region = Region::anonymous((MOST_WORDS + 1) * 64);
    let words: Vec<&AtomicU32> = (0..=MOST_WORDS).map(|index| region.word(index * 64)).collect();
    assert_eq!(wait_for_any(&words, Duration::ZERO), Err(Errno::INVAL));
    assert_eq!(wait_for_any(&words[1..], Duration::ZERO), Err(Errno::TIMEDOUT));
}

#[test]
fn one_word_waits_for_a_span_and_several_until_a_moment() {
    let region = Region::anonymous(page_bytes());
    let nap = Duration::from_millis(20);
    let started = Instant::now();
    assert_eq!(wait(region.word(0), Flags::empty(), 0, Some(&span(nap))), Err(Errno::TIMEDOUT));
    assert!(started.elapsed() >= nap);
    if waits_on_several("one_word_waits_for_a_span_and_several_until_a_moment") {
        let started = Instant::now();
        assert_eq!(wait_for_any(&[region.word(0)], nap), Err(Errno::TIMEDOUT));
        assert!(started.elapsed() >= nap);
        let past = waitv(
            &[waiting_on(region.word(0))],
            WaitvFlags::empty(),
            Some(&span(Duration::from_secs(1))),
            ClockId::Monotonic,
        );
        assert_eq!(past, Err(Errno::TIMEDOUT), "a second after start-up is long past");
    }
}

static STOP: AtomicU32 = AtomicU32::new(0);

extern "C" fn stop_at_signal(_: i32) {
    STOP.fetch_add(1, Ordering::Relaxed);
    let _ = wake(&STOP, Flags::empty(), u32::MAX);
}

/// Role: sleeps on a word of its own, which only its signal handler changes. With restarting system calls.
pub(crate) fn futex_wait_for_signal(cue: &mut Cue) {
    // SAFETY: zeroes are a valid `sigaction`; the handler only uses an atomic and a system call, both safe in a signal.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = stop_at_signal as extern "C" fn(i32) as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGTERM, &action, std::ptr::null_mut()), 0);
    }
    cue.say("ready");
    let several = cue.argument::<bool>();
    while STOP.load(Ordering::Relaxed) == 0 {
        // However it ends: the signal may come before, during or after.
        let _ = if several {
            wait_for_any(&[&STOP], WATCHDOG)
        } else {
            wait(&STOP, Flags::empty(), 0, Some(&span(WATCHDOG))).map(|()| 0)
        };
    }
    cue.say("stopped");
}

fn stopped_by_signal(several: bool) {
    let mut child: Child = Role::new("futex_wait_for_signal").argument(several).spawn();
    child.expect("ready");
    child.signal(Signal::TERM);
    child.expect("stopped");
    child.finish();
}

#[test]
fn a_word_that_a_signal_handler_changes_ends_the_sleep() {
    stopped_by_signal(false);
    if waits_on_several("a_word_that_a_signal_handler_changes_ends_the_sleep") {
        stopped_by_signal(true);
    }
}
