//! Writing: one line in flow style, all text in double quotes, so that no rule for plain scalars applies.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::protocol::{Value, repr, time};

/// PyYAML takes a key for a simple one only up to 1024 characters; longer ones need a `?`.
const SIMPLE_KEY: usize = 100;

pub(super) fn document(value: &Value) -> Result<String, String> {
    let mut out = String::new();
    write(&mut out, value)?;
    out.push('\n');
    Ok(out)
}

fn write(out: &mut String, value: &Value) -> Result<(), String> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int(i) => {
            let _ = write!(out, "{i}");
        }
        Value::BigInt(digits) => out.push_str(digits),
        Value::Float(f) => out.push_str(&float(*f)),
        Value::Str(s) => quoted(out, s),
        Value::Bytes(bytes) => {
            let _ = write!(out, "!!binary \"{}\"", STANDARD.encode(bytes));
        }
        Value::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write(out, item)?;
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                if key.len() > SIMPLE_KEY {
                    out.push_str("? ");
                }
                quoted(out, key);
                out.push_str(" : ");
                write(out, item)?;
            }
            out.push('}');
        }
        Value::DateTime(text) => {
            let (civil, offset) = time::parse_civil(text).map_err(|e| e.to_string())?;
            let _ = write!(out, "!!timestamp \"{}", time::civil_text(civil, ' '));
            if let Some(offset) = offset {
                if !offset.seconds().unsigned_abs().is_multiple_of(60) {
                    return Err(format!("yaml has no form for the offset of `{text}`"));
                }
                time::push_offset(out, offset);
            }
            out.push('"');
        }
        Value::Date(text) => {
            let (civil, _) = time::parse_civil(text).map_err(|e| e.to_string())?;
            let _ = write!(out, "!!timestamp \"{}\"", time::date_text(civil.date()));
        }
        // PyYAML's safe dumper refuses these too.
        Value::Time(_) | Value::Decimal(_) | Value::Uuid(_) => {
            return Err(format!("yaml has no form for {}", value.type_name()));
        }
    }
    Ok(())
}

/// YAML 1.1 wants a point in every float.
fn float(f: f64) -> String {
    if f.is_nan() {
        return ".nan".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let text = repr::float_repr(f);
    match text.split_once('e') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0e{exponent}"),
        _ => text,
    }
}

/// Escapes all that PyYAML's reader refuses, or would fold as a line break.
fn quoted(out: &mut String, s: &str) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            '\u{a1}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' => {
                out.push(c);
            }
            '\u{ff00}'..='\u{fffd}' | '\u{10000}'.. => out.push(c),
            c => {
                let code = u32::from(c);
                let _ = if code > 0xff {
                    write!(out, "\\u{code:04x}")
                } else {
                    write!(out, "\\x{code:02x}")
                };
            }
        }
    }
    out.push('"');
}
