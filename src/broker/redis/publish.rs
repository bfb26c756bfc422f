//! Publishing: one pipeline for a batch, all of it or nothing.
//!
//! Mirrors `kombu.transport.redis.Channel._put` and `_put_fanout`, and `kombu.transport.virtual.exchange`.

use std::collections::HashMap;

use super::{Shared, read_table};
use crate::broker::virtual_exchange::{Binding, matching};
use crate::broker::{BrokerError, Destination, Routed};
use crate::protocol::{DeliveryInfo, ExchangeType, Message, envelope};

/// Messages of one command at the most.
const TOGETHER: usize = 1000;

/// Adds the command that is being gathered, if there is one; says how many that were.
fn close(pipeline: &mut redis::Pipeline, open: &mut Option<(String, redis::Cmd, usize)>) -> usize {
    match open.take() {
        Some((_, push, _)) => {
            pipeline.add_command(push);
            1
        }
        None => 0,
    }
}

impl Shared {
    /// Publishes in order.
    pub(super) async fn publish(
        &self,
        batch: Vec<(Destination, Message)>,
    ) -> Result<Vec<Routed>, BrokerError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let tables = self.tables(&batch).await?;
        let mut pipeline = redis::pipe();
        let mut routed = Vec::with_capacity(batch.len());
        let mut commands = 0;
        // Messages that follow each other into one list go there in one command.
        let mut open: Option<(String, redis::Cmd, usize)> = None;
        // Where in the answers each fanout message's count of receivers is.
        let mut counts = Vec::new();
        for (destination, mut message) in batch {
            let Destination {
                exchange,
                kind,
                routing_key,
            } = destination;
            if message.properties.delivery_tag.is_none() {
                message = message.with_fresh_tag();
            }
            message.properties.delivery_info = DeliveryInfo {
                exchange: exchange.clone(),
                routing_key: routing_key.clone(),
                redelivered: message.properties.delivery_info.redelivered,
            };
            let bytes = envelope::encode(&message);
            if kind == ExchangeType::Fanout && !exchange.is_empty() {
                commands += close(&mut pipeline, &mut open);
                counts.push((routed.len(), commands));
                for topic in self.keys.topics(&exchange, &routing_key) {
                    pipeline.cmd("PUBLISH").arg(topic).arg(&bytes);
                    commands += 1;
                }
                routed.push(Routed::default());
                continue;
            }
            let queues = self.route(tables.get(&exchange), &exchange, kind, routing_key);
            for queue in &queues {
                let list = self.keys.list_of(queue, &message);
                match &mut open {
                    Some((same, push, count)) if *same == list && *count < TOGETHER => {
                        push.arg(&bytes);
                        *count += 1;
                    }
                    _ => {
                        commands += close(&mut pipeline, &mut open);
                        let mut push = redis::cmd("LPUSH");
                        push.arg(&list).arg(&bytes);
                        open = Some((list, push, 1));
                    }
                }
                if let Some(ms) = self.expires_ms(queue) {
                    commands += close(&mut pipeline, &mut open);
                    for list in self.keys.lists(queue) {
                        pipeline.cmd("PEXPIRE").arg(list).arg(ms);
                        commands += 1;
                    }
                }
            }
            routed.push(Routed {
                queues: queues.len() as u64,
                receivers: None,
            });
        }
        commands += close(&mut pipeline, &mut open);
        if commands == 0 {
            return Ok(routed);
        }
        if commands > 1 {
            pipeline.atomic();
        }
        let answers: Vec<u64> = self.connection.run_all(&pipeline).await?;
        for (message, command) in counts {
            let receivers = answers.get(command).copied();
            routed[message] = Routed {
                queues: receivers.unwrap_or(0),
                receivers,
            };
        }
        Ok(routed)
    }

    /// The binding tables that the batch needs, read anew: replies to remote control need bindings of this moment.
    async fn tables(
        &self,
        batch: &[(Destination, Message)],
    ) -> Result<HashMap<String, Vec<Binding>>, BrokerError> {
        let mut exchanges: Vec<&str> = batch
            .iter()
            .filter(|(to, _)| !to.exchange.is_empty() && to.kind != ExchangeType::Fanout)
            .map(|(to, _)| to.exchange.as_str())
            .collect();
        exchanges.sort_unstable();
        exchanges.dedup();
        if exchanges.is_empty() {
            return Ok(HashMap::new());
        }
        let mut pipeline = redis::pipe();
        for exchange in &exchanges {
            pipeline.cmd("SMEMBERS").arg(self.keys.bindings(exchange));
        }
        let tables: Vec<Vec<Vec<u8>>> = self.connection.run_all(&pipeline).await?;
        Ok(exchanges
            .into_iter()
            .map(str::to_owned)
            .zip(tables.iter().map(|t| read_table(t, &self.keys.sep)))
            .collect())
    }

    fn route(
        &self,
        table: Option<&Vec<Binding>>,
        exchange: &str,
        kind: ExchangeType,
        routing_key: String,
    ) -> Vec<String> {
        if exchange.is_empty() {
            return vec![routing_key];
        }
        let queues = table.map_or_else(Vec::new, |table| matching(table, kind, &routing_key));
        match (&self.options.deadletter_queue, kind) {
            (Some(dead), ExchangeType::Direct) if queues.is_empty() => vec![dead.clone()],
            _ => queues,
        }
    }
}
