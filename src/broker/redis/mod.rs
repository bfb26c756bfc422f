//! The Redis transport: lists with priorities, `unacked` with a visibility timeout, fanout by pub/sub.
//!
//! One connection (RESP3) carries fetches, settlements, publishes, and the server's word that a list has changed. Whoever
//! listens to broadcasts has a second one for them alone: the server cuts a subscriber off that has more than 32 MB
//! to read (`client-output-buffer-limit pubsub`), and a large task must not count there. Mirrors `kombu.transport.redis` and shares all its keys.

mod claim;
mod connection;
mod consume;
mod endpoint;
mod entry;
mod failure;
mod fanout;
mod keeper;
mod keys;
mod ledger;
mod open;
mod options;
mod publish;
mod restore;
mod scripts;
mod settle;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{OnceCell, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use self::connection::{Connection, Push};
pub(crate) use self::endpoint::Endpoint;
use self::keys::Keys;
use self::ledger::{Account, Ledger, Ours, Score};
use self::options::RedisOptions;
pub(crate) use self::scripts::{Script, eval};
use super::registry::Options;
use super::virtual_exchange::Binding;
use super::{
    Acker, Broker, BrokerError, BrokerUrl, Capabilities, Command, Consumer, Delivery, Destination,
    Held, Routed, Settlement,
};
use crate::protocol::{ExchangeType, Message, Queue};

/// Deliveries that wait for the worker; what is beyond stays in Redis, so a few round trips' worth is enough.
const DELIVERIES: usize = 512;

/// Broadcasts that wait for their consumer. Beyond it they are dropped: pub/sub keeps nothing for slow readers either.
const BROADCASTS: usize = 16_384;

/// How long `close` waits for the tasks of the connection.
const CLOSE_DEADLINE: Duration = Duration::from_secs(10);

/// `_kombu.binding.<exchange>` lives this many times as long as its queue, at least [`MIN_BINDING_TTL_MS`].
const BINDING_EXPIRES_FACTOR: f64 = 2.0;
const MIN_BINDING_TTL_MS: f64 = 3_600_000.0;

/// What the tasks of a connection share.
#[derive(Debug)]
struct Shared {
    connection: Connection,
    /// For subscriptions, opened with the first; lost together with the other.
    ears: OnceCell<Connection>,
    broadcasts: mpsc::Sender<Push>,
    keys: Keys,
    options: RedisOptions,
    /// Names this connection among the holders of messages.
    id: String,
    ledger: Ledger,
    /// Held while scores are renewed, and while deliveries are settled by theirs: one must not overtake the other.
    scores: tokio::sync::Mutex<()>,
    fanout: fanout::Listeners,
    accounts: Accounts,
    /// Queues as they were declared here, by name.
    declared: Mutex<HashMap<String, Queue>>,
    /// Queues that are or were consumed here.
    consumed: Mutex<HashMap<String, Queue>>,
    settlements: mpsc::UnboundedSender<Settlement>,
    /// The server tells us of changes; otherwise lists are polled.
    tracking: bool,
    /// Queues with acks are consumed here.
    holds: AtomicBool,
    stopping: CancellationToken,
}

/// The subscriptions to wake when a list changes.
type Accounts = Arc<Mutex<Vec<Weak<Account>>>>;

/// One connection to Redis.
#[derive(Debug)]
pub(super) struct RedisBroker {
    shared: Arc<Shared>,
    tasks: Mutex<JoinSet<()>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connects to the first server of a failover list that answers.
pub(super) async fn connect(
    url: &BrokerUrl,
    options: &Options,
) -> Result<Arc<dyn Broker>, BrokerError> {
    let alternatives: Vec<BrokerUrl> = if url.scheme() == "sentinel" {
        vec![url.clone()]
    } else {
        let scheme = url.scheme();
        url.reveal()
            .split(';')
            .map(str::trim)
            .filter(|chunk| !chunk.is_empty())
            .map(|chunk| {
                if chunk.contains("://") {
                    BrokerUrl::parse(chunk)
                } else {
                    BrokerUrl::parse(&format!("{scheme}://{chunk}"))
                }
            })
            .collect::<Result<_, _>>()?
    };
    let mut failure = BrokerError::Config("the broker URL names no server".to_owned());
    for url in alternatives {
        match RedisBroker::connect(RedisOptions::new(&url, options)?).await {
            Ok(broker) => return Ok(Arc::new(broker)),
            Err(error) if error.is_transient() => failure = error,
            Err(error) => return Err(error),
        }
    }
    Err(failure)
}

impl RedisBroker {
    async fn connect(options: RedisOptions) -> Result<Self, BrokerError> {
        let accounts = Accounts::default();
        let (broadcasts, broadcasts_rx) = mpsc::channel(BROADCASTS);
        let to_wake = Arc::clone(&accounts);
        let connection = Connection::open(&options.endpoint, move |push| {
            if push == Push::Changed {
                wake(&to_wake);
            }
        })
        .await?;
        let tracking = redis::cmd("CLIENT").arg("TRACKING").arg("ON").to_owned();
        let tracking = match connection.run::<()>(&tracking).await {
            Ok(()) => true,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "no CLIENT TRACKING: queues are polled");
                false
            }
        };
        let (settlements, settlements_rx) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            connection,
            ears: OnceCell::new(),
            broadcasts,
            keys: Keys::new(&options),
            options,
            id: Uuid::new_v4().simple().to_string(),
            ledger: Ledger::default(),
            scores: tokio::sync::Mutex::default(),
            fanout: fanout::Listeners::default(),
            accounts,
            declared: Mutex::default(),
            consumed: Mutex::default(),
            settlements,
            tracking,
            holds: AtomicBool::new(false),
            stopping: CancellationToken::new(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(settle::run(Arc::clone(&shared), settlements_rx));
        tasks.spawn(keeper::run(Arc::clone(&shared)));
        tasks.spawn(fanout::run(Arc::clone(&shared), broadcasts_rx));
        Ok(Self {
            shared,
            tasks: Mutex::new(tasks),
        })
    }
}

/// Wakes all subscriptions.
fn wake(accounts: &Accounts) {
    locked(accounts).retain(|account| {
        let account = account.upgrade();
        if let Some(account) = &account {
            account.wake.notify_one();
        }
        account.is_some()
    });
}

impl Shared {
    fn open(&self) -> Result<(), BrokerError> {
        if self.stopping.is_cancelled() {
            return Err(BrokerError::connection("the connection is closed"));
        }
        Ok(())
    }

