//! Asking workers: what `status`, `inspect` and `control` share.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::broker::Broker;
use crate::cli::context::Context;
use crate::cli::error::{Failure, Kind, Silent};
use crate::cli::parse;
use crate::pidbox::{Command, Replies, Wait};
use crate::protocol::{Map, Value};

/// Whom to ask, and how long to wait.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RemoteArgs {
    /// Longest time to wait for replies, in seconds
    ///
    /// Where the broker knows how many workers listen, the command ends as soon as all have replied.
    #[arg(short, long, global = true, value_name = "SECS", default_value = "1", value_parser = parse::duration, help_heading = "Remote control options")]
    pub(crate) timeout: Duration,

    /// Comma separated list of node names to ask
    #[arg(
        short,
        long,
        global = true,
        value_name = "NODES",
        value_delimiter = ',',
        help_heading = "Remote control options"
    )]
    pub(crate) destination: Vec<String>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answers {
    /// In the order of arrival; a name twice if two workers share it.
    pub(crate) replies: Vec<(String, Value)>,
    /// Nodes that were named and did not reply.
    pub(crate) missing: Vec<String>,
}

impl Answers {
    /// One object, node name → reply.
    pub(crate) fn to_value(&self) -> Value {
        Value::Map(self.replies.iter().cloned().collect())
    }

    /// The replies sorted by node.
    pub(crate) fn sorted(&self) -> Vec<(&str, &Value)> {
        let mut sorted: Vec<_> = self.replies.iter().map(|(n, v)| (n.as_str(), v)).collect();
        sorted.sort_by_key(|(node, _)| *node);
        sorted
    }

    /// How many different nodes replied.
    pub(crate) fn nodes(&self) -> usize {
        self.replies
            .iter()
            .map(|(n, _)| n)
            .collect::<BTreeSet<_>>()
            .len()
    }

    /// The nodes that replied with an error, with its text.
    pub(crate) fn errors(&self) -> Vec<(&str, String)> {
        let error = |v: &Value| {
            v.as_map()
                .filter(|m| !m.contains_key("ok"))?
                .get("error")
                .cloned()
        };
        self.sorted()
            .into_iter()
            .filter_map(|(node, v)| Some((node, crate::protocol::repr::pystr(&error(v)?))))
            .collect()
    }

    /// Says on stderr what is missing or wrong, and fails if anything is. `shown` are errors that stdout already has.
    pub(crate) fn verdict(&self, cx: &Context, shown: bool) -> anyhow::Result<()> {
        for name in duplicates(&self.replies) {
            cx.out.warn(format!("more than one node is named {name}"))?;
        }
        let errors = self.errors();
        if !self.missing.is_empty() {
            if !shown {
                say_errors(cx, &errors)?;
            }
            return Err(Failure::new(
                Kind::NoReply,
                format!("no reply from {}", self.missing.join(", ")),
            )
            .into());
        }
        if errors.is_empty() {
            return Ok(());
        }
        if shown {
            return Err(Silent(Kind::NodeError.exit()).into());
        }
        let lines: Vec<String> = errors.iter().map(|(n, e)| format!("{n}: {e}")).collect();
        Err(Failure::new(Kind::NodeError, lines.join("; ")).into())
    }
}

fn say_errors(cx: &Context, errors: &[(&str, String)]) -> std::io::Result<()> {
    errors
        .iter()
        .try_for_each(|(node, error)| cx.out.error(format!("error: {node}: {error}")))
}

/// Names that more than one reply bears.
pub(crate) fn duplicates(replies: &[(String, Value)]) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    let twice: BTreeSet<&str> = replies
        .iter()
        .map(|(n, _)| n.as_str())
        .filter(|n| !seen.insert(*n))
        .collect();
    twice.into_iter().collect()
}

/// Sends a request and gathers the replies; `on_reply` sees each as it arrives.
pub(crate) async fn ask(
    cx: &Context,
    method: &str,
    arguments: Map,
    remote: &RemoteArgs,
    on_reply: impl FnMut(&str, &Value) -> io::Result<()> + Send,
) -> anyhow::Result<Answers> {
    let broker = cx.broker().await?;
    let answers = ask_on(cx, &broker, method, arguments, remote, on_reply).await;
    broker.close().await?;
    answers
}

/// As [`ask`], on a connection that stays open.
pub(crate) async fn ask_on(
    cx: &Context,
    broker: &Arc<dyn Broker>,
    method: &str,
    arguments: Map,
    remote: &RemoteArgs,
    mut on_reply: impl FnMut(&str, &Value) -> io::Result<()> + Send,
) -> anyhow::Result<Answers> {
    let mut command = Command::new(method, arguments);
    command.destination.clone_from(&remote.destination);
    let wait = Wait {
        timeout: remote.timeout,
        limit: None,
    };
    let mut printed = Ok(());
    let replies = cx
        .mailbox(broker)?
        .call(&command, wait, |node, value| {
            if printed.is_ok() {
                printed = on_reply(node, value);
            }
        })
        .await?;
    printed?;
    somebody(&replies, remote.timeout)?;
    Ok(Answers {
        replies: replies.replies,
        missing: replies.missing,
    })
}

/// Fails with Celery's words if nobody replied.
fn somebody(replies: &Replies, timeout: Duration) -> Result<(), Failure> {
    if !replies.replies.is_empty() {
        return Ok(());
    }
    let failure = Failure::new(
        Kind::NoReply,
        "Error: No nodes replied within time constraint",
    )
    .verbatim();
    Err(match replies.listeners {
        Some(0) => failure.hint("no worker is connected to this broker"),
        Some(n) => failure.hint(format!(
            "{n} {} connected but did not reply within {} s (-t)",
            if n == 1 { "worker is" } else { "workers are" },
            timeout.as_secs_f64()
        )),
        None => failure,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(replies: &[(&str, Value)]) -> Answers {
        Answers {
            replies: replies
                .iter()
                .map(|(n, v)| ((*n).to_owned(), v.clone()))
                .collect(),
            missing: Vec::new(),
        }
    }

    #[test]
    fn errors_are_found_and_oks_are_not() {
        let a = answers(&[
            ("w2@box", Value::from([("error", "unknown task".into())])),
            ("w1@box", Value::from([("ok", "fine".into())])),
            ("w3@box", Value::List(vec![])),
        ]);
        assert_eq!(a.errors(), [("w2@box", "unknown task".to_owned())]);
        assert_eq!(a.sorted()[0].0, "w1@box");
    }

    #[test]
    fn a_name_twice_counts_once() {
        let a = answers(&[("w@box", Value::Null), ("w@box", Value::Null)]);
        assert_eq!((a.nodes(), duplicates(&a.replies)), (1, vec!["w@box"]));
    }

    #[test]
    fn silence_is_told_from_absence() {
        let hint = |listeners| {
            let replies = Replies {
                listeners,
                ..Replies::default()
            };
            somebody(&replies, Duration::from_secs(1)).unwrap_err().hint
        };
        assert_eq!(hint(None), None);
        assert!(hint(Some(0)).unwrap().contains("no worker"));
        assert!(hint(Some(2)).unwrap().contains("2 workers are"));
    }
}
