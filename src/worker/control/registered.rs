//! `registered`: the tasks that the worker can run.

use super::base::{Arg, ArgKind, Args, Arguments, Control, ControlCommand, Kind, Outcome, Run};
use std::time::Duration;

use crate::config::Settings;
use crate::protocol::Value;
use crate::task::TaskOptions;

/// What is shown of each task unless the asker names other attributes (`DEFAULT_TASK_INFO_ITEMS`).
const DEFAULT_ITEMS: [&str; 3] = ["exchange", "routing_key", "rate_limit"];

pub(super) const COMMAND: ControlCommand = ControlCommand {
    alias: Some("dump_tasks"),
    args: Args {
        variadic: Some(Arg::optional(
            "taskinfoitems",
            ArgKind::Text,
            "Options to show instead of exchange, routing_key and rate_limit",
        )),
        usage: "[attr1 [attr2 [... [attrN]]]]",
        ..Args::NONE
    },
    ..ControlCommand::new(
        "registered",
        Kind::Inspect,
        "List of registered tasks",
        Run::Now(registered),
    )
};

fn registered(control: &Control, arguments: &Arguments) -> Outcome {
    let mut items = arguments.texts("taskinfoitems")?;
    if items.is_empty() {
        items = DEFAULT_ITEMS.map(str::to_owned).to_vec();
    }
    let builtins = arguments.flag("builtins");
    let tables = control.state.lock();
    let lines = control
        .tasks
        .iter()
        .filter(|task| builtins || !task.name().starts_with("celery."))
        .map(|task| {
            let limit = tables.rate_limits.get(task.name());
            let time = tables.time_limits.get(task.name());
            let info: Vec<String> = items
                .iter()
                .filter_map(|item| {
                    let value = match (item.as_str(), limit, time) {
                        ("name", ..) => Some(task.name().to_owned()),
                        ("rate_limit", Some((text, _)), _) => Some(text.clone()),
                        ("time_limit", _, Some(limits)) => limits.hard.map(seconds),
                        ("soft_time_limit", _, Some(limits)) => limits.soft.map(seconds),
                        (item, ..) => attribute(task.options(), &control.settings, item),
                    };
                    value.map(|value| format!("{item}={value}"))
                })
                .collect();
            let name = task.name();
            if info.is_empty() {
                name.into()
            } else {
                format!("{name} [{}]", info.join(" ")).into()
            }
        });
    Ok(Value::List(lines.collect()))
}

/// An attribute of a task as Python's `str` shows it; none if the task has no such attribute or it is `None`.
fn attribute(task: &TaskOptions, settings: &Settings, name: &str) -> Option<String> {
    let flag = |own: Option<bool>, default: bool| {
        let on = own.unwrap_or(default);
        Some(if on { "True" } else { "False" }.to_owned())
    };
    match name {
        "queue" => task.queue.clone(),
        "exchange" => task.exchange.clone(),
        "routing_key" => task.routing_key.clone(),
        "priority" => task.priority.map(|p| p.to_string()),
        "serializer" => Some(
            task.serializer
                .clone()
                .unwrap_or_else(|| settings.task_serializer.clone()),
        ),
        "compression" => task
            .compression
            .clone()
            .or_else(|| settings.task_compression.clone()),
        "expires" => task.expires.map(seconds),
        "max_retries" => task.max_retries.map(|n| n.to_string()),
        "default_retry_delay" => Some(seconds(task.default_retry_delay)),
        "retry_backoff" => Some(
            task.retry_backoff
                .map_or_else(|| "False".to_owned(), seconds),
        ),
        "retry_backoff_max" => Some(seconds(task.retry_backoff_max)),
        "retry_jitter" => flag(Some(task.retry_jitter), true),
        "rate_limit" => task
            .rate_limit_text
            .clone()
            .or_else(|| settings.task_default_rate_limit.clone()),
        "time_limit" => task.time_limit.or(settings.task_time_limit).map(seconds),
        "soft_time_limit" => task
            .soft_time_limit
            .or(settings.task_soft_time_limit)
            .map(seconds),
        "acks_late" => flag(task.acks_late, settings.task_acks_late),
        "acks_on_failure_or_timeout" => flag(
            task.acks_on_failure_or_timeout,
            settings.task_acks_on_failure_or_timeout,
        ),
        "reject_on_worker_lost" => task
            .reject_on_worker_lost
            .or(settings.task_reject_on_worker_lost)
            .and_then(|on| flag(Some(on), false)),
        "ignore_result" => flag(task.ignore_result, settings.task_ignore_result),
        "store_errors_even_if_ignored" => flag(
            task.store_errors_even_if_ignored,
            settings.task_store_errors_even_if_ignored,
        ),
        "track_started" => flag(task.track_started, settings.task_track_started),
        "send_events" => flag(Some(task.send_events), true),
        _ => None,
    }
}

/// Seconds as Python writes a number: whole ones without a point.
fn seconds(duration: Duration) -> String {
    duration.as_secs_f64().to_string()
}
