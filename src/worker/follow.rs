//! What follows a task: callbacks, errbacks, the rest of a chain, a chord's body, a retry.
//!
//! Mirrors the second half of `celery.app.trace.trace_task` and `celery.backends.base.Backend.mark_as_failure`.

use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};

use super::Request;
use super::body::{body_ends, id_of};
use super::core::Core;
use super::record::{persist, store};
use crate::backend::{BackendError, ChordProgress, PartOutcome};
use crate::broker::Destination;
use crate::canvas;
use crate::producer::{Outgoing, SendError};
use crate::protocol::{
    Exception, ExchangeType, ProtocolError, ResultMeta, ResultTuple, Signature, State as TaskState,
    TaskMessage, Value, time,
};
use crate::task::{Caller, RetryAt};

/// Sends callbacks and the next step of the chain with the result.
pub(super) async fn on_success(
    core: &Core,
    request: &Request,
    value: &Value,
    caller: &Caller,
) -> Result<(), SendError> {
    let embed = &request.message.embed;
    let callbacks = embed.callbacks.as_deref().unwrap_or_default();
    let (plain, canvas): (Vec<&Value>, Vec<&Value>) = callbacks.iter().partition(|c| !is_group(c));
    for group in canvas {
        send(
            core,
            caller,
            canvas::with_result(Signature::from_value(group)?, value)?,
        )
        .await?;
    }
    match plain.as_slice() {
        [] => {}
        [one] => {
            send(
                core,
                caller,
                canvas::with_result(Signature::from_value(one)?, value)?,
            )
            .await?
        }
        many => {
            // Several plain callbacks are sent as one group (worker_messages/link_link_error.json).
            let mut group = Signature::new("celery.group");
            group.subtask_type = Some("group".to_owned());
            group.kwargs.insert(
                "tasks".to_owned(),
                many.iter().map(|c| (*c).clone()).collect::<Vec<_>>().into(),
            );
            send(core, caller, canvas::with_result(group, value)?).await?;
        }
    }
    let mut rest = embed.chain.clone().unwrap_or_default();
    if let Some(next) = rest.pop() {
        let mut next = canvas::with_result(Signature::from_value(&next)?, value)?;
        next.set_option("chain", rest);
        send(core, caller, next).await?;
    }
    Ok(())
}

fn is_group(signature: &Value) -> bool {
    let kind = signature.as_map().and_then(|m| m.get("subtask_type"));
    kind.and_then(Value::as_str) == Some("group")
}

/// Applies a signature as a child of the task.
async fn send(core: &Core, caller: &Caller, mut signature: Signature) -> Result<(), SendError> {
    canvas::default_option(&mut signature, "root_id", Some(&caller.root_id));
    canvas::default_option(&mut signature, "parent_id", Some(&caller.task_id));
    freeze_id(&mut signature);
    let sent = apply(core, caller, signature, "sending what follows a task").await?;
    caller.add_child(sent);
    Ok(())
}

/// An id given before the first try keeps a repeated try from being another task.
fn freeze_id(signature: &mut Signature) {
    if signature.option("task_id").is_none() {
        signature.set_option("task_id", uuid::Uuid::new_v4().to_string());
    }
}

async fn apply(
    core: &Core,
    caller: &Caller,
    signature: Signature,
    what: &str,
) -> Result<ResultTuple, SendError> {
    let signature = &signature;
    let apply = move || core.producer.apply(signature.clone(), Some(caller)).boxed();
    persist(core, what, is_transient, apply).await
}

/// Whether sending again can help.
pub(super) fn is_transient(error: &SendError) -> bool {
    match error {
        SendError::Broker(error) => error.is_transient(),
        SendError::Backend(error) => error.is_transient(),
        _ => false,
    }
}

/// Fails the rest of the chain and sends the errbacks.
pub(super) async fn on_failure(
    core: &Core,
    request: &Request,
    state: TaskState,
    exception: &Exception,
    traceback: Option<&str>,
) {
    fail_chain(core, request, state, exception, traceback).await;
    let errbacks = request.message.embed.errbacks.clone().unwrap_or_default();
    send_errbacks(
        core,
        errbacks,
        request.id(),
        request.message.header.root_id.as_deref(),
    )
    .await;
}

