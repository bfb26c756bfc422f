//! The contract of a remote-control command: what it may look at, what it takes, how it answers.
//!
//! Mirrors `celery.worker.control.Panel`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::backend::Backend;
use crate::config::Settings;
use crate::events::Dispatcher;
use crate::pidbox::Answer;
use crate::protocol::{LamportClock, Map, Value, repr};
use crate::shutdown::Shutdown;
use crate::task::Registry;
use crate::worker::python::Pool;
use crate::worker::{Core, Directive, State};

/// How long a command waits for the consumer loop to do what it asked.
const DIRECTIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// What commands look at, and through what they change things.
#[derive(Debug)]
pub struct Control {
    /// This node.
    pub hostname: String,
    /// The app's settings.
    pub settings: Arc<Settings>,
    /// The tasks it can run.
    pub tasks: Arc<Registry>,
    /// What it is doing.
    pub state: Arc<State>,
    /// The clock of its events.
    pub clock: Arc<LamportClock>,
    /// Its events; none if they are off altogether.
    pub events: Option<Arc<Dispatcher>>,
    /// Where it keeps results.
    pub backend: Arc<dyn Backend>,
    /// To its consumer loop.
    pub directives: mpsc::Sender<Directive>,
    /// Stops it.
    pub shutdown: Shutdown,
    /// The name of its pool in `stats`: `rcelery::pool::Threads`.
    pub pool: &'static str,
    /// What `memsample` measured since the last `memdump`.
    pub memory_samples: Mutex<VecDeque<String>>,
    /// The children of its Python app, if it has one.
    pub(in crate::worker) python: Option<Arc<Pool>>,
}

/// Whether a command looks or changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `rcelery inspect`.
    Inspect,
    /// `rcelery control`.
    Control,
}

/// Type of an argument, for those who give it as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgKind {
    /// Text.
    Text,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// A whole number of at least this.
    Int(i64),
    /// A time, in seconds on the wire.
    Seconds,
    /// `true` or `false`.
    Bool,
    /// How often a task may start: `10/s`.
    Rate,
    /// The name of a signal: `SIGKILL`.
    Signal,
    /// The id of a task.
    TaskId,
    /// A stamp and its value: `project=p-9`.
    Stamp,
    /// JSON, or else text.
    Json,
}

/// One argument of a command on the command line.
#[derive(Debug, Clone, Copy)]
pub struct Arg {
    /// Its name on the wire.
    pub name: &'static str,
    /// What may be given.
    pub kind: ArgKind,
    /// Whether it must be given.
    pub required: bool,
    /// One line of help.
    pub help: &'static str,
}

impl Arg {
    /// An argument that must be given.
    pub(super) const fn required(name: &'static str, kind: ArgKind, help: &'static str) -> Self {
        Self {
            name,
            kind,
            required: true,
            help,
        }
    }

    /// An argument that may be left out.
    pub(super) const fn optional(name: &'static str, kind: ArgKind, help: &'static str) -> Self {
        Self {
            required: false,
            ..Self::required(name, kind, help)
        }
    }
}

/// What the arguments of a command on the command line are.
#[derive(Debug, Clone, Copy)]
pub struct Args {
    /// Positional arguments, in order.
    pub positional: &'static [Arg],
    /// The argument that takes all that follow, as a list.
    pub variadic: Option<Arg>,
    /// Arguments that are given by name: `--signal SIGKILL`, or `--terminate` for a [`Bool`](ArgKind::Bool).
    pub options: &'static [Arg],
    /// Celery's usage line: `<task_name> <rate_limit>`.
    pub usage: &'static str,
}

impl Args {
    /// No arguments.
    pub(super) const NONE: Self = Self {
        positional: &[],
        variadic: None,
        options: &[],
        usage: "",
    };
}

/// How a command ends: its reply, or how there is none.
pub(super) type Outcome = Result<Value, Answer>;

/// A command's code.
#[derive(Clone, Copy)]
pub(super) enum Run {
    /// Answers at once.
    Now(fn(&Control, &Arguments) -> Outcome),
    /// Waits for the consumer loop or the result back end.
    Later(for<'a> fn(&'a Control, &'a Arguments) -> BoxFuture<'a, Outcome>),
}

/// A remote-control command.
#[derive(Clone, Copy)]
pub struct ControlCommand {
    /// Its name on the wire and on the command line.
    pub name: &'static str,
    /// Its name in old versions of Celery.
    pub alias: Option<&'static str>,
    /// Whether it looks or changes.
    pub kind: Kind,
    /// One line of help.
    pub help: &'static str,
    /// Its arguments on the command line.
    pub args: Args,
    /// Whether the command line offers it.
    pub visible: bool,
    /// How long an asker should wait for replies, if not a second.
    pub timeout: Option<Duration>,
    pub(super) run: Run,
}

impl std::fmt::Debug for ControlCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlCommand")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl ControlCommand {
    /// A visible command without arguments, for the rows of the table to start from.
    pub(super) const fn new(name: &'static str, kind: Kind, help: &'static str, run: Run) -> Self {
        Self {
            name,
            alias: None,
            kind,
            help,
            args: Args::NONE,
            visible: true,
            timeout: None,
            run,
        }
    }
}

