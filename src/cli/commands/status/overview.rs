//! What is shown of a node: gathered from its replies to several questions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Software as Known;
use crate::cli::commands::remote::Answers;
use crate::cli::output::progress::rough;
use crate::cli::output::table::{Canvas, Column, Tone, printable, render};
use crate::pidbox::Replies;
use crate::protocol::{Map, Value, repr};

/// What is asked besides `ping`.
pub(super) const DETAILS: [&str; 4] = ["stats", "active_queues", "active", "reserved"];
/// The question whose answer says what program a node is.
pub(super) const SOFTWARE: &str = "report";

/// One node. What it did not say is none or empty.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Overview {
    pub(super) name: String,
    /// How many nodes of this name replied.
    replies: usize,
    /// Tasks that run, and how many could.
    active: Option<u64>,
    slots: Option<u64>,
    reserved: Option<u64>,
    /// Tasks that it has run.
    done: Option<u64>,
    pub(super) queues: Vec<String>,
    /// Seconds.
    uptime: Option<f64>,
    software: Option<String>,
    /// `prefork`, `threads`.
    pool: Option<String>,
    pid: Option<i64>,
    /// Most memory it has had, in bytes.
    memory: Option<u64>,
    stats: Option<Value>,
    active_queues: Option<Value>,
}

/// Those that replied to `ping`, sorted by name, and then those that are missing. `replies` are those to `methods`.
pub(super) fn of(pongs: &Answers, methods: &[&str], replies: &[Replies]) -> Vec<Overview> {
    let mut nodes: BTreeMap<&str, Overview> = BTreeMap::new();
    for (name, _) in &pongs.replies {
        let node = nodes.entry(name).or_insert_with(|| Overview {
            name: name.clone(),
            ..Overview::default()
        });
        node.replies += 1;
    }
    for (method, replies) in methods.iter().zip(replies) {
        for (name, reply) in &replies.replies {
            if let Some(node) = nodes.get_mut(name.as_str()) {
                node.learn(method, reply);
            }
        }
    }
    let missing = pongs.missing.iter().map(|name| Overview {
        name: name.clone(),
        ..Overview::default()
    });
    let mut all: Vec<Overview> = nodes.into_values().collect();
    all.iter_mut().for_each(Overview::conclude);
    all.extend(missing);
    all
}

/// Keeps what programs nodes are, and fills in what was kept. A node that is new makes all be asked again.
pub(super) fn recall(nodes: &mut [Overview], known: &mut Known) {
    let asked = known.is_empty();
    let mut forget = false;
    for node in nodes.iter_mut().filter(|node| node.replies > 0) {
        match (&node.software, known.get(&node.name)) {
            (Some(software), _) => {
                known.insert(node.name.clone(), software.clone());
            }
            (None, Some(software)) => node.software = Some(software.clone()),
            (None, None) => forget = !asked,
        }
    }
    if forget {
        known.clear();
    }
}

fn count(value: &Value) -> Option<u64> {
    value
        .as_list()
        .and_then(|items| u64::try_from(items.len()).ok())
}

fn number(value: Option<&Value>) -> Option<u64> {
    u64::try_from(value?.as_i64()?).ok()
}

/// Nodes of one name are counted together.
fn add(sum: &mut Option<u64>, more: Option<u64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}

impl Overview {
    fn learn(&mut self, method: &str, reply: &Value) {
        match method {
            "stats" => self.learn_stats(reply),
            "active_queues" => {
                let names = reply.as_list().unwrap_or_default().iter();
                let names = names.filter_map(|q| q.as_map()?.get("name")?.as_str());
                let all: BTreeSet<String> = self
                    .queues
                    .drain(..)
                    .chain(names.map(ToOwned::to_owned))
                    .collect();
                self.queues = all.into_iter().collect();
                self.active_queues = Some(reply.clone());
            }
            "active" => add(&mut self.active, count(reply)),
            "reserved" => add(&mut self.reserved, count(reply)),
            SOFTWARE => self.software = software(reply).or(self.software.take()),
            _ => {}
        }
    }

    fn learn_stats(&mut self, reply: &Value) {
        let Some(stats) = reply.as_map() else { return };
        let pool = stats.get("pool").and_then(Value::as_map);
        let of_pool = |key| pool.and_then(|pool| pool.get(key));
        add(&mut self.slots, number(of_pool("max-concurrency")));
        let total = stats.get("total").and_then(Value::as_map);
        add(
            &mut self.done,
            total.map(|total| {
                let counts = total.values().filter_map(|n| number(Some(n)));
                counts.fold(0, u64::saturating_add)
            }),
        );
        self.uptime = stats.get("uptime").and_then(Value::as_f64);
        self.pool = of_pool("implementation")
            .and_then(Value::as_str)
            .map(pool_name);
        self.pid = stats.get("pid").and_then(Value::as_i64);
        let usage = stats.get("rusage").and_then(Value::as_map);
        self.memory =
            number(usage.and_then(|u| u.get("maxrss"))).map(|kib| kib.saturating_mul(1024));
        self.stats = Some(reply.clone());
    }

