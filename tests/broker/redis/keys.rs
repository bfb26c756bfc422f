//! The keys, byte for byte.

use std::collections::BTreeSet;

use rcelery::broker::Destination;
use rcelery::protocol::{ExchangeType, Queue};

use super::{connect, ready};
use crate::fixture::{bound, consume, publish, take, text};
use crate::harness::RedisServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lasting_queues_are_in_both_binding_sets_and_expiring_ones_in_one() {
    let server = RedisServer::start();
    let broker = ready(&server.url(0), &[]).await;
    for set in ["_kombu.binding.celery", "_kombu.binding_permanent.celery"] {
        let members: Vec<String> = server.query(&["SMEMBERS", set]);
        assert_eq!(members, ["celery\u{6}\u{16}\u{6}\u{16}celery"], "{set}");
    }
    let mut reply = bound(
        "1.reply.celery.pidbox",
        "reply.celery.pidbox",
        ExchangeType::Direct,
        "1",
    );
    reply.expires = Some(10.0);
    broker.declare(&reply).await.unwrap();
    let members: Vec<String> = server.query(&["SMEMBERS", "_kombu.binding.reply.celery.pidbox"]);
    assert_eq!(members, ["1\u{6}\u{16}\u{6}\u{16}1.reply.celery.pidbox"]);
    let permanent: i64 = server.query(&["EXISTS", "_kombu.binding_permanent.reply.celery.pidbox"]);
    assert_eq!(permanent, 0);
    let deadline: f64 =
        server.query(&["ZSCORE", "_kombu.binding_deadlines", "reply.celery.pidbox"]);
    let (now, _): (f64, f64) = server.query(&["TIME"]);
    let left = deadline / 1000.0 - now;
    assert!((3590.0..=3601.0).contains(&left), "{left}");
    // Its lists expire, on every publish by who has declared it.
    publish(&broker, "1.reply.celery.pidbox", &["x"]).await;
    let ttl: i64 = server.query(&["PTTL", "1.reply.celery.pidbox"]);
    assert!((1..=10_000).contains(&ttl), "{ttl}");
    broker.delete_queue(&reply).await.unwrap();
    let left: i64 = server.query(&[
        "EXISTS",
        "_kombu.binding.reply.celery.pidbox",
        "1.reply.celery.pidbox",
    ]);
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_is_in_unacked_with_the_time_as_its_score() {
    let server = RedisServer::start();
    let broker = ready(&server.url(0), &[]).await;
    let mut message = text("x");
    message.properties.priority = Some(6);
    let tag = message.properties.delivery_tag.clone().unwrap();
    broker
        .publish(vec![(Destination::queue("celery"), message)])
        .await
        .unwrap();
    let raw: String = server.query(&["LINDEX", "celery\u{6}\u{16}6", "0"]);
    let mut consumer = consume(&broker, "celery", 1).await;
    let delivery = take(&mut consumer).await;
    assert_eq!(delivery.acker.delivery_tag(), tag);
    let entry: String = server.query(&["HGET", "unacked", &tag]);
    assert_eq!(entry, format!("[{raw}, \"\", \"celery\"]"));
    let score: f64 = server.query(&["ZSCORE", "unacked_index", &tag]);
    let (now, _): (f64, f64) = server.query(&["TIME"]);
    assert!((now - 5.0..=now + 1.0).contains(&score), "{score} at {now}");
    broker.close().await.unwrap();
    let back: String = server.query(&["LINDEX", "celery\u{6}\u{16}6", "0"]);
    let back: serde_json::Value = serde_json::from_str(&back).unwrap();
    let mut sent: serde_json::Value = serde_json::from_str(&raw).unwrap();
    sent["headers"]["redelivered"] = true.into();
    sent["properties"]["delivery_info"]["redelivered"] = true.into();
    assert_eq!(back, sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_prefix_is_before_every_key() {
    let server = RedisServer::start();
    let broker = ready(&server.url(0), &[("global_keyprefix", "P:".into())]).await;
    publish(&broker, "celery", &["1", "2"]).await;
    let mut pidbox = bound("w.celery.pidbox", "celery.pidbox", ExchangeType::Fanout, "");
    pidbox.expires = Some(10.0);
    broker.declare(&pidbox).await.unwrap();
    let queues = [Queue::direct("celery"), pidbox];
    let mut consumer = broker.consume(&queues, 1).await.unwrap();
    let delivery = take(&mut consumer).await;
    let keys: BTreeSet<String> = server.query(&["KEYS", "*"]);
    assert!(keys.iter().all(|key| key.starts_with("P:")), "{keys:?}");
    assert!(
        keys.contains("P:unacked") && keys.contains("P:_kombu.binding_deadlines"),
        "{keys:?}"
    );
    let patterns: i64 = server.query(&["PUBSUB", "NUMPAT"]);
    assert_eq!(patterns, 1);
    let listeners: i64 = server.query(&["PUBLISH", "P:/0.celery.pidbox", "{}"]);
    assert_eq!(listeners, 1);
    assert_eq!(
        broker.queues().await.unwrap(),
        ["celery", "w.celery.pidbox"]
    );
    assert_eq!(broker.queue_length("celery").await.unwrap(), Some(1));
    delivery.acker.ack().unwrap();
    broker.close().await.unwrap();
    // Without the prefix there is nothing.
    let plain = connect(&server.url(0), &[]).await.unwrap();
    assert_eq!(plain.queue_length("celery").await.unwrap(), None);
}
