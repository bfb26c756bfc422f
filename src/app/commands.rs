//! Command tasks of a configuration file.

use std::sync::Arc;

use super::App;
use crate::config::{ConfigError, TaskTable};
use crate::task::command::{Command, Definition, Problem, Reason};

impl App {
    /// The app with the command tasks of a configuration file, and what is wrong with those that could not be taken.
    #[must_use]
    pub fn with_commands(self, tables: &[TaskTable]) -> (Self, Vec<ConfigError>) {
        let mut wrong = Vec::new();
        let app = self.with(|_, _, tasks| {
            for table in tables {
                match Definition::read(&table.name, &table.table, table.directory()) {
                    Ok(definition) => tasks.insert(Arc::new(Command::new(definition))),
                    Err(Problem { path, reason }) => wrong.push(match reason {
                        Reason::UnknownKey { suggestion } => table.unknown_key(&path, suggestion),
                        Reason::Invalid(reason) => table.invalid(&path, &reason),
                    }),
                }
            }
        });
        (app, wrong)
    }
}