    /// `total` counts what was started: what still runs is not done.
    fn conclude(&mut self) {
        if let Some(done) = &mut self.done {
            *done = done.saturating_sub(self.active.unwrap_or(0));
        }
    }

    fn status(&self, unicode: bool) -> String {
        match (self.replies, unicode) {
            (0, _) => NO_REPLY.to_owned(),
            (1, _) => "online".to_owned(),
            (n, true) => format!("duplicate ×{n}"),
            (n, false) => format!("duplicate x{n}"),
        }
    }

    fn running(&self) -> String {
        match (self.active, self.slots) {
            (Some(n), Some(slots)) => format!("{n}/{slots}"),
            (Some(n), None) => n.to_string(),
            (None, Some(slots)) => format!("?/{slots}"),
            (None, None) => String::new(),
        }
    }

    fn row(&self, long: bool, unicode: bool) -> Vec<String> {
        let text = |n: Option<u64>| n.map_or(String::new(), |n| n.to_string());
        let missing = self.replies == 0;
        let mut row = vec![
            self.name.clone(),
            self.status(unicode),
            self.running(),
            text(self.reserved),
            text(self.done),
            self.queues.join(", "),
            self.age().unwrap_or_default(),
            match &self.software {
                _ if missing => "(named by -d)".to_owned(),
                Some(software) => software.clone(),
                None => String::new(),
            },
        ];
        if long {
            row.push(self.pool.clone().unwrap_or_default());
            row.push(self.pid.map_or(String::new(), |pid| pid.to_string()));
            row.push(self.memory.map_or(String::new(), size));
        }
        row
    }

    fn age(&self) -> Option<String> {
        let uptime = Duration::try_from_secs_f64(self.uptime?).ok()?;
        Some(rough(uptime))
    }

