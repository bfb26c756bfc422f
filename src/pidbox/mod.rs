//! The mailboxes of remote control: one side asks all workers at once, the other hears and answers.
//!
//! Mirrors `kombu.pidbox` and the asking half of `celery.app.control`.

mod mailbox;
mod node;

pub use self::mailbox::{Command, Mailbox, Options, Pattern, Replies, Wait};
pub use self::node::{Answer, Handler, Node};
