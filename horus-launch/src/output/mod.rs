//! What the nodes print, on its way to the terminal: whole lines, each with its node's name before it.

mod lines;
mod printer;

pub(crate) use lines::Lines;
pub(crate) use printer::{Printer, Stream};

use std::fmt::Write as _;

/// How output is shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct OutputOptions {
    /// Names in colour, and padded to one width: for a terminal.
    pub colour: bool,
    /// Also tell of what went well.
    pub verbose: bool,
}

/// Readable on light and dark ground, and red is left for errors.
const COLOURS: [u8; 6] = [36, 33, 35, 32, 34, 96];

/// Returns what each node's lines begin with; empty if there is only one node.
pub(crate) fn prefixes(names: &[&str], options: OutputOptions) -> Vec<Vec<u8>> {
    if names.len() < 2 {
        return vec![Vec::new(); names.len()];
    }
    let width = if options.colour { names.iter().map(|name| name.len()).max().unwrap_or(0) } else { 0 };
    let coloured = |(index, name): (usize, &&str)| {
        let mut prefix = String::new();
        let colour = COLOURS[index % COLOURS.len()];
        // Writing to a String can't fail.
        let _ = match options.colour {
            true => write!(prefix, "\x1b[{colour}m{name:width$} |\x1b[0m "),
            false => write!(prefix, "{name} | "),
        };
        prefix.into_bytes()
    };
    names.iter().enumerate().map(coloured).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_node_has_no_prefix() {
        assert_eq!(prefixes(&["camera"], OutputOptions::default()), [b""]);
    }

    #[test]
    fn plain_prefixes_are_for_grep_and_coloured_ones_line_up() {
        assert_eq!(prefixes(&["a", "bcd"], OutputOptions::default()), [&b"a | "[..], b"bcd | "]);
        let coloured = prefixes(&["a", "bcd"], OutputOptions { colour: true, verbose: false });
        assert_eq!(coloured, [&b"\x1b[36ma   |\x1b[0m "[..], b"\x1b[33mbcd |\x1b[0m "]);
    }
}
