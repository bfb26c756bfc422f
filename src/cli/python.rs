//! `-A proj`: the interpreter of a Python app, what it is told, and what of its answer becomes settings and tasks.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;

use super::context::GlobalArgs;
use super::error::{Failure, Kind};
use super::output::table::printable;
use crate::app::App;
use crate::pool::python::{Program, PythonError, interpreter};
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
        let program = interpreter(
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
        let started = Program::start(&program, order, &variables);
        let mut program = started.map_err(|error| refused(name, error))?;
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
fn refused(name: &str, error: PythonError) -> Failure {
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
        PythonError::Gone => Failure::new(
            Kind::Config,
            format!("Python ended while it was importing `{}`", printable(name)),
        ),
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

    /// Tasks with a `Request` class of their own, which is not used, by that class.
    pub(crate) fn custom_requests(&self) -> BTreeMap<String, Vec<String>> {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let tasks = self.described.get("tasks").and_then(Value::as_map);
        for (name, attributes) in tasks.into_iter().flatten() {
            let class = attributes.as_map().and_then(|a| a.get("custom_request"));
            if let Some(class) = class.and_then(Value::as_str) {
                found
                    .entry(class.to_owned())
                    .or_default()
                    .push(name.clone());
            }
        }
        found
    }

    /// Its settings as `inspect conf` shows them: those that were changed, and all.
    pub(crate) fn conf(&self) -> [Map; 2] {
        let both = self.described.get("conf").and_then(Value::as_list);
        let table = |at: usize| both?.get(at)?.as_map().cloned();
        [0, 1].map(|at| table(at).unwrap_or_default())
    }

    /// The queues to consume from, where a receiver of `celeryd_after_setup` has changed them.
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
