//! How the tasks that we wait for get on, on stderr: bars, or plain lines where there is no terminal.
//!
//! `task.rs` makes the line of a task, `total.rs` that of all, `screen.rs` draws them.

mod look;
mod screen;
mod span;
mod task;
mod total;

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use clap::ValueEnum;

use self::look::Look;
use self::screen::Screen;
use self::task::{Task, Widths};
use self::total::Total;
use super::meta::Progress;
use super::table::printable;
use super::{Out, colour, json, short_id};
use crate::protocol::{ResultMeta, Value};

pub(crate) use self::span::{ago, rough};

/// How `--progress` shows progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ProgressMode {
    /// Bars on a terminal, else plain lines
    #[default]
    Auto,
    /// Bars; plain lines where stderr is no terminal that can draw them
    Bar,
    /// Lines: one per change of state or tenth of the way; of many tasks their ends and a total
    Plain,
    /// One JSON object per change
    Json,
    /// Nothing
    None,
}

/// At most one plain line in this time, unless a tenth of the way or a state lies between.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// How often bars are drawn: more is flicker, and costs a remote terminal its line.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// At most so many hints are on the screen.
const HINTS: usize = 3;

/// The display of all tasks that one command waits for.
#[derive(Debug)]
pub(crate) struct Display {
    kind: Kind,
    look: Look,
    open: HashMap<String, Task>,
    /// Those that a worker has begun, in that order.
    active: Vec<String>,
    total: Total,
    /// How many queued tasks each hint is about.
    hints: BTreeMap<String, usize>,
    quiet: bool,
}

#[derive(Debug)]
enum Kind {
    Bars(Screen),
    /// The last line of each task: state, percentage, time.
    Plain(HashMap<String, (String, f64, Instant)>),
    Json,
    Silent,
}

impl Display {
    /// A display of `count` tasks. `auto` draws only where someone can see it.
    pub(crate) fn new(out: &Out, mode: ProgressMode, count: usize) -> Self {
        let kind = match mode {
            _ if out.quiet => Kind::Silent,
            ProgressMode::Auto | ProgressMode::Bar if out.stderr_is_terminal && !out.dumb => {
                Kind::Bars(Screen::new())
            }
            ProgressMode::Auto | ProgressMode::Bar | ProgressMode::Plain => {
                Kind::Plain(HashMap::new())
            }
            ProgressMode::Json => Kind::Json,
            ProgressMode::None => Kind::Silent,
        };
        Self {
            kind,
            look: Look {
                colour: out.colour_err,
                unicode: out.unicode,
                many: count > 1,
                ..Look::default()
            },
            open: HashMap::new(),
            active: Vec::new(),
            total: Total::new(count, Instant::now()),
            hints: BTreeMap::new(),
            quiet: out.quiet,
        }
    }

    /// Whether [`Display::tick`] has something to do.
    pub(crate) fn moves(&self) -> bool {
        matches!(self.kind, Kind::Bars(_))
    }

    /// Whether the end of each task is a line for people.
    pub(crate) fn tells_ends(&self) -> bool {
        matches!(self.kind, Kind::Bars(_) | Kind::Plain(_))
    }

    /// Adds a task. `queue` is shown until a worker has it.
    pub(crate) fn add(
        &mut self,
        id: &str,
        name: Option<&str>,
        queue: Option<&str>,
    ) -> io::Result<()> {
        let now = Instant::now();
        match &mut self.kind {
            Kind::Plain(last) if !self.look.many => {
                last.insert(id.to_owned(), ("PENDING".to_owned(), 0.0, now));
                writeln!(io::stderr(), "{} PENDING", short_id(id))?;
            }
            Kind::Json => json_line(&ResultMeta::pending(id), None, None)?,
            _ => {}
        }
        self.open
            .insert(id.to_owned(), Task::new(id, name, queue, now));
        Ok(())
    }

