//! What all content types share: bounds on hostile input, and the text of keys that are not text.

use crate::protocol::{Value, repr};

/// Containers nested deeper are refused: whoever walks a value may recurse.
pub(super) const MAX_DEPTH: usize = 200;

/// Values and bytes that a document of `size` bytes may hold when its references (YAML aliases, pickle's memo) are
/// followed: some repetition is usual, exponential growth is an attack.
pub(super) fn budget(size: usize) -> usize {
    const LEAST: usize = 1 << 20;
    const MOST: usize = 16 << 20;
    let usual = size.saturating_mul(16).saturating_add(LEAST).min(MOST);
    usual.max(size.saturating_mul(2))
}

/// Digits of an integer, as many as Python reads by default.
pub(super) const MAX_DIGITS: usize = 4300;

/// A key as JSON writes it; an error for what can't be a key.
pub(super) fn key_text(key: Value) -> Result<String, String> {
    Ok(match key {
        Value::Str(s) => s,
        Value::Null => "null".to_owned(),
        Value::Bool(true) => "true".to_owned(),
        Value::Bool(false) => "false".to_owned(),
        Value::Int(i) => i.to_string(),
        Value::BigInt(digits) => digits,
        Value::Float(f) if f.is_nan() => "NaN".to_owned(),
        Value::Float(f) if f.is_infinite() => {
            if f > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
        }
        Value::Float(f) => repr::float_repr(f),
        Value::Bytes(bytes) => {
            String::from_utf8(bytes).map_err(|_| "a key is not text".to_owned())?
        }
        Value::DateTime(s) | Value::Date(s) | Value::Time(s) | Value::Decimal(s) => s,
        Value::Uuid(uuid) => uuid.to_string(),
        Value::List(_) | Value::Map(_) => {
            return Err(format!("a key can't be a {}", key.type_name()));
        }
    })
}
