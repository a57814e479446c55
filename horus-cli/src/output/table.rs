//! Columns of text for people.

use super::text::escaped;

/// Rows under headings. Columns of numbers stand to the right.
#[derive(Debug)]
pub(crate) struct Table {
    headings: Vec<Column>,
    rows: Vec<Row>,
}

/// A heading, and how its column stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    right: bool,
}

/// A column of text.
pub(crate) const fn left(title: &'static str) -> Column {
    Column { title, right: false }
}

/// A column of numbers.
pub(crate) const fn right(title: &'static str) -> Column {
    Column { title, right: true }
}

#[derive(Debug)]
enum Row {
    Cells(Vec<String>),
    /// A line that belongs to the row above.
    Note(String),
}

impl Table {
    pub(crate) fn new(headings: impl Into<Vec<Column>>) -> Table {
        Table { headings: headings.into(), rows: Vec::new() }
    }

    /// Adds a row; as many cells as there are headings. What commands a terminal is escaped: others wrote it.
    pub(crate) fn row(&mut self, cells: impl Into<Vec<String>>) {
        let cells: Vec<_> = cells.into().iter().map(|cell| escaped(cell)).collect();
        debug_assert_eq!(cells.len(), self.headings.len());
        self.rows.push(Row::Cells(cells));
    }

    /// Adds a line that belongs to the row above.
    pub(crate) fn note(&mut self, text: String) {
        self.rows.push(Row::Note(escaped(&text)));
    }

    /// Returns the lines; headings in bold if `colour`.
    pub(crate) fn lines(&self, colour: bool) -> Vec<String> {
        self.lines_within(colour, None)
    }

    /// The same, cut where a terminal of so many columns ends.
    pub(crate) fn lines_within(&self, colour: bool, terminal: Option<usize>) -> Vec<String> {
        let titles: Vec<_> = self.headings.iter().map(|heading| heading.title.to_owned()).collect();
        let all = || std::iter::once(&titles).chain(self.rows.iter().filter_map(Row::cells));
        let width = |column: usize| all().map(|cells| cells[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<_> = (0..titles.len()).map(width).collect();
        let lay_out = |cells: &Vec<String>| {
            let mut line = String::new();
            for ((cell, heading), &width) in cells.iter().zip(&self.headings).zip(&widths) {
                if !line.is_empty() {
                    line.push_str("  ");
                }
                line.push_str(&if heading.right {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                });
            }
            line.truncate(line.trim_end().len());
            line
        };
        let cut = |line: String| match terminal {
            Some(columns) if line.chars().count() > columns => {
                line.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
            }
            _ => line,
        };
        let head = cut(lay_out(&titles));
        let head = if colour { format!("\x1b[1m{head}\x1b[0m") } else { head };
        let body = self.rows.iter().map(|row| match row {
            Row::Cells(cells) => cut(lay_out(cells)),
            Row::Note(text) => cut(format!("  {text}")),
        });
        std::iter::once(head).chain(body).collect()
    }
}

impl Row {
    fn cells(&self) -> Option<&Vec<String>> {
        match self {
            Row::Cells(cells) => Some(cells),
            Row::Note(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([left("NAME"), right("RATE"), left("TYPE")]);
        table.row(["camera.rgb".to_owned(), "30".into(), "Image".into()]);
        table.note("pub pid 12".into());
        table.row(["ö".to_owned(), "1000".into(), "\x1b[2J".into()]);
        table
    }

    #[test]
    fn columns_line_up_and_nothing_is_cut() {
        let lines = table().lines(false);
        let expected = [
            "NAME        RATE  TYPE",
            "camera.rgb    30  Image",
            "  pub pid 12",
            "ö           1000  \\u001b[2J",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_terminal_s_lines_end_with_it() {
        let lines = table().lines_within(true, Some(12));
        assert_eq!(lines, ["\x1b[1mNAME       …\x1b[0m", "camera.rgb …", "  pub pid 12", "ö          …"]);
        assert_eq!(table().lines_within(false, Some(40)), table().lines(false));
    }
}
