//! A place to keep results, of any back end, and what the cases do with it.

use std::sync::Arc;
use std::time::Duration;

use rcelery::backend::{self, Backend, Changes, Options, Stored};
use rcelery::protocol::{ResultMeta, State, Value};

use crate::harness::RedisServer;

/// How long something may take that takes milliseconds on an idle machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// What holds the results; dropped with the fixture.
#[derive(Debug)]
#[expect(dead_code, reason = "held for its Drop")]
pub(crate) enum Store {
    Redis(RedisServer),
    Sqlite(tempfile::TempDir),
}

/// A back end with nothing in it. To add one: a constructor, and its name after `on` in each `conformance!`.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) url: String,
    _store: Store,
}

impl Fixture {
    pub(crate) fn redis() -> Self {
        let server = RedisServer::start();
        Self {
            url: server.url(1),
            _store: Store::Redis(server),
        }
    }

    pub(crate) fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self {
            url: format!(
                "db+sqlite:///{}",
                directory.path().join("celery.db").display()
            ),
            _store: Store::Sqlite(directory),
        }
    }

    /// One more client with default options.
    pub(crate) async fn connect(&self) -> Arc<dyn Backend> {
        self.connect_with(|_| {}).await
    }

    /// One more client.
    pub(crate) async fn connect_with(&self, set: impl FnOnce(&mut Options)) -> Arc<dyn Backend> {
        let mut options = Options::default();
        set(&mut options);
        backend::connect(&self.url, &options).await.unwrap()
    }
}

/// A meta without the extras.
pub(crate) fn meta(id: &str, state: &State, result: impl Into<Value>) -> ResultMeta {
    ResultMeta::new(id, state.clone(), result.into())
}

/// Stores one meta.
pub(crate) async fn store(backend: &Arc<dyn Backend>, meta: ResultMeta) -> Stored {
    let mut outcomes = backend.store(&[meta]).await.unwrap();
    outcomes.remove(0).unwrap()
}

/// The next change.
pub(crate) async fn next(changes: &mut Changes) -> ResultMeta {
    tokio::time::timeout(SOON, changes.next())
        .await
        .expect("a change in time")
        .expect("the subscription goes on")
        .expect("no error")
}

/// Reads changes until the task is ready, and returns the last.
pub(crate) async fn ready(changes: &mut Changes) -> ResultMeta {
    loop {
        let meta = next(changes).await;
        if meta.status.is_ready() {
            return meta;
        }
    }
}
