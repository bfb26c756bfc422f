//! A task message: what to run, with what, and what follows. Protocol 2 is written; 1 and 2 are read.
//!
//! Mirrors `celery.app.amqp.as_task_v2` and `celery.worker.strategy`.

use super::codec::{self, Accept};
use super::{Map, Message, ProtocolError, Value};

/// Everything about a task message that is not an argument.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskHeader {
    /// Language of the producer.
    pub lang: String,
    /// Task name.
    pub task: String,
    /// Task id.
    pub id: String,
    /// Name to show in logs and events instead of `task`.
    pub shadow: Option<String>,
    /// When to run, ISO 8601; without an offset it is UTC.
    pub eta: Option<String>,
    /// When not to run any more, ISO 8601; without an offset it is UTC.
    pub expires: Option<String>,
    /// Group id.
    pub group: Option<String>,
    /// Position in the group.
    pub group_index: Option<i64>,
    /// Number of retries so far.
    pub retries: u32,
    /// Hard and soft limit in seconds.
    pub timelimit: (Option<f64>, Option<f64>),
    /// First task of the workflow.
    pub root_id: Option<String>,
    /// The task that sent this one.
    pub parent_id: Option<String>,
    /// Text of the positional arguments, for display.
    pub argsrepr: Option<String>,
    /// Text of the keyword arguments, for display.
    pub kwargsrepr: Option<String>,
    /// `gen<pid>@<host>` of the sender.
    pub origin: Option<String>,
    /// Whether to store nothing; `None` leaves it to the task's own option.
    pub ignore_result: Option<bool>,
    /// How often `replace` was applied.
    pub replaced_task_nesting: i64,
    /// Names of the stamps.
    pub stamped_headers: Option<Vec<String>>,
    /// Stamp name → value.
    pub stamps: Map,
    /// Whether the message has been put back before (Redis).
    pub redelivered: bool,
    /// Headers that are none of the above: the caller's own. They survive retries.
    pub custom: Map,
}

impl TaskHeader {
    /// The header of a first try of `task`, its own root.
    #[must_use]
    pub fn new(task: &str, id: &str) -> Self {
        Self {
            lang: "py".to_owned(),
            task: task.to_owned(),
            id: id.to_owned(),
            root_id: Some(id.to_owned()),
            ..Self::blank()
        }
    }

    fn blank() -> Self {
        Self {
            lang: String::new(),
            task: String::new(),
            id: String::new(),
            shadow: None,
            eta: None,
            expires: None,
            group: None,
            group_index: None,
            retries: 0,
            timelimit: (None, None),
            root_id: None,
            parent_id: None,
            argsrepr: None,
            kwargsrepr: None,
            origin: None,
            ignore_result: None,
            replaced_task_nesting: 0,
            stamped_headers: None,
            stamps: Map::new(),
            redelivered: false,
            custom: Map::new(),
        }
    }

    /// The name to show: `shadow` if set.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.shadow
            .as_deref()
            .filter(|s| !s.is_empty())
            .unwrap_or(&self.task)
    }

    /// Reads protocol 2 headers (only `task` and `id` are needed).
    ///
    /// # Errors
    /// `Invalid` if one of those is missing or any header is of the wrong type.
    pub fn from_headers(mut headers: Map) -> Result<Self, ProtocolError> {
        read_header(&mut headers)
    }

    /// All headers in the order in which Celery writes them, nulls included, custom ones last.
    #[must_use]
    pub fn to_headers(&self) -> Map {
        let mut h = Map::with_capacity(24);
        let mut put = |k: &str, v: Value| {
            h.insert(k.to_owned(), v);
        };
        put("lang", self.lang.as_str().into());
        put("task", self.task.as_str().into());
        put("id", self.id.as_str().into());
        put("shadow", Value::opt(self.shadow.as_deref()));
        put("eta", Value::opt(self.eta.as_deref()));
        put("expires", Value::opt(self.expires.as_deref()));
        put("group", Value::opt(self.group.as_deref()));
        put("group_index", Value::opt(self.group_index));
        put("retries", self.retries.into());
        put(
            "timelimit",
            Value::List(vec![number(self.timelimit.0), number(self.timelimit.1)]),
        );
        put("root_id", Value::opt(self.root_id.as_deref()));
        put("parent_id", Value::opt(self.parent_id.as_deref()));
        put("argsrepr", Value::opt(self.argsrepr.as_deref()));
        put("kwargsrepr", Value::opt(self.kwargsrepr.as_deref()));
        put("origin", Value::opt(self.origin.as_deref()));
        put("ignore_result", Value::opt(self.ignore_result));
        put("replaced_task_nesting", self.replaced_task_nesting.into());
        let stamped = self.stamped_headers.as_ref();
        put(
            "stamped_headers",
            Value::opt(
                stamped.map(|s| s.iter().map(|s| s.as_str().into()).collect::<Vec<Value>>()),
            ),
        );
        put("stamps", Value::Map(self.stamps.clone()));
        for (k, v) in &self.custom {
            h.insert(k.clone(), v.clone());
        }
        h
    }
}

