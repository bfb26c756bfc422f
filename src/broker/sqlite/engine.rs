//! The task that owns the connection to the file. All that is asked of it at one time goes into one transaction.
//!
//! It alone uses its connection. Between connections, of this process and of others, SQLite's write lock decides, and it is
//! held for one batch at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::callers::next_command;
use super::deliveries::Taken;
use super::desk::Desk;
use super::request::{Answer, Request, refuse_all};
use super::schema::Tables;
use super::sql::Sql;
use super::state::{Pending, State, Work};
use super::store::Store;
use crate::broker::base::Held;
use crate::broker::delivery::Settlement;
use crate::sqlite::{Connection, Kind, Location, OpenOptions, SqliteError, Topic, Watch};

/// Requests gathered into one transaction at most.
const REQUESTS: usize = 128;
/// Settlements gathered into one transaction at most.
const SETTLEMENTS: usize = 1024;
/// How often a lease is renewed, and the others are looked at: a fifth of the lease.
pub(super) const RENEWALS_PER_LEASE: u32 = 5;
/// How long to wait after a locked or full file before fetching and settling again.
const PAUSE: Duration = Duration::from_millis(250);

/// How long to wait for more settlements than there are, so that one transaction takes many.
const LINGER: Duration = Duration::from_millis(1);
/// How long to be asleep at a time meanwhile. Nobody who settles has to wake this thread then.
const NAP: Duration = Duration::from_micros(100);

/// How often to see whether a full channel has room again.
const LOOK_FOR_ROOM: Duration = Duration::from_millis(5);

/// What a lost connection held, for those who ask the broker.
pub(super) type Orphans = Arc<Mutex<Vec<Held>>>;

/// Messages taken for a subscription, with the queue of each.
pub(super) type Batch = (u64, Vec<(String, Taken)>);

/// Why the loop ends.
enum End {
    Closed(Option<Answer<()>>),
    Lost(SqliteError),
}

/// The connection and all that hangs on it.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) connection: Connection,
    pub(super) store: Store,
    pub(super) lease: Duration,
    watch: Watch,
    requests: mpsc::Receiver<Request>,
    settlements: mpsc::UnboundedReceiver<Settlement>,
    pub(super) settle: mpsc::UnboundedSender<Settlement>,
    orphans: Orphans,
    lost: watch::Sender<Option<SqliteError>>,
    pub(super) state: State,
}

/// Milliseconds of Unix time. Leases are compared between processes, so the clock is the machine's.
pub(super) fn now_ms() -> i64 {
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
        orphans: Orphans,
    ) -> Result<Self, SqliteError> {
        let mut connection = Connection::open(location.path(), options).await?;
        tables.create(&mut connection).await?;
        // Unbounded because prefetch bounds how many deliveries can be settled.
        let (settle, settlements) = mpsc::unbounded_channel();
        Ok(Self {
            watch: Watch::new(connection.file().path(), Topic::Messages)?,
            connection,
            store: Store {
                sql: Sql::new(tables),
            },
            lease,
            requests,
            settlements,
            settle,
            lost,
            orphans,
            state: State::default(),
        })
    }

    /// A desk for those who publish.
    pub(super) fn desk(&self, options: OpenOptions) -> Desk {
        let put = Arc::clone(&self.store.sql.put_now);
        Desk::new(self.connection.file().clone(), options, put)
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
                self.connection.announce(Topic::Messages);
                self.connection.close().await;
                if let Some(answer) = answer {
                    let _ = answer.send(result);
                }
            }
            End::Lost(error) => {
                debug!(file = %self.connection.file().path().display(), %error, "connection lost");
                self.state.subscriptions.clear();
                *self.orphans.lock().unwrap_or_else(PoisonError::into_inner) = self.state.orphans();
                let _ = self.lost.send(Some(error.clone()));
                while let Ok(request) = self.requests.try_recv() {
                    request.refuse(&error);
                }
                self.connection.close().await;
            }
        }
    }

    async fn serve(&mut self) -> End {
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
                    () = until(self.state.renew_at) => {}
                    changed = self.watch.changed(), if consuming => match changed {
                        Ok(()) => work.fetch = true,
                        Err(error) => return End::Lost(error),
                    },
                    () = until(paused) => {}
                    // Nobody says when the receiver has made room in its channel.
                    () = tokio::time::sleep(LOOK_FOR_ROOM), if self.state.is_clogged() => {}
                }
            }
            // By the clock: while others never cease to ask, nobody waits for it above.
            work.renew = self.state.renew_at.is_some_and(|at| at <= Instant::now());
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
        self.take_settlements();
        if work.requests.is_empty() && !work.renew {
            self.linger();
        }
        if !self.state.pending.is_empty() {
            // What is settled makes room for more.
            work.fetch = true;
        }
        None
    }

    fn take_settlements(&mut self) {
        while self.state.pending.len() < SETTLEMENTS {
            let Ok(settlement) = self.settlements.try_recv() else {
                break;
            };
            self.state.settle(&settlement);
        }
    }

    /// Lets settlements gather until all that is out is settled, or no more come: a transaction for each would leave no
    /// time for anything else. Nobody waits for one that comes alone.
    fn linger(&mut self) {
        let until = Instant::now() + LINGER;
        loop {
            let there = self.state.pending.len();
            let is_enough = there >= SETTLEMENTS || self.state.held.is_empty();
            if there == 0 || is_enough || Instant::now() >= until {
                return;
            }
            std::thread::sleep(NAP);
            self.take_settlements();
            if self.state.pending.len() == there {
                return;
            }
        }
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
        warn!(file = %self.connection.file().path().display(), %error, "will try again");
        self.state.pause_until = Some(now + PAUSE);
        self.state.renew_at = self.state.renew_at.map(|at| at.max(now + PAUSE));
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
        if let Err(error) = self.connection.file().check() {
            refuse_all(requests, &error);
            return Err(error);
        }
        let pending = if settle {
            std::mem::take(&mut self.state.pending)
        } else {
            Vec::new()
        };
        let mut done = Vec::with_capacity(requests.len());
        let result = self
            .transaction(&pending, &mut requests, &mut done, fetch, work.renew)
            .await;
        match result {
            Ok(batches) => {
                self.state.pause_until = None;
                // Nobody waits for an ack.
                if !done.is_empty() || pending.iter().any(Pending::gives_back) {
                    self.connection.announce(Topic::Messages);
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

    /// Writes the last settlements and gives the rest back.
    async fn give_back(&mut self) -> Result<(), SqliteError> {
        while let Ok(settlement) = self.settlements.try_recv() {
            self.state.settle(&settlement);
        }
        let pending = std::mem::take(&mut self.state.pending);
        if !pending.is_empty() {
            self.transaction(&pending, &mut Vec::new(), &mut Vec::new(), false, false)
                .await?;
        }
        let Some(consumer) = self.state.consumer.take() else {
            return Ok(());
        };
        let store = &self.store;
        self.connection
            .write(async |c| store.remove_consumer(c, consumer).await)
            .await
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
