//! The stored state of a task, the same object on every back end.
//!
//! Mirrors `celery.backends.base.Backend._get_result_meta` and `AsyncResult.as_tuple`.

use bytes::Bytes;

use super::codec::json;
use super::{Exception, Map, ProtocolError, State, Value};

/// A reference to a result, with its parents and, for a group, its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultTuple {
    /// Task or group id.
    pub id: String,
    /// The result before it in a chain.
    pub parent: Option<Box<ResultTuple>>,
    /// The members, if it is a group.
    pub members: Option<Vec<ResultTuple>>,
}

impl ResultTuple {
    /// A task's.
    #[must_use]
    pub fn task(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            parent: None,
            members: None,
        }
    }

    /// A group's.
    #[must_use]
    pub fn group(id: &str, members: Vec<ResultTuple>) -> Self {
        Self {
            id: id.to_owned(),
            parent: None,
            members: Some(members),
        }
    }

    /// `[[id, parent], null]` or `[[id, parent], [member, …]]`.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let parent = self.parent.as_ref().map_or(Value::Null, |p| p.to_value());
        let members = self
            .members
            .as_ref()
            .map(|m| m.iter().map(Self::to_value).collect::<Vec<_>>());
        Value::List(vec![
            Value::List(vec![self.id.as_str().into(), parent]),
            Value::opt(members),
        ])
    }

    /// Reads one.
    ///
    /// # Errors
    /// `Invalid` if it is not of that form.
    pub fn from_value(value: &Value) -> Result<Self, ProtocolError> {
        let bad = || ProtocolError::invalid("result tuple", "expected [[id, parent], members]");
        if let Value::Str(id) = value {
            return Ok(Self::task(id));
        }
        let [head, members] = value.as_list().ok_or_else(bad)? else {
            return Err(bad());
        };
        let (id, parent) = match head {
            Value::Str(id) => (id.as_str(), &Value::Null),
            Value::List(l) => match l.as_slice() {
                [Value::Str(id)] => (id.as_str(), &Value::Null),
                [Value::Str(id), parent] => (id.as_str(), parent),
                _ => return Err(bad()),
            },
            _ => return Err(bad()),
        };
        let parent = match parent {
            Value::Null => None,
            other => Some(Box::new(Self::from_value(other)?)),
        };
        let members = match members {
            Value::Null => None,
            Value::List(l) => Some(l.iter().map(Self::from_value).collect::<Result<_, _>>()?),
            _ => return Err(bad()),
        };
        Ok(Self {
            id: id.to_owned(),
            parent,
            members,
        })
    }
}

/// What `result_extended` adds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Extended {
    /// Task name.
    pub name: Option<String>,
    /// Positional arguments: values in key-value back ends.
    pub args: Value,
    /// Keyword arguments.
    pub kwargs: Value,
    /// Node that ran it.
    pub worker: Option<String>,
    /// Retries so far.
    pub retries: Option<i64>,
    /// Routing key of the message.
    pub queue: Option<String>,
}

/// The stored state of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultMeta {
    /// Task id.
    pub task_id: String,
    /// State.
    pub status: State,
    /// Return value, meta of a custom state, or an encoded exception.
    pub result: Value,
    /// Text of a traceback.
    pub traceback: Option<String>,
    /// What the task sent; none if stored outside a task.
    pub children: Option<Vec<ResultTuple>>,
    /// ISO 8601; only for SUCCESS, FAILURE and REVOKED.
    pub date_done: Option<String>,
    /// Group id.
    pub group_id: Option<String>,
    /// The task that sent it.
    pub parent_id: Option<String>,
    /// With `result_extended`.
    pub extended: Option<Extended>,
    /// Names of the stamps, with `result_extended`.
    pub stamped_headers: Option<Vec<String>>,
    /// The stamps.
    pub stamps: Map,
    /// The whole as another program has encoded it: back ends write this as it stands.
    pub encoded: Option<Encoded>,
}

/// A meta as Celery's own back end has encoded it, in a child of a Python pool: the value may have no form here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoded {
    /// The stored object of a key-value back end.
    Object(Bytes),
    /// The columns of a row, from `result` on, in the order of [`Encoded::COLUMNS`].
    Row(Vec<Option<Bytes>>),
}

