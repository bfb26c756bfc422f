//! `rcelery man`.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap_mangen::Man;

use crate::cli::error::{EXIT_CODES, JSON_ERRORS, Kind, WORST};
use crate::cli::output::Out;

/// Write the man pages
///
/// Without a directory, the page of rcelery itself goes to stdout.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
Examples:
  rcelery man | man -l -
  rcelery man ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Directory for one page per subcommand
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

impl ManArgs {
    pub(crate) fn run(&self, out: &Out) -> anyhow::Result<ExitCode> {
        let pages = all().context("writing man pages")?;
        match &self.dir {
            None => out.raw(&pages[0].1)?,
            Some(dir) => {
                std::fs::create_dir_all(dir)
                    .with_context(|| format!("creating `{}`", dir.display()))?;
                for (name, text) in &pages {
                    let path = dir.join(name);
                    std::fs::write(&path, text)
                        .with_context(|| format!("writing `{}`", path.display()))?;
                }
                out.note(format!(
                    "{} pages written to {}",
                    pages.len(),
                    dir.display()
                ))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// File name and text of every page, that of the program itself first.
fn all() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut root = crate::cli::run::command();
    root.build();
    let mut pages = Vec::new();
    collect(&root, &mut pages)?;
    Ok(pages)
}

fn collect(command: &clap::Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let title = command
        .get_display_name()
        .unwrap_or(command.get_name())
        .to_owned();
    pages.push((format!("{title}.1"), page(command, &title)?));
    for sub in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        collect(sub, pages)?;
    }
    Ok(())
}

fn page(command: &clap::Command, title: &str) -> io::Result<Vec<u8>> {
    // A page has room for what -h leaves out; mangen would leave its text out as well.
    let command = command
        .clone()
        .mut_args(|arg| match arg.get_help().cloned() {
            Some(help) if arg.is_hide_short_help_set() && arg.get_long_help().is_none() => {
                arg.long_help(help)
            }
            _ => arg,
        });
    let is_root = !title.contains('-');
    let is_worker = command.get_name() == "worker";
    let usage = command.clone().render_usage().to_string();
    let examples = command
        .get_after_long_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let has_commands = command.get_subcommands().any(|c| !c.is_hide_set());
    let man = Man::new(command)
        .title(title.to_uppercase())
        .source("rcelery")
        .manual("rcelery");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    // The usage line, as --help has it: mangen would list every option a second time.
    let mut more = String::from(".SH SYNOPSIS\n");
    let _ = writeln!(more, "{}", escape(usage.trim_start_matches("Usage: ")));
    text.extend_from_slice(more.as_bytes());
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if has_commands {
        man.render_subcommands_section(&mut text)?;
    }
    let mut more = String::from(".SH EXAMPLES\n.nf\n");
    let lines = examples.lines().skip(1).take_while(|l| !l.is_empty());
    for line in lines {
        let _ = writeln!(more, "{}", escape(line.strip_prefix("  ").unwrap_or(line)));
    }
    more.push_str(".fi\n");
    let codes = EXIT_CODES.iter().map(|(code, m)| (code.to_string(), *m));
    section(&mut more, "EXIT STATUS", codes);
    let _ = writeln!(more, ".PP\n{}", escape(WORST));
    if is_root {
        let codes = Kind::ALL
            .iter()
            .map(|kind| (kind.code(), format!("exit code {}", kind.exit())));
        section(&mut more, "JSON ERRORS", codes);
        let _ = writeln!(more, ".PP\n{}", escape(JSON_ERRORS));
    }
    if is_worker {
        section(&mut more, "SIGNALS", SIGNALS.iter().copied());
    }
    let variables = variables(title);
    let variables = variables.iter().map(|(n, m)| (n.as_str(), m.as_str()));
    let all = variables.chain(ENVIRONMENT.iter().copied());
    section(&mut more, "ENVIRONMENT", all);
    section(&mut more, "FILES", FILES.iter().copied());
    if !is_root {
        let parent = title
            .rsplit_once('-')
            .map_or("rcelery", |(parent, _)| parent);
        let _ = writeln!(more, ".SH \"SEE ALSO\"\n.BR {} (1)", escape(parent));
    }
    text.extend_from_slice(more.as_bytes());
    Ok(text)
}

/// A section of terms and what they mean.
fn section<T: AsRef<str>, M: AsRef<str>>(
    page: &mut String,
    name: &str,
    terms: impl Iterator<Item = (T, M)>,
) {
    let _ = writeln!(page, ".SH \"{name}\"");
    for (term, meaning) in terms {
        let (term, meaning) = (escape(term.as_ref()), escape(meaning.as_ref()));
        let _ = writeln!(page, ".TP\n\\fB{term}\\fR\n{meaning}");
    }
}

/// Text that roff prints as it stands.
fn escape(text: &str) -> String {
    let text = text
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq");
    if text.starts_with('.') {
        format!("\\&{text}")
    } else {
        text
    }
}

/// The variables that stand for options of the command of this page.
fn variables(title: &str) -> Vec<(String, String)> {
    let root = crate::cli::run::command();
    let path: Vec<&str> = title.split('-').skip(1).collect();
    let mut at = &root;
    for name in &path {
        let Some(sub) = at.find_subcommand(name) else {
            return Vec::new();
        };
        at = sub;
    }
    crate::cli::variables::of(at, &path)
        .into_iter()
        .map(|variable| {
            (
                variable.names.join(", "),
                format!("as --{}", variable.option),
            )
        })
        .collect()
}

const SIGNALS: &[(&str, &str)] = &[
    (
        "TERM",
        "warm shutdown: running tasks finish, however long they take",
    ),
    (
        "INT",
        "as TERM; the second cuts running tasks and gives their messages back, the third does not wait for that",
    ),
    (
        "QUIT",
        "cuts running tasks, after worker_soft_shutdown_timeout if that is set",
    ),
    (
        "HUP",
        "without a terminal: warm shutdown, then the worker starts again; else as TERM",
    ),
    ("USR1", "prints what the worker is doing to stderr"),
];

pub(super) const ENVIRONMENT: &[(&str, &str)] = &[
    ("CELERY_BROKER_URL", "the broker; -b comes first"),
    (
        "CELERY_RESULT_BACKEND",
        "the result back end; --result-backend comes first",
    ),
    (
        "BROKER_URL, RESULT_BACKEND",
        "the same, if nothing else names one",
    ),
    (
        "RCELERY_CONFIG",
        "the configuration file; --config comes first",
    ),
    ("CELERY_APP, CELERY_WORKDIR", "as --app and --workdir"),
    (
        "CELERY_BROKER_URL_FILE",
        "a file whose first line is the URL, for mounted secrets; CELERY_RESULT_BACKEND_FILE likewise",
    ),
    (
        "CELERY_<SETTING>",
        "any setting: CELERY_TASK_DEFAULT_QUEUE=hi; lists and tables as JSON",
    ),
    (
        "CELERY_<COMMAND>_<OPTION>",
        "any option of a command that takes a value: CELERY_STATUS_TIMEOUT=2",
    ),
    (
        "NO_COLOR, CLICOLOR_FORCE, TERM",
        "whether to colour, where --color does not say",
    ),
];

pub(super) const FILES: &[(&str, &str)] = &[
    (
        "rcelery.toml",
        "settings, looked for in the working directory",
    ),
    (
        "$XDG_CONFIG_HOME/rcelery/config.toml, /etc/rcelery.toml",
        "settings, if there is none in the working directory",
    ),
    (
        "$XDG_STATE_HOME/rcelery/rcelery.db",
        "the default broker and result back end",
    ),
];
