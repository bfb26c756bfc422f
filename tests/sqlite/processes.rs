//! Several processes on one file: sharing, dying, being stopped, and a file that is not as it should be.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, setgid, setuid};
use rcelery::broker::{self, Broker, BrokerError, BrokerUrl, Destination, Options};
use rcelery::protocol::Queue;

use crate::fixture::{
    Fixture, PATIENCE, Process, QUIET, consume, eventually, message, mostly_soon, nothing, publish,
    take, take_texts, text,
};

/// What this process is told to do when it is a child of a test.
const PART: &str = "RCELERY_TEST_CHILD";

fn say(line: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

fn child(fixture: &Fixture, part: &str, lease: &str) -> Process {
    let environment = BTreeMap::from([
        (PART, part.to_owned()),
        ("URL", fixture.url()),
        ("LEASE", lease.to_owned()),
    ]);
    Process::child("processes::a_child_plays_its_part", &environment)
}

/// Not a test of its own: in a child process it consumes as its parent says, else there is nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_plays_its_part() {
    let Ok(part) = std::env::var(PART) else {
        return;
    };
    if part == "unprivileged" {
        setgid(Gid::from_raw(65534)).unwrap();
        setuid(Uid::from_raw(65534)).unwrap();
    }
    let url = BrokerUrl::parse(&std::env::var("URL").unwrap()).unwrap();
    let mut options = Options::default();
    let lease: f64 = std::env::var("LEASE").unwrap().parse().unwrap();
    options
        .transport_options
        .insert("lease".to_owned(), lease.into());
    let broker = match broker::connect(&url, &options).await {
        Ok(broker) => broker,
        Err(error) => {
            say(&format!("error {error:?}"));
            return;
        }
    };
    broker.declare(&Queue::direct("celery")).await.unwrap();
    let mut consumer = consume(&broker, "celery", 50).await;
    say("ready");
    match part.as_str() {
        // Acks what it gets, and says so once that is written.
        "drain" => loop {
            let Some(delivery) = consumer.recv().await else {
                return;
            };
            say(&format!("got {}", text(&delivery)));
            delivery.acker.ack().unwrap();
        },
        // Holds one message until it is told to ack it.
        "hold" => {
            let delivery = consumer.recv().await.unwrap();
            say(&format!("got {}", text(&delivery)));
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).unwrap();
            let _ = delivery.acker.ack();
            let lost = tokio::time::timeout(PATIENCE, broker.lost()).await.unwrap();
            say(&format!("lost {lost}"));
            let _ = broker.close().await;
            let again = broker::connect(&url, &options).await.unwrap();
            let adopted = again.adopt(&broker.held()).await.unwrap();
            say(&format!("adopted {}", adopted.len()));
            for acker in adopted {
                acker.ack().unwrap();
            }
            again.close().await.unwrap();
            say("closed");
        }
        other => panic!("no such part: {other}"),
    }
}