    /// Takes in a change; the final one makes a line that stays.
    pub(crate) fn update(&mut self, meta: &ResultMeta) -> io::Result<()> {
        let now = Instant::now();
        let progress = Progress::of(meta);
        let Some(task) = self.open.get_mut(&meta.task_id) else {
            return Ok(());
        };
        let was_active = task.is_active();
        task.see(meta, now);
        let done = meta.status.is_ready();
        if (done || task.is_active())
            && let Some(hint) = task.hint.take()
        {
            drop_one(&mut self.hints, &hint);
        }
        match (was_active, task.is_active() && !done) {
            (false, true) => self.active.push(meta.task_id.clone()),
            (true, false) => self.active.retain(|id| *id != meta.task_id),
            _ => {}
        }
        if done {
            self.total.count(meta.status.as_str() == "SUCCESS");
        }
        let id = short_id(&meta.task_id);
        let said = match &mut self.kind {
            Kind::Silent => Ok(()),
            Kind::Json => json_line(meta, progress.as_ref(), None),
            Kind::Bars(screen) => {
                if done {
                    screen.say(task.farewell(&self.look, now));
                }
                Ok(())
            }
            Kind::Plain(_) if done => {
                let took = span::seconds(task.age(now));
                let state = printable(meta.status.as_str());
                let reason = reason(meta).map_or(String::new(), |r| format!(" {r}"));
                writeln!(io::stderr(), "{id} {state} {took}{reason}")
            }
            Kind::Plain(_) if self.look.many => Ok(()),
            Kind::Plain(last) => match plain(last, meta, progress.as_ref(), now) {
                Some(words) => writeln!(io::stderr(), "{id} {words}"),
                None => Ok(()),
            },
        };
        said?;
        if done {
            self.open.remove(&meta.task_id);
            if let Kind::Plain(last) = &mut self.kind {
                last.remove(&meta.task_id);
                if self.look.many
                    && let Some(line) = self.total.plain(self.active.len(), now)
                {
                    writeln!(io::stderr(), "{line}")?;
                }
            }
        }
        Ok(())
    }

    /// Says why a task may still be queued. Shown even where progress is not, unless `-q` was given.
    pub(crate) fn hint(&mut self, id: &str, hint: &str) -> io::Result<()> {
        let Some(task) = self.open.get_mut(id).filter(|t| !t.is_active()) else {
            return Ok(());
        };
        if let Some(old) = task.hint.replace(hint.to_owned()) {
            drop_one(&mut self.hints, &old);
        }
        let about = self.hints.entry(hint.to_owned()).or_default();
        *about += 1;
        match &self.kind {
            _ if self.quiet => Ok(()),
            Kind::Bars(_) => Ok(()),
            Kind::Json => json_line(&ResultMeta::pending(id), None, Some(hint)),
            // One line for all that wait for the same reason.
            Kind::Plain(_) | Kind::Silent if *about > 1 => Ok(()),
            Kind::Plain(_) | Kind::Silent => {
                writeln!(io::stderr(), "{} PENDING {hint}", short_id(id))
            }
        }
    }

    /// Draws what has changed; ten times a second is often enough.
    pub(crate) fn tick(&mut self) -> io::Result<()> {
        let Kind::Bars(screen) = &self.kind else {
            return Ok(());
        };
        (self.look.rows, self.look.columns) = screen.size();
        self.look.turn += 1;
        let frame = self.frame(Instant::now());
        match &mut self.kind {
            Kind::Bars(screen) => screen.draw(&frame),
            _ => Ok(()),
        }
    }