impl Encoded {
    /// The columns of a row.
    pub const COLUMNS: &'static [&'static str] = &[
        "result",
        "date_done",
        "traceback",
        "children",
        "name",
        "args",
        "kwargs",
        "worker",
        "retries",
        "queue",
        "stamps",
    ];
}

impl ResultMeta {
    /// A meta with a state and a value, everything else empty.
    #[must_use]
    pub fn new(task_id: &str, status: State, result: Value) -> Self {
        Self {
            task_id: task_id.to_owned(),
            status,
            result,
            traceback: None,
            children: None,
            date_done: None,
            group_id: None,
            parent_id: None,
            extended: None,
            stamped_headers: None,
            stamps: Map::new(),
            encoded: None,
        }
    }

    /// What a reader reports when nothing is stored.
    #[must_use]
    pub fn pending(task_id: &str) -> Self {
        Self::new(task_id, State::PENDING, Value::Null)
    }

    /// The exception in FAILURE, RETRY and REVOKED.
    #[must_use]
    pub fn exception(&self) -> Option<Exception> {
        if self.status.holds_exception() {
            Exception::from_value(&self.result)
        } else {
            None
        }
    }

    /// The object as Celery writes it, keys in its order, `task_id` last.
    #[must_use]
    pub fn to_value(&self) -> Value {
        self.clone().into_value()
    }

    /// The same without a copy of what may be large.
    #[must_use]
    pub fn into_value(self) -> Value {
        let mut meta = Map::new();
        let mut put = |k: &str, v: Value| {
            meta.insert(k.to_owned(), v);
        };
        put("status", self.status.as_str().into());
        put("result", self.result);
        put("traceback", Value::opt(self.traceback.as_deref()));
        let children = self.children.as_ref();
        put(
            "children",
            Value::opt(children.map(|c| c.iter().map(ResultTuple::to_value).collect::<Vec<_>>())),
        );
        put("date_done", Value::opt(self.date_done.as_deref()));
        if let Some(group_id) = &self.group_id {
            put("group_id", group_id.as_str().into());
        }
        if let Some(parent_id) = &self.parent_id {
            put("parent_id", parent_id.as_str().into());
        }
        if let Some(x) = self.extended {
            put("name", Value::opt(x.name.as_deref()));
            put("args", x.args);
            put("kwargs", x.kwargs);
            put("worker", Value::opt(x.worker.as_deref()));
            put("retries", Value::opt(x.retries));
            put("queue", Value::opt(x.queue.as_deref()));
        }
        if let Some(names) = &self.stamped_headers {
            put(
                "stamped_headers",
                names
                    .iter()
                    .map(|s| s.as_str().into())
                    .collect::<Vec<Value>>()
                    .into(),
            );
            for (k, v) in self.stamps {
                put(&k, v);
            }
        }
        put("task_id", self.task_id.as_str().into());
        Value::Map(meta)
    }

