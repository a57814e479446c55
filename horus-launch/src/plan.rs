//! What is to run, and how.

use crate::policy::RestartPolicy;
use crate::program::Program;
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// How long a node may take to end after it was asked to: long enough to park an arm, short enough to wait for.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// One process to be started.
#[derive(Debug, Clone)]
pub struct NodePlan {
    /// Unique within the plan; what its lines of output begin with.
    pub name: String,
    /// The program.
    pub program: Program,
    /// Arguments after the program's own.
    pub args: Vec<OsString>,
    /// Set in its environment, over what this process has.
    pub env: Vec<(OsString, OsString)>,
    /// Where it runs; here, if not given.
    pub cwd: Option<PathBuf>,
    /// When it is started again.
    pub restart: RestartPolicy,
    /// From the request to end until it is killed.
    pub stop_timeout: Duration,
}

/// All the processes of one session.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The nodes, in the order they are started.
    pub nodes: Vec<NodePlan>,
}

impl Plan {
    /// Returns a plan that runs each program once; equal names get a number behind them.
    pub fn new(programs: impl IntoIterator<Item = Program>) -> Plan {
        let mut taken = HashSet::new();
        let mut nodes = Vec::new();
        for program in programs {
            let mut name = program.name.clone();
            let mut number = 2;
            while !taken.insert(name.clone()) {
                name = format!("{}-{number}", program.name);
                number += 1;
            }
            nodes.push(NodePlan {
                name,
                program,
                args: Vec::new(),
                env: Vec::new(),
                cwd: None,
                restart: RestartPolicy::never(),
                stop_timeout: STOP_TIMEOUT,
            });
        }
        Plan { nodes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_told_apart() {
        let program =
            |name: &str| Program { name: name.into(), executable: "/bin/true".into(), args: Vec::new() };
        let plan = Plan::new(["a", "a-2", "a", "a"].map(program));
        let names: Vec<_> = plan.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["a", "a-2", "a-3", "a-4"]);
    }
}
