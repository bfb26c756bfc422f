//! From any `Serialize` to a [`Value`], in the shapes that serde_json chooses, and `Serialize` for a `Value`.

#[cfg(test)]
mod tests;

use serde::ser::{self, Error as _, Serialize};
use uuid::Uuid;

use crate::protocol::{Map, ProtocolError, Value, repr};

/// Deeper values could not be read back (the decoders' limit is the same).
const MAX_DEPTH: usize = 200;

pub(in crate::protocol) fn to_value<T: Serialize + ?Sized>(
    value: &T,
) -> Result<Value, ProtocolError> {
    value
        .serialize(ValueSerializer { depth: 0 })
        .map_err(|Failure(reason)| ProtocolError::Encode {
            serializer: "value".to_owned(),
            reason,
        })
}

/// Why a value can't be serialized.
#[derive(Debug)]
struct Failure(String);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl ser::Error for Failure {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Name under which a [`Value`] hands over what serde has no type for.
///
/// Only [`ValueSerializer`] knows these names; every other serializer sees the text that follows them.
pub(in crate::protocol) const NEWTYPES: [&str; 6] = [
    "$rcelery::BigInt",
    "$rcelery::DateTime",
    "$rcelery::Date",
    "$rcelery::Time",
    "$rcelery::Decimal",
    "$rcelery::Uuid",
];

impl Serialize for Value {
    fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [big, datetime, date, time, decimal, uuid] = NEWTYPES;
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Int(i) => serializer.serialize_i64(*i),
            Self::BigInt(digits) => {
                if let Ok(i) = digits.parse() {
                    serializer.serialize_u64(i)
                } else if let Ok(i) = digits.parse() {
                    serializer.serialize_i128(i)
                } else if let Ok(i) = digits.parse() {
                    serializer.serialize_u128(i)
                } else {
                    serializer.serialize_newtype_struct(big, digits)
                }
            }
            Self::Float(f) => serializer.serialize_f64(*f),
            Self::Str(s) => serializer.serialize_str(s),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(map) => serializer.collect_map(map),
            Self::DateTime(text) => serializer.serialize_newtype_struct(datetime, text),
            Self::Date(text) => serializer.serialize_newtype_struct(date, text),
            Self::Time(text) => serializer.serialize_newtype_struct(time, text),
            Self::Decimal(text) => serializer.serialize_newtype_struct(decimal, text),
            Self::Uuid(id) => {
                serializer.serialize_newtype_struct(uuid, &id.hyphenated().to_string())
            }
        }
    }
}

#[derive(Clone, Copy)]
struct ValueSerializer {
    depth: usize,
}

