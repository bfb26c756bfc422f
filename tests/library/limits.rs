//! Time limits, rate limits, slots.

use rcelery::{ResultError, State};
use tokio::time::Instant;

use crate::everywhere;
use crate::fixture::{Fixture, SOON, ms, until, value};
use crate::tasks::{Add, Block, Limited, Nap, ShortNap, Stubborn, ends, runs};

everywhere!({
    soft_limit_fails_a_task_that_does_not_handle_it
    soft_limit_is_the_tasks_own_business_if_it_asks
    hard_limit_cuts_an_async_task_off
    hard_limit_fails_a_blocking_task_at_once_and_its_slot_stays_taken
    blocking_task_can_see_that_it_was_cut_off
    blocking_tasks_run_side_by_side_up_to_the_slots
    rate_limit_spreads_the_starts
});

async fn exc_type<T: serde::de::DeserializeOwned + std::fmt::Debug>(
    result: &rcelery::AsyncResult<T>,
) -> String {
    match result.get(SOON).await.unwrap_err() {
        ResultError::Failed { exception, .. } => exception.repr(),
        other => panic!("{other:?}"),
    }
}

async fn soft_limit_fails_a_task_that_does_not_handle_it(fx: Fixture) {
    let _worker = fx.worker().await;
    let own = fx.app.delay(ShortNap { ms: 20_000 }).await.unwrap();
    let call = fx.app.signature(Nap { ms: 20_000 });
    let called = call.soft_time_limit(ms(100)).apply_async().await.unwrap();
    let enough = fx.app.delay(ShortNap { ms: 1 }).await.unwrap();
    assert_eq!(value(&enough).await, 1);
    for result in [own, called] {
        let error = exc_type(&result).await;
        assert!(error.starts_with("SoftTimeLimitExceeded"), "{error}");
    }
}

async fn soft_limit_is_the_tasks_own_business_if_it_asks(fx: Fixture) {
    let _worker = fx.worker().await;
    let call = fx.app.signature(Stubborn).soft_time_limit(ms(100));
    let result = call.apply_async().await.unwrap();
    assert_eq!(value(&result).await, "cleaned up");
}

async fn hard_limit_cuts_an_async_task_off(fx: Fixture) {
    let _worker = fx.worker_with(|o| o.concurrency = Some(1)).await;
    let call = fx.app.signature(Nap { ms: 700 }).time_limit(ms(200));
    let result = call.apply_async().await.unwrap();
    assert_eq!(exc_type(&result).await, "TimeLimitExceeded(0.2)");
    let next = fx.app.delay(Nap { ms: 900 }).await.unwrap();
    value(&next).await;
    assert!(ends(result.id()).is_empty(), "its code has gone on");
    assert_eq!(ends(next.id()).len(), 1);
}

async fn hard_limit_fails_a_blocking_task_at_once_and_its_slot_stays_taken(fx: Fixture) {
    let _worker = fx.worker_with(|o| o.concurrency = Some(1)).await;
    let block = Block {
        ms: 1500,
        polls: false,
    };
    let call = fx.app.blocking_signature(block).time_limit(ms(200));
    let blocked = call.apply_async().await.unwrap();
    until("it runs", || !runs(blocked.id()).is_empty()).await;
    let next = fx.app.delay(Add { x: 1, y: 1 }).await.unwrap();
    assert_eq!(exc_type(&blocked).await, "TimeLimitExceeded(0.2)");
    assert!(
        ends(blocked.id()).is_empty(),
        "the failure is known before its thread is back"
    );
    assert_eq!(value(&next).await, 2);
    let (back, started) = (ends(blocked.id()), runs(next.id()));
    assert!(back[0] <= started[0], "a thread too many");
    assert_eq!(blocked.state().await.unwrap(), State::FAILURE);
}

async fn blocking_task_can_see_that_it_was_cut_off(fx: Fixture) {
    let _worker = fx.worker().await;
    let block = Block {
        ms: 60_000,
        polls: true,
    };
    let call = fx.app.blocking_signature(block).time_limit(ms(100));
    let blocked = call.apply_async().await.unwrap();
    exc_type(&blocked).await;
    until("the thread is back", || !ends(blocked.id()).is_empty()).await;
}

async fn blocking_tasks_run_side_by_side_up_to_the_slots(fx: Fixture) {
    let _worker = fx.worker_with(|o| o.concurrency = Some(3)).await;
    let block = || Block {
        ms: 300,
        polls: false,
    };
    let calls = (0..6).map(|_| fx.app.blocking_signature(block()));
    let sent = fx.app.send_many(calls).await.unwrap();
    for result in &sent {
        value(result).await;
    }
    let spans: Vec<_> = sent
        .iter()
        .map(|r| (runs(r.id())[0], ends(r.id())[0]))
        .collect();
    let most = spans.iter().map(|(start, _)| {
        let running = spans.iter().filter(|(s, e)| s <= start && start < e);
        running.count()
    });
    assert_eq!(most.max(), Some(3));
}

async fn rate_limit_spreads_the_starts(fx: Fixture) {
    let _worker = fx.worker().await;
    let start = Instant::now();
    let sent = fx.app.send_many((0..5).map(|_| fx.app.signature(Limited)));
    let sent = sent.await.unwrap();
    let free = fx.app.delay(Add { x: 1, y: 1 }).await.unwrap();
    value(&free).await;
    for result in &sent {
        value(result).await;
    }
    assert!(start.elapsed() >= ms(750), "five in {:?}", start.elapsed());
    let mut starts: Vec<_> = sent.iter().map(|r| runs(r.id())[0]).collect();
    starts.sort();
    assert!(runs(free.id())[0] < starts[4], "others do not wait for it");
}
