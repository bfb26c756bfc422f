//! A message on its way to be a request: the task is taken out, for a Python task together with what a child of the pool
//! will get.

use std::sync::Arc;

use bytes::Bytes;

use crate::protocol::codec::Accept;
use crate::protocol::{Message, ProtocolError, TaskMessage, request};
use crate::task::{Registry, Runnable};

/// What a child gets of a message: the request as JSON, and the body as it came.
#[derive(Debug, Clone, Default)]
pub struct Wire {
    /// The request.
    pub head: String,
    /// The body.
    pub body: Bytes,
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
        let wire = named
            .filter(|task| task.as_python().is_some())
            .map(|_| self.wire(message));
        let is_json = message.content_type == "application/json";
        let task = if wire.is_some() && !is_json {
            TaskMessage::take_header(message)?
        } else {
            TaskMessage::take(message, &self.accept)?
        };
        let runnable = self.tasks.get(&task.header.task).cloned();
        let wire = match (wire, &runnable) {
            (None, Some(known)) if known.as_python().is_some() => {
                // Protocol 1 has all of it in the body.
                let mut second = task.to_message("json", None)?;
                second.properties = message.properties.clone();
                Some(self.wire(&second))
            }
            (wire, _) => wire,
        };
        Ok(Read {
            task,
            runnable,
            wire,
        })
    }

    fn wire(&self, message: &Message) -> Box<Wire> {
        Box::new(Wire {
            head: request::to_json(message, &self.hostname),
            body: message.body.clone(),
        })
    }
}
