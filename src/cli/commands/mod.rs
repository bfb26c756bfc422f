//! The subcommands: one file each, and this table of them.

pub(super) mod completions;
mod config;
mod control;
pub(super) mod help;
mod inspect;
pub(super) mod man;
mod purge;
mod remote;
mod result;
mod send;
mod status;
mod table;
mod waiting;
mod worker;

use std::process::ExitCode;

use super::context::{Context, GlobalArgs};
use crate::config::Override;

/// A subcommand with its arguments.
#[derive(Debug, Clone, clap::Subcommand)]
pub(super) enum Command {
    Worker(Box<worker::WorkerArgs>),
    #[command(visible_alias = "call")]
    Send(Box<send::SendArgs>),
    Result(result::ResultArgs),
    Status(status::StatusArgs),
    Inspect(inspect::InspectArgs),
    Control(control::ControlArgs),
    Purge(purge::PurgeArgs),
    Config(config::ConfigArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    Help(help::HelpArgs),
}

impl Command {
    /// Runs those that need no settings; none if this is not one of them.
    pub(super) fn run_offline(&self, global: &GlobalArgs) -> Option<anyhow::Result<ExitCode>> {
        match self {
            Self::Config(args) => args.run_offline(global),
            Self::Completions(args) => Some(args.run(&global.out())),
            Self::Man(args) => Some(args.run(&global.out())),
            Self::Help(args) => Some(args.run(&global.out())),
            Self::Inspect(args) => args.run_offline(&global.out()),
            Self::Control(args) => args.run_offline(&global.out()),
            _ => None,
        }
    }

    /// Whether another process will do the work.
    pub(super) fn will_detach(&self, global: &GlobalArgs) -> bool {
        matches!(self, Self::Worker(args) if args.will_detach(global))
    }

    /// Settings that stand in the command's own options.
    pub(super) fn overrides(&self) -> anyhow::Result<Vec<Override>> {
        match self {
            Self::Worker(args) => args.overrides(),
            Self::Send(args) => Ok(args.overrides()),
            _ => Ok(Vec::new()),
        }
    }

    /// Runs a command that asks or sends something and ends.
    pub(super) async fn run(self, cx: &Context) -> anyhow::Result<ExitCode> {
        match self {
            Self::Worker(_) | Self::Completions(_) | Self::Man(_) | Self::Help(_) => {
                unreachable!("run before a context was made")
            }
            Self::Config(args) => args.run(cx).await,
            Self::Send(args) => args.run(cx).await,
            Self::Result(args) => args.run(cx).await,
            Self::Status(args) => args.run(cx).await,
            Self::Inspect(args) => args.run(cx).await,
            Self::Control(args) => args.run(cx).await,
            Self::Purge(args) => args.run(cx).await,
        }
    }
}
