//! Retries: asked for by the task, and by themselves.

use rcelery::{Call, ResultError, State};

use crate::everywhere;
use crate::fixture::{Fixture, SOON, ms, reaches, value};
use crate::tasks::{Again, Shaky, runs};

everywhere!({
    retry_keeps_the_id_and_counts
    retry_waits_for_its_countdown
    exhausted_retries_fail_with_the_cause_or_say_so
    retry_may_change_its_limit
    listed_errors_are_retried_with_growing_pauses
    other_errors_are_not
    retried_call_keeps_its_headers
    no_retry_stands_over_what_came_of_it
});

fn again(times: u32) -> Again {
    Again {
        times,
        max: None,
        with_cause: false,
        countdown_ms: 0,
    }
}

async fn exception<T: serde::de::DeserializeOwned + std::fmt::Debug>(
    call: Call<T>,
) -> (String, String) {
    let sent = call.apply_async().await.unwrap();
    match sent.get(SOON).await.unwrap_err() {
        ResultError::Failed { exception, .. } => (sent.id().to_owned(), exception.to_string()),
        other => panic!("{other:?}"),
    }
}

async fn retry_keeps_the_id_and_counts(fx: Fixture) {
    let _worker = fx.worker().await;
    let sent = fx.app.delay(again(2)).await.unwrap();
    assert_eq!(value(&sent).await, (sent.id().to_owned(), 2));
    assert_eq!(runs(sent.id()).len(), 3);
}

async fn retry_waits_for_its_countdown(fx: Fixture) {
    let _worker = fx.worker().await;
    let call = fx.app.signature(Again {
        countdown_ms: 500,
        with_cause: true,
        ..again(1)
    });
    let sent = call.apply_async().await.unwrap();
    reaches(&sent, State::RETRY).await;
    let meta = sent.meta().await.unwrap();
    assert_eq!(meta.exception().unwrap().message(), "the disk is gone");
    assert!(meta.traceback.is_some());
    value(&sent).await;
    let runs = runs(sent.id());
    assert!(runs[1].duration_since(runs[0]) >= ms(490));
}

async fn exhausted_retries_fail_with_the_cause_or_say_so(fx: Fixture) {
    let _worker = fx.worker().await;
    let (id, error) = exception(fx.app.signature(again(9))).await;
    assert_eq!(runs(&id).len(), 4, "one run and three retries");
    assert!(
        error.starts_with("MaxRetriesExceededError: Can't retry t.again["),
        "{error}"
    );
    let with_cause = Again {
        with_cause: true,
        ..again(9)
    };
    let (_, error) = exception(fx.app.signature(with_cause)).await;
    assert_eq!(error, "Error: the disk is gone");
}

/// Without a countdown a retry may be over before its own RETRY is stored.
async fn no_retry_stands_over_what_came_of_it(fx: Fixture) {
    let _worker = fx.worker().await;
    let calls = (0..60).map(|_| fx.app.signature(again(9)));
    let sent = fx.app.send_many(calls).await.unwrap();
    for one in &sent {
        assert!(one.get(SOON).await.is_err());
    }
    for one in sent {
        let meta = one.meta().await.unwrap();
        assert_eq!(meta.status, State::FAILURE, "{}", one.id());
    }
}

async fn retry_may_change_its_limit(fx: Fixture) {
    let _worker = fx.worker().await;
    let sent = fx
        .app
        .delay(Again {
            max: Some(6),
            ..again(5)
        })
        .await
        .unwrap();
    assert_eq!(value(&sent).await.1, 5);
    let (id, _) = exception(fx.app.signature(Again {
        max: Some(1),
        ..again(5)
    }))
    .await;
    assert_eq!(runs(&id).len(), 2);
}

fn shaky(times: u32, class: &str) -> Shaky {
    Shaky {
        times,
        class: class.to_owned(),
    }
}

async fn listed_errors_are_retried_with_growing_pauses(fx: Fixture) {
    let _worker = fx.worker().await;
    let sent = fx.app.delay(shaky(3, "ConnectionError")).await.unwrap();
    assert_eq!(value(&sent).await, 3);
    let runs_of = runs(sent.id());
    let pauses: Vec<_> = runs_of
        .windows(2)
        .map(|w| w[1].duration_since(w[0]))
        .collect();
    for (pause, least) in pauses.iter().zip([95, 195, 395]) {
        assert!(*pause >= ms(least), "{pauses:?}");
    }
    let (id, error) = exception(fx.app.signature(shaky(9, "ConnectionError"))).await;
    assert_eq!(
        (runs(&id).len(), error.as_str()),
        (4, "ConnectionError: the line is dead")
    );
}

async fn other_errors_are_not(fx: Fixture) {
    let _worker = fx.worker().await;
    let (id, error) = exception(fx.app.signature(shaky(9, "ValueError"))).await;
    assert_eq!(
        (runs(&id).len(), error.as_str()),
        (1, "ValueError: the line is dead")
    );
}

async fn retried_call_keeps_its_headers(fx: Fixture) {
    let _worker = fx.worker().await;
    let id = rcelery::uuid();
    let link = fx.app.partial::<crate::tasks::Look>().task_id(&id);
    let call = fx
        .app
        .signature(again(1))
        .header("tenant", "acme")
        .link(link);
    let sent = call.apply_async().await.unwrap();
    assert_eq!(value(&sent).await.1, 1);
    let linked = fx
        .app
        .async_result::<crate::tasks::Seen>(&id)
        .await
        .unwrap();
    assert_eq!(value(&linked).await.parent_id.as_deref(), Some(sent.id()));
    assert_eq!(runs(&id).len(), 1, "the link is sent once");
}
