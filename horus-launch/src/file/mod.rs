//! Launch files: what is to run, in YAML.
//!
//! Read in three steps that know nothing of each other: the text becomes a tree that remembers where each value stands
//! ([`tree`]), the tree is checked against the table of keys ([`keys`], [`check`]), all faults together, and what is
//! right becomes a [`LaunchFile`].

mod check;
mod fault;
mod keys;
mod substitute;
mod tree;

pub use fault::{Fault, LaunchFileError};

use crate::error::FindError;
use crate::plan::{NodePlan, Plan};
use crate::policy::RestartPolicy;
use crate::program::Search;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a launch file says, checked.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LaunchFile {
    /// What the session is called: `name`, else the file's stem.
    pub name: String,
    /// The namespace for all, if the file names one.
    pub namespace: Option<String>,
    /// The nodes, in the order of the file, without those that are switched off.
    pub nodes: Vec<LaunchNode>,
}

/// One node of a launch file.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LaunchNode {
    /// Unique in the file.
    pub name: String,
    /// The program and its arguments; at least one word.
    pub command: Vec<String>,
    /// Where it runs; absolute.
    pub cwd: PathBuf,
    /// Set in its environment: the file's, then its own.
    pub env: Vec<(String, String)>,
    /// When it is started again.
    pub restart: RestartPolicy,
    /// From the request to end until it is killed.
    pub stop_timeout: Duration,
}

/// What a launch file is read with, as values, so that nothing in it depends on this process's surroundings.
pub struct Surroundings<'a> {
    /// The value of an environment variable, for `${NAME}`.
    pub var: &'a dyn Fn(&str) -> Option<String>,
    /// The namespace, if something outside the file has decided it already (`-n`).
    pub namespace: Option<String>,
    /// The namespace if neither that nor the file names one (`HORUS_NAMESPACE`).
    pub namespace_default: Option<String>,
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl LaunchFile {
    /// Reads a launch file. The namespace that all its nodes share is then set: the one from outside, else the file's,
    /// else the default, else the session's name.
    ///
    /// # Errors
    /// [`LaunchFileError`]: the file can't be read, or every fault in it, each with its place.
    pub fn read(path: &Path, surroundings: &Surroundings<'_>) -> Result<LaunchFile, LaunchFileError> {
        let text = fs::read_to_string(path)
            .map_err(|source| LaunchFileError::Read { path: path.to_owned(), source })?;
        // Its folder must mean the same wherever a node runs.
        let absolute = std::path::absolute(path)
            .map_err(|source| LaunchFileError::Read { path: path.to_owned(), source })?;
        check::check(&text, path, &absolute, surroundings)
    }

    /// Returns the namespace of all its nodes: see [`LaunchFile::read`].
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or(&self.name)
    }

    /// Returns the processes to start, each program found from its node's folder.
    ///
    /// `horus run x.py` is started as what it would become, without a second supervisor.
    ///
    /// # Errors
    /// The first program that isn't there, with its node's name.
    pub fn plan(&self, search: &Search) -> Result<Plan, (String, FindError)> {
        let nodes = self.nodes.iter().map(|node| {
            let search = Search { cwd: node.cwd.clone(), ..search.clone() };
            let (program, args) =
                search.command(&node.command).map_err(|error| (node.name.clone(), error))?;
            let mut env: Vec<(OsString, OsString)> =
                node.env.iter().map(|(key, value)| (key.into(), value.into())).collect();
            env.push(("HORUS_NAMESPACE".into(), self.namespace().into()));
            Ok(NodePlan {
                name: node.name.clone(),
                program,
                args,
                env,
                cwd: Some(node.cwd.clone()),
                restart: node.restart,
                stop_timeout: node.stop_timeout,
            })
        });
        Ok(Plan { nodes: nodes.collect::<Result<_, _>>()? })
    }
}
