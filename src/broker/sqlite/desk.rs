//! A connection on which those who publish put a message into a queue themselves.
//!
//! To wake the engine's thread, and to be woken by it, takes longer than to write a small message. So who publishes one does
//! it himself where nobody would have to wait: the lock is free, nobody else is at the desk. Else the engine does it, with
//! all else that it is asked. The connection is not the engine's: its holder may be on a thread that user code blocks.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::store::query;
use crate::broker::base::{Destination, Routed};
use crate::protocol::{ExchangeType, Message, envelope};
use crate::sqlite::{Connection, OpenOptions, SameFile, Topic};

/// Bytes of a body that take no longer to write than to hand to another thread.
const BYTES: usize = 64 << 10;
/// How long to stay awake for a write. Most take half of it; to sleep and be woken would take as long again.
const AWAKE: Duration = Duration::from_micros(100);
/// Messages that the engine gets first: a program that sends a few needs no second connection.
const FIRST: u32 = 8;

/// The desk; it is open from the first time that it is worth it.
#[derive(Debug)]
pub(super) struct Desk {
    file: SameFile,
    options: OpenOptions,
    put: Arc<str>,
    published: AtomicU32,
    connection: Mutex<Option<Connection>>,
}

impl Desk {
    pub(super) fn new(file: SameFile, options: OpenOptions, put: Arc<str>) -> Self {
        Self {
            file,
            options: OpenOptions {
                lock_timeout: Duration::ZERO,
                ..options
            },
            put,
            published: AtomicU32::new(0),
            connection: Mutex::new(None),
        }
    }

    /// Publishes, if that can be done at once. Whatever stands in the way, the engine finds it too, and says it.
    pub(super) async fn publish(&self, batch: &[(Destination, Message)]) -> Option<Vec<Routed>> {
        let [(destination, message)] = batch else {
            return None;
        };
        let is_plain = destination.exchange.is_empty() && destination.kind != ExchangeType::Fanout;
        if !is_plain
            || message.body.len() > BYTES
            || self.published.fetch_add(1, Ordering::Relaxed) < FIRST
        {
            return None;
        }
        let mut connection = self.connection.try_lock().ok()?;
        self.file.check().ok()?;
        if connection.is_none() {
            let opened = Connection::open(self.file.path(), &self.options).await;
            if opened.is_err() {
                // The next to try are some others.
                self.published.store(0, Ordering::Relaxed);
            }
            *connection = opened.ok();
            self.file.check().ok()?;
        }
        let connection = connection.as_mut()?;
        let put = query(&self.put)
            .bind(destination.routing_key.as_str())
            .bind(envelope::encode(message))
            .execute(&mut **connection);
        let put = awake(put).await;
        // No row if there is no such queue, or if it is not in kombu's tables.
        if put.ok()?.rows_affected() == 0 {
            return None;
        }
        connection.announce(Topic::Messages);
        Some(vec![Routed {
            queues: 1,
            receivers: None,
        }])
    }

    pub(super) async fn close(&self) {
        let open = self.connection.lock().await.take();
        if let Some(open) = open {
            open.close().await;
        }
    }
}

/// Asks for what a driver's thread is about to say again and again for a moment, before it lets this thread sleep.
async fn awake<F: Future>(answer: F) -> F::Output {
    let mut answer = pin!(answer);
    let until = Instant::now() + AWAKE;
    poll_fn(|cx| {
        loop {
            let now = answer.as_mut().poll(cx);
            if now.is_ready() || Instant::now() >= until {
                return now;
            }
            // The driver's thread may wait for this processor.
            std::thread::yield_now();
        }
    })
    .await
}
