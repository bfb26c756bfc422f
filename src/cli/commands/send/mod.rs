//! `rcelery send`: one task here, many in `bulk.rs`.

mod bulk;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;

use super::waiting::{self, Form, Wanted, conclude};
use crate::app::Call;
use crate::cli::cluster::Cluster;
use crate::cli::context::Context;
use crate::cli::error::{Failure, Kind};
use crate::cli::output::progress::{Display, ProgressMode};
use crate::cli::output::table::printable;
use crate::cli::parse::{self, When};
use crate::cli::suggest;
use crate::config::Override;
use crate::producer::Outgoing;
use crate::protocol::{ResultMeta, Value, codec};

/// Content types that are written; pickle never is.
const SERIALIZERS: [&str; 3] = ["json", "msgpack", "yaml"];

const COMPRESSIONS: [&str; 4] = ["gzip", "zlib", "bzip2", "zstd"];

/// Send a task
///
/// Prints the id of the task, and nothing else; with --wait or --progress its result. Many tasks come from --jsonl: one
/// JSON object a line, such as {"task": "demo.add", "args": [2, 3], "kwargs": {}, "options": {"queue": "hi"}}, all but
/// `task` optional; NAME and the options given here are for the lines that don't say otherwise. A file is checked as a
/// whole before anything is sent, stdin as it comes. With --wait or --progress each task prints its result as one line
/// of JSON when it is done, with its "line"; where bars are drawn and stdout is a terminal too, the bars' last lines
/// stand for them.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
Examples:
  rcelery send demo.add -a '[2, 3]'
  rcelery send demo.add -a '[2, 3]' --wait          # prints 5
  rcelery send demo.long_task --progress            # with a bar
  id=$(rcelery send proj.report --countdown 5m)
  echo '[2, 3]' | rcelery send demo.add -a -
  rcelery send demo.add -a '[2, 3]' --check         # only if a worker knows it
  rcelery send --jsonl jobs.jsonl --queue low > ids
  rcelery send --jsonl jobs.jsonl --progress > results.jsonl")]
pub(crate) struct SendArgs {
    /// Name of the task
    #[arg(value_name = "NAME", required_unless_present = "jsonl")]
    name: Option<String>,

    /// Send many tasks: one JSON object a line, from FILE or `-` for stdin
    #[arg(long, value_name = "FILE", conflicts_with_all = ["args", "kwargs", "kwarg", "task_id"])]
    jsonl: Option<String>,

