//! `rcelery purge`.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use anyhow::Context as _;
use unicode_width::UnicodeWidthStr as _;

use crate::broker::Broker;
use crate::cli::context::Context;
use crate::cli::error::{Failure, Kind};
use crate::cli::output::table::{Canvas, Column, printable, render, shortened};
use crate::cli::parse;
use crate::cli::suggest;
use crate::config::Settings;
use crate::protocol::{Map, Value};

/// Erase all messages from all known task queues
///
/// There is no undo. Messages that a worker has taken and not finished stay with it.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
Examples:
  rcelery purge                  # asks first
  rcelery purge -f -Q video      # does not
  rcelery purge --dry-run --all  # only counts, in all queues of the broker
  rcelery purge -y -j | jq .total")]
pub(crate) struct PurgeArgs {
    /// Don't ask
    #[arg(
        short,
        long,
        visible_short_alias = 'y',
        visible_alias = "yes",
        help_heading = "Purging options"
    )]
    force: bool,

    /// Comma separated list of queues to purge [default: all known]
    #[arg(
        short = 'Q',
        long,
        value_name = "QUEUES",
        value_delimiter = ',',
        value_parser = parse::not_empty,
        help_heading = "Purging options"
    )]
    queues: Vec<String>,

    /// Comma separated list of queues to leave alone
    #[arg(
        short = 'X',
        long,
        value_name = "QUEUES",
        value_delimiter = ',',
        help_heading = "Purging options"
    )]
    exclude_queues: Vec<String>,

    /// All queues that the broker knows, not just those of the configuration
    ///
    /// Queues of remote control and events are left alone: they are not for tasks.
    #[arg(long, conflicts_with = "queues", help_heading = "Purging options")]
    all: bool,

    /// Count the messages and leave them
    #[arg(long, help_heading = "Purging options")]
    dry_run: bool,
}

impl PurgeArgs {
    pub(crate) async fn run(self, cx: &Context) -> anyhow::Result<ExitCode> {
        let configured: Vec<String> = cx.app.queues()?.into_iter().map(|q| q.name).collect();
        if !self.all && targets(&self.queues, &self.exclude_queues, &configured).is_empty() {
            return nothing(cx, "every known queue is excluded");
        }
        let broker = cx.broker().await?;
        let outcome = self.purge(cx, &*broker, configured).await;
        let closed = broker.close().await;
        let code = outcome?;
        closed?;
        Ok(code)
    }

