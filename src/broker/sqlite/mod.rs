//! The embedded broker: one SQLite file, shared by any number of processes on one machine, Python's among them.
//!
//! `schema.rs` has the tables, `sql.rs` the statements, `store.rs` and its neighbours what is done with them, `engine.rs`
//! the task that does it, on a thread of its own; at the `desk.rs` a small message is put without it. Mirrors
//! `kombu.transport.sqlalchemy`, whose tables it uses, and adds what that transport lacks: acks with leases, priorities,
//! broadcasts, and consumers that wake within milliseconds.
//!
//! - **Delivery.** A message that is held is invisible to all others, Python consumers included. It comes back, marked
//!   redelivered and in its old place, when its holder gives it back, closes, dies (noticed within seconds on the same
//!   machine) or lets its lease of 25 s run out. Settlements name the delivery, not the message, so a process that was
//!   stopped and wakes cannot settle what its successor holds. What nobody else has taken in the meantime, it takes over again.
//! - **Priorities.** 0 to 9, all ten told apart; 0, the default, is the most urgent, as on Redis, so that a project moves
//!   between the two unchanged. Python consumers of the same file take messages in order of arrival.
//! - **Python consumers** never delete what they take, and a crash of one loses it; nothing of ours can change that.
//!   Purging a queue removes what they left.
//! - **Durability.** A commit outlives a kill of any process at any point. A power cut may undo the last commits, unless
//!   the option `synchronous` is `full`.
//! - The file must be on a local disk: the write-ahead log needs memory that all processes share.
//!
//! | transport option | meaning |
//! |---|---|
//! | `queue_tablename`, `message_tablename` | kombu's: other names for the tables |
//! | `timeout` | seconds to wait for another process's lock (10; also `?timeout=` in the URL) |
//! | `lease` | seconds after which the messages of a consumer that does not renew its lease come back (25) |
//! | `synchronous` | `normal` or `full`: whether each commit waits for the disk |

mod adopt;
mod callers;
mod consumers;
mod deliveries;
mod desk;
mod engine;
mod fetch;
mod process;
mod publish;
mod queues;
mod reading;
mod request;
mod routing;
mod schema;
mod sql;
mod state;
mod store;
mod subscription;
mod transaction;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use self::desk::Desk;
use self::engine::{Engine, Orphans};
use self::request::Request;
use self::schema::Tables;
use super::base::{Broker, Capabilities, Destination, Held, Routed};
use super::consumer::Consumer;
use super::delivery::Acker;
use super::error::BrokerError;
use super::registry::Options;
use super::url::BrokerUrl;
use crate::protocol::{Map, Message, Queue, Value};
use crate::sqlite::{Durability, Kind, Location, OpenOptions, SqliteError, Thread};

/// Transport options: ours, then those of kombu's retries and of SQLAlchemy's connection pool, which have no meaning here.
const OPTIONS: &[&str] = &[
    "queue_tablename",
    "message_tablename",
    "timeout",
    "lease",
    "synchronous",
    "callback",
    "errback",
    "max_retries",
    "interval_start",
    "interval_step",
    "interval_max",
    "retry_errors",
    "connect_args",
    "echo",
    "echo_pool",
    "max_overflow",
    "pool_pre_ping",
    "pool_recycle",
    "pool_size",
    "pool_timeout",
];
/// How many of them are ours.
const OWN_OPTIONS: usize = 5;
/// How long a statement waits for another process's lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a consumer is believed to live after it last said so. Looked at every fifth of it, so that what a dead one
/// held is back within 30 s.
const LEASE: Duration = Duration::from_secs(25);
/// What a request may take beyond waiting for a lock.
const SLACK: Duration = Duration::from_secs(20);
/// Requests that wait for the engine. More callers than this wait for room, within their deadline.
const REQUESTS: usize = 256;

/// A connection to the file.
#[derive(Debug)]
pub(super) struct SqliteBroker {
    uri: String,
    requests: mpsc::Sender<Request>,
    desk: Desk,
    lost: watch::Receiver<Option<SqliteError>>,
    orphans: Orphans,
    deadline: Duration,
    thread: tokio::sync::Mutex<Option<Thread>>,
}

