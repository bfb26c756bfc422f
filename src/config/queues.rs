//! `task_queues`: the queues that are configured, and the default one.
//!
//! Mirrors `Queues` of `celery.app.amqp`.

use super::kind::Kind;
use super::{ConfigError, Settings};
use crate::protocol::codec::json;
use crate::protocol::{Exchange, ExchangeType, Map, Queue, Value};

/// `task_queues` as written: what is missing in an entry comes from other settings when it is used.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Queues {
    entries: Vec<(String, Map)>,
    source: Value,
    problem: Option<String>,
}

impl Queues {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.problem.as_ref().map_or(Ok(()), |reason| {
            Err(ConfigError::invalid("task_queues", reason))
        })
    }

    fn build(source: &Value) -> Result<Vec<(String, Map)>, String> {
        let entries: Vec<(String, Map)> = match source {
            Value::List(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| match item {
                    Value::Str(name) => Ok((name.clone(), Map::new())),
                    Value::Map(map) => match map.get("name").and_then(Value::as_str) {
                        Some(name) => Ok((name.to_owned(), map.clone())),
                        None => Err(format!("entry {}: `name` is missing", index + 1)),
                    },
                    other => Err(format!(
                        "entry {} must be a table, not {}",
                        index + 1,
                        other.type_name()
                    )),
                })
                .collect::<Result<_, _>>()?,
            Value::Map(map) => map
                .iter()
                .map(|(name, entry)| match entry {
                    Value::Null => Ok((name.clone(), Map::new())),
                    Value::Map(options) => Ok((name.clone(), options.clone())),
                    other => Err(format!(
                        "`{name}` must be a table, not {}",
                        other.type_name()
                    )),
                })
                .collect::<Result<_, _>>()?,
            other => {
                return Err(format!(
                    "must be a list of tables, not {}",
                    other.type_name()
                ));
            }
        };
        for (name, options) in &entries {
            // Reading it once with any default finds what is wrong with it.
            queue(
                name,
                options,
                &Exchange::new("celery", ExchangeType::Direct),
            )?;
        }
        Ok(entries)
    }
}

impl Kind for Queues {
    const EXPECTS: &'static str = "a list of tables";
    const SCALAR: bool = false;

