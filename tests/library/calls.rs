//! Sending: `delay`, `apply_async` with each option, many at once.

use jiff::Timestamp;
use rcelery::protocol::codec::Accept;
use rcelery::protocol::{TaskMessage, time};
use rcelery::{AsyncResult, SendError, State, Value};

use crate::everywhere;
use crate::fixture::{Fixture, SOON, ms, reaches, until, value};
use crate::tasks::{Add, Block, Look, Nap, Seen, Tuned, runs};

everywhere!({
    typed_task_is_sent_and_its_value_waited_for
    arguments_are_bound_from_positions_keywords_or_both
    wrong_arguments_fail_the_task_in_pythons_words
    id_is_known_beforehand
    countdown_and_eta_hold_a_task_back
    expired_task_is_revoked_and_not_run
    queue_priority_and_headers_arrive
    other_options_arrive
    options_of_the_task_are_those_of_its_calls
    call_without_a_result_keeps_none
    links_are_sent_with_the_result_or_the_failed_id
    many_calls_go_out_together_in_order
    wrong_option_is_named_and_nothing_is_sent
    app_can_send_after_its_worker_has_ended
});

async fn typed_task_is_sent_and_its_value_waited_for(fx: Fixture) {
    let _worker = fx.worker().await;
    let sum = fx.app.delay(Add { x: 1, y: 2 }).await.unwrap();
    assert_eq!(value(&sum).await, 3);
    let block = Block {
        ms: 1,
        polls: false,
    };
    let thread = fx.app.blocking_delay(block).await.unwrap();
    assert!(value(&thread).await.starts_with("ThreadId"));
}

async fn arguments_are_bound_from_positions_keywords_or_both(fx: Fixture) {
    let _worker = fx.worker().await;
    let add = || fx.app.send_task("t.add");
    for call in [
        add().args([1, 2]),
        add().kwargs([("y", 2), ("x", 1)]),
        add().args([1]).kwarg("y", &2),
        add().arg(&1).arg(&2),
        fx.app.partial::<Add>().arg(&1).kwarg("y", &2).cast(),
    ] {
        let sum = call.apply_async().await.unwrap();
        assert_eq!(value(&sum).await, Value::Int(3));
    }
}

