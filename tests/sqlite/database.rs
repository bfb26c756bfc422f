//! Results: stored, read, watched, and exchanged with Python's AsyncResult.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use rcelery::backend::{self, Backend, BackendError, ChordProgress, Options, PartOutcome, Stored};
use rcelery::protocol::result::Extended;
use rcelery::protocol::{Exception, Map, ResultMeta, ResultTuple, State, Value};

use crate::fixture::{Fixture, PATIENCE, Process, python};

async fn connect(fixture: &Fixture, change: impl FnOnce(&mut Options)) -> Arc<dyn Backend> {
    let mut options = Options::default();
    change(&mut options);
    let url = format!("db+{}", fixture.url());
    backend::connect(&url, &options).await.unwrap()
}

async fn open_copy(name: &str, change: impl FnOnce(&mut Options)) -> (Fixture, Arc<dyn Backend>) {
    let fixture = Fixture::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sqlite/fixtures");
    std::fs::copy(source.join(name), fixture.path()).unwrap();
    let backend = connect(&fixture, change).await;
    (fixture, backend)
}

fn meta(id: &str, state: State, result: impl Into<Value>) -> ResultMeta {
    let mut meta = ResultMeta::new(id, state, result.into());
    if meta.status.is_ready() {
        meta.date_done = Some("2030-01-02T03:04:05.678900+00:00".to_owned());
    }
    meta
}

async fn store(backend: &Arc<dyn Backend>, meta: ResultMeta) -> Stored {
    let mut outcomes = backend.store(&[meta]).await.unwrap();
    outcomes.pop().unwrap().unwrap()
}

async fn get(backend: &Arc<dyn Backend>, id: &str) -> ResultMeta {
    backend.get(id).await.unwrap().expect("something is stored")
}

#[tokio::test]
async fn what_is_stored_is_read_until_it_is_forgotten() {
    let fixture = Fixture::new();
    let backend = connect(&fixture, |_| {}).await;
    assert!(!fixture.path().exists(), "opened at first use");
    assert_eq!(backend.get("a").await.unwrap(), None);
    let started = meta("a", State::STARTED, Value::from([("pid", 1.into())]));
    assert_eq!(store(&backend, started.clone()).await, Stored::Written);
    assert_eq!(get(&backend, "a").await, started);
    let mut done = meta("a", State::SUCCESS, 5);
    done.children = Some(vec![ResultTuple::task("child")]);
    store(&backend, done.clone()).await;
    let both = ["b".to_owned(), "a".to_owned()];
    assert_eq!(backend.get_many(&both).await.unwrap(), [None, Some(done)]);
    backend.forget("a").await.unwrap();
    assert_eq!(backend.get("a").await.unwrap(), None);
    backend.close().await;
    assert!(matches!(
        backend.get("a").await,
        Err(BackendError::Connection { .. })
    ));
}

#[tokio::test]
async fn success_is_final_and_failure_is_not() {
    let fixture = Fixture::new();
    let backend = connect(&fixture, |_| {}).await;
    store(&backend, meta("a", State::FAILURE, Value::Null)).await;
    let batch = vec![
        meta("a", State::SUCCESS, 1),
        meta("a", State::STARTED, 2),
        meta("a", State::SUCCESS, 3),
        meta("b", State::SUCCESS, 4),
    ];
    let outcomes = backend.store(&batch).await.unwrap();
    let outcomes: Vec<Stored> = outcomes.into_iter().map(Result::unwrap).collect();
    assert_eq!(
        outcomes,
        [
            Stored::Written,
            Stored::AlreadySuccess,
            Stored::AlreadySuccess,
            Stored::Written
        ]
    );
    assert_eq!(get(&backend, "a").await.result, Value::Int(1));
}

#[tokio::test]
async fn one_bad_value_does_not_fail_the_others() {
    let fixture = Fixture::new();
    let backend = connect(&fixture, |_| {}).await;
    let mut bad = meta("bad", State::SUCCESS, 1);
    bad.date_done = Some("never".to_owned());
    let outcomes = backend
        .store(&[
            meta("a", State::SUCCESS, 1),
            bad,
            meta("b", State::SUCCESS, 2),
        ])
        .await
        .unwrap();
    let written: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(written, [true, false, true]);
    assert_eq!(get(&backend, "b").await.result, Value::Int(2));
}

