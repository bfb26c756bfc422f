//! The SQLite broker and result back end on real files, with several processes and real Python beside them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod broker;
mod database;
mod fixture;
mod processes;
mod python;
