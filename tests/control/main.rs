//! Remote control and events over real Redis, with real Celery at the other end.

#[path = "../harness/mod.rs"]
mod harness;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rcelery::broker::{self, Broker, BrokerUrl};
use rcelery::events::{self, Cluster, Dispatcher, Groups, Receiver};
use rcelery::pidbox::{Answer, Command, Handler, Mailbox, Node, Options, Wait};
use rcelery::protocol::event::Origin;
use rcelery::protocol::{Map, Value};
use serde_json::json;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;

use harness::{Python, PythonWorker, RedisServer, Store, patience};

async fn connect(url: &str) -> Arc<dyn Broker> {
    let url = BrokerUrl::parse(url).unwrap();
    broker::connect(&url, &broker::Options::default())
        .await
        .unwrap()
}

/// Runs what blocks (Python) without holding up the runtime.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work).await.unwrap()
}

fn command(method: &str) -> Command {
    Command::new(method, Map::new())
}

struct Pong;

#[async_trait]
impl Handler for Pong {
    async fn handle(&self, method: &str, _: Map) -> Answer {
        match method {
            "ping" => Answer::Reply(Value::from([("ok", "pong".into())])),
            "shutdown" => Answer::Silent,
            _ => Answer::Unknown,
        }
    }
}

/// Answers as `name` until the set is dropped; it listens when this returns.
async fn answer_as(name: &str, broker: &Arc<dyn Broker>, owner: &mut JoinSet<()>) {
    let node = Node::new(name, &Options::default(), Arc::default(), Arc::new(Pong));
    let broker = Arc::clone(broker);
    broker.declare(node.queue()).await.unwrap();
    let queue = std::slice::from_ref(node.queue());
    let mut consumer = broker.consume(queue, 0).await.unwrap();
    owner.spawn(async move {
        while let Some(delivery) = consumer.recv().await {
            if let Some(reply) = node.handle(delivery).await {
                broker.publish(vec![reply]).await.unwrap();
            }
        }
    });
}