/// A float that is whole is written as Python writes the int that it was.
#[expect(
    clippy::cast_possible_truncation,
    reason = "checked to be whole and small"
)]
fn number(n: Option<f64>) -> Value {
    match n {
        None => Value::Null,
        Some(f) if f.fract() == 0.0 && f.abs() < 1e15 => Value::Int(f as i64),
        Some(f) => Value::Float(f),
    }
}

fn wrong(name: &str, want: &str, got: &Value) -> ProtocolError {
    ProtocolError::invalid(
        "task message",
        format!("header `{name}` must be {want}, not {}", got.type_name()),
    )
}

/// Takes text out of a header.
fn text(name: &str, value: &mut Value) -> Result<Option<String>, ProtocolError> {
    match value {
        Value::Null => Ok(None),
        Value::Str(s) | Value::DateTime(s) => Ok(Some(std::mem::take(s))),
        Value::Uuid(u) => Ok(Some(u.to_string())),
        other => Err(wrong(name, "text", other)),
    }
}

fn integer(name: &str, value: &Value) -> Result<Option<i64>, ProtocolError> {
    match value {
        Value::Null => Ok(None),
        Value::Int(i) => Ok(Some(*i)),
        Value::Bool(b) => Ok(Some((*b).into())),
        other => Err(wrong(name, "an integer", other)),
    }
}

fn seconds(value: Option<&Value>) -> Result<Option<f64>, ProtocolError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(v) => v
            .as_f64()
            .map(Some)
            .ok_or_else(|| wrong("timelimit", "[hard, soft] in seconds", v)),
    }
}

