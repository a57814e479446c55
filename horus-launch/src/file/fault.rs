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
    /// The line's text, of a long one what is near the place: a file of one line may have as many faults as words.
    pub text: String,
    /// What of the text stands before the place.
    before: String,
    /// How many characters of it are meant.
    pub width: usize,
    /// What to write instead, if that can be guessed; stands behind the carets.
    pub advice: String,
}

impl Fault {
    pub(super) fn new(
        at: Place,
        text: &str,
        path: &std::path::Path,
        message: String,
        advice: String,
    ) -> Self {
        let (text, before, width) = part(text, at.column, at.width);
        Self { message, path: path.to_owned(), line: at.line, column: at.column, text, before, width, advice }
    }
}

/// Characters of a line that are shown before and behind the place that is meant; as much as fits two terminals' lines.
const SHOWN_BEFORE: usize = 60;
const SHOWN_BEHIND: usize = 100;

/// Returns the part of a line that is shown, what stands before the place in it, and how much of it is meant.
fn part(text: &str, column: usize, width: usize) -> (String, String, usize) {
    let before = column.saturating_sub(1);
    let skipped = before.saturating_sub(SHOWN_BEFORE);
    let mut rest = text.chars().skip(skipped);
    let mut indent: String = rest.by_ref().take(before - skipped).collect();
    let behind: String = rest.by_ref().take(SHOWN_BEHIND).collect();
    let width = width.min(behind.chars().count()).max(1);
    if skipped > 0 {
        indent.insert(0, '…');
    }
    let more = if rest.next().is_some() { "…" } else { "" };
    (format!("{indent}{behind}{more}"), indent, width)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, path, line, column, text, before, width, advice } = self;
        let margin = " ".repeat(line.to_string().len());
        // Tabs move the caret as far as they move the text.
        let indent: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_line_the_place_is_shown() {
        let text = format!("{}here{}", "a".repeat(5000), "b".repeat(5000));
        let at = Place { line: 1, column: 5001, width: 4 };
        let shown =
            Fault::new(at, &text, std::path::Path::new("l.yaml"), "wrong".into(), "so".into()).to_string();
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines[1], " --> l.yaml:1:5001");
        assert_eq!(lines[2], format!("1 | …{}here{}…", "a".repeat(60), "b".repeat(96)));
        assert_eq!(lines[3], format!("  | {}^^^^ so", " ".repeat(61)));
    }
}
