//! Python's text forms of values.
//!
//! Mirrors `celery.utils.saferepr` (for `argsrepr`, events and logs) and Python's own `repr` and `str`.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use jiff::tz::Offset;

use crate::protocol::time;
use crate::protocol::{Map, Value};

/// Characters that `saferepr` may spend (`Task.resultrepr_maxsize`, `AMQP.argsrepr_maxsize`).
const MAX_LENGTH: usize = 1024;
/// Containers nested deeper are shown as `[...]`.
const MAX_LEVELS: usize = 3;

/// `saferepr` of positional arguments, as a tuple: `(1, 'a')`.
#[must_use]
pub fn args_repr(args: &[Value]) -> String {
    let mut out = SafeRepr::new();
    let end = if args.len() == 1 { ",)" } else { ")" };
    let _ = out.sequence("(", end, args);
    out.text
}

/// `saferepr` of keyword arguments: `{'x': 1}`.
#[must_use]
pub fn kwargs_repr(kwargs: &Map) -> String {
    let mut out = SafeRepr::new();
    let _ = out.dict(kwargs);
    out.text
}

/// `saferepr` of one value, at most 1024 characters and three levels.
#[must_use]
pub fn saferepr(value: &Value) -> String {
    let mut out = SafeRepr::new();
    let _ = out.value(value);
    out.text
}

/// The budget is used up: nothing follows but closing brackets.
struct Full;

/// Text that grows until the budget is used up. Closing brackets are free.
struct SafeRepr {
    text: String,
    left: usize,
    level: usize,
}

impl SafeRepr {
    fn new() -> Self {
        Self {
            text: String::new(),
            left: MAX_LENGTH,
            level: 0,
        }
    }

    fn value(&mut self, value: &Value) -> Result<(), Full> {
        match value {
            Value::List(items) => self.sequence("[", "]", items),
            Value::Map(map) => self.dict(map),
            Value::Str(s) => self.quoted(s),
            Value::Bytes(bytes) => self.bytes(bytes),
            other => {
                self.reserve()?;
                let text = pyrepr(other);
                let shown = truncate(&text, self.left).unwrap_or(text);
                self.spend(&shown);
                Ok(())
            }
        }
    }

    fn sequence(&mut self, start: &str, end: &str, items: &[Value]) -> Result<(), Full> {
        if !self.open(start, end)? {
            return Ok(());
        }
        let mut result = Ok(());
        for (i, item) in items.iter().enumerate() {
            result = self.separator(i).and_then(|()| self.value(item));
            if result.is_err() {
                break;
            }
        }
        self.close(end);
        result
    }

    fn dict(&mut self, map: &Map) -> Result<(), Full> {
        if !self.open("{", "}")? {
            return Ok(());
        }
        let mut result = Ok(());
        for (i, (key, item)) in map.iter().enumerate() {
            result = self
                .separator(i)
                .and_then(|()| self.quoted(key))
                .and_then(|()| self.literal(": "))
                .and_then(|()| self.value(item));
            if result.is_err() {
                break;
            }
        }
        self.close("}");
        result
    }

    /// Opens a container; `false` if it was too deep and is already shown.
    fn open(&mut self, start: &str, end: &str) -> Result<bool, Full> {
        if self.level >= MAX_LEVELS {
            self.literal(&format!("{start}...{end}"))?;
            return Ok(false);
        }
        self.literal(start)?;
        self.level += 1;
        Ok(true)
    }

    fn close(&mut self, end: &str) {
        self.spend(end);
        self.level -= 1;
    }

    fn separator(&mut self, index: usize) -> Result<(), Full> {
        if index > 0 {
            self.literal(", ")
        } else {
            Ok(())
        }
    }

    fn literal(&mut self, text: &str) -> Result<(), Full> {
        self.reserve()?;
        self.spend(text);
        Ok(())
    }

    /// Only single quotes are escaped.
    fn quoted(&mut self, s: &str) -> Result<(), Full> {
        self.reserve()?;
        let cut = truncate(s, self.left);
        let shown = cut.as_deref().unwrap_or(s).replace('\'', "\\'");
        self.spend(&format!("'{shown}'"));
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.reserve()?;
        let (shown, ellipsis) = match bytes.get(..self.left) {
            Some(chunk) if chunk.len() < bytes.len() => (chunk, "..."),
            _ => (bytes, ""),
        };
        let text = match std::str::from_utf8(shown) {
            Ok(text) => format!("b'{text}{ellipsis}'"),
            Err(_) => {
                let mut hex = String::with_capacity(shown.len() * 2);
                for byte in shown {
                    let _ = write!(hex, "{byte:02x}");
                }
                format!("b'{hex}{ellipsis}'")
            }
        };
        self.spend(&text);
        Ok(())
    }

    fn reserve(&mut self) -> Result<(), Full> {
        if self.left > 0 {
            return Ok(());
        }
        self.text.push_str(", ...");
        Err(Full)
    }

    fn spend(&mut self, text: &str) {
        self.text.push_str(text);
        self.left = self.left.saturating_sub(text.chars().count());
    }
}

/// Cuts at the last blank before `max` characters and adds `...`; `None` if the text is shorter.
fn truncate(text: &str, max: usize) -> Option<String> {
    if text.len() < max {
        return None;
    }
    let end = match text.char_indices().nth(max) {
        Some((end, _)) => end,
        None if text.chars().count() == max => text.len(),
        None => return None,
    };
    let head = &text[..end];
    let head = head.rsplit_once(' ').map_or(head, |(head, _)| head);
    Some(format!("{head}..."))
}

