//! JSON for people and programs: always valid, with Python's spacing.
//!
//! Not kombu's typed JSON: dates, UUIDs and decimals are text here, bytes are text or base64, NaN is null.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::protocol::Value;
use crate::protocol::repr::float_repr;

/// One line, `", "` and `": "` between the parts, text as it is.
pub(crate) fn line(value: &Value) -> String {
    let mut out = String::new();
    Writer {
        indent: None,
        ascii: false,
    }
    .write(&mut out, value, 0);
    out
}

/// As [`line()`], non-ASCII escaped, as Python's `json.dumps` writes it.
pub(crate) fn ascii_line(value: &Value) -> String {
    let mut out = String::new();
    Writer {
        indent: None,
        ascii: true,
    }
    .write(&mut out, value, 0);
    out
}

/// Python's `json.dumps(value, sort_keys=True, indent=4)`.
pub(crate) fn pretty_sorted(value: &Value) -> String {
    let mut out = String::new();
    Writer {
        indent: Some(4),
        ascii: true,
    }
    .write(&mut out, value, 0);
    out
}

struct Writer {
    indent: Option<usize>,
    ascii: bool,
}

impl Writer {
    fn write(&self, out: &mut String, value: &Value, depth: usize) {
        match value {
            Value::Null => out.push_str("null"),
            Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Value::Int(i) => {
                let _ = write!(out, "{i}");
            }
            Value::BigInt(digits) => out.push_str(digits),
            Value::Float(f) if f.is_finite() => out.push_str(&float_repr(*f)),
            // Celery's text has Python's words, which are no JSON.
            Value::Float(f) if self.indent.is_some() => out.push_str(match f {
                f if f.is_nan() => "NaN",
                f if *f > 0.0 => "Infinity",
                _ => "-Infinity",
            }),
            Value::Float(_) => out.push_str("null"),
            Value::Str(s)
            | Value::DateTime(s)
            | Value::Date(s)
            | Value::Time(s)
            | Value::Decimal(s) => self.write_str(out, s),
            Value::Uuid(u) => self.write_str(out, &u.to_string()),
            Value::Bytes(b) => match std::str::from_utf8(b) {
                Ok(s) => self.write_str(out, s),
                Err(_) => self.write_str(out, &STANDARD.encode(b)),
            },
            Value::List(items) => {
                let parts = items.iter().map(|item| (None, item));
                self.write_group(out, '[', ']', parts.collect(), depth);
            }
            Value::Map(map) => {
                let mut parts: Vec<_> = map.iter().map(|(k, v)| (Some(k.as_str()), v)).collect();
                if self.indent.is_some() {
                    parts.sort_by_key(|(k, _)| *k);
                }
                self.write_group(out, '{', '}', parts, depth);
            }
        }
    }

    fn write_group(
        &self,
        out: &mut String,
        open: char,
        close: char,
        parts: Vec<(Option<&str>, &Value)>,
        depth: usize,
    ) {
        out.push(open);
        let empty = parts.is_empty();
        for (i, (key, item)) in parts.into_iter().enumerate() {
            if i > 0 {
                out.push_str(if self.indent.is_some() { "," } else { ", " });
            }
            self.new_line(out, depth + 1);
            if let Some(key) = key {
                self.write_str(out, key);
                out.push_str(": ");
            }
            self.write(out, item, depth + 1);
        }
        if !empty {
            self.new_line(out, depth);
        }
        out.push(close);
    }

    fn new_line(&self, out: &mut String, depth: usize) {
        if let Some(indent) = self.indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent * depth));
        }
    }

    fn write_str(&self, out: &mut String, s: &str) {
        out.push('"');
        for c in s.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                c if c < ' ' || c == '\u{7f}' => {
                    let _ = write!(out, "\\u{:04x}", u32::from(c));
                }
                c if self.ascii && !c.is_ascii() => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
                // C1 controls steer terminals too.
                c if c.is_control() => {
                    let _ = write!(out, "\\u{:04x}", u32::from(c));
                }
                c => out.push(c),
            }
        }
        out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Value {
        Value::from([
            ("b", Value::List(vec![1.into(), Value::Null])),
            ("a", Value::from([("ü", "x\"\u{1b}[31m😀".into())])),
            ("e", Value::List(vec![])),
        ])
    }

    #[test]
    fn one_line_has_pythons_spacing_and_is_valid() {
        let text = line(&sample());
        assert_eq!(
            text,
            r#"{"b": [1, null], "a": {"ü": "x\"\u001b[31m😀"}, "e": []}"#
        );
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }

    #[test]
    fn ascii_escapes_as_surrogates() {
        assert_eq!(ascii_line(&"é😀".into()), r#""\u00e9\ud83d\ude00""#);
    }

    #[test]
    fn pretty_sorts_and_indents_by_four() {
        assert_eq!(
            pretty_sorted(&Value::from([
                ("b", 1.into()),
                ("a", Value::List(vec![true.into()]))
            ])),
            "{\n    \"a\": [\n        true\n    ],\n    \"b\": 1\n}"
        );
        assert_eq!(pretty_sorted(&Value::Map(Default::default())), "{}");
        assert_eq!(pretty_sorted(&Value::Float(f64::INFINITY)), "Infinity");
    }

    #[test]
    fn what_json_lacks_is_still_valid_json() {
        assert_eq!(line(&Value::Float(f64::NAN)), "null");
        assert_eq!(line(&Value::Bytes(vec![0xff, 0])), "\"/wA=\"");
        assert_eq!(line(&Value::Decimal("1.50".into())), "\"1.50\"");
    }
}