async fn wrong_arguments_fail_the_task_in_pythons_words(fx: Fixture) {
    let _worker = fx.worker().await;
    for (args, expected) in [
        (vec![1], "missing 1 required positional argument: 'y'"),
        (
            vec![1, 2, 3],
            "takes 2 positional arguments but 3 were given",
        ),
    ] {
        let call = fx.app.send_task("t.add").args(args);
        let result = call.apply_async().await.unwrap();
        let error = result.get(SOON).await.unwrap_err().to_string();
        assert!(error.contains("TypeError: add()"), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

async fn id_is_known_beforehand(fx: Fixture) {
    let id = rcelery::uuid();
    assert_eq!(id.len(), 36);
    let before: AsyncResult<i64> = fx.app.async_result(&id).await.unwrap();
    assert_eq!(before.state().await.unwrap(), State::PENDING);
    let call = fx.app.signature(Add { x: 1, y: 2 }).task_id(&id);
    let sent = call.apply_async().await.unwrap();
    assert_eq!(sent.id(), id);
    let _worker = fx.worker().await;
    assert_eq!(value(&before).await, 3);
}

async fn countdown_and_eta_hold_a_task_back(fx: Fixture) {
    let _worker = fx.worker().await;
    let look = || fx.app.partial::<Look>();
    let sent = Timestamp::now();
    let eta = sent
        .checked_add(jiff::SignedDuration::from_millis(700))
        .unwrap();
    let held = look().countdown(ms(600)).apply_async().await.unwrap();
    let late = look().eta(eta).apply_async().await.unwrap();
    let past = look().eta(sent).apply_async().await.unwrap();
    let at_once = look().apply_async().await.unwrap();
    let due = time::parse(&value(&held).await.eta.unwrap()).unwrap();
    let due_in = due.duration_since(sent).as_millis();
    assert!((590..5000).contains(&due_in), "{due_in}");
    let seen = time::parse(&value(&late).await.eta.unwrap()).unwrap();
    assert!((seen.duration_since(eta)).as_millis().abs() <= 1);
    assert_eq!(value(&at_once).await.eta, None);
    value(&past).await;
    let start = |result: &AsyncResult<Seen>| runs(result.id())[0];
    assert!(start(&held) > start(&at_once) && start(&held) > start(&past));
    assert!(start(&held).duration_since(start(&at_once)) > ms(400));
    assert!(start(&late).duration_since(start(&at_once)) > ms(500));
}

async fn expired_task_is_revoked_and_not_run(fx: Fixture) {
    let call = || fx.app.signature(Add { x: 1, y: 1 });
    let soon = call().expires_in(ms(20)).apply_async().await.unwrap();
    let past = call()
        .expires(Timestamp::now())
        .apply_async()
        .await
        .unwrap();
    let fresh = call().expires_in(SOON).apply_async().await.unwrap();
    tokio::time::sleep(ms(40)).await;
    let _worker = fx.worker().await;
    for expired in [soon, past] {
        let error = expired.get(SOON).await.unwrap_err();
        assert!(matches!(error, rcelery::ResultError::Revoked { .. }));
        assert!(error.to_string().contains("expired"), "{error}");
        assert!(runs(expired.id()).is_empty());
    }
    assert_eq!(value(&fresh).await, 2);
}

async fn queue_priority_and_headers_arrive(fx: Fixture) {
    let _worker = fx.worker_with(|o| o.queues = vec!["slow".to_owned()]).await;
    let call = fx.app.partial::<Look>().queue("slow").priority(3);
    let call = call.header("tenant", "acme").header("trace", 7);
    let seen = value(&call.apply_async().await.unwrap()).await;
    assert_eq!(
        (seen.routing_key.as_str(), seen.priority),
        ("slow", Some(3))
    );
    assert_eq!(seen.headers["tenant"], "acme".into());
    assert_eq!(seen.headers["trace"], 7.into());
}

async fn other_options_arrive(fx: Fixture) {
    let fx = fx.with(|s| s.accept_content.push("yaml".to_owned()));
    let _worker = fx.worker().await;
    let id = rcelery::uuid();
    let call = fx.app.partial::<Look>().arg(&"a").kwarg("and", &[1, 2]);
    let call = call.task_id(&id).shadow("look again");
    let call = call.time_limit(ms(20_000)).soft_time_limit(ms(10_500));
    let call = call
        .option("correlation_id", "mine")
        .option("reply_to", "me");
    let sent = call.serializer("yaml").compression("gzip").apply_async();
    let seen = value(&sent.await.unwrap()).await;
    assert_eq!(
        (seen.id.as_str(), seen.task.as_str()),
        (id.as_str(), "t.look")
    );
    assert_eq!(seen.args, ["a".into()]);
    assert_eq!(seen.kwargs["and"], Value::List(vec![1.into(), 2.into()]));
    assert_eq!(seen.shadow.as_deref(), Some("look again"));
    assert_eq!(seen.timelimit, (Some(20.0), Some(10.5)));
    assert_eq!(seen.correlation_id.as_deref(), Some("mine"));
    assert_eq!(seen.reply_to.as_deref(), Some("me"));
    assert_eq!(
        (seen.retries, seen.root_id, seen.parent_id),
        (0, Some(id), None)
    );
    assert!(seen.hostname.starts_with("celery@"), "{}", seen.hostname);
}

async fn options_of_the_task_are_those_of_its_calls(fx: Fixture) {
    let outgoing = fx.app.signature(Tuned { x: 1 }).message().await.unwrap();
    let message = &outgoing.message;
    assert_eq!(outgoing.destination.routing_key, "tuned");
    assert_eq!(message.properties.priority, Some(3));
    assert_eq!(message.content_type, "application/x-msgpack");
    assert_eq!(message.headers["compression"], "application/x-gzip".into());
    let accept = Accept::new(&["msgpack"]).unwrap();
    let task = TaskMessage::from_message(message, &accept).unwrap();
    assert_eq!(task.header.timelimit, (Some(9.0), Some(8.0)));
    assert!(task.header.expires.is_some());
    let other = fx.app.signature(Tuned { x: 1 });
    let other = other.queue("elsewhere").priority(5).serializer("json");
    let other = other.message().await.unwrap();
    assert_eq!(other.destination.routing_key, "elsewhere");
    assert_eq!(other.message.properties.priority, Some(5));
    assert_eq!(other.message.content_type, "application/json");

    let fx = fx.with(|s| s.accept_content.push("msgpack".to_owned()));
    let _worker = fx
        .worker_with(|o| o.queues = vec!["tuned".to_owned()])
        .await;
    let sent = fx.app.delay(Tuned { x: 5 }).await.unwrap();
    reaches(&sent, State::STARTED).await;
    let info = sent.info().await.unwrap();
    assert_eq!(info.as_map().unwrap()["pid"], std::process::id().into());
    assert_eq!(value(&sent).await, 5);
}

async fn call_without_a_result_keeps_none(fx: Fixture) {
    let _worker = fx.worker().await;
    let call = fx.app.signature(Add { x: 1, y: 1 }).ignore_result(true);
    let quiet = call.apply_async().await.unwrap();
    until("it has run", || !runs(quiet.id()).is_empty()).await;
    let last = fx.app.delay(Add { x: 2, y: 2 }).await.unwrap();
    assert_eq!(value(&last).await, 4);
    assert_eq!(quiet.state().await.unwrap(), State::PENDING);
}

async fn links_are_sent_with_the_result_or_the_failed_id(fx: Fixture) {
    let _worker = fx.worker().await;
    let (on_success, on_failure) = (rcelery::uuid(), rcelery::uuid());
    let good = fx.app.partial::<Look>().task_id(&on_success);
    let call = fx.app.signature(Add { x: 1, y: 2 }).link(good);
    let sent = call.apply_async().await.unwrap();
    let linked: AsyncResult<Seen> = fx.app.async_result(&on_success).await.unwrap();
    let linked = value(&linked).await;
    assert_eq!(linked.args, [3.into()]);
    assert_eq!(linked.parent_id.as_deref(), Some(sent.id()));
    value(&sent).await;
    let children = sent.children().await.unwrap();
    assert_eq!(children[0].id(), on_success);

    let bad = fx.app.partial::<Look>().task_id(&on_failure);
    let call = fx.app.send_task("t.fail").args(["python"]).link_error(bad);
    let sent = call.apply_async().await.unwrap();
    let linked: AsyncResult<Seen> = fx.app.async_result(&on_failure).await.unwrap();
    assert_eq!(value(&linked).await.args, [sent.id().into()]);
}

async fn many_calls_go_out_together_in_order(fx: Fixture) {
    let calls = (0..200).map(|n| fx.app.signature(Add { x: n, y: n }));
    let sums = fx.app.send_many(calls).await.unwrap();
    let chain = fx.app.signature(Add { x: 1, y: 2 }) | fx.app.partial::<Add>().kwarg("y", &4);
    let mixed = [fx.app.signature(Add { x: 0, y: 1 }), chain];
    let mixed = fx.app.send_many(mixed).await.unwrap();
    let _worker = fx.worker().await;
    for (n, sum) in (0..).zip(&sums) {
        assert_eq!(value(sum).await, 2 * n);
    }
    assert_eq!((value(&mixed[0]).await, value(&mixed[1]).await), (1, 7));
    assert_eq!(fx.app.send_many::<i64>([]).await.unwrap().len(), 0);
}

async fn wrong_option_is_named_and_nothing_is_sent(fx: Fixture) {
    let call = || fx.app.signature(Nap { ms: 1 });
    for (option, wrong) in [
        ("countdown", Value::from("soon")),
        ("eta", "tomorrow".into()),
        ("expires", Value::List(vec![])),
        ("headers", 1.into()),
        ("queue", 1.into()),
    ] {
        let error = call()
            .option(option, wrong)
            .apply_async()
            .await
            .unwrap_err();
        assert!(
            matches!(error, SendError::Option { .. }),
            "{option}: {error:?}"
        );
        assert!(error.to_string().contains(option), "{error}");
    }
    let error = call().serializer("carrier pigeon").apply_async().await;
    assert!(error.unwrap_err().to_string().contains("carrier pigeon"));
    // A map whose keys are lists has no form on the wire.
    let odd = std::collections::BTreeMap::from([(vec![1], 2)]);
    let error = call().kwarg("odd", &odd).apply_async().await.unwrap_err();
    assert!(matches!(error, SendError::Protocol(_)), "{error:?}");
    let broker = fx.app.broker().await.unwrap();
    assert_eq!(broker.purge("celery").await.unwrap().unwrap_or(0), 0);
    broker.close().await.unwrap();
}

async fn app_can_send_after_its_worker_has_ended(fx: Fixture) {
    let worker = fx.worker().await;
    let first = fx.app.delay(Add { x: 1, y: 1 }).await.unwrap();
    assert_eq!(value(&first).await, 2);
    worker.stop().await;
    assert_eq!(value(&first).await, 2);
    let second = fx.app.delay(Add { x: 2, y: 2 }).await.unwrap();
    let _worker = fx.worker().await;
    assert_eq!(value(&second).await, 4);
}
