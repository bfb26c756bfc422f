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

    /// The signature as it is sent after a task that returned `result`: the result is its first argument, unless the
    /// signature is immutable.
    #[must_use]
    pub fn with_result(&self, result: Value) -> Self {
        let mut sig = self.clone();
        if !sig.immutable {
            sig.args.insert(0, result);
        }
        sig
    }

    /// Merges options in: new over old, but `group_id`, `stamped_headers` and the stamps themselves keep the value
    /// that is stored.
    pub fn merge_options(&mut self, options: &Map) {
        let stamps: Vec<String> = match self.options.get("stamped_headers") {
            Some(Value::List(names)) => names
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        };
        for (name, value) in options {
            let kept = name == "group_id" || name == "stamped_headers" || stamps.contains(name);
            if !(kept && self.options.contains_key(name)) {
                self.options.insert(name.clone(), value.clone());
            }
        }
    }

    /// Applies the signature with more arguments and options: arguments go first and keyword arguments over the stored
    /// ones, unless the signature is immutable; options merge in any case.
    #[must_use]
    pub fn applied(&self, args: Vec<Value>, kwargs: &Map, options: &Map) -> Self {
        let mut sig = self.clone();
        sig.merge_options(options);
        if !sig.immutable {
            let stored = std::mem::replace(&mut sig.args, args);
            sig.args.extend(stored);
            for (name, value) in kwargs {
                sig.kwargs.insert(name.clone(), value.clone());
            }
        }
        sig
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add() -> Signature {
        Signature {
            args: vec![2.into()],
            ..Signature::new("add")
        }
    }

    #[test]
    fn a_result_goes_first_unless_immutable() {
        assert_eq!(add().with_result(1.into()).args, [1.into(), 2.into()]);
        let fixed = Signature {
            immutable: true,
            ..add()
        };
        assert_eq!(fixed.with_result(1.into()), fixed);
    }

    #[test]
    fn stored_group_and_stamps_stay() {
        let mut sig = add();
        sig.set_option("group_id", "g1");
        sig.set_option("queue", "slow");
        sig.set_option("stamped_headers", vec![Value::from("project")]);
        sig.set_option("project", "p-1");
        let new = Value::from([
            ("group_id", "g2".into()),
            ("queue", "fast".into()),
            ("project", "p-2".into()),
            ("priority", 3.into()),
        ]);
        sig.merge_options(new.as_map().unwrap());
        assert_eq!(sig.option_str("group_id"), Some("g1"));
        assert_eq!(sig.option_str("queue"), Some("fast"));
        assert_eq!(sig.option_str("project"), Some("p-1"));
        assert_eq!(sig.option("priority"), Some(&3.into()));
    }

    #[test]
    fn arguments_merge_unless_immutable() {
        let kwargs = Value::from([("x", 1.into())]);
        let options = Value::from([("queue", "q".into())]);
        let (kwargs, options) = (kwargs.as_map().unwrap(), options.as_map().unwrap());
        let applied = add().applied(vec![1.into()], kwargs, options);
        assert_eq!(applied.args, [1.into(), 2.into()]);
        assert_eq!(applied.kwargs["x"], 1.into());
        let fixed = Signature {
            immutable: true,
            ..add()
        };
        let applied = fixed.applied(vec![1.into()], kwargs, options);
        assert_eq!((applied.args, applied.kwargs.len()), (vec![2.into()], 0));
        assert_eq!(applied.options["queue"], "q".into());
    }

    #[test]
    fn unknown_keys_are_kept_and_wrong_types_refused() {
        let value = Value::from([
            ("task", "t".into()),
            ("args", Value::Null),
            ("extra", 1.into()),
        ]);
        let sig = Signature::from_value(&value).unwrap();
        assert_eq!(sig.to_value().as_map().unwrap()["extra"], 1.into());
        for (name, wrong) in [
            ("task", Value::Null),
            ("args", 1.into()),
            ("kwargs", "x".into()),
            ("options", true.into()),
        ] {
            let mut map = value.as_map().unwrap().clone();
            map.insert(name.to_owned(), wrong);
            assert!(Signature::from_value(&Value::Map(map)).is_err(), "{name}");
        }
    }
}
