//! Watching results.

use rcelery::protocol::State;

use crate::fixture::{Fixture, meta, next, ready, store};

crate::conformance!({
    a_change_is_reported
    what_is_there_is_reported_first
    many_are_watched_at_once
    the_final_state_is_never_skipped
    two_watch_the_same_task
    watching_ends_with_the_back_end
} on redis, sqlite);

async fn a_change_is_reported(fx: Fixture) {
    let (worker, client) = (fx.connect().await, fx.connect().await);
    let mut changes = client.watch(&["1".to_owned()]).await.unwrap();
    store(&worker, meta("1", &State::PROGRESS, 50)).await;
    let change = next(&mut changes).await;
    assert_eq!(
        (change.task_id.as_str(), &change.status),
        ("1", &State::PROGRESS)
    );
    let start = std::time::Instant::now();
    store(&worker, meta("1", &State::SUCCESS, "done")).await;
    assert_eq!(ready(&mut changes).await.result, "done".into());
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}

async fn what_is_there_is_reported_first(fx: Fixture) {
    let (worker, client) = (fx.connect().await, fx.connect().await);
    store(&worker, meta("1", &State::FAILURE, "x")).await;
    let mut changes = client.watch(&["1".to_owned()]).await.unwrap();
    assert_eq!(next(&mut changes).await.status, State::FAILURE);
}

async fn many_are_watched_at_once(fx: Fixture) {
    let (worker, client) = (fx.connect().await, fx.connect().await);
    let ids: Vec<String> = (0..1200).map(|i| format!("t{i}")).collect();
    let half: Vec<_> = ids[..600]
        .iter()
        .map(|id| meta(id, &State::SUCCESS, id.as_str()))
        .collect();
    worker.store(&half).await.unwrap();
    let mut changes = client.watch(&ids).await.unwrap();
    let rest: Vec<_> = ids[600..]
        .iter()
        .map(|id| meta(id, &State::SUCCESS, id.as_str()))
        .collect();
    worker.store(&rest).await.unwrap();
    let mut seen = std::collections::HashSet::new();
    while seen.len() < ids.len() {
        let change = ready(&mut changes).await;
        assert_eq!(change.result, change.task_id.as_str().into());
        seen.insert(change.task_id);
    }
}

async fn the_final_state_is_never_skipped(fx: Fixture) {
    let (worker, client) = (fx.connect().await, fx.connect().await);
    let mut changes = client.watch(&["1".to_owned()]).await.unwrap();
    for i in 0..300 {
        store(&worker, meta("1", &State::PROGRESS, i)).await;
    }
    store(&worker, meta("1", &State::SUCCESS, "end")).await;
    assert_eq!(ready(&mut changes).await.result, "end".into());
}

async fn two_watch_the_same_task(fx: Fixture) {
    let (worker, client) = (fx.connect().await, fx.connect().await);
    let ids = ["1".to_owned()];
    let first = client.watch(&ids).await.unwrap();
    let mut second = client.watch(&ids).await.unwrap();
    drop(first);
    let mut third = client.watch(&ids).await.unwrap();
    store(&worker, meta("1", &State::SUCCESS, 1)).await;
    assert!(ready(&mut second).await.status.is_ready());
    assert!(ready(&mut third).await.status.is_ready());
}

async fn watching_ends_with_the_back_end(fx: Fixture) {
    let client = fx.connect().await;
    let mut changes = client.watch(&["1".to_owned()]).await.unwrap();
    client.close().await;
    let end = tokio::time::timeout(crate::fixture::SOON, changes.next()).await;
    assert!(!matches!(end.expect("an end"), Some(Ok(_))));
}
