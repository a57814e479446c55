//! What the figures depend on: the machine, its kernel and settings, the build.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// What stands beside every figure; `unknown` where the machine doesn't say.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    processor: String,
    processors: usize,
    kernel: String,
    governor: String,
    clock_source: String,
    load: String,
    cores: [usize; 2],
    profile: &'static str,
    commit: String,
    python: String,
}

impl Machine {
    /// Asks the system. `cores` are the two that will be used.
    pub(crate) fn read(cores: [usize; 2], python: &Path) -> Machine {
        let of = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned());
        let cpu_info = of("/proc/cpuinfo").unwrap_or_default();
        let processor = cpu_info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let unknown = || "unknown".to_owned();
        Machine {
            processor: processor.map_or_else(unknown, |(_, name)| name.to_owned()),
            processors: cpu_info.lines().filter(|line| line.starts_with("processor")).count(),
            kernel: of("/proc/sys/kernel/osrelease").unwrap_or_else(|_| unknown()),
            governor: of(&format!("/sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor", cores[0]))
                .unwrap_or_else(|_| "none (left to the host or the hardware)".to_owned()),
            clock_source: of("/sys/devices/system/clocksource/clocksource0/current_clocksource")
                .unwrap_or_else(|_| unknown()),
            load: of("/proc/loadavg").map_or_else(|_| unknown(), |text| text.split(' ').take(1).collect()),
            cores,
            profile: if cfg!(debug_assertions) { "debug: figures mean nothing" } else { "release" },
            commit: commit().unwrap_or_else(unknown),
            python: said(Command::new(python).arg("--version")).unwrap_or_else(unknown),
        }
    }

    /// The same for machines.
    pub(crate) fn json(&self) -> Value {
        json!({
            "processor": self.processor, "processors": self.processors, "kernel": self.kernel,
            "governor": self.governor, "clock_source": self.clock_source, "load": self.load,
            "cores": self.cores, "profile": self.profile, "commit": self.commit, "python": self.python,
        })
    }
}

impl Machine {
    /// The same as a paragraph of a document.
    pub(crate) fn markdown(&self) -> String {
        format!(
            "{} × {}, Linux {}, clock source {}, governor: {}; ping on core {}, echo on core {}; {} build, commit {}, {}. \
             Where the host is shared, compare ratios, not nanoseconds.",
            self.processors,
            self.processor,
            self.kernel,
            self.clock_source,
            self.governor,
            self.cores[0],
            self.cores[1],
            self.profile,
            self.commit,
            self.python
        )
    }
}

impl Display for Machine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "machine   {} x {}", self.processors, self.processor)?;
        writeln!(f, "kernel    {}, clock {}, governor {}", self.kernel, self.clock_source, self.governor)?;
        writeln!(
            f,
            "pinning   ping on core {}, echo on core {}; load {}",
            self.cores[0], self.cores[1], self.load
        )?;
        writeln!(f, "build     {}, commit {}, {}", self.profile, self.commit, self.python)
    }
}

/// The commit, with a plus if the folder differs from it.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        said(Command::new("git").args(["-C", env!("CARGO_MANIFEST_DIR")]).args(arguments))
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_none_or(|text| !text.is_empty());
    Some(if changed { format!("{commit}+") } else { commit })
}

/// What a command prints, if it ends well.
fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
