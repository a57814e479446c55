//! `horus man`.

use crate::Cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use clap::{Command, CommandFactory};
use std::fs;
use std::path::{Path, PathBuf};

/// Write a man page for each command into a folder
///
/// The folder is made if it is missing. The pages' names are printed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus man ~/.local/share/man/man1
  horus man /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn run(args: ManArgs, output: &mut Output) -> Result<Exit, Failure> {
    let told = |error: std::io::Error| match Failure::from(error) {
        Failure::Told { exit, message, hints } => {
            Failure::Told { exit, message: format!("'{}': {message}", args.folder.display()), hints }
        }
        closed => closed,
    };
    fs::create_dir_all(&args.folder).map_err(told)?;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    write(&command, &args.folder, output, &told)?;
    Ok(Exit::Ok)
}

fn write(
    command: &Command,
    folder: &Path,
    output: &mut Output,
    told: &impl Fn(std::io::Error) -> Failure,
) -> Result<(), Failure> {
    let name = format!("{}.1", command.get_display_name().unwrap_or("horus"));
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).manual("HORUS").render(&mut page)?;
    fs::write(folder.join(&name), page).map_err(told)?;
    output.line(&name)?;
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        write(command, folder, output, told)?;
    }
    Ok(())
}
