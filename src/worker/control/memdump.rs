//! `memdump`: the samples of memory taken since the last time, and one more.

use super::base::{Arg, ArgKind, Args, ControlCommand, Kind, Run};
use std::sync::PoisonError;

use super::memsample::resident;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    args: Args {
        positional: &[Arg::optional(
            "samples",
            ArgKind::Int(1),
            "How many samples [default: 10]",
        )],
        usage: "[n_samples=10]",
        ..Args::NONE
    },
    ..ControlCommand::new(
        "memdump",
        Kind::Inspect,
        "Dump statistics of previous memsample requests",
        Run::Now(|control, arguments| {
            let most = arguments.count("samples")?.unwrap_or(10).max(1);
            let samples: Vec<String> = control
                .memory_samples
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .drain(..)
                .collect();
            let step = samples.len().div_ceil(most).max(1);
            let mut text = String::new();
            if !samples.is_empty() {
                text.push_str("- rss (sample):\n");
            }
            for sample in samples.iter().step_by(step) {
                text.push_str(&format!("-    > {sample},\n"));
            }
            text.push_str(&format!("- rss (end): {}.\n", resident()));
            Ok(text.into())
        }),
    )
};
