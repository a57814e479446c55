//! Which shared memory a command works on, and what others may be looking for in it.

use crate::GlobalArgs;
use crate::cleaned::{is_empty, summary};
use crate::failure::Failure;
use crate::output::Output;
use horus_shm::{Census, CleanOptions, Namespace, NamespaceName, Root, Settings, TopicName};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Where a command works.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) root: Root,
    pub(crate) namespace: Namespace,
}

/// Returns what the environment and the options say.
pub(crate) fn settings(global: &GlobalArgs) -> Settings {
    let from_env = Settings::from_env();
    Settings { namespace: global.namespace.clone().or(from_env.namespace), ..from_env }
}

impl Context {
    pub(crate) fn open(global: &GlobalArgs) -> Result<Context, Failure> {
        let namespace = Namespace::open(&settings(global))?;
        Ok(Context { root: namespace.root().clone(), namespace })
    }

    /// Returns the namespaces that a command looks at: every one of this user, or the one that was chosen.
    pub(crate) fn namespaces(&self, all: bool) -> Result<Vec<Namespace>, Failure> {
        match all {
            true => Ok(self.root.namespaces()?.iter().map(|name| self.root.namespace(name)).collect()),
            false => Ok(vec![self.namespace.clone()]),
        }
    }

    /// Removes what the dead left, everywhere. What can't be removed now will be by the next command.
    pub(crate) fn clean(&self, output: &Output) {
        clean(&self.root, output);
    }

    /// Returns advice for who finds nothing here: where else something is.
    pub(crate) fn elsewhere(&self) -> Vec<String> {
        let mut hints = other_namespaces(&self.root, self.namespace.name());
        hints.extend(other_users(&self.root));
        hints
    }

    /// Returns advice for who looks for a topic that isn't here: names like it, other namespaces that have it, then
    /// where else something is.
    pub(crate) fn no_such_topic(&self, topic: &TopicName, here: &Census) -> Vec<String> {
        let names = here.topics.iter().map(|topic| topic.name.to_string());
        let mut hints: Vec<_> = closest(topic.as_str(), names)
            .into_iter()
            .map(|name| format!("did you mean '{name}'?"))
            .collect();
        hints.truncate(3);
        hints.extend(self.elsewhere());
        hints
    }
}

/// Removes what the dead left in all namespaces of this user, without waiting for anybody.
pub(crate) fn clean(root: &Root, output: &Output) {
    match horus_shm::clean(root, None, &CleanOptions::default()) {
        Ok(report) if is_empty(&report) => {}
        Ok(report) => output.detail(&format!("cleaned up: {}", summary(&report))),
        // The next command tries again.
        Err(error) => output.detail(&format!("cleaning: {error}")),
    }
}

fn other_namespaces(root: &Root, here: &NamespaceName) -> Vec<String> {
    // What can't be read has nothing to offer.
    let names = root.namespaces().unwrap_or_default();
    let others = names.into_iter().filter(|name| name != here);
    let told = others.filter_map(|name| {
        let census = Census::take(&root.namespace(&name)).ok()?;
        if !census.participants.iter().any(|participant| participant.alive) {
            return None;
        }
        let what = match census.topics.len() {
            0 => "nodes live".to_owned(),
            1 => "1 topic lives".to_owned(),
            count => format!("{count} topics live"),
        };
        Some(format!("{what} in namespace '{name}' (use -n {name})"))
    });
    told.collect()
}

/// Returns a hint for each other user who has a root folder beside ours.
pub(crate) fn other_users(root: &Root) -> Vec<String> {
    let Some(shm) = root.path().parent() else { return Vec::new() };
    let own = rustix::process::getuid().as_raw();
    let mut uids = BTreeSet::new();
    for entry in fs::read_dir(shm).into_iter().flatten().flatten() {
        let uid =
            entry.file_name().to_str().and_then(|name| name.strip_prefix("horus-")?.parse::<u32>().ok());
        let owner = entry.metadata().map(|meta| meta.uid()).ok();
        uids.extend(uid.filter(|uid| *uid != own && Some(*uid) == owner));
    }
    let tell = |uid: u32| {
        let user = user_name(uid).map_or_else(|| "another user".to_owned(), |name| format!("user '{name}'"));
        format!("{user} (uid {uid}) runs HORUS too; topics are per user: run both as the same user")
    };
    uids.into_iter().map(tell).collect()
}

/// Returns the name of a user, if the list of users has one.
pub(crate) fn user_name(uid: u32) -> Option<String> {
    user_name_in(&fs::read_to_string(Path::new("/etc/passwd")).ok()?, uid)
}

fn user_name_in(passwd: &str, uid: u32) -> Option<String> {
    let fields = |line: &str| {
        let mut fields = line.split(':');
        Some((fields.next()?.to_owned(), fields.nth(1)?.parse::<u32>().ok()?))
    };
    passwd.lines().filter_map(fields).find(|(_, found)| *found == uid).map(|(name, _)| name)
}

/// Returns those of `names` that are close enough to `name` to be a slip of the keyboard, best first.
pub(crate) fn closest(name: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut scored: Vec<_> = names
        .into_iter()
        .map(|other| (strsim::jaro_winkler(&name.to_lowercase(), &other.to_lowercase()), other))
        // Below this, words share little but their first letter.
        .filter(|(score, _)| *score > 0.85)
        .collect();
    scored.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
    scored.into_iter().map(|(_, other)| other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_from_the_list() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbob:x:1001:1001::/home/bob:/bin/sh\nbad line\n";
        assert_eq!(user_name_in(passwd, 1001).as_deref(), Some("bob"));
        assert_eq!(user_name_in(passwd, 7), None);
    }

    #[test]
    fn slips_are_close_and_other_words_are_not() {
        let names = || ["cmd_vel", "camera.rgb", "odom"].map(String::from);
        assert_eq!(closest("cmd_vle", names()), ["cmd_vel"]);
        assert!(closest("battery", names()).is_empty());
    }
}
