//! `rcelery status`.

mod overview;
mod watch;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use self::overview::Overview;
use super::remote::{self, Answers, RemoteArgs, gather, somebody};
use crate::broker::Broker;
use crate::cli::context::Context;
use crate::cli::output::{classic, json};
use crate::cli::parse;
use crate::protocol::{Map, Value};

/// Show which workers are online
///
/// Exit code 69 if nobody replies, or not all nodes that -d names.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
Examples:
  rcelery status
  rcelery status --watch                   # redrawn every 2 seconds, until Ctrl-C
  rcelery status -d w1@box,w2@box -t 0.5   # exit code 69 unless both reply
  rcelery status -j | jq -r 'keys[]'
  rcelery status --long -j | jq '.[] | {node, active, done}'")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    remote: RemoteArgs,

    /// Show more: pool, process, memory, messages in the queues
    ///
    /// With -j an array with one object for each node, which has its `stats` and `active_queues`.
    #[arg(long, help_heading = "Status options")]
    long: bool,

    /// Ask again and again, every 2 seconds or as often as this says
    ///
    /// On a terminal the table is drawn in place until Ctrl-C (exit code 130); in a pipe each round is a block of its
    /// own, with -j a line.
    #[arg(long, value_name = "SECS", num_args = 0..=1, require_equals = true, default_missing_value = "2", value_parser = interval, help_heading = "Status options")]
    watch: Option<Duration>,
}

/// Rounds must not follow each other faster than this.
const SHORTEST: Duration = Duration::from_millis(100);

fn interval(text: &str) -> Result<Duration, String> {
    match parse::duration(text)? {
        short if short < SHORTEST => Err("at least 0.1 seconds".to_owned()),
        interval => Ok(interval),
    }
}

/// One round of questions and what came back.
#[derive(Debug)]
struct Round {
    pongs: Answers,
    /// More about those that replied, and that are missing; empty where only their names are asked for.
    nodes: Vec<Overview>,
    /// Messages that wait, by queue; only with `--long`.
    waiting: BTreeMap<String, Option<u64>>,
}

/// What nodes said they are, so that they need not be asked again.
type Software = BTreeMap<String, String>;

impl StatusArgs {
    pub(crate) async fn run(self, cx: &Context) -> anyhow::Result<ExitCode> {
        if let Some(every) = self.watch {
            return self.watch(cx, every).await;
        }
        let broker = cx.broker().await?;
        let outcome = self.once(cx, &broker).await;
        let closed = broker.close().await;
        outcome?;
        closed?;
        Ok(ExitCode::SUCCESS)
    }

    async fn once(&self, cx: &Context, broker: &Arc<dyn Broker>) -> anyhow::Result<()> {
        let classic = !cx.out.is_json() && !cx.out.is_table();
        let at_once = classic && !self.long;
        let round = self
            .ask(cx, broker, &mut Software::new(), |node, pong| {
                if at_once {
                    let text = classic::reply(node, pong, false, cx.out.look());
                    cx.out.line(text)?;
                }
                Ok(())
            })
            .await?;
        if cx.out.is_json() {
            cx.out.line(json::ascii_line(&self.document(&round)))?;
        } else if cx.out.is_table() {
            self.tables(&round, cx.out.canvas())
                .iter()
                .try_for_each(|table| cx.out.line(table))?;
            cx.out.note(format!("\n{}", round.pongs.summary()))?;
        } else {
            if !at_once {
                for node in &round.nodes {
                    if let Some(pong) = round.pong(&node.name) {
                        cx.out
                            .line(classic::reply(&node.name, pong, false, cx.out.look()))?;
                        cx.out.line(node.card(&round.waiting))?;
                    }
                }
            }
            if !cx.out.quiet {
                cx.out
                    .line(format!("\n{}", classic::nodes_online(round.pongs.nodes())))?;
            }
        }
        round.pongs.verdict(cx, classic)
    }

    /// Asks all there is to know in one round trip. Fails if nobody replies.
    async fn ask(
        &self,
        cx: &Context,
        broker: &Arc<dyn Broker>,
        software: &mut Software,
        mut on_pong: impl FnMut(&str, &Value) -> std::io::Result<()> + Send,
    ) -> anyhow::Result<Round> {
        let details = self.long || cx.out.is_table();
        let mut methods = vec!["ping"];
        if details {
            methods.extend(overview::DETAILS);
        }
        // It is the dearest question: Python looks at its own binary to answer it.
        if details && software.is_empty() {
            methods.push(overview::SOFTWARE);
        }
        let commands: Vec<_> = methods
            .iter()
            .map(|method| self.remote.command(method, Map::new()))
            .collect();
        let timeout = self.remote.timeout;
        let mut replies = gather(cx, broker, &commands, timeout, |n, node, reply| {
            if n == 0 { on_pong(node, reply) } else { Ok(()) }
        })
        .await?
        .into_iter();
        let pongs = replies.next().unwrap_or_default();
        let pongs = somebody(cx, broker, &commands[0], pongs, timeout).await?;
        let mut round = Round {
            pongs,
            nodes: Vec::new(),
            waiting: BTreeMap::new(),
        };
        if details {
            let replies: Vec<_> = replies.collect();
            round.nodes = overview::of(&round.pongs, &methods[1..], &replies);
            overview::recall(&mut round.nodes, software);
        }
        if self.long {
            for queue in round.nodes.iter().flat_map(|node| &node.queues) {
                if !round.waiting.contains_key(queue) {
                    let length = broker.queue_length(queue).await?;
                    round.waiting.insert(queue.clone(), length);
                }
            }
        }
        Ok(round)
    }

    fn document(&self, round: &Round) -> Value {
        if self.long {
            let nodes = round.nodes.iter().map(|n| n.to_value(&round.waiting));
            Value::List(nodes.collect())
        } else {
            round.pongs.to_value()
        }
    }

    fn tables(&self, round: &Round, canvas: crate::cli::output::table::Canvas) -> Vec<String> {
        let mut tables = vec![overview::table(&round.nodes, self.long, canvas)];
        if self.long && !round.waiting.is_empty() {
            tables.push(String::new());
            tables.push(overview::queues(&round.nodes, &round.waiting, canvas));
        }
        tables
    }
}

impl Round {
    fn pong(&self, node: &str) -> Option<&Value> {
        let mut replies = self.pongs.replies.iter();
        replies.find(|(name, _)| name == node).map(|(_, pong)| pong)
    }

    /// What is wrong, in words, for those who watch.
    fn trouble(&self) -> Vec<String> {
        let mut lines: Vec<String> = remote::duplicates(&self.pongs.replies)
            .into_iter()
            .map(|name| format!("more than one node is named {name}"))
            .collect();
        if !self.pongs.missing.is_empty() {
            lines.push(format!("no reply from {}", self.pongs.missing.join(", ")));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_do_not_chase_each_other() {
        assert_eq!(interval("5"), Ok(Duration::from_secs(5)));
        assert_eq!(interval("500ms"), Ok(Duration::from_millis(500)));
        assert!(interval("0").is_err() && interval("0.05").is_err() && interval("x").is_err());
    }
}
