//! Binding arguments to a struct's fields, as Python binds them to parameters.

use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};

use super::TaskError;
use crate::protocol::{Map, ProtocolError, Value};

/// How a type takes its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Named fields, in order.
    Named(&'static [&'static str]),
    /// A tuple struct or tuple of that many.
    Tuple(usize),
    /// No arguments.
    Unit,
    /// A map or anything else: keywords only.
    Open,
}

/// The parameters of a type: what its `Deserialize` asks for first.
#[must_use]
pub fn fields<T: DeserializeOwned>() -> Shape {
    let mut shape = Shape::Open;
    // The probe refuses every value, after noting what it was asked for.
    let _ = T::deserialize(Probe(&mut shape));
    shape
}

struct Probe<'a>(&'a mut Shape);

macro_rules! refuse {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(Self::Error::custom("probe"))
        })*
    };
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = serde::de::value::Error;

    refuse! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_option deserialize_seq deserialize_map deserialize_identifier
        deserialize_ignored_any
    }

    fn deserialize_unit<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        *self.0 = Shape::Unit;
        Err(Self::Error::custom("probe"))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = Shape::Unit;
        Err(Self::Error::custom("probe"))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = Shape::Tuple(1);
        Err(Self::Error::custom("probe"))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, _: V) -> Result<V::Value, Self::Error> {
        *self.0 = Shape::Tuple(len);
        Err(Self::Error::custom("probe"))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = Shape::Tuple(len);
        Err(Self::Error::custom("probe"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = Shape::Named(fields);
        Err(Self::Error::custom("probe"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("probe"))
    }
}

/// Reads a task from positional and keyword arguments.
///
/// # Errors
/// A `TypeError` in Python's words, naming the missing, surplus or doubled parameter.
pub fn bind<T: DeserializeOwned>(
    name: &str,
    args: Vec<Value>,
    kwargs: Map,
) -> Result<T, TaskError> {
    let function = name.rsplit('.').next().unwrap_or(name);
    let type_error = |message: String| {
        TaskError::exception("builtins", "TypeError", &format!("{function}() {message}"))
    };
    let value = match fields::<T>() {
        Shape::Named(names) => {
            if args.len() > names.len() {
                let (want, given) = (names.len(), args.len());
                let s = if want == 1 { "" } else { "s" };
                let were = if given == 1 { "was" } else { "were" };
                return Err(type_error(format!(
                    "takes {want} positional argument{s} but {given} {were} given"
                )));
            }
            let mut bound = Map::with_capacity(names.len());
            for (field, value) in names.iter().zip(args) {
                bound.insert((*field).to_owned(), value);
            }
            for (key, value) in kwargs {
                if !names.contains(&key.as_str()) {
                    return Err(type_error(format!(
                        "got an unexpected keyword argument '{key}'"
                    )));
                }
                if bound.contains_key(&key) {
                    return Err(type_error(format!(
                        "got multiple values for argument '{key}'"
                    )));
                }
                bound.insert(key, value);
            }
            Value::Map(bound)
        }
        Shape::Tuple(_) | Shape::Unit if !kwargs.is_empty() => {
            let key = kwargs.keys().next().cloned().unwrap_or_default();
            return Err(type_error(format!(
                "got an unexpected keyword argument '{key}'"
            )));
        }
        Shape::Tuple(want) if args.len() != want => {
            let given = args.len();
            return Err(type_error(format!(
                "takes {want} positional arguments but {given} were given"
            )));
        }
        Shape::Tuple(1) => args.into_iter().next().unwrap_or_default(),
        Shape::Tuple(_) => Value::List(args),
        Shape::Unit | Shape::Open if !args.is_empty() => {
            let given = args.len();
            let were = if given == 1 { "was" } else { "were" };
            return Err(type_error(format!(
                "takes 0 positional arguments but {given} {were} given"
            )));
        }
        Shape::Unit => Value::Null,
        Shape::Open => Value::Map(kwargs),
    };
    value.deserialize().map_err(|e| {
        let reason = match &e {
            ProtocolError::Invalid { reason, .. } => reason.clone(),
            other => other.to_string(),
        };
        match missing_field(&reason) {
            Some(field) => type_error(format!("missing 1 required positional argument: '{field}'")),
            None => type_error(format!("got a bad argument: {reason}")),
        }
    })
}

/// The field that serde's "missing field `x`" names.
fn missing_field(reason: &str) -> Option<&str> {
    reason
        .split_once("missing field `")?
        .1
        .split_once('`')
        .map(|(field, _)| field)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::{Shape, bind, fields};
    use crate::protocol::{Map, Value};

    #[derive(Debug, PartialEq, Deserialize)]
    struct Add {
        x: i64,
        #[serde(default)]
        y: Option<i64>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Pair(i64, String);

    #[derive(Debug, PartialEq, Deserialize)]
    struct Nothing;

    fn kwargs(entries: &[(&str, i64)]) -> Map {
        entries
            .iter()
            .map(|(k, v)| ((*k).to_owned(), Value::Int(*v)))
            .collect()
    }

    fn message(result: Result<Add, super::TaskError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn a_mix_of_positional_and_keyword_arguments_is_bound_by_field_order() {
        assert_eq!(fields::<Add>(), Shape::Named(&["x", "y"]));
        assert_eq!(
            bind::<Add>("t.add", vec![1.into()], kwargs(&[("y", 2)])).unwrap(),
            Add { x: 1, y: Some(2) }
        );
        assert_eq!(
            bind::<Add>("t.add", vec![1.into()], Map::new()).unwrap(),
            Add { x: 1, y: None }
        );
        assert_eq!(
            bind::<Pair>("t.p", vec![1.into(), "a".into()], Map::new()).unwrap(),
            Pair(1, "a".to_owned())
        );
        assert_eq!(bind::<Nothing>("t.n", vec![], Map::new()).unwrap(), Nothing);
    }

    #[test]
    fn wrong_arguments_are_named_in_pythons_words() {
        assert_eq!(
            message(bind("t.add", vec![], kwargs(&[("y", 2)]))),
            "TypeError: add() missing 1 required positional argument: 'x'"
        );
        assert_eq!(
            message(bind(
                "t.add",
                vec![1.into(), 2.into(), 3.into()],
                Map::new()
            )),
            "TypeError: add() takes 2 positional arguments but 3 were given"
        );
        assert_eq!(
            message(bind("t.add", vec![1.into()], kwargs(&[("x", 2)]))),
            "TypeError: add() got multiple values for argument 'x'"
        );
        assert_eq!(
            message(bind("t.add", vec![1.into()], kwargs(&[("z", 2)]))),
            "TypeError: add() got an unexpected keyword argument 'z'"
        );
        assert!(message(bind("t.add", vec!["one".into()], Map::new())).contains("bad argument"));
    }
}
