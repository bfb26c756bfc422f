//! What is run and with which parameters: the keys `command`, `shell`, `params`, `types` and `defaults`.

use super::definition::{Program, unknown_key};
use super::params::{Param, Params, Type};
use super::problem::{Problem, nearest, text, texts, wrong};
use super::template::Word;
use crate::protocol::{Map, Value};

pub(super) fn shell(table: &Map) -> Result<Option<String>, Problem> {
    match table.get("shell") {
        None | Some(Value::Bool(false)) => Ok(None),
        Some(Value::Bool(true)) => Ok(Some("/bin/sh".to_owned())),
        Some(Value::Str(shell)) if !shell.is_empty() => Ok(Some(shell.clone())),
        Some(other) => Err(wrong("shell", "true, false or the name of a shell", other)),
    }
}

pub(super) fn program(table: &Map, shell: Option<String>) -> Result<Program, Problem> {
    let Some(command) = table.get("command") else {
        // A slip of the pen in the one key that there must be is the likeliest reason.
        let slip = table
            .keys()
            .find(|key| nearest(key, ["command"].into_iter()).is_some());
        return Err(match slip {
            Some(key) => unknown_key(key),
            None => Problem::new(
                "",
                "has no `command`: a list of the program and its arguments",
            ),
        });
    };
    if let Some(shell) = shell {
        return match command {
            Value::Str(_) => Ok(Program::Script {
                shell,
                text: text("command", command)?.to_owned(),
            }),
            other => Err(wrong(
                "command",
                "a script in one text, as `shell` is set",
                other,
            )),
        };
    }
    let words = match command {
        Value::List(_) => texts("command", command)?,
        Value::Str(_) => {
            return Err(Problem::new(
                "command",
                "must be a list, [\"program\", \"argument\", …]; one text is a script and needs `shell = true`",
            ));
        }
        other => return Err(wrong("command", "a list of texts", other)),
    };
    let mut parsed = Vec::with_capacity(words.len());
    for (i, word) in words.iter().enumerate() {
        let word = Word::parse(word).map_err(|e| Problem::new(format!("command[{i}]"), e))?;
        parsed.push(word);
    }
    match parsed.first().map(Word::literal) {
        None => Err(Problem::new("command", "is empty: it needs a program")),
        Some(None) => Err(Problem::new(
            "command[0]",
            "an argument can't name the program that is run",
        )),
        Some(Some(program)) if program.is_empty() => {
            Err(Problem::new("command[0]", "is empty: it needs a program"))
        }
        Some(Some(_)) => Ok(Program::Words(parsed)),
    }
}

pub(super) fn params(table: &Map, program: &Program) -> Result<Params, Problem> {
    let mut params = Params::default();
    let words = match program {
        Program::Words(words) => words.as_slice(),
        Program::Script { .. } => &[],
    };
    match table.get("params") {
        Some(declared) => {
            for (i, text) in texts("params", declared)?.iter().enumerate() {
                params
                    .declare(text)
                    .map_err(|reason| Problem::new(format!("params[{i}]"), reason))?;
            }
        }
        None => {
            for name in words.iter().flat_map(Word::names) {
                if !params.names().any(|known| known == name) {
                    params
                        .declare(name)
                        .map_err(|e| Problem::new("command", e))?;
                }
            }
        }
    }
    for (i, word) in words.iter().enumerate() {
        for name in word.names() {
            if !params.names().any(|known| known == name) {
                let hint = nearest(name, params.names())
                    .map(|near| format!("; did you mean `{{{near}}}`?"))
                    .unwrap_or_default();
                return Err(Problem::new(
                    format!("command[{i}]"),
                    format!("`{{{name}}}` is none of `params`{hint}"),
                ));
            }
        }
    }
    if let Program::Script { text, .. } = program {
        check_script(&params, text)?;
    }
    types(table, &mut params)?;
    defaults(table, &mut params)?;
    Ok(params)
}

/// The parameters of a script become variables: not `PATH`, `IFS` or `LD_PRELOAD`. And a place is no place there.
fn check_script(params: &Params, script: &str) -> Result<(), Problem> {
    for (i, name) in params.names().enumerate() {
        if !name.contains(|c: char| c.is_ascii_lowercase()) {
            return Err(Problem::new(
                format!("params[{i}]"),
                format!(
                    "`{name}` would become a variable of the script: it needs a lower-case letter"
                ),
            ));
        }
        let place = format!("{{{name}}}");
        let unfilled = script
            .match_indices(&place)
            .any(|(at, _)| !script[..at].ends_with('$'));
        if unfilled {
            return Err(Problem::new(
                "command",
                format!("`{place}` is not filled in a script: write \"${name}\", with the quotes"),
            ));
        }
    }
    Ok(())
}

fn types(table: &Map, params: &mut Params) -> Result<(), Problem> {
    let Some(types) = table.get("types") else {
        return Ok(());
    };
    let Value::Map(types) = types else {
        return Err(wrong(
            "types",
            "a table of parameters and their types",
            types,
        ));
    };
    for (name, value) in types {
        let path = format!("types.{name}");
        let kind = value.as_str().and_then(Type::parse);
        let kind =
            kind.ok_or_else(|| wrong(&path, &format!("one of {}", Type::NAMES.join(", ")), value))?;
        param(params, &path, name)?.kind = kind;
    }
    Ok(())
}

fn defaults(table: &Map, params: &mut Params) -> Result<(), Problem> {
    let Some(defaults) = table.get("defaults") else {
        return Ok(());
    };
    let Value::Map(defaults) = defaults else {
        return Err(wrong(
            "defaults",
            "a table of parameters and their values",
            defaults,
        ));
    };
    for (name, value) in defaults {
        let path = format!("defaults.{name}");
        let param = param(params, &path, name)?;
        if !param.kind.takes(value) {
            return Err(wrong(&path, "of the type that `types` gives it", value));
        }
        param.default = Some(value.clone());
    }
    Ok(())
}

fn param<'a>(params: &'a mut Params, path: &str, name: &str) -> Result<&'a mut Param, Problem> {
    let near = nearest(name, params.names());
    params.get_mut(name).ok_or_else(|| {
        let hint = near
            .map(|near| format!("; did you mean `{near}`?"))
            .unwrap_or_default();
        Problem::new(path, format!("there is no parameter `{name}`{hint}"))
    })
}
