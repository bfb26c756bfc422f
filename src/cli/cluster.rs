//! What the online workers know: their names, the tasks that they register, the queues that they consume.
//!
//! One broadcast for each of the two questions, at the same time, on a connection that the caller has. What cannot be
//! told stays unsaid: look at [`Cluster::complete`] before you say that nobody has something.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::context::Context;
use crate::broker::{Broker, BrokerError};
use crate::pidbox::{Command, Mailbox, Wait};
use crate::protocol::{Map, Value};

/// Names of nodes.
pub(crate) type Nodes = BTreeSet<String>;

/// What the workers that answered know.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Cluster {
    /// Who answered at all.
    pub(crate) nodes: Nodes,
    /// Name of a task → who registers it.
    pub(crate) tasks: BTreeMap<String, Nodes>,
    /// Name of a queue → who consumes it.
    pub(crate) queues: BTreeMap<String, Nodes>,
    /// Whether all workers that listen have answered. Where the broker doesn't count who listens, those that answered in
    /// time count as all.
    pub(crate) complete: bool,
}

impl Cluster {
    /// Asks all workers and waits `patience` for the next answer; where the broker counts who listens, only until all have
    /// answered. Takes at most twice that, even if the broker is stuck.
    pub(crate) async fn ask(
        cx: &Context,
        broker: &Arc<dyn Broker>,
        patience: Duration,
    ) -> anyhow::Result<Self> {
        Ok(Self::gather(&cx.mailbox(broker)?, patience).await?)
    }

    async fn gather(mailbox: &Mailbox, patience: Duration) -> Result<Self, BrokerError> {
        let wait = Wait {
            timeout: patience,
            limit: None,
        };
        let (registered, queues) = (
            Command::new("registered", Map::new()),
            Command::new("active_queues", Map::new()),
        );
        // What has arrived when the time is up counts.
        let (mut tasks, mut consumed) = (Vec::new(), Vec::new());
        let both = async {
            tokio::try_join!(
                mailbox.call(&registered, wait, |n, v| tasks
                    .push((n.to_owned(), v.clone()))),
                mailbox.call(&queues, wait, |n, v| consumed
                    .push((n.to_owned(), v.clone()))),
            )
        };
        let complete = match timeout(2 * patience, both).await {
            Ok(answers) => {
                let (a, b) = answers?;
                a.silent().max(b.silent()).unwrap_or(0) == 0
            }
            Err(_) => false,
        };
        let mut cluster = Self {
            complete,
            ..Self::default()
        };
        for (node, reply) in &tasks {
            cluster.add(node, reply, |cluster| &mut cluster.tasks, task_name);
        }
        for (node, reply) in &consumed {
            cluster.add(node, reply, |cluster| &mut cluster.queues, queue_name);
        }
        Ok(cluster)
    }

    /// Whether some worker registers the task.
    pub(crate) fn registers(&self, task: &str) -> bool {
        self.tasks.contains_key(task)
    }

    /// Whether some worker consumes the queue.
    pub(crate) fn consumes(&self, queue: &str) -> bool {
        self.queues.contains_key(queue)
    }

    fn add(
        &mut self,
        node: &str,
        reply: &Value,
        kind: impl Fn(&mut Self) -> &mut BTreeMap<String, Nodes>,
        name: impl Fn(&Value) -> Option<&str>,
    ) {
        self.nodes.insert(node.to_owned());
        // An error is an answer without items.
        let items = match reply {
            Value::List(items) => items.as_slice(),
            _ => &[],
        };
        for item in items.iter().filter_map(name) {
            let nodes = kind(self).entry(item.to_owned()).or_default();
            nodes.insert(node.to_owned());
        }
    }
}

/// `proj.limited` of `proj.limited [rate_limit=6/m]`.
fn task_name(item: &Value) -> Option<&str> {
    let text = item.as_str()?;
    Some(match text.split_once(" [") {
        Some((name, attributes)) if attributes.ends_with(']') => name,
        _ => text,
    })
}

