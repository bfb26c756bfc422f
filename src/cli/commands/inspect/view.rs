//! The replies to each command as a table.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use jiff::Timestamp;

use super::cards;
use crate::cli::commands::remote::{self, Answers};
use crate::cli::output::progress::rough;
use crate::cli::output::table::{Column, Tone};
use crate::cli::output::{Out, json, short_id};
use crate::protocol::{Value, repr, time};

/// How the replies to a command are laid out.
pub(super) enum View {
    /// Rows under columns.
    Rows {
        columns: &'static [Column],
        /// Which column holds task ids.
        id: Option<usize>,
        rows: fn(&Answers, f64) -> Vec<Row>,
        /// What is said where there are no rows.
        none: &'static str,
    },
    /// A block of keys and values for each node.
    Cards,
}

/// The cells of a line.
pub(super) type Row = Vec<String>;

impl View {
    /// The layout of a command's replies; none where Celery's own text is best.
    pub(super) fn of(command: &str) -> Option<Self> {
        let rows = |columns, id, rows, none| {
            Some(Self::Rows {
                columns,
                id,
                rows,
                none,
            })
        };
        match command {
            "ping" => rows(PING, None, ping, ""),
            "active" => rows(ACTIVE, Some(1), active, "no task is running"),
            "reserved" => rows(RESERVED, Some(1), reserved, "no task waits for a free slot"),
            "scheduled" => rows(SCHEDULED, Some(1), scheduled, "no task waits for its ETA"),
            "active_queues" => rows(QUEUES, None, queues, "no queue is consumed"),
            "registered" => rows(REGISTERED, None, registered, "no task is registered"),
            "revoked" => rows(REVOKED, Some(1), revoked, "no task is revoked"),
            "query_task" => rows(QUERY, Some(0), query, ""),
            "conf" => rows(CONF, None, cards::conf, "no setting was set"),
            "clock" => rows(CLOCK, None, clock, ""),
            "memsample" => rows(MEMORY, None, memory, ""),
            "stats" => Some(Self::Cards),
            _ => None,
        }
    }

    /// Prints the replies; not those that are errors.
    pub(super) fn show(
        &self,
        out: &Out,
        answers: &Answers,
        now: Timestamp,
        full: bool,
    ) -> io::Result<()> {
        match self {
            Self::Rows {
                columns,
                id,
                rows,
                none,
            } => {
                let rows = rows(answers, now.as_duration().as_secs_f64());
                if rows.is_empty() {
                    return if none.is_empty() {
                        Ok(())
                    } else {
                        out.note(none)
                    };
                }
                // One node's settings need no column that says so.
                let columns = match columns.split_first() {
                    Some((_, rest)) if rows.iter().all(|row| row.len() == rest.len()) => rest,
                    _ => columns,
                };
                out.table(columns, &shorten(rows, *id, full))
            }
            Self::Cards => out.line(cards::stats(answers, out.colour_out)),
        }
    }
}

const NODE: Column = Column::new("NODE");
const ID: Column = Column::new("ID");
const TASK: Column = Column::new("TASK").shorten(8, 16);
const ARGS: Column = Column::new("ARGS").shorten(2, 8);

const PING: &[Column] = &[
    NODE,
    Column::new("STATUS").tone(status),
    Column::new("RTT").right(),
];
const ACTIVE: &[Column] = &[
    NODE,
    ID,
    TASK,
    ARGS,
    Column::new("RUNNING").right().drop(3),
    Column::new("ACK").drop(1),
];
const RESERVED: &[Column] = &[NODE, ID, TASK, ARGS, Column::new("QUEUE").drop(3)];
const SCHEDULED: &[Column] = &[NODE, ID, TASK, ARGS, Column::new("ETA").drop(3)];
const QUEUES: &[Column] = &[
    NODE,
    Column::new("QUEUE"),
    Column::new("EXCHANGE").drop(3),
    Column::new("KEY").shorten(2, 6),
    Column::new("DURABLE").drop(1),
];
const REGISTERED: &[Column] = &[
    Column::new("TASK"),
    Column::new("NODES").shorten(2, 12).tone(coverage),
    Column::new("ATTRS").shorten(1, 8),
];
const REVOKED: &[Column] = &[NODE, ID];
const QUERY: &[Column] = &[ID, Column::new("STATE"), NODE, TASK, ARGS];
const CONF: &[Column] = &[NODE, Column::new("KEY"), Column::new("VALUE")];
const CLOCK: &[Column] = &[NODE, Column::new("CLOCK").right()];
const MEMORY: &[Column] = &[NODE, Column::new("RSS").right()];

