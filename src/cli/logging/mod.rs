//! Logs in Celery's record format or as JSON, to stderr or a file.
//!
//! `[2026-11-22 15:26:38,108: INFO/MainProcess] message`. Fields that steer the format: `process` (the name after the
//! slash), `critical = true` (an ERROR that is shown as CRITICAL), `event` (`task.succeeded`: its other fields are for
//! machines, and its message says all there is to say); all others follow the message, in brackets. An event of a task,
//! that is inside a span with `task_name` and `task_id`, is shown as `name[id]: message`. Mirrors `celery.app.log`.
//!
//! With [`LogFormat::Json`] a record is one object in one line: `ts`, `level`, `event` (`log` where a record has none),
//! its fields (`task`, `id`, `runtime`, …), `worker`, `message`.

mod record;

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use clap::ValueEnum;
use jiff::Timestamp;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use self::record::{
    Fields, Record, Scope, colour, harmless, json_line, level_name, text, text_line,
};
use super::error::Report;
use super::output::colour::paint;
use crate::pool::python::Orders;

/// The target of what is said whatever the level of the log, in JSON: the words that text has on stdout.
pub(crate) const SAID: &str = "rcelery::said";

/// Whether records go to stderr.
static TO_STDERR: AtomicBool = AtomicBool::new(false);

/// The form of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// Celery's record format
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

/// Celery's level names; any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum LogLevel {
    /// Everything
    Debug,
    /// The life of tasks and of the worker
    Info,
    /// What was coped with
    #[value(alias = "WARN")]
    Warning,
    /// What someone must act on
    Error,
    /// Only what ends the worker
    #[value(alias = "FATAL")]
    Critical,
}

impl LogLevel {
    /// Its number in Python.
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Debug => 10,
            Self::Info => 20,
            Self::Warning => 30,
            Self::Error => 40,
            Self::Critical => 50,
        }
    }

    fn filter(self) -> LevelFilter {
        match self {
            Self::Debug => LevelFilter::DEBUG,
            Self::Info => LevelFilter::INFO,
            Self::Warning => LevelFilter::WARN,
            Self::Error | Self::Critical => LevelFilter::ERROR,
        }
    }
}

/// Crates whose chatter below WARNING is of no use to someone who runs a worker.
const NOISY: &[&str] = &[
    "sqlx", "redis", "rustls", "tokio", "mio", "hyper", "h2", "log",
];

/// Starts logging at `level` to `file`, else to stderr. A program that has set up its own subscriber keeps it.
pub(crate) fn install(level: LogLevel, file: Option<&Path>, colour: bool) -> anyhow::Result<()> {
    let log = Log {
        level,
        file,
        colour,
        json: None,
        app: None,
    };
    log.install()
}

/// A log to be kept.
#[derive(Debug)]
pub(crate) struct Log<'a> {
    pub(crate) level: LogLevel,
    /// None means stderr.
    pub(crate) file: Option<&'a Path>,
    pub(crate) colour: bool,
    /// The name of the worker, if records are JSON.
    pub(crate) json: Option<String>,
    /// The Python app that has a log of its own, for records that are not JSON.
    pub(crate) app: Option<Orders>,
}

