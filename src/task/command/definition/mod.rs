//! The definition of a command task: its table in `rcelery.toml`, checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::params::Params;
use super::problem::{
    DURATION, Problem, Reason, flag, nearest, one_of, seconds, text, texts, wrong,
};
use super::shape;
use super::template::Word;
use crate::protocol::{Map, Value};
use crate::task::TaskOptions;

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Program {
    /// A program and its arguments; the first word needs no argument of the task.
    Words(Vec<Word>),
    /// A script for a shell, which gets the arguments as `$1`… and as variables.
    Script { shell: String, text: String },
}

/// How the result is read from standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// JSON if it is JSON, else text.
    Auto,
    Json,
    Text,
    /// Nothing is read: the result is null.
    None,
}

/// At which level lines of standard error are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Off,
    Debug,
    Info,
    Warning,
}

/// What an exit code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Success,
    Failure,
    Retry,
    Ignore,
    Reject,
    Requeue,
}

/// A command task as it was defined.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    pub(super) name: String,
    pub(super) program: Program,
    pub(super) params: Params,
    pub(super) allow_dash: bool,
    pub(super) stdin: bool,
    pub(super) output: Output,
    pub(super) max_output: usize,
    pub(super) stderr: Level,
    pub(super) env: Vec<(String, String)>,
    pub(super) clear_env: bool,
    pub(super) pass_env: Vec<String>,
    /// The directory of the file, to which relative programs and directories refer.
    pub(super) base: PathBuf,
    pub(super) cwd: Option<PathBuf>,
    pub(super) grace: Duration,
    pub(super) exit_codes: BTreeMap<i32, Meaning>,
    pub(super) options: TaskOptions,
}

/// Keys of the table that are no options of every task, each with what it is for.
pub const KEYS: &[(&str, &str)] = &[
    (
        "command",
        "the program and its arguments; {name} stands for an argument, {name...} for a list of them",
    ),
    (
        "shell",
        "true, or the name of a shell: command is a script, its arguments are $1… and variables [default: false]",
    ),
    (
        "params",
        "the parameters in their order, *rest and **more included; those of command, as they appear",
    ),
    ("defaults", "values of parameters that may be left out"),
    (
        "types",
        "int, float, str, bool, list or any, by parameter [default: any]",
    ),
    (
        "allow_dash",
        "let an argument that starts with - begin a word [default: false]",
    ),
    (
        "stdin",
        "give the whole request on standard input, as one JSON object [default: true]",
    ),
    (
        "output",
        "the result: auto (JSON if it is JSON, else text), json, text or none [default: auto]",
    ),
    (
        "max_output",
        "most bytes of output, more is a failure [default: 1048576]",
    ),
    (
        "stderr",
        "log what stands on standard error: info, warning, debug or off [default: info]",
    ),
    ("env", "variables of the environment"),
    (
        "clear_env",
        "pass on none of the worker's variables but PATH, HOME and a few like them [default: false]",
    ),
    (
        "pass_env",
        "names of the worker's variables to pass on all the same",
    ),
    (
        "cwd",
        "the working directory, relative to this file [default: the worker's]",
    ),
    (
        "grace",
        "from SIGTERM to SIGKILL when it is stopped [default: 3s]",
    ),
    (
        "success_exit_codes",
        "exit codes that are no failure, besides 0; -N is a death by signal N",
    ),
    (
        "retry_exit_codes",
        "exit codes after which it is run again, as max_retries and retry_backoff say",
    ),
    (
        "ignore_exit_codes",
        "exit codes after which nothing is recorded",
    ),
    (
        "reject_exit_codes",
        "exit codes that reject the message (with acks_late)",
    ),
    (
        "requeue_exit_codes",
        "exit codes that put the message back into its queue (with acks_late)",
    ),
];

/// The options of every task that the table takes as well.
#[must_use]
pub fn option_keys() -> &'static [&'static str] {
    TaskOptions::NAMES
}

/// Those whose value may be a duration in text.
const DURATIONS: &[&str] = &[
    "default_retry_delay",
    "retry_backoff",
    "retry_backoff_max",
    "time_limit",
    "soft_time_limit",
    "expires",
];

const GRACE: Duration = Duration::from_secs(3);
const MAX_OUTPUT: usize = 1 << 20;
/// The file descriptors, the arguments and the log have their own bounds; this one keeps the memory.
const MOST_OUTPUT: i64 = 1 << 30;

impl Definition {
    /// Reads the table of a task; `base` is the directory of its file.
    ///
    /// # Errors
    /// What is wrong, and where in the table.
    pub fn read(name: &str, table: &Map, base: &Path) -> Result<Self, Problem> {
        if name.is_empty() || name.starts_with("celery.") {
            return Err(Problem::new(
                "",
                format!("`{name}` can't be the name of a task: those of `celery.` are taken"),
            ));
        }
        let shell = shape::shell(table)?;
        let program = shape::program(table, shell)?;
        let params = shape::params(table, &program)?;
        let mut definition = Self {
            name: name.to_owned(),
            program,
            params,
            allow_dash: false,
            stdin: true,
            output: Output::Auto,
            max_output: MAX_OUTPUT,
            stderr: Level::Info,
            env: Vec::new(),
            clear_env: false,
            pass_env: Vec::new(),
            // A program is looked for before the child changes its directory, and found after.
            base: std::path::absolute(base).unwrap_or_else(|_| base.to_owned()),
            cwd: None,
            grace: GRACE,
            exit_codes: BTreeMap::from([(0, Meaning::Success)]),
            options: TaskOptions::default(),
        };
        for (key, value) in table {
            definition.set(key, value)?;
        }
        Ok(definition)
    }

