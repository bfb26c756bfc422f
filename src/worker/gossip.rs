//! Listening to the other workers: clocks, missed heartbeats, elections.
//!
//! Mirrors `celery.worker.consumer.gossip`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::interval;

use super::core::Core;
use super::directive::Directive;
use crate::broker::{Broker, BrokerError};
use crate::events::{Cluster, Options, Receiver};
use crate::protocol::event::Event;
use crate::protocol::{Map, Signature, Value};

/// How often missing workers are looked for (`celery.worker.consumer.gossip`, `interval`).
const LOOK: Duration = Duration::from_secs(5);
/// Elections that may be under way at once.
const ELECTIONS: usize = 1000;

/// Listens until the connection is lost.
///
/// # Errors
/// What the broker says when subscribing.
pub(super) async fn listen(
    core: &Core,
    broker: Arc<dyn Broker>,
    options: Options,
) -> Result<(), BrokerError> {
    let mut receiver = Receiver::open(broker, options, "worker.#", Arc::clone(&core.clock)).await?;
    let mut cluster = Cluster::default();
    let mut known: HashSet<String> = HashSet::new();
    let mut elections: HashMap<String, Election> = HashMap::new();
    let mut look = interval(LOOK);
    loop {
        tokio::select! {
            received = receiver.recv() => {
                let Some(received) = received else { return Ok(()) };
                let event = &received.event;
                let hostname = event.text("hostname").unwrap_or_default().to_owned();
                if matches!(event.kind.as_str(), "worker-elect" | "worker-elect-ack") {
                    elect(core, &cluster, &mut elections, event).await;
                }
                if hostname == core.nodename.as_str() {
                    continue;
                }
                cluster.apply(&received);
                match event.kind.as_str() {
                    "worker-offline" => {
                        known.remove(&hostname);
                    }
                    "worker-online" | "worker-heartbeat"
                        if known.insert(hostname.clone()) => {
                            tracing::debug!("{hostname} joined the party");
                        }
                    _ => {}
                }
            }
            _ = look.tick() => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
                let alive: HashSet<&str> = cluster.alive(now).map(|(name, _)| name).collect();
                known.retain(|name| {
                    let is_alive = alive.contains(name.as_str());
                    if !is_alive {
                        tracing::info!("missed heartbeat from {name}");
                    }
                    is_alive
                });
            }
        }
    }
}

/// One election: who stands, and how many have seen it.
#[derive(Default)]
struct Election {
    /// (clock, `node.pid`) of each candidate; the lowest wins.
    candidates: Vec<(i64, String)>,
    acks: HashSet<String>,
    topic: String,
    action: Value,
}

async fn elect(
    core: &Core,
    cluster: &Cluster,
    elections: &mut HashMap<String, Election>,
    event: &Event,
) {
    let (Some(id), Some(hostname)) = (event.text("id"), event.text("hostname")) else {
        return;
    };
    let pid = event
        .fields
        .get("pid")
        .and_then(Value::as_i64)
        .unwrap_or_default();
    if elections.len() >= ELECTIONS && !elections.contains_key(id) {
        elections.clear();
    }
    let election = elections.entry(id.to_owned()).or_default();
    if event.kind == "worker-elect" {
        let clock = event
            .fields
            .get("clock")
            .and_then(Value::as_i64)
            .unwrap_or_default();
        election
            .candidates
            .push((clock, format!("{hostname}.{pid}")));
        event
            .text("topic")
            .unwrap_or_default()
            .clone_into(&mut election.topic);
        election.action = event.fields.get("action").cloned().unwrap_or_default();
        let mut ack = Map::new();
        ack.insert("id".to_owned(), id.into());
        core.events.worker("worker-elect-ack", ack);
        return;
    }
    election.acks.insert(hostname.to_owned());
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64();
    let voters = cluster.alive(now).count() + 1;
    if election.acks.len() < voters || election.candidates.is_empty() {
        return;
    }
    let Some(election) = elections.remove(id) else {
        return;
    };
    let winner = election
        .candidates
        .iter()
        .min()
        .map(|(_, name)| name.as_str())
        .unwrap_or_default();
    if winner != format!("{}.{}", core.nodename, std::process::id()) {
        tracing::info!("node {winner} elected for {id}");
        return;
    }
    tracing::info!("I won the election {id}");
    if election.topic != "task" {
        return;
    }
    match Signature::from_value(&election.action) {
        Ok(signature) => {
            if core
                .directives
                .send(Directive::Elected(Box::new(signature)))
                .await
                .is_err()
            {
                tracing::debug!("elected while shutting down");
            }
        }
        Err(error) => tracing::error!("election {id}: {error}"),
    }
}
