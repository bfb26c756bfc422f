//! The names that can stand in a line: asked of the workers, the broker and the result back end that the line itself, the
//! environment or the configuration names, within 300 ms.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime};
use std::{fs, thread};

use clap::FromArgMatches as _;
use clap_complete::CompletionCandidate;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::backend;
use crate::broker::{self, Broker};
use crate::cli::cluster::Cluster;
use crate::cli::commands::help;
use crate::cli::context::{Context, GlobalArgs};
use crate::cli::farewell::Farewell;
use crate::config::{Settings, mask_url};
use crate::pidbox::{Command, Wait};
use crate::protocol::{Map, Value};
use crate::sqlite::Location;

/// The longest a shell is kept waiting.
const LIMIT: Duration = Duration::from_millis(300);

/// How long workers get to answer: [`Cluster::ask`] may take twice that.
const PATIENCE: Duration = Duration::from_millis(130);

/// How long names of tasks, queues and nodes are believed.
const FRESH: Duration = Duration::from_secs(60);

/// Ids that are offered.
const IDS: usize = 100;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Tasks,
    Queues,
    Nodes,
    /// Ids of tasks that workers have and have not finished.
    Running,
    /// Ids of tasks with a stored result.
    Results,
    Settings,
    Schemes,
    Topics,
}

impl What {
    #[cfg(test)]
    pub(super) const ALL: &[Self] = &[
        Self::Tasks,
        Self::Queues,
        Self::Nodes,
        Self::Running,
        Self::Results,
        Self::Settings,
        Self::Schemes,
        Self::Topics,
    ];
}

/// The line that is being written, and the program's own tasks.
#[derive(Debug)]
pub(super) struct Live {
    words: Vec<OsString>,
    app: App,
}

/// What the workers and the broker know, as it is kept in a file.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Names {
    nodes: BTreeSet<String>,
    tasks: BTreeSet<String>,
    queues: BTreeSet<String>,
}

impl Live {
    /// `words` are those of the line, without the one that is to be completed.
    pub(super) fn new(words: Vec<OsString>, app: App) -> Self {
        Self { words, app }
    }

    /// The names that begin with `current`.
    pub(super) fn candidates(
        self: &Arc<Self>,
        what: What,
        current: &OsStr,
    ) -> Vec<CompletionCandidate> {
        let Some(current) = current.to_str() else {
            return Vec::new();
        };
        let names: Vec<String> = match what {
            What::Settings => keys(),
            What::Schemes => schemes(),
            What::Topics => help::topics(),
            asked => self.in_time(asked).unwrap_or_default(),
        };
        names
            .into_iter()
            .filter(|name| name.starts_with(current) && is_plain(name))
            .map(CompletionCandidate::new)
            .collect()
    }

    /// Asks on a thread that is left behind when the time is up: whatever blocks ends with the process.
    fn in_time(self: &Arc<Self>, what: What) -> Option<Vec<String>> {
        let (sender, answer) = mpsc::channel();
        let live = Arc::clone(self);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .ok()?;
            let names = runtime.block_on(live.ask(what)).ok()?;
            sender.send(names).ok()
        });
        answer.recv_timeout(LIMIT).ok()
    }

    async fn ask(&self, what: What) -> anyhow::Result<Vec<String>> {
        let cx = self.context()?;
        match what {
            What::Results => results(&cx).await,
            What::Running => running(&cx).await,
            What::Nodes => Ok(names(&cx).await?.nodes.into_iter().collect()),
            What::Queues => {
                let mut queues = names(&cx).await.unwrap_or_default().queues;
                let known = cx.app.settings().queues().unwrap_or_default();
                queues.extend(known.into_iter().map(|queue| queue.name));
                Ok(queues.into_iter().collect())
            }
            _ => {
                let mut tasks = names(&cx).await.unwrap_or_default().tasks;
                if tasks.is_empty() {
                    let own = cx.app.tasks().names().filter(|n| !n.starts_with("celery."));
                    tasks.extend(own.map(str::to_owned));
                }
                Ok(tasks.into_iter().collect())
            }
        }
    }

    /// The context of the command as far as it is written, which prints nothing.
    fn context(&self) -> anyhow::Result<Context> {
        let matches = crate::cli::run::command()
            .ignore_errors(true)
            .try_get_matches_from(&self.words)?;
        let mut global = GlobalArgs::from_arg_matches(&matches)?;
        global.quiet = true;
        global.verbose = 0;
        global.connect_timeout = Some(LIMIT);
        if let Some(directory) = &global.workdir {
            std::env::set_current_dir(directory)?;
        }
        Context::new(
            self.app.clone(),
            global,
            Farewell::default(),
            Vec::new(),
            None,
        )
    }
}

/// What the workers and the broker know, from the file where that is fresh.
async fn names(cx: &Context) -> anyhow::Result<Names> {
    let file = cache_file(cx.app.settings());
    if let Some(names) = file.as_deref().and_then(|file| read(file, FRESH)) {
        return Ok(names);
    }
    let broker = broker(cx).await?;
    let cluster = Cluster::ask(cx, &broker, PATIENCE).await?;
    let mut names = Names {
        nodes: cluster.nodes,
        tasks: cluster.tasks.into_keys().collect(),
        queues: cluster.queues.into_keys().collect(),
    };
    let known = broker.queues().await.unwrap_or_default();
    names
        .queues
        .extend(known.into_iter().filter(|q| !is_internal(q)));
    // With no worker there, the next look may find one.
    if let Some(file) = file.filter(|_| cluster.complete && !names.nodes.is_empty()) {
        write(&file, &names);
    }
    Ok(names)
}

