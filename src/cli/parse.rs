//! Readers of what people type: durations, times, JSON, lists.
//!
//! Errors are lower-case clauses: they stand behind clap's `invalid value 'x' for '--option': `.

use std::io::Read as _;
use std::time::Duration;

use jiff::Timestamp;

use super::error::Failure;
use super::output::table::printable;
use crate::protocol::{Map, Value, codec, time};

/// Text that says something: an empty variable of a script is no name.
pub(crate) fn not_empty(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("must not be empty".to_owned());
    }
    Ok(text.to_owned())
}

/// Seconds (`1.5`) or units (`1h30m`, `30s`, `500ms`, `2d`).
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let seconds = seconds(text)?;
    if seconds < 0.0 {
        return Err("must not be negative".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| "too long".to_owned())
}

/// As [`duration`], and not 0: for a bound that nothing could keep.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("must be more than 0".to_owned()),
        duration => Ok(duration),
    }
}

/// As [`duration`]; a leading `-` is allowed.
pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let wrong = || "expected seconds (1.5) or a duration (30s, 5m, 1h30m, 2d)".to_owned();
    let plain = |n: f64| {
        if n.is_finite() && n.abs() < 1e12 {
            Ok(n)
        } else {
            Err(wrong())
        }
    };
    if let Ok(n) = text.parse::<f64>() {
        return plain(n);
    }
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let mut total = 0.0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ms" => 0.001,
            "s" | "sec" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            _ => return Err(wrong()),
        };
        total += number * unit;
        rest = &rest[letters..];
    }
    plain(sign * total)
}

/// A point in time, perhaps counted from now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum When {
    At(Timestamp),
    /// Seconds from now.
    In(f64),
}

impl When {
    /// The point in time; none if it is out of range.
    pub(crate) fn resolve(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::In(seconds) => jiff::SignedDuration::try_from_secs_f64(seconds)
                .ok()
                .and_then(|d| now.checked_add(d).ok()),
        }
    }
}

/// ISO 8601 or `+5m`.
pub(crate) fn eta(text: &str) -> Result<When, String> {
    if let Some(offset) = text.strip_prefix('+')
        && let Ok(seconds) = seconds(offset)
    {
        return Ok(When::In(seconds));
    }
    time::parse(text)
        .map(When::At)
        .map_err(|_| "expected ISO 8601 (2030-01-01T00:00:00Z) or an offset (+5m)".to_owned())
}

/// ISO 8601, seconds, or a duration.
pub(crate) fn expires(text: &str) -> Result<When, String> {
    if let Ok(seconds) = seconds(text.strip_prefix('+').unwrap_or(text)) {
        return Ok(When::In(seconds));
    }
    time::parse(text).map(When::At).map_err(|_| {
        "expected ISO 8601 (2030-01-01T00:00:00Z), seconds or a duration (5m)".to_owned()
    })
}

/// `KEY=VALUE`; the value is JSON if it reads as JSON, else text.
pub(crate) fn key_value(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    if key.is_empty() {
        return Err("expected KEY=VALUE".to_owned());
    }
    let value = codec::json::from_slice(value.as_bytes()).unwrap_or_else(|_| value.into());
    Ok((key.to_owned(), value))
}

/// The text of an option that takes `-` for stdin and `@FILE` for a file. Read beside the runtime, so that an interrupt
/// ends it.
pub(crate) async fn source(option: &'static str, text: &str) -> anyhow::Result<String> {
    if text != "-" && !text.starts_with('@') {
        return Ok(text.to_owned());
    }
    let text = text.to_owned();
    tokio::task::spawn_blocking(move || read_source(option, &text)).await?
}

fn read_source(option: &str, text: &str) -> anyhow::Result<String> {
    let read = |what: &str, result: std::io::Result<String>| {
        result.map_err(|e| {
            Failure::usage(format!(
                "invalid value for '{option}': can't read {what}: {e}"
            ))
        })
    };
    Ok(match text.strip_prefix('@') {
        None if text == "-" => {
            let mut input = String::new();
            read(
                "stdin",
                std::io::stdin().read_to_string(&mut input).map(|_| input),
            )?
        }
        None => text.to_owned(),
        Some(path) => read(&format!("`{path}`"), std::fs::read_to_string(path))?,
    })
}

/// A JSON array.
pub(crate) fn json_array(option: &str, text: &str) -> Result<Vec<Value>, Failure> {
    match json(option, text)? {
        Value::List(items) => Ok(items),
        Value::Map(_) => Err(mismatch(
            option,
            "a JSON array, got an object",
            Some("--kwargs"),
        )),
        other => Err(mismatch(
            option,
            &format!("a JSON array, got {}", name(&other)),
            None,
        )),
    }
}

/// A JSON object.
pub(crate) fn json_object(option: &str, text: &str) -> Result<Map, Failure> {
    match json(option, text)? {
        Value::Map(map) => Ok(map),
        Value::List(_) => Err(mismatch(
            option,
            "a JSON object, got an array",
            Some("--args"),
        )),
        other => Err(mismatch(
            option,
            &format!("a JSON object, got {}", name(&other)),
            None,
        )),
    }
}

