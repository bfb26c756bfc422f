//! `task_routes`: which task goes where, with which options.
//!
//! Mirrors `celery.app.routes`.

use regex::Regex;

use super::ConfigError;
use super::kind::Kind;
use crate::protocol::codec::json;
use crate::protocol::{Map, Value};

/// Where a route sends a task, and with which further options of `apply_async`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RouteOptions {
    /// Queue; it decides exchange and routing key unless these are given.
    pub queue: Option<String>,
    /// Exchange.
    pub exchange: Option<String>,
    /// Routing key.
    pub routing_key: Option<String>,
    /// 0 to 9.
    pub priority: Option<i64>,
    /// Other options: `serializer`, `compression`, `delivery_mode`, `expires`…
    pub extra: Map,
}

/// One route.
#[derive(Debug, Clone)]
pub struct Route {
    pattern: Pattern,
    options: RouteOptions,
}

#[derive(Debug, Clone)]
enum Pattern {
    Exact(String),
    Matching(Regex),
}

/// `task_routes`: groups of routes, asked in order. In a group an exact name comes first, then the patterns in order.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    groups: Vec<Vec<Route>>,
    source: Value,
    problem: Option<String>,
}

impl Routes {
    /// The options of the first route that matches the task's name.
    #[must_use]
    pub fn of(&self, task: &str) -> Option<&RouteOptions> {
        self.groups.iter().find_map(|group| {
            let exact = group
                .iter()
                .find(|r| matches!(&r.pattern, Pattern::Exact(name) if name == task));
            let route = exact.or_else(|| {
                group
                    .iter()
                    .find(|r| matches!(&r.pattern, Pattern::Matching(re) if re.is_match(task)))
            });
            route.map(|r| &r.options)
        })
    }

    /// The queues that routes name, in order: a worker or `purge` may know no other way of them.
    pub fn queues(&self) -> impl Iterator<Item = &str> {
        self.groups
            .iter()
            .flatten()
            .filter_map(|route| route.options.queue.as_deref())
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.problem.as_ref().map_or(Ok(()), |reason| {
            Err(ConfigError::invalid("task_routes", reason))
        })
    }

    fn build(source: &Value) -> Result<Vec<Vec<Route>>, String> {
        match source {
            Value::Null => Ok(Vec::new()),
            Value::Map(map) => Ok(vec![group(
                map.iter().map(|(key, value)| (key.as_str(), value)),
            )?]),
            // Celery takes a router or a list of routers; a router is a table or a list of pairs.
            Value::List(routers) if routers.iter().all(is_pair) => Ok(vec![pairs(routers)?]),
            Value::List(routers) => routers
                .iter()
                .map(|router| match router {
                    Value::Map(map) => group(map.iter().map(|(key, value)| (key.as_str(), value))),
                    Value::List(items) => pairs(items),
                    other => Err(format!(
                        "a router must be a table, not {}",
                        other.type_name()
                    )),
                })
                .collect(),
            other => Err(format!("must be a table, not {}", other.type_name())),
        }
    }
}

fn is_pair(value: &Value) -> bool {
    matches!(value.as_list(), Some([Value::Str(_), _]))
}

fn pairs(items: &[Value]) -> Result<Vec<Route>, String> {
    let pairs: Result<Vec<(&str, &Value)>, String> = items
        .iter()
        .map(|item| match item.as_list() {
            Some([Value::Str(key), value]) => Ok((key.as_str(), value)),
            _ => Err("a list of routes holds pairs of pattern and options".to_owned()),
        })
        .collect();
    group(pairs?.into_iter())
}

fn group<'a>(entries: impl Iterator<Item = (&'a str, &'a Value)>) -> Result<Vec<Route>, String> {
    entries
        .map(|(key, value)| {
            Ok(Route {
                pattern: pattern(key)?,
                options: route_options(value).map_err(|reason| format!("`{key}`: {reason}"))?,
            })
        })
        .collect()
}

