//! Completion with live names: what a shell asks of `horus` while a line is typed.

use crate::Cli;
use clap::{Arg, Command, CommandFactory};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter};
use horus_launch::Search;
use horus_shm::{Census, Namespace, Root, Settings};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

/// What the scripts of `horus completion` set when they ask.
pub(crate) const VARIABLE: &str = "HORUS_COMPLETE";

/// Answers a shell that asks how a line may go on, and ends this process; does nothing if none does.
pub(crate) fn answer_shell() {
    CompleteEnv::with_factory(command).var(VARIABLE).complete();
}

/// Returns the command line with completers.
fn command() -> Command {
    with_names(Cli::command())
}

/// Gives each argument the completer that its value's name calls for; the one table of what can be completed.
fn with_names(command: Command) -> Command {
    command
        .mut_args(|arg| match value_name(&arg).as_deref() {
            Some("TOPIC" | "TOPICS") => arg.add(ArgValueCompleter::new(topics)),
            Some("NODE") => arg.add(ArgValueCompleter::new(nodes)),
            Some("TYPE") => arg.add(ArgValueCompleter::new(types)),
            Some("NAME") if arg.get_id() == "namespace" => arg.add(ArgValueCompleter::new(namespaces)),
            Some("FILE") if arg.get_id() == "files" => arg.add(ArgValueCompleter::new(programs)),
            Some("FILE") => arg.add(ArgValueCompleter::new(PathCompleter::file())),
            Some("DIR") => arg.add(ArgValueCompleter::new(PathCompleter::dir())),
            _ => arg,
        })
        .mut_subcommands(with_names)
}

fn value_name(arg: &Arg) -> Option<String> {
    Some(arg.get_value_names()?.first()?.to_string())
}

/// Returns those of `names` that go on from what was typed; a shell is told nothing of what went wrong.
fn candidates(typed: &OsStr, names: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let names: BTreeSet<_> = names.into_iter().filter(|name| name.starts_with(&*typed)).collect();
    names.into_iter().map(CompletionCandidate::new).collect()
}

/// Returns the namespace that the line being typed will work in.
fn settings() -> Settings {
    let from_env = Settings::from_env();
    Settings { namespace: given_namespace(std::env::args_os()).or(from_env.namespace), ..from_env }
}

/// Returns what stands behind `-n` or `--namespace` on a line.
fn given_namespace(words: impl Iterator<Item = OsString>) -> Option<String> {
    let mut words = words.map(|word| word.to_string_lossy().into_owned());
    // What stands before it is the shell's call.
    words.find(|word| word == "--")?;
    let mut given = None;
    while let Some(word) = words.next() {
        let attached = word.strip_prefix("--namespace=").or_else(|| word.strip_prefix("-n"));
        match word.as_str() {
            "-n" | "--namespace" => given = words.next(),
            _ => given = attached.map(|name| name.trim_start_matches('=').to_owned()).or(given),
        }
    }
    given.filter(|name| !name.is_empty())
}

fn census() -> Option<Census> {
    Census::take(&Namespace::open(&settings()).ok()?).ok()
}

fn topics(typed: &OsStr) -> Vec<CompletionCandidate> {
    candidates(
        typed,
        census().into_iter().flat_map(|census| census.topics).map(|topic| topic.name.to_string()),
    )
}

fn nodes(typed: &OsStr) -> Vec<CompletionCandidate> {
    let living = census().into_iter().flat_map(|census| census.participants).filter(|process| process.alive);
    candidates(typed, living.flat_map(|process| process.nodes).map(|node| node.name))
}

/// The types that every program knows, and those of the topics that are there.
fn types(typed: &OsStr) -> Vec<CompletionCandidate> {
    let live = census().into_iter().flat_map(|census| census.topics).map(|topic| topic.spec.type_name);
    let known = horus_core::messages::standard().iter().map(|message| message.name.to_owned());
    candidates(typed, known.chain(live).filter(|name| !name.is_empty()))
}

fn namespaces(typed: &OsStr) -> Vec<CompletionCandidate> {
    let root = Root::open(&Settings::from_env()).ok();
    let names = root.and_then(|root| root.namespaces().ok()).unwrap_or_default();
    candidates(typed, names.into_iter().map(|name| name.to_string()))
}

/// Files and folders, and the names of recipes.
fn programs(typed: &OsStr) -> Vec<CompletionCandidate> {
    let recipes = Search::from_env().map(|search| search.recipes()).unwrap_or_default();
    let mut found = candidates(typed, recipes.into_iter().map(|recipe| recipe.name));
    found.extend(ArgValueCompleter::new(PathCompleter::file()).complete(typed));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_s_own_namespace_counts() {
        let given = |line: &str| given_namespace(line.split(' ').map(OsString::from));
        assert_eq!(given("horus -- horus topic echo -n robot x").as_deref(), Some("robot"));
        assert_eq!(given("horus -- horus --namespace=robot topic echo").as_deref(), Some("robot"));
        assert_eq!(given("horus -- horus -nrobot topic echo").as_deref(), Some("robot"));
        assert_eq!(given("horus -- horus topic echo --count 3"), None);
        assert_eq!(given("horus -- horus topic echo -n"), None);
    }

    /// Every argument that takes a live name has its completer, also those of commands that come later.
    #[test]
    fn the_table_reaches_every_command() {
        fn walk(command: &Command, found: &mut Vec<(String, bool)>) {
            for arg in command.get_arguments() {
                if matches!(
                    value_name(arg).as_deref(),
                    Some("TOPIC" | "TOPICS" | "NODE" | "TYPE" | "DIR" | "FILE")
                ) {
                    let has = arg.get::<ArgValueCompleter>().is_some();
                    found.push((format!("{} {}", command.get_name(), arg.get_id()), has));
                }
            }
            command.get_subcommands().for_each(|command| walk(command, found));
        }
        let mut found = Vec::new();
        walk(&command(), &mut found);
        assert!(found.len() > 5 && found.iter().all(|(_, has)| *has), "{found:?}");
        assert!(found.iter().any(|(name, _)| name.starts_with("echo ")), "{found:?}");
    }
}
