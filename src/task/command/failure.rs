//! How a command fails, as clients see it: the exceptions that Python's own `subprocess` raises.

use std::io;

use nix::errno::Errno;

use super::process::Plan;
use crate::protocol::{Exception, Value};
use crate::task::TaskError;
use crate::task::error::Failed;

/// A longer word of the command line is cut, as is a script after its first line.
const WORD: usize = 200;
/// Of a longer command line the rest is left out.
const WORDS: usize = 50;

/// `subprocess.CalledProcessError(returncode, cmd, output, stderr)`: a Python client gets it with these attributes.
pub(super) fn ended(code: i32, plan: &Plan, stderr: &str) -> Exception {
    let mut words: Vec<String> = std::iter::once(&plan.called)
        .chain(&plan.args)
        .take(WORDS)
        .map(|word| cut(&word.to_string_lossy()))
        .collect();
    if plan.args.len() >= WORDS {
        words.push("…".to_owned());
    }
    let words = words.into_iter().map(Value::from).collect();
    let arguments = vec![
        Value::from(i64::from(code)),
        Value::List(words),
        Value::Null,
        stderr.into(),
    ];
    Exception::new("subprocess", "CalledProcessError", arguments)
}

fn cut(word: &str) -> String {
    let line = word.trim().lines().next().unwrap_or_default();
    if line.len() == word.len() && word.chars().count() <= WORD {
        return word.to_owned();
    }
    line.chars().take(WORD).chain(['…']).collect()
}

/// What stands in the place of a traceback: the end of standard error, then the exception.
pub(super) fn traceback(exception: &Exception, stderr: &str) -> String {
    let module = exception.exc_module.as_deref().unwrap_or_default();
    let exception = match module {
        "" | "builtins" => exception.to_string(),
        module => format!("{module}.{exception}"),
    };
    if stderr.is_empty() {
        format!("{exception}\n")
    } else {
        format!("{stderr}\n\n{exception}\n")
    }
}

/// A failure with the end of standard error.
pub(super) fn failed(exception: Exception, stderr: &str) -> TaskError {
    TaskError::Failed(Box::new(Failed {
        traceback: Some(traceback(&exception, stderr)),
        exception,
    }))
}

/// An `OSError` about a file.
pub(super) fn os_error(errno: Errno, file: &str) -> TaskError {
    let class = match errno {
        Errno::ENOENT => "FileNotFoundError",
        Errno::EACCES | Errno::EPERM => "PermissionError",
        Errno::ENOTDIR => "NotADirectoryError",
        _ => "OSError",
    };
    let arguments = vec![
        Value::from(i64::from(errno as i32)),
        errno.desc().into(),
        file.into(),
    ];
    TaskError::from_exception(Exception::new("builtins", class, arguments))
}

/// A program that was found and could not be started.
pub(super) fn not_started(error: &io::Error, file: &str) -> TaskError {
    match error.raw_os_error() {
        Some(code) => os_error(Errno::from_raw(code), file),
        None => TaskError::exception("builtins", "OSError", &format!("{file}: {error}")),
    }
}
