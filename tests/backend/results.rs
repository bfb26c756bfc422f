//! States and values: what is stored is read, and a SUCCESS stays.

use std::time::Duration;

use rcelery::backend::Stored;
use rcelery::protocol::result::Extended;
use rcelery::protocol::{Exception, ResultTuple, State, Value};

use crate::fixture::{Fixture, meta, store};

crate::conformance!({
    what_is_stored_is_read
    nothing_stored_is_none
    success_is_never_overwritten
    a_failure_may_be_overwritten
    compressed_results_are_read_and_kept
    a_batch_has_an_outcome_each
    forgotten_results_are_gone
    what_was_stored_last_is_listed
    results_expire
    groups_are_saved_and_restored
    large_values_are_stored
    large_results_of_one_batch_keep_their_order
} on redis, sqlite);

async fn what_is_stored_is_read(fx: Fixture) {
    let backend = fx.connect().await;
    let mut full = meta(
        "1",
        &State::SUCCESS,
        Value::from([("x", 1.into()), ("f", 1.0.into())]),
    );
    full.date_done = Some("2026-11-22T12:00:00.123456+00:00".to_owned());
    full.children = Some(vec![ResultTuple::task("child")]);
    full.group_id = Some("g".to_owned());
    full.parent_id = Some("p".to_owned());
    full.extended = Some(Extended {
        name: Some("t.add".to_owned()),
        args: vec![1.into(), 2.into()].into(),
        kwargs: Value::from([("k", "v".into())]),
        worker: Some("w@h".to_owned()),
        retries: Some(2),
        queue: Some("celery".to_owned()),
    });
    let mut failed = meta(
        "2",
        &State::FAILURE,
        Exception::builtin("ValueError", "boom").to_value(),
    );
    failed.traceback = Some("Traceback (most recent call last):\n".to_owned());
    let progress = meta("3", &State::PROGRESS, Value::from([("current", 3.into())]));
    let custom = meta("4", &State::new("SHIPPING"), "§");
    for one in [&full, &failed, &progress, &custom] {
        assert_eq!(store(&backend, one.clone()).await, Stored::Written);
    }
    let ids = ["1", "2", "3", "4"].map(str::to_owned);
    let read = fx.connect().await.get_many(&ids).await.unwrap();
    let read: Vec<_> = read.into_iter().map(Option::unwrap).collect();
    assert_eq!(read[0].result, full.result);
    assert_eq!(read[0].children, full.children);
    assert_eq!(read[0].status, State::SUCCESS);
    assert_eq!(read[1].exception().unwrap().repr(), "ValueError('boom')");
    assert_eq!(read[1].traceback, failed.traceback);
    assert_eq!(
        (&read[2].status, &read[2].result),
        (&progress.status, &progress.result)
    );
    assert_eq!(
        (&read[3].status, &read[3].result),
        (&custom.status, &custom.result)
    );
}

async fn what_was_stored_last_is_listed(fx: Fixture) {
    let backend = fx.connect().await;
    assert_eq!(backend.recent(10).await.unwrap(), Vec::<String>::new());
    for id in ["a", "b", "c"] {
        store(&backend, meta(id, &State::SUCCESS, 1)).await;
    }
    let mut ids = backend.recent(10).await.unwrap();
    ids.sort();
    assert_eq!(ids, ["a", "b", "c"]);
    assert_eq!(backend.recent(2).await.unwrap().len(), 2);
}

async fn nothing_stored_is_none(fx: Fixture) {
    let backend = fx.connect().await;
    assert_eq!(backend.get("nosuch").await.unwrap(), None);
    store(&backend, meta("2", &State::STARTED, Value::Null)).await;
    let ids = ["1", "2"].map(str::to_owned);
    let metas = backend.get_many(&ids).await.unwrap();
    assert!(metas[0].is_none() && metas[1].is_some());
    assert!(backend.get_many(&[]).await.unwrap().is_empty());
}

async fn success_is_never_overwritten(fx: Fixture) {
    let backend = fx.connect().await;
    store(&backend, meta("1", &State::SUCCESS, 5)).await;
    for state in [
        State::STARTED,
        State::FAILURE,
        State::REVOKED,
        State::SUCCESS,
    ] {
        let again = store(&backend, meta("1", &state, 6)).await;
        assert_eq!(again, Stored::AlreadySuccess);
    }
    assert_eq!(backend.get("1").await.unwrap().unwrap().result, 5.into());
}

async fn a_failure_may_be_overwritten(fx: Fixture) {
    let backend = fx.connect().await;
    for state in [
        State::STARTED,
        State::FAILURE,
        State::RETRY,
        State::REVOKED,
        State::SUCCESS,
    ] {
        assert_eq!(
            store(&backend, meta("1", &state, Value::Null)).await,
            Stored::Written
        );
        assert_eq!(backend.get("1").await.unwrap().unwrap().status, state);
    }
}

