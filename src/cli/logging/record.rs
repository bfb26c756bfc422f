//! One record of the log, from what an event says to a line: Celery's, or a JSON object.

use std::fmt::{self, Write as _};

use jiff::{Timestamp, Zoned};
use serde_json::Value as Json;
use tracing::Level;
use tracing::field::{Field, Visit};

/// One line of a JSON log.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) level: &'a str,
    pub(super) event: Option<&'a str>,
    pub(super) fields: Vec<(String, Json)>,
    pub(super) worker: &'a str,
    pub(super) message: &'a str,
}

impl Record<'_> {
    pub(super) fn json(self, at: Timestamp) -> String {
        let mut object = serde_json::Map::new();
        let mut put = |key: &str, value: Json| {
            // A field of a driver may have any name; ours come first.
            object.entry(key).or_insert(value);
        };
        put("ts", format!("{at:.3}").into());
        put("level", self.level.into());
        put("event", self.event.unwrap_or("log").into());
        for (key, value) in self.fields {
            if key != "worker" && key != "message" {
                put(&key, value);
            }
        }
        if !self.worker.is_empty() {
            put("worker", self.worker.into());
        }
        put("message", self.message.into());
        Json::Object(object).to_string()
    }
}

/// What a task's span says of the events inside.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) process: Option<String>,
    pub(super) task_name: Option<String>,
    pub(super) task_id: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) message: String,
    pub(super) critical: bool,
    pub(super) scope: Scope,
    /// What has happened, for machines.
    pub(super) event: Option<String>,
    /// All others.
    pub(super) others: Vec<(String, Json)>,
}

impl Fields {
    fn add(&mut self, name: &str, value: impl Into<Json>) {
        // What crates hand over from the `log` facade says where, not what.
        if !name.starts_with("log.") {
            self.others.push((name.to_owned(), value.into()));
        }
    }

    /// `error: …, queue: …`, for people.
    fn others(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.others {
            let comma = if text.is_empty() { "" } else { ", " };
            let _ = match value {
                Json::String(value) => write!(text, "{comma}{name}: {value}"),
                value => write!(text, "{comma}{name}: {value}"),
            };
        }
        text
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
            name => self.add(name, format!("{value:?}")),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            "process" => self.scope.process = Some(value.to_owned()),
            "task_name" => self.scope.task_name = Some(value.to_owned()),
            "task_id" => self.scope.task_id = Some(value.to_owned()),
            "event" => self.event = Some(value.to_owned()),
            name => self.add(name, value),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            "critical" => self.critical = value,
            name => self.add(name, value),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field.name(), value);
    }
}

pub(super) fn json_line(
    level: &str,
    mut fields: Fields,
    scope: Scope,
    worker: &str,
    own: bool,
) -> String {
    let in_task = !own && scope.task_id.is_some();
    let id = fields.scope.task_id.take().or(scope.task_id);
    let mut named = Vec::new();
    for (key, value) in [("task", scope.task_name), ("id", id)] {
        let is_there = fields.others.iter().any(|(k, _)| k == key);
        named.extend(
            value
                .filter(|_| !is_there)
                .map(|v| (key.to_owned(), v.into())),
        );
    }
    named.append(&mut fields.others);
    let record = Record {
        level,
        event: fields.event.as_deref().or(in_task.then_some("task.log")),
        fields: named,
        worker,
        message: &fields.message,
    };
    record.json(Timestamp::now())
}

pub(super) fn text_line(level: &str, mut fields: Fields, scope: &Scope, own: bool) -> String {
    let process = fields
        .scope
        .process
        .take()
        .or_else(|| scope.process.clone());
    let mut line = prefix(&Zoned::now(), level, process.as_deref());
    line.push_str(&text(&mut fields, scope, own));
    harmless(line)
}

/// A record without time, level and process.
pub(super) fn text(fields: &mut Fields, scope: &Scope, own: bool) -> String {
    let mut line = String::new();
    if let (false, Some(name), Some(id)) = (own, &scope.task_name, &scope.task_id) {
        let label = format!("{name}[{id}]").replace(char::is_control, "\u{fffd}");
        let _ = write!(line, "{label}: ");
    }
    line.push_str(&fields.message);
    if fields.event.is_some() {
        return line;
    }
    if let Some(id) = fields.scope.task_id.take() {
        fields.others.insert(0, ("task_id".to_owned(), id.into()));
    }
    let others = fields.others();
    if !others.is_empty() {
        let _ = write!(line, " [{others}]");
    }
    line
}

/// Names, results and tracebacks are others': nothing in them may move the cursor of whoever reads the log, or change
/// its colours.
pub(super) fn harmless(line: String) -> String {
    let moves = |c: char| c.is_control() && c != '\n' && c != '\t';
    if line.contains(moves) {
        line.replace(moves, "\u{fffd}")
    } else {
        line
    }
}

/// Celery's colours.
pub(super) fn colour(level: &str) -> &'static str {
    match level {
        "CRITICAL" => "1;35",
        "ERROR" => "1;31",
        "WARNING" => "1;33",
        "DEBUG" => "34",
        _ => "",
    }
}

pub(super) fn level_name(level: Level, critical: bool) -> &'static str {
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
    fn what_others_have_written_does_not_steer_a_terminal() {
        let fields = Fields {
            message: "Task \u{1b}[2Jx\u{9b}1m\r raised\n\ttraceback".to_owned(),
            ..Fields::default()
        };
        let line = text_line("ERROR", fields, &Scope::default(), true);
        let expected = "Task \u{fffd}[2Jx\u{fffd}1m\u{fffd} raised\n\ttraceback";
        assert!(line.ends_with(expected), "{line:?}");
    }

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
}
