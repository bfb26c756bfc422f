//! The answering side: reads requests, decides whether they are meant for this node, and builds the replies.
//!
//! It owns no connection: the worker's session declares [`Node::queue`], hands over what comes from it, and publishes
//! what [`Node::handle`] returns. Mirrors `kombu.pidbox.Node` and `celery.worker.pidbox`.

use std::sync::Arc;

use async_trait::async_trait;
use tracing::{debug, error, warn};

use super::Options;
use crate::broker::{Delivery, Destination};
use crate::protocol::codec::{Accept, decode_body};
use crate::protocol::pidbox::{Request, node_queue, reply_message};
use crate::protocol::{ExchangeType, LamportClock, Map, Message, Queue, Value, repr};

/// What a handler says to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// This; null if there is nothing to say.
    Reply(Value),
    /// Nothing at all, even if a reply is wanted (`shutdown`).
    Silent,
    /// The command failed, with an exception as Python shows it: `ValueError('Autoscale not enabled')`.
    Failed(String),
    /// There is no such command.
    Unknown,
}

/// Obeys requests.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Does what `method` says. It must end soon: requests are obeyed one after the other.
    async fn handle(&self, method: &str, arguments: Map) -> Answer;
}

/// A node's end of the mailbox.
pub struct Node {
    hostname: String,
    queue: Queue,
    accept: Accept,
    clock: LamportClock,
    app_clock: Arc<LamportClock>,
    handler: Arc<dyn Handler>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("hostname", &self.hostname)
            .field("queue", &self.queue.name)
            .finish_non_exhaustive()
    }
}

impl Node {
    /// The node `hostname` (`celery@host`). `app_clock` is the clock of events; requests move it on, but the clocks in
    /// their headers belong to the mailbox.
    #[must_use]
    pub fn new(
        hostname: &str,
        options: &Options,
        app_clock: Arc<LamportClock>,
        handler: Arc<dyn Handler>,
    ) -> Self {
        Self {
            hostname: hostname.to_owned(),
            queue: node_queue(
                &options.namespace,
                hostname,
                options.ttl.as_secs_f64(),
                options.expires.as_secs_f64(),
            ),
            accept: options.accept.clone(),
            clock: LamportClock::default(),
            app_clock,
            handler,
        }
    }

