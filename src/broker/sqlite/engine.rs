//! The task that owns the connection to the file. All that is asked of it at one time goes into one transaction.
//!
//! It alone reads and writes, so there is nothing to lock in this process; between processes SQLite's write lock decides,
//! and it is held for one batch at a time.

use std::collections::HashSet;
use std::future::poll_fn;
use std::path::PathBuf;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{debug, warn};

use super::fetch::{read, take_for};
use super::process::Process;
use super::request::{Answer, Done, Request, refuse_all};
use super::schema::Tables;
use super::sql::Sql;
use super::state::{State, Work};
use super::store::{Store, Taken, is_copied};
use super::subscription::{Source, Subscription};
use crate::broker::consumer::Command;
use crate::broker::delivery::{Acker, Delivery, Settle, Settlement};
use crate::sqlite::{Kind, Location, OpenOptions, SqliteError, Watch, announce, open};

/// Requests gathered into one transaction at most.
const REQUESTS: usize = 128;
/// Settlements gathered into one transaction at most.
const SETTLEMENTS: usize = 1024;
/// How often a lease is renewed, and the others are looked at: a fifth of the lease.
const RENEWALS_PER_LEASE: u32 = 5;
/// How long to wait after a locked or full file before fetching and settling again.
const PAUSE: Duration = Duration::from_millis(250);

/// How often to see whether a full channel has room again.
const LOOK_FOR_ROOM: Duration = Duration::from_millis(5);

/// Messages taken for a subscription, with the queue of each.
type Batch = (u64, Vec<(String, Taken)>);

/// Why the loop ends.
enum End {
    Closed(Option<Answer<()>>),
    Lost(SqliteError),
}

/// The connection and all that hangs on it.
#[derive(Debug)]
pub(super) struct Engine {
    connection: SqliteConnection,
    path: PathBuf,
    store: Store,
    lease: Duration,
    watch: Watch,
    requests: mpsc::Receiver<Request>,
    settlements: mpsc::UnboundedReceiver<Settlement>,
    settle: mpsc::UnboundedSender<Settlement>,
    lost: watch::Sender<Option<SqliteError>>,
    state: State,
}

/// Milliseconds of Unix time. Leases are compared between processes, so the clock is the machine's.
fn now_ms() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

impl Engine {
    /// Opens the file and creates what is missing. To be called where it will run.
    pub(super) async fn open(
        location: &Location,
        options: &OpenOptions,
        tables: &Tables,
        lease: Duration,
        requests: mpsc::Receiver<Request>,
        lost: watch::Sender<Option<SqliteError>>,
    ) -> Result<Self, SqliteError> {
        let (mut connection, path) = open(location.path(), options).await?;
        tables
            .create(&mut connection)
            .await
            .map_err(|e| SqliteError::from_driver(&path, &e))?;
        // Unbounded because prefetch bounds how many deliveries can be settled.
        let (settle, settlements) = mpsc::unbounded_channel();
        Ok(Self {
            connection,
            watch: Watch::new(&path)?,
            path,
            store: Store {
                sql: Sql::new(tables),
            },
            lease,
            requests,
            settlements,
            settle,
            lost,
            state: State::default(),
        })
    }

    /// Runs until the broker is closed or dropped, or the file is lost.
    pub(super) async fn run(mut self) {
        let end = self.serve().await;
        // From here on, settlements and commands are refused.
        self.settlements.close();
        self.requests.close();
        match end {
            End::Closed(answer) => {
                let result = self.give_back().await;
                self.state.subscriptions.clear();
                let _ = self.connection.close().await;
                announce(&self.path);
                if let Some(answer) = answer {
                    let _ = answer.send(result);
                }
            }
            End::Lost(error) => {
                debug!(file = %self.path.display(), %error, "connection lost");
                self.state.subscriptions.clear();
                let _ = self.lost.send(Some(error.clone()));
                while let Ok(request) = self.requests.try_recv() {
                    request.refuse(&error);
                }
                let _ = self.connection.close().await;
            }
        }
    }

