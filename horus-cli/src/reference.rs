//! Writes `docs/cli.md` from the commands themselves. `SNAPSHOTS=overwrite cargo test -p horus-cli` writes it anew.
//!
//! `docs/cli.in.md` has the words that no command knows, and a line `<!-- NAME -->` for each part that is made here.

use crate::Cli;
use crate::commands::{doctor, graph, node, ns, recipes, topic};
use crate::exit::Exit;
use clap::{Arg, ArgAction, Command, CommandFactory};
use std::collections::BTreeSet;
use std::fmt::Write;

/// What a command prints for machines.
struct Form {
    command: &'static str,
    /// None for what prints an object a line.
    schema: Option<&'static str>,
    /// Where the keys stand, if not in each of `items`.
    place: &'static str,
    keys: &'static [&'static str],
}

/// Every form; a new command's is one line here, and a line in [`MEANINGS`] for each new key.
const FORMS: &[Form] = &[
    Form { command: "topic list", schema: Some(topic::list::SCHEMA), place: "", keys: topic::list::KEYS },
    Form { command: "topic info", schema: Some(topic::info::SCHEMA), place: "", keys: topic::info::KEYS },
    Form {
        command: "topic list -v, info",
        schema: None,
        place: "`endpoints`",
        keys: &["role", "pid", "node", "language", "rate_hz", "sent", "received", "dropped"],
    },
    Form {
        command: "topic info",
        schema: None,
        place: "`schema.fields`",
        keys: &["name", "kind", "offset", "size", "fields"],
    },
    Form {
        command: "topic echo --json",
        schema: None,
        place: "a line",
        keys: &["seq", "t_pub_ns", "latency_ns", "dropped", "data"],
    },
    Form { command: "topic hz --json", schema: None, place: "a line", keys: topic::hz::KEYS },
    Form { command: "topic bw --json", schema: None, place: "a line", keys: topic::bw::KEYS },
    Form { command: "topic delay --json", schema: None, place: "a line", keys: topic::delay::KEYS },
    Form { command: "node list", schema: Some(node::list::SCHEMA), place: "", keys: node::seen::KEYS },
    Form { command: "node info", schema: Some(node::info::SCHEMA), place: "", keys: node::info::KEYS },
    Form { command: "node info", schema: None, place: "`endpoints`", keys: node::info::ENDPOINT_KEYS },
    Form { command: "node kill", schema: Some(node::kill::SCHEMA), place: "", keys: node::kill::KEYS },
    Form { command: "ns list", schema: Some("horus.ns_list/1"), place: "", keys: ns::list::KEYS },
    Form { command: "graph --json", schema: Some(graph::SCHEMA), place: "`nodes`", keys: graph::NODE_KEYS },
    Form { command: "graph --json", schema: None, place: "`topics`", keys: graph::TOPIC_KEYS },
    Form { command: "graph --json", schema: None, place: "`edges`", keys: graph::EDGE_KEYS },
    Form { command: "doctor", schema: Some(doctor::SCHEMA), place: "", keys: doctor::KEYS },
    Form { command: "recipes", schema: Some(recipes::SCHEMA), place: "", keys: recipes::KEYS },
    Form {
        command: "clean --shm --json",
        schema: Some("horus.clean/1"),
        place: "the object",
        keys: &[
            "dry_run",
            "processes",
            "topics",
            "pools",
            "bytes",
            "tombstones",
            "namespaces",
            "kept",
            "faults",
        ],
    },
];

