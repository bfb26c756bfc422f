//! Remote-control requests and replies.
//!
//! Mirrors `kombu.pidbox`.

use super::{Exchange, ExchangeType, Map, Message, ProtocolError, Queue, Value, matching};

/// Where a reply goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    /// `reply.celery.pidbox`.
    pub exchange: String,
    /// The asker's oid.
    pub routing_key: String,
}

/// A request to one, several or all workers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Request {
    /// Command name.
    pub method: String,
    /// Its arguments.
    pub arguments: Map,
    /// Node names; empty or none reaches all.
    pub destination: Option<Vec<String>>,
    /// Node name pattern, used only together with `matcher`.
    pub pattern: Option<String>,
    /// `glob` or `pcre`.
    pub matcher: Option<String>,
    /// Identifies the replies; none if no reply is wanted.
    pub ticket: Option<String>,
    /// Where replies go; none if no reply is wanted.
    pub reply_to: Option<ReplyTo>,
}

impl Request {
    /// The message of this request. `expires` in Unix seconds.
    #[must_use]
    pub fn to_message(&self, clock: u64, expires: Option<f64>) -> Message {
        let mut body = Map::new();
        body.insert("method".to_owned(), self.method.as_str().into());
        body.insert("arguments".to_owned(), self.arguments.clone().into());
        let destination = self.destination.as_ref();
        body.insert(
            "destination".to_owned(),
            Value::opt(
                destination.map(|d| d.iter().map(|n| n.as_str().into()).collect::<Vec<Value>>()),
            ),
        );
        body.insert("pattern".to_owned(), Value::opt(self.pattern.as_deref()));
        body.insert("matcher".to_owned(), Value::opt(self.matcher.as_deref()));
        if let (Some(ticket), Some(to)) = (&self.ticket, &self.reply_to) {
            body.insert("ticket".to_owned(), ticket.as_str().into());
            let to = [
                ("exchange", to.exchange.as_str().into()),
                ("routing_key", to.routing_key.as_str().into()),
            ];
            body.insert("reply_to".to_owned(), Value::from(to));
        }
        let mut message = Message::json(&Value::Map(body));
        message.headers.insert("clock".to_owned(), clock.into());
        if let Some(expires) = expires {
            message.headers.insert("expires".to_owned(), expires.into());
        }
        message
    }

    /// Reads a decoded request body.
    ///
    /// # Errors
    /// `Invalid` if it is not an object with a `method`, or a part is of the wrong type.
    pub fn from_value(value: &Value) -> Result<Self, ProtocolError> {
        let invalid = |reason: String| ProtocolError::invalid("control request", reason);
        let map = value
            .as_map()
            .ok_or_else(|| invalid("not an object".to_owned()))?;
        let text = |name: &str| map.get(name).and_then(Value::as_str).map(str::to_owned);
        let method = text("method").ok_or_else(|| invalid("`method` is missing".to_owned()))?;
        let arguments = match map.get("arguments") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Map(m)) => m.clone(),
            Some(other) => {
                return Err(invalid(format!(
                    "`arguments` must not be {}",
                    other.type_name()
                )));
            }
        };
        let destination = match map.get("destination") {
            None | Some(Value::Null) => None,
            Some(Value::Str(one)) => Some(vec![one.clone()]),
            Some(Value::List(l)) => Some(
                l.iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
            ),
            Some(other) => {
                return Err(invalid(format!(
                    "`destination` must not be {}",
                    other.type_name()
                )));
            }
        };
        let reply_to = map
            .get("reply_to")
            .and_then(Value::as_map)
            .map(|to| ReplyTo {
                exchange: to
                    .get("exchange")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                routing_key: to
                    .get("routing_key")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
            });
        let (pattern, matcher, ticket) = (text("pattern"), text("matcher"), text("ticket"));
        Ok(Self {
            method,
            arguments,
            destination,
            pattern,
            matcher,
            ticket,
            reply_to,
        })
    }

    /// Whether `node` is asked: destination first, then pattern with matcher, else everybody.
    ///
    /// # Errors
    /// `Invalid` for an unknown matcher or a bad pattern: such a request is not answered.
    pub fn is_for(&self, node: &str) -> Result<bool, ProtocolError> {
        if let Some(destination) = self.destination.as_ref().filter(|d| !d.is_empty()) {
            return Ok(destination.iter().any(|name| name == node));
        }
        let set = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
        let (Some(pattern), Some(matcher)) = (set(&self.pattern), set(&self.matcher)) else {
            return Ok(true);
        };
        match matcher.as_str() {
            "glob" => Ok(matching::glob(&pattern, node)),
            "pcre" => matching::regex(&pattern, node)
                .map_err(|e| ProtocolError::invalid("control request", e)),
            _ => Err(ProtocolError::invalid(
                "control request",
                format!("unknown matcher `{matcher}`"),
            )),
        }
    }
}

/// The message of a reply: `{node: value}`.
#[must_use]
pub fn reply_message(node: &str, value: Value, ticket: &str, clock: u64) -> Message {
    let mut message = Message::json(&Value::from([(node, value)]));
    message.headers.insert("ticket".to_owned(), ticket.into());
    message.headers.insert("clock".to_owned(), clock.into());
    message.properties.delivery_mode = Some(1);
    message
}

/// The fanout exchange on which requests travel; `namespace` is `control_exchange`.
#[must_use]
pub fn request_exchange(namespace: &str) -> Exchange {
    Exchange {
        name: format!("{namespace}.pidbox"),
        kind: ExchangeType::Fanout,
        durable: false,
    }
}

/// The direct exchange on which replies travel.
#[must_use]
pub fn reply_exchange(namespace: &str) -> Exchange {
    Exchange {
        name: format!("reply.{namespace}.pidbox"),
        kind: ExchangeType::Direct,
        durable: false,
    }
}

/// The queue on which a node hears requests. `ttl` and `expires` in seconds.
#[must_use]
pub fn node_queue(namespace: &str, node: &str, ttl: f64, expires: f64) -> Queue {
    let exchange = request_exchange(namespace);
    let name = format!("{node}.{}", exchange.name);
    transient(&name, exchange, "", ttl, expires)
}

/// The queue on which an asker hears replies.
#[must_use]
pub fn reply_queue(namespace: &str, oid: &str, ttl: f64, expires: f64) -> Queue {
    let exchange = reply_exchange(namespace);
    let name = format!("{oid}.{}", exchange.name);
    transient(&name, exchange, oid, ttl, expires)
}

fn transient(name: &str, exchange: Exchange, routing_key: &str, ttl: f64, expires: f64) -> Queue {
    Queue {
        durable: false,
        auto_delete: true,
        exclusive: true,
        no_ack: true,
        expires: Some(expires),
        message_ttl: Some(ttl),
        ..Queue::bound(name, exchange, routing_key)
    }
}