/// Opens one connection to the file that the URL names, and creates file and tables if they are missing.
///
/// # Errors
/// `Config` for a bad URL or option or a file that is no database, `AccessRefused`, `Timeout` if it is locked.
pub(super) async fn connect(
    url: &BrokerUrl,
    options: &Options,
) -> Result<Arc<dyn Broker>, BrokerError> {
    let location = Location::parse(url.reveal())?;
    let own = &options.transport_options;
    if let Some(unknown) = own.keys().find(|name| !OPTIONS.contains(&name.as_str())) {
        return Err(BrokerError::Config(format!(
            "unknown transport option `{unknown}`: known are {}",
            OPTIONS[..OWN_OPTIONS].join(", ")
        )));
    }
    let tables = Tables::from_options(own)?;
    let lock_timeout = seconds(own, "timeout")?
        .or(location.lock_timeout())
        .unwrap_or(LOCK_TIMEOUT);
    let lease = seconds(own, "lease")?.unwrap_or(LEASE);
    if lease < Duration::from_millis(100) {
        return Err(BrokerError::Config(
            "transport option `lease` must be at least 0.1 seconds".to_owned(),
        ));
    }
    let open = OpenOptions {
        connect_timeout: options.connect_timeout,
        lock_timeout,
        durability: durability(own)?,
    };
    let (requests, receiver) = mpsc::channel(REQUESTS);
    let (lost_sender, lost) = watch::channel(None);
    let orphans = Orphans::default();
    let held = Arc::clone(&orphans);
    let (opened, open_result) = oneshot::channel();
    // It ends by itself when the broker is closed or dropped.
    let thread = Thread::spawn("sqlite-broker", move || async move {
        match Engine::open(
            &location,
            &open,
            &tables,
            lease,
            receiver,
            lost_sender,
            held,
        )
        .await
        {
            Ok(engine) => {
                let _ = opened.send(Ok(engine.desk(open)));
                engine.run().await;
            }
            Err(error) => drop(opened.send(Err(error))),
        }
    })?;
    let desk = open_result
        .await
        .map_err(|_| BrokerError::connection("the SQLite thread ended early"))??;
    Ok(Arc::new(SqliteBroker {
        uri: url.reveal().to_owned(),
        requests,
        desk,
        lost,
        orphans,
        deadline: lock_timeout + SLACK,
        thread: tokio::sync::Mutex::new(Some(thread)),
    }))
}

fn seconds(options: &Map, name: &str) -> Result<Option<Duration>, BrokerError> {
    match options.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_f64()
            .and_then(|s| Duration::try_from_secs_f64(s).ok())
            .map(Some)
            .ok_or_else(|| {
                BrokerError::Config(format!(
                    "transport option `{name}` must be a number of seconds"
                ))
            }),
    }
}

fn durability(options: &Map) -> Result<Durability, BrokerError> {
    match options.get("synchronous").map(|v| (v, v.as_str())) {
        None | Some((Value::Null, _)) => Ok(Durability::default()),
        Some((_, Some(text))) if text.eq_ignore_ascii_case("normal") => Ok(Durability::Process),
        Some((_, Some(text))) if text.eq_ignore_ascii_case("full") => Ok(Durability::Disk),
        Some(_) => Err(BrokerError::Config(
            "transport option `synchronous` must be `normal` or `full`".to_owned(),
        )),
    }
}

impl From<SqliteError> for BrokerError {
    fn from(error: SqliteError) -> Self {
        let message = error.message;
        match error.kind {
            Kind::Config => Self::Config(message),
            Kind::AccessRefused => Self::AccessRefused(message),
            Kind::Locked => Self::Timeout(message),
            Kind::Lost => Self::connection(message),
            Kind::Full | Kind::Failed => Self::server(message),
        }
    }
}

