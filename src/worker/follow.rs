//! What follows a task: callbacks, errbacks, the rest of a chain, a chord's body, a retry.
//!
//! Mirrors the second half of `celery.app.trace.trace_task` and `celery.backends.base.Backend.mark_as_failure`.

use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};

use super::Request;
use super::complete::{persist, store};
use super::core::Core;
use crate::backend::{BackendError, ChordProgress, PartOutcome};
use crate::broker::Destination;
use crate::canvas;
use crate::producer::{Outgoing, SendError};
use crate::protocol::{
    Exception, ExchangeType, ProtocolError, ResultMeta, ResultTuple, Signature, State as TaskState,
    Value, time,
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

/// One of the ends that the failure of a chord's body has.
#[derive(Debug, PartialEq)]
struct BodyEnd {
    /// The id that its errbacks get.
    id: String,
    root_id: Option<String>,
    /// What fails: the steps of a chain, a member of a group, what would have followed.
    steps: Vec<Value>,
    errbacks: Vec<Value>,
}

/// What the failure of a chord's body means: one end, or for a group one of each member and then its own.
fn body_ends(body: Signature) -> Vec<BodyEnd> {
    let rest = body.option("chain").and_then(Value::as_list);
    let rest = rest.unwrap_or_default().to_vec();
    let mut ends = if body.subtask_type.as_deref() == Some("group") {
        group_ends(&body)
    } else {
        vec![single_end(body)]
    };
    if let Some(last) = ends.last_mut() {
        last.steps.extend(rest);
    }
    ends
}

fn single_end(mut body: Signature) -> BodyEnd {
    let errbacks = link_errors(&body);
    // Sent by somebody who gave it none: nobody waits for it, but its errbacks need an id.
    let id = id_of_result(&body).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let root_id = body.option_str("root_id").map(str::to_owned);
    let steps = match body.subtask_type.as_deref() {
        Some("chain") => parts(&body),
        Some("chord") => body.kwargs.get("body").cloned().into_iter().collect(),
        _ => {
            body.set_option("task_id", id.as_str());
            vec![body.to_value()]
        }
    };
    BodyEnd {
        id,
        root_id,
        steps,
        errbacks,
    }
}

/// Each member gets its own errbacks and those of the group, each once; the group fails last.
fn group_ends(group: &Signature) -> Vec<BodyEnd> {
    let of_group = link_errors(group);
    let mut ends = Vec::new();
    for member in parts(group) {
        let Ok(mut member) = Signature::from_value(&member) else {
            continue;
        };
        let id = id_of_result(&member).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let mut errbacks: Vec<Value> = Vec::new();
        for errback in errbacks_of_result(&member)
            .into_iter()
            .chain(of_group.clone())
        {
            if !errbacks.contains(&errback) {
                errbacks.push(errback);
            }
        }
        member.set_option("task_id", id.as_str());
        ends.push(BodyEnd {
            id,
            root_id: None,
            steps: vec![member.to_value()],
            errbacks,
        });
    }
    let mut itself = BodyEnd {
        id: id_of(group).unwrap_or_default().to_owned(),
        root_id: None,
        steps: Vec::new(),
        errbacks: Vec::new(),
    };
    if !itself.id.is_empty() {
        let mut step = Signature::new("celery.group");
        step.set_option("task_id", itself.id.as_str());
        itself.steps.push(step.to_value());
    }
    ends.push(itself);
    ends
}

/// The tasks of a chain or group.
fn parts(canvas: &Signature) -> Vec<Value> {
    let tasks = canvas.kwargs.get("tasks").and_then(Value::as_list);
    tasks.unwrap_or_default().to_vec()
}

fn link_errors(signature: &Signature) -> Vec<Value> {
    match signature.option("link_error") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::List(list)) => list.clone(),
        Some(one) => vec![one.clone()],
    }
}

/// The body of a chord.
fn body_of(signature: &Signature) -> Option<Signature> {
    let is_chord = signature.subtask_type.as_deref() == Some("chord");
    let body = signature.kwargs.get("body").filter(|_| is_chord)?;
    Signature::from_value(body).ok()
}

/// The id under which the result of a signature is: a chord's is its body's, a chain's its last step's.
fn id_of_result(signature: &Signature) -> Option<String> {
    if let Some(body) = body_of(signature) {
        return id_of_result(&body).or_else(|| id_of(signature).map(str::to_owned));
    }
    if let Some(id) = id_of(signature) {
        return Some(id.to_owned());
    }
    if signature.subtask_type.as_deref() != Some("chain") {
        return None;
    }
    let last = Signature::from_value(parts(signature).last()?).ok()?;
    id_of_result(&last)
}

