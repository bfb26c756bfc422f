//! `rcelery control`.

use std::process::ExitCode;

use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::remote::{Answers, RemoteArgs, ask, ask_on};
use super::table::{commands, of_matches, subcommand};
use crate::cli::context::Context;
use crate::cli::output::table::Column;
use crate::cli::output::{classic, json};
use crate::pidbox;
use crate::protocol::{Map, Value, repr};
use crate::worker::control::{ControlCommand, Kind};

/// `control COMMAND`, with a clap subcommand for each of the worker's.
#[derive(Debug, Clone)]
pub(crate) struct ControlArgs {
    remote: RemoteArgs,
    command: &'static ControlCommand,
    arguments: Map,
}

const EXAMPLES: &str = "\
Examples:
  rcelery control revoke $id
  rcelery control revoke --terminate $id
  rcelery control -d w1@box shutdown";

impl Args for ControlArgs {
    fn augment_args(command: Command) -> Command {
        let command = RemoteArgs::augment_args(command)
            .about("Tell workers what to do")
            .after_long_help(EXAMPLES)
            .subcommand_required(true)
            .arg_required_else_help(true)
            .disable_help_subcommand(true)
            .subcommand_value_name("COMMAND");
        command.subcommands(commands(Kind::Control).map(subcommand))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ControlArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let (command, arguments) = of_matches(matches, Kind::Control)?;
        Ok(Self {
            remote: RemoteArgs::from_arg_matches(matches)?,
            command,
            arguments,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl ControlArgs {
    pub(crate) async fn run(self, cx: &Context) -> anyhow::Result<ExitCode> {
        let shutdown = self.command.name == "shutdown";
        let classic = !cx.out.is_json() && !cx.out.is_table() && !shutdown;
        let answers = if shutdown {
            self.shutdown(cx).await?
        } else {
            ask(
                cx,
                self.command.name,
                self.arguments.clone(),
                &self.remote,
                |node, reply| {
                    if classic {
                        cx.out.line(classic::reply(
                            node,
                            reply,
                            true,
                            cx.out.quiet,
                            cx.out.colour_out,
                        ))?;
                    }
                    Ok(())
                },
            )
            .await?
        };
        if cx.out.is_json() {
            // Celery's shape: a list here, where inspect has an object.
            let each = answers
                .replies
                .iter()
                .map(|(n, v)| Value::from([(n.as_str(), v.clone())]));
            cx.out
                .line(json::ascii_line(&Value::List(each.collect())))?;
        } else if shutdown {
            let count = answers.nodes();
            let node = if count == 1 { "node" } else { "nodes" };
            cx.out.line(format!("shutdown sent to {count} {node}"))?;
        } else if cx.out.is_table() {
            cx.out.table(
                &[Column::new("NODE"), Column::new("REPLY")],
                &rows(&answers),
            )?;
        }
        answers.verdict(cx, classic || cx.out.is_table())?;
        Ok(ExitCode::SUCCESS)
    }

    /// A worker that is told to shut down does not reply: who will hear it is asked before.
    async fn shutdown(&self, cx: &Context) -> anyhow::Result<Answers> {
        let broker = cx.broker().await?;
        let outcome = async {
            let mut answers =
                ask_on(cx, &broker, "ping", Map::new(), &self.remote, |_, _| Ok(())).await?;
            let mut command = pidbox::Command::new(self.command.name, self.arguments.clone());
            command.destination.clone_from(&self.remote.destination);
            cx.mailbox(&broker)?.broadcast(&command).await?;
            for (_, reply) in &mut answers.replies {
                *reply = Value::from([("ok", "shutdown sent".into())]);
            }
            Ok(answers)
        }
        .await;
        broker.close().await?;
        outcome
    }
}

fn rows(answers: &Answers) -> Vec<Vec<String>> {
    let said = |value: &Value| {
        let part = |key| value.as_map().and_then(|m| m.get(key)).map(repr::pystr);
        match (part("ok"), part("error")) {
            (Some(ok), _) => ok,
            (None, Some(error)) => format!("ERROR: {error}"),
            (None, None) => repr::pystr(value),
        }
    };
    answers
        .sorted()
        .into_iter()
        .map(|(n, v)| vec![n.to_owned(), said(v)])
        .collect()
}
