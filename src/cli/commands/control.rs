//! `rcelery control`.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use tokio::time::{Instant, sleep};

use super::remote::{self, Answers, RemoteArgs, ask, gather, somebody};
use super::table;
use crate::broker::Broker;
use crate::cli::context::Context;
use crate::cli::error::{Failure, Kind as Why};
use crate::cli::output::table::{Column, Tone, printable};
use crate::cli::output::{Out, classic, json};
use crate::cli::parse;
use crate::protocol::{Map, Value, repr};
use crate::worker::control::{ControlCommand, Kind};

/// How often nodes that are to stop are asked whether they are still there.
const STILL_THERE: Duration = Duration::from_millis(200);

/// `control COMMAND`, with a clap subcommand for each of the worker's.
#[derive(Debug, Clone)]
pub(crate) struct ControlArgs {
    remote: RemoteArgs,
    /// None for `--list`.
    command: Option<(&'static ControlCommand, Map)>,
    /// `shutdown --wait`: how long, if not for ever.
    wait: Option<Option<Duration>>,
}

const EXAMPLES: &str = "\
Examples:
  rcelery control revoke $id
  rcelery control revoke --terminate --signal SIGKILL $id
  rcelery inspect reserved -j | jq -r '.[][].id' | rcelery control revoke -
  rcelery control rate_limit images.resize 10/m
  rcelery control -d w1@box pool_grow 2
  rcelery control -d w1@box shutdown --wait=5m";

impl Args for ControlArgs {
    fn augment_args(command: Command) -> Command {
        let command = RemoteArgs::augment_args(command)
            .about("Tell workers what to do")
            .after_long_help(EXAMPLES);
        table::with_commands(command, Kind::Control).mut_subcommand("shutdown", |shutdown| {
            shutdown.arg(
                Arg::new("wait")
                    .long("wait")
                    .value_name("SECS")
                    .num_args(0..=1)
                    .require_equals(true)
                    .value_parser(parse::duration)
                    .help("Wait until they answer no more, or this long")
                    .long_help(
                        "Wait until they answer no more, or this long\n\nFrom then on they take no task; those that \
                         run are finished before the process ends. Where a node still answers after SECS, the exit \
                         code is 75.",
                    ),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ControlArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let wait = matches
            .subcommand_matches("shutdown")
            .filter(|shutdown| shutdown.contains_id("wait"))
            .map(|shutdown| shutdown.get_one("wait").copied());
        Ok(Self {
            remote: RemoteArgs::from_arg_matches(matches)?,
            command: table::of_matches(matches, Kind::Control)?,
            wait,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// What `--list` prints, if it is asked for.
pub(super) fn listed(out: &Out, kind: Kind, asked: bool) -> Option<anyhow::Result<ExitCode>> {
    asked.then(|| {
        table::list(out, kind)?;
        Ok(ExitCode::SUCCESS)
    })
}

impl ControlArgs {
    /// Lists the commands, if that is what is asked for: nobody need be asked.
    pub(crate) fn run_offline(&self, out: &Out) -> Option<anyhow::Result<ExitCode>> {
        listed(out, Kind::Control, self.command.is_none())
    }

    pub(crate) async fn run(self, cx: &Context) -> anyhow::Result<ExitCode> {
        let Some((command, mut arguments)) = self.command.clone() else {
            return Ok(ExitCode::SUCCESS);
        };
        table::read_ids(command, &mut arguments)?;
        let broker = cx.broker().await?;
        let outcome = if command.name == "shutdown" {
            self.shutdown(cx, &broker, arguments).await
        } else {
            self.tell(cx, &broker, command, arguments).await
        };
        let closed = broker.close().await;
        outcome?;
        closed?;
        Ok(ExitCode::SUCCESS)
    }

    async fn tell(
        &self,
        cx: &Context,
        broker: &Arc<dyn Broker>,
        command: &ControlCommand,
        arguments: Map,
    ) -> anyhow::Result<()> {
        let table = cx.out.is_table();
        let classic = !cx.out.is_json() && !table;
        let ids = arguments.get("task_id").cloned().filter(|_| table);
        let request = self.remote.command(command.name, arguments);
        let timeout = self.remote.timeout;
        let (answers, unseen) = if let Some(ids) = ids {
            // Whoever knows them is asked before they are told, in the same round trip.
            let query = Map::from_iter([("ids".to_owned(), ids.clone())]);
            let requests = [self.remote.command("query_task", query), request];
            let mut replies = gather(cx, broker, &requests, timeout, |_, _, _| Ok(())).await?;
            let told = replies.pop().unwrap_or_default();
            let unseen = unseen(&ids, &replies.pop().unwrap_or_default().replies);
            let answers = somebody(cx, broker, &requests[1], told, timeout).await?;
            (answers, unseen)
        } else {
            let answers = ask(cx, broker, &request, timeout, |node, reply| {
                if classic {
                    cx.out
                        .line(classic::reply(node, reply, true, cx.out.look()))?;
                }
                Ok(())
            })
            .await?;
            (answers, Vec::new())
        };
        if cx.out.is_json() {
            cx.out.line(json::ascii_line(&listing(&answers)))?;
        } else if table {
            cx.out.table(COLUMNS, &rows(&answers))?;
            for id in unseen {
                cx.out.note(format!(
                    "{}: not seen by any worker; will be discarded if it arrives",
                    printable(&id)
                ))?;
            }
        }
        answers.verdict(cx, classic || table)
    }

    /// A worker that is told to shut down does not reply: who will hear it is asked before.
    async fn shutdown(
        &self,
        cx: &Context,
        broker: &Arc<dyn Broker>,
        arguments: Map,
    ) -> anyhow::Result<()> {
        let timeout = self.remote.timeout;
        let ping = self.remote.command("ping", Map::new());
        let pongs = gather(
            cx,
            broker,
            std::slice::from_ref(&ping),
            timeout,
            |_, _, _| Ok(()),
        )
        .await?;
        let pongs = pongs.into_iter().next().unwrap_or_default();
        let command = self.remote.command("shutdown", arguments);
        // Who is too busy to answer should hear it as well.
        cx.mailbox(broker)?.broadcast(&command).await?;
        let mut answers = somebody(cx, broker, &ping, pongs, timeout).await?;
        for (_, reply) in &mut answers.replies {
            *reply = Value::from([("ok", "shutdown sent".into())]);
        }
        if cx.out.is_json() {
            cx.out.line(json::ascii_line(&listing(&answers)))?;
        } else {
            let count = answers.nodes();
            let node = if count == 1 { "node" } else { "nodes" };
            cx.out.line(format!("shutdown sent to {count} {node}"))?;
        }
        if let Some(longest) = self.wait {
            self.wait_for_end(cx, broker, &answers, longest).await?;
        }
        answers.verdict(cx, false)
    }

    async fn wait_for_end(
        &self,
        cx: &Context,
        broker: &Arc<dyn Broker>,
        told: &Answers,
        longest: Option<Duration>,
    ) -> anyhow::Result<()> {
        let deadline = longest.map(|longest| Instant::now() + longest);
        let mut ping = self.remote.command("ping", Map::new());
        ping.destination = told.replies.iter().map(|(node, _)| node.clone()).collect();
        loop {
            let pings = std::slice::from_ref(&ping);
            let pongs = gather(cx, broker, pings, self.remote.timeout, |_, _, _| Ok(())).await?;
            let there: BTreeSet<String> = pongs
                .into_iter()
                .flat_map(|pongs| pongs.replies)
                .map(|(node, _)| printable(&node))
                .collect();
            if there.is_empty() {
                return Ok(());
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                let names: Vec<String> = there.into_iter().collect();
                let text = format!("still answering: {}", names.join(", "));
                return Err(Failure::new(Why::NotReady, text)
                    .hint("give them more time, or end them with a signal")
                    .into());
            }
            sleep(STILL_THERE).await;
        }
    }
}

/// Celery's shape: a list here, where inspect has an object.
fn listing(answers: &Answers) -> Value {
    let each = answers
        .replies
        .iter()
        .map(|(node, reply)| Value::from([(node.as_str(), reply.clone())]));
    Value::List(each.collect())
}

/// The ids that no node has.
fn unseen(ids: &Value, found: &[(String, Value)]) -> Vec<String> {
    let seen = |id: &str| {
        found
            .iter()
            .any(|(_, reply)| reply.as_map().is_some_and(|tasks| tasks.contains_key(id)))
    };
    let ids = ids.as_list().unwrap_or_default();
    ids.iter()
        .filter_map(Value::as_str)
        .filter(|id| !seen(id))
        .map(ToOwned::to_owned)
        .collect()
}

const COLUMNS: &[Column] = &[
    Column::new("NODE"),
    Column::new("STATUS").tone(status),
    Column::new("REPLY"),
];

fn status(cell: &str) -> Tone {
    if cell == "ok" { Tone::Good } else { Tone::Bad }
}

fn rows(answers: &Answers) -> Vec<Vec<String>> {
    let row = |(node, reply): (&str, &Value)| {
        let (status, said) = match remote::error(reply) {
            Some(error) => ("error", error),
            None => match reply.as_map().and_then(|m| m.get("ok")) {
                Some(ok) => ("ok", repr::pystr(ok)),
                None if reply.is_null() => ("ok", String::new()),
                None => ("ok", repr::pystr(reply)),
            },
        };
        vec![node.to_owned(), status.to_owned(), said]
    };
    answers.sorted().into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_say_what_each_node_replied() {
        let answers = Answers {
            replies: vec![
                (
                    "w2@box".to_owned(),
                    Value::from([("error", "unknown task".into())]),
                ),
                (
                    "w1@box".to_owned(),
                    Value::from([("ok", "pool will grow".into())]),
                ),
                ("w3@box".to_owned(), Value::Null),
            ],
            ..Answers::default()
        };
        assert_eq!(
            rows(&answers),
            [
                ["w1@box", "ok", "pool will grow"],
                ["w2@box", "error", "unknown task"],
                ["w3@box", "ok", ""],
            ]
        );
        assert_eq!(
            json::line(&listing(&answers)),
            r#"[{"w2@box": {"error": "unknown task"}}, {"w1@box": {"ok": "pool will grow"}}, {"w3@box": null}]"#
        );
    }

    #[test]
    fn ids_that_no_node_has_are_unseen() {
        let ids = Value::List(vec!["a".into(), "b".into()]);
        let found = [("w1@box".to_owned(), Value::from([("a", Value::Null)]))];
        assert_eq!(unseen(&ids, &found), ["b"]);
        assert_eq!(unseen(&ids, &[]), ["a", "b"]);
    }
}
