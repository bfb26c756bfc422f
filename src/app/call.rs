//! A call that is given its options and sent.
//!
//! Mirrors `Signature.set` and `apply_async`.

use std::marker::PhantomData;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::App;
use super::base::merge;
use crate::canvas;
use crate::producer::{Outgoing, SendError};
use crate::protocol::{Map, ProtocolError, Signature, Value, time};
use crate::result::AsyncResult;
use crate::task;

/// A call of a task that returns `R`, or a canvas of calls whose result is an `R`.
///
/// `a | b` is a chain: see [`Call::then`].
#[derive(Debug)]
#[must_use = "a call does nothing until it is sent with `apply_async`"]
pub struct Call<R> {
    app: App,
    signature: Signature,
    problem: Option<ProtocolError>,
    kind: PhantomData<fn() -> R>,
}

impl<R> Clone for Call<R> {
    fn clone(&self) -> Self {
        Self {
            app: self.app.clone(),
            signature: self.signature.clone(),
            problem: self.problem.clone(),
            kind: PhantomData,
        }
    }
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

    /// Positional arguments, in the place of those it has: `args([2, 3])`.
    pub fn args<A: Into<Value>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.signature.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// Keyword arguments, in the place of those it has: `kwargs([("x", 2), ("y", 3)])`.
    pub fn kwargs<K: Into<String>, V: Into<Value>>(
        mut self,
        kwargs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let kwargs = kwargs.into_iter().map(|(k, v)| (k.into(), v.into()));
        self.signature.kwargs = kwargs.collect();
        self
    }

    /// One more positional argument, of any type.
    pub fn arg<A: Serialize + ?Sized>(mut self, value: &A) -> Self {
        match Value::from_serialize(value) {
            Ok(value) => self.signature.args.push(value),
            Err(error) => self.problem = self.problem.or(Some(error)),
        }
        self
    }

    /// One more keyword argument, of any type.
    pub fn kwarg<A: Serialize + ?Sized>(mut self, name: &str, value: &A) -> Self {
        match Value::from_serialize(value) {
            Ok(value) => {
                self.signature.kwargs.insert(name.to_owned(), value);
            }
            Err(error) => self.problem = self.problem.or(Some(error)),
        }
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
        let changed = canvas::set_immutable(&mut self.signature);
        self.problem = self.problem.or(changed.err());
        self
    }

    /// The same call, its result read as another type: for canvases of tasks that return different things.
    pub fn cast<S>(self) -> Call<S> {
        Call::new(self.app, self.signature, self.problem)
    }

    pub(super) fn into_parts(self) -> (Signature, Option<ProtocolError>) {
        (self.signature, self.problem)
    }

    pub(super) fn app(&self) -> &App {
        &self.app
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

    /// The message that would be sent: of one task, not of a canvas.
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
        let mut results = app.send_many([self]).await?;
        Ok(results.pop().expect("there is a result for each call"))
    }
}
