//! `horus topic hz` beside a soak, from its beginning to its end.

use crate::Result;
use crate::cast::Stage;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// The command while it runs; killed and reaped when dropped.
#[derive(Debug)]
pub(super) struct Rate {
    child: Child,
    reports: PathBuf,
    complaints: PathBuf,
}

/// What it reported, in messages a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) reports: usize,
    pub(super) lowest: f64,
    pub(super) median: f64,
    pub(super) highest: f64,
}

impl Rate {
    /// Starts it on one topic.
    pub(super) fn watch(stage: &Stage, horus: &Path, topic: &str) -> Result<Self> {
        let (reports, complaints) = (stage.beside("hz.json"), stage.beside("hz.stderr"));
        let mut command = Command::new(horus);
        command.args(["topic", "hz", topic, "--json"]).envs(stage.environment()).stdin(Stdio::null());
        let child = command.stdout(File::create(&reports)?).stderr(File::create(&complaints)?).spawn()?;
        Ok(Self { child, reports, complaints })
    }

    /// # Errors
    /// If it has ended by itself, with what it said.
    pub(super) fn still_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.failure(&format!("ended by itself, {status}"))),
        }
    }

    /// Asks it to end, and reads what it reported.
    ///
    /// # Errors
    /// If it doesn't end, or not well, or reported nothing.
    pub(super) fn finish(mut self, stage: &Stage) -> Result<Rates> {
        self.still_running()?;
        kill_process(Pid::from_child(&self.child), Signal::INT)?;
        let begun = Instant::now();
        let status = loop {
            match self.child.try_wait()? {
                Some(status) => break status,
                None if begun.elapsed() > stage.patience => return Err("stuck: topic hz doesn't end".into()),
                None => std::thread::sleep(std::time::Duration::from_millis(1)),
            }
        };
        let rates = Rates::of(&std::fs::read_to_string(&self.reports)?)?;
        if !status.success() || rates.reports == 0 {
            return Err(self.failure(&format!("{status}, {} reports", rates.reports)));
        }
        Ok(rates)
    }

    fn failure(&self, what: &str) -> Box<dyn std::error::Error + Send + Sync> {
        let said = std::fs::read_to_string(&self.complaints).unwrap_or_default();
        format!("horus topic hz: {what}: {}", said.trim()).into()
    }
}

impl Drop for Rate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Rates {
    /// Of an object a line.
    fn of(text: &str) -> Result<Self> {
        let mut rates = Vec::new();
        for line in text.lines() {
            let report: Value = serde_json::from_str(line)?;
            rates.push(report["rate_hz"].as_f64().ok_or_else(|| format!("no rate in {line}"))?);
        }
        rates.sort_by(f64::total_cmp);
        let at = |index: usize| rates.get(index).copied().unwrap_or_default();
        let last = rates.len().saturating_sub(1);
        Ok(Self { reports: rates.len(), lowest: at(0), median: at(rates.len() / 2), highest: at(last) })
    }

    pub(super) fn to_json(self) -> Value {
        json!({ "reports": self.reports, "lowest": self.lowest, "median": self.median, "highest": self.highest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_reports_is_the_middle_one_and_a_line_without_a_rate_an_error() {
        let rates = Rates::of("{\"rate_hz\":900.5}\n{\"rate_hz\":100.0}\n{\"rate_hz\":901.0}\n")
            .expect("three reports");
        assert_eq!(rates, Rates { reports: 3, lowest: 100.0, median: 900.5, highest: 901.0 });
        assert_eq!(Rates::of("").expect("nothing"), Rates::default());
        assert!(Rates::of("{\"topic\":\"steady\"}\n").is_err());
    }
}
