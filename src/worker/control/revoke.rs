//! `revoke`: keeps tasks from starting, and cuts off those that run if asked.

use super::base::{
    Arg, ArgKind, Args, Arguments, Control, ControlCommand, Kind, Outcome, Run, ok, raised,
};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nix::sys::signal::Signal;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::backend::BackendError;
use crate::pidbox::Answer;
use crate::protocol::{Exception, ResultMeta, State, Value, repr, time};
use crate::worker::Directive;
use crate::worker::state::Phase;

/// How long noting the revoked state may hold up other commands; the ids are revoked in any case.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// The options of commands that can end what runs.
pub(super) const CUT_OFF: &[Arg] = &[
    Arg::optional("terminate", ArgKind::Bool, "End what runs already"),
    Arg::optional(
        "signal",
        ArgKind::Signal,
        "Signal to end it with [default: SIGTERM]",
    ),
];

pub(super) const COMMAND: ControlCommand = ControlCommand {
    args: Args {
        variadic: Some(Arg::required("task_id", ArgKind::TaskId, "Task ids")),
        options: CUT_OFF,
        usage: "[id1 [id2 [... [idN]]]]",
        ..Args::NONE
    },
    ..ControlCommand::new(
        "revoke",
        Kind::Control,
        "Revoke task by task id (or list of ids)",
        Run::Later(|control, arguments| {
            Box::pin(async move {
                arguments.require(&["task_id"])?;
                revoke(control, arguments, arguments.flag("terminate")).await
            })
        }),
    )
};

/// What `revoke` and `terminate` do.
pub(super) async fn revoke(control: &Control, arguments: &Arguments, terminate: bool) -> Outcome {
    let ids = arguments.texts("task_id")?;
    let signal = if terminate {
        Some(signal(arguments)?)
    } else {
        None
    };
    let (known, running) = {
        let mut tables = control.state.lock();
        tables.revoke(ids.iter().map(String::as_str), Instant::now());
        let placed = |id: &String| tables.at_hand(id).map(|(phase, _)| phase);
        let held = tables.timer.which(&ids);
        let known: Vec<String> = ids
            .iter()
            .filter(|id| held.contains(&***id) || placed(id).is_some())
            .cloned()
            .collect();
        let running: Vec<String> = ids
            .iter()
            .filter(|id| placed(id) == Some(Phase::Active))
            .cloned()
            .collect();
        (known, running)
    };
    let idle: Vec<String> = ids
        .iter()
        .filter(|id| !running.contains(id))
        .cloned()
        .collect();
    match timeout(STORE_TIMEOUT, store_revoked(control, &idle)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(
            "Failed to mark task {} as revoked in backend: {error}",
            idle.join(", ")
        ),
        Err(_) => warn!(
            "Failed to mark task {} as revoked in backend: no answer in {} s",
            idle.join(", "),
            STORE_TIMEOUT.as_secs()
        ),
    }
    let text = match &signal {
        None => {
            info!("Tasks flagged as revoked: {}", ids.join(", "));
            format!("tasks {} flagged as revoked", set_repr(&ids))
        }
        Some(_) if known.is_empty() => "terminate: tasks unknown".to_owned(),
        Some((_, number)) => {
            for id in &known {
                info!("Terminating {id} ({number})");
            }
            format!("terminate: {}", known.join(", "))
        }
    };
    control
        .direct(Directive::Revoke {
            ids,
            terminate: signal.map(|(name, _)| name),
        })
        .await?;
    Ok(ok(&text))
}

/// Stores REVOKED for tasks that no worker has started, so that nobody waits for them.
async fn store_revoked(control: &Control, ids: &[String]) -> Result<(), BackendError> {
    if ids.is_empty() || !control.backend.is_enabled() {
        return Ok(());
    }
    let stored = control.backend.get_many(ids).await?;
    let error = Exception::new(
        "celery.exceptions",
        "TaskRevokedError",
        vec!["revoked".into()],
    );
    let done = time::isoformat(Timestamp::now(), &control.settings.time_zone());
    let waiting = [
        State::PENDING,
        State::RECEIVED,
        State::RETRY,
        State::REJECTED,
    ];
    let metas: Vec<ResultMeta> = ids
        .iter()
        .zip(stored)
        // Whoever has started or finished a task has the say about its state.
        .filter(|(_, meta)| meta.as_ref().is_none_or(|m| waiting.contains(&m.status)))
        .map(|(id, _)| ResultMeta {
            date_done: Some(done.clone()),
            ..ResultMeta::new(id, State::REVOKED, error.to_value())
        })
        .collect();
    if metas.is_empty() {
        return Ok(());
    }
    for outcome in control.backend.store(&metas).await? {
        outcome?;
    }
    Ok(())
}

/// The signal asked for, by name and number; SIGTERM if none is.
pub(super) fn signal(arguments: &Arguments) -> Result<(String, i32), Answer> {
    let found = match arguments.value("signal") {
        given if !given.truthy() => Some(Signal::SIGTERM),
        Value::Int(number) => i32::try_from(*number)
            .ok()
            .and_then(|n| Signal::try_from(n).ok()),
        Value::Str(name) if name.chars().any(char::is_lowercase) => {
            return Err(raised("TypeError", "signal name must be uppercase string."));
        }
        Value::Str(name) => {
            let name = name.strip_prefix("SIG").unwrap_or(name);
            let Ok(signal) = format!("SIG{name}").parse() else {
                let message = format!("module 'signal' has no attribute 'SIG{name}'");
                return Err(raised("AttributeError", &message));
            };
            Some(signal)
        }
        _ => None,
    };
    match found {
        Some(signal) => Ok((signal.as_str().to_owned(), signal as i32)),
        None => {
            let given = repr::pyrepr(arguments.value("signal"));
            Err(raised("ValueError", &format!("{given} is not a signal")))
        }
    }
}

/// Python's `repr` of a set of texts.
pub(super) fn set_repr(items: &[String]) -> String {
    if items.is_empty() {
        return "set()".to_owned();
    }
    let items: Vec<String> = items
        .iter()
        .map(|item| repr::pyrepr(&item.as_str().into()))
        .collect();
    format!("{{{}}}", items.join(", "))
}