impl SqliteBroker {
    /// Asks the engine, and waits for its answer until the deadline.
    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, SqliteError>>) -> Request + Send,
    ) -> Result<T, BrokerError> {
        let (answer, answered) = oneshot::channel();
        let asked = async {
            let closed = |_| self.closed();
            self.requests.send(request(answer)).await.map_err(closed)?;
            let result = answered.await.map_err(|_| self.closed())?;
            result.map_err(BrokerError::from)
        };
        tokio::time::timeout(self.deadline, asked)
            .await
            .unwrap_or_else(|_| {
                Err(BrokerError::Timeout(format!(
                    "`{}` did not answer within {:?}",
                    self.uri, self.deadline
                )))
            })
    }

    fn closed(&self) -> BrokerError {
        match &*self.lost.borrow() {
            Some(error) => error.clone().into(),
            None => BrokerError::connection(format!("the connection to `{}` is closed", self.uri)),
        }
    }
}

#[async_trait]
impl Broker for SqliteBroker {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            fanout: true,
            counts_receivers: true,
            zero_is_most_urgent: true,
        }
    }

    fn as_uri(&self) -> String {
        self.uri.clone()
    }

    async fn declare(&self, queue: &Queue) -> Result<(), BrokerError> {
        let queue = Box::new(queue.clone());
        self.ask(|answer| Request::Declare(queue, answer)).await
    }

    async fn delete_queue(&self, queue: &Queue) -> Result<(), BrokerError> {
        let queue = Box::new(queue.clone());
        self.ask(|answer| Request::DeleteQueue(queue, answer)).await
    }

    async fn publish(
        &self,
        mut batch: Vec<(Destination, Message)>,
    ) -> Result<Vec<Routed>, BrokerError> {
        if batch.is_empty() && !self.requests.is_closed() {
            return Ok(Vec::new());
        }
        for (destination, message) in &mut batch {
            let properties = &mut message.properties;
            properties
                .delivery_tag
                .get_or_insert_with(|| Uuid::new_v4().to_string());
            properties
                .delivery_info
                .exchange
                .clone_from(&destination.exchange);
            properties
                .delivery_info
                .routing_key
                .clone_from(&destination.routing_key);
        }
        if !self.requests.is_closed()
            && let Some(routed) = self.desk.publish(&batch).await
        {
            return Ok(routed);
        }
        self.ask(|answer| Request::Publish(batch, answer)).await
    }

    async fn consume(&self, queues: &[Queue], prefetch: u32) -> Result<Consumer, BrokerError> {
        let queues = queues.to_vec();
        self.ask(|answer| Request::Consume(queues, prefetch, answer))
            .await
    }

    async fn purge(&self, queue: &str) -> Result<Option<u64>, BrokerError> {
        let queue = queue.to_owned();
        self.ask(|answer| Request::Purge(queue, answer)).await
    }

    async fn queue_length(&self, queue: &str) -> Result<Option<u64>, BrokerError> {
        let queue = queue.to_owned();
        self.ask(|answer| Request::Length(queue, answer)).await
    }

    async fn unacked_count(&self) -> Result<Option<u64>, BrokerError> {
        self.ask(Request::Unacked).await.map(Some)
    }

    async fn queues(&self) -> Result<Vec<String>, BrokerError> {
        self.ask(Request::Queues).await
    }

    fn held(&self) -> Vec<Held> {
        let orphans = self.orphans.lock().unwrap_or_else(PoisonError::into_inner);
        orphans.clone()
    }

    async fn adopt(&self, held: &[Held]) -> Result<Vec<Acker>, BrokerError> {
        let held = held.to_vec();
        self.ask(|answer| Request::Adopt(held, answer)).await
    }

    async fn lost(&self) -> BrokerError {
        let mut lost = self.lost.clone();
        // The sender goes without a word when the broker is closed.
        let error = match lost.wait_for(Option::is_some).await {
            Ok(error) => error.clone(),
            Err(_) => None,
        };
        match error {
            Some(error) => error.into(),
            None => std::future::pending().await,
        }
    }

    async fn close(&self) -> Result<(), BrokerError> {
        let result = self.ask(Request::Close).await;
        self.desk.close().await;
        let thread = self.thread.lock().await.take();
        let Some(thread) = thread else {
            // Closed before.
            return Ok(());
        };
        if tokio::time::timeout(SLACK, thread.join()).await.is_err() {
            return Err(BrokerError::Timeout(format!(
                "`{}` could not be closed in time",
                self.uri
            )));
        }
        result
    }
}
