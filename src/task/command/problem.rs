//! What can be wrong with a definition, and values read with that in mind.

use crate::protocol::{Value, time};

/// What is wrong with a definition, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The place in the table: `command[2]`, `env.LANG`; empty for the table itself.
    pub path: String,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// There is no such key.
    UnknownKey {
        /// The nearest that exists.
        suggestion: Option<String>,
    },
    /// The value is wrong.
    Invalid(String),
}

impl Problem {
    pub(super) fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            reason: Reason::Invalid(reason.into()),
        }
    }
}

/// Likeness from which on a name is worth suggesting.
const ALIKE: f64 = 0.8;

pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known.to_owned())
}

pub(super) const DURATION: &str = "a number of seconds, or text such as \"30s\", \"5m\", \"1h\"";

/// A duration in text as seconds; anything else as it is.
pub(super) fn seconds(key: &str, value: &Value) -> Result<Value, Problem> {
    match value {
        Value::Str(text) => time::duration(text)
            .map(|d| Value::Float(d.as_secs_f64()))
            .ok_or_else(|| wrong(key, DURATION, value)),
        other => Ok(other.clone()),
    }
}

pub(super) fn wrong(path: &str, expected: &str, found: &Value) -> Problem {
    let found = match found {
        Value::Str(text) => format!("the text `{text}`"),
        Value::Int(n) => n.to_string(),
        Value::Bool(b) => b.to_string(),
        Value::Float(f) => f.to_string(),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a table".to_owned(),
        other => format!("a {}", other.type_name()),
    };
    Problem::new(path, format!("must be {expected}, not {found}"))
}

pub(super) fn flag(key: &str, value: &Value) -> Result<bool, Problem> {
    match value {
        Value::Bool(b) => Ok(*b),
        other => Err(wrong(key, "true or false", other)),
    }
}

pub(super) fn text<'a>(path: &str, value: &'a Value) -> Result<&'a str, Problem> {
    match value {
        Value::Str(text) if text.contains('\0') => {
            Err(Problem::new(path, "holds a null character"))
        }
        Value::Str(text) => Ok(text),
        other => Err(wrong(path, "text", other)),
    }
}

pub(super) fn texts(key: &str, value: &Value) -> Result<Vec<String>, Problem> {
    let Value::List(items) = value else {
        return Err(wrong(key, "a list of texts", value));
    };
    let item = |(i, item): (usize, &Value)| text(&format!("{key}[{i}]"), item).map(str::to_owned);
    items.iter().enumerate().map(item).collect()
}

pub(super) fn one_of<T: Copy>(key: &str, value: &Value, known: &[(&str, T)]) -> Result<T, Problem> {
    let names: Vec<String> = known.iter().map(|(name, _)| format!("`{name}`")).collect();
    let found = value.as_str().and_then(|v| known.iter().find(|k| k.0 == v));
    found
        .map(|(_, meaning)| *meaning)
        .ok_or_else(|| wrong(key, &format!("one of {}", names.join(", ")), value))
}