/// `/regex/`, a glob, or a name. As in Celery, a pattern is anchored at its start only.
fn pattern(key: &str) -> Result<Pattern, String> {
    let regex = match key.strip_prefix('/').and_then(|k| k.strip_suffix('/')) {
        Some(regex) => format!("^(?:{regex})"),
        // Celery's `*` takes at least one character (glob_to_re, app/routes.py).
        None if key.contains('*') => {
            let words: Vec<String> = key.split('*').map(regex::escape).collect();
            format!("(?s)^{}", words.join(".+?"))
        }
        None => return Ok(Pattern::Exact(key.to_owned())),
    };
    match Regex::new(&regex) {
        Ok(regex) => Ok(Pattern::Matching(regex)),
        Err(error) => Err(format!("`{key}` is not a pattern: {error}")),
    }
}

fn route_options(value: &Value) -> Result<RouteOptions, String> {
    let map = match value {
        Value::Str(queue) => {
            return Ok(RouteOptions {
                queue: Some(queue.clone()),
                ..RouteOptions::default()
            });
        }
        Value::Map(map) => map,
        other => {
            return Err(format!(
                "must be a queue's name or a table, not {}",
                other.type_name()
            ));
        }
    };
    let mut options = RouteOptions::default();
    for (name, value) in map {
        let text = || {
            value
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| format!("`{name}` must be text, not {}", value.type_name()))
        };
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            ("queue", _) => options.queue = Some(text()?),
            ("exchange", _) => options.exchange = Some(text()?),
            ("routing_key", _) => options.routing_key = Some(text()?),
            ("priority", Value::Int(priority)) => options.priority = Some(*priority),
            ("priority", _) => return Err("`priority` must be a whole number".to_owned()),
            _ => {
                options.extra.insert(name.clone(), value.clone());
            }
        }
    }
    Ok(options)
}

impl Kind for Routes {
    const EXPECTS: &'static str = "a table of task names or patterns";
    const SCALAR: bool = false;

    // A problem is kept, not refused here, so that `check` can say more than "wrong type".
    fn read(value: &Value) -> Option<Self> {
        let (groups, problem) = match Self::build(value) {
            Ok(groups) => (groups, None),
            Err(problem) => (Vec::new(), Some(problem)),
        };
        Some(Self {
            groups,
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
    fn exact_name_wins_over_patterns_and_patterns_are_asked_in_order() {
        let settings = settings(&[(
            "task_routes",
            r#"{"proj.video.*": {"queue": "video", "priority": 3}, "proj.*": "rest", "/.*\\.(low|slow)$/": "low",
                "proj.video.thumb": {"queue": "fast", "serializer": "yaml"}}"#,
        )]);
        let queue = |task: &str| {
            let route = settings.task_routes.of(task)?;
            route.queue.clone()
        };
        assert_eq!(queue("proj.video.encode").as_deref(), Some("video"));
        assert_eq!(queue("proj.video.thumb").as_deref(), Some("fast"));
        assert_eq!(queue("proj.add").as_deref(), Some("rest"));
        assert_eq!(queue("other.slow").as_deref(), Some("low"));
        assert_eq!(queue("other.slower"), None);
        assert_eq!(queue("proj."), None, "`*` takes at least one character");
        let thumb = settings.task_routes.of("proj.video.thumb").unwrap();
        assert_eq!(thumb.extra["serializer"], Value::from("yaml"));
        assert_eq!(
            settings.task_routes.queues().collect::<Vec<_>>(),
            ["video", "rest", "low", "fast"]
        );
    }

    #[test]
    fn routers_and_pairs_are_asked_in_order() {
        let settings = settings(&[(
            "task_routes",
            r#"[[["a.*", "first"], ["a.b", "exact"]], {"c": "second"}]"#,
        )]);
        assert_eq!(
            settings.task_routes.of("a.b").unwrap().queue.as_deref(),
            Some("exact")
        );
        assert_eq!(
            settings.task_routes.of("c").unwrap().queue.as_deref(),
            Some("second")
        );
    }

    #[test]
    fn bad_route_is_named() {
        assert!(
            refused("task_routes", r#"{"/(/": "q"}"#)
                .starts_with("`task_routes`: `/(/` is not a pattern")
        );
        assert_eq!(
            refused("task_routes", r#"{"a": 5}"#),
            "`task_routes`: `a`: must be a queue's name or a table, not int"
        );
        assert_eq!(
            refused("task_routes", r#"["proj.router"]"#),
            "`task_routes`: a router must be a table, not str"
        );
    }
}
