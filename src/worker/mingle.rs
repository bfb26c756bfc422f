//! Meeting the other workers at start: adopting their clocks and their revoked ids.
//!
//! Mirrors `celery.worker.consumer.mingle`.

use std::sync::Arc;
use std::time::Instant;

use super::core::Core;
use crate::broker::{Broker, BrokerError};
use crate::pidbox::{Command, Mailbox, Options, Wait};
use crate::protocol::{Map, Value};

/// Says hello to all workers. It ends as soon as all have answered.
pub(super) async fn mingle(
    core: &Core,
    broker: Arc<dyn Broker>,
    options: Options,
) -> Result<(), BrokerError> {
    tracing::info!("mingle: searching for neighbors");
    let revoked: Vec<Value> = core
        .state
        .lock()
        .revoked()
        .into_iter()
        .map(Value::from)
        .collect();
    let mut arguments = Map::new();
    arguments.insert("from_node".to_owned(), core.nodename.as_str().into());
    arguments.insert("revoked".to_owned(), revoked.into());
    let mailbox = Mailbox::new(broker, options);
    let replies = mailbox
        .call(
            &Command::new("hello", arguments),
            Wait::default(),
            |_, _| {},
        )
        .await?;
    let (own, neighbours): (Vec<_>, Vec<_>) = replies
        .replies
        .into_iter()
        .partition(|(node, _)| *node == core.nodename.as_str());
    if !own.is_empty() {
        tracing::warn!(
            event = "worker.name_clash",
            "another worker is named {}: revokes and the like reach both, and answers can't be told apart; \
             name one of them with -n",
            core.nodename
        );
    }
    let neighbours: Vec<_> = neighbours
        .into_iter()
        .filter(|(_, reply)| !reply.is_null())
        .collect();
    if neighbours.is_empty() {
        tracing::info!("mingle: all alone");
        return Ok(());
    }
    tracing::info!("mingle: sync with {} nodes", neighbours.len());
    for (_, reply) in &neighbours {
        let Some(reply) = reply.as_map() else {
            continue;
        };
        if let Some(clock) = reply
            .get("clock")
            .and_then(Value::as_i64)
            .and_then(|c| u64::try_from(c).ok())
        {
            core.clock.adjust(clock);
        }
        let ids: Vec<&str> = match reply.get("revoked") {
            Some(Value::List(ids)) => ids.iter().filter_map(Value::as_str).collect(),
            // Celery sends a dict of id → time where ids have times.
            Some(Value::Map(ids)) => ids.keys().map(String::as_str).collect(),
            _ => continue,
        };
        core.state.lock().revoke(ids, Instant::now());
    }
    tracing::info!("mingle: sync complete");
    Ok(())
}
