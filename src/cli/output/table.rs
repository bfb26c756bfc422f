//! Tables for terminals: upper-case headers, no borders, fitted to the width by giving up what matters least.

use comfy_table::presets;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table as Grid};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// One column. It stays whole unless it says what may happen to it on a narrow terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    header: &'static str,
    right: bool,
    /// When it may be cut, and down to how many characters.
    shorten: Option<(u8, usize)>,
    /// When it may go altogether.
    drop: Option<u8>,
    tone: Option<fn(&str) -> Tone>,
}

/// How a cell is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Odd,
    Bad,
}

impl Column {
    pub(crate) const fn new(header: &'static str) -> Self {
        Self {
            header,
            right: false,
            shorten: None,
            drop: None,
            tone: None,
        }
    }

    /// Aligns it to the right: numbers.
    pub(crate) const fn right(mut self) -> Self {
        self.right = true;
        self
    }

    /// Lets it be cut with `…` down to `least` characters, once all columns of a lower rank have given way.
    pub(crate) const fn shorten(mut self, rank: u8, least: usize) -> Self {
        self.shorten = Some((rank, least));
        self
    }

    /// Lets it go altogether, once all columns of a lower rank have given way.
    pub(crate) const fn drop(mut self, rank: u8) -> Self {
        self.drop = Some(rank);
        self
    }

    /// Colours its cells by what they say.
    pub(crate) const fn tone(mut self, tone: fn(&str) -> Tone) -> Self {
        self.tone = Some(tone);
        self
    }
}

/// What a table is drawn on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Canvas {
    /// Columns of the terminal; none means that nothing is cut.
    pub(crate) width: Option<usize>,
    pub(crate) colour: bool,
    /// Whether `…` can be shown.
    pub(crate) unicode: bool,
}

const GAP: usize = 2;

