//! `send --jsonl`: many tasks, one JSON object a line.
//!
//! Lines are read, checked and sent in batches, so that their number doesn't matter. A file is read twice: as long as one
//! line is wrong, nothing is sent.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::process::ExitCode;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{SendArgs, check, preview, queue_of};
use crate::app::Call;
use crate::cli::commands::waiting::{self, Wanted, document, exit_of, worse};
use crate::cli::context::Context;
use crate::cli::error::{Failure, Kind, Report, Silent};
use crate::cli::output::progress::{Display, ProgressMode};
use crate::cli::parse::{self, When};
use crate::cli::suggest;
use crate::producer::Outgoing;
use crate::protocol::{Map, ResultMeta, Value};

/// Tasks per message to the broker, and lines that wait to be read.
const BATCH: usize = 500;

/// A batch ends with the message that makes it this large.
const BATCH_BYTES: usize = 8 << 20;

/// Keys of a line.
const KEYS: [&str; 4] = ["task", "args", "kwargs", "options"];

/// Keys of `options`.
const OPTIONS: [&str; 20] = [
    "queue",
    "exchange",
    "routing_key",
    "priority",
    "countdown",
    "eta",
    "expires",
    "task_id",
    "time_limit",
    "soft_time_limit",
    "ignore_result",
    "headers",
    "serializer",
    "compression",
    "shadow",
    "root_id",
    "parent_id",
    "group_id",
    "link",
    "link_error",
];

type Lines = mpsc::Receiver<io::Result<(usize, String)>>;

/// One line, ready to be sent.
#[derive(Debug)]
struct Job {
    line: usize,
    name: String,
    outgoing: Outgoing,
}

pub(super) async fn run(args: &SendArgs, cx: &Context, file: &str) -> anyhow::Result<ExitCode> {
    // A wait that can't be must be known before anything is sent.
    let backend = if args.waits() {
        Some(cx.reachable_backend().await?)
    } else {
        None
    };
    let bulk = Bulk {
        args,
        cx,
        now: Timestamp::now(),
        file: if file == "-" { "stdin" } else { file },
    };
    let twice = file != "-" && std::fs::metadata(file).is_ok_and(|m| m.is_file());
    if twice {
        bulk.rehearse(lines(file)?).await?;
    }
    args.warn_of_the_past(cx, bulk.now)?;
    let sent = bulk.send(lines(file)?, args.check && !twice).await?;
    match backend {
        Some(backend) => bulk.wait(&backend, &sent).await,
        None => Ok(ExitCode::SUCCESS),
    }
}

/// The lines that are not blank, with their numbers from 1, read by a thread of their own.
fn lines(file: &str) -> anyhow::Result<Lines> {
    let (sender, lines) = mpsc::channel(BATCH);
    let input: Box<dyn BufRead + Send> = if file == "-" {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let opened = File::open(file).map_err(|e| {
            Failure::usage(format!(
                "invalid value for '--jsonl': can't read `{file}`: {e}"
            ))
        })?;
        if opened.metadata().is_ok_and(|m| m.is_dir()) {
            return Err(Failure::usage(format!(
                "invalid value for '--jsonl': `{file}` is a directory"
            ))
            .into());
        }
        Box::new(BufReader::new(opened))
    };
    tokio::task::spawn_blocking(move || {
        for (n, line) in input.lines().enumerate() {
            let line = match line {
                Ok(line) if line.trim().is_empty() => continue,
                Ok(line) => Ok((n + 1, line)),
                Err(error) => Err(error),
            };
            let failed = line.is_err();
            if sender.blocking_send(line).is_err() || failed {
                return;
            }
        }
    });
    Ok(lines)
}

struct Bulk<'a> {
    args: &'a SendArgs,
    cx: &'a Context,
    now: Timestamp,
    file: &'a str,
}

/// A task that was sent.
#[derive(Debug)]
struct Sent {
    line: usize,
    task: Wanted,
}

