//! A run of kills notices what it is there to notice: publishers that do wrong on purpose.

use std::process::{Command, Output};

/// A short run without Python in which every publisher does wrong in one way, and a share of kills that is to hit.
fn sabotaged_with(how: &str, patience: &str, kills: &str, share: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_horus-proof"));
    command.args(["kills", "--kills", kills, "--patience", patience, "--no-python", "--share", share]);
    command.args(["--sabotage", how]).output().expect("the program starts")
}

fn sabotaged(how: &str, patience: &str, kills: &str) -> Output {
    sabotaged_with(how, patience, kills, "0")
}

#[track_caller]
fn expect_noticed(output: &Output, word: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}\n{}", String::from_utf8_lossy(&output.stdout));
    assert!(text.contains(word), "{word:?} is not in {text}");
}

#[test]
fn a_torn_message_is_noticed() {
    expect_noticed(&sabotaged("torn", "60", "25"), "torn: message ");
}

#[test]
fn a_number_left_out_is_noticed() {
    expect_noticed(&sabotaged("gap", "60", "25"), "count: message ");
}

#[test]
fn a_message_that_was_noted_and_never_sent_is_noticed() {
    expect_noticed(&sabotaged("lost", "60", "25"), "count: ");
}

#[test]
fn a_publisher_that_nobody_hears_is_noticed() {
    expect_noticed(&sabotaged("mute", "1", "25"), "stuck: publish cmd in Rust ");
}

#[test]
fn a_file_left_behind_is_noticed() {
    expect_noticed(&sabotaged("leak", "1", "25"), "left-by-");
}

#[test]
fn a_run_that_strikes_no_write_fails() {
    let output = sabotaged_with("lazy", "60", "100", "20");
    expect_noticed(&output, "Rust publishers of 1,000 bytes, inside a write: only ");
}
