//! Every question that Rust answers is asked once, briefly: both sides check each message as it comes.

use std::path::PathBuf;
use std::process::{Command, Stdio};

#[test]
fn rust_answers_every_question_and_leaves_nothing() {
    let json = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("rust.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_horus-benches"));
    command.args(["--only", "rust-", "--rounds", "2", "--scale", "0.0005"]).arg("--json").arg(&json);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let folder = PathBuf::from(format!("/dev/shm/horus-bench-{}", child.id()));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let answers: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    let found: Vec<(&str, Vec<(&str, u64)>)> =
        answers["questions"].as_array().unwrap().iter().map(question).collect();
    assert_eq!(
        found,
        [
            ("rust-cmd-vel", vec![("hand-made ring", 200), ("horus", 200)]),
            ("rust-dict", vec![("hand-made ring", 200), ("horus", 200)]),
            ("rust-image", vec![("hand-made ring", 100), ("horus", 100)]),
            ("rust-wake", vec![("bare futex", 10), ("horus", 10)]),
        ]
    );
    assert!(!folder.exists());
}

/// A question's id, and each contender's name with its count of samples.
fn question(value: &serde_json::Value) -> (&str, Vec<(&str, u64)>) {
    let contenders = value["contenders"].as_array().unwrap().iter().map(|contender| {
        assert!(contender["median_ns"].as_f64().unwrap() > 0.0);
        (contender["name"].as_str().unwrap(), contender["samples"].as_u64().unwrap())
    });
    (value["id"].as_str().unwrap(), contenders.collect())
}

#[test]
fn the_command_lists_all_topics_in_each_run() {
    let json = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("list.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_horus-benches"));
    command.args(["--only", "list-", "--rounds", "1", "--scale", "0.1"]).arg("--json").arg(&json);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    let found: Vec<(&str, Vec<(&str, u64)>)> =
        answers["questions"].as_array().unwrap().iter().map(question).collect();
    let rows = vec![("horus --version", 2), ("horus topic list", 2)];
    assert_eq!(found, [("list-1000-topics", rows)]);
    // Whether it was fast is for a quiet machine to say; what was wanted is said in any case.
    let goal = &answers["goals"][0];
    assert_eq!(
        (goal["contender"].as_str(), goal["below_ns"].as_f64()),
        (Some("horus topic list"), Some(50e6))
    );
    let (median, reached) = (goal["median_ns"].as_f64().unwrap(), goal["reached"].as_bool().unwrap());
    assert_eq!(reached, median < 50e6);
    assert!(String::from_utf8_lossy(&output.stdout).contains("below 50.00 ms wanted"));
}
