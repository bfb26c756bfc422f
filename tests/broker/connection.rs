//! Connections: what they refuse, and what they do when closed.

use std::time::Duration;

use rcelery::broker::{self, BrokerError, BrokerUrl, Options};
use rcelery::protocol::Queue;

use crate::fixture::{Fixture, consume, publish};

crate::conformance!({
    calls_after_close_fail
    a_closed_connection_is_not_lost
    unknown_options_are_refused
    declaring_twice_is_the_same_as_once
} on redis, sqlite);

async fn calls_after_close_fail(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    broker.close().await.unwrap();
    broker.close().await.unwrap();
    assert!(broker.declare(&Queue::direct("celery")).await.is_err());
    assert!(broker.queue_length("celery").await.is_err());
    assert!(broker.publish(vec![]).await.is_err());
    assert!(broker.consume(&[Queue::direct("celery")], 1).await.is_err());
}

async fn a_closed_connection_is_not_lost(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    let mut consumer = consume(&broker, "celery", 1).await;
    let lost = broker.lost();
    broker.close().await.unwrap();
    assert!(consumer.recv().await.is_none());
    let lost = tokio::time::timeout(Duration::from_millis(200), lost).await;
    assert!(lost.is_err(), "{lost:?}");
}

async fn unknown_options_are_refused(fx: Fixture) {
    let mut options = Options::default();
    options
        .transport_options
        .insert("colour".to_owned(), "red".into());
    let url = BrokerUrl::parse(&fx.url).unwrap();
    match broker::connect(&url, &options).await {
        Err(BrokerError::Config(message)) => assert!(message.contains("`colour`"), "{message}"),
        other => panic!("{other:?}"),
    }
}

async fn declaring_twice_is_the_same_as_once(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    publish(&broker, "celery", &["1"]).await;
    broker.declare(&Queue::direct("celery")).await.unwrap();
    assert_eq!(broker.queue_length("celery").await.unwrap(), Some(1));
    assert_eq!(broker.queues().await.unwrap(), ["celery"]);
}

#[tokio::test]
async fn an_unknown_scheme_lists_the_known_ones() {
    let url = BrokerUrl::parse("carrier-pigeon://coop").unwrap();
    match broker::connect(&url, &Options::default()).await {
        Err(error @ BrokerError::Scheme { .. }) => {
            let message = error.to_string();
            assert!(
                message.contains("`carrier-pigeon`") && message.contains("sentinel"),
                "{message}"
            );
        }
        other => panic!("{other:?}"),
    }
}
