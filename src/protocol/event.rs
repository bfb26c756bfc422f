//! Event bodies.
//!
//! Mirrors `celery.events.event` and the fields that workers and clients send.

use super::{Map, Message, ProtocolError, Value};

/// One event. Fields keep the order in which they were added; `type` is written last, as Celery does.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `task-received`, `worker-heartbeat`…
    pub kind: String,
    /// All fields but `type`: those of the event's kind and the common ones (`hostname`, `utcoffset`, `pid`, `clock`,
    /// `timestamp`).
    pub fields: Map,
}

/// Who sends: what every event carries besides its own fields.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Node name, or `gen<pid>@host` for clients.
    pub hostname: String,
    /// Hours west of UTC.
    pub utcoffset: f64,
    /// Process id.
    pub pid: u32,
}

impl Event {
    /// An event with the common fields; `timestamp` in Unix seconds.
    #[must_use]
    pub fn new(kind: &str, origin: &Origin, clock: u64, timestamp: f64, own: Map) -> Self {
        let mut fields = Map::new();
        fields.insert("hostname".to_owned(), origin.hostname.as_str().into());
        fields.insert("utcoffset".to_owned(), origin.utcoffset.into());
        fields.insert("pid".to_owned(), origin.pid.into());
        fields.insert("clock".to_owned(), clock.into());
        fields.extend(own);
        fields.insert("timestamp".to_owned(), timestamp.into());
        Self {
            kind: kind.to_owned(),
            fields,
        }
    }

    /// The routing key: the type with `-` as `.`.
    #[must_use]
    pub fn routing_key(&self) -> String {
        self.kind.replace('-', ".")
    }

    /// The object on the wire.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut map = self.fields.clone();
        map.insert("type".to_owned(), self.kind.as_str().into());
        Value::Map(map)
    }

    /// Reads one event.
    ///
    /// # Errors
    /// `Invalid` if it is not an object with a `type`.
    pub fn from_value(value: Value) -> Result<Self, ProtocolError> {
        let Value::Map(mut fields) = value else {
            return Err(ProtocolError::invalid("event", "not an object"));
        };
        let Some(Value::Str(kind)) = fields.shift_remove("type") else {
            return Err(ProtocolError::invalid("event", "`type` is missing"));
        };
        Ok(Self { kind, fields })
    }

    /// A field's text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }
}

/// The message of one event (client, worker and custom events).
#[must_use]
pub fn single(event: &Event, hostname: &str) -> Message {
    message(&event.to_value(), hostname)
}

/// The message of a batch of task events (routing key `task.multi`).
#[must_use]
pub fn multi(events: &[Event], hostname: &str) -> Message {
    message(
        &Value::List(events.iter().map(Event::to_value).collect()),
        hostname,
    )
}

fn message(body: &Value, hostname: &str) -> Message {
    let mut message = Message::json(body);
    message.properties.delivery_mode = Some(1);
    message
        .headers
        .insert("hostname".to_owned(), hostname.into());
    message
}

/// The events in a received body: one object or an array of them.
///
/// # Errors
/// `Invalid` if any of them is not an event.
pub fn read(body: Value) -> Result<Vec<Event>, ProtocolError> {
    match body {
        Value::List(events) => events.into_iter().map(Event::from_value).collect(),
        one => Ok(vec![Event::from_value(one)?]),
    }
}