    /// The queue to declare and consume from.
    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Obeys one request; returns the reply to publish, if one is wanted. What cannot be read is logged and dropped.
    pub async fn handle(&self, delivery: Delivery) -> Option<(Destination, Message)> {
        // The queue is read without acks; a transport that hands one out anyway gets it.
        if let Err(error) = delivery.acker.ack() {
            debug!(%error, "can't acknowledge a control request");
        }
        let message = match delivery.message {
            Ok(message) => message,
            Err(garbled) => {
                warn!(error = %garbled.error, "dropping a control request that can't be read");
                return None;
            }
        };
        // Askers have clocks of their own that start at 1 (celery/worker/pidbox.py, on_message).
        self.app_clock.forward();
        let clock = message.headers.get("clock").and_then(Value::as_i64);
        if let Some(clock) = clock.and_then(|c| u64::try_from(c).ok()) {
            self.clock.adjust(clock);
        }
        let request = decode_body(&message, &self.accept)
            .and_then(|body| Request::from_value(&body))
            .and_then(|request| Ok((request.is_for(&self.hostname)?, request)));
        let request = match request {
            Ok((true, request)) => request,
            Ok((false, _)) => return None,
            Err(error) => {
                warn!(%error, "dropping a control request that can't be read");
                return None;
            }
        };
        let (method, ticket) = (request.method.as_str(), request.ticket.as_deref());
        debug!(method, ticket, "pidbox received method");
        let failed = |text: String| Value::from([("error", text.into())]);
        let value = match self.handler.handle(method, request.arguments).await {
            Answer::Reply(value) => value,
            Answer::Silent => return None,
            Answer::Failed(text) => {
                error!("pidbox command error: {text}");
                failed(text)
            }
            Answer::Unknown => {
                error!("No such control command: {method}");
                failed(format!("KeyError({})", repr::pyrepr(&method.into())))
            }
        };
        let to = request.reply_to?;
        let reply = reply_message(
            &self.hostname,
            value,
            ticket.unwrap_or_default(),
            self.clock.forward(),
        );
        let to = Destination::exchange(&to.exchange, ExchangeType::Direct, &to.routing_key);
        Some((to, reply))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::fake::delivery;
    use crate::protocol::pidbox::ReplyTo;

    struct Echo;

    #[async_trait]
    impl Handler for Echo {
        async fn handle(&self, method: &str, arguments: Map) -> Answer {
            match method {
                "echo" => Answer::Reply(arguments.into()),
                "fail" => Answer::Failed("ValueError('no')".to_owned()),
                "shutdown" => Answer::Silent,
                _ => Answer::Unknown,
            }
        }
    }

    fn node() -> Node {
        let clock = Arc::new(LamportClock::default());
        Node::new("w1@h", &Options::default(), clock, Arc::new(Echo))
    }

    fn request(method: &str) -> Request {
        Request {
            method: method.to_owned(),
            ticket: Some("ticket".to_owned()),
            reply_to: Some(ReplyTo {
                exchange: "reply.celery.pidbox".to_owned(),
                routing_key: "oid".to_owned(),
            }),
            ..Request::default()
        }
    }

    async fn answer(node: &Node, request: &Request) -> Option<(Destination, Message)> {
        let message = request.to_message(1000, None);
        node.handle(delivery("w1@h.celery.pidbox", message)).await
    }

    async fn value(method: &str) -> Value {
        let (_, reply) = answer(&node(), &request(method)).await.unwrap();
        decode_body(&reply, &Accept::default()).unwrap()
    }

    #[tokio::test]
    async fn reply_goes_where_the_request_says() {
        let node = node();
        let mut request = request("echo");
        request.arguments.insert("a".to_owned(), 1.into());
        let (to, reply) = answer(&node, &request).await.unwrap();
        assert_eq!(
            to,
            Destination::exchange("reply.celery.pidbox", ExchangeType::Direct, "oid")
        );
        assert_eq!(reply.header_str("ticket"), Some("ticket"));
        // As measured on a Python worker: 1000 in, 1002 out; the clock of events moves by one.
        assert_eq!(reply.headers["clock"], Value::Int(1002));
        assert_eq!(node.app_clock.value(), 1);
        let body = decode_body(&reply, &Accept::default()).unwrap();
        assert_eq!(
            body,
            Value::from([("w1@h", Value::from([("a", 1.into())]))])
        );
    }

    #[tokio::test]
    async fn failures_and_unknown_commands_are_answered_as_python_does() {
        let error = |text: &str| Value::from([("w1@h", Value::from([("error", text.into())]))]);
        assert_eq!(value("fail").await, error("ValueError('no')"));
        assert_eq!(value("nosuch").await, error("KeyError('nosuch')"));
    }

    #[tokio::test]
    async fn silence_is_kept_for_shutdown_for_others_and_for_nobody() {
        let node = node();
        assert!(answer(&node, &request("shutdown")).await.is_none());
        let mut for_another = request("echo");
        for_another.destination = Some(vec!["w2@h".to_owned()]);
        assert!(answer(&node, &for_another).await.is_none());
        let mut without_reply = request("echo");
        without_reply.reply_to = None;
        assert!(answer(&node, &without_reply).await.is_none());
    }

    #[tokio::test]
    async fn rubbish_is_dropped() {
        let node = node();
        for body in [
            "",
            "{",
            "[]",
            "{}",
            "{\"method\": 5}",
            "{\"method\": \"echo\", \"arguments\": 5}",
        ] {
            let mut message = request("echo").to_message(1, None);
            message.body = body.into();
            let reply = node.handle(delivery("q", message)).await;
            assert!(reply.is_none(), "{body}");
        }
        let mut pickled = request("echo").to_message(1, None);
        pickled.content_type = "application/x-python-serialize".to_owned();
        assert!(node.handle(delivery("q", pickled)).await.is_none());
    }
}
