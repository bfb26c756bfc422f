//! Queues, deliveries and settlements.

use rcelery::broker::{Command, Destination, Settle};
use rcelery::protocol::{Exchange, ExchangeType, Queue};

use crate::fixture::{
    Fixture, consume, eventually, message, nothing, publish, publish_with_priority, take,
    take_texts, text,
};

#[tokio::test]
async fn an_acked_message_is_gone() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    publish(&broker, "celery", &["hello"]).await;
    assert_eq!(broker.queue_length("celery").await.unwrap(), Some(1));
    let mut consumer = consume(&broker, "celery", 4).await;
    let delivery = take(&mut consumer).await;
    assert_eq!(text(&delivery), "hello");
    assert_eq!(delivery.queue, "celery");
    let message = delivery.message.as_ref().unwrap();
    assert!(!message.properties.delivery_info.redelivered);
    assert_eq!(message.properties.delivery_info.routing_key, "celery");
    assert_eq!(broker.unacked_count().await.unwrap(), Some(1));
    assert_eq!(broker.queue_length("celery").await.unwrap(), Some(0));
    delivery.acker.ack().unwrap();
    eventually("the row is deleted", || async {
        match broker.unacked_count().await.unwrap() {
            Some(0) => Ok(()),
            other => Err(other),
        }
    })
    .await;
    broker.close().await.unwrap();
    assert_eq!(fixture.ask_file("SELECT count(*) FROM kombu_message"), 0);
    assert_eq!(fixture.ask_file("SELECT count(*) FROM rcelery_consumer"), 0);
}

#[tokio::test]
async fn a_rejected_message_is_gone_and_a_requeued_one_goes_to_the_end() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    publish(&broker, "celery", &["a", "b", "c"]).await;
    let mut consumer = consume(&broker, "celery", 1).await;
    take(&mut consumer).await.acker.reject(true).unwrap();
    take(&mut consumer).await.acker.reject(false).unwrap();
    assert_eq!(take_texts(&mut consumer, 1).await, ["c"]);
    let again = take(&mut consumer).await;
    assert_eq!(text(&again), "a");
    let message = again.message.as_ref().unwrap();
    assert!(message.properties.delivery_info.redelivered);
    assert_eq!(
        message.headers.get("redelivered").and_then(|v| v.as_bool()),
        Some(true)
    );
    again.acker.ack().unwrap();
    nothing(&mut consumer).await;
}

#[tokio::test]
async fn a_restored_message_comes_before_what_waits() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    publish(&broker, "celery", &["a", "b", "c"]).await;
    let mut consumer = consume(&broker, "celery", 1).await;
    take(&mut consumer)
        .await
        .acker
        .settle(Settle::Restore)
        .unwrap();
    assert_eq!(take_texts(&mut consumer, 3).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn close_gives_back_in_the_old_order() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    publish(&broker, "celery", &["a", "b", "c", "d"]).await;
    let mut consumer = consume(&broker, "celery", 3).await;
    let first = take(&mut consumer).await;
    let second = take(&mut consumer).await;
    second.acker.ack().unwrap();
    broker.close().await.unwrap();
    assert!(first.acker.ack().is_err(), "the connection is closed");
    assert!(broker.queue_length("celery").await.is_err());

    let broker = fixture.connect().await;
    let mut consumer = consume(&broker, "celery", 0).await;
    assert_eq!(take_texts(&mut consumer, 3).await, ["a", "c", "d"]);
}

#[tokio::test]
async fn prefetch_bounds_what_is_out_and_can_be_changed() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    publish(&broker, "celery", &["a", "b", "c", "d", "e"]).await;
    let mut consumer = consume(&broker, "celery", 2).await;
    let a = take(&mut consumer).await;
    let _b = take(&mut consumer).await;
    nothing(&mut consumer).await;
    a.acker.ack().unwrap();
    let _c = take(&mut consumer).await;
    nothing(&mut consumer).await;
    consumer.command(Command::Prefetch(0)).unwrap();
    let _d = take(&mut consumer).await;
    let _e = take(&mut consumer).await;
}

