//! What went wrong, as the person at the terminal reads it: message, causes, hint, exit code.
//!
//! The library's errors say what happened; what to do about it is said here.

use std::fmt::Write as _;
use std::io;

use crate::backend::BackendError;
use crate::broker::BrokerError;

/// The kinds of failure that a script can tell apart, by exit code and by the `code` of a JSON error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A bad option or value.
    Usage,
    /// The broker cannot be reached or does not answer.
    BrokerUnreachable,
    /// The result back end cannot be reached or does not answer.
    BackendUnreachable,
    /// Wrong or missing credentials.
    AuthRefused,
    /// No node, or not every node that was named, replied.
    NoReply,
    /// A node replied with an error.
    NodeError,
    /// No queue takes the message.
    Unroutable,
    /// The task failed.
    TaskFailed,
    /// The task was revoked or has expired.
    TaskRevoked,
    /// There is no result yet.
    NotReady,
    /// A bad URL, setting or file.
    Config,
    /// The pidfile belongs to a living process.
    Pidfile,
    /// The user said no.
    Declined,
    /// Anything else.
    Failed,
}

impl Kind {
    /// The exit code.
    pub(crate) fn exit(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::BrokerUnreachable | Self::BackendUnreachable | Self::NoReply => 69,
            Self::Pidfile => 73,
            Self::NotReady => 75,
            Self::AuthRefused => 77,
            Self::Config => 78,
            Self::NodeError
            | Self::Unroutable
            | Self::TaskFailed
            | Self::TaskRevoked
            | Self::Declined
            | Self::Failed => 1,
        }
    }

    /// The name in JSON errors.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::BrokerUnreachable => "broker_unreachable",
            Self::BackendUnreachable => "backend_unreachable",
            Self::AuthRefused => "auth_refused",
            Self::NoReply => "no_reply",
            Self::NodeError => "node_error",
            Self::Unroutable => "unroutable",
            Self::TaskFailed => "task_failed",
            Self::TaskRevoked => "task_revoked",
            Self::NotReady => "not_ready",
            Self::Config => "config",
            Self::Pidfile => "pidfile",
            Self::Declined => "declined",
            Self::Failed => "failed",
        }
    }
}

/// Lines and meaning of each exit code, for `help exit-codes` and the man pages.
pub(crate) const EXIT_CODES: &[(u8, &str)] = &[
    (
        0,
        "done; the task succeeded; at least one node replied, and none with an error",
    ),
    (
        1,
        "the work failed: the task failed or was revoked, a node replied with an error, the message could not be \
         routed, the answer to a question was no, or a worker cut running tasks short",
    ),
    (
        2,
        "usage: a bad option, bad JSON, a bad date, an unknown subcommand, a missing argument",
    ),
    (
        69,
        "unavailable: broker or result back end unreachable or silent; no node, or not every node named with -d, replied",
    ),
    (73, "the pidfile exists and its process is alive"),
    (
        75,
        "not yet: there is no result now, or --wait=SECS has elapsed",
    ),
    (77, "broker or result back end refused the credentials"),
    (
        78,
        "configuration: a bad URL, an unknown scheme, a bad rcelery.toml, no result back end",
    ),
    (
        130,
        "interrupted (INT); a worker that stopped cleanly exits with 0",
    ),
    (
        143,
        "terminated (TERM); a worker that stopped cleanly exits with 0",
    ),
];

/// A failure that the command line itself found.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// Printed as it is, without `error: `, because scripts look for Celery's words.
    pub(crate) verbatim: bool,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            verbatim: false,
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn verbatim(mut self) -> Self {
        self.verbatim = true;
        self
    }
}

/// The command has said all there is to say: only this exit code is left.
#[derive(Debug, thiserror::Error)]
#[error("exit code {0}")]
pub(crate) struct Silent(pub(crate) u8);

/// An error, ready to be shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) kind: Kind,
    /// The message and its causes, outermost first.
    pub(crate) chain: Vec<String>,
    pub(crate) hint: Option<String>,
    pub(crate) verbatim: bool,
}

