//! What the program says: answers on stdout, everything else on stderr.
//!
//! `table.rs` for terminals, `classic.rs` for pipes (Celery's text), `json.rs` for `-j`, `progress.rs` for waiting.

pub(super) mod classic;
pub(super) mod colour;
pub(super) mod json;
pub(super) mod meta;
pub(super) mod progress;
pub(super) mod screen;
pub(super) mod table;

use std::ffi::OsString;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::ValueEnum;

use self::colour::ColourChoice;
use self::table::{Canvas, Column};
use crate::protocol::Value;

/// The form of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// Tables on a terminal, else Celery's text
    #[default]
    Auto,
    /// Tables for people
    Table,
    /// Celery's own text, for scripts that read it
    Classic,
    /// One JSON document
    Json,
}

/// Where answers, notes and questions go.
#[derive(Debug, Clone)]
pub(crate) struct Out {
    /// Never `Auto`.
    pub(crate) format: Format,
    /// Results as Python's repr: `--format classic` was asked for, and is not just what a pipe gets.
    pub(crate) python_repr: bool,
    pub(crate) quiet: bool,
    pub(crate) colour_out: bool,
    pub(crate) colour_err: bool,
    /// Columns of the terminal on stdout; none elsewhere.
    pub(crate) columns: Option<usize>,
    pub(crate) stdout_is_terminal: bool,
    pub(crate) stderr_is_terminal: bool,
    pub(crate) unicode: bool,
    pub(crate) dumb: bool,
}

impl Out {
    /// Looks at the streams and the environment.
    pub(crate) fn new(format: Format, colour: ColourChoice, no_color: bool, quiet: bool) -> Self {
        let var = |name: &str| std::env::var_os(name);
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let python_repr = format == Format::Classic;
        let format = match format {
            Format::Auto if out => Format::Table,
            Format::Auto => Format::Classic,
            other => other,
        };
        Self {
            format,
            python_repr,
            quiet,
            colour_out: colour::decide(colour, no_color, out, var),
            colour_err: colour::decide(colour, no_color, err, var),
            columns: out.then(|| columns(&comfy_table::Table::new())),
            stdout_is_terminal: out,
            stderr_is_terminal: err,
            unicode: is_utf8(var),
            dumb: var("TERM").is_none_or(|t| t == "dumb"),
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    pub(crate) fn is_table(&self) -> bool {
        self.format == Format::Table
    }

    /// A line of the answer.
    pub(crate) fn line(&self, text: impl AsRef<str>) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_ref().as_bytes())?;
        stdout.write_all(b"\n")?;
        stdout.flush()
    }

    /// Bytes of the answer, as they are.
    pub(crate) fn raw(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        stdout.flush()
    }

    /// Text with styles, such as help.
    pub(crate) fn styled(&self, text: &clap::builder::StyledStr) -> io::Result<()> {
        if self.colour_out {
            self.raw(text.ansi().to_string().as_bytes())
        } else {
            self.raw(text.to_string().as_bytes())
        }
    }

    /// The answer as a JSON document.
    pub(crate) fn json(&self, value: &Value) -> io::Result<()> {
        self.line(json::line(value))
    }

    /// The answer as a table.
    pub(crate) fn table(&self, columns: &[Column], rows: &[Vec<String>]) -> io::Result<()> {
        self.line(table::render(columns, rows, self.canvas()))
    }

    /// What tables are drawn on.
    pub(crate) fn canvas(&self) -> Canvas {
        Canvas {
            width: self.columns,
            colour: self.colour_out,
            unicode: self.unicode,
        }
    }

    /// How Celery's own text is to look.
    pub(crate) fn look(&self) -> classic::Look {
        classic::Look {
            quiet: self.quiet,
            colour: self.colour_out,
            terminal: self.stdout_is_terminal,
        }
    }

    /// Something worth knowing that is not the answer; not with `-q`.
    pub(crate) fn note(&self, text: impl AsRef<str>) -> io::Result<()> {
        if self.quiet {
            return Ok(());
        }
        writeln!(io::stderr(), "{}", text.as_ref())
    }

    /// Something that may be wrong; not with `-q`.
    pub(crate) fn warn(&self, text: impl AsRef<str>) -> io::Result<()> {
        let warning = colour::paint(self.colour_err, "1;33", "warning:");
        self.note(format!("{warning} {}", text.as_ref()))
    }

    /// An error; `-q` does not silence it.
    pub(crate) fn error(&self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(io::stderr(), "{}", text.as_ref())
    }

    /// Asks on stderr and reads one line; `None` at the end of input. Garbage is asked again.
    pub(crate) fn confirm(&self, question: &str) -> io::Result<Option<bool>> {
        let mut stderr = io::stderr();
        let mut stdin = io::stdin().lock();
        loop {
            write!(stderr, "{question} [y/N] ")?;
            stderr.flush()?;
            let mut answer = String::new();
            if stdin.read_line(&mut answer)? == 0 {
                writeln!(stderr)?;
                return Ok(None);
            }
            match answer.trim().to_lowercase().as_str() {
                "y" | "yes" => return Ok(Some(true)),
                "" | "n" | "no" => return Ok(Some(false)),
                _ => writeln!(stderr, "please answer y or n")?,
            }
        }
    }
}

/// The first eight characters: enough to tell tasks apart on one screen.
pub(crate) fn short_id(id: &str) -> String {
    let id = table::printable(id);
    match id.char_indices().nth(8) {
        Some((end, _)) => id[..end].to_owned(),
        None => id,
    }
}

/// The width of the terminal that a table would be drawn on.
fn columns(table: &comfy_table::Table) -> usize {
    table.width().filter(|w| *w > 0).map_or(80, usize::from)
}

/// Whether the locale says UTF-8. Without any locale the terminal is likely to be a modern one.
fn is_utf8(var: impl Fn(&str) -> Option<OsString>) -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| var(name).filter(|v| !v.is_empty()))
        .is_none_or(|v| {
            let v = v.to_string_lossy().to_lowercase();
            v.contains("utf-8") || v.contains("utf8")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_shortened_by_characters() {
        assert_eq!(short_id("12fbd8ca-0039-4874"), "12fbd8ca");
        assert_eq!(short_id("ééééééééé"), "éééééééé");
        assert_eq!(short_id("x"), "x");
    }

    #[test]
    fn the_locale_decides_on_symbols() {
        let lang = |value: &'static str| move |name: &str| (name == "LANG").then(|| value.into());
        assert!(is_utf8(lang("de_DE.UTF-8")));
        assert!(!is_utf8(lang("C")));
        assert!(is_utf8(|_| None));
    }
}
