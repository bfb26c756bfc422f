//! Exceptions as results carry them.
//!
//! Mirrors `celery.backends.base.Backend.prepare_exception` and `exception_to_python`.

use std::fmt;

use super::{Map, Value, repr};

/// An exception: its Python class and arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Exception {
    /// Qualified class name, `ValueError` or `Outer.InnerError`.
    pub exc_type: String,
    /// Module of the class, `builtins`; unknown in results of old workers.
    pub exc_module: Option<String>,
    /// The arguments it was raised with.
    pub exc_message: Vec<Value>,
}

impl Exception {
    /// An exception of a Python class.
    #[must_use]
    pub fn new(module: &str, class: &str, args: Vec<Value>) -> Self {
        Self {
            exc_type: class.to_owned(),
            exc_module: Some(module.to_owned()),
            exc_message: args,
        }
    }

    /// One of Python's own, with a message.
    #[must_use]
    pub fn builtin(class: &str, message: &str) -> Self {
        Self::new("builtins", class, vec![message.into()])
    }

    /// The object that results store.
    #[must_use]
    pub fn to_value(&self) -> Value {
        Value::from([
            ("exc_type", self.exc_type.as_str().into()),
            ("exc_message", Value::List(self.exc_message.clone())),
            ("exc_module", Value::opt(self.exc_module.as_deref())),
        ])
    }

    /// Reads a stored exception; `None` if the value is not one. The message may be text, the module missing.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Self> {
        let map: &Map = value.as_map()?;
        let exc_type = map.get("exc_type")?.as_str()?.to_owned();
        let exc_message = match map.get("exc_message") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::List(args)) => args.clone(),
            Some(one) => vec![one.clone()],
        };
        Some(Self {
            exc_type,
            exc_module: map
                .get("exc_module")
                .and_then(Value::as_str)
                .map(str::to_owned),
            exc_message,
        })
    }

    /// Python's `repr`: `ValueError('boom')`.
    #[must_use]
    pub fn repr(&self) -> String {
        let class = self.exc_type.rsplit('.').next().unwrap_or(&self.exc_type);
        let args: Vec<String> = self.exc_message.iter().map(repr::pyrepr).collect();
        format!("{class}({})", args.join(", "))
    }

    /// Python's `str`: the message alone.
    #[must_use]
    pub fn message(&self) -> String {
        match self.exc_message.as_slice() {
            [] => String::new(),
            // Python shows a missing key as its repr, so that an empty one can be seen.
            [key] if self.exc_type == "KeyError" => repr::pyrepr(key),
            [one] => repr::pystr(one),
            [Value::Int(code), command, ..] if self.exc_type == "CalledProcessError" => {
                called_process_error(*code, command)
            }
            [Value::Int(number), Value::Str(reason), file @ ..] if self.is_os_error() => {
                let file = match file {
                    [] => String::new(),
                    [file, ..] => format!(": {}", repr::pyrepr(file)),
                };
                format!("[Errno {number}] {reason}{file}")
            }
            many => format!(
                "({})",
                many.iter().map(repr::pyrepr).collect::<Vec<_>>().join(", ")
            ),
        }
    }

    /// Whether Python words it as an `OSError`: number, reason, file.
    fn is_os_error(&self) -> bool {
        self.exc_module.as_deref() == Some("builtins")
            && [
                "OSError",
                "FileNotFoundError",
                "PermissionError",
                "NotADirectoryError",
                "FileExistsError",
                "IsADirectoryError",
                "ConnectionRefusedError",
                "ConnectionResetError",
                "BrokenPipeError",
                "TimeoutError",
            ]
            .contains(&self.exc_type.as_str())
    }
}

/// The words of `subprocess.CalledProcessError.__str__`.
fn called_process_error(code: i64, command: &Value) -> String {
    let command = repr::pystr(command);
    if code >= 0 {
        return format!("Command '{command}' returned non-zero exit status {code}.");
    }
    let signal = i32::try_from(-code)
        .ok()
        .and_then(|n| nix::sys::signal::Signal::try_from(n).ok());
    match signal {
        Some(signal) => format!(
            "Command '{command}' died with <Signals.{signal}: {}>.",
            -code
        ),
        None => format!("Command '{command}' died with unknown signal {}.", -code),
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.message();
        if message.is_empty() {
            f.write_str(&self.exc_type)
        } else {
            write!(f, "{}: {message}", self.exc_type)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_python() {
        for (exception, repr, text) in [
            (
                Exception::builtin("ValueError", "boom"),
                "ValueError('boom')",
                "ValueError: boom",
            ),
            (
                Exception::builtin("KeyError", "k"),
                "KeyError('k')",
                "KeyError: 'k'",
            ),
            (
                Exception::new("m", "Outer.Inner", vec!["a".into(), 42.into()]),
                "Inner('a', 42)",
                "Outer.Inner: ('a', 42)",
            ),
            (Exception::new("builtins", "E", vec![]), "E()", "E"),
            (
                Exception::new(
                    "subprocess",
                    "CalledProcessError",
                    vec![3.into(), vec![Value::from("sh"), "-c".into()].into()],
                ),
                "CalledProcessError(3, ['sh', '-c'])",
                "CalledProcessError: Command '['sh', '-c']' returned non-zero exit status 3.",
            ),
            (
                Exception::new(
                    "subprocess",
                    "CalledProcessError",
                    vec![(-9).into(), "x".into(), Value::Null, "".into()],
                ),
                "CalledProcessError(-9, 'x', None, '')",
                "CalledProcessError: Command 'x' died with <Signals.SIGKILL: 9>.",
            ),
            (
                Exception::new(
                    "builtins",
                    "FileNotFoundError",
                    vec![2.into(), "No such file or directory".into(), "x".into()],
                ),
                "FileNotFoundError(2, 'No such file or directory', 'x')",
                "FileNotFoundError: [Errno 2] No such file or directory: 'x'",
            ),
        ] {
            assert_eq!(
                (exception.repr().as_str(), exception.to_string().as_str()),
                (repr, text)
            );
        }
    }

    #[test]
    fn old_forms_are_read() {
        let old = Value::from([("exc_type", "E".into()), ("exc_message", "text".into())]);
        let exception = Exception::from_value(&old).unwrap();
        assert_eq!(exception.exc_message, ["text".into()]);
        assert_eq!(exception.exc_module, None);
        for value in [
            Value::Null,
            Value::from([("exc_type", Value::from(1))]),
            "E".into(),
        ] {
            assert_eq!(Exception::from_value(&value), None);
        }
    }
}
