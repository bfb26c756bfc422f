//! The types that a setting can have, and how each is read from a value, from text, and written.

use std::time::Duration;

use crate::protocol::codec::json;
use crate::protocol::time::duration;
use crate::protocol::{Map, Value};

/// A type of setting. `read` takes what a file or a caller gives, `parse` what stands in the environment or after `--set`.
pub(super) trait Kind: Sized {
    /// What it takes, for error messages: "a number".
    const EXPECTS: &'static str;
    /// Whether one environment variable can hold it without JSON.
    const SCALAR: bool = true;

    /// Reads a value; `None` if it is of the wrong type or out of range.
    fn read(value: &Value) -> Option<Self>;

    /// Reads text.
    fn parse(text: &str) -> Option<Self> {
        Self::read(&Value::Str(text.to_owned()))
    }

    /// The value, as `inspect conf` shows it.
    fn write(&self) -> Value;

    /// Whether this value means the same as none where the setting is optional: a duration of 0.
    fn is_none(&self) -> bool {
        false
    }
}

impl Kind for bool {
    const EXPECTS: &'static str = "true or false";

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(b) => Some(*b),
            Value::Int(0) => Some(false),
            Value::Int(1) => Some(true),
            _ => None,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        // The words of celery's strtobool (utils/serialization.py).
        match text.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => Some(true),
            "0" | "false" | "no" | "off" => Some(false),
            _ => None,
        }
    }

    fn write(&self) -> Value {
        Value::Bool(*self)
    }
}

macro_rules! unsigned {
    ($($type:ty),*) => {$(
        impl Kind for $type {
            const EXPECTS: &'static str = "a whole number of at least 0";

            fn read(value: &Value) -> Option<Self> {
                match value {
                    Value::Int(i) => Self::try_from(*i).ok(),
                    Value::Float(f) if f.fract() == 0.0 => format!("{f:.0}").parse().ok(),
                    _ => None,
                }
            }

            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn write(&self) -> Value {
                Value::from(u64::from(*self))
            }
        }
    )*};
}
unsigned!(u8, u32, u64);

impl Kind for f64 {
    const EXPECTS: &'static str = "a number";

    fn read(value: &Value) -> Option<Self> {
        value.as_f64()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn write(&self) -> Value {
        Value::Float(*self)
    }
}

impl Kind for String {
    const EXPECTS: &'static str = "text";

    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }

    fn write(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl Kind for Duration {
    const EXPECTS: &'static str =
        "a number of seconds, or text such as \"30s\", \"5m\", \"1h\", \"1d\"";

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Str(text) => duration(text),
            number => Duration::try_from_secs_f64(number.as_f64()?).ok(),
        }
    }

    fn write(&self) -> Value {
        if self.subsec_nanos() == 0 {
            Value::from(self.as_secs())
        } else {
            Value::Float(self.as_secs_f64())
        }
    }

    fn is_none(&self) -> bool {
        self.is_zero()
    }
}

impl Kind for Vec<String> {
    const EXPECTS: &'static str = "a list of texts";

    fn read(value: &Value) -> Option<Self> {
        value
            .as_list()?
            .iter()
            .map(|v| v.as_str().map(str::to_owned))
            .collect()
    }

    fn parse(text: &str) -> Option<Self> {
        if text.trim_start().starts_with('[') {
            return Self::read(&json::from_slice(text.as_bytes()).ok()?);
        }
        let items = text.split(',').map(str::trim).filter(|s| !s.is_empty());
        Some(items.map(str::to_owned).collect())
    }

    fn write(&self) -> Value {
        Value::List(self.iter().map(|s| s.as_str().into()).collect())
    }
}

impl Kind for Map {
    const EXPECTS: &'static str = "a table";
    const SCALAR: bool = false;

    fn read(value: &Value) -> Option<Self> {
        value.as_map().cloned()
    }

    fn parse(text: &str) -> Option<Self> {
        Self::read(&json::from_slice(text.as_bytes()).ok()?)
    }

    fn write(&self) -> Value {
        Value::Map(self.clone())
    }
}

impl<T: Kind> Kind for Option<T> {
    const EXPECTS: &'static str = T::EXPECTS;
    const SCALAR: bool = T::SCALAR;

    fn read(value: &Value) -> Option<Self> {
        if value.is_null() {
            return Some(None);
        }
        T::read(value).map(|v| Some(v).filter(|v| !v.is_none()))
    }

    fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "" | "none" | "None" | "null" => Some(None),
            _ => T::parse(text).map(|v| Some(v).filter(|v| !v.is_none())),
        }
    }

    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, Kind::write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_or_have_units() {
        for (text, seconds) in [
            ("90", 90.0),
            ("1.5", 1.5),
            ("300ms", 0.3),
            ("30s", 30.0),
            ("5m", 300.0),
            ("1h 30m", 5_400.0),
            ("1d", 86_400.0),
            ("2 weeks", 1_209_600.0),
        ] {
            assert_eq!(
                duration(text),
                Some(Duration::from_secs_f64(seconds)),
                "{text}"
            );
        }
        for bad in [
            "",
            "d",
            "1 fortnight",
            "-1",
            "1..5s",
            "1e400",
            "nan",
            "1d x",
        ] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn whole_numbers_refuse_what_does_not_fit() {
        assert_eq!(u8::read(&Value::Int(9)), Some(9));
        assert_eq!(u8::read(&Value::Int(256)), None);
        assert_eq!(u32::read(&Value::Int(-1)), None);
        assert_eq!(u32::read(&Value::Float(2.0)), Some(2));
        assert_eq!(u32::read(&Value::Float(2.5)), None);
        assert_eq!(u32::parse("two"), None);
    }

    #[test]
    fn lists_come_as_json_or_with_commas() {
        let both = Some(vec!["json".to_owned(), "yaml".to_owned()]);
        assert_eq!(Vec::parse("json, yaml"), both);
        assert_eq!(Vec::parse("[\"json\", \"yaml\"]"), both);
    }

    #[test]
    fn nothing_is_none_in_text_too() {
        assert_eq!(Option::<u32>::parse("none"), Some(None));
        assert_eq!(Option::<u32>::read(&Value::Null), Some(None));
        assert_eq!(Option::<u32>::parse("x"), None);
    }
}
