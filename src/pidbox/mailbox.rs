//! The asking side: broadcasts a request and gathers the replies.
//!
//! Mirrors `kombu.pidbox.Mailbox`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, timeout, timeout_at};
use tracing::{debug, warn};
use uuid::Uuid;

use crate::broker::{Broker, BrokerError, Consumer, Delivery, Destination, Routed};
use crate::protocol::codec::{Accept, decode_body};
use crate::protocol::pidbox::{ReplyTo, Request, reply_exchange, reply_queue, request_exchange};
use crate::protocol::{ExchangeType, LamportClock, Map, Value};

/// How long each command to the broker may take: declaring, publishing, removing the reply queue.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// What a mailbox and a node must know besides the broker.
#[derive(Debug, Clone)]
pub struct Options {
    /// `control_exchange`; all nodes must agree.
    pub namespace: String,
    /// `control_queue_ttl`: after how long a request or reply nobody read goes.
    pub ttl: Duration,
    /// `control_queue_expires`: after how long a queue nobody reads goes.
    pub expires: Duration,
    /// `accept_content`.
    pub accept: Accept,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            namespace: "celery".to_owned(),
            ttl: Duration::from_secs(300),
            expires: Duration::from_secs(10),
            accept: Accept::default(),
        }
    }
}

/// Which nodes a pattern means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// `*`, `?` and `[…]`.
    Glob(String),
    /// A regular expression, matched from the start of the name.
    Regex(String),
}

/// What is asked, and of whom.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Command {
    /// The command's name: `ping`, `revoke`…
    pub method: String,
    /// Its arguments.
    pub arguments: Map,
    /// Node names; empty means all.
    pub destination: Vec<String>,
    /// Only nodes whose names match. Not looked at if there are destinations.
    pub pattern: Option<Pattern>,
}

impl Command {
    /// A command to all nodes.
    #[must_use]
    pub fn new(method: &str, arguments: Map) -> Self {
        Self {
            method: method.to_owned(),
            arguments,
            ..Self::default()
        }
    }

    fn request(&self, reply: Option<(&str, ReplyTo)>) -> Request {
        let (pattern, matcher) = match &self.pattern {
            Some(Pattern::Glob(pattern)) => (Some(pattern.clone()), Some("glob".to_owned())),
            Some(Pattern::Regex(pattern)) => (Some(pattern.clone()), Some("pcre".to_owned())),
            None => (None, None),
        };
        let (ticket, reply_to) = reply.map_or((None, None), |(ticket, to)| {
            (Some(ticket.to_owned()), Some(to))
        });
        Request {
            method: self.method.clone(),
            arguments: self.arguments.clone(),
            destination: Some(self.destination.clone()).filter(|d| !d.is_empty()),
            pattern,
            matcher,
            ticket,
            reply_to,
        }
    }
}

/// How long replies are waited for.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    /// The wait ends when this long passes without a reply.
    pub timeout: Duration,
    /// It also ends with this many replies; none means as many as can come.
    pub limit: Option<usize>,
}

impl Default for Wait {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(1),
            limit: None,
        }
    }
}

/// The outcome of [`Mailbox::call`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Replies {
    /// Who answered what, in the order in which the replies came.
    pub replies: Vec<(String, Value)>,
    /// How long after the request each of them came.
    pub after: Vec<Duration>,
    /// How many nodes got the request, where the transport can tell.
    pub listeners: Option<u64>,
    /// The nodes named as destinations that did not answer.
    pub missing: Vec<String>,
}

impl Replies {
    /// How many nodes got the request and did not answer, where that can be known: not for a pattern or for
    /// destinations, which not all listeners are meant to answer.
    #[must_use]
    pub fn silent(&self) -> Option<u64> {
        let answered = u64::try_from(self.replies.len()).unwrap_or(u64::MAX);
        self.listeners.map(|n| n.saturating_sub(answered))
    }
}

/// Asks nodes. Each call has a reply queue of its own, so that calls at the same time cannot take each other's replies.
#[derive(Debug)]
pub struct Mailbox {
    broker: Arc<dyn Broker>,
    options: Options,
    clock: LamportClock,
}

impl Mailbox {
    /// A mailbox on a connection.
    #[must_use]
    pub fn new(broker: Arc<dyn Broker>, options: Options) -> Self {
        Self {
            broker,
            options,
            clock: LamportClock::default(),
        }
    }

    /// Sends a command and waits for no reply.
    ///
    /// # Errors
    /// `Unsupported` if the transport cannot broadcast, `Timeout`, `Connection`, or what else it says.
    pub async fn broadcast(&self, command: &Command) -> Result<Routed, BrokerError> {
        self.check()?;
        let request = command.request(None);
        let requests = std::slice::from_ref(&request);
        let routed = self.publish(requests, Wait::default().timeout).await?;
        Ok(routed.first().copied().unwrap_or_default())
    }