    /// Runs something that writes to the terminal, with no bar in the way.
    pub(crate) fn beside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.kind {
            Kind::Bars(screen) => screen.beside(write),
            _ => write(),
        }
    }

    /// Removes what is still drawn, and sums up if there were many.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.clear()?;
        if self.look.many && self.tells_ends() {
            writeln!(io::stderr(), "{}", self.total.summary(Instant::now()))?;
        }
        Ok(())
    }

    /// Removes what is still drawn; the screen is as before.
    fn clear(&mut self) -> io::Result<()> {
        match &mut self.kind {
            Kind::Bars(screen) => screen.clear(),
            _ => Ok(()),
        }
    }

    /// The lines at the bottom of the screen: never more than fit, none too wide.
    fn frame(&self, now: Instant) -> Vec<String> {
        let look = &self.look;
        let mut lines = Vec::new();
        if !look.many {
            for task in self.open.values() {
                lines.extend(task.lines(look, Widths::default(), now));
            }
        } else {
            let hints = self.hints.iter().take(HINTS);
            let hints: Vec<String> = hints
                .map(|(hint, about)| {
                    let tasks = if *about == 1 { "task" } else { "tasks" };
                    let text = format!("! {hint} ({about} {tasks})");
                    format!("  {}", colour::paint(look.colour, "33", &text))
                })
                .collect();
            // The total, the hints, and a line for the cursor.
            let room = look.rows.saturating_sub(hints.len() + 2);
            let shown = if self.active.len() > room {
                room.saturating_sub(1)
            } else {
                self.active.len()
            };
            let tasks: Vec<&Task> = self.active[..shown]
                .iter()
                .filter_map(|id| self.open.get(id))
                .collect();
            let mut widths = Widths::default();
            tasks.iter().for_each(|t| t.widen(&mut widths, look));
            lines.extend(tasks.iter().flat_map(|t| t.lines(look, widths, now)));
            if shown < self.active.len() {
                let rest = self.active.len() - shown;
                lines.push(format!("  {} {rest} more running", look.ellipsis()));
            }
            lines.extend(hints);
            lines.push(self.total.line(self.active.len(), look, now));
        }
        let width = look.width();
        lines.iter().map(|line| look.cut(line, width)).collect()
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // Clearing can only fail with the terminal gone, and then there is nothing to clear.
        let _ = self.clear();
    }
}

/// The words of a plain line, if one is due.
fn plain(
    last: &mut HashMap<String, (String, f64, Instant)>,
    meta: &ResultMeta,
    progress: Option<&Progress>,
    now: Instant,
) -> Option<String> {
    let state = printable(meta.status.as_str());
    let percent = progress.and_then(|p| p.percent).unwrap_or(0.0);
    let due = match last.get(&meta.task_id) {
        None => true,
        Some((said, at, when)) => {
            *said != state
                || (progress.is_some()
                    && (percent - at >= 10.0 || now.duration_since(*when) >= PLAIN_EVERY))
        }
    };
    if !due {
        return None;
    }
    last.insert(meta.task_id.clone(), (state.clone(), percent, now));
    Some(match progress {
        Some(progress) => format!("{state} {}", printable(&progress.words())),
        None => match reason(meta) {
            Some(reason) => format!("{state} {reason}"),
            None => state,
        },
    })
}

fn drop_one(hints: &mut BTreeMap<String, usize>, hint: &str) {
    if let Some(about) = hints.get_mut(hint) {
        *about -= 1;
        if *about == 0 {
            hints.remove(hint);
        }
    }
}

/// `ValueError: boom`, for the states that hold an exception.
pub(crate) fn reason(meta: &ResultMeta) -> Option<String> {
    meta.exception()
        .map(|exception| printable(&exception.to_string()))
}

