//! What only the Redis back end has: its keys, Celery on the same keys, and servers that come and go.

use std::process::Command;
use std::time::{Duration, Instant};

use rcelery::backend::{self, BackendError, ChordProgress, Options, PartOutcome};
use rcelery::protocol::{ResultTuple, State, Value};

use crate::fixture::{meta, next, ready, store};
use crate::harness::{RedisServer, interpreter, run};

/// Runs a program of Celery; `b` is its back end.
fn celery(server: &RedisServer, code: &str) -> String {
    let program = format!(
        "import json\nfrom celery import Celery\napp = Celery(backend={url:?}, broker='memory://')\n\
         b = app.backend\n{code}\n",
        url = server.url(0),
    );
    let mut command = Command::new(interpreter());
    command.args(["-c", &program]);
    run(&mut command, "", Duration::from_secs(60))
        .ok()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_have_celerys_key_expiry_and_channel() {
    let server = RedisServer::start();
    let backend = backend::connect(&server.url(0), &Options::default())
        .await
        .unwrap();
    store(&backend, meta("1", &State::SUCCESS, 5)).await;
    let ttl: i64 = server.query(&["TTL", "celery-task-meta-1"]);
    assert!((86_390..=86_400).contains(&ttl), "{ttl}");
    let mut options = Options {
        expires: None,
        failure_expires: Some(Duration::from_secs(60)),
        ..Options::default()
    };
    options
        .transport_options
        .insert("global_keyprefix".to_owned(), "app".into());
    let backend = backend::connect(&server.url(0), &options).await.unwrap();
    store(&backend, meta("2", &State::SUCCESS, 5)).await;
    store(&backend, meta("3", &State::FAILURE, 5)).await;
    let ttl: i64 = server.query(&["TTL", "app_celery-task-meta-2"]);
    assert_eq!(ttl, -1);
    let ttl: i64 = server.query(&["TTL", "app_celery-task-meta-3"]);
    assert!((50..=60).contains(&ttl), "{ttl}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn celery_reads_our_results_and_we_read_its() {
    let server = RedisServer::start();
    let backend = backend::connect(&server.url(0), &Options::default())
        .await
        .unwrap();
    store(
        &backend,
        meta("ours", &State::SUCCESS, Value::from([("x", "ü".into())])),
    )
    .await;
    backend
        .save_group(&ResultTuple::group("g", vec![ResultTuple::task("ours")]))
        .await
        .unwrap();
    let read = celery(
        &server,
        "r = app.AsyncResult('ours')\nprint(r.state, json.dumps(r.get(timeout=5)), b.get_key_for_task('ours').decode())\n\
         print(app.GroupResult.restore('g').results)\n\
         b.store_result('theirs', {'y': 1.5}, 'SUCCESS')\nb.store_result('failed', ValueError('boom'), 'FAILURE')\n\
         b.store_result('ours', 7, 'FAILURE')",
    );
    assert_eq!(
        read,
        "SUCCESS {\"x\": \"\\u00fc\"} celery-task-meta-ours\n[<AsyncResult: ours>]"
    );
    let theirs = backend.get("theirs").await.unwrap().unwrap();
    assert_eq!(
        (theirs.status, theirs.result),
        (State::SUCCESS, Value::from([("y", 1.5.into())]))
    );
    let failed = backend.get("failed").await.unwrap().unwrap();
    assert_eq!(failed.exception().unwrap().repr(), "ValueError('boom')");
    assert_eq!(
        backend.get("ours").await.unwrap().unwrap().status,
        State::SUCCESS
    );
    let again = store(&backend, meta("theirs", &State::FAILURE, 1)).await;
    assert_eq!(again, backend::Stored::AlreadySuccess);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn celery_and_we_count_the_parts_of_one_chord() {
    let server = RedisServer::start();
    let backend = backend::connect(&server.url(0), &Options::default())
        .await
        .unwrap();
    celery(
        &server,
        "
from celery.app.task import Context
b.set_chord_size('g', 3)
r = Context(id='t1', group='g', group_index=1, chord={'task': 'body', 'options': {}}, root_id='t1')
b.on_chord_part_return(r, 'SUCCESS', 'one')",
    );
    let part = |index: i64, id: &str| PartOutcome {
        group_id: "g".to_owned(),
        group_index: Some(index),
        task_id: id.to_owned(),
        state: State::SUCCESS,
        result: id.into(),
    };
    // A copy of Python's part does not count.
    let copy = backend.chord_part(&part(1, "t1")).await.unwrap();
    assert_eq!(copy, ChordProgress::Incomplete);
    assert_eq!(
        backend.chord_part(&part(0, "t0")).await.unwrap(),
        ChordProgress::Incomplete
    );
    let ChordProgress::Complete { results, claim } =
        backend.chord_part(&part(2, "t2")).await.unwrap()
    else {
        panic!("not complete");
    };
    assert_eq!(results, ["t0", "one", "t2"].map(Value::from));
    backend.chord_done("g", &claim, false).await.unwrap();
    let keys: Vec<String> = server.query(&["KEYS", "celery-taskset-meta-g*"]);
    assert_eq!(keys, ["celery-taskset-meta-g.c"]);
    let claim: String = server.query(&["GET", "celery-taskset-meta-g.c"]);
    assert_eq!(claim, "done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watching_survives_a_restart_of_the_server() {
    let mut server = RedisServer::start();
    let url = server.url(0);
    let client = backend::connect(&url, &Options::default()).await.unwrap();
    let worker = backend::connect(&url, &Options::default()).await.unwrap();
    let mut changes = client
        .watch(&["1".to_owned(), "2".to_owned()])
        .await
        .unwrap();
    store(&worker, meta("1", &State::STARTED, Value::Null)).await;
    assert_eq!(next(&mut changes).await.status, State::STARTED);
    server.stop();
    server.start_again();
    // One is stored before the watcher is back, perhaps; the other after.
    store(&worker, meta("1", &State::SUCCESS, "a")).await;
    assert_eq!(ready(&mut changes).await.result, "a".into());
    store(&worker, meta("2", &State::SUCCESS, "b")).await;
    let mut last = ready(&mut changes).await;
    while last.task_id == "1" {
        last = ready(&mut changes).await;
    }
    assert_eq!(last.result, "b".into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_server_is_an_error_one_can_wait_out() {
    let mut server = RedisServer::start();
    let options = Options {
        connect_timeout: Duration::from_secs(1),
        ..Options::default()
    };
    let backend = backend::connect(&server.url(0), &options).await.unwrap();
    store(&backend, meta("1", &State::STARTED, Value::Null)).await;
    server.stop();
    let start = Instant::now();
    let error = backend.get("1").await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
    let wanted = format!(
        "Error 111 connecting to 127.0.0.1:{}. Connection refused.",
        server.port()
    );
    assert_eq!(error.to_string(), wanted);
    server.start_again();
    store(&backend, meta("1", &State::SUCCESS, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_and_urls_are_checked() {
    let server = RedisServer::with(&["--requirepass", "s3cret"]);
    let backend = backend::connect(&server.url(0), &Options::default())
        .await
        .unwrap();
    let error = backend.get("1").await.unwrap_err();
    assert!(matches!(error, BackendError::AccessRefused(_)), "{error:?}");
    let url = format!("redis://:s3cret@127.0.0.1:{}/1", server.port());
    let backend = backend::connect(&url, &Options::default()).await.unwrap();
    store(&backend, meta("1", &State::SUCCESS, 1)).await;
    assert_eq!(
        backend.as_uri(),
        format!("redis://:**@127.0.0.1:{}/1", server.port())
    );
    for url in [
        "rediss://127.0.0.1/0",
        "redis://127.0.0.1/x",
        "sentinel://h/0",
        "memcache://h",
    ] {
        let refused = backend::connect(url, &Options::default()).await;
        assert!(
            matches!(
                refused,
                Err(BackendError::Config(_) | BackendError::Scheme { .. })
            ),
            "{url}: {refused:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unordered_chords_are_joined_as_they_end() {
    let server = RedisServer::start();
    let mut options = Options::default();
    options
        .transport_options
        .insert("result_chord_ordered".to_owned(), false.into());
    let backend = backend::connect(&server.url(0), &options).await.unwrap();
    backend.chord_start("g", 2).await.unwrap();
    let mut last = ChordProgress::Incomplete;
    for index in [1, 0] {
        let part = PartOutcome {
            group_id: "g".to_owned(),
            group_index: Some(index),
            task_id: format!("t{index}"),
            state: State::SUCCESS,
            result: index.into(),
        };
        last = backend.chord_part(&part).await.unwrap();
    }
    let kind: String = server.query(&["TYPE", "celery-taskset-meta-g.j"]);
    assert_eq!(kind, "list");
    assert!(
        matches!(last, ChordProgress::Complete { results, .. } if results == [1.into(), 0.into()])
    );
}