async fn broker(cx: &Context) -> anyhow::Result<Arc<dyn Broker>> {
    let settings = cx.app.settings();
    let url = settings
        .broker_read_url
        .as_ref()
        .or(settings.broker_url.as_ref());
    anyhow::ensure!(url.is_some_and(|url| is_there(url)), "no file");
    Ok(cx.app.broker().await?)
}

async fn results(cx: &Context) -> anyhow::Result<Vec<String>> {
    let url = cx.app.settings().result_backend.as_ref();
    anyhow::ensure!(url.is_some_and(|url| is_there(url)), "no file");
    Ok(cx.backend().await?.recent(IDS).await?)
}

/// The ids that workers hold: running, waiting for a slot, waiting for their time.
async fn running(cx: &Context) -> anyhow::Result<Vec<String>> {
    let mailbox = cx.mailbox(&broker(cx).await?)?;
    let ask = async |method: &str| {
        let mut ids = Vec::new();
        let wait = Wait {
            timeout: PATIENCE,
            limit: None,
        };
        let gather = |_: &str, reply: &Value| {
            let Value::List(requests) = reply else {
                return;
            };
            ids.extend(requests.iter().filter_map(id));
        };
        let _ = mailbox
            .call(&Command::new(method, Map::new()), wait, gather)
            .await;
        ids
    };
    let (active, reserved, scheduled) =
        tokio::join!(ask("active"), ask("reserved"), ask("scheduled"));
    let all: BTreeSet<String> = [active, reserved, scheduled]
        .into_iter()
        .flatten()
        .collect();
    Ok(all.into_iter().take(IDS).collect())
}

/// The id of a request, or of the request in a scheduled one.
fn id(item: &Value) -> Option<String> {
    let item = item.as_map()?;
    let request = item.get("request").and_then(Value::as_map).unwrap_or(item);
    Some(request.get("id")?.as_str()?.to_owned())
}

/// False for an SQLite file that is not there yet: to look must not make it.
fn is_there(url: &str) -> bool {
    let is_file = url
        .split_once("://")
        .is_some_and(|(s, _)| s.ends_with("sqlite"));
    !is_file || Location::parse(url).is_ok_and(|file| file.path().exists())
}

/// Queues of remote control and of events.
fn is_internal(queue: &str) -> bool {
    queue.ends_with(".pidbox") || queue.starts_with("celeryev.")
}

/// Whether a shell can insert a name as it is: names come from the network.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('-')
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || "._-@:/+%=,".contains(c))
}

fn keys() -> Vec<String> {
    let settings = Settings::default().to_map(true);
    settings.keys().map(|key| format!("{key}=")).collect()
}

fn schemes() -> Vec<String> {
    let all: BTreeSet<&&str> = broker::SCHEMES.iter().chain(backend::SCHEMES).collect();
    all.into_iter().map(|s| format!("{s}://")).collect()
}

/// One file for each broker, whatever the password; none without a home.
fn cache_file(settings: &Settings) -> Option<PathBuf> {
    let absolute = |name| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    let url = settings
        .broker_read_url
        .as_ref()
        .or(settings.broker_url.as_ref())?;
    let broker = format!("{} {}", mask_url(url), settings.control_exchange);
    let hash = uuid::Uuid::new_v3(&uuid::Uuid::NAMESPACE_URL, broker.as_bytes());
    Some(
        cache
            .join("rcelery")
            .join(format!("complete-{}.json", hash.simple())),
    )
}

fn read(file: &Path, fresh: Duration) -> Option<Names> {
    let age = SystemTime::now()
        .duration_since(fs::metadata(file).ok()?.modified().ok()?)
        .ok()?;
    if age >= fresh {
        return None;
    }
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

/// Writes what can be written; a reader sees the whole or nothing.
fn write(file: &Path, names: &Names) {
    let (Some(directory), Ok(text)) = (file.parent(), serde_json::to_vec(names)) else {
        return;
    };
    let part = file.with_extension(std::process::id().to_string());
    let _ = fs::create_dir_all(directory)
        .and_then(|()| fs::write(&part, text))
        .and_then(|()| fs::rename(&part, file));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_shell_would_run_is_left_out() {
        for name in ["proj.add", "w1@box-2", "celery", "größe", "db+sqlite://"] {
            assert!(is_plain(name), "{name}");
        }
        for name in [
            "$(reboot)",
            "a b",
            "a;b",
            "a\u{1b}[2J",
            "*",
            "-rf",
            "",
            "`x`",
        ] {
            assert!(!is_plain(name), "{name}");
        }
    }

    #[test]
    fn a_file_is_believed_while_it_is_fresh() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("deep/names.json");
        let names = Names {
            tasks: BTreeSet::from(["proj.add".to_owned()]),
            ..Names::default()
        };
        write(&file, &names);
        assert_eq!(read(&file, FRESH), Some(names));
        assert_eq!(read(&file, Duration::ZERO), None);
        fs::write(&file, "garbage").unwrap();
        assert_eq!(read(&file, FRESH), None);
    }

    #[test]
    fn an_sqlite_file_is_not_made_by_looking() {
        assert!(is_there("redis://h/0"));
        assert!(!is_there("sqlite:////nowhere/at/all.db"));
    }

    #[test]
    fn ids_are_found_in_requests_of_both_shapes() {
        let request = Value::from([("id", "x1".into())]);
        assert_eq!(id(&request).as_deref(), Some("x1"));
        let scheduled = Value::from([("eta", "soon".into()), ("request", request)]);
        assert_eq!(id(&scheduled).as_deref(), Some("x1"));
        assert_eq!(id(&Value::Null), None);
    }
}