/// Python's own `repr`, whole.
#[must_use]
pub fn pyrepr(value: &Value) -> String {
    let mut out = String::new();
    write_repr(&mut out, value);
    out
}

/// Python's own `str`.
#[must_use]
pub fn pystr(value: &Value) -> String {
    match value {
        Value::Str(s) | Value::Date(s) | Value::Time(s) | Value::Decimal(s) => s.clone(),
        Value::DateTime(s) => match time::parse_civil(s) {
            Ok((civil, offset)) => {
                let mut out = time::civil_text(civil, ' ');
                if let Some(offset) = offset {
                    time::push_offset(&mut out, offset);
                }
                out
            }
            Err(_) => s.clone(),
        },
        Value::Uuid(uuid) => uuid.hyphenated().to_string(),
        other => pyrepr(other),
    }
}

/// Python's `repr(float)`: `0.1`, `1e+100`, `nan`.
#[must_use]
pub fn float_repr(f: f64) -> String {
    if f.is_nan() {
        return "nan".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{f:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        return format!("{f:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

fn write_repr(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(i) => {
            let _ = write!(out, "{i}");
        }
        Value::BigInt(digits) => out.push_str(digits),
        Value::Float(f) => out.push_str(&float_repr(*f)),
        Value::Str(s) => write_str_repr(out, s),
        Value::Bytes(bytes) => write_bytes_repr(out, bytes),
        Value::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_repr(out, item);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_str_repr(out, key);
                out.push_str(": ");
                write_repr(out, item);
            }
            out.push('}');
        }
        Value::DateTime(text) => write_datetime_repr(out, text),
        Value::Date(text) => match time::parse_civil(text) {
            Ok((civil, _)) => {
                let (y, m, d) = (civil.year(), civil.month(), civil.day());
                let _ = write!(out, "datetime.date({y}, {m}, {d})");
            }
            Err(_) => write_str_repr(out, text),
        },
        Value::Time(text) => match time::parse_time(text) {
            Some((clock, offset)) => {
                let _ = write!(out, "datetime.time({}, {}", clock.hour(), clock.minute());
                write_seconds(out, clock);
                write_zone(out, offset);
                out.push(')');
            }
            None => write_str_repr(out, text),
        },
        Value::Decimal(text) => {
            let _ = write!(out, "Decimal('{text}')");
        }
        Value::Uuid(uuid) => {
            let _ = write!(out, "UUID('{}')", uuid.hyphenated());
        }
    }
}

fn write_datetime_repr(out: &mut String, text: &str) {
    let Ok((civil, offset)) = time::parse_civil(text) else {
        write_str_repr(out, text);
        return;
    };
    let (date, clock) = (civil.date(), civil.time());
    let _ = write!(
        out,
        "datetime.datetime({}, {}, {}, {}, {}",
        date.year(),
        date.month(),
        date.day(),
        clock.hour(),
        clock.minute()
    );
    write_seconds(out, clock);
    write_zone(out, offset);
    out.push(')');
}

fn write_seconds(out: &mut String, clock: jiff::civil::Time) {
    let micros = time::micros(clock);
    if micros != 0 || clock.second() != 0 {
        let _ = write!(out, ", {}", clock.second());
    }
    if micros != 0 {
        let _ = write!(out, ", {micros}");
    }
}

/// Python normalizes a timedelta to days and non-negative seconds.
fn write_zone(out: &mut String, offset: Option<Offset>) {
    let Some(offset) = offset else { return };
    let seconds = offset.seconds();
    if seconds == 0 {
        out.push_str(", tzinfo=datetime.timezone.utc");
    } else if seconds > 0 {
        let _ = write!(
            out,
            ", tzinfo=datetime.timezone(datetime.timedelta(seconds={seconds}))"
        );
    } else {
        let _ = write!(
            out,
            ", tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds={}))",
            86_400 + seconds
        );
    }
}

/// Single quotes, unless the text holds some and no double ones.
fn quote_for(has_single: bool, has_double: bool) -> char {
    if has_single && !has_double { '"' } else { '\'' }
}

fn write_str_repr(out: &mut String, s: &str) {
    let quote = quote_for(s.contains('\''), s.contains('"'));
    out.push(quote);
    for c in s.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if is_printable(c) => out.push(c),
            c => {
                let code = u32::from(c);
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push(quote);
}

/// Python's `str.isprintable`: not of the categories "other" and "separator", but a blank is.
///
/// The standard library's table is built of the same categories; it shows through `escape_debug`, which escapes
/// combining characters too, but only at the start of a text.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    let mut buffer = [b'a', 0, 0, 0, 0];
    let len = c.encode_utf8(&mut buffer[1..]).len();
    std::str::from_utf8(&buffer[..=len]).is_ok_and(|text| text.escape_debug().nth(1) == Some(c))
}

fn write_bytes_repr(out: &mut String, bytes: &[u8]) {
    let quote = quote_for(bytes.contains(&b'\''), bytes.contains(&b'"'));
    out.push('b');
    out.push(quote);
    for byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b if char::from(*b) == quote => {
                out.push('\\');
                out.push(quote);
            }
            0x20..=0x7e => out.push(char::from(*byte)),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push(quote);
}
