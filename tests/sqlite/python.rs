//! Stock kombu on the same file: it sends and we take, we send and it takes, either creating the tables.

use std::time::{Duration, Instant};

use rcelery::broker::Settle;

use crate::fixture::{
    Fixture, Process, consume, eventually, mostly_soon, nothing, publish, python, take, take_texts,
    text,
};

const SEND: &str = "
import os, sys
from kombu import Connection
with Connection('sqla+' + os.environ['URL']) as c:
    q = c.SimpleQueue('celery')
    for text, priority in [('late', 9), ('soon', 0)]:
        q.put(text, serializer='json', priority=priority, headers={'id': text})
    print('sent')
";

const TAKE: &str = "
import os, queue
from kombu import Connection
with Connection('sqla+' + os.environ['URL']) as c:
    q = c.SimpleQueue('celery')
    while True:
        try:
            m = q.get(block=False)
        except queue.Empty:
            break
        print('took', m.payload, m.delivery_info.get('redelivered', False))
        m.ack()
";

#[tokio::test]
async fn what_python_sends_first_is_taken_by_priority() {
    let fixture = Fixture::new();
    // Python creates the file and the tables.
    assert_eq!(python(&fixture.url(), SEND).trim(), "sent");
    let broker = fixture.connect().await;
    assert_eq!(broker.queue_length("celery").await.unwrap(), Some(2));
    let mut consumer = consume(&broker, "celery", 0).await;
    let delivery = take(&mut consumer).await;
    assert_eq!(text(&delivery), "soon");
    let message = delivery.message.as_ref().unwrap();
    assert_eq!(message.task_id(), Some("soon"));
    assert_eq!(message.content_type, "application/json");
    delivery.acker.ack().unwrap();
    assert_eq!(take_texts(&mut consumer, 1).await, ["late"]);
    // And sends once more, beside us.
    python(&fixture.url(), SEND);
    let mut both = take_texts(&mut consumer, 2).await;
    both.sort();
    assert_eq!(both, ["late", "soon"]);
}

#[tokio::test]
async fn python_takes_what_we_send_but_not_what_we_hold() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    publish(&broker, "celery", &["a", "b", "c"]).await;
    let mut consumer = consume(&broker, "celery", 1).await;
    let held = take(&mut consumer).await;
    assert_eq!(text(&held), "a");
    consumer.command(rcelery::broker::Command::Pause).unwrap();
    let took = python(&fixture.url(), TAKE);
    assert_eq!(
        took.lines().collect::<Vec<_>>(),
        ["took b False", "took c False"]
    );
    held.acker.settle(Settle::Restore).unwrap();
    eventually("it is back", || async {
        match broker.queue_length("celery").await.unwrap() {
            Some(1) => Ok(()),
            other => Err(other),
        }
    })
    .await;
    assert_eq!(python(&fixture.url(), TAKE).trim(), "took a True");
    // Python leaves what it took; a purge removes it, and counts only what waited.
    assert_eq!(fixture.ask_file("SELECT count(*) FROM kombu_message"), 3);
    publish(&broker, "celery", &["d"]).await;
    assert_eq!(broker.purge("celery").await.unwrap(), Some(1));
    assert_eq!(fixture.ask_file("SELECT count(*) FROM kombu_message"), 0);
}

#[tokio::test]
async fn what_a_stopping_python_worker_puts_back_is_marked() {
    let fixture = Fixture::new();
    python(
        &fixture.url(),
        "
import os
from kombu import Connection
with Connection('sqla+' + os.environ['URL']) as c:
    q = c.SimpleQueue('celery')
    q.put('held', serializer='json')
    q.get()
    q.consumer.channel.qos.restore_unacked_once()
",
    );
    let broker = fixture.connect().await;
    let mut consumer = consume(&broker, "celery", 1).await;
    let delivery = take(&mut consumer).await;
    assert_eq!(text(&delivery), "held");
    let message = delivery.message.as_ref().unwrap();
    assert!(message.properties.delivery_info.redelivered);
}

