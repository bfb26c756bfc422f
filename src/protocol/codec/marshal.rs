//! Python's marshal format, written only: what a process of our own reads fastest. Plain values alone have a form in it.
//!
//! Mirrors `Python/marshal.c`, version 2, which every Python 3 reads.

use crate::protocol::{Map, Value};

/// Values nested deeper than this are left to others: Python's own limit is 2000.
const DEEPEST: usize = 500;

/// Appends a value; false, with the text in an undefined state, if it or a part of it has no plain form.
#[must_use]
pub fn write(out: &mut Vec<u8>, value: &Value) -> bool {
    write_at(out, value, 0)
}

/// Appends a dictionary whose entries follow, until [`end`].
pub fn open(out: &mut Vec<u8>) {
    out.push(b'{');
}

/// Ends a dictionary.
pub fn end(out: &mut Vec<u8>) {
    out.push(b'0');
}

/// Appends a text.
#[must_use]
pub fn text(out: &mut Vec<u8>, text: &str) -> bool {
    let Ok(length) = i32::try_from(text.len()) else {
        return false;
    };
    match u8::try_from(length) {
        Ok(length) if text.is_ascii() => out.extend_from_slice(&[b'z', length]),
        _ => {
            out.push(b'u');
            out.extend_from_slice(&length.to_le_bytes());
        }
    }
    out.extend_from_slice(text.as_bytes());
    true
}

/// Appends a map.
#[must_use]
pub fn map(out: &mut Vec<u8>, map: &Map) -> bool {
    map_at(out, map, 0)
}

fn map_at(out: &mut Vec<u8>, map: &Map, depth: usize) -> bool {
    open(out);
    let whole = map
        .iter()
        .all(|(key, value)| text(out, key) && write_at(out, value, depth + 1));
    end(out);
    whole
}

fn write_at(out: &mut Vec<u8>, value: &Value, depth: usize) -> bool {
    if depth > DEEPEST {
        return false;
    }
    match value {
        Value::Null => out.push(b'N'),
        Value::Bool(true) => out.push(b'T'),
        Value::Bool(false) => out.push(b'F'),
        Value::Int(n) => match i32::try_from(*n) {
            Ok(n) => {
                out.push(b'i');
                out.extend_from_slice(&n.to_le_bytes());
            }
            Err(_) => long(out, *n),
        },
        Value::Float(f) => {
            out.push(b'g');
            out.extend_from_slice(&f.to_le_bytes());
        }
        Value::Str(s) => return text(out, s),
        Value::List(items) => {
            let Ok(length) = i32::try_from(items.len()) else {
                return false;
            };
            out.push(b'[');
            out.extend_from_slice(&length.to_le_bytes());
            return items.iter().all(|item| write_at(out, item, depth + 1));
        }
        Value::Map(m) => return map_at(out, m, depth),
        _ => return false,
    }
    true
}

/// Digits of 15 bits, the sign in their number.
fn long(out: &mut Vec<u8>, n: i64) {
    let mut rest = n.unsigned_abs();
    let mut digits: Vec<u16> = Vec::with_capacity(5);
    while rest > 0 {
        digits.push((rest & 0x7FFF) as u16);
        rest >>= 15;
    }
    let count = i32::try_from(digits.len()).unwrap_or_default();
    out.push(b'l');
    out.extend_from_slice(&(if n < 0 { -count } else { count }).to_le_bytes());
    for digit in digits {
        out.extend_from_slice(&digit.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_pythons_bytes() {
        // marshal.dumps([None, True, 1, -2**40, "é", 1.5, {"a": []}], 2), short ASCII texts as version 4 has them
        let value = Value::List(vec![
            Value::Null,
            true.into(),
            1.into(),
            Value::Int(-(1 << 40)),
            "é".into(),
            1.5.into(),
            Value::from([("a", Value::List(Vec::new()))]),
        ]);
        let mut out = Vec::new();
        assert!(write(&mut out, &value));
        let expected = b"[\x07\0\0\0NTi\x01\0\0\0l\xfd\xff\xff\xff\0\0\0\0\0\x04u\x02\0\0\0\xc3\xa9g\0\0\0\0\0\0\xf8?{z\x01a[\0\0\0\x000";
        assert_eq!(out, expected);
    }

    #[test]
    fn what_is_not_plain_has_no_form() {
        let mut out = Vec::new();
        assert!(!write(&mut out, &Value::List(vec![Value::Bytes(vec![1])])));
        assert!(!write(&mut out, &Value::BigInt("1".repeat(40))));
    }
}