    /// Positional arguments, a JSON array; `-` reads stdin, `@FILE` a file
    #[arg(
        short,
        long,
        value_name = "JSON",
        default_value = "[]",
        hide_default_value = true,
        allow_hyphen_values = true,
        help_heading = "Task options"
    )]
    args: String,

    /// Keyword arguments, a JSON object; `-` reads stdin, `@FILE` a file
    #[arg(
        short,
        long,
        value_name = "JSON",
        default_value = "{}",
        hide_default_value = true,
        allow_hyphen_values = true,
        help_heading = "Task options"
    )]
    kwargs: String,

    /// One keyword argument; VALUE is JSON if it reads as JSON, else text; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse::key_value, help_heading = "Task options")]
    kwarg: Vec<(String, Value)>,

    /// Earliest time to run: ISO 8601, or an offset such as +5m
    #[arg(long, value_name = "TIME", value_parser = parse::eta, conflicts_with = "countdown", help_heading = "Task options")]
    eta: Option<When>,

    /// Time to wait before it runs: seconds, or 30s, 5m, 1h30m
    #[arg(long, value_name = "SECS", value_parser = parse::seconds, allow_hyphen_values = true, help_heading = "Task options")]
    countdown: Option<f64>,

    /// Don't run it after this: ISO 8601, seconds, or 30s, 5m
    #[arg(long, value_name = "TIME", value_parser = parse::expires, allow_hyphen_values = true, help_heading = "Task options")]
    expires: Option<When>,

    /// Id of the task [default: a fresh UUID]
    #[arg(long, value_name = "ID", value_parser = parse::not_empty, help_heading = "Task options")]
    task_id: Option<String>,

    /// Hard time limit: seconds, or 30s, 5m
    #[arg(long, value_name = "SECS", value_parser = parse::duration, allow_hyphen_values = true, help_heading = "Task options")]
    time_limit: Option<Duration>,

    /// Soft time limit: seconds, or 30s, 5m
    #[arg(long, value_name = "SECS", value_parser = parse::duration, allow_hyphen_values = true, help_heading = "Task options")]
    soft_time_limit: Option<Duration>,

    /// Store no result
    #[arg(long, conflicts_with_all = ["wait", "progress"], help_heading = "Task options")]
    ignore_result: bool,

    /// A header of the message; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse::key_value, help_heading = "Task options")]
    header: Vec<(String, Value)>,

    /// Content type of the arguments
    #[arg(long, value_name = "NAME", value_parser = SERIALIZERS, help_heading = "Task options")]
    serializer: Option<String>,

    /// Compression of the arguments
    #[arg(long, value_name = "NAME", value_parser = COMPRESSIONS, help_heading = "Task options")]
    compression: Option<String>,

    /// Queue to send it to
    #[arg(long, value_name = "QUEUE", value_parser = parse::not_empty, help_heading = "Routing options")]
    queue: Option<String>,

    /// Exchange to send it to
    #[arg(long, value_name = "EXCHANGE", help_heading = "Routing options")]
    exchange: Option<String>,

    /// Routing key to send it with
    #[arg(long, value_name = "KEY", help_heading = "Routing options")]
    routing_key: Option<String>,

    /// Priority, 0 to 9; which end is urgent depends on the broker
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=9), allow_negative_numbers = true, help_heading = "Routing options")]
    priority: Option<u8>,

    /// Wait for the result, at most SECS, and print it
    #[arg(short, long, value_name = "SECS", num_args = 0..=1, require_equals = true, value_parser = parse::duration, help_heading = "Waiting options")]
    wait: Option<Option<Duration>>,

    /// Wait for the result, and show how far it is
    #[arg(long, value_name = "HOW", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "auto", help_heading = "Waiting options")]
    progress: Option<ProgressMode>,

    /// Revoke what is not done when the wait is interrupted, running tasks too
    #[arg(long, help_heading = "Waiting options")]
    cancel_on_interrupt: bool,

    /// Ask the workers first, and send nothing if none of them registers the task
    #[arg(long)]
    check: bool,

    /// Try again while the broker can't be reached, as `task_publish_retry_policy` says
    #[arg(long)]
    retry: bool,

    /// Print the message instead of sending it
    #[arg(long, conflicts_with_all = ["wait", "progress"])]
    dry_run: bool,
}

impl SendArgs {
    /// Settings that stand in the options.
    pub(crate) fn overrides(&self) -> Vec<Override> {
        // Someone waits at the terminal: they try again themselves, or say so.
        let retry = if self.retry { "true" } else { "false" };
        vec![Override::new("send", "task_publish_retry", retry)]
    }

    pub(crate) async fn run(mut self, cx: &Context) -> anyhow::Result<ExitCode> {
        if self.cancel_on_interrupt && !self.waits() {
            return Err(Failure::usage(
                "--cancel-on-interrupt is for a wait: add --wait or --progress",
            )
            .into());
        }
        let has_place =
            self.queue.is_some() || self.exchange.is_some() || self.routing_key.is_some();
        if let Some(router) = cx.router.as_deref().filter(|_| !has_place) {
            let message = format!(
                "the app routes its tasks with a function ({router}), which only Python can ask"
            );
            return Err(Failure::new(Kind::Config, message)
                .hint("name the queue with --queue")
                .into());
        }
        match self.jsonl.take() {
            Some(file) => bulk::run(&self, cx, &file).await,
            None => self.one(cx).await,
        }
    }