/// Lays out rows under the columns.
pub(crate) fn render(columns: &[Column], rows: &[Vec<String>], canvas: Canvas) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|c| printable(c)).collect())
        .collect();
    let mut widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(i, column)| {
            let cells = rows.iter().filter_map(|row| row.get(i)).map(|c| c.width());
            cells.max().unwrap_or(0).max(column.header.len())
        })
        .collect();
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    if let Some(width) = canvas.width {
        shrink(columns, &mut widths, &mut kept, width);
    }

    let mut grid = Grid::new();
    grid.load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    if canvas.colour {
        grid.enforce_styling();
    } else {
        grid.force_no_tty();
    }
    grid.set_header(kept.iter().map(|&i| {
        let cell = Cell::new(columns[i].header);
        let cell = if canvas.colour {
            cell.add_attribute(Attribute::Bold)
        } else {
            cell
        };
        align(cell, columns[i])
    }));
    for row in &rows {
        grid.add_row(kept.iter().map(|&i| {
            let text = row.get(i).map_or("", String::as_str);
            let cell = Cell::new(shortened(text, widths[i], canvas.unicode));
            let tone = columns[i].tone.map_or(Tone::Plain, |tone| tone(text));
            align(painted(cell, tone), columns[i])
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

fn painted(cell: Cell, tone: Tone) -> Cell {
    match tone {
        Tone::Plain => cell,
        Tone::Good => cell.fg(Color::DarkGreen),
        Tone::Odd => cell.fg(Color::DarkYellow),
        Tone::Bad => cell.fg(Color::DarkRed),
    }
}

/// Lets columns give way in the order of their ranks, until the line fits or nothing more may go.
fn shrink(columns: &[Column], widths: &mut [usize], kept: &mut Vec<usize>, width: usize) {
    let over = |widths: &[usize], kept: &[usize]| {
        let total = kept.iter().map(|&i| widths[i]).sum::<usize>();
        (total + GAP * kept.len().saturating_sub(1)).saturating_sub(width)
    };
    let mut steps: Vec<(u8, usize, Option<usize>)> = Vec::new();
    for (i, column) in columns.iter().enumerate() {
        steps.extend(column.shorten.map(|(rank, least)| (rank, i, Some(least))));
        steps.extend(column.drop.map(|rank| (rank, i, None)));
    }
    steps.sort_by_key(|(rank, ..)| *rank);
    for (_, i, least) in steps {
        let over = over(widths, kept);
        if over == 0 {
            return;
        }
        match least {
            Some(least) => {
                let least = least.max(columns[i].header.len());
                widths[i] -= widths[i].saturating_sub(least).min(over);
            }
            None => kept.retain(|&k| k != i),
        }
    }
}

/// As many characters as fit into `width` columns, the last of them `…` if something is missing, or `~` where the terminal
/// has no such thing.
pub(crate) fn shortened(text: &str, width: usize, unicode: bool) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let mut out = String::new();
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if wide > room {
            break;
        }
        room -= wide;
        out.push(c);
    }
    if width > 0 {
        out.push(if unicode { '…' } else { '~' });
    }
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
        Column::new("ARGS").shorten(3, 6),
        Column::new("DONE").right(),
        Column::new("UPTIME").drop(2),
        Column::new("SOFTWARE").drop(1),
    ];

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 5]| cells.map(str::to_owned).to_vec();
        vec![
            row([
                "w1@box",
                "[1, 2, 3, 4, 5, 6]",
                "18",
                "2m 5s",
                "py-celery 5.7.0",
            ]),
            row(["w2@box", "[]", "3", "41s", "rcelery 0.1.0"]),
        ]
    }

    fn on(width: usize) -> String {
        render(COLUMNS, &rows(), canvas(Some(width)))
    }

    fn canvas(width: Option<usize>) -> Canvas {
        Canvas {
            width,
            colour: false,
            unicode: true,
        }
    }

    #[test]
    fn columns_line_up_without_trailing_blanks() {
        let expected = "\
NODE    ARGS                DONE  UPTIME  SOFTWARE
w1@box  [1, 2, 3, 4, 5, 6]    18  2m 5s   py-celery 5.7.0
w2@box  []                     3  41s     rcelery 0.1.0";
        assert_eq!(render(COLUMNS, &rows(), canvas(None)), expected);
        assert_eq!(on(57), expected);
    }

    #[test]
    fn columns_give_way_in_a_fixed_order() {
        assert_eq!(
            on(56),
            "\
NODE    ARGS                DONE  UPTIME
w1@box  [1, 2, 3, 4, 5, 6]    18  2m 5s
w2@box  []                     3  41s"
        );
        assert_eq!(
            on(39),
            "\
NODE    ARGS                DONE
w1@box  [1, 2, 3, 4, 5, 6]    18
w2@box  []                     3"
        );
        assert_eq!(
            on(24),
            "\
NODE    ARGS        DONE
w1@box  [1, 2, 3,…    18
w2@box  []             3"
        );
    }

    #[test]
    fn what_may_not_go_stays_whole() {
        assert_eq!(on(1).lines().nth(1), Some("w1@box  [1, 2…    18"));
    }

    #[test]
    fn an_ascii_terminal_gets_no_ellipsis() {
        let canvas = Canvas {
            unicode: false,
            ..canvas(Some(24))
        };
        assert!(render(COLUMNS, &rows(), canvas).is_ascii());
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(shortened("漢字漢字", 5, true), "漢字…");
        assert_eq!(shortened("漢字", 4, true), "漢字");
        assert_eq!(shortened("abc", 0, true), "");
    }

    #[test]
    fn only_the_header_is_bold_and_cells_have_their_tone() {
        let tone = |text: &str| match text {
            "online" => Tone::Good,
            _ => Tone::Bad,
        };
        let columns = [Column::new("NODE"), Column::new("STATUS").tone(tone)];
        let rows = [
            vec!["w1@box".to_owned(), "online".to_owned()],
            vec!["w2@box".to_owned(), "no reply".to_owned()],
        ];
        let colour = Canvas {
            colour: true,
            ..Canvas::default()
        };
        let text = render(&columns, &rows, colour);
        assert!(text.contains("\x1b[1mNODE"), "{text:?}");
        assert!(text.contains("\x1b[38;5;2monline"), "{text:?}");
        assert!(text.contains("\x1b[38;5;1mno reply"), "{text:?}");
        assert!(!render(&columns, &rows, Canvas::default()).contains('\x1b'));
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("a\x1b[31m\nb"), "a\\u{1b}[31m\\nb");
    }
}