impl Log<'_> {
    /// Starts it. A program that has set up its own subscriber keeps it.
    pub(crate) fn install(self) -> anyhow::Result<()> {
        let sink = match self.file {
            Some(path) => Sink::File(
                open(path).with_context(|| format!("opening the log file `{}`", path.display()))?,
            ),
            None => Sink::Stderr,
        };
        let layer = Records {
            level: self.level,
            colour: self.colour && self.file.is_none(),
            app: self.app.filter(|_| self.json.is_none()),
            json: self.json,
            sink: Mutex::new(sink),
        };
        let subscriber = tracing_subscriber::registry().with(layer);
        if tracing::subscriber::set_global_default(subscriber).is_err() {
            tracing::debug!("logging was set up before: keeping it");
        } else {
            TO_STDERR.store(self.file.is_none(), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Says in a log that is a file what ended the worker: who reads it later has not seen stderr.
pub(crate) fn note_fatal(report: &Report) {
    if !TO_STDERR.load(Ordering::Relaxed) {
        let message = report.chain.join(": ");
        tracing::error!(critical = true, "Unrecoverable error: {message}");
    }
}

/// Says in JSON what ended the worker, or kept it from starting: in its log, and on stderr.
pub(crate) fn fatal(report: &Report) {
    const EVENT: &str = "worker.failed";
    let message = report.chain.join(": ");
    let (code, exit) = (report.kind.code(), report.kind.exit());
    tracing::error!(
        critical = true,
        event = EVENT,
        code,
        exit,
        hint = report.hint.as_deref(),
        "{message}"
    );
    if TO_STDERR.load(Ordering::Relaxed) {
        return;
    }
    let mut fields = vec![
        ("code".to_owned(), code.into()),
        ("exit".to_owned(), exit.into()),
    ];
    if let Some(hint) = &report.hint {
        fields.push(("hint".to_owned(), hint.as_str().into()));
    }
    let record = Record {
        level: "CRITICAL",
        event: Some(EVENT),
        fields,
        worker: "",
        message: &message,
    };
    // With stderr gone as well, the exit code says it.
    let _ = writeln!(io::stderr(), "{}", record.json(Timestamp::now()));
}

pub(crate) fn open(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

enum Sink {
    Stderr,
    File(File),
}

struct Records {
    level: LogLevel,
    colour: bool,
    /// The name of the worker, if records are JSON.
    json: Option<String>,
    /// The Python app that has a log of its own.
    app: Option<Orders>,
    sink: Mutex<Sink>,
}

impl<S> Layer<S> for Records
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn enabled(&self, metadata: &Metadata<'_>, _cx: Context<'_, S>) -> bool {
        wanted(self.level, metadata.target(), metadata.level())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let own = self.level.filter();
        Some(if self.json.is_some() {
            own.max(LevelFilter::INFO)
        } else {
            own
        })
    }

    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let mut fields = Fields::default();
        attrs.record(&mut fields);
        if let Some(span) = cx.span(id) {
            span.extensions_mut().insert(fields.scope);
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let target = event.metadata().target();
        if self.level == LogLevel::Critical && !fields.critical && target != SAID {
            return;
        }
        let mut scope = Scope::default();
        for span in cx.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Scope>() {
                scope.process = scope.process.or_else(|| outer.process.clone());
                scope.task_name = scope.task_name.or_else(|| outer.task_name.clone());
                scope.task_id = scope.task_id.or_else(|| outer.task_id.clone());
            }
        }
        let own = target.starts_with("rcelery::worker");
        let level = level_name(*event.metadata().level(), fields.critical);
        if let Some(app) = &self.app {
            let text = harmless(text(&mut fields, &scope, own));
            let number = LogLevel::from_str(level, true).map_or(0, LogLevel::number);
            if app.post([
                ("do", "log".into()),
                ("name", logger(fields.event.as_deref()).into()),
                ("level", number.into()),
                ("message", text.into()),
            ]) {
                return;
            }
            // It is gone, or too busy to listen.
        }
        let line = match &self.json {
            Some(worker) => json_line(level, fields, scope, worker, own),
            None => {
                let code = colour(level);
                let line = text_line(level, fields, &scope, own);
                paint(self.colour && !code.is_empty(), code, &line)
            }
        };
        // A log that can't be written must not stop the work; there is nowhere left to say so.
        let _ = match &mut *self.sink.lock().unwrap_or_else(PoisonError::into_inner) {
            Sink::Stderr => io::stderr()
                .lock()
                .write_all(format!("{line}\n").as_bytes()),
            Sink::File(file) => file.write_all(format!("{line}\n").as_bytes()),
        };
    }
}

/// The logger that Celery's worker has for what happened.
fn logger(event: Option<&str>) -> &'static str {
    match event {
        Some("task.received") => "celery.worker.strategy",
        Some("task.unregistered") => "celery.worker.consumer.consumer",
        Some(event) if event.starts_with("message.") => "celery.worker.consumer.consumer",
        Some(event) if event.starts_with("task.") => "celery.worker.request",
        _ => "celery.worker",
    }
}

fn wanted(level: LogLevel, target: &str, of: &Level) -> bool {
    if target == SAID {
        return true;
    }
    let root = target.split("::").next().unwrap_or(target);
    if NOISY.contains(&root) && *of > Level::WARN {
        return false;
    }
    *of <= level.filter()
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;

    #[test]
    fn drivers_are_heard_from_warning_up() {
        assert!(!wanted(LogLevel::Debug, "sqlx::query", &Level::DEBUG));
        assert!(wanted(LogLevel::Debug, "sqlx::query", &Level::WARN));
        assert!(wanted(LogLevel::Debug, "rcelery::worker", &Level::DEBUG));
        assert!(!wanted(LogLevel::Warning, "rcelery::worker", &Level::INFO));
        assert!(wanted(LogLevel::Info, "my_tasks", &Level::INFO));
    }

    #[test]
    fn a_json_record_is_one_object_in_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("worker.log");
        let records = Records {
            level: LogLevel::Warning,
            colour: true,
            json: Some("w1@box".to_owned()),
            app: None,
            sink: Mutex::new(Sink::File(open(&path).unwrap())),
        };
        let subscriber = tracing_subscriber::registry().with(records);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("not shown");
            tracing::info!(target: SAID, event = "worker.shutdown", "worker: Warm shutdown");
            // A span is filtered by its level, as an event is: the tasks' have the highest.
            let span = tracing::error_span!("task", task_name = "proj.add", task_id = "x1");
            span.in_scope(|| tracing::warn!(tries = 2, ts = "mine", "half\nway \"there\""));
            tracing::error!(
                event = "task.failed",
                task = "t",
                id = "x2",
                runtime = 0.25,
                "failed"
            );
            tracing::error!(task_id = %"x3", critical = true, "can't store it");
        });
        let log = std::fs::read_to_string(&path).unwrap();
        let mut records: Vec<Json> = log
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        for record in &mut records {
            let ts = record.as_object_mut().unwrap().remove("ts").unwrap();
            assert!(ts.as_str().unwrap().parse::<Timestamp>().is_ok(), "{ts}");
            assert!(ts.as_str().unwrap().ends_with('Z'), "{ts}");
        }
        let w = "w1@box";
        assert_eq!(
            records,
            [
                serde_json::json!({"level": "INFO", "event": "worker.shutdown", "worker": w, "message": "worker: Warm shutdown"}),
                serde_json::json!({"level": "WARNING", "event": "task.log", "task": "proj.add", "id": "x1", "tries": 2, "worker": w, "message": "half\nway \"there\""}),
                serde_json::json!({"level": "ERROR", "event": "task.failed", "task": "t", "id": "x2", "runtime": 0.25, "worker": w, "message": "failed"}),
                serde_json::json!({"level": "CRITICAL", "event": "log", "id": "x3", "worker": w, "message": "can't store it"}),
            ]
        );
    }

    #[test]
    fn records_go_to_the_file_with_task_and_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/worker.log");
        let records = Records {
            level: LogLevel::Info,
            colour: false,
            json: None,
            app: None,
            sink: Mutex::new(Sink::File(open(&path).unwrap())),
        };
        let subscriber = tracing_subscriber::registry().with(records);
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(critical = true, "Unrecoverable error");
            tracing::debug!("not shown");
            let span = tracing::info_span!(
                "task",
                task_name = "proj.add",
                task_id = "x1",
                process = "Worker-1"
            );
            span.in_scope(|| tracing::info!("half way"));
            tracing::warn!(error = %"no answer", queue = "celery", tries = 2, "can't fetch");
            tracing::error!(task_id = %"x2", "can't store it");
        });
        let log = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = log.lines().collect();
        assert_eq!(lines.len(), 4, "{log}");
        assert!(
            lines[2].ends_with("] can't fetch [error: no answer, queue: celery, tries: 2]"),
            "{log}"
        );
        assert!(
            lines[3].ends_with("] can't store it [task_id: x2]"),
            "{log}"
        );
        assert!(
            lines[0].ends_with(": CRITICAL/MainProcess] Unrecoverable error"),
            "{log}"
        );
        assert!(
            lines[1].ends_with(": INFO/Worker-1] proj.add[x1]: half way"),
            "{log}"
        );
    }
}