impl Control {
    /// The remote control of a worker; `pool` is the name that `stats` gives its pool.
    #[must_use]
    pub(in crate::worker) fn new(core: &Core, pool: &'static str) -> Self {
        Self {
            hostname: core.nodename.as_str().to_owned(),
            settings: Arc::clone(&core.settings),
            tasks: Arc::clone(&core.tasks),
            state: Arc::clone(&core.state),
            clock: Arc::clone(&core.clock),
            events: Some(Arc::clone(&core.events)),
            backend: Arc::clone(&core.backend),
            directives: core.directives.clone(),
            shutdown: core.shutdown.clone(),
            pool,
            memory_samples: Mutex::default(),
            python: core.python.clone(),
        }
    }

    /// Sends a directive to the consumer loop.
    pub(super) async fn direct(&self, directive: Directive) -> Result<(), Answer> {
        match timeout(DIRECTIVE_TIMEOUT, self.directives.send(directive)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(raised("RuntimeError", "the worker is stopping")),
            Err(_) => Err(raised("TimeoutError", "the worker's consumer is busy")),
        }
    }

    /// Sends a directive that is answered, and waits for the answer.
    pub(super) async fn ask(
        &self,
        directive: impl FnOnce(oneshot::Sender<Result<String, String>>) -> Directive,
    ) -> Outcome {
        let (sender, answer) = oneshot::channel();
        self.direct(directive(sender)).await?;
        match timeout(DIRECTIVE_TIMEOUT, answer).await {
            Ok(Ok(Ok(text))) => Ok(ok(&text)),
            Ok(Ok(Err(text))) => Err(Answer::Failed(text)),
            Ok(Err(_)) => Err(raised("RuntimeError", "the worker is stopping")),
            Err(_) => Err(raised("TimeoutError", "the worker's consumer is busy")),
        }
    }
}

/// The arguments of a request, read as Python would bind them.
#[derive(Debug)]
pub(super) struct Arguments {
    command: &'static str,
    values: Map,
}

impl Arguments {
    pub(super) fn new(command: &'static str, values: Map) -> Self {
        Self { command, values }
    }

    /// Fails as Python does when positional arguments are missing.
    pub(super) fn require(&self, names: &[&str]) -> Result<(), Answer> {
        let missing: Vec<String> = names
            .iter()
            .filter(|name| !self.values.contains_key(**name))
            .map(|name| format!("'{name}'"))
            .collect();
        let list = match missing.as_slice() {
            [] => return Ok(()),
            [one] => one.clone(),
            [first, second] => format!("{first} and {second}"),
            [most @ .., last] => format!("{}, and {last}", most.join(", ")),
        };
        let (command, count) = (self.command, missing.len());
        let plural = if count == 1 { "" } else { "s" };
        Err(raised(
            "TypeError",
            &format!("{command}() missing {count} required positional argument{plural}: {list}"),
        ))
    }

    /// An argument; null if it is not given.
    pub(super) fn value(&self, name: &str) -> &Value {
        self.values.get(name).unwrap_or(&Value::Null)
    }

    /// Whether an argument is given and true, in Python's sense.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.value(name).truthy()
    }

    /// Text; none if it is null or not given.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Answer> {
        match self.value(name) {
            Value::Null => Ok(None),
            Value::Str(text) => Ok(Some(text)),
            other => Err(self.wrong(name, "str", other)),
        }
    }

    /// A number of at least 0; none if it is null or not given. Text is read too: old command lines send it.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, Answer> {
        let value = self.value(name);
        let number = match value {
            Value::Null => return Ok(None),
            Value::Str(text) => text.trim().parse().ok(),
            other => other.as_f64(),
        };
        number
            .filter(|n: &f64| n.is_finite() && *n >= 0.0)
            .map(Some)
            .ok_or_else(|| self.wrong(name, "a number of at least 0", value))
    }

    /// A count; none if it is null or not given.
    pub(super) fn count(&self, name: &str) -> Result<Option<usize>, Answer> {
        let Some(number) = self.number(name)? else {
            return Ok(None);
        };
        match format!("{number}").parse() {
            Ok(count) => Ok(Some(count)),
            Err(_) => Err(self.wrong(name, "a whole number", self.value(name))),
        }
    }

    /// One text or a list of them, without repetitions.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Answer> {
        let mut texts = Vec::new();
        for value in as_list(self.value(name)) {
            match value {
                Value::Str(text) if texts.contains(text) => {}
                Value::Str(text) => texts.push(text.clone()),
                other => return Err(self.wrong(name, "str", other)),
            }
        }
        Ok(texts)
    }

    /// All arguments.
    pub(super) fn all(&self) -> &Map {
        &self.values
    }

    fn wrong(&self, name: &str, expected: &str, found: &Value) -> Answer {
        let (command, found) = (self.command, found.type_name());
        raised(
            "TypeError",
            &format!("{command}() argument '{name}' must be {expected}, not {found}"),
        )
    }
}

/// A value as a list: null is empty, anything else but a list is its only item (Celery's `maybe_list`).
pub(super) fn as_list(value: &Value) -> &[Value] {
    match value {
        Value::Null => &[],
        Value::List(items) => items,
        one => std::slice::from_ref(one),
    }
}

/// `{"ok": text}`.
pub(super) fn ok(text: &str) -> Value {
    Value::from([("ok", text.into())])
}

/// `{"error": text}`: a refusal that is no exception.
pub(super) fn nok(text: &str) -> Value {
    Value::from([("error", text.into())])
}

/// An exception, as Python shows it: `ValueError('Autoscale not enabled')`.
pub(super) fn raised(class: &str, message: &str) -> Answer {
    Answer::Failed(format!("{class}({})", repr::pyrepr(&message.into())))
}
