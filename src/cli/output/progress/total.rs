//! The line about all tasks together.

use std::time::{Duration, Instant};

use super::look::Look;
use super::span::{clock, rough, seconds};
use super::{PLAIN_EVERY, colour};

/// How many tasks there are, and how many have ended.
#[derive(Debug)]
pub(super) struct Total {
    count: usize,
    done: usize,
    failed: usize,
    begun: Instant,
    /// The last plain line: how many were done, and when.
    said: (usize, Instant),
}

impl Total {
    pub(super) fn new(count: usize, now: Instant) -> Self {
        Self {
            count,
            done: 0,
            failed: 0,
            begun: now,
            said: (0, now),
        }
    }

    /// Counts a task that has ended.
    pub(super) fn count(&mut self, well: bool) {
        self.done += 1;
        self.failed += usize::from(!well);
    }

    /// `total  ━━╸──  42/120  1 failed  3 running  75 queued  00:31  eta 58s`.
    pub(super) fn line(&self, running: usize, look: &Look, now: Instant) -> String {
        let elapsed = now.saturating_duration_since(self.begun);
        let mut parts = vec![
            format!("  {}", colour::paint(look.colour, "1", "total")),
            look.bar(self.share()),
            format!("{}/{}", self.done, self.count),
        ];
        parts.extend(self.rest(running, look.colour));
        parts.push(colour::paint(look.colour, "2", &clock(elapsed)));
        let left = self.count.saturating_sub(self.done);
        if self.done > 0 && left > 0 {
            let each = elapsed.as_secs_f64() / count_of(self.done);
            if let Ok(eta) = Duration::try_from_secs_f64(each * count_of(left)) {
                parts.push(format!("eta {}", rough(eta)));
            }
        }
        parts.join("  ")
    }

    /// `total 42/120 35% 1 failed 3 running 75 queued`, if a plain line is due: a tenth further, or some time later.
    pub(super) fn plain(&mut self, running: usize, now: Instant) -> Option<String> {
        let (said, when) = self.said;
        // Each end has a line of its own: the total comes after ten at the earliest.
        let further = (self.done - said) * 10 >= self.count.max(100);
        if self.done == self.count || !further && now.duration_since(when) < PLAIN_EVERY {
            return None;
        }
        self.said = (self.done, now);
        let mut parts = vec![format!(
            "total {}/{} {:.0}%",
            self.done,
            self.count,
            self.share() * 100.0
        )];
        parts.extend(self.rest(running, false));
        Some(parts.join(" "))
    }

    /// What is left on the screen when the wait is over: `119 of 120 tasks succeeded, 1 failed, in 1m 29s`.
    pub(super) fn summary(&self, now: Instant) -> String {
        let good = self.done - self.failed;
        let mut parts = vec![format!("{good} of {} tasks succeeded", self.count)];
        if self.failed > 0 {
            parts.push(format!("{} failed", self.failed));
        }
        if self.done < self.count {
            parts.push(format!("{} not done", self.count - self.done));
        }
        let took = seconds(now.saturating_duration_since(self.begun));
        format!("{} in {took}", parts.join(", "))
    }

    fn rest(&self, running: usize, colour: bool) -> Vec<String> {
        let queued = self.count.saturating_sub(self.done + running);
        let mut parts = Vec::new();
        if self.failed > 0 {
            let failed = format!("{} failed", self.failed);
            parts.push(colour::paint(colour, "31", &failed));
        }
        if running > 0 {
            parts.push(format!("{running} running"));
        }
        if queued > 0 {
            parts.push(format!("{queued} queued"));
        }
        parts
    }

    fn share(&self) -> f64 {
        count_of(self.done) / count_of(self.count.max(1))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody waits for so many tasks that a double can't count them"
)]
fn count_of(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total() -> (Total, Instant) {
        let start = Instant::now();
        let mut total = Total::new(120, start);
        (0..42).for_each(|n| total.count(n != 7));
        (total, start)
    }

    #[test]
    fn the_line_counts_and_estimates() {
        let (total, start) = total();
        let look = Look {
            columns: 120,
            ..Look::default()
        };
        assert_eq!(
            total.line(3, &look, start + Duration::from_secs(31)),
            "  total  ━━━━━━━━━╸──────────────────  42/120  1 failed  3 running  75 queued  00:31  eta 58s"
        );
    }

    #[test]
    fn a_plain_total_comes_per_tenth_or_after_five_seconds() {
        let (mut total, start) = total();
        assert_eq!(
            total.plain(3, start).as_deref(),
            Some("total 42/120 35% 1 failed 3 running 75 queued")
        );
        total.count(true);
        assert_eq!(total.plain(3, start), None);
        assert!(total.plain(3, start + PLAIN_EVERY).is_some());
    }

    #[test]
    fn the_summary_leaves_out_what_did_not_happen() {
        let start = Instant::now();
        let mut total = Total::new(2, start);
        total.count(true);
        assert_eq!(
            total.summary(start),
            "1 of 2 tasks succeeded, 1 not done in 0.0s"
        );
        total.count(true);
        assert_eq!(total.summary(start), "2 of 2 tasks succeeded in 0.0s");
    }
}
