//! One task that is waited for, and its line on the screen.

use std::time::{Duration, Instant};

use console::measure_text_width;

use super::super::colour::paint;
use super::super::meta::Progress;
use super::super::table::printable;
use super::look::Look;
use super::span::{clock, rough, seconds};
use super::{reason, short_id};
use crate::protocol::{ResultMeta, Value};

/// What is known of a task that is not done.
#[derive(Debug)]
pub(super) struct Task {
    name: String,
    id: String,
    queue: Option<String>,
    begun: Instant,
    state: String,
    progress: Option<Progress>,
    worker: Option<String>,
    reason: Option<String>,
    retries: Option<i64>,
    /// Why it may still be queued.
    pub(super) hint: Option<String>,
    /// When and where progress was first seen: the rate is measured from there.
    first: Option<(Instant, f64)>,
    rate: Option<f64>,
}

/// Widths that the lines of one screen share, so that they line up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Widths {
    label: usize,
    counter: usize,
}

impl Task {
    pub(super) fn new(id: &str, name: Option<&str>, queue: Option<&str>, now: Instant) -> Self {
        Self {
            name: name.map_or_else(|| "task".to_owned(), printable),
            id: short_id(id),
            queue: queue.map(printable),
            begun: now,
            state: "PENDING".to_owned(),
            progress: None,
            worker: None,
            reason: None,
            retries: None,
            hint: None,
            first: None,
            rate: None,
        }
    }

    /// Takes in what the back end has.
    pub(super) fn see(&mut self, meta: &ResultMeta, now: Instant) {
        meta.status.as_str().clone_into(&mut self.state);
        self.progress = Progress::of(meta);
        self.reason = reason(meta);
        if let Some(extended) = &meta.extended {
            if self.name == "task"
                && let Some(name) = &extended.name
            {
                self.name = printable(name);
            }
            self.retries = extended.retries;
        }
        let node = meta.result.as_map().and_then(|m| m.get("hostname"));
        let node = node
            .and_then(Value::as_str)
            .filter(|_| self.state == "STARTED");
        let worker = meta.extended.as_ref().and_then(|e| e.worker.as_deref());
        if let Some(worker) = node.or(worker) {
            self.worker = Some(printable(worker));
        }
        if let Some(percent) = self.progress.as_ref().and_then(|p| p.percent) {
            let (since, from) = *self.first.get_or_insert((now, percent));
            let (gone, done) = (now.duration_since(since).as_secs_f64(), percent - from);
            self.rate = (gone > 0.0 && done > 0.0).then(|| done / gone);
        }
    }

    /// Whether a worker has begun with it.
    pub(super) fn is_active(&self) -> bool {
        self.state != "PENDING" && self.state != "RECEIVED"
    }