fn json(option: &str, text: &str) -> Result<Value, Failure> {
    json_text(text).map_err(|why| Failure::usage(format!("invalid value for '{option}': {why}")))
}

/// JSON; the error has the place below it, with a caret.
pub(crate) fn json_text(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Err("expected JSON, got nothing".to_owned());
    }
    codec::json::from_slice(text.trim().as_bytes()).map_err(|error| {
        // serde_json says where; what only kombu's JSON refuses has no place.
        let Err(precise) = serde_json::from_str::<serde_json::Value>(text) else {
            return error.to_string();
        };
        let shown = text
            .lines()
            .nth(precise.line().saturating_sub(1))
            .unwrap_or_default();
        // What ends too early is wrong behind its end.
        let column = precise.column() + usize::from(precise.is_eof());
        let column = column.min(shown.chars().count() + 1);
        let message = if precise.is_eof() {
            format!(
                "the JSON ends too early, at line {} column {column}",
                precise.line()
            )
        } else {
            precise.to_string()
        };
        let (shown, before) = around(shown, column.saturating_sub(1));
        let caret = format!("{}^", " ".repeat(before));
        format!("{message}\n  {}\n  {caret}", printable(&shown))
    })
}

/// The part of a line around a place, and where the place is in it.
fn around(line: &str, place: usize) -> (String, usize) {
    const SIDE: usize = 36;
    let start = place.saturating_sub(SIDE);
    let part: String = line.chars().skip(start).take(2 * SIDE).collect();
    let more = if line.chars().count() > start + 2 * SIDE {
        "…"
    } else {
        ""
    };
    let less = if start > 0 { "…" } else { "" };
    (
        format!("{less}{part}{more}"),
        place - start + less.chars().count(),
    )
}

fn mismatch(option: &str, expected: &str, other: Option<&str>) -> Failure {
    let tip = other.map_or(String::new(), |o| format!(" (did you mean {o}?)"));
    Failure::usage(format!(
        "invalid value for '{option}': expected {expected}{tip}"
    ))
}

/// What a value is in JSON: `an array`.
pub(crate) fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Int(_) | Value::BigInt(_) | Value::Float(_) | Value::Decimal(_) => "a number",
        Value::List(_) => "an array",
        Value::Map(_) => "an object",
        _ => "a string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_or_are_seconds() {
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("-5"), Ok(-5.0));
        assert_eq!(seconds("-1m"), Ok(-60.0));
        for bad in ["", "-", "soon", "1x", "5 m", "nan", "inf", "1e300", "m"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(duration("-5").is_err());
        assert!(positive_duration("0").is_err() && positive_duration("0.1").is_ok());
    }

    #[test]
    fn an_eta_is_a_date_or_an_offset() {
        assert_eq!(eta("+5m"), Ok(When::In(300.0)));
        let at = "2030-01-01T00:00:00Z".parse::<Timestamp>().unwrap();
        assert_eq!(eta("2030-01-01T00:00:00Z"), Ok(When::At(at)));
        assert!(eta("tomorrow").unwrap_err().contains("ISO 8601"));
        assert_eq!(expires("60"), Ok(When::In(60.0)));
        assert!(expires("soon").is_err());
    }

    #[test]
    fn json_errors_point_at_the_place() {
        let error = json_array("--args", "[2,3").unwrap_err().to_string();
        assert_eq!(
            error,
            "invalid value for '--args': the JSON ends too early, at line 1 column 5\n  [2,3\n      ^"
        );
        let error = json_array("--args", "[2,,3]").unwrap_err().to_string();
        assert!(error.ends_with("\n  [2,,3]\n     ^"), "{error}");
    }

    #[test]
    fn the_wrong_shape_names_the_other_option() {
        let error = json_array("--args", "{}").unwrap_err().to_string();
        assert!(error.contains("did you mean --kwargs?"), "{error}");
        let error = json_object("--kwargs", "[1]").unwrap_err().to_string();
        assert!(error.contains("did you mean --args?"), "{error}");
        let error = json_array("--args", "2").unwrap_err().to_string();
        assert!(error.contains("got a number"), "{error}");
        let error = json_array("--args", " ").unwrap_err().to_string();
        assert!(error.ends_with("expected JSON, got nothing"), "{error}");
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let error = json_array("--args", &"[".repeat(5000))
            .unwrap_err()
            .to_string();
        assert!(
            error.lines().all(|line| line.chars().count() < 100),
            "{error}"
        );
        assert!(error.ends_with('^') && error.contains('…'), "{error}");
    }

    #[test]
    fn key_values_are_json_or_text() {
        assert_eq!(key_value("a=1"), Ok(("a".to_owned(), 1.into())));
        assert_eq!(key_value("a=x y"), Ok(("a".to_owned(), "x y".into())));
        assert_eq!(key_value("a="), Ok(("a".to_owned(), "".into())));
        assert!(key_value("a").is_err() && key_value("=1").is_err());
    }
}
