//! What a program reads and writes: bounded, whatever it does.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::ChildStdin;
use tokio_util::sync::CancellationToken;

use super::definition::{Level, Output};
use crate::protocol::Value;
use crate::protocol::codec::json;
use crate::task::TaskError;

/// Bytes read at once: a pipe of Linux holds 64 KiB.
const CHUNK: usize = 16 * 1024;
/// How much of the end of standard error a failure shows.
const TAIL: usize = 4 * 1024;
/// A longer line of standard error is cut in the log.
const LOGGED_LINE: usize = 2_000;
/// More lines of standard error are not logged.
const LOGGED_LINES: u32 = 1_000;

/// Writes the request and closes the pipe. A program that does not read it is none the worse.
pub(super) async fn feed(stdin: Option<ChildStdin>, document: &[u8]) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(document).await;
        let _ = stdin.shutdown().await;
    }
}

/// Reads up to `most` bytes; cancels `too_much` when there are more.
pub(super) async fn gather(
    from: Option<impl AsyncRead + Unpin>,
    into: &mut Vec<u8>,
    most: usize,
    too_much: &CancellationToken,
) {
    let Some(mut from) = from else { return };
    let mut chunk = vec![0; CHUNK];
    while let Ok(n @ 1..) = from.read(&mut chunk).await {
        let room = most - into.len();
        into.extend_from_slice(&chunk[..n.min(room)]);
        if n > room {
            too_much.cancel();
            return;
        }
    }
}

/// The result that standard output stands for. Bytes that are no UTF-8 become U+FFFD.
pub(super) fn result(how: Output, bytes: &[u8]) -> Result<Value, TaskError> {
    let as_text = || {
        let text = String::from_utf8_lossy(bytes);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        Value::from(text.strip_suffix('\r').unwrap_or(text))
    };
    if how == Output::None {
        return Ok(Value::Null);
    }
    let is_empty = bytes.trim_ascii().is_empty();
    match how {
        Output::Text => Ok(as_text()),
        _ if is_empty => Ok(Value::Null),
        Output::Json => json::from_slice(bytes.trim_ascii()).map_err(|error| {
            TaskError::exception(
                "builtins",
                "ValueError",
                &format!("the output is not the JSON that it should be: {error}"),
            )
        }),
        _ => Ok(json::from_slice(bytes.trim_ascii()).unwrap_or_else(|_| as_text())),
    }
}

/// Splits what comes in pieces into lines of bounded length.
#[derive(Debug)]
pub(super) struct Lines {
    line: Vec<u8>,
    most: usize,
    is_cut: bool,
    ends: &'static [u8],
}

impl Lines {
    /// Lines of at most `most` bytes, ended by any of `ends`.
    pub(super) fn new(most: usize, ends: &'static [u8]) -> Self {
        Self {
            line: Vec::new(),
            most,
            is_cut: false,
            ends,
        }
    }

    /// Takes a piece in; `each` gets the lines that are complete, and whether they were cut. Empty ones are left out.
    pub(super) fn push(&mut self, piece: &[u8], mut each: impl FnMut(&[u8], bool)) {
        let mut pieces = piece.split_inclusive(|b| self.ends.contains(b));
        for part in &mut pieces {
            let (text, ended) = match part.split_last() {
                Some((last, text)) if self.ends.contains(last) => (text, true),
                _ => (part, false),
            };
            let room = self.most - self.line.len();
            self.is_cut |= text.len() > room;
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if ended {
                self.flush(&mut each);
            }
        }
    }

    /// The last line, which need not have an end.
    pub(super) fn flush(&mut self, mut each: impl FnMut(&[u8], bool)) {
        if !self.line.is_empty() {
            each(&self.line, self.is_cut);
        }
        self.line.clear();
        self.is_cut = false;
    }
}

/// The end of standard error.
#[derive(Debug, Default)]
pub(super) struct Tail(VecDeque<u8>);

impl Tail {
    fn push(&mut self, piece: &[u8]) {
        self.0.extend(piece);
        let surplus = self.0.len().saturating_sub(TAIL);
        self.0.drain(..surplus);
    }

    /// Its text, without the blank around it; cut at a line if there was more.
    pub(super) fn text(&mut self) -> String {
        let is_cut = self.0.len() == TAIL;
        let bytes: &[u8] = self.0.make_contiguous();
        let text = String::from_utf8_lossy(bytes);
        let text = match text.split_once('\n') {
            Some((_, whole)) if is_cut => whole,
            _ => &text,
        };
        text.trim().to_owned()
    }
}