    async fn serve(&mut self) -> End {
        let mut renewals = tokio::time::interval(self.lease / RENEWALS_PER_LEASE);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut work = Work::default();
            let paused = self.state.pause_until.filter(|at| *at > Instant::now());
            let busy = paused.is_none() && self.state.can_go_on();
            if busy {
                work.fetch = true;
                // Let others run between two batches: the loop may never wait otherwise.
                tokio::task::yield_now().await;
            } else {
                let consuming = !self.state.subscriptions.is_empty();
                tokio::select! {
                    biased;
                    // First, so that what is asked after a command finds it obeyed.
                    (id, command) = next_command(&mut self.state.subscriptions), if consuming => {
                        if let Err(error) = self.command(id, command).await
                            && let Some(end) = self.failed(error)
                        {
                            return end;
                        }
                        work.fetch = true;
                    }
                    request = self.requests.recv() => match request {
                        Some(request) => work.requests.push(request),
                        None => return End::Closed(None),
                    },
                    Some(settlement) = self.settlements.recv() => self.state.settle(&settlement),
                    _ = renewals.tick(), if self.state.consumer.is_some() => work.renew = true,
                    changed = self.watch.changed(), if consuming => match changed {
                        Ok(()) => work.fetch = true,
                        Err(error) => return End::Lost(error),
                    },
                    () = until(paused) => {}
                    // Nobody says when the receiver has made room in its channel.
                    () = tokio::time::sleep(LOOK_FOR_ROOM), if self.state.is_clogged() => {}
                }
            }
            if let Some(end) = self.gather(&mut work) {
                return end;
            }
            if let Some(close) = work.take_close() {
                return match self.cycle(work).await {
                    Err(error) if error.kind == Kind::Lost => End::Lost(error),
                    _ => End::Closed(Some(close)),
                };
            }
            if let Err(error) = self.cycle(work).await
                && let Some(end) = self.failed(error)
            {
                return end;
            }
        }
    }

    /// Adds what else is there already.
    fn gather(&mut self, work: &mut Work) -> Option<End> {
        while work.requests.len() < REQUESTS {
            match self.requests.try_recv() {
                Ok(request) => work.requests.push(request),
                Err(mpsc::error::TryRecvError::Empty) => break,
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    return work.requests.is_empty().then_some(End::Closed(None));
                }
            }
        }
        while self.state.pending.len() < SETTLEMENTS {
            let Ok(settlement) = self.settlements.try_recv() else {
                break;
            };
            self.state.settle(&settlement);
        }
        if !self.state.pending.is_empty() {
            // What is settled makes room for more.
            work.fetch = true;
        }
        None
    }

    /// What a failure means: the end, or a pause.
    fn failed(&mut self, error: SqliteError) -> Option<End> {
        let now = Instant::now();
        if error.kind == Kind::Lost {
            return Some(End::Lost(error));
        }
        if self.state.leased_until.is_some_and(|until| until < now) {
            return Some(End::Lost(SqliteError::new(
                Kind::Lost,
                format!("the lease on held messages could not be renewed in time: {error}"),
            )));
        }
        warn!(file = %self.path.display(), %error, "will try again");
        self.state.pause_until = Some(now + PAUSE);
        None
    }

    /// One round: reads what can be read, and writes the rest in one transaction.
    async fn cycle(&mut self, work: Work) -> Result<(), SqliteError> {
        let paused = self.state.pause_until.is_some_and(|at| at > Instant::now());
        let fetch = work.fetch && !paused;
        let settle = !paused && !self.state.pending.is_empty();
        let mut writes = settle || work.renew;
        let mut requests = Vec::with_capacity(work.requests.len());
        for request in work.requests {
            if let Some(request) = self.answer_from_reading(request).await {
                writes = true;
                requests.push(request);
            }
        }
        if !writes {
            if !fetch {
                return Ok(());
            }
            if !self.something_waits().await? {
                self.state.more = false;
                return Ok(());
            }
        }
        if let Err(error) = self.watch.check() {
            refuse_all(requests, &error);
            return Err(error);
        }
        let pending = if settle {
            std::mem::take(&mut self.state.pending)
        } else {
            Vec::new()
        };
        let mut done = Vec::with_capacity(requests.len());
        let path = self.path.clone();
        let result = self
            .transaction(&pending, &mut requests, &mut done, fetch, work.renew)
            .await
            .map_err(|e| e.sorted(&path));
        match result {
            Ok(batches) => {
                self.state.pause_until = None;
                if !pending.is_empty() || !done.is_empty() {
                    announce(&self.path);
                }
                for done in done {
                    self.answer(done);
                }
                for batch in batches {
                    self.deliver(batch);
                }
                Ok(())
            }
            Err(error) => {
                // Nothing of it has happened.
                self.state.pending.splice(0..0, pending);
                for done in done {
                    done.refuse(&error);
                }
                refuse_all(requests, &error);
                Err(error)
            }
        }
    }

    async fn transaction(
        &mut self,
        pending: &[(i64, Settle)],
        requests: &mut Vec<Request>,
        done: &mut Vec<Done>,
        fetch: bool,
        renew: bool,
    ) -> Result<Vec<Batch>, Failure> {
        let Self {
            connection,
            store,
            state,
            lease,
            ..
        } = self;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        // Read the clock behind the lock, which may have been waited for.
        let now = now_ms();
        let deadline = now + i64::try_from(lease.as_millis()).unwrap_or(i64::MAX / 2);
        let leased_until = Instant::now() + *lease;
        let c = &mut *transaction;
        let of = |how: Settle| -> Vec<i64> {
            let held = pending.iter().filter(|(_, h)| *h == how);
            held.map(|(delivery, _)| *delivery).collect()
        };
        store.drop_held(c, &of(Settle::Ack)).await?;
        store.drop_held(c, &of(Settle::Reject)).await?;
        store.requeue_held(c, &of(Settle::Requeue)).await?;
        store.restore_held(c, &of(Settle::Restore)).await?;
        let mut consumer = state.consumer;
        if let Some(consumer) = consumer
            && renew
        {
            if !store.renew(c, consumer, now, deadline).await? {
                return Err(Failure::Lease);
            }
            for dead in store.dead_consumers(c, consumer, now).await? {
                debug!(consumer = dead, "restoring what a dead consumer held");
                store.remove_consumer(c, dead).await?;
            }
            if store.is_overdue(c, now).await? {
                store.sweep_passing(c, now).await?;
            }
        }
        for request in requests.drain(..) {
            match request {
                Request::Declare(queue, answer) => {
                    let result = store.declare(c, &queue, now).await;
                    done.push(Done::Unit(answer));
                    result?;
                }
                Request::DeleteQueue(queue, answer) => {
                    let result = if is_copied(&queue) {
                        store.leave_queue(c, &queue.name, consumer, now).await
                    } else {
                        store.delete_queue(c, &queue.name).await
                    };
                    done.push(Done::Unit(answer));
                    result?;
                }
                Request::Publish(batch, answer) => {
                    let result = store.publish(c, &batch, now).await;
                    done.push(Done::Routed(
                        answer,
                        result.as_ref().cloned().unwrap_or_default(),
                    ));
                    result?;
                }
                Request::Purge(name, answer) => {
                    let result = store.purge(c, &name).await;
                    done.push(Done::Count(
                        answer,
                        result.as_ref().copied().unwrap_or_default(),
                    ));
                    result?;
                }
                Request::Consume(queues, prefetch, answer) => {
                    let (subscription, receiver) = state.subscribe(&queues, prefetch);
                    done.push(Done::Consumer(answer, Box::new((subscription, receiver))));
                    let id = match consumer {
                        Some(id) => id,
                        None => {
                            let id = store.add_consumer(c, &Process::this(), deadline).await?;
                            // Start with what others have left behind.
                            for dead in store.dead_consumers(c, id, now).await? {
                                store.remove_consumer(c, dead).await?;
                            }
                            store.sweep_passing(c, now).await?;
                            consumer = Some(id);
                            id
                        }
                    };
                    for queue in &queues {
                        store.subscribe(c, queue, id, now).await?;
                    }
                }
                // Answered by reading, or the loop's own.
                Request::Length(..)
                | Request::Unacked(..)
                | Request::Queues(..)
                | Request::Close(..) => {}
            }
        }
        let mut batches = Vec::new();
        let mut more = false;
        if fetch && let Some(consumer) = consumer {
            for subscription in &mut state.subscriptions {
                let (taken, full) = take_for(store, c, subscription, consumer, now).await?;
                more |= full;
                if !taken.is_empty() {
                    batches.push((subscription.id, taken));
                }
            }
        }
        transaction.commit().await?;
        if renew || consumer != state.consumer {
            state.leased_until = Some(leased_until);
        }
        state.consumer = consumer;
        if fetch {
            state.more = more;
        }
        Ok(batches)
    }

    /// Answers a request that needs no write; gives the others back.
    async fn answer_from_reading(&mut self, request: Request) -> Option<Request> {
        let path = &self.path;
        let sorted = |e: sqlx::Error| SqliteError::from_driver(path, &e);
        let c = &mut self.connection;
        let done = match request {
            Request::Length(name, answer) => match self.store.length(c, &name).await {
                Ok(count) => Done::Count(answer, count),
                Err(e) => {
                    let _ = answer.send(Err(sorted(e)));
                    return None;
                }
            },
            Request::Unacked(answer) => match self.store.count_unacked(c).await {
                Ok(count) => Done::Unacked(answer, count),
                Err(e) => {
                    let _ = answer.send(Err(sorted(e)));
                    return None;
                }
            },
            Request::Queues(answer) => match self.store.queue_names(c).await {
                Ok(names) => Done::Names(answer, names),
                Err(e) => {
                    let _ = answer.send(Err(sorted(e)));
                    return None;
                }
            },
            Request::Declare(queue, answer) => match self.store.is_declared(c, &queue).await {
                Ok(true) => Done::Unit(answer),
                // An error shows again, and is answered, when it is written.
                Ok(false) | Err(_) => return Some(Request::Declare(queue, answer)),
            },
            other => return Some(other),
        };
        self.answer(done);
        None
    }

    /// Whether there is something to fetch, without taking the write lock.
    async fn something_waits(&mut self) -> Result<bool, SqliteError> {
        let path = &self.path;
        let sorted = |e: sqlx::Error| SqliteError::from_driver(path, &e);
        let consumer = self.state.consumer.unwrap_or_default();
        for subscription in &self.state.subscriptions {
            for source in &subscription.sources {
                let c = &mut self.connection;
                let waits = if source.transient {
                    subscription.channel_room() > 0
                        && self
                            .store
                            .has_transient(c, &source.name, consumer)
                            .await
                            .map_err(sorted)?
                } else {
                    let room = if source.no_ack {
                        subscription.channel_room()
                    } else {
                        subscription.room()
                    };
                    room > 0
                        && !self
                            .store
                            .waiting(c, &source.name, 1)
                            .await
                            .map_err(sorted)?
                            .is_empty()
                };
                if waits {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn answer(&mut self, done: Done) {
        // Who asked may have stopped waiting.
        match done {
            Done::Unit(answer) => drop(answer.send(Ok(()))),
            Done::Routed(answer, routed) => drop(answer.send(Ok(routed))),
            Done::Count(answer, count) => drop(answer.send(Ok(count))),
            Done::Unacked(answer, count) => drop(answer.send(Ok(count))),
            Done::Names(answer, names) => drop(answer.send(Ok(names))),
            Done::Consumer(answer, both) => {
                let (subscription, consumer) = *both;
                self.state.subscriptions.push(subscription);
                self.state.more = true;
                drop(answer.send(Ok(consumer)));
            }
        }
    }

    fn deliver(&mut self, (id, taken): Batch) {
        let state = &mut self.state;
        let Some(subscription) = state.subscriptions.iter_mut().find(|s| s.id == id) else {
            return;
        };
        for (queue, taken) in taken {
            if let Some(delivery) = taken.delivery {
                state.held.insert(delivery, id);
                subscription.unsettled += 1;
            }
            let settle = taken.delivery.map(|_| self.settle.clone());
            let tag = taken
                .delivery
                .map_or_else(|| "0".to_owned(), |d| d.to_string());
            let delivery = Delivery {
                queue,
                message: read(taken.payload),
                acker: Acker::new(tag, settle),
            };
            // There is room: only this task sends, and it has taken no more than that. If the receiver is gone, the
            // message is given back when the subscription ends.
            let _ = subscription.deliveries.try_send(delivery);
        }
    }

    /// Obeys a command of a subscription.
    async fn command(&mut self, id: u64, command: Option<Command>) -> Result<(), SqliteError> {
        let Some(position) = self.state.subscriptions.iter().position(|s| s.id == id) else {
            return Ok(());
        };
        let path = self.path.clone();
        let sorted = |e: sqlx::Error| SqliteError::from_driver(&path, &e);
        let Some(consumer) = self.state.consumer else {
            return Ok(());
        };
        let subscription = &mut self.state.subscriptions[position];
        let left: Vec<String> = match command {
            Some(Command::Prefetch(prefetch)) => {
                subscription.prefetch = prefetch;
                self.state.more = true;
                return Ok(());
            }
            Some(Command::Pause) => {
                subscription.paused = true;
                return Ok(());
            }
            Some(Command::Add(queue)) => {
                if !subscription.sources.iter().any(|s| s.name == queue.name) {
                    subscription.sources.push(Source::from(&*queue));
                }
                self.state.more = true;
                let mut transaction = self
                    .connection
                    .begin_with("BEGIN IMMEDIATE")
                    .await
                    .map_err(sorted)?;
                self.store
                    .subscribe(&mut transaction, &queue, consumer, now_ms())
                    .await
                    .map_err(sorted)?;
                return transaction.commit().await.map_err(sorted);
            }
            Some(Command::Cancel(queue)) => {
                subscription.sources.retain(|s| s.name != queue);
                vec![queue]
            }
            // The receiver is dropped. What it held stays held until the broker is closed.
            None => {
                let ended = self.state.subscriptions.remove(position);
                ended.sources.into_iter().map(|s| s.name).collect()
            }
        };
        // Another subscription of this connection may listen to the same queue.
        let kept: HashSet<String> = self
            .state
            .subscriptions
            .iter()
            .flat_map(|s| s.sources.iter().map(|s| s.name.clone()))
            .collect();
        let mut transaction = self
            .connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(sorted)?;
        for queue in left.iter().filter(|queue| !kept.contains(*queue)) {
            self.store
                .unsubscribe(&mut transaction, queue, consumer)
                .await
                .map_err(sorted)?;
        }
        transaction.commit().await.map_err(sorted)
    }

    /// Writes the last settlements and gives the rest back.
    async fn give_back(&mut self) -> Result<(), SqliteError> {
        while let Ok(settlement) = self.settlements.try_recv() {
            self.state.settle(&settlement);
        }
        let pending = std::mem::take(&mut self.state.pending);
        let path = self.path.clone();
        if !pending.is_empty() {
            self.transaction(&pending, &mut Vec::new(), &mut Vec::new(), false, false)
                .await
                .map_err(|e| e.sorted(&path))?;
        }
        let Some(consumer) = self.state.consumer.take() else {
            return Ok(());
        };
        let sorted = |e: sqlx::Error| SqliteError::from_driver(&path, &e);
        let mut transaction = self
            .connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(sorted)?;
        self.store
            .remove_consumer(&mut transaction, consumer)
            .await
            .map_err(sorted)?;
        transaction.commit().await.map_err(sorted)
    }
}

/// Why a transaction failed.
enum Failure {
    Driver(sqlx::Error),
    /// The row of this connection is gone: another has taken over what it held.
    Lease,
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(error)
    }
}

impl Failure {
    fn sorted(self, path: &std::path::Path) -> SqliteError {
        match self {
            Self::Driver(error) => SqliteError::from_driver(path, &error),
            Self::Lease => SqliteError::new(
                Kind::Lost,
                "the lease on held messages ran out (was this process stopped?); others may run them",
            ),
        }
    }
}

/// The next command of any subscription; `None` as the command if its consumer has been dropped.
///
/// # Cancel safety
/// Safe.
async fn next_command(subscriptions: &mut [Subscription]) -> (u64, Option<Command>) {
    poll_fn(|cx| {
        for subscription in subscriptions.iter_mut() {
            if let Poll::Ready(command) = subscription.commands.poll_recv(cx) {
                return Poll::Ready((subscription.id, command));
            }
        }
        Poll::Pending
    })
    .await
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
