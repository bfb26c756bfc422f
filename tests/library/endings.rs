//! How a task can end beside returning: errors, panics, reject, ignore; early and late acknowledgement.

use rcelery::{Exception, ResultError, State, TaskError};

use crate::everywhere;
use crate::fixture::{Fixture, SOON, ms, until, value};
use crate::tasks::{Add, Fail, Late, Panic, Refuse, runs};

everywhere!({
    error_types_are_exception_types
    panic_fails_the_task_and_the_worker_lives
    rejected_message_goes_back_or_away
    ignored_run_records_nothing
    late_ack_gives_the_message_back_when_the_worker_goes
    unknown_task_fails_as_not_registered
});

async fn failure(fx: &Fixture, how: &str) -> (Exception, String) {
    let fail = Fail {
        how: how.to_owned(),
    };
    let failed = fx.app.delay(fail).await.unwrap();
    match failed.get(SOON).await.unwrap_err() {
        ResultError::Failed {
            exception,
            traceback,
            ..
        } => (*exception, traceback.unwrap()),
        other => panic!("{other:?}"),
    }
}

async fn error_types_are_exception_types(fx: Fixture) {
    let _worker = fx.worker().await;
    let (own, traceback) = failure(&fx, "own").await;
    assert_eq!(own.exc_type, "OutOfBits");
    assert_eq!(own.exc_module.as_deref(), Some("library.tasks"));
    assert_eq!(own.message(), "the reactor is out of bits");
    assert!(
        traceback.contains("caused by: invalid digit"),
        "{traceback}"
    );
    let (odd, _) = failure(&fx, "many").await;
    assert_eq!(odd.repr(), "Odd('a', 42)");
    assert_eq!(odd.exc_module.as_deref(), Some("proj.errors"));
    let (plain, _) = failure(&fx, "message").await;
    assert_eq!(plain.repr(), "Exception('just a message')");
    let (expected, _) = failure(&fx, "expected").await;
    assert_eq!(expected.repr(), "KeyError('k')");
}

async fn panic_fails_the_task_and_the_worker_lives(fx: Fixture) {
    let _worker = fx.worker_with(|o| o.concurrency = Some(1)).await;
    let failed = fx.app.delay(Panic).await.unwrap();
    let error = failed.get(SOON).await.unwrap_err().to_string();
    assert!(error.contains("there is something"), "{error}");
    let next = fx.app.delay(Add { x: 1, y: 1 }).await.unwrap();
    assert_eq!(value(&next).await, 2);
}

async fn rejected_message_goes_back_or_away(fx: Fixture) {
    let _worker = fx.worker().await;
    let refuse = |how: &str| Refuse {
        how: how.to_owned(),
    };
    let again = fx.app.delay(refuse("requeue")).await.unwrap();
    assert_eq!(value(&again).await, 2, "its second run takes it");
    let gone = fx.app.delay(refuse("reject")).await.unwrap();
    until("it has run", || !runs(gone.id()).is_empty()).await;
    let next = fx.app.delay(Add { x: 1, y: 1 }).await.unwrap();
    value(&next).await;
    assert_eq!(runs(gone.id()).len(), 1);
}

async fn ignored_run_records_nothing(fx: Fixture) {
    let fx = fx.with(|s| s.task_track_started = false);
    let _worker = fx.worker().await;
    let ignored = fx
        .app
        .delay(Refuse {
            how: "ignore".to_owned(),
        })
        .await
        .unwrap();
    until("it has run", || !runs(ignored.id()).is_empty()).await;
    let next = fx.app.delay(Add { x: 1, y: 1 }).await.unwrap();
    value(&next).await;
    assert_eq!(ignored.state().await.unwrap(), State::PENDING);
    assert!(matches!(
        ignored.get(ms(50)).await,
        Err(ResultError::Timeout { .. })
    ));
}

async fn late_ack_gives_the_message_back_when_the_worker_goes(fx: Fixture) {
    let worker = fx.worker().await;
    let late = fx.app.delay(Late { ms: 60_000 }).await.unwrap();
    until("it runs", || !runs(late.id()).is_empty()).await;
    worker.cut().await;
    let _worker = fx.worker().await;
    assert_eq!(value(&late).await, 2, "it is run again");
}

async fn unknown_task_fails_as_not_registered(fx: Fixture) {
    let _worker = fx.worker().await;
    let sent = fx.app.send_task("t.nobody").apply_async().await.unwrap();
    let error = sent.get(SOON).await.unwrap_err().to_string();
    assert!(error.contains("NotRegistered"), "{error}");
}

#[test]
fn any_error_is_a_failure_and_says_what_it_is() {
    let error: TaskError = std::io::Error::other("the disk is gone").into();
    assert_eq!(error.to_string(), "Error: the disk is gone");
}
