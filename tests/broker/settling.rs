//! Settlements: ack, reject, requeue, restore, and what comes back.

use rcelery::broker::Settle;

use crate::fixture::{
    Fixture, body, consume, nothing, publish, take, take_n, take_texts, unacked_becomes,
};

crate::conformance!({
    an_acked_message_is_gone
    a_rejected_message_is_gone
    a_requeued_message_goes_to_the_end
    a_restored_message_goes_to_the_front
    restored_messages_keep_their_order
    closing_gives_back_in_order
    a_dropped_acker_settles_nothing
    settlements_before_close_are_written
    acking_after_close_says_so
} on redis, sqlite);

async fn an_acked_message_is_gone(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    publish(&broker, "celery", &["hello"]).await;
    let mut consumer = consume(&broker, "celery", 4).await;
    let delivery = take(&mut consumer).await;
    assert_eq!(body(&delivery), "hello");
    assert_eq!(delivery.queue, "celery");
    assert_eq!(broker.unacked_count().await.unwrap(), Some(1));
    assert_eq!(broker.queue_length("celery").await.unwrap(), Some(0));
    delivery.acker.ack().unwrap();
    unacked_becomes(&broker, 0).await;
    broker.close().await.unwrap();
    let broker = fx.connect_with("celery").await;
    nothing(&mut consume(&broker, "celery", 4).await).await;
}

async fn a_rejected_message_is_gone(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    publish(&broker, "celery", &["hello"]).await;
    let mut consumer = consume(&broker, "celery", 4).await;
    take(&mut consumer).await.acker.reject(false).unwrap();
    unacked_becomes(&broker, 0).await;
    nothing(&mut consumer).await;
}

async fn a_requeued_message_goes_to_the_end(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    publish(&broker, "celery", &["1", "2"]).await;
    let mut consumer = consume(&broker, "celery", 1).await;
    take(&mut consumer).await.acker.reject(true).unwrap();
    assert_eq!(take_texts(&mut consumer, 1).await, ["2"]);
    let again = take(&mut consumer).await;
    assert_eq!(body(&again), "1");
    let message = again.message.as_ref().unwrap();
    assert!(message.properties.delivery_info.redelivered);
    assert!(message.headers["redelivered"].truthy());
    again.acker.ack().unwrap();
    unacked_becomes(&broker, 0).await;
}

async fn a_restored_message_goes_to_the_front(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    publish(&broker, "celery", &["1", "2"]).await;
    let mut consumer = consume(&broker, "celery", 1).await;
    take(&mut consumer)
        .await
        .acker
        .settle(Settle::Restore)
        .unwrap();
    let again = take(&mut consumer).await;
    assert_eq!(body(&again), "1");
    assert!(
        again
            .message
            .as_ref()
            .unwrap()
            .properties
            .delivery_info
            .redelivered
    );
}

async fn restored_messages_keep_their_order(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    publish(&broker, "celery", &["1", "2", "3", "4"]).await;
    let mut consumer = consume(&broker, "celery", 3).await;
    let deliveries = take_n(&mut consumer, 3).await;
    consumer.command(rcelery::broker::Command::Pause).unwrap();
    nothing(&mut consumer).await;
    for delivery in deliveries {
        delivery.acker.settle(Settle::Restore).unwrap();
    }
    unacked_becomes(&broker, 0).await;
    broker.close().await.unwrap();
    let broker = fx.connect_with("celery").await;
    let mut consumer = consume(&broker, "celery", 0).await;
    assert_eq!(take_texts(&mut consumer, 4).await, ["1", "2", "3", "4"]);
}

async fn closing_gives_back_in_order(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    publish(&broker, "celery", &["1", "2", "3", "4", "5"]).await;
    let mut consumer = consume(&broker, "celery", 4).await;
    let deliveries = take_n(&mut consumer, 2).await;
    unacked_becomes(&broker, 4).await;
    broker.close().await.unwrap();
    drop((consumer, deliveries));
    let broker = fx.connect_with("celery").await;
    assert_eq!(broker.unacked_count().await.unwrap(), Some(0));
    let mut consumer = consume(&broker, "celery", 0).await;
    assert_eq!(
        take_texts(&mut consumer, 5).await,
        ["1", "2", "3", "4", "5"]
    );
}

async fn a_dropped_acker_settles_nothing(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    publish(&broker, "celery", &["1"]).await;
    let mut consumer = consume(&broker, "celery", 1).await;
    drop(take(&mut consumer).await);
    nothing(&mut consumer).await;
    assert_eq!(broker.unacked_count().await.unwrap(), Some(1));
}

async fn settlements_before_close_are_written(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    publish(&broker, "celery", &["x"; 300]).await;
    let mut consumer = consume(&broker, "celery", 0).await;
    for delivery in take_n(&mut consumer, 300).await {
        delivery.acker.ack().unwrap();
    }
    broker.close().await.unwrap();
    let broker = fx.connect_with("celery").await;
    assert_eq!(broker.unacked_count().await.unwrap(), Some(0));
    assert_eq!(broker.queue_length("celery").await.unwrap(), Some(0));
}

async fn acking_after_close_says_so(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    publish(&broker, "celery", &["1"]).await;
    let mut consumer = consume(&broker, "celery", 1).await;
    let delivery = take(&mut consumer).await;
    broker.close().await.unwrap();
    assert!(delivery.acker.ack().is_err());
    assert!(consumer.recv().await.is_none());
}
