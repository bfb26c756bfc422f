//! Real traffic of Celery, read and written by the protocol, both ways.
//!
//! Each file of a fixture folder is either checked by its shape or listed with the reason why not: a file of unknown
//! shape fails the test.

mod control;
mod events;
mod fixture;
mod malformed;
mod oracle;
mod results;
mod task_messages;