/// What each key means, the same wherever it stands.
const MEANINGS: &[(&str, &str)] = &[
    ("actual_hz", "ticks a second, over the last second; null unless it runs"),
    ("advice", "what to do; null if nothing"),
    ("after_s", "seconds from SIGTERM to the end; null if it had ended before"),
    ("age_mean_s", "mean age of a message on arrival, by its own timestamp_ns; null where it has none"),
    ("age_p50_s", "the median of the ages"),
    ("age_p99_s", "99 of 100 ages are less"),
    ("age_s", "seconds since the newest message; null if there was none"),
    ("bytes", "bytes that came, or would come, free"),
    ("bytes_per_s", "bytes a second, of messages alone"),
    ("check", "what was looked at"),
    ("command", "the words that the process was started with; null if they can't be read"),
    ("copies", "messages sent as a copy because a writable view of them was alive"),
    ("cpu_percent", "of one core, by the whole process; null if it can't be read"),
    ("crash", "null, or `how` it ended and `last_seen_s`, seconds since it was seen alive"),
    ("data", "the message, as `pub` reads it back"),
    ("depth", "messages that a ring holds"),
    ("dropped", "messages missed: lapped before they were read"),
    ("dry_run", "whether nothing was removed in truth"),
    ("due_s", "seconds until the node will move again by its own word; null while it waits for a topic"),
    ("ended", "`sigterm`, `sigkill`, or `before` it was asked"),
    ("endpoints", "publishers and subscribers, see their own row"),
    ("faults", "what can't be trusted and was left alone"),
    ("fields", "the fields of a nested type"),
    ("file", "the path of the file"),
    ("found", "what was found, in words"),
    ("generation", "how often the topic's type was set afresh"),
    ("health", "null: nobody reports it yet"),
    ("kept", "what stays though its owner is dead, and why"),
    ("kind", "`typed`, `dict`, `image`, `depth_image`, `point_cloud`, `tensor` or `untyped`"),
    ("language", "`rust` or `python`"),
    ("last_tick_s", "seconds since the last tick began; null before the first"),
    ("latched", "whether a living publisher keeps its newest message for who joins later"),
    ("latency_ns", "nanoseconds from sending to receiving"),
    ("max_s", "the longest in seconds: of intervals in `hz`, of delays in `delay`"),
    ("mean_bytes", "mean length of a message in bytes"),
    ("mean_s", "mean in seconds"),
    ("messages", "messages ever sent"),
    ("messages_per_s", "messages a second"),
    ("min_s", "the shortest in seconds"),
    ("name", "the name; null in `graph` for what a process does outside of any node"),
    ("namespace", "the namespace"),
    ("namespaces", "the names of those that are gone"),
    ("node", "the node that it belongs to; null if none"),
    ("nodes", "how many nodes"),
    ("offset", "where the field begins, in bytes"),
    ("overruns", "ticks that began late"),
    ("p50_s", "the median in seconds"),
    ("p99_s", "99 of 100 are less, in seconds"),
    ("participants", "how many processes"),
    ("pid", "the process id, in its own PID namespace"),
    ("pinned_blocks", "blocks of others' images and other large messages that it holds"),
    ("pools", "how many pools"),
    ("process_nodes", "the names of all nodes of the process"),
    ("process_uptime_s", "seconds since the process joined the namespace"),
    ("processes", "the process ids of the dead"),
    ("publishers", "how many publish"),
    (
        "rate_hz",
        "messages a second, from the stamps in the ring, 0 after 2 s or three periods of silence; of a subscriber, what \
         it reads now; of a node, what it was given",
    ),
    ("received", "messages received"),
    ("restarts", "null: nobody reports it yet"),
    ("role", "`publisher` or `subscriber`"),
    ("rss_bytes", "memory of the process in bytes; null if it can't be read"),
    ("schema", "the type's `name`, `size` in bytes, and `fields`; null for what has none"),
    ("sent", "messages sent"),
    ("seq", "the message's number in its publisher's ring"),
    ("session", "null: nobody reports it yet"),
    ("shm_bytes", "bytes of shared memory that topics and pools take"),
    ("size", "bytes of the field or type"),
    ("skipped", "messages passed over on purpose"),
    ("slot_bytes", "bytes of a slot"),
    ("state", "`Running`, `Stopped`, `Error` or `Crashed`"),
    ("status", "`ok`, `warn` or `fail`"),
    ("std_s", "the standard deviation in seconds"),
    ("subscribers", "how many subscribe"),
    ("t_pub_ns", "when it was sent, `CLOCK_MONOTONIC` nanoseconds"),
    ("tick_max_s", "the longest tick in seconds"),
    ("tick_mean_s", "the mean tick in seconds"),
    ("ticks", "ticks made"),
    ("tombstones", "how many crashed nodes were forgotten"),
    ("topic", "the topic"),
    ("topics", "how many topics; in `clean` their names, as `namespace/topic`"),
    ("type", "the message type; null if none is known"),
    ("uptime_s", "seconds since the node began; null unless its process lives"),
    ("window", "how many messages it was measured over"),
];

#[test]
fn the_page_is_made_from_the_commands() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");
    let mut page = std::fs::read_to_string(format!("{docs}/cli.in.md")).unwrap();
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let parts = [
        ("commands", overview(&command)),
        ("global options", options(&command, true)),
        ("exit statuses", statuses()),
        ("forms", forms()),
        ("keys", keys()),
        ("reference", reference(&command)),
    ];
    for (name, text) in parts {
        let mark = format!("<!-- {name} -->");
        assert_eq!(page.matches(&mark).count(), 1, "{mark}");
        page = page.replace(&mark, text.trim_end());
    }
    let note = "<!-- Made from cli.in.md by the tests: edit that, then SNAPSHOTS=overwrite cargo test -p horus-cli -->\n";
    let file = format!("{docs}/cli.md");
    snapbox::Assert::new()
        .action_env(snapbox::assert::DEFAULT_ACTION_ENV)
        .eq(format!("{note}{page}"), snapbox::Data::read_from(file.as_ref(), None).raw());
}

