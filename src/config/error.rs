//! What can be wrong with the configuration.

use std::path::PathBuf;

/// A configuration that cannot be used. None of these goes away by trying again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No setting has that name.
    #[error("unknown setting `{key}`")]
    UnknownKey {
        /// The name as given.
        key: String,
        /// The nearest name that exists.
        suggestion: Option<String>,
    },
    /// A setting of Celery that has no meaning here: Python only, or of a back end that is not built in.
    #[error("setting `{key}` does not apply to rcelery")]
    NotApplicable {
        /// Its name.
        key: String,
    },
    /// The value is of the wrong type or out of range.
    #[error("`{key}` must be {expected}, not {found}")]
    WrongType {
        /// The setting.
        key: String,
        /// What it takes.
        expected: String,
        /// What it was given.
        found: String,
    },
    /// The value is of the right type and still wrong.
    #[error("`{key}`: {reason}")]
    Invalid {
        /// The setting, with the path inside it (`task_queues[1].name`).
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A `key=value` without a `=`.
    #[error("`{text}` is not KEY=VALUE")]
    NotAPair {
        /// The argument.
        text: String,
    },
    /// The file is not TOML.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// The parser's words.
        message: String,
    },
    /// A setting in the file or the environment is wrong.
    #[error("{place}: {error}")]
    At {
        /// `rcelery.toml:3`, the name of the variable, or the option.
        place: String,
        /// What is wrong.
        error: Box<ConfigError>,
    },
    /// The file cannot be read.
    #[error("can't read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no directory for the default broker's file.
    #[error("no place for the default broker: neither XDG_STATE_HOME nor HOME is set")]
    NoStateDirectory,
    /// A queue that is neither configured nor may be created.
    #[error("queue `{queue}` is not in `task_queues`, and `task_create_missing_queues` is off")]
    UnknownQueue {
        /// Its name.
        queue: String,
    },
}

impl ConfigError {
    /// Always false: no configuration mends itself.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        false
    }

    /// Advice for the person who wrote the configuration, where there is any.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey {
                suggestion: Some(name),
                ..
            } => Some(format!("did you mean `{name}`?")),
            Self::At { error, .. } => error.hint(),
            Self::NoStateDirectory => {
                Some("name a broker with -b, or set HOME or XDG_STATE_HOME".to_owned())
            }
            _ => None,
        }
    }

    pub(super) fn invalid(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid {
            key: key.into(),
            reason: reason.into(),
        }
    }

    pub(super) fn at(self, place: impl Into<String>) -> Self {
        Self::At {
            place: place.into(),
            error: Box::new(self),
        }
    }
}
