//! `-A proj`: the interpreter of a Python app, what it is told, and what of its answer becomes settings and tasks.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;

use super::context::GlobalArgs;
use super::error::{Failure, Kind};
use super::logging;
use super::output::table::printable;
use crate::app::App;
use crate::config::TaskTable;
use crate::pool::python::{Orders, Output, Program, PythonError, interpreter};
use crate::protocol::{Map, Value};
use crate::task::PythonTask;

/// Result back ends that this program has itself: their results are handed over by the children.
const OWN_BACKENDS: &[&str] = &["redis://", "rediss://", "db+sqlite://"];
/// Lines of a traceback that are shown.
const LINES: usize = 12;

/// What a worker asks of its app.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// `--executable`.
    pub(crate) executable: Option<String>,
    /// `worker -- key=value`.
    pub(crate) cmdline: Vec<String>,
    /// The options, under Celery's names; none for a command that is no worker.
    pub(crate) options: Option<Map>,
    /// Where the log goes.
    pub(crate) log: Map,
    /// Where Python's own output goes, if there is no terminal.
    pub(crate) output: Option<PathBuf>,
}

/// A Python app that was loaded.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) name: String,
    /// The settings that it has changed.
    pub(crate) settings: Map,
    /// What it says of itself.
    pub(crate) described: Map,
    /// The interpreter, for a worker.
    pub(crate) program: Option<Program>,
    /// Whether its results are stored by this program.
    pub(crate) hands_over: bool,
}

impl GlobalArgs {
    /// Loads the Python app that `-A` names, if it names one.
    pub(crate) fn load_python(&self, asked: Asked) -> Result<Option<Loaded>, Failure> {
        let Some(name) = self.python_app() else {
            return Ok(None);
        };
        let env = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let interpreter = interpreter(
            asked.executable.as_ref().map(OsString::from).as_deref(),
            env("VIRTUAL_ENV").as_deref(),
        );
        let is_worker = asked.options.is_some();
        let mut cmdline: Vec<String> = self.set.clone();
        cmdline.extend(asked.cmdline);
        let argv = std::env::args_os().map(|arg| Value::from(&*arg.to_string_lossy()));
        let order = Map::from_iter([
            ("app".to_owned(), name.into()),
            ("argv".to_owned(), Value::List(argv.collect())),
            (
                "cmdline".to_owned(),
                Value::List(cmdline.into_iter().map(Value::from).collect()),
            ),
            ("worker".to_owned(), is_worker.into()),
            (
                "options".to_owned(),
                asked.options.unwrap_or_default().into(),
            ),
            ("log".to_owned(), asked.log.into()),
        ]);
        let mut variables = Vec::new();
        for (variable, given, python) in [
            ("CELERY_BROKER_URL", self.broker.as_deref(), "sqla+"),
            (
                "CELERY_RESULT_BACKEND",
                self.result_backend.as_deref(),
                "db+",
            ),
        ] {
            let of_env = || env(variable).and_then(|url| url.into_string().ok());
            if let Some(url) = given.map(str::to_owned).or_else(of_env) {
                variables.push((variable, for_python(&url, python)));
            }
        }
        if let Some(loader) = &self.loader {
            variables.push(("CELERY_LOADER", loader.clone()));
        }
        if self.skip_checks {
            variables.push(("CELERY_SKIP_CHECKS", "true".to_owned()));
        }
        let output = asked.output.as_deref();
        let output = output
            .map(|path| {
                logging::open(path).map_err(|error| {
                    Failure::new(
                        Kind::Failed,
                        format!("opening the log file `{}`: {error}", path.display()),
                    )
                })
            })
            .transpose()?;
        let output = match &output {
            Some(file) => Output::File(file),
            None if is_worker => Output::Inherited,
            None => Output::Errors,
        };
        let started = Program::start(&interpreter, order, &variables, output);
        let mut program = started.map_err(|error| refused(name, &interpreter, error))?;
        let described = std::mem::take(&mut program.described);
        let program = if is_worker {
            Some(program)
        } else {
            drop(program.end());
            None
        };
        Ok(Some(Loaded::new(name, described, program)))
    }
}

/// The URL of an SQLite file as kombu and Celery write it.
fn for_python(url: &str, prefix: &str) -> String {
    if url.starts_with("sqlite:") {
        format!("{prefix}{url}")
    } else {
        url.to_owned()
    }
}

