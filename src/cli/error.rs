//! What went wrong, as the person at the terminal reads it: message, causes, hint, exit code.
//!
//! The library's errors say what happened; what to do about it is said here.

use std::error::Error;
use std::fmt::Write as _;
use std::io;

use super::absent;
use crate::backend::BackendError;
use crate::broker::BrokerError;
use crate::config::ConfigError;
use crate::producer::SendError;
use crate::worker::WorkerError;

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
    /// No online worker registers the task.
    UnknownTask,
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
    /// All of them.
    pub(crate) const ALL: &[Self] = &[
        Self::Usage,
        Self::BrokerUnreachable,
        Self::BackendUnreachable,
        Self::AuthRefused,
        Self::NoReply,
        Self::NodeError,
        Self::UnknownTask,
        Self::Unroutable,
        Self::TaskFailed,
        Self::TaskRevoked,
        Self::NotReady,
        Self::Config,
        Self::Pidfile,
        Self::Declined,
        Self::Failed,
    ];

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
            | Self::UnknownTask
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
            Self::UnknownTask => "unknown_task",
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

/// Which exit code counts.
pub(crate) const WORST: &str = "Of several ids or nodes the worst counts: 69, then 1, then 75, then 0. A reader that \
    closes the pipe (| head -1) ends the command silently, with 0.";

