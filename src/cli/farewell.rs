//! What is said, and done, about tasks that are waited for when the wait is interrupted.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::output::table::printable;

/// The tasks that the command waits for: what is said about them when it is interrupted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Farewell(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    ids: Vec<String>,
    done: HashSet<String>,
    cancel: bool,
    /// Said instead, where there are no tasks.
    words: Option<&'static str>,
}

/// At most so many ids are named in a farewell.
const NAMED: usize = 8;

impl Farewell {
    /// Notes the tasks that are waited for from now on. `cancel`: an interrupt revokes them.
    pub(crate) fn waits_for(&self, ids: &[String], cancel: bool) {
        *self.lock() = Waiting {
            ids: ids.to_vec(),
            done: HashSet::new(),
            cancel,
            words: None,
        };
    }

    /// Notes what to say from now on: a question stands open.
    pub(crate) fn says(&self, words: &'static str) {
        self.lock().words = Some(words);
    }

    /// One of them is done.
    pub(crate) fn is_done(&self, id: &str) {
        self.lock().done.insert(id.to_owned());
    }

    /// The tasks that an interrupt revokes.
    pub(crate) fn to_cancel(&self) -> Vec<String> {
        let waiting = self.lock();
        if waiting.cancel {
            waiting.open()
        } else {
            Vec::new()
        }
    }

    /// How to go on waiting, if there is something to wait for.
    pub(crate) fn words(&self) -> Option<String> {
        let waiting = self.lock();
        let open = waiting.open();
        let open: Vec<String> = open.iter().map(|id| printable(id)).collect();
        let command = "rcelery result --wait";
        match open.len() {
            0 => waiting.words.map(ToOwned::to_owned),
            n if n <= NAMED => Some(format!("still running: {command} {}", open.join(" "))),
            n => Some(format!(
                "still running: {n} of {} tasks; the first {NAMED}: {command} {}",
                waiting.ids.len(),
                open[..NAMED].join(" ")
            )),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn open(&self) -> Vec<String> {
        let open = self.ids.iter().filter(|id| !self.done.contains(*id));
        open.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farewell_names_what_is_not_done() {
        let farewell = Farewell::default();
        assert_eq!(farewell.words(), None);
        farewell.waits_for(&["a".to_owned(), "b".to_owned()], false);
        farewell.is_done("a");
        assert_eq!(
            farewell.words().as_deref(),
            Some("still running: rcelery result --wait b")
        );
        assert_eq!(farewell.to_cancel(), Vec::<String>::new());
        farewell.is_done("b");
        assert_eq!(farewell.words(), None);
    }

    #[test]
    fn a_farewell_to_many_names_a_few() {
        let farewell = Farewell::default();
        let ids: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        farewell.waits_for(&ids, true);
        farewell.is_done("0");
        assert_eq!(
            farewell.words().as_deref(),
            Some(
                "still running: 99 of 100 tasks; the first 8: rcelery result --wait 1 2 3 4 5 6 7 8"
            )
        );
        assert_eq!(farewell.to_cancel().len(), 99);
    }
}