#[test]
fn every_key_has_one_meaning() {
    let known: Vec<_> = MEANINGS.iter().map(|(key, _)| *key).collect();
    let used: BTreeSet<_> = FORMS.iter().flat_map(|form| form.keys).copied().collect();
    assert!(known.is_sorted(), "so that they are found");
    assert_eq!(known, used.into_iter().collect::<Vec<_>>());
}

#[test]
fn statuses_are_told_apart() {
    let codes: Vec<_> = Exit::ALL.iter().map(|exit| exit.code()).collect();
    assert_eq!(codes, (0..8).collect::<Vec<u8>>());
}

/// Calls `visit` with each command that does something, in the order of the help.
fn each<'a>(command: &'a Command, visit: &mut impl FnMut(&'a Command)) {
    let mut subcommands = command.get_subcommands().filter(|command| !command.is_hide_set()).peekable();
    if subcommands.peek().is_none() {
        visit(command);
    }
    subcommands.for_each(|command| each(command, visit));
}

fn overview(command: &Command) -> String {
    let mut text = "| command | does |\n| --- | --- |\n".to_owned();
    each(command, &mut |command| {
        let name = command.get_bin_name().unwrap_or_default();
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let link = name.replace(' ', "-");
        let _ = writeln!(text, "| [`{name}`](#{link}) | {} |", cell(&about));
    });
    text
}

fn reference(command: &Command) -> String {
    let mut text = String::new();
    each(command, &mut |command| {
        let name = command.get_bin_name().unwrap_or_default();
        let about = command.get_long_about().or(command.get_about()).map(ToString::to_string);
        let usage = command.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ");
        let _ = write!(text, "### {name}\n\n{}\n\n```text\n{usage}\n```\n\n", about.unwrap_or_default());
        let options = options(command, false);
        if !options.is_empty() {
            let _ = writeln!(text, "{options}");
        }
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let (examples, rest) = after.split_once("\n\n").unwrap_or((&after, ""));
        let lines = examples.lines().skip(1).map(|line| line.strip_prefix("  ").unwrap_or(line));
        let _ = write!(text, "```sh\n{}\n```\n\n", lines.collect::<Vec<_>>().join("\n"));
        if !rest.is_empty() {
            let _ = write!(text, "```text\n{}\n```\n\n", rest.trim_end());
        }
    });
    text
}

/// Returns a list of a command's arguments and options: its own, or those that every command takes.
fn options(command: &Command, global: bool) -> String {
    let mut text = String::new();
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set() && arg.is_global_set() == global) {
        if matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpLong | ArgAction::HelpShort) {
            continue;
        }
        let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(text, "- `{}`: {}{}", spelling(arg), help.replace('\n', " "), choices(arg));
    }
    text
}

/// Returns how an argument is written: `-o, --output <FORMAT>`, `<TOPIC>...`.
fn spelling(arg: &Arg) -> String {
    if arg.is_positional() {
        return arg.to_string();
    }
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names = [short, long].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let takes_value = arg.get_action().takes_values();
    let value = arg.get_value_names().filter(|_| takes_value).and_then(|names| names.first());
    value.map_or_else(|| names.clone(), |value| format!("{names} <{value}>"))
}

/// Returns what an option may be and what it is without being given, in parentheses.
fn choices(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    let values: Vec<_> =
        arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    let default = arg.get_default_values().first().map(|value| format!("default `{}`", value.display()));
    let all: Vec<_> =
        [values.join(", ")].into_iter().filter(|list| !list.is_empty()).chain(default).collect();
    if all.is_empty() { String::new() } else { format!(" ({})", all.join("; ")) }
}

fn statuses() -> String {
    let rows = Exit::ALL.iter().map(|exit| format!("| {} | {} |\n", exit.code(), exit.meaning()));
    format!("| status | means |\n| --- | --- |\n{}", rows.collect::<String>())
}

fn forms() -> String {
    let mut text = "| command | schema | in | keys |\n| --- | --- | --- | --- |\n".to_owned();
    for form in FORMS {
        let schema = form.schema.map_or_else(String::new, |schema| format!("`{schema}`"));
        let place = if form.place.is_empty() { "`items`" } else { form.place };
        let keys = form.keys.join(", ");
        let _ = writeln!(text, "| `{}` | {schema} | {place} | `{keys}` |", form.command);
    }
    text
}

fn keys() -> String {
    let rows = MEANINGS.iter().map(|(key, meaning)| format!("| `{key}` | {} |\n", cell(meaning)));
    format!("| key | is |\n| --- | --- |\n{}", rows.collect::<String>())
}

/// Returns text that doesn't end its cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
