//! `rcelery send`.

use std::process::ExitCode;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::waiting::{self, conclude};
use crate::app::Call;
use crate::cli::cluster::Cluster;
use crate::cli::context::Context;
use crate::cli::error::{Failure, Kind};
use crate::cli::output::progress::{Display, ProgressMode};
use crate::cli::output::table::printable;
use crate::cli::parse::{self, When};
use crate::cli::suggest;
use crate::producer::Outgoing;
use crate::protocol::{ResultMeta, Value, codec};

/// Send a task
///
/// Prints the id of the task, and nothing else; with --wait or --progress its result.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
Examples:
  rcelery send demo.add -a '[2, 3]'
  rcelery send demo.add -a '[2, 3]' --wait          # prints 5
  rcelery send demo.long_task --progress            # with a bar
  id=$(rcelery send proj.report --countdown 5m)
  echo '[2, 3]' | rcelery send demo.add -a -")]
pub(crate) struct SendArgs {
    /// Name of the task
    #[arg(value_name = "NAME")]
    name: String,

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
    #[arg(long, value_name = "ID", help_heading = "Task options")]
    task_id: Option<String>,

    /// Hard time limit: seconds, or 30s, 5m
    #[arg(long, value_name = "SECS", value_parser = parse::duration, help_heading = "Task options")]
    time_limit: Option<Duration>,

    /// Soft time limit: seconds, or 30s, 5m
    #[arg(long, value_name = "SECS", value_parser = parse::duration, help_heading = "Task options")]
    soft_time_limit: Option<Duration>,

    /// Store no result
    #[arg(long, conflicts_with_all = ["wait", "progress"], help_heading = "Task options")]
    ignore_result: bool,

    /// A header of the message; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse::key_value, help_heading = "Task options")]
    header: Vec<(String, Value)>,

    /// Content type of the arguments
    #[arg(long, value_name = "NAME", value_parser = ["json", "msgpack", "yaml"], help_heading = "Task options")]
    serializer: Option<String>,

    /// Compression of the arguments
    #[arg(long, value_name = "NAME", value_parser = ["gzip", "zlib", "bzip2", "zstd"], help_heading = "Task options")]
    compression: Option<String>,

    /// Queue to send it to
    #[arg(long, value_name = "QUEUE", help_heading = "Routing options")]
    queue: Option<String>,

    /// Exchange to send it to
    #[arg(long, value_name = "EXCHANGE", help_heading = "Routing options")]
    exchange: Option<String>,

    /// Routing key to send it with
    #[arg(long, value_name = "KEY", help_heading = "Routing options")]
    routing_key: Option<String>,

    /// Priority, 0 to 9; which end is urgent depends on the broker
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=9), help_heading = "Routing options")]
    priority: Option<u8>,

    /// Wait for the result, at most SECS, and print it
    #[arg(short, long, value_name = "SECS", num_args = 0..=1, require_equals = true, value_parser = parse::duration, help_heading = "Waiting options")]
    wait: Option<Option<Duration>>,

    /// Wait for the result, and show how far it is
    #[arg(long, value_name = "HOW", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "auto", help_heading = "Waiting options")]
    progress: Option<ProgressMode>,

    /// Ask the workers first, and send nothing if none of them registers the task
    #[arg(long)]
    check: bool,

    /// Print the message instead of sending it
    #[arg(long, conflicts_with_all = ["wait", "progress"])]
    dry_run: bool,
}