    /// Sends a command and gathers the replies. `on_reply` sees each as it comes. Returns as soon as all nodes that can
    /// answer have done so: the destinations, or as many as the transport says listen.
    ///
    /// # Errors
    /// `Unsupported` if the transport cannot broadcast, `Timeout`, `Connection`, or what else it says. Replies that came
    /// before have been seen by `on_reply`.
    pub async fn call(
        &self,
        command: &Command,
        wait: Wait,
        mut on_reply: impl FnMut(&str, &Value) + Send,
    ) -> Result<Replies, BrokerError> {
        let commands = std::slice::from_ref(command);
        let replies = self
            .call_all(commands, wait, |_, node, value| on_reply(node, value))
            .await?;
        Ok(replies.into_iter().next().unwrap_or_default())
    }

    /// Sends several commands in one go and gathers the replies to all of them, in the order of the commands. They share
    /// a reply queue, a round trip and the wait; `on_reply` is told which command it is that was answered.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn call_all(
        &self,
        commands: &[Command],
        wait: Wait,
        mut on_reply: impl FnMut(usize, &str, &Value) + Send,
    ) -> Result<Vec<Replies>, BrokerError> {
        self.check()?;
        let oid = Uuid::new_v4().to_string();
        let queue = reply_queue(
            &self.options.namespace,
            &oid,
            self.options.ttl.as_secs_f64(),
            self.options.expires.as_secs_f64(),
        );
        let broker = &self.broker;
        in_time("declaring the reply queue", broker.declare(&queue)).await?;
        let exchange = reply_exchange(&self.options.namespace).name;
        let outcome = async {
            let subscribe = broker.consume(std::slice::from_ref(&queue), 0);
            let mut consumer = in_time("subscribing to replies", subscribe).await?;
            let mut calls: Vec<Call> = commands.iter().map(Call::new).collect();
            let request = |(command, call): (&Command, &Call)| {
                let to = ReplyTo {
                    exchange: exchange.clone(),
                    routing_key: oid.clone(),
                };
                command.request(Some((&call.ticket, to)))
            };
            let requests: Vec<Request> = commands.iter().zip(&calls).map(request).collect();
            let sent = Instant::now();
            let routed = self.publish(&requests, wait.timeout).await?;
            for (call, routed) in calls.iter_mut().zip(routed) {
                call.reached(routed, wait.limit);
            }
            self.gather(&mut calls, wait, sent, &mut consumer, &mut on_reply)
                .await?;
            Ok(calls.into_iter().map(|call| call.gathered).collect())
        }
        .await;
        // The queue would go by itself; asking twice a second should not leave twenty of them.
        if let Err(error) = in_time("removing the reply queue", broker.delete_queue(&queue)).await {
            debug!(queue = queue.name, %error, "the reply queue is left to expire");
        }
        outcome
    }

    async fn gather(
        &self,
        calls: &mut [Call],
        wait: Wait,
        sent: Instant,
        consumer: &mut Consumer,
        on_reply: &mut (dyn FnMut(usize, &str, &Value) + Send),
    ) -> Result<(), BrokerError> {
        let mut deadline = Instant::now() + wait.timeout;
        while !calls.iter().all(Call::is_complete) {
            let delivery = match timeout_at(deadline, consumer.recv()).await {
                Err(_) => break,
                Ok(Some(delivery)) => delivery,
                Ok(None) => return Err(self.broker.lost().await),
            };
            let Some((ticket, replies)) = self.read(delivery) else {
                continue;
            };
            let Some(n) = calls.iter().position(|call| call.ticket == ticket) else {
                debug!(ticket, "ignoring a reply to another request");
                continue;
            };
            for (node, value) in replies {
                on_reply(n, &node, &value);
                calls[n].take(node, value, sent.elapsed());
                deadline = Instant::now() + wait.timeout;
            }
        }
        Ok(())
    }

    /// The ticket and the replies in a message; none if it cannot be read.
    fn read(&self, delivery: Delivery) -> Option<(String, Map)> {
        // The queue is read without acks; a transport that hands one out anyway gets it.
        if let Err(error) = delivery.acker.ack() {
            debug!(%error, "can't acknowledge a reply");
        }
        let message = match delivery.message {
            Ok(message) => message,
            Err(garbled) => {
                warn!(queue = delivery.queue, error = %garbled.error, "ignoring a reply that can't be read");
                return None;
            }
        };
        let clock = message.headers.get("clock").and_then(Value::as_i64);
        self.clock
            .adjust(clock.and_then(|c| u64::try_from(c).ok()).unwrap_or(0));
        let ticket = message.header_str("ticket").unwrap_or_default().to_owned();
        match decode_body(&message, &self.options.accept) {
            Ok(Value::Map(replies)) => Some((ticket, replies)),
            Ok(other) => {
                warn!(
                    "ignoring a reply that is not an object but {}",
                    other.type_name()
                );
                None
            }
            Err(error) => {
                warn!(%error, "ignoring a reply that can't be read");
                None
            }
        }
    }

    fn check(&self) -> Result<(), BrokerError> {
        if self.broker.capabilities().fanout {
            return Ok(());
        }
        Err(BrokerError::Unsupported(
            "remote control needs a broker that can broadcast".to_owned(),
        ))
    }

    async fn publish(
        &self,
        requests: &[Request],
        patience: Duration,
    ) -> Result<Vec<Routed>, BrokerError> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let exchange = request_exchange(&self.options.namespace).name;
        let messages = requests.iter().map(|request| {
            let mut message =
                request.to_message(self.clock.forward(), Some((now + patience).as_secs_f64()));
            message.properties.delivery_mode.get_or_insert(2);
            let to = Destination::exchange(&exchange, ExchangeType::Fanout, "");
            (to, message)
        });
        let publish = self.broker.publish(messages.collect());
        in_time("publishing the request", publish).await
    }
}

