//! The words of a command, with places for arguments.

use std::ffi::OsString;

use super::params::Bound;
use crate::protocol::codec::json;
use crate::protocol::{Value, repr};
use crate::task::TaskError;

/// One word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// Text with places in it: always one word, also if it comes out empty.
    One(Vec<Part>),
    /// `{name...}`: as many words as the argument has items.
    Many(String),
}

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Place(String),
}

impl Word {
    /// Reads a word: `{name}`, `{name...}` alone, `{{` and `}}` for braces.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            let place = match rest.split_once('}') {
                Some((place, after)) if brace == "{" => {
                    rest = after;
                    place
                }
                _ => {
                    return Err(format!(
                        "a single `{brace}` in `{text}`: write `{brace}{brace}` for the character"
                    ));
                }
            };
            if let Some(name) = place.strip_suffix("...") {
                check_name(name)?;
                if !rest.is_empty() || !parts.is_empty() || !plain.is_empty() {
                    return Err(format!(
                        "`{{{place}}}` makes words of its own and must stand alone, not in `{text}`"
                    ));
                }
                return Ok(Self::Many(name.to_owned()));
            }
            check_name(place)?;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Place(place.to_owned()));
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self::One(parts))
    }

    /// The names it needs.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let (many, parts) = match self {
            Self::Many(name) => (Some(name.as_str()), [].as_slice()),
            Self::One(parts) => (None, parts.as_slice()),
        };
        let places = parts.iter().filter_map(|part| match part {
            Part::Place(name) => Some(name.as_str()),
            Part::Text(_) => None,
        });
        many.into_iter().chain(places)
    }

    /// Its text, if it needs no argument.
    pub(super) fn literal(&self) -> Option<String> {
        match self {
            Self::One(parts) => match parts.as_slice() {
                [] => Some(String::new()),
                [Part::Text(text)] => Some(text.clone()),
                _ => None,
            },
            Self::Many(_) => None,
        }
    }
}

/// Python's rule for names, in ASCII.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let mut chars = name.chars();
    let starts = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if starts && chars.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        Ok(())
    } else {
        Err(format!("`{name}` is not a name for an argument"))
    }
}

/// Fills the words in. With `guard`, an argument must not turn a word before `--` into an option.
pub(super) fn fill(words: &[Word], bound: &Bound, guard: bool) -> Result<Vec<OsString>, TaskError> {
    let mut filled = Vec::with_capacity(words.len());
    let mut guard = guard;
    for word in words {
        if word.literal().as_deref() == Some("--") {
            guard = false;
        }
        match word {
            Word::Many(name) => {
                for item in items(bound.get(name)) {
                    let text = text(name, item)?;
                    check_dash(guard, name, &text, item)?;
                    filled.push(text.into());
                }
            }
            Word::One(parts) => {
                let mut whole = String::new();
                for part in parts {
                    match part {
                        Part::Text(plain) => whole.push_str(plain),
                        Part::Place(name) => {
                            let value = bound.get(name);
                            let text = text(name, value)?;
                            if whole.is_empty() {
                                check_dash(guard, name, &text, value)?;
                            }
                            whole.push_str(&text);
                        }
                    }
                }
                filled.push(whole.into());
            }
        }
    }
    Ok(filled)
}

fn check_dash(guard: bool, name: &str, text: &str, value: &Value) -> Result<(), TaskError> {
    let is_number = matches!(value, Value::Int(_) | Value::BigInt(_) | Value::Float(_));
    if !guard || is_number || !text.starts_with('-') || text == "-" {
        return Ok(());
    }
    Err(TaskError::exception(
        "builtins",
        "ValueError",
        &format!(
            "argument '{name}' starts with '-' and would be taken for an option: the command needs '--' before it, \
             or `allow_dash = true`"
        ),
    ))
}

