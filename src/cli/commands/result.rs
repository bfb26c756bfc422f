//! `rcelery result`.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;

use super::waiting::{self, Form, Wanted, conclude_all, document, exit_of, plain, worse};
use crate::backend::Backend;
use crate::cli::context::Context;
use crate::cli::error::{Failure, Kind, Silent};
use crate::cli::output::json;
use crate::cli::output::meta::Progress;
use crate::cli::output::progress::{Display, ProgressMode, reason};
use crate::cli::output::table::printable;
use crate::cli::parse;
use crate::protocol::{ResultMeta, ResultTuple, Value};

/// Show the result of a task
///
/// Answers at once: exit code 75 while there is no result. Text is printed as it is, everything else as JSON.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
Examples:
  rcelery result 5d0ccc80-8587-4278-849e-c7cc36c2445e
  rcelery result --wait=30 $id || echo \"exit code $?\"    # 1 failed, 75 not yet
  rcelery result --progress $id                          # with a bar
  rcelery result -j $id | jq .state
  rcelery result --wait --progress $(cat ids)            # many, with a bar each
  rcelery result --wait - < ids
  rcelery result --raw $id > image.png                   # bytes as they are")]
pub(crate) struct ResultArgs {
    /// Task ids; `-` reads them from stdin
    #[arg(required = true, value_name = "TASK_ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    ids: Vec<String>,

    /// Wait until it is there, at most SECS
    #[arg(short, long, value_name = "SECS", num_args = 0..=1, require_equals = true, value_parser = parse::duration, help_heading = "Waiting options")]
    wait: Option<Option<Duration>>,

    /// Wait, and show how far it is
    #[arg(long, value_name = "HOW", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "auto", help_heading = "Waiting options")]
    progress: Option<ProgressMode>,

    /// Wait, and print every change: a bar on a terminal, lines in a pipe, NDJSON with -j
    #[arg(long, conflicts_with = "progress", help_heading = "Waiting options")]
    watch: bool,

    /// Print the value as it is: text and bytes with no line break behind them
    #[arg(long, conflicts_with_all = ["watch", "traceback", "children"])]
    raw: bool,

    /// Show the traceback instead
    #[arg(long, conflicts_with_all = ["watch", "progress"])]
    traceback: bool,

    /// Show the tasks that it sent, and theirs
    #[arg(long, conflicts_with_all = ["watch", "progress", "traceback"])]
    children: bool,

    /// Remove the result once it was shown
    #[arg(long)]
    forget: bool,

    /// Take each id as the beginning of one, if only one begins so (Redis)
    #[arg(long)]
    prefix: bool,

    /// Name of the task, for display
    #[arg(short, long, value_name = "NAME")]
    task: Option<String>,
}

impl ResultArgs {
    pub(crate) async fn run(self, cx: &Context) -> anyhow::Result<ExitCode> {
        if self.raw && cx.out.is_json() {
            return Err(Failure::usage("--raw and --json can't be used together").into());
        }
        let mut ids = self.ids().await?;
        let backend = cx.backend().await?;
        if self.prefix {
            ids = whole(&*backend, ids).await?;
        }
        let timeout = self.wait.flatten();
        let waits = self.wait.is_some() || self.progress.is_some() || self.watch;
        let (metas, told) = if waits {
            cx.farewell.waits_for(&ids, false);
            self.wait_for(cx, &backend, &ids, timeout).await?
        } else {
            let found = backend.get_many(&ids).await?;
            (pending_where_none(&ids, found), false)
        };
        let outcome = if self.traceback {
            tracebacks(cx, &metas)
        } else if self.children {
            children(cx, &*backend, &metas).await
        } else if self.watch && !self.has_bar(cx) {
            // Every change was printed, the last one too.
            verdict(&metas)
        } else {
            let form = if self.raw { Form::Raw } else { Form::Line };
            conclude_all(cx, &metas, self.task.as_deref(), timeout, form, told)
        };
        if self.forget {
            for meta in metas.iter().filter(|m| m.status.is_ready()) {
                backend.forget(&meta.task_id).await?;
            }
        }
        outcome.map(|()| ExitCode::SUCCESS)
    }

    async fn ids(&self) -> anyhow::Result<Vec<String>> {
        let mut ids = Vec::new();
        for id in &self.ids {
            if id == "-" {
                let input = parse::source("TASK_ID", id).await?;
                ids.extend(input.split_whitespace().map(str::to_owned));
            } else {
                ids.push(id.clone());
            }
        }
        let mut known = BTreeSet::new();
        ids.retain(|id| known.insert(id.clone()));
        if ids.is_empty() {
            return Err(Failure::usage("there are no task ids on stdin").into());
        }
        Ok(ids)
    }