impl Report {
    /// Sorts an error by what is in its chain.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let mut report = Self {
            kind: Kind::Failed,
            chain: Vec::new(),
            hint: None,
            verbatim: false,
        };
        for cause in error.chain() {
            let text = cause.to_string();
            // A wrapper that only repeats its source would say everything twice.
            if !report.chain.iter().any(|said| said.contains(&text)) {
                report.chain.push(text);
            }
        }
        for cause in error.chain() {
            if let Some(failure) = cause.downcast_ref::<Failure>() {
                report.kind = failure.kind;
                report.hint.clone_from(&failure.hint);
                report.verbatim = failure.verbatim;
            } else if let Some(broker) = cause.downcast_ref::<BrokerError>() {
                (report.kind, report.hint) = of_broker(broker);
            } else if let Some(backend) = cause.downcast_ref::<BackendError>() {
                (report.kind, report.hint) = of_backend(backend);
            } else {
                continue;
            }
            break;
        }
        report
    }

    /// The lines for a terminal or a log.
    pub(crate) fn text(&self, colour: bool) -> String {
        let paint = |code: &str, text: &str| super::output::colour::paint(colour, code, text);
        let mut out = String::new();
        let mut lines = self.chain.iter();
        let first = lines.next().map_or("unknown error", String::as_str);
        if self.verbatim {
            out.push_str(first);
        } else {
            let _ = write!(out, "{} {first}", paint("1;31", "error:"));
        }
        for cause in lines {
            let _ = write!(out, "\n  caused by: {cause}");
        }
        if let Some(hint) = &self.hint {
            let _ = write!(out, "\n{} {hint}", paint("32", "hint:"));
        }
        out
    }

    /// The one-line JSON document.
    pub(crate) fn json(&self) -> String {
        let mut message = self.chain.join(": ");
        // What Celery's lines start with is said by the shape of the document.
        for prefix in ["Error: ", "ERROR: "] {
            if let Some(rest) = message.strip_prefix(prefix) {
                message = rest.to_owned();
            }
        }
        let mut error = crate::protocol::Map::new();
        error.insert("code".to_owned(), self.kind.code().into());
        error.insert("message".to_owned(), message.into());
        if let Some(hint) = &self.hint {
            error.insert("hint".to_owned(), hint.as_str().into());
        }
        error.insert("exit".to_owned(), u32::from(self.kind.exit()).into());
        super::output::json::line(&crate::protocol::Value::from([("error", error.into())]))
    }
}

/// Whether the reader of our output went away: not worth a word.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    })
}

fn of_broker(error: &BrokerError) -> (Kind, Option<String>) {
    match error {
        BrokerError::AccessRefused(_) => (
            Kind::AuthRefused,
            Some("check the user name and password in the broker's URL".to_owned()),
        ),
        BrokerError::Config(_) => (
            Kind::Config,
            Some(format!(
                "brokers are named by URLs of these schemes: {}",
                crate::broker::SCHEMES.join(", ")
            )),
        ),
        BrokerError::Unsupported(_) => (Kind::Failed, None),
        BrokerError::Connection { .. } | BrokerError::Timeout(_) => (
            Kind::BrokerUnreachable,
            Some("is the broker running? name another one with -b".to_owned()),
        ),
        _ => (Kind::Failed, None),
    }
}

fn of_backend(error: &BackendError) -> (Kind, Option<String>) {
    match error {
        BackendError::AccessRefused(_) => (
            Kind::AuthRefused,
            Some("check the user name and password in the result back end's URL".to_owned()),
        ),
        BackendError::Config(_) => (
            Kind::Config,
            Some(format!(
                "result back ends are named by URLs of these schemes: {}",
                crate::backend::SCHEMES.join(", ")
            )),
        ),
        BackendError::Disabled => (
            Kind::Config,
            Some(
                "name one with --result-backend, CELERY_RESULT_BACKEND or `result_backend` in rcelery.toml"
                    .to_owned(),
            ),
        ),
        BackendError::Connection { .. } | BackendError::Timeout(_) => (
            Kind::BackendUnreachable,
            Some("is the result back end running? name another one with --result-backend".to_owned()),
        ),
        _ => (Kind::Failed, None),
    }
}