    /// The connection for subscriptions.
    async fn ears(&self) -> Result<&Connection, BrokerError> {
        let open = || {
            let broadcasts = self.broadcasts.clone();
            let listen = move |push| {
                if broadcasts.try_send(push).is_err() {
                    tracing::warn!("dropping a broadcast: {BROADCASTS} are waiting already");
                }
            };
            self.connection.open_twin(&self.options.endpoint, listen)
        };
        self.ears.get_or_try_init(open).await
    }

    /// Milliseconds that a declared queue lives without use.
    fn expires_ms(&self, queue: &str) -> Option<i64> {
        locked(&self.declared).get(queue).and_then(expires_ms)
    }

    async fn bindings(&self, exchange: &str) -> Result<Vec<Binding>, BrokerError> {
        let mut smembers = redis::cmd("SMEMBERS");
        smembers.arg(self.keys.bindings(exchange));
        let members: Vec<Vec<u8>> = self.connection.run(&smembers).await?;
        Ok(read_table(&members, &self.keys.sep))
    }

    /// Adds the queue's binding, or prolongs it.
    async fn bind(&self, queue: &Queue) -> Result<(), BrokerError> {
        let exchange = &queue.exchange.name;
        if exchange.is_empty() {
            return Ok(());
        }
        let member = Binding::of(queue).to_member(&self.keys.sep);
        let table = self.keys.bindings(exchange);
        if let Some(ms) = expires_ms(queue) {
            #[expect(
                clippy::cast_precision_loss,
                reason = "lifetimes are far below 2^53 ms"
            )]
            let ttl = (ms as f64 * BINDING_EXPIRES_FACTOR).max(MIN_BINDING_TTL_MS);
            let mut bind = eval(scripts::BIND, &[&table, &self.keys.deadlines]);
            bind.arg(member).arg(exchange).arg(format!("{ttl:.0}"));
            return self.connection.run(&bind).await;
        }
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        pipeline.cmd("SADD").arg(table).arg(&member).ignore();
        let permanent = self.keys.permanent_bindings(exchange);
        pipeline.cmd("SADD").arg(permanent).arg(&member).ignore();
        self.connection.run_all(&pipeline).await
    }

    /// Removes the queue's binding and messages.
    async fn delete(&self, queue: &Queue) -> Result<(), BrokerError> {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        let exchange = &queue.exchange.name;
        if !exchange.is_empty() {
            let member = Binding::of(queue).to_member(&self.keys.sep);
            for table in [
                self.keys.bindings(exchange),
                self.keys.permanent_bindings(exchange),
            ] {
                pipeline.cmd("SREM").arg(table).arg(&member).ignore();
            }
        }
        let lists = self.keys.lists(&queue.name);
        pipeline.cmd("DEL").arg(lists).ignore();
        locked(&self.declared).remove(&queue.name);
        self.connection.run_all(&pipeline).await
    }

    /// Sum of the lengths of a queue's lists.
    async fn length(&self, queue: &str) -> Result<u64, BrokerError> {
        let mut pipeline = redis::pipe();
        for list in self.keys.lists(queue) {
            pipeline.cmd("LLEN").arg(list);
        }
        let lengths: Vec<u64> = self.connection.run_all(&pipeline).await?;
        Ok(lengths.iter().sum())
    }

    async fn scan(&self, pattern: &str, kind: &str) -> Result<Vec<String>, BrokerError> {
        let mut found = Vec::new();
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(pattern);
            scan.arg("COUNT").arg(1000).arg("TYPE").arg(kind);
            let (next, keys): (u64, Vec<Vec<u8>>) = self.connection.run(&scan).await?;
            found.extend(keys.iter().map(|k| String::from_utf8_lossy(k).into_owned()));
            cursor = next;
            if cursor == 0 {
                return Ok(found);
            }
        }
    }

    /// Whether anything says that there is such a queue, though it is empty.
    async fn knows(&self, queue: &str) -> Result<bool, BrokerError> {
        if locked(&self.declared).contains_key(queue) {
            return Ok(true);
        }
        // Celery's default shape first: one look instead of a scan.
        let own = self.bindings(queue).await?;
        if own.iter().any(|b| b.queue == queue) {
            return Ok(true);
        }
        Ok(self.bound_queues().await?.contains(queue))
    }

    async fn bound_queues(&self) -> Result<BTreeSet<String>, BrokerError> {
        let pattern = escape_glob(&self.keys.bindings("")) + "*";
        let mut pipeline = redis::pipe();
        for table in self.scan(&pattern, "set").await? {
            pipeline.cmd("SMEMBERS").arg(table);
        }
        if pipeline.is_empty() {
            return Ok(BTreeSet::new());
        }
        let tables: Vec<Vec<Vec<u8>>> = self.connection.run_all(&pipeline).await?;
        Ok(tables
            .iter()
            .flat_map(|members| read_table(members, &self.keys.sep))
            .map(|binding| binding.queue)
            .filter(|queue| !queue.is_empty())
            .collect())
    }
}

