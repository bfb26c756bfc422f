//! kombu's typed JSON: NaN and infinities, integers of any size, `{"__type__": …, "__value__": …}` for what JSON lacks.
//!
//! Mirrors `kombu.utils.json`.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiter::{Jiter, JiterError, NumberAny, NumberInt, Peek};
use uuid::Uuid;

use super::limits::MAX_DEPTH;
use crate::protocol::{Map, ProtocolError, Value, time};

/// Writes compact JSON.
#[must_use]
pub fn to_vec(value: &Value) -> Vec<u8> {
    to_string(value).into_bytes()
}

/// Writes compact JSON as text.
#[must_use]
pub fn to_string(value: &Value) -> String {
    let mut out = String::with_capacity(128);
    write(&mut out, value);
    out
}

/// A container that is being written.
enum Open<'a> {
    List(std::slice::Iter<'a, Value>),
    Map(indexmap::map::Iter<'a, String, Value>),
}

/// Appends a value. A stack of its own, because a value made in memory may be nested at any depth.
pub(in crate::protocol) fn write(out: &mut String, value: &Value) {
    let mut stack = Vec::new();
    open(out, value, &mut stack);
    drain(out, stack);
}

/// Appends an array.
pub(in crate::protocol) fn write_list(out: &mut String, items: &[Value]) {
    out.push('[');
    drain(out, vec![Open::List(items.iter())]);
}

/// Appends an object.
pub(in crate::protocol) fn write_map(out: &mut String, map: &Map) {
    out.push('{');
    drain(out, vec![Open::Map(map.iter())]);
}

fn drain<'a>(out: &mut String, mut stack: Vec<Open<'a>>) {
    while let Some(top) = stack.last_mut() {
        let next = match top {
            Open::List(items) => items.next().map(|item| (None, item)),
            Open::Map(entries) => entries.next().map(|(key, item)| (Some(key), item)),
        };
        let Some((key, item)) = next else {
            out.push(match top {
                Open::List(_) => ']',
                Open::Map(_) => '}',
            });
            stack.pop();
            continue;
        };
        if !out.ends_with(['[', '{']) {
            out.push(',');
        }
        if let Some(key) = key {
            write_str(out, key);
            out.push(':');
        }
        open(out, item, &mut stack);
    }
}

/// Appends a scalar, or the start of a container, which goes on the stack.
fn open<'a>(out: &mut String, value: &'a Value, stack: &mut Vec<Open<'a>>) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(i) => {
            let _ = write!(out, "{i}");
        }
        Value::BigInt(digits) => out.push_str(digits),
        Value::Float(f) => write_float(out, *f),
        Value::Str(s) => write_str(out, s),
        Value::List(items) => {
            out.push('[');
            stack.push(Open::List(items.iter()));
        }
        Value::Map(map) => {
            out.push('{');
            stack.push(Open::Map(map.iter()));
        }
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => write_typed(out, "bytes", text),
            Err(_) => write_typed(out, "base64", &STANDARD.encode(bytes)),
        },
        Value::DateTime(text) => write_typed(out, "datetime", text),
        Value::Date(text) => write_typed(out, "date", text),
        Value::Time(text) => write_typed(out, "time", text),
        Value::Decimal(text) => write_typed(out, "decimal", text),
        Value::Uuid(uuid) => {
            let _ = write!(
                out,
                r#"{{"__type__":"uuid","__value__":{{"hex":"{}"}}}}"#,
                uuid.simple()
            );
        }
    }
}