impl Bulk<'_> {
    /// Checks every line, and with `--check` that the workers know the tasks.
    async fn rehearse(&self, mut lines: Lines) -> anyhow::Result<()> {
        let mut names: BTreeMap<(String, Option<String>), ()> = BTreeMap::new();
        let mut ids = HashMap::new();
        let mut count = 0;
        while let Some(line) = lines.recv().await {
            let job = self.job(line).await?;
            self.once(&mut ids, &job)?;
            count += 1;
            if self.args.check {
                let queue = queue_of(&job.outgoing).map(str::to_owned);
                names.insert((job.name, queue), ());
            }
        }
        if count == 0 {
            return Err(self.empty().into());
        }
        self.check(names.keys().map(|(n, q)| (n.as_str(), q.as_deref())))
            .await
    }

    /// Sends the lines, batch after batch, and prints what became of them. Returns what is to be waited for.
    async fn send(&self, mut lines: Lines, asks: bool) -> anyhow::Result<Vec<Sent>> {
        let producer = self.cx.app.producer().await;
        let mut waited = Vec::new();
        let mut ids = HashMap::new();
        let mut count = 0;
        let (mut batch, mut bytes) = (Vec::new(), 0);
        loop {
            // As many as there are, at least one: a slow writer is not kept waiting for 499 more.
            let mut read = Vec::new();
            if lines.recv_many(&mut read, BATCH).await == 0 {
                break;
            }
            let mut read = read.into_iter().peekable();
            while let Some(line) = read.next() {
                let job = self.job(line).await;
                let job = job.and_then(|job| self.once(&mut ids, &job).map(|()| job));
                // What stands before a wrong line is sent.
                let wrong = match job {
                    Ok(job) => {
                        bytes += job.outgoing.message.body.len();
                        batch.push(job);
                        if read.peek().is_some() && bytes < BATCH_BYTES {
                            continue;
                        }
                        None
                    }
                    Err(error) if batch.is_empty() => return Err(after(count, error)),
                    Err(error) => Some(error),
                };
                bytes = 0;
                if asks {
                    let names = batch
                        .iter()
                        .map(|j| (j.name.as_str(), queue_of(&j.outgoing)));
                    self.check(names).await.map_err(|e| after(count, e))?;
                }
                if self.args.dry_run {
                    count += batch.len();
                    for job in batch.drain(..) {
                        self.cx.out.json(&preview(&job.outgoing))?;
                    }
                    if let Some(error) = wrong {
                        return Err(error);
                    }
                    continue;
                }
                let (first, last) = (batch[0].line, batch[batch.len() - 1].line);
                let messages = batch.iter().map(|j| j.outgoing.clone()).collect();
                self.cx
                    .sending(producer.send(messages))
                    .await
                    .with_context(|| format!("sending lines {first} to {last} of {}", self.file))
                    .map_err(|e| after(count, e))?;
                count += batch.len();
                self.print(&batch)?;
                if self.args.waits() {
                    waited.extend(batch.drain(..).map(|job| Sent {
                        line: job.line,
                        task: Wanted {
                            queue: queue_of(&job.outgoing).map(str::to_owned),
                            id: job.outgoing.task_id,
                            name: Some(job.name),
                        },
                    }));
                }
                batch.clear();
                if let Some(error) = wrong {
                    return Err(after(count, error));
                }
            }
        }
        if count == 0 {
            return Err(self.empty().into());
        }
        Ok(waited)
    }

    /// The ids, or with `-j` a document each; nothing if results are to follow.
    fn print(&self, batch: &[Job]) -> io::Result<()> {
        if self.args.waits() {
            return Ok(());
        }
        let line = |job: &Job| {
            if !self.cx.out.is_json() {
                return job.outgoing.task_id.clone();
            }
            let queue = queue_of(&job.outgoing).unwrap_or(&job.outgoing.destination.routing_key);
            crate::cli::output::json::line(&Value::from([
                ("line", job.line.into()),
                ("id", job.outgoing.task_id.as_str().into()),
                ("task", job.name.as_str().into()),
                ("queue", queue.into()),
                ("state", "PENDING".into()),
            ]))
        };
        let text: Vec<String> = batch.iter().map(line).collect();
        self.cx.out.line(text.join("\n"))
    }

    /// Waits for all, and prints each when it is done.
    async fn wait(
        &self,
        backend: &std::sync::Arc<dyn crate::backend::Backend>,
        sent: &[Sent],
    ) -> anyhow::Result<ExitCode> {
        let cx = self.cx;
        let by_id: HashMap<&str, &Sent> = sent.iter().map(|s| (s.task.id.as_str(), s)).collect();
        let tasks: Vec<Wanted> = sent.iter().map(|s| s.task.clone()).collect();
        let ids: Vec<String> = tasks.iter().map(|t| t.id.clone()).collect();
        cx.farewell.waits_for(&ids, self.args.cancel_on_interrupt);
        let mode = self.args.progress.unwrap_or(ProgressMode::None);
        let mut display = Display::new(&cx.out, mode, tasks.len());
        // Someone who watches the bars sees how each ends; both would be everything twice.
        let silent = display.moves() && cx.out.stdout_is_terminal && !cx.out.is_json();
        let say = |meta: &ResultMeta| match by_id.get(meta.task_id.as_str()) {
            Some(sent) if !silent => cx.out.json(&result_line(sent, meta)),
            _ => Ok(()),
        };
        let (mut worst, mut failed) = (0, 0);
        let timeout = self.args.wait.flatten();
        let open = waiting::wait(
            cx,
            backend,
            &tasks,
            timeout,
            &mut display,
            |meta, display| {
                if !meta.status.is_ready() {
                    return Ok(());
                }
                let code = exit_of(meta);
                worst = worse(worst, code);
                failed += usize::from(code != 0);
                Ok(if cx.out.stdout_is_terminal {
                    display.beside(|| say(meta))
                } else {
                    say(meta)
                }?)
            },
        )
        .await?;
        for id in ids.iter().filter(|id| open.contains_key(*id)) {
            worst = worse(worst, 75);
            say(&open[id])?;
        }
        if worst == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        if cx.out.is_json() || display.tells_ends() {
            return Err(Silent(worst).into());
        }
        let failure = if failed > 0 {
            Failure::new(
                Kind::TaskFailed,
                format!("{failed} of {} tasks failed", ids.len()),
            )
        } else {
            Failure::new(
                Kind::NotReady,
                format!("{} of {} tasks are not done", open.len(), ids.len()),
            )
        };
        Err(failure.into())
    }

    async fn check<'a>(
        &self,
        tasks: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    ) -> anyhow::Result<()> {
        if !self.args.check {
            return Ok(());
        }
        match check(self.cx, tasks).await? {
            Some(failure) => Err(failure.into()),
            None => Ok(()),
        }
    }

    /// Refuses an id that an earlier line has, where results are waited for: one could not be told from the other.
    fn once(&self, ids: &mut HashMap<String, usize>, job: &Job) -> anyhow::Result<()> {
        if !self.args.waits() {
            return Ok(());
        }
        match ids.insert(job.outgoing.task_id.clone(), job.line) {
            None => Ok(()),
            Some(first) => Err(self
                .wrong(job.line, format!("the id is that of line {first}"))
                .into()),
        }
    }

    fn empty(&self) -> Failure {
        Failure::usage(format!("there are no tasks in {}", self.file))
    }

    fn wrong(&self, line: usize, why: impl std::fmt::Display) -> Failure {
        Failure::usage(format!("line {line} of {}: {why}", self.file))
    }

    async fn job(&self, line: io::Result<(usize, String)>) -> anyhow::Result<Job> {
        let (line, text) = line.with_context(|| format!("reading {}", self.file))?;
        let wrong = |why: String| self.wrong(line, why);
        let (name, call) = self.call(&text).map_err(wrong)?;
        let outgoing = call.message().await.map_err(|e| wrong(e.to_string()))?;
        Ok(Job {
            line,
            name,
            outgoing,
        })
    }

    fn call(&self, text: &str) -> Result<(String, Call<Value>), String> {
        let value = parse::json_text(text)
            // The line is the file's, not the object's.
            .map_err(|e| e.replacen(" at line 1 column", " at column", 1))?;
        let Value::Map(mut fields) = value else {
            return Err(format!(
                "expected a JSON object, got {}",
                parse::name(&value)
            ));
        };
        known("key", fields.keys(), &KEYS)?;
        let name = match fields.shift_remove("task") {
            Some(Value::Str(name)) if !name.is_empty() => name,
            None => self
                .args
                .name
                .clone()
                .ok_or("`task` is missing, and no NAME was given")?,
            Some(_) => return Err("`task` must be the name of a task".to_owned()),
        };
        let args = match fields.shift_remove("args") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::List(args)) => args,
            Some(other) => {
                let got = parse::name(&other);
                return Err(format!("`args` must be a JSON array, not {got}"));
            }
        };
        let mut object = |key: &str| match fields.shift_remove(key) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Map(map)) => Ok(map),
            Some(other) => Err(format!(
                "`{key}` must be a JSON object, not {}",
                parse::name(&other)
            )),
        };
        let (kwargs, options) = (object("kwargs")?, object("options")?);
        known("option", options.keys(), &OPTIONS)?;
        if self.args.waits() && options.get("ignore_result") == Some(&Value::Bool(true)) {
            return Err("`ignore_result` leaves nothing to wait for".to_owned());
        }
        let call = self.cx.app.send_task(&name).args(args).kwargs(kwargs);
        let mut call = self
            .args
            .options(call, self.now)
            .map_err(|e| Report::of(&e).chain.join(": "))?;
        if !options.contains_key("task_id") {
            call = call.task_id(&Uuid::new_v4().to_string());
        }
        if ["eta", "countdown"]
            .iter()
            .any(|o| options.contains_key(*o))
        {
            // One of the line's stands for both of the command line's.
            call = call
                .option("eta", Value::Null)
                .option("countdown", Value::Null);
        }
        for (option, value) in options {
            call = self.option(call, &option, value)?;
        }
        Ok((name, call))
    }

    /// Sets one option of a line: times may be written as on the command line.
    fn option(&self, call: Call<Value>, name: &str, value: Value) -> Result<Call<Value>, String> {
        let wrong = |why: String| format!("`{name}`: {why}");
        let at = |when: When| {
            when.resolve(self.now)
                .ok_or_else(|| wrong("out of range".to_owned()))
        };
        let one_of = |known: &[&str]| match &value {
            Value::Null => Ok(()),
            Value::Str(name) if known.contains(&name.as_str()) => Ok(()),
            _ => Err(wrong(format!("must be one of {}", known.join(", ")))),
        };
        match (name, &value) {
            ("serializer", _) => one_of(&super::SERIALIZERS)?,
            ("compression", _) => one_of(&super::COMPRESSIONS)?,
            ("queue" | "task_id", Value::Str(text)) if text.is_empty() => {
                return Err(wrong("must not be empty".to_owned()));
            }
            ("priority", Value::Int(n)) if !(0..=9).contains(n) => {
                return Err(wrong(format!("{n} is not in 0..=9")));
            }
            _ => {}
        }
        Ok(match (name, &value) {
            ("countdown", Value::Str(text)) => {
                let seconds = parse::seconds(text).map_err(wrong)?;
                call.eta(at(When::In(seconds))?)
            }
            ("eta", Value::Str(text)) => call.eta(at(parse::eta(text).map_err(wrong)?)?),
            ("expires", Value::Str(text)) => {
                call.expires(at(parse::expires(text).map_err(wrong)?)?)
            }
            ("time_limit" | "soft_time_limit", Value::Str(text)) => {
                let limit = parse::duration(text).map_err(wrong)?;
                call.option(name, limit.as_secs_f64())
            }
            _ => call.option(name, value),
        })
    }
}