#[tokio::test]
async fn queues_are_added_cancelled_and_paused() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("one").await;
    broker.declare(&Queue::direct("two")).await.unwrap();
    let mut consumer = consume(&broker, "one", 0).await;
    publish(&broker, "two", &["x"]).await;
    nothing(&mut consumer).await;
    consumer
        .command(Command::Add(Box::new(Queue::direct("two"))))
        .unwrap();
    assert_eq!(take_texts(&mut consumer, 1).await, ["x"]);
    consumer.command(Command::Cancel("two".to_owned())).unwrap();
    publish(&broker, "two", &["y"]).await;
    publish(&broker, "one", &["z"]).await;
    assert_eq!(take_texts(&mut consumer, 1).await, ["z"]);
    nothing(&mut consumer).await;
    consumer.command(Command::Pause).unwrap();
    publish(&broker, "one", &["w"]).await;
    nothing(&mut consumer).await;
    assert_eq!(broker.queue_length("one").await.unwrap(), Some(1));
}

#[tokio::test]
async fn zero_is_the_most_urgent_priority() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    for (text, priority) in [
        ("late", 9),
        ("mid", 5),
        ("first", 0),
        ("mid2", 5),
        ("wild", 99),
    ] {
        publish_with_priority(&broker, "celery", text, priority).await;
    }
    assert!(broker.capabilities().zero_is_most_urgent);
    let mut consumer = consume(&broker, "celery", 0).await;
    assert_eq!(
        take_texts(&mut consumer, 5).await,
        ["first", "mid", "mid2", "late", "wild"]
    );
}

#[tokio::test]
async fn queues_take_turns() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("one").await;
    broker.declare(&Queue::direct("two")).await.unwrap();
    publish(&broker, "one", &["1", "2", "3"]).await;
    publish(&broker, "two", &["a", "b"]).await;
    let mut consumer = broker
        .consume(&[Queue::direct("one"), Queue::direct("two")], 1)
        .await
        .unwrap();
    assert_eq!(
        take_texts(&mut consumer, 5).await,
        ["1", "a", "2", "b", "3"]
    );
}

#[tokio::test]
async fn exchanges_route_by_key_pattern_and_to_all() {
    let fixture = Fixture::new();
    let broker = fixture.connect().await;
    let topic = |queue: &str, key: &str| {
        Queue::bound(queue, Exchange::new("media", ExchangeType::Topic), key)
    };
    broker
        .declare(&topic("video", "media.video.#"))
        .await
        .unwrap();
    broker.declare(&topic("all", "#")).await.unwrap();
    broker.declare(&Queue::direct("celery")).await.unwrap();
    let to = |exchange: &str, kind, key: &str| {
        vec![(Destination::exchange(exchange, kind, key), message("m"))]
    };
    let cases = [
        (to("media", ExchangeType::Topic, "media.video.mp4"), 2),
        (to("media", ExchangeType::Topic, "media.audio"), 1),
        (to("celery", ExchangeType::Direct, "celery"), 1),
        (to("celery", ExchangeType::Direct, "other"), 0),
        (to("nowhere", ExchangeType::Direct, "celery"), 0),
    ];
    for (batch, queues) in cases {
        let to = batch[0].0.clone();
        let routed = broker.publish(batch).await.unwrap();
        assert_eq!(routed[0].queues, queues, "{to:?}");
    }
    assert_eq!(broker.queue_length("all").await.unwrap(), Some(2));
    assert_eq!(broker.queues().await.unwrap(), ["all", "celery", "video"]);
}

/// A mailbox as remote control declares it.
fn mailbox(name: &str) -> Queue {
    let mut queue = Queue::bound(
        name,
        Exchange {
            name: "celery.pidbox".to_owned(),
            kind: ExchangeType::Fanout,
            durable: false,
        },
        "",
    );
    queue.durable = false;
    queue.auto_delete = true;
    queue.no_ack = true;
    queue.expires = Some(10.0);
    queue.message_ttl = Some(300.0);
    queue
}

fn broadcast(text: &str) -> Vec<(Destination, rcelery::protocol::Message)> {
    vec![(
        Destination::exchange("celery.pidbox", ExchangeType::Fanout, ""),
        message(text),
    )]
}

