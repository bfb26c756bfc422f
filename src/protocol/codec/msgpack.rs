//! msgpack, with its own types for text and bytes.
//!
//! Mirrors `kombu.serialization.register_msgpack` (`use_bin_type=True`, `raw=False`).

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rmpv::{Integer, Utf8String, Value as Packed};

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
    let packed = rmpv::decode::read_value_with_max_depth(&mut rest, MAX_DEPTH)
        .map_err(|e| ProtocolError::decode("msgpack", e))?;
    if !rest.is_empty() {
        return Err(ProtocolError::decode(
            "msgpack",
            "there is more after the value",
        ));
    }
    unpack(packed)
}

fn unpack(packed: Packed) -> Result<Value, ProtocolError> {
    Ok(match packed {
        Packed::Nil => Value::Null,
        Packed::Boolean(b) => Value::Bool(b),
        Packed::Integer(i) => match (i.as_i64(), i.as_u64()) {
            (Some(i), _) => Value::Int(i),
            (None, Some(u)) => Value::BigInt(u.to_string()),
            (None, None) => return Err(ProtocolError::decode("msgpack", "not an integer")),
        },
        Packed::F32(f) => Value::Float(f.into()),
        Packed::F64(f) => Value::Float(f),
        Packed::String(s) => Value::Str(text(s)?),
        Packed::Binary(bytes) => Value::Bytes(bytes),
        Packed::Array(items) => {
            Value::List(items.into_iter().map(unpack).collect::<Result<_, _>>()?)
        }
        Packed::Map(entries) => {
            let mut map = Map::with_capacity(entries.len());
            for (key, value) in entries {
                let key = unpack(key)?;
                let key = key_text(key).map_err(|e| ProtocolError::decode("msgpack", e))?;
                map.insert(key, unpack(value)?);
            }
            Value::Map(map)
        }
        Packed::Ext(TIMESTAMP, data) => timestamp(&data)
            .map(|at| Value::DateTime(time::isoformat(at, &TimeZone::UTC)))
            .ok_or_else(|| ProtocolError::decode("msgpack", "not a timestamp"))?,
        Packed::Ext(kind, _) => {
            let reason = format!("unknown extension type {kind}");
            return Err(ProtocolError::decode("msgpack", reason));
        }
    })
}

fn text(s: Utf8String) -> Result<String, ProtocolError> {
    s.into_str()
        .ok_or_else(|| ProtocolError::decode("msgpack", "text is not UTF-8"))
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
