//! The back end's connection: opened at first use, opened again when it is lost, the same for commands and for
//! subscriptions.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::watch::Watcher;
use crate::backend::BackendError;
use crate::broker::{BrokerError, Connection, Endpoint, Push};

/// Pauses between attempts to connect: from the first to the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Notices that wait for the hub. It only stores them, so this many never wait unless the process hangs; then those
/// beyond are dropped and everything watched is read again.
const NOTICES: usize = 16_384;

/// How often a subscribed connection is asked whether it is still there.
const CHECK: Duration = Duration::from_secs(5);

/// The connection and what is watched over it.
#[derive(Debug)]
pub(super) struct Client {
    endpoint: Endpoint,
    /// `None` until first used; kept when lost, until replaced.
    connection: tokio::sync::Mutex<Option<Connection>>,
    notices: mpsc::Sender<Notice>,
    notices_rx: Mutex<Option<mpsc::Receiver<Notice>>>,
    /// A notice was dropped.
    missed: Arc<AtomicBool>,
    /// There was a connection once: the server is worth waiting for.
    was_there: AtomicBool,
    watched: Mutex<Watched>,
    tasks: Mutex<JoinSet<()>>,
    closed: CancellationToken,
}

/// What the hub hears.
#[derive(Debug)]
pub(super) enum Notice {
    /// A value was published.
    Published(String, Vec<u8>),
    /// Look at the subscriptions again.
    Changed,
}

/// Watchers by key.
#[derive(Debug, Default)]
pub(super) struct Watched {
    pub(super) by_key: HashMap<String, Vec<Arc<Watcher>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        let (notices, notices_rx) = mpsc::channel(NOTICES);
        Self {
            endpoint,
            connection: tokio::sync::Mutex::new(None),
            notices,
            notices_rx: Mutex::new(Some(notices_rx)),
            missed: Arc::default(),
            was_there: AtomicBool::new(false),
            watched: Mutex::default(),
            tasks: Mutex::default(),
            closed: CancellationToken::new(),
        }
    }

    /// The open connection, or a new one. One attempt.
    async fn connection(&self) -> Result<Connection, BrokerError> {
        if self.closed.is_cancelled() {
            return Err(BrokerError::connection("the result back end is closed"));
        }
        let mut slot = self.connection.lock().await;
        if let Some(connection) = slot.as_ref().filter(|c| !c.is_lost()) {
            return Ok(connection.clone());
        }
        *slot = None;
        let notices = self.notices.clone();
        let missed = Arc::clone(&self.missed);
        let connection = Connection::open(&self.endpoint, move |push| {
            let Push::Message {
                channel, payload, ..
            } = push
            else {
                return;
            };
            let notice = Notice::Published(channel, payload);
            if notices.try_send(notice).is_err() {
                missed.store(true, Ordering::SeqCst);
            }
        })
        .await?;
        self.was_there.store(true, Ordering::Relaxed);
        *slot = Some(connection.clone());
        Ok(connection)
    }

    /// Runs something that may be done twice: again on a new connection if the one there was proves lost, and until
    /// the connect timeout has passed while there is none to be had. Where there never was one, a single attempt is made:
    /// the URL may be wrong, and whoever can wait tries again.
    pub(super) async fn call<T, F>(
        &self,
        command: impl Fn(Connection) -> F,
    ) -> Result<T, BackendError>
    where
        F: Future<Output = Result<T, BrokerError>>,
    {
        let deadline = Instant::now() + self.endpoint.connect_timeout;
        let mut pause = BACKOFF.0;
        loop {
            let error = match self.connection().await {
                Ok(connection) => match command(connection).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            if !error.is_transient()
                || self.closed.is_cancelled()
                || !self.was_there.load(Ordering::Relaxed)
                || Instant::now() + pause > deadline
            {
                return Err(error.into());
            }
            sleep(pause).await;
            pause = (pause * 2).min(BACKOFF.1);
        }
    }

    /// Values of keys.
    pub(super) async fn mget(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, BackendError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.call(|c| async move { c.run(redis::cmd("MGET").arg(keys)).await })
            .await
    }

    /// Removes keys.
    pub(super) async fn delete(&self, keys: &[String]) -> Result<(), BackendError> {
        self.call(|c| async move { c.run(redis::cmd("DEL").arg(keys)).await })
            .await
    }

    /// Adds a watcher; returns once the server has confirmed its subscriptions.
    pub(super) async fn join(self: &Arc<Self>, watcher: &Arc<Watcher>) -> Result<(), BackendError> {
        {
            let mut watched = locked(&self.watched);
            for key in watcher.keys() {
                let watchers = watched.by_key.entry(key.clone()).or_default();
                watchers.push(Arc::clone(watcher));
            }
        }
        if let Some(notices) = locked(&self.notices_rx).take() {
            let hub = Hub {
                client: Arc::downgrade(self),
                closed: self.closed.clone(),
            };
            locked(&self.tasks).spawn(hub.run(notices));
        }
        let keys: Vec<String> = watcher.keys().cloned().collect();
        let keys = &keys;
        let subscribed = self
            .call(|c| async move {
                for chunk in keys.chunks(super::CHUNK) {
                    c.subscribe(chunk).await?;
                }
                Ok(())
            })
            .await;
        if subscribed.is_err() {
            self.leave(watcher);
        } else {
            // The hub follows the connection from here on.
            let _ = self.notices.try_send(Notice::Changed);
        }
        subscribed
    }

    /// Removes a watcher.
    pub(super) fn leave(&self, watcher: &Arc<Watcher>) {
        let mut watched = locked(&self.watched);
        for key in watcher.keys() {
            if let Some(watchers) = watched.by_key.get_mut(key) {
                watchers.retain(|w| !Arc::ptr_eq(w, watcher));
                if watchers.is_empty() {
                    watched.by_key.remove(key);
                }
            }
        }
        let _ = self.notices.try_send(Notice::Changed);
    }

    /// Runs a task that ends with the client.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = locked(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Cancelled when the back end is closed.
    pub(super) fn closed(&self) -> &CancellationToken {
        &self.closed
    }

    pub(super) async fn close(&self) {
        self.closed.cancel();
        let mut tasks = std::mem::take(&mut *locked(&self.tasks));
        tasks.shutdown().await;
        *self.connection.lock().await = None;
        locked(&self.watched).by_key.clear();
    }

    fn watched_keys(&self) -> Vec<String> {
        locked(&self.watched).by_key.keys().cloned().collect()
    }

    fn tell(&self, key: &str, value: &[u8]) {
        if let Some(watchers) = locked(&self.watched).by_key.get(key) {
            for watcher in watchers {
                watcher.tell(key, value);
            }
        }
    }

    /// Subscribes to all that is watched and reads it: after a new connection, when something may have been missed.
    async fn resubscribe(&self) -> Result<Connection, BrokerError> {
        let connection = self.connection().await?;
        self.subscribe(&connection, &self.watched_keys()).await?;
        Ok(connection)
    }

    async fn subscribe(&self, connection: &Connection, keys: &[String]) -> Result<(), BrokerError> {
        for chunk in keys.chunks(super::CHUNK) {
            connection.subscribe(chunk).await?;
            let values: Vec<Option<Vec<u8>>> =
                connection.run(redis::cmd("MGET").arg(chunk)).await?;
            for (key, value) in chunk.iter().zip(values) {
                if let Some(value) = value {
                    self.tell(key, &value);
                }
            }
        }
        Ok(())
    }
}

