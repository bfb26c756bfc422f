//! Queues: order, priorities, routing, lengths.

use rcelery::broker::{Command, Destination};
use rcelery::protocol::{ExchangeType, Queue};

use crate::fixture::{
    Fixture, body, bound, consume, nothing, publish, publish_to, take, take_n, take_texts, text,
};

crate::conformance!({
    messages_come_in_the_order_in_which_they_were_sent
    an_idle_consumer_gets_a_message_at_once
    urgent_messages_come_first
    prefetch_limits_what_is_unsettled
    prefetch_can_be_raised_and_lowered
    queues_can_be_added_and_cancelled
    a_paused_consumer_takes_nothing_more
    two_consumers_share_a_queue
    two_queues_are_both_served
    a_direct_exchange_routes_by_key
    a_topic_exchange_routes_by_pattern
    a_message_without_a_route_is_counted_as_such
    purging_says_how_many
    unknown_queues_have_no_length
    queues_are_listed
    a_deleted_queue_is_gone
    a_large_message_arrives
    everything_in_a_message_survives
    queues_without_acks_leave_nothing_behind
} on redis, sqlite);

async fn messages_come_in_the_order_in_which_they_were_sent(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    let sent: Vec<String> = (0..700).map(|i| i.to_string()).collect();
    let bodies: Vec<&str> = sent.iter().map(String::as_str).collect();
    publish(&broker, "celery", &bodies).await;
    let mut consumer = consume(&broker, "celery", 0).await;
    assert_eq!(take_texts(&mut consumer, 700).await, sent);
    nothing(&mut consumer).await;
}

