//! A task message being handled, from receipt to settlement.
//!
//! Mirrors `celery.worker.request.Request`.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::reading::{Read, Wire};
use super::state::Mark;
use crate::broker::{Acker, BrokerError, Settle};
use crate::protocol::{
    DeliveryInfo, Map, Message, ProtocolError, TaskHeader, TaskMessage, Value, repr, time,
};
use crate::task::{PythonTask, Runnable, Stop, TaskOptions};

/// The right to settle a message, and whether it was used.
#[derive(Debug)]
struct Right {
    acker: Option<Acker>,
    settled: Option<Settle>,
}

/// A task message being handled, and the right to settle it.
#[derive(Debug)]
pub struct Request {
    /// The task message.
    pub message: Arc<TaskMessage>,
    /// The task, if this worker knows it.
    pub runnable: Option<Arc<dyn Runnable>>,
    /// Where it came from.
    pub delivery_info: DeliveryInfo,
    /// Its priority, as sent.
    pub priority: Option<i64>,
    /// The sender's reply queue.
    pub reply_to: Option<String>,
    /// Its correlation id.
    pub correlation_id: Option<String>,
    /// The queue that it was taken from.
    pub queue: String,
    /// When to run it.
    pub eta: Option<Timestamp>,
    /// When not to run it any more.
    pub expires: Option<Timestamp>,
    /// Body size and type, for a copy of the message as it came.
    pub serializer: String,
    /// Unix time of its start.
    started: OnceLock<f64>,
    /// What a child of the pool gets, if the task is a Python one.
    pub wire: Option<Box<Wire>>,
    /// The process that runs it, if that is not this one.
    pid: OnceLock<u32>,
    mark: Mark,
    acknowledged: AtomicBool,
    taken: AtomicBool,
    right: Mutex<Right>,
    stop: Stopper,
}

/// When a task may run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// Not before.
    pub eta: Option<Timestamp>,
    /// Not after.
    pub expires: Option<Timestamp>,
}

impl Times {
    /// Reads the times of a header.
    ///
    /// # Errors
    /// `Invalid` if one cannot be read.
    pub(super) fn of(header: &TaskHeader) -> Result<Self, ProtocolError> {
        let when = |text: &Option<String>| text.as_deref().map(time::parse).transpose();
        Ok(Self {
            eta: when(&header.eta)?,
            expires: when(&header.expires)?,
        })
    }
}

/// What cuts a run off.
#[derive(Debug, Default)]
struct Stopper {
    /// Whether it runs, and can be cut off.
    armed: AtomicBool,
    why: Mutex<Option<Stop>>,
    asked: Notify,
}

impl Stopper {
    fn lock(&self) -> MutexGuard<'_, Option<Stop>> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn why(&self) -> Option<Stop> {
        self.lock().clone()
    }
}

impl Request {
    /// Makes a request of a message out of which the task was taken.
    #[must_use]
    pub(super) fn new(
        read: Read,
        times: Times,
        message: Message,
        queue: String,
        acker: Acker,
    ) -> Self {
        let Read {
            task,
            runnable,
            wire,
        } = read;
        let properties = message.properties;
        let tag = properties.delivery_tag.as_deref();
        Self {
            mark: Mark::message(tag.unwrap_or_default(), &queue),
            delivery_info: DeliveryInfo {
                redelivered: properties.delivery_info.redelivered || task.header.redelivered,
                ..properties.delivery_info
            },
            priority: properties.priority,
            reply_to: properties.reply_to,
            correlation_id: properties.correlation_id,
            queue,
            eta: times.eta,
            expires: times.expires,
            serializer: message.content_type,
            message: Arc::new(task),
            runnable,
            started: OnceLock::new(),
            wire,
            pid: OnceLock::new(),
            acknowledged: AtomicBool::new(false),
            taken: AtomicBool::new(false),
            right: Mutex::new(Right {
                acker: Some(acker),
                settled: None,
            }),
            stop: Stopper::default(),
        }
    }

    /// The options of its task, if that is known here.
    #[must_use]
    pub fn options(&self) -> Option<&TaskOptions> {
        self.runnable.as_ref().map(|task| task.options())
    }

