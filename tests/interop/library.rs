//! The library as a Rust service uses it: typed calls to Python workers, results to wait for.

use std::time::Duration;

use rcelery::app::App;
use rcelery::config::Settings;
use rcelery::protocol::{Map, State, Value};
use rcelery::result::ResultError;
use rcelery::task::{Context, Task, TaskResult};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::harness::{Python, PythonWorker, Store};
use super::on_both;

on_both!(
    typed_calls_are_run_by_python
    the_queue_of_a_chain_is_that_of_its_first_task
);

/// The Python task's signature: this program sends it and never runs it.
#[derive(Serialize, Deserialize)]
struct Add {
    x: i64,
    y: i64,
}

impl Task for Add {
    const NAME: &'static str = "proj.add";
    type Output = i64;

    async fn run(self, _cx: &Context) -> TaskResult<i64> {
        unreachable!("it runs in Python")
    }
}

fn typed_calls_are_run_by_python(store: &Store) {
    let _worker = PythonWorker::on(store);
    tokio::runtime::Runtime::new()
        .expect("a runtime starts")
        .block_on(calls(store));
}

fn app(store: &Store) -> App {
    let mut settings = Settings::default();
    settings.broker_url = Some(store.broker.clone());
    settings.result_backend = Some(store.backend.clone());
    App::new().task::<Add>().configure(settings)
}

/// As in Celery, which sends the first step with the chain's options and the others with their own.
fn the_queue_of_a_chain_is_that_of_its_first_task(store: &Store) {
    let _side = PythonWorker::with(store, &json!({}), &["-P", "solo", "-Q", "side"]);
    let mut py = Python::on(store);
    let sent = async {
        let app = app(store);
        let step = app.partial::<Add>().kwarg("y", &10);
        let chain = app.signature(Add { x: 1, y: 2 }) | step;
        let end = chain.queue("side").apply_async().await.unwrap();
        let ids = (end.parent().unwrap().id().to_owned(), end.id().to_owned());
        app.close().await;
        ids
    };
    let (first, last) = tokio::runtime::Runtime::new().unwrap().block_on(sent);
    let halfway =
        format!("[get(at({first:?})), until(lambda: waiting() == 1), at({last:?}).state]");
    assert_eq!(py.run(&halfway), json!([3, true, "PENDING"]));
    let _rest = PythonWorker::on(store);
    assert_eq!(py.run(&format!("get(at({last:?}))")), 13);
}

async fn calls(store: &Store) {
    let app = app(store);
    let patience = Some(Duration::from_secs(20));

    let sum = app.delay(Add { x: 1, y: 2 }).await.unwrap();
    assert_eq!(sum.get(patience).await.unwrap(), 3);
    assert_eq!(sum.state().await.unwrap(), State::SUCCESS);
    assert!(sum.ready().await.unwrap() && sum.successful().await.unwrap());
    assert_eq!(sum.get(patience).await.unwrap(), 3, "it stays");
    sum.forget().await.unwrap();
    assert_eq!(sum.state().await.unwrap(), State::PENDING);

    let calls = (0..20).map(|i| app.signature(Add { x: i, y: i }));
    let sums = app.send_many(calls).await.unwrap();
    for (i, sum) in (0..).zip(sums) {
        assert_eq!(sum.get(patience).await.unwrap(), 2 * i);
    }

    let failed = app.send_task("proj.fail").args(["no luck"]);
    let failed = failed.apply_async().await.unwrap();
    match failed.get(patience).await {
        Err(ResultError::Failed {
            exception,
            traceback,
            ..
        }) => {
            assert_eq!(exception.exc_type, "ValueError");
            assert_eq!(exception.message(), "no luck");
            assert!(traceback.unwrap().contains("raise ValueError(message)"));
        }
        other => panic!("{other:?}"),
    }
    assert!(failed.failed().await.unwrap());

    let slow = app.send_task("proj.sleepy").args([1.5]);
    let slow = slow.apply_async().await.unwrap();
    match slow.get(Some(Duration::from_millis(200))).await {
        Err(ResultError::Timeout { task_id, .. }) => assert_eq!(task_id, slow.id()),
        other => panic!("{other:?}"),
    }
    assert_eq!(slow.cast::<f64>().get(patience).await.unwrap(), 1.5);

    let id = rcelery::uuid();
    let who = app
        .send_task("proj.whoami")
        .task_id(&id)
        .header("tenant", "blue")
        .countdown(Duration::from_millis(300));
    let who: Map = who
        .apply_async()
        .await
        .unwrap()
        .cast()
        .get(patience)
        .await
        .unwrap();
    assert_eq!(who["id"], Value::from(id.as_str()));
    let again = app.async_result::<Map>(&id).await.unwrap();
    assert_eq!(again.get(patience).await.unwrap(), who, "by its id alone");

    let link = rcelery::uuid();
    let linked = app
        .signature(Add { x: 1, y: 1 })
        .link(app.send_task("proj.add").args([40]).task_id(&link));
    linked
        .apply_async()
        .await
        .unwrap()
        .get(patience)
        .await
        .unwrap();
    let linked = app.async_result::<i64>(&link).await.unwrap();
    assert_eq!(linked.get(patience).await.unwrap(), 42);
    app.close().await;
}
