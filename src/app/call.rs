//! A call that is given its options and sent.
//!
//! Mirrors `Signature.set` and `apply_async`.

use std::marker::PhantomData;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::App;
use super::base::merge;
use crate::producer::{Outgoing, SendError};
use crate::protocol::{Map, ProtocolError, ResultTuple, Signature, Value, time};
use crate::result::AsyncResult;
use crate::task;

/// A call of a task that returns `R`.
#[derive(Debug, Clone)]
#[must_use = "a call does nothing until it is sent with `apply_async`"]
pub struct Call<R> {
    app: App,
    signature: Signature,
    problem: Option<ProtocolError>,
    kind: PhantomData<fn() -> R>,
}

impl<R> Call<R> {
    pub(super) fn new(app: App, signature: Signature, problem: Option<ProtocolError>) -> Self {
        Self {
            app,
            signature,
            problem,
            kind: PhantomData,
        }
    }

    /// Sets any option by its Celery name.
    pub fn option(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.signature.set_option(name, value);
        self
    }

    /// Sets many options by their Celery names.
    pub fn options(mut self, options: Map) -> Self {
        merge(&mut self.signature.options, options);
        self
    }

    /// Positional arguments.
    pub fn args(mut self, args: Vec<Value>) -> Self {
        self.signature.args = args;
        self
    }

    /// Keyword arguments.
    pub fn kwargs(mut self, kwargs: Map) -> Self {
        self.signature.kwargs = kwargs;
        self
    }

    /// Its id, made beforehand ([`uuid`](crate::uuid)).
    pub fn task_id(self, id: &str) -> Self {
        self.option("task_id", id)
    }

    /// Run after this long.
    pub fn countdown(self, countdown: Duration) -> Self {
        self.option("countdown", countdown.as_secs_f64())
    }

    /// Run at this time.
    pub fn eta(self, eta: Timestamp) -> Self {
        self.option("eta", time::isoformat(eta, &TimeZone::UTC))
    }

    /// Do not run after this long.
    pub fn expires_in(self, expires: Duration) -> Self {
        self.option("expires", expires.as_secs_f64())
    }

    /// Do not run after this time.
    pub fn expires(self, expires: Timestamp) -> Self {
        self.option("expires", time::isoformat(expires, &TimeZone::UTC))
    }

    /// The queue.
    pub fn queue(self, queue: &str) -> Self {
        self.option("queue", queue)
    }

    /// The exchange.
    pub fn exchange(self, exchange: &str) -> Self {
        self.option("exchange", exchange)
    }

    /// The routing key.
    pub fn routing_key(self, routing_key: &str) -> Self {
        self.option("routing_key", routing_key)
    }

    /// 0 to 9. On Redis and SQLite 0 is the most urgent, on RabbitMQ 9.
    pub fn priority(self, priority: u8) -> Self {
        self.option("priority", i64::from(priority))
    }

    /// `json`, `msgpack`, `yaml`.
    pub fn serializer(self, serializer: &str) -> Self {
        self.option("serializer", serializer)
    }

    /// `gzip`, `bzip2`, `zstd`.
    pub fn compression(self, compression: &str) -> Self {
        self.option("compression", compression)
    }

    /// Hard time limit.
    pub fn time_limit(self, limit: Duration) -> Self {
        self.option("time_limit", limit.as_secs_f64())
    }

    /// Soft time limit.
    pub fn soft_time_limit(self, limit: Duration) -> Self {
        self.option("soft_time_limit", limit.as_secs_f64())
    }

    /// Whether to keep no result.
    pub fn ignore_result(self, ignore: bool) -> Self {
        self.option("ignore_result", ignore)
    }

    /// The name to show in logs and events.
    pub fn shadow(self, name: &str) -> Self {
        self.option("shadow", name)
    }

    /// A header of one's own, which the task sees and retries keep.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        let headers = self
            .signature
            .options
            .entry("headers".to_owned())
            .or_insert_with(|| Value::Map(Map::new()));
        if let Value::Map(headers) = headers {
            headers.insert(name.to_owned(), value.into());
        }
        self
    }

    /// A call to send with the result when this one succeeds.
    pub fn link<S>(self, callback: Call<S>) -> Self {
        self.append("link", callback)
    }

    /// A call to send with the failed task's id when this one fails.
    pub fn link_error<S>(self, errback: Call<S>) -> Self {
        self.append("link_error", errback)
    }

    fn append<S>(mut self, option: &str, call: Call<S>) -> Self {
        self.problem = self.problem.or(call.problem);
        let list = self
            .signature
            .options
            .entry(option.to_owned())
            .or_insert_with(|| Value::List(Vec::new()));
        if let Value::List(list) = list {
            list.push(call.signature.to_value());
        }
        self
    }

    /// Does not take the result of the task before it in a chain.
    pub fn immutable(mut self) -> Self {
        self.signature.immutable = true;
        self
    }

    /// The call as data: for canvas.
    ///
    /// # Errors
    /// If an argument has no wire form.
    pub fn into_signature(self) -> Result<Signature, ProtocolError> {
        match self.problem {
            None => Ok(self.signature),
            Some(problem) => Err(problem),
        }
    }

    /// The message that would be sent.
    ///
    /// # Errors
    /// As [`Call::apply_async`], before sending.
    pub async fn message(self) -> Result<Outgoing, SendError> {
        let producer = self.app.producer().await;
        let signature = self.into_signature()?;
        producer
            .composer()
            .compose(&signature, task::current().as_ref(), Timestamp::now())
    }

    /// Sends it.
    ///
    /// # Errors
    /// If an argument or option is wrong, the broker cannot be reached, or no queue takes the message.
    pub async fn apply_async(self) -> Result<AsyncResult<R>, SendError> {
        let app = self.app.clone();
        let signature = self.into_signature()?;
        let producer = app.producer().await;
        let backend = app.backend().await?;
        let caller = task::current();
        let result: ResultTuple = producer.apply(signature, caller.as_ref()).await?;
        if let Some(caller) = &caller {
            caller.add_child(result.clone());
        }
        Ok(AsyncResult::new(result, backend))
    }
}
