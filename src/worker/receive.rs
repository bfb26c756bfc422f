//! A delivery on its way in: what is no task is refused, what is one is run, held, throttled or discarded.
//!
//! Mirrors `celery.worker.consumer.Consumer.on_task_received` and its handlers of messages that are none.

use std::sync::Arc;

use jiff::Timestamp;

use super::Request;
use super::consumer::Consumer;
use super::execute::discard;
use super::request::{Times, one_line};
use super::start::event;
use super::state::{Mark, Phase};
use super::strategy::{Decision, decide};
use super::timer::Kept;
use crate::broker::{Acker, Delivery};
use crate::protocol::codec::json;
use crate::protocol::{Message, ProtocolError, Value};

impl Consumer {
    /// Takes a delivery in.
    pub(super) fn receive(&mut self, delivery: Delivery) {
        self.received += 1;
        let Delivery {
            queue,
            message,
            acker,
        } = delivery;
        let mut message = match message {
            Ok(message) => message,
            Err(garbled) => {
                let (id, task) = garbled_ids(&garbled.raw);
                tracing::error!(
                    event = "message.unreadable",
                    id,
                    task,
                    queue,
                    "Received a message that can't be read from queue `{queue}`, rejecting it: {} [id: {}, task: {}, \
                     delivery_tag: {}, body: {}]",
                    garbled.error,
                    one_line(&id),
                    one_line(&task),
                    acker.delivery_tag(),
                    excerpt(&garbled.raw),
                );
                return refuse(acker);
            }
        };
        let again = message.properties.delivery_info.redelivered;
        let tag = message.properties.delivery_tag.as_deref();
        let mark = again.then(|| Mark::message(tag.unwrap_or_default(), &queue));
        if mark.is_some_and(|mark| self.core.state.lock().was_settled(mark)) {
            // Its settlement was lost with the connection. A message that somebody sends anew, byte for byte, is not
            // marked as redelivered, and runs.
            let id = message.task_id().unwrap_or_default();
            tracing::debug!("message of task [{id}] was settled before: acknowledged again");
            return drop(acker.ack());
        }
        // What is to be held is kept as its message, in little space.
        let kept = message.headers.get("eta").filter(|eta| !eta.is_null());
        let kept = kept.map(|_| message.clone());
        let read = match self.core.reader.read(&mut message) {
            Ok(read) => read,
            Err(error) => {
                let names = (message.task_id(), message.task_name());
                return self.reject(&queue, names, &message, acker, &error);
            }
        };
        let times = match Times::of(&read.task.header) {
            Ok(times) => times,
            Err(error) => {
                let header = &read.task.header;
                let names = (Some(&*header.id), Some(&*header.task));
                return self.reject(&queue, names, &message, acker, &error);
            }
        };
        let request = Request::new(read, times, message, queue, acker);
        let request = Arc::new(request);
        let (known, revoked) = {
            let state = self.core.state.lock();
            (state.at_hand(request.id()), state.revoked_by(&request))
        };
        if let Some((_, running)) = known
            && running.is_taken()
            && running.message.header.retries == request.message.header.retries
            && request.delivery_info.redelivered
            && let Some(acker) = request.take_acker()
        {
            // It runs here already: the connection on which it came was lost, and this is the same message again.
            tracing::info!(
                "Task {} is running already: kept, and acknowledged when it ends",
                running.label()
            );
            if let Err(error) = running.renew_acker(acker) {
                tracing::debug!("{error}");
            }
            return;
        }
        tracing::info!(
            event = "task.received",
            task = request.name(),
            id = request.id(),
            queue = request.queue,
            "Task {} received",
            request.label()
        );
        let is_known = request.runnable.is_some();
        if let (Some(pool), Some(wire)) = (&self.core.python, &request.wire)
            && pool.hears("task_received")
        {
            pool.parent().heard("task_received", wire.parts());
        }
        if self.core.acks_late(&request) {
            self.note_late();
        }
        if request.options().is_some_and(|o| o.send_events) {
            self.core
                .events
                .task("task-received", || received(&request));
        }
        match decide(&request, revoked.is_some(), Timestamp::now()) {
            Decision::Discard(why) => {
                let core = Arc::clone(&self.core);
                self.core
                    .running
                    .spawn(async move { discard(&core, &request, why, revoked.flatten()).await });
            }
            // A name nobody knows is reported at once, not when its time comes.
            Decision::Hold(eta) if is_known => {
                let queue = request.queue.clone();
                let kept = kept.map(|message| Kept { message, queue });
                self.core.state.lock().timer.add(eta, request, kept);
                self.held += 1;
                self.taken_in += 1;
            }
            Decision::Hold(_) | Decision::Run => {
                self.core.state.lock().place(Phase::Reserved, &request);
                self.ready_or_throttled(request);
            }
        }
    }

    /// Logs a message that is no task, with everything needed to find it, and takes it off the queue.
    fn reject(
        &self,
        queue: &str,
        (id, task): (Option<&str>, Option<&str>),
        message: &Message,
        acker: Acker,
        error: &ProtocolError,
    ) {
        tracing::error!(
            event = "message.invalid",
            id,
            task,
            queue,
            "Received an invalid task message from queue `{queue}`, rejecting it: {error} [id: {}, task: {}, delivery_tag: {}, \
         content type: {}, body: {}]",
            one_line(id.unwrap_or("none")),
            one_line(task.unwrap_or("none")),
            acker.delivery_tag(),
            one_line(&message.content_type),
            excerpt(&message.body),
        );
        if let Some(pool) = &self.core.python
            && pool.hears("task_rejected")
        {
            let wire = self.core.reader.as_it_came(message);
            pool.parent().heard("task_rejected", wire.parts());
        }
        refuse(acker);
    }
}

fn received(request: &Request) -> crate::protocol::Map {
    let header = &request.message.header;
    let iso = |at: Option<Timestamp>| {
        Value::opt(at.map(|at| crate::protocol::time::isoformat(at, &jiff::tz::TimeZone::UTC)))
    };
    event(
        request,
        [
            ("name", request.name().into()),
            ("args", request.argsrepr().into()),
            ("kwargs", request.kwargsrepr().into()),
            ("root_id", Value::opt(header.root_id.as_deref())),
            ("parent_id", Value::opt(header.parent_id.as_deref())),
            ("retries", header.retries.into()),
            ("eta", iso(request.eta)),
            ("expires", iso(request.expires)),
        ],
    )
}

fn refuse(acker: Acker) {
    if let Err(error) = acker.reject(false) {
        tracing::debug!("a rejected message will come again: {error}");
    }
}

/// The task's id and name that can be made out in an envelope that is none.
fn garbled_ids(raw: &[u8]) -> (String, String) {
    let envelope = json::from_slice(raw).unwrap_or_default();
    let text = |part: &str, name: &str| {
        let part = envelope.as_map()?.get(part)?.as_map()?;
        part.get(name)?.as_str().map(str::to_owned)
    };
    let none = || "none".to_owned();
    let id = text("headers", "id").or_else(|| text("properties", "correlation_id"));
    (
        id.unwrap_or_else(none),
        text("headers", "task").unwrap_or_else(none),
    )
}

/// The beginning of a body, for the log.
fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 200;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]);
    let more = if bytes.len() > SHOWN {
        format!("… ({} bytes)", bytes.len())
    } else {
        String::new()
    };
    format!("{text:?}{more}")
}