#[tokio::test]
async fn what_a_killed_consumer_held_comes_back_and_nothing_is_lost() {
    const COUNT: usize = 1000;
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    let batch = (0..COUNT)
        .map(|i| (Destination::queue("celery"), message(&i.to_string())))
        .collect();
    broker.publish(batch).await.unwrap();

    let mut seen: HashMap<String, usize> = HashMap::new();
    for _ in 0..5 {
        let mut process = child(&fixture, "drain", "25");
        for _ in 0..60 {
            let got = process.expect_line("got");
            *seen.entry(got).or_default() += 1;
        }
        // In the middle of fetching and settling.
        for line in process.kill().lines() {
            if let Some(got) = line.strip_prefix("got ") {
                *seen.entry(got.to_owned()).or_default() += 1;
            }
        }
    }
    let start = Instant::now();
    let mut consumer = consume(&broker, "celery", 100).await;
    let mut redelivered = 0;
    loop {
        let delivery = match tokio::time::timeout(Duration::from_millis(500), consumer.recv()).await
        {
            Ok(delivery) => delivery.unwrap(),
            Err(_) => break,
        };
        *seen.entry(text(&delivery)).or_default() += 1;
        let properties = &delivery.message.as_ref().unwrap().properties;
        redelivered += usize::from(properties.delivery_info.redelivered);
        delivery.acker.ack().unwrap();
    }
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "dead consumers are noticed at once"
    );
    let missing: Vec<usize> = (0..COUNT)
        .filter(|i| !seen.contains_key(&i.to_string()))
        .collect();
    assert!(missing.is_empty(), "lost: {missing:?}");
    let doubles: usize = seen.values().map(|n| n - 1).sum();
    assert!(doubles <= 5 * 50, "at most what was held: {doubles}");
    assert!(redelivered <= 5 * 50, "{redelivered}");
    broker.close().await.unwrap();
    assert_eq!(fixture.ask_file("SELECT count(*) FROM kombu_message"), 0);
    assert_eq!(fixture.ask_file("SELECT count(*) FROM rcelery_unacked"), 0);
    assert_eq!(
        fixture.ask_file("SELECT integrity_check = 'ok' FROM pragma_integrity_check"),
        1
    );
}

#[tokio::test]
async fn consumers_share_without_doubles() {
    const COUNT: usize = 5000;
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    let mut children = [
        child(&fixture, "drain", "25"),
        child(&fixture, "drain", "25"),
    ];
    for process in &mut children {
        process.expect_line("ready");
    }
    for chunk in 0..COUNT / 100 {
        let batch = (chunk * 100..(chunk + 1) * 100)
            .map(|i| (Destination::queue("celery"), message(&i.to_string())))
            .collect();
        broker.publish(batch).await.unwrap();
        // On a busy machine one of them could take all before the other has had the processor.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    eventually("both together take all", || async {
        let waiting = broker.queue_length("celery").await.unwrap();
        let held = broker.unacked_count().await.unwrap();
        if (waiting, held) == (Some(0), Some(0)) {
            Ok(())
        } else {
            Err((waiting, held))
        }
    })
    .await;
    let mut shares = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for process in children {
        let lines = process.kill();
        let got: Vec<&str> = lines
            .lines()
            .filter_map(|line| line.strip_prefix("got "))
            .collect();
        shares.push(got.len());
        for id in got {
            *seen.entry(id.to_owned()).or_default() += 1;
        }
    }
    assert_eq!(seen.len(), COUNT, "shares: {shares:?}");
    assert!(seen.values().all(|n| *n == 1), "shares: {shares:?}");
    assert!(shares.iter().all(|n| *n > 0), "shares: {shares:?}");
}

