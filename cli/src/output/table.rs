//! Plain tables for the terminal.

use super::text::cut;

/// Columns of text, the numeric ones to the right, two spaces between; the last column is as wide as it likes.
pub struct Table {
    headings: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
}

/// No column but the last is wider.
const CELL_CHARS_MAX: usize = 40;

impl Table {
    pub fn new(headings: &[(&'static str, Side)]) -> Self {
        Self { headings: headings.to_vec(), rows: vec![] }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<_> = cells.into_iter().collect();
        assert_eq!(cells.len(), self.headings.len(), "a row has a cell for each heading");
        self.rows.push(cells);
    }

    pub fn render(&self) -> String {
        let last = self.headings.len().saturating_sub(1);
        let cell = |text: &str, column: usize| match column {
            column if column == last => text.to_owned(),
            _ => cut(text, CELL_CHARS_MAX).into_owned(),
        };
        let heading = self.headings.iter().map(|(heading, _)| (*heading).to_owned()).collect();
        let rows = std::iter::once(&heading).chain(&self.rows);
        let rows: Vec<Vec<String>> =
            rows.map(|row: &Vec<String>| row.iter().enumerate().map(|(i, text)| cell(text, i)).collect()).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<_> = (0..self.headings.len()).map(width).collect();
        let mut text = String::new();
        for row in &rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let padding = " ".repeat(widths[column] - cell.chars().count());
                match self.headings[column].1 {
                    Side::Left => line.extend([cell.as_str(), &padding]),
                    Side::Right => line.extend([padding.as_str(), cell]),
                }
                line.push_str("  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&[("name", Side::Left), ("n", Side::Right), ("what", Side::Left)]);
        table.row(["ä".to_owned(), "1".to_owned(), "short".to_owned()]);
        table.row(["b".repeat(60), "1,000".to_owned(), "w".repeat(60)]);
        assert_snapshot!(table.render(), @r#"
        name                                          n  what
        ä                                             1  short
        bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…  1,000  wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww
        "#);
    }
}