async fn an_idle_consumer_gets_a_message_at_once(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    let sender = fx.connect().await;
    let mut consumer = consume(&broker, "celery", 1).await;
    nothing(&mut consumer).await;
    let mut times = Vec::new();
    for _ in 0..20 {
        let start = std::time::Instant::now();
        publish(&sender, "celery", &["x"]).await;
        take(&mut consumer).await.acker.ack().unwrap();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    assert!(times[10].as_millis() < 250, "median of {times:?}");
}

async fn urgent_messages_come_first(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    let mut order = [0_i64, 3, 6, 9];
    if !broker.capabilities().zero_is_most_urgent {
        order.reverse();
    }
    for priority in [6, 0, 9, 3] {
        for copy in ["a", "b"] {
            let mut message = text(&format!("{priority}{copy}"));
            message.properties.priority = Some(priority);
            let sent = broker
                .publish(vec![(Destination::queue("celery"), message)])
                .await;
            sent.unwrap();
        }
    }
    let mut consumer = consume(&broker, "celery", 0).await;
    let wanted: Vec<String> = order
        .iter()
        .flat_map(|p| [format!("{p}a"), format!("{p}b")])
        .collect();
    assert_eq!(take_texts(&mut consumer, 8).await, wanted);
}

async fn prefetch_limits_what_is_unsettled(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    publish(&broker, "celery", &["1", "2", "3", "4", "5"]).await;
    let mut consumer = consume(&broker, "celery", 2).await;
    let first = take(&mut consumer).await;
    let second = take(&mut consumer).await;
    nothing(&mut consumer).await;
    assert_eq!(broker.queue_length("celery").await.unwrap(), Some(3));
    first.acker.ack().unwrap();
    let third = take(&mut consumer).await;
    assert_eq!(body(&third), "3");
    nothing(&mut consumer).await;
    second.acker.reject(false).unwrap();
    assert_eq!(body(&take(&mut consumer).await), "4");
    nothing(&mut consumer).await;
}

async fn prefetch_can_be_raised_and_lowered(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    publish(&broker, "celery", &["1", "2", "3", "4", "5", "6"]).await;
    let mut consumer = consume(&broker, "celery", 1).await;
    let one = take(&mut consumer).await;
    nothing(&mut consumer).await;
    consumer.command(Command::Prefetch(3)).unwrap();
    let more = take_n(&mut consumer, 2).await;
    nothing(&mut consumer).await;
    consumer.command(Command::Prefetch(1)).unwrap();
    one.acker.ack().unwrap();
    nothing(&mut consumer).await;
    for delivery in more {
        delivery.acker.ack().unwrap();
    }
    take(&mut consumer).await;
    nothing(&mut consumer).await;
}

async fn queues_can_be_added_and_cancelled(fx: Fixture) {
    let broker = fx.connect_with("one").await;
    broker.declare(&Queue::direct("two")).await.unwrap();
    publish(&broker, "two", &["early"]).await;
    let mut consumer = consume(&broker, "one", 0).await;
    nothing(&mut consumer).await;
    consumer
        .command(Command::Add(Box::new(Queue::direct("two"))))
        .unwrap();
    let delivery = take(&mut consumer).await;
    assert_eq!(
        (delivery.queue.as_str(), body(&delivery)),
        ("two", "early".to_owned())
    );
    consumer.command(Command::Cancel("one".to_owned())).unwrap();
    nothing(&mut consumer).await;
    publish(&broker, "one", &["unseen"]).await;
    publish(&broker, "two", &["seen"]).await;
    assert_eq!(body(&take(&mut consumer).await), "seen");
    nothing(&mut consumer).await;
    assert_eq!(broker.queue_length("one").await.unwrap(), Some(1));
}

async fn a_paused_consumer_takes_nothing_more(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    let mut consumer = consume(&broker, "celery", 0).await;
    publish(&broker, "celery", &["1"]).await;
    let delivery = take(&mut consumer).await;
    consumer.command(Command::Pause).unwrap();
    nothing(&mut consumer).await;
    publish(&broker, "celery", &["2"]).await;
    nothing(&mut consumer).await;
    delivery.acker.ack().unwrap();
    crate::fixture::unacked_becomes(&broker, 0).await;
    assert_eq!(broker.queue_length("celery").await.unwrap(), Some(1));
}

async fn two_consumers_share_a_queue(fx: Fixture) {
    let (one, two) = (
        fx.connect_with("celery").await,
        fx.connect_with("celery").await,
    );
    let mut first = consume(&one, "celery", 1).await;
    let mut second = consume(&two, "celery", 1).await;
    publish(&one, "celery", &["1", "2"]).await;
    let (a, b) = (take(&mut first).await, take(&mut second).await);
    let mut seen = [body(&a), body(&b)];
    seen.sort();
    assert_eq!(seen, ["1", "2"]);
    nothing(&mut first).await;
}

async fn two_queues_are_both_served(fx: Fixture) {
    let broker = fx.connect_with("one").await;
    broker.declare(&Queue::direct("two")).await.unwrap();
    publish(&broker, "one", &["a"; 20]).await;
    publish(&broker, "two", &["b"; 20]).await;
    let queues = [Queue::direct("one"), Queue::direct("two")];
    let mut consumer = broker.consume(&queues, 4).await.unwrap();
    let seen = take_texts(&mut consumer, 12).await;
    let ones = seen.iter().filter(|text| *text == "a").count();
    assert!((4..=8).contains(&ones), "{seen:?}");
}

async fn a_direct_exchange_routes_by_key(fx: Fixture) {
    let broker = fx.connect().await;
    for (queue, key) in [("cats", "cat"), ("dogs", "dog"), ("pets", "cat")] {
        broker
            .declare(&bound(queue, "animals", ExchangeType::Direct, key))
            .await
            .unwrap();
    }
    let routed = publish_to(&broker, "animals", ExchangeType::Direct, "cat", "miau").await;
    assert_eq!(routed.queues, 2);
    for (queue, length) in [("cats", 1), ("pets", 1), ("dogs", 0)] {
        assert_eq!(
            broker.queue_length(queue).await.unwrap(),
            Some(length),
            "{queue}"
        );
    }
    // One message in two queues of one consumer: two deliveries, settled one by one.
    let queues = [
        bound("cats", "animals", ExchangeType::Direct, "cat"),
        bound("pets", "animals", ExchangeType::Direct, "cat"),
    ];
    let mut consumer = broker.consume(&queues, 0).await.unwrap();
    let (a, b) = (take(&mut consumer).await, take(&mut consumer).await);
    assert_ne!(a.queue, b.queue);
    let info = &a.message.as_ref().unwrap().properties.delivery_info;
    assert_eq!(
        (info.exchange.as_str(), info.routing_key.as_str()),
        ("animals", "cat")
    );
    a.acker.ack().unwrap();
    crate::fixture::unacked_becomes(&broker, 1).await;
    b.acker.ack().unwrap();
    crate::fixture::unacked_becomes(&broker, 0).await;
}

async fn a_topic_exchange_routes_by_pattern(fx: Fixture) {
    let broker = fx.connect().await;
    for (queue, key) in [
        ("all", "media.#"),
        ("jpg", "media.*.jpg"),
        ("png", "media.x.png"),
    ] {
        broker
            .declare(&bound(queue, "media", ExchangeType::Topic, key))
            .await
            .unwrap();
    }
    let routed = publish_to(&broker, "media", ExchangeType::Topic, "media.a.jpg", "1").await;
    assert_eq!(routed.queues, 2);
    let routed = publish_to(&broker, "media", ExchangeType::Topic, "media.a.b.jpg", "2").await;
    assert_eq!(routed.queues, 1);
    for (queue, length) in [("all", 2), ("jpg", 1), ("png", 0)] {
        assert_eq!(
            broker.queue_length(queue).await.unwrap(),
            Some(length),
            "{queue}"
        );
    }
}

async fn a_message_without_a_route_is_counted_as_such(fx: Fixture) {
    let broker = fx.connect().await;
    broker
        .declare(&bound("cats", "animals", ExchangeType::Direct, "cat"))
        .await
        .unwrap();
    let routed = publish_to(&broker, "animals", ExchangeType::Direct, "cow", "muh").await;
    assert_eq!(routed.queues, 0);
    let routed = publish_to(&broker, "nowhere", ExchangeType::Direct, "cow", "muh").await;
    assert_eq!(routed.queues, 0);
}

async fn purging_says_how_many(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    publish(&broker, "celery", &["1", "2"]).await;
    let mut urgent = text("3");
    urgent.properties.priority = Some(6);
    broker
        .publish(vec![(Destination::queue("celery"), urgent)])
        .await
        .unwrap();
    assert_eq!(broker.queue_length("celery").await.unwrap(), Some(3));
    assert_eq!(broker.purge("celery").await.unwrap(), Some(3));
    assert_eq!(broker.queue_length("celery").await.unwrap(), Some(0));
    assert_eq!(broker.purge("celery").await.unwrap(), Some(0));
}

async fn unknown_queues_have_no_length(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    assert_eq!(broker.queue_length("nosuch").await.unwrap(), None);
    assert_eq!(broker.purge("nosuch").await.unwrap(), None);
}

async fn queues_are_listed(fx: Fixture) {
    let broker = fx.connect_with("one").await;
    broker
        .declare(&bound("two", "other", ExchangeType::Topic, "x.#"))
        .await
        .unwrap();
    publish(&broker, "one", &["1"]).await;
    assert_eq!(broker.queues().await.unwrap(), ["one", "two"]);
}

async fn a_deleted_queue_is_gone(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    publish(&broker, "celery", &["1", "2"]).await;
    broker.delete_queue(&Queue::direct("celery")).await.unwrap();
    assert_eq!(broker.queue_length("celery").await.unwrap(), None);
    let routed = publish_to(&broker, "celery", ExchangeType::Direct, "celery", "3").await;
    assert_eq!(routed.queues, 0);
    broker.delete_queue(&Queue::direct("celery")).await.unwrap();
}

async fn a_large_message_arrives(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    let large = "x".repeat(50 << 20);
    publish(&broker, "celery", &[&large, "small"]).await;
    let mut consumer = consume(&broker, "celery", 0).await;
    let delivery = take(&mut consumer).await;
    assert!(body(&delivery) == large, "the large message is damaged");
    delivery.acker.ack().unwrap();
    assert_eq!(take_texts(&mut consumer, 1).await, ["small"]);
    crate::fixture::unacked_becomes(&broker, 0).await;
}

async fn everything_in_a_message_survives(fx: Fixture) {
    let broker = fx.connect_with("celery").await;
    let mut message = text("b\u{0}dy ☃");
    message.headers.insert(
        "delivery_tag".to_owned(),
        "\"delivery_tag\": \"evil\"".into(),
    );
    message.headers.insert(
        "nested".to_owned(),
        [("delivery_tag", "other".into())].into(),
    );
    message.headers.insert("id".to_owned(), "the-id".into());
    message.properties.correlation_id = Some("c".to_owned());
    message.properties.reply_to = Some("r".to_owned());
    message.properties.priority = Some(0);
    message
        .properties
        .extra
        .insert("message_id".to_owned(), "m".into());
    let sent = message.clone();
    broker
        .publish(vec![(Destination::queue("celery"), message)])
        .await
        .unwrap();
    let mut consumer = consume(&broker, "celery", 1).await;
    let delivery = take(&mut consumer).await;
    let got = delivery.message.as_ref().unwrap();
    assert_eq!(got.headers, sent.headers);
    assert_eq!(got.body, sent.body);
    assert_eq!(
        got.properties.correlation_id,
        sent.properties.correlation_id
    );
    assert_eq!(got.properties.reply_to, sent.properties.reply_to);
    assert_eq!(got.properties.delivery_tag, sent.properties.delivery_tag);
    assert_eq!(got.properties.extra, sent.properties.extra);
    assert!(!got.properties.delivery_info.redelivered);
    delivery.acker.ack().unwrap();
    crate::fixture::unacked_becomes(&broker, 0).await;
}

async fn queues_without_acks_leave_nothing_behind(fx: Fixture) {
    let broker = fx.connect().await;
    let mut queue = bound("abc.reply", "reply", ExchangeType::Direct, "abc");
    queue.no_ack = true;
    queue.expires = Some(10.0);
    broker.declare(&queue).await.unwrap();
    let mut consumer = broker
        .consume(std::slice::from_ref(&queue), 1)
        .await
        .unwrap();
    let sender = fx.connect().await;
    for i in 0..5 {
        let routed = publish_to(
            &sender,
            "reply",
            ExchangeType::Direct,
            "abc",
            &i.to_string(),
        )
        .await;
        assert_eq!(routed.queues, 1);
    }
    // They do not count against the prefetch limit of one.
    assert_eq!(
        take_texts(&mut consumer, 5).await,
        ["0", "1", "2", "3", "4"]
    );
    assert_eq!(broker.unacked_count().await.unwrap(), Some(0));
}