fn write_typed(out: &mut String, kind: &str, text: &str) {
    let _ = write!(out, r#"{{"__type__":"{kind}","__value__":"#);
    write_str(out, text);
    out.push('}');
}

/// The bare tokens of Python's `json`; whole floats keep their `.0`, so that they come back as floats.
fn write_float(out: &mut String, f: f64) {
    if f.is_nan() {
        out.push_str("NaN");
    } else if f.is_infinite() {
        out.push_str(if f > 0.0 { "Infinity" } else { "-Infinity" });
    } else {
        let _ = write!(out, "{f:?}");
    }
}

/// Appends text in quotes.
pub(in crate::protocol) fn write_str(out: &mut String, s: &str) {
    out.push('"');
    let mut plain = 0;
    for (i, b) in s.bytes().enumerate() {
        let escape = match b {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&s[plain..i]);
        if escape.is_empty() {
            let _ = write!(out, "\\u{b:04x}");
        } else {
            out.push_str(escape);
        }
        plain = i + 1;
    }
    out.push_str(&s[plain..]);
    out.push('"');
}

/// Reads JSON. Of equal keys the last counts, as in Python.
///
/// Half of a surrogate pair (`"\ud800"`), which Python's text can hold and ours can't, becomes U+FFFD: better one odd
/// character than no message.
///
/// # Errors
/// `Decode` for invalid JSON or UTF-8, nesting beyond 200 levels, integers of more than 4300 digits, an unknown
/// `__type__` or a value that does not fit its type.
pub fn from_slice(bytes: &[u8]) -> Result<Value, ProtocolError> {
    let result = read(bytes);
    match &result {
        Err(reason) if reason.contains("surrogate") || reason.contains("hex escape") => {
            read(&replace_lone_surrogates(bytes))
        }
        _ => result,
    }
    .map_err(|reason| ProtocolError::decode("JSON", reason))
}

/// Reads an object, all but one member that may be large: its text is given where it stands, if it is text without
/// escapes. Else it is in the map, as the others are. None if this is no object.
///
/// # Errors
/// As [`from_slice`].
pub(in crate::protocol) fn object_and_text<'a>(
    bytes: &'a [u8],
    name: &str,
) -> Result<Option<(Map, Option<&'a str>)>, ProtocolError> {
    // What this refuses is read once more, for the reason or for what can be made of it.
    match read_object_and_text(bytes, name) {
        Some(read) => Ok(Some(read)),
        None => Ok(match from_slice(bytes)? {
            Value::Map(map) => Some((map, None)),
            _ => None,
        }),
    }
}

fn read_object_and_text<'a>(bytes: &'a [u8], name: &str) -> Option<(Map, Option<&'a str>)> {
    let mut jiter = Jiter::new(bytes).with_allow_inf_nan();
    let mut map = Map::new();
    let mut text = None;
    let mut next = jiter.next_object().ok()?.map(str::to_owned);
    while let Some(key) = next {
        let peek = jiter.peek().ok()?;
        if key == name && peek == Peek::String {
            let start = jiter.current_index();
            let len = jiter.known_str().ok()?.len();
            let token = jiter.slice_to_current(start);
            let quoted = token.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
            // Whatever is escaped is longer than what it stands for.
            if quoted.len() != len {
                return None;
            }
            text = Some(std::str::from_utf8(quoted).ok()?);
            map.shift_remove(name);
        } else {
            if key == name {
                text = None;
            }
            let value = match peek {
                // A message's headers and properties: as many as kombu writes.
                Peek::Object => read_object(&mut jiter, 1, 24),
                _ => read_value(&mut jiter, peek, 1),
            };
            map.insert(key, value.ok()?);
        }
        next = jiter.next_key().ok()?.map(str::to_owned);
    }
    jiter.finish().ok()?;
    Some((map, text))
}

