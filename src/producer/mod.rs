//! Sending: a signature becomes routed, published messages, on a connection of its own.
//!
//! `compose.rs` is pure (options → message), `send.rs` holds the connection. Mirrors `celery.app.amqp` and
//! `celery.app.task.Task.apply_async`.

mod compose;
mod error;
mod send;

pub use self::compose::{Composer, Outgoing};
pub use self::error::SendError;
pub use self::send::{Connect, Producer};
