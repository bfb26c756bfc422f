//! `rcelery config`: `show.rs`, `path.rs`, `check.rs`, and `import/` of what Celery reads.

mod check;
mod import;
mod path;
mod show;

use std::process::ExitCode;

use crate::cli::context::{Context, GlobalArgs};

/// Show, check or import the configuration
#[derive(Debug, Clone, clap::Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_long_help = "\
Examples:
  rcelery config show                       # what is set, and where
  rcelery config show --all 'worker_*'
  rcelery config path
  rcelery config import celeryconfig.py     # writes rcelery.toml
  rcelery config check --config /etc/rcelery.toml"
)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum ConfigCommand {
    Show(show::ShowArgs),
    Path(path::PathArgs),
    Check(check::CheckArgs),
    Import(import::ImportArgs),
}

impl ConfigArgs {
    /// Runs what must work whatever is wrong with the configuration.
    pub(crate) fn run_offline(&self, global: &GlobalArgs) -> Option<anyhow::Result<ExitCode>> {
        match &self.command {
            ConfigCommand::Path(args) => Some(args.run(global)),
            ConfigCommand::Import(args) => Some(args.run(global)),
            ConfigCommand::Show(_) | ConfigCommand::Check(_) => None,
        }
    }

    pub(crate) async fn run(&self, cx: &Context) -> anyhow::Result<ExitCode> {
        match &self.command {
            ConfigCommand::Show(args) => args.run(cx),
            ConfigCommand::Check(args) => args.run(cx).await,
            ConfigCommand::Path(_) | ConfigCommand::Import(_) => {
                unreachable!("run before a context was made")
            }
        }
    }
}