    fn read(value: &Value) -> Option<Self> {
        let (entries, problem) = match Self::build(value) {
            Ok(entries) => (entries, None),
            Err(problem) => (Vec::new(), Some(problem)),
        };
        Some(Self {
            entries,
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

/// Reads one entry of `task_queues`; an exchange that is not named is `default_exchange`.
fn queue(name: &str, options: &Map, default_exchange: &Exchange) -> Result<Queue, String> {
    if name.is_empty() {
        return Err("a queue's `name` must not be empty".to_owned());
    }
    let wrong = |key: &str, expected: &str| format!("`{name}`: `{key}` must be {expected}");
    let kind_of = |key: &str, value: &Value| {
        value
            .as_str()
            .and_then(ExchangeType::parse)
            .ok_or_else(|| wrong(key, "`direct`, `topic` or `fanout`"))
    };
    let mut made = Queue::bound(name, default_exchange.clone(), name);
    let mut kind = None;
    for (key, value) in options {
        if value.is_null() {
            continue;
        }
        match key.as_str() {
            "name" => {}
            "exchange" => match value {
                Value::Str(exchange) if exchange.is_empty() => {}
                Value::Str(exchange) => {
                    made.exchange = Exchange::new(exchange, ExchangeType::Direct);
                }
                Value::Map(exchange) => {
                    let exchange_name = exchange.get("name").and_then(Value::as_str);
                    let exchange_name =
                        exchange_name.ok_or_else(|| wrong("exchange.name", "text"))?;
                    made.exchange = Exchange::new(exchange_name, ExchangeType::Direct);
                    if let Some(value) = exchange.get("type") {
                        made.exchange.kind = kind_of("exchange.type", value)?;
                    }
                    if let Some(durable) = exchange.get("durable") {
                        made.exchange.durable = durable
                            .as_bool()
                            .ok_or_else(|| wrong("exchange.durable", "true or false"))?;
                    }
                }
                _ => return Err(wrong(key, "text or a table")),
            },
            "exchange_type" => kind = Some(kind_of(key, value)?),
            // Celery's old docs called it `binding_key` (Queues.add_compat, app/amqp.py).
            "routing_key" | "binding_key" => {
                value
                    .as_str()
                    .ok_or_else(|| wrong(key, "text"))?
                    .clone_into(&mut made.routing_key);
            }
            "durable" | "auto_delete" | "exclusive" | "no_ack" => {
                let flag = value.as_bool().ok_or_else(|| wrong(key, "true or false"))?;
                match key.as_str() {
                    "durable" => made.durable = flag,
                    "auto_delete" => made.auto_delete = flag,
                    "exclusive" => made.exclusive = flag,
                    _ => made.no_ack = flag,
                }
            }
            "expires" | "message_ttl" => {
                let seconds = value
                    .as_f64()
                    .filter(|s| s.is_finite() && *s >= 0.0)
                    .ok_or_else(|| wrong(key, "a number of seconds"))?;
                if key == "expires" {
                    made.expires = Some(seconds);
                } else {
                    made.message_ttl = Some(seconds);
                }
            }
            "max_priority" => {
                let max = value.as_i64().ok_or_else(|| wrong(key, "a whole number"))?;
                made.max_priority = Some(max);
            }
            "queue_arguments" | "arguments" => {
                let arguments = value.as_map().ok_or_else(|| wrong(key, "a table"))?;
                made.arguments.extend(arguments.clone());
            }
            other => return Err(format!("`{name}`: there is no option `{other}`")),
        }
    }
    if let Some(kind) = kind {
        made.exchange.kind = kind;
    }
    Ok(made)
}

impl Settings {
    /// The queues that are configured: those of `task_queues`, or the default one alone.
    ///
    /// # Errors
    /// `Invalid` for an entry that cannot be read.
    pub fn queues(&self) -> Result<Vec<Queue>, ConfigError> {
        let Some(configured) = &self.task_queues else {
            return Ok(vec![self.default_queue()]);
        };
        configured.check()?;
        let default_exchange = self.default_exchange();
        configured
            .entries
            .iter()
            .map(|(name, options)| {
                let made = queue(name, options, &default_exchange)
                    .map_err(|reason| ConfigError::invalid("task_queues", reason))?;
                Ok(self.with_max_priority(made))
            })
            .collect()
    }

    /// The queue of that name: as configured, else, where that is allowed, made up with an exchange of its own.
    ///
    /// # Errors
    /// `UnknownQueue` if it is neither, `Invalid` as in [`Settings::queues`].
    pub fn queue(&self, name: &str) -> Result<Queue, ConfigError> {
        if let Some(known) = self.queues()?.into_iter().find(|q| q.name == name) {
            return Ok(known);
        }
        if name == self.task_default_queue {
            return Ok(self.default_queue());
        }
        if !self.task_create_missing_queues {
            return Err(ConfigError::UnknownQueue {
                queue: name.to_owned(),
            });
        }
        let kind = self
            .task_create_missing_queue_exchange_type
            .as_deref()
            .unwrap_or(&self.task_default_exchange_type);
        let kind = ExchangeType::parse(kind).unwrap_or_default();
        let mut made = Queue::bound(name, Exchange::new(name, kind), name);
        if self.task_create_missing_queue_type != "classic" {
            quorum(&mut made, &self.task_create_missing_queue_type);
        }
        Ok(self.with_max_priority(made))
    }

    /// The queue of that name: as configured, else made of `options` (`exchange`, `exchange_type`, `routing_key`…).
    ///
    /// # Errors
    /// `Invalid` for an option that cannot be read or does not exist.
    pub fn queue_with(&self, name: &str, options: &Map) -> Result<Queue, ConfigError> {
        if let Some(known) = self.queues()?.into_iter().find(|q| q.name == name) {
            return Ok(known);
        }
        let made = queue(name, options, &self.default_exchange())
            .map_err(|reason| ConfigError::invalid("queue", reason))?;
        Ok(self.with_max_priority(made))
    }

    /// The queue of tasks that no route sends elsewhere, from the `task_default_*` settings.
    #[must_use]
    pub fn default_queue(&self) -> Queue {
        let name = self.task_default_queue.as_str();
        let key = self.task_default_routing_key.as_deref().unwrap_or(name);
        let mut made = Queue::bound(name, self.default_exchange(), key);
        if self.task_default_queue_type != "classic" {
            quorum(&mut made, &self.task_default_queue_type);
        }
        self.with_max_priority(made)
    }

    fn default_exchange(&self) -> Exchange {
        let name = self
            .task_default_exchange
            .as_deref()
            .unwrap_or(&self.task_default_queue);
        let kind = ExchangeType::parse(&self.task_default_exchange_type).unwrap_or_default();
        Exchange::new(name, kind)
    }

    fn with_max_priority(&self, mut queue: Queue) -> Queue {
        if let Some(max) = self.task_queue_max_priority {
            queue
                .arguments
                .entry("x-max-priority".to_owned())
                .or_insert_with(|| Value::Int(max.into()));
        }
        queue
    }
}

fn quorum(queue: &mut Queue, queue_type: &str) {
    queue
        .arguments
        .insert("x-queue-type".to_owned(), queue_type.into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::samples::{refused, settings};

    #[test]
    fn default_queue_has_celerys_shape() {
        assert_eq!(
            Settings::default().queues().unwrap(),
            [Queue::direct("celery")]
        );
        let settings = settings(&[
            ("task_default_queue", "hi"),
            ("task_default_exchange", "ex"),
            ("task_default_exchange_type", "topic"),
            ("task_default_routing_key", "hi.#"),
            ("task_queue_max_priority", "10"),
        ]);
        let queue = &settings.queues().unwrap()[0];
        assert_eq!(queue.exchange, Exchange::new("ex", ExchangeType::Topic));
        assert_eq!(queue.routing_key, "hi.#");
        assert_eq!(queue.arguments["x-max-priority"], Value::Int(10));
    }

    #[test]
    fn configured_queues_share_the_default_exchange_unless_they_name_one() {
        let settings = settings(&[(
            "task_queues",
            r#"[{"name": "celery"}, {"name": "hi", "routing_key": "h"},
                {"name": "media", "exchange": "m", "exchange_type": "topic", "routing_key": "media.#",
                 "queue_arguments": {"x-max-priority": 5}}]"#,
        )]);
        let queues = settings.queues().unwrap();
        assert_eq!(queues[0], Queue::direct("celery"));
        assert_eq!(queues[1].exchange.name, "celery");
        assert_eq!(queues[1].routing_key, "h");
        assert_eq!(queues[2].exchange, Exchange::new("m", ExchangeType::Topic));
        assert_eq!(queues[2].arguments["x-max-priority"], Value::Int(5));
    }

    #[test]
    fn missing_queue_is_made_up_or_refused() {
        assert_eq!(
            Settings::default().queue("new").unwrap(),
            Queue::direct("new")
        );
        let settings = settings(&[("task_create_missing_queues", "false")]);
        assert_eq!(
            settings.queue("new").unwrap_err().to_string(),
            "queue `new` is not in `task_queues`, and `task_create_missing_queues` is off"
        );
        assert_eq!(settings.queue("celery").unwrap(), Queue::direct("celery"));
    }

    #[test]
    fn bad_queue_is_named() {
        for (text, reason) in [
            (r#"[{"exchange": "x"}]"#, "entry 1: `name` is missing"),
            (
                r#"[{"name": "q", "exchange_type": "x"}]"#,
                "`q`: `exchange_type` must be `direct`, `topic` or `fanout`",
            ),
            (
                r#"[{"name": "q", "priority": 3}]"#,
                "`q`: there is no option `priority`",
            ),
        ] {
            assert_eq!(
                refused("task_queues", text),
                format!("`task_queues`: {reason}")
            );
        }
    }
}
