//! One connection to a Redis server: opened within a deadline, every command within a deadline, its end noticed.
//!
//! Shared with the Redis result back end. It never reconnects.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, Pipeline, RedisError};
use tokio::sync::watch;
use tokio::time::timeout;

use super::endpoint::Endpoint;
use super::failure::{classify, spoken};
use super::open::{Login, open_master, open_server};
use super::scripts::Script;
use crate::broker::BrokerError;

/// What the server says unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Push {
    /// Keys that this connection has looked at have changed (`CLIENT TRACKING`).
    Changed,
    /// A message of a channel, or of a pattern.
    Message {
        /// The pattern, for pattern subscriptions.
        pattern: Option<String>,
        /// The channel.
        channel: String,
        /// What was published.
        payload: Vec<u8>,
    },
}

/// Why a connection has ended: kept as text, because many wait for it.
#[derive(Debug, Clone)]
pub(super) struct Lost(Arc<str>);

/// An open connection; clones share it.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(super) inner: MultiplexedConnection,
    /// `host:port`, for messages.
    pub(super) peer: Arc<str>,
    pub(super) deadline: Duration,
    pub(super) lost: watch::Sender<Option<Lost>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connection({})", self.peer)
    }
}

impl Connection {
    /// Opens a connection; `on_push` is called for what the server sends unasked and must not block.
    pub(crate) async fn open(
        endpoint: &Endpoint,
        on_push: impl Fn(Push) + Send + Sync + 'static,
    ) -> Result<Self, BrokerError> {
        Self::open_as(endpoint, Arc::new(on_push), watch::channel(None).0).await
    }

    /// Opens another connection to the same server; when one of the two is lost, so is the other.
    pub(crate) async fn open_twin(
        &self,
        endpoint: &Endpoint,
        on_push: impl Fn(Push) + Send + Sync + 'static,
    ) -> Result<Self, BrokerError> {
        Self::open_as(endpoint, Arc::new(on_push), self.lost.clone()).await
    }

    async fn open_as(
        endpoint: &Endpoint,
        on_push: Arc<dyn Fn(Push) + Send + Sync>,
        lost: watch::Sender<Option<Lost>>,
    ) -> Result<Self, BrokerError> {
        if endpoint.sentinel.is_some() {
            return timeout(
                endpoint.connect_timeout,
                open_master(endpoint, on_push, lost),
            )
            .await
            .unwrap_or_else(|_| {
                Err(BrokerError::Timeout(format!(
                    "no Sentinel named a reachable master in {}",
                    spoken(endpoint.connect_timeout)
                )))
            });
        }
        let address = endpoint
            .addresses
            .first()
            .ok_or_else(|| BrokerError::Config("the URL names no server".to_owned()))?;
        open_server(endpoint, address, &Login::of(endpoint), on_push, lost).await
    }

    /// Runs one command.
    pub(crate) async fn run<T: FromRedisValue>(&self, cmd: &Cmd) -> Result<T, BrokerError> {
        let mut inner = self.inner.clone();
        self.answered(cmd.query_async(&mut inner)).await
    }

    /// Runs commands in one round trip.
    pub(crate) async fn run_all<T: FromRedisValue>(
        &self,
        pipeline: &Pipeline,
    ) -> Result<T, BrokerError> {
        let mut inner = self.inner.clone();
        self.answered(pipeline.query_async(&mut inner)).await
    }

    /// Runs a call of a script, whose text is sent first if the server does not know it.
    pub(crate) async fn run_script<T: FromRedisValue>(
        &self,
        script: &Script,
        call: &Cmd,
    ) -> Result<T, BrokerError> {
        let mut inner = self.inner.clone();
        let answer = async {
            let unknown = match call.query_async(&mut inner).await {
                Err(error) if error.code() == Some("NOSCRIPT") => error,
                answered => return answered,
            };
            // Nothing has been done. Its text makes it known until the server restarts.
            tracing::debug!("{unknown}");
            script.with_text(call).query_async(&mut inner).await
        };
        self.answered(answer).await
    }

    /// Subscribes to patterns.
    pub(crate) async fn psubscribe(&self, patterns: &[String]) -> Result<(), BrokerError> {
        let mut inner = self.inner.clone();
        self.answered(inner.psubscribe(patterns)).await
    }

    /// Ends subscriptions to patterns.
    pub(crate) async fn punsubscribe(&self, patterns: &[String]) -> Result<(), BrokerError> {
        let mut inner = self.inner.clone();
        self.answered(inner.punsubscribe(patterns)).await
    }

    /// Subscribes to channels.
    pub(crate) async fn subscribe(&self, channels: &[String]) -> Result<(), BrokerError> {
        let mut inner = self.inner.clone();
        self.answered(inner.subscribe(channels)).await
    }

    /// Ends subscriptions to channels.
    pub(crate) async fn unsubscribe(&self, channels: &[String]) -> Result<(), BrokerError> {
        let mut inner = self.inner.clone();
        self.answered(inner.unsubscribe(channels)).await
    }

    /// Whether the connection is known to be gone.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.borrow().is_some()
    }

    /// Resolves when the connection is known to be gone.
    pub(crate) async fn lost(&self) -> BrokerError {
        let mut lost = self.lost.subscribe();
        // The sender lives in `self`, so this ends with a reason.
        let reason = lost.wait_for(Option::is_some).await;
        let reason = reason.ok().and_then(|reason| reason.clone());
        reason.map_or_else(
            || BrokerError::connection("the connection is closed"),
            |Lost(reason)| BrokerError::connection(reason.to_string()),
        )
    }

    async fn answered<T>(
        &self,
        command: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, BrokerError> {
        let error = match timeout(self.deadline, command).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => classify(error, &self.peer),
            Err(_) => BrokerError::Timeout(format!(
                "{} has not answered for {}",
                self.peer,
                spoken(self.deadline)
            )),
        };
        if error.is_transient() {
            mark_lost(&self.lost, &error.to_string());
        }
        Err(error)
    }
}

/// The first reason stays.
pub(super) fn mark_lost(lost: &watch::Sender<Option<Lost>>, reason: &str) {
    lost.send_if_modified(|lost| {
        let first = lost.is_none();
        if first {
            *lost = Some(Lost(reason.into()));
        }
        first
    });
}
