//! `rcelery inspect`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use jiff::Timestamp;

use super::remote::{Answers, RemoteArgs, ask};
use super::table::{commands, of_matches, subcommand};
use crate::cli::context::Context;
use crate::cli::error::Silent;
use crate::cli::output::progress::rough;
use crate::cli::output::table::{Column, Fit};
use crate::cli::output::{classic, json};
use crate::protocol::{Map, Value, repr, time};
use crate::worker::control::{ControlCommand, Kind};

/// `inspect COMMAND`, with a clap subcommand for each of the worker's.
#[derive(Debug, Clone)]
pub(crate) struct InspectArgs {
    remote: RemoteArgs,
    full: bool,
    command: &'static ControlCommand,
    arguments: Map,
}

const EXAMPLES: &str = "\
Examples:
  rcelery inspect active
  rcelery inspect -d w1@box stats
  rcelery inspect registered rate_limit
  rcelery inspect query_task $id -j";

impl Args for InspectArgs {
    fn augment_args(command: Command) -> Command {
        let command = RemoteArgs::augment_args(command)
            .about("Ask workers what they are doing")
            .after_long_help(EXAMPLES)
            .subcommand_required(true)
            .arg_required_else_help(true)
            .disable_help_subcommand(true)
            .subcommand_value_name("COMMAND")
            .arg(
                Arg::new("full")
                    .long("full")
                    .global(true)
                    .action(clap::ArgAction::SetTrue)
                    .help("Show ids in full in tables"),
            );
        command.subcommands(commands(Kind::Inspect).map(subcommand))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for InspectArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let (command, arguments) = of_matches(matches, Kind::Inspect)?;
        Ok(Self {
            remote: RemoteArgs::from_arg_matches(matches)?,
            full: matches.get_flag("full"),
            command,
            arguments,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl InspectArgs {
    pub(crate) async fn run(self, cx: &Context) -> anyhow::Result<ExitCode> {
        let view = if cx.out.is_table() {
            View::of(self.command.name)
        } else {
            None
        };
        let classic = !cx.out.is_json() && view.is_none();
        let answers = ask(
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
        .await?;
        if cx.out.is_json() {
            cx.out.line(json::ascii_line(&answers.to_value()))?;
        } else if let Some(view) = view {
            let rows = view.rows(&answers, Timestamp::now());
            cx.out
                .table(view.columns, &shorten(rows, view.id, self.full))?;
            cx.out
                .note(format!("\n{}", classic::nodes_online(answers.nodes())))?;
        } else if !cx.out.quiet {
            cx.out
                .line(format!("\n{}", classic::nodes_online(answers.nodes())))?;
        }
        answers.verdict(cx, classic)?;
        if self.command.name == "query_task" && nobody_knows(&answers) {
            cx.out
                .note("no worker knows these tasks: not received yet, done, or unknown")?;
            return Err(Silent(1).into());
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn nobody_knows(answers: &Answers) -> bool {
    answers
        .replies
        .iter()
        .all(|(_, v)| v.as_map().is_some_and(Map::is_empty))
}

/// How the replies to a command are laid out as rows.
struct View {
    columns: &'static [Column],
    /// Which column holds task ids.
    id: Option<usize>,
    rows: fn(&str, &Value, f64) -> Vec<Vec<String>>,
    /// Rows of one task or queue are merged over nodes.
    merge: bool,
}

impl View {
    fn of(command: &str) -> Option<Self> {
        let view = |columns, id, rows| {
            Some(Self {
                columns,
                id,
                rows,
                merge: false,
            })
        };
        match command {
            "ping" => view(PING, None, |node, v, _| {
                vec![vec![node.to_owned(), word(v)]]
            }),
            "active" => view(ACTIVE, Some(1), |node, v, now| {
                requests(v)
                    .map(|r| [base(node, r), vec![running(r, now)]].concat())
                    .collect()
            }),
            "reserved" => view(RESERVED, Some(1), |node, v, _| {
                requests(v)
                    .map(|r| [base(node, r), vec![queue(r)]].concat())
                    .collect()
            }),
            "scheduled" => view(SCHEDULED, Some(1), scheduled),
            "active_queues" => view(QUEUES, None, queues),
            "registered" => Some(Self {
                columns: REGISTERED,
                id: None,
                rows: registered,
                merge: true,
            }),
            "revoked" => view(REVOKED, Some(1), |node, v, _| {
                list(v)
                    .iter()
                    .map(|id| vec![node.to_owned(), repr::pystr(id)])
                    .collect()
            }),
            "query_task" => view(QUERY, Some(1), query),
            "clock" => view(CLOCK, None, |node, v, _| {
                vec![vec![
                    node.to_owned(),
                    field(v, "clock").map_or(String::new(), repr::pystr),
                ]]
            }),
            "memsample" => view(MEMORY, None, |node, v, _| {
                vec![vec![node.to_owned(), repr::pystr(v)]]
            }),
            _ => None,
        }
    }

    fn rows(&self, answers: &Answers, now: Timestamp) -> Vec<Vec<String>> {
        let now = now.as_duration().as_secs_f64();
        let fine = answers
            .sorted()
            .into_iter()
            .filter(|(_, v)| field(v, "error").is_none());
        let rows: Vec<Vec<String>> = fine
            .flat_map(|(node, v)| (self.rows)(node, v, now))
            .collect();
        if self.merge {
            merged(rows, answers.nodes())
        } else {
            rows
        }
    }
}

const PING: &[Column] = &[Column::new("NODE"), Column::new("STATUS")];
const ACTIVE: &[Column] = &[
    Column::new("NODE"),
    Column::new("ID"),
    Column::new("TASK"),
    Column::new("ARGS").fit(Fit::Shorten(8)),
    Column::new("RUNNING").right().fit(Fit::Drop(1)),
];
const RESERVED: &[Column] = &[
    Column::new("NODE"),
    Column::new("ID"),
    Column::new("TASK"),
    Column::new("ARGS").fit(Fit::Shorten(8)),
    Column::new("QUEUE").fit(Fit::Drop(1)),
];
const SCHEDULED: &[Column] = &[
    Column::new("NODE"),
    Column::new("ID"),
    Column::new("TASK"),
    Column::new("ARGS").fit(Fit::Shorten(8)),
    Column::new("ETA").fit(Fit::Drop(1)),
];
const QUEUES: &[Column] = &[
    Column::new("NODE"),
    Column::new("QUEUE"),
    Column::new("EXCHANGE"),
    Column::new("KEY").fit(Fit::Shorten(6)),
    Column::new("DURABLE").fit(Fit::Drop(1)),
];
const REGISTERED: &[Column] = &[
    Column::new("TASK"),
    Column::new("NODES").fit(Fit::Shorten(8)),
    Column::new("OPTIONS").fit(Fit::Shorten(8)),
];
const REVOKED: &[Column] = &[Column::new("NODE"), Column::new("ID")];
const QUERY: &[Column] = &[
    Column::new("NODE"),
    Column::new("ID"),
    Column::new("STATE"),
    Column::new("TASK"),
    Column::new("ARGS").fit(Fit::Shorten(8)),
];
const CLOCK: &[Column] = &[Column::new("NODE"), Column::new("CLOCK").right()];
const MEMORY: &[Column] = &[Column::new("NODE"), Column::new("RSS").right()];

fn field<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.as_map()?.get(key)
}

fn text(value: &Value, key: &str) -> String {
    match field(value, key) {
        None | Some(Value::Null) => String::new(),
        Some(value) => repr::pystr(value),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_list().unwrap_or_default()
}

fn requests(value: &Value) -> impl Iterator<Item = &Value> {
    list(value).iter()
}

/// The text of an ok or error reply.
fn word(value: &Value) -> String {
    let said = field(value, "ok").or_else(|| field(value, "error"));
    said.map_or_else(|| repr::pystr(value), repr::pystr)
}

fn base(node: &str, request: &Value) -> Vec<String> {
    vec![
        node.to_owned(),
        text(request, "id"),
        text(request, "name"),
        arguments(request),
    ]
}

/// Positional and keyword arguments in one cell.
fn arguments(request: &Value) -> String {
    let args = match field(request, "args") {
        Some(Value::Str(s)) => s.clone(),
        Some(value @ Value::List(items)) if !items.is_empty() => json::line(value),
        _ => String::new(),
    };
    let kwargs = match field(request, "kwargs") {
        Some(Value::Str(s)) if s != "{}" => s.clone(),
        Some(value @ Value::Map(map)) if !map.is_empty() => json::line(value),
        _ => String::new(),
    };
    [args, kwargs]
        .into_iter()
        .filter(|s| !s.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn running(request: &Value, now: f64) -> String {
    field(request, "time_start")
        .and_then(Value::as_f64)
        .and_then(|start| Duration::try_from_secs_f64((now - start).max(0.0)).ok())
        .map_or(String::new(), rough)
}

fn queue(request: &Value) -> String {
    field(request, "delivery_info").map_or(String::new(), |d| text(d, "routing_key"))
}

fn scheduled(node: &str, value: &Value, now: f64) -> Vec<Vec<String>> {
    let row = |entry: &Value| {
        let request = field(entry, "request").unwrap_or(&Value::Null);
        let eta = text(entry, "eta");
        let left = time::parse(&eta)
            .ok()
            .and_then(|at| Duration::try_from_secs_f64(at.as_duration().as_secs_f64() - now).ok());
        let eta = match left {
            Some(left) => format!("in {}", rough(left)),
            None => eta,
        };
        [base(node, request), vec![eta]].concat()
    };
    list(value).iter().map(row).collect()
}

fn queues(node: &str, value: &Value, _now: f64) -> Vec<Vec<String>> {
    let row = |queue: &Value| {
        let exchange = field(queue, "exchange").unwrap_or(&Value::Null);
        let durable = field(queue, "durable").is_some_and(Value::truthy);
        vec![
            node.to_owned(),
            text(queue, "name"),
            format!("{}({})", text(exchange, "name"), text(exchange, "type")),
            text(queue, "routing_key"),
            if durable { "yes" } else { "no" }.to_owned(),
        ]
    };
    list(value).iter().map(row).collect()
}

/// `proj.limited [rate_limit=6/m]` → task, node, options.
fn registered(node: &str, value: &Value, _now: f64) -> Vec<Vec<String>> {
    let row = |task: &Value| {
        let said = repr::pystr(task);
        let (name, options) = said.split_once(" [").unwrap_or((&said, ""));
        vec![
            name.to_owned(),
            node.to_owned(),
            options.trim_end_matches(']').to_owned(),
        ]
    };
    list(value).iter().map(row).collect()
}

fn query(node: &str, value: &Value, _now: f64) -> Vec<Vec<String>> {
    let tasks = value.as_map().into_iter().flatten();
    tasks
        .map(|(id, found)| {
            let (state, request) = match list(found) {
                [state, request] => (repr::pystr(state), request),
                _ => (String::new(), &Value::Null),
            };
            vec![
                node.to_owned(),
                id.clone(),
                state,
                text(request, "name"),
                arguments(request),
            ]
        })
        .collect()
}

/// One row per task and options, with the nodes that have it; `all` if every node does.
fn merged(rows: Vec<Vec<String>>, nodes: usize) -> Vec<Vec<String>> {
    let mut tasks: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        if let Ok([task, node, options]) = <[String; 3]>::try_from(row) {
            tasks.entry((task, options)).or_default().insert(node);
        }
    }
    tasks
        .into_iter()
        .map(|((task, options), on)| {
            let on = if on.len() == nodes && nodes > 1 {
                "all".to_owned()
            } else {
                on.into_iter().collect::<Vec<_>>().join(", ")
            };
            vec![task, on, options]
        })
        .collect()
}

/// Cuts ids to eight characters, where that still tells them apart.
fn shorten(mut rows: Vec<Vec<String>>, column: Option<usize>, full: bool) -> Vec<Vec<String>> {
    let Some(column) = column.filter(|_| !full) else {
        return rows;
    };
    let ids: BTreeSet<&str> = rows
        .iter()
        .filter_map(|r| Some(r.get(column)?.as_str()))
        .collect();
    let short: BTreeSet<String> = ids
        .iter()
        .map(|id| crate::cli::output::short_id(id))
        .collect();
    if short.len() == ids.len() {
        for row in &mut rows {
            if let Some(id) = row.get_mut(column) {
                *id = crate::cli::output::short_id(id);
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: &str, args: Value) -> Value {
        Value::from([
            ("id", id.into()),
            ("name", "proj.sleepy".into()),
            ("args", args),
            ("kwargs", Value::from([("x", 1.into())])),
            ("time_start", 1000.0.into()),
        ])
    }

    fn rows(command: &str, replies: &[(&str, Value)]) -> Vec<Vec<String>> {
        let answers = Answers {
            replies: replies
                .iter()
                .map(|(n, v)| ((*n).to_owned(), v.clone()))
                .collect(),
            missing: Vec::new(),
        };
        View::of(command)
            .unwrap()
            .rows(&answers, Timestamp::from_second(1012).unwrap())
    }

    #[test]
    fn active_says_how_long_and_with_what() {
        let reply = Value::List(vec![request("da1486ac-1", Value::List(vec![30.into()]))]);
        assert_eq!(
            rows("active", &[("w1@box", reply)]),
            [[
                "w1@box",
                "da1486ac-1",
                "proj.sleepy",
                "[30] {\"x\": 1}",
                "12s"
            ]]
        );
    }

    #[test]
    fn scheduled_counts_down() {
        let entry = Value::from([
            ("eta", "1970-01-01T01:16:52+00:00".into()),
            ("request", request("a", Value::Null)),
        ]);
        let row = &rows("scheduled", &[("w1@box", Value::List(vec![entry]))])[0];
        assert_eq!(row[4], "in 1h 0m");
    }

    #[test]
    fn registered_merges_nodes() {
        let both = |extra: &str| Value::List(vec!["proj.add".into(), extra.into()]);
        let rows = rows(
            "registered",
            &[
                ("w2@box", both("proj.b")),
                ("w1@box", both("proj.limited [rate_limit=6/m]")),
            ],
        );
        assert_eq!(
            rows,
            [
                ["proj.add", "all", ""],
                ["proj.b", "w2@box", ""],
                ["proj.limited", "w1@box", "rate_limit=6/m"],
            ]
        );
    }

    #[test]
    fn odd_replies_make_no_rows_and_no_panic() {
        for command in [
            "active",
            "reserved",
            "scheduled",
            "active_queues",
            "registered",
            "revoked",
            "query_task",
            "clock",
            "ping",
        ] {
            for odd in [
                Value::Null,
                "x".into(),
                Value::List(vec![Value::Null, 1.into()]),
                Value::from([("a", 1.into())]),
            ] {
                rows(command, &[("w1@box", odd)]);
            }
        }
    }

    #[test]
    fn ids_are_cut_only_where_they_stay_different() {
        let row = |id: &str| vec!["w".to_owned(), id.to_owned()];
        let cut = shorten(vec![row("da1486ac-1"), row("6f5b14f2-1")], Some(1), false);
        assert_eq!(cut[0][1], "da1486ac");
        let kept = shorten(vec![row("da1486ac-1"), row("da1486ac-2")], Some(1), false);
        assert_eq!(kept[0][1], "da1486ac-1");
    }
}
