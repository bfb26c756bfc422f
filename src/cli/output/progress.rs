//! Bars, or plain lines where there is no terminal, on stderr: how the tasks that we wait for get on.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::colour::paint;
use super::json;
use super::meta::Progress;
use super::table::printable;
use super::{Out, short_id};
use crate::protocol::{ResultMeta, Value};

/// How `--progress` shows progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ProgressMode {
    /// A bar on a terminal, else plain lines
    #[default]
    Auto,
    /// A bar
    Bar,
    /// One line per change of state or tenth of the way
    Plain,
    /// One JSON object per change
    Json,
    /// Nothing
    None,
}

/// At most one plain line in this time, unless a tenth of the way or a state lies between.
const PLAIN_EVERY: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(100);
const TICKS_UTF8: &str = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ";
const TICKS_ASCII: &str = "|/-\\ ";
const PERMILLE: u64 = 1000;

/// The display of all tasks that one command waits for.
#[derive(Debug)]
pub(crate) struct Display {
    kind: Kind,
    tasks: HashMap<String, Task>,
    colour: bool,
    unicode: bool,
    columns: usize,
    many: bool,
}

#[derive(Debug)]
enum Kind {
    Bars(MultiProgress),
    Plain,
    Json,
    Silent,
}

#[derive(Debug)]
struct Task {
    name: String,
    begun: Instant,
    bar: Option<ProgressBar>,
    drawn: Drawn,
    /// When and where progress was first seen: the rate is measured from there.
    first: Option<(Instant, f64)>,
    last: Option<(String, f64, Instant)>,
    finished: bool,
}

/// Which template a bar has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drawn {
    Spinner,
    Bar,
}

impl Display {
    /// Picks bars or lines: `auto` draws only where someone can see it.
    pub(crate) fn new(out: &Out, mode: ProgressMode, many: bool) -> Self {
        let mode = match mode {
            _ if out.quiet => ProgressMode::None,
            ProgressMode::Auto if out.stderr_is_terminal && !out.dumb => ProgressMode::Bar,
            ProgressMode::Auto => ProgressMode::Plain,
            other => other,
        };
        let kind = match mode {
            ProgressMode::Bar => {
                // 10 Hz: more is flicker, and costs a remote terminal its line.
                Kind::Bars(MultiProgress::with_draw_target(
                    ProgressDrawTarget::stderr_with_hz(10),
                ))
            }
            ProgressMode::Plain | ProgressMode::Auto => Kind::Plain,
            ProgressMode::Json => Kind::Json,
            ProgressMode::None => Kind::Silent,
        };
        Self {
            kind,
            tasks: HashMap::new(),
            colour: out.colour_err,
            unicode: out.unicode,
            columns: out.stderr_columns.unwrap_or(80),
            many,
        }
    }

    /// Adds a task. `queue` is shown until a worker has it.
    pub(crate) fn add(&mut self, id: &str, name: &str, queue: Option<&str>) -> io::Result<()> {
        let mut task = Task {
            name: printable(name),
            begun: Instant::now(),
            bar: None,
            drawn: Drawn::Spinner,
            first: None,
            last: None,
            finished: false,
        };
        match &self.kind {
            Kind::Bars(bars) => {
                let bar = bars.add(ProgressBar::new(PERMILLE));
                bar.set_style(self.style(Drawn::Spinner));
                bar.set_prefix(self.label(&task.name, id));
                bar.set_message(match queue {
                    Some(queue) => format!("queued in \"{}\"", printable(queue)),
                    None => "waiting".to_owned(),
                });
                bar.enable_steady_tick(TICK);
                task.bar = Some(bar);
            }
            Kind::Plain => {
                writeln!(io::stderr(), "{} PENDING", short_id(id))?;
                task.last = Some(("PENDING".to_owned(), 0.0, Instant::now()));
            }
            Kind::Json => json_line(&ResultMeta::pending(id), None)?,
            Kind::Silent => {}
        }
        self.tasks.insert(id.to_owned(), task);
        Ok(())
    }

