//! The lines at the bottom of the screen that change, and those that scroll away above them.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

/// What is drawn on the terminal of stderr.
#[derive(Debug)]
pub(super) struct Screen {
    /// All lines are one bar's message: one write draws them, and one erases them.
    lines: ProgressBar,
    term: Term,
    /// Said, and not yet written.
    above: Vec<String>,
}

impl Screen {
    pub(super) fn new() -> Self {
        // We draw ten times a second; its own limit must not leave out the last drawing.
        let target = ProgressDrawTarget::term_like_with_hz(
            Box::new(Unpadded {
                term: Term::buffered_stderr(),
                line_is_full: AtomicBool::new(false),
            }),
            u8::MAX,
        );
        let style = ProgressStyle::with_template("{msg}").expect("the template is well-formed");
        Self {
            lines: ProgressBar::with_draw_target(None, target).with_style(style),
            term: Term::stderr(),
            above: Vec::new(),
        }
    }

    /// Rows and columns at this moment.
    pub(super) fn size(&self) -> (usize, usize) {
        match self.term.size_checked() {
            Some((rows, columns)) if rows > 0 && columns > 0 => (rows.into(), columns.into()),
            _ => (24, 80),
        }
    }

    /// Leaves a line above the others at the next drawing.
    pub(super) fn say(&mut self, line: String) {
        self.above.push(line);
    }

    /// Draws these lines in the place of those that are there.
    pub(super) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let above = std::mem::take(&mut self.above);
        if !above.is_empty() {
            self.beside(|| write_lines(&above))?;
        }
        self.lines.set_message(lines.join("\n"));
        Ok(())
    }

    /// Runs something that writes to the terminal, with nothing of ours on it.
    pub(super) fn beside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.lines.suspend(write)
    }

    /// Removes the lines; what was said stays.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        if !self.lines.is_finished() {
            self.lines.finish_and_clear();
        }
        write_lines(&std::mem::take(&mut self.above))
    }
}

fn write_lines(lines: &[String]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut text = lines.join("\n");
    text.push('\n');
    io::stderr().write_all(text.as_bytes())
}

/// The terminal of stderr, with line breaks in the place of the blanks that fill up a line to make the terminal begin the
/// next. Behind the last line there is nothing, and the cursor stays there: else the `^C` that the terminal echoes would
/// begin a line, and what is erased would be the wrong one.
#[derive(Debug)]
struct Unpadded {
    term: Term,
    line_is_full: AtomicBool,
}

impl TermLike for Unpadded {
    fn width(&self) -> u16 {
        self.term.size().1
    }

    fn height(&self) -> u16 {
        self.term.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.line_is_full.store(false, Ordering::Relaxed);
        self.term.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        if text.trim_end_matches(' ').is_empty() {
            self.line_is_full.store(true, Ordering::Relaxed);
            return Ok(());
        }
        if self.line_is_full.swap(false, Ordering::Relaxed) {
            self.term.write_str("\n")?;
        }
        self.term.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.term.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.line_is_full.store(false, Ordering::Relaxed);
        self.term.flush()
    }
}