    /// How long it has been waited for.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.begun)
    }

    /// Makes room in the widths for this task.
    pub(super) fn widen(&self, widths: &mut Widths, look: &Look) {
        widths.label = widths.label.max(measure_text_width(&self.label(look)));
        widths.counter = widths.counter.max(measure_text_width(&self.counter()));
    }

    /// The line: a bar once a share is known, else what it is doing. Two lines where a hint doesn't fit.
    pub(super) fn lines(&self, look: &Look, widths: Widths, now: Instant) -> Vec<String> {
        let label = self.label(look);
        let mut parts = vec![format!(
            "{} {}",
            paint(look.colour, "36", look.spinner()),
            paint(look.colour, "1", &label)
        )];
        let since = paint(look.colour, "2", &clock(self.age(now)));
        let percent = self.progress.as_ref().and_then(|p| p.percent);
        let Some((percent, progress)) = percent.zip(self.progress.as_ref()) else {
            parts.push(self.words());
            if !look.many {
                parts.push(since);
            }
            let line = parts.join("  ");
            return match &self.hint {
                None => vec![line],
                Some(hint) => {
                    let hint = paint(look.colour, "33", &format!("! {hint}"));
                    let both = format!("{line}   {hint}");
                    if measure_text_width(&both) <= look.width() {
                        vec![both]
                    } else {
                        vec![line, format!("  {hint}")]
                    }
                }
            };
        };
        if look.many {
            let last = parts.last_mut().expect("the label is there");
            last.push_str(&" ".repeat(widths.label.saturating_sub(measure_text_width(&label))));
        } else {
            // A narrow terminal has no room for the node's name.
            parts.extend(self.worker.clone().filter(|_| look.columns >= 100));
            parts.push(since);
        }
        parts.push(look.bar(percent / 100.0));
        let counter = self.counter();
        if look.many {
            parts.push(format!("{counter:>width$}", width = widths.counter));
            parts.push(format!("{percent:>3.0}%"));
        } else {
            parts.extend(Some(counter).filter(|c| !c.is_empty()));
            parts.push(format!("{percent:.0}%"));
            parts.extend(self.left().map(|left| format!("eta {}", rough(left))));
        }
        parts.extend(progress.text.as_deref().map(printable));
        vec![parts.join("  ").trim_end().to_owned()]
    }

    /// The line that stays when the task is done.
    pub(super) fn farewell(&self, look: &Look, now: Instant) -> String {
        let state = printable(&self.state);
        let good = self.state == "SUCCESS";
        let mark = paint(look.colour, if good { "32" } else { "31" }, look.mark(good));
        let took = seconds(self.age(now));
        let tail = match &self.reason {
            Some(reason) => format!("{state} {reason}"),
            None if look.many => format!("{state} {took}"),
            None => format!("{state} in {took}"),
        };
        format!("{mark} {} {}  {tail}", self.name, self.id)
    }

    fn label(&self, look: &Look) -> String {
        let name = look.cut(&self.name, if look.columns < 100 { 24 } else { 40 });
        if look.many || look.columns >= 100 {
            format!("{name} {}", self.id)
        } else {
            name
        }
    }

    fn counter(&self) -> String {
        let counter = self.progress.as_ref().and_then(Progress::counter);
        counter.unwrap_or_default()
    }

    /// What it is doing, where there is no bar.
    fn words(&self) -> String {
        if let Some(progress) = &self.progress {
            let parts = [progress.counter(), progress.text.as_deref().map(printable)];
            return parts.into_iter().flatten().collect::<Vec<_>>().join("  ");
        }
        match (self.state.as_str(), &self.worker, &self.reason) {
            ("STARTED", Some(node), _) => format!("started on {node}"),
            ("PENDING" | "RECEIVED", ..) => match &self.queue {
                Some(queue) => format!("queued in \"{queue}\""),
                None => "queued".to_owned(),
            },
            ("RETRY", _, Some(reason)) => match self.retries {
                Some(n) => format!("RETRY {n}: {reason}"),
                None => format!("RETRY: {reason}"),
            },
            (state, _, Some(reason)) => format!("{}: {reason}", printable(state)),
            (state, ..) => printable(&state.to_lowercase()),
        }
    }

    /// How long it still takes, at the rate since progress was first seen.
    fn left(&self) -> Option<Duration> {
        let percent = self.progress.as_ref()?.percent?;
        Duration::try_from_secs_f64((100.0 - percent) / self.rate?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Exception, Extended, State};

    fn look(columns: usize, many: bool) -> Look {
        Look {
            columns,
            many,
            ..Look::default()
        }
    }

    fn meta(state: &str, result: Value) -> ResultMeta {
        ResultMeta::new("12fbd8ca-0039-4874", State::new(state), result)
    }

    fn at(current: i64) -> ResultMeta {
        let text = format!("step {current} of 20");
        let dict = Value::from([
            ("current", current.into()),
            ("total", 20.into()),
            ("status", text.into()),
        ]);
        meta("PROGRESS", dict)
    }

    fn line(task: &Task, look: &Look, now: Instant) -> String {
        let mut widths = Widths::default();
        task.widen(&mut widths, look);
        task.lines(look, widths, now).join("\n")
    }

    fn task(now: Instant) -> Task {
        Task::new(
            "12fbd8ca-0039-4874",
            Some("proj.progress"),
            Some("celery"),
            now,
        )
    }

    #[test]
    fn a_bar_has_all_that_is_known_and_fits() {
        let start = Instant::now();
        let mut task = task(start);
        let on = Value::from([("hostname", "w1@box".into()), ("pid", 1.into())]);
        task.see(&meta("STARTED", on), start);
        assert_eq!(
            line(&task, &look(100, false), start + Duration::from_secs(41)),
            "⠋ proj.progress 12fbd8ca  started on w1@box  00:41"
        );
        task.see(&at(5), start);
        let now = start + Duration::from_secs(2);
        task.see(&at(10), now);
        assert_eq!(
            line(&task, &look(120, false), now),
            "⠋ proj.progress 12fbd8ca  w1@box  00:02  ━━━━━━━━━━━━━━╸─────────────  10/20  50%  eta 4s  step 10 of 20"
        );
        assert_eq!(
            line(&task, &look(80, false), now),
            "⠋ proj.progress  00:02  ━━━━━━━━╸───────  10/20  50%  eta 4s  step 10 of 20"
        );
    }

    #[test]
    fn what_is_queued_says_where_and_why() {
        let start = Instant::now();
        let mut task = task(start);
        let now = start + Duration::from_secs(6);
        assert_eq!(
            line(&task, &look(80, false), now),
            "⠋ proj.progress  queued in \"celery\"  00:06"
        );
        task.hint = Some("no worker consumes queue \"celery\"".to_owned());
        assert_eq!(
            line(&task, &look(100, false), now),
            "⠋ proj.progress 12fbd8ca  queued in \"celery\"  00:06   ! no worker consumes queue \"celery\""
        );
        assert_eq!(
            line(&task, &look(60, false), now),
            "⠋ proj.progress  queued in \"celery\"  00:06\n  ! no worker consumes queue \"celery\""
        );
    }

    #[test]
    fn a_retry_says_which_and_why() {
        let now = Instant::now();
        let mut task = task(now);
        let why = Exception::builtin("ConnectionError", "upstream is down").to_value();
        let mut meta = meta("RETRY", why);
        task.see(&meta, now);
        assert_eq!(task.words(), "RETRY: ConnectionError: upstream is down");
        meta.extended = Some(Extended {
            retries: Some(2),
            ..Extended::default()
        });
        task.see(&meta, now);
        assert_eq!(task.words(), "RETRY 2: ConnectionError: upstream is down");
    }

    #[test]
    fn without_a_total_there_is_no_bar() {
        let now = Instant::now();
        let mut task = task(now);
        let dict = Value::from([("i", 7.into()), ("desc", "counting".into())]);
        task.see(&meta("COUNTING", dict), now);
        assert_eq!(
            line(&task, &look(80, false), now),
            "⠋ proj.progress  7  counting  00:00"
        );
    }

    #[test]
    fn bars_of_many_tasks_line_up() {
        let now = Instant::now();
        let (mut short, mut long) = (
            Task::new("aaaaaaaa-", Some("proj.a"), None, now),
            Task::new("bbbbbbbb-", Some("proj.long"), None, now),
        );
        let dict = |n: i64| Value::from([("current", n.into()), ("total", 100.into())]);
        short.see(&meta("PROGRESS", dict(5)), now);
        long.see(&meta("PROGRESS", dict(100)), now);
        let look = look(80, true);
        let mut widths = Widths::default();
        short.widen(&mut widths, &look);
        long.widen(&mut widths, &look);
        assert_eq!(
            [
                short.lines(&look, widths, now),
                long.lines(&look, widths, now)
            ]
            .concat(),
            [
                "⠋ proj.a aaaaaaaa     ╸───────────────    5/100    5%",
                "⠋ proj.long bbbbbbbb  ━━━━━━━━━━━━━━━━  100/100  100%",
            ]
        );
    }

    #[test]
    fn the_last_line_says_how_it_ended() {
        let start = Instant::now();
        let mut task = task(start);
        task.see(&meta("SUCCESS", Value::Null), start);
        let now = start + Duration::from_millis(4100);
        assert_eq!(
            task.farewell(&look(80, false), now),
            "✔ proj.progress 12fbd8ca  SUCCESS in 4.1s"
        );
        assert_eq!(
            task.farewell(&look(80, true), now),
            "✔ proj.progress 12fbd8ca  SUCCESS 4.1s"
        );
        let boom = Exception::builtin("ValueError", "bad\x1b[31m image").to_value();
        task.see(&meta("FAILURE", boom), start);
        assert_eq!(
            task.farewell(&look(80, true), now),
            "✘ proj.progress 12fbd8ca  FAILURE ValueError: bad\\u{1b}[31m image"
        );
    }
}
