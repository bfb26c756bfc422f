//! What a running task can do: send others, wait for them where it may, learn that it is to stop.

use rcelery::protocol::ResultMeta;
use rcelery::{ResultError, State, Value};

use crate::everywhere;
use crate::fixture::{Fixture, SOON, reaches, value};
use crate::tasks::{Abortable, BlockingParent, BlockingWaiter, Look, Parent, Seen, Waiter};

everywhere!({
    tasks_that_a_task_sends_are_its_children
    tasks_know_their_parent_and_root
    blocking_task_sends_and_reports_too
    waiting_within_a_task_is_an_error_that_says_why
    waiting_within_a_task_works_where_it_is_allowed
    aborted_task_can_see_it
});

async fn tasks_that_a_task_sends_are_its_children(fx: Fixture) {
    let _worker = fx.worker().await;
    let parent = fx.app.delay(Parent).await.unwrap();
    let sent = value(&parent).await;
    let children = parent.children().await.unwrap();
    let ids: Vec<&str> = children.iter().map(|c| c.id()).collect();
    assert_eq!(ids, sent);
    assert_eq!(value(&children[0]).await, 2.into());
    let pair = Value::List(vec![2.into(), 4.into()]);
    assert_eq!(value(&children[1]).await, pair);
    let seen = value(&children[2].clone().cast::<Seen>()).await;
    assert_eq!(seen.parent_id.as_deref(), Some(parent.id()));
    assert_eq!(seen.root_id.as_deref(), Some(parent.id()));
}

async fn tasks_know_their_parent_and_root(fx: Fixture) {
    let _worker = fx.worker().await;
    let look = || fx.app.partial::<Look>();
    let last = (look() | look() | look()).apply_async().await.unwrap();
    let seen = value(&last).await;
    let middle = last.parent().unwrap();
    let first = middle.parent().unwrap();
    assert_eq!(seen.parent_id.as_deref(), Some(middle.id()));
    assert_eq!(seen.root_id.as_deref(), Some(first.id()));
}

async fn blocking_task_sends_and_reports_too(fx: Fixture) {
    let _worker = fx.worker().await;
    let parent = fx.app.blocking_delay(BlockingParent).await.unwrap();
    let sent = value(&parent).await;
    let children = parent.children().await.unwrap();
    assert_eq!(children[0].id(), sent);
    assert_eq!(value(&children[0]).await, 8.into());
}

async fn waiting_within_a_task_is_an_error_that_says_why(fx: Fixture) {
    let _worker = fx.worker().await;
    let waiter = fx.app.delay(Waiter { allowed: false }).await.unwrap();
    let blocking = BlockingWaiter { allowed: false };
    let blocking = fx.app.blocking_delay(blocking).await.unwrap();
    for waiter in [waiter, blocking] {
        let error = waiter.get(SOON).await.unwrap_err();
        let ResultError::Failed { exception, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(exception.exc_type, "ResultError");
        let why = exception.message();
        assert!(
            why.contains("never wait for a result within a task"),
            "{why}"
        );
        assert!(why.contains("allow_join_result"), "{why}");
    }
}

async fn waiting_within_a_task_works_where_it_is_allowed(fx: Fixture) {
    let _worker = fx.worker().await;
    let waiter = fx.app.delay(Waiter { allowed: true }).await.unwrap();
    assert_eq!(value(&waiter).await, 5);
    let blocking = BlockingWaiter { allowed: true };
    let blocking = fx.app.blocking_delay(blocking).await.unwrap();
    assert_eq!(value(&blocking).await, 5);
}

async fn aborted_task_can_see_it(fx: Fixture) {
    let fx = fx.with(|s| s.task_track_started = true);
    let _worker = fx.worker().await;
    let task = fx.app.delay(Abortable).await.unwrap();
    reaches(&task, State::STARTED).await;
    // What Celery's AbortableAsyncResult.abort() does.
    let aborted = ResultMeta::new(task.id(), State::new("ABORTED"), Value::Null);
    let backend = fx.app.backend().await.unwrap();
    backend.store(&[aborted]).await.unwrap();
    assert_eq!(value(&task).await, "aborted");
}
