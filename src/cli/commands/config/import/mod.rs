//! `rcelery config import`: what Celery reads, as rcelery.toml.
//!
//! `python.rs` has Python read it, `literal.rs` does without; `write.rs` writes TOML.

mod literal;
mod python;
mod write;

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;

use self::python::Source;
use crate::cli::context::GlobalArgs;
use crate::cli::error::{Failure, Kind};
use crate::cli::output::Out;
use crate::cli::output::table::printable;
use crate::cli::parse;
use crate::config::{ConfigError, Origin, Settings, TABLE, current_name};
use crate::protocol::{Map, Value};

/// Write rcelery.toml from a Celery configuration
///
/// FILE is a celeryconfig.py or a Django settings file; without it, -A names an app. Python is run once to read it;
/// where there is no Python, plain assignments are read without it. Old names of settings are translated. What can't be
/// taken over is listed on stderr.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
Examples:
  rcelery config import celeryconfig.py
  rcelery config import -A proj
  rcelery config import proj/settings.py --no-python -o -")]
pub(super) struct ImportArgs {
    /// File of settings
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,

    /// File to write; `-` writes to stdout
    #[arg(short, long, value_name = "FILE", default_value = "rcelery.toml", value_hint = clap::ValueHint::FilePath)]
    output: PathBuf,

    /// Overwrite the file
    #[arg(short, long)]
    force: bool,

    /// The Python to run
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: String,

    /// Run no Python: read plain assignments
    #[arg(long, conflicts_with = "python", requires = "file")]
    no_python: bool,

    /// How long Python may take
    #[arg(long, value_name = "SECS", value_parser = parse::positive_duration, default_value = "30")]
    timeout: Duration,
}

/// What was read, under the names it had there.
#[derive(Debug, Default, PartialEq)]
struct Found {
    settings: Vec<(String, Value)>,
    /// What could not be taken over, and why.
    left: Vec<(String, String)>,
    tasks: Vec<String>,
}

