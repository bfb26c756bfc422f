//! What a scalar stands for: PyYAML's YAML 1.1 rules for plain ones, and the tags of its safe loader.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::civil::{Date, Time};
use jiff::tz::Offset;

use super::super::limits::MAX_DIGITS;
use crate::protocol::{Value, time};

/// The value of a plain scalar without tag.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        _ => {}
    }
    boolean(text)
        .map(Value::Bool)
        .or_else(|| float(text, false).map(Value::Float))
        .or_else(|| integer(text))
        .or_else(|| timestamp(text))
        .unwrap_or_else(|| text.into())
}

/// The value of a scalar with a tag of YAML's own (`int`, `binary`…).
pub(super) fn tagged(tag: &str, text: &str) -> Result<Value, String> {
    let value = match tag {
        "str" => Some(text.into()),
        "null" => Some(Value::Null),
        "bool" => boolean(text).map(Value::Bool),
        "int" => integer(text),
        "float" => float(text, true).map(Value::Float),
        "binary" => binary(text).map(Value::Bytes),
        "timestamp" => timestamp(text),
        _ => return Err(format!("unknown tag `!!{tag}` on a scalar")),
    };
    value.ok_or_else(|| format!("not of its type: `!!{tag}`"))
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// Decimal, `0b`, `0x`, octal with a leading zero, and base 60 with colons; underscores are skipped.
fn integer(text: &str) -> Option<Value> {
    let (negative, body) = sign(text);
    let clean: String = body.chars().filter(|c| *c != '_').collect();
    if clean.is_empty() || clean.len() > MAX_DIGITS || body.starts_with('_') {
        return None;
    }
    let radix = |digits: &str, radix: u32| -> Option<Value> {
        if digits.starts_with(['+', '-']) {
            return None;
        }
        let magnitude = i128::from_str_radix(digits, radix).ok()?;
        let number = if negative { -magnitude } else { magnitude };
        Some(i64::try_from(number).map_or_else(|_| Value::BigInt(number.to_string()), Value::Int))
    };
    if let Some(digits) = clean.strip_prefix("0b") {
        return radix(digits, 2);
    }
    if let Some(digits) = clean.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if clean == "0" {
        return Some(Value::Int(0));
    }
    if let Some(digits) = clean.strip_prefix('0') {
        return radix(digits, 8);
    }
    if clean.contains(':') {
        let mut total: i64 = 0;
        for (i, part) in clean.split(':').enumerate() {
            let number = digits(part)?;
            if i > 0 && (number > 59 || part.len() > 2) {
                return None;
            }
            total = total.checked_mul(60)?.checked_add(number)?;
        }
        return Some(Value::Int(if negative { -total } else { total }));
    }
    if !clean.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let signed = if negative { format!("-{clean}") } else { clean };
    Some(signed.parse().map_or(Value::BigInt(signed), Value::Int))
}

fn digits(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// With a point, and a sign in the exponent; base 60 with colons. A tag makes other forms floats too.
fn float(text: &str, tagged: bool) -> Option<f64> {
    let (negative, body) = sign(text);
    let signed = |f: f64| if negative { -f } else { f };
    match body {
        ".inf" | ".Inf" | ".INF" => return Some(signed(f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if tagged || body.len() == text.len() => return Some(f64::NAN),
        _ => {}
    }
    let first = body.bytes().next()?;
    if !first.is_ascii_digit() && first != b'.' {
        return None;
    }
    let clean: String = body.chars().filter(|c| *c != '_').collect();
    if clean.contains(':') {
        let (head, last) = clean.rsplit_once(':')?;
        if !tagged && !last.contains('.') || last.contains(['e', 'E']) {
            return None;
        }
        let mut total = 0.0;
        for part in head.split(':') {
            digits(part)?;
            total = total * 60.0 + part.parse::<f64>().ok()?;
        }
        let last: f64 = last.parse().ok()?;
        return (last < 60.0).then(|| signed(total * 60.0 + last));
    }
    let (mantissa, exponent) = clean.split_once(['e', 'E']).unwrap_or((&clean, "+0"));
    let (whole, fraction) = match mantissa.split_once('.') {
        Some(parts) => parts,
        None if tagged => (mantissa, ""),
        None => return None,
    };
    let number = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let point_first_signed = whole.is_empty() && body.len() != text.len() && !tagged;
    if !number(whole)
        || !number(fraction)
        || (whole.is_empty() && fraction.is_empty())
        || point_first_signed
    {
        return None;
    }
    let exponent_signed = exponent.starts_with(['+', '-']);
    let exponent_digits = exponent.trim_start_matches(['+', '-']);
    if !(exponent_signed || tagged) || exponent_digits.is_empty() || !number(exponent_digits) {
        return None;
    }
    clean.parse().ok().map(signed)
}

fn binary(text: &str) -> Option<Vec<u8>> {
    let engine = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
    );
    // Python skips what is not of the alphabet: line breaks above all.
    let clean: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    engine.decode(clean).ok()
}

/// `2030-01-02`, or with a time after `T` or blanks and perhaps an offset.
fn timestamp(text: &str) -> Option<Value> {
    let (year, rest) = text.split_once('-')?;
    let (month, rest) = rest.split_once('-')?;
    let short = |s: &str, most: usize| {
        digits(s)
            .filter(|_| s.len() <= most)
            .and_then(|n| i8::try_from(n).ok())
    };
    let year = digits(year).filter(|y| year.len() == 4 && *y > 0)?;
    let end = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (day, rest) = rest.split_at(end);
    let date = Date::new(i16::try_from(year).ok()?, short(month, 2)?, short(day, 2)?).ok()?;
    if rest.is_empty() {
        return (month.len() == 2 && day.len() == 2).then(|| Value::Date(time::date_text(date)));
    }
    let clock = match rest.strip_prefix(['T', 't']) {
        Some(clock) => clock,
        None => rest
            .strip_prefix([' ', '\t'])?
            .trim_start_matches([' ', '\t']),
    };
    let (hour, rest) = clock.split_once(':')?;
    let (minute, rest) = rest.split_at_checked(2)?;
    let (second, rest) = rest.strip_prefix(':')?.split_at_checked(2)?;
    let (micros, rest) = match rest.strip_prefix('.') {
        Some(rest) => {
            let end = rest.bytes().take_while(u8::is_ascii_digit).count();
            let kept = format!("{:0<6}", &rest[..end.min(6)]);
            (kept.parse::<i32>().ok()?, &rest[end..])
        }
        None => (0, rest),
    };
    let clock = Time::new(
        short(hour, 2)?,
        short(minute, 2).filter(|_| minute.len() == 2)?,
        short(second, 2).filter(|_| second.len() == 2)?,
        micros * 1000,
    )
    .ok()?;
    let mut out = time::civil_text(date.to_datetime(clock), 'T');
    if let Some(offset) = offset(rest.trim_start_matches([' ', '\t']))? {
        time::push_offset(&mut out, offset);
    }
    Some(Value::DateTime(out))
}

#[expect(
    clippy::option_option,
    reason = "malformed and absent are different answers"
)]
fn offset(text: &str) -> Option<Option<Offset>> {
    if text.is_empty() {
        return Some(None);
    }
    if text == "Z" {
        return Some(Some(Offset::UTC));
    }
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+')?),
    };
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "00"));
    if hours.len() > 2 || minutes.len() != 2 {
        return None;
    }
    let seconds = digits(hours)? * 3600 + digits(minutes)? * 60;
    if seconds >= 86_400 {
        return None;
    }
    let seconds = i32::try_from(seconds).ok()?;
    Offset::from_seconds(if negative { -seconds } else { seconds })
        .ok()
        .map(Some)
}
