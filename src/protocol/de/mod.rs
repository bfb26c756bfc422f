//! From a [`Value`] to any `Deserialize`; `value.rs` has `Deserialize` for a `Value`.

#[cfg(test)]
mod tests;
mod value;

use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};

use self::value::WHOLE;
use crate::protocol::ser::NEWTYPES;
use crate::protocol::{Map, ProtocolError, Value};

pub(in crate::protocol) fn from_value<T: de::DeserializeOwned>(
    value: Value,
) -> Result<T, ProtocolError> {
    T::deserialize(ValueDeserializer(value))
        .map_err(|failure| ProtocolError::invalid("value", failure))
}

/// Why a value does not fit, and where.
#[derive(Debug)]
struct Failure {
    path: String,
    reason: String,
}

impl Failure {
    /// The same inside of a field or item.
    fn within(mut self, part: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path = format!("{part}{dot}{}", self.path);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.reason)
        } else {
            write!(f, "`{}`: {}", self.path, self.reason)
        }
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            path: String::new(),
            reason: message.to_string(),
        }
    }
}

struct ValueDeserializer(Value);

impl<'de> IntoDeserializer<'de, Failure> for ValueDeserializer {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

/// Python's name of a type, as serde shows it.
fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(b) => Unexpected::Bool(*b),
        Value::Int(i) => Unexpected::Signed(*i),
        Value::Float(f) => Unexpected::Float(*f),
        Value::List(_) => Unexpected::Seq,
        Value::Map(_) => Unexpected::Map,
        // Text may be long and private: its type is enough.
        other => Unexpected::Other(other.type_name()),
    }
}

impl<'de> Deserializer<'de> for ValueDeserializer {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(b) => visitor.visit_bool(b),
            Value::Int(i) => visitor.visit_i64(i),
            Value::BigInt(digits) => {
                if let Ok(i) = digits.parse() {
                    visitor.visit_u64(i)
                } else if let Ok(i) = digits.parse() {
                    visitor.visit_i128(i)
                } else if let Ok(i) = digits.parse() {
                    visitor.visit_u128(i)
                } else {
                    Err(Failure::custom("an integer that does not fit 128 bits"))
                }
            }
            Value::Float(f) => visitor.visit_f64(f),
            Value::Str(s)
            | Value::DateTime(s)
            | Value::Date(s)
            | Value::Time(s)
            | Value::Decimal(s) => visitor.visit_string(s),
            Value::Uuid(uuid) => visitor.visit_string(uuid.hyphenated().to_string()),
            Value::Bytes(bytes) => visitor.visit_byte_buf(bytes),
            Value::List(items) => visit_list(items, visitor),
            Value::Map(map) => visit_map(map, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let kind = match &self.0 {
            Value::DateTime(_) => 1,
            Value::Date(_) => 2,
            Value::Time(_) => 3,
            Value::Decimal(_) => 4,
            Value::Uuid(_) => 5,
            Value::BigInt(_) => 0,
            _ => return visitor.visit_newtype_struct(self),
        };
        if name != WHOLE {
            return visitor.visit_newtype_struct(self);
        }
        let text = String::deserialize(match self.0 {
            Value::BigInt(digits) => Self(Value::Str(digits)),
            other => Self(other),
        })?;
        visitor.visit_enum(Variant {
            name: NEWTYPES[kind].to_owned(),
            content: Some(text.into()),
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match self.0 {
            Value::Str(variant) => visitor.visit_enum(Variant {
                name: variant,
                content: None,
            }),
            Value::Map(map) if map.len() == 1 => match map.into_iter().next() {
                Some((name, content)) => visitor.visit_enum(Variant {
                    name,
                    content: Some(content),
                }),
                None => Err(Failure::custom("an empty map")),
            },
            other => Err(Failure::invalid_type(
                unexpected(&other),
                &"the name of a variant, or a map with that name as its only key",
            )),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0 {
            Value::Str(s) => visitor.visit_string(s),
            other => Self(other).deserialize_any(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_bytes(visitor)
    }

    /// Bytes are a sequence to those who ask for one (`Vec<u8>`).
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0 {
            Value::Bytes(bytes) => visit_list(
                bytes.into_iter().map(|b| i64::from(b).into()).collect(),
                visitor,
            ),
            other => Self(other).deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string unit unit_struct map struct identifier
    }
}

fn visit_list<'de, V: Visitor<'de>>(items: Vec<Value>, visitor: V) -> Result<V::Value, Failure> {
    let total = items.len();
    let mut access = Items {
        rest: items.into_iter(),
        index: 0,
    };
    let value = visitor.visit_seq(&mut access)?;
    if access.rest.len() > 0 {
        return Err(Failure::invalid_length(total, &"fewer items"));
    }
    Ok(value)
}

fn visit_map<'de, V: Visitor<'de>>(map: Map, visitor: V) -> Result<V::Value, Failure> {
    visitor.visit_map(Entries {
        rest: map.into_iter(),
        current: None,
    })
}

struct Items {
    rest: std::vec::IntoIter<Value>,
    index: usize,
}

impl<'de> SeqAccess<'de> for &mut Items {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        let Some(item) = self.rest.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        seed.deserialize(ValueDeserializer(item))
            .map(Some)
            .map_err(|failure| failure.within(&format!("[{index}]")))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

struct Entries {
    rest: indexmap::map::IntoIter<String, Value>,
    current: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        let Some((key, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.current = Some((key.clone(), value));
        seed.deserialize(Key(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let (key, value) = self
            .current
            .take()
            .ok_or_else(|| Failure::custom("a value before its key"))?;
        seed.deserialize(ValueDeserializer(value))
            .map_err(|failure| failure.within(&key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// A key: always text here, but numbers and bools are read from it.
struct Key(String);

macro_rules! key_as {
    ($($method:ident $visit:ident $type:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            match self.0.parse::<$type>() {
                Ok(parsed) => visitor.$visit(parsed),
                Err(_) => visitor.visit_string(self.0),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Key {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_string(self.0)
    }

    key_as! {
        deserialize_bool visit_bool bool, deserialize_f32 visit_f32 f32, deserialize_f64 visit_f64 f64,
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_u128 visit_u128 u128
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let text: StringDeserializer<Failure> = self.0.into_deserializer();
        text.deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Variant {
    name: String,
    content: Option<Value>,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Failure;
    type Variant = Content;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content), Failure> {
        let name = self.name.clone();
        let content = Content {
            name: self.name,
            value: self.content,
        };
        seed.deserialize(Key(name))
            .map(|variant| (variant, content))
    }
}

struct Content {
    name: String,
    value: Option<Value>,
}

impl Content {
    fn need(self) -> Result<(String, Value), Failure> {
        match self.value {
            Some(value) => Ok((self.name, value)),
            None => Err(Failure::custom(format!(
                "variant `{}` needs a value",
                self.name
            ))),
        }
    }
}

impl<'de> VariantAccess<'de> for Content {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        match self.value {
            None | Some(Value::Null) => Ok(()),
            Some(other) => Err(Failure::invalid_type(unexpected(&other), &"no value")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        let (name, value) = self.need()?;
        seed.deserialize(ValueDeserializer(value))
            .map_err(|failure| failure.within(&name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Failure> {
        let (name, value) = self.need()?;
        ValueDeserializer(value)
            .deserialize_tuple(len, visitor)
            .map_err(|failure| failure.within(&name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let (name, value) = self.need()?;
        ValueDeserializer(value)
            .deserialize_any(visitor)
            .map_err(|failure| failure.within(&name))
    }
}
