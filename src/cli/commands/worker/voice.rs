//! Where the words of a worker go that are neither its log nor its answer: to the terminal, or with everything else into
//! the one stream of `--log-format json`.

use std::io;

use crate::cli::context::Context;
use crate::cli::logging::{LogFormat, SAID};
use crate::cli::output::Out;

/// How a worker speaks.
#[derive(Debug)]
pub(super) struct Voice<'a> {
    out: &'a Out,
    detached: bool,
    json: bool,
}

impl<'a> Voice<'a> {
    pub(super) fn new(cx: &'a Context, format: LogFormat) -> Self {
        Self {
            out: &cx.out,
            detached: cx.global.detached,
            json: format == LogFormat::Json,
        }
    }

    /// Whether everything is a log record.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether nobody reads stdout.
    pub(super) fn is_detached(&self) -> bool {
        self.detached
    }

    /// Whether somebody may be there to read a banner.
    pub(super) fn has_audience(&self) -> bool {
        !self.json && !self.out.quiet && !self.detached
    }

    /// Something that may be wrong.
    pub(super) fn warn(&self, text: impl AsRef<str>) -> io::Result<()> {
        if self.json {
            tracing::warn!(event = "worker.warning", "{}", text.as_ref());
            return Ok(());
        }
        self.out.warn(text)
    }

    /// A line of Celery's about a shutdown. Whoever reads it may be gone.
    pub(super) fn shutdown(&self, line: &str) {
        if self.json {
            tracing::info!(target: SAID, event = "worker.shutdown", "{line}");
        } else {
            let _ = self.out.line(format!("\n{line}"));
        }
    }

    /// Celery's line about a pidfile whose process is gone.
    pub(super) fn stale(&self, line: &str) {
        if self.json {
            tracing::warn!(event = "worker.warning", "{line}");
        } else {
            let _ = self.out.error(line);
        }
    }

    /// What `--purge` has done.
    pub(super) fn purged(&self, erased: u64) -> io::Result<()> {
        let messages = if erased == 1 { "message" } else { "messages" };
        let line = format!("purge: Erased {erased} {messages} from the queue.");
        if self.json {
            tracing::info!(target: SAID, event = "worker.purged", messages = erased, "{line}");
            return Ok(());
        }
        self.out.line(line)
    }

    /// What the worker is doing.
    pub(super) fn dump(&self, text: &str) {
        if self.json {
            tracing::info!(target: SAID, event = "worker.state", "{text}");
        } else {
            let _ = self.out.error(text);
        }
    }
}
