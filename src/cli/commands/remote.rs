//! Asking workers: what `status`, `inspect` and `control` share.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::broker::Broker;
use crate::cli::cluster::Cluster;
use crate::cli::context::Context;
use crate::cli::error::{Failure, Kind, Silent};
use crate::cli::output::classic;
use crate::cli::output::table::printable;
use crate::cli::{parse, suggest};
use crate::pidbox::{Command, Replies, Wait};
use crate::protocol::repr::pystr;
use crate::protocol::{Map, Value};

/// Who is online is asked for no longer than this, when a name that was given does not answer.
const WHO_IS_THERE: Duration = Duration::from_millis(500);
/// How many of those online a hint names.
const NAMES_SHOWN: usize = 5;

/// Whom to ask, and how long to wait.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RemoteArgs {
    /// Longest time to wait for replies, in seconds
    ///
    /// Where the broker knows how many workers listen, the command ends as soon as all have replied.
    #[arg(short, long, global = true, value_name = "SECS", default_value = "1", value_parser = parse::duration, allow_negative_numbers = true, help_heading = "Remote control options")]
    pub(crate) timeout: Duration,

    /// Comma separated list of node names to ask
    #[arg(
        short,
        long,
        global = true,
        value_name = "NODES",
        value_delimiter = ',',
        value_parser = node_name,
        help_heading = "Remote control options"
    )]
    pub(crate) destination: Vec<String>,
}

impl RemoteArgs {
    /// A command to those who are to be asked.
    pub(super) fn command(&self, method: &str, arguments: Map) -> Command {
        let mut command = Command::new(method, arguments);
        command.destination.clone_from(&self.destination);
        command
    }
}

/// An empty name is refused: as a list of no names it would mean all nodes, in `-d "$NODE" shutdown` as well.
fn node_name(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("a node name must not be empty; leave -d out to ask all nodes".to_owned()),
        name => Ok(name.to_owned()),
    }
}

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// In the order of arrival; a name twice if two workers share it.
    pub(crate) replies: Vec<(String, Value)>,
    /// How long after the request each of them came.
    pub(crate) after: Vec<Duration>,
    /// Nodes that were named and did not reply.
    pub(crate) missing: Vec<String>,
    /// How many others are connected and did not reply, where that can be known.
    pub(crate) silent: u64,
    /// What may help with those that are missing.
    pub(crate) hint: Option<String>,
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

    /// `2 nodes online, 1 did not reply.`
    pub(crate) fn summary(&self) -> String {
        let online = classic::nodes_online(self.nodes());
        let missing = self.silent.saturating_add(self.missing.len() as u64);
        match missing {
            0 => online,
            n => format!("{}, {n} did not reply.", online.trim_end_matches('.')),
        }
    }

    /// The nodes that replied with an error, with its text.
    pub(crate) fn errors(&self) -> Vec<(&str, String)> {
        self.sorted()
            .into_iter()
            .filter_map(|(node, v)| Some((node, error(v)?)))
            .collect()
    }

    /// Says on stderr what is missing or wrong, and fails if anything is. `shown` are errors that stdout already has.
    pub(crate) fn verdict(&self, cx: &Context, shown: bool) -> anyhow::Result<()> {
        for name in duplicates(&self.replies) {
            cx.out.warn(format!(
                "more than one node is named {}: give each its own name with -n",
                printable(name)
            ))?;
        }
        if self.silent > 0 && !cx.out.is_table() {
            cx.out.warn(format!(
                "{} connected and did not reply (-t gives them more time)",
                are(self.silent)
            ))?;
        }
        let errors = self.errors();
        let lines: Vec<String> = errors
            .iter()
            .map(|(node, error)| format!("{}: {}", printable(node), printable(error)))
            .collect();
        if !self.missing.is_empty() {
            if !shown {
                lines
                    .iter()
                    .try_for_each(|line| cx.out.error(format!("error: {line}")))?;
            }
            let names: Vec<String> = self.missing.iter().map(|n| printable(n)).collect();
            let mut failure =
                Failure::new(Kind::NoReply, format!("no reply from {}", names.join(", ")));
            failure.hint.clone_from(&self.hint);
            return Err(failure.into());
        }
        if errors.is_empty() {
            return Ok(());
        }
        if shown {
            return Err(Silent(Kind::NodeError.exit()).into());
        }
        Err(Failure::new(Kind::NodeError, lines.join("; ")).into())
    }
}