/// Takes a header out of a message's. `task` and `id` go last, so that a message that is refused still has them.
fn read_header(headers: &mut Map) -> Result<TaskHeader, ProtocolError> {
    for name in ["task", "id"] {
        match headers.get(name) {
            Some(Value::Str(s) | Value::DateTime(s)) if !s.is_empty() => {}
            Some(Value::Uuid(_)) => {}
            None | Some(Value::Null | Value::Str(_) | Value::DateTime(_)) => {
                let reason = format!("header `{name}` is missing or empty");
                return Err(ProtocolError::invalid("task message", reason));
            }
            Some(other) => return Err(wrong(name, "text", other)),
        }
    }
    let mut header = TaskHeader::blank();
    for (name, value) in &mut *headers {
        match name.as_str() {
            // `compression` says how the body came.
            "task" | "id" | "compression" => {}
            "lang" => header.lang = text(name, value)?.unwrap_or_else(|| "py".to_owned()),
            "shadow" => header.shadow = text(name, value)?,
            "eta" => header.eta = text(name, value)?,
            "expires" => header.expires = text(name, value)?,
            "group" => header.group = text(name, value)?,
            "group_index" => header.group_index = integer(name, value)?,
            "retries" => {
                header.retries = match integer(name, value)? {
                    None => 0,
                    Some(n) => u32::try_from(n)
                        .map_err(|_| wrong(name, "a small positive integer", &Value::Int(n)))?,
                };
            }
            "timelimit" => {
                header.timelimit = match value {
                    Value::Null => (None, None),
                    Value::List(l) => (seconds(l.first())?, seconds(l.get(1))?),
                    other => return Err(wrong(name, "[hard, soft]", other)),
                };
            }
            "root_id" => header.root_id = text(name, value)?,
            "parent_id" => header.parent_id = text(name, value)?,
            "argsrepr" => header.argsrepr = text(name, value)?,
            "kwargsrepr" => header.kwargsrepr = text(name, value)?,
            "origin" => header.origin = text(name, value)?,
            "ignore_result" => {
                header.ignore_result = (!value.is_null()).then(|| value.truthy());
            }
            "replaced_task_nesting" => {
                header.replaced_task_nesting = integer(name, value)?.unwrap_or(0);
            }
            "stamped_headers" => {
                header.stamped_headers = match value {
                    Value::Null => None,
                    Value::List(l) => {
                        let names = l.iter().filter_map(Value::as_str);
                        Some(names.map(str::to_owned).collect())
                    }
                    other => return Err(wrong(name, "a list", other)),
                };
            }
            "stamps" => {
                header.stamps = match value {
                    Value::Null => Map::new(),
                    Value::Map(m) => std::mem::take(m),
                    other => return Err(wrong(name, "an object", other)),
                };
            }
            "redelivered" => header.redelivered = value.truthy(),
            _ => {
                header.custom.insert(name.clone(), std::mem::take(value));
            }
        }
    }
    let mut take = |name: &str| match headers.get_mut(name) {
        Some(value) => text(name, value).map(Option::unwrap_or_default),
        None => Ok(String::new()),
    };
    (header.task, header.id) = (take("task")?, take("id")?);
    Ok(header)
}

/// What follows a task: the third element of the body. Signatures stay as they came.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Embed {
    /// Sent after success.
    pub callbacks: Option<Vec<Value>>,
    /// Sent after failure.
    pub errbacks: Option<Vec<Value>>,
    /// The rest of the chain, reversed: the next step is the last element.
    pub chain: Option<Vec<Value>>,
    /// The body of the chord that this task is a part of.
    pub chord: Option<Value>,
}

impl Embed {
    /// Reads the third element of a body; `null` and `{}` are empty, a lone signature is a list of one.
    ///
    /// # Errors
    /// `Invalid` if it is neither an object nor null.
    pub fn from_value(value: Value) -> Result<Self, ProtocolError> {
        let mut map = match value {
            Value::Null => return Ok(Self::default()),
            Value::Map(map) => map,
            other => {
                let reason = format!("the embed must be an object, not {}", other.type_name());
                return Err(ProtocolError::invalid("task message", reason));
            }
        };
        let mut take = |name: &str| map.get_mut(name).map(std::mem::take).unwrap_or_default();
        let list = |value: Value| match value {
            Value::Null => None,
            Value::List(l) => Some(l),
            one => Some(vec![one]),
        };
        Ok(Self {
            callbacks: list(take("callbacks")),
            errbacks: list(take("errbacks")),
            chain: list(take("chain")),
            chord: Some(take("chord")).filter(|v| !v.is_null()),
        })
    }

    /// The object as Celery writes it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let list = |l: &Option<Vec<Value>>| Value::opt(l.clone());
        Value::from([
            ("callbacks", list(&self.callbacks)),
            ("errbacks", list(&self.errbacks)),
            ("chain", list(&self.chain)),
            ("chord", self.chord.clone().unwrap_or_default()),
        ])
    }
}

/// A whole task message.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskMessage {
    /// Metadata.
    pub header: TaskHeader,
    /// Positional arguments.
    pub args: Vec<Value>,
    /// Keyword arguments.
    pub kwargs: Map,
    /// What follows.
    pub embed: Embed,
}

