//! What a process tells whoever runs it: lines on standard error, as many as `HORUS_LOG` asks for.
//!
//! `HORUS_LOG` is one of `off`, `error`, `warn` (the default), `info`, `debug`, `trace`; it is read once. A line is
//! `11:22:33.456 warn camera: text`, the time in UTC, and written by one call, so that lines of several processes on
//! one terminal don't mix.

use std::fmt;
use std::io::Write;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something will, unless somebody acts.
    Warn,
    /// What an operator likes to know.
    Info,
    /// What a developer likes to know.
    Debug,
    /// Each step.
    Trace,
}

impl Level {
    /// Returns the name, as in `HORUS_LOG`.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }
}

/// A level that isn't known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLevel(String);

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "log level {:?} isn't known; one of off, error, warn, info, debug, trace", self.0)
    }
}

impl std::error::Error for UnknownLevel {}

/// How much is logged: everything up to a level, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Threshold(Option<Level>);

impl FromStr for Threshold {
    type Err = UnknownLevel;

    fn from_str(name: &str) -> Result<Self, UnknownLevel> {
        let levels = [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace];
        match name.to_ascii_lowercase().as_str() {
            "off" => Ok(Self(None)),
            "" => Ok(Self(Some(Level::Warn))),
            "warning" => Ok(Self(Some(Level::Warn))),
            name => match levels.into_iter().find(|level| level.name() == name) {
                Some(level) => Ok(Self(Some(level))),
                None => Err(UnknownLevel(name.to_owned())),
            },
        }
    }
}

fn threshold() -> Threshold {
    static THRESHOLD: OnceLock<Threshold> = OnceLock::new();
    *THRESHOLD.get_or_init(|| {
        let asked = std::env::var("HORUS_LOG").unwrap_or_default();
        asked.parse().unwrap_or_else(|unknown: UnknownLevel| {
            put(&line(Level::Warn, "horus", format_args!("HORUS_LOG: {unknown}")));
            Threshold(Some(Level::Warn))
        })
    })
}

/// Returns whether lines of this level are written. Costs a load.
pub fn enabled(level: Level) -> bool {
    threshold().0.is_some_and(|most| level <= most)
}

/// Writes a line to standard error if its level is asked for. `who` is a node's name, or `horus`.
///
/// # Examples
/// ```
/// use horus_core::log::{Level, write};
/// write(Level::Info, "camera", format_args!("exposure {} ms", 8));
/// ```
pub fn write(level: Level, who: &str, text: fmt::Arguments<'_>) {
    if enabled(level) {
        put(&line(level, who, text));
    }
}

fn line(level: Level, who: &str, text: fmt::Arguments<'_>) -> String {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, millis) = (since_1970.as_secs() % 86_400, since_1970.subsec_millis());
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hour:02}:{minute:02}:{second:02}.{millis:03} {} {who}: {text}\n", level.name())
}

fn put(line: &str) {
    // Standard error may be closed; there is nobody left to tell.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_as_people_write_them() {
        for (name, level) in [
            ("off", None),
            ("", Some(Level::Warn)),
            ("DEBUG", Some(Level::Debug)),
            ("warning", Some(Level::Warn)),
        ] {
            assert_eq!(name.parse(), Ok(Threshold(level)));
        }
        let error = "loud".parse::<Threshold>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "log level \"loud\" isn't known; one of off, error, warn, info, debug, trace"
        );
        assert!(Level::Error < Level::Trace);
    }

    #[test]
    fn a_line_says_who_and_what() {
        let line = line(Level::Warn, "camera", format_args!("{} frames lost", 3));
        assert!(line.ends_with(" warn camera: 3 frames lost\n"), "{line}");
        assert_eq!(line.find(' '), Some("11:22:33.456".len()));
    }
}