    /// The same as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        if self.stamped_headers.is_some() {
            // A stamp may have the name of another key.
            return json::to_string(&self.to_value());
        }
        let mut out = String::with_capacity(256);
        let text = |out: &mut String, key: &str, value: Option<&str>| {
            out.push_str(key);
            match value {
                Some(value) => json::write_str(out, value),
                None => out.push_str("null"),
            }
        };
        text(&mut out, "{\"status\":", Some(self.status.as_str()));
        out.push_str(",\"result\":");
        json::write(&mut out, &self.result);
        text(&mut out, ",\"traceback\":", self.traceback.as_deref());
        out.push_str(",\"children\":");
        match self.children.as_deref() {
            None => out.push_str("null"),
            Some(children) => {
                let children: Vec<Value> = children.iter().map(ResultTuple::to_value).collect();
                json::write_list(&mut out, &children);
            }
        }
        text(&mut out, ",\"date_done\":", self.date_done.as_deref());
        if let Some(group_id) = &self.group_id {
            text(&mut out, ",\"group_id\":", Some(group_id));
        }
        if let Some(parent_id) = &self.parent_id {
            text(&mut out, ",\"parent_id\":", Some(parent_id));
        }
        if let Some(x) = &self.extended {
            text(&mut out, ",\"name\":", x.name.as_deref());
            out.push_str(",\"args\":");
            json::write(&mut out, &x.args);
            out.push_str(",\"kwargs\":");
            json::write(&mut out, &x.kwargs);
            text(&mut out, ",\"worker\":", x.worker.as_deref());
            out.push_str(",\"retries\":");
            json::write(&mut out, &Value::opt(x.retries));
            text(&mut out, ",\"queue\":", x.queue.as_deref());
        }
        text(&mut out, ",\"task_id\":", Some(&self.task_id));
        out.push('}');
        out
    }

    /// Reads a stored object; `task_id` is used if the object has none.
    ///
    /// # Errors
    /// `Invalid` if it is not an object with a `status`.
    pub fn from_value(task_id: &str, value: Value) -> Result<Self, ProtocolError> {
        let Value::Map(mut map) = value else {
            return Err(ProtocolError::invalid(
                "result",
                format!("must be an object, not {}", value.type_name()),
            ));
        };
        let mut take = |name: &str| map.swap_remove(name).unwrap_or_default();
        let text = |v: Value| match v {
            Value::Str(s) | Value::DateTime(s) => Some(s),
            Value::Uuid(u) => Some(u.to_string()),
            _ => None,
        };
        let Some(status) = text(take("status")) else {
            return Err(ProtocolError::invalid("result", "`status` is missing"));
        };
        let mut meta = Self::new(task_id, State::new(&status), take("result"));
        if let Some(id) = text(take("task_id")) {
            meta.task_id = id;
        }
        meta.traceback = text(take("traceback"));
        meta.children = match take("children") {
            Value::List(l) => Some(
                l.iter()
                    .map(ResultTuple::from_value)
                    .collect::<Result<_, _>>()?,
            ),
            _ => None,
        };
        meta.date_done = text(take("date_done"));
        meta.group_id = text(take("group_id"));
        meta.parent_id = text(take("parent_id"));
        let stamped = take("stamped_headers");
        if map.contains_key("worker") || map.contains_key("name") {
            let mut take = |name: &str| map.swap_remove(name).unwrap_or_default();
            meta.extended = Some(Extended {
                name: text(take("name")),
                args: take("args"),
                kwargs: take("kwargs"),
                worker: text(take("worker")),
                retries: take("retries").as_i64(),
                queue: text(take("queue")),
            });
        }
        if let Value::List(names) = stamped {
            let names: Vec<String> = names
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            for name in &names {
                if let Some(v) = map.swap_remove(name) {
                    meta.stamps.insert(name.clone(), v);
                }
            }
            meta.stamped_headers = Some(names);
        }
        Ok(meta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_that_of_the_value() {
        let mut meta = ResultMeta::new("id-1", State::SUCCESS, Value::from([("a\"b", 1.into())]));
        assert_eq!(meta.to_json(), json::to_string(&meta.to_value()));
        meta.children = Some(vec![]);
        meta.traceback = Some("Traceback\n".to_owned());
        assert_eq!(meta.to_json(), json::to_string(&meta.to_value()));
        meta.children = Some(vec![
            ResultTuple::task("c"),
            ResultTuple::group("g", vec![]),
        ]);
        meta.date_done = Some("2030-01-02T03:04:05+00:00".to_owned());
        meta.group_id = Some("g".to_owned());
        meta.parent_id = Some("p".to_owned());
        assert_eq!(meta.to_json(), json::to_string(&meta.to_value()));
        meta.extended = Some(Extended {
            name: Some("proj.add".to_owned()),
            args: vec![1.into()].into(),
            retries: Some(2),
            ..Extended::default()
        });
        assert_eq!(meta.to_json(), json::to_string(&meta.to_value()));
        meta.stamped_headers = Some(vec!["status".to_owned()]);
        meta.stamps.insert("status".to_owned(), "mine".into());
        assert_eq!(meta.to_json(), json::to_string(&meta.to_value()));
    }
}
