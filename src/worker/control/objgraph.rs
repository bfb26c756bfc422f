//! `objgraph`: a graph of Python objects: there are none here.

use super::base::{ArgKind, Args, ControlCommand, Kind, Run, raised};
use std::time::Duration;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    timeout: Some(Duration::from_secs(60)),
    args: Args {
        positional: &[
            ("type", ArgKind::Text),
            ("num", ArgKind::Int),
            ("max_depth", ArgKind::Int),
        ],
        variadic: None,
        usage: "[object_type=Request] [num=200 [max_depth=10]]",
    },
    ..ControlCommand::new(
        "objgraph",
        Kind::Inspect,
        "Create graph of uncollected objects (memory-leak debugging)",
        // As a Python worker answers that lacks the library.
        Run::Now(|_, _| Err(raised("ImportError", "Requires the objgraph library"))),
    )
};
