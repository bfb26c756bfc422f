//! A message on its way to be a request: the task is taken out, for a Python task together with what a child of the pool
//! will get.

use std::sync::Arc;

use bytes::Bytes;

use crate::pool::python::Parts;
use crate::protocol::codec::Accept;
use crate::protocol::{Message, ProtocolError, TaskMessage, request};
use crate::task::{Registry, Runnable};

/// What a child gets of a message.
#[derive(Debug, Clone, Default)]
pub struct Wire {
    /// Whether both parts are in Python's own format, or the request is JSON and the body as it came.
    pub is_plain: bool,
    /// The request.
    pub head: Bytes,
    /// The body.
    pub body: Bytes,
}

impl Wire {
    /// The parts of a packet.
    pub(super) fn parts(&self) -> Parts<'_> {
        Parts {
            is_plain: self.is_plain,
            head: &self.head,
            body: &self.body,
        }
    }
}

/// What is needed to read messages.
#[derive(Debug, Clone, Default)]
pub(super) struct Reader {
    pub(super) tasks: Arc<Registry>,
    pub(super) accept: Accept,
    /// The node's name.
    pub(super) hostname: Arc<str>,
}

/// A message that was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) task: TaskMessage,
    /// The task, if this worker knows it.
    pub(super) runnable: Option<Arc<dyn Runnable>>,
    /// For a child, if the task is a Python one.
    pub(super) wire: Option<Box<Wire>>,
}

impl Reader {
    /// Takes the task out of a message. The body of a Python task that is no JSON is for the child alone to read.
    ///
    /// # Errors
    /// As [`TaskMessage::take`].
    pub(super) fn read(&self, message: &mut Message) -> Result<Read, ProtocolError> {
        let named = message.task_name().and_then(|name| self.tasks.get(name));
        let is_python = named.is_some_and(|task| task.as_python().is_some());
        let is_json = message.content_type == "application/json";
        if is_python && !is_json {
            let wire = Some(self.as_it_came(message));
            let task = TaskMessage::take_header(message)?;
            let runnable = self.tasks.get(&task.header.task).cloned();
            return Ok(Read {
                task,
                runnable,
                wire,
            });
        }
        // The headers are moved into the task.
        let head = is_python
            .then(|| request::to_marshal(message, &self.hostname))
            .flatten();
        let task = TaskMessage::take(message, &self.accept)?;
        let runnable = self.tasks.get(&task.header.task).cloned();
        let knows_python = runnable.as_ref().is_some_and(|r| r.as_python().is_some());
        let body = head.as_ref().and_then(|_| request::body_to_marshal(&task));
        let wire = match (knows_python, head, body) {
            (false, ..) => None,
            (true, Some(head), Some(body)) => Some(Box::new(Wire {
                is_plain: true,
                head: head.into(),
                body: body.into(),
            })),
            (true, ..) => {
                // A value that is not plain; or protocol 1, which has all of it in the body.
                let mut second = task.to_message("json", None)?;
                second.properties = message.properties.clone();
                Some(self.as_it_came(&second))
            }
        };
        Ok(Read {
            task,
            runnable,
            wire,
        })
    }

    /// A message as a child, or the app, reads it by itself.
    pub(super) fn as_it_came(&self, message: &Message) -> Box<Wire> {
        Box::new(Wire {
            is_plain: false,
            head: request::to_json(message, &self.hostname).into(),
            body: message.body.clone(),
        })
    }
}