/// One command of a call, and what has come back.
#[derive(Debug)]
struct Call {
    ticket: String,
    /// Whether nodes are named: then it ends when all of them have answered.
    named: bool,
    most: usize,
    gathered: Replies,
}

impl Call {
    fn new(command: &Command) -> Self {
        let mut seen = HashSet::new();
        let missing: Vec<String> = command
            .destination
            .iter()
            .filter(|name| seen.insert(name.as_str()))
            .cloned()
            .collect();
        Self {
            ticket: Uuid::new_v4().to_string(),
            named: !missing.is_empty(),
            most: usize::MAX,
            gathered: Replies {
                missing,
                ..Replies::default()
            },
        }
    }

    /// Notes how far the request went: more replies than listeners can't come.
    fn reached(&mut self, routed: Routed, limit: Option<usize>) {
        self.gathered.listeners = routed.receivers;
        let listeners = routed.receivers.and_then(|n| usize::try_from(n).ok());
        self.most = [limit, listeners]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(usize::MAX);
    }

    fn is_complete(&self) -> bool {
        self.gathered.replies.len() >= self.most || (self.named && self.gathered.missing.is_empty())
    }

    fn take(&mut self, node: String, value: Value, after: Duration) {
        self.gathered.missing.retain(|name| *name != node);
        self.gathered.replies.push((node, value));
        self.gathered.after.push(after);
    }
}

