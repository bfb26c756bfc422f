//! What a worker is doing, for USR1.

use std::fmt::Write as _;

use crate::cli::output::progress::rough;
use crate::cli::output::table::printable;
use crate::worker::State;
use crate::worker::state::Phase;

/// Says what runs and waits, and in which queues.
pub(super) fn doing(state: &State) -> String {
    let now = jiff::Timestamp::now().as_second() as f64;
    let tables = state.lock();
    let mut text = format!(
        "up {}, {} slots, prefetch {}\nqueues: {}",
        rough(state.uptime()),
        tables.concurrency,
        tables.prefetch_count,
        tables
            .queues
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    );
    for (label, phase) in [
        ("running", Phase::Active),
        ("reserved", Phase::Reserved),
        ("scheduled", Phase::Scheduled),
    ] {
        let requests = tables.requests(phase);
        let _ = write!(text, "\n{label}: {}", requests.len());
        for request in requests.iter().take(MOST_SHOWN) {
            let _ = write!(text, "\n  {}", printable(&request.label()));
            match (phase, request.time_start(), request.eta) {
                (Phase::Active, Some(start), _) => {
                    let _ = write!(text, " {:.0} s", (now - start).max(0.0));
                }
                (Phase::Scheduled, _, Some(eta)) => {
                    let _ = write!(text, " at {eta:.0}");
                }
                _ => {}
            }
        }
        if requests.len() > MOST_SHOWN {
            text.push_str("\n  …");
        }
    }
    text
}

/// So many tasks of each phase are listed.
const MOST_SHOWN: usize = 100;
