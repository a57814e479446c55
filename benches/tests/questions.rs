//! Every question that Rust answers alone is asked once, briefly: both sides check each message as it comes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Asks, and returns what was printed and what was written.
fn ask(name: &str, arguments: &[&str]) -> (Output, Value) {
    let json = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.json"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_horus-benches"));
    command.args(arguments).args(["--peers", "/nonexistent", "--json"]).arg(&json);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let folder = PathBuf::from(format!("/dev/shm/horus-bench-{}", child.id()));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!folder.exists());
    let written = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    (output, written)
}

/// The question of that id.
fn question<'a>(answers: &'a Value, id: &str) -> &'a Value {
    answers["questions"].as_array().unwrap().iter().find(|question| question["id"] == id).unwrap()
}

/// The names of a question's contenders that were measured, with their counts of samples.
fn measured(question: &Value) -> Vec<(&str, u64)> {
    let contenders = question["contenders"].as_array().unwrap().iter();
    let samples = |c: &Value| c["series"][0]["samples"].as_u64();
    contenders.filter_map(|c| Some((c["name"].as_str().unwrap(), samples(c)?))).collect()
}

#[test]
fn rust_answers_every_question_and_leaves_nothing() {
    let (output, answers) = ask("rust", &["--only", "rust-", "--rounds", "2", "--scale", "0.0005"]);
    let found = |id| measured(question(&answers, id));
    assert_eq!(found("rust-16"), [("hand-made ring", 200), ("horus", 200), ("horus, typed", 200)]);
    for id in ["rust-64", "rust-1k", "rust-64k", "rust-1m", "rust-6m", "rust-dict"] {
        let names: Vec<&str> = found(id).iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["hand-made ring", "horus"], "{id}");
    }
    let counts =
        [("rust-image", 5), ("rust-wake", 2), ("rust-spin", 2), ("rust-within", 4), ("rust-publish", 6)];
    for (id, count) in counts {
        assert_eq!(found(id).len(), count, "{id}");
    }
    assert_eq!(found("rust-subscribers").len(), 8);
    assert_eq!(found("rust-publishers").len(), 8);
    let peer = &question(&answers, "rust-16")["contenders"][3];
    assert_eq!(peer["not_measured"], "the Rust peers aren't built");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("not measured: the Rust peers aren't built"), "{printed}");
    // Against who isn't there nothing is won.
    let goals = answers["goals"].as_array().unwrap();
    let against_peer = goals.iter().find(|goal| goal["bound_in_words"] == "0.2 × iceoryx2").unwrap();
    assert_eq!(against_peer["verdict"], "not measured");
}

#[test]
fn every_message_of_a_stream_is_received_or_counted_as_lost() {
    let (_, answers) = ask("stream", &["--only", "rust-stream", "--rounds", "1", "--scale", "0.02"]);
    let contenders = question(&answers, "rust-stream")["contenders"].as_array().unwrap();
    for contender in &contenders[..2] {
        let series = contender["series"].as_array().unwrap();
        let whats: Vec<&str> = series.iter().map(|series| series["what"].as_str().unwrap()).collect();
        assert_eq!(whats, ["received", "sent", "lost, of a million"]);
    }
    assert_eq!(contenders[0]["series"][2]["max"].as_f64(), Some(0.0));
}

#[test]
fn opening_joining_memory_and_the_list_are_measured() {
    let only = "join,memory,list-";
    let (output, answers) = ask("resources", &["--only", only, "--rounds", "1", "--scale", "0.1"]);
    let names =
        |id| measured(question(&answers, id)).iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(names("join"), ["hand-made ring", "horus, Rust"]);
    assert_eq!(names("memory"), ["hand-made ring of 64 slots, 64 B", "horus, 64 B", "horus, dict"]);
    assert_eq!(names("list-1000-topics"), ["horus --version", "horus topic list"]);
    // Whether it was fast is for a quiet machine to say; what was wanted is said in any case.
    let goal = answers["goals"].as_array().unwrap().iter();
    let goal = goal.clone().find(|goal| goal["contender"] == "horus topic list").unwrap();
    let (figure, bound) = (goal["figure"].as_f64().unwrap(), goal["bound"].as_f64().unwrap());
    assert_eq!((bound, goal["unit"].as_str()), (50e6, Some("ns")));
    assert_eq!(goal["reached"].as_bool(), Some(figure <= bound));
    assert!(String::from_utf8_lossy(&output.stdout).contains("≤ 50.00 ms"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_horus-benches")).args(arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&["--rounds", "0", "--only", "rust-16"]).contains("no rounds"));
    assert!(refused(&["--only", "nothing-like-it"]).contains("no question"));
    assert!(refused(&["--scale", "much"]).contains("--scale"));
    let peer =
        ["peer", "--side", "ping", "--way", "ring", "--work", "round", "--payload", "bytes-9x", "--folder"];
    let rest =
        [Path::new("/nonexistent").to_str().unwrap(), "--core", "0", "--warmup", "1", "--samples", "1"];
    assert!(refused(&[&peer[..], &rest[..]].concat()).contains("bytes-9x is no payload"));
}