/// A child that holds `a`, and is stopped outside of any transaction: this is about those that keep no lock.
async fn stopped_holder(fixture: &Fixture, broker: &Arc<dyn Broker>) -> Process {
    publish(broker, "celery", &["a"]).await;
    let mut process = child(fixture, "hold", "1");
    assert_eq!(process.expect_line("got"), "a");
    loop {
        process.signal(Signal::SIGSTOP);
        if broker.declare(&Queue::direct("probe")).await.is_ok() {
            return process;
        }
        process.signal(Signal::SIGCONT);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Lets a stopped holder go on: the first thing that it does is to acknowledge what it holds no longer.
fn wake(process: &mut Process) {
    writeln!(process.input, "ack").unwrap();
    process.signal(Signal::SIGCONT);
    let lost = process.expect_line("lost");
    assert!(lost.contains("lease"), "{lost}");
}

#[tokio::test]
async fn a_stopped_consumer_loses_its_lease_and_cannot_settle_for_its_successor() {
    let fixture = Fixture::new()
        .with_option("lease", 1.0)
        .with_option("timeout", 0.3);
    let broker = fixture.connect_with("celery").await;
    let mut process = stopped_holder(&fixture, &broker).await;
    let mut consumer = consume(&broker, "celery", 1).await;
    nothing(&mut consumer).await;
    // The lease runs out.
    let successor = take(&mut consumer).await;
    assert_eq!(text(&successor), "a");
    wake(&mut process);
    assert_eq!(process.expect_line("adopted"), "0");
    process.expect_line("closed");
    assert_eq!(broker.unacked_count().await.unwrap(), Some(1));
    successor.acker.reject(true).unwrap();
    assert_eq!(take_texts(&mut consumer, 1).await, ["a"]);
}

#[tokio::test]
async fn a_stopped_consumer_takes_over_again_what_nobody_else_has_taken() {
    let fixture = Fixture::new()
        .with_option("lease", 1.0)
        .with_option("timeout", 0.3);
    let broker = fixture.connect_with("celery").await;
    let mut process = stopped_holder(&fixture, &broker).await;
    // A consumer of something else sees that the lease has run out.
    let _other = consume(&broker, "probe", 1).await;
    eventually("the message is back", || async {
        match broker.queue_length("celery").await.unwrap() {
            Some(1) => Ok(()),
            other => Err(other),
        }
    })
    .await;
    // Room for it is there; under a lost lease it must not be taken.
    publish(&broker, "celery", &["b"]).await;
    wake(&mut process);
    assert_eq!(process.expect_line("adopted"), "1");
    process.expect_line("closed");
    assert_eq!(broker.unacked_count().await.unwrap(), Some(0));
    let mut consumer = consume(&broker, "celery", 1).await;
    assert_eq!(take_texts(&mut consumer, 1).await, ["b"]);
    nothing(&mut consumer).await;
}

#[tokio::test]
async fn what_a_removed_file_held_is_not_looked_for_in_another() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    publish(&broker, "celery", &["a"]).await;
    let mut consumer = consume(&broker, "celery", 1).await;
    let held = take(&mut consumer).await;
    std::fs::remove_file(fixture.path()).unwrap();
    tokio::time::timeout(PATIENCE, broker.lost()).await.unwrap();
    let orphans = broker.held();
    assert_eq!(orphans.len(), 1);
    assert_eq!(orphans[0].delivery_tag, held.acker.delivery_tag());

    let another = fixture.connect_with("celery").await;
    publish(&another, "celery", &["b"]).await;
    assert!(another.adopt(&orphans).await.unwrap().is_empty());
    let mut consumer = consume(&another, "celery", 1).await;
    assert_eq!(take_texts(&mut consumer, 1).await, ["b"]);
}

#[tokio::test]
async fn a_lease_is_renewed_for_as_long_as_its_holder_lives() {
    let fixture = Fixture::new().with_option("lease", 0.5);
    let one = fixture.connect_with("celery").await;
    publish(&one, "celery", &["a"]).await;
    let mut holder = consume(&one, "celery", 1).await;
    let held = take(&mut holder).await;
    let two = fixture.connect().await;
    let mut other = consume(&two, "celery", 1).await;
    for _ in 0..5 {
        nothing(&mut other).await;
    }
    held.acker.ack().unwrap();
    nothing(&mut other).await;
    assert_eq!(two.unacked_count().await.unwrap(), Some(0));
}

#[tokio::test]
async fn a_send_wakes_a_waiting_consumer_of_another_connection() {
    let fixture = Fixture::new();
    let sender = fixture.connect_with("celery").await;
    let receiver = fixture.connect().await;
    let mut consumer = consume(&receiver, "celery", 10).await;
    let mut times = Vec::new();
    for i in 0..20 {
        tokio::time::sleep(Duration::from_millis(7)).await;
        publish(&sender, "celery", &[&i.to_string()]).await;
        let start = Instant::now();
        take(&mut consumer).await.acker.ack().unwrap();
        times.push(start.elapsed());
    }
    mostly_soon(times);
}

#[tokio::test]
async fn a_removed_file_ends_the_connection() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    let mut consumer = consume(&broker, "celery", 1).await;
    std::fs::remove_file(fixture.path()).unwrap();
    let lost = tokio::time::timeout(PATIENCE, broker.lost()).await.unwrap();
    assert!(matches!(lost, BrokerError::Connection { .. }), "{lost:?}");
    assert!(lost.to_string().contains("removed"), "{lost}");
    assert!(consumer.recv().await.is_none());
    let error = broker.queue_length("celery").await.unwrap_err();
    assert!(error.to_string().contains("removed"), "{error}");
}

