//! The one table of exit statuses; `docs/cli.md` shows it to users.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was asked.
    Ok,
    /// It failed, in a way that no other status tells.
    Failed,
    /// The command line, or a file named on it, makes no sense.
    Usage,
    /// What was named isn't there.
    NotFound,
    /// It took longer than was allowed.
    TimedOut,
    /// A message, or a topic, is of another type.
    TypeMismatch,
    /// It belongs to somebody else.
    Permission,
    /// What was named is not in a state that allows it.
    State,
    /// `run`: the status of the process that was run, 128 and the signal's number if one ended it.
    Child(u8),
}

impl Exit {
    /// Every status but a child's own, in the order of their codes.
    #[cfg(test)]
    pub(crate) const ALL: [Exit; 8] = [
        Exit::Ok,
        Exit::Failed,
        Exit::Usage,
        Exit::NotFound,
        Exit::TimedOut,
        Exit::TypeMismatch,
        Exit::Permission,
        Exit::State,
    ];

    /// Returns what it means, for the page of the command line.
    #[cfg(test)]
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Exit::Ok => {
                "it did what it was asked; also Ctrl+C in what goes on until then, and a reader of its output that left"
            }
            Exit::Failed => "it failed in a way that no other status tells",
            Exit::Usage => "the command line, or a file named on it, makes no sense",
            Exit::NotFound => "what was named isn't there",
            Exit::TimedOut => "it took longer than was allowed",
            Exit::TypeMismatch => "a message or a topic is of another type",
            Exit::Permission => "it belongs to another user",
            Exit::State => "what was named is not in a state that allows it",
            Exit::Child(_) => "the status of the program that was run",
        }
    }

    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NotFound => 3,
            Exit::TimedOut => 4,
            Exit::TypeMismatch => 5,
            Exit::Permission => 6,
            Exit::State => 7,
            Exit::Child(status) => status,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
