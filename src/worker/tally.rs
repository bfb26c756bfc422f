//! How many tasks have ended, how, and how long they ran: for metrics.

use std::collections::BTreeMap;
use std::time::Duration;

/// Upper bounds of the histogram's buckets, in seconds; what is longer is counted in the sum alone.
pub const BOUNDS: [f64; 12] = [
    0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0,
];

/// The name under which tasks are counted that this worker does not know, so that senders can't make up labels.
pub const UNREGISTERED: &str = "(unregistered)";

/// What is counted, by task name. The names are those of the worker's tasks, and [`UNREGISTERED`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    ended: BTreeMap<String, BTreeMap<&'static str, u64>>,
    runtimes: BTreeMap<String, Runtimes>,
}

/// How long the runs of a task took.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Runtimes {
    /// How many runs took at most the bound of the same index, and longer than the one before it.
    pub buckets: [u64; BOUNDS.len()],
    /// How many runs there were.
    pub count: u64,
    /// How long they took together, in seconds.
    pub sum: f64,
}

impl Tally {
    /// Counts an end: `SUCCESS`, `FAILURE`, `RETRY`, `REVOKED`, `REJECTED`, `IGNORED` or `CANCELLED`.
    pub fn end(&mut self, task: &str, state: &'static str) {
        let ended = match self.ended.get_mut(task) {
            Some(ended) => ended,
            None => self.ended.entry(task.to_owned()).or_default(),
        };
        *ended.entry(state).or_default() += 1;
    }

    /// Counts a run.
    pub fn ran(&mut self, task: &str, took: Duration) {
        let seconds = took.as_secs_f64();
        let runtimes = match self.runtimes.get_mut(task) {
            Some(runtimes) => runtimes,
            None => self.runtimes.entry(task.to_owned()).or_default(),
        };
        runtimes.count += 1;
        runtimes.sum += seconds;
        if let Some(i) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            runtimes.buckets[i] += 1;
        }
    }

    /// How many tasks of a name ended in a state.
    pub fn ended(&self) -> impl Iterator<Item = (&str, &'static str, u64)> {
        self.ended.iter().flat_map(|(task, ended)| {
            ended
                .iter()
                .map(|(state, count)| (task.as_str(), *state, *count))
        })
    }

    /// The runs by task name.
    pub fn runtimes(&self) -> impl Iterator<Item = (&str, &Runtimes)> {
        self.runtimes.iter().map(|(task, r)| (task.as_str(), r))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_fall_into_their_buckets() {
        let mut tally = Tally::default();
        for ms in [1, 5, 6, 700, 4_000_000] {
            tally.ran("t", Duration::from_millis(ms));
        }
        let (_, runs) = tally.runtimes().next().unwrap();
        assert_eq!(runs.count, 5);
        assert_eq!(runs.buckets[..2], [2, 1]);
        assert_eq!(runs.buckets.iter().sum::<u64>(), 4);
        assert!((runs.sum - 4000.712).abs() < 1e-9);
    }

    #[test]
    fn ends_are_counted_by_task_and_state() {
        let mut tally = Tally::default();
        tally.end("t", "SUCCESS");
        tally.end("t", "SUCCESS");
        tally.end("t", "RETRY");
        let ended: Vec<_> = tally.ended().collect();
        assert_eq!(ended, [("t", "RETRY", 1), ("t", "SUCCESS", 2)]);
    }
}
