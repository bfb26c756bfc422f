//! Chains, groups and chords sent from Rust, and waited for.

use rcelery::{Call, GroupResult, ResultError, State, Value};

use crate::everywhere;
use crate::fixture::{Fixture, SOON, value};
use crate::tasks::{Add, Fail, Nap, Sum, runs};

everywhere!({
    chain_passes_results_on_and_ends_with_the_last
    immutable_step_takes_no_result
    failure_ends_a_chain_and_whoever_waits_for_it
    group_gives_the_list_of_its_values
    failed_member_ends_the_wait_for_a_group
    group_is_saved_and_found_by_its_id
    chord_gets_the_list_of_its_header
    failed_part_fails_the_chords_body
    group_in_a_chain_is_a_chord_or_the_end
    failure_before_a_group_ends_the_wait_for_it
    large_and_nested_canvases_complete
});

fn add(fx: &Fixture, x: i64, y: i64) -> Call<i64> {
    fx.app.signature(Add { x, y })
}

fn plus(fx: &Fixture, y: i64) -> Call<i64> {
    fx.app.partial::<Add>().kwarg("y", &y)
}

fn sum(fx: &Fixture) -> Call<i64> {
    fx.app.partial::<Sum>()
}

async fn chain_passes_results_on_and_ends_with_the_last(fx: Fixture) {
    let _worker = fx.worker().await;
    let chain = add(&fx, 1, 2) | plus(&fx, 10) | plus(&fx, 100);
    let last = chain.apply_async().await.unwrap();
    assert_eq!(value(&last).await, 113);
    let middle = last.parent().unwrap();
    let first = middle.parent().unwrap();
    assert!(first.parent().is_none());
    assert_eq!(value(&middle).await, 13.into());
    assert_eq!(value(&first).await, 3.into());
    let children = first.children().await.unwrap();
    assert_eq!(children.len(), 1);
    assert_eq!(children[0].id(), middle.id());
    last.forget().await.unwrap();
    assert_eq!(first.state().await.unwrap(), State::PENDING);

    let steps = [add(&fx, 1, 1), plus(&fx, 1), plus(&fx, 1)];
    let id = rcelery::uuid();
    let chain = fx
        .app
        .chain(steps)
        .task_id(&id)
        .apply_async()
        .await
        .unwrap();
    assert_eq!((chain.id(), value(&chain).await), (id.as_str(), 4));
}

async fn immutable_step_takes_no_result(fx: Fixture) {
    let _worker = fx.worker().await;
    let chain = add(&fx, 1, 2) | add(&fx, 4, 5).immutable();
    assert_eq!(value(&chain.apply_async().await.unwrap()).await, 9);
}

async fn failure_ends_a_chain_and_whoever_waits_for_it(fx: Fixture) {
    let _worker = fx.worker().await;
    let fail = fx.app.signature(Fail {
        how: "python".to_owned(),
    });
    let last = (fail | plus(&fx, 1) | plus(&fx, 2))
        .apply_async()
        .await
        .unwrap();
    let error = last.get(SOON).await.unwrap_err();
    assert!(
        matches!(&error, ResultError::Failed { exception, .. } if exception.exc_type == "ValueError")
    );
    assert!(runs(last.id()).is_empty());
}

async fn group_gives_the_list_of_its_values(fx: Fixture) {
    let _worker = fx.worker().await;
    let calls = [(30, 1), (20, 2), (10, 3)].map(|(x, y)| add(&fx, x, y));
    let sums = fx.app.group(calls).apply_async().await.unwrap();
    assert_eq!(value(&sums).await, [31, 22, 13]);
    assert!(sums.ready().await.unwrap() && sums.successful().await.unwrap());
    let group: GroupResult<i64> = sums.group().unwrap();
    assert_eq!((group.id(), group.len()), (sums.id(), 3));
    assert_eq!(group.completed_count().await.unwrap(), 3);
    assert!(group.ready().await.unwrap() && group.successful().await.unwrap());
    assert!(!group.failed().await.unwrap() && !group.waiting().await.unwrap());
    assert_eq!(value(&group.results()[1]).await, 22);
    assert_eq!(group.wait().await.unwrap(), [31, 22, 13]);
    group.forget().await.unwrap();
    assert_eq!(group.completed_count().await.unwrap(), 0);
    assert!(group.results()[0].group::<i64>().is_none());
    let none = fx.app.group::<i64>([]).apply_async().await.unwrap();
    assert_eq!(value(&none).await, [0i64; 0]);
}

