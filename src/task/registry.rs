//! The tasks that a worker can run, by name.
//!
//! Mirrors `celery.app.registry`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::base::{Blocking, Native};
use super::{BlockingTask, Runnable, Task};

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

    /// Changes a task's options, if this registry alone holds it (that is: before a worker starts).
    pub fn options_mut(&mut self, name: &str) -> Option<&mut super::TaskOptions> {
        self.0
            .get_mut(name)
            .and_then(Arc::get_mut)
            .map(Runnable::options_mut)
    }
}