/// Stores the same end for every step of the chain that will not run; a last step that is part of a chord counts.
pub(super) async fn fail_chain(
    core: &Core,
    request: &Request,
    state: TaskState,
    exception: &Exception,
    traceback: Option<&str>,
) {
    let rest = request.message.embed.chain.as_deref().unwrap_or_default();
    fail_steps(core, rest, &state, exception, traceback).await;
}

async fn fail_steps(
    core: &Core,
    steps: &[Value],
    state: &TaskState,
    exception: &Exception,
    traceback: Option<&str>,
) {
    for step in steps {
        let Ok(step) = Signature::from_value(step) else {
            continue;
        };
        let Some(id) = id_of(&step).map(str::to_owned) else {
            continue;
        };
        if core.backend.is_enabled() {
            let mut meta = ResultMeta::new(&id, state.clone(), exception.to_value());
            meta.traceback = traceback.map(str::to_owned);
            meta.children = Some(Vec::new());
            meta.date_done = Some(time::isoformat(Timestamp::now(), &core.zone));
            meta.group_id = step.option_str("group_id").map(str::to_owned);
            if let Err(error) = store(core, meta).await {
                tracing::error!(task_id = %id, "can't store the end of a chain's step: {error}");
            }
        }
        if let (Some(body), Some(group_id)) = (step.option("chord"), step.option_str("group_id")) {
            let part = PartOutcome {
                group_id: group_id.to_owned(),
                group_index: step.option("group_index").and_then(Value::as_i64),
                task_id: id.clone(),
                state: state.clone(),
                result: exception.to_value(),
            };
            let caller = Caller {
                root_id: step.option_str("root_id").unwrap_or(&id).to_owned(),
                task_id: id,
                priority: None,
                children: std::sync::Arc::default(),
                may_join: false,
            };
            Box::pin(chord_part(core, body, &part, &caller)).await;
        }
    }
}

/// Sends errbacks with the failed task's id, in the form that any worker can run.
async fn send_errbacks(core: &Core, errbacks: Vec<Value>, failed: &str, root: Option<&str>) {
    for errback in errbacks {
        let sent = async {
            let mut errback =
                canvas::with_result(Signature::from_value(&errback)?, &failed.into())?;
            canvas::default_option(&mut errback, "root_id", Some(root.unwrap_or(failed)));
            canvas::default_option(&mut errback, "parent_id", Some(failed));
            freeze_id(&mut errback);
            let caller = Caller {
                task_id: failed.to_owned(),
                root_id: root.unwrap_or(failed).to_owned(),
                priority: None,
                children: std::sync::Arc::default(),
                may_join: false,
            };
            apply(core, &caller, errback, "sending an errback").await
        };
        if let Err(error) = sent.await {
            tracing::error!(task_id = %failed, "can't send an errback: {error}");
        }
    }
}

/// Counts a part of a chord; whoever completes it sends the body, or fails it.
pub(super) async fn chord_part(core: &Core, body: &Value, part: &PartOutcome, caller: &Caller) {
    let counted = persist(
        core,
        "counting a chord's part",
        BackendError::is_transient,
        move || core.backend.chord_part(part),
    )
    .await;
    let (claim, failed) = match counted {
        Ok(ChordProgress::Incomplete | ChordProgress::Unlocked) => return,
        Ok(ChordProgress::Complete { results, claim }) => {
            match send_body(core, body, results, caller).await {
                Ok(()) => (claim, false),
                Err(error) => {
                    tracing::error!(task_id = %part.task_id, "can't send the body of chord {}: {error}", part.group_id);
                    fail_body(core, body, &error.to_string()).await;
                    (claim, true)
                }
            }
        }
        Ok(ChordProgress::Failed { reason, claim }) => {
            tracing::error!("Chord {} raised: ChordError({reason:?})", part.group_id);
            fail_body(core, body, &reason).await;
            (claim, true)
        }
        Err(error) => {
            tracing::error!(task_id = %part.task_id, "can't count the part of chord {}: {error}", part.group_id);
            return;
        }
    };
    let claim = claim.as_str();
    let done = move || core.backend.chord_done(&part.group_id, claim, failed);
    if let Err(error) = persist(core, "ending a chord", BackendError::is_transient, done).await {
        tracing::warn!(
            "can't remove the counters of chord {}: {error}",
            part.group_id
        );
    }
}