#[tokio::test]
async fn a_removed_file_is_made_anew() {
    let fixture = Fixture::new();
    let backend = connect(&fixture, |_| {}).await;
    store(&backend, meta("a", State::SUCCESS, 1)).await;
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", fixture.path().display()));
    }
    assert_eq!(backend.get("a").await.unwrap(), None);
    store(&backend, meta("a", State::SUCCESS, 2)).await;
    assert_eq!(get(&backend, "a").await.result, Value::Int(2));
}

#[tokio::test]
async fn a_watch_reports_the_present_and_every_change() {
    let fixture = Fixture::new();
    let backend = connect(&fixture, |_| {}).await;
    store(&backend, meta("there", State::SUCCESS, 1)).await;
    let ids = ["there".to_owned(), "later".to_owned()];
    let mut changes = backend.watch(&ids).await.unwrap();
    let mut next = async || {
        tokio::time::timeout(PATIENCE, changes.next())
            .await
            .expect("a change comes in time")
            .map(Result::unwrap)
    };
    assert_eq!(next().await.unwrap().task_id, "there");
    // Written by another connection, as by another process.
    let other = connect(&fixture, |_| {}).await;
    for current in 1..=3 {
        let progress = Value::from([("current", current.into())]);
        store(&other, meta("later", State::PROGRESS, progress.clone())).await;
        let seen = next().await.unwrap();
        assert_eq!((seen.status, seen.result), (State::PROGRESS, progress));
    }
    store(&other, meta("later", State::SUCCESS, "done")).await;
    assert_eq!(next().await.unwrap().result, Value::from("done"));
    assert_eq!(next().await, None, "all are ready");
}

#[tokio::test]
async fn a_watch_ends_with_the_back_end() {
    let fixture = Fixture::new();
    let backend = connect(&fixture, |_| {}).await;
    let mut changes = backend.watch(&["a".to_owned()]).await.unwrap();
    backend.close().await;
    let end = tokio::time::timeout(PATIENCE, changes.next())
        .await
        .unwrap();
    assert!(end.is_none());
}

#[tokio::test]
async fn groups_are_saved_restored_and_deleted() {
    let fixture = Fixture::new();
    let backend = connect(&fixture, |_| {}).await;
    let members = vec![ResultTuple::task("a"), ResultTuple::task("b")];
    let group = ResultTuple::group("g", members);
    assert_eq!(backend.restore_group("g").await.unwrap(), None);
    backend.save_group(&group).await.unwrap();
    backend.save_group(&group).await.unwrap();
    assert_eq!(backend.restore_group("g").await.unwrap(), Some(group));
    let seen = python(
        &fixture.url(),
        &format!("{APP}\nr = GroupResult.restore('g', app=app)\nprint([c.id for c in r.results])"),
    );
    assert_eq!(seen.trim(), "['a', 'b']");
    backend.delete_group("g").await.unwrap();
    assert_eq!(backend.restore_group("g").await.unwrap(), None);
    python(
        &fixture.url(),
        &format!(
            "{APP}\nGroupResult('h', [AsyncResult('x', app=app), AsyncResult('y', app=app)], app=app).save()"
        ),
    );
    let members = vec![ResultTuple::task("x"), ResultTuple::task("y")];
    assert_eq!(
        backend.restore_group("h").await.unwrap(),
        Some(ResultTuple::group("h", members))
    );
}

