//! Progress: lines of JSON on a descriptor of their own, stored as the task's state.

use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::sync::watch;
use tokio::time::sleep;

use super::streams::{Lines, printable};
use crate::protocol::codec::json;
use crate::protocol::{State, Value};
use crate::task::Context;

/// A longer line is no progress.
const LINE: usize = 64 * 1024;
/// How much time there is between two states that are stored: of those in between the last counts.
const PAUSE: Duration = Duration::from_millis(200);
/// How many bad lines are logged.
const BAD_LINES: u32 = 10;
/// How much of a bad line is logged.
const SHOWN: usize = 200;

/// A state to be stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Report {
    state: State,
    meta: Value,
}

/// Reads one line: `{"state": …, "meta": …}`, or any JSON as the meta of PROGRESS.
fn read(line: &[u8]) -> Result<Report, String> {
    let value = json::from_slice(line).map_err(|e| e.to_string())?;
    let map = match value {
        Value::Map(map) => map,
        meta => {
            return Ok(Report {
                state: State::PROGRESS,
                meta,
            });
        }
    };
    let names_state = map.get("state").is_some_and(|s| matches!(s, Value::Str(_)))
        && map.keys().all(|key| key == "state" || key == "meta");
    if !names_state {
        return Ok(Report {
            state: State::PROGRESS,
            meta: map.into(),
        });
    }
    let state = State::new(map["state"].as_str().unwrap_or_default());
    let is_ours = state.is_ready()
        || [
            State::PENDING,
            State::RECEIVED,
            State::RETRY,
            State::REJECTED,
            State::IGNORED,
        ]
        .contains(&state);
    if is_ours || state.as_str().is_empty() {
        return Err(format!("`{state}` is not a state for a program to set"));
    }
    Ok(Report {
        state,
        meta: map.get("meta").cloned().unwrap_or_default(),
    })
}

/// Reads reports to the end of the pipe. It never waits for the storing: a program must not wait for a back end.
pub(super) async fn listen(mut from: pipe::Receiver, latest: watch::Sender<Option<Report>>) {
    let mut chunk = vec![0; 4096];
    let mut lines = Lines::new(LINE, b"\n");
    let mut bad = 0;
    let mut take = |line: &[u8], is_cut: bool| {
        let report = if is_cut {
            Err(format!("it is longer than {LINE} bytes"))
        } else {
            read(line)
        };
        match report {
            Ok(report) => {
                latest.send_replace(Some(report));
            }
            Err(reason) => {
                bad += 1;
                if bad <= BAD_LINES {
                    let shown = printable(&line[..line.len().min(SHOWN)]);
                    tracing::warn!("a line of progress is ignored: {reason}: {shown}");
                }
            }
        }
    };
    while let Ok(n @ 1..) = from.read(&mut chunk).await {
        lines.push(&chunk[..n], &mut take);
    }
    lines.flush(&mut take);
}

/// Stores what is reported, not too often, until it is dropped.
pub(super) async fn store(cx: &Context, mut latest: watch::Receiver<Option<Report>>) {
    while latest.changed().await.is_ok() {
        let report = latest.borrow_and_update().clone();
        if let Some(Report { state, meta }) = report
            && let Err(error) = cx.update_state(state, &meta).await
        {
            tracing::debug!("{error}");
        }
        sleep(PAUSE).await;
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(line: &str) -> Result<(String, Value), String> {
        read(line.as_bytes()).map(|r| (r.state.as_str().to_owned(), r.meta))
    }

    #[test]
    fn any_json_is_progress_and_a_state_may_be_named() {
        let meta = Value::from([("current", 1.into()), ("total", 3.into())]);
        assert_eq!(
            report(r#"{"current": 1, "total": 3}"#),
            Ok(("PROGRESS".into(), meta.clone()))
        );
        assert_eq!(report("42"), Ok(("PROGRESS".into(), 42.into())));
        assert_eq!(
            report(r#"{"state": "LOADING", "meta": {"current": 1, "total": 3}}"#),
            Ok(("LOADING".into(), meta))
        );
        assert_eq!(
            report(r#"{"state": "LOADING"}"#),
            Ok(("LOADING".into(), Value::Null))
        );
        // A meta of one's own that has a `state` in it.
        let own = Value::from([("state", "warm".into()), ("current", 1.into())]);
        assert_eq!(
            report(r#"{"state": "warm", "current": 1}"#),
            Ok(("PROGRESS".into(), own))
        );
    }

    #[test]
    fn a_program_can_not_declare_itself_done() {
        for state in ["SUCCESS", "FAILURE", "REVOKED", "RETRY", "PENDING", ""] {
            let line = format!(r#"{{"state": "{state}"}}"#);
            assert_eq!(
                report(&line).unwrap_err(),
                format!("`{state}` is not a state for a program to set")
            );
        }
        assert!(report("half a line").is_err());
    }
}
