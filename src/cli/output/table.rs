//! Tables for terminals: upper-case headers, no borders, fitted to the width by shortening what matters least.

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table as Grid, presets};

/// What may happen to a column when the terminal is too narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// Stays whole: names and ids.
    Whole,
    /// May be cut with `…` down to this many characters.
    Shorten(usize),
    /// May go altogether; the highest number goes first.
    Drop(u8),
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) header: &'static str,
    pub(crate) right: bool,
    pub(crate) fit: Fit,
}

impl Column {
    pub(crate) const fn new(header: &'static str) -> Self {
        Self {
            header,
            right: false,
            fit: Fit::Whole,
        }
    }

    pub(crate) const fn right(mut self) -> Self {
        self.right = true;
        self
    }

    pub(crate) const fn fit(mut self, fit: Fit) -> Self {
        self.fit = fit;
        self
    }
}

const GAP: usize = 2;

/// Lays out rows under the columns. `width` is the terminal's; none means that nothing is cut.
pub(crate) fn render(
    columns: &[Column],
    rows: &[Vec<String>],
    width: Option<usize>,
    colour: bool,
) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|c| printable(c)).collect())
        .collect();
    let mut widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(i, column)| {
            let cells = rows
                .iter()
                .filter_map(|row| row.get(i))
                .map(|c| c.chars().count());
            cells.max().unwrap_or(0).max(column.header.len())
        })
        .collect();
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    if let Some(width) = width {
        shrink(columns, &mut widths, &mut kept, width);
    }

    let mut grid = Grid::new();
    grid.load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    if colour {
        grid.enforce_styling();
    } else {
        grid.force_no_tty();
    }
    grid.set_header(kept.iter().map(|&i| {
        let cell = Cell::new(columns[i].header);
        let cell = if colour {
            cell.add_attribute(Attribute::Bold)
        } else {
            cell
        };
        align(cell, columns[i])
    }));
    for row in &rows {
        grid.add_row(kept.iter().map(|&i| {
            let text = row.get(i).map_or("", String::as_str);
            align(Cell::new(cut(text, widths[i])), columns[i])
        }));
    }
    for column in grid.column_iter_mut() {
        column.set_padding((0, GAP as u16));
    }
    grid.trim_fmt()
}

fn align(cell: Cell, column: Column) -> Cell {
    cell.set_alignment(if column.right {
        CellAlignment::Right
    } else {
        CellAlignment::Left
    })
}

/// Shortens, then drops, until the line fits or nothing more may go.
fn shrink(columns: &[Column], widths: &mut [usize], kept: &mut Vec<usize>, width: usize) {
    let total = |widths: &[usize], kept: &[usize]| {
        kept.iter().map(|&i| widths[i]).sum::<usize>() + GAP * kept.len().saturating_sub(1)
    };
    loop {
        let over = total(widths, kept).saturating_sub(width);
        if over == 0 {
            return;
        }
        // The widest column with something to give goes first, so that no cell is cut to bits while another is long.
        let give = kept
            .iter()
            .filter_map(|&i| match columns[i].fit {
                Fit::Shorten(least) if widths[i] > least => Some((widths[i] - least, i)),
                _ => None,
            })
            .max();
        if let Some((room, i)) = give {
            widths[i] -= room.min(over);
            continue;
        }
        let droppable = kept.iter().filter_map(|&i| match columns[i].fit {
            Fit::Drop(rank) => Some((rank, i)),
            _ => None,
        });
        let Some((_, gone)) = droppable.max() else {
            return;
        };
        kept.retain(|&i| i != gone);
    }
}

/// The first `width` characters, the last of them `…` if something is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(width.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// One line of text without anything that steers a terminal: what a remote worker says is not trusted.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        Column::new("NODE"),
        Column::new("ARGS").fit(Fit::Shorten(6)),
        Column::new("DONE").right(),
        Column::new("SOFTWARE").fit(Fit::Drop(1)),
    ];

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        vec![
            row(["w1@box", "[1, 2, 3, 4, 5, 6]", "18", "py-celery 5.7.0"]),
            row(["w2@box", "[]", "3", "rcelery 0.1.0"]),
        ]
    }

    #[test]
    fn columns_line_up_without_trailing_blanks() {
        assert_eq!(
            render(COLUMNS, &rows(), None, false),
            "NODE    ARGS                DONE  SOFTWARE\n\
             w1@box  [1, 2, 3, 4, 5, 6]    18  py-celery 5.7.0\n\
             w2@box  []                     3  rcelery 0.1.0"
        );
    }

    #[test]
    fn a_narrow_terminal_shortens_then_drops() {
        assert_eq!(
            render(COLUMNS, &rows(), Some(45), false),
            "NODE    ARGS            DONE  SOFTWARE\n\
             w1@box  [1, 2, 3, 4, …    18  py-celery 5.7.0\n\
             w2@box  []                 3  rcelery 0.1.0"
        );
        let narrow = render(COLUMNS, &rows(), Some(24), false);
        assert!(!narrow.contains("SOFTWARE"), "{narrow}");
        assert!(narrow.lines().all(|l| l.chars().count() <= 24), "{narrow}");
    }

    #[test]
    fn what_may_not_go_stays_whole() {
        let narrow = render(COLUMNS, &rows(), Some(1), false);
        assert!(narrow.contains("w1@box"), "{narrow}");
    }

    #[test]
    fn only_the_header_is_bold() {
        let text = render(&COLUMNS[..1], &[vec!["w1@box".to_owned()]], None, true);
        assert!(text.contains("\x1b[1mNODE"), "{text:?}");
        assert!(text.ends_with("w1@box"), "{text:?}");
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("a\x1b[31m\nb"), "a\\u{1b}[31m\\nb");
    }
}