async fn compressed_results_are_read_and_kept(fx: Fixture) {
    let plain = fx.connect().await;
    let small = fx
        .connect_with(|o| o.compression = Some("gzip".to_owned()))
        .await;
    store(&small, meta("1", &State::SUCCESS, "x")).await;
    assert_eq!(plain.get("1").await.unwrap().unwrap().result, "x".into());
    assert_eq!(
        store(&plain, meta("1", &State::FAILURE, 1)).await,
        Stored::AlreadySuccess
    );
    store(&small, meta("2", &State::STARTED, "x")).await;
    assert_eq!(
        store(&plain, meta("2", &State::SUCCESS, 2)).await,
        Stored::Written
    );
    assert_eq!(small.get("2").await.unwrap().unwrap().result, 2.into());
}

async fn a_batch_has_an_outcome_each(fx: Fixture) {
    let backend = fx.connect().await;
    store(&backend, meta("2", &State::SUCCESS, 1)).await;
    let batch = ["1", "2", "3"]
        .map(|id| meta(id, &State::SUCCESS, id))
        .to_vec();
    let outcomes: Vec<_> = backend.store(&batch).await.unwrap();
    let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    assert_eq!(
        outcomes,
        [Stored::Written, Stored::AlreadySuccess, Stored::Written]
    );
    let stored = backend.get("3").await.unwrap().unwrap();
    assert_eq!(stored.result, "3".into());
    // The order within a batch holds for one task, too.
    let batch = vec![meta("4", &State::STARTED, 1), meta("4", &State::SUCCESS, 2)];
    backend.store(&batch).await.unwrap();
    assert_eq!(backend.get("4").await.unwrap().unwrap().result, 2.into());
}

async fn forgotten_results_are_gone(fx: Fixture) {
    let backend = fx.connect().await;
    store(&backend, meta("1", &State::SUCCESS, 1)).await;
    backend.forget("1").await.unwrap();
    backend.forget("nosuch").await.unwrap();
    assert_eq!(backend.get("1").await.unwrap(), None);
    assert_eq!(
        store(&backend, meta("1", &State::STARTED, 1)).await,
        Stored::Written
    );
}

async fn results_expire(fx: Fixture) {
    let backend = fx
        .connect_with(|o| o.expires = Some(Duration::from_secs(1)))
        .await;
    let mut done = meta("1", &State::SUCCESS, 1);
    done.date_done = Some(jiff::Timestamp::now().to_string());
    store(&backend, done).await;
    assert!(backend.get("1").await.unwrap().is_some());
    let end = std::time::Instant::now() + crate::fixture::SOON;
    while backend.get("1").await.unwrap().is_some() {
        assert!(std::time::Instant::now() < end, "the result is still there");
        tokio::time::sleep(Duration::from_millis(100)).await;
        backend.cleanup().await.unwrap();
    }
}

async fn groups_are_saved_and_restored(fx: Fixture) {
    let backend = fx.connect().await;
    let inner = ResultTuple::group("inner", vec![ResultTuple::task("c")]);
    let group = ResultTuple::group("g", vec![ResultTuple::task("a"), inner]);
    backend.save_group(&group).await.unwrap();
    assert_eq!(backend.restore_group("g").await.unwrap(), Some(group));
    backend.delete_group("g").await.unwrap();
    assert_eq!(backend.restore_group("g").await.unwrap(), None);
}

async fn large_values_are_stored(fx: Fixture) {
    let backend = fx.connect().await;
    let large = "x".repeat(20 << 20);
    store(&backend, meta("1", &State::SUCCESS, large.as_str())).await;
    let read = backend.get("1").await.unwrap().unwrap();
    assert!(read.result.as_str() == Some(&large));
}

/// More than goes into one round trip; the states of one task follow each other across them.
async fn large_results_of_one_batch_keep_their_order(fx: Fixture) {
    let backend = fx.connect().await;
    let long = |letter: &str| letter.repeat(3 << 20);
    let batch = vec![
        meta("1", &State::STARTED, long("a")),
        meta("2", &State::SUCCESS, long("b")),
        meta("1", &State::SUCCESS, long("c")),
        meta("2", &State::FAILURE, long("d")),
        meta("3", &State::SUCCESS, 3),
    ];
    let outcomes = backend.store(&batch).await.unwrap();
    let outcomes: Vec<Stored> = outcomes.into_iter().map(Result::unwrap).collect();
    let (written, superseded) = (Stored::Written, Stored::AlreadySuccess);
    assert_eq!(outcomes, [written, written, written, superseded, written]);
    let ids = ["1", "2", "3"].map(str::to_owned);
    let metas = backend.get_many(&ids).await.unwrap();
    let results: Vec<Value> = metas.into_iter().map(|m| m.unwrap().result).collect();
    assert_eq!(
        results,
        [long("c").into(), long("b").into(), Value::from(3)]
    );
}