/// Asks `count` nodes of ours; a transport that knows how many listen ends the call when all have answered.
async fn all_nodes_answer_and_nobody_waits_for_the_timeout(url: &str, count: usize) {
    let mut nodes = JoinSet::new();
    let mut connections = Vec::new();
    for n in 0..count {
        let broker = connect(url).await;
        answer_as(&format!("{n}@h"), &broker, &mut nodes).await;
        connections.push(broker);
    }
    let mailbox = Mailbox::new(connect(url).await, Options::default());
    let wait = Wait {
        timeout: Duration::from_secs(20),
        limit: None,
    };
    let start = Instant::now();
    let mut replies = mailbox
        .call(&command("ping"), wait, |_, _| ())
        .await
        .unwrap();
    assert!(start.elapsed() < Duration::from_secs(10), "{replies:?}");
    assert_eq!(replies.listeners, u64::try_from(count).ok());
    replies.replies.sort_by(|a, b| a.0.cmp(&b.0));
    let names: Vec<String> = replies.replies.into_iter().map(|(name, _)| name).collect();
    let expected: Vec<String> = (0..count).map(|n| format!("{n}@h")).collect();
    assert_eq!(names, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_call_ends_with_the_last_answer_and_leaves_nothing() {
    let server = RedisServer::start();
    for count in [0, 2] {
        all_nodes_answer_and_nobody_waits_for_the_timeout(&server.url(0), count).await;
    }
    let bound: Vec<String> = server.query(&["SMEMBERS", "_kombu.binding.reply.celery.pidbox"]);
    assert_eq!(bound, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_call_ends_with_the_last_answer() {
    let store = Store::sqlite();
    for count in [0, 2] {
        all_nodes_answer_and_nobody_waits_for_the_timeout(&store.broker, count).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn celery_inspect_hears_our_node() {
    let store = Store::redis();
    let broker = connect(&store.broker).await;
    let mut nodes = JoinSet::new();
    answer_as("rust@test", &broker, &mut nodes).await;
    let outputs = blocking(move || {
        let python = Python::on(&store);
        let ping = python.celery(&["inspect", "ping", "-j"]);
        let unknown = python.celery(&["inspect", "clock", "-j"]);
        (ping, unknown, store)
    });
    let (ping, unknown, _store) = outputs.await;
    assert_eq!(ping.json(), json!({"rust@test": {"ok": "pong"}}));
    assert_eq!(
        unknown.json(),
        json!({"rust@test": {"error": "KeyError('clock')"}})
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_worker_answers_our_mailbox_and_its_events_are_heard() {
    let (store, _worker) = blocking(|| {
        let store = Store::redis();
        let worker = PythonWorker::on(&store);
        (store, worker)
    })
    .await;
    let broker = connect(&store.broker).await;
    let mailbox = Mailbox::new(Arc::clone(&broker), Options::default());
    let mut seen = Vec::new();
    let mut ping = command("ping");
    ping.destination = vec!["py@test".to_owned(), "gone@test".to_owned()];
    let replies = mailbox
        .call(&ping, Wait::default(), |node, value| {
            seen.push((node.to_owned(), value.clone()));
        })
        .await
        .unwrap();
    let pong = Value::from([("ok", "pong".into())]);
    assert_eq!(seen, [("py@test".to_owned(), pong)]);
    assert_eq!(replies.missing, ["gone@test"]);

    let connection = connect(&store.broker).await;
    let receiver = Receiver::open(
        connection,
        events::Options::default(),
        "worker.#",
        Arc::default(),
    );
    let mut receiver = receiver.await.unwrap();
    receiver.wake_up_workers().await.unwrap();
    let mut cluster = Cluster::default();
    let heard = async {
        loop {
            let received = receiver.recv().await.unwrap();
            cluster.apply(&received);
            if let Some((name, worker)) = cluster.alive(received.at).next() {
                break (name.to_owned(), worker.clone());
            }
        }
    };
    let (name, worker) = timeout(patience(), heard).await.unwrap();
    assert_eq!(name, "py@test");
    assert_eq!(worker.fields["sw_ident"], Value::from("py-celery"));
    receiver.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_receiver_hears_our_events() {
    let store = Store::redis();
    let broker = connect(&store.broker).await;
    let python = blocking(move || {
        let mut python = Python::on(&store);
        // A receiver that gathers in the background; what is sent before it listens is lost.
        python.run(
            "import threading\n\
             heard = []\n\
             def gather():\n\
             \twith app.connection_for_read() as connection:\n\
             \t\treceiver = app.events.Receiver(connection, handlers={'*': heard.append})\n\
             \t\tfor _ in receiver.itercapture(limit=None, timeout=None, wakeup=True):\n\
             \t\t\tpass\n\
             threading.Thread(target=gather, daemon=True).start()\n",
        );
        (python, store)
    });
    let (mut python, _store) = python.await;
    let origin = Origin {
        hostname: "rust@test".to_owned(),
        utcoffset: 0.0,
        pid: 7,
    };
    let groups = Groups {
        tasks: true,
        workers: true,
    };
    let dispatcher = Dispatcher::new(origin, Arc::default(), events::Options::default(), groups);
    let heard = timeout(patience(), async {
        loop {
            dispatcher.worker("worker-online", Map::new());
            for kind in ["task-received", "task-started"] {
                dispatcher.task(kind, || [("uuid".to_owned(), "id".into())].into());
            }
            dispatcher.flush(&*broker).await.unwrap();
            let code = "[(e['type'], e['hostname'], e.get('uuid')) for e in heard]";
            let (heard, back) = blocking(move || (python.run(code), python)).await;
            python = back;
            if heard.as_array().is_some_and(|all| all.len() >= 3) {
                break heard;
            }
        }
    });
    let heard = heard.await.unwrap();
    for event in [
        json!(["worker-online", "rust@test", null]),
        json!(["task-received", "rust@test", "id"]),
        json!(["task-started", "rust@test", "id"]),
    ] {
        assert!(heard.as_array().unwrap().contains(&event), "{heard}");
    }
}
