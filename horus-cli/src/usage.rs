//! How a command line becomes a command, and what is said of one that makes no sense.

use crate::Cli;
use crate::exit::Exit;
use crate::output::{ColourChoice, Output};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory, FromArgMatches, ValueEnum};
use std::ffi::OsString;
use std::io::{self, Write};

/// What will come: the command, and the words behind it that mean nothing yet.
const NOT_YET: &[(&str, &[&str])] = &[
    (
        "horus",
        &[
            "health", "monitor", "top", "service", "event", "param", "faults", "record", "play", "bag",
            "logs", "crashes", "op", "bb", "generate", "bridge",
        ],
    ),
    ("horus node", &["start", "stop", "restart", "set", "call"]),
    (
        "horus launch",
        &[
            "check",
            "config",
            "schema",
            "ps",
            "logs",
            "stop",
            "restart",
            "reload",
            "--dry-run",
            "--set",
            "--profile",
            "--no-deps",
            "--tui",
            "--detach",
            "-d",
        ],
    ),
];

/// Returns what the command line says, or an error for [`refuse`].
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = with_negative_numbers(Cli::command());
    let matches = command.try_get_matches_from_mut(words)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Lets every number be negative as far as words go, so that it is refused as a number: `-1` looks like an option.
fn with_negative_numbers(command: Command) -> Command {
    command
        .mut_args(|arg| {
            let name = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
            let is_number = matches!(name.as_deref(), Some("N" | "HZ" | "SECONDS" | "SEC" | "PID"));
            if is_number && !arg.is_positional() { arg.allow_negative_numbers(true) } else { arg }
        })
        .mut_subcommands(with_negative_numbers)
}

/// Prints what there is to say instead of running a command: help and version on stdout, what is wrong on stderr.
pub(crate) fn refuse(error: &clap::Error, words: &[String]) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            return match error.print().and_then(|()| io::stdout().flush()) {
                // Who reads us has had enough.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    messages(words).error(&format!("standard output: {error}"), &[]);
                    Exit::Failed
                }
                _ => Exit::Ok,
            };
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // Nobody is left to be told if stderr fails.
            let _ = error.print();
        }
        _ => match not_yet(error, words) {
            Some(command) => messages(words)
                .error(&format!("'{command}' isn't built yet"), &["'horus --help' names what is".into()]),
            None => explain(error, &messages(words)),
        },
    }
    Exit::Usage
}

/// Says what is wrong as every command does: the error, then hints.
fn explain(error: &clap::Error, output: &Output) {
    // Plain: what was typed may hold commands to a terminal.
    let text = error.render().to_string();
    let mut paragraphs = text.trim_end().split("\n\n");
    let message = paragraphs.next().unwrap_or_default();
    let (tips, rest): (Vec<_>, Vec<_>) = paragraphs.partition(|paragraph| paragraph.starts_with("  tip: "));
    let tips = tips.iter().flat_map(|paragraph| paragraph.lines());
    let hints: Vec<_> = tips.map(|tip| hint(tip.trim_start().trim_start_matches("tip: "))).collect();
    output.error(message.strip_prefix("error: ").unwrap_or(message), &hints);
    rest.iter().for_each(|paragraph| output.note(&format!("\n{paragraph}")));
}

/// Puts a tip into the words that every command uses.
fn hint(tip: &str) -> String {
    match tip.split_once(": ") {
        Some((words, names)) if words.contains(" similar ") => {
            format!("did you mean {}?", names.replace("', '", "' or '"))
        }
        _ => tip.to_owned(),
    }
}

/// Returns the command that was meant, if it is one that comes later.
fn not_yet(error: &clap::Error, words: &[String]) -> Option<String> {
    let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else { return None };
    let usage = usage.to_string();
    let command = usage.strip_prefix("Usage: ").unwrap_or(&usage);
    let command = command.split(['[', '<']).next().unwrap_or_default().trim_end();
    let (_, later) = NOT_YET.iter().find(|(parent, _)| *parent == command)?;
    let word = match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(word))) => word,
        (ErrorKind::UnknownArgument, _) => words.iter().find(|word| later.contains(&word.as_str()))?,
        _ => return None,
    };
    later.contains(&word.as_str()).then(|| format!("{command} {word}"))
}

/// Returns whether `horus launch` will know a word that is no file now.
pub(crate) fn is_launch_word(word: &str) -> bool {
    NOT_YET.iter().any(|(parent, later)| *parent == "horus launch" && later.contains(&word))
}

/// Returns where messages go, in colour as the line asks for, whatever else is wrong with it.
fn messages(words: &[String]) -> Output {
    let mut given = words.iter().enumerate().filter_map(|(index, word)| match word.strip_prefix("--color") {
        Some("") => words.get(index + 1).map(String::as_str),
        Some(attached) => attached.strip_prefix('='),
        None => None,
    });
    let choice =
        given.next_back().and_then(|when| ColourChoice::from_str(when, true).ok()).unwrap_or_default();
    Output::new(choice, false, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_not_said_to_come() {
        let command = Cli::command();
        for (parent, later) in NOT_YET {
            let mut at = &command;
            for word in parent.split(' ').skip(1) {
                at = at.find_subcommand(word).unwrap();
            }
            for word in *later {
                assert!(at.find_subcommand(word).is_none(), "{parent} {word}");
                let is_it = |arg: &clap::Arg| arg.get_long().is_some_and(|long| format!("--{long}") == *word);
                assert!(!at.get_arguments().any(is_it), "{parent} {word}");
            }
        }
    }

    #[test]
    fn tips_become_hints() {
        assert_eq!(hint("a similar subcommand exists: 'ns'"), "did you mean 'ns'?");
        assert_eq!(hint("some similar arguments exist: '--a', '--b'"), "did you mean '--a' or '--b'?");
        assert_eq!(hint("to pass '-x' as a value, use '-- -x'"), "to pass '-x' as a value, use '-- -x'");
    }
}