    async fn one(mut self, cx: &Context) -> anyhow::Result<ExitCode> {
        let now = Timestamp::now();
        if self.args == "-" && self.kwargs == "-" {
            return Err(Failure::usage("--args and --kwargs can't both come from stdin").into());
        }
        self.args = parse::source("--args", &self.args).await?;
        self.kwargs = parse::source("--kwargs", &self.kwargs).await?;
        let name = self.name.clone().unwrap_or_default();
        let call = self.call(cx, &name, now)?;
        let outgoing = call.clone().message().await?;
        if self.check {
            let unknown = check(cx, [(name.as_str(), queue_of(&outgoing))]).await?;
            if let Some(failure) = unknown {
                return Err(failure.into());
            }
        }
        if self.dry_run {
            cx.out.json(&preview(&outgoing))?;
            return Ok(ExitCode::SUCCESS);
        }
        self.warn_of_the_past(cx, now)?;
        // A wait that can't be must be known before the task is sent.
        let backend = if self.waits() {
            Some(cx.reachable_backend().await?)
        } else {
            None
        };
        let queue = queue_of(&outgoing).map(str::to_owned);
        let id = cx.sending(call.apply_async()).await?.id().to_owned();
        let Some(backend) = backend else {
            if cx.out.is_json() {
                let place = queue.unwrap_or(outgoing.destination.routing_key);
                cx.out.json(&Value::from([
                    ("id", id.as_str().into()),
                    ("task", name.as_str().into()),
                    ("queue", place.into()),
                    ("state", "PENDING".into()),
                ]))?;
            } else {
                cx.out.line(&id)?;
                self.warn_of_nobody(cx, queue.as_deref()).await?;
            }
            return Ok(ExitCode::SUCCESS);
        };
        cx.farewell
            .waits_for(std::slice::from_ref(&id), self.cancel_on_interrupt);
        let timeout = self.wait.flatten();
        let mut display = Display::new(&cx.out, self.progress.unwrap_or(ProgressMode::None), 1);
        let task = Wanted {
            id,
            name: Some(name.clone()),
            queue,
        };
        let mut last = None;
        let tasks = [task];
        let mut open = waiting::wait(cx, &backend, &tasks, timeout, &mut display, |meta, _| {
            last = Some(meta.clone());
            Ok(())
        })
        .await?;
        let [task] = tasks;
        let meta = open.remove(&task.id).or(last);
        let meta = meta.unwrap_or_else(|| ResultMeta::pending(&task.id));
        conclude(cx, &meta, Some(&name), timeout, Form::Line)?;
        Ok(ExitCode::SUCCESS)
    }

    fn waits(&self) -> bool {
        self.wait.is_some() || self.progress.is_some()
    }

    fn call(&self, cx: &Context, name: &str, now: Timestamp) -> anyhow::Result<Call<Value>> {
        if name.is_empty() {
            return Err(Failure::usage("the name of the task is empty").into());
        }
        let args = parse::json_array("--args", &self.args)?;
        let mut kwargs = parse::json_object("--kwargs", &self.kwargs)?;
        kwargs.extend(self.kwarg.iter().cloned());
        self.options(cx.app.send_task(name).args(args).kwargs(kwargs), now)
    }

    /// A call with the options of the command line.
    fn options(&self, mut call: Call<Value>, now: Timestamp) -> anyhow::Result<Call<Value>> {
        let out_of_range =
            |option| Failure::usage(format!("invalid value for '{option}': out of range"));
        if let Some(eta) = self.eta {
            call = call.eta(eta.resolve(now).ok_or_else(|| out_of_range("--eta"))?);
        }
        if let Some(seconds) = self.countdown {
            // Negative is allowed, as in Celery: an ETA that has passed.
            call = call.eta(
                When::In(seconds)
                    .resolve(now)
                    .ok_or_else(|| out_of_range("--countdown"))?,
            );
        }
        if let Some(expires) = self.expires {
            call = call.expires(
                expires
                    .resolve(now)
                    .ok_or_else(|| out_of_range("--expires"))?,
            );
        }
        if let Some(id) = &self.task_id {
            call = call.task_id(id);
        }
        if let Some(limit) = self.time_limit {
            call = call.time_limit(limit);
        }
        if let Some(limit) = self.soft_time_limit {
            call = call.soft_time_limit(limit);
        }
        if self.ignore_result {
            call = call.ignore_result(true);
        }
        for (name, value) in &self.header {
            call = call.header(name, value.clone());
        }
        if let Some(name) = &self.serializer {
            call = call.serializer(name);
        }
        if let Some(name) = &self.compression {
            call = call.compression(name);
        }
        if let Some(queue) = &self.queue {
            call = call.queue(queue);
        }
        if let Some(exchange) = &self.exchange {
            call = call.exchange(exchange);
        }
        if let Some(key) = &self.routing_key {
            call = call.routing_key(key);
        }
        if let Some(priority) = self.priority {
            call = call.priority(priority);
        }
        Ok(call)
    }