#[tokio::test]
async fn a_broadcast_reaches_every_listener_and_counts_them() {
    let fixture = Fixture::new();
    let sender = fixture.connect().await;
    let none = sender.publish(broadcast("lost")).await.unwrap();
    assert_eq!((none[0].queues, none[0].receivers), (0, Some(0)));

    let (one, two) = (fixture.connect().await, fixture.connect().await);
    let (a, b) = (
        mailbox("a@host.celery.pidbox"),
        mailbox("b@host.celery.pidbox"),
    );
    one.declare(&a).await.unwrap();
    two.declare(&b).await.unwrap();
    let mut at_a = one.consume(std::slice::from_ref(&a), 0).await.unwrap();
    let mut at_b = two.consume(&[b], 0).await.unwrap();
    let both = sender.publish(broadcast("ping")).await.unwrap();
    assert_eq!((both[0].queues, both[0].receivers), (2, Some(2)));
    assert_eq!(text(&take(&mut at_a).await), "ping");
    assert_eq!(text(&take(&mut at_b).await), "ping");
    assert_eq!(sender.unacked_count().await.unwrap(), Some(0));

    two.close().await.unwrap();
    let left = sender.publish(broadcast("again")).await.unwrap();
    assert_eq!((left[0].queues, left[0].receivers), (1, Some(1)));
    assert_eq!(text(&take(&mut at_a).await), "again");
    assert_eq!(
        sender.queues().await.unwrap(),
        ["a@host.celery.pidbox"],
        "the other mailbox went with its listener"
    );
    assert_eq!(fixture.ask_file("SELECT count(*) FROM kombu_message"), 0);
}

#[tokio::test]
async fn a_queue_without_listeners_and_its_messages_expire() {
    let fixture = Fixture::new().with_option("lease", 0.5);
    let broker = fixture.connect().await;
    let mut brief = mailbox("brief");
    brief.expires = Some(0.2);
    brief.message_ttl = Some(0.1);
    broker.declare(&brief).await.unwrap();
    broker.publish(broadcast("x")).await.unwrap();
    assert_eq!(broker.queue_length("brief").await.unwrap(), Some(1));
    // Any consumer sweeps.
    broker.declare(&Queue::direct("celery")).await.unwrap();
    let _consumer = consume(&broker, "celery", 1).await;
    eventually("the queue is removed", || async {
        let queues = broker.queues().await.unwrap();
        if queues == ["celery"] {
            Ok(())
        } else {
            Err(queues)
        }
    })
    .await;
    assert_eq!(broker.queue_length("brief").await.unwrap(), None);
}

#[tokio::test]
async fn messages_of_a_queue_without_acks_do_not_count_for_prefetch() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    let mut queue = Queue::direct("celery");
    queue.no_ack = true;
    publish(&broker, "celery", &["a", "b", "c"]).await;
    let mut consumer = broker.consume(&[queue], 1).await.unwrap();
    for expected in ["a", "b", "c"] {
        assert_eq!(text(&take(&mut consumer).await), expected);
    }
    assert_eq!(broker.unacked_count().await.unwrap(), Some(0));
    assert_eq!(fixture.ask_file("SELECT count(*) FROM kombu_message"), 0);
}

#[tokio::test]
async fn purge_counts_what_waited_and_spares_what_is_held() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    assert_eq!(broker.purge("nothing").await.unwrap(), None);
    assert_eq!(broker.purge("celery").await.unwrap(), Some(0));
    publish(&broker, "celery", &["a", "b", "c"]).await;
    let mut consumer = consume(&broker, "celery", 1).await;
    let held = take(&mut consumer).await;
    assert_eq!(broker.purge("celery").await.unwrap(), Some(2));
    assert_eq!(broker.unacked_count().await.unwrap(), Some(1));
    held.acker.settle(Settle::Restore).unwrap();
    assert_eq!(take_texts(&mut consumer, 1).await, ["a"]);
}

#[tokio::test]
async fn a_deleted_queue_is_unknown() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    publish(&broker, "celery", &["a"]).await;
    broker.delete_queue(&Queue::direct("celery")).await.unwrap();
    broker.delete_queue(&Queue::direct("celery")).await.unwrap();
    assert_eq!(broker.queue_length("celery").await.unwrap(), None);
    assert!(broker.queues().await.unwrap().is_empty());
}

