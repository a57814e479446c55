//! HORUS under random kills: whole programs as users write them, in Rust and Python, watched from outside.
//!
//! Every process notes what it does in a ledger that HORUS has no part in; every message tells who sent it and its
//! number, and each of its words follows from both. So whoever watches can tell that nothing was torn, lost, counted
//! wrong, held up or left behind, whatever died.
#![deny(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that tells what it found")]

mod cast;
mod dice;
mod kills;
mod ledger;
mod outside;
mod payload;
mod role;
mod soak;
mod tally;
mod topic;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// HORUS under random kills, watched from outside
#[derive(Debug, Parser)]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Kills(kills::Kills),
    Soak(soak::Soak),
    /// One process of a run; started by the others
    #[command(hide = true)]
    Play(role::Play),
}

fn main() -> ExitCode {
    let outcome = match Command::parse().what {
        What::Kills(options) => kills::run(&options),
        What::Soak(options) => soak::run(&options),
        What::Play(play) => role::play(&play),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