async fn in_time<T>(
    doing: &str,
    command: impl Future<Output = Result<T, BrokerError>>,
) -> Result<T, BrokerError> {
    timeout(COMMAND_TIMEOUT, command).await.unwrap_or_else(|_| {
        Err(BrokerError::Timeout(format!(
            "{doing} took longer than {} s",
            COMMAND_TIMEOUT.as_secs()
        )))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::fake::FakeBroker;
    use crate::protocol::pidbox::reply_message;

    fn ping() -> Command {
        Command::new("ping", Map::new())
    }

    /// A broker on which each of `nodes` answers at once.
    fn answered_by(nodes: &[&str], receivers: Option<u64>) -> (Arc<FakeBroker>, Mailbox) {
        let nodes: Vec<String> = nodes.iter().map(|n| (*n).to_owned()).collect();
        let broker = FakeBroker::new(receivers, move |_, message| {
            let body = decode_body(message, &Accept::default()).unwrap();
            let request = Request::from_value(&body).unwrap();
            let (Some(ticket), Some(to)) = (&request.ticket, &request.reply_to) else {
                return Vec::new();
            };
            let asked = nodes.iter().filter(|n| request.is_for(n).unwrap());
            let pong = Value::from([("ok", "pong".into())]);
            asked
                .map(|n| {
                    let queue = format!("{}.{}", to.routing_key, to.exchange);
                    (queue, reply_message(n, pong.clone(), ticket, 41))
                })
                .collect()
        });
        (
            Arc::clone(&broker),
            Mailbox::new(broker, Options::default()),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn call_ends_when_all_listeners_have_answered() {
        let (broker, mailbox) = answered_by(&["w1@h", "w2@h"], Some(2));
        let start = Instant::now();
        let mut seen = Vec::new();
        let replies = mailbox
            .call(&ping(), Wait::default(), |node, _| {
                seen.push(node.to_owned())
            })
            .await
            .unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(seen, ["w1@h", "w2@h"]);
        assert_eq!(replies.silent(), Some(0));
        assert_eq!(broker.queues_left(), Vec::<String>::new());
        assert_eq!(
            mailbox.clock.value(),
            43,
            "1 for the request, then 41 + 1, 42 + 1"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn call_without_listeners_ends_at_once() {
        let (_, mailbox) = answered_by(&[], Some(0));
        let start = Instant::now();
        let replies = mailbox
            .call(&ping(), Wait::default(), |_, _| ())
            .await
            .unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(replies.listeners, Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn silent_listener_costs_the_timeout_and_is_counted() {
        let (_, mailbox) = answered_by(&["w1@h"], Some(2));
        let start = Instant::now();
        let replies = mailbox
            .call(&ping(), Wait::default(), |_, _| ())
            .await
            .unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        assert_eq!(replies.silent(), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn destinations_that_answer_end_the_call_and_others_are_missing() {
        let (_, mailbox) = answered_by(&["w1@h", "w2@h"], Some(5));
        let mut command = ping();
        command.destination = vec!["w2@h".to_owned()];
        let start = Instant::now();
        let replies = mailbox
            .call(&command, Wait::default(), |_, _| ())
            .await
            .unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(replies.replies.len(), 1);
        command.destination.push("gone@h".to_owned());
        let replies = mailbox
            .call(&command, Wait::default(), |_, _| ())
            .await
            .unwrap();
        assert_eq!(replies.missing, ["gone@h"]);
    }

    #[tokio::test(start_paused = true)]
    async fn replies_to_others_and_rubbish_are_ignored() {
        let broker = FakeBroker::new(None, |_, message| {
            let body = decode_body(message, &Accept::default()).unwrap();
            let to = Request::from_value(&body).unwrap().reply_to.unwrap();
            let queue = format!("{}.{}", to.routing_key, to.exchange);
            let stale = reply_message("w1@h", Value::Null, "another ticket", 1);
            let mut rubbish = stale.clone();
            rubbish.body = "{".into();
            vec![(queue.clone(), stale), (queue, rubbish)]
        });
        let mailbox = Mailbox::new(broker, Options::default());
        let replies = mailbox
            .call(&ping(), Wait::default(), |_, _| ())
            .await
            .unwrap();
        assert_eq!(replies.replies, []);
        assert_eq!(replies.silent(), None, "nobody knows how many listened");
    }

    #[tokio::test(start_paused = true)]
    async fn several_commands_share_a_queue_and_each_gets_its_own_replies() {
        let (broker, mailbox) = answered_by(&["w1@h", "w2@h"], Some(2));
        let mut second = Command::new("stats", Map::new());
        second.destination = vec!["w2@h".to_owned(), "gone@h".to_owned()];
        let start = Instant::now();
        let mut seen = Vec::new();
        let replies = mailbox
            .call_all(&[ping(), second], Wait::default(), |n, node, _| {
                seen.push((n, node.to_owned()));
            })
            .await
            .unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(1), "one wait for all");
        let expected = [(0, "w1@h"), (0, "w2@h"), (1, "w2@h")];
        assert_eq!(seen, expected.map(|(n, node)| (n, node.to_owned())));
        assert_eq!(replies[0].replies.len(), replies[0].after.len());
        assert_eq!((replies[0].replies.len(), replies[1].replies.len()), (2, 1));
        assert_eq!(replies[1].missing, ["gone@h"]);
        assert_eq!(broker.queues_left(), Vec::<String>::new());
        let none = mailbox.call_all(&[], Wait::default(), |_, _, _| ()).await;
        assert_eq!(none.unwrap(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn limit_ends_the_call() {
        let (_, mailbox) = answered_by(&["w1@h", "w2@h"], None);
        let wait = Wait {
            limit: Some(1),
            ..Wait::default()
        };
        let replies = mailbox.call(&ping(), wait, |_, _| ()).await.unwrap();
        assert_eq!(replies.replies.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn request_that_wants_no_reply_names_no_queue() {
        let (broker, mailbox) = answered_by(&["w1@h"], Some(1));
        let routed = mailbox.broadcast(&ping()).await.unwrap();
        assert_eq!(routed.receivers, Some(1));
        let (to, message) = broker.published().remove(0);
        assert_eq!(
            to,
            Destination::exchange("celery.pidbox", ExchangeType::Fanout, "")
        );
        let body = decode_body(&message, &Accept::default()).unwrap();
        let body = body.as_map().unwrap();
        assert!(!body.contains_key("ticket") && !body.contains_key("reply_to"));
        assert!(message.headers.contains_key("expires"));
    }

    #[tokio::test(start_paused = true)]
    async fn broker_that_never_answers_is_given_up() {
        let broker = FakeBroker::silent();
        let mailbox = Mailbox::new(broker, Options::default());
        let error = mailbox.broadcast(&ping()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "publishing the request took longer than 10 s"
        );
    }
}