/// Sends the body of a chord with the results of its parts.
pub(super) async fn send_body(
    core: &Core,
    body: &Value,
    results: Vec<Value>,
    caller: &Caller,
) -> Result<(), SendError> {
    let mut body = canvas::with_result(Signature::from_value(body)?, &Value::List(results))?;
    canvas::default_option(&mut body, "root_id", Some(&caller.root_id));
    body.set_option("parent_id", caller.task_id.as_str());
    // The parts' position is not the body's: a nested chord's own place is in its options already.
    apply(core, caller, body, "sending the body of a chord").await?;
    Ok(())
}

/// Fails the body of a chord, and what would have followed it.
pub(super) async fn fail_body(core: &Core, body: &Value, reason: &str) {
    let ends = match Signature::from_value(body) {
        Ok(body) => body_ends(body),
        Err(error) => return tracing::error!("can't read the body of a chord: {error}"),
    };
    let exception = Exception::new("celery.exceptions", "ChordError", vec![reason.into()]);
    for end in ends {
        fail_steps(core, &end.steps, &TaskState::FAILURE, &exception, None).await;
        send_errbacks(core, end.errbacks, &end.id, end.root_id.as_deref()).await;
    }
}

/// Sends the request again, one retry further.
pub(super) async fn resend(core: &Core, request: &Request, at: RetryAt) -> Result<(), SendError> {
    let now = Timestamp::now();
    let eta = match at {
        RetryAt::At(eta) => Some(eta),
        RetryAt::After(delay) if delay.is_zero() => None,
        RetryAt::After(delay) => {
            let delay = SignedDuration::try_from(delay).map_err(|_| ProtocolError::Invalid {
                what: "retry",
                reason: "the delay is too long".to_owned(),
            })?;
            Some(now.saturating_add(delay).unwrap_or(Timestamp::MAX))
        }
    };
    let mut message = TaskMessage::clone(&request.message);
    let header = &mut message.header;
    header.retries += 1;
    header.eta = eta.map(|eta| time::isoformat(eta, &core.zone));
    if header.parent_id.is_none() {
        // A retry counts as sent by the task itself (worker_messages/retry.json).
        header.parent_id = Some(header.id.clone());
    }
    publish(core, request, message, now).await
}

/// Puts a copy of the message back in its queue.
pub(super) async fn give_back(core: &Core, request: &Request) -> Result<(), SendError> {
    let mut message = TaskMessage::clone(&request.message);
    message
        .header
        .custom
        .insert("redelivered".to_owned(), true.into());
    publish(core, request, message, Timestamp::now()).await
}

async fn publish(
    core: &Core,
    request: &Request,
    task: TaskMessage,
    now: Timestamp,
) -> Result<(), SendError> {
    let mut message = task.to_message(&request.serializer, None)?;
    let p = &mut message.properties;
    p.correlation_id.clone_from(&request.correlation_id);
    p.reply_to.clone_from(&request.reply_to);
    p.priority = request.priority;
    p.delivery_mode = Some(2);
    p.expiration = request
        .expires
        .map(|at| at.duration_since(now).as_millis().max(0).to_string());
    let info = &request.delivery_info;
    let destination = if info.exchange.is_empty() {
        Destination::queue(&info.routing_key)
    } else {
        let kind = core
            .state
            .lock()
            .queues
            .values()
            .find(|q| q.exchange.name == info.exchange)
            .map(|q| q.exchange.kind);
        match kind {
            // A fanout message came to this queue alone; its copy must not go to all the others again.
            Some(ExchangeType::Fanout) => Destination::queue(&request.queue),
            kind => {
                Destination::exchange(&info.exchange, kind.unwrap_or_default(), &info.routing_key)
            }
        }
    };
    let outgoing = Outgoing {
        queue: None,
        destination,
        message: message.with_fresh_tag(),
        task_id: request.id().to_owned(),
    };
    let outgoing = &outgoing;
    let send = move || core.producer.send(vec![outgoing.clone()]).boxed();
    persist(core, "sending a retry", is_transient, send).await
}
