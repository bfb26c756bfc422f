//! `rcelery completions`.

use std::process::ExitCode;

use clap_complete::Shell;

use crate::cli::output::Out;

/// Print a completion script for a shell
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
Examples:
  rcelery completions bash > ~/.local/share/bash-completion/completions/rcelery
  rcelery completions zsh > ~/.zfunc/_rcelery
  rcelery completions fish > ~/.config/fish/completions/rcelery.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl CompletionsArgs {
    pub(crate) fn run(&self, out: &Out) -> anyhow::Result<ExitCode> {
        out.raw(&script(self.shell))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn script(shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut crate::cli::run::command(), "rcelery", &mut text);
    text
}