    /// Shows a change; the final one replaces the bar by a line.
    pub(crate) fn update(&mut self, meta: &ResultMeta) -> io::Result<()> {
        let progress = Progress::of(meta);
        let (colour, unicode) = (self.colour, self.unicode);
        let styles = (self.style(Drawn::Spinner), self.style(Drawn::Bar));
        let many = self.many;
        let Some(task) = self.tasks.get_mut(&meta.task_id).filter(|t| !t.finished) else {
            return Ok(());
        };
        let id = short_id(&meta.task_id);
        task.finished = meta.status.is_ready();
        match &self.kind {
            Kind::Silent => Ok(()),
            Kind::Json => json_line(meta, progress.as_ref()),
            Kind::Plain => match task.plain(meta, progress.as_ref(), Instant::now()) {
                Some(words) => writeln!(io::stderr(), "{id} {words}"),
                None => Ok(()),
            },
            Kind::Bars(bars) => {
                let Some(bar) = task.bar.clone() else {
                    return Ok(());
                };
                if task.finished {
                    bar.finish_and_clear();
                    bars.remove(&bar);
                    let line = task.farewell(meta, &id, many, colour, unicode);
                    return bars.println(line);
                }
                let drawn = if progress.as_ref().is_some_and(|p| p.percent.is_some()) {
                    Drawn::Bar
                } else {
                    Drawn::Spinner
                };
                if drawn != task.drawn {
                    bar.set_style(if drawn == Drawn::Bar {
                        styles.1
                    } else {
                        styles.0
                    });
                    task.drawn = drawn;
                }
                if let Some(percent) = progress.as_ref().and_then(|p| p.percent) {
                    bar.set_position(permille(percent));
                }
                bar.set_message(task.message(meta, progress.as_ref(), Instant::now()));
                Ok(())
            }
        }
    }

    /// Removes what is still drawn; the screen is as before.
    pub(crate) fn clear(&mut self) {
        if let Kind::Bars(bars) = &self.kind {
            for task in self.tasks.values() {
                if let Some(bar) = &task.bar {
                    bar.finish_and_clear();
                }
            }
            // Clearing can only fail with the terminal gone, and then there is nothing to clear.
            let _ = bars.clear();
        }
    }

    fn label(&self, name: &str, id: &str) -> String {
        let name = super::table::cut(name, if self.columns < 100 { 24 } else { 40 });
        if self.many || self.columns >= 100 {
            format!("{name} {}", short_id(id))
        } else {
            name
        }
    }