    /// Whether `--watch` draws: only for someone who sees both the bar and the answer.
    fn has_bar(&self, cx: &Context) -> bool {
        cx.out.stdout_is_terminal && cx.out.stderr_is_terminal && !cx.out.is_json()
    }

    /// The last of each, and whether their ends are on the screen.
    async fn wait_for(
        &self,
        cx: &Context,
        backend: &Arc<dyn Backend>,
        ids: &[String],
        timeout: Option<Duration>,
    ) -> anyhow::Result<(Vec<ResultMeta>, bool)> {
        let mode = match self.progress {
            Some(mode) => mode,
            None if self.watch && self.has_bar(cx) => ProgressMode::Bar,
            None => ProgressMode::None,
        };
        let prints = self.watch && !self.has_bar(cx);
        let many = ids.len() > 1;
        let mut display = Display::new(&cx.out, mode, ids.len());
        let tasks: Vec<Wanted> = ids
            .iter()
            .map(|id| Wanted {
                id: id.clone(),
                name: self.task.clone(),
                queue: None,
            })
            .collect();
        let print = |meta: &ResultMeta| {
            cx.out.line(if cx.out.is_json() {
                json::line(&document(meta, self.task.as_deref()))
            } else {
                change(meta, &Zoned::now(), many)
            })
        };
        if prints {
            // What nothing is stored of has no change to begin with.
            let found = backend.get_many(ids).await?;
            for (id, _) in ids.iter().zip(&found).filter(|(_, meta)| meta.is_none()) {
                print(&ResultMeta::pending(id))?;
            }
        }
        let mut last: HashMap<String, ResultMeta> = HashMap::new();
        let open = waiting::wait(cx, backend, &tasks, timeout, &mut display, |meta, _| {
            if prints {
                print(meta)?;
            }
            if meta.status.is_ready() {
                last.insert(meta.task_id.clone(), meta.clone());
            }
            Ok(())
        })
        .await?;
        last.extend(open);
        let metas = ids.iter().map(|id| {
            let meta = last.remove(id);
            meta.unwrap_or_else(|| ResultMeta::pending(id))
        });
        Ok((metas.collect(), many && display.tells_ends()))
    }
}

/// The ids that begin with these.
async fn whole(backend: &dyn Backend, beginnings: Vec<String>) -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::new();
    for beginning in beginnings {
        let shown = printable(&beginning);
        let mut found = backend.find(&beginning, 4).await?;
        // What is an id itself is meant, whatever else begins with it.
        if found.len() > 1 && backend.get(&beginning).await?.is_some() {
            found = vec![beginning];
        }
        match <[String; 1]>::try_from(found) {
            Ok([id]) => ids.push(id),
            Err(none) if none.is_empty() => {
                let failure = Failure::new(
                    Kind::NotReady,
                    format!("no stored result has an id that begins with `{shown}`"),
                );
                return Err(failure.into());
            }
            Err(several) => {
                let several: Vec<String> = several.iter().map(|id| printable(id)).collect();
                return Err(Failure::usage(format!(
                    "several ids begin with `{shown}`: {}",
                    several.join(", ")
                ))
                .into());
            }
        }
    }
    Ok(ids)
}

fn pending_where_none(ids: &[String], found: Vec<Option<ResultMeta>>) -> Vec<ResultMeta> {
    ids.iter()
        .zip(found)
        .map(|(id, meta)| meta.unwrap_or_else(|| ResultMeta::pending(id)))
        .collect()
}

/// `15:53:02 PROGRESS 5/15 33% step 5 of 15`; with the id in front if there are several.
fn change(meta: &ResultMeta, now: &Zoned, many: bool) -> String {
    let mut line = now.strftime("%H:%M:%S ").to_string();
    if many {
        let _ = write!(line, "{} ", printable(&meta.task_id));
    }
    line.push_str(&printable(meta.status.as_str()));
    let tail = match (Progress::of(meta), reason(meta)) {
        (Some(progress), _) => printable(&progress.words()),
        (None, Some(reason)) => reason,
        (None, None) if meta.status.as_str() == "SUCCESS" => printable(&plain(&meta.result, false)),
        _ => return line,
    };
    let _ = write!(line, " {tail}");
    line
}

