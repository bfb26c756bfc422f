//! How lines are drawn: width, colours, symbols of the terminal.

use super::super::colour::paint;

const SPINNER_UTF8: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const SPINNER_ASCII: [&str; 4] = ["|", "/", "-", "\\"];

/// The terminal and the moment for which lines are made.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) colour: bool,
    pub(super) unicode: bool,
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// Several tasks share the screen.
    pub(super) many: bool,
    /// Counts the drawings: the spinner turns with it.
    pub(super) turn: usize,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            colour: false,
            unicode: true,
            columns: 80,
            rows: 24,
            many: false,
            turn: 0,
        }
    }
}

impl Look {
    /// The columns that a line may take: the last would make some terminals begin another line, and `^C` may be echoed
    /// behind the text.
    pub(super) fn width(&self) -> usize {
        self.columns.saturating_sub(3)
    }

    /// The spinner at this moment.
    pub(super) fn spinner(&self) -> &'static str {
        if self.unicode {
            SPINNER_UTF8[self.turn % SPINNER_UTF8.len()]
        } else {
            SPINNER_ASCII[self.turn % SPINNER_ASCII.len()]
        }
    }

    /// The mark of a task that is done.
    pub(super) fn mark(&self, good: bool) -> &'static str {
        match (good, self.unicode) {
            (true, true) => "✔",
            (true, false) => "+",
            (false, true) => "✘",
            (false, false) => "x",
        }
    }

    /// What stands for what was cut off.
    pub(super) fn ellipsis(&self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }

    /// Text of at most so many columns.
    pub(super) fn cut(&self, text: &str, width: usize) -> String {
        console::truncate_str(text, width, self.ellipsis()).into_owned()
    }

    /// A bar of which this share is done: the number of its columns depends on the terminal's alone.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share between 0 and 1 of a small number"
    )]
    pub(super) fn bar(&self, share: f64) -> String {
        let length = match self.columns {
            0..60 => 8,
            60..100 => 16,
            100..140 => 28,
            _ => 40,
        };
        let [done, head, rest] = if self.unicode {
            ["━", "╸", "─"]
        } else {
            ["=", ">", "-"]
        };
        let full = (share.clamp(0.0, 1.0) * length as f64) as usize;
        let tip = usize::from(share > 0.0 && full < length);
        let begun = format!("{}{}", done.repeat(full), head.repeat(tip));
        let rest = rest.repeat(length - full - tip);
        let part = |code: &str, text: &str| match text {
            "" => String::new(),
            text => paint(self.colour, code, text),
        };
        format!("{}{}", part("32", &begun), part("2", &rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_empty_at_nothing_and_full_at_all() {
        let look = Look {
            columns: 40,
            ..Look::default()
        };
        assert_eq!(look.bar(0.0), "────────");
        assert_eq!(look.bar(0.01), "╸───────");
        assert_eq!(look.bar(0.5), "━━━━╸───");
        assert_eq!(look.bar(1.0), "━━━━━━━━");
        assert_eq!(look.bar(7.0), "━━━━━━━━");
    }

    #[test]
    fn a_plain_terminal_gets_ascii_and_no_escapes() {
        let look = Look {
            unicode: false,
            turn: 3,
            ..Look::default()
        };
        let all = [
            &look.bar(0.5),
            look.spinner(),
            look.mark(true),
            look.mark(false),
            &look.cut("a long name", 6),
        ]
        .join(" ");
        assert_eq!(all, "========>------- \\ + x a l...");
    }
}
