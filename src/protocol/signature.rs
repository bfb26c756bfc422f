//! Signatures: a call as data, and the canvas made of them.
//!
//! Mirrors the dict form of `celery.canvas.Signature`.

use super::{Map, ProtocolError, Value};

/// A call as data. Unknown keys are kept, so that what was read is written back unchanged.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Signature {
    /// Task name; `celery.chain`, `celery.group`, `celery.chord`… for canvas.
    pub task: String,
    /// Positional arguments.
    pub args: Vec<Value>,
    /// Keyword arguments; for canvas `tasks`, `header`, `body`, `it`…
    pub kwargs: Map,
    /// Call options under their Python names; null means unset.
    pub options: Map,
    /// `chain`, `group`, `chord`, `xmap`, `xstarmap`, `chunks`, or none.
    pub subtask_type: Option<String>,
    /// Whether the parent's result is not prepended to `args`.
    pub immutable: bool,
    /// Keys that are none of the six.
    pub extra: Map,
}

impl Signature {
    /// A call of `task` without arguments.
    #[must_use]
    pub fn new(task: &str) -> Self {
        Self {
            task: task.to_owned(),
            ..Self::default()
        }
    }

    /// Reads the dict form, leniently: only `task` is needed.
    ///
    /// # Errors
    /// `Invalid` if it is not an object with a `task`, or a part is of the wrong type.
    pub fn from_value(value: &Value) -> Result<Self, ProtocolError> {
        let invalid = |reason: String| ProtocolError::invalid("signature", reason);
        let map = value
            .as_map()
            .ok_or_else(|| invalid(format!("must be an object, not {}", value.type_name())))?;
        let task = map
            .get("task")
            .and_then(Value::as_str)
            .ok_or_else(|| invalid("`task` is missing".to_owned()))?;
        let mut sig = Self::new(task);
        for (key, value) in map {
            match (key.as_str(), value) {
                ("task", _)
                | ("args" | "kwargs" | "options" | "subtask_type" | "immutable", Value::Null) => {}
                ("args", Value::List(args)) => sig.args.clone_from(args),
                ("kwargs", Value::Map(kwargs)) => sig.kwargs.clone_from(kwargs),
                ("options", Value::Map(options)) => sig.options.clone_from(options),
                ("subtask_type", Value::Str(kind)) => sig.subtask_type = Some(kind.clone()),
                ("immutable", v) => sig.immutable = v.truthy(),
                ("args" | "kwargs" | "options" | "subtask_type", v) => {
                    return Err(invalid(format!("`{key}` must not be {}", v.type_name())));
                }
                _ => {
                    sig.extra.insert(key.clone(), value.clone());
                }
            }
        }
        Ok(sig)
    }

    /// The dict form, all six keys written.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut value = Map::new();
        value.insert("task".to_owned(), self.task.as_str().into());
        value.insert("args".to_owned(), self.args.clone().into());
        value.insert("kwargs".to_owned(), self.kwargs.clone().into());
        value.insert("options".to_owned(), self.options.clone().into());
        value.insert(
            "subtask_type".to_owned(),
            Value::opt(self.subtask_type.as_deref()),
        );
        value.insert("immutable".to_owned(), self.immutable.into());
        for (key, v) in &self.extra {
            value.insert(key.clone(), v.clone());
        }
        Value::Map(value)
    }

    /// An option that is set (not null).
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&Value> {
        self.options.get(name).filter(|v| !v.is_null())
    }

    /// The text of an option.
    #[must_use]
    pub fn option_str(&self, name: &str) -> Option<&str> {
        self.option(name).and_then(Value::as_str)
    }

    /// Sets an option.
    pub fn set_option(&mut self, name: &str, value: impl Into<Value>) {
        self.options.insert(name.to_owned(), value.into());
    }
}
