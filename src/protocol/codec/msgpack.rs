//! msgpack, with its own types for text and bytes.
//!
//! Mirrors `kombu.serialization.register_msgpack` (`use_bin_type=True`, `raw=False`).

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rmpv::{Integer, Value as Packed};

use super::limits::{MAX_DEPTH, key_text};
use crate::protocol::{Map, ProtocolError, Value, time};

/// The extension type of timestamps.
const TIMESTAMP: i8 = -1;

pub(super) fn to_vec(value: &Value) -> Result<Vec<u8>, ProtocolError> {
    let mut out = Vec::new();
    rmpv::encode::write_value(&mut out, &pack(value)?).map_err(refuse)?;
    Ok(out)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "errors and texts are handed over alike"
)]
fn refuse(reason: impl ToString) -> ProtocolError {
    ProtocolError::Encode {
        serializer: "msgpack".to_owned(),
        reason: reason.to_string(),
    }
}

fn pack(value: &Value) -> Result<Packed, ProtocolError> {
    Ok(match value {
        Value::Null => Packed::Nil,
        Value::Bool(b) => Packed::Boolean(*b),
        Value::Int(i) => Packed::Integer(Integer::from(*i)),
        Value::BigInt(digits) => Packed::Integer(Integer::from(
            digits
                .parse::<u64>()
                .map_err(|_| refuse("integer out of range: msgpack holds 64 bits"))?,
        )),
        Value::Float(f) => Packed::F64(*f),
        Value::Str(s) => Packed::String(s.as_str().into()),
        Value::Bytes(bytes) => Packed::Binary(bytes.clone()),
        Value::List(items) => Packed::Array(items.iter().map(pack).collect::<Result<_, _>>()?),
        Value::Map(map) => Packed::Map(
            map.iter()
                .map(|(k, v)| Ok((Packed::String(k.as_str().into()), pack(v)?)))
                .collect::<Result<_, ProtocolError>>()?,
        ),
        Value::DateTime(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::Decimal(_)
        | Value::Uuid(_) => {
            return Err(refuse(format!(
                "msgpack has no form for {}",
                value.type_name()
            )));
        }
    })
}

pub(super) fn from_slice(bytes: &[u8]) -> Result<Value, ProtocolError> {
    let mut rest = bytes;
    match unpack(&mut rest, 0) {
        Ok(value) if rest.is_empty() => Ok(value),
        Ok(_) => Err("there is more after the value".to_owned()),
        Err(reason) => Err(reason),
    }
    .map_err(|reason| ProtocolError::decode("msgpack", reason))
}

fn unpack(rest: &mut &[u8], depth: usize) -> Result<Value, String> {
    if depth > MAX_DEPTH {
        return Err(format!("nested deeper than {MAX_DEPTH} levels"));
    }
    let marker = uint(rest, 1)?;
    let small = |mask: u64| usize::try_from(marker & mask).map_err(|e| e.to_string());
    // The three or four sizes of a kind follow each other: 1, 2, 4 (and 8) bytes.
    let wide = |first: u64| 1_usize << (marker - first);
    match marker {
        0x00..=0x7f => Ok(i64::from(marker as u8).into()),
        0x80..=0x8f => map(rest, small(0x0f)?, depth),
        0x90..=0x9f => list(rest, small(0x0f)?, depth),
        0xa0..=0xbf => text(take(rest, small(0x1f)?)?),
        0xc0 => Ok(Value::Null),
        0xc2 | 0xc3 => Ok((marker == 0xc3).into()),
        0xc4..=0xc6 => {
            let size = size(rest, wide(0xc4))?;
            Ok(Value::Bytes(take(rest, size)?.to_vec()))
        }
        0xc7..=0xc9 => {
            let size = size(rest, wide(0xc7))?;
            extension(rest, size)
        }
        0xca => Ok(f64::from(f32::from_be_bytes(array(rest)?)).into()),
        0xcb => Ok(f64::from_be_bytes(array(rest)?).into()),
        0xcc..=0xcf => Ok(uint(rest, wide(0xcc))?.into()),
        0xd0 => Ok(i64::from(i8::from_be_bytes(array(rest)?)).into()),
        0xd1 => Ok(i64::from(i16::from_be_bytes(array(rest)?)).into()),
        0xd2 => Ok(i32::from_be_bytes(array(rest)?).into()),
        0xd3 => Ok(i64::from_be_bytes(array(rest)?).into()),
        0xd4..=0xd8 => extension(rest, wide(0xd4)),
        0xd9..=0xdb => {
            let size = size(rest, wide(0xd9))?;
            text(take(rest, size)?)
        }
        0xdc | 0xdd => {
            let len = size(rest, wide(0xdc) * 2)?;
            list(rest, len, depth)
        }
        0xde | 0xdf => {
            let len = size(rest, wide(0xde) * 2)?;
            map(rest, len, depth)
        }
        0xe0..=0xff => Ok(i64::from(marker as u8 as i8).into()),
        _ => Err(format!("unknown marker 0x{marker:02x}")),
    }
}

/// A length may be a lie: nothing is reserved for it.
fn list(rest: &mut &[u8], len: usize, depth: usize) -> Result<Value, String> {
    let mut items = Vec::new();
    for _ in 0..len {
        items.push(unpack(rest, depth + 1)?);
    }
    Ok(Value::List(items))
}

fn map(rest: &mut &[u8], len: usize, depth: usize) -> Result<Value, String> {
    let mut map = Map::new();
    for _ in 0..len {
        let key = key_text(unpack(rest, depth + 1)?)?;
        map.insert(key, unpack(rest, depth + 1)?);
    }
    Ok(Value::Map(map))
}

fn text(bytes: &[u8]) -> Result<Value, String> {
    std::str::from_utf8(bytes)
        .map(Value::from)
        .map_err(|e| e.to_string())
}

fn extension(rest: &mut &[u8], size: usize) -> Result<Value, String> {
    let [kind] = array(rest)?;
    let data = take(rest, size)?;
    if i8::from_be_bytes([kind]) != TIMESTAMP {
        return Err(format!(
            "unknown extension type {}",
            i8::from_be_bytes([kind])
        ));
    }
    timestamp(data)
        .map(|at| Value::DateTime(time::isoformat(at, &TimeZone::UTC)))
        .ok_or_else(|| "not a timestamp".to_owned())
}

fn take<'a>(rest: &mut &'a [u8], size: usize) -> Result<&'a [u8], String> {
    let (taken, after) = rest.split_at_checked(size).ok_or("the data ends early")?;
    *rest = after;
    Ok(taken)
}

fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    take(rest, N)?
        .try_into()
        .map_err(|_| "the data ends early".to_owned())
}

fn uint(rest: &mut &[u8], bytes: usize) -> Result<u64, String> {
    let digits = take(rest, bytes)?.iter();
    Ok(digits.fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn size(rest: &mut &[u8], bytes: usize) -> Result<usize, String> {
    usize::try_from(uint(rest, bytes)?).map_err(|e| e.to_string())
}

/// The three sizes of a timestamp: seconds; nanoseconds and seconds in 64 bits; both apart.
fn timestamp(data: &[u8]) -> Option<Timestamp> {
    let (seconds, nanos) = if let Ok(data) = <[u8; 4]>::try_from(data) {
        (i64::from(u32::from_be_bytes(data)), 0)
    } else if let Ok(data) = <[u8; 8]>::try_from(data) {
        let both = u64::from_be_bytes(data);
        (
            i64::try_from(both & 0x3_ffff_ffff).ok()?,
            i32::try_from(both >> 34).ok()?,
        )
    } else {
        let (nanos, seconds) = data.split_first_chunk::<4>()?;
        (
            i64::from_be_bytes(seconds.try_into().ok()?),
            i32::try_from(u32::from_be_bytes(*nanos)).ok()?,
        )
    };
    Timestamp::new(seconds, nanos).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back() {
        let value = Value::from([
            ("null", Value::Null),
            (
                "ints",
                Value::List(vec![
                    0.into(),
                    (-1).into(),
                    i64::MIN.into(),
                    u64::MAX.into(),
                ]),
            ),
            ("float", 1.5.into()),
            ("text", "é".into()),
            ("bytes", Value::Bytes(vec![0, 255])),
        ]);
        assert_eq!(from_slice(&to_vec(&value).unwrap()).unwrap(), value);
    }

    #[test]
    fn every_width_comes_back() {
        let mut items: Vec<Value> = Vec::new();
        for bits in [5, 7, 8, 15, 16, 31, 32, 62] {
            let edge = 1_i64 << bits;
            items.extend([edge - 1, edge, -edge, -edge - 1].map(Value::from));
        }
        for size in [31, 32, 255, 256, 65_535, 65_536] {
            items.push("x".repeat(size).into());
            items.push(Value::Bytes(vec![7; size]));
        }
        for size in [15, 16, 65_536] {
            items.push(vec![Value::Null; size].into());
            let map: Map = (0..size).map(|i| (i.to_string(), true.into())).collect();
            items.push(map.into());
        }
        let value = Value::List(items);
        assert_eq!(from_slice(&to_vec(&value).unwrap()).unwrap(), value);
        assert_eq!(from_slice(&[0xca, 0x3f, 0xc0, 0, 0]).unwrap(), 1.5.into());
    }

    #[test]
    fn what_msgpack_lacks_is_refused() {
        for value in [
            Value::Date("2030-01-02".into()),
            Value::Decimal("1".into()),
            Value::BigInt("18446744073709551616".into()),
        ] {
            assert!(matches!(to_vec(&value), Err(ProtocolError::Encode { .. })));
        }
    }

    #[test]
    fn hostile_bytes_are_an_error() {
        for bytes in [
            &b""[..],
            &[0xc1],
            &[0x01, 0x02],
            &[0xa1, 0xff],
            &[0xdd, 0xff, 0xff, 0xff, 0xff],
            &[0xc6, 0xff, 0xff, 0xff, 0xff],
            &[0x91; 100_000],
            &[0x81, 0x90, 0x01],
            &[0xd4, 0x05, 0x00],
        ] {
            assert!(matches!(
                from_slice(bytes),
                Err(ProtocolError::Decode { .. })
            ));
        }
    }

    #[test]
    fn a_timestamp_is_a_datetime() {
        let bytes = [0xd6, 0xff, 0x70, 0xdb, 0xd8, 0x80];
        assert_eq!(
            from_slice(&bytes).unwrap(),
            Value::DateTime("2030-01-01T00:00:00+00:00".into())
        );
    }
}