/// What will be written.
#[derive(Debug, Default)]
struct Outcome {
    settings: Vec<(&'static str, Value)>,
    left: Vec<(String, String)>,
    tasks: Vec<String>,
}

impl ImportArgs {
    pub(super) fn run(&self, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
        let out = global.out();
        let to_stdout = self.output == Path::new("-");
        if !to_stdout && !self.force && self.output.exists() {
            return Err(self.exists().into());
        }
        let (found, source) = self.read(global, &out)?;
        let outcome = Outcome::of(found);
        if outcome.settings.is_empty() {
            self.list(&out, &outcome)?;
            return Err(Failure::new(
                Kind::Failed,
                format!(
                    "`{}` has no setting that could be taken over",
                    printable(&source)
                ),
            )
            .into());
        }
        let text = outcome.text(&source);
        if !to_stdout {
            self.write(&text)?;
        }
        if out.is_json() {
            out.json(&self.document(&outcome, to_stdout))?;
            return Ok(ExitCode::SUCCESS);
        }
        if to_stdout {
            out.raw(text.as_bytes())?;
        }
        self.list(&out, &outcome)?;
        if !to_stdout {
            let (count, path) = (outcome.settings.len(), self.output.display());
            let settings = if count == 1 { "setting" } else { "settings" };
            out.note(format!("{count} {settings} written to {path}"))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn exists(&self) -> Failure {
        let path = self.output.display();
        Failure::new(Kind::Failed, format!("`{path}` exists"))
            .hint("--force overwrites it, -o names another file, -o - writes to stdout")
    }

    /// Reads the file or the app; also says what it is called.
    fn read(&self, global: &GlobalArgs, out: &Out) -> anyhow::Result<(Found, String)> {
        let Some(file) = &self.file else {
            let Some(app) = global.python_app() else {
                return Err(Failure::usage("there is nothing to import")
                    .hint("name a file (celeryconfig.py) or an app (-A proj)")
                    .into());
            };
            return match python::read(&self.python, Source::App(app), self.timeout)? {
                Some(found) => Ok((found, app.to_owned())),
                None => Err(Failure::new(
                    Kind::Config,
                    format!(
                        "there is no Python `{}` to load an app with",
                        printable(&self.python)
                    ),
                )
                .hint("name one with --python, or import a file of plain assignments")
                .into()),
            };
        };
        let name = file.display().to_string();
        // Also for a word with Python that is about a file that is not there.
        let text = std::fs::read_to_string(file).map_err(|source| ConfigError::Read {
            path: file.clone(),
            source,
        })?;
        if !self.no_python {
            if let Some(found) = python::read(&self.python, Source::File(&name), self.timeout)? {
                return Ok((found, name));
            }
            out.note(format!(
                "note: there is no Python `{}`: plain assignments are read without it",
                printable(&self.python)
            ))?;
        }
        Ok((literal::read(&text), name))
    }

    fn write(&self, text: &str) -> anyhow::Result<()> {
        let mut options = OpenOptions::new();
        // URLs may hold passwords.
        options.write(true).mode(0o600);
        if self.force {
            options.create(true).truncate(true);
        } else {
            options.create_new(true);
        }
        let written = options
            .open(&self.output)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        match written {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(self.exists().into()),
            written => written.with_context(|| format!("writing `{}`", self.output.display())),
        }
    }

    /// Says what was not taken over.
    fn list(&self, out: &Out, outcome: &Outcome) -> io::Result<()> {
        outcome
            .left
            .iter()
            .try_for_each(|(name, reason)| out.warn(printable(&format!("{name}: {reason}"))))
    }

    fn document(&self, outcome: &Outcome, to_stdout: bool) -> Value {
        let names = |names: &[String]| names.iter().map(|n| Value::from(n.as_str())).collect();
        let left: Map = outcome
            .left
            .iter()
            .map(|(name, reason)| (name.clone(), reason.as_str().into()))
            .collect();
        let settings: Map = outcome
            .settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let file = match to_stdout {
            true => Value::Null,
            false => self.output.display().to_string().into(),
        };
        Value::from([
            ("file", file),
            ("settings", settings.into()),
            ("left_out", left.into()),
            ("tasks", Value::List(names(&outcome.tasks))),
        ])
    }
}

impl Outcome {
    /// Translates names, and keeps what this program takes.
    fn of(found: Found) -> Self {
        let mut outcome = Self {
            left: Vec::new(),
            settings: Vec::new(),
            tasks: found.tasks,
        };
        let mut settings = Settings::default();
        for (name, value) in found.settings {
            let key = current_name(&name);
            match take(&mut settings, &key, value) {
                Ok(Some((key, value))) => {
                    outcome.settings.retain(|(known, _)| *known != key);
                    outcome.settings.push((key, value));
                }
                Ok(None) => {}
                // Variables of the file's own, and Django's settings.
                Err(ConfigError::UnknownKey { .. }) if !looks_like_one(&name) => {}
                Err(error) => {
                    let hint = error
                        .hint()
                        .map_or_else(String::new, |hint| format!(" ({hint})"));
                    outcome.left.push((name, format!("{error}{hint}")));
                }
            }
        }
        for (name, reason) in found.left {
            let top = name.split(['.', '[']).next().unwrap_or_default();
            let key = current_name(top);
            let is_setting = TABLE.iter().any(|entry| entry.name == key);
            if is_setting || name.starts_with("line ") {
                outcome.left.push((name, reason));
            }
        }
        let place = |key: &str| TABLE.iter().position(|entry| entry.name == key);
        outcome.settings.sort_by_key(|(key, _)| place(key));
        outcome
    }

    fn text(&self, source: &str) -> String {
        let mut text = format!("# From {} by `rcelery config import`.\n", printable(source));
        if !self.tasks.is_empty() {
            text.push_str("# Its tasks:");
            for task in &self.tasks {
                let _ = write!(text, "\n#   {}", printable(task));
            }
            text.push('\n');
        }
        text.push('\n');
        text + &write::document(&self.settings)
    }
}

/// The setting as it will be written, once it is known that it can be read again. None if it is the default anyway.
fn take(
    settings: &mut Settings,
    key: &str,
    value: Value,
) -> Result<Option<(&'static str, Value)>, ConfigError> {
    let name = crate::config::setting(key)?;
    let default = Settings::default().get(name)?;
    settings.set(name, &value, Origin::Code)?;
    if settings.get(name)? == default {
        return Ok(None);
    }
    if !value.is_null() {
        return Ok(Some((name, value)));
    }
    // TOML has no null; 0 means none where there is a limit.
    settings.set(name, &Value::Int(0), Origin::Code)?;
    match settings.get(name)? {
        Value::Null => Ok(Some((name, Value::Int(0)))),
        _ => Err(ConfigError::WrongType {
            key: name.to_owned(),
            expected: "something".to_owned(),
            found: "None".to_owned(),
        }),
    }
}

/// Whether an unknown name is meant for Celery, by how it begins.
fn looks_like_one(name: &str) -> bool {
    let first = name.split('_').next().unwrap_or_default();
    let spaces = [
        "accept",
        "beat",
        "broker",
        "celery",
        "celeryd",
        "celerybeat",
        "control",
        "database",
        "event",
        "redis",
        "result",
        "task",
        "worker",
    ];
    name.contains('_') && spaces.contains(&first.to_ascii_lowercase().as_str())
}
