//! What each command says of itself. `SNAPSHOTS=overwrite cargo test` writes the files anew.

mod support;

use support::Place;

const COMMANDS: &[&str] = &[
    "",
    "run",
    "launch",
    "topic",
    "topic list",
    "topic echo",
    "topic hz",
    "topic bw",
    "topic delay",
    "topic info",
    "topic type",
    "topic find",
    "topic wait",
    "topic pub",
    "node list",
    "ns list",
    "clean",
    "node",
    "node info",
    "node kill",
    "graph",
    "doctor",
    "new",
    "recipes",
    "completion",
    "man",
];

#[test]
fn every_help_is_as_it_was_and_has_examples() {
    let place = Place::new();
    for command in COMMANDS {
        let words = command.split_whitespace().chain(["--help"]).collect::<Vec<_>>();
        let ended = place.run(&words);
        assert_eq!((ended.code(), ended.err.as_str()), (0, ""), "{command}");
        assert!(ended.out.contains("Examples:\n  horus "), "{command} has no examples");
        let name = if command.is_empty() { "horus".into() } else { command.replace(' ', "_") };
        let file = format!("{}/tests/help/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        snapbox::Assert::new()
            .action_env(snapbox::assert::DEFAULT_ACTION_ENV)
            .eq(ended.out, snapbox::Data::read_from(file.as_ref(), None));
    }
}

#[test]
fn examples_are_command_lines_that_parse() {
    let place = Place::new();
    for command in COMMANDS {
        let words = command.split_whitespace().chain(["--help"]).collect::<Vec<_>>();
        let help = place.run(&words).out;
        for line in help.lines().filter_map(|line| line.strip_prefix("  horus ")) {
            let Some(words) = line.split(['|', '>', '&']).next().and_then(shlex::split) else {
                panic!("{line}")
            };
            let mut words: Vec<_> = words.iter().map(String::as_str).collect();
            // The parser is done with everything before it prints help.
            let end = words.iter().position(|word| *word == "--").unwrap_or(words.len());
            words.truncate(end);
            words.push("--help");
            let ended = place.run(&words);
            assert_eq!(ended.code(), 0, "{line}: {ended:?}");
        }
    }
}

#[test]
fn the_version_is_on_stdout() {
    let ended = Place::new().run(&["--version"]);
    assert_eq!((ended.code(), ended.out), (0, format!("horus {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn unknown_words_are_usage_errors_with_a_suggestion() {
    let place = Place::new();
    for (line, suggestion) in
        [("topc list", "'topic'"), ("topic lst", "'list'"), ("topic echo x --jsn", "'--json'")]
    {
        let ended = place.run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!((ended.code(), ended.out.as_str()), (2, ""), "{line}");
        assert!(ended.err.contains(suggestion), "{line}: {ended:?}");
    }
    assert_eq!(place.run(&["clean"]).code(), 2);
    assert_eq!(place.run(&["-n", "a b", "topic", "list"]).code(), 2);
}