/// The exit code alone.
fn verdict(metas: &[ResultMeta]) -> anyhow::Result<()> {
    match metas.iter().map(exit_of).fold(0, worse) {
        0 => Ok(()),
        code => Err(Silent(code).into()),
    }
}

fn tracebacks(cx: &Context, metas: &[ResultMeta]) -> anyhow::Result<()> {
    if cx.out.is_json() {
        let all: Vec<Value> = metas
            .iter()
            .map(|m| {
                Value::from([
                    ("id", m.task_id.as_str().into()),
                    ("state", m.status.as_str().into()),
                    ("traceback", Value::opt(m.traceback.as_deref())),
                ])
            })
            .collect();
        match <[Value; 1]>::try_from(all) {
            Ok([one]) => cx.out.json(&one)?,
            Err(many) => cx.out.json(&Value::List(many))?,
        }
    } else {
        for meta in metas {
            cx.out.line(meta.traceback.as_deref().unwrap_or_default())?;
        }
    }
    verdict(metas)
}

/// At most so many tasks of a tree are looked up.
const MAX_FAMILY: usize = 1000;

/// A task in a tree of results.
#[derive(Debug, PartialEq)]
struct Relative {
    id: String,
    depth: usize,
    state: String,
    parent: Option<String>,
}

async fn children(cx: &Context, backend: &dyn Backend, metas: &[ResultMeta]) -> anyhow::Result<()> {
    let mut family: Vec<Relative> = Vec::new();
    let mut known: BTreeSet<String> = BTreeSet::new();
    // Depth first, so that each stands below its parent.
    let mut stack: Vec<(ResultMeta, usize, Option<String>)> =
        metas.iter().rev().map(|m| (m.clone(), 0, None)).collect();
    let mut cut = false;
    while let Some((meta, depth, parent)) = stack.pop() {
        if !known.insert(meta.task_id.clone()) {
            continue;
        }
        if family.len() >= MAX_FAMILY {
            cut = true;
            break;
        }
        let ids: Vec<String> = meta.children.iter().flatten().flat_map(members).collect();
        let found = backend.get_many(&ids).await?;
        let below = pending_where_none(&ids, found);
        let id = meta.task_id.clone();
        stack.extend(
            below
                .into_iter()
                .rev()
                .map(|m| (m, depth + 1, Some(id.clone()))),
        );
        family.push(Relative {
            id,
            depth,
            state: meta.status.as_str().to_owned(),
            parent,
        });
    }
    if cx.out.is_json() {
        let rows = family.iter().map(|r| {
            Value::from([
                ("id", r.id.as_str().into()),
                ("state", r.state.as_str().into()),
                ("parent", Value::opt(r.parent.as_deref())),
            ])
        });
        cx.out.json(&Value::List(rows.collect()))?;
    } else {
        for relative in &family {
            let indent = "  ".repeat(relative.depth);
            cx.out.line(format!(
                "{indent}{}  {}",
                printable(&relative.id),
                printable(&relative.state)
            ))?;
        }
    }
    if cut {
        cx.out
            .warn(format!("only the first {MAX_FAMILY} tasks are shown"))?;
    }
    verdict(metas)
}

/// The tasks of a child: itself, or the members of a group.
fn members(child: &ResultTuple) -> Vec<String> {
    match &child.members {
        None => vec![child.id.clone()],
        Some(members) => members.iter().map(|m| m.id.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Exception, State};

    #[test]
    fn changes_are_lines() {
        let now: Zoned = "2026-11-22T15:53:02[UTC]".parse().unwrap();
        let half = Value::from([("current", 5.into()), ("total", 15.into())]);
        let line = |state: &str, result: Value| {
            change(
                &ResultMeta::new("x", State::new(state), result),
                &now,
                false,
            )
        };
        assert_eq!(line("PENDING", Value::Null), "15:53:02 PENDING");
        assert_eq!(line("PROGRESS", half), "15:53:02 PROGRESS 5/15 33%");
        assert_eq!(
            line("SUCCESS", Value::from([("a", 1.into())])),
            "15:53:02 SUCCESS {\"a\": 1}"
        );
        let boom = Exception::builtin("ValueError", "boom").to_value();
        assert_eq!(line("FAILURE", boom), "15:53:02 FAILURE ValueError: boom");
    }

    #[test]
    fn a_group_among_the_children_stands_for_its_members() {
        let group = ResultTuple::group("g", vec![ResultTuple::task("a"), ResultTuple::task("b")]);
        assert_eq!(members(&group), ["a", "b"]);
        assert_eq!(members(&ResultTuple::task("c")), ["c"]);
    }
}
