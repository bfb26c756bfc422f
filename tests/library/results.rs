//! `AsyncResult`: looking, waiting, forgetting.

use rcelery::{AsyncResult, ResultError, State, Value};
use tokio::time::Instant;

use crate::everywhere;
use crate::fixture::{Fixture, SOON, ms, reaches, until, value};
use crate::tasks::{Add, Fail, Forgotten, Nap, Reporter, runs};

everywhere!({
    result_of_a_task_that_returned
    result_of_a_task_that_failed
    nothing_is_known_of_a_task_that_was_not_sent
    wait_ends_at_its_timeout
    value_of_another_type_is_an_error
    progress_and_states_of_ones_own_are_seen
    forgotten_result_is_pending_again
    task_that_ignores_its_result_keeps_none
    errors_are_kept_where_the_setting_says_so
    extended_results_tell_what_was_run
    many_wait_at_once
});

async fn result_of_a_task_that_returned(fx: Fixture) {
    let _worker = fx.worker().await;
    let sum = fx.app.delay(Add { x: 1, y: 2 }).await.unwrap();
    assert_eq!(value(&sum).await, 3);
    assert_eq!(sum.state().await.unwrap(), State::SUCCESS);
    assert!(sum.ready().await.unwrap() && sum.successful().await.unwrap());
    assert!(!sum.failed().await.unwrap());
    assert_eq!(sum.result().await.unwrap(), 3.into());
    assert_eq!(sum.traceback().await.unwrap(), None);
    assert_eq!(sum.children().await.unwrap().len(), 0);
    assert!(sum.meta().await.unwrap().date_done.is_some());
    let elsewhere: AsyncResult<i64> = fx.app.async_result(sum.id()).await.unwrap();
    assert_eq!(elsewhere.wait().await.unwrap(), 3);
}

