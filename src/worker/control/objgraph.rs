//! `objgraph`: a graph of Python objects: there are none here.

use super::base::{Arg, ArgKind, Args, ControlCommand, Kind, Run, raised};
use std::time::Duration;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    timeout: Some(Duration::from_secs(60)),
    args: Args {
        positional: &[
            Arg::optional("type", ArgKind::Text, "Python class [default: Request]"),
            Arg::optional("num", ArgKind::Int(1), "How many objects [default: 200]"),
            Arg::optional(
                "max_depth",
                ArgKind::Int(1),
                "How deep to follow references [default: 10]",
            ),
        ],
        usage: "[object_type=Request] [num=200 [max_depth=10]]",
        ..Args::NONE
    },
    ..ControlCommand::new(
        "objgraph",
        Kind::Inspect,
        "Create graph of uncollected objects (memory-leak debugging)",
        // As a Python worker answers that lacks the library.
        Run::Now(|_, _| Err(raised("ImportError", "Requires the objgraph library"))),
    )
};