impl ValueSerializer {
    fn inner(self) -> Result<Self, Failure> {
        if self.depth >= MAX_DEPTH {
            return Err(Failure(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(Self {
            depth: self.depth + 1,
        })
    }
}

/// `{variant: value}`.
fn tagged(variant: &str, value: impl Into<Value>) -> Value {
    Value::from([(variant, value.into())])
}

impl ser::Serializer for ValueSerializer {
    type Ok = Value;
    type Error = Failure;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    fn serialize_bool(self, v: bool) -> Result<Value, Failure> {
        Ok(v.into())
    }
    fn serialize_i8(self, v: i8) -> Result<Value, Failure> {
        Ok(i64::from(v).into())
    }
    fn serialize_i16(self, v: i16) -> Result<Value, Failure> {
        Ok(i64::from(v).into())
    }
    fn serialize_i32(self, v: i32) -> Result<Value, Failure> {
        Ok(v.into())
    }
    fn serialize_i64(self, v: i64) -> Result<Value, Failure> {
        Ok(v.into())
    }
    fn serialize_i128(self, v: i128) -> Result<Value, Failure> {
        Ok(i64::try_from(v).map_or_else(|_| Value::BigInt(v.to_string()), Value::Int))
    }
    fn serialize_u8(self, v: u8) -> Result<Value, Failure> {
        Ok(i64::from(v).into())
    }
    fn serialize_u16(self, v: u16) -> Result<Value, Failure> {
        Ok(i64::from(v).into())
    }
    fn serialize_u32(self, v: u32) -> Result<Value, Failure> {
        Ok(v.into())
    }
    fn serialize_u64(self, v: u64) -> Result<Value, Failure> {
        Ok(v.into())
    }
    fn serialize_u128(self, v: u128) -> Result<Value, Failure> {
        Ok(i64::try_from(v).map_or_else(|_| Value::BigInt(v.to_string()), Value::Int))
    }
    /// The shortest text of the narrow float, so that `0.1_f32` stays `0.1`.
    fn serialize_f32(self, v: f32) -> Result<Value, Failure> {
        Ok(v.to_string()
            .parse()
            .map_or(Value::Float(v.into()), Value::Float))
    }
    fn serialize_f64(self, v: f64) -> Result<Value, Failure> {
        Ok(v.into())
    }
    fn serialize_char(self, v: char) -> Result<Value, Failure> {
        Ok(v.to_string().into())
    }
    fn serialize_str(self, v: &str) -> Result<Value, Failure> {
        Ok(v.into())
    }
    fn serialize_bytes(self, v: &[u8]) -> Result<Value, Failure> {
        Ok(Value::Bytes(v.to_vec()))
    }
    fn serialize_none(self) -> Result<Value, Failure> {
        Ok(Value::Null)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Failure> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Value, Failure> {
        Ok(Value::Null)
    }
    fn serialize_unit_struct(self, _name: &'static str) -> Result<Value, Failure> {
        Ok(Value::Null)
    }
    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Value, Failure> {
        Ok(variant.into())
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Value, Failure> {
        let inner = value.serialize(self)?;
        let Some(kind) = NEWTYPES.iter().position(|known| *known == name) else {
            return Ok(inner);
        };
        let Value::Str(text) = inner else {
            return Ok(inner);
        };
        Ok(match kind {
            0 => Value::BigInt(text),
            1 => Value::DateTime(text),
            2 => Value::Date(text),
            3 => Value::Time(text),
            4 => Value::Decimal(text),
            _ => Value::Uuid(Uuid::parse_str(&text).map_err(Failure::custom)?),
        })
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Failure> {
        Ok(tagged(variant, value.serialize(self.inner()?)?))
    }
    fn serialize_seq(self, _len: Option<usize>) -> Result<Items, Failure> {
        Ok(Items {
            inner: self.inner()?,
            variant: None,
            items: Vec::new(),
        })
    }
    fn serialize_tuple(self, len: usize) -> Result<Items, Failure> {
        self.serialize_seq(Some(len))
    }
    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Result<Items, Failure> {
        self.serialize_seq(Some(len))
    }
    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Items, Failure> {
        let mut items = self.inner()?.serialize_seq(Some(len))?;
        items.variant = Some(variant);
        Ok(items)
    }
    fn serialize_map(self, _len: Option<usize>) -> Result<Entries, Failure> {
        Ok(Entries {
            inner: self.inner()?,
            variant: None,
            key: None,
            map: Map::new(),
        })
    }
    fn serialize_struct(self, _name: &'static str, len: usize) -> Result<Entries, Failure> {
        self.serialize_map(Some(len))
    }
    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Entries, Failure> {
        let mut entries = self.inner()?.serialize_map(Some(len))?;
        entries.variant = Some(variant);
        Ok(entries)
    }
}

/// A list that is being made.
struct Items {
    inner: ValueSerializer,
    variant: Option<&'static str>,
    items: Vec<Value>,
}

impl Items {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.items.push(value.serialize(self.inner)?);
        Ok(())
    }

    fn finish(self) -> Value {
        match self.variant {
            Some(variant) => tagged(variant, self.items),
            None => self.items.into(),
        }
    }
}

impl ser::SerializeSeq for Items {
    type Ok = Value;
    type Error = Failure;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.add(value)
    }
    fn end(self) -> Result<Value, Failure> {
        Ok(self.finish())
    }
}

impl ser::SerializeTuple for Items {
    type Ok = Value;
    type Error = Failure;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.add(value)
    }
    fn end(self) -> Result<Value, Failure> {
        Ok(self.finish())
    }
}

impl ser::SerializeTupleStruct for Items {
    type Ok = Value;
    type Error = Failure;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.add(value)
    }
    fn end(self) -> Result<Value, Failure> {
        Ok(self.finish())
    }
}

impl ser::SerializeTupleVariant for Items {
    type Ok = Value;
    type Error = Failure;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.add(value)
    }
    fn end(self) -> Result<Value, Failure> {
        Ok(self.finish())
    }
}

/// A map that is being made.
struct Entries {
    inner: ValueSerializer,
    variant: Option<&'static str>,
    key: Option<String>,
    map: Map,
}

impl Entries {
    fn finish(self) -> Value {
        match self.variant {
            Some(variant) => tagged(variant, self.map),
            None => self.map.into(),
        }
    }

    fn add<T: Serialize + ?Sized>(&mut self, key: String, value: &T) -> Result<(), Failure> {
        let value = value.serialize(self.inner).map_err(|Failure(reason)| {
            if reason.starts_with('`') {
                Failure(reason.replacen('`', &format!("`{key}."), 1))
            } else {
                Failure(format!("`{key}`: {reason}"))
            }
        })?;
        self.map.insert(key, value);
        Ok(())
    }
}

impl ser::SerializeMap for Entries {
    type Ok = Value;
    type Error = Failure;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failure> {
        self.key = Some(match key.serialize(self.inner)? {
            Value::Str(text)
            | Value::BigInt(text)
            | Value::DateTime(text)
            | Value::Date(text)
            | Value::Time(text)
            | Value::Decimal(text) => text,
            Value::Null => "null".to_owned(),
            Value::Bool(b) => b.to_string(),
            Value::Int(i) => i.to_string(),
            Value::Float(f) if f.is_nan() => "NaN".to_owned(),
            Value::Float(f) if f.is_infinite() => {
                if f > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
            }
            Value::Float(f) => repr::float_repr(f),
            Value::Uuid(uuid) => uuid.to_string(),
            other => {
                return Err(Failure(format!("a key can't be a {}", other.type_name())));
            }
        });
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        let key = self
            .key
            .take()
            .ok_or_else(|| Failure("a value without key".to_owned()))?;
        self.add(key, value)
    }
    fn end(self) -> Result<Value, Failure> {
        Ok(self.finish())
    }
}

impl ser::SerializeStruct for Entries {
    type Ok = Value;
    type Error = Failure;
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        self.add(key.to_owned(), value)
    }
    fn end(self) -> Result<Value, Failure> {
        Ok(self.finish())
    }
}

impl ser::SerializeStructVariant for Entries {
    type Ok = Value;
    type Error = Failure;
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        self.add(key.to_owned(), value)
    }
    fn end(self) -> Result<Value, Failure> {
        Ok(self.finish())
    }
}
