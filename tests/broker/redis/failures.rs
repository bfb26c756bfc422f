//! Lost connections, dead consumers, late ones, and entries that are no messages.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use rcelery::broker::{BrokerError, Settle};
use rcelery::protocol::Queue;

use super::{connect, ready};
use crate::fixture::{
    SOON, becomes, body, consume, nothing, publish, take, take_n, take_texts, unacked_becomes,
};
use crate::harness::RedisServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_is_noticed_at_once() {
    let server = RedisServer::start();
    let broker = ready(&server.url(0), &[]).await;
    let mut consumer = consume(&broker, "celery", 1).await;
    nothing(&mut consumer).await;
    drop(server);
    let lost = tokio::time::timeout(Duration::from_secs(20), broker.lost()).await;
    let error = lost.expect("the loss is noticed");
    assert!(error.is_transient(), "{error:?}");
    assert!(
        tokio::time::timeout(SOON, consumer.recv())
            .await
            .unwrap()
            .is_none()
    );
    let error = broker.queue_length("celery").await.unwrap_err();
    assert!(matches!(error, BrokerError::Connection { .. }), "{error:?}");
    broker.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_server_is_noticed_in_time() {
    let server = RedisServer::start();
    let broker = ready(&server.url(0), &[]).await;
    let mut consumer = consume(&broker, "celery", 1).await;
    nothing(&mut consumer).await;
    kill(server.pid(), Signal::SIGSTOP).unwrap();
    let start = Instant::now();
    let lost = tokio::time::timeout(Duration::from_secs(30), broker.lost()).await;
    let error = lost.unwrap_or_else(|_| panic!("not noticed after {:?}", start.elapsed()));
    assert!(error.is_transient(), "{error:?}");
    let refused = connect(&server.url(0), &[]).await.unwrap_err();
    kill(server.pid(), Signal::SIGCONT).unwrap();
    assert!(
        refused
            .to_string()
            .contains("no answer to the handshake in 4 s"),
        "{refused}"
    );
    assert!(consumer.recv().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_a_dead_consumer_come_back_in_order_within_30_s() {
    let server = RedisServer::start();
    let dead = ready(&server.url(0), &[]).await;
    publish(&dead, "celery", &["1", "2", "3", "4"]).await;
    let mut consumer = consume(&dead, "celery", 3).await;
    take_n(&mut consumer, 3).await;
    // As after kill -9: nothing is given back.
    drop(consumer);
    drop(dead);
    let start = Instant::now();
    let broker = ready(&server.url(0), &[]).await;
    let mut consumer = consume(&broker, "celery", 1).await;
    let first = take(&mut consumer).await;
    assert_eq!(body(&first), "4");
    let next = tokio::time::timeout(Duration::from_secs(30), async {
        first.acker.ack().unwrap();
        consumer.recv().await.unwrap()
    });
    let next = next
        .await
        .unwrap_or_else(|_| panic!("nothing after {:?}", start.elapsed()));
    assert!(
        next.message
            .as_ref()
            .unwrap()
            .properties
            .delivery_info
            .redelivered
    );
    assert_eq!(body(&next), "1");
    next.acker.ack().unwrap();
    assert_eq!(take_texts(&mut consumer, 2).await, ["2", "3"]);
    unacked_becomes(&broker, 0).await;
    broker.close().await.unwrap();
    let hints: Vec<String> = server.query(&["KEYS", "unacked*"]);
    assert!(hints.is_empty(), "{hints:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_longer_than_the_visibility_timeout_stays_here() {
    let server = RedisServer::start();
    let options = [("visibility_timeout", 1.into())];
    let one = ready(&server.url(0), &options).await;
    let two = ready(&server.url(0), &options).await;
    publish(&one, "celery", &["long"]).await;
    let mut holder = consume(&one, "celery", 1).await;
    let held = take(&mut holder).await;
    let mut other = consume(&two, "celery", 1).await;
    let again = tokio::time::timeout(Duration::from_secs(4), other.recv()).await;
    assert!(again.is_err(), "{again:?}");
    held.acker.ack().unwrap();
    unacked_becomes(&one, 0).await;
}

/// Scores are renewed while deliveries are settled by them: neither must overtake the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ack_is_not_lost_while_what_is_held_is_renewed() {
    let server = RedisServer::start();
    // Renewed twenty times a second.
    let options = [("visibility_timeout", 0.15.into())];
    let broker = ready(&server.url(0), &options).await;
    let bodies: Vec<String> = (0..4000).map(|n| n.to_string()).collect();
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    publish(&broker, "celery", &bodies).await;
    let mut consumer = consume(&broker, "celery", 400).await;
    let mut held = std::collections::VecDeque::new();
    for _ in 0..bodies.len() {
        held.push_back(take(&mut consumer).await);
        if held.len() > 300 {
            held.pop_front().unwrap().acker.ack().unwrap();
        }
        if held.len() % 20 == 0 {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    }
    for delivery in held {
        delivery.acker.ack().unwrap();
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    unacked_becomes(&broker, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_ack_does_not_remove_what_another_holds() {
    let server = RedisServer::start();
    let one = ready(&server.url(0), &[]).await;
    let two = ready(&server.url(0), &[]).await;
    publish(&one, "celery", &["x"]).await;
    let mut first = consume(&one, "celery", 1).await;
    let late = take(&mut first).await;
    first.command(rcelery::broker::Command::Pause).unwrap();
    nothing(&mut first).await;
    // What a Python worker's sweep does when the visibility timeout has passed.
    let tag = late.acker.delivery_tag().to_owned();
    let entry: String = server.query(&["HGET", "unacked", &tag]);
    let entry: serde_json::Value = serde_json::from_str(&entry).unwrap();
    let raw = entry[0].to_string();
    let _: i64 = server.query(&["ZREM", "unacked_index", &tag]);
    let _: i64 = server.query(&["HDEL", "unacked", &tag]);
    let _: i64 = server.query(&["RPUSH", "celery", &raw]);
    let mut second = consume(&two, "celery", 1).await;
    let again = take(&mut second).await;
    assert_eq!(again.acker.delivery_tag(), tag);
    late.acker.ack().unwrap();
    nothing(&mut second).await;
    assert_eq!(two.unacked_count().await.unwrap(), Some(1));
    again.acker.settle(Settle::Requeue).unwrap();
    take(&mut second).await.acker.ack().unwrap();
    unacked_becomes(&two, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_that_are_no_messages_are_handed_over_and_not_lost() {
    let server = RedisServer::start();
    let broker = ready(&server.url(0), &[]).await;
    let garbage: &[&[u8]] = &[
        b"",
        b"not JSON",
        b"\xff\xfe\x00\", \"\", \"",
        b"[1, 2, 3]",
        b"{\"body\": \"x\"}",
        b"{\"properties\": {\"delivery_tag\": \"\xff\"}}",
        br#"{"body": "!!", "properties": {"delivery_tag": "t", "body_encoding": "base64", "delivery_info": {}}}"#,
    ];
    let mut connection = server.connect();
    for raw in garbage {
        redis::cmd("LPUSH")
            .arg("celery")
            .arg(*raw)
            .exec(&mut connection)
            .unwrap();
    }
    publish(&broker, "celery", &["good"]).await;
    let mut consumer = consume(&broker, "celery", 0).await;
    for raw in garbage {
        let delivery = take(&mut consumer).await;
        let garbled = delivery.message.as_ref().unwrap_err();
        assert_eq!(&garbled.raw[..], *raw);
        assert_eq!(delivery.queue, "celery");
        drop(delivery);
    }
    assert_eq!(take_texts(&mut consumer, 1).await, ["good"]);
    unacked_becomes(&broker, garbage.len() as u64).await;
    // Python's sweep can read each of them, and finds the queue.
    let entries: Vec<Vec<u8>> = redis::cmd("HVALS")
        .arg("unacked")
        .query(&mut connection)
        .unwrap();
    for entry in entries {
        let entry: serde_json::Value = serde_json::from_slice(&entry).expect("JSON");
        assert_eq!((&entry[1], &entry[2]), (&"".into(), &"celery".into()));
    }
    // Given back byte for byte, in order.
    broker.close().await.unwrap();
    let back: Vec<Vec<u8>> = redis::cmd("LRANGE")
        .arg("celery")
        .arg(0)
        .arg(-1)
        .query(&mut connection)
        .unwrap();
    let back: Vec<&[u8]> = back.iter().rev().map(Vec::as_slice).collect();
    assert_eq!(back, garbage);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_is_ever_in_neither_place() {
    const MESSAGES: usize = 3000;
    let server = RedisServer::start();
    let sender = ready(&server.url(0), &[]).await;
    let bodies: Vec<String> = (0..MESSAGES).map(|i| i.to_string()).collect();
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    publish(&sender, "celery", &bodies).await;
    for _ in 0..15 {
        let broker = connect(&server.url(0), &[]).await.unwrap();
        let consumer = consume(&broker, "celery", 0).await;
        // The fetch is under way, or answered, when the connection goes.
        tokio::time::sleep(Duration::from_micros(700)).await;
        drop(broker);
        drop(consumer);
        becomes("messages", MESSAGES, || async {
            let waiting = sender.queue_length("celery").await.unwrap().unwrap_or(0);
            let held = sender.unacked_count().await.unwrap().unwrap_or(0);
            usize::try_from(waiting + held).unwrap()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_lost_everything_does_not_confuse() {
    let server = RedisServer::start();
    let broker = ready(&server.url(0), &[]).await;
    publish(&broker, "celery", &["1"]).await;
    let mut consumer = consume(&broker, "celery", 1).await;
    let delivery = take(&mut consumer).await;
    let _: String = server.query(&["FLUSHALL"]);
    let _: String = server.query(&["SCRIPT", "FLUSH"]);
    delivery.acker.ack().unwrap();
    broker.declare(&Queue::direct("celery")).await.unwrap();
    publish(&broker, "celery", &["2"]).await;
    assert_eq!(take_texts(&mut consumer, 1).await, ["2"]);
}

/// Many messages, or large ones, are taken by reading the end of the list first: consumers may read the same ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_that_read_the_same_messages_do_not_both_get_them() {
    for (count, size) in [(4000, 10), (200, 20_000)] {
        let server = RedisServer::start();
        let bodies: Vec<String> = (0..count)
            .map(|n| format!("{n} {}", "x".repeat(size)))
            .collect();
        let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
        let mut takers = tokio::task::JoinSet::new();
        let (one, two) = (
            ready(&server.url(0), &[]).await,
            ready(&server.url(0), &[]).await,
        );
        publish(&one, "celery", &bodies).await;
        for broker in [&one, &two] {
            let mut consumer = consume(broker, "celery", 0).await;
            takers.spawn(async move {
                let mut seen = Vec::new();
                let second = Duration::from_secs(1);
                while let Ok(Some(delivery)) = tokio::time::timeout(second, consumer.recv()).await {
                    let text = body(&delivery);
                    seen.push(text.split(' ').next().unwrap().parse::<usize>().unwrap());
                    delivery.acker.ack().unwrap();
                }
                seen
            });
        }
        let shares = takers.join_all().await;
        assert!(shares.iter().all(|share| share.is_sorted()), "in order");
        let mut seen = shares.concat();
        seen.sort_unstable();
        assert_eq!(seen, (0..count).collect::<Vec<_>>(), "each once");
        unacked_becomes(&one, 0).await;
    }
}
