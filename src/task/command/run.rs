//! One run of a command, from its arguments to its result.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::definition::{Definition, Meaning, Output, Program};
use super::process::{Plan, Running, find, start};
use super::streams::{Tail, feed, follow, gather};
use super::{failure, progress, request, streams, template};
use crate::protocol::{Exception, Map, Value, repr};
use crate::task::{Context, RetryRequest, Stop, TaskError};

/// How long what a program leaves behind, in its group or at its pipes, may go on after its end.
const LINGER: Duration = Duration::from_secs(1);
/// How long a cold shutdown lets programs end by themselves.
const COLD_GRACE: Duration = Duration::from_secs(2);
/// How long a killed group may take to be gone; what hangs in the kernel is not waited for.
const KILLED: Duration = Duration::from_secs(2);

/// Runs it.
pub(super) async fn run(
    definition: Arc<Definition>,
    cx: Context,
    args: Vec<Value>,
    kwargs: Map,
) -> Result<Value, TaskError> {
    let plan = plan(&definition, &cx, &args, &kwargs)?;
    let file = plan.program.to_string_lossy().into_owned();
    if let Some(cwd) = plan.cwd.as_deref().filter(|cwd| !cwd.is_dir()) {
        let errno = if cwd.exists() {
            Errno::ENOTDIR
        } else {
            Errno::ENOENT
        };
        return Err(failure::os_error(errno, &cwd.to_string_lossy()));
    }
    let running = start(&plan).map_err(|error| failure::not_started(&error, &file))?;
    let mut seen = Seen::default();
    let document = if definition.stdin {
        request::document(&cx)
    } else {
        Vec::new()
    };
    let end = watch_over(&definition, &cx, running, &document, &mut seen).await?;
    conclude(&definition, &plan, &end, &mut seen)
}

/// What is started for these arguments.
fn plan(
    definition: &Definition,
    cx: &Context,
    args: &[Value],
    kwargs: &Map,
) -> Result<Plan, TaskError> {
    let bound = definition.params.bind(&definition.name, args, kwargs)?;
    let mut env = request::environment(definition, cx);
    let (called, args) = match &definition.program {
        Program::Words(words) => {
            let mut words = template::fill(words, &bound, !definition.allow_dash)?.into_iter();
            let called = words.next().unwrap_or_default();
            (called, words.collect())
        }
        Program::Script { shell, text } => {
            let mut words: Vec<OsString> =
                vec!["-c".into(), text.into(), (&definition.name).into()];
            for param in &definition.params.list {
                let value = template::text(&param.name, bound.get(&param.name))?;
                env.push(((&param.name).into(), (&value).into()));
                words.push(value.into());
            }
            if let Some(name) = &definition.params.rest {
                for item in template::items(bound.get(name)) {
                    words.push(template::text(name, item)?.into());
                }
            }
            (shell.into(), words)
        }
    };
    let name = called.to_string_lossy();
    let path = request::variable(&env, "PATH");
    let program =
        find(&name, path, &definition.base).map_err(|errno| failure::os_error(errno, &name))?;
    Ok(Plan {
        program,
        called,
        args,
        env,
        cwd: definition.cwd.clone(),
        stdin: definition.stdin,
        stdout: definition.output != Output::None,
    })
}

/// What came out of a program.
#[derive(Debug, Default)]
struct Seen {
    stdout: Vec<u8>,
    stderr: Tail,
}

/// How a program ended.
#[derive(Debug)]
struct End {
    /// None if it was killed and hangs in the kernel.
    status: Option<ExitStatus>,
    soft_limit: bool,
    too_much: bool,
}