/// The errbacks of the result of a signature: a chord's and its body's, a group's and its members'.
fn errbacks_of_result(signature: &Signature) -> Vec<Value> {
    let mut errbacks = link_errors(signature);
    if let Some(body) = body_of(signature) {
        errbacks.extend(errbacks_of_result(&body));
    }
    if signature.subtask_type.as_deref() == Some("group") {
        let members = parts(signature);
        let members = members.iter().filter_map(|m| Signature::from_value(m).ok());
        errbacks.extend(members.flat_map(|member| errbacks_of_result(&member)));
    }
    errbacks
}

/// The id of a signature, if it has one.
fn id_of(signature: &Signature) -> Option<&str> {
    signature.option_str("task_id").filter(|id| !id.is_empty())
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
    let mut message = request.message.clone();
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
    let mut message = request.message.clone();
    message
        .header
        .custom
        .insert("redelivered".to_owned(), true.into());
    publish(core, request, message, Timestamp::now()).await
}

async fn publish(
    core: &Core,
    request: &Request,
    task: crate::protocol::TaskMessage,
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

#[cfg(test)]
mod tests {
    use super::{BodyEnd, body_ends, id_of};
    use crate::canvas;
    use crate::protocol::{Signature, Value};

    fn task(name: &str, id: &str) -> Signature {
        let mut sig = Signature::new(name);
        sig.set_option("task_id", id);
        sig
    }

    fn errback(name: &str) -> Value {
        Signature::new(name).to_value()
    }

    /// `id: what fails` of each end.
    fn ids(ends: &[BodyEnd]) -> Vec<String> {
        let id = |step: &Value| {
            let step = Signature::from_value(step).unwrap();
            id_of(&step).unwrap_or("none").to_owned()
        };
        let line = |end: &BodyEnd| {
            let steps: Vec<String> = end.steps.iter().map(id).collect();
            format!("{}: {}", end.id, steps.join(" "))
        };
        ends.iter().map(line).collect()
    }

    fn names(end: &BodyEnd) -> Vec<String> {
        let name = |e: &Value| Signature::from_value(e).unwrap().task;
        end.errbacks.iter().map(name).collect()
    }

    #[test]
    fn every_part_of_a_body_fails_and_what_follows_it() {
        let mut body = canvas::chain([task("a", "1"), task("b", "2")]);
        body.set_option("chain", vec![task("z", "9").to_value()]);
        assert_eq!(ids(&body_ends(body)), ["2: 1 2 9"]);

        let nested = canvas::chord([task("a", "1")], &task("b", "2"));
        assert_eq!(ids(&body_ends(nested)), ["2: 2"]);
    }

    #[test]
    fn each_member_of_a_group_fails_with_its_errbacks_and_the_groups() {
        let mut own = task("b", "2");
        own.set_option("link_error", vec![errback("mine"), errback("all")]);
        let mut chord = canvas::chord([task("x", "8")], &task("c", "3"));
        chord.set_option("link_error", errback("chords"));
        let mut group = canvas::group([task("a", "1"), own, chord]);
        group.set_option("task_id", "g");
        group.set_option("link_error", errback("all"));
        group.set_option("chain", vec![task("z", "9").to_value()]);
        let ends = body_ends(group);
        assert_eq!(ids(&ends), ["1: 1", "2: 2", "3: 3", "g: g 9"]);
        assert_eq!(names(&ends[0]), ["all"]);
        assert_eq!(names(&ends[1]), ["mine", "all"]);
        assert_eq!(names(&ends[2]), ["chords", "all"]);
        assert!(ends[3].errbacks.is_empty());
    }

    #[test]
    fn no_id_is_ever_empty() {
        for id in [None, Some("")] {
            let mut body = Signature::new("a");
            if let Some(id) = id {
                body.set_option("task_id", id);
            }
            body.set_option("link_error", errback("e"));
            let ends = body_ends(body);
            assert!(!ends[0].id.is_empty());
            assert_eq!(ids(&ends), [format!("{0}: {0}", ends[0].id)]);
            assert_eq!(ends[0].errbacks.len(), 1);
        }
        let ends = body_ends(canvas::chain([task("a", ""), task("b", "")]));
        assert!(!ends[0].id.is_empty());
        assert!(ids(&ends)[0].ends_with(": none none"));
    }
}