impl SendArgs {
    pub(crate) async fn run(mut self, cx: &Context) -> anyhow::Result<ExitCode> {
        let now = Timestamp::now();
        if self.args == "-" && self.kwargs == "-" {
            return Err(Failure::usage("--args and --kwargs can't both come from stdin").into());
        }
        self.args = parse::source("--args", &self.args)?;
        self.kwargs = parse::source("--kwargs", &self.kwargs)?;
        let call = self.call(cx, now)?;
        if self.check {
            check(cx, &self.name, call.clone()).await?;
        }
        if self.dry_run {
            let outgoing = call.message().await?;
            cx.out.json(&preview(&outgoing))?;
            return Ok(ExitCode::SUCCESS);
        }
        self.warn_of_the_past(cx, now)?;
        let waits = self.wait.is_some() || self.progress.is_some();
        // A wait that can't be must be known before the task is sent.
        let backend = if waits {
            Some(cx.reachable_backend().await?)
        } else {
            None
        };
        let queue = if waits || cx.out.is_json() {
            Some(route(call.clone()).await?)
        } else {
            None
        };
        let id = cx.sending(call.apply_async()).await?.id().to_owned();
        let Some(backend) = backend else {
            if cx.out.is_json() {
                cx.out.json(&Value::from([
                    ("id", id.as_str().into()),
                    ("task", self.name.as_str().into()),
                    ("queue", Value::opt(queue)),
                    ("state", "PENDING".into()),
                ]))?;
            } else {
                cx.out.line(&id)?;
            }
            return Ok(ExitCode::SUCCESS);
        };
        cx.say_on_interrupt(format!("still running: rcelery result --wait {id}"));
        let timeout = self.wait.flatten();
        let mode = self.progress.unwrap_or(ProgressMode::None);
        let mut display = Display::new(&cx.out, mode, false);
        display.add(&id, &self.name, queue.as_deref())?;
        let ids = [id.clone()];
        let mut last =
            waiting::wait(&backend, &ids, timeout, |meta| Ok(display.update(meta)?)).await?;
        display.clear();
        let meta = last.remove(&id).unwrap_or_else(|| ResultMeta::pending(&id));
        conclude(cx, &meta, Some(&self.name), timeout)?;
        Ok(ExitCode::SUCCESS)
    }

    fn call(&self, cx: &Context, now: Timestamp) -> anyhow::Result<Call<Value>> {
        if self.name.is_empty() {
            return Err(Failure::usage("the name of the task is empty").into());
        }
        let args = parse::json_array("--args", &self.args)?;
        let mut kwargs = parse::json_object("--kwargs", &self.kwargs)?;
        kwargs.extend(self.kwarg.iter().cloned());
        let mut call = cx.app.send_task(&self.name).args(args).kwargs(kwargs);
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

/// How long `--check` waits for the next worker to answer.
const CHECK: Duration = Duration::from_secs(1);

/// Fails unless a worker that is online registers the task.
async fn check(cx: &Context, name: &str, call: Call<Value>) -> anyhow::Result<()> {
    let broker = cx.broker().await?;
    let cluster = Cluster::ask(cx, &broker, CHECK).await;
    broker.close().await?;
    let cluster = cluster?;
    if cluster.registers(name) {
        let queue = route(call).await?;
        if cluster.complete && !cluster.consumes(&queue) {
            cx.out.warn(format!(
                "no worker consumes queue \"{}\"",
                printable(&queue)
            ))?;
        }
        return Ok(());
    }
    if cluster.nodes.is_empty() {
        let failure = Failure::new(Kind::NoReply, "nothing was sent: no worker replied");
        return Err(failure.hint("start a worker, or leave out --check").into());
    }
    let failure = Failure::new(
        Kind::UnknownTask,
        format!(
            "nothing was sent: no online worker registers `{}`",
            printable(name)
        ),
    );
    let known = cluster.tasks.keys().map(String::as_str);
    Err(match suggest::did_you_mean(name, known) {
        Some(tip) => failure.hint(printable(&tip)),
        None => failure.hint("rcelery inspect registered"),
    }
    .into())
}

/// The queue, or the routing key, that the task goes to.
async fn route(call: Call<Value>) -> anyhow::Result<String> {
    let outgoing = call.message().await?;
    Ok(match outgoing.queue {
        Some(queue) => queue.name,
        None => outgoing.destination.routing_key,
    })
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
