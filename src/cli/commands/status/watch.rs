//! `status --watch`: round after round, drawn in place on a terminal.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;
use tokio::time::{Instant, sleep_until};

use super::{Round, Software, StatusArgs};
use crate::broker::Broker;
use crate::cli::context::Context;
use crate::cli::error::{Failure, Kind, Report};
use crate::cli::output::colour::paint;
use crate::cli::output::screen::Screen;
use crate::cli::output::table::{Canvas, printable};
use crate::cli::output::{classic, json};
use crate::protocol::{Map, Value};

/// Where the rounds go.
enum Show {
    /// One block, drawn again in place.
    Screen(Screen),
    /// One block after the other; what is wrong is said when it changes.
    Blocks { first: bool, trouble: Vec<String> },
}

impl StatusArgs {
    /// Asks until it is interrupted. A broker that goes away is waited for; one that is not there at first is an error.
    pub(super) async fn watch(&self, cx: &Context, every: Duration) -> anyhow::Result<ExitCode> {
        let mut broker = Some(cx.broker().await?);
        let mut show = if cx.out.is_table() && cx.out.stdout_is_terminal && !cx.out.dumb {
            Show::Screen(Screen::default())
        } else {
            Show::Blocks {
                first: true,
                trouble: Vec::new(),
            }
        };
        let mut software = Software::new();
        loop {
            let next = Instant::now() + every;
            let round = self.round(cx, &mut broker, &mut software).await;
            match &mut show {
                Show::Screen(screen) => screen.draw(&self.frame(cx, &round, every))?,
                Show::Blocks { first, trouble } => {
                    self.block(cx, &round, first, trouble)?;
                }
            }
            sleep_until(next).await;
        }
    }

    /// One round; none if nobody replied. After an error the next one starts with a new connection.
    async fn round(
        &self,
        cx: &Context,
        broker: &mut Option<Arc<dyn Broker>>,
        software: &mut Software,
    ) -> anyhow::Result<Option<Round>> {
        let connection = match broker {
            Some(connection) => Arc::clone(connection),
            None => Arc::clone(broker.insert(cx.broker().await?)),
        };
        match self.ask(cx, &connection, software, |_, _| Ok(())).await {
            Ok(round) => Ok(Some(round)),
            Err(error) => match error.downcast_ref::<Failure>() {
                Some(failure) if failure.kind == Kind::NoReply => {
                    software.clear();
                    Ok(None)
                }
                _ => {
                    *broker = None;
                    // It is broken already: there is nothing to be done about a failure to close it.
                    let _ = connection.close().await;
                    Err(error)
                }
            },
        }
    }

    /// The lines on the screen.
    fn frame(
        &self,
        cx: &Context,
        round: &anyhow::Result<Option<Round>>,
        every: Duration,
    ) -> Vec<String> {
        let (columns, _) = Screen::size();
        let canvas = Canvas {
            width: Some(columns),
            ..cx.out.canvas()
        };
        let mut lines = Vec::new();
        if !cx.out.quiet {
            let title = format!(
                "every {}s  {}  {}",
                every.as_secs_f64(),
                Zoned::now().strftime("%H:%M:%S"),
                cx.broker_url()
            );
            lines.extend([paint(canvas.colour, "2", &printable(&title)), String::new()]);
        }
        let (tables, summary, trouble) = match round {
            Ok(Some(round)) => (
                self.tables(round, canvas),
                round.pongs.summary(),
                round.trouble(),
            ),
            Ok(None) => (Vec::new(), classic::nodes_online(0), self.nobody()),
            Err(error) => (Vec::new(), String::new(), vec![said(error)]),
        };
        for table in &tables {
            lines.extend(table.lines().map(ToOwned::to_owned));
            if table.is_empty() {
                lines.push(String::new());
            }
        }
        if !tables.is_empty() {
            lines.push(String::new());
        }
        if !cx.out.quiet && !summary.is_empty() {
            lines.push(summary);
        }
        for text in trouble {
            let warning = paint(canvas.colour, "1;33", "warning:");
            lines.push(format!("{warning} {}", printable(&text)));
        }
        lines
    }

    /// A block in a pipe, or a line with `-j`.
    fn block(
        &self,
        cx: &Context,
        round: &anyhow::Result<Option<Round>>,
        first: &mut bool,
        before: &mut Vec<String>,
    ) -> anyhow::Result<()> {
        let out = &cx.out;
        let trouble = match round {
            Ok(Some(round)) => round.trouble(),
            Ok(None) => self.nobody(),
            Err(error) => vec![said(error)],
        };
        if trouble != *before {
            for text in &trouble {
                out.warn(printable(text))?;
            }
            *before = trouble;
        }
        if let Err(error) = round {
            return match error.downcast_ref::<std::io::Error>() {
                // Nobody reads on.
                Some(e) if e.kind() == std::io::ErrorKind::BrokenPipe => {
                    Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into())
                }
                _ => Ok(()),
            };
        }
        let round = round.as_ref().ok().and_then(Option::as_ref);
        if out.is_json() {
            let document = match round {
                Some(round) => self.document(round),
                None if self.long => Value::List(Vec::new()),
                None => Value::Map(Map::new()),
            };
            out.line(json::ascii_line(&document))?;
            return Ok(());
        }
        if !std::mem::take(first) {
            out.line("")?;
        }
        if let Some(round) = round {
            if out.is_table() {
                for table in self.tables(round, out.canvas()) {
                    out.line(table)?;
                }
            } else {
                for (node, pong) in &round.pongs.replies {
                    out.line(classic::reply(node, pong, false, out.look()))?;
                    if let Some(node) = round.nodes.iter().find(|n| n.name == *node) {
                        out.line(node.card(&round.waiting))?;
                    }
                }
            }
        }
        if !out.quiet && !out.is_table() {
            let online = classic::nodes_online(round.map_or(0, |round| round.pongs.nodes()));
            // Celery's blank line is between the nodes and their number.
            let gap = if round.is_some() { "\n" } else { "" };
            out.line(format!("{gap}{online}"))?;
        }
        Ok(())
    }

    /// What to say when nobody replies.
    fn nobody(&self) -> Vec<String> {
        match self.remote.destination.as_slice() {
            [] => vec!["no worker replies".to_owned()],
            names => vec![format!("no reply from {}", names.join(", "))],
        }
    }
}

/// An error and its causes in one line.
fn said(error: &anyhow::Error) -> String {
    Report::of(error).chain.join(": ")
}
