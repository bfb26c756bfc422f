//! kombu on the same keys, both ways.

use std::process::Command;
use std::time::Duration;

use rcelery::protocol::{ExchangeType, Queue};

use super::ready;
use crate::fixture::{
    body, bound, consume, publish, publish_to, take, take_texts, unacked_becomes,
};
use crate::harness::{RedisServer, interpreter, run};

/// Runs a kombu program; `conn` is a connection with the given transport options, `ch` a channel.
fn kombu(server: &RedisServer, options: &str, code: &str) -> String {
    let program = format!(
        "import json, sys\nfrom kombu import Connection, Exchange, Queue, Consumer, Producer\n\
         conn = Connection({url:?}, transport_options={options})\nch = conn.channel()\n{code}\n",
        url = server.url(0),
    );
    let mut command = Command::new(interpreter());
    command.args(["-c", &program]);
    run(&mut command, "", Duration::from_secs(60))
        .ok()
        .to_owned()
}

const PUBLISH: &str = "
q = Queue('celery', Exchange('celery'), routing_key='celery')
p = Producer(ch)
for i, text in enumerate(['one', 'two', 'three']):
    p.publish(text, exchange='', routing_key='celery', declare=[q], serializer='json', headers={'n': i})
";

const CONSUME: &str = "
q = Queue('celery', Exchange('celery'), routing_key='celery')
got = []
def on(body, message):
    got.append(body)
    message.ack()
with Consumer(ch, [q], callbacks=[on], accept=['json']):
    while len(got) < 2:
        conn.drain_events(timeout=20)
print(json.dumps(got))
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_reads_what_the_other_sends() {
    for (options, ours) in [
        ("{}", vec![]),
        (
            "{'global_keyprefix': 'P:'}",
            vec![("global_keyprefix", "P:".into())],
        ),
    ] {
        let server = RedisServer::start();
        kombu(&server, options, PUBLISH);
        let broker = ready(&server.url(0), &ours).await;
        assert_eq!(broker.queue_length("celery").await.unwrap(), Some(3));
        let mut consumer = consume(&broker, "celery", 0).await;
        assert_eq!(take_texts(&mut consumer, 3).await, ["one", "two", "three"]);
        unacked_becomes(&broker, 0).await;
        broker.close().await.unwrap();
        let broker = ready(&server.url(0), &ours).await;
        publish(&broker, "celery", &["vier", "fünf"]).await;
        assert_eq!(kombu(&server, options, CONSUME), r#"["vier", "f\u00fcnf"]"#);
        assert_eq!(broker.unacked_count().await.unwrap(), Some(0));
        assert_eq!(broker.queue_length("celery").await.unwrap(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pythons_sweep_restores_what_we_held() {
    let server = RedisServer::start();
    let broker = ready(&server.url(0), &[]).await;
    publish(&broker, "celery", &["held"]).await;
    let topic = bound("all", "media", ExchangeType::Topic, "media.#");
    broker.declare(&topic).await.unwrap();
    publish_to(&broker, "media", ExchangeType::Topic, "media.x", "topic").await;
    let mut consumer = broker
        .consume(&[Queue::direct("celery"), topic], 0)
        .await
        .unwrap();
    take(&mut consumer).await;
    take(&mut consumer).await;
    drop(consumer);
    // As after kill -9.
    drop(broker);
    let restored = kombu(
        &server,
        "{'visibility_timeout': 0.001}",
        "import time\ntime.sleep(0.1)\nch.qos.restore_visible()\nprint(ch.client.hlen('unacked'), ch.client.llen('celery'), ch.client.llen('all'))",
    );
    assert_eq!(restored, "0 1 1");
    let broker = ready(&server.url(0), &[]).await;
    let mut consumer = consume(&broker, "celery", 1).await;
    let delivery = take(&mut consumer).await;
    assert_eq!(body(&delivery), "held");
    assert!(
        delivery
            .message
            .unwrap()
            .properties
            .delivery_info
            .redelivered
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_sweep_restores_what_python_held() {
    let server = RedisServer::start();
    // Held by a process that has ended without giving back; one came over a topic exchange.
    kombu(
        &server,
        "{}",
        "
import os
x = Exchange('media', 'topic')
t = Queue('all', x, routing_key='media.#')
q = Queue('celery', Exchange('celery'), routing_key='celery')
p = Producer(ch)
p.publish('plain', exchange='', routing_key='celery', declare=[q], priority=6, serializer='json')
p.publish('topic', exchange=x, routing_key='media.x', declare=[t], serializer='json')
got = []
c = Consumer(ch, [q, t], callbacks=[lambda b, m: got.append(b)], accept=['json'])
c.consume()
while len(got) < 2: conn.drain_events(timeout=20)
print(got, flush=True)
os._exit(0)",
    );
    let broker = ready(&server.url(0), &[("visibility_timeout", 1.into())]).await;
    assert_eq!(broker.unacked_count().await.unwrap(), Some(2));
    let queues = [
        Queue::direct("celery"),
        bound("all", "media", ExchangeType::Topic, "media.#"),
    ];
    let mut consumer = broker.consume(&queues, 0).await.unwrap();
    let mut seen = [take(&mut consumer).await, take(&mut consumer).await].map(|delivery| {
        assert!(
            delivery
                .message
                .as_ref()
                .unwrap()
                .properties
                .delivery_info
                .redelivered
        );
        let seen = (delivery.queue.clone(), body(&delivery));
        delivery.acker.ack().unwrap();
        seen
    });
    seen.sort();
    assert_eq!(
        seen,
        [("all", "topic"), ("celery", "plain")].map(|(q, b)| (q.to_owned(), b.to_owned()))
    );
    unacked_becomes(&broker, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broadcasts_pass_both_ways() {
    let server = RedisServer::start();
    let broker = ready(&server.url(0), &[]).await;
    let pidbox = bound("w.celery.pidbox", "celery.pidbox", ExchangeType::Fanout, "");
    broker.declare(&pidbox).await.unwrap();
    let mut consumer = broker.consume(&[pidbox], 1).await.unwrap();
    kombu(
        &server,
        "{}",
        "x = Exchange('celery.pidbox', 'fanout')\nProducer(ch).publish('ping', exchange=x, declare=[x], serializer='json')",
    );
    assert_eq!(body(&take(&mut consumer).await), "ping");
}
