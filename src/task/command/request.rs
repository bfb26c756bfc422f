//! What a program is told: the request on standard input, and its environment.

use std::ffi::{OsStr, OsString};

use super::definition::Definition;
use super::process::PROGRESS_FD;
use crate::protocol::codec::json;
use crate::protocol::{Map, Value};
use crate::task::Context;

/// Variables that stay with `clear_env`: what programs need to find others, their files, language and time zone.
const ESSENTIAL: &[&str] = &[
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TERM",
];

/// Variables of the worker's own configuration, which may hold passwords.
const WORKERS: &[&str] = &["BROKER_URL", "RESULT_BACKEND"];

/// The request as one JSON object, with the names of Celery's `self.request`.
pub(super) fn document(cx: &Context) -> Vec<u8> {
    let request = cx.request();
    let header = &request.message.header;
    let delivery = &request.delivery_info;
    let number = |seconds: Option<f64>| seconds.map_or(Value::Null, Value::Float);
    let mut document = Map::new();
    let mut put = |name: &str, value: Value| {
        document.insert(name.to_owned(), value);
    };
    put("task", header.task.as_str().into());
    put("id", header.id.as_str().into());
    put("args", request.message.args.clone().into());
    put("kwargs", request.message.kwargs.clone().into());
    put("retries", header.retries.into());
    put("eta", Value::opt(header.eta.as_deref()));
    put("expires", Value::opt(header.expires.as_deref()));
    put("root_id", Value::opt(header.root_id.as_deref()));
    put("parent_id", Value::opt(header.parent_id.as_deref()));
    put("group", Value::opt(header.group.as_deref()));
    put("group_index", Value::opt(header.group_index));
    put("shadow", Value::opt(header.shadow.as_deref()));
    put("origin", Value::opt(header.origin.as_deref()));
    put("hostname", (&*request.hostname).into());
    put("ignore_result", request.ignore_result.into());
    put("reply_to", Value::opt(request.reply_to.as_deref()));
    put(
        "correlation_id",
        Value::opt(request.correlation_id.as_deref()),
    );
    let (hard, soft) = header.timelimit;
    put("timelimit", vec![number(hard), number(soft)].into());
    put(
        "delivery_info",
        Value::from([
            ("exchange", delivery.exchange.as_str().into()),
            ("routing_key", delivery.routing_key.as_str().into()),
            ("priority", Value::opt(request.priority)),
            ("redelivered", delivery.redelivered.into()),
        ]),
    );
    put("headers", header.custom.clone().into());
    put("stamps", header.stamps.clone().into());
    let mut text = json::to_vec(&document.into());
    text.push(b'\n');
    text
}

/// The variables that a program gets of the worker's own.
pub(super) fn inherited(definition: &Definition) -> Vec<(OsString, OsString)> {
    std::env::vars_os()
        .filter(|(name, _)| is_passed(definition, name))
        .chain(own(definition))
        .collect()
}

/// The variables of the definition, which win.
fn own(definition: &Definition) -> impl Iterator<Item = (OsString, OsString)> {
    let env = definition.env.iter();
    env.map(|(name, value)| (name.into(), value.into()))
}

fn is_passed(definition: &Definition, name: &OsStr) -> bool {
    let text = name.to_string_lossy();
    let text = text.as_ref();
    if definition.pass_env.iter().any(|wanted| wanted == text) {
        return true;
    }
    if definition.clear_env {
        return ESSENTIAL.contains(&text) || text.starts_with("LC_");
    }
    !(WORKERS.contains(&text) || text.starts_with("CELERY") || text.starts_with("RCELERY"))
}

/// All variables of one run.
pub(super) fn environment(definition: &Definition, cx: &Context) -> Vec<(OsString, OsString)> {
    let header = &cx.request().message.header;
    let mut env = inherited(definition);
    let mut put = |name: &str, value: &str| env.push((name.into(), value.into()));
    put("RCELERY_TASK_ID", cx.id());
    put("RCELERY_TASK_NAME", cx.task());
    put("RCELERY_TASK_RETRIES", &cx.retries().to_string());
    put(
        "RCELERY_TASK_ROOT_ID",
        header.root_id.as_deref().unwrap_or_default(),
    );
    put(
        "RCELERY_TASK_PARENT_ID",
        header.parent_id.as_deref().unwrap_or_default(),
    );
    put(
        "RCELERY_TASK_GROUP_ID",
        header.group.as_deref().unwrap_or_default(),
    );
    put(
        "RCELERY_TASK_QUEUE",
        &cx.request().delivery_info.routing_key,
    );
    put("RCELERY_HOSTNAME", cx.hostname());
    put("RCELERY_PROGRESS_FD", &PROGRESS_FD.to_string());
    // Ids are whatever a sender chose.
    for (_, value) in &mut env {
        if value.as_encoded_bytes().contains(&0) {
            *value = value.to_string_lossy().replace('\0', "").into();
        }
    }
    env
}

/// The value of a variable, the last that was set.
pub(super) fn variable<'a>(env: &'a [(OsString, OsString)], name: &str) -> Option<&'a OsStr> {
    let found = env.iter().rev().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_os_str())
}
