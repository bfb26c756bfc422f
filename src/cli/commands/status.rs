//! `rcelery status`.

use std::process::ExitCode;
use std::sync::Arc;

use super::remote::{Answers, RemoteArgs, ask_on};
use crate::broker::Broker;
use crate::cli::context::Context;
use crate::cli::output::classic;
use crate::cli::output::progress::rough;
use crate::cli::output::table::{Column, Fit};
use crate::protocol::{Map, Value};

/// Show which workers are online
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
Examples:
  rcelery status
  rcelery status -d w1@box,w2@box -t 0.5   # exit code 69 unless both reply
  rcelery status -j | jq -r 'keys[]'")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    remote: RemoteArgs,
}

impl StatusArgs {
    pub(crate) async fn run(self, cx: &Context) -> anyhow::Result<ExitCode> {
        let classic = !cx.out.is_json() && !cx.out.is_table();
        let broker = cx.broker().await?;
        let outcome = self.show(cx, &broker, classic).await;
        broker.close().await?;
        outcome
    }

    async fn show(
        &self,
        cx: &Context,
        broker: &Arc<dyn Broker>,
        classic: bool,
    ) -> anyhow::Result<ExitCode> {
        let pongs = ask_on(
            cx,
            broker,
            "ping",
            Map::new(),
            &self.remote,
            |node, reply| {
                if classic {
                    let text = classic::reply(node, reply, false, cx.out.quiet, cx.out.colour_out);
                    cx.out.line(text)?;
                }
                Ok(())
            },
        )
        .await?;
        if cx.out.is_json() {
            cx.out.json(&pongs.to_value())?;
        } else if cx.out.is_table() {
            self.table(cx, broker, &pongs).await?;
        } else if !cx.out.quiet {
            cx.out
                .line(format!("\n{}", classic::nodes_online(pongs.nodes())))?;
        }
        pongs.verdict(cx, classic)?;
        Ok(ExitCode::SUCCESS)
    }

    async fn table(
        &self,
        cx: &Context,
        broker: &Arc<dyn Broker>,
        pongs: &Answers,
    ) -> anyhow::Result<()> {
        // Only those that live are asked for more: the dead must not cost the timeout again.
        let mut remote = self.remote.clone();
        remote.destination = pongs
            .sorted()
            .iter()
            .map(|(n, _)| (*n).to_owned())
            .collect();
        remote.destination.dedup();
        let more = |method| ask_on(cx, broker, method, Map::new(), &remote, |_, _| Ok(()));
        let (stats, queues) = (more("stats").await, more("active_queues").await);
        let (active, reserved) = (more("active").await, more("reserved").await);
        let find = |answers: &anyhow::Result<Answers>, node: &str| {
            let answers = answers.as_ref().ok()?;
            answers
                .replies
                .iter()
                .find(|(n, _)| n == node)
                .map(|(_, v)| v.clone())
        };
        let mut rows: Vec<Vec<String>> = Vec::new();
        for (node, _) in pongs.sorted() {
            rows.push(row(
                node,
                find(&stats, node).as_ref(),
                find(&queues, node).as_ref(),
                find(&active, node).as_ref(),
                find(&reserved, node).as_ref(),
            ));
        }
        for node in &pongs.missing {
            rows.push(vec![node.clone(), "no reply".to_owned()]);
        }
        cx.out.table(COLUMNS, &rows)?;
        let online = classic::nodes_online(pongs.nodes());
        cx.out.note(match pongs.missing.len() {
            0 => format!("\n{online}"),
            n => format!("\n{}, {n} did not reply.", online.trim_end_matches('.')),
        })?;
        Ok(())
    }
}

const COLUMNS: &[Column] = &[
    Column::new("NODE"),
    Column::new("STATUS"),
    Column::new("ACTIVE").right(),
    Column::new("RESERVED").right().fit(Fit::Drop(1)),
    Column::new("DONE").right(),
    Column::new("QUEUES").fit(Fit::Shorten(12)),
    Column::new("UPTIME").fit(Fit::Drop(2)),
    Column::new("POOL").fit(Fit::Drop(3)),
];

fn row(
    node: &str,
    stats: Option<&Value>,
    queues: Option<&Value>,
    active: Option<&Value>,
    reserved: Option<&Value>,
) -> Vec<String> {
    let stats = stats.and_then(Value::as_map);
    let at = |key: &str| stats.and_then(|s| s.get(key));
    let pool = at("pool").and_then(Value::as_map);
    let slots = pool
        .and_then(|p| p.get("max-concurrency"))
        .and_then(Value::as_i64);
    let count = |v: Option<&Value>| v.and_then(Value::as_list).map(<[Value]>::len);
    let running = match (count(active), slots) {
        (Some(n), Some(slots)) => format!("{n}/{slots}"),
        (Some(n), None) => n.to_string(),
        _ => String::new(),
    };
    let done = at("total").and_then(Value::as_map).map(|total| {
        let sum: i64 = total
            .values()
            .filter_map(Value::as_i64)
            .fold(0, i64::saturating_add);
        // `total` counts what was accepted: what still runs is not done.
        let running = count(active)
            .and_then(|n| i64::try_from(n).ok())
            .unwrap_or(0);
        (sum - running).max(0).to_string()
    });
    let names: Vec<&str> = queues
        .and_then(Value::as_list)
        .unwrap_or_default()
        .iter()
        .filter_map(|q| q.as_map()?.get("name")?.as_str())
        .collect();
    let uptime = at("uptime")
        .and_then(Value::as_f64)
        .and_then(|s| std::time::Duration::try_from_secs_f64(s).ok());
    let implementation = pool
        .and_then(|p| p.get("implementation"))
        .and_then(Value::as_str);
    vec![
        node.to_owned(),
        "online".to_owned(),
        running,
        count(reserved).map_or(String::new(), |n| n.to_string()),
        done.unwrap_or_default(),
        names.join(", "),
        uptime.map_or(String::new(), rough),
        implementation.unwrap_or_default().to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_filled_from_four_replies() {
        let stats = Value::from([
            (
                "total",
                Value::from([("proj.add", 18.into()), ("proj.x", 3.into())]),
            ),
            ("uptime", 125.into()),
            (
                "pool",
                Value::from([
                    ("max-concurrency", 2.into()),
                    ("implementation", "p".into()),
                ]),
            ),
        ]);
        let queue = |name: &str| Value::from([("name", name.into())]);
        let queues = Value::List(vec![queue("celery"), queue("hi")]);
        let active = Value::List(vec![Value::Null]);
        let cells = row("w1@box", Some(&stats), Some(&queues), Some(&active), None);
        assert_eq!(
            cells,
            [
                "w1@box",
                "online",
                "1/2",
                "",
                "20",
                "celery, hi",
                "2m 5s",
                "p"
            ]
        );
    }

    #[test]
    fn odd_replies_leave_cells_empty() {
        let cells = row(
            "w1@box",
            Some(&"what?".into()),
            Some(&Value::Null),
            None,
            None,
        );
        assert_eq!(cells[2..], ["", "", "", "", "", ""]);
    }
}
