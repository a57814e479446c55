//! `horus completion`.

use crate::complete::VARIABLE;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use clap_complete::env::Shells;
use std::env;
use std::path::PathBuf;

/// Print a script that completes command lines, with the names of living topics and nodes
///
/// Have the shell read it at each start, so that it fits the command: bash in ~/.bashrc, zsh in ~/.zshrc after compinit,
/// fish in ~/.config/fish/completions/horus.fish, elvish in rc.elv.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus completion bash
  horus completion fish > ~/.config/fish/completions/horus.fish

In ~/.bashrc or ~/.zshrc: source <(horus completion bash), source <(horus completion zsh)")]
pub(crate) struct CompletionArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
}

pub(crate) fn run(args: CompletionArgs, output: &mut Output) -> Result<Exit, Failure> {
    let name = match args.shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
        Shell::Elvish => "elvish",
    };
    let shells = Shells::builtins();
    let shell = shells.completer(name).ok_or_else(|| Failure::new(Exit::Failed, "no such shell"))?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "horus", "horus", &own_call(), &mut script)?;
    output.line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Exit::Ok)
}

/// Returns how the script calls this command: by its name if it was found in PATH, else by the path it was called by.
fn own_call() -> String {
    let called = PathBuf::from(env::args_os().next().unwrap_or_else(|| "horus".into()));
    match called.components().count() {
        1 => called.to_string_lossy().into_owned(),
        _ => std::path::absolute(&called).unwrap_or(called).to_string_lossy().into_owned(),
    }
}