/// Stays with a program until all of its group is gone, and ends it when it is told to.
async fn watch_over(
    definition: &Definition,
    cx: &Context,
    running: Running,
    document: &[u8],
    seen: &mut Seen,
) -> Result<End, TaskError> {
    let Running {
        mut group,
        mut child,
        stdin,
        stdout,
        stderr,
        progress: pipe,
    } = running;
    let (reports, latest) = watch::channel(None);
    let too_much = CancellationToken::new();
    let storing = progress::store(cx, latest);
    let streams = async {
        tokio::join!(
            feed(stdin, document),
            gather(stdout, &mut seen.stdout, definition.max_output, &too_much),
            follow(stderr, &mut seen.stderr, definition.stderr),
            progress::listen(pipe, reports),
        );
    };
    let soft = cx.soft_time_limit();
    tokio::pin!(storing, streams, soft);
    let (mut status, mut is_read) = (None, false);
    let (mut is_stopped, mut soft_limit, mut is_killed) = (false, false, false);
    let mut kill_at: Option<Instant> = None;
    while status.is_none() || !is_read {
        tokio::select! {
            biased;
            ended = child.wait(), if status.is_none() => {
                let ended = ended.map_err(|error| failure::not_started(&error, &definition.name))?;
                status = Some(ended);
                // Asked now, so that nobody else gets our signals who is given its number.
                group.is_gone();
                kill_at = Some(Instant::now() + LINGER);
            }
            why = cx.stopped(), if !is_stopped => {
                is_stopped = true;
                kill_at = Some(Instant::now() + tell(&why, &group, definition.grace));
            }
            () = &mut soft, if !soft_limit => {
                soft_limit = true;
                say_soft_limit(cx);
                group.signal(Signal::SIGTERM);
                // The hard limit says how long it may take, where there is one.
                if cx.time_limits().hard.is_none() {
                    kill_at = Some(Instant::now() + definition.grace);
                }
            }
            () = too_much.cancelled(), if !is_killed => {
                is_killed = true;
                group.kill();
                kill_at = Some(Instant::now() + KILLED);
            }
            () = sleep_until(kill_at.unwrap_or_else(Instant::now)), if kill_at.is_some() => {
                let is_over = status.is_some() || is_killed;
                if !is_killed && status.is_some() && !group.is_gone() {
                    say_left_behind();
                }
                is_killed = true;
                group.kill();
                if is_over {
                    break;
                }
                kill_at = Some(Instant::now() + KILLED);
            }
            () = &mut streams, if !is_read => is_read = true,
            () = &mut storing => {}
        }
    }
    if !is_read {
        // What is in the pipes still counts; whoever left the group and holds them does not.
        let _ = timeout(LINGER / 10, &mut streams).await;
    }
    if !group.is_gone() && !is_killed && !group.gone(LINGER).await {
        say_left_behind();
    }
    group.kill();
    if !group.gone(KILLED).await {
        tracing::warn!("some of its processes were killed and are still there");
    }
    Ok(End {
        status,
        soft_limit,
        too_much: too_much.is_cancelled(),
    })
}

/// Passes on that the run is cut off; how long the program may take to end.
fn tell(why: &Stop, group: &super::process::Group, grace: Duration) -> Duration {
    let (signal, grace) = match why {
        Stop::TimeLimit(_) => (Signal::SIGKILL, Duration::ZERO),
        Stop::Cancel => (Signal::SIGTERM, grace.min(COLD_GRACE)),
        Stop::Terminate(name) => (signal(name), grace),
    };
    group.signal(signal);
    // A stopped process does not see that it is to end.
    group.signal(Signal::SIGCONT);
    grace
}

/// A signal by its name, with or without `SIG`; SIGTERM if there is none of that name.
fn signal(name: &str) -> Signal {
    let name = name.to_ascii_uppercase();
    let name = format!("SIG{}", name.strip_prefix("SIG").unwrap_or(&name));
    name.parse().unwrap_or(Signal::SIGTERM)
}

fn say_soft_limit(cx: &Context) {
    let seconds = cx.time_limits().soft.unwrap_or_default().as_secs_f64();
    let seconds = repr::float_repr(seconds);
    let seconds = seconds.strip_suffix(".0").unwrap_or(&seconds);
    // In the worker's words, as of any other task.
    tracing::warn!(
        target: "rcelery::worker",
        "Soft time limit ({seconds}s) exceeded for {}[{}]",
        cx.task(),
        cx.id()
    );
}

fn say_left_behind() {
    tracing::info!("ending the processes that it left behind");
}

/// What the end of a program means for the task.
fn conclude(
    definition: &Definition,
    plan: &Plan,
    end: &End,
    seen: &mut Seen,
) -> Result<Value, TaskError> {
    let stderr = seen.stderr.text();
    if end.too_much {
        let message = format!(
            "more than {} bytes of output (max_output): the program was ended",
            definition.max_output
        );
        let exception = Exception::builtin("OverflowError", &message);
        return Err(failure::failed(exception, &stderr));
    }
    let killed = -(Signal::SIGKILL as i32);
    let code = end.status.map_or(killed, |status| {
        let signal = || -status.signal().unwrap_or_default();
        status.code().unwrap_or_else(signal)
    });
    let meaning = definition.exit_codes.get(&code).copied();
    match meaning.unwrap_or(Meaning::Failure) {
        Meaning::Success => streams::result(definition.output, &seen.stdout),
        Meaning::Failure if end.soft_limit => {
            let exception =
                Exception::new("billiard.exceptions", "SoftTimeLimitExceeded", Vec::new());
            Err(failure::failed(exception, &stderr))
        }
        Meaning::Failure => Err(failure::failed(
            failure::ended(code, plan, &stderr),
            &stderr,
        )),
        Meaning::Retry => {
            let cause = failure::ended(code, plan, &stderr);
            let mut retry = RetryRequest::default().backoff();
            retry.traceback = Some(failure::traceback(&cause, &stderr));
            retry.cause = Some(cause);
            Err(retry.into())
        }
        Meaning::Ignore => Err(TaskError::Ignore),
        meaning => Err(TaskError::Reject {
            requeue: meaning == Meaning::Requeue,
            reason: failure::ended(code, plan, &stderr).message(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_their_names_with_and_without_sig() {
        assert_eq!(signal("SIGINT"), Signal::SIGINT);
        assert_eq!(signal("int"), Signal::SIGINT);
        assert_eq!(signal("nonsense"), Signal::SIGTERM);
    }
}
