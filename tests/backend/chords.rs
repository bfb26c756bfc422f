//! Chords, where the back end counts their parts.

use std::sync::Arc;

use rcelery::backend::{Backend, ChordProgress, PartOutcome};
use rcelery::protocol::{Exception, ResultTuple, State, Value};

use crate::fixture::{Fixture, meta, store};

crate::conformance!({
    the_last_part_completes_the_chord
    results_come_in_the_order_of_the_header
    a_part_that_runs_twice_counts_once
    a_failed_part_fails_the_chord_when_all_are_in
    concurrent_parts_complete_it_once
    late_copies_find_it_done
    a_header_with_groups_keeps_its_structure
    a_chord_without_a_size_waits
} on redis);

fn part(index: i64, state: &State, result: Value) -> PartOutcome {
    PartOutcome {
        group_id: "g".to_owned(),
        group_index: Some(index),
        task_id: format!("t{index}"),
        state: state.clone(),
        result,
    }
}

async fn count(backend: &Arc<dyn Backend>, index: i64) -> ChordProgress {
    let part = part(index, &State::SUCCESS, (index * 10).into());
    backend.chord_part(&part).await.unwrap()
}

async fn the_last_part_completes_the_chord(fx: Fixture) {
    let backend = fx.connect().await;
    backend.chord_start("g", 2).await.unwrap();
    assert_eq!(count(&backend, 0).await, ChordProgress::Incomplete);
    match count(&backend, 1).await {
        ChordProgress::Complete { results, claim } => {
            assert_eq!(results, [0.into(), 10.into()]);
            backend.chord_done("g", &claim, false).await.unwrap();
        }
        other => panic!("{other:?}"),
    }
}

async fn results_come_in_the_order_of_the_header(fx: Fixture) {
    let backend = fx.connect().await;
    backend.chord_start("g", 12).await.unwrap();
    let mut last = ChordProgress::Incomplete;
    for index in (0..12).rev() {
        assert_eq!(last, ChordProgress::Incomplete);
        last = count(&backend, index).await;
    }
    let ChordProgress::Complete { results, .. } = last else {
        panic!("{last:?}");
    };
    assert_eq!(
        results,
        (0..12).map(|i| Value::from(i * 10)).collect::<Vec<_>>()
    );
}

async fn a_part_that_runs_twice_counts_once(fx: Fixture) {
    let backend = fx.connect().await;
    backend.chord_start("g", 2).await.unwrap();
    assert_eq!(count(&backend, 0).await, ChordProgress::Incomplete);
    let again = part(0, &State::SUCCESS, 77.into());
    assert_eq!(
        backend.chord_part(&again).await.unwrap(),
        ChordProgress::Incomplete
    );
    assert!(matches!(count(&backend, 1).await,
        ChordProgress::Complete { results, .. } if results == [0.into(), 10.into()]));
}

async fn a_failed_part_fails_the_chord_when_all_are_in(fx: Fixture) {
    let backend = fx.connect().await;
    backend.chord_start("g", 3).await.unwrap();
    let error = |text| Exception::builtin("ValueError", text).to_value();
    let late = part(2, &State::FAILURE, error("two"));
    assert_eq!(
        backend.chord_part(&late).await.unwrap(),
        ChordProgress::Incomplete
    );
    let early = part(1, &State::FAILURE, error("one"));
    assert_eq!(
        backend.chord_part(&early).await.unwrap(),
        ChordProgress::Incomplete
    );
    match count(&backend, 0).await {
        ChordProgress::Failed { reason, claim } => {
            assert_eq!(reason, "Dependency t1 raised ValueError('one')");
            backend.chord_done("g", &claim, true).await.unwrap();
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(count(&backend, 0).await, ChordProgress::Incomplete);
}

async fn concurrent_parts_complete_it_once(fx: Fixture) {
    let clients = [fx.connect().await, fx.connect().await, fx.connect().await];
    clients[0].chord_start("g", 60).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..60 {
        let client = Arc::clone(&clients[usize::try_from(index % 3).unwrap()]);
        tasks.spawn(async move { count(&client, index).await });
    }
    let all = tasks.join_all().await;
    let complete = all
        .iter()
        .filter(|p| matches!(p, ChordProgress::Complete { .. }))
        .count();
    let waiting = all
        .iter()
        .filter(|p| matches!(p, ChordProgress::Incomplete))
        .count();
    assert_eq!((complete, waiting), (1, 59));
}

async fn late_copies_find_it_done(fx: Fixture) {
    let backend = fx.connect().await;
    backend.chord_start("g", 1).await.unwrap();
    let ChordProgress::Complete { claim, .. } = count(&backend, 0).await else {
        panic!("not complete");
    };
    backend.chord_done("g", &claim, false).await.unwrap();
    assert_eq!(count(&backend, 0).await, ChordProgress::Incomplete);
    // The same chord sent again is a new one.
    backend.chord_start("g", 1).await.unwrap();
    assert!(matches!(
        count(&backend, 0).await,
        ChordProgress::Complete { .. }
    ));
}

async fn a_header_with_groups_keeps_its_structure(fx: Fixture) {
    let backend = fx.connect().await;
    let inner = ResultTuple::group(
        "inner",
        vec![ResultTuple::task("t1"), ResultTuple::task("t2")],
    );
    let header = ResultTuple::group("g", vec![ResultTuple::task("t0"), inner]);
    backend.save_group(&header).await.unwrap();
    backend.chord_start("g", 3).await.unwrap();
    let mut last = ChordProgress::Incomplete;
    for index in 0..3 {
        let id = format!("t{index}");
        store(&backend, meta(&id, &State::SUCCESS, index * 10)).await;
        last = count(&backend, index).await;
    }
    let ChordProgress::Complete { results, .. } = last else {
        panic!("{last:?}");
    };
    assert_eq!(results, [0.into(), vec![10.into(), 20.into()].into()]);
}

async fn a_chord_without_a_size_waits(fx: Fixture) {
    let backend = fx.connect().await;
    // Parts may end before the publisher has sent the last of them.
    assert_eq!(count(&backend, 0).await, ChordProgress::Incomplete);
    backend.chord_start("g", 2).await.unwrap();
    assert!(matches!(
        count(&backend, 1).await,
        ChordProgress::Complete { .. }
    ));
}
