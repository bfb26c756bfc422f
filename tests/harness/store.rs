//! A place for messages and results that rcelery and Python share: Redis, or one SQLite file.

use std::path::PathBuf;

use tempfile::TempDir;

use super::redis::RedisServer;

/// A broker and a result back end, empty at the start, gone at the end.
pub(crate) struct Store {
    /// The broker's URL, as both sides take it.
    pub(crate) broker: String,
    /// The result back end's URL, as both sides take it.
    pub(crate) backend: String,
    redis: Option<RedisServer>,
    dir: TempDir,
}

impl Store {
    /// A Redis server: messages in database 0, results in database 1.
    #[track_caller]
    pub(crate) fn redis() -> Self {
        Self::on(RedisServer::start())
    }

    /// The same on a server that was started with options.
    #[track_caller]
    pub(crate) fn on(server: RedisServer) -> Self {
        Self {
            broker: server.url(0),
            backend: server.url(1),
            redis: Some(server),
            dir: TempDir::new().expect("a temporary directory"),
        }
    }

    /// One SQLite file for both, under the URLs that SQLAlchemy needs.
    #[track_caller]
    pub(crate) fn sqlite() -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let file = dir.path().join("celery.db");
        Self {
            broker: format!("sqla+sqlite:///{}", file.display()),
            backend: format!("db+sqlite:///{}", file.display()),
            redis: None,
            dir,
        }
    }

    /// The server, where this is Redis.
    #[track_caller]
    pub(crate) fn server(&mut self) -> &mut RedisServer {
        self.redis.as_mut().expect("this store is Redis")
    }

    /// True where this is Redis.
    pub(crate) fn is_redis(&self) -> bool {
        self.redis.is_some()
    }

    /// A file name in the store's own directory, for tasks that leave a mark.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}
