//! From the tree to what it means; every fault of the file is found in one pass.

use super::fault::{Fault, LaunchFileError};
use super::keys::{self, Built};
use super::substitute::substitute;
use super::tree::{self, Entry, Node, Place, Value};
use super::{LaunchFile, LaunchNode, Surroundings};
use crate::plan::STOP_TIMEOUT;
use crate::policy::{RestartPolicy, RestartWhen};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest name of a node, in bytes; as the nodes of `horus_shm` have it.
const NAME_BYTES_MAX: usize = 64;

pub(super) fn check(
    source: &str,
    path: &Path,
    absolute: &Path,
    surroundings: &Surroundings<'_>,
) -> Result<LaunchFile, LaunchFileError> {
    let mut check = Check { lines: source.lines().collect(), path, faults: Vec::new() };
    let root = match tree::parse(source) {
        Ok(root) => root,
        Err(malformed) => {
            check.fault(malformed.at, malformed.reason, "");
            return Err(LaunchFileError::Faults(check.faults));
        }
    };
    let file = check.file(&root, absolute, surroundings);
    // Where they stand, not in which order they were noticed.
    check.faults.sort_by_key(|fault| (fault.line, fault.column));
    if check.faults.is_empty() { Ok(file) } else { Err(LaunchFileError::Faults(check.faults)) }
}

struct Check<'a> {
    lines: Vec<&'a str>,
    path: &'a Path,
    faults: Vec<Fault>,
}

/// What the values of one node may refer to.
struct Scope<'a> {
    surroundings: &'a Surroundings<'a>,
    namespace: &'a str,
    node: Option<&'a str>,
}

