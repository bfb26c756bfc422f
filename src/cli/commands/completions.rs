//! `rcelery completions`.

use std::process::ExitCode;

use clap_complete::Shell;

use crate::cli::output::Out;

/// Print a completion script for a shell
///
/// The script knows commands, options and their values. With COMPLETE=SHELL in its environment the program prints another
/// one, which asks the program itself each time, and so knows the names of tasks, queues and nodes and recent ids: of the
/// broker that the line, the environment or the configuration names. It answers within 0.3 s, remembers what workers say
/// for a minute ($XDG_CACHE_HOME/rcelery), and offers nothing where nobody answers.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
Examples:
  rcelery completions bash > ~/.local/share/bash-completion/completions/rcelery
  rcelery completions zsh > ~/.zfunc/_rcelery
  rcelery completions fish > ~/.config/fish/completions/rcelery.fish

With names of tasks, queues, nodes and ids, in ~/.bashrc, ~/.zshrc and config.fish:
  source <(COMPLETE=bash rcelery)
  source <(COMPLETE=zsh rcelery)
  COMPLETE=fish rcelery | source")]
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
