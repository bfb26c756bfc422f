//! Logs in Celery's record format, to stderr or a file.
//!
//! `[2026-11-22 15:26:38,108: INFO/MainProcess] message`. Fields that steer the format: `process` (the name after the
//! slash), `critical = true` (an ERROR that is shown as CRITICAL); all others follow the message, in brackets. An event of
//! a task, that is inside a span with `task_name` and `task_id`, is shown as `name[id]: message`. Mirrors
//! `celery.app.log`.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use clap::ValueEnum;
use jiff::Zoned;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use super::output::colour::paint;

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
    let sink = match file {
        Some(path) => Sink::File(
            open(path).with_context(|| format!("opening the log file `{}`", path.display()))?,
        ),
        None => Sink::Stderr,
    };
    let layer = Records {
        level,
        colour: colour && file.is_none(),
        sink: Mutex::new(sink),
    };
    let subscriber = tracing_subscriber::registry().with(layer);
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        tracing::debug!("logging was set up before: keeping it");
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<File> {
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
    sink: Mutex<Sink>,
}

/// What a task's span says of the events inside.
#[derive(Debug, Clone, Default)]
struct Scope {
    process: Option<String>,
    task_name: Option<String>,
    task_id: Option<String>,
}

#[derive(Debug, Default)]
struct Fields {
    message: String,
    critical: bool,
    scope: Scope,
    /// All others: `error: …, queue: …`.
    others: String,
}

impl Fields {
    fn add(&mut self, name: &str, value: fmt::Arguments<'_>) {
        // What crates hand over from the `log` facade says where, not what.
        if name.starts_with("log.") {
            return;
        }
        let comma = if self.others.is_empty() { "" } else { ", " };
        let _ = write!(self.others, "{comma}{name}: {value}");
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => {
                let _ = write!(self.message, "{value:?}");
            }
            "process" => self.scope.process = Some(format!("{value:?}")),
            "task_name" => self.scope.task_name = Some(format!("{value:?}")),
            "task_id" => self.scope.task_id = Some(format!("{value:?}")),
            name => self.add(name, format_args!("{value:?}")),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            "process" => self.scope.process = Some(value.to_owned()),
            "task_name" => self.scope.task_name = Some(value.to_owned()),
            "task_id" => self.scope.task_id = Some(value.to_owned()),
            name => self.add(name, format_args!("{value}")),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            "critical" => self.critical = value,
            name => self.add(name, format_args!("{value}")),
        }
    }
}

impl<S> Layer<S> for Records
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn enabled(&self, metadata: &Metadata<'_>, _cx: Context<'_, S>) -> bool {
        wanted(self.level, metadata.target(), metadata.level())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level.filter())
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
        if self.level == LogLevel::Critical && !fields.critical {
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
        let own = event.metadata().target().starts_with("rcelery::worker");
        let level = level_name(*event.metadata().level(), fields.critical);
        let process = fields.scope.process.or(scope.process);
        let mut line = prefix(&Zoned::now(), level, process.as_deref());
        if let (false, Some(name), Some(id)) = (own, scope.task_name, scope.task_id) {
            let _ = write!(line, "{name}[{id}]: ");
        }
        line.push_str(&fields.message);
        if let Some(id) = &fields.scope.task_id {
            fields.others.insert_str(0, &format!("task_id: {id}, "));
        }
        let others = fields.others.trim_end_matches(", ");
        if !others.is_empty() {
            let _ = write!(line, " [{others}]");
        }
        let line = match level {
            "CRITICAL" => paint(self.colour, "1;35", &line),
            "ERROR" => paint(self.colour, "1;31", &line),
            "WARNING" => paint(self.colour, "1;33", &line),
            "DEBUG" => paint(self.colour, "34", &line),
            _ => line,
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

fn wanted(level: LogLevel, target: &str, of: &Level) -> bool {
    let root = target.split("::").next().unwrap_or(target);
    if NOISY.contains(&root) && *of > Level::WARN {
        return false;
    }
    *of <= level.filter()
}

fn level_name(level: Level, critical: bool) -> &'static str {
    match level {
        Level::ERROR if critical => "CRITICAL",
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        _ => "DEBUG",
    }
}

fn prefix(now: &Zoned, level: &str, process: Option<&str>) -> String {
    let process = process.unwrap_or("MainProcess");
    format!(
        "[{}: {level}/{process}] ",
        now.strftime("%Y-%m-%d %H:%M:%S,%3f")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_celerys() {
        let at: Zoned = "2026-11-22T15:26:38.1089+00:00[UTC]".parse().unwrap();
        assert_eq!(
            prefix(&at, "INFO", None),
            "[2026-11-22 15:26:38,108: INFO/MainProcess] "
        );
        assert_eq!(
            prefix(&at, "INFO", Some("Worker-2")),
            "[2026-11-22 15:26:38,108: INFO/Worker-2] "
        );
    }

    #[test]
    fn drivers_are_heard_from_warning_up() {
        assert!(!wanted(LogLevel::Debug, "sqlx::query", &Level::DEBUG));
        assert!(wanted(LogLevel::Debug, "sqlx::query", &Level::WARN));
        assert!(wanted(LogLevel::Debug, "rcelery::worker", &Level::DEBUG));
        assert!(!wanted(LogLevel::Warning, "rcelery::worker", &Level::INFO));
        assert!(wanted(LogLevel::Info, "my_tasks", &Level::INFO));
    }

    #[test]
    fn records_go_to_the_file_with_task_and_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/worker.log");
        let records = Records {
            level: LogLevel::Info,
            colour: false,
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