#[tokio::test]
async fn more_messages_than_the_channel_holds_all_come() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    let batch = (0..2000)
        .map(|i| (Destination::queue("celery"), message(&i.to_string())))
        .collect();
    broker.publish(batch).await.unwrap();
    let mut consumer = consume(&broker, "celery", 0).await;
    let mut held = Vec::new();
    for i in 0..2000 {
        let delivery = take(&mut consumer).await;
        assert_eq!(text(&delivery), i.to_string());
        held.push(delivery);
    }
    assert_eq!(broker.unacked_count().await.unwrap(), Some(2000));
    for delivery in held {
        delivery.acker.ack().unwrap();
    }
    broker.close().await.unwrap();
    assert_eq!(fixture.ask_file("SELECT count(*) FROM kombu_message"), 0);
}

#[tokio::test]
async fn a_file_does_not_grow_with_what_went_through_it() {
    const MESSAGES: usize = 300;
    let fixture = Fixture::new();
    let broker = fixture.connect_with("q").await;
    let text = "x".repeat(1000);
    let mut sizes = Vec::new();
    for _ in 0..4 {
        publish(&broker, "q", &[text.as_str(); MESSAGES]).await;
        let mut consumer = consume(&broker, "q", 0).await;
        for _ in 0..MESSAGES {
            take(&mut consumer).await.acker.ack().unwrap();
        }
        eventually("all are settled", || async {
            match broker.unacked_count().await.unwrap() {
                Some(0) => Ok(()),
                other => Err(other),
            }
        })
        .await;
        sizes.push(fixture.ask_file("SELECT page_count FROM pragma_page_count()"));
    }
    assert_eq!(fixture.ask_file("SELECT count(*) FROM kombu_message"), 0);
    // Taking in runs ahead of settling or not, so rounds differ a little.
    assert!(sizes[3] <= sizes[0] + sizes[0] / 10, "{sizes:?}");
    broker.close().await.unwrap();
}

/// The first go by the engine, the later ones by the desk.
#[tokio::test]
async fn messages_published_one_by_one_keep_their_order_and_wake_a_consumer() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("q").await;
    let other = fixture.connect_with("q").await;
    let texts: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    for text in &texts {
        publish(&broker, "q", &[text]).await;
    }
    let mut consumer = consume(&other, "q", 0).await;
    assert_eq!(take_texts(&mut consumer, 40).await, texts);
    for round in 0..5 {
        let text = format!("late {round}");
        publish(&broker, "q", &[&text]).await;
        assert_eq!(take_texts(&mut consumer, 1).await, [text]);
    }
    // A queue that is not there yet is created by its first message, whoever puts it.
    publish(&broker, "new", &["first"]).await;
    publish(&broker, "new", &["second"]).await;
    assert_eq!(broker.queue_length("new").await.unwrap(), Some(2));
    other.close().await.unwrap();
    broker.close().await.unwrap();
}

#[tokio::test]
async fn after_the_file_is_replaced_nothing_is_published_into_the_other() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("q").await;
    for text in 0..20 {
        publish(&broker, "q", &[&text.to_string()]).await;
    }
    for suffix in ["", "-wal", "-shm"] {
        let mut file = fixture.path().as_os_str().to_owned();
        file.push(suffix);
        std::fs::remove_file(file).unwrap();
    }
    let second = fixture.connect_with("q").await;
    let batch = vec![(Destination::queue("q"), message("lost?"))];
    let error = broker.publish(batch).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(second.queue_length("q").await.unwrap(), Some(0));
    second.close().await.unwrap();
}

/// A Python program that has looked for the row in vain adds it, and fails if it is there by then.
#[tokio::test]
async fn the_row_of_a_queue_comes_with_its_first_message() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("q").await;
    let mut consumer = consume(&broker, "q", 0).await;
    assert_eq!(fixture.ask_file("SELECT count(*) FROM kombu_queue"), 0);
    assert_eq!(broker.queue_length("q").await.unwrap(), Some(0));
    assert_eq!(broker.queues().await.unwrap(), ["q"]);
    publish(&broker, "q", &["first"]).await;
    assert_eq!(take_texts(&mut consumer, 1).await, ["first"]);
    assert_eq!(fixture.ask_file("SELECT count(*) FROM kombu_queue"), 1);
    broker.close().await.unwrap();
}
