//! Parse → context → logging → command → exit code.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _, ValueEnum as _};

use super::commands::Command;
use super::context::{Context, GlobalArgs};
use super::error::{Failure, Kind, Report, Silent, is_broken_pipe};
use super::farewell::Farewell;
use super::output::colour::ColourChoice;
use super::output::{Format, Out};
use super::python::Asked;
use super::{absent, complete, examples, logging, signals, variables};
use crate::app::App;
use crate::pidbox::Command as Request;
use crate::protocol::{Map, Value};

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (protocol 2, celery 5.7)");

/// Celery in Rust: send tasks, run them, see how they are doing
///
/// Speaks Celery's own wire: Python producers, workers and monitors can stand at the other end. Without a broker named
/// anywhere, messages and results are kept in one SQLite file, the same for every command.
#[derive(Debug, clap::Parser)]
#[command(
    name = "rcelery",
    version = VERSION,
    disable_help_subcommand = true,
    args_override_self = true,
    subcommand_value_name = "COMMAND",
    max_term_width = 100,
    after_help = "See also: rcelery help exit-codes, rcelery help config",
    after_long_help = "\
Examples:
  rcelery worker -l INFO                                  # in one terminal
  rcelery send demo.add -a '[2, 3]' --wait                # in another: prints 5
  rcelery send demo.long_task --progress
  rcelery -b redis://localhost:6379/0 status

See also: rcelery help exit-codes, rcelery help config"
)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,

    #[command(subcommand)]
    command: Option<Command>,
}

/// The whole command line as clap sees it.
pub(super) fn command() -> clap::Command {
    examples::add(Cli::command())
}

/// Runs the command line on this program's arguments: `main` of `rcelery`, and of a program with tasks of its own.
#[must_use]
pub fn run(app: App) -> ExitCode {
    let argv: Vec<OsString> = std::env::args_os().collect();
    if let Some(code) = complete::answer(&argv, &app) {
        return code;
    }
    let cli = match parse(&argv) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let out = cli.global.out();
    match dispatch(cli, app) {
        Ok(code) => code,
        Err(error) => conclude(&out, &error),
    }
}

fn parse(argv: &[OsString]) -> Result<Cli, ExitCode> {
    let seen = Glimpse::of(argv);
    let mut command = command();
    let parsed = command
        .try_get_matches_from_mut(argv)
        .and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    match parsed {
        // Celery prints its help and succeeds.
        Ok((cli, _)) if cli.command.is_none() => Err(seen.show(&command.render_help())),
        Ok((cli, matches)) => furnish(cli, &matches, argv, &command),
        Err(error) if error.use_stderr() => {
            let error = error.format(&mut command);
            Err(seen.refuse(&error, &command))
        }
        Err(help_or_version) => Err(seen.show(&help_or_version.render())),
    }
}

/// Adds what the environment says of the command's options.
fn furnish(
    cli: Cli,
    matches: &clap::ArgMatches,
    argv: &[OsString],
    root: &clap::Command,
) -> Result<Cli, ExitCode> {
    let furnished = match variables::apply(matches, argv, command) {
        Ok(Some(matches)) => Cli::from_arg_matches(&matches),
        Ok(None) => return Ok(cli),
        Err(failure) => return Err(conclude(&cli.global.out(), &failure.into())),
    };
    furnished.map_err(|error| Glimpse::of(argv).refuse(&error, root))
}

/// What must be known before the arguments are parsed, since it decides how a failure to parse them looks.
#[derive(Debug, PartialEq)]
struct Glimpse {
    colour: ColourChoice,
    no_color: bool,
    json: bool,
}

impl Glimpse {
    fn of(argv: &[OsString]) -> Self {
        let mut seen = Self {
            colour: ColourChoice::Auto,
            no_color: false,
            json: false,
        };
        let mut words = argv.iter().skip(1).map(OsString::as_os_str).peekable();
        while let Some(word) = words.next() {
            let colour = |when: Option<&OsStr>| {
                when.and_then(OsStr::to_str)
                    .and_then(|when| ColourChoice::from_str(when, false).ok())
                    .unwrap_or_default()
            };
            match word.to_str() {
                Some("--") => break,
                Some("--no-color") => seen.no_color = true,
                Some("--color") => seen.colour = colour(words.peek().copied()),
                Some("--json" | "--format=json") => seen.json = true,
                Some("--format") => seen.json |= words.peek() == Some(&OsStr::new("json")),
                Some(word) => {
                    if let Some(when) = word.strip_prefix("--color=") {
                        seen.colour = colour(Some(OsStr::new(when)));
                    } else if let Some(flags) = word.strip_prefix('-')
                        && flags.chars().all(|c| "jqvC".contains(c))
                    {
                        seen.json |= flags.contains('j');
                        seen.no_color |= flags.contains('C');
                    }
                }
                None => {}
            }
        }
        seen
    }

