//! Replies that are keys and values: one block for each node, or rows of settings.

use std::time::Duration;

use super::view::{Row, fine};
use crate::cli::commands::remote::Answers;
use crate::cli::output::colour::paint;
use crate::cli::output::json;
use crate::cli::output::progress::rough;
use crate::cli::output::table::printable;
use crate::protocol::{Value, repr};

/// A block for each node: its name, and below it what it says about itself, keys aligned.
pub(super) fn stats(answers: &Answers, colour: bool) -> String {
    let cards = fine(answers).map(|(node, reply)| {
        let mut pairs = Vec::new();
        flatten("", reply, &mut pairs);
        let width = pairs.iter().map(|(key, _)| key.chars().count()).max();
        let width = width.unwrap_or(0);
        let mut card = paint(colour, "1", &printable(node));
        for (key, value) in pairs {
            card.push_str(&format!("\n  {key:<width$}  {value}"));
        }
        card
    });
    cards.collect::<Vec<_>>().join("\n\n")
}

/// `pool.max-concurrency` → `2`, through all the objects in a reply; what is empty is left out.
fn flatten(path: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Map(map) => {
            for (key, value) in map {
                let key = printable(key);
                let path = if path.is_empty() {
                    key
                } else {
                    format!("{path}.{key}")
                };
                flatten(&path, value, pairs);
            }
        }
        Value::Null => {}
        Value::List(items) if items.is_empty() => {}
        value => {
            let shown = match value.as_f64() {
                Some(seconds) if path == "uptime" => {
                    Duration::try_from_secs_f64(seconds).map_or_else(|_| shown(value), rough)
                }
                _ => shown(value),
            };
            pairs.push((path.to_owned(), shown));
        }
    }
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::List(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Map(_) => json::line(value),
        other => repr::pystr(other),
    };
    printable(&text)
}

/// A row for each setting; with the node's name where there is more than one node.
pub(super) fn conf(answers: &Answers, _now: f64) -> Vec<Row> {
    let many = answers.nodes() > 1;
    let mut rows = Vec::new();
    for (node, reply) in fine(answers) {
        let mut settings: Vec<_> = reply.as_map().into_iter().flatten().collect();
        settings.sort_by_key(|(key, _)| key.as_str());
        for (key, value) in settings {
            let value = match value {
                Value::Str(text) => text.clone(),
                other => json::line(other),
            };
            let mut row = vec![key.clone(), value];
            if many {
                row.insert(0, node.to_owned());
            }
            rows.push(row);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(nodes: &[&str], reply: &Value) -> Answers {
        Answers {
            replies: nodes
                .iter()
                .map(|node| ((*node).to_owned(), reply.clone()))
                .collect(),
            ..Answers::default()
        }
    }

    #[test]
    fn a_card_names_every_key_with_its_path() {
        let reply = Value::from([
            ("pid", 7.into()),
            ("uptime", 125.into()),
            (
                "pool",
                Value::from([
                    ("max-concurrency", 2.into()),
                    ("processes", Value::List(vec![8.into(), 9.into()])),
                    ("none", Value::Null),
                ]),
            ),
            ("total", Value::Map(Default::default())),
        ]);
        let card = "w1@box\n  pid                   7\n  uptime                2m 5s\n  \
                    pool.max-concurrency  2\n  pool.processes        8, 9";
        assert_eq!(stats(&answers(&["w1@box"], &reply), false), card);
        let two = stats(&answers(&["w2@box", "w1@box"], &reply), false);
        assert!(
            two.starts_with(card) && two.contains("\n\nw2@box\n"),
            "{two}"
        );
    }

    #[test]
    fn settings_of_one_node_need_no_name() {
        let reply = Value::from([
            ("result_expires", 60.into()),
            ("broker_url", "redis://h".into()),
        ]);
        assert_eq!(
            conf(&answers(&["w1@box"], &reply), 0.0),
            [["broker_url", "redis://h"], ["result_expires", "60"]]
        );
        let two = conf(&answers(&["w1@box", "w2@box"], &reply), 0.0);
        assert_eq!(two[3], ["w2@box", "result_expires", "60"]);
    }
}