fn read(bytes: &[u8]) -> Result<Value, String> {
    let mut jiter = Jiter::new(bytes).with_allow_inf_nan();
    let value = match jiter.peek().map_err(text) {
        Ok(peek) => read_value(&mut jiter, peek, 0),
        Err(reason) => Err(reason),
    };
    let value = value.map_err(|reason| {
        format!(
            "{reason} at {}",
            jiter.error_position(jiter.current_index())
        )
    })?;
    jiter.finish().map_err(text)?;
    Ok(value)
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn text(error: JiterError) -> String {
    error.error_type.to_string()
}

fn read_value(jiter: &mut Jiter<'_>, peek: Peek, depth: usize) -> Result<Value, String> {
    if depth > MAX_DEPTH {
        return Err(format!("nested deeper than {MAX_DEPTH} levels"));
    }
    match peek {
        Peek::Null => jiter.known_null().map(|()| Value::Null).map_err(text),
        Peek::True | Peek::False => jiter.known_bool(peek).map(Value::Bool).map_err(text),
        Peek::String => jiter.known_str().map(Value::from).map_err(text),
        Peek::Array => {
            let mut items = Vec::new();
            let mut next = jiter.known_array().map_err(text)?;
            while let Some(peek) = next {
                items.push(read_value(jiter, peek, depth + 1)?);
                next = jiter.array_step().map_err(text)?;
            }
            Ok(Value::List(items))
        }
        Peek::Object => read_object(jiter, depth, 4),
        _ => match jiter.known_number(peek).map_err(text)? {
            NumberAny::Int(NumberInt::Int(i)) => Ok(Value::Int(i)),
            NumberAny::Int(NumberInt::BigInt(i)) => Ok(Value::BigInt(i.to_string())),
            NumberAny::Float(f) => Ok(Value::Float(f)),
        },
    }
}

/// Reads an object, of about so many keys if it has any.
fn read_object(jiter: &mut Jiter<'_>, depth: usize, keys: usize) -> Result<Value, String> {
    let mut next = jiter.known_object().map_err(text)?.map(str::to_owned);
    if next.is_none() {
        return Ok(Value::Map(Map::new()));
    }
    let mut map = Map::with_capacity(keys);
    while let Some(key) = next {
        let peek = jiter.peek().map_err(text)?;
        let value = read_value(jiter, peek, depth + 1)?;
        map.insert(key, value);
        next = jiter.next_key().map_err(text)?.map(str::to_owned);
    }
    if map.len() == 2 && map.contains_key("__type__") && map.contains_key("__value__") {
        return typed(map);
    }
    Ok(Value::Map(map))
}

/// An object whose keys are exactly `__type__` and `__value__` is the value that they describe.
fn typed(mut map: Map) -> Result<Value, String> {
    let inner = map.swap_remove("__value__").unwrap_or_default();
    let Some(Value::Str(kind)) = map.swap_remove("__type__") else {
        return Err("`__type__` must be text".to_owned());
    };
    let bad = |reason: &str| format!("`__type__` {kind}: {reason}");
    if kind == "uuid" {
        let hex = match &inner {
            Value::Map(m) => m.get("hex").and_then(Value::as_str),
            other => other.as_str(),
        };
        let hex = hex.ok_or_else(|| bad("no hex"))?;
        return Uuid::parse_str(hex)
            .map(Value::Uuid)
            .map_err(|e| bad(&e.to_string()));
    }
    let text = match inner {
        Value::Str(text) => text,
        Value::Int(i) if kind == "decimal" => i.to_string(),
        _ => return Err(bad("the value must be text")),
    };
    match kind.as_str() {
        "datetime" if time::parse_civil(&text).is_ok() => Ok(Value::DateTime(text)),
        "date" => match time::parse_civil(&text) {
            Ok((civil, _)) => Ok(Value::Date(time::date_text(civil.date()))),
            Err(_) => Err(bad("not a date")),
        },
        "time" if time::parse_time(&text).is_some() => Ok(Value::Time(text)),
        "decimal" if is_decimal(&text) => Ok(Value::Decimal(text)),
        "bytes" => Ok(Value::Bytes(text.into_bytes())),
        "base64" => STANDARD
            .decode(text)
            .map(Value::Bytes)
            .map_err(|e| bad(&e.to_string())),
        "datetime" | "time" | "decimal" => Err(bad("the value does not fit")),
        _ => Err(bad("unknown")),
    }
}

/// What Python's `Decimal()` takes: digits, point and exponent; infinity and NaN.
fn is_decimal(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let lower = body.to_ascii_lowercase();
    let nan = lower.strip_prefix('s').unwrap_or(&lower);
    if let Some(payload) = nan.strip_prefix("nan") {
        return payload.bytes().all(|b| b.is_ascii_digit());
    }
    if lower == "inf" || lower == "infinity" {
        return true;
    }
    let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && digits(fraction)
        && digits(exponent)
        && !exponent.is_empty()
        && whole.len() + fraction.len() > 0
}

/// Writes `\ufffd` for each escape of half of a surrogate pair.
fn replace_lone_surrogates(bytes: &[u8]) -> Vec<u8> {
    let unit = |at: usize| -> Option<u16> {
        let escape = bytes.get(at..at + 6)?;
        let hex = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
        u16::from_str_radix(hex, 16).ok()
    };
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let size = match (bytes[at], unit(at)) {
            (b'\\', Some(0xd800..0xdc00)) if matches!(unit(at + 6), Some(0xdc00..0xe000)) => 12,
            (b'\\', Some(0xd800..0xe000)) => {
                out.extend_from_slice(b"\\ufffd");
                at += 6;
                continue;
            }
            (b'\\', _) => 2.min(bytes.len() - at),
            _ => 1,
        };
        out.extend_from_slice(&bytes[at..at + size]);
        at += size;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<Value, ProtocolError> {
        from_slice(text.as_bytes())
    }

    #[test]
    fn what_python_writes_is_read() {
        for (text, want) in [
            ("NaN", None),
            ("-Infinity", Some(Value::Float(f64::NEG_INFINITY))),
            ("Infinity", Some(Value::Float(f64::INFINITY))),
            ("1e400", Some(Value::Float(f64::INFINITY))),
            ("-0", Some(Value::Int(0))),
            ("1.0", Some(Value::Float(1.0))),
            (
                "9223372036854775808",
                Some(Value::BigInt("9223372036854775808".into())),
            ),
            (
                r#"{"a":1,"b":2,"a":3}"#,
                Some(Value::from([("a", 3.into()), ("b", 2.into())])),
            ),
            (r#""\ud83d\ude00""#, Some("\u{1f600}".into())),
            (r#""\ud800x\\ud800""#, Some("\u{fffd}x\\ud800".into())),
            (
                r#"["\udc00","\ud83d\ude00"]"#,
                Some(Value::List(vec!["\u{fffd}".into(), "\u{1f600}".into()])),
            ),
        ] {
            match want {
                Some(want) => assert_eq!(json(text).unwrap(), want, "{text}"),
                None => assert!(matches!(json(text).unwrap(), Value::Float(f) if f.is_nan())),
            }
        }
    }

    #[test]
    fn typed_values_come_back() {
        let value = Value::List(vec![
            Value::DateTime("2030-01-02T03:04:05+00:00".into()),
            Value::Date("2030-01-02".into()),
            Value::Time("03:04:05".into()),
            Value::Decimal("1.50".into()),
            Value::Uuid(Uuid::nil()),
            Value::Bytes(b"text".to_vec()),
            Value::Bytes(vec![0xff, 0]),
            Value::Float(1e16),
            Value::Float(5e-324),
            Value::Float(-0.0),
        ]);
        assert_eq!(from_slice(&to_vec(&value)).unwrap(), value);
    }

    #[test]
    fn one_text_of_an_object_is_read_where_it_stands() {
        let read = |text: &'static str| object_and_text(text.as_bytes(), "body");
        for (text, rest, body) in [
            (r#"{"body" : "eA==", "a": 1}"#, r#"{"a":1}"#, Some("eA==")),
            (r#"{"a":1,"body":"é"}"#, r#"{"a":1}"#, Some("é")),
            (r#"{"body":""}"#, "{}", Some("")),
            (r#"{"body":"a\/b"}"#, r#"{"body":"a/b"}"#, None),
            (r#"{"body":[1]}"#, r#"{"body":[1]}"#, None),
            (r#"{"body":"a","body":1}"#, r#"{"body":1}"#, None),
            (r#"{"body":1,"body":"a"}"#, "{}", Some("a")),
            (r#"{"a":{"body":"b"}}"#, r#"{"a":{"body":"b"}}"#, None),
            (r#"{"body":"\ud800"}"#, "{\"body\":\"\u{fffd}\"}", None),
        ] {
            let (map, found) = read(text).unwrap().unwrap();
            assert_eq!(to_string(&map.into()), rest, "{text}");
            assert_eq!(found, body, "{text}");
        }
        assert_eq!(read("[]"), Ok(None));
        assert!(read(r#"{"body":"a""#).is_err());
        assert!(read(r#"{"body":"a"} x"#).is_err());
    }

    #[test]
    fn only_exactly_two_keys_are_a_type() {
        let plain = r#"{"__type__":"x","__value__":1,"more":2}"#;
        assert_eq!(to_string(&json(plain).unwrap()), plain);
        for text in [
            r#"{"__type__":"x","__value__":"1"}"#,
            r#"{"__type__":1,"__value__":"1"}"#,
            r#"{"__type__":"datetime","__value__":"soon"}"#,
            r#"{"__type__":"decimal","__value__":"1.2.3"}"#,
            r#"{"__type__":"base64","__value__":"!"}"#,
            r#"{"__type__":"uuid","__value__":{"hex":"1"}}"#,
            r#"{"__type__":"date","__value__":null}"#,
        ] {
            assert!(
                matches!(json(text), Err(ProtocolError::Decode { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn damaged_json_is_an_error() {
        for bytes in [
            &b""[..],
            b" ",
            b"{",
            b"[1,]",
            b"nul",
            b"1 2",
            b"\"\xff\"",
            b"\"\n\"",
            b"\xef\xbb\xbf1",
            b"{1:2}",
            b"'a'",
            b"01",
            b"+1",
            b"\"\\ud800",
            b"\"\\u12\"",
        ] {
            assert!(
                matches!(from_slice(bytes), Err(ProtocolError::Decode { .. })),
                "{bytes:?}"
            );
        }
        assert!(json(&"9".repeat(5000)).is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(json(&nested(201)).is_ok());
        assert!(json(&nested(202)).is_err());
        assert!(json(&"[".repeat(1_000_000)).is_err());
        assert!(json(&r#"{"a":"#.repeat(1_000_000)).is_err());
    }

    #[test]
    fn the_writer_does_not_recurse() {
        let mut value = Value::Null;
        for _ in 0..10_000 {
            value = Value::List(vec![value]);
        }
        assert_eq!(to_string(&value).len(), 20_004);
        assert_eq!(
            to_string(&Value::List(vec!["[".into(), "{".into()])),
            r#"["[","{"]"#
        );
    }
}
