//! What only the Redis transport has: its keys, Python on the same keys, and servers that misbehave.

mod failures;
mod keys;
mod python;
mod servers;

use std::sync::Arc;

use rcelery::broker::{self, Broker, BrokerError, BrokerUrl, Options};
use rcelery::protocol::{Map, Queue, Value};

use crate::fixture::text;

/// Connects with transport options.
async fn connect(url: &str, options: &[(&str, Value)]) -> Result<Arc<dyn Broker>, BrokerError> {
    let transport_options: Map = options
        .iter()
        .map(|(k, v)| ((*k).to_owned(), v.clone()))
        .collect();
    let options = Options {
        transport_options,
        ..Options::default()
    };
    broker::connect(&BrokerUrl::parse(url).unwrap(), &options).await
}

/// Connects and declares `celery`.
async fn ready(url: &str, options: &[(&str, Value)]) -> Arc<dyn Broker> {
    let broker = connect(url, options).await.unwrap();
    broker.declare(&Queue::direct("celery")).await.unwrap();
    broker
}

/// Sends one message to `celery` and takes it: the connection does what it should.
async fn works(broker: &Arc<dyn Broker>) {
    broker.declare(&Queue::direct("celery")).await.unwrap();
    let mut consumer = crate::fixture::consume(broker, "celery", 1).await;
    let to = rcelery::broker::Destination::queue("celery");
    broker.publish(vec![(to, text("x"))]).await.unwrap();
    crate::fixture::take(&mut consumer)
        .await
        .acker
        .ack()
        .unwrap();
    crate::fixture::unacked_becomes(broker, 0).await;
    broker.close().await.unwrap();
}
