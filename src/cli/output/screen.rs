//! A block of text that is drawn again in place, at the end of what the terminal shows.

use std::io::{self, Write as _};

use terminal_size::{Height, Width, terminal_size};

/// Auto-wrap off and on: a line that is too long must stay one line, or the next drawing starts in the wrong place.
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";
const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";

/// What a terminal of unknown size is taken for.
const SIZE: (usize, usize) = (80, 24);

/// The block. The terminal is as it was when this is dropped, with the last drawing left on it.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    drawn: usize,
    size: Option<(usize, usize)>,
}

impl Screen {
    /// Columns and rows of the terminal, as they are now.
    pub(crate) fn size() -> (usize, usize) {
        terminal_size().map_or(SIZE, |(Width(columns), Height(rows))| {
            (usize::from(columns), usize::from(rows))
        })
    }

    /// Replaces what was drawn before by `lines`; those that don't fit on the screen are counted instead.
    pub(crate) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let size = Self::size();
        let text = self.frame(lines, size);
        self.size = Some(size);
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    fn frame(&mut self, lines: &[String], size: (usize, usize)) -> String {
        let mut text = String::from(HIDE_CURSOR);
        text.push_str(NO_WRAP);
        if self.size.is_some_and(|before| before != size) {
            // The terminal has laid the lines out anew: nobody knows where the block begins.
            text.push_str("\x1b[2J\x1b[H");
        } else if self.drawn > 0 {
            text.push_str(&format!("\r\x1b[{}A", self.drawn));
        }
        // The cursor stands on the line below the block.
        let room = size.1.saturating_sub(1).max(1);
        let (shown, more) = if lines.len() > room {
            (&lines[..room - 1], lines.len() - room + 1)
        } else {
            (lines, 0)
        };
        for line in shown {
            text.push_str(line);
            text.push_str("\x1b[K\n");
        }
        self.drawn = shown.len();
        if more > 0 {
            text.push_str(&format!("({more} more lines)\x1b[K\n"));
            self.drawn += 1;
        }
        text.push_str("\x1b[J");
        text.push_str(WRAP);
        text
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.size.is_some() {
            // Without the `^C` that the terminal has echoed.
            let mut stdout = io::stdout().lock();
            let _ = write!(stdout, "\r\x1b[K{WRAP}{SHOW_CURSOR}");
            let _ = stdout.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(n: usize) -> Vec<String> {
        (0..n).map(|n| format!("line {n}")).collect()
    }

    #[test]
    fn the_next_drawing_starts_where_the_last_one_did() {
        let mut screen = Screen::default();
        let first = screen.frame(&lines(3), (80, 24));
        assert!(
            !first.contains("A\x1b") && !first.contains("\x1b[3A"),
            "{first:?}"
        );
        screen.size = Some((80, 24));
        let second = screen.frame(&lines(1), (80, 24));
        assert!(
            second.contains("\r\x1b[3Aline 0\x1b[K\n\x1b[J"),
            "{second:?}"
        );
        let third = screen.frame(&lines(1), (80, 24));
        assert!(third.contains("\r\x1b[1Aline 0"), "{third:?}");
        screen.size = None;
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut screen = Screen::default();
        let text = screen.frame(&lines(30), (80, 10));
        assert!(text.contains("line 7\x1b[K\n(22 more lines)"), "{text:?}");
        assert!(!text.contains("line 8"), "{text:?}");
        assert_eq!(screen.drawn, 9);
    }

    #[test]
    fn another_size_clears_the_screen() {
        let mut screen = Screen::default();
        screen.frame(&lines(3), (80, 24));
        screen.size = Some((80, 24));
        let text = screen.frame(&lines(3), (60, 24));
        assert!(text.contains("\x1b[2J\x1b[Hline 0"), "{text:?}");
        screen.size = None;
    }
}