    /// Where to write, with what was seen.
    fn out(&self) -> Out {
        let format = if self.json {
            Format::Json
        } else {
            Format::Auto
        };
        Out::new(format, self.colour, self.no_color, false)
    }

    /// Prints help or the version.
    fn show(&self, text: &StyledStr) -> ExitCode {
        match self.out().styled(text) {
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
            _ => ExitCode::SUCCESS,
        }
    }

    /// Says what is wrong with the arguments.
    fn refuse(&self, error: &clap::Error, root: &clap::Command) -> ExitCode {
        let out = self.out();
        let unknown = match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
            (ErrorKind::InvalidSubcommand, Some(ContextValue::String(name))) => {
                absent::command(name, root)
            }
            _ => None,
        };
        if let Some(failure) = unknown {
            return conclude(&out, &failure.into());
        }
        let text = error.render();
        if self.json {
            return conclude(&out, &in_short(&text.to_string()).into());
        }
        let text = if out.colour_err {
            text.ansi().to_string()
        } else {
            text.to_string()
        };
        // With stderr gone as well, the exit code says it.
        let _ = out.error(text.trim_end());
        ExitCode::from(Kind::Usage.exit())
    }
}

/// What clap says in paragraphs, as a message and a hint.
fn in_short(text: &str) -> Failure {
    let text = text.trim_start_matches("error: ").trim_end();
    let (message, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let tips: Vec<&str> = rest
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("tip: "))
        .collect();
    let failure = Failure::usage(message);
    if tips.is_empty() {
        failure
    } else {
        failure.hint(tips.join("; "))
    }
}

fn dispatch(cli: Cli, app: App) -> anyhow::Result<ExitCode> {
    let Cli { global, command } = cli;
    let Some(command) = command else {
        return Ok(ExitCode::SUCCESS);
    };
    // A process that will detach leaves it to its child, which gets the same arguments.
    if let Some(dir) = global
        .workdir
        .as_ref()
        .filter(|_| !command.will_detach(&global))
    {
        std::env::set_current_dir(dir).map_err(|e| {
            Failure::usage(format!(
                "can't change to the directory `{}`: {e}",
                dir.display()
            ))
        })?;
    }
    if let Some(outcome) = command.run_offline(&global) {
        return outcome;
    }
    let overrides = command.overrides()?;
    match command {
        Command::Worker(worker) => worker.start(app, global, overrides),
        command => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .context("starting the runtime")?;
            let outcome = runtime.block_on(client(command, app, global, overrides));
            // A read of stdin that nobody answers must not keep the program.
            runtime.shutdown_timeout(Duration::from_millis(100));
            outcome
        }
    }
}

/// How long connections may take to close when all is done.
const CLOSING: Duration = Duration::from_secs(1);

async fn client(
    command: Command,
    app: App,
    global: GlobalArgs,
    overrides: Vec<crate::config::Override>,
) -> anyhow::Result<ExitCode> {
    let farewell = Farewell::default();
    let out = global.out();
    logging::install(global.log_level(), None, out.colour_err)?;
    // Who names the broker does not want to wait for Python.
    let has_broker = global.broker.is_some() || std::env::var_os("CELERY_BROKER_URL").is_some();
    let python = if has_broker {
        None
    } else {
        global.load_python(Asked::default())?
    };
    let cx = Context::new(app, global, farewell.clone(), overrides, python.as_ref())?;
    let outcome = tokio::select! {
        biased;
        code = signals::interrupted() => Err(code?),
        outcome = command.run(&cx) => Ok(outcome),
    };
    match outcome {
        Ok(outcome) => {
            let _ = tokio::time::timeout(CLOSING, cx.app.close()).await;
            outcome.map_err(|error| cx.placed(error))
        }
        // The command, with what it has drawn, is gone by now.
        Err(code) => {
            let words = match cancel(&cx, farewell.to_cancel()).await? {
                Some(cancelled) => Some(cancelled),
                None => farewell.words(),
            };
            if let Some(words) = words {
                cx.out.error(words)?;
            }
            Ok(ExitCode::from(code))
        }
    }
}

/// How long revoking may take when the command was interrupted.
const CANCELLING: Duration = Duration::from_secs(5);

/// Revokes tasks, running ones too, and says so; a second interrupt ends that at once.
async fn cancel(cx: &Context, ids: Vec<String>) -> anyhow::Result<Option<String>> {
    if ids.is_empty() {
        return Ok(None);
    }
    let count = match ids.len() {
        1 => ids[0].clone(),
        n => format!("{n} tasks"),
    };
    let arguments = Map::from_iter([
        (
            "task_id".to_owned(),
            Value::List(ids.into_iter().map(Value::from).collect()),
        ),
        ("terminate".to_owned(), true.into()),
        ("signal".to_owned(), "SIGTERM".into()),
    ]);
    let revoke = async {
        let broker = cx.broker().await?;
        let command = Request::new("revoke", arguments);
        let sent = cx.mailbox(&broker)?.broadcast(&command).await;
        broker.close().await?;
        anyhow::Ok(sent?)
    };
    let sent = tokio::select! {
        biased;
        code = signals::interrupted() => {
            code?;
            return Ok(None);
        }
        sent = tokio::time::timeout(CANCELLING, revoke) => sent,
    };
    Ok(match sent {
        Ok(Ok(_)) => Some(format!("cancelled: {count}")),
        Ok(Err(error)) => {
            cx.out.warn(format!("can't cancel {count}: {error:#}"))?;
            None
        }
        Err(_) => {
            cx.out
                .warn(format!("can't cancel {count}: the broker does not answer"))?;
            None
        }
    })
}