#[tokio::test]
async fn a_removed_file_is_not_written_to() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    std::fs::remove_file(fixture.path()).unwrap();
    let batch = vec![(Destination::queue("celery"), message("a"))];
    let error = broker.publish(batch).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
}

/// A process that holds the lock on the file until it reads a line.
fn holder(fixture: &Fixture) -> Process {
    let mut holder = Process::python(
        &fixture.url(),
        "import os, sqlite3, sys\n\
         c = sqlite3.connect(os.environ['URL'].removeprefix('sqlite:///'), isolation_level=None)\n\
         c.execute('BEGIN IMMEDIATE')\nprint('locked')\nsys.stdin.readline()\nc.execute('COMMIT')\nprint('free')\n\
         sys.stdin.readline()",
    );
    holder.expect_line("locked");
    holder
}

#[tokio::test]
async fn publishing_waits_while_another_process_holds_the_lock() {
    let fixture = Fixture::new();
    let broker = fixture.connect_with("celery").await;
    for _ in 0..20 {
        publish(&broker, "celery", &["before"]).await;
    }
    let mut holder = holder(&fixture);
    let publishing = tokio::spawn({
        let broker = broker.clone();
        async move { publish(&broker, "celery", &["meanwhile"]).await }
    });
    tokio::time::sleep(QUIET).await;
    assert!(!publishing.is_finished());
    writeln!(holder.input).unwrap();
    publishing.await.unwrap();
    assert_eq!(broker.queue_length("celery").await.unwrap(), Some(21));
    broker.close().await.unwrap();
}

#[tokio::test]
async fn a_file_that_stays_locked_is_a_timeout() {
    let fixture = Fixture::new().with_option("timeout", 0.2);
    let broker = fixture.connect_with("celery").await;
    let mut holder = holder(&fixture);
    let batch = || vec![(Destination::queue("celery"), message("a"))];
    let error = broker.publish(batch()).await.unwrap_err();
    assert!(matches!(error, BrokerError::Timeout(_)), "{error:?}");
    assert!(error.to_string().contains("locked"), "{error}");
    writeln!(holder.input).unwrap();
    holder.expect_line("free");
    broker.publish(batch()).await.unwrap();
    assert_eq!(broker.queue_length("celery").await.unwrap(), Some(1));
}

#[tokio::test]
async fn what_may_not_be_written_is_refused_with_advice() {
    let fixture = Fixture::new();
    fixture.connect().await.close().await.unwrap();
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(fixture.directory.path(), 0o777);
    mode(&fixture.path(), 0o444);
    // Root may write anywhere, so ask as nobody; without root the file is ours, and read-only all the same.
    let part = if Uid::effective().is_root() {
        "unprivileged"
    } else {
        "hold"
    };
    let error = child(&fixture, part, "25").expect_line("error");
    assert!(error.starts_with("AccessRefused"), "{error}");
    assert!(error.contains("tasks.db"), "{error}");
    assert!(error.contains("write permission"), "{error}");
    mode(&fixture.path(), 0o666);
    mode(fixture.directory.path(), 0o555);
    let error = child(&fixture, part, "25").expect_line("error");
    assert!(error.starts_with("AccessRefused"), "{error}");
    assert!(error.contains("directory"), "{error}");
    mode(fixture.directory.path(), 0o755);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let fixture = Fixture::new();
    std::fs::write(fixture.path(), "not a database ".repeat(100)).unwrap();
    let error = fixture.try_connect().await.unwrap_err();
    assert!(matches!(error, BrokerError::Config(_)), "{error:?}");
    assert!(error.to_string().contains("tasks.db"), "{error}");
    assert!(!error.is_transient());
}