/// Hands published values to their watchers, and keeps the subscriptions alive over losses of the connection.
struct Hub {
    client: std::sync::Weak<Client>,
    closed: CancellationToken,
}

impl Hub {
    async fn run(self, mut notices: mpsc::Receiver<Notice>) {
        let mut pause = BACKOFF.0;
        while let Some(client) = self.client.upgrade() {
            if client.watched_keys().is_empty() {
                drop(client);
                tokio::select! {
                    () = self.closed.cancelled() => return,
                    notice = notices.recv() => if notice.is_none() { return },
                }
                continue;
            }
            match client.resubscribe().await {
                Ok(connection) => {
                    pause = BACKOFF.0;
                    drop(client);
                    if !self.follow(&connection, &mut notices).await {
                        return;
                    }
                }
                Err(error) if error.is_transient() => {
                    tracing::debug!(%error, "waiting for the result back end");
                    drop(client);
                    tokio::select! {
                        () = self.closed.cancelled() => return,
                        () = sleep(pause) => {}
                    }
                    pause = (pause * 2).min(BACKOFF.1);
                }
                Err(error) => {
                    // Trying again cannot help: who waits is told.
                    let watchers: Vec<_> = {
                        let mut watched = locked(&client.watched);
                        watched.by_key.drain().flat_map(|(_, w)| w).collect()
                    };
                    for watcher in watchers {
                        watcher.fail(error.to_string());
                    }
                }
            }
        }
    }

    /// Until the connection is lost (true) or the client has gone (false).
    async fn follow(&self, connection: &Connection, notices: &mut mpsc::Receiver<Notice>) -> bool {
        let mut subscribed: std::collections::HashSet<String> = match self.client.upgrade() {
            Some(client) => client.watched_keys().into_iter().collect(),
            None => return false,
        };
        loop {
            let notice = tokio::select! {
                biased;
                () = self.closed.cancelled() => return false,
                _ = connection.lost() => return true,
                notice = notices.recv() => notice,
                () = sleep(CHECK) => {
                    if connection.run::<()>(&redis::cmd("PING")).await.is_err() {
                        return true;
                    }
                    continue;
                }
            };
            let Some(client) = self.client.upgrade() else {
                return false;
            };
            match notice {
                None => return false,
                Some(Notice::Published(key, value)) => client.tell(&key, &value),
                Some(Notice::Changed) => {
                    let wanted: std::collections::HashSet<String> =
                        client.watched_keys().into_iter().collect();
                    let gone: Vec<String> = subscribed.difference(&wanted).cloned().collect();
                    for chunk in gone.chunks(super::CHUNK) {
                        if connection.unsubscribe(chunk).await.is_err() {
                            return true;
                        }
                    }
                    // One that came while it was being unsubscribed for another must be subscribed again.
                    let fresh: Vec<String> = wanted.difference(&subscribed).cloned().collect();
                    if client.subscribe(connection, &fresh).await.is_err() {
                        return true;
                    }
                    subscribed = wanted;
                }
            }
            if client.missed.swap(false, Ordering::SeqCst) {
                return true;
            }
        }
    }
}
