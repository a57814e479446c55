//! The `horus` command: parses, dispatches, and turns what came of it into an exit status.

#![forbid(unsafe_code)]

mod cleaned;
mod commands;
mod complete;
mod context;
mod exit;
mod failure;
mod interrupt;
mod logind;
mod message;
mod output;
mod rate;
mod reads;
#[cfg(test)]
mod reference;
mod spread;
mod traffic;
mod usage;

use clap::Parser;
use commands::Command;
use exit::Exit;
use failure::Failure;
use output::{ColourChoice, Output};
use std::process::ExitCode;

/// Runs the processes of a robot and looks into what they say to each other.
#[derive(Debug, Parser)]
#[command(name = "horus", version, arg_required_else_help = true)]
#[command(after_help = "Examples:
  horus run camera.py detector.py controller.py
  horus topic list
  horus topic echo cmd_vel

Environment: HORUS_NAMESPACE, HORUS_SHM_DIR, HORUS_LOG, NO_COLOR, CLICOLOR_FORCE")]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// What every subcommand takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct GlobalArgs {
    /// The namespace to work in; without it HORUS_NAMESPACE, else this terminal's own
    #[arg(short, long, global = true, value_name = "NAME", help_heading = "Global options")]
    namespace: Option<String>,
    /// Say nothing but results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    quiet: bool,
    /// Say more
    #[arg(short, long, global = true, help_heading = "Global options")]
    verbose: bool,
    /// Use colour
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = "Global options"
    )]
    color: ColourChoice,
}

fn main() -> ExitCode {
    complete::answer_shell();
    let cli = match usage::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            let words: Vec<_> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
            return usage::refuse(&error, &words).into();
        }
    };
    let mut output = Output::new(cli.global.color, cli.global.quiet, cli.global.verbose);
    output.warn_about_sudo();
    let ending = commands::run(cli.command, &cli.global, &mut output).and_then(|exit| {
        output.flush()?;
        Ok(exit)
    });
    match ending {
        Ok(exit) => exit.into(),
        // Who reads us has had enough; that is how a pipeline ends.
        Err(Failure::Closed) => Exit::Ok.into(),
        Err(Failure::Told { exit, message, hints }) => {
            // What was printed before the failure belongs before its message; a reader that left changes nothing.
            let _ = output.flush();
            output.error(&message, &hints);
            exit.into()
        }
    }
}
