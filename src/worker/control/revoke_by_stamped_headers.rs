//! `revoke_by_stamped_headers`: keeps tasks with given stamps from starting, and cuts off those that run if asked.

use super::base::{
    Arg, ArgKind, Args, Arguments, Control, ControlCommand, Kind, Outcome, Run, as_list, ok, raised,
};
use indexmap::IndexMap;
use tracing::info;

use super::revoke::{CUT_OFF, set_repr, signal};
use crate::protocol::{Map, Value, repr};
use crate::worker::Directive;
use crate::worker::state::Phase;

/// How many values of one stamp are kept: as many as revoked ids.
const STAMPS_MAX: usize = 50_000;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    args: Args {
        variadic: Some(Arg::required(
            "headers",
            ArgKind::Stamp,
            "Stamps that mark the tasks",
        )),
        options: CUT_OFF,
        usage: "[key1=value1 [key2=value2 [... [keyN=valueN]]]]",
        ..Args::NONE
    },
    ..ControlCommand::new(
        "revoke_by_stamped_headers",
        Kind::Control,
        "Revoke task by header (or list of headers)",
        Run::Later(|control, arguments| Box::pin(revoke(control, arguments))),
    )
};

async fn revoke(control: &Control, arguments: &Arguments) -> Outcome {
    arguments.require(&["headers"])?;
    let (name, number) = signal(arguments)?;
    let headers = headers(arguments.value("headers"))?;
    let shown = repr::pyrepr(&Value::Map(headers.clone()));
    let running = {
        let mut tables = control.state.lock();
        for (stamp, values) in &headers {
            let revoked = tables.revoked_stamps.entry(stamp.clone()).or_default();
            for value in as_list(values) {
                if !revoked.contains(value) {
                    revoked.push(value.clone());
                }
            }
            let surplus = revoked.len().saturating_sub(STAMPS_MAX);
            revoked.drain(..surplus);
        }
        tables.requests(Phase::Active)
    };
    if !arguments.flag("terminate") {
        let text = format!("headers {shown} flagged as revoked, but not terminated");
        return Ok(ok(&text));
    }
    let mut matched: IndexMap<&str, Vec<String>> = IndexMap::new();
    let mut ids = Vec::new();
    for request in &running {
        for (stamp, values) in &headers {
            let Some(found) = request.message.header.stamps.get(stamp) else {
                continue;
            };
            let hits = as_list(found)
                .iter()
                .filter(|v| as_list(values).contains(v));
            for hit in hits {
                let hits = matched.entry(stamp).or_default();
                let hit = repr::pystr(hit);
                if !hits.contains(&hit) {
                    hits.push(hit);
                }
                if !ids.iter().any(|id| id == request.id()) {
                    info!("Terminating {} ({number})", request.id());
                    ids.push(request.id().to_owned());
                }
            }
        }
    }
    if ids.is_empty() {
        return Ok(ok(&format!("headers {shown} were not terminated")));
    }
    control
        .direct(Directive::Revoke {
            ids,
            terminate: Some(name),
        })
        .await?;
    let matched: Vec<String> = matched
        .iter()
        .map(|(stamp, hits)| format!("{}: {}", repr::pyrepr(&(*stamp).into()), set_repr(hits)))
        .collect();
    let text = format!(
        "headers defaultdict(<class 'set'>, {{{}}}) revoked",
        matched.join(", ")
    );
    Ok(ok(&text))
}

/// `{name: value or values}`, or a list of `name=value`.
fn headers(given: &Value) -> Result<Map, crate::pidbox::Answer> {
    match given {
        Value::Map(map) => Ok(map.clone()),
        Value::List(pairs) => pairs
            .iter()
            .map(|pair| match pair.as_str().and_then(|p| p.split_once('=')) {
                Some((name, value)) => Ok((name.to_owned(), value.into())),
                None => Err(raised("IndexError", "list index out of range")),
            })
            .collect(),
        other => {
            let kind = other.type_name();
            Err(raised(
                "AttributeError",
                &format!("'{kind}' object has no attribute 'items'"),
            ))
        }
    }
}