    /// Tells a person who named a queue that nobody consumes it; at once, or not at all.
    async fn warn_of_nobody(&self, cx: &Context, queue: Option<&str>) -> std::io::Result<()> {
        let person = cx.out.stderr_is_terminal && !cx.out.quiet;
        let Some(queue) = queue.filter(|_| person && self.queue.is_some()) else {
            return Ok(());
        };
        let ask = async {
            let broker = cx.broker().await.ok()?;
            Cluster::ask(cx, &broker, GLANCE).await.ok()
        };
        match timeout(2 * GLANCE, ask).await {
            Ok(Some(cluster)) if cluster.complete && !cluster.consumes(queue) => {
                warn_of_queue(cx, queue)
            }
            // The task is sent; that nobody could be asked is no news.
            _ => Ok(()),
        }
    }

    fn warn_of_the_past(&self, cx: &Context, now: Timestamp) -> std::io::Result<()> {
        let past = |when: Option<When>| {
            when.and_then(|w| w.resolve(now))
                .is_some_and(|at| at.duration_since(now) < SignedDuration::ZERO)
        };
        if past(self.eta) {
            cx.out.warn("--eta is in the past: the task runs at once")?;
        }
        if past(self.expires) {
            cx.out
                .warn("--expires is in the past: the task will not run")?;
        }
        Ok(())
    }
}

/// How long someone at a terminal is kept waiting for a warning.
const GLANCE: Duration = Duration::from_millis(300);

/// How long `--check` waits for the next worker to answer.
const CHECK: Duration = Duration::from_secs(1);

/// What is wrong with tasks and their queues, as far as the online workers know: a task that none of them registers. A
/// queue that nobody consumes is worth a warning.
async fn check<'a>(
    cx: &Context,
    tasks: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> anyhow::Result<Option<Failure>> {
    let broker = cx.broker().await?;
    let cluster = Cluster::ask(cx, &broker, CHECK).await;
    broker.close().await?;
    let cluster = cluster?;
    if cluster.nodes.is_empty() {
        let failure = Failure::new(Kind::NoReply, "nothing was sent: no worker replied");
        return Ok(Some(failure.hint("start a worker, or leave out --check")));
    }
    let mut deserted = BTreeSet::new();
    for (name, queue) in tasks {
        if !cluster.registers(name) {
            let failure = Failure::new(
                Kind::UnknownTask,
                format!(
                    "nothing was sent: no online worker registers `{}`",
                    printable(name)
                ),
            );
            let known = cluster.tasks.keys().map(String::as_str);
            return Ok(Some(match suggest::did_you_mean(name, known) {
                Some(tip) => failure.hint(printable(&tip)),
                None => failure.hint("rcelery inspect registered"),
            }));
        }
        deserted.extend(queue.filter(|q| cluster.complete && !cluster.consumes(q)));
    }
    for queue in deserted {
        warn_of_queue(cx, queue)?;
    }
    Ok(None)
}

fn warn_of_queue(cx: &Context, queue: &str) -> std::io::Result<()> {
    cx.out.warn(format!(
        "no worker consumes queue \"{}\": the task waits there",
        printable(queue)
    ))
}

/// The queue that a message goes to, where it is sent to one.
fn queue_of(outgoing: &Outgoing) -> Option<&str> {
    Some(outgoing.queue.as_ref()?.name.as_str())
}

/// The message as a document: what would be sent where.
fn preview(outgoing: &Outgoing) -> Value {
    let message = &outgoing.message;
    let body = codec::json::from_slice(&message.body)
        .unwrap_or_else(|_| Value::Bytes(message.body.to_vec()));
    let properties = &message.properties;
    Value::from([
        ("exchange", outgoing.destination.exchange.as_str().into()),
        (
            "routing_key",
            outgoing.destination.routing_key.as_str().into(),
        ),
        (
            "queue",
            Value::opt(outgoing.queue.as_ref().map(|q| q.name.as_str())),
        ),
        ("headers", message.headers.clone().into()),
        (
            "properties",
            Value::from([
                (
                    "correlation_id",
                    Value::opt(properties.correlation_id.as_deref()),
                ),
                ("reply_to", Value::opt(properties.reply_to.as_deref())),
                (
                    "delivery_mode",
                    Value::opt(properties.delivery_mode.map(i64::from)),
                ),
                ("priority", Value::opt(properties.priority)),
                ("expiration", Value::opt(properties.expiration.as_deref())),
            ]),
        ),
        ("content_type", message.content_type.as_str().into()),
        ("content_encoding", message.content_encoding.as_str().into()),
        ("body", body),
    ])
}
