//! The tasks that a worker can run, by name.
//!
//! Mirrors `celery.app.registry`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::base::{Blocking, Native};
use super::{BlockingTask, Runnable, Task};
use crate::protocol::Map;

/// Tasks by name, sorted.
#[derive(Debug, Clone, Default)]
pub struct Registry(BTreeMap<String, Arc<dyn Runnable>>);

impl Registry {
    /// Registers an async task.
    pub fn add<T: Task>(&mut self) {
        self.insert(Arc::new(Native::<T>::new(T::options())));
    }

    /// Registers a blocking task.
    pub fn add_blocking<T: BlockingTask>(&mut self) {
        self.insert(Arc::new(Blocking::<T>::new(T::options())));
    }

    /// Registers any task; one of the same name is replaced.
    pub fn insert(&mut self, task: Arc<dyn Runnable>) {
        self.0.insert(task.name().to_owned(), task);
    }

    /// Forgets the task of that name.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// The task of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Runnable>> {
        self.0.get(name)
    }

    /// All tasks, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Runnable>> {
        self.0.values()
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Sets options of a task by their Celery names.
    ///
    /// # Errors
    /// Names the unknown option or the one of the wrong type.
    pub fn annotate(&mut self, name: &str, annotations: &Map) -> Result<(), String> {
        let Some(task) = self.0.get(name) else {
            return Ok(());
        };
        let mut options = task.options().clone();
        options.annotate(annotations)?;
        let task = task.with_options(options);
        self.insert(task);
        Ok(())
    }
}
