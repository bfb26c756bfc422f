//! Broadcasts.

use rcelery::broker::Command;
use rcelery::protocol::{ExchangeType, Queue};

use crate::fixture::{Fixture, becomes, body, bound, nothing, publish_to, take};

crate::conformance!({
    a_broadcast_reaches_every_listener
    listeners_of_one_name_all_hear
    a_broadcast_is_counted
    broadcasts_are_filtered_by_key
    a_cancelled_listener_hears_nothing
    a_closed_listener_is_not_counted
} on redis, sqlite);

fn pidbox(node: &str) -> Queue {
    let mut queue = bound(
        &format!("{node}.celery.pidbox"),
        "celery.pidbox",
        ExchangeType::Fanout,
        "",
    );
    queue.no_ack = true;
    queue.auto_delete = true;
    queue.expires = Some(10.0);
    queue
}

async fn a_broadcast_reaches_every_listener(fx: Fixture) {
    let mut consumers = Vec::new();
    let mut brokers = Vec::new();
    for node in ["a", "b", "c"] {
        let broker = fx.connect().await;
        broker.declare(&pidbox(node)).await.unwrap();
        consumers.push(broker.consume(&[pidbox(node)], 1).await.unwrap());
        brokers.push(broker);
    }
    let sender = fx.connect().await;
    for body in ["1", "2", "3"] {
        publish_to(&sender, "celery.pidbox", ExchangeType::Fanout, "", body).await;
    }
    for (consumer, node) in consumers.iter_mut().zip(["a", "b", "c"]) {
        for wanted in ["1", "2", "3"] {
            let delivery = take(consumer).await;
            assert_eq!(body(&delivery), wanted);
            assert_eq!(delivery.queue, format!("{node}.celery.pidbox"));
            delivery.acker.ack().unwrap();
        }
        nothing(consumer).await;
    }
}

/// Two workers of the same name share one mailbox.
async fn listeners_of_one_name_all_hear(fx: Fixture) {
    let (one, two, sender) = (fx.connect().await, fx.connect().await, fx.connect().await);
    one.declare(&pidbox("a")).await.unwrap();
    two.declare(&pidbox("a")).await.unwrap();
    let mut first = one.consume(&[pidbox("a")], 1).await.unwrap();
    let mut second = two.consume(&[pidbox("a")], 1).await.unwrap();
    let send = |body| publish_to(&sender, "celery.pidbox", ExchangeType::Fanout, "", body);
    let counts = sender.capabilities().counts_receivers;
    for wanted in ["1", "2", "3"] {
        let routed = send(wanted).await;
        if counts {
            assert_eq!(routed.receivers, Some(2));
        }
    }
    for consumer in [&mut first, &mut second] {
        for wanted in ["1", "2", "3"] {
            let delivery = take(consumer).await;
            assert_eq!(body(&delivery), wanted);
            assert_eq!(delivery.queue, "a.celery.pidbox");
        }
        nothing(consumer).await;
    }
    one.delete_queue(&pidbox("a")).await.unwrap();
    drop(first);
    send("4").await;
    assert_eq!(body(&take(&mut second).await), "4");
    one.close().await.unwrap();
    let routed = send("5").await;
    if counts {
        assert_eq!(routed.receivers, Some(1));
    }
    assert_eq!(body(&take(&mut second).await), "5");
    nothing(&mut second).await;
    two.delete_queue(&pidbox("a")).await.unwrap();
    assert_eq!(
        sender
            .queue_length("a.celery.pidbox")
            .await
            .unwrap()
            .unwrap_or(0),
        0
    );
}

async fn a_broadcast_is_counted(fx: Fixture) {
    let (one, two, sender) = (fx.connect().await, fx.connect().await, fx.connect().await);
    if !sender.capabilities().counts_receivers {
        return;
    }
    let send = || publish_to(&sender, "celery.pidbox", ExchangeType::Fanout, "", "x");
    assert_eq!(send().await.receivers, Some(0));
    one.declare(&pidbox("a")).await.unwrap();
    two.declare(&pidbox("b")).await.unwrap();
    let _a = one.consume(&[pidbox("a")], 1).await.unwrap();
    let _b = two.consume(&[pidbox("b")], 1).await.unwrap();
    assert_eq!(send().await.receivers, Some(2));
}

async fn broadcasts_are_filtered_by_key(fx: Fixture) {
    let broker = fx.connect().await;
    let queue = |name: &str, key: &str| {
        let mut queue = bound(name, "celeryev", ExchangeType::Fanout, key);
        queue.no_ack = true;
        queue
    };
    let (all, workers) = (queue("all", "#"), queue("workers", "worker.#"));
    broker.declare(&all).await.unwrap();
    broker.declare(&workers).await.unwrap();
    let mut everything = broker.consume(&[all], 0).await.unwrap();
    let mut some = broker.consume(&[workers], 0).await.unwrap();
    publish_to(&broker, "celeryev", ExchangeType::Fanout, "task.multi", "t").await;
    publish_to(
        &broker,
        "celeryev",
        ExchangeType::Fanout,
        "worker.online",
        "w",
    )
    .await;
    assert_eq!(body(&take(&mut everything).await), "t");
    assert_eq!(body(&take(&mut everything).await), "w");
    assert_eq!(body(&take(&mut some).await), "w");
    nothing(&mut some).await;
}

async fn a_cancelled_listener_hears_nothing(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    broker.declare(&pidbox("a")).await.unwrap();
    let queues = [Queue::direct("celery"), pidbox("a")];
    let mut consumer = broker.consume(&queues, 1).await.unwrap();
    publish_to(&broker, "celery.pidbox", ExchangeType::Fanout, "", "1").await;
    assert_eq!(body(&take(&mut consumer).await), "1");
    consumer
        .command(Command::Cancel("a.celery.pidbox".to_owned()))
        .unwrap();
    nothing(&mut consumer).await;
    publish_to(&broker, "celery.pidbox", ExchangeType::Fanout, "", "2").await;
    nothing(&mut consumer).await;
}

async fn a_closed_listener_is_not_counted(fx: Fixture) {
    let (listener, sender) = (fx.connect().await, fx.connect().await);
    if !sender.capabilities().counts_receivers {
        return;
    }
    listener.declare(&pidbox("a")).await.unwrap();
    let consumer = listener.consume(&[pidbox("a")], 1).await.unwrap();
    listener.close().await.unwrap();
    drop(consumer);
    becomes("listeners", Some(0), || async {
        let routed = publish_to(&sender, "celery.pidbox", ExchangeType::Fanout, "", "x").await;
        routed.receivers
    })
    .await;
    assert!(
        sender.queues().await.unwrap().is_empty(),
        "the queue went with its consumer"
    );
}
