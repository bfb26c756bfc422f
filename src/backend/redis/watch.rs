//! Watching results: subscribe, read what is there, then hand on what is published.
//!
//! Mirrors `celery.backends.redis.ResultConsumer`.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::payload::Codec;
use crate::backend::{BackendError, Changes};

/// Changes that wait for the reader: the latest value of each task waits elsewhere, so none is lost.
const CHANGES: usize = 64;

/// Keys per read of the present values.
const CHUNK: usize = super::CHUNK;

/// One subscription of a caller.
#[derive(Debug)]
pub(super) struct Watcher {
    /// Key to task id.
    keys: HashMap<String, String>,
    /// The latest value of each key that the reader has not seen.
    news: Mutex<News>,
    told: Notify,
}

#[derive(Debug, Default)]
struct News {
    /// In the order in which keys changed.
    order: Vec<String>,
    values: HashMap<String, Vec<u8>>,
    failure: Option<String>,
}

impl Watcher {
    pub(super) fn keys(&self) -> impl Iterator<Item = &String> {
        self.keys.keys()
    }

    fn news(&self) -> std::sync::MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a value.
    pub(super) fn tell(&self, key: &str, value: &[u8]) {
        let mut news = self.news();
        if news.values.insert(key.to_owned(), value.to_vec()).is_none() {
            news.order.push(key.to_owned());
        }
        self.told.notify_one();
    }

    /// Ends the subscription with an error.
    pub(super) fn fail(&self, reason: String) {
        self.news().failure = Some(reason);
        self.told.notify_one();
    }
}

/// Starts watching `keys` (key to task id).
pub(super) async fn watch(
    client: &Arc<Client>,
    keys: HashMap<String, String>,
    codec: Codec,
) -> Result<Changes, BackendError> {
    let watcher = Arc::new(Watcher {
        keys,
        news: Mutex::default(),
        told: Notify::new(),
    });
    client.join(&watcher).await?;
    let names: Vec<String> = watcher.keys().cloned().collect();
    for chunk in names.chunks(CHUNK) {
        let values = match client.mget(chunk).await {
            Ok(values) => values,
            Err(error) => {
                client.leave(&watcher);
                return Err(error);
            }
        };
        for (key, value) in chunk.iter().zip(values) {
            // What was published meanwhile is newer.
            if let Some(value) = value.filter(|_| !watcher.news().values.contains_key(key)) {
                watcher.tell(key, &value);
            }
        }
    }
    let (changes, changes_rx) = mpsc::channel(CHANGES);
    let alive = CancellationToken::new();
    let pump = pump(Arc::clone(client), watcher, codec, changes, alive.clone());
    client.spawn(pump);
    Ok(Changes::new(changes_rx, Some(alive.drop_guard())))
}

/// Hands news to the reader until it goes.
async fn pump(
    client: Arc<Client>,
    watcher: Arc<Watcher>,
    codec: Codec,
    changes: mpsc::Sender<Result<crate::protocol::ResultMeta, BackendError>>,
    alive: CancellationToken,
) {
    let closed = client.closed().clone();
    let weak = Arc::downgrade(&client);
    drop(client);
    let send = async {
        // Published before the value was read, and heard after it: not worth telling once a task is ready.
        let mut ready = HashSet::new();
        loop {
            let news = std::mem::take(&mut *watcher.news());
            for key in news.order {
                let (Some(id), Some(value)) = (watcher.keys.get(&key), news.values.get(&key))
                else {
                    continue;
                };
                let meta = codec.decode_meta(id, value).map_err(BackendError::from);
                match &meta {
                    Ok(meta) if meta.status.is_ready() => {
                        ready.insert(key.clone());
                    }
                    Ok(_) if ready.contains(&key) => continue,
                    _ => {}
                }
                if changes.send(meta).await.is_err() {
                    return;
                }
            }
            if let Some(reason) = news.failure {
                let _ = changes.send(Err(BackendError::connection(reason))).await;
                return;
            }
            watcher.told.notified().await;
        }
    };
    tokio::select! {
        () = send => {}
        () = alive.cancelled() => {}
        () = closed.cancelled() => {}
    }
    if let Some(client) = weak.upgrade() {
        client.leave(&watcher);
    }
}
