//! kombu's typed JSON: NaN and infinities, integers of any size, `{"__type__": …, "__value__": …}` for what JSON lacks.
//!
//! Mirrors `kombu.utils.json`.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiter::{JsonValue, PartialMode};
use uuid::Uuid;

use crate::protocol::{Map, ProtocolError, Value};

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

fn write(out: &mut String, value: &Value) {
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
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(out, item);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_str(out, key);
                out.push(':');
                write(out, item);
            }
            out.push('}');
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

fn write_str(out: &mut String, s: &str) {
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

/// Reads JSON.
///
/// # Errors
/// `Decode` for invalid JSON, nesting beyond 200 levels, an unknown `__type__` or a value that does not fit its type.
pub fn from_slice(bytes: &[u8]) -> Result<Value, ProtocolError> {
    let parsed = JsonValue::parse_with_config(bytes, true, PartialMode::Off)
        .map_err(|e| ProtocolError::decode("JSON", e))?;
    convert(parsed)
}

fn convert(value: JsonValue<'_>) -> Result<Value, ProtocolError> {
    Ok(match value {
        JsonValue::Null => Value::Null,
        JsonValue::Bool(b) => Value::Bool(b),
        JsonValue::Int(i) => Value::Int(i),
        JsonValue::BigInt(i) => Value::BigInt(i.to_string()),
        JsonValue::Float(f) => Value::Float(f),
        JsonValue::Str(s) => Value::Str(s.into_owned()),
        JsonValue::Array(items) => {
            let items = std::sync::Arc::unwrap_or_clone(items);
            Value::List(items.into_iter().map(convert).collect::<Result<_, _>>()?)
        }
        JsonValue::Object(entries) => {
            let entries = std::sync::Arc::unwrap_or_clone(entries);
            let mut map = Map::with_capacity(entries.len());
            for (key, value) in entries {
                map.insert(key.into_owned(), convert(value)?);
            }
            typed(map)?
        }
    })
}

/// An object whose keys are exactly `__type__` and `__value__` is the value that they describe.
fn typed(mut map: Map) -> Result<Value, ProtocolError> {
    if map.len() != 2 || !map.contains_key("__value__") {
        return Ok(Value::Map(map));
    }
    let Some(kind) = map
        .get("__type__")
        .and_then(Value::as_str)
        .map(str::to_owned)
    else {
        return Ok(Value::Map(map));
    };
    let inner = map.swap_remove("__value__").unwrap_or_default();
    let bad = |reason: &str| ProtocolError::decode("JSON", format!("`__type__` {kind}: {reason}"));
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
    let Value::Str(text) = inner else {
        return Err(bad("the value must be text"));
    };
    Ok(match kind.as_str() {
        "datetime" => Value::DateTime(text),
        "date" => Value::Date(text),
        "time" => Value::Time(text),
        "decimal" => Value::Decimal(text),
        "bytes" => Value::Bytes(text.into_bytes()),
        "base64" => Value::Bytes(STANDARD.decode(text).map_err(|e| bad(&e.to_string()))?),
        _ => return Err(bad("unknown")),
    })
}
