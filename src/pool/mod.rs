//! Where tasks run that are not this program's own: in processes that are kept, and fed one request after the other.
//!
//! Mirrors `celery.concurrency`. Tasks of this program run in its own runtime, commands in a process per run; both are
//! [`Runnable`](crate::task::Runnable)s and need no pool.

pub mod python;