    fn set(&mut self, key: &str, value: &Value) -> Result<(), Problem> {
        match key {
            "command" | "shell" | "params" | "defaults" | "types" => {}
            "allow_dash" => self.allow_dash = flag(key, value)?,
            "stdin" => self.stdin = flag(key, value)?,
            "clear_env" => self.clear_env = flag(key, value)?,
            "output" => {
                self.output = one_of(
                    key,
                    value,
                    &[
                        ("auto", Output::Auto),
                        ("json", Output::Json),
                        ("text", Output::Text),
                        ("none", Output::None),
                    ],
                )?;
            }
            "stderr" => {
                self.stderr = one_of(
                    key,
                    value,
                    &[
                        ("info", Level::Info),
                        ("warning", Level::Warning),
                        ("debug", Level::Debug),
                        ("off", Level::Off),
                    ],
                )?;
            }
            "max_output" => match value {
                Value::Int(n @ 1..=MOST_OUTPUT) => {
                    self.max_output = usize::try_from(*n).unwrap_or(MAX_OUTPUT);
                }
                other => {
                    return Err(wrong(key, "a number of bytes from 1 to 1073741824", other));
                }
            },
            "env" => self.env = env(value)?,
            "pass_env" => self.pass_env = texts(key, value)?,
            "cwd" => self.cwd = Some(self.base.join(text(key, value)?)),
            "grace" => {
                self.grace = match seconds(key, value)? {
                    Value::Int(_) | Value::Float(_) => seconds(key, value)?
                        .as_f64()
                        .and_then(|s| Duration::try_from_secs_f64(s).ok())
                        .ok_or_else(|| wrong(key, DURATION, value))?,
                    _ => return Err(wrong(key, DURATION, value)),
                };
            }
            "success_exit_codes" => self.codes(key, value, Meaning::Success)?,
            "retry_exit_codes" => self.codes(key, value, Meaning::Retry)?,
            "ignore_exit_codes" => self.codes(key, value, Meaning::Ignore)?,
            "reject_exit_codes" => self.codes(key, value, Meaning::Reject)?,
            "requeue_exit_codes" => self.codes(key, value, Meaning::Requeue)?,
            option if TaskOptions::NAMES.contains(&option) => {
                let value = if DURATIONS.contains(&option) {
                    seconds(key, value)?
                } else {
                    value.clone()
                };
                if option == "priority" && !matches!(value, Value::Int(0..=255)) {
                    return Err(wrong(key, "a number from 0 to 255", &value));
                }
                self.options
                    .set(option, &value)
                    .map_err(|reason| Problem::new(key, reason))?;
            }
            unknown => return Err(unknown_key(unknown)),
        }
        Ok(())
    }

    fn codes(&mut self, key: &str, value: &Value, meaning: Meaning) -> Result<(), Problem> {
        const CODES: &str = "a list of exit codes from 1 to 255, or -N for a death by signal N";
        let Value::List(codes) = value else {
            return Err(wrong(key, CODES, value));
        };
        for (i, code) in codes.iter().enumerate() {
            let at = format!("{key}[{i}]");
            let code = match code {
                Value::Int(n @ (-64..=-1 | 1..=255)) => i32::try_from(*n).unwrap_or_default(),
                other => return Err(wrong(&at, CODES, other)),
            };
            if self.exit_codes.insert(code, meaning).is_some() {
                return Err(Problem::new(at, format!("{code} has a meaning already")));
            }
        }
        Ok(())
    }

    /// The name of the task.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

pub(super) fn unknown_key(key: &str) -> Problem {
    let known = KEYS.iter().map(|(name, _)| *name);
    let suggestion = nearest(key, known.chain(TaskOptions::NAMES.iter().copied()));
    Problem {
        path: key.to_owned(),
        reason: Reason::UnknownKey { suggestion },
    }
}

fn env(value: &Value) -> Result<Vec<(String, String)>, Problem> {
    let Value::Map(table) = value else {
        return Err(wrong("env", "a table of texts", value));
    };
    let mut env = Vec::with_capacity(table.len());
    for (name, value) in table {
        let path = format!("env.{name}");
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(Problem::new(path, "is no name for a variable"));
        }
        let text = match value {
            Value::Str(_) => text(&path, value)?.to_owned(),
            Value::Int(n) => n.to_string(),
            Value::Bool(b) => b.to_string(),
            other => return Err(wrong(&path, "text", other)),
        };
        env.push((name.clone(), text));
    }
    Ok(env)
}

#[cfg(test)]
mod tests;
