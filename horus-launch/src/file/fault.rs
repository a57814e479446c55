//! What is wrong in a launch file, shown at its place.

use super::tree::Place;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a launch file can't be used; nothing was started.
#[derive(Debug)]
#[non_exhaustive]
pub enum LaunchFileError {
    /// It can't be read.
    Read {
        /// The file as named.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// It says something that can't be carried out: all such places.
    Faults(Vec<Fault>),
}

/// One thing that is wrong, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub message: String,
    /// The file as named.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The line's text.
    pub text: String,
    /// How many characters of it are meant.
    pub width: usize,
    /// What to write instead, if that can be guessed; stands behind the carets.
    pub advice: String,
}

impl Fault {
    pub(super) fn new(
        at: Place,
        source: &str,
        path: &std::path::Path,
        message: String,
        advice: String,
    ) -> Self {
        let text = source.lines().nth(at.line.saturating_sub(1)).unwrap_or_default();
        let rest = text.chars().count().saturating_sub(at.column.saturating_sub(1));
        Self {
            message,
            path: path.to_owned(),
            line: at.line,
            column: at.column,
            text: text.to_owned(),
            width: at.width.min(rest).max(1),
            advice,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, path, line, column, text, width, advice } = self;
        let margin = " ".repeat(line.to_string().len());
        // Tabs move the caret as far as they move the text.
        let indent: String =
            text.chars().take(column.saturating_sub(1)).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        writeln!(f, "{message}")?;
        writeln!(f, "{margin}--> {}:{line}:{column}", path.display())?;
        writeln!(f, "{line} | {text}")?;
        let pointed = format!("{margin} | {indent}{} {advice}", "^".repeat(*width));
        f.write_str(pointed.trim_end())
    }
}

impl fmt::Display for LaunchFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Faults(faults) => {
                for (i, fault) in faults.iter().enumerate() {
                    write!(f, "{}{fault}", if i > 0 { "\nerror: " } else { "" })?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for LaunchFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Faults(_) => None,
        }
    }
}