async fn result_of_a_task_that_failed(fx: Fixture) {
    let _worker = fx.worker().await;
    let fail = Fail {
        how: "python".to_owned(),
    };
    let failed = fx.app.delay(fail).await.unwrap();
    let error = failed.get(SOON).await.unwrap_err();
    let ResultError::Failed {
        task_id,
        exception,
        traceback,
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(task_id, failed.id());
    assert_eq!(exception.repr(), "ValueError('boom')");
    assert_eq!(exception.exc_module.as_deref(), Some("builtins"));
    assert_eq!(traceback, failed.traceback().await.unwrap());
    assert!(traceback.unwrap().contains("boom"));
    assert!(failed.ready().await.unwrap() && failed.failed().await.unwrap());
    assert!(!failed.successful().await.unwrap());
    let meta = failed.wait_meta(SOON).await.unwrap();
    assert_eq!(meta.status, State::FAILURE);
}

async fn nothing_is_known_of_a_task_that_was_not_sent(fx: Fixture) {
    let unknown: AsyncResult = fx.app.async_result(&rcelery::uuid()).await.unwrap();
    assert_eq!(unknown.state().await.unwrap(), State::PENDING);
    assert!(!unknown.ready().await.unwrap());
    assert_eq!(unknown.info().await.unwrap(), Value::Null);
    unknown.forget().await.unwrap();
}

async fn wait_ends_at_its_timeout(fx: Fixture) {
    let sent = fx.app.delay(Add { x: 1, y: 1 }).await.unwrap();
    let start = Instant::now();
    let error = sent.get(ms(200)).await.unwrap_err();
    assert!(start.elapsed() >= ms(200) && start.elapsed() < ms(5000));
    let ResultError::Timeout { task_id, waited } = error else {
        panic!("{error:?}");
    };
    assert_eq!(task_id, sent.id());
    assert!(waited >= ms(200));
    let _worker = fx.worker().await;
    assert_eq!(value(&sent).await, 2);
}

async fn value_of_another_type_is_an_error(fx: Fixture) {
    let _worker = fx.worker().await;
    let sum = fx.app.delay(Add { x: 1, y: 1 }).await.unwrap();
    let error = sum.clone().cast::<String>().get(SOON).await.unwrap_err();
    assert!(matches!(error, ResultError::Type { .. }), "{error:?}");
    assert_eq!(value(&sum.cast::<f64>()).await, 2.0);
}

async fn progress_and_states_of_ones_own_are_seen(fx: Fixture) {
    let sent = fx.app.delay(Reporter { steps: 4 }).await.unwrap();
    let mut changes = sent.changes().await.unwrap();
    let _worker = fx.worker().await;
    let mut seen = Vec::new();
    while let Some(change) = changes.next().await {
        let meta = change.unwrap();
        let current = meta
            .result
            .as_map()
            .and_then(|m| m.get("current")?.as_i64());
        seen.push((meta.status.to_string(), current));
        if meta.status.is_ready() {
            break;
        }
    }
    seen.dedup();
    let progress: Vec<i64> = seen.iter().filter_map(|(_, current)| *current).collect();
    assert!(progress.len() >= 2 && progress.is_sorted(), "{seen:?}");
    assert!(seen.contains(&("TIDYING".to_owned(), None)), "{seen:?}");
    assert_eq!(seen.last().unwrap().0, "SUCCESS");
    assert_eq!(value(&sent).await, 4);

    let sent = fx.app.delay(Reporter { steps: 10 }).await.unwrap();
    reaches(&sent, State::PROGRESS).await;
    let info = sent.info().await.unwrap();
    assert_eq!(info.as_map().unwrap()["total"], 10.into());
    assert!(!sent.ready().await.unwrap());
    assert_eq!(value(&sent).await, 10);
}

async fn forgotten_result_is_pending_again(fx: Fixture) {
    let _worker = fx.worker().await;
    let sum = fx.app.delay(Add { x: 1, y: 1 }).await.unwrap();
    value(&sum).await;
    sum.forget().await.unwrap();
    assert_eq!(sum.state().await.unwrap(), State::PENDING);
}

async fn task_that_ignores_its_result_keeps_none(fx: Fixture) {
    let _worker = fx.worker().await;
    let quiet = fx.app.delay(Forgotten).await.unwrap();
    until("it has run", || !runs(quiet.id()).is_empty()).await;
    let wanted = fx.app.signature(Forgotten).ignore_result(false);
    assert_eq!(value(&wanted.apply_async().await.unwrap()).await, 1);
    assert_eq!(quiet.state().await.unwrap(), State::PENDING);
}

async fn errors_are_kept_where_the_setting_says_so(fx: Fixture) {
    let fx = fx.with(|s| {
        s.task_ignore_result = true;
        s.task_store_errors_even_if_ignored = true;
    });
    let _worker = fx.worker().await;
    let quiet = fx.app.delay(Add { x: 1, y: 1 }).await.unwrap();
    let fail = Fail {
        how: "message".to_owned(),
    };
    let failed = fx.app.delay(fail).await.unwrap();
    let error = failed.get(SOON).await.unwrap_err();
    assert!(
        error.to_string().ends_with("Exception: just a message"),
        "{error}"
    );
    until("it has run", || !runs(quiet.id()).is_empty()).await;
    assert_eq!(quiet.state().await.unwrap(), State::PENDING);
}

async fn extended_results_tell_what_was_run(fx: Fixture) {
    let fx = fx.with(|s| s.result_extended = true);
    let _worker = fx.worker().await;
    let sum = fx.app.delay(Add { x: 1, y: 1 }).await.unwrap();
    value(&sum).await;
    let extended = sum.meta().await.unwrap().extended.unwrap();
    assert_eq!(extended.name.as_deref(), Some("t.add"));
    assert_eq!(extended.queue.as_deref(), Some("celery"));
    assert_eq!(extended.retries, Some(0));
    let kwargs = Value::from([("x", 1.into()), ("y", 1.into())]);
    assert_eq!(extended.kwargs, kwargs);
}

async fn many_wait_at_once(fx: Fixture) {
    let _worker = fx.worker().await;
    let calls = (0..50).map(|n| fx.app.signature(Nap { ms: n % 7 }));
    let sent = fx.app.send_many(calls).await.unwrap();
    let waits = sent.iter().map(|result| result.get(SOON));
    let values = futures_util::future::join_all(waits).await;
    let values: Vec<u64> = values.into_iter().map(Result::unwrap).collect();
    assert_eq!(values, (0..50).map(|n| n % 7).collect::<Vec<u64>>());
}