impl TaskMessage {
    /// Reads a message of protocol 2 or 1.
    ///
    /// # Errors
    /// `Refused` if the content type is not accepted, `Compression` or `Decode` if the body is damaged, `Invalid` if
    /// it is no task message.
    pub fn from_message(message: &Message, accept: &Accept) -> Result<Self, ProtocolError> {
        Self::take(&mut message.clone(), accept)
    }

    /// Takes the task out of a message of protocol 2 or 1, whose headers are moved and not copied. A message that is
    /// refused keeps the name and the id of its task.
    ///
    /// # Errors
    /// As [`TaskMessage::from_message`].
    pub fn take(message: &mut Message, accept: &Accept) -> Result<Self, ProtocolError> {
        let body = codec::decode_body(message, accept)?;
        if !message.headers.contains_key("task") {
            return super::v1::read(body);
        }
        if body.as_map().is_some_and(|m| m.contains_key("args")) {
            return super::v1::read_hybrid(body, &message.headers);
        }
        let Value::List(parts) = body else {
            let reason = format!(
                "the body must be [args, kwargs, embed], not {}",
                body.type_name()
            );
            return Err(ProtocolError::invalid("task message", reason));
        };
        let Ok([args, kwargs, embed]) = <[Value; 3]>::try_from(parts) else {
            return Err(ProtocolError::invalid(
                "task message",
                "the body must have the three parts [args, kwargs, embed]",
            ));
        };
        let (args, kwargs) = (read_args(args)?, read_kwargs(kwargs)?);
        let embed = Embed::from_value(embed)?;
        Ok(Self {
            header: read_header(&mut message.headers)?,
            args,
            kwargs,
            embed,
        })
    }

    /// The task of a message of protocol 2 whose body is left to somebody else: without arguments, and without what
    /// follows it.
    ///
    /// # Errors
    /// `Invalid` for headers that are none of a task.
    pub fn take_header(message: &mut Message) -> Result<Self, ProtocolError> {
        Ok(Self {
            header: read_header(&mut message.headers)?,
            args: Vec::new(),
            kwargs: Map::new(),
            embed: Embed::default(),
        })
    }

    /// The message in protocol 2; properties other than `correlation_id` are the caller's to fill.
    ///
    /// # Errors
    /// `Encode` if an argument has no form in `serializer`, `Compression` if `compression` is unknown.
    pub fn to_message(
        &self,
        serializer: &str,
        compression: Option<&str>,
    ) -> Result<Message, ProtocolError> {
        let encoded =
            codec::encode_task(serializer, &self.args, &self.kwargs, &self.embed.to_value())?;
        let mut headers = self.header.to_headers();
        let mut message = Message {
            content_type: encoded.content_type.to_owned(),
            content_encoding: encoded.content_encoding.to_owned(),
            body: encoded.body,
            ..Message::default()
        };
        if let Some(alias) = compression {
            let (content_type, body) = codec::compression::compress(alias, &message.body)?;
            headers.insert("compression".to_owned(), content_type.into());
            message.body = body.into();
        }
        message.headers = headers;
        message.properties.correlation_id = Some(self.header.id.clone());
        Ok(message)
    }
}

pub(super) fn read_args(args: Value) -> Result<Vec<Value>, ProtocolError> {
    match args {
        Value::List(args) => Ok(args),
        Value::Null => Ok(Vec::new()),
        // Python unpacks text character by character (worker/malformed.json: args_string).
        Value::Str(s) => Ok(s.chars().map(|c| Value::Str(c.to_string())).collect()),
        other => Err(ProtocolError::invalid(
            "task message",
            format!("args must be a list, not {}", other.type_name()),
        )),
    }
}

pub(super) fn read_kwargs(kwargs: Value) -> Result<Map, ProtocolError> {
    match kwargs {
        Value::Map(kwargs) => Ok(kwargs),
        Value::Null => Ok(Map::new()),
        other => Err(ProtocolError::invalid(
            "task message",
            format!("kwargs must be an object, not {}", other.type_name()),
        )),
    }
}