    fn style(&self, drawn: Drawn) -> ProgressStyle {
        let length = match self.columns {
            0..60 => 8,
            60..100 => 16,
            100..140 => 28,
            _ => 40,
        };
        let template = match (drawn, self.colour) {
            (Drawn::Spinner, false) => "{spinner} {prefix}  {clock}  {wide_msg}".to_owned(),
            (Drawn::Spinner, true) => {
                "{spinner:.cyan} {prefix:.bold}  {clock:.dim}  {wide_msg}".to_owned()
            }
            (Drawn::Bar, false) => {
                format!("{{spinner}} {{prefix}}  {{clock}}  {{bar:{length}}}  {{wide_msg}}")
            }
            (Drawn::Bar, true) => format!(
                "{{spinner:.cyan}} {{prefix:.bold}}  {{clock:.dim}}  {{bar:{length}.green/dim}}  {{wide_msg}}"
            ),
        };
        let style = ProgressStyle::with_template(&template)
            .expect("the templates above are well-formed")
            .with_key(
                "clock",
                |state: &indicatif::ProgressState, w: &mut dyn std::fmt::Write| {
                    let _ = w.write_str(&clock(state.elapsed()));
                },
            );
        if self.unicode {
            style.tick_chars(TICKS_UTF8).progress_chars("━╸─")
        } else {
            style.tick_chars(TICKS_ASCII).progress_chars("=>-")
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Task {
    /// The words of a plain line, if one is due.
    fn plain(
        &mut self,
        meta: &ResultMeta,
        progress: Option<&Progress>,
        now: Instant,
    ) -> Option<String> {
        let state = printable(meta.status.as_str());
        if meta.status.is_ready() {
            let took = seconds(now.duration_since(self.begun));
            let reason = reason(meta).map_or(String::new(), |r| format!(" {r}"));
            return Some(format!("{state} {took}{reason}"));
        }
        let percent = progress.and_then(|p| p.percent).unwrap_or(0.0);
        let due = match &self.last {
            None => true,
            Some((last, at, when)) => {
                *last != state
                    || (progress.is_some()
                        && (percent - at >= 10.0 || now.duration_since(*when) >= PLAIN_EVERY))
            }
        };
        if !due {
            return None;
        }
        self.last = Some((state.clone(), percent, now));
        Some(match progress {
            Some(progress) => format!("{state} {}", printable(&progress.words())),
            None => match reason(meta) {
                Some(reason) => format!("{state} {reason}"),
                None => state,
            },
        })
    }

    /// What stands to the right of the bar or spinner.
    fn message(&mut self, meta: &ResultMeta, progress: Option<&Progress>, now: Instant) -> String {
        let Some(progress) = progress else {
            let node = meta
                .result
                .as_map()
                .and_then(|m| m.get("hostname"))
                .and_then(Value::as_str);
            return match (meta.status.as_str(), node) {
                ("STARTED", Some(node)) => format!("started on {}", printable(node)),
                ("PENDING", _) => "queued".to_owned(),
                (state, _) => match reason(meta) {
                    Some(reason) => format!("{}: {reason}", printable(state)),
                    None => printable(&state.to_lowercase()),
                },
            };
        };
        let eta = progress.percent.and_then(|percent| self.eta(percent, now));
        let parts = [
            progress.counter(),
            progress.percent.map(|p| format!("{p:.0}%")),
            eta.map(|eta| format!("eta {}", rough(eta))),
            progress.text.as_deref().map(printable),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
    }

    /// What is left, at the rate since progress was first seen.
    fn eta(&mut self, percent: f64, now: Instant) -> Option<Duration> {
        let (since, from) = *self.first.get_or_insert((now, percent));
        let (gone, done) = (now.duration_since(since).as_secs_f64(), percent - from);
        if done <= 0.0 || gone <= 0.0 {
            return None;
        }
        Duration::try_from_secs_f64(gone * (100.0 - percent) / done).ok()
    }

    /// The line that replaces a bar.
    fn farewell(
        &self,
        meta: &ResultMeta,
        id: &str,
        many: bool,
        colour: bool,
        unicode: bool,
    ) -> String {
        let state = meta.status.as_str();
        let good = state == "SUCCESS";
        let mark = match (good, unicode) {
            (true, true) => "✔",
            (true, false) => "+",
            (false, true) => "✘",
            (false, false) => "x",
        };
        let mark = paint(colour, if good { "32" } else { "31" }, mark);
        let took = seconds(self.begun.elapsed());
        let tail = match reason(meta) {
            Some(reason) => format!("{state} {reason}"),
            None if many => format!("{state} {took}"),
            None => format!("{state} in {took}"),
        };
        format!("{mark} {} {id}  {tail}", self.name)
    }
}

/// `ValueError: boom`, for the states that hold an exception.
pub(crate) fn reason(meta: &ResultMeta) -> Option<String> {
    meta.exception()
        .map(|exception| printable(&exception.to_string()))
}

fn json_line(meta: &ResultMeta, progress: Option<&Progress>) -> io::Result<()> {
    let document = Value::from([
        ("id", meta.task_id.as_str().into()),
        ("state", meta.status.as_str().into()),
        ("progress", Value::opt(progress.map(Progress::to_value))),
    ]);
    writeln!(io::stderr(), "{}", json::line(&document))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a percentage between 0 and 100"
)]
fn permille(percent: f64) -> u64 {
    ((percent * 10.0) as u64).min(PERMILLE)
}

/// `00:02`, `1:02:03`.
fn clock(elapsed: Duration) -> String {
    let s = elapsed.as_secs();
    if s < 3600 {
        format!("{:02}:{:02}", s / 60, s % 60)
    } else {
        format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    }
}

/// `4.1s`, `2m 5s`, `1h 2m`.
fn seconds(elapsed: Duration) -> String {
    if elapsed.as_secs() < 60 {
        format!("{:.1}s", elapsed.as_secs_f64())
    } else {
        rough(elapsed)
    }
}

/// `2s`, `2m 5s`, `1h 2m`, `3d 4h`.
pub(crate) fn rough(span: Duration) -> String {
    let s = span.as_secs_f64().round() as u64;
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m {}s", s / 60, s % 60),
        3600..86_400 => format!("{}h {}m", s / 3600, s / 60 % 60),
        _ => format!("{}d {}h", s / 86_400, s / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::State;

    fn task() -> Task {
        Task {
            name: "proj.progress".to_owned(),
            begun: Instant::now(),
            bar: None,
            drawn: Drawn::Spinner,
            first: None,
            last: Some(("PENDING".to_owned(), 0.0, Instant::now())),
            finished: false,
        }
    }

    fn at(current: i64) -> (ResultMeta, Progress) {
        let dict = Value::from([
            ("current", current.into()),
            ("total", 20.into()),
            ("status", format!("step {current} of 20").into()),
        ]);
        let meta = ResultMeta::new("x", State::PROGRESS, dict);
        let progress = Progress::of(&meta).unwrap();
        (meta, progress)
    }

    #[test]
    fn plain_lines_come_per_tenth_or_after_five_seconds() {
        let mut task = task();
        let now = Instant::now();
        let mut say = |current, later| {
            let (meta, progress) = at(current);
            task.plain(&meta, Some(&progress), now + Duration::from_secs(later))
        };
        assert_eq!(say(2, 0).as_deref(), Some("PROGRESS 2/20 10% step 2 of 20"));
        assert_eq!(say(3, 0), None);
        assert_eq!(say(4, 0).as_deref(), Some("PROGRESS 4/20 20% step 4 of 20"));
        assert_eq!(say(5, 5).as_deref(), Some("PROGRESS 5/20 25% step 5 of 20"));
    }

    #[test]
    fn a_repeated_state_is_said_once() {
        let mut task = task();
        let started = ResultMeta::new("x", State::STARTED, Value::Null);
        assert_eq!(
            task.plain(&started, None, Instant::now()).as_deref(),
            Some("STARTED")
        );
        assert_eq!(task.plain(&started, None, Instant::now()), None);
    }

    #[test]
    fn the_message_counts_and_estimates() {
        let mut task = task();
        let now = Instant::now();
        let (meta, progress) = at(5);
        assert_eq!(
            task.message(&meta, Some(&progress), now),
            "5/20  25%  step 5 of 20"
        );
        let (meta, progress) = at(10);
        assert_eq!(
            task.message(&meta, Some(&progress), now + Duration::from_secs(5)),
            "10/20  50%  eta 10s  step 10 of 20"
        );
    }

    #[test]
    fn started_says_where() {
        let on = Value::from([("hostname", "w1@box".into()), ("pid", 1.into())]);
        let meta = ResultMeta::new("x", State::STARTED, on);
        assert_eq!(
            task().message(&meta, None, Instant::now()),
            "started on w1@box"
        );
    }

    #[test]
    fn times_read_well() {
        let s = Duration::from_secs;
        assert_eq!(clock(s(62)), "01:02");
        assert_eq!(clock(s(3723)), "1:02:03");
        assert_eq!(seconds(Duration::from_millis(4100)), "4.1s");
        assert_eq!(rough(s(125)), "2m 5s");
        assert_eq!(rough(s(90_000)), "1d 1h");
    }
}
