//! A message as kombu sees it: properties, headers and an encoded body.
//!
//! Mirrors `kombu.message.Message`.

use bytes::Bytes;
use uuid::Uuid;

use super::{Map, Value};

/// A message for a broker or from one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Message {
    /// Application headers; for a task everything that is not an argument.
    pub headers: Map,
    /// Delivery properties.
    pub properties: Properties,
    /// Content type of the body, e.g. `application/json`.
    pub content_type: String,
    /// Content encoding of the body: `utf-8` or `binary`.
    pub content_encoding: String,
    /// The serialized, perhaps compressed, body (never base64 here).
    pub body: Bytes,
}

/// Where a message came from, or goes back to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryInfo {
    /// Exchange name; empty for the default exchange.
    pub exchange: String,
    /// Routing key; for the default exchange the queue's name.
    pub routing_key: String,
    /// Whether the message has been delivered before and was put back.
    pub redelivered: bool,
}

/// Delivery properties of a message.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Properties {
    /// The task id, unless the caller passed another one.
    pub correlation_id: Option<String>,
    /// The sender's reply queue.
    pub reply_to: Option<String>,
    /// 2 = persistent, 1 = transient.
    pub delivery_mode: Option<u8>,
    /// 0 to 9, as sent (not clamped).
    pub priority: Option<i64>,
    /// Milliseconds, as text.
    pub expiration: Option<String>,
    /// Unique per message on virtual transports, chosen by the publisher.
    pub delivery_tag: Option<String>,
    /// Exchange and routing key.
    pub delivery_info: DeliveryInfo,
    /// All other properties, kept as they are (`message_id`, `app_id`…).
    pub extra: Map,
}

impl Message {
    /// A message with a JSON body and a fresh delivery tag.
    #[must_use]
    pub fn json(body: &Value) -> Self {
        Self {
            content_type: "application/json".to_owned(),
            content_encoding: "utf-8".to_owned(),
            body: Bytes::from(super::codec::json::to_vec(body)),
            ..Self::default()
        }
        .with_fresh_tag()
    }

    /// Gives the message a delivery tag of its own, as each publisher on a virtual transport must.
    #[must_use]
    pub fn with_fresh_tag(mut self) -> Self {
        self.properties.delivery_tag = Some(Uuid::new_v4().to_string());
        self
    }

    /// A header's text.
    #[must_use]
    pub fn header_str(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(Value::as_str)
    }

    /// The task id, if the headers have one: for log lines about messages that cannot be read.
    #[must_use]
    pub fn task_id(&self) -> Option<&str> {
        self.header_str("id")
            .or(self.properties.correlation_id.as_deref())
    }

    /// The task's name, if the headers have one.
    #[must_use]
    pub fn task_name(&self) -> Option<&str> {
        self.header_str("task")
    }
}