    async fn purge(
        self,
        cx: &Context,
        broker: &dyn Broker,
        configured: Vec<String>,
    ) -> anyhow::Result<ExitCode> {
        let known = if self.all {
            task_queues(broker.declared_queues().await?, cx.app.settings())
        } else {
            configured
        };
        if known.is_empty() {
            return nothing(cx, "the broker has no queues");
        }
        let names = targets(&self.queues, &self.exclude_queues, &known);
        if names.is_empty() {
            return nothing(cx, "every known queue is excluded");
        }
        self.warn_of_strangers(cx, &known)?;
        if self.dry_run || !self.force {
            let counts = counted(broker, &names).await?;
            warn_missing(cx, broker, &counts, &known).await?;
            if self.dry_run {
                dry_run(cx, &counts)?;
                return Ok(ExitCode::SUCCESS);
            }
            // What arrives after an empty count was not asked about: it stays.
            if total(&counts) == 0 {
                return finish(cx, &counts, names.len());
            }
            if !confirmed(cx, &counts).await? {
                return Err(Failure::new(Kind::Declined, "Aborted!").verbatim().into());
            }
        }
        let mut purged = Vec::new();
        for name in &names {
            let count = broker.purge(name).await;
            purged.push((
                name.clone(),
                count.with_context(|| format!("purging `{name}`"))?,
            ));
        }
        if self.force {
            warn_missing(cx, broker, &purged, &known).await?;
        }
        finish(cx, &purged, names.len())?;
        // A script that reads Celery's line gets nothing else.
        if cx.out.is_table()
            && let Ok(Some(unacked @ 1..)) = broker.unacked_count().await
        {
            cx.out.note(stay(unacked))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// A slip in -X leaves a queue to be purged that was to be spared.
    fn warn_of_strangers(&self, cx: &Context, known: &[String]) -> io::Result<()> {
        let chosen = if self.queues.is_empty() {
            known
        } else {
            &self.queues
        };
        for name in &self.exclude_queues {
            if !name.is_empty() && !chosen.contains(name) {
                let meant = suggest::did_you_mean(name, chosen.iter().map(String::as_str));
                cx.out.warn(format!(
                    "-X names \"{}\", which would not be purged anyway{}",
                    printable(name),
                    meant.map_or(String::new(), |meant| format!("; {meant}"))
                ))?;
            }
        }
        Ok(())
    }
}

fn nothing(cx: &Context, why: &str) -> anyhow::Result<ExitCode> {
    if cx.out.is_json() {
        report(cx, "purged", &[])?;
    }
    cx.out.note(format!("nothing to purge: {why}"))?;
    Ok(ExitCode::SUCCESS)
}

/// The queues that are for tasks, of all that a broker has.
fn task_queues(all: Vec<String>, settings: &Settings) -> Vec<String> {
    let pidbox = format!("{}.pidbox", settings.control_exchange);
    let events = &settings.event_queue_prefix;
    all.into_iter()
        .filter(|queue| {
            let of_events = queue
                .strip_prefix(events.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            let of_control = queue
                .strip_suffix(pidbox.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            !of_events && !of_control
        })
        .collect()
}

async fn counted(broker: &dyn Broker, names: &[String]) -> anyhow::Result<Vec<Count>> {
    let mut counts = Vec::new();
    for name in names {
        let count = broker.queue_length(name).await;
        let count = count.with_context(|| format!("counting `{name}`"))?;
        counts.push((name.clone(), count));
    }
    Ok(counts)
}

fn dry_run(cx: &Context, counts: &[Count]) -> io::Result<()> {
    if cx.out.is_json() {
        return report(cx, "waiting", counts);
    }
    cx.out.line(list(counts, cx.out.canvas()))?;
    if cx.out.is_table() {
        let messages = total(counts);
        cx.out.note(format!(
            "\n{messages} {} would be deleted",
            plural(messages)
        ))?;
    }
    Ok(())
}

fn finish(cx: &Context, purged: &[Count], queues: usize) -> anyhow::Result<ExitCode> {
    if cx.out.is_json() {
        report(cx, "purged", purged)?;
    } else {
        cx.out.line(summary(total(purged), queues))?;
    }
    Ok(ExitCode::SUCCESS)
}

type Count = (String, Option<u64>);

/// The queues to purge, sorted: those named, else all known; less those excluded.
fn targets(named: &[String], excluded: &[String], known: &[String]) -> Vec<String> {
    let chosen = if named.is_empty() { known } else { named };
    let set: BTreeSet<&String> = chosen
        .iter()
        .filter(|q| !q.is_empty() && !excluded.contains(q))
        .collect();
    set.into_iter().cloned().collect()
}

fn total(counts: &[Count]) -> u64 {
    counts.iter().filter_map(|(_, n)| *n).sum()
}

/// Celery's line.
fn summary(messages: u64, queues: usize) -> String {
    let queue = if queues == 1 { "queue" } else { "queues" };
    if messages == 0 {
        format!("No messages purged from {queues} {queue}.")
    } else {
        let message = plural(messages);
        format!("Purged {messages} {message} from {queues} known task {queue}.")
    }
}

fn plural(messages: u64) -> &'static str {
    if messages == 1 { "message" } else { "messages" }
}

fn stay(unacked: u64) -> String {
    match unacked {
        1 => "1 unacked message stays with its worker".to_owned(),
        n => format!("{n} unacked messages stay with their workers"),
    }
}

fn list(counts: &[Count], canvas: Canvas) -> String {
    const COLUMNS: &[Column] = &[Column::new("QUEUE"), Column::new("MESSAGES").right()];
    let rows: Vec<Vec<String>> = counts
        .iter()
        .map(|(name, n)| vec![name.clone(), n.unwrap_or(0).to_string()])
        .collect();
    render(COLUMNS, &rows, canvas)
}

/// Names the queues that are not there, and those that may have been meant.
async fn warn_missing(
    cx: &Context,
    broker: &dyn Broker,
    counts: &[Count],
    known: &[String],
) -> anyhow::Result<()> {
    let missing: Vec<&str> = counts
        .iter()
        .filter(|(_, n)| n.is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut all = task_queues(broker.queues().await?, cx.app.settings());
    all.extend_from_slice(known);
    for name in missing {
        let others = all
            .iter()
            .map(String::as_str)
            .filter(|other| *other != name);
        let meant = suggest::did_you_mean(name, others);
        cx.out.warn(format!(
            "queue \"{}\" does not exist{}",
            printable(name),
            meant.map_or(String::new(), |meant| format!("; {meant}"))
        ))?;
    }
    Ok(())
}

fn report(cx: &Context, what: &str, counts: &[Count]) -> io::Result<()> {
    let by_queue: Map = counts
        .iter()
        .map(|(name, n)| (name.clone(), n.unwrap_or(0).into()))
        .collect();
    cx.out.json(&Value::from([
        (what, by_queue.into()),
        ("total", total(counts).into()),
    ]))
}

async fn confirmed(cx: &Context, counts: &[Count]) -> anyhow::Result<bool> {
    let messages = total(counts);
    cx.out.error(warning(counts, cx.out.canvas()))?;
    cx.farewell.says("\nAborted!");
    let (out, question) = (
        cx.out.clone(),
        format!("Delete {messages} {}?", plural(messages)),
    );
    // Off the runtime's thread: Ctrl-C must be heard while nobody answers.
    let answer = tokio::task::spawn_blocking(move || out.confirm(&question)).await;
    match answer.context("asking")?? {
        Some(answer) => Ok(answer),
        None if io::stdin().is_terminal() => Ok(false),
        None => {
            Err(Failure::usage("refusing to purge without --force: there is nobody to ask").into())
        }
    }
}

/// What is about to be lost. On a terminal a long name is cut, so that each queue is one line.
fn warning(counts: &[Count], canvas: Canvas) -> String {
    let queues = if counts.len() == 1 { "queue" } else { "queues" };
    let digits = total(counts).to_string().len();
    let beside = "    ".len() + (digits + " messages".len()).max("does not exist".len());
    let room = canvas
        .width
        .map_or(usize::MAX, |width| width.saturating_sub(beside).max(8));
    let shown: Vec<String> = counts
        .iter()
        .map(|(queue, _)| shortened(&printable(queue), room, canvas.unicode))
        .collect();
    let name = shown.iter().map(|q| q.width()).max().unwrap_or(0);
    let mut text = format!(
        "This will remove all tasks from {} {queues}:\n",
        counts.len()
    );
    for (queue, (_, n)) in shown.iter().zip(counts) {
        let gap = " ".repeat(name - queue.width());
        let line = match n {
            Some(n) => format!("  {queue}{gap}  {n:>digits$} {}\n", plural(*n)),
            None => format!("  {queue}{gap}  does not exist\n"),
        };
        text.push_str(&line);
    }
    text.push_str("There is no undo. (-f skips this prompt)");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn named_queues_or_all_known_less_the_excluded() {
        let known = names(&["celery", "hi"]);
        assert_eq!(targets(&[], &[], &known), known);
        assert_eq!(
            targets(&names(&["b", "a", "b"]), &[], &known),
            names(&["a", "b"])
        );
        assert_eq!(targets(&[], &names(&["celery"]), &known), names(&["hi"]));
        assert!(targets(&[], &known, &known).is_empty());
    }

    #[test]
    fn queues_of_control_and_events_are_not_for_tasks() {
        let all = names(&[
            "celery",
            "w1@box.celery.pidbox",
            "8f.reply.celery.pidbox",
            "celeryev.1c",
            "celeryevents",
            "mycelery.pidbox",
        ]);
        assert_eq!(
            task_queues(all, &Settings::default()),
            names(&["celery", "celeryevents", "mycelery.pidbox"])
        );
    }

    #[test]
    fn the_summary_is_celerys() {
        assert_eq!(
            summary(14, 1),
            "Purged 14 messages from 1 known task queue."
        );
        assert_eq!(summary(1, 2), "Purged 1 message from 2 known task queues.");
        assert_eq!(summary(0, 1), "No messages purged from 1 queue.");
    }

    fn canvas(width: Option<usize>) -> Canvas {
        Canvas {
            width,
            colour: false,
            unicode: true,
        }
    }

    #[test]
    fn each_queue_of_the_warning_is_one_line() {
        let counts = [
            ("q".repeat(300), Some(1)),
            ("\u{1b}[31m".to_owned(), Some(20)),
            ("日本".to_owned(), None),
        ];
        let text = warning(&counts, canvas(Some(50)));
        assert!(text.lines().all(|line| line.width() <= 50), "{text}");
        assert!(text.contains("q…   1 message\n"), "{text}");
        let text = warning(&counts[1..], canvas(None));
        assert!(text.contains("  \\u{1b}[31m  20 messages\n"), "{text}");
        assert!(text.contains("  日本        does not exist\n"), "{text}");
    }

    #[test]
    fn the_warning_counts_per_queue() {
        let counts = [
            ("celery".to_owned(), Some(14)),
            ("other".to_owned(), Some(1)),
            ("x".to_owned(), None),
        ];
        assert_eq!(
            warning(&counts, canvas(None)),
            "This will remove all tasks from 3 queues:\n  \
             celery  14 messages\n  other    1 message\n  x       does not exist\n\
             There is no undo. (-f skips this prompt)"
        );
    }
}
