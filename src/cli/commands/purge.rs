//! `rcelery purge`.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::broker::Broker;
use crate::cli::context::Context;
use crate::cli::error::{Failure, Kind};
use crate::cli::output::table::{Column, render};
use crate::protocol::{Map, Value};

/// Erase all messages from all known task queues
///
/// There is no undo. Messages that a worker has taken and not finished stay with it.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
Examples:
  rcelery purge                  # asks first
  rcelery purge -f -Q video      # does not
  rcelery purge --dry-run -j     # only counts")]
pub(crate) struct PurgeArgs {
    /// Don't ask
    #[arg(
        short,
        long,
        short_alias = 'y',
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

    /// Count the messages and leave them
    #[arg(long, help_heading = "Purging options")]
    dry_run: bool,
}

impl PurgeArgs {
    pub(crate) async fn run(self, cx: &Context) -> anyhow::Result<ExitCode> {
        let known = cx
            .app
            .queues()?
            .into_iter()
            .map(|q| q.name)
            .collect::<Vec<_>>();
        let names = targets(&self.queues, &self.exclude_queues, &known);
        if names.is_empty() {
            if cx.out.is_json() {
                report(cx, "purged", &[])?;
            }
            cx.out
                .note("nothing to purge: every known queue is excluded")?;
            return Ok(ExitCode::SUCCESS);
        }
        let broker = cx.broker().await?;
        let outcome = self.purge(cx, &*broker, &names).await;
        broker.close().await?;
        outcome
    }

    async fn purge(
        self,
        cx: &Context,
        broker: &dyn Broker,
        names: &[String],
    ) -> anyhow::Result<ExitCode> {
        if self.dry_run || !self.force {
            let mut counts = Vec::new();
            for name in names {
                let count = broker.queue_length(name).await;
                counts.push((
                    name.clone(),
                    count.with_context(|| format!("counting `{name}`"))?,
                ));
            }
            if self.dry_run {
                warn_missing(cx, &counts)?;
                if cx.out.is_json() {
                    report(cx, "waiting", &counts)?;
                } else {
                    cx.out.line(list(&counts))?;
                }
                return Ok(ExitCode::SUCCESS);
            }
            // What arrives after an empty count was not asked about: it stays.
            if total(&counts) == 0 {
                warn_missing(cx, &counts)?;
                return finish(cx, &counts, names.len());
            }
            if !confirmed(cx, &counts)? {
                return Err(Failure::new(Kind::Declined, "Aborted!").verbatim().into());
            }
        }
        let mut purged = Vec::new();
        for name in names {
            let count = broker.purge(name).await;
            purged.push((
                name.clone(),
                count.with_context(|| format!("purging `{name}`"))?,
            ));
        }
        if self.force {
            warn_missing(cx, &purged)?;
        }
        finish(cx, &purged, names.len())?;
        if let Ok(Some(unacked @ 1..)) = broker.unacked_count().await {
            cx.out
                .note(format!("{} with their workers", stay(unacked)))?;
        }
        Ok(ExitCode::SUCCESS)
    }
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
    format!(
        "{unacked} unacknowledged {} {}",
        plural(unacked),
        if unacked == 1 { "stays" } else { "stay" }
    )
}

fn list(counts: &[Count]) -> String {
    const COLUMNS: &[Column] = &[Column::new("QUEUE"), Column::new("MESSAGES").right()];
    let rows: Vec<Vec<String>> = counts
        .iter()
        .map(|(name, n)| vec![name.clone(), n.unwrap_or(0).to_string()])
        .collect();
    render(COLUMNS, &rows, None, false)
}

fn warn_missing(cx: &Context, counts: &[Count]) -> io::Result<()> {
    counts
        .iter()
        .filter(|(_, n)| n.is_none())
        .try_for_each(|(name, _)| cx.out.warn(format!("queue \"{name}\" does not exist")))
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

fn confirmed(cx: &Context, counts: &[Count]) -> anyhow::Result<bool> {
    let messages = total(counts);
    cx.out.error(warning(counts))?;
    let answer = cx
        .out
        .confirm(&format!("Delete {messages} {}?", plural(messages)))?;
    match answer {
        Some(answer) => Ok(answer),
        None if io::stdin().is_terminal() => Ok(false),
        None => {
            Err(Failure::usage("refusing to purge without --force: there is nobody to ask").into())
        }
    }
}

fn warning(counts: &[Count]) -> String {
    let queues = if counts.len() == 1 { "queue" } else { "queues" };
    let name = counts
        .iter()
        .map(|(q, _)| q.chars().count())
        .max()
        .unwrap_or(0);
    let digits = total(counts).to_string().len();
    let mut text = format!(
        "This will remove all tasks from {} {queues}:\n",
        counts.len()
    );
    for (queue, n) in counts {
        let line = match n {
            Some(n) => format!("  {queue:<name$}  {n:>digits$} {}\n", plural(*n)),
            None => format!("  {queue:<name$}  does not exist\n"),
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
    fn the_summary_is_celerys() {
        assert_eq!(
            summary(14, 1),
            "Purged 14 messages from 1 known task queue."
        );
        assert_eq!(summary(1, 2), "Purged 1 message from 2 known task queues.");
        assert_eq!(summary(0, 1), "No messages purged from 1 queue.");
    }

    #[test]
    fn the_warning_counts_per_queue() {
        let counts = [
            ("celery".to_owned(), Some(14)),
            ("other".to_owned(), Some(1)),
            ("x".to_owned(), None),
        ];
        assert_eq!(
            warning(&counts),
            "This will remove all tasks from 3 queues:\n  \
             celery  14 messages\n  other    1 message\n  x       does not exist\n\
             There is no undo. (-f skips this prompt)"
        );
    }
}