fn queue_name(item: &Value) -> Option<&str> {
    item.as_map()?.get("name")?.as_str()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::broker::fake::FakeBroker;
    use crate::pidbox::Options;
    use crate::protocol::codec::{Accept, decode_body};
    use crate::protocol::pidbox::{Request, reply_message};

    /// A broker with `listeners` of which these answer, with their tasks and queues.
    fn mailbox(
        nodes: &'static [(&str, &[&str], &[&str])],
        listeners: Option<u64>,
    ) -> (Mailbox, Arc<AtomicU64>) {
        let asked = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&asked);
        let broker = FakeBroker::new(listeners, move |_, message| {
            count.fetch_add(1, Ordering::Relaxed);
            let body = decode_body(message, &Accept::default()).unwrap();
            let request = Request::from_value(&body).unwrap();
            let (ticket, to) = (request.ticket.unwrap(), request.reply_to.unwrap());
            let queue = format!("{}.{}", to.routing_key, to.exchange);
            nodes
                .iter()
                .map(|(node, tasks, queues)| {
                    let items: Vec<Value> = match request.method.as_str() {
                        "registered" => tasks.iter().map(|t| (*t).into()).collect(),
                        "active_queues" => queues
                            .iter()
                            .map(|q| Value::from([("name", (*q).into())]))
                            .collect(),
                        other => panic!("{other}"),
                    };
                    let reply = reply_message(node, Value::List(items), &ticket, 1);
                    (queue.clone(), reply)
                })
                .collect()
        });
        (Mailbox::new(broker, Options::default()), asked)
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn two_questions_tell_tasks_and_queues_at_once() {
        let (mailbox, asked) = mailbox(
            &[
                (
                    "w1@h",
                    &["proj.add", "proj.limited [rate_limit=6/m]"],
                    &["celery"],
                ),
                ("w2@h", &["proj.add"], &["celery", "hi"]),
            ],
            Some(2),
        );
        let start = tokio::time::Instant::now();
        let cluster = Cluster::gather(&mailbox, SECOND).await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        assert!(cluster.complete);
        assert_eq!(cluster.nodes.len(), 2);
        assert_eq!(cluster.tasks["proj.add"].len(), 2);
        assert_eq!(
            cluster.tasks["proj.limited"],
            Nodes::from(["w1@h".to_owned()])
        );
        assert!(cluster.consumes("hi") && !cluster.consumes("low"));
        assert!(
            cluster.registers("proj.add") && !cluster.registers("proj.limited [rate_limit=6/m]")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn somebody_who_does_not_answer_leaves_it_incomplete() {
        let (mailbox, _) = mailbox(&[("w1@h", &["proj.add"], &["celery"])], Some(2));
        let start = tokio::time::Instant::now();
        let cluster = Cluster::gather(&mailbox, SECOND).await.unwrap();
        assert_eq!(start.elapsed(), SECOND);
        assert!(cluster.registers("proj.add"));
        assert!(!cluster.complete);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_an_answer() {
        let (mailbox, _) = mailbox(&[], Some(0));
        let cluster = Cluster::gather(&mailbox, SECOND).await.unwrap();
        assert!(cluster.nodes.is_empty() && cluster.complete);
    }

    #[tokio::test(start_paused = true)]
    async fn a_broker_that_is_stuck_is_given_up() {
        let mailbox = Mailbox::new(FakeBroker::silent(), Options::default());
        let start = tokio::time::Instant::now();
        let cluster = Cluster::gather(&mailbox, SECOND).await.unwrap();
        assert_eq!(start.elapsed(), 2 * SECOND);
        assert!(cluster.nodes.is_empty() && !cluster.complete);
    }

    #[test]
    fn attributes_are_no_part_of_a_name() {
        let name = |text: &str| task_name(&text.into()).map(str::to_owned);
        assert_eq!(name("proj.add").as_deref(), Some("proj.add"));
        assert_eq!(
            name("proj.slow [rate_limit=6/m exchange=x]").as_deref(),
            Some("proj.slow")
        );
        assert_eq!(name("odd [name").as_deref(), Some("odd [name"));
        assert_eq!(task_name(&Value::Null), None);
        assert_eq!(queue_name(&"celery".into()), None);
    }
}
