//! Columns of text for people.

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

    /// Adds a row; as many cells as there are headings.
    pub(crate) fn row(&mut self, cells: impl Into<Vec<String>>) {
        let cells = cells.into();
        debug_assert_eq!(cells.len(), self.headings.len());
        self.rows.push(Row::Cells(cells));
    }

    /// Adds a line that belongs to the row above.
    pub(crate) fn note(&mut self, text: String) {
        self.rows.push(Row::Note(text));
    }

    /// Returns the lines; headings in bold if `colour`.
    pub(crate) fn lines(&self, colour: bool) -> Vec<String> {
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
        let head = lay_out(&titles);
        let head = if colour { format!("\x1b[1m{head}\x1b[0m") } else { head };
        let body = self.rows.iter().map(|row| match row {
            Row::Cells(cells) => lay_out(cells),
            Row::Note(text) => format!("  {text}"),
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

    #[test]
    fn columns_line_up_and_nothing_is_cut() {
        let mut table = Table::new([left("NAME"), right("RATE"), left("TYPE")]);
        table.row(["camera.rgb".to_owned(), "30".into(), "Image".into()]);
        table.note("pub pid 12".into());
        table.row(["ö".to_owned(), "1000".into(), String::new()]);
        let lines = table.lines(false);
        assert_eq!(
            lines,
            ["NAME        RATE  TYPE", "camera.rgb    30  Image", "  pub pid 12", "ö           1000"]
        );
    }
}