/// Says what went wrong, once, and turns it into an exit code.
fn conclude(out: &Out, error: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    if let Some(Silent(code)) = error.downcast_ref() {
        return ExitCode::from(*code);
    }
    let report = Report::of(error);
    let text = if out.is_json() {
        report.json()
    } else {
        report.text(out.colour_err)
    };
    // With stderr gone as well, the exit code says it.
    let _ = writeln!(io::stderr(), "{text}");
    ExitCode::from(report.kind.exit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glimpse(argv: &[&str]) -> Glimpse {
        let argv: Vec<OsString> = argv.iter().map(Into::into).collect();
        Glimpse::of(&argv)
    }

    #[test]
    fn clap_finds_nothing_wrong_with_the_tree() {
        command().debug_assert();
    }

    #[test]
    fn everything_has_a_help_text() {
        fn check(command: &clap::Command) {
            assert!(
                command.get_about().is_some(),
                "{} has none",
                command.get_name()
            );
            for arg in command.get_arguments().filter(|a| !a.is_hide_set()) {
                assert!(
                    arg.get_help().is_some(),
                    "{} {} has none",
                    command.get_name(),
                    arg.get_id()
                );
            }
            command.get_subcommands().for_each(check);
        }
        check(&command());
    }

    #[test]
    fn global_options_stand_before_or_after_the_subcommand() {
        for argv in [
            [
                "rcelery",
                "-A",
                "proj",
                "-q",
                "send",
                "t",
                "-b",
                "redis://x",
            ],
            [
                "rcelery",
                "send",
                "t",
                "-b",
                "redis://x",
                "-A",
                "proj",
                "-q",
            ],
        ] {
            let matches = command().try_get_matches_from(argv).unwrap();
            let cli = Cli::from_arg_matches(&matches).unwrap();
            assert_eq!(cli.global.app.as_deref(), Some("proj"));
            assert_eq!(cli.global.broker.as_deref(), Some("redis://x"));
            assert!(cli.global.quiet);
        }
    }

    /// Start scripts put their own options behind those of a file (`$CELERYD_OPTS`), and Celery takes the last.
    #[test]
    fn the_last_of_an_option_given_twice_counts() {
        let argv = [
            "rcelery",
            "-b",
            "redis://x",
            "worker",
            "-c",
            "1",
            "-c",
            "2",
            "-b",
            "redis://y",
        ];
        let matches = command().try_get_matches_from(argv).unwrap();
        let cli = Cli::from_arg_matches(&matches).unwrap();
        assert_eq!(cli.global.broker.as_deref(), Some("redis://y"));
        assert!(
            format!("{cli:?}").contains("concurrency: Some(2)"),
            "{cli:?}"
        );
    }

    #[test]
    fn no_color_in_the_environment_is_no_argument() {
        let matches = command()
            .try_get_matches_from(["rcelery", "status"])
            .unwrap();
        assert!(!Cli::from_arg_matches(&matches).unwrap().global.no_color);
        assert!(
            command()
                .get_arguments()
                .all(|a| a.get_env() != Some("NO_COLOR".as_ref()))
        );
    }

    #[test]
    fn colour_and_json_are_seen_before_parsing() {
        assert!(glimpse(&["x", "sned", "-j"]).json);
        assert!(glimpse(&["x", "--format", "json"]).json);
        assert!(!glimpse(&["x", "--", "-j"]).json);
        assert!(glimpse(&["x", "status", "-qj"]).json);
        assert!(!glimpse(&["x", "send", "-ja"]).json);
        assert!(glimpse(&["x", "-C"]).no_color);
        assert_eq!(
            glimpse(&["x", "--color=always"]).colour,
            ColourChoice::Always
        );
        assert_eq!(
            glimpse(&["x", "--color", "never"]).colour,
            ColourChoice::Never
        );
    }

    #[test]
    fn a_tip_of_claps_is_a_hint_in_json() {
        let error = command().try_get_matches_from(["rcelery", "sned"]);
        let failure = in_short(&error.unwrap_err().render().to_string());
        assert_eq!(failure.message, "unrecognized subcommand 'sned'");
        assert_eq!(
            failure.hint.as_deref(),
            Some("a similar subcommand exists: 'send'")
        );
    }
}
