//! Measures HORUS beside the physical floor: the same bytes, the same harness, the same run.
//!
//! ```text
//! cargo run --release -p horus-benches            # every question
//! cargo run --release -p horus-benches -- --only rust-16 --rounds 3
//! ```
//!
//! Each question sets contenders against each other, the first being the floor. A contender is two
//! processes pinned to two cores; contenders take turns, round by round, so that a drifting machine
//! moves all of them. One way is a round trip halved.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program whose results are its output")]

mod contender;
mod docs;
mod figures;
mod goals;
mod idle;
mod machine;
mod payload;
mod questions;
mod report;
mod shared;
mod side;
mod stats;
mod turn;
mod way;
mod work;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::contender::Programs;
use crate::machine::Machine;
use crate::side::SideArguments;
use crate::turn::Setting;

/// What can go wrong is told in words; nothing here is matched on.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Measures HORUS beside the physical floor.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    /// Rounds; in each, every contender of a question has one turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Asks only the questions whose id contains one of these, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Takes this share of the usual number of samples
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// The Python to measure with
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../.venv/bin/python"))]
    python: PathBuf,
    /// Where the others are: what benches/peers/prepare.sh filled
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers"))]
    peers: PathBuf,
    /// Where to write everything as JSON
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bench.json"))]
    json: PathBuf,
    /// Writes tables and figures into the README and docs/ as well; takes a whole run
    #[arg(long, conflicts_with_all = ["only", "scale"])]
    write_docs: bool,
    /// Ends with status 1 when a goal is missed
    #[arg(long)]
    strict: bool,
}

/// What the program starts itself as.
#[derive(Debug, Subcommand)]
enum Role {
    /// One of the two processes of a turn
    #[command(hide = true)]
    Peer(SideArguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.role {
        Some(Role::Peer(peer)) => side::run(peer).map(|()| true),
        None => bench(&arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Asks every question and reports; false if a goal was missed and that counts.
fn bench(arguments: &Arguments) -> Result<bool> {
    let programs = Programs { python: arguments.python.clone(), peers: arguments.peers.clone() };
    let setting = Setting::prepare(programs)?;
    let machine = Machine::read(setting.cores(), &arguments.python);
    print!("{machine}");
    let mut answers = Vec::new();
    for question in questions::all() {
        if !arguments.asks(question.id) {
            continue;
        }
        let answer = turn::ask(&setting, question, arguments.rounds, arguments.scale)?;
        print!("\n{}", report::table(&answer));
        answers.push(answer);
    }
    if answers.is_empty() {
        return Err("no question has such an id".into());
    }
    let judged = report::judged(&answers);
    print!("\n{}", report::goals(&judged));
    if let Some(folder) = arguments.json.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&arguments.json, format!("{:#}\n", report::json(&machine, &answers, &judged)))?;
    println!("\nwritten: {}", arguments.json.canonicalize()?.display());
    if arguments.only.is_empty() {
        let figures = arguments.json.with_file_name("figures");
        docs::draw(&figures, &answers)?;
        println!("written: {}", figures.canonicalize()?.display());
    }
    if arguments.write_docs {
        docs::write(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &machine, &answers, &judged)?;
        println!("written: README.md, docs/benchmarks.md, docs/figures");
    }
    Ok(!arguments.strict || report::all_reached(&judged))
}

impl Arguments {
    /// Whether the question of that id is to be asked.
    fn asks(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| id.contains(part.as_str()))
    }
}