/// Why the app can't be used, with the end of the traceback.
fn refused(name: &str, program: &OsStr, error: PythonError) -> Failure {
    match error {
        PythonError::App {
            message,
            hint,
            traceback,
        } => {
            let mut text = printable(&message);
            if let Some(traceback) = traceback {
                let lines: Vec<&str> = traceback.trim_end().lines().collect();
                for line in &lines[lines.len().saturating_sub(LINES)..] {
                    text.push_str("\n  ");
                    text.push_str(&printable(line));
                }
            }
            let hint = hint.unwrap_or_else(|| {
                format!(
                    "`celery -A {} report` should work before rcelery can",
                    printable(name)
                )
            });
            Failure::new(Kind::Config, text).hint(hint)
        }
        PythonError::Interpreter { program, source } => Failure::new(
            Kind::Config,
            format!(
                "can't run the Python interpreter `{}` of the app `{}`: {source}",
                printable(&program),
                printable(name)
            ),
        )
        .hint("activate the app's virtual environment, or name its interpreter with --executable"),
        PythonError::Ended { status } => Failure::new(
            Kind::Config,
            format!(
                "Python ended while it was importing `{}`: {status}",
                printable(name)
            ),
        )
        .hint(format!(
            "the app must not end the process it is imported in, and the interpreter must be Python 3: try `{} -c 'import {}'`",
            printable(&program.to_string_lossy()),
            printable(name.split(':').next().unwrap_or(name))
        )),
        other => Failure::new(Kind::Failed, other.to_string()),
    }
}

impl Loaded {
    fn new(name: &str, mut described: Map, program: Option<Program>) -> Self {
        let settings = described.swap_remove("settings");
        let mut settings = match settings {
            Some(Value::Map(settings)) => settings,
            _ => Map::new(),
        };
        if let Some(queues) = described.swap_remove("queues") {
            // With what Celery has put in, and what the app has added while it started.
            settings.insert("task_queues".to_owned(), queues);
        }
        let url = settings.get("result_backend").and_then(Value::as_str);
        let url = url.map(str::to_owned);
        let is_own = |url: &String| OWN_BACKENDS.iter().any(|scheme| url.starts_with(scheme));
        let hands_over = url.as_ref().is_some_and(is_own);
        if !hands_over {
            // The children store by themselves; a task of this program has no results there.
            settings.swap_remove("result_backend");
        }
        // Serializers that only the app knows are for its children.
        for key in ["accept_content", "result_accept_content"] {
            let known = |content: &Value| {
                content
                    .as_str()
                    .is_some_and(|content| crate::protocol::codec::Accept::new(&[content]).is_ok())
            };
            if let Some(Value::List(contents)) = settings.get_mut(key) {
                contents.retain(known);
            }
        }
        Self {
            name: name.to_owned(),
            settings,
            described,
            program,
            hands_over,
        }
    }

    /// The app's name for the banner.
    pub(crate) fn title(&self) -> &str {
        let name = self.described.get("name").and_then(Value::as_str);
        name.unwrap_or(&self.name)
    }

    /// The app of this program with the Python tasks registered; tasks of its own stay.
    pub(crate) fn register(&self, app: App) -> App {
        let Some(Value::Map(tasks)) = self.described.get("tasks") else {
            return app;
        };
        tasks.iter().fold(app, |app, (name, attributes)| {
            let empty = Map::new();
            let attributes = attributes.as_map().unwrap_or(&empty);
            app.runnable(Arc::new(PythonTask::new(name, attributes)))
        })
    }

    /// Signals that somebody in the app hears, of those that are sent only then.
    pub(crate) fn hears(&self) -> Vec<String> {
        let names = self.described.get("hears").and_then(Value::as_list);
        let names = names.into_iter().flatten().filter_map(Value::as_str);
        names.map(str::to_owned).collect()
    }

    /// Where records of the log go if the app has a log of its own.
    pub(crate) fn log(&self) -> Option<Orders> {
        let own = self.described.get("logs").is_some_and(Value::truthy);
        self.program
            .as_ref()
            .filter(|_| own)
            .map(|program| program.orders.clone())
    }

    /// The names of command tasks that the app has tasks of the same names for: those are taken.
    pub(crate) fn shadowed(&self, commands: &[TaskTable]) -> Vec<String> {
        let tasks = self.described.get("tasks").and_then(Value::as_map);
        let is_taken = |name: &&String| tasks.is_some_and(|tasks| tasks.contains_key(*name));
        let names = commands.iter().map(|command| &command.name);
        names.filter(is_taken).cloned().collect()
    }

    /// The place in `task_routes` of a router that only Python can ask.
    pub(crate) fn router(&self) -> Option<String> {
        let places = self.left().into_keys();
        let mut routers = places.filter(|place| place.starts_with("task_routes"));
        routers.next().map(str::to_owned)
    }

    /// What the app has and this program can't take over: the setting, or a part of it, and what it is.
    pub(crate) fn left(&self) -> BTreeMap<&str, &str> {
        let left = self.described.get("left").and_then(Value::as_list);
        let pairs = left.into_iter().flatten().filter_map(Value::as_list);
        pairs
            .filter_map(|pair| match pair {
                [place, reason] => Some((place.as_str()?, reason.as_str()?)),
                _ => None,
            })
            .collect()
    }

    /// The queues to consume from, aliases and receivers of `celeryd_after_setup` included; none if `-Q` or `-X` names
    /// one that there is not.
    pub(crate) fn consumes(&self) -> Option<Vec<String>> {
        let names = self.described.get("consumes")?.as_list()?;
        Some(
            names
                .iter()
                .filter_map(|n| n.as_str().map(str::to_owned))
                .collect(),
        )
    }
}