fn read_table(members: &[Vec<u8>], sep: &str) -> Vec<Binding> {
    members
        .iter()
        .filter_map(|member| Binding::from_member(std::str::from_utf8(member).ok()?, sep))
        .collect()
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to a year")]
fn expires_ms(queue: &Queue) -> Option<i64> {
    queue
        .expires
        .filter(|s| s.is_finite() && *s > 0.0)
        .map(|s| (s * 1000.0).clamp(1.0, 31_536_000_000.0) as i64)
}

fn escape_glob(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[async_trait]
impl Broker for RedisBroker {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            fanout: true,
            counts_receivers: true,
            zero_is_most_urgent: true,
        }
    }

    fn as_uri(&self) -> String {
        self.shared.options.endpoint.broker_uri()
    }

    async fn declare(&self, queue: &Queue) -> Result<(), BrokerError> {
        self.shared.open()?;
        self.shared.bind(queue).await?;
        locked(&self.shared.declared).insert(queue.name.clone(), queue.clone());
        Ok(())
    }

    async fn delete_queue(&self, queue: &Queue) -> Result<(), BrokerError> {
        self.shared.open()?;
        self.shared.delete(queue).await
    }

    async fn publish(
        &self,
        batch: Vec<(Destination, Message)>,
    ) -> Result<Vec<Routed>, BrokerError> {
        self.shared.open()?;
        self.shared.publish(batch).await
    }

    async fn consume(&self, queues: &[Queue], prefetch: u32) -> Result<Consumer, BrokerError> {
        self.shared.open()?;
        let (deliveries, deliveries_rx) = mpsc::channel::<Delivery>(DELIVERIES);
        let (commands, commands_rx) = mpsc::unbounded_channel::<Command>();
        let account = Arc::new(Account::default());
        locked(&self.shared.accounts).push(Arc::downgrade(&account));
        let mut subscription =
            consume::Subscription::new(Arc::clone(&self.shared), account, deliveries, prefetch);
        for queue in queues {
            subscription.add(queue.clone()).await?;
        }
        let mut tasks = locked(&self.tasks);
        tasks.spawn(subscription.run(commands_rx));
        // Those of subscriptions that were dropped.
        while tasks.try_join_next().is_some() {}
        Ok(Consumer::new(deliveries_rx, commands))
    }

    async fn purge(&self, queue: &str) -> Result<Option<u64>, BrokerError> {
        self.shared.open()?;
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        for list in self.shared.keys.lists(queue) {
            pipeline.cmd("LLEN").arg(&list);
            pipeline.cmd("DEL").arg(&list).ignore();
        }
        let lengths: Vec<u64> = self.shared.connection.run_all(&pipeline).await?;
        match lengths.iter().sum() {
            0 if !self.shared.knows(queue).await? => Ok(None),
            sum => Ok(Some(sum)),
        }
    }

    async fn queue_length(&self, queue: &str) -> Result<Option<u64>, BrokerError> {
        self.shared.open()?;
        match self.shared.length(queue).await? {
            0 if !self.shared.knows(queue).await? => Ok(None),
            sum => Ok(Some(sum)),
        }
    }

    async fn unacked_count(&self) -> Result<Option<u64>, BrokerError> {
        self.shared.open()?;
        let mut hlen = redis::cmd("HLEN");
        hlen.arg(&self.shared.keys.unacked);
        self.shared.connection.run(&hlen).await.map(Some)
    }

    async fn queues(&self) -> Result<Vec<String>, BrokerError> {
        self.shared.open()?;
        let keys = &self.shared.keys;
        let mut queues = self.shared.bound_queues().await?;
        let pattern = escape_glob(keys.prefix()) + "*";
        for list in self.shared.scan(&pattern, "list").await? {
            // Parts of unordered chords are lists, too.
            if !list.contains("celery-taskset-meta-") {
                queues.extend(keys.queue_of(&list));
            }
        }
        Ok(queues.into_iter().collect())
    }

    async fn declared_queues(&self) -> Result<Vec<String>, BrokerError> {
        self.shared.open()?;
        Ok(self.shared.bound_queues().await?.into_iter().collect())
    }

    fn held(&self) -> Vec<Held> {
        let held = |ours: Ours| Held {
            delivery_tag: ours.tag.to_string(),
            proof: ours.score.to_string(),
        };
        self.shared.ledger.all().into_iter().map(held).collect()
    }

    async fn adopt(&self, held: &[Held]) -> Result<Vec<Acker>, BrokerError> {
        let shared = &self.shared;
        let account = Arc::new(Account::default());
        for delivery in held {
            if let Some(score) = Score::parse(&delivery.proof) {
                let tag = (&*delivery.delivery_tag).into();
                shared.ledger.add(tag, score, &account);
            }
        }
        shared.holds.store(true, Ordering::SeqCst);
        // Renewing tells which of them are ours still, and drops the others from the ledger.
        shared.renew(&shared.ledger.all()).await?;
        let acker = |ours: Ours| Acker::new(ours.tag.to_string(), Some(shared.settlements.clone()));
        Ok(shared.ledger.all().into_iter().map(acker).collect())
    }

    async fn lost(&self) -> BrokerError {
        tokio::select! {
            biased;
            () = self.shared.stopping.cancelled() => std::future::pending().await,
            error = self.shared.connection.lost() => error,
        }
    }

    async fn close(&self) -> Result<(), BrokerError> {
        if self.shared.stopping.is_cancelled() {
            return Ok(());
        }
        self.shared.stopping.cancel();
        // A fetch under way ends, so that what it brings is in the ledger; settlements are flushed.
        let mut tasks = std::mem::take(&mut *locked(&self.tasks));
        let ended = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(CLOSE_DEADLINE, ended).await.is_err() {
            tracing::warn!("closing a connection to Redis although its tasks have not ended");
        }
        if self.shared.connection.is_lost() {
            return Ok(());
        }
        let consumed: Vec<Queue> = locked(&self.shared.consumed)
            .drain()
            .map(|(_, q)| q)
            .collect();
        for queue in consumed {
            if queue.exchange.kind == ExchangeType::Fanout {
                self.shared.fanout_leave(&queue).await?;
            }
            if goes_with_consumer(&queue) {
                self.shared.delete(&queue).await?;
            }
        }
        if self.shared.holds.load(Ordering::SeqCst) {
            self.shared.give_back_all().await?;
        }
        Ok(())
    }
}

/// Whether the queue ends with its consumer. Celery's pidbox, event and reply queues do; a list of tasks is never
/// deleted, because others may consume it.
fn goes_with_consumer(queue: &Queue) -> bool {
    queue.auto_delete && (queue.no_ack || queue.exchange.kind == ExchangeType::Fanout)
}
