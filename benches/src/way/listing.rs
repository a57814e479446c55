//! The `horus` command run anew and again beside many topics: what it takes to start, and to list them all.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use horus_shm::{Language, Namespace, Participant, Publisher, Settings, TopicName, TopicSpec};

use crate::Result;

/// How many topics there are to be listed.
pub(crate) const TOPICS: usize = 1000;

/// Runs `horus` with `arguments` `runs` times, beside [`TOPICS`] topics that were sent on; returns how long each took
/// from start to end, in nanoseconds.
///
/// # Errors
/// If the command isn't beside this program, fails, or doesn't print `lines` lines.
pub(crate) fn run_beside_topics(
    folder: &Path,
    arguments: &[&str],
    lines: usize,
    runs: usize,
) -> Result<Vec<u64>> {
    let horus = command_beside_us()?;
    let root = folder.join("horus");
    let settings = Settings { shm_dir: Some(root.clone()), namespace: Some("bench".into()) };
    let participant = Participant::join(&Namespace::open(&settings)?, Language::Rust)?;
    let spec = TopicSpec { kind: 1, type_name: "bytes".into(), schema: Vec::new(), capacity: 16, depth: 64 };
    let mut publishers = Vec::with_capacity(TOPICS);
    for number in 0..TOPICS {
        let topic = TopicName::new(&format!("sensor.{number:04}"))?;
        let mut publisher = Publisher::open(&participant, &topic, &spec, Default::default())?;
        publisher.send(&[0; 16])?;
        publishers.push(publisher);
    }
    let mut took = Vec::with_capacity(runs);
    for _ in 0..runs {
        let mut command = Command::new(&horus);
        command.args(arguments).env("HORUS_SHM_DIR", &root).env("HORUS_NAMESPACE", "bench");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let before = Instant::now();
        let output = command.output()?;
        took.push(before.elapsed().as_nanos() as u64);
        check(&output, lines)?;
    }
    Ok(took)
}

fn check(output: &Output, lines: usize) -> Result<()> {
    let printed = output.stdout.iter().filter(|byte| **byte == b'\n').count();
    if output.status.success() && printed == lines {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("horus: {}, {printed} lines of {lines}: {said}", output.status).into())
}

fn command_beside_us() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("horus");
    if path.is_file() {
        return Ok(path);
    }
    Err(format!(
        "{} is missing; build it as this program was: cargo build --package horus-cli",
        path.display()
    )
    .into())
}