/// Logs the lines of standard error, and keeps the end.
pub(super) async fn follow(from: Option<impl AsyncRead + Unpin>, tail: &mut Tail, level: Level) {
    let Some(mut from) = from else { return };
    let mut chunk = vec![0; CHUNK];
    let mut lines = Lines::new(LOGGED_LINE, b"\n\r");
    let mut count = 0;
    let mut say = |line: &[u8], is_cut: bool| {
        count += 1;
        if count <= LOGGED_LINES {
            let more = if is_cut { "…" } else { "" };
            log(level, &format!("{}{more}", printable(line)));
        } else if count == LOGGED_LINES + 1 {
            log(level, "further lines on standard error are not logged");
        }
    };
    while let Ok(n @ 1..) = from.read(&mut chunk).await {
        tail.push(&chunk[..n]);
        lines.push(&chunk[..n], &mut say);
    }
    lines.flush(&mut say);
}

fn log(level: Level, line: &str) {
    match level {
        Level::Off => {}
        Level::Debug => tracing::debug!("{line}"),
        Level::Info => tracing::info!("{line}"),
        Level::Warning => tracing::warn!("{line}"),
    }
}

/// A line as text in which nothing moves the cursor or changes colours.
pub(super) fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_json_if_it_is_json_else_text() {
        let auto = |text: &str| result(Output::Auto, text.as_bytes()).unwrap();
        assert_eq!(auto("{\"a\": 1}\n"), Value::from([("a", 1.into())]));
        assert_eq!(auto(" 42 \n"), 42.into());
        assert_eq!(auto("null"), Value::Null);
        assert_eq!(auto("done\n"), "done".into());
        assert_eq!(auto("a\nb\r\n"), "a\nb".into());
        assert_eq!(auto("two\n\n"), "two\n".into());
        assert_eq!(auto(""), Value::Null);
        assert_eq!(auto("\n"), Value::Null);
        assert_eq!(
            result(Output::Auto, b"caf\xe9\n").unwrap(),
            "caf\u{fffd}".into()
        );
    }

    #[test]
    fn output_may_be_forced() {
        assert_eq!(result(Output::Text, b"42\n").unwrap(), "42".into());
        assert_eq!(result(Output::Text, b"").unwrap(), "".into());
        assert_eq!(result(Output::None, b"42\n").unwrap(), Value::Null);
        assert_eq!(
            result(Output::Json, b"[1]\n").unwrap(),
            vec![Value::from(1)].into()
        );
        let error = result(Output::Json, b"oops").unwrap_err().to_string();
        assert!(
            error.starts_with("ValueError: the output is not the JSON"),
            "{error}"
        );
    }

    #[test]
    fn lines_come_in_any_pieces_and_are_cut() {
        let mut lines = Lines::new(5, b"\n\r");
        let mut seen = Vec::new();
        for piece in ["ab", "c\nde", "\r\n\n", "1234567", "89\nend"] {
            lines.push(piece.as_bytes(), |line, is_cut| {
                seen.push((String::from_utf8_lossy(line).into_owned(), is_cut));
            });
        }
        lines.flush(|line, is_cut| {
            seen.push((String::from_utf8_lossy(line).into_owned(), is_cut));
        });
        let shown: Vec<(&str, bool)> = seen.iter().map(|(l, c)| (l.as_str(), *c)).collect();
        assert_eq!(
            shown,
            [
                ("abc", false),
                ("de", false),
                ("12345", true),
                ("end", false)
            ]
        );
    }

    #[test]
    fn the_tail_is_the_end_from_a_whole_line_on() {
        let mut tail = Tail::default();
        tail.push(b"first\nlast\n");
        assert_eq!(tail.text(), "first\nlast");
        for n in 0..2000 {
            tail.push(format!("line {n}\n").as_bytes());
        }
        let text = tail.text();
        assert!(text.len() <= TAIL && text.starts_with("line ") && text.ends_with("line 1999"));
    }

    #[test]
    fn control_characters_do_not_reach_the_log() {
        assert_eq!(printable(b"a\x1b[31mb\tc\xff"), "a\u{fffd}[31mb c\u{fffd}");
    }
}
