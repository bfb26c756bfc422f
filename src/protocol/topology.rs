//! Exchanges, queues and where a message is sent.
//!
//! Mirrors `kombu.entity`.

use super::{Map, Value};

/// How an exchange routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ExchangeType {
    /// By equal routing key.
    #[default]
    Direct,
    /// By pattern (`*` one word, `#` any number).
    Topic,
    /// To every queue.
    Fanout,
}

impl ExchangeType {
    /// The name as kombu spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Topic => "topic",
            Self::Fanout => "fanout",
        }
    }

    /// The type of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "direct" => Some(Self::Direct),
            "topic" => Some(Self::Topic),
            "fanout" => Some(Self::Fanout),
            _ => None,
        }
    }
}

/// An exchange.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Exchange {
    /// Name; empty for the default exchange.
    pub name: String,
    /// How it routes.
    pub kind: ExchangeType,
    /// Whether it survives a restart of the broker.
    pub durable: bool,
}

impl Exchange {
    /// A durable exchange.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: ExchangeType) -> Self {
        Self {
            name: name.into(),
            kind,
            durable: true,
        }
    }
}

/// A queue and its binding.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// Name.
    pub name: String,
    /// The exchange it is bound to.
    pub exchange: Exchange,
    /// Binding key.
    pub routing_key: String,
    /// Whether it survives a restart of the broker.
    pub durable: bool,
    /// Removed when its last consumer leaves.
    pub auto_delete: bool,
    /// For this connection only.
    pub exclusive: bool,
    /// Messages are gone once delivered (pidbox, events, replies).
    pub no_ack: bool,
    /// Seconds without a consumer after which the queue goes (`x-expires`).
    pub expires: Option<f64>,
    /// Seconds after which a message in it goes (`x-message-ttl`).
    pub message_ttl: Option<f64>,
    /// `x-max-priority`.
    pub max_priority: Option<i64>,
    /// Other arguments of the declaration.
    pub arguments: Map,
}

impl Queue {
    /// A durable queue bound to a direct exchange of its own name by its own name: Celery's default shape.
    #[must_use]
    pub fn direct(name: &str) -> Self {
        Self::bound(name, Exchange::new(name, ExchangeType::Direct), name)
    }

    /// A durable queue bound to `exchange` by `routing_key`.
    #[must_use]
    pub fn bound(name: &str, exchange: Exchange, routing_key: &str) -> Self {
        Self {
            name: name.to_owned(),
            exchange,
            routing_key: routing_key.to_owned(),
            durable: true,
            auto_delete: false,
            exclusive: false,
            no_ack: false,
            expires: None,
            message_ttl: None,
            max_priority: None,
            arguments: Map::new(),
        }
    }

    /// The queue as `inspect active_queues` shows it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let arguments = if self.arguments.is_empty() {
            Value::Null
        } else {
            Value::Map(self.arguments.clone())
        };
        Value::from([
            ("name", self.name.as_str().into()),
            (
                "exchange",
                Value::from([
                    ("name", self.exchange.name.as_str().into()),
                    ("type", self.exchange.kind.as_str().into()),
                    ("arguments", Value::Null),
                    ("durable", self.exchange.durable.into()),
                    ("passive", false.into()),
                    ("auto_delete", false.into()),
                    ("delivery_mode", Value::Null),
                    ("no_declare", false.into()),
                ]),
            ),
            ("routing_key", self.routing_key.as_str().into()),
            ("queue_arguments", arguments),
            ("binding_arguments", Value::Null),
            ("consumer_arguments", Value::Null),
            ("durable", self.durable.into()),
            ("exclusive", self.exclusive.into()),
            ("auto_delete", self.auto_delete.into()),
            ("no_ack", self.no_ack.into()),
            ("alias", Value::Null),
            ("bindings", Value::List(Vec::new())),
            ("no_declare", Value::Null),
            ("expires", Value::opt(self.expires)),
            ("message_ttl", Value::opt(self.message_ttl)),
            ("max_length", Value::Null),
            ("max_length_bytes", Value::Null),
            ("max_priority", Value::opt(self.max_priority)),
        ])
    }
}