#[tokio::test]
async fn what_has_expired_is_removed() {
    let fixture = Fixture::new();
    let backend = connect(&fixture, |o| {
        o.expires = Some(Duration::from_secs(3600));
        o.timezone = TimeZone::get("Asia/Kolkata").unwrap();
    })
    .await;
    let at = |minutes: i64| {
        let at = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
        Some(at.to_string())
    };
    let mut batch = Vec::new();
    for (id, minutes) in [("old", 90), ("older", 9000), ("fresh", 10)] {
        let mut meta = meta(id, State::SUCCESS, 1);
        meta.date_done = at(minutes);
        batch.push(meta);
    }
    batch.push(meta("running", State::STARTED, 1));
    backend.store(&batch).await.unwrap();
    assert_eq!(backend.cleanup().await.unwrap(), 2);
    assert!(backend.get("fresh").await.unwrap().is_some());
    assert!(backend.get("running").await.unwrap().is_some());
    let never = connect(&fixture, |o| o.expires = None).await;
    assert_eq!(never.cleanup().await.unwrap(), 0);
}

#[tokio::test]
async fn chords_are_left_to_unlock_tasks() {
    let fixture = Fixture::new();
    let backend = connect(&fixture, |_| {}).await;
    assert!(!backend.counts_chords());
    backend.chord_start("g", 2).await.unwrap();
    let part = PartOutcome {
        group_id: "g".to_owned(),
        group_index: Some(0),
        task_id: "a".to_owned(),
        state: State::SUCCESS,
        result: Value::Null,
    };
    assert_eq!(
        backend.chord_part(&part).await.unwrap(),
        ChordProgress::Unlocked
    );
}

#[tokio::test]
async fn bad_settings_are_named() {
    let fixture = Fixture::new();
    let url = format!("db+{}", fixture.url());
    let serializer = Options {
        serializer: "cbor".to_owned(),
        ..Options::default()
    };
    let error = backend::connect(&url, &serializer).await.unwrap_err();
    assert!(error.to_string().contains("cbor"), "{error}");
    let table = Options {
        table_names: Map::from_iter([("task".to_owned(), Value::from("a b"))]),
        ..Options::default()
    };
    let error = backend::connect(&url, &table).await.unwrap_err();
    assert!(matches!(error, BackendError::Config(_)), "{error:?}");
}

// ---- with Python ----

const APP: &str = "
import os
from celery import Celery
from celery.result import AsyncResult, GroupResult
app = Celery(broker='memory://', backend='db+' + os.environ['URL'])
app.conf.update(result_serializer=os.environ.get('SERIALIZER', 'json'), result_accept_content=['json', 'pickle'],
                result_extended=True)
";

fn states() -> Vec<ResultMeta> {
    let mut failure = meta(
        "failure",
        State::FAILURE,
        Exception::new("builtins", "ValueError", vec!["bad".into(), 42.into()]).to_value(),
    );
    failure.traceback = Some("Traceback …".to_owned());
    let mut success = meta("success", State::SUCCESS, Value::from([("k", 1.into())]));
    success.children = Some(vec![ResultTuple::task("child")]);
    success.extended = Some(Extended {
        name: Some("tasks.add".to_owned()),
        args: Value::List(vec![2.into(), 3.into()]),
        kwargs: Value::Map(Map::new()),
        worker: Some("w1@host".to_owned()),
        retries: Some(1),
        queue: Some("celery".to_owned()),
    });
    vec![
        success,
        failure,
        meta("none", State::SUCCESS, Value::Null),
        meta("started", State::STARTED, Value::from([("pid", 7.into())])),
        meta(
            "progress",
            State::PROGRESS,
            Value::from([("current", 1.into()), ("total", 4.into())]),
        ),
        meta("custom", State::new("BAKING"), "tray 2"),
        meta(
            "retry",
            State::RETRY,
            Exception::builtin("KeyError", "again").to_value(),
        ),
        meta(
            "revoked",
            State::REVOKED,
            Exception::new(
                "celery.exceptions",
                "TaskRevokedError",
                vec!["revoked".into()],
            )
            .to_value(),
        ),
    ]
}

