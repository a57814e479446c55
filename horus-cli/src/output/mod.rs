//! Where results and messages go: results on stdout, all else on stderr.

pub(crate) mod json;
pub(crate) mod listing;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod yaml;

use horus_core::log::{self, Level};
use std::env;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

/// When to use colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColourChoice {
    /// On a terminal, as NO_COLOR and CLICOLOR_FORCE allow
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl ColourChoice {
    fn applies_to(self, is_terminal: bool) -> bool {
        let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        match self {
            ColourChoice::Always => true,
            ColourChoice::Never => false,
            ColourChoice::Auto if set("NO_COLOR") => false,
            ColourChoice::Auto if set("CLICOLOR_FORCE") => true,
            ColourChoice::Auto => is_terminal && env::var_os("TERM").is_none_or(|term| term != "dumb"),
        }
    }
}

/// The two streams, and how to write to them.
#[derive(Debug)]
pub(crate) struct Output {
    out: BufWriter<Stdout>,
    /// Whether results go to a terminal.
    pub(crate) is_terminal: bool,
    /// The columns of the terminal that results go to.
    pub(crate) width: Option<usize>,
    /// Whether results may be coloured.
    pub(crate) colour: bool,
    colour_messages: bool,
    quiet: bool,
    /// Whether details were asked for.
    pub(crate) verbose: bool,
}

impl Output {
    pub(crate) fn new(choice: ColourChoice, quiet: bool, verbose: bool) -> Output {
        let is_terminal = io::stdout().is_terminal();
        Output {
            out: BufWriter::new(io::stdout()),
            is_terminal,
            width: if is_terminal { columns() } else { None },
            colour: choice.applies_to(is_terminal),
            colour_messages: choice.applies_to(io::stderr().is_terminal()),
            quiet,
            verbose,
        }
    }

    /// Writes a line of results; it may wait in a buffer until [`Output::flush`].
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.write_all(b"\n")).map_err(unwritable)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush().map_err(unwritable)
    }

    /// Tells something on stderr, unless quiet was asked for.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.message("", text);
        }
    }

    /// Tells who sits at a terminal what to press; nobody else.
    pub(crate) fn prompt(&self, text: &str) {
        if io::stderr().is_terminal() {
            self.note(text);
        }
    }

    /// Tells what was done by the way, if details, or `HORUS_LOG` of info or more, were asked for.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbose || (!self.quiet && log::enabled(Level::Info)) {
            self.message("", text);
        }
    }

    /// Gives advice on stderr, unless quiet was asked for.
    pub(crate) fn hint(&self, text: &str) {
        if !self.quiet {
            self.message(if self.colour_messages { "\x1b[36mhint:\x1b[0m " } else { "hint: " }, text);
        }
    }

    /// Warns on stderr, unless quiet, or less by `HORUS_LOG`, was asked for.
    pub(crate) fn warning(&self, text: &str) {
        if !self.quiet && log::enabled(Level::Warn) {
            self.message(if self.colour_messages { "\x1b[33mwarning:\x1b[0m " } else { "warning: " }, text);
        }
    }

    /// Tells of a failure, with advice, on stderr.
    pub(crate) fn error(&self, text: &str, hints: &[String]) {
        self.message(if self.colour_messages { "\x1b[1;31merror:\x1b[0m " } else { "error: " }, text);
        hints.iter().for_each(|hint| self.hint(hint));
    }

    /// Warns who runs us through sudo: topics are per user.
    pub(crate) fn warn_about_sudo(&self) {
        if let Some(user) = env::var_os("SUDO_USER").filter(|user| !user.is_empty() && user != "root") {
            let user = user.to_string_lossy();
            self.warning(&format!(
                "running as root through sudo; topics are per user, and those of '{user}' are not seen"
            ));
        }
    }

    fn message(&self, label: &str, text: &str) {
        // Names and text of others stand in messages too, and may not move the cursor.
        let lines: Vec<String> = text.split('\n').map(text::escaped).collect();
        // Nobody is left to be told if stderr fails.
        let _ = io::stderr().write_all(format!("{label}{}\n", lines.join("\n")).as_bytes());
    }
}

/// Says where writing failed. The kind stays: a reader that left is none.
fn unwritable(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("standard output: {error}"))
}

/// Returns the width of the terminal that results go to, if it has one: some that only look like one say 0.
fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}