#[tokio::test]
async fn the_tables_are_kombus_to_the_letter() {
    let schema = "
import os, sqlite3
c = sqlite3.connect(os.environ['URL'].removeprefix('sqlite:///'))
for (sql,) in c.execute(\"SELECT sql FROM sqlite_master WHERE tbl_name LIKE 'kombu%' AND sql NOT NULL \"
                        \"AND name NOT LIKE 'rcelery%' ORDER BY name\"):
    print(' '.join(sql.split()))
";
    let (ours, theirs) = (Fixture::new(), Fixture::new());
    ours.connect().await.close().await.unwrap();
    python(&theirs.url(), SEND);
    let expected = python(&theirs.url(), schema);
    assert_eq!(expected.lines().count(), 5, "{expected}");
    assert_eq!(python(&ours.url(), schema), expected);
    // And Python is content with them.
    assert_eq!(python(&ours.url(), SEND).trim(), "sent");
}

#[tokio::test]
async fn other_table_names_are_shared_with_python() {
    let fixture = Fixture::new()
        .with_option("queue_tablename", "my_queue")
        .with_option("message_tablename", "my_message");
    let broker = fixture.connect_with("celery").await;
    publish(&broker, "celery", &["a"]).await;
    let took = python(
        &fixture.url(),
        "
import os
from kombu import Connection
options = {'queue_tablename': 'my_queue', 'message_tablename': 'my_message'}
with Connection('sqla+' + os.environ['URL'], transport_options=options) as c:
    print(c.SimpleQueue('celery').get(timeout=5).payload)
",
    );
    assert_eq!(took.trim(), "a");
    let bad = Fixture::new().with_option("message_tablename", "x; DROP TABLE y");
    assert!(bad.try_connect().await.is_err());
}

#[tokio::test]
async fn a_send_from_python_wakes_within_a_moment() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    let mut consumer = consume(&broker, "celery", 1).await;
    let mut sender = Process::python(
        &fixture.url(),
        "
import os, sys, time
from kombu import Connection
with Connection('sqla+' + os.environ['URL']) as c:
    q = c.SimpleQueue('celery')
    print('ready')
    for line in sys.stdin:
        q.put('x')
        print('sent', time.time())
",
    );
    sender.expect_line("ready");
    let mut times = Vec::new();
    for _ in 0..20 {
        use std::io::Write as _;
        writeln!(sender.input, "go").unwrap();
        let delivery = take(&mut consumer).await;
        let received = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        delivery.acker.ack().unwrap();
        let sent: f64 = sender.expect_line("sent").parse().unwrap();
        times.push(received.saturating_sub(Duration::from_secs_f64(sent)));
    }
    mostly_soon(times);
}

#[tokio::test]
async fn rows_that_are_no_messages_are_handed_over_as_they_are() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    python(
        &fixture.url(),
        "
import os, sqlite3
c = sqlite3.connect(os.environ['URL'].removeprefix('sqlite:///'))
c.execute(\"INSERT INTO kombu_queue (id, name) VALUES (1, 'celery')\")
for payload in ['not json', '[]', '{\"properties\": null}', b'\\xff\\xfe', '{\"a\":' * 2000]:
    c.execute('INSERT INTO kombu_message (visible, payload, version, queue_id) VALUES (1, ?, 1, 1)', (payload,))
c.commit()
",
    );
    let mut consumer = consume(&broker, "celery", 1).await;
    for expected in [
        &b"not json"[..],
        b"[]",
        b"{\"properties\": null}",
        b"\xff\xfe",
    ] {
        let delivery = take(&mut consumer).await;
        let garbled = delivery.message.as_ref().unwrap_err();
        assert_eq!(garbled.raw, expected);
        // Given back, they come again unharmed.
        delivery.acker.settle(Settle::Restore).unwrap();
        let delivery = take(&mut consumer).await;
        assert_eq!(delivery.message.as_ref().unwrap_err().raw, expected);
        delivery.acker.reject(false).unwrap();
    }
    let deep = take(&mut consumer).await;
    assert!(deep.message.is_err());
    deep.acker.reject(false).unwrap();
    let start = Instant::now();
    nothing(&mut consumer).await;
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(broker.queue_length("celery").await.unwrap(), Some(0));
}