    /// What `--long` adds to Celery's line about a node in a pipe.
    pub(super) fn card(&self, waiting: &Waiting) -> String {
        let text = |n: Option<u64>| n.map(|n| n.to_string());
        let queues: Vec<String> = self
            .queues
            .iter()
            .map(|name| match waiting.get(name) {
                Some(Some(messages)) => format!("{name} ({messages} waiting)"),
                _ => name.clone(),
            })
            .collect();
        let lines = [
            ("active", Some(self.running())),
            ("reserved", text(self.reserved)),
            ("done", text(self.done)),
            ("queues", Some(queues.join(", "))),
            ("uptime", self.age()),
            ("software", self.software.clone()),
            ("pool", self.pool.clone()),
            ("pid", self.pid.map(|pid| pid.to_string())),
            ("memory", self.memory.map(size)),
        ];
        let lines = lines.into_iter().filter_map(|(key, value)| {
            let value = value.filter(|value| !value.is_empty())?;
            Some(format!("    {key}: {}", printable(&value)))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The object of `--long -j`; what the node did not say is null.
    pub(super) fn to_value(&self, waiting: &Waiting) -> Value {
        let queue = |name: &String| {
            Value::from([
                ("name", name.as_str().into()),
                ("messages", Value::opt(waiting.get(name).copied().flatten())),
            ])
        };
        let status = match self.replies {
            0 => NO_REPLY,
            1 => "online",
            _ => "duplicate",
        };
        Value::from([
            ("node", self.name.as_str().into()),
            ("status", status.into()),
            ("replies", self.replies.into()),
            ("active", Value::opt(self.active)),
            ("slots", Value::opt(self.slots)),
            ("reserved", Value::opt(self.reserved)),
            ("done", Value::opt(self.done)),
            (
                "queues",
                Value::List(self.queues.iter().map(queue).collect()),
            ),
            ("uptime", Value::opt(self.uptime)),
            ("software", Value::opt(self.software.as_deref())),
            ("pool", Value::opt(self.pool.as_deref())),
            ("pid", Value::opt(self.pid)),
            ("memory", Value::opt(self.memory)),
            ("stats", self.stats.clone().unwrap_or(Value::Null)),
            (
                "active_queues",
                self.active_queues.clone().unwrap_or(Value::Null),
            ),
        ])
    }
}

/// Messages that wait, by queue; none where there is no such queue.
type Waiting = BTreeMap<String, Option<u64>>;

const NO_REPLY: &str = "no reply";

/// `software -> celery:5.7.0 (collider) kombu:…` → `py-celery 5.7.0`, the name that its events bear.
fn software(report: &Value) -> Option<String> {
    let text = report.as_map().and_then(|m: &Map| m.get("ok"))?;
    let text = repr::pystr(text);
    let (_, rest) = text.split_once("software -> ")?;
    let (name, version) = rest.split_whitespace().next()?.split_once(':')?;
    let name = if name == "celery" { "py-celery" } else { name };
    Some(format!("{name} {version}"))
}

/// `celery.concurrency.prefork:TaskPool` → `prefork`, `rcelery::pool::Threads` → `threads`.
fn pool_name(implementation: &str) -> String {
    let name = match implementation.split_once(':') {
        Some((module, "TaskPool")) => module.rsplit('.').next().unwrap_or(module),
        _ => implementation.rsplit(':').next().unwrap_or(implementation),
    };
    name.to_lowercase()
}

/// `59.7 MB`.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn size(bytes: u64) -> String {
    match bytes as f64 / 1_048_576.0 {
        mb @ ..1024.0 => format!("{mb:.1} MB"),
        mb => format!("{:.1} GB", mb / 1024.0),
    }
}

const COLUMNS: &[Column] = &[
    Column::new("NODE"),
    Column::new("STATUS").tone(tone),
    Column::new("ACTIVE").right(),
    Column::new("RESERVED").right().drop(7),
    Column::new("DONE").right().drop(8),
    Column::new("QUEUES").shorten(6, 12),
    Column::new("UPTIME").drop(2),
    Column::new("SOFTWARE").drop(1),
    Column::new("POOL").drop(5),
    Column::new("PID").right().drop(3),
    Column::new("MEMORY").right().drop(4),
];

/// How many columns there are without `--long`.
const SHORT: usize = 8;

fn tone(status: &str) -> Tone {
    match status {
        "online" => Tone::Good,
        NO_REPLY => Tone::Bad,
        _ => Tone::Odd,
    }
}

/// The nodes as a table.
pub(super) fn table(nodes: &[Overview], long: bool, canvas: Canvas) -> String {
    let columns = if long { COLUMNS } else { &COLUMNS[..SHORT] };
    let rows: Vec<Vec<String>> = nodes
        .iter()
        .map(|node| node.row(long, canvas.unicode))
        .collect();
    render(columns, &rows, canvas)
}

/// The queues that are consumed, with what waits in them.
pub(super) fn queues(nodes: &[Overview], waiting: &Waiting, canvas: Canvas) -> String {
    const COLUMNS: &[Column] = &[
        Column::new("QUEUE"),
        Column::new("WAITING").right(),
        Column::new("NODES").shorten(1, 12),
    ];
    let row = |(queue, messages): (&String, &Option<u64>)| {
        let consumers = nodes.iter().filter(|node| node.queues.contains(queue));
        let names: Vec<&str> = consumers.map(|node| node.name.as_str()).collect();
        vec![
            queue.clone(),
            messages.unwrap_or(0).to_string(),
            names.join(", "),
        ]
    };
    render(
        COLUMNS,
        &waiting.iter().map(row).collect::<Vec<_>>(),
        canvas,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHODS: [&str; 5] = ["stats", "active_queues", "active", "reserved", "report"];

    fn stats(done: i64, slots: i64, uptime: i64, pool: &str) -> Value {
        Value::from([
            ("total", Value::from([("proj.add", done.into())])),
            ("uptime", uptime.into()),
            ("pid", 7.into()),
            ("rusage", Value::from([("maxrss", 61_040.into())])),
            (
                "pool",
                Value::from([
                    ("max-concurrency", slots.into()),
                    ("implementation", pool.into()),
                ]),
            ),
        ])
    }

    fn queues_of(names: &[&str]) -> Value {
        let queue = |name: &&str| Value::from([("name", (*name).into())]);
        Value::List(names.iter().map(queue).collect())
    }

    fn tasks(n: usize) -> Value {
        Value::List(vec![Value::Null; n])
    }

    fn report(software: &str) -> Value {
        let text = format!("\nsoftware -> {software} kombu:5.7.0 py:3.11\n");
        Value::from([("ok", text.into())])
    }

    fn cluster(replies: &[(&str, [Value; 5])], missing: &[&str]) -> Vec<Overview> {
        let pongs = Answers {
            replies: replies
                .iter()
                .map(|(n, _)| ((*n).to_owned(), Value::Null))
                .collect(),
            missing: missing.iter().map(|n| (*n).to_owned()).collect(),
            ..Answers::default()
        };
        let by_method: Vec<Replies> = (0..METHODS.len())
            .map(|m| Replies {
                replies: replies
                    .iter()
                    .map(|(node, all)| ((*node).to_owned(), all[m].clone()))
                    .collect(),
                ..Replies::default()
            })
            .collect();
        of(&pongs, &METHODS, &by_method)
    }

    /// The cluster of the mock-up.
    fn mock_up() -> Vec<Overview> {
        cluster(
            &[
                (
                    "w2@box",
                    [
                        stats(3, 4, 41, "rcelery::pool::Threads"),
                        queues_of(&["celery"]),
                        tasks(0),
                        tasks(0),
                        report("rcelery:0.1.0"),
                    ],
                ),
                (
                    "w1@box",
                    [
                        stats(20, 2, 125, "celery.concurrency.prefork:TaskPool"),
                        queues_of(&["hi", "celery"]),
                        tasks(2),
                        tasks(1),
                        report("celery:5.7.0"),
                    ],
                ),
            ],
            &["w3@box"],
        )
    }

    fn at(width: usize, long: bool) -> String {
        let canvas = Canvas {
            width: Some(width),
            unicode: true,
            ..Canvas::default()
        };
        table(&mock_up(), long, canvas)
    }

    #[test]
    fn the_table_is_that_of_the_design() {
        let whole = "\
NODE    STATUS    ACTIVE  RESERVED  DONE  QUEUES      UPTIME  SOFTWARE
w1@box  online       2/2         1    18  celery, hi  2m 5s   py-celery 5.7.0
w2@box  online       0/4         0     3  celery      41s     rcelery 0.1.0
w3@box  no reply                                              (named by -d)";
        assert_eq!(at(140, false), whole);
        assert_eq!(at(80, false), whole);
    }

    #[test]
    fn a_narrow_table_gives_up_software_then_uptime() {
        assert_eq!(
            at(60, false),
            "\
NODE    STATUS    ACTIVE  RESERVED  DONE  QUEUES      UPTIME
w1@box  online       2/2         1    18  celery, hi  2m 5s
w2@box  online       0/4         0     3  celery      41s
w3@box  no reply"
        );
        assert_eq!(
            at(42, false),
            "\
NODE    STATUS    ACTIVE  DONE  QUEUES
w1@box  online       2/2    18  celery, hi
w2@box  online       0/4     3  celery
w3@box  no reply"
        );
    }

    #[test]
    fn the_long_table_adds_pool_process_and_memory() {
        assert_eq!(
            at(140, true).lines().nth(1),
            Some(
                "w1@box  online       2/2         1    18  celery, hi  2m 5s   py-celery 5.7.0  prefork    7  59.6 MB"
            )
        );
        assert_eq!(
            at(80, true).lines().nth(2),
            Some("w2@box  online       0/4         0     3  celery      threads    7  59.6 MB")
        );
    }

    #[test]
    fn nodes_of_one_name_are_one_row() {
        let said = |queue| {
            [
                stats(5, 2, 9, "rcelery::pool::Threads"),
                queues_of(&[queue]),
                tasks(1),
                tasks(0),
                report("rcelery:0.1.0"),
            ]
        };
        let nodes = cluster(&[("w@box", said("a")), ("w@box", said("b"))], &[]);
        let row = nodes[0].row(false, true);
        assert_eq!(nodes.len(), 1);
        assert_eq!(row[..6], ["w@box", "duplicate ×2", "2/4", "0", "8", "a, b"]);
        assert!(nodes[0].row(false, false)[1].is_ascii());
        assert_eq!(
            nodes[0].to_value(&Waiting::new()).as_map().unwrap()["status"],
            "duplicate".into()
        );
    }

    #[test]
    fn odd_replies_leave_cells_empty() {
        let odd = [Value::Null, "x".into(), 1.into(), Value::Null, tasks(1)];
        let nodes = cluster(&[("w@box", odd)], &[]);
        assert_eq!(
            nodes[0].row(true, true)[2..],
            ["", "", "", "", "", "", "", "", ""]
        );
        let value = nodes[0].to_value(&Waiting::new());
        assert_eq!(value.as_map().unwrap()["active"], Value::Null);
    }

    #[test]
    fn queues_show_what_waits_and_who_consumes_it() {
        let waiting = Waiting::from([("celery".to_owned(), Some(14)), ("hi".to_owned(), None)]);
        assert_eq!(
            queues(&mock_up(), &waiting, Canvas::default()),
            "QUEUE   WAITING  NODES\ncelery       14  w1@box, w2@box\nhi            0  w1@box"
        );
        assert!(
            mock_up()[0]
                .card(&waiting)
                .contains("    queues: celery (14 waiting), hi\n    uptime: 2m 5s\n")
        );
    }

    #[test]
    fn software_is_asked_again_when_somebody_new_comes() {
        let mut known = Known::new();
        let mut nodes = mock_up();
        recall(&mut nodes, &mut known);
        assert_eq!(known["w1@box"], "py-celery 5.7.0");
        for node in &mut nodes {
            node.software = None;
        }
        recall(&mut nodes, &mut known);
        assert_eq!(nodes[0].software.as_deref(), Some("py-celery 5.7.0"));
        nodes[0].name = "new@box".to_owned();
        nodes[0].software = None;
        recall(&mut nodes, &mut known);
        assert!(known.is_empty());
    }
}
