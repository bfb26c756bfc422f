//! `rcelery inspect`.

mod cards;
mod view;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use jiff::Timestamp;

use self::view::View;
use super::remote::{Answers, RemoteArgs, ask};
use super::table;
use crate::broker::Broker;
use crate::cli::context::Context;
use crate::cli::error::{Failure, Kind as Why};
use crate::cli::output::table::printable;
use crate::cli::output::{Out, classic, json};
use crate::protocol::{Map, Value};
use crate::worker::control::{ControlCommand, Kind};

/// `inspect COMMAND`, with a clap subcommand for each of the worker's.
#[derive(Debug, Clone)]
pub(crate) struct InspectArgs {
    remote: RemoteArgs,
    full: bool,
    /// None for `--list`.
    command: Option<(&'static ControlCommand, Map)>,
}

const EXAMPLES: &str = "\
Examples:
  rcelery inspect active
  rcelery inspect -d w1@box stats
  rcelery inspect registered rate_limit max_retries
  rcelery inspect query_task $id                     # exit code 1 if no worker knows it
  rcelery inspect scheduled -j | jq -r '.[][].request.id'";

impl Args for InspectArgs {
    fn augment_args(command: Command) -> Command {
        let command = RemoteArgs::augment_args(command)
            .about("Ask workers what they are doing")
            .after_long_help(EXAMPLES)
            .arg(
                Arg::new("full")
                    .long("full")
                    .global(true)
                    .action(ArgAction::SetTrue)
                    .help("Show ids in full in tables"),
            );
        table::with_commands(command, Kind::Inspect)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for InspectArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            remote: RemoteArgs::from_arg_matches(matches)?,
            full: matches.get_flag("full"),
            command: table::of_matches(matches, Kind::Inspect)?,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl InspectArgs {
    /// Lists the commands, if that is what is asked for: nobody need be asked.
    pub(crate) fn run_offline(&self, out: &Out) -> Option<anyhow::Result<ExitCode>> {
        super::control::listed(out, Kind::Inspect, self.command.is_none())
    }

    pub(crate) async fn run(self, cx: &Context) -> anyhow::Result<ExitCode> {
        let Some((command, mut arguments)) = self.command.clone() else {
            return Ok(ExitCode::SUCCESS);
        };
        table::read_ids(command, &mut arguments)?;
        let broker = cx.broker().await?;
        let outcome = self.ask(cx, &broker, command, arguments).await;
        let closed = broker.close().await;
        outcome?;
        closed?;
        Ok(ExitCode::SUCCESS)
    }

    async fn ask(
        &self,
        cx: &Context,
        broker: &Arc<dyn Broker>,
        command: &ControlCommand,
        arguments: Map,
    ) -> anyhow::Result<()> {
        let view = View::of(command.name).filter(|_| cx.out.is_table());
        let classic = !cx.out.is_json() && view.is_none();
        let ids = arguments.get("ids").cloned();
        let request = self.remote.command(command.name, arguments);
        let timeout = self.remote.timeout;
        let answers = ask(cx, broker, &request, timeout, |node, reply| {
            if classic {
                cx.out
                    .line(classic::reply(node, reply, true, cx.out.look()))?;
            }
            Ok(())
        })
        .await?;
        if cx.out.is_json() {
            cx.out.line(json::ascii_line(&answers.to_value()))?;
        } else if let Some(view) = view {
            view.show(&cx.out, &answers, Timestamp::now(), self.full)?;
            cx.out.note(format!("\n{}", answers.summary()))?;
        } else if !cx.out.quiet {
            cx.out
                .line(format!("\n{}", classic::nodes_online(answers.nodes())))?;
        }
        answers.verdict(cx, classic)?;
        match ids {
            Some(ids) => all_known(&ids, &answers).map_err(Into::into),
            None => Ok(()),
        }
    }
}

/// Fails if some of the ids are known to no worker.
fn all_known(ids: &Value, answers: &Answers) -> Result<(), Failure> {
    let known: BTreeSet<&str> = answers
        .replies
        .iter()
        .filter_map(|(_, reply)| reply.as_map())
        .flat_map(|found| found.keys().map(String::as_str))
        .collect();
    let asked: BTreeSet<&str> = ids
        .as_list()
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let unknown: Vec<String> = asked.difference(&known).map(|id| printable(id)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let what = match (unknown.len(), asked.len()) {
        (1, 1) => format!("no worker knows the task {}", unknown[0]),
        (n, of) => format!("no worker knows {n} of {of} tasks: {}", unknown.join(", ")),
    };
    Err(Failure::new(Why::UnknownTask, what)
        .hint("not received yet, done, or unknown: `rcelery result ID` tells whether it is done"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_nobody_knows_are_named() {
        let found = |id: &str| Value::from([(id, Value::List(vec!["active".into(), Value::Null]))]);
        let answers = Answers {
            replies: vec![
                ("w1@box".to_owned(), found("a")),
                ("w2@box".to_owned(), Value::Map(Map::new())),
            ],
            ..Answers::default()
        };
        let known = |ids: &[&str]| {
            let ids = Value::List(ids.iter().map(|id| (*id).into()).collect());
            all_known(&ids, &answers).map_err(|f| f.message)
        };
        assert_eq!(known(&["a"]), Ok(()));
        assert_eq!(known(&["x"]), Err("no worker knows the task x".to_owned()));
        assert_eq!(
            known(&["x", "a", "x"]),
            Err("no worker knows 1 of 2 tasks: x".to_owned())
        );
    }
}
