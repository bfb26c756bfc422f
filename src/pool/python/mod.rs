//! The pool of a Python app: one parent that imports the app, and the children that it forks.
//!
//! This process holds no Python. [`Program`] starts the interpreter and gets the app described; [`Parent`] has it fork,
//! kill and report; a [`Child`] takes requests and says how they go. The Python side is in the `.py` files of this
//! directory, which travel inside of this program and reach the interpreter over its socket: nothing is installed.
//!
//! A request goes to a child as one packet, which the child reads whole or not at all: what was sent ahead of its time
//! can be taken back ([`Child::recall`]), so nothing is ever stuck behind a long task. What the child has to say comes
//! as a stream of frames, in the order in which things happened ([`Child::said`]).
//!
//! Mirrors `celery.concurrency.prefork` and `billiard.pool`; the tracing is Celery's own (`celery.app.trace`).

mod child;
mod error;
mod orders;
mod parent;
mod program;
mod wire;

pub use self::child::{Child, Said, Start, human_status};
pub use self::error::PythonError;
pub use self::orders::Orders;
pub use self::parent::{Fork, Parent};
pub use self::program::{Output, Program, interpreter};
pub use self::wire::{End, Outcome, Packet, Parts, Stored};