#[tokio::test]
async fn python_reads_every_state_that_we_store() {
    for serializer in ["json", "pickle"] {
        let fixture = Fixture::new();
        let backend = connect(&fixture, |o| o.serializer = serializer.to_owned()).await;
        for outcome in backend.store(&states()).await.unwrap() {
            outcome.unwrap();
        }
        backend.close().await;
        let script = format!(
            "import os\nos.environ['SERIALIZER'] = '{serializer}'\n{APP}
for id in ['success', 'failure', 'none', 'started', 'progress', 'custom', 'retry', 'revoked', 'missing']:
    r = AsyncResult(id, app=app)
    print(id, r.state, repr(r.result), r.date_done)
r = AsyncResult('success', app=app)
print(r.get(timeout=1), r.name, list(r.args), r.kwargs, r.worker, r.retries, r.queue, [c.id for c in r.children])
try:
    AsyncResult('failure', app=app).get(timeout=1)
except ValueError as exc:
    print('raised', exc.args, AsyncResult('failure', app=app).traceback)
"
        );
        let seen = python(&fixture.url(), &script);
        let expected = "\
success SUCCESS {'k': 1} 2030-01-02 03:04:05.678900
failure FAILURE ValueError('bad', 42) 2030-01-02 03:04:05.678900
none SUCCESS None 2030-01-02 03:04:05.678900
started STARTED {'pid': 7} None
progress PROGRESS {'current': 1, 'total': 4} None
custom BAKING 'tray 2' None
retry RETRY KeyError('again') None
revoked REVOKED TaskRevokedError('revoked') 2030-01-02 03:04:05.678900
missing PENDING None None
{'k': 1} tasks.add [2, 3] {} w1@host 1 celery ['child']
raised ('bad', 42) Traceback …
";
        assert_eq!(seen, expected, "{serializer}");
    }
}

#[tokio::test]
async fn we_read_what_python_stores() {
    for serializer in ["json", "pickle"] {
        let fixture = Fixture::new();
        let script = format!(
            "import os\nos.environ['SERIALIZER'] = '{serializer}'\n{APP}
b = app.backend
b.store_result('a', {{'x': [1, None]}}, 'SUCCESS')
b.store_result('b', ValueError('bad', 42), 'FAILURE', traceback='tb')
b.store_result('c', {{'current': 1}}, 'PROGRESS')
b.store_result('d', None, 'SUCCESS')
b.store_result('d', 'late', 'FAILURE')
"
        );
        python(&fixture.url(), &script);
        let backend = connect(&fixture, |o| o.serializer = serializer.to_owned()).await;
        let a = get(&backend, "a").await;
        assert_eq!(a.status, State::SUCCESS);
        assert_eq!(
            a.result,
            Value::from([("x", Value::List(vec![1.into(), Value::Null]))])
        );
        assert!(a.date_done.unwrap().ends_with("+00:00"));
        let b = get(&backend, "b").await;
        let exception = b.exception().unwrap();
        assert_eq!(exception.repr(), "ValueError('bad', 42)", "{serializer}");
        assert_eq!(exception.exc_module.as_deref(), Some("builtins"));
        assert_eq!(b.traceback.as_deref(), Some("tb"));
        let c = get(&backend, "c").await;
        assert_eq!(c.status, State::PROGRESS);
        assert_eq!(c.date_done, None);
        assert_eq!(get(&backend, "d").await.status, State::SUCCESS);
        // And neither side overwrites the other's SUCCESS.
        assert_eq!(
            store(&backend, meta("a", State::FAILURE, Value::Null)).await,
            Stored::AlreadySuccess
        );
    }
}

#[tokio::test]
async fn the_tables_are_celerys_to_the_letter() {
    let schema = "
import os, sqlite3
c = sqlite3.connect(os.environ['URL'].removeprefix('sqlite:///'))
for (sql,) in c.execute('SELECT sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name'):
    print(sql)
";
    let (ours, theirs) = (Fixture::new(), Fixture::new());
    let backend = connect(&ours, |_| {}).await;
    backend.get("a").await.unwrap();
    backend.close().await;
    python(
        &theirs.url(),
        &format!("{APP}\nAsyncResult('a', app=app).state"),
    );
    let expected = python(&theirs.url(), schema);
    assert!(expected.contains("celery_tasksetmeta"), "{expected}");
    assert_eq!(python(&ours.url(), schema), expected);
}