fn status(cell: &str) -> Tone {
    if cell == "pong" {
        Tone::Good
    } else {
        Tone::Bad
    }
}

/// A task that some node lacks stands out.
fn coverage(cell: &str) -> Tone {
    if cell.starts_with("not on ") || cell.starts_with("only on ") {
        Tone::Odd
    } else {
        Tone::Plain
    }
}

pub(super) fn field<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
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

/// The replies by node, without those that are errors.
pub(super) fn fine(answers: &Answers) -> impl Iterator<Item = (&str, &Value)> {
    let sorted = answers.sorted().into_iter();
    sorted.filter(|(_, reply)| remote::error(reply).is_none())
}

/// One row for each item of each node's list.
fn items(answers: &Answers, row: impl Fn(&str, &Value) -> Row) -> Vec<Row> {
    fine(answers)
        .flat_map(|(node, reply)| {
            list(reply)
                .iter()
                .map(|item| row(node, item))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn ping(answers: &Answers, _now: f64) -> Vec<Row> {
    let mut rows: Vec<Row> = answers
        .replies
        .iter()
        .zip(&answers.after)
        .map(|((node, reply), after)| {
            let said = field(reply, "ok").or_else(|| field(reply, "error"));
            vec![
                node.clone(),
                said.map_or_else(|| repr::pystr(reply), repr::pystr),
                round_trip(*after),
            ]
        })
        .collect();
    rows.sort();
    rows
}

/// `0.8ms`, `23ms`, `1.2s`.
fn round_trip(after: Duration) -> String {
    let ms = after.as_secs_f64() * 1000.0;
    match ms {
        ..9.95 => format!("{ms:.1}ms"),
        ..999.5 => format!("{ms:.0}ms"),
        _ => format!("{:.1}s", ms / 1000.0),
    }
}

fn base(node: &str, request: &Value) -> Row {
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

fn active(answers: &Answers, now: f64) -> Vec<Row> {
    items(answers, |node, request| {
        let running = field(request, "time_start")
            .and_then(Value::as_f64)
            .and_then(|start| Duration::try_from_secs_f64((now - start).max(0.0)).ok());
        let ack = field(request, "acknowledged").is_some_and(Value::truthy);
        let mut row = base(node, request);
        row.push(running.map_or(String::new(), rough));
        row.push(yes_no(ack));
        row
    })
}

fn reserved(answers: &Answers, _now: f64) -> Vec<Row> {
    items(answers, |node, request| {
        let queue = field(request, "delivery_info").map(|d| text(d, "routing_key"));
        [base(node, request), vec![queue.unwrap_or_default()]].concat()
    })
}

fn scheduled(answers: &Answers, now: f64) -> Vec<Row> {
    items(answers, |node, entry| {
        let request = field(entry, "request").unwrap_or(&Value::Null);
        let eta = text(entry, "eta");
        let eta = match time::parse(&eta) {
            Ok(at) => until(at.as_duration().as_secs_f64() - now),
            Err(_) => eta,
        };
        [base(node, request), vec![eta]].concat()
    })
}

/// `in 59m`; `due` once it is past.
fn until(seconds: f64) -> String {
    match Duration::try_from_secs_f64(seconds) {
        Ok(left) if left.as_secs() >= 1 => {
            let left = match left.as_secs() {
                // The seconds of a long wait say nothing.
                s @ 60..3600 => format!("{}m", s / 60),
                _ => rough(left),
            };
            format!("in {left}")
        }
        _ => "due".to_owned(),
    }
}

fn queues(answers: &Answers, _now: f64) -> Vec<Row> {
    items(answers, |node, queue| {
        let exchange = field(queue, "exchange").unwrap_or(&Value::Null);
        vec![
            node.to_owned(),
            text(queue, "name"),
            format!("{}({})", text(exchange, "name"), text(exchange, "type")),
            text(queue, "routing_key"),
            yes_no(field(queue, "durable").is_some_and(Value::truthy)),
        ]
    })
}

fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

/// One row per task and attributes, with the nodes that have it. A task that some node lacks says so.
fn registered(answers: &Answers, _now: f64) -> Vec<Row> {
    let nodes: BTreeSet<&str> = fine(answers).map(|(node, _)| node).collect();
    let mut tasks: BTreeMap<(String, String), BTreeSet<&str>> = BTreeMap::new();
    for (node, reply) in fine(answers) {
        for task in list(reply) {
            let said = repr::pystr(task);
            let (name, attributes) = match said.split_once(" [") {
                Some((name, rest)) => (name.to_owned(), rest.trim_end_matches(']').to_owned()),
                None => (said, String::new()),
            };
            tasks.entry((name, attributes)).or_default().insert(node);
        }
    }
    tasks
        .into_iter()
        .map(|((task, attributes), on)| vec![task, where_it_is(&on, &nodes), attributes])
        .collect()
}

/// `all`, or the shorter of those that have it and those that lack it.
fn where_it_is(on: &BTreeSet<&str>, nodes: &BTreeSet<&str>) -> String {
    let join = |names: Vec<&str>| names.join(", ");
    let lacking: Vec<&str> = nodes.difference(on).copied().collect();
    match (lacking.len(), nodes.len()) {
        (0, 1) => join(on.iter().copied().collect()),
        (0, _) => "all".to_owned(),
        (n, _) if n <= on.len() => format!("not on {}", join(lacking)),
        _ => format!("only on {}", join(on.iter().copied().collect())),
    }
}

fn revoked(answers: &Answers, _now: f64) -> Vec<Row> {
    items(answers, |node, id| vec![node.to_owned(), repr::pystr(id)])
}

fn query(answers: &Answers, _now: f64) -> Vec<Row> {
    let mut rows = Vec::new();
    for (node, reply) in fine(answers) {
        for (id, found) in reply.as_map().into_iter().flatten() {
            let (state, request) = match list(found) {
                [state, request] => (repr::pystr(state), request),
                _ => (String::new(), &Value::Null),
            };
            rows.push(vec![
                id.clone(),
                state,
                node.to_owned(),
                text(request, "name"),
                arguments(request),
            ]);
        }
    }
    rows
}

fn clock(answers: &Answers, _now: f64) -> Vec<Row> {
    fine(answers)
        .map(|(node, reply)| vec![node.to_owned(), text(reply, "clock")])
        .collect()
}

fn memory(answers: &Answers, _now: f64) -> Vec<Row> {
    fine(answers)
        .map(|(node, reply)| {
            // Python can't tell without psutil.
            let rss = if reply.is_null() {
                "unknown".to_owned()
            } else {
                repr::pystr(reply)
            };
            vec![node.to_owned(), rss]
        })
        .collect()
}

/// Cuts ids to eight characters, where that still tells them apart.
fn shorten(mut rows: Vec<Row>, column: Option<usize>, full: bool) -> Vec<Row> {
    let Some(column) = column.filter(|_| !full) else {
        return rows;
    };
    let ids: BTreeSet<&str> = rows
        .iter()
        .filter_map(|r| Some(r.get(column)?.as_str()))
        .collect();
    let short: BTreeSet<String> = ids.iter().map(|id| short_id(id)).collect();
    if short.len() == ids.len() {
        for row in &mut rows {
            if let Some(id) = row.get_mut(column) {
                *id = short_id(id);
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::table::{Canvas, render};

    fn request(id: &str, args: Value) -> Value {
        Value::from([
            ("id", id.into()),
            ("name", "proj.sleepy".into()),
            ("args", args),
            ("kwargs", Value::from([("x", 1.into())])),
            ("time_start", 1000.0.into()),
            ("acknowledged", true.into()),
        ])
    }

    fn answers(replies: &[(&str, Value)]) -> Answers {
        Answers {
            replies: replies
                .iter()
                .map(|(n, v)| ((*n).to_owned(), v.clone()))
                .collect(),
            after: vec![Duration::from_micros(840); replies.len()],
            ..Answers::default()
        }
    }

    fn rows(command: &str, replies: &[(&str, Value)]) -> Vec<Row> {
        match View::of(command).unwrap() {
            View::Rows { rows, .. } => rows(&answers(replies), 1012.0),
            View::Cards => panic!("{command} has cards"),
        }
    }

    fn table(command: &str, replies: &[(&str, Value)], width: usize) -> String {
        let Some(View::Rows { columns, id, .. }) = View::of(command) else {
            panic!("{command} has no rows");
        };
        let canvas = Canvas {
            width: Some(width),
            unicode: true,
            ..Canvas::default()
        };
        render(columns, &shorten(rows(command, replies), id, false), canvas)
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
                "12s",
                "yes"
            ]]
        );
    }

    #[test]
    fn active_fits_60_80_and_140_columns() {
        let long = Value::List(vec!["a very long argument that fills the line".into()]);
        let reply = Value::List(vec![
            request("da1486ac-0000", Value::List(vec![30.into()])),
            request("6f5b14f2-0000", long),
        ]);
        let at = |width| table("active", &[("w1@box", reply.clone())], width);
        assert_eq!(
            at(140),
            "\
NODE    ID        TASK         ARGS                                                   RUNNING  ACK
w1@box  da1486ac  proj.sleepy  [30] {\"x\": 1}                                              12s  yes
w1@box  6f5b14f2  proj.sleepy  [\"a very long argument that fills the line\"] {\"x\": 1}      12s  yes"
        );
        assert_eq!(
            at(80),
            "\
NODE    ID        TASK         ARGS                                      RUNNING
w1@box  da1486ac  proj.sleepy  [30] {\"x\": 1}                                 12s
w1@box  6f5b14f2  proj.sleepy  [\"a very long argument that fills the l…      12s"
        );
        assert_eq!(
            at(60),
            "\
NODE    ID        TASK         ARGS                  RUNNING
w1@box  da1486ac  proj.sleepy  [30] {\"x\": 1}             12s
w1@box  6f5b14f2  proj.sleepy  [\"a very long argum…      12s"
        );
    }

    #[test]
    fn scheduled_counts_down() {
        let entry =
            |eta: &str| Value::from([("eta", eta.into()), ("request", request("a", Value::Null))]);
        let reply = Value::List(vec![
            entry("1970-01-01T01:16:52+00:00"),
            entry("1970-01-01T01:16:30+00:00"),
            entry("1970-01-01T00:16:00+00:00"),
            entry("soon"),
        ]);
        let etas: Vec<String> = rows("scheduled", &[("w1@box", reply)])
            .into_iter()
            .map(|row| row[4].clone())
            .collect();
        assert_eq!(etas, ["in 1h 0m", "in 59m", "due", "soon"]);
    }

    #[test]
    fn registered_merges_nodes_and_marks_what_some_lack() {
        let with = |extra: &[&str]| {
            let all = ["proj.add"].iter().chain(extra);
            Value::List(all.map(|task| (*task).into()).collect())
        };
        assert_eq!(
            rows(
                "registered",
                &[
                    ("w2@box", with(&["proj.b"])),
                    ("w1@box", with(&["proj.b", "proj.limited [rate_limit=6/m]"])),
                    ("w3@box", with(&[])),
                ],
            ),
            [
                ["proj.add", "all", ""],
                ["proj.b", "not on w3@box", ""],
                ["proj.limited", "only on w1@box", "rate_limit=6/m"],
            ]
        );
        assert_eq!(
            rows("registered", &[("w1@box", with(&[]))]),
            [["proj.add", "w1@box", ""]]
        );
    }

    #[test]
    fn ping_shows_the_round_trip() {
        let pong = Value::from([("ok", "pong".into())]);
        assert_eq!(
            table("ping", &[("w2@box", pong.clone()), ("w1@box", pong)], 80),
            "NODE    STATUS    RTT\nw1@box  pong    0.8ms\nw2@box  pong    0.8ms"
        );
        let shown = |ms| round_trip(Duration::from_millis(ms));
        assert_eq!([shown(23), shown(1234)], ["23ms", "1.2s"]);
    }

    #[test]
    fn odd_replies_make_no_panic() {
        for command in crate::cli::commands::table::commands(crate::worker::control::Kind::Inspect)
        {
            for odd in [
                Value::Null,
                "x".into(),
                Value::List(vec![Value::Null, 1.into()]),
                Value::from([("a", 1.into())]),
                Value::from([("error", Value::Null)]),
            ] {
                if View::of(command.name).is_some_and(|v| matches!(v, View::Rows { .. })) {
                    rows(command.name, &[("w1@box", odd.clone())]);
                }
                cards::stats(&answers(&[("w1@box", odd)]), false);
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
        let full = shorten(vec![row("da1486ac-1")], Some(1), true);
        assert_eq!(full[0][1], "da1486ac-1");
    }
}