    /// The task id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.message.header.id
    }

    /// The task's name, as registered.
    #[must_use]
    pub fn task(&self) -> &str {
        &self.message.header.task
    }

    /// The name to show.
    #[must_use]
    pub fn name(&self) -> &str {
        self.message.header.display_name()
    }

    /// `name[id]`, as in every log line.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}[{}]", one_line(self.name()), one_line(self.id()))
    }

    /// Text of the positional arguments: the sender's, else made here.
    #[must_use]
    pub fn argsrepr(&self) -> String {
        self.message
            .header
            .argsrepr
            .clone()
            .unwrap_or_else(|| repr::args_repr(&self.message.args))
    }

    /// Text of the keyword arguments.
    #[must_use]
    pub fn kwargsrepr(&self) -> String {
        self.message
            .header
            .kwargsrepr
            .clone()
            .unwrap_or_else(|| repr::kwargs_repr(&self.message.kwargs))
    }

    fn right(&self) -> MutexGuard<'_, Right> {
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tag of its delivery, while it is not settled.
    #[must_use]
    pub fn delivery_tag(&self) -> Option<String> {
        let right = self.right();
        right.acker.as_ref().map(|a| a.delivery_tag().to_owned())
    }

    /// The marks of its delivery and of its message, while it is not settled.
    #[must_use]
    pub fn marks(&self) -> Option<[Mark; 2]> {
        let right = self.right();
        let acker = right.acker.as_ref()?;
        Some([Mark::delivery(acker.delivery_tag()), self.mark])
    }

    /// Whether it has been handed to a slot.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed)
    }

    /// Notes that it is handed to a slot: from now on it goes on whatever becomes of the connection.
    pub fn mark_taken(&self) {
        self.taken.store(true, Ordering::Relaxed);
    }

    /// Unix time of its start, if it has started.
    #[must_use]
    pub fn time_start(&self) -> Option<f64> {
        self.started.get().copied()
    }

    /// Notes its start: from now on it can be cut off.
    pub fn mark_started(&self, at: f64) {
        // A request starts once.
        let _ = self.started.set(at);
        self.stop.armed.store(true, Ordering::Release);
    }

    /// Notes the process that runs it.
    pub fn mark_pid(&self, pid: u32) {
        // The first is that of the run that counts.
        let _ = self.pid.set(pid);
    }

    /// The process that runs it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.get().copied().unwrap_or_else(std::process::id)
    }

    /// The Python task, if it is one.
    #[must_use]
    pub fn python(&self) -> Option<&PythonTask> {
        self.runnable.as_ref()?.as_python()
    }

    /// Whether it has been acknowledged.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Settles the message, once; later calls do nothing.
    ///
    /// # Errors
    /// `Connection` if its connection is gone: the message is settled when it is taken over, or comes again.
    pub fn settle(&self, how: Settle) -> Result<(), BrokerError> {
        let mut right = self.right();
        let Some(acker) = right.acker.take() else {
            return Ok(());
        };
        right.settled = Some(how);
        if how == Settle::Ack {
            self.acknowledged.store(true, Ordering::Relaxed);
        }
        acker.settle(how)
    }

    /// Takes the right to settle away.
    #[must_use]
    pub fn take_acker(&self) -> Option<Acker> {
        self.right().acker.take()
    }

    /// Gives the request its delivery on a new connection, in the place of that on the lost one. If it was settled in
    /// the meantime, in vain, it is settled again.
    ///
    /// # Errors
    /// As [`Request::settle`].
    pub fn renew_acker(&self, acker: Acker) -> Result<(), BrokerError> {
        let mut right = self.right();
        match right.settled {
            Some(how) => acker.settle(how),
            None => {
                right.acker = Some(acker);
                Ok(())
            }
        }
    }

    /// Resolves when the run is to be cut off.
    pub async fn stopped(&self) -> Stop {
        loop {
            let asked = self.stop.asked.notified();
            if let Some(why) = self.stop.why() {
                return why;
            }
            asked.await;
        }
    }

    /// Notes that it has run, and can't be cut off any more.
    pub fn mark_ended(&self) {
        self.stop.armed.store(false, Ordering::Release);
    }

    /// Cuts the running task off; false if it does not run, or is being cut off already.
    pub fn stop(&self, why: Stop) -> bool {
        if !self.stop.armed.load(Ordering::Acquire) {
            return false;
        }
        {
            let mut asked = self.stop.lock();
            if asked.is_some() {
                return false;
            }
            *asked = Some(why);
        }
        self.stop.asked.notify_one();
        true
    }

    /// Notes that it was asked to stop and goes on all the same: it can be asked again.
    pub fn go_on(&self) {
        self.stop.lock().take();
    }

    /// The request as remote control shows it; `safe` gives the arguments as text.
    #[must_use]
    pub fn info(&self, hostname: &str, safe: bool) -> Value {
        let header = &self.message.header;
        let (args, kwargs) = if safe {
            (self.argsrepr().into(), self.kwargsrepr().into())
        } else {
            (
                self.message.args.clone().into(),
                self.message.kwargs.clone().into(),
            )
        };
        let mut delivery = Map::new();
        delivery.insert(
            "exchange".to_owned(),
            self.delivery_info.exchange.as_str().into(),
        );
        delivery.insert(
            "routing_key".to_owned(),
            self.delivery_info.routing_key.as_str().into(),
        );
        delivery.insert("priority".to_owned(), Value::opt(self.priority));
        delivery.insert(
            "redelivered".to_owned(),
            self.delivery_info.redelivered.into(),
        );
        let started = self.time_start();
        Value::from([
            ("id", self.id().into()),
            ("name", self.name().into()),
            ("args", args),
            ("kwargs", kwargs),
            ("type", header.task.as_str().into()),
            ("hostname", hostname.into()),
            ("time_start", Value::opt(started)),
            ("acknowledged", self.is_acknowledged().into()),
            ("delivery_info", delivery.into()),
            ("worker_pid", Value::opt(started.map(|_| self.pid()))),
        ])
    }
}

/// A name or id as it stands in a line of the log: a sender chose it, and must not begin a record of his own.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        text.replace(char::is_control, "\u{fffd}").into()
    } else {
        text.into()
    }
}
