//! The values that travel: JSON's, and those that kombu's typed JSON, msgpack, yaml and pickle add.
//!
//! Mirrors what `kombu.utils.json` can represent.

use indexmap::IndexMap;
use uuid::Uuid;

/// An object with its keys in the order of the wire.
pub type Map = IndexMap<String, Value>;

/// A value as Python would hold it after decoding.
///
/// Python tuples and sets are lists here: no content type that Celery accepts by default can tell them apart.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// `None`.
    #[default]
    Null,
    /// `True` or `False`.
    Bool(bool),
    /// An integer that fits 64 bits.
    Int(i64),
    /// An integer that does not: its decimal digits, with a leading `-` if negative.
    BigInt(String),
    /// A float; NaN and the infinities included.
    Float(f64),
    /// Text.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list (or a Python tuple or set).
    List(Vec<Value>),
    /// A dict. Keys that are not text have been written as JSON writes them.
    Map(Map),
    /// A date and time in ISO 8601, with an offset if aware.
    DateTime(String),
    /// A date, `2030-01-02`.
    Date(String),
    /// A time of day, `03:04:05[.ffffff]`.
    Time(String),
    /// A decimal number; the text keeps its digits (`1.50`).
    Decimal(String),
    /// A UUID.
    Uuid(Uuid),
}

impl Value {
    /// Converts anything serializable.
    ///
    /// # Errors
    /// `Encode` if the type's `Serialize` refuses, or a map key is neither text nor a number, bool or unit.
    pub fn from_serialize<T: serde::Serialize + ?Sized>(
        value: &T,
    ) -> Result<Self, super::ProtocolError> {
        super::ser::to_value(value)
    }

    /// Reads a typed value.
    ///
    /// # Errors
    /// `Invalid`, naming the missing field or the unexpected type.
    pub fn deserialize<T: serde::de::DeserializeOwned>(self) -> Result<T, super::ProtocolError> {
        super::de::from_value(self)
    }

    /// Whether this is `Null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text, if this is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(s) => Some(s),
            _ => None,
        }
    }

    /// The integer, if this is one that fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(i) => Some(*i),
            _ => None,
        }
    }

    /// The number as a float, if this is a number.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "Python's float(int) rounds in the same way"
    )]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(i) => Some(*i as f64),
            Self::Float(f) => Some(*f),
            Self::BigInt(s) | Self::Decimal(s) => s.parse().ok(),
            _ => None,
        }
    }

    /// The truth value, if this is a bool.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The items, if this is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, if this is a map.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Python's truth: false for `None`, `False`, zero and what is empty.
    #[must_use]
    pub fn truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(b) => *b,
            Self::Int(i) => *i != 0,
            Self::Float(f) => *f != 0.0,
            Self::Str(s) => !s.is_empty(),
            Self::Bytes(b) => !b.is_empty(),
            Self::List(l) => !l.is_empty(),
            Self::Map(m) => !m.is_empty(),
            Self::Decimal(d) => d.parse().ok() != Some(0.0),
            _ => true,
        }
    }

    /// The name of the Python type, for error messages.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::BigInt(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Map(_) => "dict",
            Self::DateTime(_) => "datetime",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::Decimal(_) => "Decimal",
            Self::Uuid(_) => "UUID",
        }
    }

    /// `None` becomes `Null`.
    #[must_use]
    pub fn opt<T: Into<Value>>(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Self::Bool(v)
    }
}
impl From<i64> for Value {
    fn from(v: i64) -> Self {
        Self::Int(v)
    }
}
impl From<i32> for Value {
    fn from(v: i32) -> Self {
        Self::Int(v.into())
    }
}
impl From<u32> for Value {
    fn from(v: u32) -> Self {
        Self::Int(v.into())
    }
}
impl From<u64> for Value {
    fn from(v: u64) -> Self {
        i64::try_from(v).map_or_else(|_| Self::BigInt(v.to_string()), Self::Int)
    }
}
impl From<usize> for Value {
    fn from(v: usize) -> Self {
        Self::from(v as u64)
    }
}
impl From<f64> for Value {
    fn from(v: f64) -> Self {
        Self::Float(v)
    }
}
impl From<&str> for Value {
    fn from(v: &str) -> Self {
        Self::Str(v.to_owned())
    }
}
impl From<String> for Value {
    fn from(v: String) -> Self {
        Self::Str(v)
    }
}
impl From<Vec<Value>> for Value {
    fn from(v: Vec<Value>) -> Self {
        Self::List(v)
    }
}
impl From<Map> for Value {
    fn from(v: Map) -> Self {
        Self::Map(v)
    }
}
impl From<Uuid> for Value {
    fn from(v: Uuid) -> Self {
        Self::Uuid(v)
    }
}

impl<const N: usize> From<[(&str, Value); N]> for Value {
    fn from(entries: [(&str, Value); N]) -> Self {
        Self::Map(
            entries
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect(),
        )
    }
}
