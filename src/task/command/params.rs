//! The parameters of a command: what it takes, and Python's way to give them their arguments.

use super::template::check_name;
use crate::protocol::{Map, Value};
use crate::task::TaskError;

/// What an argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Any,
    Int,
    Float,
    Str,
    Bool,
    List,
}

impl Type {
    /// The names in `types`.
    pub(super) const NAMES: &'static [&'static str] =
        &["any", "int", "float", "str", "bool", "list"];

    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "any" => Self::Any,
            "int" => Self::Int,
            "float" => Self::Float,
            "str" => Self::Str,
            "bool" => Self::Bool,
            "list" => Self::List,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Int => "int",
            Self::Float => "float",
            Self::Str => "str",
            Self::Bool => "bool",
            Self::List => "list",
        }
    }

    pub(super) fn takes(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Int => matches!(value, Value::Int(_) | Value::BigInt(_)),
            Self::Float => matches!(value, Value::Int(_) | Value::BigInt(_) | Value::Float(_)),
            Self::Str => matches!(value, Value::Str(_)),
            Self::Bool => matches!(value, Value::Bool(_)),
            Self::List => matches!(value, Value::List(_)),
        }
    }
}

/// One parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Param {
    pub(super) name: String,
    pub(super) default: Option<Value>,
    pub(super) kind: Type,
}

/// The parameters of a command, in their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Params {
    pub(super) list: Vec<Param>,
    /// `*name`: takes further positional arguments.
    pub(super) rest: Option<String>,
    /// `**name`: takes further keywords.
    pub(super) keywords: Option<String>,
}

impl Params {
    /// Adds one as it is declared: `name`, `*name`, `**name`.
    pub(super) fn declare(&mut self, text: &str) -> Result<(), String> {
        let name = text.trim_start_matches('*');
        check_name(name)?;
        if self.names().any(|known| known == name) {
            return Err(format!("`{name}` is there twice"));
        }
        if self.keywords.is_some() || (self.rest.is_some() && !text.starts_with("**")) {
            return Err(format!("`{text}` must stand before those with stars"));
        }
        match text.len() - name.len() {
            0 => self.list.push(Param {
                name: name.to_owned(),
                default: None,
                kind: Type::Any,
            }),
            1 => self.rest = Some(name.to_owned()),
            2 => self.keywords = Some(name.to_owned()),
            _ => return Err(format!("`{text}` has too many stars")),
        }
        Ok(())
    }

    /// All names, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let list = self.list.iter().map(|p| p.name.as_str());
        list.chain(self.rest.as_deref())
            .chain(self.keywords.as_deref())
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Param> {
        self.list.iter_mut().find(|p| p.name == name)
    }

    /// Gives the parameters their arguments; what is wrong is said in Python's words.
    pub(super) fn bind(
        &self,
        task: &str,
        args: &[Value],
        kwargs: &Map,
    ) -> Result<Bound, TaskError> {
        let function = task.rsplit('.').next().unwrap_or(task);
        let type_error = |message: String| {
            TaskError::exception("builtins", "TypeError", &format!("{function}() {message}"))
        };
        let mut bound = Map::with_capacity(self.list.len());
        let mut further = Map::new();
        for (param, value) in self.list.iter().zip(args) {
            bound.insert(param.name.clone(), value.clone());
        }
        let surplus = args.get(self.list.len()..).unwrap_or_default();
        for (key, value) in kwargs {
            if self.list.iter().any(|p| p.name == *key) {
                if bound.contains_key(key) {
                    return Err(type_error(format!(
                        "got multiple values for argument '{key}'"
                    )));
                }
                bound.insert(key.clone(), value.clone());
            } else if self.keywords.is_some() {
                further.insert(key.clone(), value.clone());
            } else {
                return Err(type_error(format!(
                    "got an unexpected keyword argument '{key}'"
                )));
            }
        }
        if !surplus.is_empty() && self.rest.is_none() {
            return Err(type_error(self.too_many(args.len())));
        }
        let mut missing = Vec::new();
        for param in &self.list {
            match bound.get(&param.name) {
                Some(value) => {
                    let is_default = param.default.as_ref() == Some(value);
                    if !is_default && !param.kind.takes(value) {
                        return Err(type_error(format!(
                            "argument '{}' must be {}, not {}",
                            param.name,
                            param.kind.name(),
                            value.type_name()
                        )));
                    }
                }
                None => match &param.default {
                    Some(default) => {
                        bound.insert(param.name.clone(), default.clone());
                    }
                    None => missing.push(format!("'{}'", param.name)),
                },
            }
        }
        if !missing.is_empty() {
            let s = if missing.len() == 1 { "" } else { "s" };
            return Err(type_error(format!(
                "missing {} required positional argument{s}: {}",
                missing.len(),
                enumerated(&missing)
            )));
        }
        if let Some(name) = &self.rest {
            bound.insert(name.clone(), Value::List(surplus.to_vec()));
        }
        if let Some(name) = &self.keywords {
            bound.insert(name.clone(), Value::Map(further));
        }
        Ok(Bound(bound))
    }

