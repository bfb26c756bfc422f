//! What a worker with `-A` tells its Python app, and how it keeps the app's children.

use std::path::Path;

use super::WorkerArgs;
use super::expand::expand_node;
use crate::cli::context::GlobalArgs;
use crate::cli::logging::LogFormat;
use crate::cli::python::{Asked, Loaded};
use crate::config::Settings;
use crate::protocol::{Map, Nodename, Value};
use crate::worker::PoolOptions;

impl WorkerArgs {
    /// What the app is told of the worker, under the names that Celery's signals have for it.
    pub(super) fn asked(
        &self,
        global: &GlobalArgs,
        node: &Nodename,
        logfile: Option<&Path>,
    ) -> Asked {
        let names =
            |names: &[String]| Value::List(names.iter().map(|n| n.as_str().into()).collect());
        let include = self.include.as_deref().unwrap_or_default().split(',');
        let include: Vec<String> = include
            .map(str::trim)
            .filter(|module| !module.is_empty())
            .map(str::to_owned)
            .collect();
        let output = logfile.filter(|_| global.detached).map(Path::to_owned);
        // With `%i` each process has a file of its own.
        let per_process = self.logfile.as_deref().filter(|name| {
            let name = name.to_ascii_lowercase();
            name.contains("%i")
        });
        let logfile = match per_process {
            Some(template) => Some(expand_node(template, node)),
            None => logfile.map(|path| path.to_string_lossy().into_owned()),
        };
        let logfile = Value::opt(logfile);
        let options = Map::from_iter(
            [
                ("hostname", node.as_str().into()),
                ("concurrency", self.concurrency.unwrap_or(0).into()),
                ("pool", self.python_pool_kind("prefork").into()),
                ("pool_option", Value::opt(self.pool.as_deref())),
                ("loglevel", self.loglevel.number().into()),
                ("logfile", logfile.clone()),
                ("queues", names(&self.queues)),
                ("exclude_queues", names(&self.exclude_queues)),
                ("include", names(&include)),
                ("task_events", self.task_events.into()),
                ("quiet", global.quiet.into()),
                ("purge", self.purge.into()),
            ]
            .map(|(name, value): (&str, Value)| (name.to_owned(), value)),
        );
        let json = (self.log_format == LogFormat::Json).then(|| node.as_str());
        let colour = (global.no_color || self.log_format == LogFormat::Json).then_some(false);
        let log = [
            ("file", logfile),
            ("colour", Value::opt(colour)),
            ("json", Value::opt(json)),
        ];
        Asked {
            executable: self.executable.clone(),
            cmdline: self.settings.clone(),
            options: Some(options),
            log: log
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            output,
        }
    }

    fn python_pool_kind(&self, configured: &str) -> &'static str {
        match self.pool.as_deref().unwrap_or(configured) {
            "threads" => "threads",
            "solo" => "solo",
            _ => "prefork",
        }
    }

    /// How the app's children are kept.
    pub(super) fn python_pool(&self, settings: &Settings, python: &Loaded) -> PoolOptions {
        let own = python.settings.get("worker_pool").and_then(Value::as_str);
        PoolOptions {
            kind: self.python_pool_kind(own.unwrap_or("prefork")),
            max_tasks: self
                .max_tasks_per_child
                .or(settings.worker_max_tasks_per_child)
                .filter(|n| *n > 0),
            max_memory: self
                .max_memory_per_child
                .or(settings.worker_max_memory_per_child)
                .filter(|n| *n > 0),
            alive_timeout: settings.worker_proc_alive_timeout,
            hands_over: python.hands_over,
            hears: python.hears(),
        }
    }
}