/// What a failure looks like with `-j`.
pub(crate) const JSON_ERRORS: &str = "With -j a failure is one line on stderr, and stdout stays empty: \
    {\"error\": {\"code\": \"config\", \"message\": \"what happened\", \"hint\": \"what to do, where that is known\", \
    \"exit\": 78}}. A result that is not ready or has failed is a document on stdout, and the exit code says the rest.";

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
            let mut text = cause.to_string();
            if broker_error(cause).is_some() || backend_error(cause).is_some() {
                // A driver may say in several lines what was no answer of its server.
                text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            }
            // A wrapper that only repeats its source would say everything twice.
            let core = text.split(" (os error").next().unwrap_or(&text);
            if !report.chain.iter().any(|said| said.contains(core)) {
                report.chain.push(text);
            }
        }
        for cause in error.chain() {
            if let Some(failure) = cause.downcast_ref::<Failure>() {
                report.kind = failure.kind;
                report.hint.clone_from(&failure.hint);
                report.verbatim = failure.verbatim;
                break;
            }
            if let Some((kind, hint)) = classify(cause) {
                (report.kind, report.hint) = (kind, hint);
                break;
            }
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

/// The broker's error in this one, if that is what it is about.
pub(crate) fn broker_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a BrokerError> {
    if let Some(SendError::Broker(error)) = cause.downcast_ref() {
        return Some(error);
    }
    match cause.downcast_ref() {
        Some(WorkerError::Broker(error) | WorkerError::GaveUp(error)) => Some(error),
        _ => cause.downcast_ref(),
    }
}

/// The back end's error in this one, if that is what it is about.
pub(crate) fn backend_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a BackendError> {
    if let Some(SendError::Backend(error)) = cause.downcast_ref() {
        return Some(error);
    }
    match cause.downcast_ref() {
        Some(WorkerError::Backend(error)) => Some(error),
        _ => cause.downcast_ref(),
    }
}

fn config_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a ConfigError> {
    if let Some(SendError::Config(error)) = cause.downcast_ref() {
        return Some(error);
    }
    match cause.downcast_ref() {
        Some(WorkerError::Config(error)) => Some(error),
        _ => cause.downcast_ref(),
    }
}

/// What an error of the library means here. A transparent wrapper hides its inner error from the chain: it is opened.
fn classify(cause: &(dyn Error + 'static)) -> Option<(Kind, Option<String>)> {
    if let Some(error) = broker_error(cause) {
        return Some(of_broker(error));
    }
    if let Some(error) = backend_error(cause) {
        return Some(of_backend(error));
    }
    if let Some(error) = config_error(cause) {
        let kind = match error {
            // `--set x` is a slip on the command line; `--set x=nonsense` a bad setting.
            ConfigError::NotAPair { .. } => Kind::Usage,
            _ => Kind::Config,
        };
        return Some((kind, error.hint()));
    }
    match cause.downcast_ref::<SendError>() {
        Some(SendError::Unroutable { .. }) => {
            let hint = "the message is gone; name a queue with --queue, or start a worker that declares the binding";
            Some((Kind::Unroutable, Some(hint.to_owned())))
        }
        Some(SendError::Option { .. } | SendError::Protocol(_)) => Some((Kind::Usage, None)),
        Some(_) => Some((Kind::Failed, None)),
        None => match cause.downcast_ref::<WorkerError>() {
            Some(
                WorkerError::Annotation { .. } | WorkerError::Protocol(_) | WorkerError::NoQueues,
            ) => Some((Kind::Config, None)),
            Some(_) => Some((Kind::Failed, None)),
            None => None,
        },
    }
}

/// What to look at where a server refuses. A file has no users: its message names it first, and what it needs.
fn credentials(words: &str, whose: &str) -> Option<String> {
    (!words.starts_with('`')).then(|| format!("check the user name and password in {whose} URL"))
}

fn of_broker(error: &BrokerError) -> (Kind, Option<String>) {
    match error {
        BrokerError::AccessRefused(words) => {
            (Kind::AuthRefused, credentials(words, "the broker's"))
        }
        BrokerError::Scheme { scheme, known } => (
            Kind::Config,
            Some(absent::scheme(scheme, known.iter().copied())),
        ),
        BrokerError::Config(_) => (Kind::Config, None),
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
        BackendError::AccessRefused(words) => (
            Kind::AuthRefused,
            credentials(words, "the result back end's"),
        ),
        BackendError::Scheme { scheme, known } => (
            Kind::Config,
            Some(absent::scheme(scheme, known.iter().copied())),
        ),
        BackendError::Config(_) => (Kind::Config, None),
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

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    fn report(error: impl Into<anyhow::Error>) -> Report {
        Report::of(&error.into())
    }

    fn refused() -> BrokerError {
        BrokerError::connection("Error 111 connecting to 127.0.0.1:1. Connection refused.")
    }

    #[test]
    fn every_kind_of_error_has_its_exit_code() {
        let codes = [
            (report(refused()), 69),
            (report(BrokerError::Timeout("silent".into())), 69),
            (report(BrokerError::AccessRefused("no".into())), 77),
            (
                report(BrokerError::Config("no such transport: `foo`".into())),
                78,
            ),
            (report(BackendError::connection("gone")), 69),
            (report(BackendError::Disabled), 78),
            (report(ConfigError::NoStateDirectory), 78),
            (report(SendError::Broker(refused())), 69),
            (
                report(SendError::Backend(BackendError::AccessRefused("no".into()))),
                77,
            ),
            (
                report(SendError::Unroutable {
                    exchange: "x".into(),
                    routing_key: "y".into(),
                }),
                1,
            ),
            (report(WorkerError::GaveUp(refused())), 69),
            (
                report(WorkerError::Broker(BrokerError::AccessRefused("no".into()))),
                77,
            ),
            (report(Failure::usage("bad")), 2),
            (report(anyhow::anyhow!("anything else")), 1),
        ];
        for (report, code) in codes {
            assert_eq!(report.kind.exit(), code, "{report:?}");
        }
    }

    #[test]
    fn context_causes_and_hint_stand_on_lines_of_their_own() {
        let error =
            anyhow::Error::new(refused()).context("can't use the broker redis://127.0.0.1:1/0");
        assert_eq!(
            Report::of(&error).text(false),
            "error: can't use the broker redis://127.0.0.1:1/0\n  \
             caused by: Error 111 connecting to 127.0.0.1:1. Connection refused.\n\
             hint: is the broker running? name another one with -b"
        );
    }

    #[test]
    fn a_cause_that_repeats_its_wrapper_is_said_once() {
        let error = anyhow::Error::new(refused()).context(refused().to_string());
        assert_eq!(Report::of(&error).chain.len(), 1);
    }

    #[test]
    fn json_errors_are_one_line_with_code_and_exit() {
        let line = report(refused()).json();
        let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["error"]["code"], "broker_unreachable");
        assert_eq!(parsed["error"]["exit"], 69);
        assert!(!line.contains('\n'));
        let failure = Failure::new(Kind::NoReply, "Error: No nodes replied").verbatim();
        let parsed: serde_json::Value = serde_json::from_str(&report(failure).json()).unwrap();
        assert_eq!(parsed["error"]["message"], "No nodes replied");
    }

    #[test]
    fn celerys_own_words_stand_as_they_are() {
        let failure = Failure::new(
            Kind::NoReply,
            "Error: No nodes replied within time constraint",
        );
        assert_eq!(
            report(failure.verbatim()).text(true),
            "Error: No nodes replied within time constraint"
        );
    }

    #[test]
    fn a_closed_pipe_is_found_below_any_context() {
        let pipe = io::Error::from(io::ErrorKind::BrokenPipe);
        let error = Err::<(), _>(pipe).context("printing").unwrap_err();
        assert!(is_broken_pipe(&error));
        assert!(!is_broken_pipe(&anyhow::anyhow!("x")));
    }
}
