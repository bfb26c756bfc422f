//! The lines at the bottom of the screen that change, and those that scroll away above them.

use std::io::{self, Write as _};

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

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
        let target = ProgressDrawTarget::stderr_with_hz(u8::MAX);
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