/// Fails at a key that is not known, with the one that was meant.
fn known<'a>(
    what: &str,
    keys: impl Iterator<Item = &'a String>,
    known: &[&str],
) -> Result<(), String> {
    for key in keys {
        if !known.contains(&key.as_str()) {
            let tip = suggest::did_you_mean(key, known.iter().copied());
            let tip = tip.unwrap_or_else(|| format!("there are {}", known.join(", ")));
            return Err(format!("unknown {what} `{key}`; {tip}"));
        }
    }
    Ok(())
}

/// Says in an error how many tasks were sent before it.
fn after(count: usize, error: anyhow::Error) -> anyhow::Error {
    let said = match count {
        0 => return error,
        1 => "1 task was sent before this".to_owned(),
        n => format!("{n} tasks were sent before this"),
    };
    match error.downcast::<Failure>() {
        Ok(failure) => failure.hint(said).into(),
        Err(error) => error.context(said),
    }
}

/// The document of a result, with the number of its line in front.
fn result_line(sent: &Sent, meta: &ResultMeta) -> Value {
    let mut line = Map::new();
    line.insert("line".to_owned(), sent.line.into());
    if let Value::Map(rest) = document(meta, sent.task.name.as_deref()) {
        line.extend(rest);
    }
    Value::Map(line)
}
