//! Integers of any size: pickle's little-endian two's complement from and to decimal digits.

use super::super::limits::MAX_DIGITS;
use crate::protocol::Value;

/// Bytes that [`MAX_DIGITS`] digits may need.
const MAX_BYTES: usize = MAX_DIGITS * 4153 / 10_000 + 2;

/// Reads two's complement.
pub(super) fn from_bytes(bytes: &[u8]) -> Result<Value, String> {
    let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
    if bytes.len() <= 8 {
        let mut all = [if negative { 0xff } else { 0 }; 8];
        all[..bytes.len()].copy_from_slice(bytes);
        return Ok(Value::Int(i64::from_le_bytes(all)));
    }
    if bytes.len() > MAX_BYTES {
        return Err(format!("an integer has more than {MAX_DIGITS} digits"));
    }
    let magnitude = if negative {
        negate(bytes)
    } else {
        bytes.to_vec()
    };
    let mut digits = decimal(magnitude);
    if digits.len() > MAX_DIGITS {
        return Err(format!("an integer has more than {MAX_DIGITS} digits"));
    }
    if negative {
        digits.insert(0, '-');
    }
    from_digits(&digits)
}

/// Reads decimal digits with an optional sign.
pub(super) fn from_digits(text: &str) -> Result<Value, String> {
    if let Ok(small) = text.parse() {
        return Ok(Value::Int(small));
    }
    let digits = text.trim_start_matches(['-', '+']);
    let valid = !digits.is_empty()
        && digits.len() <= MAX_DIGITS
        && text.len() - digits.len() <= 1
        && digits.bytes().all(|b| b.is_ascii_digit());
    if !valid {
        return Err("not an integer".to_owned());
    }
    let digits = digits.trim_start_matches('0');
    let sign = if text.starts_with('-') { "-" } else { "" };
    let normal = format!("{sign}{digits}");
    Ok(normal.parse().map_or(Value::BigInt(normal), Value::Int))
}

/// Two's complement of decimal digits, as short as Python writes it; `None` if they are no number.
pub(super) fn to_bytes(digits: &str) -> Option<Vec<u8>> {
    let negative = digits.starts_with('-');
    let digits = digits.trim_start_matches('-');
    if digits.is_empty() || digits.len() > MAX_DIGITS {
        return None;
    }
    let mut bytes: Vec<u8> = Vec::new();
    for digit in digits.bytes() {
        let mut carry = u16::from(digit.checked_sub(b'0').filter(|d| *d < 10)?);
        for byte in &mut bytes {
            carry += u16::from(*byte) * 10;
            *byte = (carry & 0xff) as u8;
            carry >>= 8;
        }
        if carry > 0 {
            bytes.push((carry & 0xff) as u8);
        }
    }
    bytes.push(0);
    if negative {
        bytes = negate(&bytes);
    }
    // The sign byte is needed only where the byte before it doesn't show the sign.
    let sign = if negative { 0xff } else { 0 };
    while let [.., before, last] = bytes.as_slice() {
        if *last != sign || (before & 0x80 != 0) != negative {
            break;
        }
        bytes.pop();
    }
    Some(bytes)
}

fn negate(bytes: &[u8]) -> Vec<u8> {
    let mut carry = true;
    bytes
        .iter()
        .map(|byte| {
            let (sum, over) = (!byte).overflowing_add(u8::from(carry));
            carry = over;
            sum
        })
        .collect()
}

fn decimal(mut bytes: Vec<u8>) -> String {
    let mut groups = Vec::new();
    while let Some(top) = bytes.iter().rposition(|b| *b != 0) {
        bytes.truncate(top + 1);
        let mut rest: u64 = 0;
        for byte in bytes.iter_mut().rev() {
            rest = rest << 8 | u64::from(*byte);
            *byte = u8::try_from(rest / 1_000_000_000).unwrap_or(u8::MAX);
            rest %= 1_000_000_000;
        }
        groups.push(rest);
    }
    let mut text = groups.pop().unwrap_or(0).to_string();
    for group in groups.iter().rev() {
        text.push_str(&format!("{group:09}"));
    }
    text
}
