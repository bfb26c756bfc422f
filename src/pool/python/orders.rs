//! Orders to the parent: what it is asked, and who waits for the answer.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot, watch};

use super::PythonError;
use super::program::framed;
use crate::protocol::{Map, Value};

/// Orders that may wait.
const ROOM: usize = 1000;

/// Where orders are handed in. Clones are the same.
#[derive(Debug, Clone)]
pub struct Orders {
    queue: mpsc::Sender<Order>,
    /// Numbers of those that are answered.
    numbers: Arc<AtomicU64>,
}

/// What is asked of the parent.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) text: Vec<u8>,
    pub(super) fds: Vec<OwnedFd>,
    awaits: Awaits,
}

/// Who waits.
#[derive(Debug)]
enum Awaits {
    Nobody,
    /// Of a fork: its id, and who waits for its process id and for its end.
    Child(u64, Started, watch::Sender<Option<i32>>),
    /// For an answer, by the number of the order.
    Answer(u64, oneshot::Sender<Value>),
}

type Started = oneshot::Sender<Result<u32, String>>;

impl Orders {
    /// A queue of orders, and its other end.
    pub(super) fn new() -> (Self, mpsc::Receiver<Order>) {
        let (queue, waiting) = mpsc::channel(ROOM);
        let numbers = Arc::default();
        (Self { queue, numbers }, waiting)
    }

    /// Hands an order in that nobody waits for; false if there are too many, or nobody is there any more.
    #[must_use]
    pub fn post<const N: usize>(&self, order: [(&str, Value); N]) -> bool {
        self.queue
            .try_send(Order {
                text: framed(&Value::from(order)),
                fds: Vec::new(),
                awaits: Awaits::Nobody,
            })
            .is_ok()
    }

    /// As [`Orders::post`], however long it takes.
    pub(super) async fn tell<const N: usize>(&self, order: [(&str, Value); N]) {
        let order = Order {
            text: framed(&Value::from(order)),
            fds: Vec::new(),
            awaits: Awaits::Nobody,
        };
        // Whoever is gone needs not be told.
        let _ = self.queue.send(order).await;
    }

    /// Waits for an answer; none if there is nobody to give one.
    pub(super) async fn ask<const N: usize>(&self, order: [(&str, Value); N]) -> Option<Value> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let mut order = Map::from_iter(order.map(|(name, value)| (name.to_owned(), value)));
        order.insert("number".to_owned(), number.into());
        let (answer, is_answered) = oneshot::channel();
        let order = Order {
            text: framed(&Value::Map(order)),
            fds: Vec::new(),
            awaits: Awaits::Answer(number, answer),
        };
        self.queue.send(order).await.ok()?;
        is_answered.await.ok()
    }

    /// Has a child made. Its process id, and where its exit code will be.
    pub(super) async fn fork<const N: usize>(
        &self,
        id: u64,
        order: [(&str, Value); N],
        fds: Vec<OwnedFd>,
    ) -> Result<(u32, watch::Receiver<Option<i32>>), PythonError> {
        let (started, is_started) = oneshot::channel();
        let (exited, exit) = watch::channel(None);
        let order = Order {
            text: framed(&Value::from(order)),
            fds,
            awaits: Awaits::Child(id, started, exited),
        };
        let sent = self.queue.send(order).await;
        sent.map_err(|_| PythonError::Gone)?;
        let pid = is_started.await.map_err(|_| PythonError::Gone)?;
        let pid = pid.map_err(|reason| PythonError::Fork { reason })?;
        Ok((pid, exit))
    }
}

/// Those who wait.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    starting: HashMap<u64, Started>,
    living: HashMap<u64, watch::Sender<Option<i32>>>,
    asking: HashMap<u64, oneshot::Sender<Value>>,
}

impl Waiting {
    /// Notes who waits for an order that is on its way. Its text and descriptors.
    pub(super) fn note(&mut self, order: Order) -> (Vec<u8>, Vec<OwnedFd>) {
        match order.awaits {
            Awaits::Nobody => {}
            Awaits::Child(id, started, exited) => {
                self.starting.insert(id, started);
                self.living.insert(id, exited);
            }
            Awaits::Answer(number, answer) => {
                self.asking.insert(number, answer);
            }
        }
        (order.text, order.fds)
    }

    /// Passes a report on. Whoever waited for it may have been cut off.
    pub(super) fn hear(&mut self, mut report: Map) {
        let number = |name: &str| report.get(name).and_then(Value::as_i64);
        let id = |name: &str| number(name).and_then(|n| u64::try_from(n).ok());
        if let Some(id) = id("forked") {
            if let (Some(started), Some(pid)) = (self.starting.remove(&id), number("pid")) {
                let _ = started.send(Ok(u32::try_from(pid).unwrap_or_default()));
            }
        } else if let Some(id) = id("unforked") {
            self.living.remove(&id);
            if let Some(started) = self.starting.remove(&id) {
                let reason = report.get("error").and_then(Value::as_str);
                let _ = started.send(Err(reason.unwrap_or("it refuses").to_owned()));
            }
        } else if let Some(id) = id("exited") {
            if let Some(exited) = self.living.remove(&id) {
                let code = number("code").and_then(|n| i32::try_from(n).ok());
                exited.send_replace(Some(code.unwrap_or_default()));
            }
        } else if let Some(number) = id("answer")
            && let Some(answer) = self.asking.remove(&number)
        {
            let _ = answer.send(report.swap_remove("value").unwrap_or_default());
        }
    }
}