    /// CPython's words (`too_many_positional` in ceval.c).
    fn too_many(&self, given: usize) -> String {
        let most = self.list.len();
        let least = self.list.iter().filter(|p| p.default.is_none()).count();
        let (takes, plural) = if least < most {
            (format!("from {least} to {most}"), true)
        } else {
            (most.to_string(), most != 1)
        };
        let s = if plural { "s" } else { "" };
        let were = if given == 1 { "was" } else { "were" };
        format!("takes {takes} positional argument{s} but {given} {were} given")
    }
}

/// `'a'`; `'a' and 'b'`; `'a', 'b', and 'c'`.
fn enumerated(names: &[String]) -> String {
    match names {
        [a, b] => format!("{a} and {b}"),
        [first @ .., last] if !first.is_empty() => format!("{}, and {last}", first.join(", ")),
        _ => names.concat(),
    }
}

/// Arguments by the names of their parameters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bound(Map);

impl Bound {
    #[cfg(test)]
    pub(super) fn of(map: Map) -> Self {
        Self(map)
    }

    /// An argument. A definition has no place for a name that is no parameter.
    pub(super) fn get(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(declared: &[&str]) -> Params {
        let mut params = Params::default();
        for text in declared {
            params.declare(text).unwrap();
        }
        params
    }

    fn kwargs(entries: &[(&str, i64)]) -> Map {
        entries
            .iter()
            .map(|(k, v)| ((*k).to_owned(), Value::Int(*v)))
            .collect()
    }

    fn refused(params: &Params, args: usize, given: &[(&str, i64)]) -> String {
        let args: Vec<Value> = (0..args).map(|_| 0.into()).collect();
        let bound = params.bind("img.resize", &args, &kwargs(given));
        bound.unwrap_err().to_string()
    }

    /// As CPython 3.11 words them.
    #[test]
    fn wrong_arguments_are_named_in_pythons_words() {
        let two = params(&["a", "b"]);
        for (args, given, words) in [
            (
                0,
                &[("b", 1)][..],
                "missing 1 required positional argument: 'a'",
            ),
            (
                0,
                &[],
                "missing 2 required positional arguments: 'a' and 'b'",
            ),
            (3, &[], "takes 2 positional arguments but 3 were given"),
            (1, &[("a", 1)], "got multiple values for argument 'a'"),
            (2, &[("c", 1)], "got an unexpected keyword argument 'c'"),
        ] {
            assert_eq!(
                refused(&two, args, given),
                format!("TypeError: resize() {words}")
            );
        }
        assert_eq!(
            refused(&params(&["a", "b", "c"]), 0, &[]),
            "TypeError: resize() missing 3 required positional arguments: 'a', 'b', and 'c'"
        );
        assert_eq!(
            refused(&params(&[]), 1, &[]),
            "TypeError: resize() takes 0 positional arguments but 1 was given"
        );
        let mut optional = params(&["a", "b"]);
        optional.get_mut("b").unwrap().default = Some(1.into());
        assert_eq!(
            refused(&optional, 3, &[]),
            "TypeError: resize() takes from 1 to 2 positional arguments but 3 were given"
        );
    }

    #[test]
    fn stars_take_what_is_left() {
        let open = params(&["a", "*rest", "**more"]);
        let bound = open
            .bind("t", &[1.into(), 2.into(), 3.into()], &kwargs(&[("x", 4)]))
            .unwrap();
        assert_eq!(bound.get("a"), &1.into());
        assert_eq!(bound.get("rest"), &Value::List(vec![2.into(), 3.into()]));
        assert_eq!(bound.get("more"), &Value::Map(kwargs(&[("x", 4)])));
    }

    #[test]
    fn types_are_checked_and_defaults_are_not() {
        let mut typed = params(&["n"]);
        *typed.get_mut("n").unwrap() = Param {
            name: "n".into(),
            default: Some(Value::Null),
            kind: Type::Int,
        };
        assert!(typed.bind("t", &[5.into()], &Map::new()).is_ok());
        assert!(typed.bind("t", &[], &Map::new()).is_ok());
        let wrong = typed.bind("t", &["5; rm".into()], &Map::new());
        assert_eq!(
            wrong.unwrap_err().to_string(),
            "TypeError: t() argument 'n' must be int, not str"
        );
        assert!(Type::Float.takes(&1.into()) && !Type::Int.takes(&1.5.into()));
    }

    #[test]
    fn declarations_are_pythons() {
        for (declared, says) in [
            (&["a", "a"][..], "`a` is there twice"),
            (&["*a", "b"], "`b` must stand before those with stars"),
            (&["**k", "*a"], "`*a` must stand before those with stars"),
            (&["***k"], "`***k` has too many stars"),
            (&["a-b"], "`a-b` is not a name for an argument"),
        ] {
            let mut params = Params::default();
            let outcome: Result<Vec<()>, String> =
                declared.iter().map(|d| params.declare(d)).collect();
            assert_eq!(outcome.unwrap_err(), says);
        }
    }
}