impl Check<'_> {
    fn fault(&mut self, at: Place, message: impl Into<String>, advice: impl Into<String>) {
        let text = self.lines.get(at.line.saturating_sub(1)).copied().unwrap_or_default();
        self.faults.push(Fault::new(at, text, self.path, message.into(), advice.into()));
    }

    fn file(&mut self, root: &Node, absolute: &Path, surroundings: &Surroundings<'_>) -> LaunchFile {
        let stem = absolute.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut file = LaunchFile { name: stem, namespace: None, nodes: Vec::new() };
        let Value::Map(entries) = &root.value else {
            self.fault(root.at, "a launch file has `nodes:` at its top", "expected a map with `nodes`");
            return file;
        };
        let entries = self.known(entries, keys::ROOT, true);
        if let Some(entry) = entries.get("version") {
            match entry.value.value {
                Value::Number(1.0, _) => {}
                _ => self.fault(entry.value.at, "this program reads version 1", "write 1, or leave it out"),
            }
        }
        if let Some(name) = entries.get("name").and_then(|entry| self.name(&entry.value, "session")) {
            file.name = name;
        }
        file.namespace = entries.get("namespace").and_then(|entry| self.name(&entry.value, "namespace"));
        let given = surroundings.namespace.clone();
        file.namespace = given.or(file.namespace).or_else(|| surroundings.namespace_default.clone());
        let namespace = file.namespace().to_owned();
        let scope = Scope { surroundings, namespace: &namespace, node: None };
        let env = entries.get("env").map(|entry| self.env(&entry.value, &scope)).unwrap_or_default();
        let folder = absolute.parent().unwrap_or(Path::new("/"));
        match entries.get("nodes") {
            Some(entry) => file.nodes = self.nodes(&entry.value, folder, &env, &scope),
            None => self.fault(root.at, "there are no `nodes`", "expected `nodes:` and a list"),
        }
        file
    }

    /// Returns the entries by key; unknown keys and those that are not built yet are faults.
    fn known<'n>(
        &mut self,
        entries: &'n [Entry],
        table: &[(&'static str, Built)],
        notes: bool,
    ) -> HashMap<&'static str, &'n Entry> {
        let mut known = HashMap::new();
        for entry in entries {
            match table.iter().find(|(key, _)| *key == entry.key) {
                Some((key, Built::Yes)) => {
                    known.insert(*key, entry);
                }
                Some((key, Built::NotYet)) => {
                    self.fault(entry.at, format!("`{key}` isn't built yet"), "leave it out");
                }
                None if notes && entry.key.starts_with("x-") => {}
                None => {
                    let meant = keys::meant(&entry.key, table.iter().map(|(key, _)| *key));
                    let advice = meant.map(|key| format!("did you mean `{key}`?")).unwrap_or_default();
                    self.fault(entry.at, format!("unknown key `{}`", entry.key), advice);
                }
            }
        }
        known
    }

    fn nodes(
        &mut self,
        list: &Node,
        folder: &Path,
        env: &[(String, String)],
        scope: &Scope<'_>,
    ) -> Vec<LaunchNode> {
        let Value::List(items) = &list.value else {
            self.fault(
                list.at,
                format!("`nodes` is a list, not {}", list.value.what()),
                "begin each with `- name:`",
            );
            return Vec::new();
        };
        if items.is_empty() {
            self.fault(list.at, "there are no nodes", "");
        }
        let mut nodes: Vec<LaunchNode> = Vec::new();
        let mut places: HashMap<String, Place> = HashMap::new();
        for item in items {
            let Value::Map(entries) = &item.value else {
                self.fault(
                    item.at,
                    format!("a node is a map, not {}", item.value.what()),
                    "write `name:` and `cmd:`",
                );
                continue;
            };
            let entries = self.known(entries, keys::NODE, true);
            let is_enabled = entries.get("enabled").is_none_or(|entry| self.truth(entry));
            let Some(node) = self.node(item, &entries, folder, env, scope) else { continue };
            let at = entries["name"].value.at;
            match places.get(&node.name) {
                Some(first) => self.fault(
                    at,
                    format!("two nodes are named `{}`", node.name),
                    format!("the first is in line {}", first.line),
                ),
                None => {
                    places.insert(node.name.clone(), at);
                    if is_enabled {
                        nodes.push(node);
                    }
                }
            }
        }
        nodes
    }

    /// Returns a node; nothing if it has no name or command, which is a fault then.
    fn node(
        &mut self,
        item: &Node,
        entries: &HashMap<&'static str, &Entry>,
        folder: &Path,
        env: &[(String, String)],
        scope: &Scope<'_>,
    ) -> Option<LaunchNode> {
        let name = match entries.get("name") {
            Some(entry) => self.name(&entry.value, "node"),
            None => {
                self.fault(item.at, "a node has no `name`", "");
                None
            }
        };
        let scope = Scope { node: name.as_deref(), ..*scope };
        let mut command = match (entries.get("cmd"), entries.get("command")) {
            (Some(_), Some(second)) => {
                self.fault(second.at, "`cmd` and `command` are the same key", "leave one out");
                None
            }
            (Some(entry), None) | (None, Some(entry)) => self.words(&entry.value, &scope, true),
            (None, None) => {
                self.fault(item.at, "a node has no `cmd`", "");
                None
            }
        };
        if let (Some(command), Some(entry)) = (&mut command, entries.get("args")) {
            command.extend(self.words(&entry.value, &scope, false).unwrap_or_default());
        }
        let cwd = entries.get("cwd").and_then(|entry| self.text(&entry.value, &scope)).map(PathBuf::from);
        let mut environment = env.to_vec();
        if let Some(entry) = entries.get("env") {
            environment.extend(self.env(&entry.value, &scope));
        }
        let restart = entries.get("restart").map(|entry| self.restart(&entry.value));
        let stop_timeout = entries.get("stop_timeout").and_then(|entry| self.duration(&entry.value));
        Some(LaunchNode {
            name: name?,
            command: command?,
            cwd: cwd.map_or_else(|| folder.to_owned(), |cwd| folder.join(cwd)),
            env: environment,
            restart: restart.unwrap_or_else(RestartPolicy::on_failure),
            stop_timeout: stop_timeout.unwrap_or(STOP_TIMEOUT),
        })
    }

    /// Returns a name as nodes, sessions and namespaces have it.
    fn name(&mut self, node: &Node, what: &str) -> Option<String> {
        let Some(name) = node.value.scalar() else {
            self.fault(node.at, format!("a {what}'s name is text, not {}", node.value.what()), "");
            return None;
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if name.is_empty()
            || name.len() > NAME_BYTES_MAX
            || !name.chars().all(allowed)
            || name.starts_with('.')
            || (what != "node" && (name.ends_with('.') || name.contains("..")))
        {
            let advice = match what {
                "node" => format!("1 to {NAME_BYTES_MAX} of A-Z a-z 0-9 _ . -, not beginning with a dot"),
                // A session's name may become a namespace's.
                _ => format!("1 to {NAME_BYTES_MAX} of A-Z a-z 0-9 _ - with . between its parts"),
            };
            self.fault(node.at, format!("`{}` is no name of a {what}", name.escape_debug()), advice);
            return None;
        }
        Some(name)
    }

    /// Returns text with its variables replaced.
    fn text(&mut self, node: &Node, scope: &Scope<'_>) -> Option<String> {
        let Some(text) = node.value.scalar() else {
            self.fault(node.at, format!("expected text, not {}", node.value.what()), "");
            return None;
        };
        match substituted(&text, scope) {
            Ok(text) => Some(text),
            Err(reason) => {
                self.fault(node.at, reason, "");
                None
            }
        }
    }

    /// Returns the words of a command: a list as it is, text split as a shell does, before variables are replaced, so
    /// that a value with a space stays one word.
    fn words(&mut self, node: &Node, scope: &Scope<'_>, is_command: bool) -> Option<Vec<String>> {
        let words = match &node.value {
            Value::List(items) => {
                let words: Vec<_> = items.iter().map(|item| self.text(item, scope)).collect();
                words.into_iter().collect::<Option<Vec<_>>>()?
            }
            Value::Text(text) => {
                let Some(words) = shlex::split(text) else {
                    self.fault(node.at, "a quote isn't closed", "");
                    return None;
                };
                let words: Result<Vec<_>, _> = words.iter().map(|word| substituted(word, scope)).collect();
                match words {
                    Ok(words) => words,
                    Err(reason) => {
                        self.fault(node.at, reason, "");
                        return None;
                    }
                }
            }
            other => {
                self.fault(node.at, format!("expected text or a list, not {}", other.what()), "");
                return None;
            }
        };
        if is_command && words.first().is_none_or(String::is_empty) {
            self.fault(node.at, "the command is empty", "");
            return None;
        }
        Some(words)
    }

    fn env(&mut self, node: &Node, scope: &Scope<'_>) -> Vec<(String, String)> {
        let Value::Map(entries) = &node.value else {
            self.fault(node.at, format!("`env` is a map, not {}", node.value.what()), "write NAME: value");
            return Vec::new();
        };
        let mut env = Vec::new();
        for entry in entries {
            if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
                self.fault(entry.at, "no variable can have this name", "");
            } else if let Some(value) = self.text(&entry.value, scope) {
                env.push((entry.key.clone(), value));
            }
        }
        env
    }

    fn truth(&mut self, entry: &Entry) -> bool {
        match &entry.value.value {
            Value::Bool(truth) => *truth,
            other => {
                self.fault(entry.value.at, format!("expected true or false, not {}", other.what()), "");
                true
            }
        }
    }

    fn restart(&mut self, node: &Node) -> RestartPolicy {
        let Value::Map(entries) = &node.value else {
            return self.restart_word(node);
        };
        let entries = self.known(entries, keys::RESTART, false);
        let mut policy = entries
            .get("policy")
            .map_or_else(RestartPolicy::on_failure, |entry| self.restart_word(&entry.value));
        if let Some(count) = entries.get("max_retries").and_then(|entry| self.count(&entry.value)) {
            policy.max_retries = count;
        }
        if let Some(after) = entries.get("reset_after").and_then(|entry| self.duration(&entry.value)) {
            policy.reset_after = after;
        }
        if let Some(entry) = entries.get("backoff") {
            self.backoff(&entry.value, &mut policy);
        }
        policy
    }

    fn restart_word(&mut self, node: &Node) -> RestartPolicy {
        match node.value.scalar().as_deref() {
            // Some readers of YAML take `no` for false.
            Some("no" | "false") => RestartPolicy::never(),
            Some("on-failure") => RestartPolicy::on_failure(),
            Some("always") => RestartPolicy { when: RestartWhen::Always, ..RestartPolicy::on_failure() },
            other => {
                let advice =
                    other.and_then(|word| keys::meant(word, ["no", "on-failure", "always"])).map_or_else(
                        || "one of no, on-failure, always".to_owned(),
                        |word| format!("did you mean `{word}`?"),
                    );
                let shown = other.unwrap_or(node.value.what());
                self.fault(node.at, format!("`{shown}` is no restart policy"), advice);
                RestartPolicy::never()
            }
        }
    }

    fn backoff(&mut self, node: &Node, policy: &mut RestartPolicy) {
        let Value::Map(entries) = &node.value else {
            self.fault(node.at, format!("`backoff` is a map, not {}", node.value.what()), "");
            return;
        };
        let entries = self.known(entries, keys::BACKOFF, false);
        if let Some(initial) = entries.get("initial").and_then(|entry| self.duration(&entry.value)) {
            policy.backoff_initial = initial;
        }
        if let Some(max) = entries.get("max").and_then(|entry| self.duration(&entry.value)) {
            policy.backoff_max = max;
        }
        if let Some(entry) = entries.get("factor") {
            match entry.value.value {
                Value::Number(factor, _) if (1.0..=1e6).contains(&factor) => policy.backoff_factor = factor,
                _ => self.fault(entry.value.at, "a factor is a number of 1 or more", ""),
            }
        }
        if let Some(entry) = entries.get("jitter") {
            match entry.value.value {
                Value::Number(jitter, _) if (0.0..=1.0).contains(&jitter) => policy.jitter = jitter,
                _ => self.fault(entry.value.at, "a jitter is a number from 0 to 1", ""),
            }
        }
    }

    fn count(&mut self, node: &Node) -> Option<u32> {
        match node.value {
            Value::Number(number, _)
                if number >= 0.0 && number <= f64::from(u32::MAX) && number.fract() == 0.0 =>
            {
                Some(number as u32)
            }
            _ => {
                self.fault(node.at, "expected a whole number of 0 or more", "");
                None
            }
        }
    }

    /// Returns a duration: `500ms`, `5s`, `1m`, `2h`, or a number of seconds.
    fn duration(&mut self, node: &Node) -> Option<Duration> {
        let parsed = node.value.scalar().as_deref().and_then(duration);
        if parsed.is_none() {
            let shown = node.value.scalar().unwrap_or_else(|| node.value.what().to_owned());
            self.fault(
                node.at,
                format!("`{shown}` is no duration"),
                "write 500ms, 5s, 1m or a number of seconds",
            );
        }
        parsed
    }
}

impl Scope<'_> {
    fn lookup(&self, name: &str) -> Option<String> {
        match name {
            "NAMESPACE" => Some(self.namespace.to_owned()),
            "NODE" => self.node.map(str::to_owned),
            _ => (self.surroundings.var)(name),
        }
    }
}

/// Returns a text with its variables replaced, if it can be handed to a program.
fn substituted(text: &str, scope: &Scope<'_>) -> Result<String, String> {
    let text = substitute(text, &|name| scope.lookup(name))?;
    match text.contains('\0') {
        true => Err("it holds a zero byte, which ends a word".into()),
        false => Ok(text),
    }
}

fn duration(text: &str) -> Option<Duration> {
    let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let number: f64 = number.trim_end().parse().ok()?;
    Duration::try_from_secs_f64(number * seconds).ok()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