async fn failed_member_ends_the_wait_for_a_group(fx: Fixture) {
    let _worker = fx.worker().await;
    let fail = fx
        .app
        .signature(Fail {
            how: "own".to_owned(),
        })
        .cast();
    let nap = fx.app.signature(Nap { ms: 20_000 }).cast();
    let group = fx
        .app
        .group::<Value>([nap, fail])
        .apply_async()
        .await
        .unwrap();
    let error = group.get(SOON).await.unwrap_err();
    assert!(error.to_string().contains("out of bits"), "{error}");
    let group: GroupResult = group.group().unwrap();
    assert!(group.failed().await.unwrap() && group.waiting().await.unwrap());
}

async fn group_is_saved_and_found_by_its_id(fx: Fixture) {
    let _worker = fx.worker().await;
    let calls = [1, 2].map(|n| add(&fx, n, n));
    let sums = fx.app.group(calls).apply_async().await.unwrap();
    let group: GroupResult<i64> = sums.group().unwrap();
    group.save().await.unwrap();
    let found = fx.app.group_result::<i64>(group.id()).await.unwrap();
    assert_eq!(found.unwrap().get(SOON).await.unwrap(), [2, 4]);
    group.delete().await.unwrap();
    let gone = fx.app.group_result::<i64>(group.id()).await.unwrap();
    assert!(gone.is_none());
}

async fn chord_gets_the_list_of_its_header(fx: Fixture) {
    let _worker = fx.worker().await;
    let header = [1, 2, 3].map(|n| add(&fx, n, 10));
    let total = fx
        .app
        .chord(header.clone(), sum(&fx))
        .apply_async()
        .await
        .unwrap();
    assert_eq!(value(&total).await, 36);
    let parts: GroupResult<i64> = total.parent().unwrap().group().unwrap();
    assert_eq!(value(&parts.as_result()).await, [11, 12, 13]);
    let piped = (fx.app.group(header) | sum(&fx))
        .apply_async()
        .await
        .unwrap();
    assert_eq!(value(&piped).await, 36);
    let empty = fx
        .app
        .chord::<i64, i64>([], sum(&fx))
        .apply_async()
        .await
        .unwrap();
    assert_eq!(value(&empty).await, 0);
}

async fn failed_part_fails_the_chords_body(fx: Fixture) {
    let _worker = fx.worker().await;
    let fail = fx
        .app
        .signature(Fail {
            how: "python".to_owned(),
        })
        .cast();
    let header = [add(&fx, 1, 1), fail];
    let total = fx.app.chord(header, sum(&fx)).apply_async().await.unwrap();
    let error = total.get(SOON).await.unwrap_err();
    let ResultError::Failed { exception, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(exception.exc_type, "ChordError");
    assert!(
        exception.message().contains("ValueError('boom')"),
        "{exception}"
    );
    assert!(runs(total.id()).is_empty());
}

async fn group_in_a_chain_is_a_chord_or_the_end(fx: Fixture) {
    let _worker = fx.worker().await;
    let both = || fx.app.group([plus(&fx, 10), plus(&fx, 20)]);
    let end = (add(&fx, 1, 1) | both()).apply_async().await.unwrap();
    assert_eq!(value(&end).await, [12, 22]);
    assert_eq!(value(&end.parent().unwrap()).await, 2.into());
    let through = add(&fx, 1, 1) | both() | sum(&fx) | plus(&fx, 100);
    let through = through.apply_async().await.unwrap();
    assert_eq!(value(&through).await, 134);
}

async fn failure_before_a_group_ends_the_wait_for_it(fx: Fixture) {
    let _worker = fx.worker().await;
    let fail = fx.app.signature(Fail {
        how: "python".to_owned(),
    });
    let both = fx.app.group([plus(&fx, 10), plus(&fx, 20)]);
    let end = (fail | both).apply_async().await.unwrap();
    let error = end.get(SOON).await.unwrap_err();
    assert!(error.to_string().contains("boom"), "{error}");
}

async fn large_and_nested_canvases_complete(fx: Fixture) {
    let _worker = fx.worker().await;
    let mut long = add(&fx, 0, 0);
    for _ in 0..40 {
        long = long | plus(&fx, 1);
    }
    let wide = fx.app.group((0..100).map(|n| add(&fx, n, 0)));
    let nested = fx.app.group([
        add(&fx, 1, 1) | plus(&fx, 1),
        fx.app.group([add(&fx, 2, 2), add(&fx, 3, 3)]) | sum(&fx),
    ]) | sum(&fx);
    let long = long.apply_async().await.unwrap();
    let wide = (wide | sum(&fx)).apply_async().await.unwrap();
    let nested = nested.apply_async().await.unwrap();
    assert_eq!(value(&long).await, 40);
    assert_eq!(value(&wide).await, 4950);
    assert_eq!(value(&nested).await, 13);
}