/// The text of a reply that is an error.
pub(crate) fn error(reply: &Value) -> Option<String> {
    let map = reply.as_map().filter(|m| !m.contains_key("ok"))?;
    map.get("error").map(pystr)
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

/// Sends a request and gathers the replies; `on_reply` sees each as it arrives. Fails if nobody replies.
pub(crate) async fn ask(
    cx: &Context,
    broker: &Arc<dyn Broker>,
    command: &Command,
    timeout: Duration,
    mut on_reply: impl FnMut(&str, &Value) -> io::Result<()> + Send,
) -> anyhow::Result<Answers> {
    let commands = std::slice::from_ref(command);
    let answers = gather(cx, broker, commands, timeout, |_, node, value| {
        on_reply(node, value)
    })
    .await?;
    let replies = answers.into_iter().next().unwrap_or_default();
    somebody(cx, broker, command, replies, timeout).await
}

/// Sends several requests at once and gathers the replies to each.
pub(crate) async fn gather(
    cx: &Context,
    broker: &Arc<dyn Broker>,
    commands: &[Command],
    timeout: Duration,
    mut on_reply: impl FnMut(usize, &str, &Value) -> io::Result<()> + Send,
) -> anyhow::Result<Vec<Replies>> {
    let wait = Wait {
        timeout,
        limit: None,
    };
    let mut printed = Ok(());
    let replies = cx
        .mailbox(broker)?
        .call_all(commands, wait, |n, node, value| {
            if printed.is_ok() {
                printed = on_reply(n, node, value);
            }
        })
        .await?;
    printed?;
    Ok(replies)
}

/// The answers in replies; fails with Celery's words if there are none. If somebody who was named is missing, it asks
/// who is there, to say what may have been meant.
pub(crate) async fn somebody(
    cx: &Context,
    broker: &Arc<dyn Broker>,
    command: &Command,
    replies: Replies,
    timeout: Duration,
) -> anyhow::Result<Answers> {
    let named = !command.destination.is_empty();
    let nobody = replies.replies.is_empty();
    let mut hint = None;
    if nobody {
        hint = absence(&replies, timeout);
    }
    if named && !replies.missing.is_empty() && replies.listeners != Some(0) {
        // That nobody can tell is no reason to fail otherwise.
        let online = Cluster::ask(cx, broker, timeout.min(WHO_IS_THERE)).await;
        let online = online.unwrap_or_default();
        hint = Some(whom(&command.destination, &replies.missing, &online)).or(hint);
    }
    if nobody {
        let text = "Error: No nodes replied within time constraint";
        let mut failure = Failure::new(Kind::NoReply, text).verbatim();
        failure.hint = hint;
        return Err(failure.into());
    }
    Ok(Answers {
        // Of those that listen, the ones that are not named are not meant to answer.
        silent: if named {
            0
        } else {
            replies.silent().unwrap_or(0)
        },
        replies: replies.replies,
        after: replies.after,
        missing: replies.missing,
        hint,
    })
}

/// Why nobody may have replied.
fn absence(replies: &Replies, timeout: Duration) -> Option<String> {
    match replies.listeners? {
        0 => Some("no worker is connected to this broker".to_owned()),
        n => Some(format!(
            "{} connected but did not reply within {} s (-t)",
            are(n),
            timeout.as_secs_f64()
        )),
    }
}

/// Who may have been meant by names that nobody answers to.
fn whom(named: &[String], missing: &[String], cluster: &Cluster) -> String {
    let online = || cluster.nodes.iter().map(String::as_str);
    let others = || online().filter(|node| !named.iter().any(|name| name == node));
    let meant: Vec<String> = missing
        .iter()
        .filter(|name| !cluster.nodes.contains(*name))
        .filter_map(|name| suggest::nearest(name, others()))
        .map(|name| format!("`{}`", printable(name)))
        .collect();
    if !meant.is_empty() {
        return format!("did you mean {}?", meant.join(", "));
    }
    let slow: Vec<&String> = missing
        .iter()
        .filter(|n| cluster.nodes.contains(*n))
        .collect();
    if let [first, ..] = slow.as_slice() {
        let name = printable(first);
        return format!("{name} is online, but slow to reply: give it more time with -t");
    }
    if cluster.nodes.is_empty() {
        return "no worker replies".to_owned();
    }
    let names: Vec<String> = online().take(NAMES_SHOWN).map(printable).collect();
    let more = match cluster.nodes.len().saturating_sub(names.len()) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!("online: {}{more}", names.join(", "))
}

/// `1 worker is`, `2 workers are`.
fn are(count: u64) -> String {
    match count {
        1 => "1 worker is".to_owned(),
        n => format!("{n} workers are"),
    }
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
            ..Answers::default()
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
    fn the_summary_counts_those_that_did_not_reply() {
        let mut a = answers(&[("w1@box", Value::Null), ("w2@box", Value::Null)]);
        assert_eq!(a.summary(), "2 nodes online.");
        a.missing = vec!["w3@box".to_owned()];
        assert_eq!(a.summary(), "2 nodes online, 1 did not reply.");
    }

    #[test]
    fn silence_is_told_from_absence() {
        let hint = |listeners| {
            let replies = Replies {
                listeners,
                ..Replies::default()
            };
            absence(&replies, Duration::from_secs(1))
        };
        assert_eq!(hint(None), None);
        assert!(hint(Some(0)).unwrap().contains("no worker"));
        assert!(hint(Some(2)).unwrap().contains("2 workers are"));
    }

    #[test]
    fn a_name_that_nobody_bears_is_compared_with_those_online() {
        let online = |names: &[&str]| Cluster {
            nodes: names.iter().map(|n| (*n).to_owned()).collect(),
            ..Cluster::default()
        };
        let whom = |missing: &str, names: &[&str]| {
            let missing = [missing.to_owned()];
            whom(&missing, &missing, &online(names))
        };
        assert_eq!(whom("w1@bx", &["w1@box", "q@z"]), "did you mean `w1@box`?");
        assert_eq!(whom("video", &["w1@box", "q@z"]), "online: q@z, w1@box");
        assert!(whom("w1@box", &["w1@box"]).contains("-t"));
        assert_eq!(whom("w1@box", &[]), "no worker replies");
        let many: Vec<String> = (0..9).map(|n| format!("{n}@h")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(
            whom("video", &many),
            "online: 0@h, 1@h, 2@h, 3@h, 4@h and 4 more"
        );
    }
}