#[tokio::test]
async fn python_waits_for_our_result_and_we_for_its() {
    let fixture = Fixture::new();
    let backend = connect(&fixture, |_| {}).await;
    let mut changes = backend.watch(&["theirs".to_owned()]).await.unwrap();
    let mut other = Process::python(
        &fixture.url(),
        &format!(
            "{APP}\nprint('ready')\nprint('got', AsyncResult('ours', app=app).get(timeout=20, interval=0.05))
app.backend.store_result('theirs', 6, 'SUCCESS')"
        ),
    );
    other.expect_line("ready");
    store(&backend, meta("ours", State::SUCCESS, 5)).await;
    assert_eq!(other.expect_line("got"), "5");
    let seen = tokio::time::timeout(PATIENCE, changes.next())
        .await
        .unwrap();
    assert_eq!(seen.unwrap().unwrap().result, Value::Int(6));
}

#[tokio::test]
async fn recorded_files_of_python_workers_are_read_row_by_row() {
    let (_fixture, backend) = open_copy("results_default.sqlite3", |_| {}).await;
    let rows = include_str!("fixtures/rows_default.json");
    let rows: Vec<serde_json::Value> = serde_json::from_str(rows).unwrap();
    assert!(rows.len() > 20);
    for row in rows {
        let id = row["task_id"].as_str().unwrap();
        let meta = get(&backend, id).await;
        assert_eq!(meta.status.as_str(), row["status"].as_str().unwrap());
        let expected = row["result"]["utf8"].as_str().unwrap().as_bytes();
        let expected = rcelery::protocol::codec::json::from_slice(expected).unwrap();
        assert_eq!(meta.result, expected, "{id}");
        assert_eq!(
            meta.date_done
                .map(|d| d.replace('T', " ").replace("+00:00", "")),
            row["date_done"].as_str().map(str::to_owned)
        );
        assert_eq!(meta.children.is_some(), !row["children"].is_null());
        assert_eq!(meta.traceback.as_deref(), row["traceback"].as_str());
        assert_eq!(meta.extended, None);
    }
}

#[tokio::test]
async fn recorded_extended_rows_have_their_request() {
    let (_fixture, backend) = open_copy("results_extended.sqlite3", |_| {}).await;
    let meta = get(&backend, "abababab-0000-4000-8000-000000000003").await;
    let extended = meta.extended.unwrap();
    assert_eq!(extended.name.as_deref(), Some("cap.value"));
    assert_eq!(extended.args, Value::List(vec!["int".into()]));
    assert_eq!(extended.worker.as_deref(), Some("w1@example.com"));
    assert_eq!(extended.retries, Some(0));
    assert_eq!(extended.queue.as_deref(), Some("celery"));
}

#[tokio::test]
async fn recorded_pickles_are_read_with_either_serializer() {
    for serializer in ["pickle", "json"] {
        let (_fixture, backend) = open_copy("results_pickle.sqlite3", |o| {
            o.serializer = serializer.to_owned()
        })
        .await;
        let id = |n: u32| format!("abababab-0000-4000-8000-0000000000{n:02}");
        assert_eq!(get(&backend, &id(3)).await.result, Value::Int(42));
        assert_eq!(get(&backend, &id(1)).await.result, Value::Null);
        assert_eq!(get(&backend, &id(5)).await.result, Value::from("héllo"));
        let failure = get(&backend, &id(18)).await;
        assert_eq!(
            failure.exception().unwrap().repr(),
            "ValueError('bad thing', 42)",
            "{serializer}"
        );
        let custom = get(&backend, &id(19)).await.exception().unwrap();
        assert_eq!(custom.exc_type, "CustomError");
        assert_eq!(custom.exc_module.as_deref(), Some("capapp"));
        let retry = get(&backend, &id(22)).await;
        assert_eq!(retry.status, State::RETRY);
        assert_eq!(retry.exception().unwrap().repr(), "ValueError('again')");
    }
}
