//! `task_annotations`: options of tasks from the configuration.
//!
//! Mirrors `celery.app.annotations`.

use super::ConfigError;
use super::kind::Kind;
use crate::protocol::codec::json;
use crate::protocol::{Map, Value};

/// `task_annotations`: attributes of tasks by name, or of all tasks under `*`.
#[derive(Debug, Clone, Default)]
pub struct Annotations {
    tables: Vec<Map>,
    source: Value,
    problem: Option<String>,
}

impl Annotations {
    /// The attributes set for a task, those of `*` first and overridden by its own.
    #[must_use]
    pub fn of(&self, task: &str) -> Map {
        let mut all = Map::new();
        for table in &self.tables {
            for key in ["*", task] {
                if let Some(Value::Map(attributes)) = table.get(key) {
                    all.extend(attributes.clone());
                }
            }
        }
        all
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.problem.as_ref().map_or(Ok(()), |reason| {
            Err(ConfigError::invalid("task_annotations", reason))
        })
    }

    fn build(source: &Value) -> Result<Vec<Map>, String> {
        let tables = match source {
            Value::Null => return Ok(Vec::new()),
            Value::Map(map) => vec![map.clone()],
            Value::List(items) => items
                .iter()
                .map(|item| {
                    item.as_map()
                        .cloned()
                        .ok_or_else(|| format!("must hold tables, not {}", item.type_name()))
                })
                .collect::<Result<_, _>>()?,
            other => return Err(format!("must be a table, not {}", other.type_name())),
        };
        for (task, attributes) in tables.iter().flatten() {
            if attributes.as_map().is_none() {
                let kind = attributes.type_name();
                return Err(format!(
                    "`{task}` must be a table of attributes, not {kind}"
                ));
            }
        }
        Ok(tables)
    }
}

impl Kind for Annotations {
    const EXPECTS: &'static str = "a table of task names";
    const SCALAR: bool = false;

    fn read(value: &Value) -> Option<Self> {
        let (tables, problem) = match Self::build(value) {
            Ok(tables) => (tables, None),
            Err(problem) => (Vec::new(), Some(problem)),
        };
        Some(Self {
            tables,
            source: value.clone(),
            problem,
        })
    }

    fn parse(text: &str) -> Option<Self> {
        Self::read(&json::from_slice(text.as_bytes()).ok()?)
    }

    fn write(&self) -> Value {
        self.source.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::samples::{refused, settings};

    #[test]
    fn own_annotations_override_those_of_all_tasks() {
        let settings = settings(&[(
            "task_annotations",
            r#"{"*": {"rate_limit": "10/s", "acks_late": true}, "proj.add": {"rate_limit": "6/m"}}"#,
        )]);
        let add = settings.task_annotations.of("proj.add");
        assert_eq!(add["rate_limit"], Value::from("6/m"));
        assert_eq!(add["acks_late"], Value::from(true));
        assert_eq!(
            settings.task_annotations.of("other")["rate_limit"],
            Value::from("10/s")
        );
        assert_eq!(
            refused("task_annotations", r#"{"proj.add": "6/m"}"#),
            "`task_annotations`: `proj.add` must be a table of attributes, not str"
        );
    }
}