/// What a list stands for as words: each item; nothing for null; anything else is one word.
pub(super) fn items(value: &Value) -> &[Value] {
    match value {
        Value::List(items) => items,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}

/// A value as text: null is empty, true and false as in JSON, lists and objects as JSON.
pub(super) fn text(name: &str, value: &Value) -> Result<String, TaskError> {
    let text = match value {
        Value::Null => String::new(),
        Value::Bool(b) => b.to_string(),
        Value::BigInt(digits) => digits.clone(),
        Value::List(_) | Value::Map(_) => json::to_string(value),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::DateTime(iso) => iso.clone(),
        other => repr::pystr(other),
    };
    if text.contains('\0') {
        let message = format!("embedded null byte in argument '{name}'");
        return Err(TaskError::exception("builtins", "ValueError", &message));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Map;

    fn words(command: &[&str]) -> Vec<Word> {
        command.iter().map(|w| Word::parse(w).unwrap()).collect()
    }

    fn filled(command: &[&str], arguments: &[(&str, Value)]) -> Result<Vec<String>, String> {
        let map: Map = arguments
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect();
        let filled = fill(&words(command), &Bound::of(map), true).map_err(|e| e.to_string())?;
        Ok(filled
            .into_iter()
            .map(|w| w.into_string().unwrap())
            .collect())
    }

    #[test]
    fn places_are_found_and_doubled_braces_are_braces() {
        assert_eq!(
            Word::parse("{width}x{height}!").unwrap(),
            Word::One(vec![
                Part::Place("width".into()),
                Part::Text("x".into()),
                Part::Place("height".into()),
                Part::Text("!".into())
            ])
        );
        assert_eq!(
            Word::parse("{{{a}}}").unwrap(),
            Word::One(vec![
                Part::Text("{".into()),
                Part::Place("a".into()),
                Part::Text("}".into())
            ])
        );
        assert_eq!(
            Word::parse("{files...}").unwrap(),
            Word::Many("files".into())
        );
        assert_eq!(
            Word::parse("{{files}}").unwrap().literal().as_deref(),
            Some("{files}")
        );
        assert_eq!(Word::parse("").unwrap().literal().as_deref(), Some(""));
    }

    #[test]
    fn bad_words_say_what_to_write() {
        for (word, says) in [
            ("{", "a single `{` in `{`: write `{{` for the character"),
            ("a}b", "a single `}` in `a}b`: write `}}` for the character"),
            ("{}", "`` is not a name for an argument"),
            ("{a b}", "`a b` is not a name for an argument"),
            ("{0}", "`0` is not a name for an argument"),
            (
                "--{files...}",
                "`{files...}` makes words of its own and must stand alone, not in `--{files...}`",
            ),
        ] {
            assert_eq!(Word::parse(word).unwrap_err(), says);
        }
    }

    #[test]
    fn a_place_is_one_word_whatever_is_in_it() {
        assert_eq!(
            filled(
                &["x", "{a}", "{b}", "{c}x", "{d}"],
                &[
                    ("a", "one two; rm -rf $HOME `x` '\"".into()),
                    ("b", "".into()),
                    ("c", 640.into()),
                    ("d", true.into())
                ]
            ),
            Ok(vec![
                "x".into(),
                "one two; rm -rf $HOME `x` '\"".into(),
                String::new(),
                "640x".into(),
                "true".into()
            ])
        );
        assert_eq!(
            filled(&["x", "[{a}]"], &[("a", Value::Null)]),
            Ok(vec!["x".into(), "[]".into()])
        );
    }

    #[test]
    fn a_list_is_many_words_with_dots_and_json_without() {
        let list = Value::List(vec!["a".into(), "b c".into(), 3.into()]);
        assert_eq!(
            filled(&["x", "{l...}", "{l}"], &[("l", list)]),
            Ok(vec![
                "x".into(),
                "a".into(),
                "b c".into(),
                "3".into(),
                r#"["a","b c",3]"#.into()
            ])
        );
        assert_eq!(
            filled(&["x", "{l...}"], &[("l", Value::Null)]),
            Ok(vec!["x".into()])
        );
        assert_eq!(
            filled(&["x", "{l...}"], &[("l", "one".into())]),
            Ok(vec!["x".into(), "one".into()])
        );
    }

    #[test]
    fn an_argument_is_never_taken_for_an_option() {
        for command in [&["x", "{a}"][..], &["x", "{a}.png"], &["x", "{a...}"]] {
            let refused = filled(command, &[("a", "-rf".into())]).unwrap_err();
            assert!(
                refused.starts_with("ValueError: argument 'a' starts with '-'"),
                "{refused}"
            );
        }
        let safe: [(&[&str], Value); 5] = [
            (&["x", "--", "{a}"], "-rf".into()),
            (&["x", "--name={a}"], "-rf".into()),
            (&["x", "./{a}"], "-rf".into()),
            (&["x", "{a}"], (-5).into()),
            (&["x", "{a}"], "-".into()),
        ];
        for (command, value) in safe {
            assert!(filled(command, &[("a", value)]).is_ok(), "{command:?}");
        }
        let list = Value::List(vec!["ok".into(), "--evil".into()]);
        assert!(filled(&["x", "{a...}"], &[("a", list)]).is_err());
    }

    #[test]
    fn a_null_byte_has_no_place_in_a_word() {
        assert_eq!(
            filled(&["x", "{a}"], &[("a", "a\0b".into())]).unwrap_err(),
            "ValueError: embedded null byte in argument 'a'"
        );
    }
}