fn json_line(meta: &ResultMeta, progress: Option<&Progress>, hint: Option<&str>) -> io::Result<()> {
    let mut document = vec![
        ("id", meta.task_id.as_str().into()),
        ("state", meta.status.as_str().into()),
        ("progress", Value::opt(progress.map(Progress::to_value))),
    ];
    document.extend(hint.map(|hint| ("hint", hint.into())));
    let document = Value::Map(
        document
            .into_iter()
            .map(|(key, value): (&str, Value)| (key.to_owned(), value))
            .collect(),
    );
    writeln!(io::stderr(), "{}", json::line(&document))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::State;

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
        let now = Instant::now();
        let mut last = HashMap::from([("x".to_owned(), ("PENDING".to_owned(), 0.0, now))]);
        let mut say = |current, later| {
            let (meta, progress) = at(current);
            let now = now + Duration::from_secs(later);
            plain(&mut last, &meta, Some(&progress), now)
        };
        assert_eq!(say(2, 0).as_deref(), Some("PROGRESS 2/20 10% step 2 of 20"));
        assert_eq!(say(3, 1), None);
        assert_eq!(say(4, 1).as_deref(), Some("PROGRESS 4/20 20% step 4 of 20"));
        assert_eq!(say(5, 7).as_deref(), Some("PROGRESS 5/20 25% step 5 of 20"));
    }

    #[test]
    fn a_plain_line_comes_with_each_state() {
        let mut last = HashMap::new();
        let started = ResultMeta::new("x", State::STARTED, Value::Null);
        let now = Instant::now();
        assert_eq!(
            plain(&mut last, &started, None, now).as_deref(),
            Some("STARTED")
        );
        assert_eq!(plain(&mut last, &started, None, now), None);
    }

    /// A display that draws nowhere.
    fn display(count: usize, rows: usize) -> Display {
        Display {
            kind: Kind::Silent,
            look: Look {
                many: count > 1,
                rows,
                ..Look::default()
            },
            open: HashMap::new(),
            active: Vec::new(),
            total: Total::new(count, Instant::now()),
            hints: BTreeMap::new(),
            quiet: true,
        }
    }

    fn with(count: usize, running: usize, rows: usize) -> Display {
        let mut display = display(count, rows);
        for n in 0..count {
            display
                .add(&format!("{n:08}-"), Some("proj.resize"), Some("celery"))
                .unwrap();
        }
        for n in 0..running {
            let dict = Value::from([("current", n.into()), ("total", count.into())]);
            let meta = ResultMeta::new(&format!("{n:08}-"), State::PROGRESS, dict);
            display.update(&meta).unwrap();
        }
        display
    }

    #[test]
    fn running_tasks_have_a_bar_each_and_all_have_a_total() {
        let mut display = with(120, 2, 24);
        for (n, state) in [(5, "SUCCESS"), (6, "FAILURE")] {
            let meta = ResultMeta::new(&format!("{n:08}-"), State::new(state), Value::Null);
            display.update(&meta).unwrap();
        }
        let frame = display.frame(Instant::now());
        assert_eq!(
            frame[..2],
            [
                "⠋ proj.resize 00000000  ────────────────  0/120    0%",
                "⠋ proj.resize 00000001  ╸───────────────  1/120    1%",
            ]
        );
        let total = "  total  ╸───────────────  2/120  1 failed  2 running  116 queued  ";
        assert!(frame[2].starts_with(total), "{frame:?}");
    }

    #[test]
    fn there_are_never_more_lines_than_fit() {
        for rows in [1, 2, 3, 10, 24] {
            for running in [0, 1, 9, 50] {
                let mut display = with(60, running, rows);
                display.hint("00000059-", "nobody is there").unwrap();
                let frame = display.frame(Instant::now());
                assert!(
                    frame.len() < rows.max(5),
                    "{running} running, {rows} rows: {frame:?}"
                );
                assert!(frame.last().unwrap().contains("total"), "{frame:?}");
            }
        }
        let frame = with(60, 50, 24).frame(Instant::now());
        assert_eq!(frame[21], "  … 29 more running");
        assert_eq!(frame.len(), 23);
    }

    #[test]
    fn hints_about_many_tasks_are_one_line_until_they_run() {
        let mut display = with(4, 0, 24);
        for n in 0..3 {
            display
                .hint(&format!("{n:08}-"), "no worker consumes queue \"celery\"")
                .unwrap();
        }
        let frame = display.frame(Instant::now());
        assert_eq!(
            frame[0],
            "  ! no worker consumes queue \"celery\" (3 tasks)"
        );
        for n in 0..3 {
            let meta = ResultMeta::new(&format!("{n:08}-"), State::STARTED, Value::Null);
            display.update(&meta).unwrap();
        }
        let frame = display.frame(Instant::now());
        assert!(frame.iter().all(|l| !l.contains('!')), "{frame:?}");
    }
}
